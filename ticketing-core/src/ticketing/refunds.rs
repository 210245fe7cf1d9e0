//! Refunds and reviews: decided here by people, sent by upkeep.

use super::authorization::unless_known;
use super::checks::Checks;
use super::{Ticketing, granted};
use crate::domain::access::{Permission, is_theirs};
use crate::domain::code::Reference;
use crate::domain::id::{RefundId, TicketId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::Attempt;
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::payment_history::Payment;
use crate::domain::principal::Principal;
use crate::domain::refund::{Refund, RefundMoney, RefundReason, RefundRequest, RetryRefund, ReturnTickets};
use crate::error::{Error, Result};
use crate::gateway::GatewayError;
use crate::setters::setters;
use crate::storage::StorageExt as _;
use std::collections::BTreeSet;

/// What to refund, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefundOptions {
    /// The tickets to refund, each once. Default: all that are still valid. An empty list refunds an amount and leaves the tickets as they
    /// are.
    pub tickets: Option<Vec<TicketId>>,
    /// How much goes back. Default: what the tickets cost.
    pub money: RefundMoney,
    /// A note, kept with the refund: at most 500 characters. The buyer may read it.
    pub note: Option<String>,
    /// The idempotency key: a repeat with the same key returns the same refund. Default: a new key, so that a repeat makes
    /// another refund.
    pub key: Option<Reference>,
}

setters!(RefundOptions {
    with_tickets => tickets: impl Into<Option<Vec<TicketId>>>,
    with_money => money: RefundMoney,
    with_note => note: impl Into<Option<String>>,
    with_key => key: impl Into<Option<Reference>>,
});

/// A decision on a payment that is in review or needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// The decision.
    pub verdict: Verdict,
    /// The tickets to make void: at least one, each once. With [`Verdict::Void`] only.
    pub tickets: Vec<TicketId>,
    /// Why: 1–500 characters. It is kept with the payment, where it can be erased, and not in the audit log.
    pub note: String,
}

impl Decision {
    /// A decision that names no tickets.
    pub fn new(verdict: Verdict, note: impl Into<String>) -> Self {
        Self { verdict, tickets: vec![], note: note.into() }
    }
}

setters!(Decision {
    with_tickets => tickets: Vec<TicketId>,
});

/// At least one ticket, each once.
fn check_tickets(checks: &mut Checks, tickets: &[TicketId]) {
    checks.require("tickets", !tickets.is_empty(), || "must name at least one ticket (got none)".to_owned());
    let mut seen = BTreeSet::new();
    if let Some(twice) = tickets.iter().find(|id| !seen.insert(**id)) {
        checks.require("tickets", false, || format!("must name each ticket once (got {twice} twice)"));
    }
}

impl Ticketing {
    /// Refunds tickets of a paid order. They become void and their places free at once; upkeep sends the money back. Allowed for
    /// the event's organiser and administrators. `reference` is the order's or that of one of its payment attempts.
    ///
    /// With [`RefundOptions::money`], another amount goes back than the tickets cost: nothing, a part, or, with an empty list of tickets, an
    /// amount without any ticket. What a person has received in cash or by transfer, a person pays back: see
    /// [`record_refund`](Self::record_refund).
    ///
    /// Refusals: `nothing_to_refund`, `ticket_not_in_order`, `ticket_not_valid`, `refund_exceeds_paid`, `key_reused`. If one ticket
    /// is refused, none is refunded.
    pub async fn refund(&self, actor: &Principal, reference: &Reference, options: RefundOptions) -> Result<Refund> {
        let RefundOptions { tickets, money, note, key } = options;
        let mut checks = Checks::default();
        checks.optional_text("note", note.as_deref(), 500);
        match (&tickets, money) {
            (Some(tickets), RefundMoney::Exactly(amount)) if tickets.is_empty() && !amount.is_zero() => {}
            (Some(tickets), _) => check_tickets(&mut checks, tickets),
            (None, _) => {}
        }
        checks.done()?;
        let missing = || Error::NotFound("Payment");
        let found = self.inner.storage.payment(reference).await?.ok_or_else(missing)?.order;
        let event = self.event(found.event_id).await?;
        // The buyer may know that the order exists; nobody else does.
        let theirs = is_theirs(actor, &found);
        let no = || if theirs { Error::Forbidden("Only the event's organiser may refund") } else { missing() };
        let scope = self.scope_over(actor, Permission::Orders, &event).await;
        let scope = scope.map_err(|error| unless_known(error, no()))?;
        let key = key.unwrap_or_else(|| Reference::of_attempt(&self.inner.random.seed()));
        let request = RefundRequest {
            key,
            order: found.reference,
            tickets,
            money,
            reason: RefundReason::Requested,
            note,
            actor: actor.clone(),
            scope: Some(scope),
        };
        let refund = granted(self.inner.storage.apply(self.now(), &[request]).await?)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(refund)
    }

    /// Returns unused tickets of a paid order, because the date or the place of the event changed after it was made. They become void
    /// and their places free at once; upkeep sends the money back. Only for the buyer, until the date that the mail about the change
    /// names. Without `tickets`, all that are unused. With a `key` of yours, a repeat returns the same refund.
    ///
    /// Refusals: `return_not_open`, `nothing_to_refund`, `ticket_not_in_order`, `ticket_not_valid`, `refund_exceeds_paid`,
    /// `key_reused`. If one ticket is refused, none is returned.
    pub async fn return_tickets(
        &self,
        actor: &Principal,
        reference: &Reference,
        tickets: Option<Vec<TicketId>>,
        key: Option<Reference>,
    ) -> Result<Refund> {
        let mut checks = Checks::default();
        if let Some(tickets) = &tickets {
            check_tickets(&mut checks, tickets);
        }
        checks.done()?;
        let order = self.order(actor, reference).await?;
        let key = key.unwrap_or_else(|| Reference::of_attempt(&self.inner.random.seed()));
        let request = ReturnTickets { key, order: order.reference, tickets, buyer: actor.clone() };
        let refund = self.inner.storage.apply_one(self.now(), request).await?.map_err(super::refused)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(refund)
    }

    /// Retries a refund that the gateway gave up; one that needs attention is looked up again. A refund that is in progress or done
    /// stays as it is. Allowed for the event's organiser and administrators.
    pub async fn retry_refund(&self, actor: &Principal, payment: &Reference, id: RefundId) -> Result<Refund> {
        let missing = || Error::NotFound("Refund");
        let payment = self.inner.storage.payment(payment).await?.ok_or_else(missing)?;
        let event = self.event(payment.order.event_id).await?;
        self.may(actor, Permission::Orders, &event).await.map_err(|error| unless_known(error, missing()))?;
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
    /// disputed ones, late ones that are refunded automatically, those with a refund that the gateway gave up (see
    /// [`retry_refund`](Self::retry_refund)), and those with another reason for [attention](crate::domain::payment::Attention). Of `actor`'s events; for administrators, of all events.
    pub async fn reviews(&self, actor: &Principal, page: PageRequest) -> Result<Page<Attempt>> {
        super::events::check_page(page)?;
        let scope = self.authorize(actor, Permission::Orders).await?;
        Ok(self.inner.storage.reviews(&scope, page).await?)
    }

    /// Decides a payment that is in review or needs attention: accept it, refund it, or make some of its tickets void without sending
    /// money. See [`Verdict`]. Allowed for the event's organiser and administrators.
    ///
    /// Where the gateway has only answered about another payment so far, it is asked again first, since nobody knows how much came.
    /// If it still does not say, the decision fails with a gateway's error and can be repeated.
    ///
    /// Refusals: `not_in_review` (also on repeat), `sold_out`, `nothing_to_refund`, `ticket_not_in_order`, `ticket_not_valid`.
    pub async fn resolve_review(
        &self,
        actor: &Principal,
        reference: &Reference,
        decision: Decision,
    ) -> Result<Attempt> {
        let Decision { verdict, tickets, note } = decision;
        let mut checks = Checks::default();
        checks.text("note", &note, 1, 500);
        if verdict == Verdict::Void {
            check_tickets(&mut checks, &tickets);
        } else {
            checks.require("tickets", tickets.is_empty(), || "must be left out unless the verdict is void".to_owned());
        }
        checks.done()?;
        let missing = || Error::NotFound("Payment");
        let payment = self.inner.storage.payment(reference).await?.ok_or_else(missing)?;
        let event = self.event(payment.order.event_id).await?;
        let scope =
            self.scope_over(actor, Permission::Orders, &event).await.map_err(|error| unless_known(error, missing()))?;
        self.know_capture(&payment, reference).await?;
        let resolve = Resolve {
            reference: reference.clone(),
            verdict,
            tickets,
            note,
            actor: actor.clone(),
            scope,
            seed: self.inner.random.seed(),
        };
        let attempt = granted(self.inner.storage.apply(self.now(), &[resolve]).await?)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(attempt)
    }

    /// Asks the gateway about an attempt of which it has only answered about another payment. Otherwise a refund would send back what
    /// somebody else paid.
    async fn know_capture(&self, payment: &Payment, reference: &Reference) -> Result<()> {
        let attempt = payment.attempts.iter().find(|attempt| attempt.reference == *reference);
        let Some(unknown) = attempt.filter(|attempt| attempt.is_capture_unknown()) else { return Ok(()) };
        self.ask_and_settle(unknown).await?;
        let now = self.inner.storage.attempt(reference).await?;
        if now.is_some_and(|now| now.is_capture_unknown()) { Err(GatewayError::Unreadable.into()) } else { Ok(()) }
    }
}
