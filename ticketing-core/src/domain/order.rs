//! Orders: what a buyer wants, and the places kept for it.

use super::code::Reference;
use super::id::{EventId, OrderId, TicketTypeId};
use super::money::Money;
use super::principal::{Buyer, Principal};
use crate::setters::setters;
use jiff::Timestamp;

/// The most tickets in one order.
pub const MAX_TICKETS_PER_ORDER: u32 = 100;

/// What somebody wants to buy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// Its public name: random, made by the caller before the first call, so that a repeated call finds the same order.
    pub reference: Reference,
    /// What it is for.
    pub event_id: EventId,
    /// Who it is for.
    pub buyer: Buyer,
    /// What is wanted: each ticket type once, in the order of their ids.
    pub lines: Vec<OrderLine>,
    /// What it costs.
    pub total: Money,
    /// How it stands.
    pub status: OrderStatus,
    /// Whether the hold was already extended for a payment in progress. That is done once.
    pub hold_extended: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// How many tickets it is for.
    pub fn quantity(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
    }
}

/// So many tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OrderLine {
    /// Which type.
    pub ticket_type_id: TicketTypeId,
    /// How many: at least one.
    pub quantity: u32,
    /// What one cost when the order was made.
    pub unit_price: Money,
}

/// How an order stands. It moves only downwards in this list, but for a late payment, which makes
/// an expired or cancelled order paid where there are places again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
#[non_exhaustive]
pub enum OrderStatus {
    /// Places are kept until `hold_until`, and a payment that arrives in time gets them.
    Held {
        /// From then on upkeep may give the places to others.
        hold_until: Timestamp,
    },
    /// Paid for: its tickets exist.
    Paid,
    /// The hold ran out: the places are free again.
    Expired,
    /// Given up by the buyer, or because no checkout could be opened: the places are free again.
    Cancelled,
}

impl OrderStatus {
    /// The status in one word.
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

/// A wish to buy: takes places, or is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hold {
    /// The order's reference, made by the caller. A repeat with the same content finds the same order.
    pub reference: Reference,
    /// For which event.
    pub event_id: EventId,
    /// Who buys.
    pub buyer: Buyer,
    /// What: each ticket type once, in the order of their ids, each at least one.
    pub lines: Vec<HoldLine>,
    /// Until when places are kept.
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

/// So many tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldLine {
    /// Which type.
    pub ticket_type_id: TicketTypeId,
    /// How many.
    pub quantity: u32,
}

impl HoldLine {
    /// `quantity` tickets of one type.
    pub fn new(ticket_type_id: TicketTypeId, quantity: u32) -> Self {
        Self { ticket_type_id, quantity }
    }
}

/// A wish to give places back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// Which order.
    pub reference: Reference,
    /// Who wants it: written to the audit log.
    pub actor: Principal,
}

impl Release {
    /// Creates one from all its fields.
    pub fn new(reference: Reference, actor: impl Into<Principal>) -> Self {
        Self { reference, actor: actor.into() }
    }
}

/// Which orders are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderFilter {
    /// Of this buyer.
    pub buyer: Option<Principal>,
    /// For this event.
    pub event_id: Option<EventId>,
}

setters!(OrderFilter {
    with_buyer => buyer: impl Into<Option<Principal>>,
    with_event_id => event_id: impl Into<Option<EventId>>,
});
