use super::{Audience, BY_EVENT, BY_KEY, MAX_MESSAGES, MESSAGES_WITHIN, Message, MessageStatus};
use crate::domain::audit::{Actor, Change};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::event::{Event, EventStatus};
use crate::domain::id::{EventId, MessageId};
use crate::domain::limit::next_allowed;
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Sends a message to the attendees of an event. Upkeep enqueues its mails. A repeat with the same key and content finds the same message.
/// It is a line of the audit log.
///
/// At most [`MAX_MESSAGES`] for an event within [`MESSAGES_WITHIN`]. It is for what concerns the event, and nobody can opt out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendMessage {
    /// The idempotency key.
    pub key: Reference,
    /// The event.
    pub event_id: EventId,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// To whom.
    pub audience: Audience,
    /// Who sends it.
    pub actor: Principal,
    /// The events to whose attendees this person may write. For others there is no such event.
    pub scope: Scope,
}

impl Command for SendMessage {
    type Outcome = Result<Message, Refusal>;
    const NAME: &'static str = "send_message";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        // Its row is locked, so that two messages at once see each other.
        load.row::<Event>(&self.event_id);
        load.look_up(BY_KEY, &self.key);
        load.look_up(BY_EVENT, &self.event_id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Message, Refusal> {
        let missing = Refusal::EventUnknown { event_id: self.event_id };
        let event = rows.events.get(&self.event_id).filter(|event| self.scope.covers(event)).ok_or(missing)?;
        let is_draft = event.status == EventStatus::Draft;
        let has_type = self.audience.ticket_type_id.is_none_or(|id| event.ticket_type(id).is_some());
        if let Some(known) = rows.messages.find(BY_KEY, &self.key) {
            let is_same = known.event_id == self.event_id
                && (&known.subject, &known.text, known.audience) == (&self.subject, &self.text, self.audience);
            return if is_same { Ok(known.clone()) } else { Err(Refusal::KeyReused) };
        }
        if let (false, Some(ticket_type_id)) = (has_type, self.audience.ticket_type_id) {
            return Err(Refusal::TicketTypeUnknown { ticket_type_id });
        }
        if is_draft {
            return Err(Refusal::EventDraft);
        }
        let sent = rows.messages.all(BY_EVENT, &self.event_id).map(|message| message.created_at);
        if let Some(again_at) = next_allowed(sent, MAX_MESSAGES, MESSAGES_WITHIN, now) {
            return Err(Refusal::TooManyMessages { again_at });
        }
        let message = Message {
            id: MessageId(rows.messages.take_id()),
            key: self.key.clone(),
            event_id: self.event_id,
            subject: self.subject.clone(),
            text: self.text.clone(),
            audience: self.audience,
            sent_by: Actor::Person(self.actor.clone()),
            mails: 0,
            last_order_id: None,
            status: MessageStatus::Sending,
            created_at: now,
            updated_at: now,
        };
        rows.messages.insert(message.clone());
        let item = format!("message {}", message.id);
        let change = Change { item: Some(&item), ..Change::default() };
        rows.record_audit(now, self.event_id, Actor::Person(self.actor.clone()), "message.sent", "", change);
        Ok(message)
    }
}
