//! API keys, and what is kept of a person.

use super::organisations::event_ids;
use super::{Made, ToPython, object, time};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use ticketing_core::domain::account::Account;
use ticketing_core::domain::api_key::ApiKey;
use ticketing_core::token::ApiKeyToken;
use ticketing_core::{AccountData, Caller};

impl ToPython for ApiKey {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "api_keys", "ApiKey", {
            id: self.id.0,
            maker_id: self.maker.0,
            organisation_id: self.organisation_id.map(|id| id.0),
            name: &self.name,
            permissions: self.permissions.iter().collect::<Vec<_>>().to_python(py)?,
            event_ids: event_ids(py, &self.events)?,
            created_at: time(py, self.created_at)?,
            expires_at: time(py, self.expires_at)?,
            last_used_at: self.last_used_at.map(|at| time(py, at)).transpose()?,
            revoked_at: self.revoked_at.map(|at| time(py, at)).transpose()?,
        })
    }
}

impl ToPython for (ApiKey, Account) {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        self.0.to_python(py)
    }
}

impl ToPython for (ApiKey, ApiKeyToken) {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "api_keys", "NewApiKey", { key: self.0.to_python(py)?, token: &self.1.0 })
    }
}

impl ToPython for AccountData {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "account_data", "AccountData", {
            account: self.account.to_python(py)?,
            organisations: self.organisations.to_python(py)?,
            sessions: self.sessions.to_python(py)?,
            api_keys: self.api_keys.to_python(py)?,
            orders: self.orders.to_python(py)?,
            tickets: self.tickets.to_python(py)?,
            attendees: self.attendees.to_python(py)?,
            order_details: self.order_details.to_python(py)?,
            payments: self.payments.to_python(py)?,
            refunds: self.refunds.to_python(py)?,
            mails: self.mails.to_python(py)?,
            audit: self.audit.to_python(py)?,
        })
    }
}

impl ToPython for Caller {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let (session, key) = match self {
            Self::Person(person) => (person.session, None),
            Self::Key(with) => (None, Some(&with.key)),
            _ => (None, None),
        };
        object!(py, "api_keys", "Caller", {
            who: self.who().to_python(py)?,
            account: self.account().to_python(py)?,
            session_id: session.map(|id| id.0),
            key: key.map(|key| key.to_python(py)).transpose()?,
        })
    }
}
