use super::account::UserView;
use super::api_key::ApiKeyView;
use super::attendee::AttendeeView;
use super::order::OrderView;
use super::organisation::OrganisationView;
use super::payment::{AttemptView, HistoryView, RefundView};
use super::session::SessionView;
use super::ticket::TicketView;
use super::time::Time;
use crate::api::mails::kind_of;
use poem_openapi::Object;
use ticketing_core::AccountData;
use ticketing_core::domain::id::SessionId;
use ticketing_core::domain::outbox::OutboxMail;

/// A copy of a person's data.
#[derive(Object)]
#[oai(rename = "AccountExport")]
pub(crate) struct ExportView {
    account: UserView,
    /// The user name, if the account has one.
    #[oai(nullable)]
    username: Option<String>,
    /// The phone number as typed.
    #[oai(nullable)]
    phone: Option<String>,
    /// The organisations that the account is a member of, with its role.
    organisations: Vec<OrganisationView>,
    /// The open sessions, newest first.
    sessions: Vec<SessionView>,
    /// The API keys that were not revoked, newest first. Their tokens are not kept.
    api_keys: Vec<ApiKeyView>,
    /// The orders, newest first.
    orders: Vec<OrderView>,
    /// The tickets, newest first.
    tickets: Vec<TicketView>,
    /// Who comes with these tickets, but for the notes of organisers.
    attendees: Vec<AttendeeView>,
    /// The attempts to pay its orders.
    payments: Vec<AttemptView>,
    /// The refunds of its orders, oldest first.
    refunds: Vec<RefundView>,
    /// The mails about the account and its orders, oldest first. Their texts are not kept.
    mails: Vec<SentMailView>,
    /// What was decided about the account, oldest first.
    history: Vec<HistoryView>,
}

/// A mail that waits, was sent or was given up.
#[derive(Object)]
pub(crate) struct SentMailView {
    /// What it is about, such as `tickets`.
    kind: String,
    /// The recipient's address.
    recipient: String,
    /// `waiting`, `sent` or `dead`.
    status: String,
    /// When it was queued.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

impl From<&OutboxMail> for SentMailView {
    fn from(mail: &OutboxMail) -> Self {
        Self {
            kind: kind_of(mail.kind).to_owned(),
            recipient: mail.to.as_str().to_owned(),
            status: mail.status.name().to_owned(),
            created_at: mail.created_at.into(),
            updated_at: mail.updated_at.into(),
        }
    }
}

impl ExportView {
    pub(crate) fn new(data: &AccountData, current: Option<SessionId>) -> Self {
        Self {
            account: (&data.account).into(),
            username: data.account.username.clone(),
            phone: data.account.phone.clone(),
            organisations: data.organisations.iter().map(|(of, role)| OrganisationView::new(of, Some(role))).collect(),
            sessions: data.sessions.iter().map(|session| SessionView::new(session, current)).collect(),
            api_keys: data.api_keys.iter().map(|key| ApiKeyView::new(key, &data.account)).collect(),
            orders: data.orders.iter().map(Into::into).collect(),
            tickets: data.tickets.iter().map(Into::into).collect(),
            attendees: data.attendees.iter().map(Into::into).collect(),
            payments: data.payments.iter().map(Into::into).collect(),
            refunds: data.refunds.iter().map(Into::into).collect(),
            mails: data.mails.iter().map(Into::into).collect(),
            history: data.audit.iter().map(Into::into).collect(),
        }
    }
}
