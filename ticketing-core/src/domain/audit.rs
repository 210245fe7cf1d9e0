//! The audit log: what was decided, when, by whom and why. It is append-only.

use super::id::{AuditId, OrderId};
use super::principal::Principal;
use jiff::Timestamp;

/// An entry of the audit log: one decision.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct AuditLine {
    /// The entry's id. Later entries have higher ids.
    pub id: AuditId,
    /// When it was decided.
    pub at: Timestamp,
    /// The order that it is about.
    pub order_id: OrderId,
    /// Who decided.
    pub actor: Actor,
    /// What was done: a stable name such as `order.expired`.
    pub action: String,
    /// What it was done to, such as an attempt's reference or a refund's id.
    pub subject: Option<String>,
    /// The status before.
    pub before: Option<String>,
    /// The status after.
    pub after: Option<String>,
    /// Why, for people to read.
    pub reason: String,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// The engine's rules.
    System,
    /// The payment gateway with this name, through what it reported.
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
