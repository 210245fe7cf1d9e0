//! Refunds.

use super::code::Reference;
use super::id::{OrderId, RefundId, TicketId};
use super::money::Money;
use super::principal::Principal;
use super::row::{Field, Kind, RowError, Sink, Source};
use super::scope::Scope;
use super::table::{Lock, table};
use super::wire_names::wire_names;
use super::working_set::{Noun, WorkingSet};
use crate::setters::setters;
use jiff::{SignedDuration, Timestamp};

mod elsewhere;
mod give_back;
mod record;
mod request;
mod send;
mod undo;

pub use elsewhere::RecordListedRefunds;
pub use give_back::{QuoteReturn, ReturnQuote, ReturnTickets, Returns};
pub use record::RecordRefund;
pub(crate) use request::{
    RefundWish, owe_refund, refund_difference, refund_needs, refund_rest, refund_tickets, valid_ticket,
};
pub use send::{ClaimRefunds, RetryRefund, WakeRefunds};
pub use undo::UndoCancelledEvents;

/// A refund. All refunds of an attempt together never exceed what was captured.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Refund {
    /// The refund's id.
    pub id: RefundId,
    /// The idempotency key. The gateway keeps it, so that the refund can be found again when a response is lost.
    pub key: Reference,
    /// The order.
    pub order_id: OrderId,
    /// The reference of the refunded attempt.
    pub attempt: Reference,
    /// The amount.
    pub amount: Money,
    /// The reason.
    pub reason: RefundReason,
    /// A note of the person who decided it, if any.
    pub note: Option<String>,
    /// The tickets that it voids.
    pub tickets: Vec<TicketId>,
    /// The status.
    pub status: RefundStatus,
    /// The gateway's id of the refund, once known.
    pub gateway_id: Option<String>,
    /// The last status that the gateway reported, or the last error.
    pub last_seen: Option<String>,
    /// How often the gateway was called.
    pub tries: u32,
    /// When the gateway is called next. `None` once the outcome is final.
    pub next_at: Option<Timestamp>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Refund in "refunds", lock Lock::With(Noun::Order, "order_id");
    numbered id: RefundId, key, order_id, attempt, amount [amount_minor, currency], reason, note, tickets, status, gateway_id,
        last_seen, tries, next_at, created_at, updated_at;
    index BY_ORDER(order_id);
    index BY_KEY(key) unique;
}

impl WorkingSet {
    /// The order's refunds, oldest first.
    pub fn refunds_of(&self, order: OrderId) -> impl Iterator<Item = &Refund> {
        self.refunds.all(BY_ORDER, &order)
    }

    /// The refund with this key.
    pub fn refund_by_key(&self, key: &Reference) -> Option<&Refund> {
        self.refunds.find(BY_KEY, key)
    }
}

/// As a JSON list.
impl Field for Vec<TicketId> {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        let ids: Vec<String> = self.iter().map(ToString::to_string).collect();
        to.text(Some(&format!("[{}]", ids.join(","))));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.text()?.map(|text| serde_json::from_str(&text).map_err(RowError::of)).transpose()
    }
}

/// The reason of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefundReason {
    /// The payment came after the places were gone, or the buyer was erased.
    Late,
    /// The order was already paid by another attempt.
    Duplicate,
    /// The event was cancelled.
    EventCancelled,
    /// The organiser requested it.
    Requested,
    /// A person decided it after a review.
    Review,
    /// It was made at the gateway, not by the engine: in its dashboard, for example. Its amount is what the gateway reports.
    Elsewhere,
    /// The date or the place of the event changed, and the buyer returned tickets.
    EventChanged,
    /// The buyer returned tickets, as the event allows.
    Returned,
    /// A ticket was swapped for one of a cheaper type.
    Swapped,
}

wire_names!(RefundReason {
    Late => "late",
    Duplicate => "duplicate",
    EventCancelled => "event_cancelled",
    Requested => "requested",
    Review => "review",
    Elsewhere => "elsewhere",
    EventChanged => "event_changed",
    Returned => "returned",
    Swapped => "swapped",
});

/// The lease of a claimed refund: longer than the slowest call to a gateway.
pub const REFUND_LEASE: SignedDuration = SignedDuration::from_secs(120);

/// The status of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefundStatus {
    /// Decided. The gateway was not called yet, or certainly did not receive the call.
    Due,
    /// The gateway is being called, or its response was lost. The refund must be looked up before it is sent again.
    Unknown,
    /// The gateway has accepted it.
    Pending,
    /// The money was sent back.
    Processed,
    /// The gateway failed to send it. A person must act.
    Failed,
    /// The gateway needs a person to act.
    NeedsAttention,
}

wire_names!(RefundStatus {
    Due => "due",
    Unknown => "unknown",
    Pending => "pending",
    Processed => "processed",
    Failed => "failed",
    NeedsAttention => "needs_attention",
});

/// How much of what was paid goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefundMoney {
    /// What the tickets cost.
    #[default]
    Prices,
    /// Nothing: the tickets only become void.
    Nothing,
    /// This amount, which is not more than what is left of the payment.
    Exactly(Money),
}

/// A request for a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefundRequest {
    /// The idempotency key, made by the caller. A repeat with the same content returns the same refund.
    pub key: Reference,
    /// The order's reference.
    pub order: Reference,
    /// The tickets to refund: each once. `None` means all that are still valid. An empty list refunds an amount and leaves the tickets as
    /// they are.
    pub tickets: Option<Vec<TicketId>>,
    /// How much goes back.
    pub money: RefundMoney,
    /// The reason.
    pub reason: RefundReason,
    /// A note, for people.
    pub note: Option<String>,
    /// Who requests it, for the audit log.
    pub actor: Principal,
    /// The events whose orders this person may refund. For others there is no such order. `None`: the caller has checked it.
    pub scope: Option<Scope>,
}

impl RefundRequest {
    /// Creates a refund of all tickets that are still valid. Mind the order: first the refund's key, then the order's reference.
    pub fn new(key: Reference, order: Reference, reason: RefundReason, actor: impl Into<Principal>) -> Self {
        let money = RefundMoney::Prices;
        Self { key, order, tickets: None, money, reason, note: None, actor: actor.into(), scope: None }
    }
}

setters!(RefundRequest {
    with_tickets => tickets: impl Into<Option<Vec<TicketId>>>,
    with_money => money: RefundMoney,
    with_note => note: impl Into<Option<String>>,
    with_scope => scope: impl Into<Option<Scope>>,
});

/// A refund as the gateway lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedRefund {
    /// The gateway's id of the refund. It never changes.
    pub gateway_id: String,
    /// The idempotency keys that the gateway keeps with it: the engine's own, if the engine asked for this refund.
    pub keys: Vec<Reference>,
    /// The amount that goes back.
    pub amount: Money,
    /// The status, in the engine's terms.
    pub status: RefundStatus,
    /// The gateway's own status, kept for people.
    pub raw_status: String,
}

impl ListedRefund {
    /// A refund without a key.
    pub fn new(
        gateway_id: impl Into<String>,
        amount: Money,
        status: RefundStatus,
        raw_status: impl Into<String>,
    ) -> Self {
        Self { gateway_id: gateway_id.into(), keys: vec![], amount, status, raw_status: raw_status.into() }
    }
}

setters!(ListedRefund {
    with_keys => keys: Vec<Reference>,
});

/// What a gateway reports about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefundReport {
    /// The refund.
    pub id: RefundId,
    /// The number of the try, as claimed. That an older try found nothing is ignored.
    pub tries: u32,
    /// The status at the gateway.
    pub status: RefundStatus,
    /// The gateway's id of the refund, if reported.
    pub gateway_id: Option<String>,
    /// The gateway's own status, or the error.
    pub raw_status: String,
}

impl RefundReport {
    /// Creates a report without the gateway's id.
    pub fn new(id: RefundId, tries: u32, status: RefundStatus, raw_status: impl Into<String>) -> Self {
        Self { id, tries, status, gateway_id: None, raw_status: raw_status.into() }
    }
}

setters!(RefundReport {
    with_gateway_id => gateway_id: impl Into<Option<String>>,
});
