//! Orders: what a buyer wants, and the places kept for it.

use super::code::Reference;
use super::id::{EventId, OrderId, TicketTypeId};
use super::money::Money;
use super::pricing::Parts;
use super::principal::{Buyer, Principal};
use super::row::{Field, Kind, RowError, Sink, Source, required};
use super::table::{Lock, Part, PartTable, part_columns, table};
use super::working_set::WorkingSet;
use jiff::Timestamp;

mod end;
mod find;
mod hold;

pub use end::ExpireHolds;
pub(crate) use end::end_hold;
pub use find::{FindOrder, FindPurchase, ListOrders};
pub(crate) use hold::is_on_sale;

/// The most tickets in one order.
pub const MAX_TICKETS_PER_ORDER: u32 = 100;

/// What somebody wants to buy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

table! {
    Order in "orders", lock Lock::Rank(1);
    numbered id: OrderId, reference, event_id, buyer [buyer_account, buyer_external, email], total [total_minor, currency],
        status [status, hold_until], hold_extended, created_at, updated_at;
    part lines: OrderLine;
    index BY_REFERENCE(reference) unique;
}

impl WorkingSet {
    /// The order with this reference.
    pub fn order_by_reference(&self, reference: &Reference) -> Option<&Order> {
        self.orders.find(BY_REFERENCE, reference)
    }
}

impl Order {
    /// How many tickets it is for.
    pub fn quantity(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
    }
}

/// So many tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderLine {
    /// Which type.
    pub ticket_type_id: TicketTypeId,
    /// How many: at least one.
    pub quantity: u32,
    /// What one cost when the order was made: the [total](Parts::total) of its parts.
    pub unit_price: Money,
    /// What the price of one is made of, in the order's currency.
    #[serde(default)]
    pub parts: Parts,
}

/// Its amounts are in the order's currency.
impl Part<Order> for OrderLine {
    fn table() -> PartTable {
        let columns = part_columns(&[
            ("order_id", Kind::Int),
            ("line", Kind::Int),
            ("ticket_type_id", Kind::Int),
            ("quantity", Kind::Int),
            ("unit_minor", Kind::Int),
            ("face_minor", Kind::Int),
            ("discount_minor", Kind::Int),
            ("fee_minor", Kind::Int),
            ("tax_minor", Kind::Int),
        ]);
        PartTable { name: "order_lines", columns, parent: 0, position: 1, key: &[0, 1], numbered: false }
    }

    fn write(&self, order: &Order, position: i64, to: &mut dyn Sink) {
        order.id.store(to);
        to.int(Some(position));
        self.ticket_type_id.store(to);
        self.quantity.store(to);
        to.int(Some(self.unit_price.minor()));
        to.int(Some(self.parts.face));
        to.int(Some(self.parts.discount));
        to.int(Some(self.parts.fee));
        to.int(Some(self.parts.tax));
    }

    fn read(order: &Order, from: &mut dyn Source) -> Result<Self, RowError> {
        let (_order, _line) = (from.int()?, from.int()?);
        let ticket_type_id = required(from, "order_lines.ticket_type_id")?;
        let quantity = required(from, "order_lines.quantity")?;
        let total: i64 = required(from, "order_lines.unit_minor")?;
        let unit_price = Money::new(total, order.total.currency()).map_err(RowError::of)?;
        // A line that was written before prices had parts is its face price.
        let face = from.int()?.unwrap_or(total);
        let (discount, fee) = (required(from, "order_lines.discount_minor")?, required(from, "order_lines.fee_minor")?);
        let tax = required(from, "order_lines.tax_minor")?;
        Ok(Self { ticket_type_id, quantity, unit_price, parts: Parts { face, discount, fee, tax, total } })
    }
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
    /// The stable name of the status.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Field for OrderStatus {
    const KINDS: &'static [Kind] = &[Kind::Text, Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        to.text(Some(self.name()));
        match self {
            Self::Held { hold_until } => hold_until.store(to),
            Self::Paid | Self::Expired | Self::Cancelled => to.int(None),
        }
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (name, hold_until) = (from.text()?, Timestamp::read(from)?);
        Ok(Some(match (name.as_deref(), hold_until) {
            (Some("held"), Some(hold_until)) => Self::Held { hold_until },
            (Some("paid"), _) => Self::Paid,
            (Some("expired"), _) => Self::Expired,
            (Some("cancelled"), _) => Self::Cancelled,
            (name, hold_until) => return Err(RowError(format!("an order is {name:?} until {hold_until:?}"))),
        }))
    }
}

/// How to find an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderKey {
    /// By its id.
    Id(OrderId),
    /// By its own reference.
    Reference(Reference),
}

/// A wish to buy: takes places, or is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The order's reference, made by the caller. A repeat with the same content finds the same order.
    pub reference: Reference,
    /// For which event.
    pub event_id: EventId,
    /// Who buys.
    pub buyer: Buyer,
    /// What, each line at least one ticket. Lines of one type are added up.
    pub lines: Vec<HoldLine>,
    /// Until when places are kept.
    pub hold_until: Timestamp,
}

/// So many tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldLine {
    /// Which type. May be absent where the event has only one.
    pub ticket_type_id: Option<TicketTypeId>,
    /// How many.
    pub quantity: u32,
}

/// A wish to give places back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which order.
    pub reference: Reference,
    /// Who wants it: written to the audit log.
    pub actor: Principal,
}

/// Which orders are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Of this buyer.
    pub buyer: Option<Principal>,
    /// For this event.
    pub event_id: Option<EventId>,
}
