//! Messages to the attendees of an event.
//!
//! Sending one writes its row alone. Upkeep then enqueues its mails, order by order, as for a [notice](super::notice). Everybody gets it
//! once: a unique index holds the addresses of a message's mails.

use super::audit::Actor;
use super::code::Reference;
use super::id::{EventId, MessageId, OrderId, TicketTypeId};
use super::table::{Lock, table};
use super::ticket::{Ticket, TicketStatus};
use super::wire_names::wire_names;
use crate::setters::setters;
use jiff::{SignedDuration, Timestamp};

mod expand;
mod find;
mod send;
mod stop;

pub use expand::ExpandMessages;
pub use find::{FindMessage, ListMessages, ListRecipients};
pub use send::SendMessage;
pub use stop::StopMessage;

/// How many messages to the attendees of an event are sent within [`MESSAGES_WITHIN`].
pub const MAX_MESSAGES: usize = 3;
/// The time in which messages are counted.
pub const MESSAGES_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// A message to the attendees of an event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// The idempotency key.
    pub key: Reference,
    /// The event.
    pub event_id: EventId,
    /// The subject line.
    pub subject: String,
    /// The text: plain, with line breaks.
    pub text: String,
    /// To whom.
    pub audience: Audience,
    /// Who has sent it.
    pub sent_by: Actor,
    /// How many mails were enqueued so far.
    pub mails: i64,
    /// The last order whose attendees have their mails. They get them in the order of its id.
    pub last_order_id: Option<OrderId>,
    /// The status.
    pub status: MessageStatus,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Message in "messages", lock Lock::Rank(0);
    numbered id: MessageId, key, event_id, subject, text, audience [ticket_type_id, audience], sent_by, mails, last_order_id, status,
        created_at, updated_at;
    index BY_EVENT(event_id);
    index BY_KEY(key) unique;
}

/// Who gets a message: the holders of valid tickets, or some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Audience {
    /// Those with a ticket of this type. Default: of any.
    pub ticket_type_id: Option<TicketTypeId>,
    /// Whether they are in.
    pub who: Presence,
}

setters!(Audience {
    with_ticket_type_id => ticket_type_id: impl Into<Option<TicketTypeId>>,
    with_who => who: Presence,
});

impl Audience {
    /// Whether the holder of a ticket belongs to it.
    pub(crate) fn has(&self, ticket: &Ticket) -> bool {
        self.ticket_type_id.is_none_or(|id| ticket.ticket_type_id == id)
            && match self.who {
                Presence::Everybody => ticket.status.is_valid(),
                Presence::In => ticket.status == TicketStatus::Used,
                Presence::NotIn => ticket.status == TicketStatus::Active,
            }
    }
}

/// Whether an attendee was let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Presence {
    /// Whether or not.
    #[default]
    Everybody,
    /// They are in.
    In,
    /// They have not come yet.
    NotIn,
}

wire_names!(Presence { Everybody => "everybody", In => "in", NotIn => "not_in" });

/// The status of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MessageStatus {
    /// Not everybody has a mail yet.
    Sending,
    /// Everybody has a mail.
    Sent,
    /// It was stopped. Mails that were enqueued before are sent.
    Stopped,
}

wire_names!(MessageStatus { Sending => "sending", Sent => "sent", Stopped => "stopped" });

mod audience {
    use super::{Audience, Presence};
    use crate::domain::id::TicketTypeId;
    use crate::domain::row::{Field, Kind, RowError, Sink, Source, required};

    impl Field for Audience {
        const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text];

        fn store(&self, to: &mut dyn Sink) {
            self.ticket_type_id.store(to);
            self.who.store(to);
        }

        fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
            let ticket_type_id = TicketTypeId::read(from)?;
            let who: Presence = required(from, "messages.audience")?;
            Ok(Some(Self { ticket_type_id, who }))
        }
    }
}
