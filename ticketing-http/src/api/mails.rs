//! Mails that did not arrive.

use super::Tag;
use super::bearer::Session;
use super::dto::list::{List, page};
use super::dto::path::Id;
use super::dto::time::Time;
use super::problems::{KEYED, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use ticketing_core::domain::id::MailId;
use ticketing_core::domain::outbox::{MailKind, OutboxMail};

problems! {
    ListProblems: PARAMETERS, TOKEN;
    ResendProblems: PARAMETERS, KEYED, TOKEN, &["not_found"];
}

/// A mail that is owed, sent or given up.
#[derive(Object)]
#[oai(rename = "Mail")]
pub(crate) struct MailView {
    /// The mail's id.
    id: i64,
    /// The order it tells of.
    order_id: i64,
    /// What it tells: `tickets`, `refund` or `event_cancelled`.
    kind: String,
    /// To whom.
    recipient: String,
    /// `waiting`, `sent` or `dead`.
    status: String,
    /// How often it was tried.
    tries: u32,
    /// What went wrong last.
    last_error: Option<String>,
    /// When it was owed first.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

impl From<OutboxMail> for MailView {
    fn from(mail: OutboxMail) -> Self {
        let kind = match mail.kind {
            MailKind::Tickets => "tickets",
            MailKind::Refund(_) => "refund",
            MailKind::EventCancelled => "event_cancelled",
            _ => "other",
        };
        Self {
            id: mail.id.0,
            order_id: mail.order_id.0,
            kind: kind.to_owned(),
            recipient: mail.to.as_str().to_owned(),
            status: mail.status.name().to_owned(),
            tries: mail.tries,
            last_error: mail.last_error,
            created_at: Time(mail.created_at),
            updated_at: Time(mail.updated_at),
        }
    }
}

pub(crate) struct Mails(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Events")]
impl Mails {
    /// List mails that did not arrive
    ///
    /// Of my events: given up after many tries, or refused for good. The oldest first.
    #[oai(path = "/mails/undelivered", method = "get", operation_id = "listUndeliveredMails")]
    async fn undelivered(
        &self,
        session: Session,
        uri: &Uri,
        /// How many to leave out at the start.
        skip: Query<Option<u64>>,
        /// How many are wanted: 1 to 1000, 100 if it is not said.
        limit: Query<Option<u32>>,
        /// Whether the number of all is wanted, in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<MailView>, ListProblems> {
        let wanted = page(skip.0, limit.0, count.0);
        let found = self.0.ticketing.dead_mails(&session.who(), wanted).await?;
        Ok(List::new(found, wanted, uri, &self.0.settings, MailView::from))
    }

    /// Send a mail again
    ///
    /// For whoever runs the event. The same mail, so that who has it already can tell.
    #[oai(path = "/mails/:mail_id/resend", method = "post", operation_id = "resendMail")]
    async fn resend(
        &self,
        session: Session,
        /// The mail's id.
        mail_id: Path<Id>,
    ) -> Result<Json<MailView>, ResendProblems> {
        Ok(Json(self.0.ticketing.resend_mail(&session.who(), MailId(mail_id.0.get("mail_id")?)).await?.into()))
    }
}
