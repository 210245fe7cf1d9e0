//! Attendees, for organisers and holders.

use super::answers::GivenAnswers;
use super::body::body;
use super::field::Faults;
use super::patch::{Set, SetOrEmpty};
use super::price::Price;
use super::text::Text;
use super::time::Time;
use crate::problem::Problem;
use poem_openapi::Object;
use std::collections::BTreeMap;
use ticketing_core::domain::attendee::{Attendee, AttendeeEntry, AttendeeWants};
use ticketing_core::domain::principal::EmailAddress;

body! {
    /// Changes of who comes with a ticket: a merge patch (RFC 7396). A field that is left out stays as it is; null empties it.
    struct AttendeePatch {
        /// The name.
        name: SetOrEmpty<Text<0, 200>>,
        /// The e-mail address, if it is another one than the buyer's. A valid ticket is mailed to it.
        email: SetOrEmpty<Text<1, 254>>,
        /// A note. For the event's organiser only.
        note: SetOrEmpty<Text<0, 2000>>,
        /// Answers to the event's questions, by their keys. Others stay as they are; null takes an answer away.
        answers: Set<GivenAnswers>,
    }
    example {"name": "Ada Lovelace"}
}

impl AttendeePatch {
    pub(crate) fn into_wants(self) -> Result<AttendeeWants, Problem> {
        let mut faults = Faults::default();
        let email = match self.email.0 {
            None => None,
            Some(None) => Some(None),
            Some(Some(email)) => faults.parsed("email", email.0.trim().parse()).map(Some),
        };
        let wants = AttendeeWants::default()
            .with_name(self.name.0.map(|name| name.map(|name| name.0)))
            .with_email(email)
            .with_note(self.note.0.map(|note| note.map(|note| note.0)))
            .with_answers(self.answers.0.unwrap_or_default().0);
        faults.or(Some(wants))
    }
}

/// Who comes with a ticket.
#[derive(Object)]
#[oai(rename = "Attendee")]
pub(crate) struct AttendeeView {
    /// The ticket's id.
    ticket_id: i64,
    /// The name.
    #[oai(nullable)]
    name: Option<String>,
    /// The e-mail address, if it is another one than the buyer's.
    #[oai(nullable)]
    email: Option<String>,
    /// The note, for the event's organiser.
    #[oai(nullable)]
    note: Option<String>,
    /// Answers to the event's questions, by their keys.
    answers: BTreeMap<String, String>,
    /// The version, which changes with every edit; 0 if nothing was ever set. `If-Match: "v1"` edits version 1.
    version: i64,
    /// Time of the last edit, or of issue.
    updated_at: Time,
}

impl From<&Attendee> for AttendeeView {
    fn from(attendee: &Attendee) -> Self {
        Self {
            ticket_id: attendee.ticket_id.0,
            name: attendee.name.clone(),
            email: address(attendee.email.as_ref()),
            note: attendee.note.clone(),
            answers: attendee.answers.0.clone(),
            version: attendee.version,
            updated_at: attendee.updated_at.into(),
        }
    }
}

/// A ticket in the list of an event's attendees. Its code is not in it.
#[derive(Object)]
#[oai(rename = "AttendeeEntry")]
pub(crate) struct AttendeeEntryView {
    /// The ticket's id.
    ticket_id: i64,
    /// The last six symbols of the ticket's code.
    code_ends_with: String,
    /// The ticket type's id.
    ticket_type_id: i64,
    /// `active`, `used`, `refunded`, `cancelled` or `transferred`
    status: String,
    /// The name of who comes with it.
    #[oai(nullable)]
    name: Option<String>,
    /// The address of who comes with it, if it is another one than the buyer's.
    #[oai(nullable)]
    email: Option<String>,
    /// The buyer's address. Null if the buyer has given none, or was erased.
    #[oai(nullable)]
    buyer_email: Option<String>,
    /// The organiser's note.
    #[oai(nullable)]
    note: Option<String>,
    /// Answers to the event's questions, by their keys.
    answers: BTreeMap<String, String>,
    /// The version of name, address, note and answers.
    version: i64,
    /// The order's reference.
    order: String,
    /// When the order was made.
    ordered_at: Time,
    /// The payment gateway, or `cash`, `transfer` or `free`.
    #[oai(nullable)]
    paid_with: Option<String>,
    /// The promo code's id.
    #[oai(nullable)]
    promo_code_id: Option<i64>,
    /// Price of the ticket.
    price: Price,
    /// The currency of `price`.
    currency: String,
    /// When the holder was let in.
    #[oai(nullable)]
    checked_in_at: Option<Time>,
    /// At which entrance, if the scanner said.
    #[oai(nullable)]
    gate: Option<String>,
}

impl From<AttendeeEntry> for AttendeeEntryView {
    fn from(entry: AttendeeEntry) -> Self {
        Self {
            ticket_id: entry.ticket_id.0,
            code_ends_with: entry.code_suffix,
            ticket_type_id: entry.ticket_type_id.0,
            status: entry.status.name().to_owned(),
            name: entry.name,
            email: address(entry.email.as_ref()),
            buyer_email: address(entry.buyer_email.as_ref()),
            note: entry.note,
            answers: entry.answers.0,
            version: entry.version,
            order: entry.order.to_string(),
            ordered_at: entry.ordered_at.into(),
            paid_with: entry.paid_with,
            promo_code_id: entry.promo_code_id.map(|id| id.0),
            price: entry.price.into(),
            currency: entry.price.currency().code().to_owned(),
            checked_in_at: entry.checked_in_at.map(Into::into),
            gate: entry.gate,
        }
    }
}

/// An address, unless it was erased.
pub(crate) fn address(email: Option<&EmailAddress>) -> Option<String> {
    email.filter(|email| !email.is_erased()).map(|email| email.as_str().to_owned())
}
