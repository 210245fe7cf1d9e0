//! Many who ask for the same row at once share one read of it.
//!
//! Nothing is kept: a read that has begun answers only those who asked before it began, so that everybody sees at least what was
//! committed when they asked. Who comes while it is under way shares the next one. A page that everybody looks at, or an
//! account behind many requests, costs the storage one read after the other instead of thousands at once.

use crate::error::Result;
use crate::runtime::Runtime;
use crate::storage::StorageError;
use async_trait::async_trait;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// One row for all who shared the read.
type Answer<V> = Result<Option<Arc<V>>, StorageError>;

/// Reads one row.
#[async_trait]
pub(super) trait Read<K, V>: Send + Sync + 'static {
    /// The row, if there is one.
    async fn read(&self, key: &K) -> Result<Option<V>, StorageError>;
}

/// Rows of one kind, each read once at a time.
pub(super) struct SharedReads<K, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K, V> {
    runtime: Arc<dyn Runtime>,
    from: Box<dyn Read<K, V>>,
    /// Who waits for the next read of a row. There is an entry as long as one is under way.
    waiting: Mutex<HashMap<K, Vec<oneshot::Sender<Answer<V>>>>>,
}

impl<K, V> std::fmt::Debug for SharedReads<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedReads").finish_non_exhaustive()
    }
}

impl<K, V> Shared<K, V> {
    fn waiting(&self) -> MutexGuard<'_, HashMap<K, Vec<oneshot::Sender<Answer<V>>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static, V: Send + Sync + 'static> SharedReads<K, V> {
    pub(super) fn new(runtime: &Arc<dyn Runtime>, from: impl Read<K, V>) -> Self {
        let shared = Shared { runtime: Arc::clone(runtime), from: Box::new(from), waiting: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// The row as it is now.
    pub(super) async fn get(&self, key: K) -> Result<Option<Arc<V>>> {
        let (asks, answer) = oneshot::channel();
        let is_under_way = {
            let mut waiting = self.shared.waiting();
            let is_under_way = waiting.contains_key(&key);
            waiting.entry(key.clone()).or_default().push(asks);
            is_under_way
        };
        if !is_under_way {
            let reading = Reading { shared: Arc::clone(&self.shared), key, is_done: false };
            self.shared.runtime.spawn(Box::pin(reading.run()));
        }
        let stopped = |_| StorageError::Unavailable("the engine was stopped".into());
        Ok(answer.await.map_err(stopped)??)
    }
}

/// Reads of one row, one after the other, while somebody waits.
struct Reading<K: Eq + Hash, V> {
    shared: Arc<Shared<K, V>>,
    key: K,
    is_done: bool,
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static, V: Send + Sync + 'static> Reading<K, V> {
    async fn run(mut self) {
        while let Some(asked) = self.next() {
            let answer = self.shared.from.read(&self.key).await.map(|row| row.map(Arc::new)).map_err(Arc::new);
            for one in asked {
                let same = answer.clone().map_err(|error| StorageError::again(&error));
                // Who left does not hear of it.
                drop(one.send(same));
            }
            // Whoever is about to ask again comes along with the next read; where nobody is, this takes no time.
            tokio::task::yield_now().await;
        }
    }

    fn next(&mut self) -> Option<Vec<oneshot::Sender<Answer<V>>>> {
        let mut waiting = self.shared.waiting();
        let asked = waiting.get_mut(&self.key).map(std::mem::take).unwrap_or_default();
        if asked.is_empty() {
            waiting.remove(&self.key);
            self.is_done = true;
            return None;
        }
        Some(asked)
    }
}

impl<K: Eq + Hash, V> Drop for Reading<K, V> {
    /// Where the runtime stops in the middle of a read, those who wait are told, and the next one starts afresh.
    fn drop(&mut self) {
        if !self.is_done {
            let left = self.shared.waiting().remove(&self.key);
            drop(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::runtime::TokioRuntime;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::Semaphore;
    use tokio::task::yield_now;

    /// A row that tells how often it was read. Each read looks first, and then waits for a permit.
    struct Row {
        reads: AtomicU64,
        permits: Semaphore,
    }

    #[async_trait]
    impl Read<u8, u64> for Arc<Row> {
        async fn read(&self, key: &u8) -> Result<Option<u64>, StorageError> {
            let seen = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
            self.permits.acquire().await.unwrap().forget();
            match key {
                0 => Ok(None),
                1 => Ok(Some(seen)),
                _ => Err(StorageError::Unusable("no".to_owned())),
            }
        }
    }

    fn open() -> (Arc<Row>, Arc<SharedReads<u8, u64>>) {
        let row = Arc::new(Row { reads: AtomicU64::new(0), permits: Semaphore::new(0) });
        let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime);
        let reads = SharedReads::new(&runtime, Arc::clone(&row));
        (row, Arc::new(reads))
    }

    async fn ask(reads: &Arc<SharedReads<u8, u64>>, key: u8) -> tokio::task::JoinHandle<Result<Option<u64>>> {
        let reads = Arc::clone(reads);
        let asked = tokio::spawn(async move { Ok(reads.get(key).await?.map(|row| *row)) });
        for _ in 0..20 {
            yield_now().await;
        }
        asked
    }

    #[tokio::test]
    async fn who_asks_while_a_read_is_under_way_shares_the_next_one() {
        let (row, reads) = open();
        let first = ask(&reads, 1).await;
        let mut others = vec![];
        for _ in 0..50 {
            others.push(ask(&reads, 1).await);
        }
        others.remove(7).abort();
        row.permits.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), Some(1));
        for other in others {
            assert_eq!(other.await.unwrap().unwrap(), Some(2), "nobody gets what was read before they asked");
        }
        row.permits.add_permits(1);
        assert_eq!(ask(&reads, 1).await.await.unwrap().unwrap(), Some(3), "nothing is kept");
        assert!(reads.shared.waiting().is_empty());
    }

    #[tokio::test]
    async fn each_gets_its_own_row_or_the_error() {
        let (row, reads) = open();
        row.permits.add_permits(10);
        assert_eq!(ask(&reads, 0).await.await.unwrap().unwrap(), None);
        let (first, second) = (ask(&reads, 9).await, ask(&reads, 9).await);
        for one in [first, second] {
            let told = one.await.unwrap();
            assert!(matches!(told, Err(Error::Storage(StorageError::Unusable(_)))), "{told:?}");
        }
        assert!(reads.shared.waiting().is_empty());
    }

    #[test]
    fn where_the_runtime_stops_nobody_waits_for_ever() {
        let start = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (row, reads) = open();
        let (one, other) = (start(), start());
        drop(one.block_on(ask(&reads, 1)));
        let waits = other.block_on(ask(&reads, 1));
        drop(one);
        assert!(other.block_on(waits).unwrap().is_err());
        row.permits.add_permits(2);
        assert!(other.block_on(reads.get(1)).is_ok());
    }
}
