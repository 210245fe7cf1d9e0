//! Selling without a checkout: free tickets, cash, bank transfers, and refunds that a person pays back.

use super::attendees::MAX_NAME;
use super::authorization::unless_known;
use super::checks::Checks;
use super::orders::not_held;
use super::{Ticketing, refused};
use crate::clock::whole_microseconds;
use crate::domain::access::{Permission, is_theirs};
use crate::domain::code::Reference;
use crate::domain::id::{EventId, RefundId};
use crate::domain::money::Money;
use crate::domain::order::{
    IssueLine, IssueOrder, IssuePayment, Issued, MAX_PAY_LATER, MAX_TICKETS_PER_ORDER, OrderKey,
};
use crate::domain::outbox::{OutboxMail, ResendTickets};
use crate::domain::payment::{ManualMethod, RecordPayment, Settlement};
use crate::domain::principal::{Buyer, EmailAddress, Principal};
use crate::domain::refund::{RecordRefund, Refund};
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::metrics::{self, Stage};
use crate::setters::setters;
use crate::storage::StorageExt as _;

/// The longest note about a payment.
pub(super) const MAX_NOTE: usize = 500;

/// An order to make on behalf of a buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssueRequest {
    /// The event.
    pub event_id: EventId,
    /// The lines: 1–100 tickets in total.
    pub lines: Vec<IssueLine>,
    /// How it is paid.
    pub payment: IssuePayment,
    /// The buyer. Default: a guest, who has the order's key.
    pub buyer: Option<Principal>,
    /// Where the tickets are sent. Default: nowhere. The tickets are in the answer.
    pub email: Option<EmailAddress>,
    /// Why the tickets are free, which must be said, or a note about the payment: at most 500 characters. The
    /// buyer may read it.
    pub note: Option<String>,
    /// The order's reference, which is its idempotency key. Default: a new one, so that a repeat makes another order. The reference of a
    /// guest's order is what the key is made from, so it must be hard to guess.
    pub reference: Option<Reference>,
}

impl IssueRequest {
    /// An order for these lines, for a guest without an address.
    pub fn new(event_id: EventId, lines: Vec<IssueLine>, payment: IssuePayment) -> Self {
        Self { event_id, lines, payment, buyer: None, email: None, note: None, reference: None }
    }
}

setters!(IssueRequest {
    with_buyer => buyer: impl Into<Option<Principal>>,
    with_email => email: impl Into<Option<EmailAddress>>,
    with_note => note: impl Into<Option<String>>,
    with_reference => reference: impl Into<Option<Reference>>,
});

/// A payment that a person has received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedPayment {
    /// How it came.
    pub method: ManualMethod,
    /// How much.
    pub amount: Money,
    /// A note, such as the reference of a bank transfer: at most 500 characters.
    pub note: Option<String>,
    /// The reference of the attempt, which is its idempotency key. Default: a new one.
    pub reference: Option<Reference>,
}

impl ReceivedPayment {
    /// A payment without a note.
    pub fn new(method: ManualMethod, amount: Money) -> Self {
        Self { method, amount, note: None, reference: None }
    }
}

setters!(ReceivedPayment {
    with_note => note: impl Into<Option<String>>,
    with_reference => reference: impl Into<Option<Reference>>,
});

impl Ticketing {
    /// Makes an order without a checkout: free tickets, tickets that were paid in cash or by a bank transfer, or places that are kept until
    /// somebody [pays](Self::record_payment). Unless it is paid later, its tickets are issued at once, and mailed if there is an address.
    /// Allowed for those who may do so for the orders of the event. A repeat with the same reference and content finds the same order.
    ///
    /// Sales windows, pauses, limits for buyers and secret types do not bind those who issue tickets. Capacity does.
    ///
    /// Refusals: `event_draft`, `event_cancelled`, `event_over`, `ticket_type_unknown`, `sold_out`, `total_too_large`,
    /// `currency_unsupported`, `key_reused`.
    pub async fn issue_order(&self, actor: &Principal, request: IssueRequest) -> Result<Issued> {
        self.check_issue(&request)?;
        let event = self.event(request.event_id).await?;
        let scope = self.scope_over(actor, Permission::Orders, &event).await?;
        let IssueRequest { event_id, lines, payment, buyer, email, note, reference } = request;
        let payment = match payment {
            // As precise as it is stored.
            IssuePayment::Later { until } => IssuePayment::Later { until: whole_microseconds(until) },
            payment => payment,
        };
        let reference = reference.unwrap_or_else(|| Reference::of_order(&self.inner.random.seed()));
        let who = buyer.unwrap_or_else(|| Principal::Guest(reference.clone()));
        let now = self.now();
        let issue = IssueOrder {
            // The same for a repeat.
            attempt: Reference::derived(&crate::domain::code::Seed::of_reference(&reference), "issued attempt"),
            reference,
            event_id,
            buyer: Buyer { who, email },
            lines,
            payment,
            note: note.filter(|note| !note.trim().is_empty()),
            is_mailed: true,
            actor: actor.clone(),
            scope,
            seed: self.inner.random.seed(),
        };
        let issued = self.inner.storage.apply_one(now, issue).await?.map_err(not_held)?;
        if issued.first {
            metrics::reached(Stage::Held, 1);
            metrics::issued(issued.tickets.len());
            self.inner.upkeep_wakeup.notify_one();
        }
        Ok(issued)
    }

    fn check_issue(&self, request: &IssueRequest) -> Result<()> {
        let mut checks = Checks::default();
        checks.require("quantity", request.lines.iter().all(|line| line.quantity > 0), || {
            "must be at least 1 (got 0)".to_owned()
        });
        let in_all = request.lines.iter().fold(0_u32, |sum, line| sum.saturating_add(line.quantity));
        checks.require("quantity", (1..=MAX_TICKETS_PER_ORDER).contains(&in_all), || {
            format!("must be 1–{MAX_TICKETS_PER_ORDER} tickets in total (got {in_all})")
        });
        for line in &request.lines {
            checks.require("attendees", line.attendees.len() <= line.quantity as usize, || {
                format!("must be at most as many as the tickets (got {})", line.attendees.len())
            });
            for attendee in &line.attendees {
                checks.optional_text("attendees.name", attendee.name.as_deref(), MAX_NAME);
            }
        }
        checks.optional_text("note", request.note.as_deref(), MAX_NOTE);
        let has_note = request.note.as_deref().is_some_and(|note| !note.trim().is_empty());
        match request.payment {
            IssuePayment::Free => {
                checks.require("note", has_note, || "is required: why the tickets are free".to_owned());
                let has_price = request.lines.iter().any(|line| line.unit_price.is_some_and(|price| !price.is_zero()));
                checks.require("unit_price", !has_price, || "must be left out: the tickets are free".to_owned());
            }
            IssuePayment::Received(_) => {}
            IssuePayment::Later { until } => {
                let now = self.now();
                checks.require("pay_until", until > now && until <= now + MAX_PAY_LATER, || {
                    format!("must be within the next {} days (got {until})", MAX_PAY_LATER.as_hours() / 24)
                });
                let named = request.lines.iter().any(|line| !line.attendees.is_empty());
                checks.require("attendees", !named, || {
                    "must be left out: an order that is paid later has no tickets yet".to_owned()
                });
            }
        }
        if let Some(who) = &request.buyer {
            checks.person("buyer", who);
            let is_own = who.guest().is_none_or(|order| request.reference.as_ref() == Some(order));
            checks.require("buyer", is_own, || "must not be the guest of another order".to_owned());
        }
        checks.done()
    }

    /// Records that a person has received the money for an unpaid order, and issues its tickets. Allowed for those who may do so for the
    /// orders of the event. `order` is the order's reference. A repeat with the same reference of the attempt finds the same outcome.
    ///
    /// If another amount came than the order costs, the payment is in [review](Self::resolve_review). An order that has expired or was
    /// cancelled gets its tickets if the places are still free.
    ///
    /// Refusals: `order_paid`, `sold_out`, `event_draft`, `event_cancelled`, `event_over`, `key_reused`, and `buyer_unnamed` if the buyer
    /// was erased.
    pub async fn record_payment(
        &self,
        actor: &Principal,
        order: &Reference,
        received: ReceivedPayment,
    ) -> Result<Settlement> {
        let mut checks = Checks::default();
        checks.optional_text("note", received.note.as_deref(), MAX_NOTE);
        checks.require("amount", !received.amount.is_zero(), || "must be more than nothing".to_owned());
        checks.done()?;
        let missing = || Error::NotFound("Order");
        let found = self.inner.storage.order(&OrderKey::Reference(order.clone())).await?.ok_or_else(missing)?;
        let scope = self.scope_over_order(actor, &found, missing).await?;
        let ReceivedPayment { method, amount, note, reference } = received;
        let record = RecordPayment {
            reference: reference.unwrap_or_else(|| Reference::of_attempt(&self.inner.random.seed())),
            order: order.clone(),
            method,
            amount,
            note,
            actor: actor.clone(),
            scope,
            seed: self.inner.random.seed(),
        };
        let asked = self.now();
        let settlement = self.inner.storage.apply_one(asked, record).await?.map_err(refused)?;
        metrics::settled(&settlement, asked);
        self.inner.upkeep_wakeup.notify_one();
        Ok(settlement)
    }

    /// Records that a person has paid a refund back by hand: one of a payment that no gateway knows, such as cash, or one that the gateway
    /// gave up. Allowed for those who may refund the orders of the event. `payment` is the reference of the order or of one of its
    /// attempts. A repeat changes nothing.
    ///
    /// Refusals: `refund_in_progress`.
    pub async fn record_refund(&self, actor: &Principal, payment: &Reference, id: RefundId) -> Result<Refund> {
        let missing = || Error::NotFound("Refund");
        let payment = self.inner.storage.payment(payment).await?.ok_or_else(missing)?;
        let scope = self.scope_over_order(actor, &payment.order, missing).await?;
        if !payment.refunds.iter().any(|refund| refund.id == id) {
            return Err(missing());
        }
        let record = RecordRefund { id, actor: actor.clone(), scope };
        self.inner.storage.apply_one(self.now(), record).await?.map_err(refused)
    }

    /// Sends the valid tickets of an order again, in a new mail: to its buyer, or to another address if `to` is given. Allowed for the
    /// buyer, without `to`, and for those who may do so for the orders of the event. Each repeat is another mail, at most five in 24 hours.
    ///
    /// Refusals: `too_many_resends` (with when it is possible again), `no_valid_tickets`, and `buyer_unnamed` if the order has no address.
    pub async fn resend_tickets(
        &self,
        actor: &Principal,
        order: &Reference,
        to: Option<EmailAddress>,
    ) -> Result<OutboxMail> {
        let missing = || Error::NotFound("Order");
        let found = self.inner.storage.order(&OrderKey::Reference(order.clone())).await?.ok_or_else(missing)?;
        let scope = if is_theirs(actor, &found) && to.is_none() {
            None
        } else {
            let elsewhere = || Error::Forbidden("Only the event's organiser may send tickets to another address");
            let refusal = || if is_theirs(actor, &found) { elsewhere() } else { missing() };
            Some(self.scope_over_order(actor, &found, refusal).await?)
        };
        let resend = ResendTickets { order: order.clone(), actor: actor.clone(), scope, to };
        let sent = self.inner.storage.apply_one(self.now(), resend).await?.map_err(|refusal| match refusal {
            Refusal::OrderUnknown => missing(),
            refusal => refused(refusal),
        })?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(sent)
    }

    /// The events for which somebody may work with the orders, if that of this order is among them.
    async fn scope_over_order(
        &self,
        actor: &Principal,
        order: &crate::domain::order::Order,
        missing: impl FnOnce() -> Error,
    ) -> Result<crate::domain::scope::Scope> {
        let event = self.event(order.event_id).await?;
        self.scope_over(actor, Permission::Orders, &event).await.map_err(|error| unless_known(error, missing()))
    }
}
