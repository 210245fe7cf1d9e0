//! Copies of an event on other dates.

use super::body::body;
use super::event::EventView;
use super::field::Faults;
use super::local_time::{GivenLocalTime, LocalTime};
use super::text::Text;
use super::time::{GivenTime, Time};
use crate::problem::Problem;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use poem_openapi::Object;
use ticketing_core::domain::event::{Event, EventStatus};
use ticketing_core::{MAX_DATES, Repeat, Ticketing};

body! {
    /// The dates of an event's copies: either a list of starts, or days on which the event repeats.
    struct CopiesBody {
        /// Starts of the copies.
        starts_at: Option<Vec<GivenTime>>,
        /// Starts of the copies as wall times in the event's time zone.
        starts_at_local: Option<Vec<GivenLocalTime>>,
        /// `day` or `week`: the event repeats after its own date, at the wall time of its start.
        every: Option<Text<1, 10>>,
        /// The days of the week on which it repeats: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`. Default for `week`: that of the
        /// event.
        on: Option<Vec<Text<3, 3>>>,
        /// Until when it repeats: a date, inclusive. Required with `every`.
        until: Option<Text<10, 10>>,
        /// `draft` (the default) or `active`.
        status: Option<Text<1, 20>>,
        /// Whether to show the dates only, and create nothing. Default: no.
        preview: Option<bool>,
    }
    example {"every": "week", "on": ["fri", "sat"], "until": "2099-06-30", "status": "active"}
}

/// What a request for copies asks for.
pub(crate) struct Copies {
    pub(crate) starts_at: Vec<Timestamp>,
    pub(crate) status: EventStatus,
    pub(crate) is_preview: bool,
}

/// What was created, or would be.
#[derive(Object)]
pub(crate) struct CopiesView {
    /// The starts.
    starts_at: Vec<Time>,
    /// The same by the clocks where the event takes place.
    starts_at_local: Vec<LocalTime>,
    /// The copies, in the same order; none in a preview.
    events: Vec<EventView>,
}

impl CopiesView {
    pub(crate) fn new(original: &Event, starts_at: &[Timestamp], copies: &[Event]) -> Self {
        Self {
            starts_at: starts_at.iter().map(|at| (*at).into()).collect(),
            starts_at_local: starts_at.iter().map(|at| original.time_zone.local(*at).into()).collect(),
            events: copies.iter().map(Into::into).collect(),
        }
    }
}

impl CopiesBody {
    /// Converts the body to the dates that it means for this event.
    pub(crate) fn into_copies(self, event: &Event) -> Result<Copies, Problem> {
        let mut faults = Faults::default();
        let status = match self.status {
            None => Some(EventStatus::Draft),
            Some(name) => {
                let status = EventStatus::from_name(&name.0).filter(|status| *status != EventStatus::Cancelled);
                faults.parsed("status", status.ok_or("must be draft or active"))
            }
        };
        let given = [self.starts_at.is_some(), self.starts_at_local.is_some(), self.every.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            faults.add("starts_at", "must be given, or starts_at_local, or every, and only one of them");
        }
        for (field, given) in [("on", self.on.is_some()), ("until", self.until.is_some())] {
            if given && self.every.is_none() {
                faults.add(field, "must be given together with every");
            }
        }
        let mut starts: Vec<Timestamp> = self.starts_at.into_iter().flatten().map(|time| time.at).collect();
        for (index, time) in self.starts_at_local.into_iter().flatten().enumerate().take(MAX_DATES + 1) {
            starts.extend(faults.parsed(&format!("starts_at_local.{index}"), time.instant(&event.time_zone)));
        }
        let repeat = self.every.and_then(|every| {
            let until = faults.required("until", self.until)?;
            let until =
                faults.parsed("until", until.0.parse::<Date>().map_err(|_| "must be a date such as 2099-12-31"));
            let days = self.on.into_iter().flatten().enumerate().map(|(index, name)| {
                faults.parsed(
                    &format!("on.{index}"),
                    weekday(&name.0).ok_or("must be mon, tue, wed, thu, fri, sat or sun"),
                )
            });
            // All of them are read, so that every fault is reported.
            let days: Vec<Weekday> = days.collect::<Vec<_>>().into_iter().flatten().collect();
            let on = match every.0.as_str() {
                "day" => days,
                "week" if days.is_empty() => vec![event.starts_at_local().weekday()],
                "week" => days,
                _ => {
                    faults.add("every", "must be day or week");
                    days
                }
            };
            Some(Repeat::until(until?).with_on(on))
        });
        let Copies { mut starts_at, status, is_preview } = faults.or(status.map(|status| Copies {
            starts_at: starts,
            status,
            is_preview: self.preview.unwrap_or_default(),
        }))?;
        if let Some(repeat) = repeat {
            starts_at = Ticketing::dates_of(event, &repeat)?;
        }
        Ok(Copies { starts_at, status, is_preview })
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}
