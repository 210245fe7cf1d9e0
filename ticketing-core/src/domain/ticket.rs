//! Tickets: one admission each.

use super::code::{Reference, TicketCode};
use super::id::{EventId, OrderId, TicketId, TicketTypeId};
use super::money::Money;
use super::principal::Principal;
use super::words::words;
use crate::setters::setters;
use jiff::Timestamp;

/// One admission.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Ticket {
    /// The ticket's id.
    pub id: TicketId,
    /// The secret that gets its holder in.
    pub code: TicketCode,
    /// The order that it came of.
    pub order_id: OrderId,
    /// Which of the order's lines.
    pub line: u32,
    /// Which of the line's tickets.
    pub ordinal: u32,
    /// What it lets in to.
    pub event_id: EventId,
    /// As what.
    pub ticket_type_id: TicketTypeId,
    /// Whose it is.
    pub holder: Principal,
    /// What it cost.
    pub price: Money,
    /// How it stands.
    pub status: TicketStatus,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// How a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TicketStatus {
    /// Lets one person in.
    Active,
    /// Has let one person in.
    Used,
    /// Its money goes back, or went.
    Refunded,
    /// Void: the event was called off, or the payment was reversed.
    Cancelled,
    /// Somebody else has it now, under another code.
    Transferred,
}

words!(TicketStatus {
    Active => "active",
    Used => "used",
    Refunded => "refunded",
    Cancelled => "cancelled",
    Transferred => "transferred",
});

impl TicketStatus {
    /// Whether it takes a place.
    pub fn takes_a_place(&self) -> bool {
        matches!(self, Self::Active | Self::Used)
    }
}

/// How to find a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketKey {
    /// By its id.
    Id(TicketId),
    /// By its secret.
    Code(TicketCode),
}

/// Which tickets are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TicketFilter {
    /// Of this holder.
    pub holder: Option<Principal>,
    /// Of the order with this reference.
    pub order: Option<Reference>,
}

setters!(TicketFilter {
    with_holder => holder: impl Into<Option<Principal>>,
    with_order => order: impl Into<Option<Reference>>,
});
