//! The operations: which rows each names, and which rule decides.

use super::load::Loader;
use super::{This, check, limits, reads, rows, watch};
use crate::domain::account::{Account, AccountChange, AccountKey, NewAccount};
use crate::domain::audit::Actor;
use crate::domain::check_in::{CheckIn, Scan};
use crate::domain::code::{Reference, Seed};
use crate::domain::event::{Category, Event, EventFilter, NewCategory, NewEvent};
use crate::domain::id::{AccountId, EventId, MailId, OrderId, RefundId, TicketId, WebhookId};
use crate::domain::limit::{Take, Taken};
use crate::domain::order::{Hold, Order, OrderFilter, OrderKey, Release};
use crate::domain::outbox::{MailReport, OutboxMail};
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::{Attempt, CheckoutReport, OpenAttempt, OpenedAttempt, Payment, Settle, Settlement};
use crate::domain::principal::Principal;
use crate::domain::refund::{Refund, RefundReport, RefundRequest};
use crate::domain::request::{Answer, BeginRequest, Begun, KEEP_ANSWERS};
use crate::domain::rules::{self, Resolve};
use crate::domain::ticket::{Ticket, TicketFilter, TicketKey};
use crate::domain::webhook::{NewWebhook, StoredWebhook, WebhookReport};
use crate::storage::sql::{Due, OfOrders, Wanted, micros, trouble};
use crate::storage::{Gauges, Outcome, Storage, StorageError};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

type Result<T> = std::result::Result<T, StorageError>;

fn texts<T>(items: &[T], text: impl Fn(&T) -> &Reference) -> Vec<String> {
    items.iter().map(|item| text(item).to_string()).collect()
}

#[async_trait]
impl Storage for This {
    fn batches_at_once(&self) -> usize {
        super::BATCHES_AT_ONCE
    }

    async fn register(&self, now: Timestamp, new: &[NewAccount]) -> Result<Vec<Outcome<Account>>> {
        let wanted = Wanted {
            emails: new.iter().map(|new| new.email.key()).collect(),
            usernames: new.iter().filter_map(|new| new.username.as_ref()).map(|name| name.to_lowercase()).collect(),
            ..Wanted::default()
        };
        let new = new.to_vec();
        self.write(wanted, move |book| new.iter().map(|new| rules::register(book, now, new)).collect()).await
    }

    async fn change_account(&self, now: Timestamp, id: AccountId, change: &AccountChange) -> Result<Option<Account>> {
        let change = change.clone();
        let wanted = Wanted { accounts: vec![id.0], ..Wanted::default() };
        self.write(wanted, move |book| rules::change_account(book, now, id, &change)).await
    }

    async fn accounts(&self, keys: &[AccountKey]) -> Result<Vec<Option<Account>>> {
        self.in_time(async { reads::accounts(&mut *self.reader().await?, keys).await }).await
    }

    async fn put_categories(&self, new: &[NewCategory]) -> Result<Vec<Outcome<Category>>> {
        let names = new.iter().map(|new| new.name.to_lowercase()).collect();
        let new = new.to_vec();
        let wanted = Wanted { category_names: names, ..Wanted::default() };
        self.write(wanted, move |book| new.iter().map(|new| rules::put_category(book, new)).collect()).await
    }

    async fn categories(&self) -> Result<Vec<Category>> {
        reads::categories(&mut *self.reader().await?).await
    }

    async fn put_events(&self, now: Timestamp, organizer: &Principal, new: &[NewEvent]) -> Result<Vec<Outcome<Event>>> {
        let categories = new.iter().filter_map(|new| new.category_id).map(|id| id.0).collect();
        let (new, organizer) = (new.to_vec(), organizer.clone());
        let event_keys = new.iter().filter_map(|new| new.key.as_ref()).map(ToString::to_string).collect();
        let wanted = Wanted { items: new.len(), categories, event_keys, ..Wanted::default() };
        self.write(wanted, move |book| new.iter().map(|new| rules::put_event(book, now, &organizer, new)).collect())
            .await
    }

    async fn cancel_event(&self, now: Timestamp, id: EventId) -> Result<Outcome<Event>> {
        let wanted = Wanted { events: vec![id.0], ..Wanted::default() };
        self.write(wanted, move |book| rules::cancel_event(book, now, id)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>> {
        // One statement: no snapshot is wanted.
        self.in_time(async { reads::event(&mut *self.reader().await?, id).await }).await
    }

    async fn events(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>> {
        reads::events(&mut *self.snapshot().await?, filter, page).await
    }

    async fn hold(&self, now: Timestamp, wishes: &[Hold]) -> Result<Vec<Outcome<Order>>> {
        let wanted = Wanted {
            order_references: texts(wishes, |wish| &wish.reference),
            events: wishes.iter().map(|wish| wish.event_id.0).collect(),
            ..Wanted::default()
        };
        let wishes = wishes.to_vec();
        self.write(wanted, move |book| wishes.iter().map(|wish| rules::hold(book, now, wish)).collect()).await
    }

    async fn release(&self, now: Timestamp, wishes: &[Release]) -> Result<Vec<Outcome<Order>>> {
        let references = texts(wishes, |wish| &wish.reference);
        let wanted = Wanted { order_references: references, of_orders: OfOrders::All, ..Wanted::default() };
        let wishes = wishes.to_vec();
        self.write(wanted, move |book| wishes.iter().map(|wish| rules::release(book, now, wish)).collect()).await
    }

    async fn expire_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Order>> {
        let sql = "select id from orders where status = 'held' and hold_until <= $2 order by hold_until, id limit $1";
        let wanted = |due: &[i64]| Wanted { orders: due.to_vec(), ..Wanted::default() };
        self.claim(Due { sql, of: "orders", now: Some(micros(now)), limit }, wanted, move |book, due| {
            due.iter().filter_map(|id| rules::expire(book, now, OrderId(*id))).collect()
        })
        .await
    }

    async fn order(&self, key: &OrderKey) -> Result<Option<Order>> {
        // Its lines never change, and are there as soon as it is: no snapshot is wanted.
        reads::order(&mut *self.reader().await?, key).await
    }

    async fn orders(&self, filter: &OrderFilter, page: PageRequest) -> Result<Page<Order>> {
        reads::orders(&mut *self.snapshot().await?, filter, page).await
    }

    async fn open_attempts(&self, now: Timestamp, wishes: &[OpenAttempt]) -> Result<Vec<Outcome<OpenedAttempt>>> {
        let wanted = Wanted {
            order_references: texts(wishes, |wish| &wish.order),
            attempts: texts(wishes, |wish| &wish.reference),
            of_orders: OfOrders::Attempts,
            events_as_they_are: true,
            ..Wanted::default()
        };
        let wishes = wishes.to_vec();
        self.write(wanted, move |book| wishes.iter().map(|wish| rules::open_attempt(book, now, wish)).collect()).await
    }

    async fn report_checkouts(&self, now: Timestamp, reports: &[CheckoutReport]) -> Result<Vec<Outcome<Attempt>>> {
        let attempts = texts(reports, |report| &report.reference);
        let wanted = Wanted { attempts, of_orders: OfOrders::Attempts, ..Wanted::default() };
        let reports = reports.to_vec();
        self.write(wanted, move |book| reports.iter().map(|report| rules::report_checkout(book, now, report)).collect())
            .await
    }

    async fn settle(&self, now: Timestamp, said: &[Settle]) -> Result<Vec<Outcome<Settlement>>> {
        let wanted =
            Wanted { attempts: texts(said, |said| &said.reference), of_orders: OfOrders::All, ..Wanted::default() };
        let said = said.to_vec();
        self.write(wanted, move |book| said.iter().map(|said| rules::settle(book, now, said)).collect()).await
    }

    async fn claim_polls(&self, now: Timestamp, limit: u32) -> Result<Vec<Attempt>> {
        let sql = "select a.reference from attempts a join orders o on o.id = a.order_id where a.poll_at <= $2 \
            order by a.poll_at, a.reference limit $1";
        let wanted = |due: &[String]| Wanted { attempts: due.to_vec(), of_orders: OfOrders::All, ..Wanted::default() };
        self.claim(Due { sql, of: "o", now: Some(micros(now)), limit }, wanted, move |book, due| {
            let due = due.iter().filter_map(|reference| reference.parse().ok());
            due.filter_map(|due: Reference| rules::claim_poll(book, now, &due)).collect()
        })
        .await
    }

    async fn purchases(&self, orders: &[OrderId]) -> Result<Vec<Option<(Order, Vec<Ticket>)>>> {
        self.in_time(async { reads::purchases(&mut *self.snapshot().await?, orders).await }).await
    }

    async fn attempts(&self, references: &[Reference]) -> Result<Vec<Option<(Attempt, Principal)>>> {
        self.in_time(async { reads::attempts(&mut *self.reader().await?, references).await }).await
    }

    async fn payment(&self, reference: &Reference) -> Result<Option<Payment>> {
        reads::payment(&mut *self.snapshot().await?, reference).await
    }

    async fn reviews(&self, organizer: Option<&Principal>, page: PageRequest) -> Result<Page<Attempt>> {
        reads::reviews(&mut *self.snapshot().await?, organizer, page).await
    }

    async fn resolve_reviews(&self, now: Timestamp, wishes: &[Resolve]) -> Result<Vec<Outcome<Attempt>>> {
        let wanted =
            Wanted { attempts: texts(wishes, |wish| &wish.reference), of_orders: OfOrders::All, ..Wanted::default() };
        let wishes = wishes.to_vec();
        self.write(wanted, move |book| wishes.iter().map(|wish| rules::resolve_review(book, now, wish)).collect()).await
    }

    async fn request_refunds(&self, now: Timestamp, wishes: &[RefundRequest]) -> Result<Vec<Outcome<Refund>>> {
        let wanted = Wanted {
            order_references: texts(wishes, |wish| &wish.order),
            refund_keys: texts(wishes, |wish| &wish.key),
            of_orders: OfOrders::All,
            ..Wanted::default()
        };
        let wishes = wishes.to_vec();
        self.write(wanted, move |book| wishes.iter().map(|wish| rules::request_refund(book, now, wish)).collect()).await
    }

    async fn claim_refunds(&self, now: Timestamp, lease: SignedDuration, limit: u32) -> Result<Vec<Refund>> {
        let sql = "select r.id from refunds r join orders o on o.id = r.order_id where r.next_at <= $2 \
            order by r.next_at, r.id limit $1";
        let wanted = |due: &[i64]| Wanted { refunds: due.to_vec(), of_orders: OfOrders::All, ..Wanted::default() };
        self.claim(Due { sql, of: "o", now: Some(micros(now)), limit }, wanted, move |book, due| {
            due.iter().filter_map(|id| rules::claim_refund(book, now, RefundId(*id), lease)).collect()
        })
        .await
    }

    async fn report_refunds(&self, now: Timestamp, reports: &[RefundReport]) -> Result<Vec<Outcome<Refund>>> {
        let refunds = reports.iter().map(|report| report.id.0).collect();
        let wanted = Wanted { refunds, of_orders: OfOrders::All, ..Wanted::default() };
        let reports = reports.to_vec();
        self.write(wanted, move |book| reports.iter().map(|report| rules::report_refund(book, now, report)).collect())
            .await
    }

    async fn retry_refund(&self, now: Timestamp, id: RefundId, actor: &Principal) -> Result<Outcome<Refund>> {
        let actor = Actor::Person(actor.clone());
        let wanted = Wanted { refunds: vec![id.0], of_orders: OfOrders::All, ..Wanted::default() };
        self.write(wanted, move |book| rules::retry_refund(book, now, id, actor.clone())).await
    }

    async fn undo_cancelled_events(&self, now: Timestamp, seeds: &[Seed]) -> Result<Vec<Order>> {
        // Event by event. In the order of their own ids, a database may look at every order that there is, to find them sorted;
        // and mostly no event is cancelled.
        let sql = "select o.id from events e join orders o on o.event_id = e.id where e.status = 'cancelled' \
            and (o.status = 'held' or (o.status = 'paid' \
            and exists (select 1 from tickets k where k.order_id = o.id and k.status in ('active', 'used')))) \
            order by e.id, o.id limit $1";
        let limit = u32::try_from(seeds.len()).unwrap_or(u32::MAX);
        let wanted = |due: &[i64]| Wanted { orders: due.to_vec(), of_orders: OfOrders::All, ..Wanted::default() };
        let seeds = seeds.to_vec();
        self.claim(Due { sql, of: "o", now: None, limit }, wanted, move |book, due| {
            let each = due.iter().zip(&seeds);
            each.filter_map(|(id, seed)| rules::undo_order_of_cancelled_event(book, now, OrderId(*id), seed)).collect()
        })
        .await
    }

    async fn ticket(&self, key: &TicketKey) -> Result<Option<Ticket>> {
        reads::ticket(&mut *self.reader().await?, key).await
    }

    async fn tickets(&self, filter: &TicketFilter, page: PageRequest) -> Result<Page<Ticket>> {
        reads::tickets(&mut *self.snapshot().await?, filter, page).await
    }

    async fn check_in(&self, now: Timestamp, scans: &[Scan]) -> Result<Vec<Outcome<CheckIn>>> {
        let wanted = Wanted {
            codes: scans.iter().map(|scan| scan.code.as_str().to_owned()).collect(),
            nonces: scans.iter().map(|scan| scan.nonce.clone()).collect(),
            events_as_they_are: true,
            ..Wanted::default()
        };
        let scans = scans.to_vec();
        self.write(wanted, move |book| scans.iter().map(|scan| rules::check_in(book, now, scan)).collect()).await
    }

    async fn check_in_of(&self, ticket: TicketId) -> Result<Option<CheckIn>> {
        reads::check_in_of(&mut *self.reader().await?, ticket).await
    }

    async fn claim_mails(&self, now: Timestamp, lease: SignedDuration, limit: u32) -> Result<Vec<OutboxMail>> {
        let sql = "select id from mails where status = 'waiting' and due_at <= $2 order by due_at, id limit $1";
        let wanted = |due: &[i64]| Wanted { mails: due.to_vec(), ..Wanted::default() };
        self.claim(Due { sql, of: "mails", now: Some(micros(now)), limit }, wanted, move |book, due| {
            due.iter().filter_map(|id| rules::claim_mail(book, now, MailId(*id), lease)).collect()
        })
        .await
    }

    async fn report_mails(&self, now: Timestamp, reports: &[MailReport]) -> Result<Vec<Option<OutboxMail>>> {
        let wanted = Wanted { mails: reports.iter().map(|report| report.id.0).collect(), ..Wanted::default() };
        let reports = reports.to_vec();
        self.write(wanted, move |book| reports.iter().map(|report| rules::report_mail(book, now, report)).collect())
            .await
    }

    async fn resend_mail(&self, now: Timestamp, id: MailId) -> Result<Option<OutboxMail>> {
        let wanted = Wanted { mails: vec![id.0], ..Wanted::default() };
        self.write(wanted, move |book| rules::resend_mail(book, now, id)).await
    }

    async fn dead_mails(&self, organizer: Option<&Principal>, page: PageRequest) -> Result<Page<OutboxMail>> {
        reads::dead_mails(&mut *self.snapshot().await?, organizer, page).await
    }

    async fn mail(&self, id: MailId) -> Result<Option<OutboxMail>> {
        reads::mail(&mut *self.reader().await?, id).await
    }

    async fn mails(&self, order: &OrderKey) -> Result<Vec<OutboxMail>> {
        // The id of an order never changes: no snapshot is wanted.
        reads::mails(&mut *self.reader().await?, order).await
    }

    async fn receive_webhooks(&self, now: Timestamp, new: &[NewWebhook]) -> Result<Vec<(StoredWebhook, bool)>> {
        let wanted =
            Wanted { webhook_keys: new.iter().map(|new| new.dedupe_key.clone()).collect(), ..Wanted::default() };
        let new = new.to_vec();
        self.write(wanted, move |book| new.iter().map(|new| rules::receive_webhook(book, now, new)).collect()).await
    }

    async fn claim_webhooks(&self, now: Timestamp, lease: SignedDuration, limit: u32) -> Result<Vec<StoredWebhook>> {
        let sql = "select id from webhooks where next_at <= $2 order by next_at, id limit $1";
        let wanted = |due: &[i64]| Wanted { webhooks: due.to_vec(), ..Wanted::default() };
        self.claim(Due { sql, of: "webhooks", now: Some(micros(now)), limit }, wanted, move |book, due| {
            due.iter().filter_map(|id| rules::claim_webhook(book, now, WebhookId(*id), lease)).collect()
        })
        .await
    }

    async fn report_webhooks(&self, now: Timestamp, reports: &[WebhookReport]) -> Result<Vec<Option<StoredWebhook>>> {
        let ids: Vec<i64> = reports.iter().map(|report| report.id.0).collect();
        let mut reader = self.reader().await?;
        let known = Loader::reading(&mut reader).by_ints(rows::WEBHOOK, "webhooks", "id", &ids).await?;
        drop(reader);
        let known = known.iter().map(rows::webhook).collect::<Result<Vec<_>>>()?;
        let attempts =
            known.iter().filter_map(|webhook| webhook.event.reference.as_ref()).map(ToString::to_string).collect();
        let wanted = Wanted { webhooks: ids, attempts, of_orders: OfOrders::All, ..Wanted::default() };
        let reports = reports.to_vec();
        self.write(wanted, move |book| reports.iter().map(|report| rules::report_webhook(book, now, report)).collect())
            .await
    }

    async fn wake_refunds(&self, now: Timestamp, attempt: &Reference) -> Result<Vec<RefundId>> {
        let attempt = attempt.clone();
        let wanted = Wanted { attempts: vec![attempt.to_string()], of_orders: OfOrders::All, ..Wanted::default() };
        self.write(wanted, move |book| rules::wake_refunds(book, now, &attempt)).await
    }

    async fn begin_request(&self, now: Timestamp, begin: &BeginRequest) -> Result<Begun> {
        let begin = begin.clone();
        let wanted = Wanted { requests: vec![begin.scope.clone()], ..Wanted::default() };
        self.write(wanted, move |book| rules::begin_request(book, now, &begin)).await
    }

    async fn finish_request(&self, now: Timestamp, scope: &str, answer: Option<&Answer>) -> Result<()> {
        let (scope, answer) = (scope.to_owned(), answer.cloned());
        let wanted = Wanted { requests: vec![scope.clone()], ..Wanted::default() };
        self.write(wanted, move |book| rules::finish_request(book, now, &scope, answer.as_ref())).await
    }

    async fn forget_requests(&self, now: Timestamp, limit: u32) -> Result<u32> {
        let sql = "delete from requests where scope in \
            (select scope from requests where created_at <= $1 order by created_at limit $2)";
        let oldest = micros(now - KEEP_ANSWERS);
        let mut writer = self.writer().await?;
        let forgotten =
            sqlx::query(sql).bind(oldest).bind(i64::from(limit)).execute(&mut *writer).await.map_err(trouble)?;
        self.done(writer).await?;
        Ok(u32::try_from(forgotten.rows_affected()).unwrap_or(limit))
    }

    async fn take_tokens(&self, now: Timestamp, wishes: &[Take]) -> Result<Taken> {
        let mut writer = self.writer().await?;
        let taken = limits::take(&mut writer, now, wishes).await?;
        self.done(writer).await?;
        Ok(taken)
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32> {
        let mut writer = self.writer().await?;
        let forgotten = limits::forget(&mut writer, now, limit).await?;
        self.done(writer).await?;
        Ok(forgotten)
    }

    async fn ready(&self) -> Result<()> {
        let mut reader = self.reader().await?;
        watch::ready(&mut reader).await?;
        self.done(reader).await
    }

    async fn gauges(&self) -> Result<Gauges> {
        let mut reader = self.reader().await?;
        let gauges = watch::gauges(&mut reader).await?;
        self.done(reader).await?;
        Ok(Gauges { connections: self.connections(), ..gauges })
    }

    async fn check(&self) -> Result<Vec<String>> {
        check::all(&mut *self.survey().await?).await
    }
}
