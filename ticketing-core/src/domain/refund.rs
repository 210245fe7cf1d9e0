//! Refunds: money on its way back.

use super::code::Reference;
use super::id::{OrderId, RefundId, TicketId};
use super::money::Money;
use super::principal::Principal;
use super::words::words;
use crate::setters::setters;
use jiff::{SignedDuration, Timestamp};

/// Money on its way back. Never more in all than the attempt brought.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Refund {
    /// The refund's id.
    pub id: RefundId,
    /// What the gateway is told as our own name for it, to find it again when an answer is lost.
    pub key: Reference,
    /// The order.
    pub order_id: OrderId,
    /// The attempt whose money it is.
    pub attempt: Reference,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: RefundReason,
    /// In words, where a person gave some.
    pub note: Option<String>,
    /// The tickets that it voided.
    pub tickets: Vec<TicketId>,
    /// How it stands.
    pub status: RefundStatus,
    /// The gateway's own id, once known.
    pub gateway_id: Option<String>,
    /// What the gateway last said, or what went wrong last.
    pub last_seen: Option<String>,
    /// How often the gateway was asked.
    pub tries: u32,
    /// When the gateway is asked next, while the end is open.
    pub next_at: Option<Timestamp>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefundReason {
    /// It came when the places were gone.
    Late,
    /// The order was already paid by another attempt.
    Duplicate,
    /// The event was called off.
    EventCancelled,
    /// The organiser wanted it.
    Requested,
    /// A person decided so after a review.
    Review,
}

words!(RefundReason {
    Late => "late",
    Duplicate => "duplicate",
    EventCancelled => "event_cancelled",
    Requested => "requested",
    Review => "review",
});

/// For how long a refund that was claimed is left to whoever claimed it: longer than the slowest call to a gateway.
pub const REFUND_LEASE: SignedDuration = SignedDuration::from_secs(120);

/// How a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefundStatus {
    /// Decided; the gateway was not asked yet, or certainly did not get it.
    Due,
    /// The gateway is being asked, or the answer was lost: it must be looked up before anything is sent again.
    Unknown,
    /// The gateway has accepted it.
    Pending,
    /// The money is back.
    Processed,
    /// The gateway gave up. A person must act.
    Failed,
    /// The gateway wants something from a person.
    NeedsAttention,
}

words!(RefundStatus {
    Due => "due",
    Unknown => "unknown",
    Pending => "pending",
    Processed => "processed",
    Failed => "failed",
    NeedsAttention => "needs_attention",
});

/// A wish to give money back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefundRequest {
    /// Our name for it, made by the caller. A repeat with the same content finds the same refund.
    pub key: Reference,
    /// The order's reference.
    pub order: Reference,
    /// Which tickets; none given means all that are still valid.
    pub tickets: Vec<TicketId>,
    /// Why.
    pub reason: RefundReason,
    /// In words.
    pub note: Option<String>,
    /// Who wants it: written to the audit log.
    pub actor: Principal,
}

impl RefundRequest {
    /// A refund of all tickets that are still valid. Mind the order: first the refund's key, then the order's reference.
    pub fn new(key: Reference, order: Reference, reason: RefundReason, actor: impl Into<Principal>) -> Self {
        Self { key, order, tickets: Vec::new(), reason, note: None, actor: actor.into() }
    }
}

setters!(RefundRequest {
    with_tickets => tickets: Vec<TicketId>,
    with_note => note: impl Into<Option<String>>,
});

/// What a gateway says of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefundReport {
    /// Which refund.
    pub id: RefundId,
    /// Which try, as claimed. What an older try did not find is no news.
    pub tries: u32,
    /// How it stands there.
    pub status: RefundStatus,
    /// The gateway's own id, if it told.
    pub gateway_id: Option<String>,
    /// In the gateway's own word, or what went wrong.
    pub raw_status: String,
}

impl RefundReport {
    /// A report without the gateway's id.
    pub fn new(id: RefundId, tries: u32, status: RefundStatus, raw_status: impl Into<String>) -> Self {
        Self { id, tries, status, gateway_id: None, raw_status: raw_status.into() }
    }
}

setters!(RefundReport {
    with_gateway_id => gateway_id: impl Into<Option<String>>,
});
