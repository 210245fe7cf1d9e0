//! Everything in memory, gone when dropped: for tests, and the model that other storages are held against.

use super::{Gauges, Outcome, Storage, StorageError, invariants};
use crate::domain::account::{Account, AccountChange, AccountKey, NewAccount};
use crate::domain::audit::{Actor, AuditLine};
use crate::domain::book::Book;
use crate::domain::check_in::{CheckIn, Scan};
use crate::domain::code::{Reference, Seed};
use crate::domain::event::{Category, Event, EventFilter, EventSort, EventStatus, NewCategory, NewEvent};
use crate::domain::id::{AccountId, EventId, MailId, OrderId, RefundId, TicketId, WebhookId};
use crate::domain::limit::{Take, Taken};
use crate::domain::order::{Hold, Order, OrderFilter, OrderKey, OrderStatus, Release};
use crate::domain::outbox::{MailReport, MailStatus, OutboxMail};
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::{
    Attempt, AttemptStatus, CheckoutReport, OpenAttempt, OpenedAttempt, Payment, Settle, Settlement,
};
use crate::domain::principal::Principal;
use crate::domain::refund::{Refund, RefundReport, RefundRequest, RefundStatus};
use crate::domain::request::{Answer, BeginRequest, Begun, KEEP_ANSWERS};
use crate::domain::rules::{self, Resolve};
use crate::domain::ticket::{Ticket, TicketFilter, TicketKey};
use crate::domain::webhook::{NewWebhook, StoredWebhook, WebhookReport, WebhookStatus};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Everything in memory. All calls take turns.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    book: Mutex<Book>,
    /// When each quota is full again, in microseconds.
    limits: Mutex<BTreeMap<String, i64>>,
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of everything, for tests that look behind the scenes.
    #[cfg(feature = "testing")]
    pub fn snapshot(&self) -> Book {
        self.book().clone()
    }

    /// Changes rows behind the rules' back, all at once: for tests that plant bugs, or repair what a test needs otherwise.
    #[cfg(feature = "testing")]
    pub fn tamper<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book();
        let came = change(&mut book);
        book.written();
        came
    }

    /// Looks at everything without copying it, for tests.
    #[cfg(feature = "testing")]
    pub fn look<T>(&self, at: impl FnOnce(&Book) -> T) -> T {
        at(&self.book())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A rule that panicked has written nothing: the book is whole.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> MutexGuard<'_, BTreeMap<String, i64>> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a rule to every item.
    fn each<I, T>(&self, items: &[I], rule: impl Fn(&mut Book, &I) -> T) -> Result<Vec<T>, StorageError> {
        let mut book = self.book();
        let outcomes = items.iter().map(|item| rule(&mut book, item)).collect();
        book.written();
        Ok(outcomes)
    }

    /// Applies a rule to the `limit` rows that have been due longest, and gives what it gives.
    fn due<K: Ord, T>(
        &self,
        limit: u32,
        due: impl Fn(&Book) -> Vec<(Timestamp, K)>,
        rule: impl Fn(&mut Book, &K) -> Option<T>,
    ) -> Result<Vec<T>, StorageError> {
        let mut book = self.book();
        let mut rows = due(&book);
        rows.sort();
        rows.truncate(limit as usize);
        let taken = rows.iter().filter_map(|(_, key)| rule(&mut book, key)).collect();
        book.written();
        Ok(taken)
    }
}

fn time(microseconds: i64) -> Result<Timestamp, StorageError> {
    Timestamp::from_microsecond(microseconds).map_err(|error| StorageError::Broken(error.into()))
}

fn order_of(book: &Book, key: &OrderKey) -> Option<Order> {
    match key {
        OrderKey::Id(id) => book.orders.get(id).cloned(),
        OrderKey::Reference(reference) => book.order_by_reference(reference).cloned(),
    }
}

fn wanted(event: &Event, filter: &EventFilter) -> bool {
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let in_category = |name: &String| {
        event.category.as_ref().is_some_and(|category| category.name.to_lowercase() == name.to_lowercase())
    };
    let mentions = |text: &String| {
        has(&event.title, text)
            || has(&event.location, text)
            || event.description.as_ref().is_some_and(|d| has(d, text))
    };
    (filter.with_cancelled || event.status == EventStatus::Active)
        && filter.category.as_ref().is_none_or(in_category)
        && filter.text.as_ref().is_none_or(mentions)
        && filter.from.is_none_or(|from| event.starts_at >= from)
        && filter.to.is_none_or(|to| event.starts_at < to)
        && filter.organizer.as_ref().is_none_or(|organizer| event.organizer == *organizer)
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn register(&self, now: Timestamp, new: &[NewAccount]) -> Result<Vec<Outcome<Account>>, StorageError> {
        self.each(new, |book, new| rules::register(book, now, new))
    }

    async fn change_account(
        &self,
        now: Timestamp,
        id: AccountId,
        change: &AccountChange,
    ) -> Result<Option<Account>, StorageError> {
        let mut book = self.book();
        let account = rules::change_account(&mut book, now, id, change);
        book.written();
        Ok(account)
    }

    async fn accounts(&self, keys: &[AccountKey]) -> Result<Vec<Option<Account>>, StorageError> {
        let book = self.book();
        Ok(keys.iter().map(|key| book.account(key).cloned()).collect())
    }

    async fn put_categories(&self, new: &[NewCategory]) -> Result<Vec<Outcome<Category>>, StorageError> {
        self.each(new, rules::put_category)
    }

    async fn categories(&self) -> Result<Vec<Category>, StorageError> {
        let mut all: Vec<Category> = self.book().categories.iter().map(|(_, category)| category.clone()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    async fn put_events(
        &self,
        now: Timestamp,
        organizer: &Principal,
        new: &[NewEvent],
    ) -> Result<Vec<Outcome<Event>>, StorageError> {
        self.each(new, |book, new| rules::put_event(book, now, organizer, new))
    }

    async fn cancel_event(&self, now: Timestamp, id: EventId) -> Result<Outcome<Event>, StorageError> {
        let mut book = self.book();
        let event = rules::cancel_event(&mut book, now, id);
        book.written();
        Ok(event)
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>, StorageError> {
        Ok(self.book().events.get(&id).cloned())
    }

    async fn events(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StorageError> {
        let book = self.book();
        let mut all: Vec<&Event> =
            book.events.iter().map(|(_, event)| event).filter(|event| wanted(event, filter)).collect();
        match filter.sort {
            EventSort::Id => {}
            EventSort::Date => all.sort_by_key(|event| event.starts_at),
            EventSort::DateDescending => all.sort_by_key(|event| std::cmp::Reverse(event.starts_at)),
            EventSort::Title => all.sort_by(|a, b| a.title.cmp(&b.title)),
        }
        Ok(Page::of(all.into_iter().cloned(), page))
    }

    async fn hold(&self, now: Timestamp, wishes: &[Hold]) -> Result<Vec<Outcome<Order>>, StorageError> {
        self.each(wishes, |book, wish| rules::hold(book, now, wish))
    }

    async fn release(&self, now: Timestamp, wishes: &[Release]) -> Result<Vec<Outcome<Order>>, StorageError> {
        self.each(wishes, |book, wish| rules::release(book, now, wish))
    }

    async fn expire_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Order>, StorageError> {
        let due = |book: &Book| {
            let held = book.orders.iter().filter_map(|(id, order)| match order.status {
                OrderStatus::Held { hold_until } if hold_until <= now => Some((hold_until, *id)),
                _ => None,
            });
            held.collect()
        };
        self.due(limit, due, |book, id: &OrderId| rules::expire(book, now, *id))
    }

    async fn order(&self, key: &OrderKey) -> Result<Option<Order>, StorageError> {
        Ok(order_of(&self.book(), key))
    }

    async fn orders(&self, filter: &OrderFilter, page: PageRequest) -> Result<Page<Order>, StorageError> {
        let book = self.book();
        let all = book.orders.iter().rev().map(|(_, order)| order).filter(|order| {
            filter.buyer.as_ref().is_none_or(|buyer| order.buyer.who == *buyer)
                && filter.event_id.is_none_or(|event_id| order.event_id == event_id)
        });
        Ok(Page::of(all.cloned(), page))
    }

    async fn open_attempts(
        &self,
        now: Timestamp,
        wishes: &[OpenAttempt],
    ) -> Result<Vec<Outcome<OpenedAttempt>>, StorageError> {
        self.each(wishes, |book, wish| rules::open_attempt(book, now, wish))
    }

    async fn report_checkouts(
        &self,
        now: Timestamp,
        reports: &[CheckoutReport],
    ) -> Result<Vec<Outcome<Attempt>>, StorageError> {
        self.each(reports, |book, report| rules::report_checkout(book, now, report))
    }

    async fn settle(&self, now: Timestamp, said: &[Settle]) -> Result<Vec<Outcome<Settlement>>, StorageError> {
        self.each(said, |book, said| rules::settle(book, now, said))
    }

    async fn claim_polls(&self, now: Timestamp, limit: u32) -> Result<Vec<Attempt>, StorageError> {
        let due = |book: &Book| {
            let open =
                book.attempts.iter().filter_map(|(reference, attempt)| Some((attempt.poll?.at, reference.clone())));
            open.filter(|(at, _)| *at <= now).collect()
        };
        self.due(limit, due, |book, reference: &Reference| rules::claim_poll(book, now, reference))
    }

    async fn purchases(&self, orders: &[OrderId]) -> Result<Vec<Option<(Order, Vec<Ticket>)>>, StorageError> {
        let book = self.book();
        let find = |id: &OrderId| Some((book.orders.get(id)?.clone(), book.tickets_of(*id).cloned().collect()));
        Ok(orders.iter().map(find).collect())
    }

    async fn attempts(&self, references: &[Reference]) -> Result<Vec<Option<(Attempt, Principal)>>, StorageError> {
        let book = self.book();
        let find = |reference| {
            let attempt = book.attempts.get(reference)?;
            Some((attempt.clone(), book.orders.get(&attempt.order_id)?.buyer.who.clone()))
        };
        Ok(references.iter().map(find).collect())
    }

    async fn payment(&self, reference: &Reference) -> Result<Option<Payment>, StorageError> {
        let book = self.book();
        let by_attempt = || book.orders.get(&book.attempts.get(reference)?.order_id);
        let Some(order) = book.order_by_reference(reference).or_else(by_attempt).cloned() else { return Ok(None) };
        let mut attempts: Vec<Attempt> = book.attempts_of(order.id).cloned().collect();
        attempts.sort_by(|a, b| (a.created_at, &a.reference).cmp(&(b.created_at, &b.reference)));
        let audit: Vec<AuditLine> =
            book.audit.iter().map(|(_, line)| line).filter(|line| line.order_id == order.id).cloned().collect();
        let told = |webhook: &&StoredWebhook| {
            attempts.iter().any(|attempt| webhook.event.reference.as_ref() == Some(&attempt.reference))
        };
        Ok(Some(Payment {
            webhooks: book.webhooks.iter().map(|(_, webhook)| webhook).filter(told).cloned().collect(),
            attempts,
            refunds: book.refunds_of(order.id).cloned().collect(),
            tickets: book.tickets_of(order.id).cloned().collect(),
            audit,
            order,
        }))
    }

    async fn reviews(&self, organizer: Option<&Principal>, page: PageRequest) -> Result<Page<Attempt>, StorageError> {
        let book = self.book();
        let theirs = |attempt: &&Attempt| {
            let event = book.orders.get(&attempt.order_id).and_then(|order| book.events.get(&order.event_id));
            organizer.is_none_or(|organizer| event.is_some_and(|event| event.organizer == *organizer))
        };
        let is_stuck = |status| matches!(status, RefundStatus::Failed | RefundStatus::NeedsAttention);
        let in_review = |attempt: &&Attempt| {
            matches!(attempt.status, AttemptStatus::Review | AttemptStatus::RefundDue | AttemptStatus::Disputed)
                || book
                    .refunds_of(attempt.order_id)
                    .any(|refund| refund.attempt == attempt.reference && is_stuck(refund.status))
        };
        let mut all: Vec<&Attempt> =
            book.attempts.iter().map(|(_, attempt)| attempt).filter(in_review).filter(theirs).collect();
        all.sort_by(|a, b| (a.created_at, &a.reference).cmp(&(b.created_at, &b.reference)));
        Ok(Page::of(all.into_iter().cloned(), page))
    }

    async fn resolve_reviews(&self, now: Timestamp, wishes: &[Resolve]) -> Result<Vec<Outcome<Attempt>>, StorageError> {
        self.each(wishes, |book, wish| rules::resolve_review(book, now, wish))
    }

    async fn request_refunds(
        &self,
        now: Timestamp,
        wishes: &[RefundRequest],
    ) -> Result<Vec<Outcome<Refund>>, StorageError> {
        self.each(wishes, |book, wish| rules::request_refund(book, now, wish))
    }

    async fn claim_refunds(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Refund>, StorageError> {
        let due = |book: &Book| {
            let open = book.refunds.iter().filter_map(|(id, refund)| Some((refund.next_at?, *id)));
            open.filter(|(at, _)| *at <= now).collect()
        };
        self.due(limit, due, |book, id: &RefundId| rules::claim_refund(book, now, *id, lease))
    }

    async fn report_refunds(
        &self,
        now: Timestamp,
        reports: &[RefundReport],
    ) -> Result<Vec<Outcome<Refund>>, StorageError> {
        self.each(reports, |book, report| rules::report_refund(book, now, report))
    }

    async fn retry_refund(
        &self,
        now: Timestamp,
        id: RefundId,
        actor: &Principal,
    ) -> Result<Outcome<Refund>, StorageError> {
        let mut book = self.book();
        let refund = rules::retry_refund(&mut book, now, id, Actor::Person(actor.clone()));
        book.written();
        Ok(refund)
    }

    async fn undo_cancelled_events(&self, now: Timestamp, seeds: &[Seed]) -> Result<Vec<Order>, StorageError> {
        let mut book = self.book();
        let mut due: Vec<(EventId, OrderId)> = book
            .orders
            .iter()
            .filter(|(_, order)| {
                book.events.get(&order.event_id).is_some_and(|event| event.status == EventStatus::Cancelled)
            })
            .filter(|(_, order)| match order.status {
                OrderStatus::Held { .. } => true,
                OrderStatus::Paid => book.tickets_of(order.id).any(|ticket| ticket.status.takes_a_place()),
                OrderStatus::Expired | OrderStatus::Cancelled => false,
            })
            .map(|(id, order)| (order.event_id, *id))
            .collect();
        due.sort_unstable();
        let undone = due
            .iter()
            .zip(seeds)
            .filter_map(|((_, id), seed)| rules::undo_order_of_cancelled_event(&mut book, now, *id, seed));
        let undone = undone.collect();
        book.written();
        Ok(undone)
    }

    async fn ticket(&self, key: &TicketKey) -> Result<Option<Ticket>, StorageError> {
        let book = self.book();
        Ok(match key {
            TicketKey::Id(id) => book.tickets.get(id),
            TicketKey::Code(code) => book.ticket_by_code(code),
        }
        .cloned())
    }

    async fn tickets(&self, filter: &TicketFilter, page: PageRequest) -> Result<Page<Ticket>, StorageError> {
        let book = self.book();
        let of_order = |ticket: &Ticket, reference: &Reference| {
            book.orders.get(&ticket.order_id).is_some_and(|order| order.reference == *reference)
        };
        let all = book.tickets.iter().rev().map(|(_, ticket)| ticket).filter(|ticket| {
            filter.holder.as_ref().is_none_or(|holder| ticket.holder == *holder)
                && filter.order.as_ref().is_none_or(|reference| of_order(ticket, reference))
        });
        Ok(Page::of(all.cloned(), page))
    }

    async fn check_in(&self, now: Timestamp, scans: &[Scan]) -> Result<Vec<Outcome<CheckIn>>, StorageError> {
        self.each(scans, |book, scan| rules::check_in(book, now, scan))
    }

    async fn check_in_of(&self, ticket: TicketId) -> Result<Option<CheckIn>, StorageError> {
        Ok(self.book().check_ins.get(&ticket).cloned())
    }

    async fn claim_mails(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<OutboxMail>, StorageError> {
        let due = |book: &Book| {
            let waiting =
                book.mails.iter().filter(|(_, mail)| mail.status == MailStatus::Waiting && mail.due_at <= now);
            waiting.map(|(id, mail)| (mail.due_at, *id)).collect()
        };
        self.due(limit, due, |book, id: &MailId| rules::claim_mail(book, now, *id, lease))
    }

    async fn report_mails(
        &self,
        now: Timestamp,
        reports: &[MailReport],
    ) -> Result<Vec<Option<OutboxMail>>, StorageError> {
        self.each(reports, |book, report| rules::report_mail(book, now, report))
    }

    async fn resend_mail(&self, now: Timestamp, id: MailId) -> Result<Option<OutboxMail>, StorageError> {
        let mut book = self.book();
        let mail = rules::resend_mail(&mut book, now, id);
        book.written();
        Ok(mail)
    }

    async fn dead_mails(
        &self,
        organizer: Option<&Principal>,
        page: PageRequest,
    ) -> Result<Page<OutboxMail>, StorageError> {
        let book = self.book();
        let theirs = |mail: &&OutboxMail| {
            let event = book.orders.get(&mail.order_id).and_then(|order| book.events.get(&order.event_id));
            organizer.is_none_or(|organizer| event.is_some_and(|event| event.organizer == *organizer))
        };
        let dead =
            book.mails.iter().map(|(_, mail)| mail).filter(|mail| mail.status == MailStatus::Dead).filter(theirs);
        Ok(Page::of(dead.cloned(), page))
    }

    async fn mail(&self, id: MailId) -> Result<Option<OutboxMail>, StorageError> {
        Ok(self.book().mails.get(&id).cloned())
    }

    async fn mails(&self, order: &OrderKey) -> Result<Vec<OutboxMail>, StorageError> {
        let book = self.book();
        let Some(order) = order_of(&book, order) else { return Ok(vec![]) };
        Ok(book.mails.iter().map(|(_, mail)| mail).filter(|mail| mail.order_id == order.id).cloned().collect())
    }

    async fn receive_webhooks(
        &self,
        now: Timestamp,
        new: &[NewWebhook],
    ) -> Result<Vec<(StoredWebhook, bool)>, StorageError> {
        self.each(new, |book, new| rules::receive_webhook(book, now, new))
    }

    async fn claim_webhooks(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<StoredWebhook>, StorageError> {
        let due = |book: &Book| {
            let open = book.webhooks.iter().filter_map(|(id, webhook)| Some((webhook.next_at?, *id)));
            open.filter(|(at, _)| *at <= now).collect()
        };
        self.due(limit, due, |book, id: &WebhookId| rules::claim_webhook(book, now, *id, lease))
    }

    async fn report_webhooks(
        &self,
        now: Timestamp,
        reports: &[WebhookReport],
    ) -> Result<Vec<Option<StoredWebhook>>, StorageError> {
        self.each(reports, |book, report| rules::report_webhook(book, now, report))
    }

    async fn wake_refunds(&self, now: Timestamp, attempt: &Reference) -> Result<Vec<RefundId>, StorageError> {
        let mut book = self.book();
        let woken = rules::wake_refunds(&mut book, now, attempt);
        book.written();
        Ok(woken)
    }

    async fn begin_request(&self, now: Timestamp, begin: &BeginRequest) -> Result<Begun, StorageError> {
        let mut book = self.book();
        let begun = rules::begin_request(&mut book, now, begin);
        book.written();
        Ok(begun)
    }

    async fn finish_request(&self, now: Timestamp, scope: &str, answer: Option<&Answer>) -> Result<(), StorageError> {
        let mut book = self.book();
        rules::finish_request(&mut book, now, scope, answer);
        book.written();
        Ok(())
    }

    async fn forget_requests(&self, now: Timestamp, limit: u32) -> Result<u32, StorageError> {
        let mut left = limit;
        self.book().requests.retain(|request| {
            let keep = left == 0 || now.duration_since(request.created_at) < KEEP_ANSWERS;
            left -= u32::from(!keep);
            keep
        });
        Ok(limit - left)
    }

    async fn take_tokens(&self, now: Timestamp, wishes: &[Take]) -> Result<Taken, StorageError> {
        let now = now.as_microsecond();
        let mut limits = self.limits();
        let each: Vec<_> = wishes.iter().map(|wish| wish.apply(now, limits.get(&wish.key).copied())).collect();
        if let Some(again_at) = each.iter().filter_map(|after| after.err()).max() {
            return Ok(Taken::None { again_at: time(again_at)? });
        }
        let after: Vec<i64> = each.into_iter().flatten().collect();
        limits.extend(wishes.iter().map(|wish| wish.key.clone()).zip(after.iter().copied()));
        Ok(Taken::All { full_at: after.into_iter().map(time).collect::<Result<_, _>>()? })
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32, StorageError> {
        let mut left = limit;
        self.limits().retain(|_, full_at| {
            let keep = left == 0 || *full_at > now.as_microsecond();
            left -= u32::from(!keep);
            keep
        });
        Ok(limit - left)
    }

    async fn ready(&self) -> Result<(), StorageError> {
        Ok(())
    }

    async fn gauges(&self) -> Result<Gauges, StorageError> {
        let book = self.book();
        let count = |found: usize| u32::try_from(found).unwrap_or(u32::MAX);
        let holds = || {
            book.orders.iter().filter_map(|(_, order)| match order.status {
                OrderStatus::Held { hold_until } => Some(hold_until),
                _ => None,
            })
        };
        let mails = |status| book.mails.iter().map(|(_, mail)| mail).filter(move |mail| mail.status == status);
        let refunds = || book.refunds.iter().map(|(_, refund)| refund);
        let webhooks = || book.webhooks.iter().map(|(_, webhook)| webhook);
        let attempts = || book.attempts.iter().map(|(_, attempt)| attempt);
        let next_due = holds()
            .chain(attempts().filter_map(|attempt| Some(attempt.poll?.at)))
            .chain(refunds().filter_map(|refund| refund.next_at))
            .chain(mails(MailStatus::Waiting).map(|mail| mail.due_at))
            .chain(webhooks().filter_map(|webhook| webhook.next_at))
            .min();
        let is_stuck = |refund: &&Refund| matches!(refund.status, RefundStatus::Failed | RefundStatus::NeedsAttention);
        let is_for_people = |webhook: &&StoredWebhook| {
            matches!(webhook.status, WebhookStatus::Quarantined | WebhookStatus::Contradicted)
        };
        Ok(Gauges {
            holds_open: count(holds().count()),
            mails_waiting: count(mails(MailStatus::Waiting).count()),
            oldest_mail: mails(MailStatus::Waiting).map(|mail| mail.created_at).min(),
            mails_dead: count(mails(MailStatus::Dead).count()),
            refunds_open: count(refunds().filter(|refund| refund.next_at.is_some()).count()),
            refunds_stuck: count(refunds().filter(is_stuck).count()),
            webhooks_waiting: count(webhooks().filter(|webhook| webhook.next_at.is_some()).count()),
            webhooks_quarantined: count(webhooks().filter(is_for_people).count()),
            reviews_open: count(attempts().filter(|attempt| attempt.status == AttemptStatus::Review).count()),
            next_due,
            ..Gauges::default()
        })
    }

    async fn check(&self) -> Result<Vec<String>, StorageError> {
        Ok(invariants::of_book(&self.book()))
    }
}
