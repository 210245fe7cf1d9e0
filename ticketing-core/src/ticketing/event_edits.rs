//! Editing, publishing and pausing events.

use super::checks::Checks;
use super::event_checks::{check_event, check_types};
use super::events::check_page;
use super::{Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::audit::{AuditLine, ListAuditOfEvent};
use crate::domain::category::FindCategoryById;
use crate::domain::event::{EditEvent, Event, EventStatus, EventWants, SalesRulesWants, TicketTypeWants, WrongType};
use crate::domain::id::EventId;
use crate::domain::notice::needs_notice;
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::text::composed;
use crate::error::{Error, Invalid, Result};
use crate::storage::StorageExt as _;
use jiff::Timestamp;

/// How often an edit without a version starts again because somebody else has edited the same event. So many cannot edit it at once.
const TRIES: u32 = 1000;

impl Ticketing {
    /// Changes an event into what it shall be; what is not named stays as it is. With `seen`, only if that is still its version. What is
    /// so already is no change, so a repeat is harmless and answered as the first call, whatever the version. Needs
    /// [`Permission::Edit`]. To move the event to another organiser, it also needs [`Permission::Manage`] on both sides; an event moves
    /// to an organisation, or to `actor`.
    ///
    /// Orders keep the prices and tickets that they were made with. Holds that exist are not touched by new rules. Where the date or the
    /// place of a published event changes, everybody who has paid gets a mail about it ten minutes later; further changes until then
    /// become part of it. Until [`EventWants::refund_until`], buyers may [return](Self::return_tickets) unused tickets.
    ///
    /// Refusals: `stale`, `capacity_too_low`, `has_orders`, `last_type`, `event_over`, `event_cancelled`, `category_unknown`, `organisation_unknown`; and
    /// `email_unverified` where [`TicketingBuilder::organizers`] says that `actor` may not publish the event or sell its tickets. All
    /// wrong fields are listed in one error.
    ///
    /// [`TicketingBuilder::organizers`]: crate::TicketingBuilder::organizers
    pub async fn edit_event(
        &self,
        actor: &Principal,
        id: EventId,
        seen: Option<i64>,
        wants: EventWants,
    ) -> Result<Event> {
        let wants = in_composed_text(wants);
        let mut tries = 0;
        loop {
            tries += 1;
            let event = self.event_for(actor, id, Permission::Edit).await?;
            if let Some(to) = &wants.organizer {
                self.may_move(actor, &event, to).await?;
            }
            let now = self.now();
            self.may_sell(actor, &event, &wants, now).await?;
            match self.check_edit(&event, seen, &wants, now) {
                Ok(Some(unchanged)) => return Ok(unchanged),
                Ok(None) => {}
                Err(Error::Invalid(_)) => self.check_event_edit(&event, &wants).await?,
                Err(error) => return Err(error),
            }
            // What was checked is what is changed: the command compares the version under the event's lock.
            let edit = EditEvent { id, actor: actor.clone(), seen: Some(event.version), wants: wants.clone() };
            match self.inner.storage.apply_one(now, edit).await? {
                Err(Refusal::Stale { .. }) if seen.is_none() && tries < TRIES => {}
                edited => return edited.map_err(refused),
            }
        }
    }

    /// Finds everything that is wrong with an edit, and changes nothing. For callers who have found faults of their own, and want to name
    /// all of them at once.
    pub async fn check_event_edit(&self, event: &Event, wants: &EventWants) -> Result<()> {
        let wants = in_composed_text(wants.clone());
        let mut wrong = match self.check_edit(event, None, &wants, self.now()) {
            Ok(_) => vec![],
            Err(Error::Invalid(wrong)) => wrong,
            Err(error) => return Err(error),
        };
        if let Some(id) = wants.category_id.flatten()
            && self.inner.storage.find(FindCategoryById(id)).await?.is_none()
        {
            wrong.push(Invalid::new("category_id", format!("must be the id of a category (got {id})")));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    /// An event for somebody who may see all of it: its organiser, with [`Permission::View`], or an administrator. A draft of somebody
    /// else is not found.
    pub async fn managed_event(&self, actor: &Principal, id: EventId) -> Result<Event> {
        self.event_for(actor, id, Permission::View).await
    }

    /// Lists what was done to an event, the oldest first: edits with the values before and after, and promo codes. It names people and API
    /// keys by their ids. What was decided about a payment is in [its history](Self::payment). Needs [`Permission::Edit`], since
    /// it shows promo codes.
    pub async fn event_audit(&self, actor: &Principal, id: EventId, page: PageRequest) -> Result<Page<AuditLine>> {
        check_page(page)?;
        let event = self.event(id).await?;
        let scope = self.scope_over(actor, Permission::Edit, &event).await?;
        Ok(self.inner.storage.find(ListAuditOfEvent { scope, event_id: id, page }).await?)
    }

    /// Publishes a draft: it is listed and on sale. A repeat changes nothing. It must begin in the future and have a ticket type that
    /// everybody sees, and the payment gateway must charge its currency unless it is free; all that is missing is listed.
    ///
    /// Refusals: `event_cancelled`, and `email_unverified` where accounts need a verified address to publish.
    pub async fn publish_event(&self, actor: &Principal, id: EventId) -> Result<Event> {
        self.edit_event(actor, id, None, EventWants::default().with_status(EventStatus::Active)).await
    }

    /// Makes a published event a draft again. A repeat changes nothing.
    ///
    /// Refusals: `has_orders` while an order is held or paid: pause the sales instead. `event_cancelled`, `event_over`.
    pub async fn unpublish_event(&self, actor: &Principal, id: EventId) -> Result<Event> {
        self.edit_event(actor, id, None, EventWants::default().with_status(EventStatus::Draft)).await
    }

    /// Pauses the sales of an event, which stays listed. Places that are held can still be paid. A repeat changes nothing.
    ///
    /// Refusals: `event_cancelled`, `event_over`.
    pub async fn pause_sales(&self, actor: &Principal, id: EventId) -> Result<Event> {
        self.set_paused(actor, id, true).await
    }

    /// Resumes paused sales. A repeat changes nothing.
    ///
    /// Refusals: `event_cancelled`, `event_over`.
    pub async fn resume_sales(&self, actor: &Principal, id: EventId) -> Result<Event> {
        self.set_paused(actor, id, false).await
    }

    async fn set_paused(&self, actor: &Principal, id: EventId, paused: bool) -> Result<Event> {
        let rules = SalesRulesWants::default().with_paused(paused);
        self.edit_event(actor, id, None, EventWants::default().with_rules(rules)).await
    }

    /// Finds all that is wrong with an edit of this version. Returns the event if nothing would change.
    fn check_edit(
        &self,
        event: &Event,
        seen: Option<i64>,
        wants: &EventWants,
        now: Timestamp,
    ) -> Result<Option<Event>> {
        let (wanted, wrong) = wants.apply(event, now);
        if wrong.is_empty() && wanted == *event {
            // A repeat names the date or the place again.
            if wants.refund_until.flatten().is_some() && !wants.may_change_date_or_place() {
                return Err(Error::invalid(
                    "refund_until",
                    "must come with another date or place of a published event",
                ));
            }
            return Ok(Some(wanted));
        }
        if seen.is_some_and(|seen| seen != event.version) {
            return Err(Error::Refused(Refusal::Stale { current: event.version }));
        }
        let mut checks = Checks::default();
        let can_be = wants.status.is_none_or(|status| status != EventStatus::Cancelled || status == event.status);
        checks.require("status", can_be, || "must be draft or active (got cancelled): cancel the event".to_owned());
        check_event(&mut checks, &wanted);
        if wrong.is_empty() {
            check_types(&mut checks, &wanted);
        }
        // The others are checked once it is known which ones they are.
        for (index, wrong) in wrong {
            let (field, message) = explain(&wrong);
            checks.require(&format!("ticket_types[{index}].{field}"), false, || message);
        }
        let publishes = event.status == EventStatus::Draft && wanted.status == EventStatus::Active;
        if publishes {
            let is_offered = wanted.public_types().next().is_some();
            checks.require("ticket_types", is_offered, || "must have one that is not secret".to_owned());
        }
        let is_past = |at: Timestamp, before: Option<Timestamp>| at <= now && (publishes || before != Some(at));
        checks.require("event_date", !is_past(wanted.starts_at, Some(event.starts_at)), || {
            format!("must be in the future (got {})", wanted.starts_at)
        });
        let ends_past = wanted.ends_at.is_some_and(|ends_at| is_past(ends_at, event.ends_at));
        checks.require("end_date", !ends_past, || "must be in the future".to_owned());
        if let Some(until) = wants.refund_until.flatten() {
            let end = wanted.sales_end_at();
            checks.require("refund_until", until > now && until <= end, || {
                format!("must be in the future, and not after the event's end {end} (got {until})")
            });
            checks.require("refund_until", needs_notice(event, &wanted, now), || {
                "must come with another date or place of a published event".to_owned()
            });
        }
        if wanted.status == EventStatus::Active {
            self.check_currency(&mut checks, &wanted);
        }
        checks.done().map(|()| None)
    }
}

fn explain(wrong: &WrongType) -> (&'static str, String) {
    match wrong {
        WrongType::Unknown(id) => ("id", format!("must be a ticket type of this event that is not removed (got {id})")),
        WrongType::Twice => ("id", "must not be listed twice".to_owned()),
        WrongType::NoName => ("name", "is required for a new ticket type".to_owned()),
        WrongType::NoPrice => ("price", "is required for a new ticket type".to_owned()),
        WrongType::NoPriceIn(currency) => {
            ("price", format!("is required: {} has fewer decimals than the price", currency.code()))
        }
    }
}

/// The same with all text composed.
fn in_composed_text(mut wants: EventWants) -> EventWants {
    let each = [&mut wants.title, &mut wants.location].into_iter().flatten();
    let optional = [&mut wants.description, &mut wants.address].into_iter().flatten().flatten();
    let types = wants.ticket_types.iter_mut().flatten();
    let names = types.filter_map(|ticket_type: &mut TicketTypeWants| ticket_type.name.as_mut());
    each.chain(optional).chain(names).for_each(|text| *text = composed(text));
    wants
}
