//! Accounts of registered people. An application with accounts of its own needs none of this.

use super::command::Query;
use super::id::AccountId;
use super::list::{Condition, List};
use super::load::LoadKeys;
use super::organisation::Memberships;
use super::principal::EmailAddress;
use super::table::{Lock, table};
use super::text;
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

mod administer;
mod change;
mod erase;
mod erasure;
mod erasure_blocks;
mod export;
mod register;
mod search;

pub use administer::{AccountWants, AdministerAccount, Administered};
pub use change::ChangeAccount;
pub use erase::{EraseAccount, Erased};
pub(crate) use erasure::TRY_AGAIN_AFTER;
pub use erasure::{CancelErasure, ERASURE_DELAY, FindErasure, ListDueErasures, PostponeErasure, RequestErasure};
pub use erasure_blocks::ErasureBlock;
pub use export::{ListAttemptsOfAccount, ListMailsOfAccount, ListRefundsOfAccount};
pub use search::{AccountFilter, ListAuditOfAccount, SearchAccounts};

/// A registered account.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// The e-mail address. Unique, in any case and spelling.
    pub email: EmailAddress,
    /// The person's name: 1–200 characters.
    pub name: String,
    /// A user name to log in with. Unique, in any case and spelling.
    pub username: Option<String>,
    /// The phone number as typed, for the organiser.
    pub phone: Option<String>,
    /// The argon2id hash in PHC format. Never leaves the engine.
    pub password_hash: String,
    /// What the account may do beyond buying and organising.
    pub role: Role,
    /// A disabled account cannot log in, and its tokens are rejected.
    pub is_active: bool,
    /// Why it is disabled, for administrators. It is free text, so it is kept here and not in the audit log. Emptied when the account is
    /// enabled.
    pub disabled_reason: Option<String>,
    /// Whether the e-mail address was verified.
    pub is_verified: bool,
    /// Whether a code of a second factor is asked for after the password. Kept beside the [factor](super::factor::Factor) itself, since the
    /// account is read wherever it matters.
    pub has_second_factor: bool,
    /// How often all sessions were ended. A token is valid only while this number is the same as when it was issued.
    pub sessions_ended: i64,
    /// The organisations that it is a member of.
    #[serde(default)]
    pub memberships: Memberships,
    /// When it is to be erased. After it was erased: when what is left of it is looked for again.
    #[serde(default)]
    pub erase_at: Option<Timestamp>,
    /// When it was erased. Nothing but its id is left of the person then.
    #[serde(default)]
    pub erased_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Account in "accounts", lock Lock::Rank(4);
    numbered id: AccountId, email, name, username, phone, password_hash, role, is_active, disabled_reason, is_verified,
        has_second_factor, sessions_ended, created_at, updated_at, memberships, erase_at, erased_at;
    derived email_key = |account| Some(account.email.key());
    derived username_key = |account| account.username.as_ref().map(|username| username.to_lowercase());
    index BY_EMAIL(email_key) unique;
    index BY_USERNAME(username_key) unique;
    index BY_ROLE(role);
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("email", &self.email)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What an account may do beyond buying and organising.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Buys, and organises events of their own.
    Member,
    /// Runs the installation: may see and repair what belongs to any organiser.
    Admin,
}

wire_names!(Role {
    Member => "member",
    Admin => "admin",
});

/// An account to create. The password is hashed already, since hashing is slow and does not belong in a storage operation.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewAccount {
    /// The e-mail address: where mail goes, and a name to log in with.
    pub email: EmailAddress,
    /// The person's name.
    pub name: String,
    /// A user name to log in with.
    pub username: Option<String>,
    /// The phone number as typed.
    pub phone: Option<String>,
    /// The argon2id hash in PHC format.
    pub password_hash: String,
    /// The role.
    pub role: Role,
}

impl NewAccount {
    /// Creates an ordinary member.
    pub fn new(email: EmailAddress, name: impl Into<String>, password_hash: impl Into<String>) -> Self {
        Self {
            email,
            name: name.into(),
            username: None,
            phone: None,
            password_hash: password_hash.into(),
            role: Role::Member,
        }
    }
}

setters!(NewAccount {
    with_username => username: impl Into<Option<String>>,
    with_phone => phone: impl Into<Option<String>>,
    with_role => role: Role,
});

impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccount").field("email", &self.email).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A change to an account that its owner makes. What administrators change is in [`AccountWants`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountChange {
    /// The same password, hashed with stronger parameters. Applied only if the hash is still `seen`.
    PasswordHash {
        /// The hash that the change is based on.
        seen: String,
        /// The new hash.
        hash: String,
    },
    /// A new password, which ends all sessions and the account's open proofs of a new password or address. The account is told by
    /// mail, if its address is verified. Applied only if the hash is still `seen`.
    NewPassword {
        /// The hash that the change is based on.
        seen: String,
        /// The new hash.
        hash: String,
    },
    /// End all sessions.
    EndSessions,
    /// The account's address is proved to be the person's own.
    Verified,
}

impl std::fmt::Debug for AccountChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PasswordHash { .. } => f.write_str("PasswordHash(..)"),
            Self::NewPassword { .. } => f.write_str("NewPassword(..)"),
            Self::EndSessions => f.write_str("EndSessions"),
            Self::Verified => f.write_str("Verified"),
        }
    }
}

/// How to find an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccountKey {
    /// By its id.
    Id(AccountId),
    /// By its e-mail address, ignoring case.
    Email(EmailAddress),
    /// By its user name, ignoring case.
    Username(String),
    /// By what somebody typed to log in: an e-mail address or a user name, in any spelling. An account that has exactly this
    /// spelling comes first.
    Login(String),
}

/// The keys of what somebody typed to log in, first as it was typed.
enum LoginKeys {
    Emails(Vec<String>),
    Usernames(Vec<String>),
}

/// A user name has no `@`.
fn login_keys(name: &str) -> LoginKeys {
    let name = name.trim();
    if !name.contains('@') {
        return LoginKeys::Usernames(text::spellings(name));
    }
    let mut keys = vec![name.to_lowercase()];
    let others = name.parse().map(|email: EmailAddress| email.keys()).unwrap_or_default();
    keys.extend(others.into_iter().filter(|key| *key != name.to_lowercase()));
    LoginKeys::Emails(keys)
}

/// One name for all spellings of what somebody types to log in, to count failed attempts by.
pub fn login_name(name: &str) -> String {
    let name = name.trim();
    name.parse().map_or_else(|_| text::key(name), |email: EmailAddress| email.key())
}

/// Finds an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindAccount(pub AccountKey);

impl Query for FindAccount {
    type Found = Option<Account>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        match &self.0 {
            AccountKey::Id(id) => load.look::<Account>(id),
            AccountKey::Email(email) => email.keys().iter().for_each(|key| load.find(BY_EMAIL, key)),
            AccountKey::Username(name) => text::spellings(name).iter().for_each(|key| load.find(BY_USERNAME, key)),
            AccountKey::Login(name) => match login_keys(name) {
                LoginKeys::Emails(keys) => keys.iter().for_each(|key| load.find(BY_EMAIL, key)),
                LoginKeys::Usernames(keys) => keys.iter().for_each(|key| load.find(BY_USERNAME, key)),
            },
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<Account> {
        match &self.0 {
            AccountKey::Id(id) => rows.accounts.get(id),
            AccountKey::Email(email) => rows.account_by_email(email),
            AccountKey::Username(username) => rows.account_by_username(username),
            AccountKey::Login(name) => match login_keys(name) {
                LoginKeys::Emails(keys) => keys.iter().find_map(|key| rows.accounts.find(BY_EMAIL, key)),
                LoginKeys::Usernames(keys) => keys.iter().find_map(|key| rows.accounts.find(BY_USERNAME, key)),
            },
        }
        .cloned()
    }
}

/// Lists accounts, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListAccounts {
    /// From this id on.
    pub from: AccountId,
    /// At most this many.
    pub limit: u32,
}

const LIST: &str = "accounts";

impl Query for ListAccounts {
    type Found = Vec<Account>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let later = Condition::AtLeast("id", self.from.0);
        load.list(List::of::<Account>(LIST, vec![later]).at_most(self.limit));
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Account> {
        let listed = rows.listed::<AccountId>(LIST).items;
        listed.iter().filter_map(|id| rows.accounts.get(id)).cloned().collect()
    }
}

impl Account {
    /// The keys of its address and its user name in today's spelling, where that is another than its own.
    pub(crate) fn names_spelt_anew(&self) -> impl Iterator<Item = String> {
        let email = self.email.as_str().parse().map(|email: EmailAddress| email.key());
        let email = email.ok().filter(|key| *key != self.email.key());
        let username = self.username.as_deref().map(|username| (text::key(username), username.to_lowercase()));
        let username = username.filter(|(today, stored)| today != stored).map(|(today, _)| today);
        email.into_iter().chain(username)
    }
}

impl WorkingSet {
    /// The account with this address, in any case and spelling.
    pub fn account_by_email(&self, email: &EmailAddress) -> Option<&Account> {
        email.keys().iter().find_map(|key| self.accounts.find(BY_EMAIL, key))
    }

    /// The account with this user name, in any case and spelling.
    pub fn account_by_username(&self, username: &str) -> Option<&Account> {
        text::spellings(username).iter().find_map(|key| self.accounts.find(BY_USERNAME, key))
    }
}
