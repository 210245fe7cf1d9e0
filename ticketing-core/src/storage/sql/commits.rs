//! Transactions that arrive during a commit share the next one.
//!
//! A flush takes longer than the statements of a transaction, and each statement is a round trip, or a hand-over to another thread. So
//! the transactions that wait, of whatever kind, become one: what they need is loaded at once, they are decided one after the other on
//! the same rows, and the difference is written and flushed once. An event's holds and its settlements, which need the same row, do not
//! wait for each other's flush. There is no timer: a single transaction is committed at once.

use super::kept::Kept;
use super::load::Loader;
use super::{Connection, Result, StorageError, broken};
use crate::domain::command::Work;
use crate::domain::load::{LoadKeys, Needs};
use crate::domain::working_set::WorkingSet;
use crate::runtime::caught;
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The largest number of transactions that share a commit. The first one should not wait too long.
const MAX_SHARED_COMMIT: usize = 64;

/// A database that commits transactions.
#[async_trait]
pub(in crate::storage) trait Committer: Clone + Send + Sync + 'static {
    /// How many commits may be in flight.
    const WIDTH: usize;

    /// [Loads](load) what the works need, lets them [decide], and writes the difference, in one transaction.
    async fn commit(&self, works: &[Timed]) -> Result<()>;
}

/// Transactions that wait for a commit.
#[derive(Clone, Default)]
pub(in crate::storage) struct Commits {
    queue: Arc<Mutex<Queue>>,
    /// Counts commits.
    version: Arc<AtomicU64>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    in_flight: usize,
}

/// One transaction, and the caller that waits for it.
struct Job {
    now: Timestamp,
    work: Arc<dyn Work>,
    caller: oneshot::Sender<Result<()>>,
}

impl Job {
    /// Sends the result to the caller, if it still waits.
    fn tell(self, committed: Result<()>) {
        drop(self.caller.send(committed));
    }
}

impl std::fmt::Debug for Commits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queue = self.queue();
        f.debug_struct("Commits").field("waiting", &queue.waiting.len()).field("in_flight", &queue.in_flight).finish()
    }
}

impl Commits {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a transaction, together with others that wait. Continues if the caller leaves, so no transaction is left half-done.
    pub(in crate::storage) async fn commit<C: Committer>(
        &self,
        to: &C,
        now: Timestamp,
        work: Arc<dyn Work>,
    ) -> Result<()> {
        let (caller, answer) = oneshot::channel();
        let starts = {
            let mut queue = self.queue();
            queue.waiting.push_back(Job { now, work, caller });
            let starts = queue.in_flight < C::WIDTH;
            queue.in_flight += usize::from(starts);
            starts
        };
        if starts {
            let turn = Turn { commits: self.clone(), is_over: false };
            tokio::spawn(turn.work(to.clone()));
        }
        // The turn ends without an answer if the runtime shuts down.
        answer.await.map_err(|stopped| StorageError::Unavailable(stopped.into()))?
    }

    /// Changes with every commit, before anybody is told of it.
    pub(in crate::storage) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The number of waiting transactions, and of commits in flight.
    #[cfg(all(test, feature = "sqlite"))]
    pub(in crate::storage) fn count(&self) -> (usize, usize) {
        let queue = self.queue();
        (queue.waiting.len(), queue.in_flight)
    }
}

/// Commits one batch after the other, while there are any.
struct Turn {
    commits: Commits,
    is_over: bool,
}

impl Turn {
    async fn work(mut self, to: impl Committer) {
        while let Some(some) = self.next() {
            commit_together(&to, &self.commits.version, some).await;
            // Callers that were just served may come again. Let them join the next commit.
            tokio::task::yield_now().await;
        }
    }

    fn next(&mut self) -> Option<Vec<Job>> {
        let mut queue = self.commits.queue();
        if queue.waiting.is_empty() {
            queue.in_flight -= 1;
            self.is_over = true;
            return None;
        }
        let mut claims: Vec<&'static str> = vec![];
        let mut fits = |job: &Job| {
            // What is claimed is known by the name of the command, so two of one name would share it.
            let is_second = job.work.claims() && claims.contains(&job.work.name());
            if job.work.claims() {
                claims.push(job.work.name());
            }
            !is_second
        };
        let some = queue.waiting.iter().take(MAX_SHARED_COMMIT).map(&mut fits).take_while(|fits| *fits).count();
        Some(queue.waiting.drain(..some).collect())
    }
}

impl Drop for Turn {
    /// If the runtime stops, waiting callers get an error instead of waiting indefinitely, and the next caller starts a new turn.
    fn drop(&mut self) {
        if !self.is_over {
            let mut queue = self.commits.queue();
            queue.in_flight -= 1;
            let left = std::mem::take(&mut queue.waiting);
            drop(queue);
            drop(left);
        }
    }
}

/// A transaction: at what time, and what to do.
pub(in crate::storage) type Timed = (Timestamp, Arc<dyn Work>);

/// What all of them need.
struct All<'a>(&'a [Timed]);

impl Needs for All<'_> {
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        for (number, (_, work)) in self.0.iter().enumerate() {
            load.of_work(number);
            work.needs(rows, load);
        }
    }
}

/// What one of them needs.
struct One<'a>(usize, &'a dyn Work);

impl Needs for One<'_> {
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.of_work(self.0);
        self.1.needs(rows, load);
    }
}

/// Loads what these transactions need, and locks it. What is kept of earlier ones need not be read.
pub(in crate::storage) async fn load(
    connection: &mut dyn Connection,
    works: &[Timed],
    kept: Kept,
) -> Result<(Loader, WorkingSet)> {
    let now = works.iter().map(|(now, _)| *now).max().unwrap_or(Timestamp::MIN);
    let (mut loader, mut rows) = (Loader::new(connection, now, kept), WorkingSet::default());
    loader.load(connection, &All(works), &mut rows).await?;
    Ok((loader, rows))
}

/// Lets them decide, one after the other, once the ids of new rows are set.
pub(in crate::storage) async fn decide(
    connection: &mut dyn Connection,
    works: &[Timed],
    loader: &mut Loader,
    rows: &mut WorkingSet,
) -> Result<()> {
    for (number, (now, work)) in works.iter().enumerate() {
        if number > 0 {
            // What follows from what those before it have changed: mostly nothing.
            loader.load(connection, &One(number, &**work), rows).await?;
        }
        work.decide(rows, *now);
    }
    Ok(())
}

/// Commits these transactions as one. If one of them breaks an invariant, each is committed alone, so that it fails alone.
async fn commit_together(to: &impl Committer, version: &AtomicU64, jobs: Vec<Job>) {
    if jobs.len() > 1 {
        match commit(to, version, &jobs).await {
            Ok(()) => return jobs.into_iter().for_each(|job| job.tell(Ok(()))),
            Err(StorageError::Broken(_)) => {}
            Err(error) => {
                let error = Arc::new(error);
                return jobs.into_iter().for_each(|job| job.tell(Err(StorageError::again(&error))));
            }
        }
    }
    for job in jobs {
        let committed = commit(to, version, std::slice::from_ref(&job)).await;
        job.tell(committed);
    }
}

/// A command that panics breaks only its own transaction: it panics between two statements.
async fn commit(to: &impl Committer, version: &AtomicU64, jobs: &[Job]) -> Result<()> {
    let works: Vec<Timed> = jobs.iter().map(|job| (job.now, Arc::clone(&job.work))).collect();
    let committed = caught(to.commit(&works)).await.unwrap_or_else(|| Err(broken("a rule panicked")));
    // Also after an error: a commit whose answer was lost may be done.
    version.fetch_add(1, Ordering::Release);
    committed
}
