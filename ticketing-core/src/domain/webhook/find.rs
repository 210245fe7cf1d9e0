use super::StoredWebhook;
use crate::domain::command::Query;
use crate::domain::id::WebhookId;
use crate::domain::list::{Condition, List};
use crate::domain::load::LoadKeys;
use crate::domain::page::{Page, PageRequest};
use crate::domain::working_set::WorkingSet;

/// Lists webhooks that a person should look at, the oldest first: those that match no payment, cannot be read, or report what the
/// gateway does not confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListWebhooksForReview {
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "webhooks_for_review";

impl Query for ListWebhooksForReview {
    type Found = Page<StoredWebhook>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let open = vec![Condition::Named("status", &["quarantined", "contradicted"])];
        load.list(List::of::<StoredWebhook>(LIST, open).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<StoredWebhook> {
        let page = rows.listed::<WebhookId>(LIST);
        let items = page.items.iter().filter_map(|id| rows.webhooks.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
