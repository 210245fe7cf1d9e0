//! Bugs that real ticket shops have had, one at a time. A simulation that does not find them proves nothing.

use crate::executor::lock;
use crate::storage::latency;
use crate::world::World;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use ticketing_core::domain::check_in::{AnnulScan, CheckIn, Scan};
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::command::{Command, Work};
use ticketing_core::domain::event::{EditEvent, Event, EventStatus, SalesRules, Stock};
use ticketing_core::domain::id::{EventId, MailId, RefundId};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::notice::{ExpandNotices, Notice};
use ticketing_core::domain::order::{BuyerLimits, ExpireHolds, Hold, Order, OrderStatus, Release};
use ticketing_core::domain::outbox::{ClaimMails, MailKind, MailReport, MailStatus, OutboxMail};
use ticketing_core::domain::payment::{
    Attempt, AttemptStatus, BeginSale, Captured, CheckoutReport, CheckoutResult, ClaimPolls, DisputeStage, Observation,
    RecordDispute, SaleBegun, Settle, Settlement,
};
use ticketing_core::domain::promo_code::PromoCode;
use ticketing_core::domain::refund::{
    ClaimRefunds, RecordListedRefunds, Refund, RefundReport, RefundRequest, RefundStatus, RetryRefund, ReturnTickets,
    UndoCancelledEvents, WakeRefunds,
};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::ticket::TicketStatus;
use ticketing_core::domain::webhook::{NewWebhook, StoredWebhook, WebhookReport, WebhookStatus};
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::gateway::{Fetched, GatewayError, RefundCall};
use ticketing_core::storage::{Outcome, Storage as _, StorageError, StorageExt as _};

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
    BuyerLimitsIgnored 100;
    BuyerLimitsCheckedTooEarly 1000;
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
    DisputeWonIgnored 400;
    DisputeRestoresWithoutPlaces 800;
    LateDisputeReopens 400;
    PartialDisputeVoidsAll 400;
    DashboardRefundIgnored 400;
    UnconfirmedPaymentApplied 800;
    UndoneScanAdmits 400;
    ScanOfAnotherEventAdmitted 400;
    UsedPlaceSoldAgain 400;
    EditVersionIgnored 1000;
    EditVersionNotCounted 200;
    CapacityClamped 400;
    PriceReadAtPayment 400;
    OrdersRepricedByEdit 400;
    RemovedTypeSold 1000;
    SalesRulesIgnored 400;
    LateMoneyNeedsSalesRules 1000;
    CodeUseNotTakenByHold 100;
    CodeUsesUnlimited 400;
    CodeUseNotReturnedAtExpiry 400;
    CodeUseReturnedTwice 400;
    LateMoneyNeedsGoodCode 1500;
    NoticeCursorMovedFirst 1000;
    NoticeForgotten 400;
    ReturnsNeverEnd 1500;
    UsedTicketReturned 1500;
}

/// The storage in memory, as somebody might have written it who had not thought of everything.
#[derive(Debug)]
pub(crate) struct BuggyStorage {
    pub(crate) world: Arc<World>,
}

fn change_order(rows: &mut WorkingSet, order: &Order, change: impl FnOnce(&mut Order)) {
    let mut order = order.clone();
    change(&mut order);
    rows.orders.load_record(order);
}

fn change_attempt(rows: &mut WorkingSet, reference: &Reference, change: impl FnOnce(&mut Attempt)) {
    if let Some(mut attempt) = rows.attempts.get(reference).cloned() {
        change(&mut attempt);
        rows.attempts.load_record(attempt);
    }
}

fn change_events(rows: &mut WorkingSet, mut change: impl FnMut(&mut Event)) {
    let all: Vec<Event> = rows.events.iter().map(|(_, event)| event.clone()).collect();
    for mut event in all {
        change(&mut event);
        rows.events.load_record(event);
    }
}

fn change_codes(rows: &mut WorkingSet, mut change: impl FnMut(&mut PromoCode)) {
    let all: Vec<PromoCode> = rows.promo_codes.iter().map(|(_, code)| code.clone()).collect();
    for mut code in all {
        change(&mut code);
        rows.promo_codes.load_record(code);
    }
}

fn each_stock(event: &mut Event, mut change: impl FnMut(&mut Stock)) {
    change(&mut event.stock);
    event.ticket_types.iter_mut().for_each(|ticket_type| change(&mut ticket_type.stock));
}

/// Moves an order's held places as if nobody had to ask.
fn let_go(rows: &mut WorkingSet, order: &Order) {
    change_events(rows, |event| {
        for line in order.lines.iter().filter(|_| event.id == order.event_id) {
            event.stock.held -= i64::from(line.quantity);
            for own in event.ticket_types.iter_mut().filter(|own| own.id == line.ticket_type_id) {
                own.stock.held -= i64::from(line.quantity);
            }
        }
    });
}

/// Holds without a look at how much a buyer has already.
fn hold_without_buyer_limits(rows: &mut WorkingSet, now: Timestamp, wishes: &[Hold]) -> Vec<Outcome<Order>> {
    wishes.iter().map(|wish| wish.clone().with_limits(BuyerLimits::default()).apply(rows, now)).collect()
}

/// Does something without a look at how many places there are.
fn without_limits<T>(rows: &mut WorkingSet, work: impl FnOnce(&mut WorkingSet) -> T) -> T {
    let limits: BTreeMap<EventId, Event> = rows.events.iter().map(|(id, event)| (*id, event.clone())).collect();
    change_events(rows, |event| each_stock(event, |stock| stock.capacity = None));
    let result = work(rows);
    change_events(rows, |event| {
        if let Some(before) = limits.get(&event.id) {
            event.stock.capacity = before.stock.capacity;
            for (own, before) in event.ticket_types.iter_mut().zip(&before.ticket_types) {
                own.stock.capacity = before.stock.capacity;
            }
        }
    });
    result
}

/// Does something as if tickets were sold to everybody at any time.
fn without_rules<T>(rows: &mut WorkingSet, work: impl FnOnce(&mut WorkingSet) -> T) -> T {
    let before = rows.events.clone();
    change_events(rows, |event| {
        event.rules = SalesRules::default();
        event.ticket_types.iter_mut().for_each(|of| of.rules = SalesRules::default());
    });
    let result = work(rows);
    change_events(rows, |event| {
        let Some(known) = before.get(&event.id) else { return };
        event.rules = known.rules;
        event.ticket_types.iter_mut().zip(&known.ticket_types).for_each(|(of, known)| of.rules = known.rules);
    });
    result
}

/// Work that is one batch of one of these kinds of command is done by a method, which may have a bug. `each` method takes the
/// commands one by one.
macro_rules! by_kind {
    ($self:ident, $now:ident, $work:ident: $($command:ty => $method:ident $($each:ident)?;)*) => {
        $(if let Some(batch) = $work.batch::<$command>() {
            let outcomes = by_kind!(@$($each)? $self.$method($now, batch.commands()));
            batch.answer(outcomes);
            return Ok(());
        })*
    };
    (@$self:ident.$method:ident($now:ident, $commands:expr)) => {
        $self.$method($now, $commands).await?
    };
    (@each $self:ident.$method:ident($now:ident, $commands:expr)) => {{
        let mut outcomes = vec![];
        for command in $commands {
            outcomes.push($self.$method($now, command).await?);
        }
        outcomes
    }};
}

impl BuggyStorage {
    pub(crate) async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        // The judge listens to these.
        by_kind!(self, now, work:
            ClaimRefunds => claim_refunds each;
            RefundReport => report_refunds;
            AnnulScan => annul_scan each;
            EditEvent => edit_event each;
            RetryRefund => retry_refund each;
            WakeRefunds => wake_refunds each;
            Scan => check_in;
            ClaimMails => claim_mails each;
            MailReport => report_mails;
        );
        if self.world.bug.is_some() {
            by_kind!(self, now, work:
                Hold => hold;
                BeginSale => begin_sales each;
                Release => release;
                ExpireHolds => expire_holds each;
                CheckoutReport => report_checkouts;
                Settle => settle;
                ClaimPolls => claim_polls each;
                RefundRequest => request_refunds;
                UndoCancelledEvents => undo_cancelled_events each;
                ExpandNotices => expand_notices each;
                ReturnTickets => return_tickets each;
                NewWebhook => receive_webhooks;
                RecordDispute => record_dispute each;
                RecordListedRefunds => record_listed_refunds each;
                WebhookReport => report_webhooks;
            );
        }
        self.world.memory.transact(now, work).await
    }

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

    async fn hold(&self, now: Timestamp, wishes: &[Hold]) -> Result<Vec<Outcome<Order>>> {
        let memory = &self.world.memory;
        let hold = |rows: &mut WorkingSet| wishes.iter().map(|wish| wish.apply(rows, now)).collect::<Vec<_>>();
        match self.world.bug {
            Some(Bug::HoldChecksThenInserts) => {
                let seen = hold(&mut memory.snapshot());
                if seen.iter().any(std::result::Result::is_err) {
                    return Ok(seen);
                }
                self.between_steps().await;
                Ok(memory.tamper(|rows| without_limits(rows, hold)))
            }
            Some(Bug::HoldNotIdempotent) => Ok(memory.tamper(|rows| {
                let again = |wish: &Hold| match rows.order_by_reference(&wish.reference) {
                    Some(_) => {
                        let mut again = wish.clone();
                        again.reference = self.fresh();
                        again
                    }
                    None => wish.clone(),
                };
                let wishes: Vec<Hold> = wishes.iter().map(again).collect();
                wishes.iter().map(|wish| wish.apply(rows, now)).collect()
            })),
            Some(Bug::BuyerLimitsIgnored) => Ok(memory.tamper(|rows| hold_without_buyer_limits(rows, now, wishes))),
            Some(Bug::BuyerLimitsCheckedTooEarly) => {
                let seen = hold(&mut memory.snapshot());
                if seen.iter().any(std::result::Result::is_err) {
                    return Ok(seen);
                }
                self.between_steps().await;
                Ok(memory.tamper(|rows| hold_without_buyer_limits(rows, now, wishes)))
            }
            Some(Bug::SoldAfterEventCalledOff) => Ok(memory.tamper(|rows| {
                let off: Vec<EventId> = rows
                    .events
                    .iter()
                    .map(|(_, event)| event)
                    .filter(|event| event.status == EventStatus::Cancelled)
                    .map(|event| event.id)
                    .collect();
                change_events(rows, |event| event.status = EventStatus::Active);
                let result = hold(rows);
                change_events(rows, |event| {
                    if off.contains(&event.id) {
                        event.status = EventStatus::Cancelled;
                    }
                });
                result
            })),
            Some(Bug::RemovedTypeSold) => Ok(memory.tamper(|rows| {
                let before = rows.events.clone();
                change_events(rows, |event| event.ticket_types.iter_mut().for_each(|of| of.removed_at = None));
                let result = hold(rows);
                change_events(rows, |event| {
                    let removed = before.get(&event.id).into_iter().flat_map(|event| &event.ticket_types);
                    for of in removed {
                        let mine = event.ticket_types.iter_mut().filter(|mine| mine.id == of.id);
                        mine.for_each(|mine| mine.removed_at = of.removed_at);
                    }
                });
                result
            })),
            Some(Bug::SalesRulesIgnored) => Ok(memory.tamper(|rows| without_rules(rows, hold))),
            Some(Bug::CodeUseNotTakenByHold) => Ok(memory.tamper(|rows| {
                let codes = rows.promo_codes.clone();
                let result = hold(rows);
                codes.iter().for_each(|(_, code)| rows.promo_codes.load_record(code.clone()));
                result
            })),
            Some(Bug::CodeUsesUnlimited) => Ok(memory.tamper(|rows| {
                let codes = rows.promo_codes.clone();
                change_codes(rows, |code| code.uses.capacity = None);
                let result = hold(rows);
                change_codes(rows, |code| {
                    code.uses.capacity = codes.get(&code.id).and_then(|before| before.uses.capacity);
                });
                result
            })),
            _ => memory.apply(now, wishes).await,
        }
    }

    async fn edit_event(&self, now: Timestamp, edit: &EditEvent) -> Result<Outcome<Event>> {
        let (memory, mut edit) = (&self.world.memory, edit.clone());
        let seen = edit.seen;
        let before = memory.look(|rows| rows.events.get(&edit.id).cloned());
        if self.is(Bug::EditVersionIgnored) {
            edit.seen = None;
        }
        if let (true, Some(before)) = (self.is(Bug::CapacityClamped), &before) {
            let taken = before.stock.held + before.stock.sold;
            edit.wants.capacity = edit.wants.capacity.map(|wanted| wanted.map(|wanted| wanted.max(taken)));
        }
        let outcome = memory.apply_one(now, edit).await?;
        if let (Ok(after), Some(before)) = (&outcome, &before) {
            crate::edits::edited(&self.world, before, after, seen);
        }
        if let (Ok(after), Some(before)) = (&outcome, &before) {
            memory.tamper(|rows| match self.world.bug {
                Some(Bug::EditVersionNotCounted) => change_events(rows, |event| {
                    if event.id == after.id {
                        event.version = before.version;
                    }
                }),
                Some(Bug::OrdersRepricedByEdit) => {
                    let orders: Vec<Order> = rows.orders.iter().map(|(_, order)| order.clone()).collect();
                    for mut order in orders.into_iter().filter(|order| matches!(order.status, OrderStatus::Held { .. }))
                    {
                        for line in &mut order.lines {
                            line.unit_price =
                                after.ticket_type(line.ticket_type_id).map_or(line.unit_price, |of| of.price);
                        }
                        rows.orders.load_record(order);
                    }
                }
                Some(Bug::NoticeForgotten) => {
                    let made = rows.notices_of(after.id).find(|notice| notice.version == after.version);
                    if let Some(id) = made.map(|notice| notice.id).filter(|_| after.version != before.version) {
                        rows.notices.remove(&id);
                    }
                }
                _ => {}
            });
        }
        Ok(outcome)
    }

    /// Where the hold has a bug, the sale that begins with it has it too.
    async fn begin_sales(&self, now: Timestamp, sale: &BeginSale) -> Result<Outcome<SaleBegun>> {
        let is_of_holds = matches!(
            self.world.bug,
            Some(
                Bug::HoldChecksThenInserts
                    | Bug::HoldNotIdempotent
                    | Bug::BuyerLimitsIgnored
                    | Bug::BuyerLimitsCheckedTooEarly
                    | Bug::SoldAfterEventCalledOff
            )
        );
        if !is_of_holds {
            return self.world.memory.apply_one(now, sale.clone()).await;
        }
        match self.hold(now, std::slice::from_ref(&sale.hold)).await?.remove(0) {
            Ok(order) => {
                let mut attempt = sale.attempt.clone();
                attempt.order = order.reference;
                Ok(self.world.memory.apply_one(now, attempt).await?.map(|opened| SaleBegun::New(Box::new(opened))))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    async fn release(&self, now: Timestamp, wishes: &[Release]) -> Result<Vec<Outcome<Order>>> {
        if self.is(Bug::ReleasedTwice) {
            self.world.memory.tamper(|rows| {
                let known: Vec<Order> =
                    wishes.iter().filter_map(|wish| rows.order_by_reference(&wish.reference).cloned()).collect();
                for order in known.iter().filter(|order| order.status == OrderStatus::Cancelled) {
                    let_go(rows, order);
                }
            });
        }
        self.world.memory.apply(now, wishes).await
    }

    async fn expire_holds(&self, now: Timestamp, expire: &ExpireHolds) -> Result<Vec<Order>> {
        let memory = &self.world.memory;
        match self.world.bug {
            Some(Bug::HoldNeverExpires) => Ok(vec![]),
            Some(Bug::CodeUseNotReturnedAtExpiry) => {
                let expired = memory.apply_one(now, *expire).await?;
                memory.tamper(|rows| {
                    change_codes(rows, |code| {
                        let lines = expired.iter().flat_map(|order| &order.lines);
                        let with_code = lines.filter(|line| line.promo_code_id == Some(code.id));
                        code.uses.held += with_code.map(|line| i64::from(line.quantity)).sum::<i64>();
                    });
                });
                Ok(expired)
            }
            Some(Bug::HoldExpiresInTwoSteps) => {
                let is_due =
                    |order: &&Order| matches!(order.status, OrderStatus::Held { hold_until } if hold_until <= now);
                let due: Vec<Order> =
                    memory.look(|rows| rows.orders.iter().map(|(_, order)| order).filter(is_due).cloned().collect());
                if due.is_empty() {
                    return Ok(due);
                }
                self.between_steps().await;
                memory.tamper(|rows| {
                    for order in &due {
                        change_order(rows, order, |order| order.status = OrderStatus::Expired);
                        let_go(rows, order);
                    }
                });
                Ok(due)
            }
            _ => memory.apply_one(now, *expire).await,
        }
    }

    async fn report_checkouts(&self, now: Timestamp, reports: &[CheckoutReport]) -> Result<Vec<Outcome<Attempt>>> {
        if !self.is(Bug::HoldDroppedOnUnknownCheckout) {
            return self.world.memory.apply(now, reports).await;
        }
        Ok(self.world.memory.tamper(|rows| {
            let report = |report: &CheckoutReport| {
                if report.result != CheckoutResult::Unknown {
                    return report.apply(rows, now);
                }
                let before = rows.attempts.get(&report.reference).cloned();
                let result = CheckoutResult::NotOpened { reason: "no answer".to_owned(), release: true };
                let dropped = CheckoutReport::new(report.reference.clone(), result);
                let came = dropped.apply(rows, now);
                if let Some(before) = before {
                    rows.attempts.load_record(before);
                }
                came
            };
            reports.iter().map(report).collect()
        }))
    }

    async fn settle(&self, now: Timestamp, said: &[Settle]) -> Result<Vec<Outcome<Settlement>>> {
        let memory = &self.world.memory;
        let Some(bug) = self.world.bug else { return memory.apply(now, said).await };
        let first = memory.look(|rows| rows.mails.next_id());
        let outcomes = memory.tamper(|rows| said.iter().map(|said| settle(rows, now, said, bug)).collect());
        if bug == Bug::SettledInTwoSteps {
            let owed: Vec<OutboxMail> = memory.tamper(|rows| {
                let ids: Vec<_> = rows.mails.iter().map(|(id, _)| *id).filter(|id| id.0 >= first).collect();
                ids.iter().filter_map(|id| rows.mails.remove(id)).collect()
            });
            if !owed.is_empty() {
                self.between_steps().await;
                memory.tamper(|rows| owed.into_iter().for_each(|mail| rows.mails.load_record(mail)));
            }
        }
        Ok(outcomes)
    }

    async fn claim_polls(&self, now: Timestamp, claim: &ClaimPolls) -> Result<Vec<Attempt>> {
        if self.is(Bug::NoPolling) {
            return Ok(vec![]);
        }
        let claimed = self.world.memory.apply_one(now, *claim).await?;
        if self.is(Bug::PollingStopsEarly) {
            self.world.memory.tamper(|rows| {
                for attempt in claimed.iter().filter(|attempt| attempt.poll.is_some_and(|poll| poll.count >= 3)) {
                    change_attempt(rows, &attempt.reference, |attempt| attempt.poll = None);
                }
            });
        }
        Ok(claimed)
    }

    async fn request_refunds(&self, now: Timestamp, wishes: &[RefundRequest]) -> Result<Vec<Outcome<Refund>>> {
        let Some(bug) = self.world.bug else { return self.world.memory.apply(now, wishes).await };
        Ok(self.world.memory.tamper(|rows| wishes.iter().map(|wish| refund(rows, now, wish, bug)).collect()))
    }

    async fn return_tickets(&self, now: Timestamp, wish: &ReturnTickets) -> Result<Outcome<Refund>> {
        Ok(self.world.memory.tamper(|rows| match self.world.bug {
            Some(Bug::ReturnsNeverEnd) => {
                let notices: Vec<Notice> = rows.notices.iter().map(|(_, notice)| notice.clone()).collect();
                for mut notice in notices.clone() {
                    notice.refund_until = notice.refund_until.map(|_| Timestamp::MAX);
                    rows.notices.load_record(notice);
                }
                let came = wish.apply(rows, now);
                notices.into_iter().for_each(|notice| rows.notices.load_record(notice));
                came
            }
            Some(Bug::UsedTicketReturned) => {
                let used = rows.tickets.iter().map(|(_, ticket)| ticket);
                let used: Vec<_> = used.filter(|ticket| ticket.status == TicketStatus::Used).cloned().collect();
                for mut ticket in used.clone() {
                    ticket.status = TicketStatus::Active;
                    rows.tickets.load_record(ticket);
                }
                let came = wish.apply(rows, now);
                for ticket in used {
                    let is_returned = rows.tickets.get(&ticket.id).is_some_and(|now| !now.status.is_valid());
                    if !is_returned {
                        rows.tickets.load_record(ticket);
                    }
                }
                came
            }
            _ => wish.apply(rows, now),
        }))
    }

    async fn claim_refunds(&self, now: Timestamp, claim: &ClaimRefunds) -> Result<Vec<Refund>> {
        let mut claimed = self.world.memory.apply_one(now, *claim).await?;
        match self.world.bug {
            Some(Bug::RefundResentBlindly) => claimed
                .iter_mut()
                .filter(|refund| refund.status == RefundStatus::Unknown)
                .for_each(|refund| refund.status = RefundStatus::Due),
            Some(bug @ (Bug::RefundNotMarkedBeforeSent | Bug::RefundClaimedWithoutLease)) => {
                self.world.memory.tamper(|rows| {
                    for refund in &claimed {
                        let Some(mut row) = rows.refunds.get(&refund.id).cloned() else { continue };
                        if bug == Bug::RefundClaimedWithoutLease {
                            row.next_at = Some(now);
                        } else {
                            row.status = refund.status;
                        }
                        rows.refunds.load_record(row);
                    }
                });
            }
            _ => {}
        }
        crate::invariants::refunds_claimed(&self.world, &claimed, now, claim.lease);
        Ok(claimed)
    }

    async fn report_refunds(&self, now: Timestamp, reports: &[RefundReport]) -> Result<Vec<Outcome<Refund>>> {
        crate::invariants::refunds_released(&self.world, reports.iter().map(|report| report.id));
        self.world.memory.apply(now, reports).await
    }

    async fn retry_refund(&self, now: Timestamp, retry: &RetryRefund) -> Result<Outcome<Refund>> {
        crate::invariants::refunds_released(&self.world, [retry.id]);
        self.world.memory.apply_one(now, retry.clone()).await
    }

    async fn wake_refunds(&self, now: Timestamp, wake: &WakeRefunds) -> Result<Vec<RefundId>> {
        let woken = self.world.memory.apply_one(now, wake.clone()).await?;
        crate::invariants::refunds_released(&self.world, woken.iter().copied());
        Ok(woken)
    }

    async fn undo_cancelled_events(&self, now: Timestamp, undo: &UndoCancelledEvents) -> Result<Vec<Order>> {
        if self.is(Bug::CancelledEventNotRefunded) {
            return Ok(vec![]);
        }
        self.world.memory.apply_one(now, undo.clone()).await
    }

    async fn expand_notices(&self, now: Timestamp, expand: &ExpandNotices) -> Result<Vec<Notice>> {
        let memory = &self.world.memory;
        let is_new = |mail: &OutboxMail| matches!(mail.kind, MailKind::EventChanged(_));
        let known: Vec<MailId> = memory.look(|rows| rows.mails.iter().map(|(id, _)| *id).collect());
        let expanded = memory.apply_one(now, *expand).await?;
        if self.is(Bug::NoticeCursorMovedFirst) {
            // The cursor is committed, and the mails of the slice are not yet.
            let mails: Vec<OutboxMail> = memory.tamper(|rows| {
                let all = rows.mails.iter().map(|(_, mail)| mail.clone());
                let new: Vec<_> = all.filter(|mail| is_new(mail) && !known.contains(&mail.id)).collect();
                new.iter().for_each(|mail| drop(rows.mails.remove(&mail.id)));
                new
            });
            // A slice is written so seldom that it would crash here in one of many thousand histories.
            if !mails.is_empty() && self.world.below(4) == 0 {
                self.between_steps().await;
                return Err(StorageError::Unavailable("the connection was lost between two steps".into()));
            }
            memory.tamper(|rows| mails.into_iter().for_each(|mail| rows.mails.load_record(mail)));
        }
        Ok(expanded)
    }

    async fn check_in(&self, now: Timestamp, scans: &[Scan]) -> Result<Vec<Outcome<CheckIn>>> {
        let memory = &self.world.memory;
        let check_in = |rows: &mut WorkingSet| scans.iter().map(|scan| scan.apply(rows, now)).collect::<Vec<_>>();
        let turn = |rows: &mut WorkingSet, status: TicketStatus| {
            for scan in scans {
                if let Some(mut ticket) = rows.ticket_by_code(&scan.code).cloned() {
                    if status == TicketStatus::Used || ticket.status == TicketStatus::Refunded {
                        ticket.status = TicketStatus::Active;
                    }
                    rows.tickets.load_record(ticket);
                }
            }
        };
        let outcomes = match self.world.bug {
            Some(Bug::ScanWithoutCompareAndSet) => {
                let is_repeat =
                    memory.look(|rows| scans.iter().any(|scan| rows.check_in_by_nonce(&scan.nonce).is_some()));
                let seen = check_in(&mut memory.snapshot());
                if is_repeat || seen.iter().any(std::result::Result::is_err) {
                    return Ok(seen);
                }
                self.between_steps().await;
                memory.tamper(|rows| {
                    turn(rows, TicketStatus::Used);
                    check_in(rows)
                })
            }
            Some(Bug::RefundedTicketAdmitted) => memory.tamper(|rows| {
                turn(rows, TicketStatus::Refunded);
                check_in(rows)
            }),
            Some(Bug::NonceIgnored) => memory.tamper(|rows| {
                let fresh = |scan: &Scan| {
                    let mut scan = scan.clone();
                    scan.nonce = self.fresh().to_string();
                    scan
                };
                let is_known = |rows: &WorkingSet, scan: &Scan| rows.check_in_by_nonce(&scan.nonce).is_some();
                let scans: Vec<Scan> =
                    scans.iter().map(|scan| if is_known(rows, scan) { fresh(scan) } else { scan.clone() }).collect();
                scans.iter().map(|scan| scan.apply(rows, now)).collect()
            }),
            Some(Bug::UndoneScanAdmits) => memory.tamper(|rows| {
                let is_undone = |entry: &CheckIn| entry.annulled_at.is_some();
                let check_in = |scan: &Scan| match rows.check_in_by_nonce(&scan.nonce).cloned() {
                    Some(entry) if is_undone(&entry) => Ok(entry),
                    _ => scan.apply(rows, now),
                };
                scans.iter().map(check_in).collect()
            }),
            Some(Bug::ScanOfAnotherEventAdmitted) => {
                let mut scans = scans.to_vec();
                scans.iter_mut().for_each(|scan| scan.event_id = None);
                memory.apply(now, &scans).await?
            }
            _ => memory.apply(now, scans).await?,
        };
        crate::invariants::admitted(&self.world, scans, &outcomes);
        Ok(outcomes)
    }

    async fn annul_scan(&self, now: Timestamp, annul: &AnnulScan) -> Result<Outcome<CheckIn>> {
        let outcome = self.world.memory.apply_one(now, annul.clone()).await?;
        crate::invariants::annulled(&self.world, &outcome);
        Ok(outcome)
    }

    async fn record_dispute(&self, now: Timestamp, record: &RecordDispute) -> Result<Outcome<Attempt>> {
        let (mut record, bug) = (record.clone(), self.world.bug);
        if bug == Some(Bug::PartialDisputeVoidsAll) {
            record.news.amount = None;
        }
        Ok(self.world.memory.tamper(|rows| match (bug, record.news.stage) {
            (Some(Bug::DisputeWonIgnored), DisputeStage::Won) => {
                rows.attempts.get(&record.reference).cloned().ok_or(Refusal::AttemptUnknown)
            }
            (Some(Bug::DisputeRestoresWithoutPlaces), _) => without_limits(rows, |rows| record.apply(rows, now)),
            (Some(Bug::LateDisputeReopens), DisputeStage::Open) => {
                change_attempt(rows, &record.reference, |attempt| {
                    attempt.disputes.retain(|known| known.id != record.news.id);
                });
                record.apply(rows, now)
            }
            _ => record.apply(rows, now),
        }))
    }

    async fn record_listed_refunds(&self, now: Timestamp, record: &RecordListedRefunds) -> Result<Vec<Refund>> {
        if self.is(Bug::DashboardRefundIgnored) {
            return Ok(vec![]);
        }
        self.world.memory.apply_one(now, record.clone()).await
    }

    async fn report_webhooks(&self, now: Timestamp, reports: &[WebhookReport]) -> Result<Vec<Option<StoredWebhook>>> {
        let mut reports = reports.to_vec();
        if self.is(Bug::UnconfirmedPaymentApplied) {
            for report in reports.iter_mut().filter(|report| report.is_unconfirmed_yet) {
                report.status = WebhookStatus::Applied;
            }
        }
        self.world.memory.apply(now, &reports).await
    }

    async fn claim_mails(&self, now: Timestamp, claim: &ClaimMails) -> Result<Vec<OutboxMail>> {
        let claimed = self.world.memory.apply_one(now, *claim).await?;
        if let Some(bug @ (Bug::MailMarkedBeforeSent | Bug::MailClaimedWithoutLease)) = self.world.bug {
            self.world.memory.tamper(|rows| {
                for mut mail in claimed.iter().cloned() {
                    match bug {
                        Bug::MailMarkedBeforeSent => mail.status = MailStatus::Sent,
                        _ => mail.due_at = now,
                    }
                    rows.mails.load_record(mail);
                }
            });
        }
        crate::invariants::mails_claimed(&self.world, &claimed, now, claim.lease);
        Ok(claimed)
    }

    async fn report_mails(&self, now: Timestamp, reports: &[MailReport]) -> Result<Vec<Option<OutboxMail>>> {
        crate::invariants::mails_reported(&self.world, reports);
        self.world.memory.apply(now, reports).await
    }

    async fn receive_webhooks(&self, now: Timestamp, new: &[NewWebhook]) -> Result<Vec<(StoredWebhook, bool)>> {
        if !self.is(Bug::WebhookNotDeduplicated) {
            return self.world.memory.apply(now, new).await;
        }
        let mut new = new.to_vec();
        for webhook in &mut new {
            webhook.dedupe_key = self.fresh().to_string();
        }
        self.world.memory.apply(now, &new).await
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

fn settle(rows: &mut WorkingSet, now: Timestamp, said: &Settle, bug: Bug) -> Outcome<Settlement> {
    let Some(attempt) = rows.attempts.get(&said.reference).cloned() else { return said.apply(rows, now) };
    let Some(order) = rows.orders.get(&attempt.order_id).cloned() else { return said.apply(rows, now) };
    let is_first = !attempt.status.has_captured();
    let mut said = said.clone();
    if let Observation::Success(captured) = &said.observation {
        said.observation = Observation::Success(half_blind(&attempt, captured, bug));
        if bug == Bug::DuplicateSuccessIgnored && is_first && order.status == OrderStatus::Paid {
            change_attempt(rows, &said.reference, |attempt| {
                attempt.status = AttemptStatus::Failed;
                attempt.poll = None;
            });
            return Ok(Settlement::Failed { order, attempt });
        }
    }
    if bug == Bug::HoldExtendedWithoutBound && said.observation == Observation::Processing {
        change_order(rows, &order, |order| order.hold_extended = false);
    }
    let (mails, audit) = (rows.mails.clone(), rows.audit.clone());
    let code = order.promo_code_id.and_then(|id| rows.promo_codes.get(&id).cloned());
    if let (Bug::LateMoneyNeedsGoodCode, Observation::Success(_), true, Some(code)) =
        (bug, &said.observation, is_first, &code)
        && matches!(order.status, OrderStatus::Expired | OrderStatus::Cancelled)
        && !code.is_good(now)
    {
        change_codes(rows, |code| code.uses.capacity = Some(code.uses.held + code.uses.sold));
        let came = said.apply(rows, now);
        change_codes(rows, |changed| {
            if changed.id == code.id {
                changed.uses.capacity = code.uses.capacity;
            }
        });
        return came;
    }
    if let (Bug::LateMoneyNeedsSalesRules, Observation::Success(_), true) = (bug, &said.observation, is_first) {
        let is_late = matches!(order.status, OrderStatus::Expired | OrderStatus::Cancelled);
        let event = rows.events.get(&order.event_id).cloned();
        let is_closed = event.as_ref().is_some_and(|event| event.rules.paused || !event.rules.sales.contains(now));
        if let (true, true, Some(event)) = (is_late, is_closed, event) {
            // The money goes back as if the places were gone.
            change_events(rows, |event| event.stock.capacity = Some(event.stock.held + event.stock.sold));
            let came = said.apply(rows, now);
            change_events(rows, |changed| {
                if changed.id == event.id {
                    changed.stock.capacity = event.stock.capacity;
                }
            });
            return came;
        }
    }
    let came = match bug {
        Bug::LateSuccessNotRechecked => without_limits(rows, |rows| said.apply(rows, now)),
        _ => said.apply(rows, now),
    };
    if let (Bug::TicketsMissing, Ok(Settlement::Fulfilled { first: true, tickets: issued, .. })) = (bug, &came) {
        issued.first().map(|ticket| rows.tickets.remove(&ticket.id));
    }
    match (&said.observation, bug) {
        (_, Bug::PriceReadAtPayment) => {
            let event = rows.events.get(&order.event_id).cloned();
            let issued: Vec<_> = rows.tickets_of(order.id).cloned().collect();
            for mut ticket in issued {
                let of = event.as_ref().and_then(|event| event.ticket_type(ticket.ticket_type_id));
                ticket.price = of.map_or(ticket.price, |of| of.price);
                rows.tickets.load_record(ticket);
            }
        }
        (_, Bug::TicketsWithoutMail) => rows.mails = mails,
        (_, Bug::AuditLineMissing) => rows.audit = audit,
        (Observation::Success(_), _) => {}
        (_, Bug::StaleAnswerApplied) if !is_first => {
            change_attempt(rows, &said.reference, |attempt| attempt.status = AttemptStatus::Open);
        }
        (Observation::Failed, Bug::FailedIsFinal) if is_first => {
            change_attempt(rows, &said.reference, |attempt| attempt.poll = None);
        }
        (Observation::NotFound, Bug::NotFoundIsFailed) if is_first => {
            change_attempt(rows, &said.reference, |attempt| {
                attempt.status = AttemptStatus::Failed;
                attempt.poll = None;
            });
        }
        _ => {}
    }
    came
}

fn refund(rows: &mut WorkingSet, now: Timestamp, wish: &RefundRequest, bug: Bug) -> Outcome<Refund> {
    let events: Vec<Event> = rows.events.iter().map(|(_, event)| event.clone()).collect();
    let known = rows.refund_by_key(&wish.key).cloned();
    let order = rows.order_by_reference(&wish.order).map(|order| order.id);
    if let (Bug::RefundSumUnchecked, None, Some(order)) = (bug, &known, order) {
        let before: Vec<Refund> = rows.refunds_of(order).cloned().collect();
        for refund in &before {
            let mut none = refund.clone();
            none.amount = Money::zero(refund.amount.currency());
            rows.refunds.load_record(none);
        }
        let void: Vec<_> =
            rows.tickets_of(order).filter(|ticket| ticket.status == TicketStatus::Refunded).cloned().collect();
        for mut ticket in void {
            ticket.status = TicketStatus::Active;
            rows.tickets.load_record(ticket);
        }
        let came = wish.apply(rows, now);
        before.into_iter().for_each(|refund| rows.refunds.load_record(refund));
        return came;
    }
    let came = wish.apply(rows, now);
    match (bug, known) {
        (Bug::PlacesNotReturned, None) => events.into_iter().for_each(|event| rows.events.load_record(event)),
        (Bug::UsedPlaceSoldAgain, None) => {
            let void = rows.tickets.iter().map(|(_, ticket)| ticket).filter(|ticket| ticket.keeps_place);
            let void: Vec<_> = void.cloned().collect();
            for mut ticket in void {
                ticket.keeps_place = false;
                change_events(rows, |event| {
                    event.stock.sold -= 1;
                    let own = event.ticket_types.iter_mut().filter(|own| own.id == ticket.ticket_type_id);
                    own.for_each(|own| own.stock.sold -= 1);
                });
                rows.tickets.load_record(ticket);
            }
        }
        (Bug::CodeUseReturnedTwice, Some(refund)) => {
            let order = rows.orders.get(&refund.order_id).cloned();
            let places = refund.tickets.len() as i64;
            change_codes(rows, |code| {
                if order.as_ref().is_some_and(|order| order.promo_code_id == Some(code.id)) {
                    code.uses.sold -= places.min(code.uses.sold);
                }
            });
        }
        (Bug::PlacesReturnedTwice, Some(refund)) => {
            let places = refund.tickets.len() as i64;
            change_events(rows, |event| event.stock.sold -= places);
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
