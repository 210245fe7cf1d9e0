//! Each verb of a storage, right or wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::rows::read;
use super::{Bug, DecidesTwice, Planted, a_moment, all};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use ticketing_core::domain::access::Permission;
use ticketing_core::domain::account::{Account, NewAccount};
use ticketing_core::domain::api_key::{ApiKey, MakeApiKey, ManageApiKey};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::check_in::Scan;
use ticketing_core::domain::code::{Reference, TicketCode};
use ticketing_core::domain::command::{Batch, Command, Work};
use ticketing_core::domain::event::PutEvent;
use ticketing_core::domain::factor::{CodeOutcome, Factor, UseCode};
use ticketing_core::domain::id::{AccountId, MemberId, TicketId};
use ticketing_core::domain::limit::{Take, Taken};
use ticketing_core::domain::list::{List, Tallied, Tally};
use ticketing_core::domain::load::{LoadKeys, Needs};
use ticketing_core::domain::order::{ExpireHolds, Hold, Order, OrderStatus};
use ticketing_core::domain::organisation::{Member, MemberEvents, SetMember};
use ticketing_core::domain::outbox::{ClaimMails, MailReport, MailStatus, OutboxMail};
use ticketing_core::domain::payment::{Attempt, AttemptStatus, ClaimPolls, Observation, Settle, Settlement};
use ticketing_core::domain::proof::{BeginProof, UseProof};
use ticketing_core::domain::refund::{ClaimRefunds, Refund, RefundReport, RefundRequest, RefundStatus};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::scope::Scope;
use ticketing_core::domain::session::EndSession;
use ticketing_core::domain::shelf::{AnyShelf as _, Shelf};
use ticketing_core::domain::table::Record;
use ticketing_core::domain::ticket::Ticket;
use ticketing_core::domain::webhook::{NewWebhook, StoredWebhook};
use ticketing_core::domain::working_set::{Noun, WorkingSet};
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::storage::{Outcome, Storage, StorageError, StorageExt as _};

type Result<T> = std::result::Result<T, StorageError>;

fn millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap()
}

/// A name that was not there before.
fn renamed(reference: &Reference, rows: &WorkingSet) -> Reference {
    format!("{reference}-{}", rows.audit.iter().count() + rows.orders.iter().count()).parse().unwrap()
}

/// The rows that work needs, with ids for new ones.
fn rows_for(memory: &MemoryStorage, now: Timestamp, work: &dyn Work, bug: Bug) -> Result<WorkingSet> {
    memory.look(|all| {
        let mut rows = read(all, LoadKeys::at(now), work, bug)?;
        set_ids(&mut rows, all);
        Ok(rows)
    })
}

fn set_ids(rows: &mut WorkingSet, from: &WorkingSet) {
    Noun::ALL.iter().for_each(|noun| rows.shelf_mut(*noun).set_ids(from.shelf(*noun).ids()));
}

/// Changes every row of a noun.
fn each<R: Record>(shelf: &mut Shelf<R>, mut change: impl FnMut(&mut R)) {
    for mut row in all(shelf) {
        change(&mut row);
        shelf.load_record(row);
    }
}

impl Planted {
    /// Writes what was decided on a copy over whatever is there by now.
    fn overwrite(&self, copy: &WorkingSet) {
        self.inner.tamper(|rows| {
            for noun in Noun::ALL.iter().filter(|noun| copy.shelf(**noun).is_changed()) {
                rows.shelf_mut(*noun).absorb(copy.shelf(*noun));
            }
        });
    }

    /// Bugs of all work, whatever it is. Says whether it is done.
    async fn decide(&self, now: Timestamp, work: &Arc<dyn Work>) -> Result<bool> {
        let is_late = match self.bug {
            Bug::HoldLooksThenTakes => work.batch::<Hold>().is_some(),
            Bug::ExpireInTwoSteps => work.batch::<ExpireHolds>().is_some(),
            Bug::ScanLooksThenLetsIn => work.batch::<Scan>().is_some(),
            Bug::OwnersAreCountedThenRemoved => work.batch::<SetMember>().is_some(),
            Bug::ProofsAreCountedThenBegun => work.batch::<BeginProof>().is_some(),
            Bug::KeysAreCountedThenMade => work.batch::<MakeApiKey>().is_some(),
            Bug::CodesAreCheckedThenUsed => work.batch::<UseCode>().is_some(),
            Bug::ClaimsAreShared => work.name().starts_with("claim_"),
            Bug::OfAlternativesOnlyTheLastIsClaimed
            | Bug::DecidesAgainOnTheSameRows
            | Bug::NounsAreWrittenApart
            | Bug::FirstDecisionIsAnswered => false,
            _ => return Ok(false),
        };
        if self.has(Bug::FirstDecisionIsAnswered) {
            let Some(batch) = work.batch::<Hold>() else { return Ok(false) };
            work.decide(&mut rows_for(&self.inner, now, &**work, self.bug)?, now);
            let first = batch.outcomes().unwrap();
            a_moment().await;
            self.inner.transact(now, Arc::clone(work)).await?;
            batch.answer(first);
            return Ok(true);
        }
        let mut rows = rows_for(&self.inner, now, &**work, self.bug)?;
        work.decide(&mut rows, now);
        if self.has(Bug::DecidesAgainOnTheSameRows) {
            work.decide(&mut rows, now);
        }
        if self.has(Bug::NounsAreWrittenApart) {
            for noun in Noun::ALL.iter().filter(|noun| rows.shelf(**noun).is_changed()) {
                self.inner.tamper(|all| all.shelf_mut(*noun).absorb(rows.shelf(*noun)));
                a_moment().await;
            }
            return Ok(true);
        }
        if is_late {
            a_moment().await;
        }
        self.overwrite(&rows);
        Ok(true)
    }

    async fn register(&self, now: Timestamp, new: &[NewAccount]) -> Result<Vec<Outcome<Account>>> {
        let mut outcomes = self.inner.apply(now, new).await?;
        for (outcome, new) in outcomes.iter_mut().zip(new) {
            let accounts = all(&self.inner.snapshot().accounts);
            let spelt_so = accounts.iter().any(|account| account.email == new.email);
            if self.has(Bug::AddressesHaveCase) && *outcome == Err(Refusal::EmailTaken) && !spelt_so {
                let mut elsewhere = new.clone();
                elsewhere.email = format!("x{}@example.com", accounts.len()).parse().unwrap();
                let made: Outcome<Account> = self.inner.apply_one(now, elsewhere).await?;
                *outcome = made.map(|mut account| {
                    account.email = new.email.clone();
                    account
                });
                let made = outcome.iter().cloned();
                self.inner.tamper(|rows| made.for_each(|account| rows.accounts.load_record(account)));
            }
        }
        Ok(outcomes)
    }

    async fn hold(&self, now: Timestamp, wishes: &[Hold]) -> Result<Vec<Outcome<Order>>> {
        let mut wishes = wishes.to_vec();
        let rows = self.inner.snapshot();
        match self.bug {
            Bug::BatchItemsAreBlind => {
                let mut outcomes = Vec::new();
                for wish in &wishes {
                    let mut copy = rows.clone();
                    self.inner.look(|all| set_ids(&mut copy, all));
                    outcomes.push(wish.apply(&mut copy, now));
                    self.overwrite(&copy);
                }
                return Ok(outcomes);
            }
            Bug::BatchInPieces => {
                let mut outcomes = Vec::new();
                for wish in wishes {
                    outcomes.push(self.inner.apply_one(now, wish).await?);
                    a_moment().await;
                }
                return Ok(outcomes);
            }
            Bug::BatchStopsAtTheFirstNo => {
                let mut outcomes: Vec<Outcome<Order>> = Vec::new();
                for wish in wishes {
                    match outcomes.last() {
                        Some(Err(no)) => outcomes.push(Err(no.clone())),
                        _ => outcomes.push(self.inner.apply_one(now, wish).await?),
                    }
                }
                return Ok(outcomes);
            }
            Bug::HoldForgetsItsKey => wishes.iter_mut().for_each(|wish| {
                if rows.order_by_reference(&wish.reference).is_some() {
                    wish.reference = renamed(&wish.reference, &rows);
                }
            }),
            Bug::HoldBelievesAnyContent => {
                if let [wish] = wishes.as_slice()
                    && let Some(order) = rows.order_by_reference(&wish.reference)
                {
                    return Ok(vec![Ok(order.clone())]);
                }
            }
            Bug::SalesNeverEnd => return self.inner.apply(Timestamp::UNIX_EPOCH, &wishes).await,
            Bug::TimesInMilliseconds => wishes.iter_mut().for_each(|wish| wish.hold_until = millis(wish.hold_until)),
            _ => {}
        }
        self.inner.apply(now, &wishes).await
    }

    async fn settle(&self, now: Timestamp, said: &[Settle]) -> Result<Vec<Outcome<Settlement>>> {
        let mut outcomes = Vec::new();
        for said in said {
            outcomes.push(self.pay(now, said).await?);
        }
        Ok(outcomes)
    }

    async fn pay(&self, now: Timestamp, said: &Settle) -> Result<Outcome<Settlement>> {
        let before = self.inner.snapshot();
        let Some(attempt) = before.attempts.get(&said.reference).cloned() else {
            return self.inner.apply_one(now, said.clone()).await;
        };
        let order = before.orders.get(&attempt.order_id).cloned().unwrap();
        let mut said = said.clone();
        let is_success = matches!(said.observation, Observation::Success(_));
        let add_places = |places: i64| {
            self.inner.tamper(|rows| {
                each(&mut rows.events, |event| {
                    event.stock.capacity = event.stock.capacity.map(|capacity| capacity + places);
                });
            });
        };
        match (self.bug, &mut said.observation) {
            (Bug::SettleTakesAnyAmount, Observation::Success(captured)) => {
                (captured.amount, captured.requested, captured.mode) = (attempt.amount, None, attempt.mode);
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
            (Bug::LateMoneyTakesPlacesUnasked, Observation::Success(_)) => add_places(1000),
            (Bug::SettleIssuesAgain, Observation::Success(_)) if attempt.status == AttemptStatus::Fulfilled => {
                self.inner.tamper(|rows| {
                    let again: Vec<Ticket> = rows.tickets_of(order.id).cloned().collect();
                    for (index, mut ticket) in (1000..).zip(again) {
                        let mut ids = rows.tickets.ids();
                        ticket.id = TicketId(ids.rows.next);
                        ids.rows.next += 1;
                        rows.tickets.set_ids(ids);
                        ticket.code = TicketCode::derive(&said.seed, index);
                        rows.tickets.load_record(ticket);
                    }
                });
            }
            (Bug::HoldIsExtendedForEver, Observation::Processing) => {
                self.inner.tamper(|rows| each(&mut rows.orders, |order| order.hold_extended = false));
            }
            _ => {}
        }
        let settled = self.inner.apply_one(now, said).await;
        if self.has(Bug::LateMoneyTakesPlacesUnasked) && is_success {
            add_places(-1000);
        }
        settled
    }

    async fn use_proofs(&self, now: Timestamp, uses: &[UseProof]) -> Result<Vec<Outcome<Account>>> {
        let outcomes = self.inner.apply(now, uses).await;
        self.inner.tamper(|rows| each(&mut rows.proofs, |proof| proof.used_at = None));
        outcomes
    }

    async fn set_members(&self, now: Timestamp, sets: &[SetMember]) -> Result<Vec<Outcome<Member>>> {
        let mut sets = sets.to_vec();
        if self.has(Bug::MembersGrantWhatTheyLack) {
            let before = self.inner.snapshot();
            let manages = |set: &SetMember| {
                let Actor::Person(who) = &set.actor else { return false };
                before.members.iter().any(|(_, member)| {
                    Some(member.account_id) == who.account() && member.role.permissions().has(Permission::Manage)
                })
            };
            sets.iter_mut().filter(|set| manages(set)).for_each(|set| set.actor = Actor::Operator);
            return self.inner.apply(now, &sets).await;
        }
        // A second owner, who is gone afterwards.
        let (id, account_id) = (MemberId(1 << 40), AccountId(1 << 40));
        self.inner.tamper(|rows| {
            let Some(owner) = all(&rows.members).into_iter().find(|member| member.role.name() == "owner") else {
                return;
            };
            let mut account = rows.accounts.get(&owner.account_id).unwrap().clone();
            (account.id, account.email) = (account_id, "second@example.com".parse().unwrap());
            rows.accounts.load_record(account);
            let mut second = owner;
            (second.id, second.account_id) = (id, account_id);
            rows.members.load_record(second);
        });
        let outcomes = self.inner.apply(now, &sets).await;
        self.inner.tamper(|rows| {
            rows.members.remove(&id);
            rows.accounts.remove(&account_id);
        });
        outcomes
    }

    async fn use_codes(&self, now: Timestamp, uses: &[UseCode]) -> Result<Vec<CodeOutcome>> {
        let before = self.inner.snapshot().factors;
        let outcomes = self.inner.apply(now, uses).await;
        let is_kept =
            |factor: &Factor| before.get(&factor.account_id).filter(|_| factor.confirmed_at.is_some()).cloned();
        self.inner.tamper(|rows| {
            each(&mut rows.factors, |factor| {
                let Some(before) = is_kept(factor) else { return };
                if self.has(Bug::StepsAreNotKept) {
                    factor.last_step = before.last_step;
                } else if before.confirmed_at.is_some() {
                    factor.recovery_hashes = before.recovery_hashes;
                }
            });
        });
        outcomes
    }

    async fn make_keys(&self, now: Timestamp, keys: &[MakeApiKey]) -> Result<Vec<Outcome<ApiKey>>> {
        // Whether the maker may is not asked: a key without an organisation is everybody's to make.
        let unasked = |key: &MakeApiKey| MakeApiKey { organisation_id: None, events: MemberEvents::All, ..key.clone() };
        let unasked: Vec<_> = keys.iter().map(unasked).collect();
        let mut made: Vec<Outcome<ApiKey>> = self.inner.apply(now, &unasked).await?;
        for (outcome, wanted) in made.iter_mut().zip(keys) {
            if let Ok(key) = outcome {
                (key.organisation_id, key.events) = (wanted.organisation_id, wanted.events.clone());
                let key = key.clone();
                self.inner.tamper(|rows| rows.api_keys.load_record(key));
            }
        }
        Ok(made)
    }

    async fn manage_keys(&self, now: Timestamp, manage: &[ManageApiKey]) -> Result<Vec<Outcome<ApiKey>>> {
        let outcomes = self.inner.apply(now, manage).await;
        self.inner.tamper(|rows| each(&mut rows.api_keys, |key| key.revoked_at = None));
        outcomes
    }

    async fn end_sessions(&self, now: Timestamp, ends: &[EndSession]) -> Result<Vec<bool>> {
        let outcomes = self.inner.apply(now, ends).await;
        self.inner.tamper(|rows| each(&mut rows.sessions, |session| session.ended_at = None));
        outcomes
    }

    async fn claim_polls(&self, now: Timestamp, claim: &[ClaimPolls]) -> Result<Vec<Vec<Attempt>>> {
        let before = self.inner.snapshot().attempts;
        let claimed = self.inner.apply(now, claim).await?;
        self.inner.tamper(|rows| {
            for attempt in claimed.iter().flatten().filter_map(|attempt| before.get(&attempt.reference)) {
                rows.attempts.load_record(attempt.clone());
            }
        });
        Ok(claimed)
    }

    async fn request_refunds(&self, now: Timestamp, wishes: &[RefundRequest]) -> Result<Vec<Outcome<Refund>>> {
        let mut wishes = wishes.to_vec();
        let before = self.inner.snapshot();
        if self.has(Bug::RefundForgetsItsKey) {
            wishes.iter_mut().for_each(|wish| wish.key = renamed(&wish.key, &before));
        }
        if self.has(Bug::RefundsBeyondWhatCame) {
            self.inner.tamper(|rows| {
                each(&mut rows.attempts, |attempt| {
                    if let Some(captured) = &mut attempt.captured {
                        captured.amount = attempt.amount;
                    }
                });
            });
        }
        let outcomes = self.inner.apply(now, &wishes).await;
        if self.has(Bug::RefundsBeyondWhatCame) {
            let before = all(&before.attempts).into_iter();
            self.inner.tamper(|rows| before.for_each(|attempt| rows.attempts.load_record(attempt)));
        }
        outcomes
    }

    async fn claim_refunds(&self, now: Timestamp, claim: &[ClaimRefunds]) -> Result<Vec<Vec<Refund>>> {
        let claimed = self.inner.apply(now, claim).await?;
        self.inner.tamper(|rows| {
            each(&mut rows.refunds, |refund| {
                let before = claimed.iter().flatten().find(|one| one.id == refund.id);
                refund.status = before.map_or(refund.status, |before| before.status);
            });
        });
        Ok(claimed)
    }

    async fn report_refunds(&self, now: Timestamp, reports: &[RefundReport]) -> Result<Vec<Outcome<Refund>>> {
        self.inner.tamper(|rows| {
            each(&mut rows.refunds, |refund| {
                if refund.status == RefundStatus::Processed {
                    refund.status = RefundStatus::Pending;
                }
            });
        });
        self.inner.apply(now, reports).await
    }

    async fn check_in(&self, now: Timestamp, scans: &[Scan]) -> Result<Vec<<Scan as Command>::Outcome>> {
        let mut scans = scans.to_vec();
        let rows = self.inner.snapshot();
        if self.has(Bug::ScansIgnoreTheScope) {
            for scan in &mut scans {
                let event = rows.ticket_by_code(&scan.code).and_then(|ticket| rows.events.get(&ticket.event_id));
                scan.scope = event.map(|event| Scope::own(&event.organizer));
            }
            return self.inner.apply(now, &scans).await;
        }
        for scan in &mut scans {
            if rows.check_in_by_nonce(&scan.nonce).is_some() {
                scan.nonce.push('x');
            }
        }
        self.inner.apply(now, &scans).await
    }

    async fn claim_mails(&self, now: Timestamp, claim: &[ClaimMails]) -> Result<Vec<Vec<OutboxMail>>> {
        let mut claim = claim.to_vec();
        if self.has(Bug::MailsWithoutLease) {
            claim.iter_mut().for_each(|claim| claim.lease = SignedDuration::ZERO);
        }
        let claimed = self.inner.apply(now, &claim).await?;
        if self.has(Bug::MailsAreSentBeforeTheyAre) {
            self.inner.tamper(|rows| {
                each(&mut rows.mails, |mail| {
                    if claimed.iter().flatten().any(|one| one.id == mail.id) {
                        mail.status = MailStatus::Sent;
                    }
                });
            });
        }
        Ok(claimed)
    }

    async fn report_mails(&self, now: Timestamp, reports: &[MailReport]) -> Result<Vec<Option<OutboxMail>>> {
        let mut reports = reports.to_vec();
        let rows = self.inner.snapshot();
        let newest = |id| rows.mails.get(&id).map_or(0, |mail| mail.tries);
        reports.iter_mut().for_each(|report| report.tries = newest(report.id));
        self.inner.apply(now, &reports).await
    }

    async fn receive_webhooks(&self, now: Timestamp, new: &[NewWebhook]) -> Result<Vec<(StoredWebhook, bool)>> {
        let mut new = new.to_vec();
        let known = self.inner.snapshot().webhooks.iter().count();
        new.iter_mut().for_each(|new| new.dedupe_key = format!("{}-{known}", new.dedupe_key));
        self.inner.apply(now, &new).await
    }

    async fn put_events(&self, now: Timestamp, new: &[PutEvent]) -> Result<Vec<<PutEvent as Command>::Outcome>> {
        if self.has(Bug::PastEventsAreMade) {
            return self.inner.apply(Timestamp::UNIX_EPOCH, new).await;
        }
        let mut new = new.to_vec();
        new.iter_mut().for_each(|new| new.event.starts_at = millis(new.event.starts_at));
        self.inner.apply(now, &new).await
    }
}

/// Work that is a batch of one of these kinds of command is done by a method that has one of these bugs, where it is planted.
macro_rules! by_kind {
    ($self:ident, $now:ident, $work:ident: $($command:ty => $method:ident ($($bug:ident)+);)*) => {
        $(if let (Some(batch), $(Bug::$bug)|+) = ($work.batch::<$command>() as Option<&Batch<$command>>, $self.bug) {
            batch.answer($self.$method($now, batch.commands()).await?);
            return Ok(());
        })*
    };
}

#[async_trait]
impl Storage for Planted {
    async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        by_kind!(self, now, work:
            NewAccount => register (AddressesHaveCase);
            PutEvent => put_events (TimesInMilliseconds PastEventsAreMade);
            Hold => hold (
                BatchItemsAreBlind BatchInPieces BatchStopsAtTheFirstNo HoldForgetsItsKey HoldBelievesAnyContent
                TimesInMilliseconds SalesNeverEnd
            );
            Settle => settle (
                SettleTakesAnyAmount FailedIsFinal SecondSuccessIsForgotten ReversalsAreIgnored
                LateMoneyTakesPlacesUnasked SettleIssuesAgain HoldIsExtendedForEver
            );
            ClaimPolls => claim_polls (PollsAreNotPostponed);
            RefundRequest => request_refunds (RefundForgetsItsKey RefundsBeyondWhatCame);
            ClaimRefunds => claim_refunds (ClaimedRefundsStayDue);
            RefundReport => report_refunds (ProcessedRefundsFail);
            Scan => check_in (ScanForgetsItsNonce ScansIgnoreTheScope);
            SetMember => set_members (LastOwnersLeave MembersGrantWhatTheyLack);
            ClaimMails => claim_mails (MailsWithoutLease MailsAreSentBeforeTheyAre);
            MailReport => report_mails (StaleReportsCount);
            UseProof => use_proofs (ProofsWorkTwice);
            MakeApiKey => make_keys (KeysGetWhatTheirMakersLack);
            ManageApiKey => manage_keys (RevokedKeysWork);
            UseCode => use_codes (StepsAreNotKept RecoveryCodesStay);
            EndSession => end_sessions (EndedSessionsWork);
            NewWebhook => receive_webhooks (WebhooksAreNotDeduplicated);
        );
        if self.decide(now, &work).await? {
            return Ok(());
        }
        self.inner.transact(now, work).await
    }

    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet> {
        let read = || self.inner.look(|all| read(all, LoadKeys::default(), needs, self.bug));
        let first = read()?;
        if self.has(Bug::ReadsInPieces) && needs.is_of_one_moment() {
            a_moment().await;
            let mut rows = read()?;
            rows.orders = first.orders;
            return Ok(rows);
        }
        Ok(first)
    }

    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>> {
        let mut tallies = tallies.to_vec();
        if self.has(Bug::TalliesCountEverything) {
            tallies.iter_mut().for_each(|tally| tally.all.clear());
        }
        self.inner.tally(&tallies).await
    }

    async fn forget(&self, list: &List) -> Result<u32> {
        self.inner.forget(list).await
    }

    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken> {
        self.inner.take_tokens(now, takes).await
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32> {
        self.inner.forget_tokens(now, limit).await
    }

    async fn ready(&self) -> Result<()> {
        self.inner.ready().await
    }

    async fn check(&self) -> Result<Vec<String>> {
        self.inner.check().await
    }
}

#[async_trait]
impl Storage for DecidesTwice {
    /// Decides on rows as they are now, forgets all of it, and lets the inner storage load and decide again.
    async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        work.decide(&mut rows_for(&self.0, now, &*work, Bug::None)?, now);
        // Others may change the rows in between.
        tokio::task::yield_now().await;
        self.0.transact(now, work).await
    }

    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet> {
        self.0.load(needs).await
    }

    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>> {
        self.0.tally(tallies).await
    }

    async fn forget(&self, list: &List) -> Result<u32> {
        self.0.forget(list).await
    }

    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken> {
        self.0.take_tokens(now, takes).await
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32> {
        self.0.forget_tokens(now, limit).await
    }

    async fn ready(&self) -> Result<()> {
        self.0.ready().await
    }

    async fn check(&self) -> Result<Vec<String>> {
        self.0.check().await
    }
}
