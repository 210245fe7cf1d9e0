//! Tickets. Each admits one person.

use super::code::{Reference, TicketCode};
use super::id::{EventId, OrderId, TicketId, TicketTypeId};
use super::money::Money;
use super::principal::Principal;
use super::table::{Lock, table};
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

mod find;
mod void;

pub use find::{FindTicket, ListTickets};
pub(crate) use void::void_tickets;

/// A ticket, which admits one person.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Ticket {
    /// The ticket's id.
    pub id: TicketId,
    /// The secret code that admits its holder.
    pub code: TicketCode,
    /// The order that it was bought with.
    pub order_id: OrderId,
    /// The index of the order's line.
    pub line: u32,
    /// The index within the line.
    pub ordinal: u32,
    /// The event.
    pub event_id: EventId,
    /// The ticket type.
    pub ticket_type_id: TicketTypeId,
    /// The holder.
    pub holder: Principal,
    /// The price that was paid.
    pub price: Money,
    /// The status.
    pub status: TicketStatus,
    /// Whether it still takes a place although it is void: its holder went in before. A used place is not sold again.
    #[serde(default)]
    pub keeps_place: bool,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Ticket in "tickets", lock Lock::Rank(2);
    numbered id: TicketId, code, order_id, line, ordinal, event_id, ticket_type_id,
        holder as Holder [holder_account, holder_external, holder_guest], price [price_minor, currency], status, issued_at, updated_at, keeps_place;
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

/// The status of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TicketStatus {
    /// Valid: admits one person.
    Active,
    /// Used: has admitted one person.
    Used,
    /// Refunded, or being refunded.
    Refunded,
    /// Void: the event was cancelled, or the payment was reversed.
    Cancelled,
    /// Transferred to somebody else, under another code.
    Transferred,
}

wire_names!(TicketStatus {
    Active => "active",
    Used => "used",
    Refunded => "refunded",
    Cancelled => "cancelled",
    Transferred => "transferred",
});

impl Ticket {
    /// Whether it takes a place of the event: it is valid, or its holder went in before it became void.
    pub fn takes_a_place(&self) -> bool {
        self.status.is_valid() || self.keeps_place
    }
}

impl TicketStatus {
    /// Whether it is valid: not refunded, cancelled or transferred. A used ticket is valid too.
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Active | Self::Used)
    }
}

/// How to find a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TicketKey {
    /// By its id.
    Id(TicketId),
    /// By its code.
    Code(TicketCode),
}

/// Which tickets to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TicketFilter {
    /// Tickets of this holder.
    pub holder: Option<Principal>,
    /// Tickets of the order with this reference.
    pub order: Option<Reference>,
}

setters!(TicketFilter {
    with_holder => holder: impl Into<Option<Principal>>,
    with_order => order: impl Into<Option<Reference>>,
});
