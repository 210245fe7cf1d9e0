//! The rate limit of each client: GCRA, in this process's memory.
//!
//! A full quota may be spent at once; then it refills evenly, without window edges. Several processes on one database first count
//! in memory, which is cheap, and then together in the database.
//!
//! Why not the crate `governor`: quotas are shared through the database, responses have exact `RateLimit-*` headers, memory is
//! bounded, and poem has no tower middleware.

use super::bounded::Bounded;
use super::client_address::ClientAddress;
use crate::lock::lock;
use crate::problem::Problem;
use jiff::{SignedDuration, Timestamp};
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::domain::limit::{self, Take, Taken};

/// The maximum number of clients that are remembered: about 5 MB.
const MAX_CLIENTS: usize = 100_000;

/// A number of requests per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The number of requests; never 0.
    pub requests: u32,
    /// The window; never zero.
    pub window: Duration,
}

/// Counts requests by client. Addresses of one IPv6 /64 are one client.
#[derive(Debug)]
pub struct RateLimit {
    quota: Quota,
    window_us: i64,
    interval_us: i64,
    /// When each client's quota is full again, in microseconds since 1970.
    full_at: Mutex<Bounded<IpAddr, i64>>,
}

impl RateLimit {
    /// Like [`check`](Self::check), but counted by all processes on one database together. `None` if the database is unavailable: then
    /// the count of this process must do, because a failing limit must not take the server down.
    pub async fn check_together(
        &self,
        client: ClientAddress,
        ticketing: &Ticketing,
        now: Timestamp,
    ) -> Option<Result<Standing, Standing>> {
        let every = SignedDuration::from_micros(self.interval_us);
        let quota = limit::Quota::new(self.quota.requests, every);
        let take = Take::new(format!("requests {}", client.group()), 1, quota);
        let taken = match tokio::time::timeout(COUNT_TIMEOUT, ticketing.take_tokens(&[take])).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot share the rate limit");
                return None;
            }
            Err(_) => return None,
        };
        let standing = |until: Timestamp, remaining| Standing {
            quota: self.quota,
            remaining,
            reset: Duration::try_from(until.duration_since(now)).unwrap_or_default(),
        };
        Some(match taken {
            Taken::None { again_at } => Err(standing(again_at, 0)),
            Taken::All { full_at } => {
                let full_at = full_at.first().copied().unwrap_or(now);
                let left = (now.as_microsecond() + self.window_us - full_at.as_microsecond()) / self.interval_us;
                Ok(standing(full_at, u32::try_from(left).unwrap_or(0)))
            }
        })
    }
}

/// How long a request waits for the shared count.
const COUNT_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of a client's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    quota: Quota,
    remaining: u32,
    reset: Duration,
}

impl RateLimit {
    /// Limits every client to `quota`.
    pub fn new(quota: Quota) -> Self {
        let window_us = i64::try_from(quota.window.as_micros()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4);
        let interval_us = (window_us / i64::from(quota.requests.max(1))).max(1);
        Self { quota, window_us, interval_us, full_at: Mutex::new(Bounded::new(MAX_CLIENTS)) }
    }

    /// Counts a request: `Err` if the client has exceeded its quota.
    pub fn check(&self, client: ClientAddress, now: Timestamp) -> Result<Standing, Standing> {
        let now = now.as_microsecond();
        let mut full_at = lock(&self.full_at);
        let row = full_at.entry(client.group(), |full_at| *full_at <= now);
        // The upper bound handles a clock that was set back: nobody waits longer than a window.
        let before = (*row).clamp(now, now + self.window_us);
        let after = before + self.interval_us;
        let allowed = after <= now + self.window_us;
        *row = if allowed { after } else { before };
        let left = u32::try_from((now + self.window_us - *row) / self.interval_us).unwrap_or(0);
        let standing = |reset_us: i64| Standing {
            quota: self.quota,
            remaining: if allowed { left } else { 0 },
            reset: Duration::from_micros(u64::try_from(reset_us).unwrap_or(0)),
        };
        if allowed { Ok(standing(*row - now)) } else { Err(standing(after - self.window_us - now)) }
    }
}

impl Standing {
    /// When the next request is allowed, or the quota is full again.
    pub fn reset(&self) -> Duration {
        self.reset
    }

    /// The response to a client that must wait.
    pub fn problem(&self) -> Problem {
        Problem::new("too_many_requests", "Too many requests. Please try again later.").retry_after(self.reset)
    }

    /// Adds the `RateLimit-*` headers.
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        let seconds = |duration: Duration| duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
        let mut set = |name: &'static str, value: u64| {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        };
        set("ratelimit-limit", self.quota.requests.into());
        set("ratelimit-remaining", self.remaining.into());
        set("ratelimit-reset", seconds(self.reset));
        let policy = format!("{};w={}", self.quota.requests, seconds(self.quota.window));
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(HeaderName::from_static("ratelimit-policy"), policy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    fn limit(requests: u32, seconds: u64) -> RateLimit {
        RateLimit::new(Quota { requests, window: Duration::from_secs(seconds) })
    }

    #[test]
    fn a_quota_may_be_spent_at_once_and_refills_evenly() {
        let limit = limit(100, 60);
        let a = client("192.0.2.1");
        for left in (0..100).rev() {
            assert_eq!(limit.check(a, at(0)).unwrap().remaining, left);
        }
        assert_eq!(limit.check(a, at(0)).unwrap_err().reset(), Duration::from_millis(600));
        assert!(limit.check(a, at(599)).is_err());
        assert!(limit.check(a, at(600)).is_ok());
        assert!(limit.check(a, at(600)).is_err());
        assert!(limit.check(client("192.0.2.2"), at(600)).is_ok());
        assert_eq!(limit.check(a, at(120_000)).unwrap().remaining, 99);
    }

    #[test]
    fn an_ipv6_prefix_is_one_client() {
        let limit = limit(1, 60);
        assert!(limit.check(client("2001:db8::1"), at(0)).is_ok());
        assert!(limit.check(client("2001:db8::2"), at(0)).is_err());
        assert!(limit.check(client("2001:db8:0:1::1"), at(0)).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lock_clients_out() {
        let limit = limit(10, 60);
        let a = client("192.0.2.1");
        assert!(limit.check(a, at(10_000_000)).is_ok());
        assert!(limit.check(a, at(0)).unwrap_err().reset() <= Duration::from_secs(6));
        assert!(limit.check(a, at(6_000)).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let limit = limit(1, 60);
        for number in 0..105_000_u32 {
            let _ = limit.check(ClientAddress(IpAddr::from(number.to_be_bytes())), at(0));
        }
        assert!(limit.full_at.lock().unwrap().len() <= MAX_CLIENTS);
    }

    proptest! {
        #[test]
        fn no_window_ever_sees_more_than_two_quotas(gaps in prop::collection::vec(0i64..5_000, 1..200)) {
            let limit = limit(5, 10);
            let (mut now, mut admitted) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if limit.check(client("192.0.2.1"), at(now)).is_ok() {
                    admitted.push(now);
                }
                let recent = admitted.iter().filter(|&&then| then > now - 10_000).count();
                prop_assert!(recent <= 10);
            }
        }
    }
}
