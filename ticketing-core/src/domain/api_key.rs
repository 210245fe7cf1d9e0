//! API keys: bearer tokens for programs and for scanners at the door.
//!
//! A key has some permissions, for all events of one organiser or for listed ones. It can do what it was given *and* what its maker may
//! do now: a maker who loses a role takes it from their keys too. A key never changes who has access: accounts, members and keys need a
//! person who is logged in.
//!
//! The row holds a hash of the token, which opens nothing (`token/api_key.rs`).

use super::access::Permissions;
use super::id::{AccountId, ApiKeyId, OrganisationId};
use super::organisation::MemberEvents;
use super::principal::Principal;
use super::table::{Lock, table};
use jiff::{SignedDuration, Timestamp};

mod find;
mod make;
mod manage;

pub use find::{FindApiKey, KeysOf, ListApiKeys, TouchApiKey};
pub use make::MakeApiKey;
pub use manage::{ApiKeyWants, ManageApiKey};

/// The most keys of one account that were not revoked and have not expired.
pub const MAX_API_KEYS: u32 = 100;
/// The most events that a key is limited to.
pub const MAX_KEY_EVENTS: usize = 100;
/// How long a key lasts unless its maker says otherwise.
pub const DEFAULT_LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);
/// The longest that a key lasts.
pub const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);
/// How long after the last of its events a key for the door alone lasts, unless its maker says otherwise.
pub const SCANNER_OUTLASTS: SignedDuration = SignedDuration::from_hours(24);
/// How exactly the last use of a key is known. It is written at most this often, so that a key does not make reads write.
pub const USE_IS_KNOWN_TO: SignedDuration = SignedDuration::from_hours(1);

/// An API key.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ApiKey {
    /// The key's id. It is a part of the token, and not secret.
    pub id: ApiKeyId,
    /// The account that made it, or has taken it over. It can do nothing that this account may not do.
    pub maker: AccountId,
    /// The organisation whose events it is for. `None`: the events that the maker runs alone.
    pub organisation_id: Option<OrganisationId>,
    /// What people call it, such as the name of a device: 1–100 characters.
    pub name: String,
    /// The hash of the token. Never leaves the engine.
    pub hash: String,
    /// What it may do.
    pub permissions: Permissions,
    /// For which events of the organiser.
    pub events: MemberEvents,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was last used, to the hour: see [`USE_IS_KNOWN_TO`]. `None`: never.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked. An expired key counts as revoked once its maker makes another.
    pub revoked_at: Option<Timestamp>,
}

table! {
    ApiKey in "api_keys", lock Lock::Rank(8), read_with Account by "maker";
    numbered id: ApiKeyId, maker, organisation_id, name, hash, permissions, events, created_at, expires_at, last_used_at, revoked_at;
    derived made_by = |key| key.revoked_at.is_none().then(|| key.maker.to_string());
    index BY_MAKER(made_by);
}

/// Without the hash.
impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("maker", &self.maker)
            .field("organisation_id", &self.organisation_id)
            .field("permissions", &self.permissions)
            .field("events", &self.events)
            .field("expires_at", &self.expires_at)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

impl ApiKey {
    /// The key as an actor.
    pub fn principal(&self) -> Principal {
        Principal::Key { id: self.id, maker: self.maker }
    }

    /// Whose events it is for.
    pub fn organizer(&self) -> Principal {
        self.organisation_id.map_or(Principal::Account(self.maker), Principal::Organisation)
    }

    /// Whether it works at this time. Whether its maker may still do something is another question.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Whether its use should be written.
    pub fn wants_touch(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|at| now.duration_since(at) >= USE_IS_KNOWN_TO)
    }

    /// What it may do, for the audit log: `door` or `door 1,2`.
    pub(super) fn rights(&self) -> String {
        let permissions: Vec<&str> = self.permissions.iter().map(|of| of.name()).collect();
        let events = self.events.text().map(|events| format!(" {events}")).unwrap_or_default();
        permissions.join(",") + &events
    }
}
