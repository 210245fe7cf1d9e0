//! Webhooks as they came in: kept byte for byte, applied afterwards.

use super::code::Reference;
use super::id::WebhookId;
use super::payment::Captured;
use super::row::{Field, Kind, RowError, Sink, Source};
use super::table::{Lock, table};
use super::wire_names::wire_names;
use jiff::Timestamp;

mod apply;
mod receive;

pub use apply::ClaimWebhooks;

/// A webhook whose signature was good.
#[derive(Clone, PartialEq, Eq)]
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

table! {
    StoredWebhook in "webhooks", lock Lock::Rank(0);
    numbered id: WebhookId, event [gateway, dedupe_key, kind, action, reference, captured, body], status, tries, next_at, note,
        received_at, updated_at;
    index BY_KEY(gateway, dedupe_key) unique;
    index BY_REFERENCE(reference);
}

impl Field for NewWebhook {
    const KINDS: &'static [Kind] =
        &[Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Bytes];

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
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (gateway, dedupe_key, kind) = (from.text()?, from.text()?, from.text()?);
        let (action, reference) = (WebhookAction::read(from)?, Reference::read(from)?);
        let captured = from.text()?.map(|text| serde_json::from_str(&text).map_err(RowError::of)).transpose()?;
        let (Some(gateway), Some(dedupe_key), Some(kind), Some(action), Some(body)) =
            (gateway, dedupe_key, kind, action, from.bytes()?)
        else {
            return Ok(None);
        };
        Ok(Some(Self { gateway, dedupe_key, kind, action, reference, captured, body }))
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

/// A webhook whose signature was just found good.
#[derive(Clone, PartialEq, Eq)]
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

impl std::fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewWebhook").field("gateway", &self.gateway).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What is to be done about a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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

wire_names!(WebhookAction { Settle => "settle", Refunds => "refunds", Dispute => "dispute", None => "none" });

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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

wire_names!(WebhookStatus {
    Waiting => "waiting",
    Unconfirmed => "unconfirmed",
    Applied => "applied",
    Quarantined => "quarantined",
    Ignored => "ignored",
    Contradicted => "contradicted",
});

/// What came of applying a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookReport {
    /// Which.
    pub id: WebhookId,
    /// What became of it. Waiting and unconfirmed ones are tried again later.
    pub status: WebhookStatus,
    /// What was found out, for people.
    pub note: Option<String>,
}
