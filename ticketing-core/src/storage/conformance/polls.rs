use super::shop::{Shop, granted};
use crate::domain::payment::ClaimPolls;
use crate::domain::payment::{Attempt, AttemptStatus, CheckoutResult, Observation, POLL_FOR, Settlement};
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

async fn claim(shop: &Shop) -> Vec<Attempt> {
    shop.storage.apply_one(shop.now(), ClaimPolls { limit: 100 }).await.unwrap()
}

/// Moves the clock to this time.
fn wait_until(shop: &Shop, at: Timestamp) {
    shop.wait(at.duration_since(shop.now()));
}

pub async fn an_open_attempt_is_polled_with_backoff_until_it_lapses(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let mut attempt = shop.attempt(&order).await;
    let mut gap = SignedDuration::ZERO;
    let mut asked = 0;
    loop {
        let poll = attempt.poll.unwrap();
        let waited = poll.at.duration_since(shop.now());
        assert!(waited >= gap && waited <= SignedDuration::from_hours(1), "{waited:#} after {gap:#}");
        gap = waited;
        wait_until(&shop, poll.at - SignedDuration::from_micros(1));
        assert_eq!(claim(&shop).await, [], "not before its time");
        shop.wait(SignedDuration::from_micros(1));
        let claimed = claim(&shop).await;
        asked += 1;
        attempt = shop.attempt_now(&attempt).await;
        assert_eq!(claimed, [attempt.clone()]);
        assert_eq!(attempt.poll.unwrap().count, asked);
        assert_eq!(claim(&shop).await, [], "nobody else asks meanwhile");
        if shop.now().duration_since(attempt.created_at) >= POLL_FOR {
            break;
        }
    }
    assert!((50..200).contains(&asked), "{asked} questions");
    // Without a report of the gateway, the attempt stays open.
    shop.wait(POLL_FOR);
    assert_eq!(claim(&shop).await.len(), 1);
    assert_ne!(shop.attempt_now(&attempt).await.status, AttemptStatus::Lapsed);
    shop.observe(&attempt, Observation::Open).await;
    let lapsed = shop.attempt_now(&attempt).await;
    assert_eq!((lapsed.status, lapsed.poll), (AttemptStatus::Lapsed, None));
    assert!(shop.payment(&order).await.audit.iter().any(|line| line.action == "attempt.lapsed"));
    shop.wait(POLL_FOR);
    assert_eq!(claim(&shop).await, []);

    // A webhook after all that still settles it.
    shop.observe(&attempt, Observation::Open).await;
    assert_eq!(shop.attempt_now(&attempt).await.status, AttemptStatus::Lapsed);
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
}

pub async fn an_attempt_is_polled_whatever_the_status_of_its_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    shop.let_expire(&order).await;
    let claimed = claim(&shop).await;
    assert_eq!(claimed.iter().map(|one| &one.reference).collect::<Vec<_>>(), [&attempt.reference]);
}

pub async fn a_decided_attempt_is_not_polled(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.buy(&event, 1).await;
    let dropped = shop.created(&shop.hold(&event, 1).await).await;
    let result = CheckoutResult::NotOpened { reason: "refused".to_owned(), release: false };
    granted(shop.report_checkout(&dropped, result).await);
    let reversed = shop.attempt(&shop.hold(&event, 1).await).await;
    shop.observe(&reversed, Observation::Reversed).await;
    let failed = shop.attempt(&shop.hold(&event, 1).await).await;
    shop.observe(&failed, Observation::Failed).await;
    let unknown = shop.created(&shop.hold(&event, 1).await).await;
    granted(shop.report_checkout(&unknown, CheckoutResult::Unknown).await);
    shop.wait(SignedDuration::from_hours(1));
    let claimed: Vec<_> = claim(&shop).await.into_iter().map(|attempt| attempt.reference).collect();
    assert_eq!(claimed, [failed.reference, unknown.reference], "a failure may flip, and the unknown become known");
}

pub async fn the_most_overdue_attempts_are_polled_first(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(shop.attempt(&shop.hold(&event, 1).await).await.reference);
        shop.wait(SignedDuration::from_micros(1));
    }
    shop.wait(SignedDuration::from_mins(1));
    let now = shop.now();
    let claim = async |limit| -> Vec<_> {
        let claimed = shop.storage.apply_one(now, ClaimPolls { limit }).await.unwrap();
        claimed.into_iter().map(|attempt| attempt.reference).collect()
    };
    assert_eq!(claim(0).await, []);
    assert_eq!(claim(2).await, made[..2]);
    assert_eq!(claim(2).await, made[2..]);
    assert_eq!(claim(2).await, []);
}
