use super::body::body;
use super::field::Faults;
use super::price::{GivenPrice, Price};
use super::text::Text;
use super::time::Time;
use crate::problem::Problem;
use poem_openapi::Object;
use ticketing_core::domain::id::{EventId, TicketTypeId};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{Order, OrderLine, OrderStatus};
use ticketing_core::{LineRequest, OrderRequest};

body! {
    /// A new order.
    struct OrderBody {
        /// The event's id.
        event_id: i64,
        /// The lines: 1–100 tickets in total.
        lines: Vec<LineBody>,
        /// A promo code, in any case.
        promo_code: Option<Text<0, 50>>,
        /// The total that the buyer was shown. If the order would cost something else, it is refused.
        expect_total: Option<GivenPrice>,
    }
    example {"event_id": 1, "lines": [{"ticket_type_id": 1, "quantity": 2}]}

    /// Tickets of one type.
    struct LineBody {
        /// The ticket type's id. Optional if the event has only one.
        ticket_type_id: Option<i64>,
        /// Number of tickets.
        quantity: u32,
    }
    example {"ticket_type_id": 1, "quantity": 2}
}

impl OrderBody {
    /// Converts the body to the engine's request.
    pub(crate) fn into_request(self) -> (OrderRequest, Option<GivenPrice>) {
        (request_of(self.event_id.into(), self.lines, self.promo_code), self.expect_total)
    }
}

/// A request for these lines. A blank code is none.
pub(crate) fn request_of(event: EventId, lines: Vec<LineBody>, code: Option<Text<0, 50>>) -> OrderRequest {
    let line =
        |line: LineBody| LineRequest::new(line.quantity).with_ticket_type_id(line.ticket_type_id.map(TicketTypeId));
    OrderRequest::new(event, lines.into_iter().map(line).collect()).with_promo_code(named(code))
}

/// The code that was given, if any.
pub(crate) fn named(code: Option<Text<0, 50>>) -> Option<String> {
    code.map(|code| code.0).filter(|code| !code.trim().is_empty())
}

/// The total that the buyer was shown, in the event's currency.
pub(crate) fn expected(total: Option<GivenPrice>, currency: Currency) -> Result<Option<Money>, Problem> {
    let mut faults = Faults::default();
    let total = match total {
        None => Some(None),
        Some(total) => faults.parsed("expect_total", Money::parse(&total.0, currency)).map(Some),
    };
    faults.or(total)
}

/// An order, for its buyer.
#[derive(Object)]
pub(crate) struct OrderView {
    /// The order's reference.
    reference: String,
    /// The event's id.
    event_id: i64,
    /// `held`, `paid`, `expired` or `cancelled`
    status: String,
    /// The lines.
    lines: Vec<LineView>,
    /// Total number of tickets.
    quantity: u32,
    /// Total price.
    total: Price,
    /// The currency of `total`.
    currency: String,
    /// When the hold expires, while the order is held.
    #[oai(nullable)]
    expires_at: Option<Time>,
    /// Creation time.
    created_at: Time,
    /// Time of the last change of status.
    updated_at: Time,
}

/// Tickets of one type.
#[derive(Object)]
pub(crate) struct LineView {
    /// The ticket type's id.
    ticket_type_id: i64,
    /// Number of tickets.
    quantity: u32,
    /// Price of one ticket.
    unit_price: Price,
    /// Price of one ticket without the promo code.
    face_price: Price,
    /// What the promo code takes off the price of one ticket.
    discount: Price,
}

impl From<&OrderLine> for LineView {
    fn from(line: &OrderLine) -> Self {
        let currency = line.unit_price.currency();
        let money = |minor| Money::new(minor, currency).unwrap_or(Money::zero(currency)).into();
        Self {
            ticket_type_id: line.ticket_type_id.0,
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            face_price: money(line.parts.face),
            discount: money(line.parts.discount),
        }
    }
}

/// When an order's hold expires.
pub(crate) fn expires_at(order: &Order) -> Option<Time> {
    match order.status {
        OrderStatus::Held { hold_until } => Some(hold_until.into()),
        _ => None,
    }
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        let lines = order.lines.iter().map(Into::into);
        Self {
            reference: order.reference.to_string(),
            event_id: order.event_id.0,
            status: order.status.name().to_owned(),
            lines: lines.collect(),
            quantity: order.quantity(),
            total: order.total.into(),
            currency: order.total.currency().code().to_owned(),
            expires_at: expires_at(order),
            created_at: order.created_at.into(),
            updated_at: order.updated_at.into(),
        }
    }
}
