//! Security headers, on every response.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::sync::LazyLock;

/// The CSP of API responses. They are data: nothing in them may run, load or be framed.
pub const DATA_CSP: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

type Header = (HeaderName, HeaderValue);

/// A constant: parsed at compile time, not for every response.
const fn fixed(name: &'static str, value: &'static str) -> Header {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// Room for the headers that other middleware adds: CORS, request id, rate limit.
const OTHER_HEADERS: usize = 10;

/// The same on every response.
static ALWAYS: [Header; 6] = [
    fixed("x-content-type-options", "nosniff"),
    // For browsers without `frame-ancestors`, and because system A sends it.
    fixed("x-frame-options", "DENY"),
    // System A sends `1; mode=block`. Browsers have removed that filter, because it opened holes in safe pages; 0 disables it in
    // old ones.
    fixed("x-xss-protection", "0"),
    // Browsers ignore it over plain http.
    fixed("strict-transport-security", "max-age=31536000; includeSubDomains"),
    fixed("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    fixed("cross-origin-opener-policy", "same-origin"),
];

/// Defaults that a handler may override: a page has its own policy, an image may be cached.
static UNLESS_SET: [Header; 3] = [
    fixed("content-security-policy", DATA_CSP),
    fixed("referrer-policy", "no-referrer"),
    // Tickets, orders and tokens are private: nothing is cached unless the handler allows it.
    fixed("cache-control", "no-store"),
];

/// The headers of a response whose handler sets none.
static COMMON: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::with_capacity(ALWAYS.len() + UNLESS_SET.len() + OTHER_HEADERS);
    headers.extend(ALWAYS.iter().chain(&UNLESS_SET).cloned());
    headers
});

/// Adds the headers. `read_elsewhere`: a page of an allowed origin reads this response.
pub fn add(headers: &mut HeaderMap, read_elsewhere: bool) {
    // Copying the common headers and adding the handler's few takes half the time of the reverse.
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
