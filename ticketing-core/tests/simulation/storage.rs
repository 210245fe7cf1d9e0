//! The storage in memory, behind calls that take their time, fail, and crash before and after the commit.

use crate::bugs::BuggyStorage;
use crate::invariants;
use crate::world::{SECOND, World};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use ticketing_core::domain::account::{Account, AccountChange, AccountKey, NewAccount};
use ticketing_core::domain::check_in::{CheckIn, Scan};
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::event::{Category, Event, EventFilter, NewCategory, NewEvent};
use ticketing_core::domain::id::{AccountId, EventId, MailId, OrderId, RefundId, TicketId};
use ticketing_core::domain::limit::{Take, Taken};
use ticketing_core::domain::order::{Hold, Order, OrderFilter, OrderKey, Release};
use ticketing_core::domain::outbox::{MailReport, OutboxMail};
use ticketing_core::domain::page::{Page, PageRequest};
use ticketing_core::domain::payment::{
    Attempt, CheckoutReport, OpenAttempt, OpenedAttempt, Payment, Settle, Settlement,
};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::{Refund, RefundReport, RefundRequest};
use ticketing_core::domain::request::{Answer, BeginRequest, Begun};
use ticketing_core::domain::rules::Resolve;
use ticketing_core::domain::ticket::{Ticket, TicketFilter, TicketKey};
use ticketing_core::domain::webhook::{NewWebhook, StoredWebhook, WebhookReport};
use ticketing_core::storage::{Gauges, Outcome, Storage, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

#[derive(Debug)]
pub(crate) struct FaultyStorage {
    world: Arc<World>,
    inner: BuggyStorage,
}

impl FaultyStorage {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { inner: BuggyStorage { world: Arc::clone(&world) }, world }
    }

    /// A call that reads.
    async fn read<T>(&self, call: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        latency(&self.world).await;
        if self.world.fault(self.world.options.not_applied) {
            return Err(unavailable());
        }
        let result = work.await;
        self.world.crash_point("crash after read", call).await;
        result
    }

    /// A call that writes: whole or not at all, but who called may not hear of it.
    async fn write<T>(&self, call: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let world = &self.world;
        latency(world).await;
        world.crash_point("crash before", call).await;
        if world.fault(world.options.not_applied) {
            world.saw("not applied", call);
            world.note(|| format!("{call}: not applied"));
            return Err(unavailable());
        }
        let result = work.await;
        world.note(|| format!("{call}: committed"));
        invariants::after_commit(world);
        world.crash_point("crash after", call).await;
        if world.fault(world.options.commit_unknown) {
            world.saw("commit unknown", call);
            world.note(|| format!("{call}: committed, answer lost"));
            return Err(unavailable());
        }
        latency(world).await;
        result
    }
}

fn unavailable() -> StorageError {
    StorageError::Unavailable("simulated".into())
}

/// How long a call is on its way. Now and then a process stands still for long: swapped out, or cut off.
pub(crate) async fn latency(world: &Arc<World>) {
    let milliseconds = if world.current() > 0 && world.fault(world.options.stall) {
        world.saw("stall", "5 to 60 s");
        world.between(5 * SECOND, 60 * SECOND)
    } else if world.options.slow_storage {
        world.between(1, 120)
    } else {
        world.between(0, 3)
    };
    world.sleep(milliseconds).await;
}

/// One line per call: whether it reads or writes, and whether bugs are planted in it (`inner`) or not (`memory`).
macro_rules! calls {
    ($($kind:ident $place:ident $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl Storage for FaultyStorage {
            fn batches_at_once(&self) -> usize {
                self.world.options.batches_at_once
            }

            $(async fn $name(&self, $($arg: $type),*) -> Result<$result> {
                calls!(@$kind $place self $name($($arg),*))
            })*
        }
    };
    (@write inner $self:ident $name:ident($($arg:ident),*)) => {
        $self.write(stringify!($name), $self.inner.$name($($arg),*)).await
    };
    (@$kind:ident memory $self:ident $name:ident($($arg:ident),*)) => {
        $self.$kind(stringify!($name), $self.world.memory.$name($($arg),*)).await
    };
}

calls! {
    write memory register(now: Timestamp, new: &[NewAccount]) -> Vec<Outcome<Account>>;
    write memory change_account(now: Timestamp, id: AccountId, change: &AccountChange) -> Option<Account>;
    read memory accounts(keys: &[AccountKey]) -> Vec<Option<Account>>;
    write memory put_categories(new: &[NewCategory]) -> Vec<Outcome<Category>>;
    read memory categories() -> Vec<Category>;
    write memory put_events(now: Timestamp, organizer: &Principal, new: &[NewEvent]) -> Vec<Outcome<Event>>;
    write memory cancel_event(now: Timestamp, id: EventId) -> Outcome<Event>;
    read memory event(id: EventId) -> Option<Event>;
    read memory events(filter: &EventFilter, page: PageRequest) -> Page<Event>;
    write inner hold(now: Timestamp, wishes: &[Hold]) -> Vec<Outcome<Order>>;
    write inner release(now: Timestamp, wishes: &[Release]) -> Vec<Outcome<Order>>;
    write inner expire_holds(now: Timestamp, limit: u32) -> Vec<Order>;
    read memory order(key: &OrderKey) -> Option<Order>;
    read memory orders(filter: &OrderFilter, page: PageRequest) -> Page<Order>;
    write memory open_attempts(now: Timestamp, wishes: &[OpenAttempt]) -> Vec<Outcome<OpenedAttempt>>;
    write inner report_checkouts(now: Timestamp, reports: &[CheckoutReport]) -> Vec<Outcome<Attempt>>;
    write inner settle(now: Timestamp, said: &[Settle]) -> Vec<Outcome<Settlement>>;
    write inner claim_polls(now: Timestamp, limit: u32) -> Vec<Attempt>;
    read memory purchases(orders: &[OrderId]) -> Vec<Option<(Order, Vec<Ticket>)>>;
    read memory attempts(references: &[Reference]) -> Vec<Option<(Attempt, Principal)>>;
    read memory payment(reference: &Reference) -> Option<Payment>;
    read memory reviews(organizer: Option<&Principal>, page: PageRequest) -> Page<Attempt>;
    write memory resolve_reviews(now: Timestamp, wishes: &[Resolve]) -> Vec<Outcome<Attempt>>;
    write inner request_refunds(now: Timestamp, wishes: &[RefundRequest]) -> Vec<Outcome<Refund>>;
    write inner claim_refunds(now: Timestamp, lease: SignedDuration, limit: u32) -> Vec<Refund>;
    write inner report_refunds(now: Timestamp, reports: &[RefundReport]) -> Vec<Outcome<Refund>>;
    write inner retry_refund(now: Timestamp, id: RefundId, actor: &Principal) -> Outcome<Refund>;
    write inner undo_cancelled_events(now: Timestamp, seeds: &[Seed]) -> Vec<Order>;
    read memory ticket(key: &TicketKey) -> Option<Ticket>;
    read memory tickets(filter: &TicketFilter, page: PageRequest) -> Page<Ticket>;
    write inner check_in(now: Timestamp, scans: &[Scan]) -> Vec<Outcome<CheckIn>>;
    read memory check_in_of(ticket: TicketId) -> Option<CheckIn>;
    write inner claim_mails(now: Timestamp, lease: SignedDuration, limit: u32) -> Vec<OutboxMail>;
    write inner report_mails(now: Timestamp, reports: &[MailReport]) -> Vec<Option<OutboxMail>>;
    write memory resend_mail(now: Timestamp, id: MailId) -> Option<OutboxMail>;
    read memory dead_mails(organizer: Option<&Principal>, page: PageRequest) -> Page<OutboxMail>;
    read memory mail(id: MailId) -> Option<OutboxMail>;
    read memory mails(order: &OrderKey) -> Vec<OutboxMail>;
    write inner receive_webhooks(now: Timestamp, new: &[NewWebhook]) -> Vec<(StoredWebhook, bool)>;
    write memory claim_webhooks(now: Timestamp, lease: SignedDuration, limit: u32) -> Vec<StoredWebhook>;
    write memory report_webhooks(now: Timestamp, reports: &[WebhookReport]) -> Vec<Option<StoredWebhook>>;
    write inner wake_refunds(now: Timestamp, attempt: &Reference) -> Vec<RefundId>;
    write memory begin_request(now: Timestamp, begin: &BeginRequest) -> Begun;
    write memory finish_request(now: Timestamp, scope: &str, answer: Option<&Answer>) -> ();
    write memory forget_requests(now: Timestamp, limit: u32) -> u32;
    read memory ready() -> ();
    read memory gauges() -> Gauges;
    write memory take_tokens(now: Timestamp, wishes: &[Take]) -> Taken;
    write memory forget_tokens(now: Timestamp, limit: u32) -> u32;
    read memory check() -> Vec<String>;
}
