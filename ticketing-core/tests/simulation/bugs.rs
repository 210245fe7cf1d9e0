//! Bugs that real ticket shops have had, one at a time. A simulation that does not find them proves nothing.

use crate::executor::lock;
use crate::storage::latency;
use crate::world::World;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use ticketing_core::domain::book::Book;
use ticketing_core::domain::check_in::{CheckIn, Scan};
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::event::{Event, EventStatus, Stock};
use ticketing_core::domain::id::{EventId, RefundId};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::order::{Hold, Order, OrderStatus, Release};
use ticketing_core::domain::outbox::{MailReport, MailStatus, OutboxMail};
use ticketing_core::domain::payment::{
    Attempt, AttemptStatus, Captured, CheckoutReport, CheckoutResult, Observation, Settle, Settlement,
};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::{Refund, RefundReport, RefundRequest, RefundStatus};
use ticketing_core::domain::rules;
use ticketing_core::domain::ticket::TicketStatus;
use ticketing_core::domain::webhook::{NewWebhook, StoredWebhook};
use ticketing_core::gateway::{Fetched, GatewayError, RefundCall};
use ticketing_core::storage::{Outcome, Storage, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

macro_rules! bugs {
    ($($bug:ident $budget:literal;)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Bug { $($bug),* }

        /// Every bug, and after how many histories it must have been found.
        pub(crate) const BUGS: &[(Bug, u64)] = &[$((Bug::$bug, $budget)),*];
    };
}

bugs! {
    HoldChecksThenInserts 100;
    HoldNotIdempotent 200;
    HoldExpiresInTwoSteps 100;
    HoldNeverExpires 50;
    HoldExtendedWithoutBound 500;
    HoldDroppedOnUnknownCheckout 100;
    ReleasedTwice 200;
    SoldAfterEventCalledOff 500;
    SettledInTwoSteps 300;
    AmountNotChecked 300;
    CurrencyNotChecked 300;
    ModeNotChecked 300;
    DuplicateSuccessIgnored 100;
    LateSuccessNotRechecked 300;
    TicketsMissing 20;
    TicketsWithoutMail 20;
    AuditLineMissing 20;
    StaleAnswerApplied 100;
    FailedIsFinal 300;
    NotFoundIsFailed 100;
    NoPolling 100;
    PollingStopsEarly 100;
    CheckoutTimeoutIsFailure 300;
    WebhookTrusted 100;
    SignatureNotChecked 100;
    WebhookNotDeduplicated 100;
    RefundSumUnchecked 200;
    PlacesNotReturned 100;
    PlacesReturnedTwice 200;
    RefundResentBlindly 500;
    RefundNotMarkedBeforeSent 2000;
    RefundClaimedWithoutLease 500;
    RefundNotKeyed 200;
    RefundTimeoutIsFailure 300;
    CancelledEventNotRefunded 500;
    ScanWithoutCompareAndSet 200;
    NonceIgnored 200;
    RefundedTicketAdmitted 200;
    MailMarkedBeforeSent 100;
    MailClaimedWithoutLease 100;
    NewMessageIdPerTry 100;
    MailErrorIsSuccess 100;
}

/// The storage in memory, as somebody might have written it who had not thought of everything.
#[derive(Debug)]
pub(crate) struct BuggyStorage {
    pub(crate) world: Arc<World>,
}

fn change_order(book: &mut Book, order: &Order, change: impl FnOnce(&mut Order)) {
    let mut order = order.clone();
    change(&mut order);
    book.load_order(order);
}

fn change_attempt(book: &mut Book, reference: &Reference, change: impl FnOnce(&mut Attempt)) {
    if let Some(mut attempt) = book.attempts.get(reference).cloned() {
        change(&mut attempt);
        book.load_attempt(attempt);
    }
}

fn change_events(book: &mut Book, mut change: impl FnMut(&mut Event)) {
    let all: Vec<Event> = book.events.iter().map(|(_, event)| event.clone()).collect();
    for mut event in all {
        change(&mut event);
        book.load_event(event);
    }
}

fn each_stock(event: &mut Event, mut change: impl FnMut(&mut Stock)) {
    change(&mut event.stock);
    event.ticket_types.iter_mut().for_each(|ticket_type| change(&mut ticket_type.stock));
}

/// Moves an order's held places as if nobody had to ask.
fn let_go(book: &mut Book, order: &Order) {
    change_events(book, |event| {
        for line in order.lines.iter().filter(|_| event.id == order.event_id) {
            event.stock.held -= i64::from(line.quantity);
            for own in event.ticket_types.iter_mut().filter(|own| own.id == line.ticket_type_id) {
                own.stock.held -= i64::from(line.quantity);
            }
        }
    });
}

/// Does something without a look at how many places there are.
fn without_limits<T>(book: &mut Book, work: impl FnOnce(&mut Book) -> T) -> T {
    let limits: BTreeMap<EventId, Event> = book.events.iter().map(|(id, event)| (*id, event.clone())).collect();
    change_events(book, |event| each_stock(event, |stock| stock.capacity = None));
    let result = work(book);
    change_events(book, |event| {
        if let Some(before) = limits.get(&event.id) {
            event.stock.capacity = before.stock.capacity;
            for (own, before) in event.ticket_types.iter_mut().zip(&before.ticket_types) {
                own.stock.capacity = before.stock.capacity;
            }
        }
    });
    result
}

impl BuggyStorage {
    fn is(&self, bug: Bug) -> bool {
        self.world.bug == Some(bug)
    }

    /// Between two steps that should have been one.
    async fn between_steps(&self) {
        latency(&self.world).await;
        self.world.crash_point("crash between", "two steps").await;
    }

    fn fresh(&self) -> Reference {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.world.draw().to_le_bytes());
        Reference::derived(&Seed(seed), "planted")
    }

    pub(crate) async fn hold(&self, now: Timestamp, wishes: &[Hold]) -> Result<Vec<Outcome<Order>>> {
        let memory = &self.world.memory;
        let hold = |book: &mut Book| wishes.iter().map(|wish| rules::hold(book, now, wish)).collect::<Vec<_>>();
        match self.world.bug {
            Some(Bug::HoldChecksThenInserts) => {
                let seen = hold(&mut memory.snapshot());
                if seen.iter().any(std::result::Result::is_err) {
                    return Ok(seen);
                }
                self.between_steps().await;
                Ok(memory.tamper(|book| without_limits(book, hold)))
            }
            Some(Bug::HoldNotIdempotent) => Ok(memory.tamper(|book| {
                let again = |wish: &Hold| match book.order_by_reference(&wish.reference) {
                    Some(_) => {
                        let mut again = wish.clone();
                        again.reference = self.fresh();
                        again
                    }
                    None => wish.clone(),
                };
                let wishes: Vec<Hold> = wishes.iter().map(again).collect();
                wishes.iter().map(|wish| rules::hold(book, now, wish)).collect()
            })),
            Some(Bug::SoldAfterEventCalledOff) => Ok(memory.tamper(|book| {
                let off: Vec<EventId> = book
                    .events
                    .iter()
                    .map(|(_, event)| event)
                    .filter(|event| event.status == EventStatus::Cancelled)
                    .map(|event| event.id)
                    .collect();
                change_events(book, |event| event.status = EventStatus::Active);
                let result = hold(book);
                change_events(book, |event| {
                    if off.contains(&event.id) {
                        event.status = EventStatus::Cancelled;
                    }
                });
                result
            })),
            _ => memory.hold(now, wishes).await,
        }
    }

    pub(crate) async fn release(&self, now: Timestamp, wishes: &[Release]) -> Result<Vec<Outcome<Order>>> {
        if self.is(Bug::ReleasedTwice) {
            self.world.memory.tamper(|book| {
                let known: Vec<Order> =
                    wishes.iter().filter_map(|wish| book.order_by_reference(&wish.reference).cloned()).collect();
                for order in known.iter().filter(|order| order.status == OrderStatus::Cancelled) {
                    let_go(book, order);
                }
            });
        }
        self.world.memory.release(now, wishes).await
    }

    pub(crate) async fn expire_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Order>> {
        let memory = &self.world.memory;
        match self.world.bug {
            Some(Bug::HoldNeverExpires) => Ok(vec![]),
            Some(Bug::HoldExpiresInTwoSteps) => {
                let is_due =
                    |order: &&Order| matches!(order.status, OrderStatus::Held { hold_until } if hold_until <= now);
                let due: Vec<Order> =
                    memory.look(|book| book.orders.iter().map(|(_, order)| order).filter(is_due).cloned().collect());
                if due.is_empty() {
                    return Ok(due);
                }
                self.between_steps().await;
                memory.tamper(|book| {
                    for order in &due {
                        change_order(book, order, |order| order.status = OrderStatus::Expired);
                        let_go(book, order);
                    }
                });
                Ok(due)
            }
            _ => memory.expire_holds(now, limit).await,
        }
    }

    pub(crate) async fn report_checkouts(
        &self,
        now: Timestamp,
        reports: &[CheckoutReport],
    ) -> Result<Vec<Outcome<Attempt>>> {
        if !self.is(Bug::HoldDroppedOnUnknownCheckout) {
            return self.world.memory.report_checkouts(now, reports).await;
        }
        Ok(self.world.memory.tamper(|book| {
            let report = |report: &CheckoutReport| {
                if report.result != CheckoutResult::Unknown {
                    return rules::report_checkout(book, now, report);
                }
                let before = book.attempts.get(&report.reference).cloned();
                let result = CheckoutResult::NotOpened { reason: "no answer".to_owned(), release: true };
                let dropped = CheckoutReport::new(report.reference.clone(), result);
                let came = rules::report_checkout(book, now, &dropped);
                if let Some(before) = before {
                    book.load_attempt(before);
                }
                came
            };
            reports.iter().map(report).collect()
        }))
    }

    pub(crate) async fn settle(&self, now: Timestamp, said: &[Settle]) -> Result<Vec<Outcome<Settlement>>> {
        let memory = &self.world.memory;
        let Some(bug) = self.world.bug else { return memory.settle(now, said).await };
        let mails = memory.look(|book| book.next.mail);
        let outcomes = memory.tamper(|book| said.iter().map(|said| settle(book, now, said, bug)).collect());
        if bug == Bug::SettledInTwoSteps {
            let owed: Vec<OutboxMail> = memory.tamper(|book| {
                let owed: Vec<OutboxMail> =
                    book.mails.iter().map(|(_, mail)| mail).filter(|mail| mail.id.0 >= mails).cloned().collect();
                let mut kept = Book::default();
                for (_, mail) in book.mails.iter().filter(|(id, _)| id.0 < mails) {
                    kept.load_mail(mail.clone());
                }
                book.mails = kept.mails;
                owed
            });
            if !owed.is_empty() {
                self.between_steps().await;
                memory.tamper(|book| owed.into_iter().for_each(|mail| book.load_mail(mail)));
            }
        }
        Ok(outcomes)
    }

    pub(crate) async fn claim_polls(&self, now: Timestamp, limit: u32) -> Result<Vec<Attempt>> {
        if self.is(Bug::NoPolling) {
            return Ok(vec![]);
        }
        let claimed = self.world.memory.claim_polls(now, limit).await?;
        if self.is(Bug::PollingStopsEarly) {
            self.world.memory.tamper(|book| {
                for attempt in claimed.iter().filter(|attempt| attempt.poll.is_some_and(|poll| poll.count >= 3)) {
                    change_attempt(book, &attempt.reference, |attempt| attempt.poll = None);
                }
            });
        }
        Ok(claimed)
    }

    pub(crate) async fn request_refunds(
        &self,
        now: Timestamp,
        wishes: &[RefundRequest],
    ) -> Result<Vec<Outcome<Refund>>> {
        let Some(bug) = self.world.bug else { return self.world.memory.request_refunds(now, wishes).await };
        Ok(self.world.memory.tamper(|book| wishes.iter().map(|wish| refund(book, now, wish, bug)).collect()))
    }

    pub(crate) async fn claim_refunds(&self, now: Timestamp, lease: SignedDuration, limit: u32) -> Result<Vec<Refund>> {
        let mut claimed = self.world.memory.claim_refunds(now, lease, limit).await?;
        match self.world.bug {
            Some(Bug::RefundResentBlindly) => claimed
                .iter_mut()
                .filter(|refund| refund.status == RefundStatus::Unknown)
                .for_each(|refund| refund.status = RefundStatus::Due),
            Some(bug @ (Bug::RefundNotMarkedBeforeSent | Bug::RefundClaimedWithoutLease)) => {
                self.world.memory.tamper(|book| {
                    for refund in &claimed {
                        let Some(mut row) = book.refunds.get(&refund.id).cloned() else { continue };
                        if bug == Bug::RefundClaimedWithoutLease {
                            row.next_at = Some(now);
                        } else {
                            row.status = refund.status;
                        }
                        book.load_refund(row);
                    }
                });
            }
            _ => {}
        }
        crate::invariants::refunds_claimed(&self.world, &claimed, now, lease);
        Ok(claimed)
    }

    pub(crate) async fn report_refunds(
        &self,
        now: Timestamp,
        reports: &[RefundReport],
    ) -> Result<Vec<Outcome<Refund>>> {
        crate::invariants::refunds_released(&self.world, reports.iter().map(|report| report.id));
        self.world.memory.report_refunds(now, reports).await
    }

    pub(crate) async fn retry_refund(
        &self,
        now: Timestamp,
        id: RefundId,
        actor: &Principal,
    ) -> Result<Outcome<Refund>> {
        crate::invariants::refunds_released(&self.world, [id]);
        self.world.memory.retry_refund(now, id, actor).await
    }

    pub(crate) async fn wake_refunds(&self, now: Timestamp, attempt: &Reference) -> Result<Vec<RefundId>> {
        let woken = self.world.memory.wake_refunds(now, attempt).await?;
        crate::invariants::refunds_released(&self.world, woken.iter().copied());
        Ok(woken)
    }

    pub(crate) async fn undo_cancelled_events(&self, now: Timestamp, seeds: &[Seed]) -> Result<Vec<Order>> {
        if self.is(Bug::CancelledEventNotRefunded) {
            return Ok(vec![]);
        }
        self.world.memory.undo_cancelled_events(now, seeds).await
    }

    pub(crate) async fn check_in(&self, now: Timestamp, scans: &[Scan]) -> Result<Vec<Outcome<CheckIn>>> {
        let memory = &self.world.memory;
        let check_in = |book: &mut Book| scans.iter().map(|scan| rules::check_in(book, now, scan)).collect::<Vec<_>>();
        let turn = |book: &mut Book, status: TicketStatus| {
            for scan in scans {
                if let Some(mut ticket) = book.ticket_by_code(&scan.code).cloned() {
                    if status == TicketStatus::Used || ticket.status == TicketStatus::Refunded {
                        ticket.status = TicketStatus::Active;
                    }
                    book.load_ticket(ticket);
                }
            }
        };
        let outcomes = match self.world.bug {
            Some(Bug::ScanWithoutCompareAndSet) => {
                let is_repeat =
                    memory.look(|book| scans.iter().any(|scan| book.check_in_by_nonce(&scan.nonce).is_some()));
                let seen = check_in(&mut memory.snapshot());
                if is_repeat || seen.iter().any(std::result::Result::is_err) {
                    return Ok(seen);
                }
                self.between_steps().await;
                memory.tamper(|book| {
                    turn(book, TicketStatus::Used);
                    check_in(book)
                })
            }
            Some(Bug::RefundedTicketAdmitted) => memory.tamper(|book| {
                turn(book, TicketStatus::Refunded);
                check_in(book)
            }),
            Some(Bug::NonceIgnored) => memory.tamper(|book| {
                let fresh = |scan: &Scan| {
                    let mut scan = scan.clone();
                    scan.nonce = self.fresh().to_string();
                    scan
                };
                let is_known = |book: &Book, scan: &Scan| book.check_in_by_nonce(&scan.nonce).is_some();
                let scans: Vec<Scan> =
                    scans.iter().map(|scan| if is_known(book, scan) { fresh(scan) } else { scan.clone() }).collect();
                scans.iter().map(|scan| rules::check_in(book, now, scan)).collect()
            }),
            _ => memory.check_in(now, scans).await?,
        };
        crate::invariants::admitted(&self.world, &outcomes);
        Ok(outcomes)
    }

    pub(crate) async fn claim_mails(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<OutboxMail>> {
        let claimed = self.world.memory.claim_mails(now, lease, limit).await?;
        if let Some(bug @ (Bug::MailMarkedBeforeSent | Bug::MailClaimedWithoutLease)) = self.world.bug {
            self.world.memory.tamper(|book| {
                for mut mail in claimed.iter().cloned() {
                    match bug {
                        Bug::MailMarkedBeforeSent => mail.status = MailStatus::Sent,
                        _ => mail.due_at = now,
                    }
                    book.load_mail(mail);
                }
            });
        }
        crate::invariants::mails_claimed(&self.world, &claimed, now, lease);
        Ok(claimed)
    }

    pub(crate) async fn report_mails(&self, now: Timestamp, reports: &[MailReport]) -> Result<Vec<Option<OutboxMail>>> {
        crate::invariants::mails_reported(&self.world, reports);
        self.world.memory.report_mails(now, reports).await
    }

    pub(crate) async fn receive_webhooks(
        &self,
        now: Timestamp,
        new: &[NewWebhook],
    ) -> Result<Vec<(StoredWebhook, bool)>> {
        if !self.is(Bug::WebhookNotDeduplicated) {
            return self.world.memory.receive_webhooks(now, new).await;
        }
        let mut new = new.to_vec();
        for webhook in &mut new {
            webhook.dedupe_key = self.fresh().to_string();
        }
        self.world.memory.receive_webhooks(now, &new).await
    }
}

/// What was captured, seen with one eye closed.
fn half_blind(attempt: &Attempt, captured: &Captured, bug: Bug) -> Captured {
    let money = |minor, currency| Money::new(minor, currency).unwrap_or(captured.amount);
    let (amount, wanted) = (captured.amount, attempt.amount);
    let mut seen = captured.clone();
    match bug {
        Bug::AmountNotChecked => seen.amount = money(wanted.minor(), amount.currency()),
        Bug::CurrencyNotChecked => seen.amount = money(amount.minor(), wanted.currency()),
        Bug::ModeNotChecked => seen.mode = attempt.mode,
        _ => {}
    }
    seen
}

fn settle(book: &mut Book, now: Timestamp, said: &Settle, bug: Bug) -> Outcome<Settlement> {
    let Some(attempt) = book.attempts.get(&said.reference).cloned() else { return rules::settle(book, now, said) };
    let Some(order) = book.orders.get(&attempt.order_id).cloned() else { return rules::settle(book, now, said) };
    let is_first = !attempt.status.has_captured();
    let mut said = said.clone();
    if let Observation::Success(captured) = &said.observation {
        said.observation = Observation::Success(half_blind(&attempt, captured, bug));
        if bug == Bug::DuplicateSuccessIgnored && is_first && order.status == OrderStatus::Paid {
            change_attempt(book, &said.reference, |attempt| {
                attempt.status = AttemptStatus::Failed;
                attempt.poll = None;
            });
            return Ok(Settlement::Failed { order, attempt });
        }
    }
    if bug == Bug::HoldExtendedWithoutBound && said.observation == Observation::Processing {
        change_order(book, &order, |order| order.hold_extended = false);
    }
    let (tickets, mails, audit) = (book.tickets.clone(), book.mails.clone(), book.audit.clone());
    let came = match bug {
        Bug::LateSuccessNotRechecked => without_limits(book, |book| rules::settle(book, now, &said)),
        _ => rules::settle(book, now, &said),
    };
    if let (Bug::TicketsMissing, Ok(Settlement::Fulfilled { first: true, tickets: issued, .. })) = (bug, &came) {
        book.tickets = tickets;
        issued.iter().skip(1).for_each(|ticket| book.load_ticket(ticket.clone()));
    }
    match (&said.observation, bug) {
        (_, Bug::TicketsWithoutMail) => book.mails = mails,
        (_, Bug::AuditLineMissing) => book.audit = audit,
        (Observation::Success(_), _) => {}
        (_, Bug::StaleAnswerApplied) if !is_first => {
            change_attempt(book, &said.reference, |attempt| attempt.status = AttemptStatus::Open);
        }
        (Observation::Failed, Bug::FailedIsFinal) if is_first => {
            change_attempt(book, &said.reference, |attempt| attempt.poll = None);
        }
        (Observation::NotFound, Bug::NotFoundIsFailed) if is_first => {
            change_attempt(book, &said.reference, |attempt| {
                attempt.status = AttemptStatus::Failed;
                attempt.poll = None;
            });
        }
        _ => {}
    }
    came
}

fn refund(book: &mut Book, now: Timestamp, wish: &RefundRequest, bug: Bug) -> Outcome<Refund> {
    let events: Vec<Event> = book.events.iter().map(|(_, event)| event.clone()).collect();
    let known = book.refund_by_key(&wish.key).cloned();
    let order = book.order_by_reference(&wish.order).map(|order| order.id);
    if let (Bug::RefundSumUnchecked, None, Some(order)) = (bug, &known, order) {
        let before: Vec<Refund> = book.refunds_of(order).cloned().collect();
        for refund in &before {
            let mut none = refund.clone();
            none.amount = Money::zero(refund.amount.currency());
            book.load_refund(none);
        }
        let void: Vec<_> =
            book.tickets_of(order).filter(|ticket| ticket.status == TicketStatus::Refunded).cloned().collect();
        for mut ticket in void {
            ticket.status = TicketStatus::Active;
            book.load_ticket(ticket);
        }
        let came = rules::request_refund(book, now, wish);
        before.into_iter().for_each(|refund| book.load_refund(refund));
        return came;
    }
    let came = rules::request_refund(book, now, wish);
    match (bug, known) {
        (Bug::PlacesNotReturned, None) => events.into_iter().for_each(|event| book.load_event(event)),
        (Bug::PlacesReturnedTwice, Some(refund)) => {
            let places = refund.tickets.len() as i64;
            change_events(book, |event| event.stock.sold -= places);
        }
        _ => {}
    }
    came
}

/// Bugs on the way to and from the gateway.
#[derive(Debug)]
pub(crate) struct GatewayBugs {
    pub(crate) bug: Option<Bug>,
    told: Mutex<BTreeMap<Reference, Captured>>,
}

impl GatewayBugs {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, told: Mutex::default() }
    }

    /// No answer is not a no.
    pub(crate) fn checkout_error(&self, error: GatewayError) -> GatewayError {
        if self.bug == Some(Bug::CheckoutTimeoutIsFailure) { GatewayError::NotSent } else { error }
    }

    pub(crate) fn refund_error(&self, error: GatewayError) -> GatewayError {
        if self.bug == Some(Bug::RefundTimeoutIsFailure) { GatewayError::NotSent } else { error }
    }

    pub(crate) fn refund_call(&self, call: &RefundCall, world: &World) -> RefundCall {
        if self.bug != Some(Bug::RefundNotKeyed) {
            return call.clone();
        }
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&world.draw().to_le_bytes());
        let mut call = call.clone();
        call.key = Reference::of_attempt(&Seed(seed));
        call
    }

    pub(crate) fn told(&self, reference: &Reference, captured: &Captured) {
        if self.bug == Some(Bug::WebhookTrusted) {
            lock(&self.told).insert(reference.clone(), captured.clone());
        }
    }

    pub(crate) fn fetched(&self, reference: &Reference, fetched: Option<Fetched>) -> Option<Fetched> {
        match lock(&self.told).get(reference) {
            Some(captured) => Some(Fetched::new(Observation::Success(captured.clone()), "success")),
            None => fetched,
        }
    }
}
