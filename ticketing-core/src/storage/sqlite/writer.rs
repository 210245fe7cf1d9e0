//! The writer: transactions that arrive during a commit share the next one.
//!
//! A flush takes longer than all the statements of a transaction. So the transactions that wait for the writer, of whatever kind,
//! run one after the other in one transaction of the file, each behind its own savepoint, and are flushed together. There is no
//! timer: a single transaction is committed at once.

use crate::domain::command::Work;
use crate::domain::load::LoadKeys;
use crate::domain::shelf::IdRanges;
use crate::domain::working_set::Noun;
use crate::runtime::caught;
use crate::storage::StorageError;
use crate::storage::sql::{self, Connection, Found, Statement, broken, trouble};
use jiff::Timestamp;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Result<T> = std::result::Result<T, StorageError>;

/// The largest number of transactions that share a commit. The first one should not wait too long.
const MAX_SHARED_COMMIT: usize = 64;

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

    /// Runs the work without the commit. Returns whether anything was written.
    async fn run(&self, connection: &mut dyn Connection, next: &mut NextIds) -> Result<bool> {
        let mut rows = sql::load::load(connection, LoadKeys::at(self.now), &*self.work, true).await?;
        for (noun, ids) in Noun::ALL.iter().zip(next.iter()) {
            rows.shelf_mut(*noun).set_ids(*ids);
        }
        self.work.decide(&mut rows, self.now);
        let any = sql::write::write(connection, &rows).await?;
        // The next transaction of the same commit continues with these ids.
        *next = Noun::ALL.iter().map(|noun| rows.shelf(*noun).ids()).collect();
        Ok(any)
    }
}

/// The next ids of each noun.
type NextIds = Vec<IdRanges>;

/// Reads the next ids. No other transaction writes meanwhile.
async fn next_ids(connection: &mut dyn Connection) -> Result<NextIds> {
    let last = |numbered: bool, table: &str, key: &str| match numbered {
        true => format!("(select max({key}) from {table})"),
        false => "null".to_owned(),
    };
    let of_noun = |noun: &Noun| {
        let table = noun.table();
        let part = table.part.as_ref().filter(|part| part.numbered);
        let parts = part.map_or_else(|| "null".to_owned(), |part| last(true, part.name, part.columns[0].name));
        format!("{}, {parts}", last(table.numbered, table.name, table.key()))
    };
    let sql = format!("select {}", Noun::ALL.iter().map(of_noun).collect::<Vec<_>>().join(", "));
    let mut next = vec![IdRanges::default(); Noun::ALL.len()];
    let mut see = |row: &mut dyn Found| {
        for ids in &mut next {
            ids.rows.next = row.int()?.unwrap_or(0) + 1;
            ids.parts.next = row.int()?.unwrap_or(0) + 1;
        }
        Ok(())
    };
    connection.fetch(Statement { sql, ..Statement::default() }, &mut see).await?;
    Ok(next)
}

/// Transactions that wait for the writer, and whether it is at work.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
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

    /// Loads what the work needs, lets it decide, and writes the difference. Continues if the caller leaves, so no transaction is
    /// left half-done.
    pub(super) async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        let (caller, answer) = oneshot::channel();
        let starts = {
            let mut queue = self.queue();
            queue.waiting.push_back(Job { now, work, caller });
            !std::mem::replace(&mut queue.is_at_work, true)
        };
        if starts {
            let turn = Turn { writer: self.clone(), is_over: false };
            tokio::spawn(turn.work());
        }
        // The writer ends without an answer if the runtime shuts down.
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
            // Callers that were just served may come again. Let them join the next commit.
            tokio::task::yield_now().await;
        }
    }

    fn next(&mut self) -> Option<Vec<Job>> {
        let mut queue = self.writer.queue();
        if queue.waiting.is_empty() {
            queue.is_at_work = false;
            self.is_over = true;
            return None;
        }
        let some = queue.waiting.len().min(MAX_SHARED_COMMIT);
        Some(queue.waiting.drain(..some).collect())
    }
}

impl Drop for Turn {
    /// If the runtime stops, waiting callers get an error instead of waiting indefinitely, and the next caller starts
    /// a new turn.
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

async fn commit_together(pool: &SqlitePool, all: Vec<Job>) {
    let (mut done, mut failed) = (vec![], vec![]);
    let committed = try_commit(pool, all, &mut done, &mut failed).await;
    for (job, error) in failed {
        job.tell(Err(error));
    }
    // One error for many callers.
    let error = committed.err().map(Arc::new);
    for job in done {
        job.tell(error.as_ref().map_or(Ok(()), |error| Err(StorageError::again(error))));
    }
}

/// Runs all jobs in one transaction. A job that fails is rolled back alone. If an error is returned, none of `done` was committed.
async fn try_commit(
    pool: &SqlitePool,
    all: Vec<Job>,
    done: &mut Vec<Job>,
    failed: &mut Vec<(Job, StorageError)>,
) -> Result<()> {
    let alone = all.len() == 1;
    done.extend(all);
    let mut connection = pool.acquire().await.map_err(trouble)?;
    // Immediate: a transaction that reads first and writes later would be refused if another process wrote in between.
    let mut transaction = connection.begin_with("begin immediate").await.map_err(trouble)?;
    let mut next = next_ids(&mut *transaction).await?;
    let mut any = false;
    if alone {
        for job in done.iter() {
            any |= run(job, &mut transaction, &mut next).await?;
        }
    } else {
        for job in std::mem::take(done) {
            let mut savepoint = transaction.begin().await.map_err(trouble)?;
            match run(&job, &mut savepoint, &mut next).await {
                Ok(wrote) => {
                    savepoint.commit().await.map_err(trouble)?;
                    any |= wrote;
                    done.push(job);
                }
                Err(error) => {
                    savepoint.rollback().await.map_err(trouble)?;
                    failed.push((job, error));
                }
            }
        }
    }
    match any {
        true => transaction.commit().await.map_err(trouble),
        false => transaction.rollback().await.map_err(trouble),
    }
}

/// A command that panics fails only its own transaction, because it panics between two statements.
async fn run(job: &Job, connection: &mut SqliteConnection, next: &mut NextIds) -> Result<bool> {
    let panicked = || Err(broken("a rule panicked"));
    caught(Box::pin(job.run(connection, next))).await.unwrap_or_else(panicked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::NewCategory;
    use crate::domain::command::Command;
    use crate::domain::id::OrderId;
    use crate::domain::outbox::{self, MailKind};
    use crate::domain::working_set::WorkingSet;
    use crate::storage::sqlite::SqliteStorage;
    use crate::storage::{Storage as _, StorageExt as _};

    /// A command that the database refuses: its mail is about an order that does not exist.
    #[derive(Clone, Debug)]
    struct BreaksAConstraint;

    const NO_ORDER: OrderId = OrderId(404);

    impl Command for BreaksAConstraint {
        type Outcome = ();
        const NAME: &'static str = "breaks_a_constraint";

        fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
            load.find(outbox::BY_ORDER, &NO_ORDER);
        }

        fn apply(&self, rows: &mut WorkingSet, now: Timestamp) {
            rows.enqueue_mail(now, NO_ORDER, MailKind::Tickets, "nobody@example.com".parse().unwrap());
        }
    }

    #[derive(Clone, Debug)]
    struct Panics;

    impl Command for Panics {
        type Outcome = ();
        const NAME: &'static str = "panics";

        fn needs(&self, _rows: &WorkingSet, _load: &mut LoadKeys) {}

        fn apply(&self, _rows: &mut WorkingSet, _now: Timestamp) {
            panic!("on purpose")
        }
    }

    async fn apply<C: Command>(storage: SqliteStorage, command: C) -> Result<()> {
        storage.apply_one(Timestamp::UNIX_EPOCH, command).await.map(drop)
    }

    async fn makes(storage: SqliteStorage, name: String) -> Result<()> {
        let made = storage.apply_one(Timestamp::UNIX_EPOCH, NewCategory::new(name)).await?;
        made.map(drop).map_err(broken)
    }

    #[tokio::test]
    async fn failing_transactions_do_not_affect_others_in_the_same_commit() {
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
        let bad =
            [tokio::spawn(apply(storage.clone(), BreaksAConstraint)), tokio::spawn(apply(storage.clone(), Panics))];
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
        let listed = storage.categories(crate::domain::page::PageRequest::default()).await.unwrap();
        let names: Vec<String> = listed.items.into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["after", "alone", "before", "later"]);
        assert_eq!(storage.check().await.unwrap(), Vec::<String>::new());
        storage.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
