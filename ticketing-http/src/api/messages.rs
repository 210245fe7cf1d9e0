//! Messages to the attendees of an event, and files with attendees.

use super::Tag;
use super::bearer::Caller;
use super::dto::body::Body;
use super::dto::holders::{ImportedView, MessageBody, MessageView, RecipientsView, audience};
use super::dto::path::Id;
use super::idempotency::reference;
use super::problems::{BODY, KEYED, MEMBER, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use crate::problem::Problem;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiRequest, ApiResponse, OpenApi};
use ticketing_core::ImportOptions;
use ticketing_core::domain::id::{EventId, MessageId};
use ticketing_core::domain::payment::ManualMethod;

problems! {
    ListProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    SendProblems: BODY, PARAMETERS, KEYED, TOKEN, MEMBER, &[
        "forbidden", "not_found", "too_many_messages", "event_draft", "ticket_type_unknown", "key_reused",
    ];
    StopProblems: PARAMETERS, KEYED, TOKEN, MEMBER, &["forbidden", "not_found"];
    ImportProblems: BODY, PARAMETERS, KEYED, TOKEN, MEMBER, &["forbidden", "not_found"];
}

#[derive(ApiResponse)]
enum Sent {
    /// The message. Its mails go out one after the other.
    #[oai(status = 201)]
    Created(Json<MessageView>),
}

/// A file with attendees.
#[derive(ApiRequest)]
enum File {
    /// CSV, in UTF-8.
    #[oai(content_type = "text/csv")]
    Csv(Binary<Vec<u8>>),
}

pub(crate) struct Messages(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Attendees")]
impl Messages {
    /// List the messages to attendees
    ///
    /// For the event's organiser, and members with `attendees`. Newest first.
    #[oai(path = "/events/:event_id/messages", method = "get", operation_id = "listMessages")]
    async fn list(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
    ) -> Result<Json<Vec<MessageView>>, ListProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let found = self.0.ticketing.messages(&caller.who(), id).await?;
        Ok(Json(found.iter().map(Into::into).collect()))
    }

    /// Count whom a message would go to
    ///
    /// For the event's organiser, and members with `attendees`. Every address counts once, however many tickets it has.
    #[oai(path = "/events/:event_id/messages/recipients", method = "get", operation_id = "countRecipients")]
    async fn recipients(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        /// Only those with a ticket of this type.
        ticket_type_id: Query<Option<i64>>,
        /// `everybody` (default), `in` or `not_in`.
        who: Query<Option<String>>,
    ) -> Result<Json<RecipientsView>, ListProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let audience = audience(ticket_type_id.0, who.0.as_deref())?;
        let count = self.0.ticketing.count_recipients(&caller.who(), id, audience).await?;
        Ok(Json(RecipientsView { addresses: count as u64 }))
    }

    /// Write to attendees
    ///
    /// For the event's organiser, and members with `attendees`. Every address gets one mail, however many tickets it has; an attendee with an
    /// address of their own gets it there. At most three messages in 24 hours: it is for what attendees must know about the event, and nobody
    /// can opt out.
    #[oai(path = "/events/:event_id/messages", method = "post", operation_id = "sendMessage")]
    async fn send(
        &self,
        http: &Request,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        body: Body<MessageBody>,
    ) -> Result<Sent, SendProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let request = body.0.into_request()?.with_key(reference(http, "message"));
        let sent = self.0.ticketing.send_message(&caller.who(), id, request).await?;
        Ok(Sent::Created(Json((&sent).into())))
    }

    /// Stop a message
    ///
    /// For the event's organiser, and members with `attendees`. Nobody else gets a mail; mails that wait in the outbox already are sent.
    /// Repeating the request has no further effect.
    #[oai(path = "/events/:event_id/messages/:message_id/stop", method = "post", operation_id = "stopMessage")]
    async fn stop(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        /// The message's id.
        message_id: Path<Id>,
    ) -> Result<Json<MessageView>, StopProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let message = MessageId(message_id.0.get("message_id")?);
        Ok(Json((&self.0.ticketing.stop_message(&caller.who(), id, message).await?).into()))
    }

    /// Import attendees
    ///
    /// For the event's organiser, and members with `orders`. A CSV file (RFC 4180, UTF-8), at most 5 MiB and 5,000 rows: one order for each
    /// row, all of them or none. The first row names the columns: `name`, `email`, `ticket_type`, `quantity`, `price`, `note`, and the keys
    /// of questions. 422 `invalid` lists all that is wrong, each with its line. Sending the same file again issues nothing twice. Capacity
    /// binds; sales windows and limits do not.
    #[oai(path = "/events/:event_id/imports", method = "post", operation_id = "importAttendees")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the query")]
    async fn import(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        /// Find out only what is wrong with the file, and issue nothing.
        dry_run: Query<Option<bool>>,
        /// How the tickets were paid: `free` (default), `cash` or `transfer`.
        paid_with: Query<Option<String>>,
        /// Why the tickets are free, which is required then, or a note about the payments.
        note: Query<Option<String>>,
        /// Whether to mail the tickets. Default: no.
        send: Query<Option<bool>>,
        file: File,
    ) -> Result<Json<ImportedView>, ImportProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let options = match paid_with.0.as_deref() {
            None | Some("free") => ImportOptions::free(note.0.unwrap_or_default()),
            Some("cash") => ImportOptions::paid(ManualMethod::Cash).with_note(note.0),
            Some("transfer") => ImportOptions::paid(ManualMethod::Transfer).with_note(note.0),
            Some(_) => {
                return Err(Problem::invalid_field("paid_with", "must be free, cash or transfer".to_owned()).into());
            }
        };
        let is_dry = dry_run.0 == Some(true);
        let options = options.with_is_dry(is_dry).with_is_mailed(send.0 == Some(true));
        let File::Csv(Binary(csv)) = file;
        let imported = self.0.ticketing.import_orders(&caller.who(), id, &csv, options).await?;
        Ok(Json(ImportedView {
            rows: imported.rows as u64,
            tickets: imported.tickets as u64,
            orders: imported.orders.iter().map(|issued| issued.order.reference.to_string()).collect(),
            is_issued: !is_dry,
        }))
    }
}
