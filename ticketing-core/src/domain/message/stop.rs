use super::{Message, MessageStatus};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::{EventId, MessageId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Stops a message: nobody else gets a mail. Mails that were enqueued before are sent. A repeat changes nothing, and nor does it if
/// everybody has a mail. It is a line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopMessage {
    /// The message.
    pub id: MessageId,
    /// The event that it is about.
    pub event_id: EventId,
    /// Who stops it.
    pub actor: Principal,
    /// The events to whose attendees this person may write. For others there is no such message.
    pub scope: Scope,
}

impl Command for StopMessage {
    type Outcome = Result<Message, Refusal>;
    const NAME: &'static str = "stop_message";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Message>(&self.id);
        load.look::<Event>(&self.event_id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Message, Refusal> {
        let is_theirs = rows.events.get(&self.event_id).is_some_and(|event| self.scope.covers(event));
        let message = rows.messages.get(&self.id).filter(|message| is_theirs && message.event_id == self.event_id);
        let message = message.cloned().ok_or(Refusal::MessageUnknown)?;
        if message.status != MessageStatus::Sending {
            return Ok(message);
        }
        rows.messages.update(&self.id, |message| {
            message.status = MessageStatus::Stopped;
            message.updated_at = now;
        });
        let item = format!("message {}", self.id);
        let change = Change { item: Some(&item), ..Change::default() };
        rows.record_audit(now, self.event_id, Actor::Person(self.actor.clone()), "message.stopped", "", change);
        rows.messages.get(&self.id).cloned().ok_or(Refusal::MessageUnknown)
    }
}
