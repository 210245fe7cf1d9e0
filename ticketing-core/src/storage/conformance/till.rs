//! The shop's payments, refunds, scans and mails.

use super::shop::{Shop, granted, only};
use crate::domain::check_in::{CheckIn, Scan};
use crate::domain::code::Reference;
use crate::domain::event::CancelEvent;
use crate::domain::event::Event;
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderKey};
use crate::domain::outbox::ClaimMails;
use crate::domain::outbox::{MailKind, OutboxMail};
use crate::domain::payment::{
    Attempt, Captured, Checkout, CheckoutReport, CheckoutResult, Mode, Observation, OpenAttempt, OpenedAttempt, Settle,
    Settlement,
};
use crate::domain::payment_history::Payment;
use crate::domain::refund::UndoCancelledEvents;
use crate::domain::refund::{Refund, RefundMoney, RefundReason, RefundRequest};
use crate::domain::ticket::{Ticket, TicketKey};
use crate::storage::Outcome;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;

/// The lease of claims.
pub const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// An order that was paid, with its attempt and tickets.
#[derive(Clone, Debug)]
pub struct Bought {
    /// The order.
    pub order: Order,
    /// The attempt that paid it.
    pub attempt: Attempt,
    /// Its tickets.
    pub tickets: Vec<Ticket>,
}

/// A capture of exactly what the attempt requests.
pub fn exactly(attempt: &Attempt) -> Captured {
    paid(attempt.amount, attempt.mode)
}

/// A capture of this amount.
pub fn paid(amount: Money, mode: Mode) -> Captured {
    Captured { amount, requested: None, mode, paid_at: None, gateway_id: Some("4099260516".to_owned()) }
}

/// The gateway's own status for an observation.
pub fn raw(observation: &Observation) -> &'static str {
    match observation {
        Observation::Success(_) | Observation::Mismatched(_) => "success",
        Observation::Open => "abandoned",
        Observation::Processing => "ongoing",
        Observation::Failed => "failed",
        Observation::Reversed => "reversed",
        Observation::Disputed => "disputed",
        Observation::NotFound => "not found",
        Observation::Unrecognised => "on the moon",
    }
}

impl Shop {
    /// A request to open an attempt at the gateway.
    pub fn attempt_of(&self, order: &Order) -> OpenAttempt {
        OpenAttempt {
            reference: self.reference(),
            order: order.reference.clone(),
            gateway: "paystack".to_owned(),
            mode: Mode::Test,
            pays_within: None,
        }
    }

    /// Requests an attempt. May be refused.
    pub async fn try_attempt(&self, request: &OpenAttempt) -> Outcome<OpenedAttempt> {
        only(self.storage.apply(self.now(), std::slice::from_ref(request)).await)
    }

    /// Stores an attempt, as it is before the gateway has answered.
    pub async fn created(&self, order: &Order) -> Attempt {
        granted(self.try_attempt(&self.attempt_of(order)).await).attempt
    }

    /// Opens a checkout for the order.
    pub async fn attempt(&self, order: &Order) -> Attempt {
        let attempt = self.created(order).await;
        let checkout = Checkout { url: format!("https://pay.example/{}", attempt.reference), access_code: None };
        granted(self.report_checkout(&attempt, CheckoutResult::Opened(checkout)).await)
    }

    /// Records the result of asking for a checkout.
    pub async fn report_checkout(&self, attempt: &Attempt, result: CheckoutResult) -> Outcome<Attempt> {
        let report = CheckoutReport { reference: attempt.reference.clone(), result };
        only(self.storage.apply(self.now(), &[report]).await)
    }

    /// A gateway's report, to be applied.
    pub fn report_of(&self, attempt: &Attempt, observation: Observation) -> Settle {
        let raw_status = raw(&observation).to_owned();
        Settle { reference: attempt.reference.clone(), observation, raw_status, seed: self.seed() }
    }

    /// Applies a report of the gateway.
    pub async fn observe(&self, attempt: &Attempt, observation: Observation) -> Settlement {
        granted(only(self.storage.apply(self.now(), &[self.report_of(attempt, observation)]).await))
    }

    /// The buyer pays exactly the requested amount.
    pub async fn pay(&self, attempt: &Attempt) -> Settlement {
        self.observe(attempt, Observation::Success(exactly(attempt))).await
    }

    /// The buyer pays, in time.
    pub async fn settle_order(&self, order: &Order) -> Bought {
        let attempt = self.attempt(order).await;
        match self.pay(&attempt).await {
            Settlement::Fulfilled { order, tickets, first: true } => {
                Bought { order, attempt: self.attempt_now(&attempt).await, tickets }
            }
            other => panic!("a payment in time buys the tickets: {other:?}"),
        }
    }

    /// Holds places and pays for them.
    pub async fn buy(&self, event: &Event, quantity: u32) -> Bought {
        self.settle_order(&self.hold(event, quantity).await).await
    }

    /// The attempt as it is stored.
    pub async fn attempt_now(&self, attempt: &Attempt) -> Attempt {
        self.storage.attempt(&attempt.reference).await.unwrap().unwrap()
    }

    /// The order's payment history.
    pub async fn payment(&self, order: &Order) -> Payment {
        self.storage.payment(&order.reference).await.unwrap().unwrap()
    }

    /// The ticket as it is stored.
    pub async fn ticket_now(&self, ticket: &Ticket) -> Ticket {
        self.storage.ticket(&TicketKey::Id(ticket.id)).await.unwrap().unwrap()
    }

    /// A refund request for these tickets, or for all if there are none.
    pub fn refund_of(&self, order: &Order, tickets: &[&Ticket]) -> RefundRequest {
        RefundRequest {
            key: self.reference(),
            order: order.reference.clone(),
            tickets: (!tickets.is_empty()).then(|| tickets.iter().map(|ticket| ticket.id).collect()),
            money: RefundMoney::Prices,
            reason: RefundReason::Requested,
            note: Some("moved house".to_owned()),
            actor: self.organizer.clone(),
            scope: None,
        }
    }

    /// Requests a refund. May be refused.
    pub async fn refund(&self, request: &RefundRequest) -> Outcome<Refund> {
        only(self.storage.apply(self.now(), std::slice::from_ref(request)).await)
    }

    /// The refund as it is stored.
    pub async fn refund_now(&self, order: &Order, key: &Reference) -> Refund {
        self.payment(order).await.refunds.into_iter().find(|refund| refund.key == *key).unwrap()
    }

    /// A scan by the organiser.
    pub fn scan_of(&self, ticket: &Ticket, nonce: &str) -> Scan {
        Scan::new(ticket.code.clone(), nonce, self.organizer.clone()).with_gate("north".to_owned())
    }

    /// Scans a ticket at the gate.
    pub async fn scan(&self, scan: &Scan) -> Outcome<CheckIn> {
        only(self.storage.apply(self.now(), std::slice::from_ref(scan)).await)
    }

    /// Claims mails.
    pub async fn claim_mails(&self, limit: u32) -> Vec<OutboxMail> {
        self.storage.apply_one(self.now(), ClaimMails { lease: LEASE, limit }).await.unwrap()
    }

    /// The mails of the order.
    pub async fn mails(&self, order: &Order) -> Vec<OutboxMail> {
        self.storage.mails(&OrderKey::Id(order.id)).await.unwrap()
    }

    /// The kinds of the order's mails.
    pub async fn mail_kinds(&self, order: &Order) -> Vec<MailKind> {
        self.mails(order).await.iter().map(|mail| mail.kind).collect()
    }

    /// Cancels an event.
    pub async fn cancel_event(&self, event: &Event) -> Event {
        granted(self.storage.apply_one(self.now(), CancelEvent { id: event.id }).await.unwrap())
    }

    /// Undoes at most `limit` orders of cancelled events.
    pub async fn undo(&self, limit: usize) -> Vec<Order> {
        let seeds: Vec<_> = (0..limit).map(|_| self.seed()).collect();
        self.storage.apply_one(self.now(), UndoCancelledEvents { seeds }).await.unwrap()
    }
}
