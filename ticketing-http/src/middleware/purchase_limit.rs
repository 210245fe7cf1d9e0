//! How many purchases an account and a client address may begin. Without it, one account could take places, let them go and take
//! them again without end.
//!
//! Like the rate limit, a quota may be spent at once and then refills evenly. It is counted in this process's memory and, where several
//! processes share a database, there as well.

use super::bounded::Bounded;
use super::client_address::ClientAddress;
use crate::lock::lock;
use crate::problem::Problem;
use jiff::{SignedDuration, Timestamp};
use std::sync::Mutex;
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::domain::id::AccountId;
use ticketing_core::domain::limit::{Quota, Take, Taken};

/// In which time the number of purchases is allowed.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// The maximum number of accounts and addresses that are remembered.
const MAX_ROWS: usize = 100_000;
/// How long a request waits for the shared count.
const COUNT_TIMEOUT: Duration = Duration::from_secs(1);

/// How many purchases may begin in 15 minutes. `None` is no limit, and the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurchaseLimits {
    /// By one account.
    pub per_account: Option<u32>,
    /// By one client address. Addresses of one IPv6 /64 are one client.
    pub per_address: Option<u32>,
}

/// Counts purchases that begin.
#[derive(Debug)]
pub struct PurchaseLimit {
    limits: PurchaseLimits,
    /// When each quota is full again, in microseconds since 1970.
    full_at: Mutex<Bounded<String, i64>>,
}

impl PurchaseLimit {
    /// Applies these limits.
    pub fn new(limits: PurchaseLimits) -> Self {
        Self { limits, full_at: Mutex::new(Bounded::new(MAX_ROWS)) }
    }

    /// What one purchase takes from the quotas. Nothing where there are no limits. A guest has no account.
    pub fn takes(&self, account: Option<AccountId>, client: ClientAddress) -> Vec<Take> {
        let take = |key: String, limit: u32| {
            let every = WINDOW / i32::try_from(limit).unwrap_or(i32::MAX).max(1);
            Take::new(key, 1, Quota::new(limit, every))
        };
        let account = self.limits.per_account.zip(account);
        let account = account.map(|(limit, account)| take(format!("purchases account {account}"), limit));
        let address = self.limits.per_address.map(|limit| take(format!("purchases from {}", client.group()), limit));
        account.into_iter().chain(address).collect()
    }

    /// Counts a purchase that begins; an error if one of the quotas is spent.
    ///
    /// `together` counts for all processes on one database. If that fails, the count of this process must do: a limit must not stop
    /// the sale.
    pub async fn begin(&self, takes: &[Take], together: Option<&Ticketing>, now: Timestamp) -> Result<(), Problem> {
        let again_at = match self.take(takes, now) {
            Err(again_at) => Some(again_at),
            Ok(()) => match together {
                Some(ticketing) if !takes.is_empty() => refused_together(ticketing, takes).await,
                _ => None,
            },
        };
        let Some(again_at) = again_at else { return Ok(()) };
        let wait = Duration::try_from(again_at.duration_since(now)).unwrap_or_default();
        Err(Problem::new("too_many_purchases", "Too many purchases were begun. Please try again later.")
            .retry_after(wait))
    }

    /// The purchase did not begin after all.
    pub async fn give_back(&self, takes: &[Take], together: Option<&Ticketing>, now: Timestamp) {
        let back: Vec<Take> = takes.iter().cloned().map(|take| Take::new(take.key, -1, take.quota)).collect();
        let _ = self.take(&back, now);
        if let Some(ticketing) = together.filter(|_| !back.is_empty()) {
            let _ = tokio::time::timeout(COUNT_TIMEOUT, ticketing.take_tokens(&back)).await;
        }
    }

    /// Takes all or none. Otherwise says when all quotas have enough.
    fn take(&self, takes: &[Take], now: Timestamp) -> Result<(), Timestamp> {
        let (at, mut full_at) = (now.as_microsecond(), lock(&self.full_at));
        let each: Vec<Result<i64, i64>> =
            takes.iter().map(|take| take.apply(at, full_at.get_mut(&take.key).copied())).collect();
        if let Some(again_at) = each.iter().filter_map(|after| after.err()).max() {
            return Err(Timestamp::from_microsecond(again_at).unwrap_or(now));
        }
        for (take, after) in takes.iter().zip(each.into_iter().flatten()) {
            *full_at.entry(take.key.clone(), |full_at| *full_at <= at) = after;
        }
        Ok(())
    }
}

async fn refused_together(ticketing: &Ticketing, takes: &[Take]) -> Option<Timestamp> {
    match tokio::time::timeout(COUNT_TIMEOUT, ticketing.take_tokens(takes)).await {
        Ok(Ok(Taken::None { again_at })) => Some(again_at),
        Ok(Ok(Taken::All { .. })) | Err(_) => None,
        Ok(Err(error)) => {
            tracing::debug!(%error, "cannot share the limit of purchases");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::status_of;

    fn client(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    async fn begin(limit: &PurchaseLimit, account: i64, address: &str, seconds: i64) -> Result<(), Problem> {
        limit.begin(&limit.takes(Some(AccountId(account)), client(address)), None, at(seconds)).await
    }

    #[tokio::test]
    async fn an_account_spends_its_quota_from_any_address_and_gets_it_back_evenly() {
        let limit = PurchaseLimit::new(PurchaseLimits { per_account: Some(3), per_address: None });
        for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
            assert_eq!(begin(&limit, 1, address, 0).await, Ok(()));
        }
        let refused = begin(&limit, 1, "192.0.2.9", 0).await.unwrap_err();
        assert_eq!((refused.code(), refused.status()), ("too_many_purchases", status_of("too_many_requests")));
        assert_eq!(refused, refused.clone().retry_after(Duration::from_secs(300)));
        assert_eq!(begin(&limit, 2, "192.0.2.1", 0).await, Ok(()));
        assert!(begin(&limit, 1, "192.0.2.1", 299).await.is_err());
        assert_eq!(begin(&limit, 1, "192.0.2.1", 300).await, Ok(()));
    }

    #[tokio::test]
    async fn an_address_spends_its_quota_with_any_account() {
        let limit = PurchaseLimit::new(PurchaseLimits { per_account: Some(2), per_address: Some(2) });
        assert_eq!(begin(&limit, 1, "2001:db8::1", 0).await, Ok(()));
        assert_eq!(begin(&limit, 2, "2001:db8::2", 0).await, Ok(()));
        assert!(begin(&limit, 3, "2001:db8::3", 0).await.is_err());
        assert_eq!(begin(&limit, 3, "2001:db8:0:1::3", 0).await, Ok(()), "what was refused has taken nothing");
        assert_eq!(begin(&limit, 3, "192.0.2.1", 0).await, Ok(()));
    }

    #[tokio::test]
    async fn a_purchase_that_does_not_begin_is_given_back() {
        let limit = PurchaseLimit::new(PurchaseLimits { per_account: Some(1), per_address: Some(1) });
        for _ in 0..5 {
            let takes = limit.takes(Some(AccountId(1)), client("192.0.2.1"));
            assert_eq!(limit.begin(&takes, None, at(0)).await, Ok(()));
            limit.give_back(&takes, None, at(0)).await;
        }
        assert_eq!(begin(&limit, 1, "192.0.2.1", 0).await, Ok(()));
        assert!(begin(&limit, 1, "192.0.2.1", 0).await.is_err());
    }

    #[tokio::test]
    async fn without_limits_nothing_is_counted() {
        let limit = PurchaseLimit::new(PurchaseLimits::default());
        for _ in 0..1000 {
            assert_eq!(begin(&limit, 1, "192.0.2.1", 0).await, Ok(()));
        }
        assert_eq!(limit.full_at.lock().unwrap().len(), 0);
    }
}
