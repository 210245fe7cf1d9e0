//! Random commands, applied to the storage under test and to [`MemoryStorage`], which is nothing but the rules: every outcome and
//! every read must be equal, to the last id and microsecond. If they differ, the test prints the shortest list of commands that
//! shows it.

mod counter;
mod holders;
mod people;

use super::Made;
use super::commands::{self, Chance, Command, Edit, Report};
use super::outcomes::Recorded;
use super::shop::put_events;
use super::shop::{self, START, newcomer, ngn};
use crate::domain::account::{
    AccountFilter, AccountKey, AdministerAccount, ChangeAccount, ListAuditOfAccount, Role, SearchAccounts,
};
use crate::domain::audit::Actor;
use crate::domain::category::NewCategory;
use crate::domain::code::{Reference, TicketCode};
use crate::domain::event::CancelEvent;
use crate::domain::id::{MailId, TicketId};
use crate::domain::money::{Currency, Money};
use crate::domain::order::ExpireHolds;
use crate::domain::order::{Hold, OrderFilter, OrderKey};
use crate::domain::outbox::ClaimMails;
use crate::domain::outbox::ResendMail;
use crate::domain::page::PageRequest;
use crate::domain::payment::ClaimPolls;
use crate::domain::payment::{BeginSale, Captured, Observation, Settle};
use crate::domain::promo_code::ListPromoCodes;
use crate::domain::refund::ClaimRefunds;
use crate::domain::refund::RetryRefund;
use crate::domain::refund::UndoCancelledEvents;
use crate::domain::refund::WakeRefunds;
use crate::domain::request;
use crate::domain::request::FinishRequest;
use crate::domain::scope::Scope;
use crate::domain::ticket::{TicketFilter, TicketKey};
use crate::domain::webhook::ClaimWebhooks;
use crate::storage::StorageExt as _;
use crate::storage::memory::MemoryStorage;
use crate::storage::{Storage, StorageError};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Runs `length` commands of one seed in memory. Returns the outcome of every command and read, in order, as JSON, to compare the
/// rules with those of an earlier version.
///
/// # Panics
/// If the storage in memory fails.
pub async fn outcomes_in_memory(seed: u64, length: usize) -> Vec<serde_json::Value> {
    let mut pair = Pair::of(Arc::new(MemoryStorage::new()));
    pair.outcomes = Some(Mutex::default());
    let mut chance = Chance::of(seed);
    let commands: Vec<Command> = (0..length).map(|_| Command::of_sales(&mut chance)).collect();
    let difference = pair.play(&commands).await;
    assert!(difference.is_none(), "{difference:?}");
    pair.outcomes.unwrap().into_inner().unwrap()
}

/// Runs `length` commands for each of these seeds.
///
/// # Panics
/// If the storage differs from the one in memory.
pub async fn act_as_in_memory<M: Made>(maker: impl AsyncFn() -> M, seeds: Range<u64>, length: usize) {
    for seed in seeds {
        let commands = commands_of(seed, length);
        if let Some((at, difference)) = play(&maker, &commands).await {
            let (commands, difference) = shorten(&maker, commands[..=at].to_vec(), difference).await;
            let list: Vec<String> = commands.iter().map(|command| format!("  {command:?}")).collect();
            panic!("seed {seed}: after\n{}\n{difference}", list.join("\n"));
        }
    }
}

fn commands_of(seed: u64, length: usize) -> Vec<Command> {
    let mut chance = Chance::of(seed);
    (0..length).map(|_| Command::any(&mut chance)).collect()
}

/// Removes the commands that the difference does not need, in smaller and smaller portions.
async fn shorten<M: Made>(
    maker: &impl AsyncFn() -> M,
    mut commands: Vec<Command>,
    mut difference: String,
) -> (Vec<Command>, String) {
    let mut portion = commands.len() / 2;
    while portion > 0 {
        let mut start = 0;
        while start < commands.len() {
            let end = (start + portion).min(commands.len());
            let fewer = [&commands[..start], &commands[end..]].concat();
            match play(maker, &fewer).await {
                Some((at, found)) => {
                    commands = fewer[..=at.min(fewer.len().saturating_sub(1))].to_vec();
                    difference = found;
                }
                None => start = end,
            }
        }
        portion /= 2;
    }
    (commands, difference)
}

/// Runs the commands on empty storages. Returns after which command they differ, and how.
async fn play<M: Made>(maker: &impl AsyncFn() -> M, commands: &[Command]) -> Option<(usize, String)> {
    let (storage, _guard) = maker().await.made();
    Pair::of(storage).play(commands).await
}

/// Describes where two long answers differ, followed by both in full.
fn told_apart(what: &str, found: &str, wanted: &str) -> String {
    let same = found.chars().zip(wanted.chars()).take_while(|(found, wanted)| found == wanted).count();
    let part = |text: &str| text.chars().skip(same.saturating_sub(40)).take(120).collect::<String>();
    let (found_part, wanted_part) = (part(found), part(wanted));
    format!("{what}:\n  found  …{found_part}…\n  wanted …{wanted_part}…\nwhole:\n  found  {found}\n  wanted {wanted}")
}

fn compare<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(told_apart(what, &format!("{found:?}"), &format!("{wanted:?}"))) }
}

struct Pair {
    storage: Arc<dyn Storage>,
    model: MemoryStorage,
    now: Timestamp,
    /// Every answer so far, if they are recorded.
    outcomes: Option<Mutex<Vec<serde_json::Value>>>,
}

impl Pair {
    fn of(storage: Arc<dyn Storage>) -> Self {
        let now = Timestamp::from_microsecond(START).unwrap();
        Self { storage, model: MemoryStorage::new(), now, outcomes: None }
    }

    /// Returns after which command they differ, and how.
    async fn play(&mut self, commands: &[Command]) -> Option<(usize, String)> {
        self.furnish().await.unwrap();
        for (at, command) in commands.iter().enumerate() {
            let mut compared = self.apply(command).await;
            if compared.is_ok() && (at % 10 == 9 || at + 1 == commands.len()) {
                compared = self.reads().await;
            }
            if let Err(difference) = compared {
                return Some((at, difference));
            }
        }
        None
    }

    /// Makes the same call on both, and compares the results.
    async fn both<T: PartialEq + Debug + Recorded>(
        &self,
        what: &str,
        ask: impl AsyncFn(&dyn Storage) -> Result<T, StorageError>,
    ) -> Result<(), String> {
        let found = ask(&*self.storage).await.map_err(|error| format!("{what}: {error:?}"))?;
        let wanted = ask(&self.model).await.map_err(|error| format!("{what}: {error:?}"))?;
        if let Some(outcomes) = &self.outcomes {
            outcomes.lock().unwrap().push(found.recorded());
        }
        compare(what, &found, &wanted)
    }

    /// The same for what is never recorded.
    async fn both_unrecorded<T: PartialEq + Debug>(
        &self,
        what: &str,
        ask: impl AsyncFn(&dyn Storage) -> Result<T, StorageError>,
    ) -> Result<(), String> {
        let found = ask(&*self.storage).await.map_err(|error| format!("{what}: {error:?}"))?;
        let wanted = ask(&self.model).await.map_err(|error| format!("{what}: {error:?}"))?;
        compare(what, &found, &wanted)
    }

    /// Accounts, a category and events that commands may rely on.
    async fn furnish(&self) -> Result<(), String> {
        let people = [newcomer("first@example.com", Some("first")), newcomer("second@example.com", None)];
        let category = [NewCategory { name: "Music".to_owned(), description: None }];
        self.both("register", async |of| of.apply(self.now, &people).await).await?;
        self.both("put_categories", async |of| of.apply(self.now, &category).await).await?;
        let (organizer, events) = (commands::who(0), commands::furniture());
        self.both("put_events", async |of| of.apply(self.now, &put_events(&organizer, &events)).await).await?;
        // What is recorded knows of no organisations.
        if self.outcomes.is_none() { self.furnish_people().await } else { Ok(()) }
    }

    async fn apply(&mut self, command: &Command) -> Result<(), String> {
        let now = self.now;
        match command {
            Command::Wait(duration) => {
                self.now += *duration;
                Ok(())
            }
            Command::Register(new) => self.both("register", async |of| of.apply(now, new).await).await,
            Command::ChangeAccount(id, change) => {
                self.both("change_account", async |of| {
                    of.apply_one(now, ChangeAccount { id: *id, change: change.clone() }).await
                })
                .await
            }
            Command::Administer(id, wants) => {
                let administer = AdministerAccount { id: *id, actor: Actor::Operator, wants: wants.clone() };
                self.both("administer_account", async |of| {
                    let done = of.apply_one(now, administer.clone()).await?;
                    Ok(done.map(|done| done.map(|done| done.account)))
                })
                .await
            }
            Command::PutCategories(new) => self.both("put_categories", async |of| of.apply(now, new).await).await,
            Command::PutEvents(who, new) => {
                self.both("put_events", async |of| of.apply(now, &put_events(who, new)).await).await
            }
            Command::CancelEvent(id) => {
                self.both("cancel_event", async |of| of.apply_one(now, CancelEvent { id: *id }).await).await
            }
            Command::Hold(requests, hold_for) => self.hold(requests, *hold_for).await,
            Command::Edit(edit) => self.edit(edit).await,
            Command::People(command) => self.people(command).await,
            Command::Counter(command) => self.counter(command).await,
            Command::Holders(command) => self.holders(command).await,
            Command::BeginSales(requests, hold_for) => {
                let begun = |request: &BeginSale| {
                    let mut request = request.clone();
                    request.hold.hold_until = now + *hold_for;
                    request
                };
                let requests: Vec<BeginSale> = requests.iter().map(begun).collect();
                self.both("begin_sales", async |of| of.apply(now, &requests).await).await
            }
            Command::Release(requests) => self.both("release", async |of| of.apply(now, requests).await).await,
            Command::ExpireHolds(limit) => {
                self.both("expire_holds", async |of| of.apply_one(now, ExpireHolds { limit: *limit }).await).await
            }
            Command::OpenAttempts(requests) => {
                self.both("open_attempts", async |of| of.apply(now, requests).await).await
            }
            Command::ReportCheckouts(reports) => {
                self.both("report_checkouts", async |of| of.apply(now, reports).await).await
            }
            Command::Settle(reports) => {
                let mut observed = Vec::new();
                for (reference, report, seed) in reports {
                    observed.push(self.observed(reference, *report, *seed).await);
                }
                self.both("settle", async |of| of.apply(now, &observed).await).await
            }
            Command::ClaimPolls(limit) => {
                self.both("claim_polls", async |of| of.apply_one(now, ClaimPolls { limit: *limit }).await).await
            }
            Command::ResolveReviews(requests) => {
                self.both("resolve_reviews", async |of| of.apply(now, requests).await).await
            }
            Command::RequestRefunds(requests) => {
                self.both("request_refunds", async |of| of.apply(now, requests).await).await
            }
            Command::ClaimRefunds(lease, limit) => {
                self.both("claim_refunds", async |of| {
                    of.apply_one(now, ClaimRefunds { lease: *lease, limit: *limit }).await
                })
                .await
            }
            Command::ReportRefunds(reports) => {
                self.both("report_refunds", async |of| of.apply(now, reports).await).await
            }
            Command::RetryRefund(id, who) => {
                self.both("retry_refund", async |of| {
                    of.apply_one(now, RetryRefund { id: *id, actor: who.clone() }).await
                })
                .await
            }
            Command::WakeRefunds(attempt) => {
                self.both("wake_refunds", async |of| of.apply_one(now, WakeRefunds { attempt: attempt.clone() }).await)
                    .await
            }
            Command::Undo(seeds) => {
                self.both("undo_cancelled_events", async |of| {
                    of.apply_one(now, UndoCancelledEvents { seeds: seeds.to_vec() }).await
                })
                .await
            }
            Command::CheckIn(scans) => {
                let codes = self.codes().await;
                let mut scans = scans.clone();
                for (index, scan) in &mut scans {
                    // Some codes belong to no ticket.
                    if let Some(code) = codes.get(*index % (codes.len() + 1)) {
                        scan.code = code.clone();
                    }
                }
                let scans: Vec<_> = scans.into_iter().map(|(_, scan)| scan).collect();
                self.both("check_in", async |of| of.apply(now, &scans).await).await
            }
            Command::ClaimMails(lease, limit) => {
                self.both("claim_mails", async |of| {
                    of.apply_one(now, ClaimMails { lease: *lease, limit: *limit }).await
                })
                .await
            }
            Command::ReportMails(reports) => self.both("report_mails", async |of| of.apply(now, reports).await).await,
            Command::ResendMail(id) => {
                self.both("resend_mail", async |of| of.apply_one(now, ResendMail { id: *id }).await).await
            }
            Command::ReceiveWebhooks(new) => self.both("receive_webhooks", async |of| of.apply(now, new).await).await,
            Command::ClaimWebhooks(lease, limit) => {
                self.both("claim_webhooks", async |of| {
                    of.apply_one(now, ClaimWebhooks { lease: *lease, limit: *limit }).await
                })
                .await
            }
            Command::ReportWebhooks(reports) => {
                self.both("report_webhooks", async |of| of.apply(now, reports).await).await
            }
            Command::BeginRequest(begin) => {
                self.both("begin_request", async |of| of.apply_one(now, begin.clone()).await).await
            }
            Command::FinishRequest(scope, answer) => {
                self.both("finish_request", async |of| {
                    of.apply_one(now, FinishRequest { scope: scope.to_owned(), answer: answer.as_ref().cloned() }).await
                })
                .await
            }
            Command::TakeTokens(requests) => {
                self.both("take_tokens", async |of| of.take_tokens(now, requests).await).await
            }
            Command::ForgetTokens => self.both("forget_tokens", async |of| of.forget_tokens(now, 1000).await).await,
            Command::ForgetRequests => {
                self.both("forget_requests", async |of| of.forget(&request::outdated(now, 1000)).await).await
            }
        }
    }

    async fn hold(&self, requests: &[Hold], hold_for: SignedDuration) -> Result<(), String> {
        let until = |request: &Hold| Hold { hold_until: self.now + hold_for, ..request.clone() };
        let requests: Vec<Hold> = requests.iter().map(until).collect();
        self.both("hold", async |of| of.apply(self.now, &requests).await).await
    }

    async fn edit(&self, edit: &Edit) -> Result<(), String> {
        let now = self.now;
        match edit {
            Edit::Event(edit) => self.both("edit_event", async |of| of.apply_one(now, (**edit).clone()).await).await,
            Edit::Put(new) => self.both("put_promo_code", async |of| of.apply(now, new).await).await,
            Edit::PromoCode(edit) => {
                self.both("edit_promo_code", async |of| of.apply_one(now, edit.clone()).await).await
            }
            Edit::Copy(copy) => self.both("copy_event", async |of| of.apply_one(now, copy.clone()).await).await,
            Edit::Expand(expand) => self.both("expand_notices", async |of| of.apply_one(now, *expand).await).await,
            Edit::Return(returns) => self.both("return_tickets", async |of| of.apply(now, returns).await).await,
            Edit::Hold(requests, hold_for) => self.hold(requests, *hold_for).await,
        }
    }

    /// A gateway's report about an attempt. Its amounts are derived from the requested one.
    async fn observed(&self, reference: &Reference, report: Report, number: u64) -> Settle {
        let attempt = self.model.attempt(reference).await.unwrap();
        let asked = attempt.map_or(ngn(1), |attempt| attempt.amount);
        let captured = |amount, requested| {
            let gateway_id = Some(format!("g{number}"));
            let paid_at = Some(self.now);
            Observation::Success(Captured { amount, requested, mode: commands::MODE, paid_at, gateway_id })
        };
        let more = Money::new(asked.minor() + 1, asked.currency()).unwrap();
        let observation = match report {
            Report::Exact => captured(asked, None),
            Report::More => captured(more, None),
            Report::WithFees => captured(more, Some(asked)),
            Report::Dollars => captured(Money::new(asked.minor(), Currency::USD).unwrap(), None),
            Report::Another => match captured(asked, None) {
                Observation::Success(captured) => Observation::Mismatched(captured),
                other => other,
            },
            Report::Open => Observation::Open,
            Report::Processing => Observation::Processing,
            Report::Failed => Observation::Failed,
            Report::Reversed => Observation::Reversed,
            Report::Disputed => Observation::Disputed,
            Report::NotFound => Observation::NotFound,
            Report::Unrecognised => Observation::Unrecognised,
        };
        let raw_status = super::till::raw(&observation).to_owned();
        Settle { reference: reference.clone(), observation, raw_status, seed: shop::seed(number) }
    }

    async fn codes(&self) -> Vec<TicketCode> {
        let all = PageRequest { limit: 1000, ..PageRequest::default() };
        let tickets = self.model.tickets(&TicketFilter::default(), all).await.unwrap();
        tickets.items.into_iter().map(|ticket| ticket.code).collect()
    }

    /// Compares all reads, and runs `check` on both.
    async fn reads(&self) -> Result<(), String> {
        let pages =
            [PageRequest { skip: 0, limit: 1000, count: true }, PageRequest { skip: 2, limit: 3, count: false }];
        for id in 1..=6 {
            let id = AccountKey::Id(id.into());
            self.both("account", async |of| of.account(&id).await).await?;
        }
        for page in pages {
            let text = AccountFilter::default().with_text("FIRST".to_owned());
            for filter in [AccountFilter::default().with_role(Role::Admin).with_is_active(true), text] {
                let search = SearchAccounts { filter, page };
                self.both("search_accounts", async |of| of.find(search.clone()).await).await?;
            }
            let audit = ListAuditOfAccount { id: 1.into(), page };
            self.both("audit_of_account", async |of| of.find(audit).await).await?;
        }
        self.both("categories", async |of| of.categories(PageRequest::default()).await.map(|page| page.items)).await?;
        for page in pages {
            for filter in commands::event_filters() {
                self.both("events", async |of| of.events(&filter, page).await).await?;
            }
            for buyer in [None, Some(commands::who(0)), Some(commands::who(2))] {
                let filter = OrderFilter { buyer: buyer.clone(), event_id: None };
                self.both("orders", async |of| of.orders(&filter, page).await).await?;
                let filter = TicketFilter { holder: buyer.clone(), order: None };
                self.both("tickets", async |of| of.tickets(&filter, page).await).await?;
                let scope = buyer.as_ref().map_or_else(Scope::all, Scope::own);
                self.both("reviews", async |of| of.reviews(&scope, page).await).await?;
                self.both("dead_mails", async |of| of.dead_mails(&scope, page).await).await?;
            }
        }
        for reference in commands::references() {
            self.both("payment", async |of| of.payment(&reference).await).await?;
            let key = OrderKey::Reference(reference.clone());
            self.both("mails", async |of| of.mails(&key).await).await?;
            let filter = TicketFilter { holder: None, order: Some(reference.clone()) };
            self.both("tickets", async |of| of.tickets(&filter, pages[1]).await).await?;
        }
        // What is recorded knows of no promo codes, and of no organisations.
        if self.outcomes.is_none() {
            self.reads_of_people(pages).await?;
            self.reads_of_the_counter().await?;
            self.reads_of_holders().await?;
            for event in 1..=3 {
                let page = PageRequest { limit: 1000, ..PageRequest::default() };
                let list = ListPromoCodes { scope: Scope::all(), event_id: event.into(), page };
                self.both("promo_codes", async |of| of.find(list.clone()).await.map(|page| page.items)).await?;
            }
        }
        for code in self.codes().await {
            let key = TicketKey::Code(code);
            self.both("ticket", async |of| of.ticket(&key).await).await?;
        }
        for id in 1..=30 {
            self.both("check_in_of", async |of| of.check_in_of(TicketId(id)).await).await?;
            self.both("mail", async |of| of.mail(MailId(id)).await).await?;
        }
        match [self.storage.check().await, self.model.check().await] {
            [Ok(found), Ok(wanted)] if found.is_empty() && wanted.is_empty() => Ok(()),
            wrong => Err(format!("the storage and the model find wrong: {wrong:?}")),
        }
    }
}
