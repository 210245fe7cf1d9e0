//! Where clocks are.

use super::row::{Field, Kind, RowError, Sink, Source};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, Zoned};

/// The name of a time zone in the IANA database, such as `Africa/Lagos`. Default: `UTC`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName(String);

/// A text that is not the name of a time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of an IANA time zone, such as Africa/Lagos (got {0:?})")]
pub struct NotATimeZone(String);

/// A wall time that is no instant in a zone: the clocks are put forward over it, or it is beyond the year 9999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at} does not exist in {zone}: {}", if *.is_beyond { "it is beyond the year 9999 in UTC" } else { "the clocks are put forward over it" })]
pub struct SkippedTime {
    at: DateTime,
    zone: TimeZoneName,
    is_beyond: bool,
}

/// The longest text that is looked up.
const LONGEST: usize = 64;

impl TimeZoneName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn zone(&self) -> TimeZone {
        // The name was looked up when it was made. A database of zones that has lost it since must not stop sales.
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }

    /// The instant by the clocks of the zone.
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone())
    }

    /// The instant at which the clocks of the zone show a wall time. Where they show it twice, because they are put back, it is the
    /// earlier one.
    pub fn instant(&self, at: DateTime) -> Result<Timestamp, SkippedTime> {
        let skipped = |is_beyond| SkippedTime { at, zone: self.clone(), is_beyond };
        let ambiguous = self.zone().to_ambiguous_timestamp(at);
        if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
            return Err(skipped(false));
        }
        ambiguous.earlier().map_err(|_| skipped(true))
    }

    /// Like [`instant`](Self::instant), for times that are computed: a time that the clocks skip is as much later as they are put
    /// forward.
    pub(crate) fn nearest_instant(&self, at: DateTime) -> Timestamp {
        self.zone().to_ambiguous_timestamp(at).compatible().unwrap_or(Timestamp::MAX)
    }
}

impl Default for TimeZoneName {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl std::fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for TimeZoneName {
    type Err = NotATimeZone;

    /// In the spelling of the database, whatever the case of the text.
    fn from_str(text: &str) -> Result<Self, NotATimeZone> {
        let unknown = || NotATimeZone(text.chars().take(LONGEST).collect());
        // Files of the system's database whose content is up to the machine.
        let is_local = ["localtime", "posixrules", "factory"].iter().any(|name| text.eq_ignore_ascii_case(name));
        if text.len() > LONGEST || is_local {
            return Err(unknown());
        }
        let zone = TimeZone::get(text).map_err(|_| unknown())?;
        zone.iana_name().map(|name| Self(name.to_owned())).ok_or_else(unknown)
    }
}

impl TryFrom<String> for TimeZoneName {
    type Error = NotATimeZone;

    fn try_from(text: String) -> Result<Self, NotATimeZone> {
        text.parse()
    }
}

impl From<TimeZoneName> for String {
    fn from(name: TimeZoneName) -> Self {
        name.0
    }
}

/// As its name, which is not looked up again: what is stored was a time zone.
impl Field for TimeZoneName {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(Some(&self.0));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        Ok(from.text()?.map(Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZoneName {
        name.parse().unwrap()
    }

    #[test]
    fn names_are_those_of_the_database() {
        assert_eq!(zone("africa/lagos").as_str(), "Africa/Lagos");
        assert_eq!(TimeZoneName::default(), zone("UTC"));
        for wrong in ["", "Lagos", "Africa/", "+01:00", "Africa/Lagos\n", "../../etc/passwd", &"a".repeat(5000)] {
            let error = wrong.parse::<TimeZoneName>().unwrap_err().to_string();
            assert!(error.starts_with("must be the name of an IANA time zone") && error.len() < 300, "{error}");
        }
    }

    #[test]
    fn a_wall_time_is_an_instant() {
        let instant = |name: &str, at: &str| zone(name).instant(at.parse().unwrap()).map(|at| at.to_string());
        assert_eq!(instant("Africa/Lagos", "2099-12-31T20:00:00").unwrap(), "2099-12-31T19:00:00Z");
        assert_eq!(instant("UTC", "2099-12-31T20:00:00").unwrap(), "2099-12-31T20:00:00Z");
        // The clocks of Berlin go from 2:00 to 3:00 on this day.
        let skipped = instant("Europe/Berlin", "2027-03-28T02:30:00").unwrap_err();
        assert_eq!(
            skipped.to_string(),
            "2027-03-28T02:30:00 does not exist in Europe/Berlin: the clocks are put forward over it"
        );
        // They go from 3:00 to 2:00 on this one.
        assert_eq!(instant("Europe/Berlin", "2027-10-31T02:30:00").unwrap(), "2027-10-31T00:30:00Z");
    }

    #[test]
    fn an_instant_is_a_wall_time() {
        let at = "2027-07-01T18:00:00Z".parse().unwrap();
        assert_eq!(zone("Europe/Berlin").local(at).to_string(), "2027-07-01T20:00:00+02:00[Europe/Berlin]");
    }
}
