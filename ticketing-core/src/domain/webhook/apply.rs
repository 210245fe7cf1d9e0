//! Claiming webhooks that are due, and recording the result of applying them.

use super::{StoredWebhook, WebhookReport, WebhookStatus};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::id::WebhookId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::payment::{Attempt, Attention, POLL_FOR};
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// A webhook that could not be applied is retried for as long as its attempt is polled.
const TRY_FOR: SignedDuration = POLL_FOR;

/// How long the gateway may take to confirm a payment that its own signed webhook reports. A gateway's half that answers questions
/// may be behind the half that sends webhooks. After that a person looks at it; polling goes on.
const CONFIRM_WITHIN: SignedDuration = SignedDuration::from_hours(2);

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
    const CLAIMS: bool = true;

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
            load.row::<Attempt>(reference);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Option<StoredWebhook> {
        let webhook = rows.webhooks.get(&self.id)?;
        let is_open = matches!(webhook.status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed);
        if !is_open || (webhook.status == WebhookStatus::Unconfirmed && self.status == WebhookStatus::Waiting) {
            return Some(webhook.clone());
        }
        // It reports money: a payment, or a dispute that was won.
        let is_money = webhook.event.captured.is_some() || webhook.event.dispute.is_some();
        rows.webhooks.update(&self.id, |webhook| {
            let again = matches!(self.status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed);
            let limit = if self.is_unconfirmed_yet { CONFIRM_WITHIN } else { TRY_FOR };
            let in_time = now.duration_since(webhook.received_at) < limit;
            webhook.status = match self.status {
                WebhookStatus::Waiting if !in_time && is_money => WebhookStatus::Contradicted,
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
                rows.attempts.update(&attempt.reference, |row| {
                    row.call_for(Attention::Contradicted);
                    row.updated_at = now;
                });
                let reason = "the gateway does not confirm what its signed webhook reports";
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
