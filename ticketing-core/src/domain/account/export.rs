use crate::domain::code::Reference;
use crate::domain::command::Query;
use crate::domain::id::{AccountId, MailId, RefundId};
use crate::domain::list::{Condition, List};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::outbox::OutboxMail;
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::Attempt;
use crate::domain::refund::Refund;
use crate::domain::row::Field as _;
use crate::domain::table::Record as _;
use crate::domain::working_set::WorkingSet;

/// The orders of an account, as a condition of what belongs to them.
fn of_own_orders(id: AccountId) -> Condition {
    Condition::ParentFirst("order_id", Order::NOUN, vec![Condition::Is("buyer_account", id.value())])
}

/// Lists the mails about an account and about its orders, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListMailsOfAccount {
    /// The account.
    pub id: AccountId,
    /// The page.
    pub page: PageRequest,
}

const MAILS: &str = "mails of an account";

impl Query for ListMailsOfAccount {
    type Found = Page<OutboxMail>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let both = vec![vec![Condition::Is("account_id", self.id.value())], vec![of_own_orders(self.id)]];
        load.list(List::of::<OutboxMail>(MAILS, vec![Condition::Union(both)]).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<OutboxMail> {
        let page = rows.listed::<MailId>(MAILS);
        let items = page.items.iter().filter_map(|id| rows.mails.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}

/// Lists the attempts to pay the orders of an account, by reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListAttemptsOfAccount {
    /// The account.
    pub id: AccountId,
    /// The page.
    pub page: PageRequest,
}

const ATTEMPTS: &str = "attempts of an account";

impl Query for ListAttemptsOfAccount {
    type Found = Page<Attempt>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.list(List::of::<Attempt>(ATTEMPTS, vec![of_own_orders(self.id)]).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Attempt> {
        let page = rows.listed::<Reference>(ATTEMPTS);
        let items = page.items.iter().filter_map(|id| rows.attempts.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}

/// Lists the refunds of the orders of an account, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRefundsOfAccount {
    /// The account.
    pub id: AccountId,
    /// The page.
    pub page: PageRequest,
}

const REFUNDS: &str = "refunds of an account";

impl Query for ListRefundsOfAccount {
    type Found = Page<Refund>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.list(List::of::<Refund>(REFUNDS, vec![of_own_orders(self.id)]).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Refund> {
        let page = rows.listed::<RefundId>(REFUNDS);
        let items = page.items.iter().filter_map(|id| rows.refunds.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
