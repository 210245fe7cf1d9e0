//! Many callers share one commit.
//!
//! What arrives while a batch is being committed waits and goes into the next one. There is no timer: who comes alone is served
//! alone and at once, and the busier it gets, the more share a commit. So a hot event sells at the speed of the disk's batches
//! instead of one row lock's.

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

/// When it is worth trying again where too many wait already.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) type Answer<T> = Result<T, StorageError>;

/// What is committed in batches.
pub(super) trait Item: Send + Sync + 'static {
    /// What comes of one.
    type Outcome: Send + 'static;
}

/// Where batches go.
#[async_trait]
pub(super) trait Commit<I: Item>: Send + Sync + 'static {
    /// Commits all or nothing, and gives an outcome for each item, in their order.
    async fn commit(&self, items: &[I]) -> Answer<Vec<I::Outcome>>;
}

/// A queue of one kind of items, and the batches of it that are under way.
///
/// - Items of one group (an event's holds, say) are committed in the order of their arrival, and in one batch at a time: they
///   would wait for each other's row lock anyway.
/// - Groups take turns: a hot event's thousands do not stand before a quiet one's single buyer.
/// - A caller that leaves before its item's batch has begun takes it out; later, it is committed all the same.
/// - An item that the storage chokes on fails alone: the batch is tried again in halves. So items have to be safe to repeat.
pub(super) struct Coalescer<I: Item> {
    shared: Arc<Shared<I>>,
}

impl<I: Item> std::fmt::Debug for Coalescer<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queue = self.shared.queue();
        f.debug_struct("Coalescer").field("waiting", &queue.waiting).field("under_way", &queue.under_way).finish()
    }
}

struct Shared<I: Item> {
    runtime: Arc<dyn Runtime>,
    /// So many batches of different groups are committed at once.
    width: usize,
    /// So many items wait at most.
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

    /// Commits an item together with whoever else comes, and gives what came of it.
    ///
    /// Errors: [`Error::Busy`] where too many wait, [`Error::Storage`].
    pub(super) async fn submit(&self, group: i64, item: I) -> Result<I::Outcome> {
        let (done, answer) = oneshot::channel();
        {
            let mut queue = self.shared.queue();
            if queue.waiting >= self.shared.limit {
                return Err(Error::Busy { retry_after: RETRY_AFTER });
            }
            queue.add(group, Job { item, done });
            if queue.under_way < self.shared.width && queue.is_ready() {
                queue.under_way += 1;
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
        // Nothing under the lock panics half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits batch after batch while there are items.
struct Lane<I: Item> {
    shared: Arc<Shared<I>>,
    /// Of the batch under way.
    groups: Vec<i64>,
    is_done: bool,
}

impl<I: Item> Lane<I> {
    async fn run(mut self) {
        while let Some(batch) = self.next() {
            let outcomes = commit_in_halves(&*self.shared.commit, &batch.items).await;
            for (caller, outcome) in batch.callers.into_iter().zip(outcomes) {
                // Who left does not hear of it.
                drop(caller.send(outcome));
            }
            // Who was just served may want something again: let them in before the next batch leaves.
            tokio::task::yield_now().await;
        }
    }

    /// What is committed next. With nothing to commit this lane ends, in the same moment: whoever comes then starts another.
    fn next(&mut self) -> Option<Batch<I>> {
        let mut queue = self.shared.queue();
        queue.free(&std::mem::take(&mut self.groups));
        let batch = queue.take();
        match &batch {
            Some(batch) => self.groups.clone_from(&batch.groups),
            None => {
                queue.under_way -= 1;
                self.is_done = true;
            }
        }
        batch
    }
}

impl<I: Item> Drop for Lane<I> {
    /// Where the runtime stops in the middle of a batch, nobody will commit what waits: those callers are told, instead of
    /// waiting for ever, and the next one starts afresh.
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut queue = self.shared.queue();
        queue.under_way -= 1;
        queue.free(&self.groups);
        let left = queue.give_up();
        drop(queue);
        // A caller that is told may call again.
        drop(left);
    }
}

/// Commits all; where the storage chokes on one of them, the others without it.
async fn commit_in_halves<I: Item>(commit: &dyn Commit<I>, items: &[I]) -> Vec<Answer<I::Outcome>> {
    let mut outcomes = Vec::with_capacity(items.len());
    let mut parts = vec![items];
    while let Some(part) = parts.pop() {
        match caught(commit.commit(part)).await.unwrap_or_else(panicked) {
            Ok(came) if came.len() == part.len() => outcomes.extend(came.into_iter().map(Ok)),
            Ok(came) => {
                let what = format!("the storage gave {} outcomes for {} items", came.len(), part.len());
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

/// A storage that panics has chosen the strongest words for a broken invariant.
fn panicked<T>() -> Answer<T> {
    Err(StorageError::Broken("the storage panicked".into()))
}
