//! Conditional requests: `ETag` and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2).

use crate::hex::hex;
use sha2::{Digest, Sha256};

/// A strong entity tag: the same for the same bytes.
pub(crate) fn of(kind: &str, content: &[u8]) -> String {
    let hash = Sha256::new_with_prefix(kind).chain_update([0]).chain_update(content).finalize();
    let digits = hex(&hash[..16]);
    format!("\"{digits}\"")
}

/// Whether the client's `If-None-Match` contains the tag. Compared weakly, as the RFC requires: `W/` makes no difference.
pub(crate) fn is_known(tag: &str, if_none_match: Option<&str>) -> bool {
    let names = |known: &str| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag;
    if_none_match.is_some_and(|known| known.split(',').map(str::trim).any(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_is_read_in_every_form() {
        let tag = of("event", b"{}");
        assert_eq!(tag.len(), 34);
        for known in [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}"), "*".to_owned()] {
            assert!(is_known(&tag, Some(&known)), "{known}");
        }
        assert!(!is_known(&tag, Some("\"a\"")) && !is_known(&tag, None) && of("png", b"{}") != tag);
    }
}
