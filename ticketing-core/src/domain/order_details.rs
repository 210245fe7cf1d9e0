//! What is known about an order besides its tickets and its money: answers to the event's questions, who will come with its tickets, and the
//! organiser's note.
//!
//! It is personal data, so it has a table of its own: rows of orders stay small, and erasing it touches nothing that the books need. An order
//! about which nobody has said anything has no row here, and [says so](super::order::Order::has_details), so that selling it costs nothing
//! more.

use super::attendee::NewAttendee;
use super::event::{Answers, Event, Per, Required, refuse_without};
use super::id::OrderId;
use super::order::OrderLine;
use super::refusal::Refusal;
use super::row::json_fields;
use super::table::{Lock, table};
use super::working_set::{Noun, WorkingSet};
use crate::setters::setters;
use jiff::Timestamp;

mod edit;
mod find;

pub use edit::EditOrderDetails;
pub use find::{FindOrderDetails, ListDetailsOfAccount};

/// What is known about an order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OrderDetails {
    /// The order.
    pub order_id: OrderId,
    /// The answers to questions that are asked once for an order.
    pub answers: Answers,
    /// Who will come with its tickets, in the order of its lines. Once it is paid, its [attendees](super::attendee::Attendee) say so.
    pub attendees: Vec<NewAttendee>,
    /// A note of the organiser's. The buyer does not see it.
    pub note: Option<String>,
    /// How often it was edited.
    pub version: i64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    OrderDetails in "order_details", lock Lock::With(Noun::Order, "order_id");
    keyed order_id: OrderId, answers, attendees, note, version, updated_at;
}

json_fields!(Vec<NewAttendee>);

impl OrderDetails {
    /// Those of an order of which nothing is known.
    pub(crate) fn unknown(order_id: OrderId, now: Timestamp) -> Self {
        let (answers, attendees) = (Answers::default(), vec![]);
        Self { order_id, answers, attendees, note: None, version: 0, updated_at: now }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.attendees.iter().all(NewAttendee::is_empty) && self.note.is_none()
    }
}

/// What shall be known about an order. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderDetailsWants {
    /// Answers to the questions that are asked once for an order. Others stay as they are; an empty answer takes one away.
    pub answers: Answers,
    /// Who will come with its tickets, in the order of its lines: at most one for each ticket. Only before the order is paid.
    pub attendees: Option<Vec<NewAttendee>>,
    /// A note. For the organiser only. `Some(None)` empties it.
    pub note: Option<Option<String>>,
}

setters!(OrderDetailsWants {
    with_answers => answers: Answers,
    with_attendees => attendees: impl Into<Option<Vec<NewAttendee>>>,
    with_note => note: impl Into<Option<Option<String>>>,
});

/// Whether everything is answered that must be before an order with these lines is paid. Needs its details, if the event asks anything.
pub(crate) fn is_answered(event: &Event, lines: &[OrderLine], details: Option<&OrderDetails>) -> Result<(), Refusal> {
    let asked = || event.questions_before(Required::BeforePaying);
    if asked().next().is_none() {
        return Ok(());
    }
    let nothing = Answers::default();
    let of_order = details.map_or(&nothing, |details| &details.answers);
    let mut missing = of_order.missing(asked().filter(|question| question.per == Per::Order));
    let types = lines.iter().flat_map(|line| std::iter::repeat_n(line.ticket_type_id, line.quantity as usize));
    for (index, ticket_type) in types.enumerate() {
        let attendee = details.and_then(|details| details.attendees.get(index));
        let answers = attendee.map_or(&nothing, |attendee| &attendee.answers);
        missing.extend(answers.missing(asked().filter(|question| question.is_for(ticket_type))));
    }
    refuse_without(missing)
}

/// Erases what is known about an order. Needs its row, to be changed.
pub(crate) fn empty(rows: &mut WorkingSet, now: Timestamp, order: OrderId) {
    if rows.order_details.get(&order).is_some_and(|details| !details.is_empty()) {
        rows.order_details.update(&order, |details| {
            (details.answers, details.attendees, details.note) = (Answers::default(), vec![], None);
            details.version += 1;
            details.updated_at = now;
        });
    }
    if rows.orders.get(&order).is_some_and(|order| order.has_details) {
        rows.orders.update(&order, |order| order.has_details = false);
    }
}
