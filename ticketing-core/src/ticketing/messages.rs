//! Messages to the attendees of an event.

use super::checks::Checks;
use super::{Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::code::Reference;
use crate::domain::event::Event;
use crate::domain::id::{EventId, MessageId};
use crate::domain::message::{Audience, ListMessages, ListRecipients, Message, SendMessage, StopMessage};
use crate::domain::page::{CursorRequest, MAX_PAGE};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::text::{composed, is_blank};
use crate::error::{Error, Result};
use crate::setters::setters;
use crate::storage::StorageExt as _;
use std::collections::HashSet;

/// The longest subject line.
const MAX_SUBJECT: usize = 150;
/// The longest text.
const MAX_TEXT: usize = 10_000;

/// A message to write to attendees.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageRequest {
    /// The subject line: 1–150 characters.
    pub subject: String,
    /// The text: 1–10,000 characters, and line breaks. It is sent as it is, without any markup.
    pub text: String,
    /// To whom. Default: to everybody with a valid ticket.
    pub audience: Audience,
    /// The idempotency key. Default: a new one, so that a repeat is another message.
    pub key: Option<Reference>,
}

impl MessageRequest {
    /// A message to everybody with a valid ticket.
    pub fn new(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { subject: subject.into(), text: text.into(), audience: Audience::default(), key: None }
    }
}

setters!(MessageRequest {
    with_audience => audience: Audience,
    with_key => key: impl Into<Option<Reference>>,
});

impl Ticketing {
    /// Writes to the attendees of an event. Each address gets one mail, however many tickets it has; who has a ticket with an address of
    /// their own gets it there. Upkeep sends the mails. Allowed for those who may see the attendees of the event. A repeat with the same key
    /// and content finds the same message.
    ///
    /// It is for what attendees must know about the event: nobody can opt out of it.
    ///
    /// Refusals: `too_many_messages` (three in 24 hours), `event_draft`, `ticket_type_unknown`, `key_reused`.
    pub async fn send_message(&self, actor: &Principal, event_id: EventId, request: MessageRequest) -> Result<Message> {
        let mut checks = Checks::default();
        checks.text("subject", &request.subject, 1, MAX_SUBJECT);
        checks.optional_lines("text", Some(&request.text), MAX_TEXT);
        checks.require("text", !is_blank(&request.text), || "is required".to_owned());
        checks.done()?;
        let (_, scope) = self.attendees_scope(actor, event_id).await?;
        let MessageRequest { subject, text, audience, key } = request;
        let key = key.unwrap_or_else(|| Reference::derived(&self.inner.random.seed(), "message"));
        let (subject, text) = (composed(subject.trim()), composed(text.trim()));
        let send = SendMessage { key, event_id, subject, text, audience, actor: actor.clone(), scope };
        let sent = self.inner.storage.apply_one(self.now(), send).await?.map_err(refused)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(sent)
    }

    /// To how many addresses a message would go now.
    pub async fn count_recipients(&self, actor: &Principal, event_id: EventId, audience: Audience) -> Result<usize> {
        self.attendees_scope(actor, event_id).await?;
        let mut seen: HashSet<String> = HashSet::new();
        let mut page = CursorRequest { after: None, limit: MAX_PAGE };
        loop {
            let found = self.inner.storage.find(ListRecipients { event_id, audience, page }).await?;
            seen.extend(found.items.iter().map(|address| address.key()));
            match found.next {
                Some(next) => page.after = Some(next),
                None => return Ok(seen.len()),
            }
        }
    }

    /// The messages to the attendees of an event, the newest first.
    pub async fn messages(&self, actor: &Principal, event_id: EventId) -> Result<Vec<Message>> {
        self.attendees_scope(actor, event_id).await?;
        Ok(self.inner.storage.find(ListMessages(event_id)).await?)
    }

    /// Stops a message: nobody else gets a mail. Mails that wait in the outbox already are sent. A repeat changes nothing.
    pub async fn stop_message(&self, actor: &Principal, event_id: EventId, id: MessageId) -> Result<Message> {
        let (_, scope) = self.attendees_scope(actor, event_id).await?;
        let stop = StopMessage { id, event_id, actor: actor.clone(), scope };
        self.inner.storage.apply_one(self.now(), stop).await?.map_err(|refusal| match refusal {
            Refusal::MessageUnknown => Error::NotFound("Message"),
            refusal => refused(refusal),
        })
    }

    async fn attendees_scope(&self, actor: &Principal, event_id: EventId) -> Result<(Event, Scope)> {
        let event = self.event(event_id).await?;
        let scope = self.scope_over(actor, Permission::Attendees, &event).await?;
        Ok((event, scope))
    }
}
