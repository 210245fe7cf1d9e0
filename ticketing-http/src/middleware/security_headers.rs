//! What every answer tells a browser about how to treat it.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

/// An answer of an API is data: nothing in it may run, load or be framed.
pub const DATA_CSP: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The same on every answer.
const ALWAYS: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    // For browsers that do not know `frame-ancestors`, and because the seed sends it.
    ("x-frame-options", "DENY"),
    // The seed sends `1; mode=block`. That filter is gone from every browser, and where it lived it opened holes in pages
    // that had none; 0 turns it off in what is left of them.
    ("x-xss-protection", "0"),
    // Believed by browsers only where it comes over https.
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// What a handler may know better: a page has its own policy, a picture may be kept.
const UNLESS_SET: &[(&str, &str)] = &[
    ("content-security-policy", DATA_CSP),
    ("referrer-policy", "no-referrer"),
    // Tickets, orders and tokens are nobody else's: no cache keeps them unless the handler says that it may.
    ("cache-control", "no-store"),
];

/// Adds the headers. `read_elsewhere`: a page of an allowed other origin reads this answer.
pub fn add(headers: &mut HeaderMap, read_elsewhere: bool) {
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in UNLESS_SET {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    // A picture of a ticket is shown by the shop's own pages, which live on another origin and load it without asking.
    let is_picture = headers
        .get(header::CONTENT_TYPE)
        .and_then(|media_type| media_type.to_str().ok())
        .is_some_and(|media_type| media_type.starts_with("image/"));
    let policy = if read_elsewhere || is_picture { "cross-origin" } else { "same-origin" };
    headers.entry(HeaderName::from_static("cross-origin-resource-policy")).or_insert(HeaderValue::from_static(policy));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_them_and_a_handler_may_know_better() {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        headers.insert("x-frame-options", HeaderValue::from_static("SAMEORIGIN"));
        add(&mut headers, false);
        assert_eq!(headers["cache-control"], "max-age=60");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["x-xss-protection"], "0");
        assert_eq!(headers["content-security-policy"], DATA_CSP);
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
    }

    #[test]
    fn what_a_page_of_another_origin_shows_is_not_withheld() {
        let policy = |media_type: &'static str, read_elsewhere| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(media_type));
            add(&mut headers, read_elsewhere);
            headers["cross-origin-resource-policy"].to_str().unwrap().to_owned()
        };
        assert_eq!(policy("image/png", false), "cross-origin");
        assert_eq!(policy("application/json", true), "cross-origin");
        assert_eq!(policy("application/json", false), "same-origin");
    }
}
