//! Attendees: who comes with a ticket.
//!
//! What is known about them is in a table of its own, because it is personal data: rows of tickets stay small, and erasing it touches
//! nothing that the books need. A ticket that nobody has said anything about has no row here.

use super::code::Reference;
use super::event::Answers;
use super::id::{OrderId, PromoCodeId, TicketId, TicketTypeId};
use super::money::Money;
use super::order::Order;
use super::principal::EmailAddress;
use super::table::{Lock, table};
use super::text;
use super::ticket::{Ticket, TicketStatus};
use super::working_set::{Noun, WorkingSet};
use crate::setters::setters;
use jiff::Timestamp;

mod edit;
mod erase;
mod find;
mod list;

pub use edit::EditAttendee;
pub use erase::EraseAttendee;
pub use find::{FindAttendee, ListAttendeesOfAccount};
pub use list::{AttendeeFilter, ListAttendees};

/// How many symbols of a ticket's code an organiser sees.
pub const CODE_SUFFIX: usize = 6;

/// What is known about the person who comes with a ticket.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Attendee {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The order that the ticket was bought with.
    pub order_id: OrderId,
    /// The name.
    pub name: Option<String>,
    /// The e-mail address, if it is another one than the buyer's.
    pub email: Option<EmailAddress>,
    /// A note of the organiser's. The holder does not see it.
    pub note: Option<String>,
    /// The answers to the event's questions.
    #[serde(default)]
    pub answers: Answers,
    /// How often it was edited.
    pub version: i64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Attendee in "attendees", lock Lock::With(Noun::Order, "order_id");
    keyed ticket_id: TicketId, order_id, name, email, note, version, updated_at, answers;
    derived name_key = |attendee| attendee.name.as_deref().map(text::key);
    index BY_ORDER(order_id);
}

impl Attendee {
    /// Nothing is known yet.
    pub(crate) fn unknown(ticket_id: TicketId, order_id: OrderId, now: Timestamp) -> Self {
        let answers = Answers::default();
        Self { ticket_id, order_id, name: None, email: None, note: None, answers, version: 0, updated_at: now }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.email.is_none() && self.note.is_none() && self.answers.is_empty()
    }
}

impl WorkingSet {
    /// What is known about the attendees of an order, by ticket.
    pub fn attendees_of(&self, order: OrderId) -> impl Iterator<Item = &Attendee> {
        self.attendees.all(BY_ORDER, &order)
    }
}

/// What shall be known about an attendee. `None` leaves a field as it is; `Some(None)` empties it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttendeeWants {
    /// The name.
    pub name: Option<Option<String>>,
    /// The e-mail address.
    pub email: Option<Option<EmailAddress>>,
    /// A note. For the organiser only.
    pub note: Option<Option<String>>,
    /// Answers to the event's questions. Others stay as they are; an empty answer takes one away.
    pub answers: Answers,
}

setters!(AttendeeWants {
    with_name => name: impl Into<Option<Option<String>>>,
    with_email => email: impl Into<Option<Option<EmailAddress>>>,
    with_note => note: impl Into<Option<Option<String>>>,
    with_answers => answers: Answers,
});

impl AttendeeWants {
    /// The attendee as wanted.
    fn onto(&self, attendee: &Attendee) -> Attendee {
        let attendee = attendee.clone();
        Attendee {
            name: self.name.clone().unwrap_or(attendee.name),
            email: self.email.clone().unwrap_or(attendee.email),
            note: self.note.clone().unwrap_or(attendee.note),
            answers: attendee.answers.with(&self.answers),
            ..attendee
        }
    }
}

/// Who comes with a ticket that is issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct NewAttendee {
    /// The name.
    pub name: Option<String>,
    /// The e-mail address, if it is another one than the buyer's. The ticket is mailed there too.
    pub email: Option<EmailAddress>,
    /// Answers to the event's questions.
    #[serde(default)]
    pub answers: Answers,
}

impl NewAttendee {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.email.is_none() && self.answers.is_empty()
    }
}

setters!(NewAttendee {
    with_name => name: impl Into<Option<String>>,
    with_email => email: impl Into<Option<EmailAddress>>,
    with_answers => answers: Answers,
});

/// Says who comes with a ticket that was just issued, and about which nothing is known. Somebody with another address than the buyer's is
/// owed a mail with the ticket, if anybody is told. Needs the mails of the order.
pub(crate) fn name(
    rows: &mut WorkingSet,
    now: Timestamp,
    order: &Order,
    ticket: &Ticket,
    new: &NewAttendee,
    is_told: bool,
) {
    let unknown = Attendee::unknown(ticket.id, ticket.order_id, now);
    let NewAttendee { name, email, answers } = new.clone();
    let attendee = Attendee { name, email, answers, version: 1, ..unknown };
    if !attendee.is_empty() {
        rows.attendees.insert(attendee);
    }
    let is_another = |to: &EmailAddress| order.buyer.email.as_ref().is_none_or(|buyer| buyer.key() != to.key());
    if let Some(to) = new.email.clone().filter(is_another).filter(|_| is_told) {
        rows.mail_ticket(now, ticket, to);
    }
}

/// What is known about who comes with a ticket stays with the one that comes in place of it.
pub(crate) fn follow(rows: &mut WorkingSet, now: Timestamp, old: &Ticket, new: &Ticket) {
    let known = rows.attendees_of(old.order_id).find(|known| known.ticket_id == old.id).cloned();
    if let Some(known) = known.filter(|known| !known.is_empty()) {
        rows.attendees.insert(Attendee { ticket_id: new.id, version: 1, updated_at: now, ..known });
    }
}

/// A ticket in the list of an event's attendees. It has no code: lists are printed, mailed and lost, and a code is all that is needed to get in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct AttendeeEntry {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The last [`CODE_SUFFIX`] symbols of its code, by which it can be told from others.
    pub code_suffix: String,
    /// Its type.
    pub ticket_type_id: TicketTypeId,
    /// Its price.
    pub price: Money,
    /// Its status.
    pub status: TicketStatus,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The reference of its order.
    pub order: Reference,
    /// When the order was made.
    pub ordered_at: Timestamp,
    /// The address of the order's buyer. [Erased](EmailAddress::is_erased), if the buyer was.
    pub buyer_email: Option<EmailAddress>,
    /// The gateway that the order was paid at.
    pub paid_with: Option<String>,
    /// The promo code that it was bought with.
    pub promo_code_id: Option<PromoCodeId>,
    /// The name of the attendee.
    pub name: Option<String>,
    /// The address of the attendee, if it is another one than the buyer's.
    pub email: Option<EmailAddress>,
    /// The organiser's note.
    pub note: Option<String>,
    /// The answers to the event's questions.
    pub answers: Answers,
    /// The version of name, address and note; 0 if none was ever set.
    pub version: i64,
    /// When the holder was let in, if that was not undone.
    pub checked_in_at: Option<Timestamp>,
    /// At which entrance, if the scanner said.
    pub gate: Option<String>,
}
