//! What an HTTP response means: the one place that maps status codes and Paystack's envelope to errors.

use super::wire::{clipped, json};
use crate::gateway::GatewayError;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap};
use serde_json::Value;
use std::time::Duration;

/// Whether a call changes something at Paystack. If so, an unclear response leaves its outcome unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
}

/// A usable response.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// Done, or found.
    Found(Envelope),
    /// Paystack has no such thing. For reads only.
    Missing {
        /// Paystack's own code.
        code: Option<String>,
    },
}

/// Why a body was not read completely.
#[derive(Debug)]
pub(super) enum Unread {
    TooLarge,
    Cut(String),
}

/// The envelope of every response: `{status, message, data, meta?, type?, code?}`. `status` is about the call, not about
/// money.
#[derive(Debug, PartialEq)]
pub(super) struct Envelope {
    status: bool,
    message: String,
    code: Option<String>,
    pub(super) data: Value,
    pub(super) meta: Value,
}

impl Envelope {
    fn read(body: &[u8]) -> Option<Self> {
        let mut envelope = json(body)?;
        let status = envelope.get("status")?.as_bool()?;
        let message = loggable(envelope.get("message").and_then(Value::as_str).unwrap_or_default());
        let code =
            envelope.get("code").and_then(Value::as_str).filter(|code| !code.is_empty()).map(|code| clipped(code, 64));
        let [data, meta] = ["data", "meta"].map(|field| envelope.get_mut(field).map(Value::take).unwrap_or_default());
        Some(Self { status, message, code, data, meta })
    }

    /// `code` is optional in Paystack's errors, so the message is checked too.
    fn says_duplicate(&self) -> bool {
        let sentence = self.message.to_ascii_lowercase();
        self.code.as_deref() == Some("duplicate_reference")
            || sentence.contains("duplicate transaction reference")
            || sentence.contains("duplicate charge request for reference")
    }
}

/// Paystack's messages go to the log, unless they quote a key.
fn loggable(message: &str) -> String {
    if ["sk_test_", "sk_live_"].iter().any(|key| message.contains(key)) {
        return "(withheld: it quotes a key)".to_owned();
    }
    clipped(message, 200)
}

/// Parses a response. Only a clear rejection by Paystack counts as one: on a write, anything else leaves the outcome unknown.
pub(super) fn judge(
    kind: Kind,
    status: StatusCode,
    headers: &HeaderMap,
    body: Result<Vec<u8>, Unread>,
) -> Result<Reply, GatewayError> {
    let (envelope, cut) = match &body {
        Ok(body) => (Envelope::read(body), None),
        Err(Unread::TooLarge) => (None, Some("it is too large")),
        Err(Unread::Cut(why)) => (None, Some(why.as_str())),
    };
    if let (true, Some(Envelope { status: true, .. })) = (status.is_success(), &envelope) {
        return envelope.map(Reply::Found).ok_or(GatewayError::Malformed);
    }
    let (message, code) = envelope.as_ref().map_or((None, None), |it| (Some(it.message.as_str()), it.code.as_deref()));
    tracing::warn!(
        gateway = "paystack",
        status = status.as_u16(),
        code,
        message,
        unread = cut,
        "the payment gateway did not report success"
    );

    let says_no = envelope.filter(|envelope| !envelope.status);
    Err(match (status.as_u16(), says_no) {
        (401 | 403, _) => GatewayError::Auth,
        (429, _) => GatewayError::RateLimited { retry_after: retry_after(headers) },
        // 408 comes from a proxy in front of Paystack that timed out.
        (408 | 500..=599, _) if kind == Kind::Read => GatewayError::Unavailable,
        (400..=407 | 409..=499, Some(no)) if kind == Kind::Write && no.says_duplicate() => {
            GatewayError::DuplicateReference
        }
        (400 | 404, Some(no)) if kind == Kind::Read => return Ok(Reply::Missing { code: no.code }),
        (400..=407 | 409..=499, Some(no)) => GatewayError::Rejected { code: no.code },
        // The gateway answered, with too much about one payment.
        (200..=299, _) if kind == Kind::Read && matches!(body, Err(Unread::TooLarge)) => GatewayError::Unreadable,
        _ if kind == Kind::Write || matches!(body, Err(Unread::Cut(_))) => GatewayError::OutcomeUnknown,
        _ => GatewayError::Malformed,
    })
}

/// When to retry, at most in an hour. `Retry-After` counts seconds; the `…ratelimit-reset` headers are used for seconds from
/// now and for seconds or milliseconds since 1970 alike, and the size tells which.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let reset = ["retry-after", "x-ratelimit-reset", "ratelimit-reset"].into_iter().find_map(number)?;
    let seconds = match reset {
        ..1_000_000_000 => reset,
        1_000_000_000..1_000_000_000_000 => reset - said_at(headers)?.as_second(),
        _ => reset / 1000 - said_at(headers)?.as_second(),
    };
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0).clamp(1, 3600)))
}

/// When the response was sent, by the sender's clock.
fn said_at(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(date).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(kind: Kind, status: u16, body: &str) -> Result<Reply, GatewayError> {
        judge(kind, StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), Ok(body.into()))
    }

    #[test]
    fn every_kind_of_answer_has_its_meaning() {
        use GatewayError::*;
        let no = r#"{"status":false,"message":"no","code":"some_code"}"#;
        let yes = r#"{"status":true,"message":"yes","data":{}}"#;
        let html = "<html>Bad Gateway</html>";
        let rejected = || Rejected { code: Some("some_code".into()) };
        for (status, body, read, write) in [
            (401, no, Auth, Auth),
            (403, html, Auth, Auth),
            (429, html, RateLimited { retry_after: None }, RateLimited { retry_after: None }),
            (408, no, Unavailable, OutcomeUnknown),
            (500, no, Unavailable, OutcomeUnknown),
            (502, html, Unavailable, OutcomeUnknown),
            (503, yes, Unavailable, OutcomeUnknown),
            (422, no, rejected(), rejected()),
            (404, html, Malformed, OutcomeUnknown),
            (400, yes, Malformed, OutcomeUnknown),
            (200, no, Malformed, OutcomeUnknown),
            (200, html, Malformed, OutcomeUnknown),
            (200, r#"{"status":true,"da"#, Malformed, OutcomeUnknown),
            (200, "", Malformed, OutcomeUnknown),
            (200, "[]", Malformed, OutcomeUnknown),
            (200, r#"{"status":"true"}"#, Malformed, OutcomeUnknown),
            (302, html, Malformed, OutcomeUnknown),
            (304, "", Malformed, OutcomeUnknown),
        ] {
            assert_eq!(judged(Kind::Read, status, body), Err(read), "read {status} {body}");
            assert_eq!(judged(Kind::Write, status, body), Err(write), "write {status} {body}");
        }
        for status in [400, 404] {
            assert_eq!(judged(Kind::Read, status, no), Ok(Reply::Missing { code: Some("some_code".into()) }));
            assert_eq!(judged(Kind::Write, status, no), Err(rejected()));
        }
        assert!(matches!(judged(Kind::Write, 201, yes), Ok(Reply::Found(_))));
    }

    #[test]
    fn words_that_quote_a_key_are_not_logged() {
        let envelope =
            |message: &str| Envelope::read(format!(r#"{{"status":false,"message":"{message}"}}"#).as_bytes()).unwrap();
        assert_eq!(envelope("no such \\nthing").message, "no such thing");
        assert!(!envelope("bad key sk_live_s3cr3t").message.contains("s3cr3t"));
    }

    #[test]
    fn a_used_reference_is_known_by_code_or_sentence() {
        for body in [
            r#"{"status":false,"message":"Duplicate Transaction Reference","code":"duplicate_reference"}"#,
            r#"{"status":false,"message":"Duplicate Transaction Reference"}"#,
            r#"{"status":false,"message":"other words","code":"duplicate_reference"}"#,
        ] {
            assert_eq!(judged(Kind::Write, 400, body), Err(GatewayError::DuplicateReference));
        }
    }

    #[test]
    fn bodies_that_were_not_read_leave_the_status_to_decide() {
        for (kind, status, unread, wanted) in [
            (Kind::Read, 200, Unread::TooLarge, GatewayError::Unreadable),
            (Kind::Read, 404, Unread::TooLarge, GatewayError::Malformed),
            (Kind::Write, 200, Unread::TooLarge, GatewayError::OutcomeUnknown),
            (Kind::Read, 200, Unread::Cut("reset".into()), GatewayError::OutcomeUnknown),
            (Kind::Read, 404, Unread::Cut("reset".into()), GatewayError::OutcomeUnknown),
            (Kind::Read, 502, Unread::Cut("reset".into()), GatewayError::Unavailable),
            (Kind::Write, 400, Unread::Cut("reset".into()), GatewayError::OutcomeUnknown),
            (Kind::Write, 401, Unread::TooLarge, GatewayError::Auth),
        ] {
            assert_eq!(judge(kind, StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), Err(unread)), Err(wanted));
        }
    }

    #[test]
    fn the_reset_headers_tell_when_to_come_again() {
        let date = ("date", "Sat, 03 Jan 2026 00:00:00 GMT"); // 1767398400
        for (headers, seconds) in [
            (vec![("retry-after", "7")], Some(7)),
            (vec![("retry-after", "7"), ("x-ratelimit-reset", "30")], Some(7)),
            (vec![("x-ratelimit-reset", "30")], Some(30)),
            (vec![("ratelimit-reset", "0")], Some(1)),
            (vec![("x-ratelimit-reset", "99999")], Some(3600)),
            (vec![date, ("x-ratelimit-reset", "1767398442")], Some(42)),
            (vec![date, ("x-ratelimit-reset", "1767398442000")], Some(42)),
            (vec![("x-ratelimit-reset", "1767398442")], None),
            (vec![("x-ratelimit-reset", "-5")], Some(1)),
            (vec![("retry-after", "soon")], None),
            (vec![], None),
        ] {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{headers:?}");
        }
    }
}
