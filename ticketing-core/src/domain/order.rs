//! Orders, and the places held for them.

use super::code::Reference;
use super::id::{EventId, OrderId, TicketTypeId};
use super::money::Money;
use super::principal::{Buyer, Principal};
use crate::setters::setters;
use jiff::Timestamp;

/// The maximum number of tickets in an order.
pub const MAX_TICKETS_PER_ORDER: u32 = 100;

/// An order for tickets of one event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// Its public name: random, and made by the caller before the first call, so that a retry finds the same order.
    pub reference: Reference,
    /// The event.
    pub event_id: EventId,
    /// The buyer.
    pub buyer: Buyer,
    /// The lines: each ticket type once, ordered by id.
    pub lines: Vec<OrderLine>,
    /// The total price.
    pub total: Money,
    /// The status.
    pub status: OrderStatus,
    /// Whether the hold was extended for a payment in progress already. That happens at most once.
    pub hold_extended: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// The number of tickets.
    pub fn quantity(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
    }
}

/// A number of tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OrderLine {
    /// The ticket type.
    pub ticket_type_id: TicketTypeId,
    /// The number of tickets: at least one.
    pub quantity: u32,
    /// The price of one ticket when the order was created.
    pub unit_price: Money,
}

/// The status of an order. It only moves down this list, with one exception: a late payment turns
/// an expired or cancelled order into a paid one if places are available again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
#[non_exhaustive]
pub enum OrderStatus {
    /// The places are held until `hold_until`. A payment that arrives in time gets them.
    Held {
        /// From then on, upkeep may release the places.
        hold_until: Timestamp,
    },
    /// Paid. Its tickets exist.
    Paid,
    /// The hold expired. The places are released.
    Expired,
    /// Cancelled by the buyer, or because no checkout could be opened. The places are released.
    Cancelled,
}

impl OrderStatus {
    /// The status as a stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How to find an order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderKey {
    /// By its id.
    Id(OrderId),
    /// By its own reference.
    Reference(Reference),
}

/// A request to hold places.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hold {
    /// The order's reference, made by the caller. A repeat with the same content returns the same order.
    pub reference: Reference,
    /// The event.
    pub event_id: EventId,
    /// The buyer.
    pub buyer: Buyer,
    /// The lines: each ticket type once, ordered by id, with at least one ticket each.
    pub lines: Vec<HoldLine>,
    /// When the hold expires.
    pub hold_until: Timestamp,
}

impl Hold {
    /// Creates one from all its fields.
    pub fn new(
        reference: Reference,
        event_id: EventId,
        buyer: Buyer,
        lines: Vec<HoldLine>,
        hold_until: Timestamp,
    ) -> Self {
        Self { reference, event_id, buyer, lines, hold_until }
    }
}

/// A number of tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldLine {
    /// The ticket type.
    pub ticket_type_id: TicketTypeId,
    /// The number of tickets.
    pub quantity: u32,
}

impl HoldLine {
    /// `quantity` tickets of one type.
    pub fn new(ticket_type_id: TicketTypeId, quantity: u32) -> Self {
        Self { ticket_type_id, quantity }
    }
}

/// A request to cancel an unpaid order and release its places.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// The order's reference.
    pub reference: Reference,
    /// Who requests it, for the audit log.
    pub actor: Principal,
}

impl Release {
    /// Creates one from all its fields.
    pub fn new(reference: Reference, actor: impl Into<Principal>) -> Self {
        Self { reference, actor: actor.into() }
    }
}

/// Which orders to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderFilter {
    /// Orders of this buyer.
    pub buyer: Option<Principal>,
    /// Orders for this event.
    pub event_id: Option<EventId>,
}

setters!(OrderFilter {
    with_buyer => buyer: impl Into<Option<Principal>>,
    with_event_id => event_id: impl Into<Option<EventId>>,
});
