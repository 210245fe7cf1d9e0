use super::queue::MAX_BATCH_ITEMS;
use super::{Answer, Coalescer, Commit, Item};
use crate::error::Error;
use crate::runtime::{Runtime, TokioRuntime};
use crate::storage::StorageError;
use async_trait::async_trait;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};

/// An item of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Good { group: i64, number: u64 },
    Poison { group: i64 },
    Bomb { group: i64 },
}
use Request::{Bomb, Good, Poison};

impl Request {
    fn group(self) -> i64 {
        match self {
            Good { group, .. } | Poison { group } | Bomb { group } => group,
        }
    }
}

impl Item for Request {
    type Outcome = Request;
}

/// A storage that commits one batch for each permit, and remembers them.
#[derive(Debug)]
struct Desk {
    permits: Semaphore,
    batches: Mutex<Vec<Vec<Request>>>,
    in_flight: Mutex<HashSet<i64>>,
}

#[async_trait]
impl Commit<Request> for Arc<Desk> {
    async fn commit(&self, items: &[Request]) -> Answer<Vec<Request>> {
        let groups: HashSet<i64> = items.iter().map(|item| item.group()).collect();
        for group in &groups {
            assert!(self.in_flight.lock().unwrap().insert(*group), "{group} has two batches in flight");
        }
        self.permits.acquire().await.unwrap().forget();
        self.in_flight.lock().unwrap().retain(|group| !groups.contains(group));
        assert!(!items.iter().any(|item| matches!(item, Bomb { .. })), "a bomb");
        if items.iter().any(|item| matches!(item, Poison { .. })) {
            return Err(StorageError::Broken("poison".into()));
        }
        self.batches.lock().unwrap().push(items.to_vec());
        Ok(items.to_vec())
    }
}

struct Shop {
    desk: Arc<Desk>,
    coalescer: Arc<Coalescer<Request>>,
}

type Caller = JoinHandle<Result<Request, Error>>;

impl Shop {
    fn open(width: usize, limit: usize) -> Self {
        let desk = Desk { permits: Semaphore::new(0), batches: Mutex::default(), in_flight: Mutex::default() };
        let desk = Arc::new(desk);
        let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime);
        Self { coalescer: Arc::new(Coalescer::new(&runtime, width, limit, Arc::clone(&desk))), desk }
    }

    /// A caller who has asked, and waits.
    async fn call(&self, request: Request) -> Caller {
        let coalescer = Arc::clone(&self.coalescer);
        let caller = tokio::spawn(async move { coalescer.submit(request.group(), request).await });
        settle().await;
        caller
    }

    fn commit(&self, batches: usize) {
        self.desk.permits.add_permits(batches);
    }

    fn batches(&self) -> Vec<usize> {
        self.desk.batches.lock().unwrap().iter().map(Vec::len).collect()
    }
}

/// Until all that can go on has gone on.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

fn good(group: i64, number: u64) -> Request {
    Good { group, number }
}

#[tokio::test]
async fn who_comes_alone_goes_alone_and_who_comes_meanwhile_goes_together() {
    let shop = Shop::open(1, 100);
    let mut callers = vec![shop.call(good(1, 0)).await];
    for number in 1..=60 {
        callers.push(shop.call(good(1, number)).await);
    }
    shop.commit(2);
    for (number, caller) in (0..).zip(callers) {
        assert_eq!(caller.await.unwrap().unwrap(), good(1, number), "each gets its own outcome");
    }
    assert_eq!(shop.batches(), [1, 60]);
    shop.commit(1);
    assert_eq!(
        shop.call(good(1, 61)).await.await.unwrap().unwrap(),
        good(1, 61),
        "a queue that has run dry starts again"
    );
    let order: Vec<Request> = shop.desk.batches.lock().unwrap().concat();
    assert_eq!(order, (0..=61).map(|number| good(1, number)).collect::<Vec<_>>(), "in the order of arrival");
}

#[tokio::test]
async fn a_batch_has_an_end_and_too_many_are_sent_away() {
    let shop = Shop::open(1, MAX_BATCH_ITEMS + 1);
    let mut callers = vec![shop.call(good(1, 0)).await];
    for number in 1..=MAX_BATCH_ITEMS as u64 + 1 {
        callers.push(shop.call(good(1, number)).await);
    }
    let sent_away = shop.call(good(1, 0)).await.await.unwrap();
    assert!(matches!(sent_away, Err(Error::Busy { .. })), "{sent_away:?}");
    shop.commit(3);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(shop.batches(), [1, MAX_BATCH_ITEMS, 1]);
}

#[tokio::test]
async fn a_quiet_event_does_not_stand_behind_a_hot_one() {
    let shop = Shop::open(1, 10 * MAX_BATCH_ITEMS);
    let mut callers = vec![shop.call(good(1, 0)).await];
    for number in 1..=2 * MAX_BATCH_ITEMS as u64 {
        callers.push(shop.call(good(1, number)).await);
    }
    let quiet = shop.call(good(2, 0)).await;
    shop.commit(2);
    quiet.await.unwrap().unwrap();
    assert_eq!(
        shop.batches(),
        [1, MAX_BATCH_ITEMS],
        "the second batch had the quiet one's buyer, with half of the hot one's behind"
    );
    shop.commit(2);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn batches_of_different_events_are_under_way_at_once_and_of_the_same_one_never() {
    // `Desk` looks at it in every batch.
    let shop = Shop::open(3, 1000);
    let mut callers = vec![];
    for number in 0..5 {
        for group in 1..=4 {
            callers.push(shop.call(good(group, number)).await);
        }
    }
    assert_eq!(shop.desk.in_flight.lock().unwrap().len(), 3);
    shop.commit(100);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn who_leaves_takes_nobody_along() {
    let shop = Shop::open(1, 100);
    let first = shop.call(good(1, 0)).await;
    let mut callers = vec![];
    for number in 1..=10 {
        callers.push(shop.call(good(1, number)).await);
    }
    // One whose batch is in flight, and one whose batch is not.
    first.abort();
    callers.remove(4).abort();
    settle().await;
    shop.commit(2);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(shop.batches(), [1, 9], "what had begun was done, what had not was not");
}

#[tokio::test]
async fn what_the_storage_chokes_on_fails_alone() {
    for bad in [Poison { group: 1 }, Bomb { group: 1 }] {
        let shop = Shop::open(1, 100);
        shop.commit(100);
        let gate = shop.call(good(1, 0)).await;
        gate.await.unwrap().unwrap();
        shop.desk.permits.forget_permits(100);
        let mut callers = vec![shop.call(good(1, 0)).await];
        for number in 1..=7 {
            callers.push(shop.call(good(1, number)).await);
        }
        let bad = shop.call(bad).await;
        shop.commit(100);
        for (number, caller) in (0..).zip(callers) {
            assert_eq!(caller.await.unwrap().unwrap(), good(1, number));
        }
        assert!(matches!(bad.await.unwrap(), Err(Error::Storage(StorageError::Broken(_)))));
        assert_eq!(shop.batches().iter().sum::<usize>(), 9, "nobody twice: {:?}", shop.batches());
    }
}

#[test]
fn where_the_runtime_stops_nobody_waits_for_ever() {
    let start = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shop = Shop::open(1, 100);
    let runtime = start();
    runtime.block_on(async {
        drop(shop.call(good(1, 0)).await);
        drop(shop.call(good(1, 1)).await);
    });
    let elsewhere = start();
    let coalescer = Arc::clone(&shop.coalescer);
    let waits = elsewhere.spawn(async move { coalescer.submit(1, good(1, 2)).await });
    elsewhere.block_on(settle());
    drop(runtime);
    let outcome = elsewhere.block_on(waits).unwrap();
    assert!(matches!(outcome, Err(Error::Storage(StorageError::Unavailable(_)))), "{outcome:?}");
    shop.desk.in_flight.lock().unwrap().clear();
    shop.commit(1);
    assert_eq!(elsewhere.block_on(shop.coalescer.submit(1, good(1, 3))).unwrap(), good(1, 3));
}
