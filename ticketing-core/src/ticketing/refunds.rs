//! Refunds and reviews: decided here by people, sent by upkeep.

use super::checks::Checks;
use super::{Ticketing, granted};
use crate::domain::access::{Caller, Permission, may};
use crate::domain::code::Reference;
use crate::domain::id::{RefundId, TicketId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::Attempt;
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::principal::Principal;
use crate::domain::refund::{Refund, RefundReason, RefundRequest, RetryRefund};
use crate::error::{Error, Result};
use crate::setters::setters;
use crate::storage::StorageExt as _;

/// What to refund, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefundOptions {
    /// The tickets to refund. Default: all that are still valid.
    pub tickets: Vec<TicketId>,
    /// A note for the audit log and the payment's history: at most 500 characters. The buyer does not see it.
    pub note: Option<String>,
    /// The idempotency key: a repeat with the same key returns the same refund. Default: a new key, so that a repeat makes
    /// another refund.
    pub key: Option<Reference>,
}

setters!(RefundOptions {
    with_tickets => tickets: Vec<TicketId>,
    with_note => note: impl Into<Option<String>>,
    with_key => key: impl Into<Option<Reference>>,
});

impl Ticketing {
    /// Refunds tickets of a paid order. They become void and their places free at once; upkeep sends the money back. Allowed for
    /// the event's organiser and administrators. `reference` is the order's or that of one of its payment attempts.
    ///
    /// Refusals: `nothing_to_refund`, `refund_exceeds_paid`, `key_reused`.
    pub async fn refund(&self, actor: &Principal, reference: &Reference, options: RefundOptions) -> Result<Refund> {
        let RefundOptions { tickets, note, key } = options;
        let mut checks = Checks::default();
        checks.optional_text("note", note.as_deref(), 500);
        checks.done()?;
        let missing = || Error::NotFound("Payment");
        let found = self.inner.storage.payment(reference).await?.ok_or_else(missing)?.order;
        let event = self.event(found.event_id).await?;
        if self.may_manage(actor, &event).await.is_err() {
            // The buyer may know that the order exists; nobody else does.
            let theirs = may(Caller::of(actor), Permission::Use, &found);
            return Err(if theirs { Error::Forbidden("Only the event's organiser may refund") } else { missing() });
        }
        let key = key.unwrap_or_else(|| Reference::of_attempt(&self.inner.random.seed()));
        let request = RefundRequest {
            key,
            order: found.reference,
            tickets,
            reason: RefundReason::Requested,
            note,
            actor: actor.clone(),
        };
        let refund = granted(self.inner.storage.apply(self.now(), &[request]).await?)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(refund)
    }

    /// Retries a refund that the gateway gave up; one that needs attention is looked up again. A refund that is in progress or done
    /// stays as it is. Allowed for the event's organiser and administrators.
    pub async fn retry_refund(&self, actor: &Principal, payment: &Reference, id: RefundId) -> Result<Refund> {
        let missing = || Error::NotFound("Refund");
        let payment = self.inner.storage.payment(payment).await?.ok_or_else(missing)?;
        let event = self.event(payment.order.event_id).await?;
        self.may_manage(actor, &event).await.map_err(|_| missing())?;
        if !payment.refunds.iter().any(|refund| refund.id == id) {
            return Err(missing());
        }
        let refund = self
            .inner
            .storage
            .apply_one(self.now(), RetryRefund { id, actor: actor.clone() })
            .await?
            .map_err(super::refused)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(refund)
    }

    /// Payments that a person should look at, the oldest first: those in review (see [`resolve_review`](Self::resolve_review)),
    /// disputed ones, late ones that are refunded automatically, and those with a refund that the gateway gave up (see
    /// [`retry_refund`](Self::retry_refund)). Of `actor`'s events; for administrators, of all events.
    pub async fn reviews(&self, actor: &Principal, page: PageRequest) -> Result<Page<Attempt>> {
        super::events::check_page(page)?;
        let organizer = if self.caller(actor).await?.is_admin() { None } else { Some(actor) };
        Ok(self.inner.storage.reviews(organizer, page).await?)
    }

    /// Decides a payment in review: accept it and issue the tickets, or refund all of it. Allowed for the event's organiser and
    /// administrators.
    ///
    /// Refusals: `not_in_review` (also on repeat), `sold_out`.
    pub async fn resolve_review(
        &self,
        actor: &Principal,
        reference: &Reference,
        verdict: Verdict,
        note: String,
    ) -> Result<Attempt> {
        let mut checks = Checks::default();
        checks.text("note", &note, 1, 500);
        checks.done()?;
        let missing = || Error::NotFound("Payment");
        let payment = self.inner.storage.payment(reference).await?.ok_or_else(missing)?;
        let event = self.event(payment.order.event_id).await?;
        self.may_manage(actor, &event).await.map_err(|_| missing())?;
        let resolve = Resolve {
            reference: reference.clone(),
            verdict,
            note,
            actor: actor.clone(),
            seed: self.inner.random.seed(),
        };
        let attempt = granted(self.inner.storage.apply(self.now(), &[resolve]).await?)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(attempt)
    }
}
