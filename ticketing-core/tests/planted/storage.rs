//! Each operation, right or wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Bug, Planted, a_moment};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ticketing_core::domain::account::*;
use ticketing_core::domain::book::Book;
use ticketing_core::domain::category::Category;
use ticketing_core::domain::category::NewCategory;
use ticketing_core::domain::check_in::{CheckIn, Scan};
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::event::*;
use ticketing_core::domain::id::*;
use ticketing_core::domain::limit::{Take, Taken};
use ticketing_core::domain::order::*;
use ticketing_core::domain::outbox::*;
use ticketing_core::domain::page::{Page, PageRequest};
use ticketing_core::domain::payment::*;
use ticketing_core::domain::payment_history::Payment;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::*;
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::request::{Answer, BeginRequest, Begun};
use ticketing_core::domain::rules::{self, Resolve};
use ticketing_core::domain::ticket::*;
use ticketing_core::domain::webhook::*;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::storage::{Gauges, Outcome, Storage, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

fn all<K: Ord + Clone, V: Clone + PartialEq>(table: &ticketing_core::domain::book::Table<K, V>) -> Vec<V> {
    table.iter().map(|(_, row)| row.clone()).collect()
}

fn millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap()
}

/// A name that was not there before.
fn renamed(reference: &Reference, book: &Book) -> Reference {
    format!("{reference}-{}", book.audit.iter().count() + book.orders.iter().count()).parse().unwrap()
}

impl Planted {
    /// Writes what was decided on a copy over whatever is there by now.
    fn overwrite(&self, copy: &Book) {
        self.inner.tamper(|book| {
            copy.orders.changes().for_each(|(_, row)| book.load_order(row.clone()));
            copy.events.changes().for_each(|(_, row)| book.load_event(row.clone()));
            book.next = copy.next;
        });
    }

    async fn pay(&self, now: Timestamp, said: &Settle) -> Result<Vec<Outcome<Settlement>>> {
        let before = self.inner.snapshot();
        let Some(attempt) = before.attempts.get(&said.reference).cloned() else {
            return self.inner.settle(now, std::slice::from_ref(said)).await;
        };
        let order = before.orders.get(&attempt.order_id).cloned().unwrap();
        let mut said = said.clone();
        let is_success = matches!(said.observation, Observation::Success(_));
        match (self.bug, &mut said.observation) {
            (Bug::SettleTakesAnyAmount, Observation::Success(captured)) => {
                captured.amount = attempt.amount;
                captured.requested = None;
                captured.mode = attempt.mode;
            }
            (Bug::FailedIsFinal, observation) if is_success && attempt.status == AttemptStatus::Failed => {
                *observation = Observation::Failed;
            }
            (Bug::SecondSuccessIsForgotten, observation) if is_success && order.status == OrderStatus::Paid => {
                *observation = Observation::Open;
            }
            (Bug::ReversalsAreIgnored, observation @ (Observation::Reversed | Observation::Disputed)) => {
                *observation = Observation::Open;
            }
            (Bug::LateMoneyTakesPlacesUnasked, Observation::Success(_)) => {
                self.change(
                    |book| all(&book.events),
                    |event| event.stock.capacity = event.stock.capacity.map(|places| places + 1000),
                    Book::load_event,
                );
            }
            (Bug::SettleIssuesAgain, Observation::Success(_)) if attempt.status == AttemptStatus::Fulfilled => {
                self.inner.tamper(|book| {
                    let again: Vec<Ticket> = book.tickets_of(order.id).cloned().collect();
                    for (index, mut ticket) in (1000..).zip(again) {
                        ticket.id = TicketId(book.next.ticket);
                        book.next.ticket += 1;
                        ticket.code = ticketing_core::domain::code::TicketCode::derive(&said.seed, index);
                        book.load_ticket(ticket);
                    }
                });
            }
            (Bug::HoldIsExtendedForEver, Observation::Processing) => {
                let forget = |order: &mut Order| order.hold_extended = false;
                self.change(|book| all(&book.orders), forget, Book::load_order);
            }
            _ => {}
        }
        let settled = self.inner.settle(now, &[said]).await;
        if self.has(Bug::LateMoneyTakesPlacesUnasked) && is_success {
            self.change(
                |book| all(&book.events),
                |event| event.stock.capacity = event.stock.capacity.map(|places| places - 1000),
                Book::load_event,
            );
        }
        settled
    }
}

#[async_trait]
impl Storage for Planted {
    async fn register(&self, now: Timestamp, new: &[NewAccount]) -> Result<Vec<Outcome<Account>>> {
        let mut outcomes = self.inner.register(now, new).await?;
        for (outcome, new) in outcomes.iter_mut().zip(new) {
            let accounts = all(&self.inner.snapshot().accounts);
            let spelt_so = accounts.iter().any(|account| account.email == new.email);
            if self.has(Bug::AddressesHaveCase) && *outcome == Err(Refusal::EmailTaken) && !spelt_so {
                let elsewhere = format!("x{}@example.com", accounts.len()).parse().unwrap();
                let mut moved = new.clone();
                moved.email = elsewhere;
                *outcome = self.inner.register(now, &[moved]).await?.remove(0);
                if let Ok(account) = outcome {
                    account.email = new.email.clone();
                }
                self.inner.tamper(|book| outcome.iter().for_each(|account| book.load_account(account.clone())));
            }
        }
        Ok(outcomes)
    }

    async fn change_account(&self, now: Timestamp, id: AccountId, change: &AccountChange) -> Result<Option<Account>> {
        self.inner.change_account(now, id, change).await
    }

    async fn accounts(&self, keys: &[AccountKey]) -> Result<Vec<Option<Account>>> {
        let mut found = self.inner.accounts(keys).await?;
        if self.has(Bug::AccountsAreFoundOnce) {
            let mut seen = std::collections::HashSet::new();
            found.retain(|account| account.as_ref().is_none_or(|account| seen.insert(account.id)));
        }
        Ok(found)
    }

    async fn put_categories(&self, new: &[NewCategory]) -> Result<Vec<Outcome<Category>>> {
        self.inner.put_categories(new).await
    }

    async fn categories(&self) -> Result<Vec<Category>> {
        self.inner.categories().await
    }

    async fn put_events(&self, now: Timestamp, organizer: &Principal, new: &[NewEvent]) -> Result<Vec<Outcome<Event>>> {
        let mut new = new.to_vec();
        if self.has(Bug::TimesInMilliseconds) {
            new.iter_mut().for_each(|new| new.starts_at = millis(new.starts_at));
        }
        self.inner.put_events(now, organizer, &new).await
    }

    async fn cancel_event(&self, now: Timestamp, id: EventId) -> Result<Outcome<Event>> {
        self.inner.cancel_event(now, id).await
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>> {
        self.inner.event(id).await
    }

    async fn events(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>> {
        let mut filter = filter.clone();
        let text = filter.text.clone().unwrap_or_default();
        if self.has(Bug::SearchHasWildcards) {
            filter.text = filter.text.map(|text| text.replace(['%', '_'], ""));
        }
        if self.has(Bug::SearchKnowsAsciiOnly) {
            filter.text = None;
        }
        let mut found = self.inner.events(&filter, page).await?;
        if self.has(Bug::SearchKnowsAsciiOnly) {
            let has = |field: &str| field.to_ascii_lowercase().contains(&text.to_ascii_lowercase());
            found.items.retain(|event| {
                has(&event.title) || has(&event.location) || event.description.as_deref().is_some_and(has)
            });
            found.total = found.total.map(|_| found.items.len() as u64);
        }
        found.more &= !self.has(Bug::PagesAreTheLast);
        Ok(found)
    }

    async fn hold(&self, now: Timestamp, wishes: &[Hold]) -> Result<Vec<Outcome<Order>>> {
        let mut wishes = wishes.to_vec();
        let book = self.inner.snapshot();
        match self.bug {
            Bug::HoldLooksThenTakes => {
                let mut copy = book;
                let outcomes = wishes.iter().map(|wish| rules::hold(&mut copy, now, wish)).collect();
                a_moment().await;
                self.overwrite(&copy);
                return Ok(outcomes);
            }
            Bug::BatchItemsAreBlind => {
                let mut outcomes = Vec::new();
                for wish in &wishes {
                    let mut copy = book.clone();
                    copy.next = self.inner.snapshot().next;
                    outcomes.push(rules::hold(&mut copy, now, wish));
                    self.overwrite(&copy);
                }
                return Ok(outcomes);
            }
            Bug::BatchInPieces => {
                let mut outcomes = Vec::new();
                for wish in wishes {
                    outcomes.extend(self.inner.hold(now, &[wish]).await?);
                    a_moment().await;
                }
                return Ok(outcomes);
            }
            Bug::BatchStopsAtTheFirstNo => {
                let mut outcomes: Vec<Outcome<Order>> = Vec::new();
                for wish in wishes {
                    match outcomes.last() {
                        Some(Err(no)) => outcomes.push(Err(no.clone())),
                        _ => outcomes.extend(self.inner.hold(now, &[wish]).await?),
                    }
                }
                return Ok(outcomes);
            }
            Bug::HoldForgetsItsKey => wishes.iter_mut().for_each(|wish| {
                if book.order_by_reference(&wish.reference).is_some() {
                    wish.reference = renamed(&wish.reference, &book);
                }
            }),
            Bug::HoldBelievesAnyContent => {
                if let [wish] = wishes.as_slice()
                    && let Some(order) = book.order_by_reference(&wish.reference)
                {
                    return Ok(vec![Ok(order.clone())]);
                }
            }
            Bug::TimesInMilliseconds => wishes.iter_mut().for_each(|wish| wish.hold_until = millis(wish.hold_until)),
            _ => {}
        }
        self.inner.hold(now, &wishes).await
    }

    async fn release(&self, now: Timestamp, wishes: &[Release]) -> Result<Vec<Outcome<Order>>> {
        self.inner.release(now, wishes).await
    }

    async fn expire_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Order>> {
        if self.has(Bug::ExpireInTwoSteps) {
            let held = |order: &Order| matches!(order.status, OrderStatus::Held { hold_until } if hold_until <= now);
            let due: Vec<Order> = all(&self.inner.snapshot().orders).into_iter().filter(held).collect();
            a_moment().await;
            return Ok(self.inner.tamper(|book| {
                let end = |order: Order| {
                    let id = order.id;
                    book.load_order(order);
                    rules::expire(book, now, id)
                };
                due.into_iter().filter_map(end).collect()
            }));
        }
        self.inner.expire_holds(now, limit).await
    }

    async fn order(&self, key: &OrderKey) -> Result<Option<Order>> {
        self.inner.order(key).await
    }

    async fn orders(&self, filter: &OrderFilter, page: PageRequest) -> Result<Page<Order>> {
        self.inner.orders(filter, page).await
    }

    async fn open_attempts(&self, now: Timestamp, wishes: &[OpenAttempt]) -> Result<Vec<Outcome<OpenedAttempt>>> {
        self.inner.open_attempts(now, wishes).await
    }

    async fn report_checkouts(&self, now: Timestamp, reports: &[CheckoutReport]) -> Result<Vec<Outcome<Attempt>>> {
        self.inner.report_checkouts(now, reports).await
    }

    async fn settle(&self, now: Timestamp, said: &[Settle]) -> Result<Vec<Outcome<Settlement>>> {
        let mut outcomes = Vec::new();
        for said in said {
            outcomes.extend(self.pay(now, said).await?);
        }
        Ok(outcomes)
    }

    async fn claim_polls(&self, now: Timestamp, limit: u32) -> Result<Vec<Attempt>> {
        let before = all(&self.inner.snapshot().attempts);
        let claimed = self.inner.claim_polls(now, limit).await?;
        if self.has(Bug::PollsAreNotPostponed) {
            let of_claimed = |attempt: &Attempt| claimed.iter().any(|one| one.reference == attempt.reference);
            self.change(|_| before.iter().filter(|one| of_claimed(one)).cloned().collect(), |_| {}, Book::load_attempt);
        }
        Ok(claimed)
    }

    async fn purchases(&self, orders: &[OrderId]) -> Result<Vec<Option<(Order, Vec<Ticket>)>>> {
        let mut found = self.inner.purchases(orders).await?;
        if self.has(Bug::PurchasesHaveOneTicket) {
            found.iter_mut().flatten().for_each(|(_, tickets)| tickets.truncate(1));
        }
        Ok(found)
    }

    async fn attempts(&self, references: &[Reference]) -> Result<Vec<Option<(Attempt, Principal)>>> {
        let mut references = references.to_vec();
        if self.has(Bug::AttemptsAreSorted) {
            references.sort();
        }
        self.inner.attempts(&references).await
    }

    async fn payment(&self, reference: &Reference) -> Result<Option<Payment>> {
        let first = self.inner.payment(reference).await?;
        if self.has(Bug::ReadsInPieces) {
            a_moment().await;
            let second = self.inner.payment(reference).await?;
            return Ok(first.zip(second).map(|(first, mut second)| {
                second.order = first.order;
                second
            }));
        }
        Ok(first)
    }

    async fn reviews(&self, organizer: Option<&Principal>, page: PageRequest) -> Result<Page<Attempt>> {
        self.inner.reviews(organizer, page).await
    }

    async fn resolve_reviews(&self, now: Timestamp, wishes: &[Resolve]) -> Result<Vec<Outcome<Attempt>>> {
        self.inner.resolve_reviews(now, wishes).await
    }

    async fn request_refunds(&self, now: Timestamp, wishes: &[RefundRequest]) -> Result<Vec<Outcome<Refund>>> {
        let mut wishes = wishes.to_vec();
        let book = self.inner.snapshot();
        if self.has(Bug::RefundForgetsItsKey) {
            wishes.iter_mut().for_each(|wish| wish.key = renamed(&wish.key, &book));
        }
        if self.has(Bug::RefundsBeyondWhatCame) {
            let rich = |attempt: &mut Attempt| {
                if let Some(captured) = &mut attempt.captured {
                    captured.amount = attempt.amount;
                }
            };
            self.change(|book| all(&book.attempts), rich, Book::load_attempt);
        }
        let outcomes = self.inner.request_refunds(now, &wishes).await;
        if self.has(Bug::RefundsBeyondWhatCame) {
            self.change(|_| all(&book.attempts), |_| {}, Book::load_attempt);
        }
        outcomes
    }

    async fn claim_refunds(&self, now: Timestamp, lease: SignedDuration, limit: u32) -> Result<Vec<Refund>> {
        let claimed = self.inner.claim_refunds(now, lease, limit).await?;
        if self.has(Bug::ClaimedRefundsStayDue) {
            let as_before = |refund: &mut Refund| {
                refund.status = claimed.iter().find(|one| one.id == refund.id).map_or(refund.status, |one| one.status);
            };
            self.change(|book| all(&book.refunds), as_before, Book::load_refund);
        }
        Ok(claimed)
    }

    async fn report_refunds(&self, now: Timestamp, reports: &[RefundReport]) -> Result<Vec<Outcome<Refund>>> {
        if self.has(Bug::ProcessedRefundsFail) {
            let reopen = |refund: &mut Refund| {
                if refund.status == RefundStatus::Processed {
                    refund.status = RefundStatus::Pending;
                }
            };
            self.change(|book| all(&book.refunds), reopen, Book::load_refund);
        }
        self.inner.report_refunds(now, reports).await
    }

    async fn retry_refund(&self, now: Timestamp, id: RefundId, actor: &Principal) -> Result<Outcome<Refund>> {
        self.inner.retry_refund(now, id, actor).await
    }

    async fn undo_cancelled_events(&self, now: Timestamp, seeds: &[Seed]) -> Result<Vec<Order>> {
        if self.has(Bug::UndoForgetsUnpaidOrders) {
            return Ok(self.inner.tamper(|book| {
                let paid = |order: &Order| order.status == OrderStatus::Paid;
                let ids: Vec<OrderId> = all(&book.orders).iter().filter(|order| paid(order)).map(|o| o.id).collect();
                let mut seeds = seeds.iter();
                let undo = |id| rules::undo_order_of_cancelled_event(book, now, id, seeds.next()?);
                ids.into_iter().filter_map(undo).collect()
            }));
        }
        self.inner.undo_cancelled_events(now, seeds).await
    }

    async fn ticket(&self, key: &TicketKey) -> Result<Option<Ticket>> {
        self.inner.ticket(key).await
    }

    async fn tickets(&self, filter: &TicketFilter, page: PageRequest) -> Result<Page<Ticket>> {
        self.inner.tickets(filter, page).await
    }

    async fn check_in(&self, now: Timestamp, scans: &[Scan]) -> Result<Vec<Outcome<CheckIn>>> {
        let mut scans = scans.to_vec();
        let book = self.inner.snapshot();
        if self.has(Bug::ScanForgetsItsNonce) {
            scans.iter_mut().for_each(|scan| {
                if book.check_in_by_nonce(&scan.nonce).is_some() {
                    scan.nonce.push('x');
                }
            });
        }
        if self.has(Bug::ScanLooksThenLetsIn) {
            a_moment().await;
            // What it saw is what it believes.
            let seen: Vec<Ticket> = scans.iter().filter_map(|scan| book.ticket_by_code(&scan.code)).cloned().collect();
            self.change(|_| seen.clone(), |_| {}, Book::load_ticket);
        }
        self.inner.check_in(now, &scans).await
    }

    async fn check_in_of(&self, ticket: TicketId) -> Result<Option<CheckIn>> {
        self.inner.check_in_of(ticket).await
    }

    async fn claim_mails(&self, now: Timestamp, lease: SignedDuration, limit: u32) -> Result<Vec<OutboxMail>> {
        let lease = if self.has(Bug::MailsWithoutLease) { SignedDuration::ZERO } else { lease };
        let claimed = self.inner.claim_mails(now, lease, limit).await?;
        if self.has(Bug::MailsAreSentBeforeTheyAre) {
            let sent = |mail: &mut OutboxMail| {
                if claimed.iter().any(|one| one.id == mail.id) {
                    mail.status = MailStatus::Sent;
                }
            };
            self.change(|book| all(&book.mails), sent, Book::load_mail);
        }
        Ok(claimed)
    }

    async fn report_mails(&self, now: Timestamp, reports: &[MailReport]) -> Result<Vec<Option<OutboxMail>>> {
        let mut reports = reports.to_vec();
        if self.has(Bug::StaleReportsCount) {
            let book = self.inner.snapshot();
            let newest = |id| book.mails.get(&id).map_or(0, |mail| mail.tries);
            reports.iter_mut().for_each(|report| report.tries = newest(report.id));
        }
        self.inner.report_mails(now, &reports).await
    }

    async fn resend_mail(&self, now: Timestamp, id: MailId) -> Result<Option<OutboxMail>> {
        self.inner.resend_mail(now, id).await
    }

    async fn dead_mails(&self, organizer: Option<&Principal>, page: PageRequest) -> Result<Page<OutboxMail>> {
        self.inner.dead_mails(organizer, page).await
    }

    async fn mail(&self, id: MailId) -> Result<Option<OutboxMail>> {
        self.inner.mail(id).await
    }

    async fn mails(&self, order: &OrderKey) -> Result<Vec<OutboxMail>> {
        self.inner.mails(order).await
    }

    async fn receive_webhooks(&self, now: Timestamp, new: &[NewWebhook]) -> Result<Vec<(StoredWebhook, bool)>> {
        let mut new = new.to_vec();
        if self.has(Bug::WebhooksAreNotDeduplicated) {
            let known = self.inner.snapshot().webhooks.iter().count();
            new.iter_mut().for_each(|new| new.dedupe_key = format!("{}-{known}", new.dedupe_key));
        }
        self.inner.receive_webhooks(now, &new).await
    }

    async fn claim_webhooks(&self, now: Timestamp, lease: SignedDuration, limit: u32) -> Result<Vec<StoredWebhook>> {
        self.inner.claim_webhooks(now, lease, limit).await
    }

    async fn report_webhooks(&self, now: Timestamp, reports: &[WebhookReport]) -> Result<Vec<Option<StoredWebhook>>> {
        self.inner.report_webhooks(now, reports).await
    }

    async fn wake_refunds(&self, now: Timestamp, attempt: &Reference) -> Result<Vec<RefundId>> {
        self.inner.wake_refunds(now, attempt).await
    }

    async fn begin_request(&self, now: Timestamp, begin: &BeginRequest) -> Result<Begun> {
        self.inner.begin_request(now, begin).await
    }

    async fn finish_request(&self, now: Timestamp, scope: &str, answer: Option<&Answer>) -> Result<()> {
        self.inner.finish_request(now, scope, answer).await
    }

    async fn forget_requests(&self, now: Timestamp, limit: u32) -> Result<u32> {
        self.inner.forget_requests(now, limit).await
    }

    async fn take_tokens(&self, now: Timestamp, wishes: &[Take]) -> Result<Taken> {
        self.inner.take_tokens(now, wishes).await
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32> {
        self.inner.forget_tokens(now, limit).await
    }

    async fn ready(&self) -> Result<()> {
        self.inner.ready().await
    }

    async fn gauges(&self) -> Result<Gauges> {
        self.inner.gauges().await
    }

    async fn check(&self) -> Result<Vec<String>> {
        self.inner.check().await
    }
}
