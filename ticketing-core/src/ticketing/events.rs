use super::checks::Checks;
use super::event_checks::{check_event, check_types};
use super::event_copies::COPY_KEY;
use super::recent_events::Moment;
use super::{Ticketing, granted, only, refused};
use crate::domain::access::Permission;
use crate::domain::category::{Category, FindCategory, NewCategory};
use crate::domain::command::Query;
use crate::domain::event::{CancelEvent, Event, EventFilter, EventStatus, FindEvent, NewEvent, Past, PutEvent};
use crate::domain::id::{EventId, MAX_SAFE_INTEGER};
use crate::domain::load::LoadKeys;
use crate::domain::page::{MAX_PAGE, Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::text::composed;
use crate::domain::working_set::WorkingSet;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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
    /// Creates an event that `organizer` runs: on sale at once, or a draft. It must not be past. Without a key, a repeat creates a
    /// second one.
    ///
    /// With [`Organizers::Verified`](crate::Organizers::Verified), an event with a price is a draft if the organiser is an account
    /// whose address is not verified.
    ///
    /// An API key creates it for the organiser that it is for. It needs [`Permission::Edit`] for all events.
    ///
    /// Refusals: `category_unknown`, `key_reused`.
    pub async fn create_event(&self, organizer: &Principal, event: NewEvent) -> Result<Event> {
        self.create(organizer, &self.organizer_for(organizer).await?, event, None).await
    }

    /// Creates an event: who does it, and who runs it.
    pub(super) async fn create(
        &self,
        actor: &Principal,
        organizer: &Principal,
        event: NewEvent,
        category: Option<&str>,
    ) -> Result<Event> {
        let mut event = event.composed();
        self.check_new(organizer, &event)?;
        if let Some(category) = category {
            // A category must not stay behind for an event that is refused. With a key, the event may exist already.
            if let (None, Some(past)) = (&event.key, event.past(self.now())) {
                return Err(is_past(&event, past));
            }
            event.category_id = Some(self.category_named(category).await?.id);
        }
        let event = self.as_allowed(actor, event).await?;
        let now = self.now();
        let past = event.past(now).map(|past| is_past(&event, past));
        let put = PutEvent { actor: actor.clone(), organizer: organizer.clone(), event };
        self.inner.storage.apply_one(now, put).await?.map_err(|refusal| match (refusal, past) {
            (Refusal::EventPast, Some(past)) => past,
            (refusal, _) => refused(refusal),
        })
    }

    /// Like [`create_event`](Self::create_event), in the category with this name (1–50 characters, in any case). A missing
    /// category is created first. Two calls that do so at once share it.
    pub async fn create_event_in(&self, organizer: &Principal, event: NewEvent, category: &str) -> Result<Event> {
        self.create(organizer, &self.organizer_for(organizer).await?, event, Some(category)).await
    }

    /// Finds everything that is wrong with the fields of a new event, and creates nothing. For callers who have found faults of their
    /// own, and want to name all of them at once.
    pub fn check_new_event(&self, organizer: &Principal, event: NewEvent, category: Option<&str>) -> Result<()> {
        let event = event.composed();
        let past = event.past(self.now()).map_or(Ok(()), |past| Err(is_past(&event, past)));
        // Whom a key creates it for does not matter here.
        let organizer = &match organizer {
            Principal::Key { maker, .. } => Principal::Account(*maker),
            who => who.clone(),
        };
        let checked = [self.check_new(organizer, &event), category.map_or(Ok(()), check_category_name), past];
        let mut wrong = vec![];
        for error in checked.into_iter().filter_map(Result::err) {
            match error {
                Error::Invalid(faults) => wrong.extend(faults),
                error => return Err(error),
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    /// Finds everything that is wrong and does not depend on the time.
    fn check_new(&self, organizer: &Principal, new: &NewEvent) -> Result<()> {
        // It has no version yet.
        let event = Event { version: 0, ..new.to_event(organizer, self.now()) };
        let mut checks = Checks::default();
        checks.organizer("organizer", organizer);
        let is_free = new.key.as_ref().is_none_or(|key| !key.as_str().starts_with(COPY_KEY));
        checks.require("key", is_free, || format!("must not begin with {COPY_KEY}: copies of events have such keys"));
        check_event(&mut checks, &event);
        check_types(&mut checks, &event);
        let is_offered = event.status != EventStatus::Active || event.public_types().next().is_some();
        checks.require("ticket_types", is_offered, || "must have one that is not secret".to_owned());
        self.check_currency(&mut checks, &event);
        checks.done()
    }

    /// Tickets that cost money need a currency that the gateway charges. Otherwise every buyer would be refused.
    pub(super) fn check_currency(&self, checks: &mut Checks, event: &Event) {
        let Some(gateway) = &self.inner.gateway else { return };
        let (abilities, code) = (gateway.abilities(), event.currency.code());
        let offered = event.ticket_types.iter().filter(|ticket_type| ticket_type.removed_at.is_none());
        let is_free = offered.into_iter().all(|ticket_type| ticket_type.price.is_zero());
        checks.require("currency", is_free || abilities.charges(event.currency), || {
            let known = abilities.currencies.iter().flatten().map(|currency| currency.code());
            let known = known.collect::<Vec<_>>().join(", ");
            format!("must be one that the payment gateway charges: {known} (got {code})")
        });
    }

    async fn category_named(&self, name: &str) -> Result<Category> {
        check_category_name(name)?;
        let name = composed(name.trim());
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

    /// An event with all its ticket types, whatever its status. Show a draft, and what is secret or removed, to its organiser only.
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

    /// The events with these ids, in their order, whatever their status.
    pub async fn events_of(&self, ids: &[EventId]) -> Result<Vec<Event>> {
        Ok(self.inner.storage.events_of(ids).await?)
    }

    /// Cancels an event. Sales and check-ins end at once; upkeep then refunds everyone who paid and notifies all buyers. A repeat
    /// changes nothing. Needs [`Permission::Manage`].
    pub async fn cancel_event(&self, actor: &Principal, id: EventId) -> Result<Event> {
        let event = self.event(id).await?;
        self.may(actor, Permission::Manage, &event).await?;
        let event = self.inner.storage.apply_one(self.now(), CancelEvent { id }).await?.map_err(super::refused)?;
        self.inner.is_all_due.store(true, Ordering::Relaxed);
        self.inner.upkeep_wakeup.notify_one();
        Ok(event)
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

fn check_category_name(name: &str) -> Result<()> {
    let mut checks = Checks::default();
    checks.text("category", &composed(name.trim()), 1, 50);
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
