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
    /// What somebody wants to buy.
    struct OrderBody {
        /// For which event.
        event_id: i64,
        /// What: 1 to 100 tickets in all.
        lines: Vec<LineBody>,
        /// There are none yet, so every code is unknown.
        promo_code: Option<Text<0, 50>>,
    }
    example {"event_id": 1, "lines": [{"ticket_type_id": 1, "quantity": 2}]}

    /// So many tickets of one type.
    struct LineBody {
        /// Which type. May be absent where the event has only one.
        ticket_type_id: Option<i64>,
        /// How many.
        quantity: u32,
    }
    example {"ticket_type_id": 1, "quantity": 2}
}

impl OrderBody {
    /// The engine's words for it.
    pub(crate) fn into_request(self) -> Result<OrderRequest, Problem> {
        no_promotions(self.promo_code)?;
        let line =
            |line: LineBody| LineRequest::new(line.quantity).with_ticket_type_id(line.ticket_type_id.map(TicketTypeId));
        Ok(OrderRequest::new(self.event_id.into(), self.lines.into_iter().map(line).collect()))
    }
}

/// There are no promotions yet. To take a code and give nothing for it would be worse than to say so.
pub(crate) fn no_promotions(code: Option<Text<0, 50>>) -> Result<(), Problem> {
    let mut faults = Faults::default();
    if code.is_some_and(|code| !code.0.trim().is_empty()) {
        faults.add("promo_code", "is not a code that we know");
    }
    faults.or(Some(()))
}

/// An order, to its buyer.
#[derive(Object)]
pub(crate) struct OrderView {
    /// The order's name.
    reference: String,
    /// What it is for.
    event_id: i64,
    /// `held`, `paid`, `expired` or `cancelled`
    status: String,
    /// What is wanted.
    lines: Vec<LineView>,
    /// How many tickets in all.
    quantity: u32,
    /// What it costs.
    total: Price,
    /// The currency of `total`.
    currency: String,
    /// Until when the places are kept, while it is held.
    #[oai(nullable)]
    expires_at: Option<Time>,
    /// When it was made.
    created_at: Time,
    /// When its status last changed.
    updated_at: Time,
}

/// So many tickets of one type.
#[derive(Object)]
pub(crate) struct LineView {
    /// Which type.
    ticket_type_id: i64,
    /// How many.
    quantity: u32,
    /// What one costs.
    unit_price: Price,
}

/// Until when an order's places are kept.
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
