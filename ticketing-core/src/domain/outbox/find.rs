use super::{BY_ORDER, OutboxMail};
use crate::domain::command::Query;
use crate::domain::id::{MailId, OrderId};
use crate::domain::list::{Condition, List};
use crate::domain::load::LoadKeys;
use crate::domain::order::{self, Order, OrderKey};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::EmailAddress;
use crate::domain::row::Field as _;
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;

/// Finds a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindMail(pub MailId);

impl Query for FindMail {
    type Found = Option<OutboxMail>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<OutboxMail>(&self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Option<OutboxMail> {
        rows.mails.get(&self.0).cloned()
    }
}

/// Finds the mails of an order, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindMailsOfOrder(pub OrderKey);

impl FindMailsOfOrder {
    fn order(&self, rows: &WorkingSet) -> Option<OrderId> {
        match &self.0 {
            OrderKey::Id(id) => Some(*id),
            OrderKey::Reference(reference) => {
                rows.orders.loaded(order::BY_REFERENCE, reference).next().map(|order: &Order| order.id)
            }
        }
    }
}

impl Query for FindMailsOfOrder {
    type Found = Vec<OutboxMail>;
    // The id of an order never changes.
    const ONE_MOMENT: bool = false;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        if let OrderKey::Reference(reference) = &self.0 {
            load.find(order::BY_REFERENCE, reference);
        }
        if let Some(id) = self.order(rows) {
            load.find(BY_ORDER, &id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Vec<OutboxMail> {
        self.order(rows).into_iter().flat_map(|id| rows.mails_of(id)).cloned().collect()
    }
}

/// Lists mails that were given up, the oldest first. Not those whose recipient was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListDeadMails {
    /// About orders for these events. Mails about accounts are in no scope but that of all events.
    pub scope: Scope,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "dead_mails";

impl Query for ListDeadMails {
    type Found = Page<OutboxMail>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let erased = EmailAddress::erased().value();
        let mut all = vec![Condition::Named("status", &["dead"]), Condition::Not("recipient", erased)];
        all.extend(self.scope.by_order("order_id"));
        load.list(List::of::<OutboxMail>(LIST, all).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<OutboxMail> {
        let page = rows.listed::<MailId>(LIST);
        let items = page.items.iter().filter_map(|id| rows.mails.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
