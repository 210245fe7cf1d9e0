//! Tickets: one admission each.

use super::code::{Reference, TicketCode};
use super::id::{EventId, OrderId, TicketId, TicketTypeId};
use super::money::Money;
use super::principal::Principal;
use super::table::{Lock, table};
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use jiff::Timestamp;

mod find;

pub use find::{FindTicket, ListTickets};

/// One admission.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

table! {
    Ticket in "tickets", lock Lock::Rank(2);
    numbered id: TicketId, code, order_id, line, ordinal, event_id, ticket_type_id, holder [holder_account, holder_external],
        price [price_minor, currency], status, issued_at, updated_at;
    index BY_ORDER(order_id);
    index BY_CODE(code) unique;
}

impl WorkingSet {
    /// The order's tickets, by id.
    pub fn tickets_of(&self, order: OrderId) -> impl Iterator<Item = &Ticket> {
        self.tickets.all(BY_ORDER, &order)
    }

    /// The ticket with this code.
    pub fn ticket_by_code(&self, code: &TicketCode) -> Option<&Ticket> {
        self.tickets.find(BY_CODE, code)
    }
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

wire_names!(TicketStatus {
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TicketKey {
    /// By its id.
    Id(TicketId),
    /// By its secret.
    Code(TicketCode),
}

/// Which tickets are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Of this holder.
    pub holder: Option<Principal>,
    /// Of the order with this reference.
    pub order: Option<Reference>,
}
