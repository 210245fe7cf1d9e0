//! Undelivered mails.

use super::Tag;
use super::bearer::Caller;
use super::dto::list::{List, page};
use super::dto::path::Id;
use super::dto::time::Time;
use super::problems::{KEYED, MEMBER, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use ticketing_core::domain::id::MailId;
use ticketing_core::domain::outbox::{MailKind, OutboxMail};

problems! {
    ListProblems: PARAMETERS, TOKEN;
    ResendProblems: PARAMETERS, KEYED, TOKEN, MEMBER, &["not_found", "mail_sent"];
}

/// A mail that is queued, sent or given up.
#[derive(Object)]
#[oai(rename = "Mail")]
pub(crate) struct MailView {
    /// The mail's id.
    id: i64,
    /// The order it is about.
    order_id: i64,
    /// `tickets`, `tickets_restored`, `tickets_again`, `refund`, `event_changed`, `event_cancelled`, or to administrators `proof`, `password_changed`,
    /// `factor_added`, `factor_removed`, `recovery_code_used` and `erasure_requested`, which are about an account
    kind: String,
    /// The recipient's address.
    recipient: String,
    /// `waiting`, `sent` or `dead`.
    status: String,
    /// Number of delivery attempts.
    tries: u32,
    /// The last error.
    #[oai(nullable)]
    last_error: Option<String>,
    /// When it was queued.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

impl From<OutboxMail> for MailView {
    fn from(mail: OutboxMail) -> Self {
        let kind = kind_of(mail.kind);
        Self {
            id: mail.id.0,
            // Organisers see mails about orders only.
            order_id: mail.subject.order().map_or(0, |id| id.0),
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

/// The name of a kind of mail.
pub(crate) fn kind_of(kind: MailKind) -> &'static str {
    match kind {
        MailKind::Tickets => "tickets",
        MailKind::TicketsRestored(_) => "tickets_restored",
        MailKind::TicketsAgain(_) => "tickets_again",
        MailKind::Refund(_) => "refund",
        MailKind::EventChanged(_) => "event_changed",
        MailKind::EventCancelled => "event_cancelled",
        MailKind::Proof(_) => "proof",
        MailKind::PasswordChanged(_) => "password_changed",
        MailKind::FactorAdded(_) => "factor_added",
        MailKind::FactorRemoved(_) => "factor_removed",
        MailKind::RecoveryCodeUsed(_) => "recovery_code_used",
        MailKind::ErasureRequested(_) => "erasure_requested",
        _ => "other",
    }
}

pub(crate) struct Mails(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Events")]
impl Mails {
    /// List undelivered mails
    ///
    /// Mails of my events that were given up after many attempts, or rejected permanently. Oldest first.
    #[oai(path = "/mails/undelivered", method = "get", operation_id = "listUndeliveredMails")]
    async fn undelivered(
        &self,
        caller: Caller,
        uri: &Uri,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<MailView>, ListProblems> {
        let request = page(skip.0, limit.0, count.0);
        let found = self.0.ticketing.dead_mails(&caller.who(), request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, MailView::from))
    }

    /// Resend a mail
    ///
    /// For the event's organiser, after a mail was given up. Sends the same mail, with the same Message-ID. One that was sent may be sent
    /// again a day later. If its recipient was erased, it goes to the buyer of its order; 404 if the buyer was erased too.
    #[oai(path = "/mails/:mail_id/resend", method = "post", operation_id = "resendMail")]
    async fn resend(
        &self,
        caller: Caller,
        /// The mail's id.
        mail_id: Path<Id>,
    ) -> Result<Json<MailView>, ResendProblems> {
        Ok(Json(self.0.ticketing.resend_mail(&caller.who(), MailId(mail_id.0.get("mail_id")?)).await?.into()))
    }
}
