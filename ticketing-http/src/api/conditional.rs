//! Conditional edits (RFC 9110, section 13): only the version that the caller has seen is edited.

use crate::problem::Problem;
use ticketing_core::Error;
use ticketing_core::domain::refusal::Refusal;

/// The entity tag of a version. Sales do not change it.
pub(super) fn tag(version: i64) -> String {
    format!("\"v{version}\"")
}

/// The version that `If-Match` names; `None` for any. A tag that is not ours is the version 0, which no event has. Of several, the
/// current one if it is among them (RFC 9110, 13.1.1: compared strongly, so `W/"v1"` matches nothing).
pub(super) fn seen(if_match: &str, current: i64) -> Option<i64> {
    if if_match.trim() == "*" {
        return None;
    }
    let version = |tag: &str| tag.trim().strip_prefix("\"v")?.strip_suffix('"')?.parse::<i64>().ok();
    let named: Vec<i64> = if_match.split(',').filter_map(version).collect();
    if named.contains(&current) { Some(current) } else { Some(named.first().copied().unwrap_or(0)) }
}

/// What `If-Match` must say. `what` is what the caller has read, such as `settings`.
pub(super) fn required(if_match: Option<String>, what: &str) -> Result<String, Problem> {
    let detail = || format!("If-Match is required: the ETag of the {what} that you read, or *.");
    if_match.ok_or_else(|| Problem::new("precondition_required", detail()))
}

/// The problem of an edit. If somebody else has edited it since, it has the current tag.
pub(super) fn refused(error: Error) -> Problem {
    match error {
        Error::Refused(stale @ Refusal::Stale { current }) => Problem::from(stale).with_etag(tag(current)),
        error => error.into(),
    }
}
