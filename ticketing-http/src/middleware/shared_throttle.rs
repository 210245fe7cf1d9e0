//! Slows down password guessing, with counts that all processes share through their database.
//!
//! The limits of [`login_throttle`](super::login_throttle), as token buckets that a database updates in one statement.

use super::client_address::ClientAddress;
use crate::hex::hex;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::domain::limit::{Quota, Take, Taken};

/// Five attempts, then one every 15 minutes; after seven, one every hour.
const ACCOUNT: [Quota; 2] =
    [Quota::new(5, SignedDuration::from_mins(15)), Quota::new(7, SignedDuration::from_hours(1))];
/// Per source over all accounts: an office shares one address.
const SOURCE: Quota = Quota::new(50, SignedDuration::from_mins(15));

/// How long a login waits for the count.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);

/// The attempts for one account from one source.
#[derive(Clone, Debug)]
pub struct SharedThrottle {
    account: String,
    source: String,
}

impl SharedThrottle {
    /// Names are stored as keyed hashes, so that the database holds no addresses here.
    pub fn new(mac: Hmac<Sha256>, account: &str, source: ClientAddress) -> Self {
        let hash = |text: String| {
            let mut mac = mac.clone();
            mac.update(text.as_bytes());
            hex(&mac.finalize().into_bytes()[..16])
        };
        let source = source.group();
        Self { account: hash(format!("log-in {source} {account}")), source: hash(format!("log-in {source}")) }
    }

    /// Takes one attempt, or returns how long to wait. If the database is unavailable, nobody can log in anyway.
    pub async fn check(&self, ticketing: &Ticketing, now: Timestamp) -> Result<(), Duration> {
        match tokio::time::timeout(COUNT_TIMEOUT, ticketing.take_tokens(&self.takes([1, 1, 1]))).await {
            Ok(Ok(Taken::None { again_at })) => {
                Err(Duration::try_from(again_at.duration_since(now)).unwrap_or_default())
            }
            _ => Ok(()),
        }
    }

    /// The password was right: forgets the account's failures from this source, and returns the attempt to the source.
    pub async fn succeeded(&self, ticketing: &Ticketing) {
        let _ = tokio::time::timeout(COUNT_TIMEOUT, ticketing.take_tokens(&self.takes([-100, -100, -1]))).await;
    }

    fn takes(&self, counts: [i32; 3]) -> [Take; 3] {
        let take = |key: String, count, quota| Take::new(key, count, quota);
        [
            take(format!("tries {}", self.account), counts[0], ACCOUNT[0]),
            take(format!("more tries {}", self.account), counts[1], ACCOUNT[1]),
            take(format!("tries {}", self.source), counts[2], SOURCE),
        ]
    }
}
