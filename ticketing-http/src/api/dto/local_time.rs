//! Wall times: what the clocks show where an event takes place.

use super::field::{Faults, ReadField, wrong};
use super::json::Json;
use super::scalar::scalar;
use jiff::civil::{DateTime, Time as TimeOfDay};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;
use ticketing_core::clock::whole_microseconds;
use ticketing_core::domain::time_zone::TimeZoneName;

const EXPECTED: &str = "a wall time such as 2099-12-31T20:00, where the event takes place";
const MAX_BYTES: usize = 40;

static PARSER: DateTimeParser = DateTimeParser::new();

/// A wall time in a body. An offset is allowed, and must be that of the zone at this time: what a response shows can be sent back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenLocalTime {
    at: DateTime,
    offset: Option<Offset>,
}

/// A time in a response by the clocks where the event takes place: RFC 3339 with the offset there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalTime(String);

impl From<Zoned> for LocalTime {
    fn from(at: Zoned) -> Self {
        // With a fraction if the instant has one, so that both are the same time when they are sent back.
        let format = if at.subsec_nanosecond() == 0 { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S.%6f%:z" };
        Self(at.strftime(format).to_string())
    }
}

impl GivenLocalTime {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES || !text.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let pieces = PARSER.parse_pieces(text).ok()?;
        let has_instant = text.ends_with(['Z', 'z']) || pieces.time_zone_annotation().is_some();
        let offset = pieces.to_numeric_offset();
        let at = pieces.date().to_datetime(pieces.time().unwrap_or(TimeOfDay::midnight()));
        (!has_instant).then_some(Self { at, offset })
    }

    /// The instant, by the clocks of a zone. Where the clocks show the time twice, the offset says which one is meant; without it,
    /// it is the earlier one.
    pub(crate) fn instant(&self, zone: &TimeZoneName) -> Result<Timestamp, String> {
        let Self { at, offset } = *self;
        let instant = match offset {
            None => zone.instant(at).map_err(|skipped| format!("must be a time that the clocks show: {skipped}"))?,
            Some(offset) => {
                let instant = offset.to_timestamp(at).ok().filter(|instant| zone.local(*instant).datetime() == at);
                instant.ok_or_else(|| format!("must have the offset of {zone} at this time (got {offset}), or none"))?
            }
        };
        Ok(whole_microseconds(instant))
    }
}

impl ReadField for GivenLocalTime {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        let time = match &json {
            Some(Json::Text(text)) => Self::parse(text),
            _ => None,
        };
        time.or_else(|| wrong(json, EXPECTED, at, faults))
    }
}

fn schema(example: &str) -> MetaSchema {
    MetaSchema { example: Some(example.into()), ..MetaSchema::new("string") }
}

scalar!(GivenLocalTime, "string_wall-time", schema("2099-12-31T20:00"));
scalar!(
    LocalTime,
    "string_date-time-with-offset",
    MetaSchema { format: Some("date-time"), ..schema("2099-12-31T20:00:00+01:00") }
);

impl ToJSON for LocalTime {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}

/// poem-openapi requires this of every field of a response; nothing uses it.
impl ParseFromJSON for LocalTime {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text)),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str, zone: &str) -> Result<String, String> {
        let time = GivenLocalTime::parse(text).ok_or("unreadable")?;
        time.instant(&zone.parse().unwrap()).map(|at| at.to_string())
    }

    #[test]
    fn a_wall_time_is_read_by_the_clocks_of_its_zone() {
        for (text, zone, expected) in [
            ("2099-12-31T20:00", "Africa/Lagos", "2099-12-31T19:00:00Z"),
            ("2099-12-31 20:00:30", "Africa/Lagos", "2099-12-31T19:00:30Z"),
            ("2099-12-31", "UTC", "2099-12-31T00:00:00Z"),
            ("2099-12-31T20:00:00+01:00", "Africa/Lagos", "2099-12-31T19:00:00Z"),
            // Twice on this day: without an offset the earlier one.
            ("2027-10-31T02:30", "Europe/Berlin", "2027-10-31T00:30:00Z"),
            ("2027-10-31T02:30+02:00", "Europe/Berlin", "2027-10-31T00:30:00Z"),
            ("2027-10-31T02:30+01:00", "Europe/Berlin", "2027-10-31T01:30:00Z"),
        ] {
            assert_eq!(instant(text, zone).as_deref(), Ok(expected), "{text} {zone}");
        }
        for (text, zone) in [("2027-03-28T02:30", "Europe/Berlin"), ("2099-12-31T20:00+02:00", "Africa/Lagos")] {
            assert!(instant(text, zone).unwrap_err().starts_with("must "), "{text}");
        }
        for text in ["", "20:00", "2099-12-31T20:00Z", "2099-12-31T20:00[Africa/Lagos]", "2099-02-30T20:00", "now"] {
            assert_eq!(instant(text, "UTC"), Err("unreadable".to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let zone: TimeZoneName = "Europe/Berlin".parse().unwrap();
        let at: Timestamp = "2027-10-31T01:30:00Z".parse().unwrap();
        let LocalTime(text) = zone.local(at).into();
        assert_eq!(text, "2027-10-31T02:30:00+01:00");
        assert_eq!(GivenLocalTime::parse(&text).unwrap().instant(&zone), Ok(at));
    }
}
