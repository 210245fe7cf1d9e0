//! Accounts: people who registered with us. Embedding applications with accounts of their own need none of this.

use super::command::Query;
use super::id::AccountId;
use super::load::LoadKeys;
use super::principal::EmailAddress;
use super::table::{Lock, table};
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use jiff::Timestamp;

mod change;
mod register;

pub use change::ChangeAccount;

/// Somebody who registered.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// Unique without regard to case.
    pub email: EmailAddress,
    /// How the person is called: 2 to 100 characters.
    pub name: String,
    /// A second name to log in with: unique without regard to case.
    pub username: Option<String>,
    /// As typed, for the organiser.
    pub phone: Option<String>,
    /// The argon2id hash in PHC form. Never leaves the engine.
    pub password_hash: String,
    /// What the account may do beyond buying and organising.
    pub role: Role,
    /// Switched-off accounts cannot log in and their tokens are refused.
    pub is_active: bool,
    /// Whether the address was proved to be theirs.
    pub is_verified: bool,
    /// How often all their sessions were ended: a token is good while this is what it was when the token was made.
    pub sessions_ended: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Account in "accounts", lock Lock::Rank(4);
    numbered id: AccountId, email, name, username, phone, password_hash, role, is_active, is_verified, sessions_ended, created_at,
        updated_at;
    derived email_key = |account| Some(account.email.key());
    derived username_key = |account| account.username.as_ref().map(|username| username.to_lowercase());
    index BY_EMAIL(email_key) unique;
    index BY_USERNAME(username_key) unique;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

/// An account to be made. The password is already hashed: hashing takes long and is done outside any storage operation.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Where mail goes, and the name to log in with.
    pub email: EmailAddress,
    /// How the person is called.
    pub name: String,
    /// A second name to log in with.
    pub username: Option<String>,
    /// As typed.
    pub phone: Option<String>,
    /// The hash in PHC form.
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
}

impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccount").field("email", &self.email).field("role", &self.role).finish_non_exhaustive()
    }
}

/// One change of one account.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountChange {
    /// The same password under stronger parameters. Applied only where the hash is still `seen`.
    PasswordHash {
        /// The hash that the change was made from.
        seen: String,
        /// The hash from now on.
        hash: String,
    },
    /// A new password: whoever is logged in has to log in again. Applied only where the hash is still `seen`.
    NewPassword {
        /// The hash that the change was made from.
        seen: String,
        /// The hash from now on.
        hash: String,
    },
    /// Whoever is logged in has to log in again.
    EndSessions,
    /// Switch the account on or off.
    Active(bool),
    /// What it may do from now on.
    Role(Role),
}

impl std::fmt::Debug for AccountChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PasswordHash { .. } => f.write_str("PasswordHash(..)"),
            Self::NewPassword { .. } => f.write_str("NewPassword(..)"),
            Self::EndSessions => f.write_str("EndSessions"),
            Self::Active(active) => write!(f, "Active({active})"),
            Self::Role(role) => write!(f, "Role({role:?})"),
        }
    }
}

/// How to find an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AccountKey {
    /// By its id.
    Id(AccountId),
    /// By its address, in any case.
    Email(EmailAddress),
    /// By its user name, in any case.
    Username(String),
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
            AccountKey::Email(email) => load.find(BY_EMAIL, &email.key()),
            AccountKey::Username(username) => load.find(BY_USERNAME, &username.to_lowercase()),
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<Account> {
        match &self.0 {
            AccountKey::Id(id) => rows.accounts.get(id),
            AccountKey::Email(email) => rows.account_by_email(email),
            AccountKey::Username(username) => rows.account_by_username(username),
        }
        .cloned()
    }
}

impl WorkingSet {
    /// The account with this address, in any case.
    pub fn account_by_email(&self, email: &EmailAddress) -> Option<&Account> {
        self.accounts.find(BY_EMAIL, &email.key())
    }

    /// The account with this user name, in any case.
    pub fn account_by_username(&self, username: &str) -> Option<&Account> {
        self.accounts.find(BY_USERNAME, &username.to_lowercase())
    }
}
