use super::checks::Checks;
use super::recent_events::Moment;
use super::{Ticketing, granted, only, refused};
use crate::domain::access::{Caller, Permission, may};
use crate::domain::category::{Category, FindCategory, NewCategory};
use crate::domain::command::Query;
use crate::domain::event::{CancelEvent, Event, EventFilter, FindEvent, NewEvent, Past, PutEvent};
use crate::domain::id::{EventId, MAX_SAFE_INTEGER};
use crate::domain::load::LoadKeys;
use crate::domain::page::{MAX_PAGE, Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::text::{composed, key};
use crate::domain::working_set::WorkingSet;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The most ticket types of one event.
const MAX_TICKET_TYPES: usize = 50;

/// Finds an event. Concurrent callers share one copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SharedEvent(pub(super) EventId);

impl Query for SharedEvent {
    type Found = Option<Arc<Event>>;
    const ONE_MOMENT: bool = FindEvent::ONE_MOMENT;

    /// A slow read of one event does not delay reads of others.
    fn group(&self) -> i64 {
        self.0.0
    }

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        FindEvent(self.0).needs(rows, load);
    }

    fn find(&self, rows: &WorkingSet) -> Option<Arc<Event>> {
        FindEvent(self.0).find(rows).map(Arc::new)
    }
}

impl Ticketing {
    /// Creates an event that `organizer` runs. It must not be past. Without a key, a repeat creates a second one.
    ///
    /// Refusals: `category_unknown`, `key_reused`.
    pub async fn create_event(&self, organizer: &Principal, event: NewEvent) -> Result<Event> {
        let event = event.composed();
        check_event(organizer, &event)?;
        self.check_currency(&event)?;
        let now = self.now();
        let past = event.past(now).map(|past| is_past(&event, past));
        let put = PutEvent { organizer: organizer.clone(), event };
        self.inner.storage.apply_one(now, put).await?.map_err(|refusal| match (refusal, past) {
            (Refusal::EventPast, Some(past)) => past,
            (refusal, _) => refused(refusal),
        })
    }

    /// Like [`create_event`](Self::create_event), in the category with this name (1–50 characters, in any case). A missing
    /// category is created first. Two calls that do so at once share it.
    pub async fn create_event_in(&self, organizer: &Principal, event: NewEvent, category: &str) -> Result<Event> {
        let mut event = event.composed();
        check_event(organizer, &event)?;
        self.check_currency(&event)?;
        // A category must not stay behind for an event that is refused. With a key, the event may exist already.
        if let (None, Some(past)) = (&event.key, event.past(self.now())) {
            return Err(is_past(&event, past));
        }
        event.category_id = Some(self.category_named(category).await?.id);
        self.create_event(organizer, event).await
    }

    /// Tickets that cost money need a currency that the gateway charges. Otherwise every buyer would be refused.
    fn check_currency(&self, event: &NewEvent) -> Result<()> {
        let Some(gateway) = &self.inner.gateway else { return Ok(()) };
        let (abilities, code) = (gateway.abilities(), event.currency.code());
        let is_free = event.ticket_types.iter().all(|ticket_type| ticket_type.price.is_zero());
        let mut checks = Checks::default();
        checks.require("currency", is_free || abilities.charges(event.currency), || {
            let known = abilities.currencies.iter().flatten().map(|currency| currency.code());
            let known = known.collect::<Vec<_>>().join(", ");
            format!("must be one that the payment gateway charges: {known} (got {code})")
        });
        checks.done()
    }

    async fn category_named(&self, name: &str) -> Result<Category> {
        let name = composed(name.trim());
        let mut checks = Checks::default();
        checks.text("category", &name, 1, 50);
        checks.done()?;
        if let Some(category) = self.find_category(&name).await? {
            return Ok(category);
        }
        let new = NewCategory { name: name.clone(), description: None };
        match only(self.inner.storage.apply(self.now(), &[new]).await?)? {
            Ok(category) => Ok(category),
            // Another call was faster. Categories are never deleted, so it exists now.
            Err(Refusal::CategoryTaken) => Ok(self.find_category(&name).await?.ok_or(Refusal::CategoryUnknown)?),
            Err(refusal) => Err(refusal.into()),
        }
    }

    async fn find_category(&self, name: &str) -> Result<Option<Category>> {
        Ok(self.inner.storage.find(FindCategory(name.to_owned())).await?)
    }

    /// Creates a category.
    ///
    /// Refusals: `category_taken`.
    pub async fn create_category(&self, category: NewCategory) -> Result<Category> {
        let description = category.description.as_deref().map(composed);
        let category = NewCategory { name: composed(&category.name), description };
        let mut checks = Checks::default();
        checks.text("name", &category.name, 1, 50);
        checks.optional_text("description", category.description.as_deref(), 500);
        checks.done()?;
        granted(self.inner.storage.apply(self.now(), &[category]).await?)
    }

    /// Lists categories, by name.
    pub async fn categories(&self, page: PageRequest) -> Result<Page<Category>> {
        check_page(page)?;
        Ok(self.inner.storage.categories(page).await?)
    }

    /// An event, cancelled or not.
    pub async fn event(&self, id: EventId) -> Result<Event> {
        Ok(Arc::unwrap_or_clone(self.read_event(id).await?))
    }

    /// Like [`event`](Self::event), for reads that are many: concurrent callers share one copy, which is answered from memory while
    /// nothing changes. What this process committed before the call is always in it. What other processes committed may be missing for
    /// 50 ms.
    pub async fn shared_event(&self, id: EventId) -> Result<Arc<Event>> {
        // Before the read: what is committed during it has a later version.
        let Some(version) = self.inner.storage.version() else { return self.read_event(id).await };
        let moment = Moment { version, now: self.now() };
        if let Some(event) = self.inner.recent_events.get(id, moment) {
            return Ok(event);
        }
        let event = self.read_event(id).await?;
        self.inner.recent_events.keep(&event, moment);
        Ok(event)
    }

    /// Concurrent callers share one read.
    async fn read_event(&self, id: EventId) -> Result<Arc<Event>> {
        self.inner.batches.find(SharedEvent(id)).await?.ok_or(Error::NotFound("Event"))
    }

    /// Lists events.
    pub async fn events(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>> {
        check_page(page)?;
        Ok(self.inner.storage.events(filter, page).await?)
    }

    /// Lists the ids of events, to read the events a few at a time with [`events_of`](Self::events_of): a thousand events can be many
    /// megabytes.
    pub async fn event_ids(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<EventId>> {
        check_page(page)?;
        Ok(self.inner.storage.event_ids(filter, page).await?)
    }

    /// The events with these ids, in their order, cancelled or not.
    pub async fn events_of(&self, ids: &[EventId]) -> Result<Vec<Event>> {
        Ok(self.inner.storage.events_of(ids).await?)
    }

    /// Cancels an event. Sales and check-ins end at once; upkeep then refunds everyone who paid and notifies all buyers. A repeat
    /// changes nothing. Allowed for the event's organiser and administrators.
    pub async fn cancel_event(&self, actor: &Principal, id: EventId) -> Result<Event> {
        let event = self.event(id).await?;
        self.may_manage(actor, &event).await?;
        let event = self.inner.storage.apply_one(self.now(), CancelEvent { id }).await?.map_err(super::refused)?;
        self.inner.is_all_due.store(true, Ordering::Relaxed);
        self.inner.upkeep_wakeup.notify_one();
        Ok(event)
    }

    /// Refuses unless `actor` may manage this event. The role is looked up only for events of others.
    pub(super) async fn may_manage(&self, actor: &Principal, event: &Event) -> Result<()> {
        let is_allowed = may(Caller::of(actor), Permission::Manage, event)
            || may(self.caller(actor).await?, Permission::Manage, event);
        if is_allowed { Ok(()) } else { Err(Error::Forbidden("Only the event's organiser may do this")) }
    }
}

pub(super) fn check_page(page: PageRequest) -> Result<()> {
    let mut checks = Checks::default();
    checks.require("limit", (1..=MAX_PAGE).contains(&page.limit), || {
        format!("must be 1–{MAX_PAGE} (got {})", page.limit)
    });
    let skip_fits = i64::try_from(page.skip).is_ok_and(|skip| skip <= MAX_SAFE_INTEGER);
    checks.require("skip", skip_fits, || format!("must be at most {MAX_SAFE_INTEGER} (got {})", page.skip));
    checks.done()
}

fn is_past(event: &NewEvent, past: Past) -> Error {
    let (field, is_local) = match past {
        Past::Start => ("event_date", event.start_is_local),
        Past::End => ("end_date", event.end_is_local),
    };
    let message = if is_local { "must not be more than 24 hours in the past" } else { "must not be in the past" };
    Error::invalid(field, message)
}

fn check_event(organizer: &Principal, event: &NewEvent) -> Result<()> {
    let mut checks = Checks::default();
    checks.principal("organizer", organizer);
    checks.text("title", &event.title, 1, 200);
    checks.optional_lines("description", event.description.as_deref(), 10_000);
    checks.text("location", &event.location, 1, 200);
    checks.optional_lines("address", event.address.as_deref(), 500);
    checks.optional_text("image_url", event.image_url.as_deref(), 2000);
    let is_web = |url: &str| {
        ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) && !url.contains(char::is_whitespace)
    };
    let image_ok = event.image_url.as_deref().is_none_or(is_web);
    checks.require("image_url", image_ok, || "must be an https or http URL".to_owned());
    let ends_later = event.ends_at.is_none_or(|ends_at| ends_at > event.starts_at);
    checks.require("end_date", ends_later, || "must be after the start".to_owned());
    check_capacity(&mut checks, "capacity", event.capacity);

    let types = &event.ticket_types;
    let count_ok = (1..=MAX_TICKET_TYPES).contains(&types.len());
    checks
        .require("ticket_types", count_ok, || format!("must have 1–{MAX_TICKET_TYPES} entries (got {})", types.len()));
    let names: HashSet<String> = types.iter().map(|ticket_type| key(ticket_type.name.trim())).collect();
    checks.require("ticket_types", names.len() == types.len(), || "must have unique names".to_owned());
    for (index, ticket_type) in types.iter().enumerate() {
        let field = |name: &str| format!("ticket_types[{index}].{name}");
        checks.text(&field("name"), &ticket_type.name, 1, 100);
        check_capacity(&mut checks, &field("capacity"), ticket_type.capacity);
        let found = ticket_type.price.currency();
        checks.require(&field("price"), found == event.currency, || {
            format!("must be in {} (got {found})", event.currency)
        });
    }
    checks.done()
}

fn check_capacity(checks: &mut Checks, field: &str, capacity: Option<i64>) {
    let fits = capacity.is_none_or(|capacity| (1..=1_000_000_000).contains(&capacity));
    checks.require(field, fits, || format!("must be 1–1000000000 (got {})", capacity.unwrap_or_default()));
}
