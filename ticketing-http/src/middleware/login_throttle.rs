//! Slows down password guessing, in this process's memory.

use super::bounded::Bounded;
use super::client_address::ClientAddress;
use crate::lock::lock;
use jiff::{SignedDuration, Timestamp};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

/// Failed attempts without a wait, per account and source.
const ATTEMPTS_PER_ACCOUNT: u32 = 5;
/// Failed attempts without a wait, per source over all accounts: an office shares one address.
const ATTEMPTS_PER_SOURCE: u32 = 50;
/// How long a failure counts, and the first wait.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// The longest wait.
const MAX_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// The maximum number of pairs, and of sources, that are remembered.
const MAX_ROWS: usize = 100_000;

/// Counts failed logins by account and source, and by source alone.
///
/// An account is never locked for everybody: an attacker locks out only their own source, and the owner can still log in from
/// another. The wait is 15 minutes after the fifth failure and doubles with each further one, up to an hour.
///
/// Call [`check`](Self::check) before the password is verified, then [`failed`](Self::failed) or [`succeeded`](Self::succeeded). A
/// check counts as a failure until it has succeeded, so that concurrent guesses are counted too.
#[derive(Debug)]
pub struct LoginThrottle {
    /// Accounts are kept as keyed hashes: memory holds no addresses, and their size is fixed.
    hasher: RandomState,
    pairs: Mutex<Bounded<(u64, IpAddr), Tally>>,
    sources: Mutex<Bounded<IpAddr, Tally>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    attempts: u32,
    counts_until: Timestamp,
    wait_until: Timestamp,
}

impl Tally {
    fn is_stale(&self, now: Timestamp) -> bool {
        self.counts_until <= now
    }

    fn wait(&self, now: Timestamp) -> Option<Duration> {
        Duration::try_from(self.wait_until.duration_since(now)).ok().filter(|wait| !wait.is_zero())
    }

    fn count(&mut self, limit: u32, now: Timestamp) {
        if self.is_stale(now) {
            *self = Self::default();
        }
        self.attempts += 1;
        self.arm(limit, now);
    }

    /// Starts the wait, if there is one.
    fn arm(&mut self, limit: u32, now: Timestamp) {
        self.wait_until = match self.attempts.checked_sub(limit) {
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
    /// Without failures.
    pub fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            pairs: Mutex::new(Bounded::new(MAX_ROWS)),
            sources: Mutex::new(Bounded::new(MAX_ROWS)),
        }
    }

    /// Takes one attempt, or returns how long to wait. `account` is the name that was sent, in lower case, whether or not the account
    /// exists: the response must not reveal it.
    pub fn check(&self, account: &str, source: ClientAddress, now: Timestamp) -> Result<(), Duration> {
        let mut sources = lock(&self.sources);
        let mut pairs = lock(&self.pairs);
        let by_source = sources.entry(source.group(), |tally| tally.is_stale(now));
        let by_pair = pairs.entry(self.key(account, source), |tally| tally.is_stale(now));
        if let Some(wait) = by_source.wait(now).max(by_pair.wait(now)) {
            return Err(wait);
        }
        by_source.count(ATTEMPTS_PER_SOURCE, now);
        by_pair.count(ATTEMPTS_PER_ACCOUNT, now);
        Ok(())
    }

    /// The password was wrong: starts the wait, if this attempt causes one.
    pub fn failed(&self, account: &str, source: ClientAddress, now: Timestamp) {
        if let Some(tally) = lock(&self.sources).get_mut(&source.group()) {
            tally.arm(ATTEMPTS_PER_SOURCE, now);
        }
        let key = self.key(account, source);
        if let Some(tally) = lock(&self.pairs).get_mut(&key) {
            tally.arm(ATTEMPTS_PER_ACCOUNT, now);
        }
    }

    /// The password was right: forgets the account's failures from this source, and returns the attempt to the source.
    pub fn succeeded(&self, account: &str, source: ClientAddress, now: Timestamp) {
        if let Some(tally) = lock(&self.sources).get_mut(&source.group()) {
            tally.attempts = tally.attempts.saturating_sub(1);
            tally.arm(ATTEMPTS_PER_SOURCE, now);
        }
        lock(&self.pairs).remove(&self.key(account, source));
    }

    fn key(&self, account: &str, source: ClientAddress) -> (u64, IpAddr) {
        (self.hasher.hash_one(account), source.group())
    }
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

    fn fail(throttle: &LoginThrottle, account: &str, from: ClientAddress, now: Timestamp) -> Result<(), Duration> {
        throttle.check(account, from, now)?;
        throttle.failed(account, from, now);
        Ok(())
    }

    #[test]
    fn the_wait_begins_after_five_failures_and_grows() {
        let (throttle, evil) = (LoginThrottle::new(), source("192.0.2.1"));
        for _ in 0..5 {
            fail(&throttle, ADA, evil, at(0)).unwrap();
        }
        assert_eq!(throttle.check(ADA, evil, at(0)), Err(Duration::from_secs(900)));
        fail(&throttle, ADA, evil, at(15)).unwrap();
        assert_eq!(throttle.check(ADA, evil, at(15)), Err(Duration::from_secs(1800)));
        fail(&throttle, ADA, evil, at(45)).unwrap();
        fail(&throttle, ADA, evil, at(45 + 60)).unwrap();
        assert_eq!(throttle.check(ADA, evil, at(45 + 60)), Err(Duration::from_secs(3600)));
        // After the wait and the window, everything is forgotten.
        for _ in 0..5 {
            fail(&throttle, ADA, evil, at(45 + 60 + 75)).unwrap();
        }
    }

    #[test]
    fn a_wait_affects_only_its_account_and_source() {
        let (throttle, evil, home) = (LoginThrottle::new(), source("192.0.2.1"), source("198.51.100.1"));
        while fail(&throttle, ADA, evil, at(0)).is_ok() {}
        throttle.check(ADA, home, at(0)).unwrap();
        throttle.succeeded(ADA, home, at(0));
        assert!(throttle.check(ADA, evil, at(0)).is_err());
        throttle.check("bob@example.com", evil, at(0)).unwrap();
    }

    #[test]
    fn a_source_that_guesses_many_accounts_must_wait() {
        let (throttle, evil) = (LoginThrottle::new(), source("2001:db8::1"));
        let attempts = (0..200).take_while(|n| fail(&throttle, &format!("user{n}"), evil, at(0)).is_ok()).count();
        assert_eq!(attempts, 50);
        assert!(throttle.check("another", source("2001:db8::2"), at(0)).is_err());
    }

    #[test]
    fn successful_logins_never_cause_a_wait() {
        let (throttle, office) = (LoginThrottle::new(), source("192.0.2.1"));
        for _ in 0..4 {
            fail(&throttle, ADA, office, at(0)).unwrap();
        }
        throttle.check(ADA, office, at(0)).unwrap();
        throttle.succeeded(ADA, office, at(0));
        for n in 0..500 {
            let account = format!("user{n}");
            throttle.check(&account, office, at(0)).unwrap();
            throttle.succeeded(&account, office, at(0));
        }
        fail(&throttle, ADA, office, at(0)).unwrap();
    }

    #[test]
    fn concurrent_guesses_are_counted_before_they_are_answered() {
        let (throttle, evil) = (LoginThrottle::new(), source("192.0.2.1"));
        let admitted = (0..1000).filter(|_| throttle.check(ADA, evil, at(0)).is_ok()).count();
        assert_eq!(admitted, 5);
    }
}
