use super::body::body;
use super::field::Faults;
use super::price::Price;
use super::text::Text;
use super::time::Time;
use crate::problem::Problem;
use poem_openapi::Object;
use ticketing_core::domain::id::TicketTypeId;
use ticketing_core::domain::order::{Order, OrderStatus};
use ticketing_core::{LineRequest, OrderRequest};

body! {
    /// A new order.
    struct OrderBody {
        /// The event's id.
        event_id: i64,
        /// The lines: 1–100 tickets in total.
        lines: Vec<LineBody>,
        /// Not supported yet: every code is rejected as unknown.
        promo_code: Option<Text<0, 50>>,
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
    pub(crate) fn into_request(self) -> Result<OrderRequest, Problem> {
        no_promotions(self.promo_code)?;
        let line =
            |line: LineBody| LineRequest::new(line.quantity).with_ticket_type_id(line.ticket_type_id.map(TicketTypeId));
        Ok(OrderRequest::new(self.event_id.into(), self.lines.into_iter().map(line).collect()))
    }
}

/// There are no promotions yet. To accept a code and ignore it would be worse than an error.
pub(crate) fn no_promotions(code: Option<Text<0, 50>>) -> Result<(), Problem> {
    let mut faults = Faults::default();
    if code.is_some_and(|code| !code.0.trim().is_empty()) {
        faults.add("promo_code", "is unknown");
    }
    faults.or(Some(()))
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
        let lines = order.lines.iter().map(|line| LineView {
            ticket_type_id: line.ticket_type_id.0,
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
        });
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
