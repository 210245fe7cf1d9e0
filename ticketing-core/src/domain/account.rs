//! Accounts: people who registered with us. Embedding applications with accounts of their own need none of this.

use super::id::AccountId;
use super::principal::EmailAddress;
use super::words::words;
use crate::setters::setters;
use jiff::Timestamp;

/// Somebody who registered.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
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

words!(Role {
    Member => "member",
    Admin => "admin",
});

/// An account to be made. The password is already hashed: hashing takes long and is done outside any storage operation.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
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

impl NewAccount {
    /// An ordinary member.
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountKey {
    /// By its id.
    Id(AccountId),
    /// By its address, in any case.
    Email(EmailAddress),
    /// By its user name, in any case.
    Username(String),
}
