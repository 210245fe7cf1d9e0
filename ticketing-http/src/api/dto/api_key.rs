//! API keys.

use super::body::body;
use super::field::Faults;
use super::organisation::{event_ids, events};
use super::text::Text;
use super::time::{GivenTime, Time};
use crate::problem::Problem;
use poem_openapi::Object;
use ticketing_core::NewApiKey;
use ticketing_core::domain::access::{Permission, Permissions};
use ticketing_core::domain::account::Account;
use ticketing_core::domain::api_key::ApiKey;
use ticketing_core::domain::id::OrganisationId;
use ticketing_core::token::ApiKeyToken;

body! {
    /// A new API key.
    struct ApiKeyBody {
        /// What people call it, such as the name of a device.
        name: Text<1, 100>,
        /// The caller's password.
        password: Text<1, 1024>,
        /// What it may do: `view`, `edit`, `attendees`, `orders`, `money`, `door`, `manage`.
        permissions: Vec<Text<1, 20>>,
        /// The organisation whose events it is for. Default: the events that the caller runs alone.
        organisation_id: Option<i64>,
        /// The events that it is for, at most 100. Default: all of them, also later ones.
        event_ids: Option<Vec<i64>>,
        /// When it stops working, within five years. Default: after a year; for a key with `door` alone for listed events, 24 hours
        /// after the last of them ends, as they are planned now.
        expires_at: Option<GivenTime>,
        /// A code of the second factor. Needed if the account has one.
        code: Option<Text<1, 50>>,
    }
    example {"name": "North gate", "password": "correct horse battery", "permissions": ["door"], "event_ids": [1]}

    /// Who takes over an API key.
    struct TakeOverBody {
        /// The caller's password.
        password: Text<1, 1024>,
        /// A code of the second factor. Needed if the account has one.
        code: Option<Text<1, 50>>,
    }
    example {"password": "correct horse battery"}
}

impl ApiKeyBody {
    /// The password and the code, and the key that shall be made.
    pub(crate) fn into_new(self) -> Result<(String, Option<String>, NewApiKey), Problem> {
        let mut faults = Faults::default();
        let known = || Permission::ALL.iter().map(Permission::name).collect::<Vec<_>>().join(", ");
        let each = self.permissions.iter().enumerate().filter_map(|(index, name)| {
            let permission = Permission::from_name(&name.0);
            let permission = permission.ok_or_else(|| format!("must be one of {} (got {})", known(), name.0));
            faults.parsed(&format!("permissions.{index}"), permission)
        });
        let permissions = Permissions::of(&each.collect::<Vec<_>>());
        let key = NewApiKey::new(self.name.0, permissions)
            .with_organisation(self.organisation_id.map(OrganisationId))
            .with_events(events(self.event_ids))
            .with_expires_at(self.expires_at.map(|time| time.at));
        faults.or(Some((self.password.0, self.code.map(|code| code.0), key)))
    }
}

/// An API key. Its token is shown only once, when it is made.
#[derive(Object)]
#[oai(rename = "ApiKey")]
pub(crate) struct ApiKeyView {
    /// The key's id. It is a part of the token, and not secret.
    id: i64,
    /// What people call it.
    name: String,
    /// What it may do, as far as its maker may do it too.
    permissions: Vec<String>,
    /// The organisation whose events it is for; absent for the events that its maker runs alone.
    #[oai(nullable)]
    organisation_id: Option<i64>,
    /// The events that it is for; absent if all.
    #[oai(nullable)]
    event_ids: Option<Vec<i64>>,
    /// The name of the person who made it, or has taken it over.
    maker: String,
    /// When it was made.
    created_at: Time,
    /// When it stops working.
    expires_at: Time,
    /// When it was last used, to the hour; absent if never.
    #[oai(nullable)]
    last_used_at: Option<Time>,
    /// When it was revoked, if it was.
    #[oai(nullable)]
    revoked_at: Option<Time>,
}

impl ApiKeyView {
    pub(crate) fn new(key: &ApiKey, maker: &Account) -> Self {
        Self {
            id: key.id.0,
            name: key.name.clone(),
            permissions: key.permissions.iter().map(|of| of.name().to_owned()).collect(),
            organisation_id: key.organisation_id.map(|id| id.0),
            event_ids: event_ids(&key.events),
            maker: maker.name.clone(),
            created_at: key.created_at.into(),
            expires_at: key.expires_at.into(),
            last_used_at: key.last_used_at.map(Time::from),
            revoked_at: key.revoked_at.map(Time::from),
        }
    }
}

/// A new API key with its token.
#[derive(Object)]
#[oai(rename = "NewApiKey")]
pub(crate) struct NewApiKeyView {
    key: ApiKeyView,
    /// The token. It is shown only now: send it as `Authorization: Bearer`.
    token: String,
}

impl NewApiKeyView {
    pub(crate) fn new(key: &ApiKey, maker: &Account, token: ApiKeyToken) -> Self {
        Self { key: ApiKeyView::new(key, maker), token: token.0 }
    }
}
