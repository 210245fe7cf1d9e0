//! `Authorization: Bearer …` (RFC 6750), read in one place: for sessions, idempotency keys and the metrics token.

use poem::http::{HeaderMap, header};

/// The bearer token of a request, if it has one.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_case_insensitive_and_must_be_bearer() {
        let token = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.try_into().unwrap());
            bearer_token(&headers).map(str::to_owned)
        };
        for value in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(token(value.as_bytes()).as_deref(), Some("abc"), "{value}");
        }
        for value in [&b"Basic abc"[..], b"Bearer", b"abc", b"Bearer:abc", b"Bearer \xff"] {
            assert_eq!(token(value), None, "{value:?}");
        }
        assert_eq!(bearer_token(&HeaderMap::new()), None);
    }
}
