//! Many callers share one commit.
//!
//! Items that arrive while a batch is being committed go into the next one. There is no timer: a single item is committed alone
//! and at once, and the higher the load, the more items share a commit. So the speed of a hot event is not limited to one row lock
//! per commit.

mod queue;
#[cfg(test)]
mod tests;

use self::queue::{Batch, Job, Queue};
use crate::error::{Error, Result};
use crate::runtime::{Runtime, caught};
use crate::storage::StorageError;
use async_trait::async_trait;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// When to retry if the queue is full.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) type Answer<T> = Result<T, StorageError>;

/// An item that is committed in batches.
pub(super) trait Item: Send + Sync + 'static {
    /// The outcome of one item.
    type Outcome: Send + 'static;
}

/// Commits batches.
#[async_trait]
pub(super) trait Commit<I: Item>: Send + Sync + 'static {
    /// Commits all items or none, and returns an outcome for each, in their order.
    async fn commit(&self, items: &[I]) -> Answer<Vec<I::Outcome>>;
}

/// A queue of one kind of items, and its batches in flight.
///
/// - Items of one group (such as the holds of an event) are committed in the order of their arrival, and in one batch at a time:
///   they would wait for each other's row lock anyway.
/// - Groups take turns: the thousands of buyers of a hot event do not delay the single buyer of a quiet one.
/// - Dropping a call before its item's batch has begun removes the item. After that, the item is committed anyway.
/// - An item that breaks the commit fails alone: the batch is retried in halves. So items must be safe to repeat.
pub(super) struct Coalescer<I: Item> {
    shared: Arc<Shared<I>>,
}

impl<I: Item> std::fmt::Debug for Coalescer<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queue = self.shared.queue();
        f.debug_struct("Coalescer").field("waiting", &queue.waiting).field("in_flight", &queue.in_flight).finish()
    }
}

struct Shared<I: Item> {
    runtime: Arc<dyn Runtime>,
    /// The maximum number of batches, of different groups, that are committed at once.
    width: usize,
    /// The maximum number of waiting items.
    limit: usize,
    commit: Box<dyn Commit<I>>,
    queue: Mutex<Queue<I>>,
}

impl<I: Item> Coalescer<I> {
    pub(super) fn new(runtime: &Arc<dyn Runtime>, width: usize, limit: usize, commit: impl Commit<I>) -> Self {
        let queue = Mutex::default();
        let commit = Box::new(commit);
        let runtime = Arc::clone(runtime);
        let shared = Shared { runtime, width: width.max(1), limit, commit, queue };
        Self { shared: Arc::new(shared) }
    }

    /// Commits an item together with others, and returns its outcome.
    ///
    /// Errors: [`Error::Busy`] if the queue is full, [`Error::Storage`].
    pub(super) async fn submit(&self, group: i64, item: I) -> Result<I::Outcome> {
        let (done, answer) = oneshot::channel();
        {
            let mut queue = self.shared.queue();
            if queue.waiting >= self.shared.limit {
                return Err(Error::Busy { retry_after: RETRY_AFTER });
            }
            queue.add(group, Job { item, done });
            if queue.in_flight < self.shared.width && queue.is_ready() {
                queue.in_flight += 1;
                let lane = Lane { shared: Arc::clone(&self.shared), groups: vec![], is_done: false };
                drop(queue);
                self.shared.runtime.spawn(Box::pin(lane.run()));
            }
        }
        let stopped = |_| StorageError::Unavailable("the engine was stopped".into());
        Ok(answer.await.map_err(stopped)??)
    }
}

impl<I: Item> Shared<I> {
    fn queue(&self) -> MutexGuard<'_, Queue<I>> {
        // No code under the lock can panic half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits batch after batch while there are items.
struct Lane<I: Item> {
    shared: Arc<Shared<I>>,
    /// The groups of the batch in flight.
    groups: Vec<i64>,
    is_done: bool,
}

impl<I: Item> Lane<I> {
    async fn run(mut self) {
        while let Some(batch) = self.next() {
            let outcomes = commit_in_halves(&*self.shared.commit, &batch.items).await;
            for (caller, outcome) in batch.callers.into_iter().zip(outcomes) {
                // Fails if the caller has left.
                drop(caller.send(outcome));
            }
            // Lets these callers run, so that their next requests can still join the next batch.
            tokio::task::yield_now().await;
        }
    }

    /// The next batch. If there is none, ends this lane under the same lock, so that the next caller starts another.
    fn next(&mut self) -> Option<Batch<I>> {
        let mut queue = self.shared.queue();
        queue.free(&std::mem::take(&mut self.groups));
        let batch = queue.take();
        match &batch {
            Some(batch) => self.groups.clone_from(&batch.groups),
            None => {
                queue.in_flight -= 1;
                self.is_done = true;
            }
        }
        batch
    }
}

impl<I: Item> Drop for Lane<I> {
    /// If the runtime stops in the middle of a batch, nobody will commit the waiting items. Their callers get an error instead of
    /// waiting indefinitely, and the next caller starts a new lane.
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut queue = self.shared.queue();
        queue.in_flight -= 1;
        queue.free(&self.groups);
        let left = queue.give_up();
        drop(queue);
        // Outside the lock: a caller that gets its error may call again at once.
        drop(left);
    }
}

/// Commits all items. If one of them breaks the commit, commits the others without it.
async fn commit_in_halves<I: Item>(commit: &dyn Commit<I>, items: &[I]) -> Vec<Answer<I::Outcome>> {
    let mut outcomes = Vec::with_capacity(items.len());
    let mut parts = vec![items];
    while let Some(part) = parts.pop() {
        match caught(commit.commit(part)).await.unwrap_or_else(panicked) {
            Ok(committed) if committed.len() == part.len() => outcomes.extend(committed.into_iter().map(Ok)),
            Ok(committed) => {
                let what = format!("the storage returned {} outcomes for {} items", committed.len(), part.len());
                outcomes.extend(part.iter().map(|_| Err(StorageError::Unusable(what.clone()))));
            }
            Err(StorageError::Broken(_)) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(error) => {
                let error = Arc::new(error);
                outcomes.extend(part.iter().map(|_| Err(StorageError::again(&error))));
            }
        }
    }
    outcomes
}

/// A panic of the storage counts as a broken invariant.
fn panicked<T>() -> Answer<T> {
    Err(StorageError::Broken("the storage panicked".into()))
}
