//! The rows that a batch of operations is decided on. A storage loads (and locks) what the batch names, the rules change
//! it, and the storage writes the difference. So every storage decides alike, and a later item of a batch sees the earlier ones.

use super::account::{Account, AccountKey};
use super::audit::{Actor, AuditLine};
use super::check_in::CheckIn;
use super::code::{Reference, TicketCode};
use super::event::{Category, Event};
use super::id::{
    AccountId, AuditId, CategoryId, EventId, MailId, OrderId, RefundId, TicketId, TicketTypeId, WebhookId,
};
use super::order::Order;
use super::outbox::{MailKind, MailStatus, OutboxMail};
use super::payment::Attempt;
use super::principal::EmailAddress;
use super::refund::Refund;
use super::request::StoredRequest;
use super::ticket::Ticket;
use super::webhook::StoredWebhook;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one kind, and which of them were changed.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// As the changed rows were when loaded; none for rows that are new.
    originals: BTreeMap<K, Option<V>>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), originals: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> Table<K, V> {
    /// A row, if it was loaded or is new.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// All rows, by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    fn load(&mut self, key: K, row: V) {
        self.rows.insert(key, row);
    }

    fn insert(&mut self, key: K, row: V) {
        self.originals.entry(key.clone()).or_insert(None);
        self.rows.insert(key, row);
    }

    /// Changes a row; does nothing where there is none.
    pub(crate) fn update(&mut self, key: &K, change: impl FnOnce(&mut V)) {
        if let Some(row) = self.rows.get_mut(key) {
            self.originals.entry(key.clone()).or_insert_with(|| Some(row.clone()));
            change(row);
        }
    }

    /// Drops rows for good.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.rows.retain(|_, row| keep(row));
    }

    /// The rows that are new or differ from what was loaded, by key: as they were, and as they are.
    pub fn changes(&self) -> impl Iterator<Item = (Option<&V>, &V)> {
        self.originals
            .iter()
            .filter_map(|(key, original)| Some((original.as_ref(), self.rows.get(key)?)))
            .filter(|(original, row)| *original != Some(*row))
    }
}

/// The next id of each kind.
#[derive(Clone, Copy, Debug)]
pub struct NextIds {
    /// Of accounts.
    pub account: i64,
    /// Of categories.
    pub category: i64,
    /// Of events.
    pub event: i64,
    /// Of ticket types.
    pub ticket_type: i64,
    /// Of orders.
    pub order: i64,
    /// Of tickets.
    pub ticket: i64,
    /// Of refunds.
    pub refund: i64,
    /// Of mails.
    pub mail: i64,
    /// Of lines of the audit log.
    pub audit: i64,
    /// Of webhooks.
    pub webhook: i64,
}

impl Default for NextIds {
    fn default() -> Self {
        Self {
            account: 1,
            category: 1,
            event: 1,
            ticket_type: 1,
            order: 1,
            ticket: 1,
            refund: 1,
            mail: 1,
            audit: 1,
            webhook: 1,
        }
    }
}

fn take(next: &mut i64) -> i64 {
    let id = *next;
    *next += 1;
    id
}

/// The rows of a batch.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Accounts by id.
    pub accounts: Table<AccountId, Account>,
    /// Categories by id.
    pub categories: Table<CategoryId, Category>,
    /// Events by id, with their ticket types.
    pub events: Table<EventId, Event>,
    /// Orders by id.
    pub orders: Table<OrderId, Order>,
    /// Attempts by reference.
    pub attempts: Table<Reference, Attempt>,
    /// Refunds by id.
    pub refunds: Table<RefundId, Refund>,
    /// Tickets by id.
    pub tickets: Table<TicketId, Ticket>,
    /// Check-ins by ticket.
    pub check_ins: Table<TicketId, CheckIn>,
    /// Mails by id.
    pub mails: Table<MailId, OutboxMail>,
    /// Lines of the audit log by id.
    pub audit: Table<AuditId, AuditLine>,
    /// Webhooks by id.
    pub webhooks: Table<WebhookId, StoredWebhook>,
    /// Requests that named a key, by scope.
    pub requests: Table<String, StoredRequest>,
    /// The next id of each kind.
    pub next: NextIds,
    accounts_by_email: BTreeMap<String, AccountId>,
    accounts_by_username: BTreeMap<String, AccountId>,
    categories_by_name: BTreeMap<String, CategoryId>,
    orders_by_reference: BTreeMap<Reference, OrderId>,
    attempts_by_order: BTreeMap<OrderId, BTreeSet<Reference>>,
    refunds_by_order: BTreeMap<OrderId, BTreeSet<RefundId>>,
    refunds_by_key: BTreeMap<Reference, RefundId>,
    tickets_by_order: BTreeMap<OrderId, BTreeSet<TicketId>>,
    tickets_by_code: BTreeMap<TicketCode, TicketId>,
    check_ins_by_nonce: BTreeMap<String, TicketId>,
    mails_by_order: BTreeMap<OrderId, BTreeMap<MailKind, MailId>>,
    events_by_key: BTreeMap<Reference, EventId>,
    webhooks_by_key: BTreeMap<(String, String), WebhookId>,
}

/// Each kind of row has one way in from the storage (`load_…`) and one for new rows (`add_…`); both keep the look-ups right.
macro_rules! ways_in {
    ($($load:ident, $add:ident, $table:ident, $row:ident: $type:ty => $key:expr, |$book:ident| $index:block;)*) => {$(
        /// Puts a row into the book as it is in the storage.
        pub fn $load(&mut self, $row: $type) {
            let $book = &mut *self;
            $index
            self.$table.load($key, $row);
        }

        pub(crate) fn $add(&mut self, $row: $type) {
            let $book = &mut *self;
            $index
            self.$table.insert($key, $row);
        }
    )*};
}

impl Book {
    ways_in! {
        load_account, add_account, accounts, row: Account => row.id, |book| {
            book.accounts_by_email.insert(row.email.key(), row.id);
            if let Some(username) = &row.username {
                book.accounts_by_username.insert(username.to_lowercase(), row.id);
            }
        };
        load_category, add_category, categories, row: Category => row.id, |book| {
            book.categories_by_name.insert(row.name.to_lowercase(), row.id);
        };
        load_event, add_event, events, row: Event => row.id, |book| {
            if let Some(key) = &row.key {
                book.events_by_key.insert(key.clone(), row.id);
            }
        };
        load_webhook, add_webhook, webhooks, row: StoredWebhook => row.id, |book| {
            book.webhooks_by_key.insert((row.event.gateway.clone(), row.event.dedupe_key.clone()), row.id);
        };
        load_request, add_request, requests, row: StoredRequest => row.scope.clone(), |_book| {};
        load_order, add_order, orders, row: Order => row.id, |book| {
            book.orders_by_reference.insert(row.reference.clone(), row.id);
        };
        load_attempt, add_attempt, attempts, row: Attempt => row.reference.clone(), |book| {
            book.attempts_by_order.entry(row.order_id).or_default().insert(row.reference.clone());
        };
        load_refund, add_refund, refunds, row: Refund => row.id, |book| {
            book.refunds_by_order.entry(row.order_id).or_default().insert(row.id);
            book.refunds_by_key.insert(row.key.clone(), row.id);
        };
        load_ticket, add_ticket, tickets, row: Ticket => row.id, |book| {
            book.tickets_by_order.entry(row.order_id).or_default().insert(row.id);
            book.tickets_by_code.insert(row.code.clone(), row.id);
        };
        load_check_in, add_check_in, check_ins, row: CheckIn => row.ticket_id, |book| {
            book.check_ins_by_nonce.insert(row.nonce.clone(), row.ticket_id);
        };
        load_mail, add_mail, mails, row: OutboxMail => row.id, |book| {
            book.mails_by_order.entry(row.order_id).or_default().insert(row.kind, row.id);
        };
    }

    /// Ids for new rows.
    pub(crate) fn next_account(&mut self) -> AccountId {
        AccountId(take(&mut self.next.account))
    }

    pub(crate) fn next_category(&mut self) -> CategoryId {
        CategoryId(take(&mut self.next.category))
    }

    pub(crate) fn next_event(&mut self) -> EventId {
        EventId(take(&mut self.next.event))
    }

    pub(crate) fn next_ticket_type(&mut self) -> TicketTypeId {
        TicketTypeId(take(&mut self.next.ticket_type))
    }

    pub(crate) fn next_order(&mut self) -> OrderId {
        OrderId(take(&mut self.next.order))
    }

    pub(crate) fn next_ticket(&mut self) -> TicketId {
        TicketId(take(&mut self.next.ticket))
    }

    pub(crate) fn next_webhook(&mut self) -> WebhookId {
        WebhookId(take(&mut self.next.webhook))
    }

    pub(crate) fn next_refund(&mut self) -> RefundId {
        RefundId(take(&mut self.next.refund))
    }

    /// Adds a line to the audit log.
    pub(crate) fn note(
        &mut self,
        now: Timestamp,
        order_id: OrderId,
        actor: Actor,
        action: &str,
        reason: &str,
        change: Change<'_>,
    ) {
        let id = AuditId(take(&mut self.next.audit));
        let line = AuditLine {
            id,
            at: now,
            order_id,
            actor,
            action: action.to_owned(),
            subject: change.subject.map(str::to_owned),
            before: change.before.map(str::to_owned),
            after: change.after.map(str::to_owned),
            reason: reason.to_owned(),
        };
        self.audit.insert(id, line);
    }

    /// Puts a mail into the outbox, unless the order has one of this kind.
    pub(crate) fn owe_mail(&mut self, now: Timestamp, order_id: OrderId, kind: MailKind, to: EmailAddress) {
        if self.mails_by_order.get(&order_id).is_some_and(|kinds| kinds.contains_key(&kind)) {
            return;
        }
        let id = MailId(take(&mut self.next.mail));
        self.add_mail(OutboxMail {
            id,
            order_id,
            kind,
            to,
            status: MailStatus::Waiting,
            tries: 0,
            due_at: now,
            last_error: None,
            created_at: now,
            updated_at: now,
        });
    }

    /// The account with this key.
    pub fn account(&self, key: &AccountKey) -> Option<&Account> {
        match key {
            AccountKey::Id(id) => self.accounts.get(id),
            AccountKey::Email(email) => self.account_by_email(email),
            AccountKey::Username(username) => self.account_by_username(username),
        }
    }

    /// The account with this address, in any case.
    pub fn account_by_email(&self, email: &EmailAddress) -> Option<&Account> {
        self.accounts.get(self.accounts_by_email.get(&email.key())?)
    }

    /// The account with this user name, in any case.
    pub fn account_by_username(&self, username: &str) -> Option<&Account> {
        self.accounts.get(self.accounts_by_username.get(&username.to_lowercase())?)
    }

    /// The category with this name, in any case.
    pub fn category_by_name(&self, name: &str) -> Option<&Category> {
        self.categories.get(self.categories_by_name.get(&name.to_lowercase())?)
    }

    /// The event that was made under this key.
    pub fn event_by_key(&self, key: &Reference) -> Option<&Event> {
        self.events.get(self.events_by_key.get(key)?)
    }

    /// The webhook with this key.
    pub fn webhook_by_key(&self, gateway: &str, key: &str) -> Option<&StoredWebhook> {
        self.webhooks.get(self.webhooks_by_key.get(&(gateway.to_owned(), key.to_owned()))?)
    }

    /// The order with this reference.
    pub fn order_by_reference(&self, reference: &Reference) -> Option<&Order> {
        self.orders.get(self.orders_by_reference.get(reference)?)
    }

    /// The order's attempts, by reference.
    pub fn attempts_of(&self, order: OrderId) -> impl Iterator<Item = &Attempt> {
        self.attempts_by_order.get(&order).into_iter().flatten().filter_map(|reference| self.attempts.get(reference))
    }

    /// The order's refunds, oldest first.
    pub fn refunds_of(&self, order: OrderId) -> impl Iterator<Item = &Refund> {
        self.refunds_by_order.get(&order).into_iter().flatten().filter_map(|id| self.refunds.get(id))
    }

    /// The refund with this key.
    pub fn refund_by_key(&self, key: &Reference) -> Option<&Refund> {
        self.refunds.get(self.refunds_by_key.get(key)?)
    }

    /// The order's tickets, by id.
    pub fn tickets_of(&self, order: OrderId) -> impl Iterator<Item = &Ticket> {
        self.tickets_by_order.get(&order).into_iter().flatten().filter_map(|id| self.tickets.get(id))
    }

    /// The order's mails, by kind.
    pub fn mails_of(&self, order: OrderId) -> impl Iterator<Item = &OutboxMail> {
        self.mails_by_order.get(&order).into_iter().flatten().filter_map(|(_, id)| self.mails.get(id))
    }

    /// The ticket with this code.
    pub fn ticket_by_code(&self, code: &TicketCode) -> Option<&Ticket> {
        self.tickets.get(self.tickets_by_code.get(code)?)
    }

    /// The check-in of this scan.
    pub fn check_in_by_nonce(&self, nonce: &str) -> Option<&CheckIn> {
        self.check_ins.get(self.check_ins_by_nonce.get(nonce)?)
    }

    /// Forgets what was changed: it is written.
    pub(crate) fn written(&mut self) {
        self.accounts.originals.clear();
        self.categories.originals.clear();
        self.events.originals.clear();
        self.orders.originals.clear();
        self.attempts.originals.clear();
        self.refunds.originals.clear();
        self.tickets.originals.clear();
        self.check_ins.originals.clear();
        self.mails.originals.clear();
        self.audit.originals.clear();
        self.webhooks.originals.clear();
        self.requests.originals.clear();
    }
}

/// What a line of the audit log says of a change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    /// What was changed.
    pub subject: Option<&'a str>,
    /// As it was.
    pub before: Option<&'a str>,
    /// As it is.
    pub after: Option<&'a str>,
}

impl<'a> Change<'a> {
    /// `subject` went from `before` to `after`.
    pub fn of(subject: &'a str, before: &'a str, after: &'a str) -> Self {
        Self { subject: Some(subject), before: Some(before), after: Some(after) }
    }
}
