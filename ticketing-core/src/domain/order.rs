//! Orders, and the places held for them.

use super::code::Reference;
use super::id::{EventId, OrderId, PromoCodeId, TicketTypeId};
use super::money::Money;
use super::pricing::Parts;
use super::principal::{Buyer, Principal};
use super::promo_code::PromoCodeText;
use super::row::{Field, Kind, RowError, Sink, Source, required};
use super::table::{Lock, Part, PartTable, part_columns, table};
use super::ticket::Ticket;
use super::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

mod claim;
mod end;
mod erase;
mod find;
mod hold;
mod issue;
mod limits;
mod name;
mod promo;
mod quote;
pub(crate) mod search;

pub use claim::ClaimOrders;
pub use end::ExpireHolds;
pub(crate) use end::end_hold;
pub use erase::{Erasable, EraseBuyer, ListErasable};
pub use find::{FindOrder, FindPurchase, ListOrders};
pub(crate) use hold::{Decided, is_on_sale, may_be_going_on};
pub(crate) use issue::may_be_issued;
pub use issue::{IssueLine, IssueOrder, IssueOrders, IssuePayment, Issued, MAX_IMPORT, MAX_PAY_LATER};
pub use limits::BuyerLimits;
pub use name::NameBuyer;
pub use quote::{Quote, QuoteHold};
pub use search::{OrderEntry, OrderSearch, SearchOrders};

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
    /// The lines, ordered by the id of their ticket type. A type has two lines if only some of its tickets were bought with the promo
    /// code: those come first.
    pub lines: Vec<OrderLine>,
    /// The total price.
    pub total: Money,
    /// The status.
    pub status: OrderStatus,
    /// The promo code that the buyer gave.
    #[serde(default)]
    pub promo_code_id: Option<PromoCodeId>,
    /// Whether the hold was extended for a payment in progress already. That happens at most once.
    pub hold_extended: bool,
    /// Whether something is known about it in its [details](super::order_details::OrderDetails).
    #[serde(default)]
    pub has_details: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

table! {
    Order in "orders", lock Lock::Rank(1);
    numbered id: OrderId, reference, event_id, buyer [buyer_account, buyer_external, email, buyer_guest],
        total [total_minor, currency], status [status, hold_until], hold_extended, created_at, updated_at, promo_code_id, has_details;
    part lines: OrderLine;
    derived open_for = limits::open_for;
    derived paid_for = limits::paid_for;
    derived guest_address = claim::guest_address;
    index BY_REFERENCE(reference) unique;
    index BY_OPEN(open_for);
    index BY_PAID(paid_for);
    index BY_GUEST_ADDRESS(guest_address);
}

impl WorkingSet {
    /// The order with this reference.
    pub fn order_by_reference(&self, reference: &Reference) -> Option<&Order> {
        self.orders.find(BY_REFERENCE, reference)
    }
}

impl Order {
    /// Whether the buyer holds one of its tickets. A ticket that was transferred is somebody else's, and its code no business of the buyer's.
    pub fn is_holder_of(&self, ticket: &Ticket) -> bool {
        // A process of an earlier version, which knows no guests, issues the tickets of a guest to nobody.
        ticket.order_id == self.id
            && (ticket.holder == self.buyer.who || ticket.holder == Principal::External(String::new()))
    }

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
    /// What the price of one is made of, in the order's currency.
    #[serde(default)]
    pub parts: Parts,
    /// The promo code that these tickets were bought with. Each of them is one use.
    #[serde(default)]
    pub promo_code_id: Option<PromoCodeId>,
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
            ("promo_code_id", Kind::Int),
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
        self.promo_code_id.store(to);
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
        let (parts, promo_code_id) = (Parts { face, discount, fee, tax, total }, PromoCodeId::read(from)?);
        Ok(Self { ticket_type_id, quantity, unit_price, parts, promo_code_id })
    }
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
    /// The names of all of them.
    pub const NAMES: &'static [&'static str] = &["held", "paid", "expired", "cancelled"];

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
    /// How much the buyer may hold and take of the event.
    pub limits: BuyerLimits,
    /// The promo code that the buyer gave.
    pub promo_code: Option<PromoCodeText>,
    /// The total that the buyer was shown. If it comes out otherwise, the hold is refused.
    pub expect_total: Option<Money>,
}

impl Hold {
    /// Creates one without limits for the buyer.
    pub fn new(
        reference: Reference,
        event_id: EventId,
        buyer: Buyer,
        lines: Vec<HoldLine>,
        hold_until: Timestamp,
    ) -> Self {
        Self {
            reference,
            event_id,
            buyer,
            lines,
            hold_until,
            limits: BuyerLimits::default(),
            promo_code: None,
            expect_total: None,
        }
    }
}

setters!(Hold {
    with_limits => limits: BuyerLimits,
    with_promo_code => promo_code: impl Into<Option<PromoCodeText>>,
    with_expect_total => expect_total: impl Into<Option<Money>>,
});

/// A number of tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldLine {
    /// Which type. May be absent where the event has only one.
    pub ticket_type_id: Option<TicketTypeId>,
    /// The number of tickets.
    pub quantity: u32,
}

impl HoldLine {
    /// `quantity` tickets of one type. `None` means the event's only type.
    pub fn new(ticket_type_id: impl Into<Option<TicketTypeId>>, quantity: u32) -> Self {
        Self { ticket_type_id: ticket_type_id.into(), quantity }
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
