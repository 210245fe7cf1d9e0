use super::account::UserView;
use super::api_key::ApiKeyView;
use super::order::OrderView;
use super::organisation::OrganisationView;
use super::payment::HistoryView;
use super::session::SessionView;
use super::ticket::TicketView;
use poem_openapi::Object;
use ticketing_core::AccountData;
use ticketing_core::domain::id::SessionId;

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
    /// What was decided about the account, oldest first.
    history: Vec<HistoryView>,
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
            history: data.audit.iter().map(Into::into).collect(),
        }
    }
}
