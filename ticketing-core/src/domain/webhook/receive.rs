use super::{BY_KEY, NewWebhook, StoredWebhook, WebhookAction, WebhookStatus};
use crate::domain::command::Command;
use crate::domain::id::WebhookId;
use crate::domain::load::LoadKeys;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Stores a webhook. A second delivery of the same event finds the first. The flag says whether this was the first.
impl Command for NewWebhook {
    type Outcome = (StoredWebhook, bool);
    const NAME: &'static str = "receive_webhook";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(BY_KEY, &(self.gateway.clone(), self.dedupe_key.clone()));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> (StoredWebhook, bool) {
        if let Some(known) = rows.webhooks.find(BY_KEY, &(self.gateway.clone(), self.dedupe_key.clone())) {
            return (known.clone(), false);
        }
        let idle = self.action == WebhookAction::None;
        let webhook = StoredWebhook {
            id: WebhookId(rows.webhooks.take_id()),
            event: self.clone(),
            status: if idle { WebhookStatus::Ignored } else { WebhookStatus::Waiting },
            tries: 0,
            next_at: (!idle).then_some(now),
            note: None,
            received_at: now,
            updated_at: now,
        };
        rows.webhooks.insert(webhook.clone());
        (webhook, true)
    }
}
