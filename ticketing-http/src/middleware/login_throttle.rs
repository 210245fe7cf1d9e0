//! Slows down password guessing, in this process's memory.
//!
//! Only a wrong password counts. What the server did not check, because it was busy or the client left, changes nothing.
//!
//! | limit | of whom | what it prevents |
//! |---|---|---|
//! | pair | one account from one source: 5, then a wait of 15 minutes that grows | guessing one person's password |
//! | source | all accounts from one source: 50, then one every 3 seconds | guessing anybody's password |
//! | account | one account from all sources: 50, then one every 30 seconds | guessing one person's password from many addresses |
//!
//! The limits of source and account slow guessing down, and lock nobody out: a shared address has honest people behind it, and an
//! account under attack has an owner. An account that has logged in from a source before is known there, and neither limit
//! applies to it. The owner's next log-in says how many wrong passwords were tried.

use super::bounded::Bounded;
use super::client_address::ClientAddress;
use crate::lock::lock;
use jiff::{SignedDuration, Timestamp};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;
use ticketing_core::domain::limit::{Quota, Take};

/// Wrong passwords without a wait, per account and source.
const ATTEMPTS_PER_PAIR: u32 = 5;
/// How long a wrong password counts, and the first wait.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// The longest wait.
const MAX_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// The limit of a source over all accounts.
pub(super) const SOURCE: Quota = Quota::new(50, SignedDuration::from_secs(3));
/// The limit of an account over all sources where it is not known.
pub(super) const ACCOUNT: Quota = Quota::new(50, SignedDuration::from_secs(30));
/// How long an account is known at a source after a log-in.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long to wait for other attempts that are in progress.
const IN_PROGRESS: Duration = Duration::from_secs(1);
/// The maximum number of rows of each kind that are remembered.
const MAX_ROWS: usize = 100_000;

/// Counts wrong passwords: see the module.
///
/// An account is never locked for everybody: an attacker locks out only their own source, and the owner can still log in from
/// another. The wait is 15 minutes after the fifth wrong password and doubles with each further one, up to an hour.
#[derive(Debug)]
pub struct LoginThrottle {
    /// Accounts are kept as keyed hashes: memory holds no addresses, and their size is fixed.
    hasher: RandomState,
    pairs: Mutex<Bounded<(u64, IpAddr), Tally>>,
    /// When the quota of a source is full again, in microseconds since 1970.
    sources: Mutex<Bounded<IpAddr, i64>>,
    /// The same of accounts.
    accounts: Mutex<Bounded<u64, i64>>,
    /// Until when an account is known at a source.
    known: Mutex<Bounded<(u64, IpAddr), Timestamp>>,
    /// The wrong passwords of an account since its last log-in, from all sources.
    failures: Mutex<Bounded<u64, Failures>>,
}

/// How many there were, and until when they are remembered.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    until: Timestamp,
}

/// Why an attempt is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Which limit refused it.
    pub by: Limit,
    /// When to try again.
    pub wait: Duration,
}

/// A limit of the throttle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Of an account and a source.
    Pair,
    /// Of a source.
    Source,
    /// Of an account.
    Account,
}

impl Limit {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Source => "source",
            Self::Account => "account",
        }
    }
}

/// An attempt in progress. Unless it ends in [`failed`](Self::failed) or [`succeeded`](Self::succeeded), it does not count: it is
/// taken back when dropped.
#[derive(Debug)]
pub struct Attempt<'a> {
    throttle: &'a LoginThrottle,
    account: u64,
    source: IpAddr,
    is_known: bool,
    is_decided: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    wrong: u32,
    in_progress: u32,
    counts_until: Timestamp,
    wait_until: Timestamp,
}

impl Tally {
    fn is_stale(&self, now: Timestamp) -> bool {
        self.in_progress == 0 && self.counts_until <= now
    }

    fn begin(&mut self, now: Timestamp) -> Result<(), Duration> {
        if self.counts_until <= now {
            self.wrong = 0;
        }
        let wait = Duration::try_from(self.wait_until.duration_since(now)).unwrap_or_default();
        if self.wrong >= ATTEMPTS_PER_PAIR && !wait.is_zero() {
            return Err(wait);
        }
        // Concurrent guesses count before they are answered. After a wait there is one at a time.
        let room = ATTEMPTS_PER_PAIR.saturating_sub(self.wrong).max(1);
        if self.in_progress >= room {
            return Err(IN_PROGRESS);
        }
        self.in_progress += 1;
        Ok(())
    }

    fn was_wrong(&mut self, now: Timestamp) {
        self.wrong += 1;
        self.wait_until = match self.wrong.checked_sub(ATTEMPTS_PER_PAIR) {
            Some(further) => later(now, (WINDOW * 2_i32.pow(further.min(8))).min(MAX_WAIT)),
            None => now,
        };
        self.counts_until = later(self.wait_until, WINDOW);
    }
}

impl Default for LoginThrottle {
    fn default() -> Self {
        Self::new()
    }
}

impl LoginThrottle {
    /// Without wrong passwords.
    pub fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            pairs: Mutex::new(Bounded::new(MAX_ROWS)),
            sources: Mutex::new(Bounded::new(MAX_ROWS)),
            accounts: Mutex::new(Bounded::new(MAX_ROWS)),
            known: Mutex::new(Bounded::new(MAX_ROWS)),
            failures: Mutex::new(Bounded::new(MAX_ROWS)),
        }
    }

    /// Begins an attempt, or says how long to wait. Accounts that do not exist are counted like any other: the response must not
    /// reveal them.
    pub fn begin(&self, account: &str, source: ClientAddress, now: Timestamp) -> Result<Attempt<'_>, Throttled> {
        let (account, source) = (self.hasher.hash_one(account), source.group());
        let is_known = self.is_known_at(account, source, now);
        if !is_known {
            let by_source = lock(&self.sources).get_mut(&source).copied();
            take(SOURCE, by_source, now).map_err(|wait| Throttled { by: Limit::Source, wait })?;
        }
        let mut pairs = lock(&self.pairs);
        let tally = pairs.entry((account, source), |tally| tally.is_stale(now));
        tally.begin(now).map_err(|wait| Throttled { by: Limit::Pair, wait })?;
        drop(pairs);
        // From here on, a refusal takes the attempt back.
        let mut attempt = Attempt { throttle: self, account, source, is_known: true, is_decided: false };
        if !is_known {
            let mut accounts = lock(&self.accounts);
            let full_at = accounts.entry(account, |full_at| *full_at <= now.as_microsecond());
            *full_at = take(ACCOUNT, Some(*full_at), now).map_err(|wait| Throttled { by: Limit::Account, wait })?;
            attempt.is_known = false;
        }
        Ok(attempt)
    }

    /// Whether the account has logged in from this source before.
    pub fn is_known(&self, account: &str, source: ClientAddress, now: Timestamp) -> bool {
        self.is_known_at(self.hasher.hash_one(account), source.group(), now)
    }

    fn is_known_at(&self, account: u64, source: IpAddr, now: Timestamp) -> bool {
        lock(&self.known).get_mut(&(account, source)).is_some_and(|until| *until > now)
    }

    /// Notes that the account's owner is at this source: they registered or logged in there.
    pub fn remember(&self, account: &str, source: ClientAddress, now: Timestamp) {
        self.remember_at(self.hasher.hash_one(account), source.group(), now);
    }

    fn remember_at(&self, account: u64, source: IpAddr, now: Timestamp) {
        *lock(&self.known).entry((account, source), |until| *until <= now) = later(now, KNOWN_FOR);
    }
}

impl Attempt<'_> {
    /// The password was wrong.
    pub fn failed(mut self, now: Timestamp) {
        self.is_decided = true;
        let mut sources = lock(&self.throttle.sources);
        let full_at = sources.entry(self.source, |full_at| *full_at <= now.as_microsecond());
        // Attempts of one moment may be more than the quota. They make the wait longer, up to the whole quota.
        let quota = Take::new("", 1, SOURCE);
        *full_at = quota.apply(now.as_microsecond(), Some(*full_at)).unwrap_or(*full_at);
        drop(sources);
        let mut failures = lock(&self.throttle.failures);
        let known = failures.entry(self.account, |known| known.until <= now);
        let count = if known.until <= now { 0 } else { known.count };
        *known = Failures { count: count.saturating_add(1), until: later(now, KNOWN_FOR) };
        drop(failures);
        self.with_tally(|tally| {
            tally.in_progress = tally.in_progress.saturating_sub(1);
            tally.was_wrong(now);
        });
    }

    /// The password was right: forgets the account's wrong ones from this source. Returns how many were tried since the last log-in, from
    /// all sources, within 30 days of each other.
    pub fn succeeded(mut self, now: Timestamp) -> u32 {
        self.is_decided = true;
        self.return_token();
        self.with_tally(|tally| {
            *tally = Tally { in_progress: tally.in_progress.saturating_sub(1), ..Tally::default() };
        });
        self.throttle.remember_at(self.account, self.source, now);
        let failures = lock(&self.throttle.failures).get_mut(&self.account).map(std::mem::take);
        failures.filter(|known| known.until > now).map_or(0, |known| known.count)
    }

    fn with_tally(&self, change: impl FnOnce(&mut Tally)) {
        if let Some(tally) = lock(&self.throttle.pairs).get_mut(&(self.account, self.source)) {
            change(tally);
        }
    }

    /// Returns the attempt to the account.
    fn return_token(&self) {
        if self.is_known {
            return;
        }
        if let Some(full_at) = lock(&self.throttle.accounts).get_mut(&self.account) {
            let every = i64::try_from(ACCOUNT.every.as_micros()).unwrap_or_default();
            *full_at = full_at.saturating_sub(every);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_decided {
            self.return_token();
            self.with_tally(|tally| tally.in_progress = tally.in_progress.saturating_sub(1));
        }
    }
}

/// Takes a token: when the quota is full again, or, as an error, how long to wait for one.
fn take(quota: Quota, full_at: Option<i64>, now: Timestamp) -> Result<i64, Duration> {
    let now = now.as_microsecond();
    let wait = |again_at: i64| Duration::from_micros(u64::try_from(again_at.saturating_sub(now)).unwrap_or(0));
    Take::new("", 1, quota).apply(now, full_at).map_err(wait)
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "ada@example.com";

    fn source(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn fail(throttle: &LoginThrottle, account: &str, from: ClientAddress, now: Timestamp) -> Result<(), Throttled> {
        throttle.begin(account, from, now)?.failed(now);
        Ok(())
    }

    fn succeed(throttle: &LoginThrottle, account: &str, from: ClientAddress, now: Timestamp) -> Result<(), Throttled> {
        let _failures = throttle.begin(account, from, now)?.succeeded(now);
        Ok(())
    }

    fn waits(by: Limit, seconds: u64) -> Throttled {
        Throttled { by, wait: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_wait_begins_after_five_failures_and_grows() {
        let (throttle, evil) = (LoginThrottle::new(), source("192.0.2.1"));
        for _ in 0..5 {
            fail(&throttle, ADA, evil, at(0)).unwrap();
        }
        assert_eq!(throttle.begin(ADA, evil, at(0)).unwrap_err(), waits(Limit::Pair, 900));
        fail(&throttle, ADA, evil, at(15)).unwrap();
        assert_eq!(throttle.begin(ADA, evil, at(15)).unwrap_err(), waits(Limit::Pair, 1800));
        fail(&throttle, ADA, evil, at(45)).unwrap();
        fail(&throttle, ADA, evil, at(45 + 60)).unwrap();
        assert_eq!(throttle.begin(ADA, evil, at(45 + 60)).unwrap_err(), waits(Limit::Pair, 3600));
        // After the wait and the window, everything is forgotten.
        for _ in 0..5 {
            fail(&throttle, ADA, evil, at(45 + 60 + 75)).unwrap();
        }
    }

    #[test]
    fn the_owner_learns_how_many_wrong_passwords_were_tried_from_anywhere() {
        let (throttle, evil, home) = (LoginThrottle::new(), source("192.0.2.1"), source("198.51.100.1"));
        let log_in = |now| throttle.begin(ADA, home, now).unwrap().succeeded(now);
        assert_eq!(log_in(at(0)), 0);
        for from in [evil, evil, source("192.0.2.2"), home] {
            fail(&throttle, ADA, from, at(1)).unwrap();
        }
        fail(&throttle, "bob@example.com", evil, at(1)).unwrap();
        assert_eq!(log_in(at(2)), 4);
        assert_eq!(log_in(at(3)), 0, "each is told once");
        fail(&throttle, ADA, evil, at(4)).unwrap();
        assert_eq!(log_in(at(4 + 30 * 24 * 60)), 0, "it is forgotten after 30 days");
    }

    #[test]
    fn a_wait_affects_only_its_account_and_source() {
        let (throttle, evil, home) = (LoginThrottle::new(), source("192.0.2.1"), source("198.51.100.1"));
        while fail(&throttle, ADA, evil, at(0)).is_ok() {}
        succeed(&throttle, ADA, home, at(0)).unwrap();
        assert!(throttle.begin(ADA, evil, at(0)).is_err());
        assert!(throttle.begin("bob@example.com", evil, at(0)).is_ok());
    }

    #[test]
    fn what_was_not_decided_does_not_count() {
        let (throttle, home) = (LoginThrottle::new(), source("192.0.2.1"));
        for _ in 0..1000 {
            // The server was busy, or the client has left.
            drop(throttle.begin(ADA, home, at(0)).unwrap());
        }
        for _ in 0..4 {
            fail(&throttle, ADA, home, at(0)).unwrap();
            drop(throttle.begin(ADA, home, at(0)).unwrap());
        }
        succeed(&throttle, ADA, home, at(0)).unwrap();
    }

    #[test]
    fn a_source_that_guesses_many_accounts_is_slowed() {
        let (throttle, evil) = (LoginThrottle::new(), source("2001:db8::1"));
        let attempts = (0..200).take_while(|n| fail(&throttle, &format!("user{n}"), evil, at(0)).is_ok()).count();
        assert_eq!(attempts, 50);
        let neighbour = source("2001:db8::2");
        assert_eq!(throttle.begin("another", neighbour, at(0)).unwrap_err(), waits(Limit::Source, 3));
        let soon = at(0).checked_add(SignedDuration::from_secs(3)).unwrap();
        fail(&throttle, "another", evil, soon).unwrap();
        assert!(throttle.begin("another", evil, soon).is_err(), "one every three seconds");
    }

    #[test]
    fn bystanders_at_the_address_of_an_attacker_are_served() {
        let (throttle, shared) = (LoginThrottle::new(), source("192.0.2.1"));
        succeed(&throttle, "bob", shared, at(0)).unwrap();
        throttle.remember("eve", shared, at(0));
        let mut guesses = 0;
        while fail(&throttle, &format!("user{guesses}"), shared, at(1)).is_ok() {
            guesses += 1;
        }
        for known in ["bob", "eve"] {
            fail(&throttle, known, shared, at(1)).unwrap();
            succeed(&throttle, known, shared, at(1)).unwrap();
        }
        // Somebody new waits seconds and not minutes.
        assert_eq!(throttle.begin(ADA, shared, at(1)).unwrap_err(), waits(Limit::Source, 3));
        let soon = at(1).checked_add(SignedDuration::from_secs(3)).unwrap();
        succeed(&throttle, ADA, shared, soon).unwrap();
        assert!(!throttle.is_known("bob", shared, at(31 * 24 * 60)));
    }

    #[test]
    fn an_account_that_many_sources_guess_is_slowed_but_not_for_its_owner() {
        let (throttle, home) = (LoginThrottle::new(), source("198.51.100.1"));
        succeed(&throttle, ADA, home, at(0)).unwrap();
        let from = |n: u8| source(&format!("192.0.2.{n}"));
        let attempts = (0..=255).filter(|n| fail(&throttle, ADA, from(*n), at(0)).is_ok()).count();
        assert_eq!(attempts, 50);
        let away = source("203.0.113.1");
        assert_eq!(throttle.begin(ADA, away, at(0)).unwrap_err(), waits(Limit::Account, 30));
        assert!(throttle.begin("bob", away, at(0)).is_ok(), "other accounts are not concerned");
        for _ in 0..4 {
            fail(&throttle, ADA, home, at(0)).unwrap();
        }
        succeed(&throttle, ADA, home, at(0)).unwrap();
        assert_eq!(throttle.begin(ADA, away, at(0)).unwrap_err(), waits(Limit::Account, 30), "that takes nothing back");
        let soon = at(0).checked_add(SignedDuration::from_secs(30)).unwrap();
        succeed(&throttle, ADA, away, soon).unwrap();
    }

    #[test]
    fn successful_logins_never_cause_a_wait() {
        let (throttle, office) = (LoginThrottle::new(), source("192.0.2.1"));
        for _ in 0..4 {
            fail(&throttle, ADA, office, at(0)).unwrap();
        }
        succeed(&throttle, ADA, office, at(0)).unwrap();
        for n in 0..500 {
            succeed(&throttle, &format!("user{n}"), office, at(0)).unwrap();
        }
        // All at once, as when a sale begins.
        let names: Vec<String> = (0..500).map(|n| format!("guest{n}")).collect();
        let storm: Vec<_> = names.iter().map(|name| throttle.begin(name, office, at(0)).unwrap()).collect();
        let told: u32 = storm.into_iter().map(|attempt| attempt.succeeded(at(0))).sum();
        assert_eq!(told, 0);
        for n in 0..200 {
            succeed(&throttle, ADA, source(&format!("198.51.100.{n}")), at(0)).unwrap();
        }
        fail(&throttle, ADA, office, at(0)).unwrap();
    }

    #[test]
    fn concurrent_guesses_are_counted_before_they_are_answered() {
        let (throttle, evil) = (LoginThrottle::new(), source("192.0.2.1"));
        let guesses: Vec<_> = (0..1000).map(|_| throttle.begin(ADA, evil, at(0))).collect();
        assert_eq!(guesses.iter().filter(|guess| guess.is_ok()).count(), 5);
        // Nothing is decided yet: perhaps one of the five is right.
        assert_eq!(guesses[5].as_ref().unwrap_err(), &waits(Limit::Pair, 1));
        guesses.into_iter().flatten().for_each(|guess| guess.failed(at(0)));
        assert_eq!(throttle.begin(ADA, evil, at(0)).unwrap_err(), waits(Limit::Pair, 900));
        // After the wait there is one at a time.
        let one = throttle.begin(ADA, evil, at(15)).unwrap();
        assert_eq!(throttle.begin(ADA, evil, at(15)).unwrap_err(), waits(Limit::Pair, 1));
        one.failed(at(15));
        assert_eq!(throttle.begin(ADA, evil, at(15)).unwrap_err(), waits(Limit::Pair, 1800));
    }
}
