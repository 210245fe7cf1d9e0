//! How often somebody may guess a password, counted by all processes on one database together.
//!
//! The same limits as [`login_throttle`](super::login_throttle), in numbers that a database counts in one statement.

use super::client_address::ClientAddress;
use crate::hex::hex;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::domain::limit::{Quota, Take, Taken};

/// Five guesses, then one every quarter of an hour; but after seven only one every hour. So the wait grows.
const ACCOUNT: [Quota; 2] = [
    Quota { burst: 5, every: SignedDuration::from_mins(15) },
    Quota { burst: 7, every: SignedDuration::from_hours(1) },
];
/// Whatever the account: an office shares one address.
const SOURCE: Quota = Quota { burst: 50, every: SignedDuration::from_mins(15) };

/// How long a log-in waits to be counted.
const PATIENCE: Duration = Duration::from_secs(2);

/// The tries of one account from one source.
#[derive(Clone, Debug)]
pub struct SharedThrottle {
    account: String,
    source: String,
}

impl SharedThrottle {
    /// Names are kept as keyed hashes: no addresses of people lie around.
    pub fn new(mac: Hmac<Sha256>, account: &str, source: ClientAddress) -> Self {
        let hash = |text: String| {
            let mut mac = mac.clone();
            mac.update(text.as_bytes());
            hex(&mac.finalize().into_bytes()[..16])
        };
        let source = source.group();
        Self { account: hash(format!("log-in {source} {account}")), source: hash(format!("log-in {source}")) }
    }

    /// Takes one try; if there is none left, says how long to wait. Where the database cannot be asked, nobody can log in
    /// anyway.
    pub async fn check(&self, ticketing: &Ticketing, now: Timestamp) -> Result<(), Duration> {
        match tokio::time::timeout(PATIENCE, ticketing.take_tokens(&self.takes([1, 1, 1]))).await {
            Ok(Ok(Taken::None { again_at })) => {
                Err(Duration::try_from(again_at.duration_since(now)).unwrap_or_default())
            }
            _ => Ok(()),
        }
    }

    /// The password was right: forgets the account's failures from this source, and gives the source its try back.
    pub async fn succeeded(&self, ticketing: &Ticketing) {
        let _ = tokio::time::timeout(PATIENCE, ticketing.take_tokens(&self.takes([-100, -100, -1]))).await;
    }

    fn takes(&self, counts: [i32; 3]) -> [Take; 3] {
        let take = |key: String, count, quota| Take { key, count, quota };
        [
            take(format!("tries {}", self.account), counts[0], ACCOUNT[0]),
            take(format!("more tries {}", self.account), counts[1], ACCOUNT[1]),
            take(format!("tries {}", self.source), counts[2], SOURCE),
        ]
    }
}
