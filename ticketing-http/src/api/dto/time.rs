use super::field::{Faults, ReadField, wrong};
use super::json::Json;
use super::scalar::scalar;
use jiff::{Timestamp, civil, tz};
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON};
use serde_json::Value;
use ticketing_core::clock::whole_microseconds;

const EXPECTED: &str = "a date and time such as 2026-12-31T20:00:00Z";

/// A point in time. Written as RFC 3339 in UTC. Read as RFC 3339; without an offset (as Python's `isoformat`
/// writes it), or as a date alone, it is UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Time {
    fn parse(text: &str) -> Option<Self> {
        // A year of four digits, as in RFC 3339: jiff would also read years such as -009999.
        if text.len() > 64 || !text.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let at = text.parse::<Timestamp>().or_else(|_| {
            // A text with a valid offset was read above, so an offset here is wrong: it must not be ignored.
            let naive = text.parse::<civil::DateTime>()?;
            tz::TimeZone::UTC.to_timestamp(naive)
        });
        at.ok().map(|at| Self(whole_microseconds(at)))
    }
}

impl ReadField for Time {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        let time = match &json {
            Some(Json::Text(text)) => Self::parse(text),
            _ => None,
        };
        time.or_else(|| wrong(json, EXPECTED, at, faults))
    }
}

impl ParseFromParameter for Time {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        // In a query, a plus that was not percent-encoded arrives as a space.
        Self::parse(&text.replace(' ', "+"))
            .or_else(|| Self::parse(text))
            .ok_or_else(|| ParseError::expected_type(Value::Null))
    }
}

scalar!(
    Time,
    "string_date-time",
    MetaSchema { example: Some("2026-12-31T20:00:00Z".into()), ..MetaSchema::new_with_format("string", "date-time") }
);

impl ToJSON for Time {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.to_string()))
    }
}

/// poem-openapi requires this of every field of a response; nothing uses it.
impl ParseFromJSON for Time {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let time = value.as_ref().and_then(Value::as_str).and_then(Self::parse);
        time.ok_or_else(|| ParseError::expected_type(value.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_older_clients_are_read() {
        for (text, expected) in [
            ("2026-12-31T20:00:00Z", "2026-12-31T20:00:00Z"),
            ("2026-12-31T20:00:00+01:00", "2026-12-31T19:00:00Z"),
            ("2026-12-31T20:00:00.123456789Z", "2026-12-31T20:00:00.123456Z"),
            ("2026-12-31T20:00:00", "2026-12-31T20:00:00Z"),
            ("2026-12-31 20:00:00", "2026-12-31T20:00:00Z"),
            ("2026-12-31T20:00", "2026-12-31T20:00:00Z"),
            ("2026-12-31T20:00:00.5", "2026-12-31T20:00:00.5Z"),
            ("2026-12-31", "2026-12-31T00:00:00Z"),
        ] {
            let read = Time::parse(text).map(|time| time.0.to_string());
            assert_eq!(read.as_deref(), Some(expected), "{text}");
        }
        let offset = Time::parse_from_parameter("2026-12-31T20:00:00 01:00").ok();
        assert_eq!(offset.map(|time| time.0.to_string()).as_deref(), Some("2026-12-31T19:00:00Z"));
    }

    #[test]
    fn invalid_times_are_rejected() {
        for bad in ["", "now", "2026-13-01", "2026-02-30T00:00:00Z", "20:00", "1767268800", "-009999-01-01T00:00:00Z"] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
        for bad in ["2026-12-31T20:00:00+99:00", "2026-12-31T20:00:00+01:00[Mars/Phobos]x"] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }
}
