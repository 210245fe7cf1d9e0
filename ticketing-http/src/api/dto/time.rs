use super::field::{Faults, ReadField, wrong};
use super::json::Json;
use super::scalar::scalar;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{Disambiguation, OffsetConflict, TimeZone};
use jiff::{Timestamp, civil};
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON};
use serde_json::Value;
use ticketing_core::clock::whole_microseconds;

const EXPECTED: &str = "a date and time such as 2099-12-31T20:00:00Z";
/// Enough for nine digits after the second, an offset, and the longest name of a time zone.
const MAX_BYTES: usize = 100;

/// A zone and an offset that contradict each other are an error, and so is a time that a change of the clocks skips or repeats:
/// nobody knows which instant is meant.
static PARSER: DateTimeParser =
    DateTimeParser::new().offset_conflict(OffsetConflict::Reject).disambiguation(Disambiguation::Reject);

/// A point in time, in responses and parameters. Written as RFC 3339 in UTC, with no fraction of a second or six digits of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

/// A point in time in a body.
///
/// Read as RFC 3339, also with a time zone in brackets (RFC 9557). Without an offset and a zone (as Python's `isoformat` writes
/// it), or as a date alone, it is UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenTime {
    pub(crate) at: Timestamp,
    /// Whether it had neither an offset nor a zone.
    pub(crate) is_local: bool,
}

/// The same instant, however it was written.
impl PartialEq for GivenTime {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl GivenTime {
    fn parse(text: &str) -> Option<Self> {
        // A year of four digits, as in RFC 3339: jiff would also read years such as -009999.
        if text.len() > MAX_BYTES || !text.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let pieces = PARSER.parse_pieces(text).ok()?;
        let (at, is_local) = if pieces.time_zone_annotation().is_some() {
            let zoned = PARSER.parse_zoned(text).ok()?;
            // `Etc/Unknown` says that the zone is not known, which is no instant.
            (Some(zoned).filter(|zoned| !zoned.time_zone().is_unknown())?.timestamp(), false)
        } else if pieces.offset().is_some() {
            (PARSER.parse_timestamp(text).ok()?, false)
        } else {
            let naive = pieces.date().to_datetime(pieces.time().unwrap_or(civil::Time::midnight()));
            (TimeZone::UTC.to_timestamp(naive).ok()?, true)
        };
        Some(Self { at: whole_microseconds(at), is_local })
    }
}

impl ReadField for GivenTime {
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
        let time = GivenTime::parse(&text.replace(' ', "+")).or_else(|| GivenTime::parse(text));
        time.map(|time| Self(time.at)).ok_or_else(|| ParseError::expected_type(Value::Null))
    }
}

fn schema() -> MetaSchema {
    MetaSchema { example: Some("2099-12-31T20:00:00Z".into()), ..MetaSchema::new_with_format("string", "date-time") }
}

scalar!(Time, "string_date-time", schema());
scalar!(GivenTime, "string_date-time", schema());

/// As RFC 3339 in UTC. Clients such as Python before 3.11 read no fraction of a second or one of six digits, and nothing between.
pub(crate) fn written(at: Timestamp) -> String {
    if at.subsec_nanosecond() == 0 { format!("{at}") } else { format!("{at:.6}") }
}

impl ToJSON for Time {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(written(self.0)))
    }
}

/// poem-openapi requires this of every field of a response; nothing uses it.
impl ParseFromJSON for Time {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let time = value.as_ref().and_then(Value::as_str).and_then(GivenTime::parse);
        time.map(|time| Self(time.at)).ok_or_else(|| ParseError::expected_type(value.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, bool)> {
        GivenTime::parse(text).map(|time| (written(time.at), time.is_local))
    }

    #[test]
    fn times_of_older_clients_are_read() {
        for (text, expected, is_local) in [
            ("2099-12-31T20:00:00Z", "2099-12-31T20:00:00Z", false),
            ("2099-12-31T20:00:00+01:00", "2099-12-31T19:00:00Z", false),
            ("2099-12-31T20:00:00.123456789Z", "2099-12-31T20:00:00.123456Z", false),
            ("2099-12-31T20:00:00", "2099-12-31T20:00:00Z", true),
            ("2099-12-31 20:00:00", "2099-12-31T20:00:00Z", true),
            ("2099-12-31T20:00", "2099-12-31T20:00:00Z", true),
            ("2099-12-31T20:00:00.5", "2099-12-31T20:00:00.500000Z", true),
            ("2099-12-31", "2099-12-31T00:00:00Z", true),
        ] {
            assert_eq!(read(text), Some((expected.to_owned(), is_local)), "{text}");
        }
    }

    #[test]
    fn a_time_zone_in_brackets_says_which_instant_is_meant() {
        for (text, expected, is_local) in [
            ("2027-03-28T20:00:00[Europe/Berlin]", "2027-03-28T18:00:00Z", false),
            ("2027-03-27T20:00:00[europe/berlin]", "2027-03-27T19:00:00Z", false),
            ("2027-03-28T20:00:00+02:00[Europe/Berlin]", "2027-03-28T18:00:00Z", false),
            ("2027-03-28T20:00:00[!Africa/Lagos]", "2027-03-28T19:00:00Z", false),
            ("2027-03-28T20:00[+05:30]", "2027-03-28T14:30:00Z", false),
            // `Z` says the instant, and nothing about the offset there (RFC 9557, 2.2).
            ("2027-03-28T20:00:00Z[Europe/Berlin]", "2027-03-28T20:00:00Z", false),
            // The offset says which of the two hours is meant.
            ("2027-10-31T02:30:00+02:00[Europe/Berlin]", "2027-10-31T00:30:00Z", false),
            ("2027-10-31T02:30:00+01:00[Europe/Berlin]", "2027-10-31T01:30:00Z", false),
            ("2027-03-28T20:00:00.25[America/Argentina/Buenos_Aires]", "2027-03-28T23:00:00.250000Z", false),
            // Annotations that are not a zone change nothing.
            ("2027-03-28T20:00:00Z[u-ca=gregory]", "2027-03-28T20:00:00Z", false),
            ("2027-03-28T20:00:00[u-ca=gregory]", "2027-03-28T20:00:00Z", true),
        ] {
            assert_eq!(read(text), Some((expected.to_owned(), is_local)), "{text}");
        }
    }

    #[test]
    fn a_time_that_names_no_instant_is_rejected() {
        for bad in [
            "2027-03-28T20:00:00[Nowhere/Land]",
            "2027-03-28T20:00:00+02:00[Nowhere/Land]",
            "2027-03-28T20:00:00Z[Nowhere/Land]",
            "2027-03-28T20:00:00[Etc/Unknown]",
            "2027-03-28T20:00:00[]",
            "2027-03-28T20:00:00[Europe/Berlin",
            "2027-03-28T20:00:00[Europe/Berlin]x",
            "2027-03-28T20:00:00[Europe/Berlin][Africa/Lagos]",
            "2027-03-28T20:00:00Z[!u-xx=needed]",
            // The offset contradicts the zone.
            "2027-03-28T20:00:00+01:00[Europe/Berlin]",
            "2027-01-28T20:00:00+02:00[Europe/Berlin]",
            // Skipped and repeated by a change of the clocks.
            "2027-03-28T02:30:00[Europe/Berlin]",
            "2027-10-31T02:30:00[Europe/Berlin]",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in ["", "now", "2026-13-01", "2026-02-30T00:00:00Z", "20:00", "1767268800", "-009999-01-01T00:00:00Z"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in ["2026-12-31T20:00:00+99:00", "2026-12-31T20:00:00+01:00[Mars/Phobos]x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_parameter_may_have_a_plus_that_became_a_space() {
        for (text, expected) in [
            ("2099-12-31T20:00:00 01:00", "2099-12-31T19:00:00Z"),
            ("2099-12-31T20:00:00+01:00", "2099-12-31T19:00:00Z"),
            ("2099-12-31 20:00:00", "2099-12-31T20:00:00Z"),
            ("2027-03-28T20:00:00[Europe/Berlin]", "2027-03-28T18:00:00Z"),
        ] {
            let read = Time::parse_from_parameter(text).ok();
            assert_eq!(read.map(|time| written(time.0)).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_has_six_digits_or_none() {
        for (microsecond, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (500_000, "1970-01-01T00:00:00.500000Z"),
            (1_000_000, "1970-01-01T00:00:01Z"),
            (1_120_000, "1970-01-01T00:00:01.120000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (-500_000, "1969-12-31T23:59:59.500000Z"),
        ] {
            assert_eq!(written(Timestamp::from_microsecond(microsecond).unwrap()), text);
        }
    }
}
