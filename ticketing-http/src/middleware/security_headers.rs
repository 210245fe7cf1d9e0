//! What every answer tells a browser about how to treat it.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::sync::LazyLock;

/// An answer of an API is data: nothing in it may run, load or be framed.
pub const DATA_CSP: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

type Told = (HeaderName, HeaderValue);

/// Read when the program is built, not for every answer.
const fn told(name: &'static str, value: &'static str) -> Told {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// How many headers others add: this one, those of CORS, the request's name, and how the client stands.
const OTHERS: usize = 10;

/// The same on every answer.
static ALWAYS: [Told; 6] = [
    told("x-content-type-options", "nosniff"),
    // For browsers that do not know `frame-ancestors`, and because the seed sends it.
    told("x-frame-options", "DENY"),
    // The seed sends `1; mode=block`. That filter is gone from every browser, and where it lived it opened holes in pages
    // that had none; 0 turns it off in what is left of them.
    told("x-xss-protection", "0"),
    // Believed by browsers only where it comes over https.
    told("strict-transport-security", "max-age=31536000; includeSubDomains"),
    told("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    told("cross-origin-opener-policy", "same-origin"),
];

/// What a handler may know better: a page has its own policy, a picture may be kept.
static UNLESS_SET: [Told; 3] = [
    told("content-security-policy", DATA_CSP),
    told("referrer-policy", "no-referrer"),
    // Tickets, orders and tokens are nobody else's: no cache keeps them unless the handler says that it may.
    told("cache-control", "no-store"),
];

/// What every answer has whose handler says nothing.
static COMMON: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::with_capacity(ALWAYS.len() + UNLESS_SET.len() + OTHERS);
    headers.extend(ALWAYS.iter().chain(&UNLESS_SET).cloned());
    headers
});

/// Adds the headers. `read_elsewhere`: a page of an allowed other origin reads this answer.
pub fn add(headers: &mut HeaderMap, read_elsewhere: bool) {
    // A copy of all of them, with the handler's few put in, takes half the time of putting all of them to the handler's.
    let given = std::mem::replace(headers, COMMON.clone());
    let mut last = None;
    for (name, value) in given {
        // A further value of the same header comes without its name.
        match (name, &last) {
            (Some(name), _) if ALWAYS.iter().any(|(always, _)| *always == name) => last = None,
            (Some(name), _) => {
                headers.insert(name.clone(), value);
                last = Some(name);
            }
            (None, Some(name)) => drop(headers.append(name, value)),
            (None, None) => {}
        }
    }
    // A picture of a ticket is shown by the shop's own pages, which live on another origin and load it without asking.
    let is_picture = headers
        .get(header::CONTENT_TYPE)
        .and_then(|media_type| media_type.to_str().ok())
        .is_some_and(|media_type| media_type.starts_with("image/"));
    let policy = if read_elsewhere || is_picture { "cross-origin" } else { "same-origin" };
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static(policy));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_them_and_a_handler_may_know_better() {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        headers.insert("x-frame-options", HeaderValue::from_static("SAMEORIGIN"));
        headers.append("x-frame-options", HeaderValue::from_static("ALLOWALL"));
        headers.append("link", HeaderValue::from_static("<a>"));
        headers.append("link", HeaderValue::from_static("<b>"));
        add(&mut headers, false);
        assert_eq!(headers["cache-control"], "max-age=60");
        assert_eq!(headers.get_all("x-frame-options").iter().collect::<Vec<_>>(), ["DENY"]);
        assert_eq!(headers.get_all("link").iter().collect::<Vec<_>>(), ["<a>", "<b>"]);
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
