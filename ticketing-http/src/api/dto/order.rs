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
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::token::GuestKey;
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
        /// Whether a guest buys, without an account. Requires a request without a token.
        guest: Option<bool>,
        /// The address to which the tickets of a guest are mailed. It may also be given later, before paying: then the tickets are held
        /// for a shorter time until it is.
        email: Option<Text<1, 254>>,
    }
    example {"event_id": 1, "lines": [{"ticket_type_id": 1, "quantity": 2}]}

    /// The buyer of a guest's order.
    struct BuyerBody {
        /// The address to which the tickets are mailed.
        email: Text<1, 254>,
    }
    example {"email": "ada@example.com"}

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

    /// Who buys. `has_token` is whether the request came with a token.
    pub(crate) fn kind(&self, has_token: bool) -> Result<BuyerKind, Problem> {
        let is_guest = self.guest == Some(true);
        let mut faults = Faults::default();
        if is_guest && has_token {
            faults.add("guest", "must be left out by somebody who is logged in");
        }
        if !is_guest && has_token && self.email.is_some() {
            faults.add("email", "must be left out unless guest is true: an account has an address");
        }
        let email = self.email.as_ref().map(|email| faults.parsed("email", email.0.trim().parse()));
        let kind = if is_guest { BuyerKind::Guest(email.flatten()) } else { BuyerKind::Account };
        faults.or(Some(kind))
    }
}

/// Who buys.
pub(crate) enum BuyerKind {
    /// Whose token came with the request.
    Account,
    /// Somebody without an account, who may have given an address.
    Guest(Option<EmailAddress>),
}

impl BuyerBody {
    /// The address.
    pub(crate) fn into_email(self) -> Result<EmailAddress, Problem> {
        let mut faults = Faults::default();
        let email = faults.parsed("email", self.email.0.trim().parse());
        faults.or(email)
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
    /// The key of a guest's order, in the response that creates it. Send it as `X-Order-Key`. Who has it is the buyer.
    #[oai(skip_serializing_if_is_none)]
    key: Option<String>,
    /// Of a guest's order: the address to which the tickets are mailed, masked. Left out until there is one.
    #[oai(skip_serializing_if_is_none)]
    email: Option<String>,
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
            key: None,
            email: order.buyer.who.guest().and(order.buyer.email.as_ref()).map(EmailAddress::masked),
            currency: order.total.currency().code().to_owned(),
            expires_at: expires_at(order),
            created_at: order.created_at.into(),
            updated_at: order.updated_at.into(),
        }
    }
}

impl OrderView {
    /// A new order of a guest, with its key.
    pub(crate) fn with_key(order: &Order, key: Option<&GuestKey>) -> Self {
        Self { key: key.map(|key| key.as_str().to_owned()), ..order.into() }
    }
}
