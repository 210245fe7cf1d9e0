use super::shop::Shop;
use crate::domain::limit::{Quota, Take, Taken};
use crate::storage::Storage;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const EVERY: SignedDuration = SignedDuration::from_secs(10);

/// A quota of three tokens that refills one every ten seconds.
fn take(key: &str, count: i32) -> Take {
    Take { key: key.to_owned(), count, quota: Quota { burst: 3, every: EVERY } }
}

fn all(full_at: impl Into<Vec<Timestamp>>) -> Taken {
    Taken::All { full_at: full_at.into() }
}

pub async fn a_quota_may_be_spent_at_once_and_refills_evenly(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let start = shop.now();
    let ask = async |count| shop.storage.take_tokens(shop.now(), &[take("a", count)]).await.unwrap();
    assert_eq!(ask(4).await, Taken::None { again_at: start + EVERY }, "more than there ever is");
    for number in 1..=3 {
        assert_eq!(ask(1).await, all([start + EVERY * number]));
    }
    assert_eq!(ask(1).await, Taken::None { again_at: start + EVERY });
    assert_eq!(shop.storage.take_tokens(start, &[take("b", 1)]).await.unwrap(), all([start + EVERY]), "another key");
    shop.wait(EVERY - SignedDuration::from_micros(1));
    assert_eq!(ask(1).await, Taken::None { again_at: start + EVERY });
    shop.wait(SignedDuration::from_micros(1));
    assert_eq!(ask(1).await, all([start + EVERY * 4]));
    assert_eq!(ask(1).await, Taken::None { again_at: start + EVERY * 2 });
    shop.wait(EVERY * 100);
    assert_eq!(ask(3).await, all([shop.now() + EVERY * 3]), "no more than a full quota gathers");
    // If another machine's clock is far behind, nobody is locked out for long.
    let behind = start - EVERY * 1000;
    let taken = shop.storage.take_tokens(behind, &[take("a", 1)]).await.unwrap();
    assert_eq!(taken, Taken::None { again_at: behind + EVERY });
}

pub async fn several_quotas_give_all_or_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let now = shop.now();
    let ask = async |requests: &[Take]| shop.storage.take_tokens(now, requests).await.unwrap();
    assert_eq!(ask(&[]).await, all([]));
    assert_eq!(ask(&[take("b", 2), take("a", 3)]).await, all([now + EVERY * 2, now + EVERY * 3]), "in order of asking");
    assert_eq!(ask(&[take("b", 1), take("a", 1)]).await, Taken::None { again_at: now + EVERY });
    assert_eq!(ask(&[take("a", 1), take("new", 1)]).await, Taken::None { again_at: now + EVERY });
    assert_eq!(ask(&[take("new", 1), take("b", 1)]).await, all([now + EVERY, now + EVERY * 3]), "nothing was taken");
}

pub async fn tokens_are_returned_and_full_quotas_forgotten(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let start = shop.now();
    let ask = async |key: &str, count| shop.storage.take_tokens(shop.now(), &[take(key, count)]).await.unwrap();
    let forget = async |limit| shop.storage.forget_tokens(shop.now(), limit).await.unwrap();
    assert_eq!(ask("a", 3).await, all([start + EVERY * 3]));
    assert_eq!(ask("a", -1).await, all([start + EVERY * 2]));
    assert_eq!(ask("a", 1).await, all([start + EVERY * 3]));
    assert_eq!(ask("a", -100).await, all([start]), "no more than a full quota");
    assert_eq!(ask("never taken", -1).await, all([start]));
    assert_eq!(ask("b", 1).await, all([start + EVERY]));
    assert_eq!(ask("c", 2).await, all([start + EVERY * 2]));
    assert_eq!(forget(0).await, 0);
    assert_eq!(forget(1).await, 1);
    assert_eq!(forget(10).await, 1);
    shop.wait(EVERY);
    assert_eq!(forget(10).await, 1, "b is full again");
    assert_eq!(ask("c", 2).await, all([start + EVERY * 4]), "what is not full is remembered");
    assert_eq!(ask("c", 1).await, Taken::None { again_at: shop.now() + EVERY });
}

pub async fn a_hundred_concurrent_calls_share_the_quota(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let now = shop.now();
    let asking: Vec<_> = (0..100)
        .map(|number| {
            let storage = Arc::clone(&shop.storage);
            // Two keys in both orders must not deadlock.
            let mut requests = vec![take("a", 1), take("b", 1)];
            requests.rotate_left(number % 2);
            tokio::spawn(async move { storage.take_tokens(now, &requests).await.unwrap() })
        })
        .collect();
    let mut got = 0;
    for asked in asking {
        got += usize::from(matches!(asked.await.unwrap(), Taken::All { .. }));
    }
    assert_eq!(got, 3);
}
