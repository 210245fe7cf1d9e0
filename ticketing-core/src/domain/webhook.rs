//! Webhooks: stored byte for byte when received, and applied afterwards.

use super::code::Reference;
use super::id::WebhookId;
use super::payment::{Captured, DisputeNews};
use super::row::{Field, Kind, RowError, Sink, Source};
use super::table::{Lock, table};
use super::wire_names::wire_names;
use crate::setters::setters;
use jiff::Timestamp;

mod apply;
mod empty;
mod find;
mod receive;

pub use apply::ClaimWebhooks;
pub use empty::EmptyWebhook;
pub use find::ListWebhooksForReview;

/// The kind of a webhook whose signature is valid and whose body cannot be read.
pub const UNREADABLE: &str = "unreadable";

/// A stored webhook. Its signature was verified.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct StoredWebhook {
    /// The webhook's id.
    pub id: WebhookId,
    /// The webhook itself.
    pub event: NewWebhook,
    /// The status.
    pub status: WebhookStatus,
    /// How often it was tried to apply it.
    pub tries: u32,
    /// When it is tried next. `None` once the outcome is final.
    pub next_at: Option<Timestamp>,
    /// What the last try found, for people to read.
    pub note: Option<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    StoredWebhook in "webhooks", lock Lock::Rank(0);
    numbered id: WebhookId, event [gateway, dedupe_key, kind, action, reference, captured, body, dispute], status, tries, next_at,
        note, received_at, updated_at;
    index BY_KEY(gateway, dedupe_key) unique;
    index BY_REFERENCE(reference);
}

impl Field for NewWebhook {
    const KINDS: &'static [Kind] =
        &[Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Bytes, Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(Some(&self.gateway));
        to.text(Some(&self.dedupe_key));
        to.text(Some(&self.kind));
        self.action.store(to);
        self.reference.store(to);
        // Amounts, times and texts are always JSON.
        let captured = self.captured.as_ref().map(|captured| serde_json::to_string(captured).unwrap_or_default());
        to.text(captured.as_deref());
        to.bytes(Some(&self.body));
        self.dispute.store(to);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (gateway, dedupe_key, kind) = (from.text()?, from.text()?, from.text()?);
        let (action, reference) = (WebhookAction::read(from)?, Reference::read(from)?);
        let captured = from.text()?.map(|text| serde_json::from_str(&text).map_err(RowError::of)).transpose()?;
        let (body, dispute) = (from.bytes()?, DisputeNews::read(from)?);
        let (Some(gateway), Some(dedupe_key), Some(kind), Some(action), Some(body)) =
            (gateway, dedupe_key, kind, action, body)
        else {
            return Ok(None);
        };
        Ok(Some(Self { gateway, dedupe_key, kind, action, reference, captured, dispute, body }))
    }
}

impl std::fmt::Debug for StoredWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredWebhook")
            .field("id", &self.id)
            .field("kind", &self.event.kind)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A webhook to store. Its signature was verified.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct NewWebhook {
    /// The gateway's name.
    pub gateway: String,
    /// The same for every delivery of one event. A second delivery is not stored again.
    pub dedupe_key: String,
    /// The gateway's own name for the kind of event.
    pub kind: String,
    /// What to do about it.
    pub action: WebhookAction,
    /// The attempt that it is about, if any.
    pub reference: Option<Reference>,
    /// What it reports as paid. Trusted only while the gateway cannot be reached.
    pub captured: Option<Captured>,
    /// What it reports about a dispute.
    #[serde(default)]
    pub dispute: Option<DisputeNews>,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl NewWebhook {
    /// Creates a webhook that is about no attempt.
    pub fn new(
        gateway: impl Into<String>,
        dedupe_key: impl Into<String>,
        kind: impl Into<String>,
        action: WebhookAction,
        body: Vec<u8>,
    ) -> Self {
        Self {
            gateway: gateway.into(),
            dedupe_key: dedupe_key.into(),
            kind: kind.into(),
            action,
            reference: None,
            captured: None,
            dispute: None,
            body,
        }
    }
}

setters!(NewWebhook {
    with_reference => reference: impl Into<Option<Reference>>,
    with_captured => captured: impl Into<Option<Captured>>,
    with_dispute => dispute: impl Into<Option<DisputeNews>>,
});

impl std::fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewWebhook").field("gateway", &self.gateway).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What to do about a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WebhookAction {
    /// Fetch the attempt from the gateway.
    Settle,
    /// Look up the attempt's refunds at the gateway.
    Refunds,
    /// The payer disputes the charge.
    Dispute,
    /// Nothing: it is only stored.
    None,
}

wire_names!(WebhookAction { Settle => "settle", Refunds => "refunds", Dispute => "dispute", None => "none" });

/// The status of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WebhookStatus {
    /// Not applied yet.
    Waiting,
    /// Applied without confirmation, while the gateway could not be reached. To be confirmed.
    Unconfirmed,
    /// Applied.
    Applied,
    /// About an unknown payment. Stored for a person to check.
    Quarantined,
    /// There was nothing to do.
    Ignored,
    /// It reports a payment or a dispute that the gateway's own answers do not confirm. A person must check it.
    Contradicted,
}

wire_names!(WebhookStatus {
    Waiting => "waiting",
    Unconfirmed => "unconfirmed",
    Applied => "applied",
    Quarantined => "quarantined",
    Ignored => "ignored",
    Contradicted => "contradicted",
});

/// The result of applying a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookReport {
    /// The webhook.
    pub id: WebhookId,
    /// The status. Waiting and unconfirmed ones are tried again later.
    pub status: WebhookStatus,
    /// What was found, for people to read.
    pub note: Option<String>,
    /// Whether the gateway answered, and does not confirm what the webhook reports. That is retried for two hours, and not for as
    /// long as the gateway cannot be asked.
    pub is_unconfirmed_yet: bool,
}

impl WebhookReport {
    /// Creates a report without a note.
    pub fn new(id: WebhookId, status: WebhookStatus) -> Self {
        Self { id, status, note: None, is_unconfirmed_yet: false }
    }
}

setters!(WebhookReport {
    with_note => note: impl Into<Option<String>>,
    with_is_unconfirmed_yet => is_unconfirmed_yet: bool,
});
