//! Webhooks as they came in: kept byte for byte, applied afterwards.

use super::code::Reference;
use super::id::WebhookId;
use super::payment::Captured;
use super::words::words;
use crate::setters::setters;
use jiff::Timestamp;

/// A webhook whose signature was good.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct StoredWebhook {
    /// The webhook's id.
    pub id: WebhookId,
    /// Whose it is, what it says, and its bytes.
    pub event: NewWebhook,
    /// What became of it.
    pub status: WebhookStatus,
    /// How often applying it was tried.
    pub tries: u32,
    /// When it is tried next, while the end is open.
    pub next_at: Option<Timestamp>,
    /// What was last found out, for people.
    pub note: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
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

/// A webhook whose signature was just found good.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct NewWebhook {
    /// From which gateway.
    pub gateway: String,
    /// The same for every delivery of one event. A second delivery is not stored again.
    pub dedupe_key: String,
    /// In the gateway's own word.
    pub kind: String,
    /// What is to be done about it.
    pub action: WebhookAction,
    /// The attempt it is about.
    pub reference: Option<Reference>,
    /// What it says was paid. Believed only where the gateway cannot be asked.
    pub captured: Option<Captured>,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl NewWebhook {
    /// A webhook about no attempt.
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
            body,
        }
    }
}

setters!(NewWebhook {
    with_reference => reference: impl Into<Option<Reference>>,
    with_captured => captured: impl Into<Option<Captured>>,
});

impl std::fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewWebhook").field("gateway", &self.gateway).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What is to be done about a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WebhookAction {
    /// Ask what became of the attempt.
    Settle,
    /// Ask what became of the attempt's refunds.
    Refunds,
    /// The payer disputes the charge.
    Dispute,
    /// Nothing: it is only kept.
    None,
}

words!(WebhookAction { Settle => "settle", Refunds => "refunds", Dispute => "dispute", None => "none" });

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WebhookStatus {
    /// Stored, and not applied yet.
    Waiting,
    /// Applied on its own word while the gateway could not be asked. Still to be confirmed.
    Unconfirmed,
    /// Applied.
    Applied,
    /// About nothing that we know. Kept for people to look at.
    Quarantined,
    /// Nothing was to be done.
    Ignored,
    /// Applied on its own word, and the gateway says otherwise. A person must look at it.
    Contradicted,
}

words!(WebhookStatus {
    Waiting => "waiting",
    Unconfirmed => "unconfirmed",
    Applied => "applied",
    Quarantined => "quarantined",
    Ignored => "ignored",
    Contradicted => "contradicted",
});

/// What came of applying a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookReport {
    /// Which.
    pub id: WebhookId,
    /// What became of it. Waiting and unconfirmed ones are tried again later.
    pub status: WebhookStatus,
    /// What was found out, for people.
    pub note: Option<String>,
}

impl WebhookReport {
    /// A report without a note.
    pub fn new(id: WebhookId, status: WebhookStatus) -> Self {
        Self { id, status, note: None }
    }
}

setters!(WebhookReport {
    with_note => note: impl Into<Option<String>>,
});
