//! Who may sell tickets: everybody, or only accounts whose e-mail address is verified.

use super::{Ticketing, refused};
use crate::domain::event::{Event, EventStatus, EventWants, NewEvent};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::error::Result;
use jiff::Timestamp;

/// Which accounts may sell tickets. Principals of the embedding application are not concerned: it knows its users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Organizers {
    /// Every account.
    #[default]
    Anyone,
    /// Accounts with a verified e-mail address. An event with a price that another account creates is a draft, and other accounts
    /// publish nothing. Events that are published already are not touched.
    Verified,
}

impl Ticketing {
    /// The new event as its organiser may make it: what may not be on sale yet is a draft.
    pub(super) async fn as_allowed(&self, organizer: &Principal, event: NewEvent) -> Result<NewEvent> {
        let sells = !event.is_draft && event.ticket_types.iter().any(|of| !of.price.is_zero());
        let is_draft = event.is_draft || (sells && self.is_unproved(organizer).await?);
        Ok(NewEvent { is_draft, ..event })
    }

    /// Refuses an edit that publishes the event, or puts a price on a published one, if `actor` may not do that.
    pub(super) async fn may_sell(
        &self,
        actor: &Principal,
        event: &Event,
        wants: &EventWants,
        now: Timestamp,
    ) -> Result<()> {
        let (wanted, _) = wants.apply(event, now);
        let publishes = event.status == EventStatus::Draft && wanted.status == EventStatus::Active;
        let begins_to_sell = sells(&wanted) && !sells(event);
        if publishes || begins_to_sell { self.must_be_proved(actor).await } else { Ok(()) }
    }

    /// Refuses copies of an event that would be on sale at once, if `actor` may not sell.
    pub(super) async fn may_copy(&self, actor: &Principal, event: &Event, status: EventStatus) -> Result<()> {
        let copy = Event { status, ..event.clone() };
        if sells(&copy) { self.must_be_proved(actor).await } else { Ok(()) }
    }

    async fn must_be_proved(&self, who: &Principal) -> Result<()> {
        if self.is_unproved(who).await? { Err(refused(Refusal::EmailUnverified)) } else { Ok(()) }
    }

    /// Whether it is an account that may not sell because its address is not verified.
    async fn is_unproved(&self, who: &Principal) -> Result<bool> {
        let account = match who {
            Principal::Account(id) | Principal::Key { maker: id, .. } => *id,
            Principal::External(_) | Principal::Organisation(_) | Principal::Guest(_) => return Ok(false),
        };
        if self.inner.organizers == Organizers::Anyone {
            return Ok(false);
        }
        Ok(self.acting_account(&Principal::Account(account)).await?.is_none_or(|account| !account.is_verified))
    }
}

/// Whether tickets with a price are offered to the public.
fn sells(event: &Event) -> bool {
    let offered = event.ticket_types.iter().filter(|of| of.removed_at.is_none());
    event.status == EventStatus::Active && offered.into_iter().any(|of| !of.price.is_zero())
}
