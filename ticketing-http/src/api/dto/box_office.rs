//! Orders without a checkout, and an event's orders for its organiser.

use super::answers::GivenAnswers;
use super::attendee::address;
use super::body::body;
use super::field::{Faults, ReadField, wrong};
use super::holders::attendees;
use super::json::Json;
use super::order::{LineView, OrderView, expires_at};
use super::patch::Set;
use super::price::{GivenPrice, Price};
use super::text::Text;
use super::ticket::TicketView;
use super::time::{GivenTime, Time};
use crate::problem::Problem;
use poem_openapi::{Enum, Object};
use ticketing_core::domain::attendee::NewAttendee;
use ticketing_core::domain::id::{EventId, TicketTypeId};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{IssueLine, IssuePayment, Issued, OrderEntry};
use ticketing_core::domain::payment::{ManualMethod, Settlement};
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::{IssueRequest, ReceivedPayment};

body! {
    /// An order to make on behalf of a buyer, without a checkout.
    struct IssueBody {
        /// The lines: 1–100 tickets in total.
        lines: Vec<IssueLineBody>,
        payment: PaymentWord,
        /// Where the tickets are mailed. Default: nowhere. They are in the response.
        email: Option<Text<1, 254>>,
        /// Why the tickets are free, which is required then, or a note about the payment.
        note: Option<Text<0, 500>>,
        /// Until when the places are kept, with `later`: at most 14 days ahead.
        pay_until: Option<GivenTime>,
    }
    example {"lines": [{"ticket_type_id": 1, "quantity": 20}], "payment": "free", "note": "The band"}

    /// Tickets of one type.
    struct IssueLineBody {
        /// The ticket type's id. Optional if the event has only one.
        ticket_type_id: Option<i64>,
        /// Number of tickets.
        quantity: u32,
        /// Price of one ticket. Default: that of its type; nothing, if the order is free.
        unit_price: Option<GivenPrice>,
        /// Who comes with them, for the first of the tickets.
        attendees: Option<Vec<NewAttendeeBody>>,
    }
    example {"ticket_type_id": 1, "quantity": 2, "attendees": [{"name": "Ada Lovelace"}]}

    /// Who comes with a ticket.
    struct NewAttendeeBody {
        /// The name.
        name: Option<Text<0, 200>>,
        /// The e-mail address, if it is another one than the buyer's. The ticket is mailed there too.
        email: Option<Text<1, 254>>,
        /// Answers to the event's questions, by their keys.
        answers: Set<GivenAnswers>,
    }
    example {"name": "Ada Lovelace"}

    /// A payment that somebody has received.
    struct RecordPaymentBody {
        method: MethodWord,
        /// How much, in the order's currency. If it is not what the order costs, the payment is in review.
        amount: GivenPrice,
        /// A note, such as the bank's reference.
        note: Option<Text<0, 500>>,
    }
    example {"method": "transfer", "amount": "5000.00", "note": "FT26335"}

    /// Where to send the tickets.
    struct ResendBody {
        /// Another address than the buyer's. For the event's organiser only.
        to: Option<Text<1, 254>>,
    }
    example {}
}

/// How an order without a checkout is paid.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum PaymentWord {
    /// Not at all.
    Free,
    /// In cash, which was received.
    Cash,
    /// By a bank transfer, which was received.
    Transfer,
    /// Later: the places are kept until `pay_until`.
    Later,
}

impl ReadField for PaymentWord {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Text(word)) if word == "free" => Some(Self::Free),
            Some(Json::Text(word)) if word == "cash" => Some(Self::Cash),
            Some(Json::Text(word)) if word == "transfer" => Some(Self::Transfer),
            Some(Json::Text(word)) if word == "later" => Some(Self::Later),
            other => wrong(other, "free, cash, transfer or later", at, faults),
        }
    }
}

/// How a payment was received.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum MethodWord {
    /// In cash.
    Cash,
    /// By a bank transfer.
    Transfer,
}

impl ReadField for MethodWord {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Text(word)) if word == "cash" => Some(Self::Cash),
            Some(Json::Text(word)) if word == "transfer" => Some(Self::Transfer),
            other => wrong(other, "cash or transfer", at, faults),
        }
    }
}

impl From<MethodWord> for ManualMethod {
    fn from(word: MethodWord) -> Self {
        match word {
            MethodWord::Cash => Self::Cash,
            MethodWord::Transfer => Self::Transfer,
        }
    }
}

impl IssueBody {
    /// Converts the body to the engine's request. Prices are in the event's currency.
    pub(crate) fn into_request(self, event: EventId, currency: Currency) -> Result<IssueRequest, Problem> {
        let mut faults = Faults::default();
        let payment = match (self.payment, self.pay_until) {
            (PaymentWord::Later, Some(until)) => Some(IssuePayment::Later { until: until.at }),
            (PaymentWord::Later, None) => {
                faults.add("pay_until", "is required: until when the places are kept");
                None
            }
            (_, Some(_)) => {
                faults.add("pay_until", "must be left out unless payment is later");
                None
            }
            (PaymentWord::Free, None) => Some(IssuePayment::Free),
            (PaymentWord::Cash, None) => Some(IssuePayment::Received(ManualMethod::Cash)),
            (PaymentWord::Transfer, None) => Some(IssuePayment::Received(ManualMethod::Transfer)),
        };
        let email = self.email.as_ref().map(|email| faults.parsed("email", email.0.trim().parse()));
        let lines: Vec<IssueLine> = self.lines.into_iter().map(|line| line.into_line(currency, &mut faults)).collect();
        let note = self.note.map(|note| note.0);
        let request =
            payment.map(|payment| IssueRequest::new(event, lines, payment).with_email(email.flatten()).with_note(note));
        faults.or(request)
    }
}

impl IssueLineBody {
    fn into_line(self, currency: Currency, faults: &mut Faults) -> IssueLine {
        let price = self.unit_price.map(|price| faults.parsed("unit_price", Money::parse(&price.0, currency)));
        let named = attendees(self.attendees.unwrap_or_default(), faults);
        IssueLine::new(self.ticket_type_id.map(TicketTypeId), self.quantity)
            .with_unit_price(price.flatten())
            .with_attendees(named)
    }
}

impl NewAttendeeBody {
    pub(crate) fn into_attendee(self, faults: &mut Faults) -> NewAttendee {
        let email: Option<Option<EmailAddress>> =
            self.email.map(|email| faults.parsed("attendees.email", email.0.trim().parse()));
        let name = self.name.map(|name| name.0.trim().to_owned()).filter(|name| !name.is_empty());
        let answers = self.answers.0.unwrap_or_default().0;
        NewAttendee::default().with_name(name).with_email(email.flatten()).with_answers(answers)
    }
}

impl RecordPaymentBody {
    /// Converts the body to the engine's request. The amount is in the order's currency.
    pub(crate) fn into_received(self, currency: Currency) -> Result<ReceivedPayment, Problem> {
        let mut faults = Faults::default();
        let amount = faults.parsed("amount", Money::parse(&self.amount.0, currency));
        let note = self.note.map(|note| note.0);
        faults.or(amount.map(|amount| ReceivedPayment::new(self.method.into(), amount).with_note(note)))
    }
}

impl ResendBody {
    pub(crate) fn into_address(self) -> Result<Option<EmailAddress>, Problem> {
        let mut faults = Faults::default();
        let to = self.to.as_ref().map(|to| faults.parsed("to", to.0.trim().parse()));
        faults.or(Some(to.flatten()))
    }
}

/// An order that was made without a checkout.
#[derive(Object)]
pub(crate) struct IssuedView {
    order: OrderView,
    /// Its tickets, with their codes. None, if it is paid later.
    tickets: Vec<TicketView>,
}

impl From<&Issued> for IssuedView {
    fn from(issued: &Issued) -> Self {
        Self { order: (&issued.order).into(), tickets: issued.tickets.iter().map(Into::into).collect() }
    }
}

/// The outcome of a payment that somebody has received.
#[derive(Object)]
pub(crate) struct RecordedView {
    order: OrderView,
    /// `paid`, or `in_review` if another amount came than the order costs. After a refund of it, `refund_due`.
    outcome: String,
    /// The tickets, with their codes, if it is paid.
    tickets: Vec<TicketView>,
}

impl RecordedView {
    /// `None` for a kind of settlement that this version does not know.
    pub(crate) fn new(settlement: &Settlement) -> Option<Self> {
        let (outcome, order, tickets) = match settlement {
            Settlement::Fulfilled { order, tickets, .. } => ("paid", order, tickets.iter().map(Into::into).collect()),
            Settlement::Review { order, .. } => ("in_review", order, vec![]),
            Settlement::RefundDue { order, .. } => ("refund_due", order, vec![]),
            Settlement::Open { order, .. } | Settlement::Failed { order, .. } | Settlement::Reversed { order } => {
                ("not_paid", order, vec![])
            }
            _ => return None,
        };
        Some(Self { order: order.into(), outcome: outcome.to_owned(), tickets })
    }
}

/// An order in the list of an event's orders, for its organiser.
#[derive(Object)]
pub(crate) struct EventOrderView {
    /// The order's reference.
    reference: String,
    /// `held`, `paid`, `expired` or `cancelled`
    status: String,
    /// The buyer's address. Null if the buyer has given none, or was erased.
    #[oai(nullable)]
    buyer_email: Option<String>,
    /// The lines.
    lines: Vec<LineView>,
    /// Total number of tickets.
    quantity: u32,
    /// How many of its tickets are valid.
    valid_tickets: u32,
    /// Total price.
    total: Price,
    /// The currency of `total`.
    currency: String,
    /// The payment gateway, or `cash`, `transfer` or `free`. Null until it is paid.
    #[oai(nullable)]
    paid_with: Option<String>,
    /// What was paid for its tickets.
    #[oai(nullable)]
    paid: Option<Price>,
    /// How much of that goes back or went back.
    #[oai(nullable)]
    refunded: Option<Price>,
    /// The currency of `paid` and `refunded`.
    #[oai(nullable)]
    paid_currency: Option<String>,
    /// The promo code's id.
    #[oai(nullable)]
    promo_code_id: Option<i64>,
    /// When the hold expires, while the order is held.
    #[oai(nullable)]
    expires_at: Option<Time>,
    /// Creation time.
    created_at: Time,
    /// Time of the last change of status.
    updated_at: Time,
}

impl From<OrderEntry> for EventOrderView {
    fn from(entry: OrderEntry) -> Self {
        let order = &entry.order;
        Self {
            reference: order.reference.to_string(),
            status: order.status.name().to_owned(),
            buyer_email: address(order.buyer.email.as_ref()),
            lines: order.lines.iter().map(Into::into).collect(),
            quantity: order.quantity(),
            valid_tickets: entry.valid_tickets,
            total: order.total.into(),
            currency: order.total.currency().code().to_owned(),
            paid_with: entry.paid_with,
            paid: entry.paid.map(Into::into),
            refunded: entry.refunded.map(Into::into),
            paid_currency: entry.paid.map(|paid| paid.currency().code().to_owned()),
            promo_code_id: order.promo_code_id.map(|id| id.0),
            expires_at: expires_at(order),
            created_at: order.created_at.into(),
            updated_at: order.updated_at.into(),
        }
    }
}
