use super::{StoredWebhook, WebhookStatus};
use crate::domain::command::Command;
use crate::domain::id::WebhookId;
use crate::domain::load::LoadKeys;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Erases the body of a webhook, which names the payer. What was learnt from it stays, and a repeated delivery is still recognised.
/// Returns whether it changed something. One that was not applied yet, or that a person should look at, stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyWebhook(pub WebhookId);

impl Command for EmptyWebhook {
    type Outcome = bool;
    const NAME: &'static str = "empty_webhook";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<StoredWebhook>(&self.0);
    }

    fn apply(&self, rows: &mut WorkingSet, _now: Timestamp) -> bool {
        rows.empty_webhook(&self.0)
    }
}

impl WorkingSet {
    /// Erases the body of a webhook, unless it is still of use. Whether it had one. Needs the webhook.
    pub(in crate::domain) fn empty_webhook(&mut self, id: &WebhookId) -> bool {
        let is_done = |webhook: &&StoredWebhook| {
            matches!(webhook.status, WebhookStatus::Applied | WebhookStatus::Ignored) && !webhook.event.body.is_empty()
        };
        if self.webhooks.get(id).filter(is_done).is_none() {
            return false;
        }
        self.webhooks.update(id, |webhook| webhook.event.body.clear());
        true
    }
}
