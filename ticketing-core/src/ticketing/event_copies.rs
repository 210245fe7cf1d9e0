//! Copies of events: one, or a series of dates.

use super::checks::Checks;
use super::{Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::code::Reference;
use crate::domain::event::{CopyEvent, Event, EventStatus};
use crate::domain::id::EventId;
use crate::domain::page::PageRequest;
use crate::domain::principal::Principal;
use crate::domain::promo_code::ListPromoCodes;
use crate::domain::scope::Scope;
use crate::error::{Error, Result};
use crate::setters::setters;
use crate::storage::StorageExt as _;
use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan as _};
use std::collections::BTreeSet;

/// The most dates of one request.
pub const MAX_DATES: usize = 366;

/// The most promo codes that one request copies.
const MAX_COPIED_CODES: u64 = 20_000;

/// What the keys of copies begin with. No other event may have such a key.
pub(super) const COPY_KEY: &str = "series-";

/// Dates that repeat, in the time zone of an event and at the wall time of its start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repeat {
    /// On these days of the week. Default: on every day.
    pub on: Vec<Weekday>,
    /// Until this date, inclusive.
    pub until: Date,
}

impl Repeat {
    /// Every day until this date, inclusive.
    pub fn until(until: Date) -> Self {
        Self { on: vec![], until }
    }
}

setters!(Repeat {
    with_on => on: Vec<Weekday>,
});

impl Ticketing {
    /// The starts of a series: the dates after that of the event on which it repeats, at the wall time of its start. Nothing is
    /// created. A date on which the clocks skip that time is an error, and so are more than [`MAX_DATES`].
    pub fn dates_of(event: &Event, repeat: &Repeat) -> Result<Vec<Timestamp>> {
        let start = event.starts_at_local().datetime();
        let mut checks = Checks::default();
        let (mut dates, mut date) = (vec![], start.date());
        while date < repeat.until && dates.len() <= MAX_DATES {
            let Ok(next) = date.checked_add(1.day()) else { break };
            date = next;
            if !repeat.on.is_empty() && !repeat.on.contains(&date.weekday()) {
                continue;
            }
            match event.time_zone.instant(date.to_datetime(start.time())) {
                Ok(at) => dates.push(at),
                Err(skipped) => checks.require("until", false, || format!("must leave out {date}: {skipped}")),
            }
        }
        if dates.len() > MAX_DATES {
            return Err(Error::invalid("until", format!("must give at most {MAX_DATES} dates")));
        }
        checks.done()?;
        if dates.is_empty() {
            let message = format!("must leave a date after that of the event (got {})", repeat.until);
            return Err(Error::invalid("until", message));
        }
        Ok(dates)
    }

    /// Copies an event to other dates: its texts, ticket types, rules and promo codes, with nothing sold or used. Its end and its sales windows keep their
    /// distance from the start, in wall time. All copies and the original form one series, see
    /// [`EventFilter::series`](crate::domain::event::EventFilter::series). A repeat finds the copies of the first call. The copies are
    /// drafts unless `status` is active. All are created, or none. Needs [`Permission::Edit`] for all events of the organiser.
    ///
    /// Every date must be in the future, and there may be 1 to [`MAX_DATES`].
    ///
    /// Refusals: `email_unverified` for active copies with a price, where accounts need a verified address to sell.
    pub async fn copy_event(
        &self,
        actor: &Principal,
        id: EventId,
        starts_at: &[Timestamp],
        status: EventStatus,
    ) -> Result<Vec<Event>> {
        let event = self.event(id).await?;
        let scope = self.scope_over(actor, Permission::Edit, &event).await?;
        if !scope.covers_all_of(&event.organizer) {
            return Err(Error::Forbidden("Copies need permission for all events of the organiser"));
        }
        self.may_copy(actor, &event, status).await?;
        self.check_copies(&event, starts_at, status).await?;
        let series = event.series_id.unwrap_or(id);
        let copy = |at: &Timestamp| {
            // A repeat of the request has the same keys.
            let key: std::result::Result<Reference, _> = format!("{COPY_KEY}{series}-{}", at.as_microsecond()).parse();
            let key = key.map_err(|error| Error::Configuration(error.to_string()))?;
            Ok(CopyEvent { id, actor: actor.clone(), key, starts_at: *at, status })
        };
        let copies = starts_at.iter().map(copy).collect::<Result<Vec<_>>>()?;
        let outcomes = self.inner.storage.apply(self.now(), &copies).await?;
        outcomes.into_iter().map(|outcome| outcome.map_err(refused)).collect()
    }

    /// Whether an event can be copied to these dates. Everything that is wrong is listed; nothing is created.
    pub async fn check_copies(&self, event: &Event, starts_at: &[Timestamp], status: EventStatus) -> Result<()> {
        let now = self.now();
        let mut checks = Checks::default();
        let count = starts_at.len();
        let count_ok = (1..=MAX_DATES).contains(&count);
        checks.require("starts_at", count_ok, || format!("must have 1–{MAX_DATES} dates (got {count})"));
        let unique: BTreeSet<&Timestamp> = starts_at.iter().collect();
        checks.require("starts_at", unique.len() == count, || "must not name a date twice".to_owned());
        let is_open = status != EventStatus::Cancelled;
        checks.require("status", is_open, || "must be draft or active (got cancelled)".to_owned());
        for (index, at) in starts_at.iter().enumerate().take(MAX_DATES) {
            checks.require(&format!("starts_at[{index}]"), *at > now, || format!("must be in the future (got {at})"));
        }
        if status == EventStatus::Active {
            let is_offered = event.public_types().next().is_some();
            checks.require("status", is_offered, || "must be draft: every ticket type is secret".to_owned());
            self.check_currency(&mut checks, event);
        }
        checks.done()?;
        let one = PageRequest { limit: 1, count: true, ..PageRequest::default() };
        let codes = self
            .inner
            .storage
            .find(ListPromoCodes { scope: Scope::own(&event.organizer), event_id: event.id, page: one })
            .await?
            .total
            .unwrap_or(0);
        let all = codes.saturating_mul(count as u64);
        let mut checks = Checks::default();
        checks.require("starts_at", all <= MAX_COPIED_CODES, || {
            format!(
                "must have fewer dates: each gets {codes} promo codes, and {MAX_COPIED_CODES} can be copied at once"
            )
        });
        checks.done()
    }
}
