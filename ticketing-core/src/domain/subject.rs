//! What a mail or a line of the audit log is about.

use super::id::{AccountId, EventId, OrderId};
use super::row::{Field, Kind, RowError, Sink, Source};

/// What a mail or a line of the audit log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// An order.
    Order(OrderId),
    /// An event.
    Event(EventId),
    /// An account.
    Account(AccountId),
}

impl Subject {
    /// The order, where it is one.
    pub fn order(&self) -> Option<OrderId> {
        match self {
            Self::Order(id) => Some(*id),
            Self::Event(_) | Self::Account(_) => None,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order {id}"),
            Self::Event(id) => write!(f, "event {id}"),
            Self::Account(id) => write!(f, "account {id}"),
        }
    }
}

impl From<OrderId> for Subject {
    fn from(id: OrderId) -> Self {
        Self::Order(id)
    }
}

impl From<EventId> for Subject {
    fn from(id: EventId) -> Self {
        Self::Event(id)
    }
}

impl From<AccountId> for Subject {
    fn from(id: AccountId) -> Self {
        Self::Account(id)
    }
}

/// A column for each kind, of which one is not null.
impl Field for Subject {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Int, Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        let (order, event, account) = match self {
            Self::Order(id) => (Some(id.0), None, None),
            Self::Event(id) => (None, Some(id.0), None),
            Self::Account(id) => (None, None, Some(id.0)),
        };
        to.int(order);
        to.int(event);
        to.int(account);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        match (from.int()?, from.int()?, from.int()?) {
            (Some(id), None, None) => Ok(Some(Self::Order(id.into()))),
            (None, Some(id), None) => Ok(Some(Self::Event(id.into()))),
            (None, None, Some(id)) => Ok(Some(Self::Account(id.into()))),
            (None, None, None) => Ok(None),
            several => Err(RowError(format!("a subject must be one of order, event and account (got {several:?})"))),
        }
    }
}
