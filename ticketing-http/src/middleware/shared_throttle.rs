//! Slows down password guessing, with counts that all processes share through their database.
//!
//! The limits of [`login_throttle`](super::login_throttle), as token buckets that a database updates in one statement.

use super::client_address::ClientAddress;
use super::login_throttle::{ACCOUNT, Limit, SOURCE, Throttled};
use crate::hex::hex;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::domain::limit::{Quota, Take, Taken};

/// Of an account and a source: five attempts, then one every 15 minutes; after seven, one every hour.
const PAIR: [Quota; 2] = [Quota::new(5, SignedDuration::from_mins(15)), Quota::new(7, SignedDuration::from_hours(1))];
/// The token that an account's log-in at a source takes. While it is missing, the account is known there.
const KNOWN: Quota = Quota::new(1, SignedDuration::from_hours(30 * 24));
/// Clocks may differ by less than this.
const CLOCKS: SignedDuration = SignedDuration::from_hours(1);

/// How long a login waits for the count.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);

/// What is counted for an account and a source.
#[derive(Clone, Debug)]
pub struct SharedThrottle {
    ticketing: Ticketing,
    pair: String,
    source: String,
    account: String,
}

/// An attempt in progress. Unless it ends in [`failed`](Self::failed) or [`succeeded`](Self::succeeded), it does not count: it is
/// taken back when dropped.
#[derive(Debug)]
pub struct SharedAttempt {
    throttle: SharedThrottle,
    is_known: bool,
    is_decided: bool,
}

impl SharedThrottle {
    /// Names are stored as keyed hashes, so that the database holds no addresses here.
    pub fn new(ticketing: Ticketing, mac: Hmac<Sha256>, account: &str, source: ClientAddress) -> Self {
        let hash = |text: String| {
            let mut mac = mac.clone();
            mac.update(text.as_bytes());
            hex(&mac.finalize().into_bytes()[..16])
        };
        let source = source.group();
        Self {
            ticketing,
            pair: hash(format!("log-in {source} {account}")),
            source: hash(format!("log-in {source}")),
            account: hash(format!("log-in of {account}")),
        }
    }

    /// Begins an attempt, or says how long to wait. If the database is unavailable, nobody can log in anyway.
    pub async fn begin(self, is_known: bool, now: Timestamp) -> Result<SharedAttempt, Throttled> {
        let is_known = is_known || self.is_known(now).await;
        let attempt = SharedAttempt { throttle: self, is_known, is_decided: false };
        match attempt.throttle.take(&attempt.takes(1, 1, 0)).await {
            Some(Taken::None { again_at }) => {
                let wait = Duration::try_from(again_at.duration_since(now)).unwrap_or_default();
                // Nothing was taken.
                attempt.forget();
                let by = if wait <= LONGEST_OF_ACCOUNT { Limit::Account } else { Limit::Pair };
                Err(Throttled { by, wait })
            }
            Some(Taken::All { full_at }) if !is_known => match source_wait(&full_at, now) {
                Some(wait) => Err(Throttled { by: Limit::Source, wait }),
                None => Ok(attempt),
            },
            _ => Ok(attempt),
        }
    }

    /// Whether the account has logged in from this source at any process.
    async fn is_known(&self, now: Timestamp) -> bool {
        let none = Take::new(format!("known {}", self.pair), 0, KNOWN);
        match self.take(&[none]).await {
            Some(Taken::All { full_at }) => full_at.first().is_some_and(|at| at.duration_since(now) > CLOCKS),
            _ => false,
        }
    }

    /// Notes that the account's owner is at this source: they registered or logged in there.
    pub async fn remember(&self) {
        let _ = self.take(&[Take::new(format!("known {}", self.pair), 1, KNOWN)]).await;
    }

    async fn take(&self, takes: &[Take]) -> Option<Taken> {
        tokio::time::timeout(COUNT_TIMEOUT, self.ticketing.take_tokens(takes)).await.ok()?.ok()
    }
}

/// How long an account's limit makes anybody wait at most.
const LONGEST_OF_ACCOUNT: Duration = Duration::from_secs(30);

/// How long the source has to wait. Its quota comes last, and nothing was taken from it: only wrong passwords count, and many people
/// at one address may log in at the same moment.
fn source_wait(full_at: &[Timestamp], now: Timestamp) -> Option<Duration> {
    let now = now.as_microsecond();
    let again_at = Take::new("", 1, SOURCE).apply(now, full_at.last().map(|at| at.as_microsecond())).err()?;
    u64::try_from(again_at.saturating_sub(now)).ok().map(Duration::from_micros)
}

impl SharedAttempt {
    /// The source comes last.
    fn takes(&self, of_pair: i32, of_account: i32, of_source: i32) -> Vec<Take> {
        let SharedThrottle { pair, source, account, .. } = &self.throttle;
        let mut takes = vec![
            Take::new(format!("tries {pair}"), of_pair, PAIR[0]),
            Take::new(format!("more tries {pair}"), of_pair, PAIR[1]),
        ];
        if !self.is_known {
            takes.push(Take::new(format!("tries of {account}"), of_account, ACCOUNT));
            takes.push(Take::new(format!("tries {source}"), of_source, SOURCE));
        }
        takes
    }

    /// The password was wrong: the attempt counts, also for the source.
    pub async fn failed(self) {
        let source = Take::new(format!("tries {}", self.throttle.source), 1, SOURCE);
        let throttle = self.throttle.clone();
        self.forget();
        let _ = throttle.take(&[source]).await;
    }

    /// The password was right: forgets the account's failures from this source, and returns the attempt to the account.
    pub async fn succeeded(mut self) {
        self.is_decided = true;
        let _ = self.throttle.take(&self.takes(-100, -1, 0)).await;
        if !self.is_known {
            self.throttle.remember().await;
        }
    }

    fn forget(mut self) {
        self.is_decided = true;
    }
}

impl Drop for SharedAttempt {
    /// Given back by a task of its own, because the request may be gone.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.is_decided {
            let (throttle, takes) = (self.throttle.clone(), self.takes(-1, -1, 0));
            runtime.spawn(async move { throttle.take(&takes).await });
        }
    }
}
