//! Tickets. Each admits one person.

use super::code::{Reference, TicketCode};
use super::id::{EventId, OrderId, TicketId, TicketTypeId};
use super::money::Money;
use super::principal::Principal;
use super::refusal::Refusal;
use super::table::{Lock, table};
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

mod find;
mod replace;
mod swap;
mod void;

pub use find::{FindTicket, ListTickets};
pub(crate) use replace::{Replacement, replace_ticket};
pub use swap::{PriceDifference, SwapTicket, Swapped};
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
    /// The index within the line. That of a ticket that replaced another one is counted on from the last of its line.
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
    /// The ticket that it came in place of: one that was transferred, or swapped for another type. A ticket is replaced at most once.
    #[serde(default)]
    pub replaces: Option<TicketId>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Ticket in "tickets", lock Lock::Rank(2);
    numbered id: TicketId, code, order_id, line, ordinal, event_id, ticket_type_id,
        holder as Holder [holder_account, holder_external, holder_guest], price [price_minor, currency], status, issued_at, updated_at, keeps_place, replaces;
    index BY_ORDER(order_id);
    index BY_CODE(code) unique;
    index BY_REPLACED(replaces) unique;
}

impl WorkingSet {
    /// The order's tickets, by id.
    pub fn tickets_of(&self, order: OrderId) -> impl Iterator<Item = &Ticket> {
        self.tickets.all(BY_ORDER, &order)
    }

    /// The ticket that came in place of another one. Needs the tickets of its order.
    pub(crate) fn successor_of(&self, ticket: &Ticket) -> Option<&Ticket> {
        self.tickets_of(ticket.order_id).find(|other| other.replaces == Some(ticket.id))
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
    /// Transferred to somebody else, or swapped for another type: another ticket, with another code, came in place of it.
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

    /// Refuses what needs a ticket that is valid and has let nobody in.
    pub(crate) fn must_be_unused(&self) -> Result<(), Refusal> {
        match self.status {
            TicketStatus::Active => Ok(()),
            ticket_status @ TicketStatus::Used => Err(Refusal::TicketNotValid { ticket_id: self.id, ticket_status }),
            TicketStatus::Refunded => Err(Refusal::TicketRefunded),
            TicketStatus::Cancelled => Err(Refusal::TicketCancelled),
            TicketStatus::Transferred => Err(Refusal::TicketTransferred),
        }
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
