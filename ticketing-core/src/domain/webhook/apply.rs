//! Claiming webhooks that are due, and recording the result of applying them.

use super::{StoredWebhook, WebhookReport, WebhookStatus};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::id::WebhookId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::payment::{Attempt, POLL_FOR};
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// A webhook that could not be applied is retried for as long as its attempt is polled.
const TRY_FOR: SignedDuration = POLL_FOR;

/// Claims webhooks that are due to be applied, the most overdue first. No other caller gets them until the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimWebhooks {
    /// How long no other caller gets them.
    pub lease: SignedDuration,
    /// The maximum number of webhooks.
    pub limit: u32,
}

impl Command for ClaimWebhooks {
    type Outcome = Vec<StoredWebhook>;
    const NAME: &'static str = "claim_webhooks";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let due = vec![Condition::AtMost("next_at", load.now().as_microsecond())];
        let due = List::of::<StoredWebhook>(Self::NAME, due).by("next_at", Sort::Ascending);
        load.claim(due.at_most(self.limit));
        rows.claimed::<WebhookId>(Self::NAME).iter().for_each(|id| load.row::<StoredWebhook>(id));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<StoredWebhook> {
        let due = rows.claimed::<WebhookId>(Self::NAME);
        due.into_iter().filter_map(|id| claim_webhook(rows, now, id, self.lease)).collect()
    }
}

fn claim_webhook(rows: &mut WorkingSet, now: Timestamp, id: WebhookId, lease: SignedDuration) -> Option<StoredWebhook> {
    let webhook = rows.webhooks.get(&id)?;
    webhook.next_at.filter(|next_at| *next_at <= now)?;
    rows.webhooks.update(&id, |webhook| {
        webhook.tries += 1;
        webhook.next_at = Some(now + lease);
        webhook.updated_at = now;
    });
    rows.webhooks.get(&id).cloned()
}

/// Records the result of applying a webhook. `None` if there is no such webhook.
impl Command for WebhookReport {
    type Outcome = Option<StoredWebhook>;
    const NAME: &'static str = "report_webhook";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<StoredWebhook>(&self.id);
        if let Some(reference) = rows.webhooks.loaded_row(&self.id).and_then(|webhook| webhook.event.reference.as_ref())
        {
            load.look::<Attempt>(reference);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Option<StoredWebhook> {
        let webhook = rows.webhooks.get(&self.id)?;
        let is_open = matches!(webhook.status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed);
        if !is_open || (webhook.status == WebhookStatus::Unconfirmed && self.status == WebhookStatus::Waiting) {
            return Some(webhook.clone());
        }
        rows.webhooks.update(&self.id, |webhook| {
            let again = matches!(self.status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed);
            let in_time = now.duration_since(webhook.received_at) < TRY_FOR;
            webhook.status = match self.status {
                WebhookStatus::Waiting if !in_time => WebhookStatus::Quarantined,
                // Tickets were issued on the webhook's word, and the gateway never confirmed it.
                WebhookStatus::Unconfirmed if !in_time => WebhookStatus::Contradicted,
                status => status,
            };
            webhook.next_at = (again && in_time).then(|| now + interval(webhook.tries));
            webhook.note.clone_from(&self.note);
            webhook.updated_at = now;
        });
        let webhook = rows.webhooks.get(&self.id)?.clone();
        if webhook.status == WebhookStatus::Contradicted {
            let attempt = webhook.event.reference.as_ref().and_then(|reference| rows.attempts.get(reference)).cloned();
            if let Some(attempt) = attempt {
                let reason = "applied on a signed webhook's word; the gateway says otherwise";
                let change = Change::of(attempt.reference.as_str(), attempt.status.name(), attempt.status.name());
                rows.record_audit(
                    now,
                    attempt.order_id,
                    Actor::Gateway(attempt.gateway.clone()),
                    "webhook.contradicted",
                    reason,
                    change,
                );
            }
        }
        Some(webhook)
    }
}

/// The delay before the next try: 15 seconds, doubling, at most an hour.
fn interval(tries: u32) -> SignedDuration {
    SignedDuration::from_secs((15_i64 << tries.saturating_sub(1).min(8)).min(3600))
}
