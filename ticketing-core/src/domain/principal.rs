//! Principals: who acts. An account, a guest, an API key, an organisation, or an identity of the embedding application.

use super::code::Reference;
use super::id::{AccountId, ApiKeyId, OrganisationId};

mod email;

pub use email::{EmailAddress, EmailError};

/// Who acts: buys, organises, scans.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Principal {
    /// An account of this engine (feature `accounts`).
    Account(AccountId),
    /// An identity of the embedding application: the application's own id (1–200 characters).
    External(String),
    /// An [organisation](super::organisation::Organisation). It runs events; it neither buys nor scans.
    Organisation(OrganisationId),
    /// An [API key](super::api_key::ApiKey), and the account that it acts for. It acts on events; it neither runs events nor buys.
    Key {
        /// The key.
        id: ApiKeyId,
        /// Who had made it, or taken it over, when it acted.
        maker: AccountId,
    },
    /// Somebody without an account, who buys one order, the one with this reference; or who has taken the ticket of the transfer with this
    /// reference. Its [key](crate::token::GuestKey) stands for the guest.
    Guest(Reference),
}

impl Principal {
    /// The account's id, if it is an account.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(id) => Some(*id),
            Self::External(_) | Self::Organisation(_) | Self::Key { .. } | Self::Guest(_) => None,
        }
    }

    /// The organisation's id, if it is one.
    pub fn organisation(&self) -> Option<OrganisationId> {
        match self {
            Self::Organisation(id) => Some(*id),
            Self::Account(_) | Self::External(_) | Self::Key { .. } | Self::Guest(_) => None,
        }
    }

    /// The application's own id, if it is one of its identities.
    pub fn external(&self) -> Option<&str> {
        match self {
            Self::Account(_) | Self::Organisation(_) | Self::Key { .. } | Self::Guest(_) => None,
            Self::External(id) => Some(id),
        }
    }

    /// The reference of a guest's order, if it is a guest.
    pub fn guest(&self) -> Option<&Reference> {
        match self {
            Self::Guest(order) => Some(order),
            Self::Account(_) | Self::External(_) | Self::Organisation(_) | Self::Key { .. } => None,
        }
    }

    /// Whether both are the same actor. A key is the same also after another account has taken it over.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Key { id, .. }, Self::Key { id: other, .. }) => id == other,
            _ => self == other,
        }
    }

    /// Whether it is somebody who can buy: neither an organisation nor an API key.
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Account(_) | Self::External(_) | Self::Guest(_))
    }
}

impl From<OrganisationId> for Principal {
    fn from(id: OrganisationId) -> Self {
        Self::Organisation(id)
    }
}

impl From<AccountId> for Principal {
    fn from(id: AccountId) -> Self {
        Self::Account(id)
    }
}

/// The application's own id.
impl From<String> for Principal {
    fn from(id: String) -> Self {
        Self::External(id)
    }
}

/// The application's own id.
impl From<&str> for Principal {
    fn from(id: &str) -> Self {
        Self::External(id.to_owned())
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account {id}"),
            Self::External(id) => write!(f, "external {id}"),
            Self::Organisation(id) => write!(f, "organisation {id}"),
            Self::Key { id, maker } => write!(f, "api key {id} of account {maker}"),
            Self::Guest(order) => write!(f, "guest {order}"),
        }
    }
}

/// A buyer, and the address to which the tickets are mailed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Buyer {
    /// The principal who owns the tickets.
    pub who: Principal,
    /// The address to which the tickets are mailed. `None` for a guest who has not given one yet.
    #[serde(default)]
    pub email: Option<EmailAddress>,
}

impl Buyer {
    /// Whether the address was erased: there is nobody to write to.
    pub fn is_erased(&self) -> bool {
        self.email.as_ref().is_some_and(EmailAddress::is_erased)
    }

    /// Creates a buyer. `who` may be a `&str`, `String` or `AccountId`.
    pub fn new(who: impl Into<Principal>, email: EmailAddress) -> Self {
        Self { who: who.into(), email: Some(email) }
    }

    /// Creates a buyer without an account, of the order with this reference. The address may be [given later](crate::Ticketing::name_buyer),
    /// before the order is paid.
    pub fn guest(order: Reference, email: impl Into<Option<EmailAddress>>) -> Self {
        Self { who: Principal::Guest(order), email: email.into() }
    }
}
