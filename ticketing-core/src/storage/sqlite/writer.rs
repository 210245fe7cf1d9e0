//! The one who writes: transactions that come while the disk is at work share the next commit.
//!
//! A flush takes longer than all that a transaction does. So those that wait for the writer's turn, of whatever kind, run one
//! after the other in one transaction of the file, each behind a savepoint of its own, and are flushed together. There is no
//! timer: one that comes alone is committed alone and at once.

use super::{Connection, load, next_ids, write};
use crate::domain::book::{Book, NextIds};
use crate::runtime::caught;
use crate::storage::StorageError;
use crate::storage::sql::{Wanted, broken, trouble};
use async_trait::async_trait;
use sqlx::Connection as _;
use sqlx::sqlite::SqlitePool;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Result<T> = std::result::Result<T, StorageError>;

/// So many share a commit at most: who comes first should not wait for ever.
const MOST: usize = 64;

/// One transaction, as its caller sees it.
#[async_trait]
trait Work: Send {
    /// Does it. What it comes to is not told before it is committed. Says whether anything was written.
    async fn run(&mut self, connection: &mut Connection, next: &mut NextIds) -> Result<bool>;

    /// It is done, or not.
    fn tell(self: Box<Self>, committed: Result<()>);
}

struct Rules<T, F> {
    wanted: Wanted,
    decide: F,
    decided: Option<T>,
    caller: oneshot::Sender<Result<T>>,
}

#[async_trait]
impl<T: Send + 'static, F: Fn(&mut Book) -> T + Send + Sync + 'static> Work for Rules<T, F> {
    async fn run(&mut self, connection: &mut Connection, next: &mut NextIds) -> Result<bool> {
        let mut book = load::book(connection, &self.wanted, *next).await?;
        self.decided = Some((self.decide)(&mut book));
        let any = write::changes(connection, &book).await?;
        // Whoever comes next goes on from here.
        *next = book.next;
        Ok(any)
    }

    fn tell(self: Box<Self>, committed: Result<()>) {
        let lost = || broken("a transaction came to nothing");
        // Who left does not hear of it.
        let Self { caller, decided, .. } = *self;
        drop(caller.send(committed.and_then(|()| decided.ok_or_else(lost))));
    }
}

/// Who waits for the writer, and whether it is at work.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Work>>,
    is_at_work: bool,
}

/// The one writer of a file. Cheap to clone.
#[derive(Clone)]
pub(super) struct Writer {
    pub(super) pool: SqlitePool,
    queue: Arc<Mutex<Queue>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("waiting", &self.queue().waiting.len()).finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self { pool, queue: Arc::default() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads what a batch names, applies the rules, writes the difference. Runs on by itself: a caller that leaves cannot leave
    /// a transaction half-way.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        wanted: Wanted,
        decide: impl Fn(&mut Book) -> T + Send + Sync + 'static,
    ) -> Result<T> {
        let (caller, answer) = oneshot::channel();
        let starts = {
            let mut queue = self.queue();
            queue.waiting.push_back(Box::new(Rules { wanted, decide, decided: None, caller }));
            !std::mem::replace(&mut queue.is_at_work, true)
        };
        if starts {
            let turn = Turn { writer: self.clone(), is_over: false };
            tokio::spawn(turn.work());
        }
        // The writer ends without a word where the runtime is shut down.
        answer.await.map_err(|stopped| StorageError::Unavailable(stopped.into()))?
    }
}

/// The writer at work.
struct Turn {
    writer: Writer,
    is_over: bool,
}

impl Turn {
    async fn work(mut self) {
        while let Some(some) = self.next() {
            commit_together(&self.writer.pool, some).await;
            // Who was just served may want something again: let them in before the next commit.
            tokio::task::yield_now().await;
        }
    }

    fn next(&mut self) -> Option<Vec<Box<dyn Work>>> {
        let mut queue = self.writer.queue();
        if queue.waiting.is_empty() {
            queue.is_at_work = false;
            self.is_over = true;
            return None;
        }
        let some = queue.waiting.len().min(MOST);
        Some(queue.waiting.drain(..some).collect())
    }
}

impl Drop for Turn {
    /// Where the runtime stops, those that wait are told instead of waiting for ever, and the next one starts
    /// afresh.
    fn drop(&mut self) {
        if !self.is_over {
            let mut queue = self.writer.queue();
            queue.is_at_work = false;
            let left = std::mem::take(&mut queue.waiting);
            drop(queue);
            drop(left);
        }
    }
}

async fn commit_together(pool: &SqlitePool, all: Vec<Box<dyn Work>>) {
    let (mut done, mut failed) = (vec![], vec![]);
    let committed = try_commit(pool, all, &mut done, &mut failed).await;
    for (work, error) in failed {
        work.tell(Err(error));
    }
    // One error, and many to be told.
    let error = committed.err().map(Arc::new);
    for work in done {
        work.tell(error.as_ref().map_or(Ok(()), |error| Err(StorageError::again(error))));
    }
}

/// Runs all in one transaction. What fails is undone alone; where an error is returned, none of `done` is done.
async fn try_commit(
    pool: &SqlitePool,
    all: Vec<Box<dyn Work>>,
    done: &mut Vec<Box<dyn Work>>,
    failed: &mut Vec<(Box<dyn Work>, StorageError)>,
) -> Result<()> {
    let alone = all.len() == 1;
    done.extend(all);
    let mut connection = pool.acquire().await.map_err(trouble)?;
    // Immediate: a transaction that reads first and writes later would be refused if somebody wrote in between.
    let mut transaction = connection.begin_with("begin immediate").await.map_err(trouble)?;
    let mut next = next_ids(&mut transaction).await?;
    let mut any = false;
    if alone {
        for work in done.iter_mut() {
            any |= run(work, &mut transaction, &mut next).await?;
        }
    } else {
        for mut work in std::mem::take(done) {
            let mut savepoint = transaction.begin().await.map_err(trouble)?;
            match run(&mut work, &mut savepoint, &mut next).await {
                Ok(wrote) => {
                    savepoint.commit().await.map_err(trouble)?;
                    any |= wrote;
                    done.push(work);
                }
                Err(error) => {
                    savepoint.rollback().await.map_err(trouble)?;
                    failed.push((work, error));
                }
            }
        }
    }
    match any {
        true => transaction.commit().await.map_err(trouble),
        false => transaction.rollback().await.map_err(trouble),
    }
}

/// A rule that panics breaks its own transaction only: it does so between two statements.
async fn run(work: &mut Box<dyn Work>, connection: &mut Connection, next: &mut NextIds) -> Result<bool> {
    caught(work.run(connection, next)).await.unwrap_or_else(|| Err(broken("a rule panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::NewCategory;
    use crate::domain::id::OrderId;
    use crate::domain::outbox::MailKind;
    use crate::storage::Storage;
    use crate::storage::sqlite::SqliteStorage;
    use jiff::Timestamp;

    /// Somebody whose transaction the database refuses: the mail belongs to no order.
    async fn breaks_a_constraint(storage: SqliteStorage) -> Result<()> {
        let decide = |book: &mut Book| {
            let to = "nobody@example.com".parse().unwrap();
            book.owe_mail(Timestamp::UNIX_EPOCH, OrderId(404), MailKind::Tickets, to);
        };
        storage.writer.write(Wanted::default(), decide).await
    }

    async fn panics(storage: SqliteStorage) -> Result<()> {
        storage.writer.write(Wanted::default(), |_: &mut Book| panic!("on purpose")).await
    }

    async fn makes(storage: SqliteStorage, name: String) -> Result<()> {
        let made = storage.put_categories(&[NewCategory { name, description: None }]).await?;
        made.into_iter().try_for_each(|made| made.map(drop)).map_err(broken)
    }

    #[tokio::test]
    async fn who_shares_a_commit_with_bad_ones_is_committed_and_they_are_not() {
        let folder = std::env::temp_dir().join(format!("ticketing-writer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let storage = SqliteStorage::open(folder.join("shop.db")).await.unwrap();
        // While somebody else has the connection, all have to wait, and go together.
        let held = storage.writer.pool.acquire().await.unwrap();
        let alone = tokio::spawn(makes(storage.clone(), "alone".to_owned()));
        while !storage.writer.queue().waiting.is_empty() || !storage.writer.queue().is_at_work {
            tokio::task::yield_now().await;
        }
        let mut good = vec![tokio::spawn(makes(storage.clone(), "before".to_owned()))];
        let bad = [tokio::spawn(breaks_a_constraint(storage.clone())), tokio::spawn(panics(storage.clone()))];
        good.push(tokio::spawn(makes(storage.clone(), "after".to_owned())));
        while storage.writer.queue().waiting.len() < 4 {
            tokio::task::yield_now().await;
        }
        drop(held);
        alone.await.unwrap().unwrap();
        for one in good {
            one.await.unwrap().unwrap();
        }
        for one in bad {
            let told = one.await.unwrap();
            assert!(matches!(told, Err(StorageError::Broken(_))), "{told:?}");
        }
        makes(storage.clone(), "later".to_owned()).await.unwrap();
        let names: Vec<String> = storage.categories().await.unwrap().into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["after", "alone", "before", "later"]);
        assert_eq!(storage.check().await.unwrap(), Vec::<String>::new());
        storage.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
