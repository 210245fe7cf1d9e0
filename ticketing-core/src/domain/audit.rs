//! The audit log: what was decided, when, by whom and why. Lines are only ever added.

use super::id::{AuditId, OrderId};
use super::principal::Principal;
use jiff::Timestamp;

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct AuditLine {
    /// The line's id: later lines have higher ones.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// The order it is about.
    pub order_id: OrderId,
    /// Who decided.
    pub actor: Actor,
    /// What was done, in a stable word such as `order.expired`.
    pub action: String,
    /// What it was done to: an attempt's reference, a refund's id.
    pub subject: Option<String>,
    /// How that stood before.
    pub before: Option<String>,
    /// How it stands since.
    pub after: Option<String>,
    /// Why, for people.
    pub reason: String,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// The engine, by its rules.
    System,
    /// The payment gateway, by what it said.
    Gateway(String),
    /// A person.
    Person(Principal),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Gateway(name) => write!(f, "gateway {name}"),
            Self::Person(principal) => principal.fmt(f),
        }
    }
}
