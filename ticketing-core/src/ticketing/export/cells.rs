//! The columns of each kind of export, in one place, and what is in them.

use crate::domain::attendee::AttendeeEntry;
use crate::domain::event::{Event, Per, Question};
use crate::domain::id::TicketTypeId;
use crate::domain::money::Money;
use crate::domain::order::OrderEntry;
use crate::domain::principal::EmailAddress;
use crate::domain::wire_names::wire_names;
use jiff::Timestamp;

/// What an export lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportKind {
    /// The tickets that were issued, with who comes with them.
    Attendees,
    /// The orders, whatever became of them.
    Orders,
    /// The refunds.
    Refunds,
    /// The tickets whose holders were let in.
    CheckIns,
}

wire_names!(ExportKind {
    Attendees => "attendees",
    Orders => "orders",
    Refunds => "refunds",
    CheckIns => "check-ins",
});

/// The content of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text, of whatever characters.
    Text(String),
    /// A number.
    Number(i64),
    /// A time.
    Time(Timestamp),
    /// An amount, whose currency is in a column of its own.
    Money(Money),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Option<&str>> for Cell {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Empty, Self::from)
    }
}

impl From<Timestamp> for Cell {
    fn from(at: Timestamp) -> Self {
        Self::Time(at)
    }
}

impl From<Option<Timestamp>> for Cell {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Empty, Self::Time)
    }
}

impl From<Money> for Cell {
    fn from(money: Money) -> Self {
        Self::Money(money)
    }
}

impl From<Option<Money>> for Cell {
    fn from(money: Option<Money>) -> Self {
        money.map_or(Self::Empty, Self::Money)
    }
}

/// An address, unless it was erased.
fn address(email: Option<&EmailAddress>) -> Option<&str> {
    email.filter(|email| !email.is_erased()).map(EmailAddress::as_str)
}

const ATTENDEES: &[&str] = &[
    "ticket_id",
    "code_ends_with",
    "ticket_type",
    "status",
    "name",
    "email",
    "buyer_email",
    "note",
    "order",
    "ordered_at",
    "paid_with",
    "price",
    "currency",
    "checked_in_at",
    "gate",
];

const ORDERS: &[&str] = &[
    "order",
    "status",
    "buyer_email",
    "ticket_types",
    "quantity",
    "valid_tickets",
    "total",
    "currency",
    "paid_with",
    "paid",
    "refunded",
    "paid_currency",
    "created_at",
    "updated_at",
];

const REFUNDS: &[&str] = &[
    "refund_id",
    "order",
    "buyer_email",
    "paid_with",
    "amount",
    "currency",
    "reason",
    "note",
    "tickets",
    "status",
    "created_at",
    "updated_at",
];

const CHECK_INS: &[&str] =
    &["ticket_id", "code_ends_with", "ticket_type", "name", "email", "order", "checked_in_at", "gate"];

impl ExportKind {
    /// The names of its columns.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Attendees => ATTENDEES,
            Self::Orders => ORDERS,
            Self::Refunds => REFUNDS,
            Self::CheckIns => CHECK_INS,
        }
    }

    /// The names of its columns for an event, whose questions are columns too.
    pub(super) fn columns_of(self, event: &Event) -> Vec<String> {
        let own = self.columns().iter().map(|name| (*name).to_owned());
        let asked = questions(event).filter(|_| self == Self::Attendees);
        own.chain(asked.map(|question| format!("answer_{}", question.key))).collect()
    }

    /// The rows of a page of attendees.
    pub(super) fn of_attendees(self, event: &Event, entries: &[AttendeeEntry]) -> Vec<Vec<Cell>> {
        let email = |entry: &AttendeeEntry| address(entry.email.as_ref().or(entry.buyer_email.as_ref())).into();
        let attendee = |entry: &AttendeeEntry| {
            let mut cells: Vec<Cell> = vec![
                Cell::Number(entry.ticket_id.0),
                entry.code_suffix.as_str().into(),
                type_name(event, entry.ticket_type_id).into(),
                entry.status.name().into(),
                entry.name.as_deref().into(),
                email(entry),
                address(entry.buyer_email.as_ref()).into(),
                entry.note.as_deref().into(),
                entry.order.as_str().into(),
                entry.ordered_at.into(),
                entry.paid_with.as_deref().into(),
                entry.price.into(),
                entry.price.currency().code().into(),
                entry.checked_in_at.into(),
                entry.gate.as_deref().into(),
            ];
            cells.extend(questions(event).map(|question| entry.answers.get(&question.key).into()));
            cells
        };
        let check_in = |entry: &AttendeeEntry| {
            vec![
                Cell::Number(entry.ticket_id.0),
                entry.code_suffix.as_str().into(),
                type_name(event, entry.ticket_type_id).into(),
                entry.name.as_deref().into(),
                email(entry),
                entry.order.as_str().into(),
                entry.checked_in_at.into(),
                entry.gate.as_deref().into(),
            ]
        };
        match self {
            Self::CheckIns => entries.iter().filter(|entry| entry.checked_in_at.is_some()).map(check_in).collect(),
            _ => entries.iter().map(attendee).collect(),
        }
    }

    /// The rows of a page of orders.
    pub(super) fn of_orders(self, event: &Event, entries: &[OrderEntry]) -> Vec<Vec<Cell>> {
        match self {
            Self::Refunds => entries.iter().flat_map(refunds).collect(),
            _ => entries.iter().map(|entry| order(event, entry)).collect(),
        }
    }
}

fn order(event: &Event, entry: &OrderEntry) -> Vec<Cell> {
    let order = &entry.order;
    let types: Vec<String> = order
        .lines
        .iter()
        .map(|line| format!("{} x {}", line.quantity, type_name(event, line.ticket_type_id)))
        .collect();
    vec![
        order.reference.as_str().into(),
        order.status.name().into(),
        address(order.buyer.email.as_ref()).into(),
        types.join(", ").as_str().into(),
        Cell::Number(order.quantity().into()),
        Cell::Number(entry.valid_tickets.into()),
        order.total.into(),
        order.total.currency().code().into(),
        entry.paid_with.as_deref().into(),
        entry.paid.into(),
        entry.refunded.into(),
        entry.paid.map(|paid| paid.currency().code()).into(),
        order.created_at.into(),
        order.updated_at.into(),
    ]
}

fn refunds(entry: &OrderEntry) -> impl Iterator<Item = Vec<Cell>> {
    let order = &entry.order;
    entry.refunds.iter().map(|refund| {
        let tickets: Vec<String> = refund.tickets.iter().map(ToString::to_string).collect();
        vec![
            Cell::Number(refund.id.0),
            order.reference.as_str().into(),
            address(order.buyer.email.as_ref()).into(),
            entry.paid_with.as_deref().into(),
            refund.amount.into(),
            refund.amount.currency().code().into(),
            refund.reason.name().into(),
            refund.note.as_deref().into(),
            tickets.join(" ").as_str().into(),
            refund.status.name().into(),
            refund.created_at.into(),
            refund.updated_at.into(),
        ]
    })
}

/// The questions that are asked for every ticket.
fn questions(event: &Event) -> impl Iterator<Item = &Question> {
    event.terms.questions.iter().filter(|question| question.per == Per::Ticket)
}

fn type_name(event: &Event, id: TicketTypeId) -> &str {
    event.ticket_type(id).map_or("", |ticket_type| ticket_type.name.as_str())
}
