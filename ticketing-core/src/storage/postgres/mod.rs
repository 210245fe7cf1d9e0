//! Everything in PostgreSQL, for any number of processes on one database.
//!
//! A batch is one transaction under `read committed`: the rows it names are locked in key order, the rules decide on them, the
//! difference is written under the tables' constraints. Nothing rests on the isolation level.

mod dialect;
mod ids;
mod open;

use self::ids::{Blocks, IDS_PER_COMMAND, MORE};
use self::open::migrations;
use super::sql::commits::{Commits, Committer, Timed, decide, load};
use super::sql::kept::Kept;
use super::sql::leases::{Control, Lease, Leases};
use super::sql::{self, Connection, broken, limits, trouble};
use super::{Connections, Storage, StorageError};
use crate::domain::command::Work;
use crate::domain::limit::{Take, Taken};
use crate::domain::list::{List, Tallied, Tally};
use crate::domain::load::Needs;
use crate::domain::working_set::{Noun, WorkingSet};
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Postgres;
use sqlx::postgres::PgConnection;
use std::sync::Arc;
use std::time::Duration;

type Result<T> = std::result::Result<T, StorageError>;

/// Everything in one PostgreSQL database. Cheap to clone; all clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct PostgresStorage {
    leases: Leases<Postgres>,
    blocks: Arc<Blocks>,
    behind_pgbouncer: bool,
    /// Transactions that wait for a commit.
    commits: Commits,
}

/// The number of tries of a transaction that conflicted with another one (a deadlock, or both inserted the same key), lost its
/// connection before the commit, or took more ids than were reserved.
const TRANSACTION_TRIES_MAX: u32 = 5;

/// The delay before the next try after a lost connection, times the number of tries: two seconds in all.
const RECONNECT_BACKOFF: Duration = Duration::from_millis(200);

/// The timeout of one try. A connection that a firewall dropped never answers, and TCP would give it up after a quarter of an hour,
/// or never.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);

/// The timeout of reads that many callers share, and of beginning a transaction.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of every session.
///
/// The database's timeouts are shorter than our own, so that a lost connection does not keep its locks.
///
/// Indexes are always used. For a table that was empty when it was last analysed, the planner prefers a sequential scan and keeps
/// that plan while the table grows, so sales on a new database would slow down with every ticket. (Without an index the whole
/// table is read all the same, at an estimated cost that makes `jit` compile the query.)
const SESSION: &str = "set idle_in_transaction_session_timeout = '8s'; set enable_seqscan = off; set jit = off";
/// Behind PgBouncer, sessions are shared with others, so each transaction has its own settings.
const BEGIN_BEHIND_PGBOUNCER: &str = "begin; set local idle_in_transaction_session_timeout = '8s'; \
    set local enable_seqscan = off; set local jit = off; deallocate all";
const BEGIN: &str = "begin";
const SNAPSHOT: &str = "begin isolation level repeatable read read only";
const SNAPSHOT_BEHIND_PGBOUNCER: &str = "begin isolation level repeatable read read only; \
    set local enable_seqscan = off; set local jit = off; deallocate all";
/// For checks of the whole database, sequential scans are right.
const SURVEY: &str = "begin isolation level repeatable read read only; set local enable_seqscan = on";
const SURVEY_BEHIND_PGBOUNCER: &str = "begin isolation level repeatable read read only; deallocate all";

fn plain(connection: &mut PgConnection) -> &mut dyn Connection {
    connection
}

impl PostgresStorage {
    /// One try. The outer error is the database's, so that the caller can decide whether to try again.
    async fn try_once(&self, works: &[Timed], ids_per_command: i64) -> std::result::Result<Result<()>, Undone> {
        let mut lease = self.begin().await?;
        let size = works.iter().map(|(_, work)| work.size()).sum::<usize>().max(1);
        let count = ids_per_command.saturating_mul(i64::try_from(size).unwrap_or(i64::MAX));
        let (mut loader, mut rows) = match load(plain(&mut lease), works, Kept::default()).await {
            Ok(loaded) => loaded,
            Err(error) => return inner(error),
        };
        let taken = match self.blocks.take(plain(&mut lease), count).await {
            Ok(taken) => taken,
            Err(error) => return inner(error),
        };
        for (noun, ids) in Noun::ALL.iter().zip(&taken) {
            rows.shelf_mut(*noun).set_ids(*ids);
        }
        if let Err(error) = decide(plain(&mut lease), works, &mut loader, &mut rows).await {
            return inner(error);
        }
        if Noun::ALL
            .iter()
            .map(|noun| rows.shelf(*noun).ids())
            .any(|ids| ids.rows.are_overdrawn() || ids.parts.are_overdrawn())
        {
            drop(lease.end("rollback").await);
            return Err(Undone::TooFewIds);
        }
        match sql::write::write(plain(&mut lease), &rows).await {
            Ok(true) => lease.end("commit").await.map_err(|cause| Undone::Failed { cause, may_be_done: true })?,
            // A dropped transaction ends a moment later, and claims would skip its rows until then. Nothing was written, so a
            // failure does not matter.
            Ok(false) => drop(lease.end("rollback").await),
            Err(error) => return inner(error),
        }
        self.blocks.give_back(&taken, &rows).await;
        Ok(Ok(()))
    }

    async fn tries(&self, works: &[Timed]) -> Result<()> {
        let (mut tries, mut ids_per_command) = (0, IDS_PER_COMMAND);
        loop {
            tries += 1;
            let error = match tokio::time::timeout(TRY_TIMEOUT, self.try_once(works, ids_per_command)).await {
                Ok(Ok(done)) => return done,
                Ok(Err(error)) => error,
                // As if the connection was lost during the commit: the transaction may have been committed.
                Err(_) => return Err(StorageError::Unavailable("the database did not answer in time".into())),
            };
            let is_last = tries == TRANSACTION_TRIES_MAX || !error.is_worth_another_try();
            match error {
                Undone::TooFewIds if is_last => return Err(broken("a transaction took more ids than a block has")),
                Undone::TooFewIds => ids_per_command = ids_per_command.saturating_mul(MORE),
                Undone::Failed { cause, .. } if is_last => return Err(trouble(cause)),
                Undone::Failed { cause, .. } => {
                    tracing::debug!(error = %cause, tries, "a transaction was rolled back and is retried");
                    if !met_another(&cause) {
                        tokio::time::sleep(RECONNECT_BACKOFF * tries).await;
                    }
                }
            }
        }
    }

    /// Behind PgBouncer, each transaction may get another connection, on which others have prepared statements under the same
    /// names.
    async fn begin(&self) -> std::result::Result<Lease<Postgres>, sqlx::Error> {
        self.begin_with(self.begin_statements()).await
    }

    fn begin_statements(&self) -> &'static str {
        if self.behind_pgbouncer { BEGIN_BEHIND_PGBOUNCER } else { BEGIN }
    }

    async fn begin_with(&self, statements: &'static str) -> std::result::Result<Lease<Postgres>, sqlx::Error> {
        let begun = tokio::time::timeout(READ_TIMEOUT, async {
            let mut lease = self.leases.lend().await?;
            lease.begin(statements).await?;
            Ok(lease)
        });
        begun.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Applies the timeout of reads. Many callers share a read, and on a dropped connection all of them would wait.
    async fn in_time<T>(&self, read: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let late = |_| StorageError::Unavailable("the database did not answer in time".into());
        tokio::time::timeout(READ_TIMEOUT, read).await.map_err(late)?
    }

    /// A connection for a few statements that need no snapshot. End it with [`done`](Self::done).
    ///
    /// Behind PgBouncer in transaction mode, a statement that is prepared outside a transaction may be executed on another connection,
    /// which does not know it.
    async fn reader(&self) -> Result<Lease<Postgres>> {
        let reader = if self.behind_pgbouncer { self.begin().await } else { self.leases.lend().await };
        reader.map_err(trouble)
    }

    /// A snapshot for several statements. Without it, each statement would see what was committed since the previous one, and an
    /// order could be paid and have no tickets.
    async fn snapshot(&self) -> Result<Lease<Postgres>> {
        let begin = if self.behind_pgbouncer { SNAPSHOT_BEHIND_PGBOUNCER } else { SNAPSHOT };
        self.begin_with(begin).await.map_err(trouble)
    }

    /// A snapshot for a check of the whole database.
    async fn survey(&self) -> Result<Lease<Postgres>> {
        let begin = if self.behind_pgbouncer { SURVEY_BEHIND_PGBOUNCER } else { SURVEY };
        self.begin_with(begin).await.map_err(trouble)
    }
}

#[async_trait]
impl Storage for PostgresStorage {
    /// Is not cancelled when the caller leaves: that cannot leave a transaction half-done.
    async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        self.commits.commit(self, now, work).await
    }

    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet> {
        // Boxed: two working sets are a lot to keep on the stack.
        Box::pin(self.in_time(async {
            if needs.is_of_one_moment() {
                let mut snapshot = self.snapshot().await?;
                let rows = sql::load::load(plain(&mut snapshot), needs).await?;
                snapshot.end("commit").await.map_err(trouble)?;
                return Ok(rows);
            }
            let mut reader = self.reader().await?;
            let rows = sql::load::load(plain(&mut reader), needs).await?;
            reader.finish(true).await.map_err(trouble)?;
            Ok(rows)
        }))
        .await
    }

    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>> {
        let mut snapshot = self.snapshot().await?;
        let tallied = sql::list::tally(plain(&mut snapshot), tallies).await?;
        snapshot.end("commit").await.map_err(trouble)?;
        Ok(tallied)
    }

    async fn forget(&self, list: &List) -> Result<u32> {
        let mut writer = self.reader().await?;
        let forgotten = sql::list::forget(plain(&mut writer), list).await?;
        writer.finish(true).await.map_err(trouble)?;
        Ok(forgotten)
    }

    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken> {
        let is_one_statement = takes.len() == 1;
        let mut writer = if is_one_statement { self.reader().await? } else { self.begin().await.map_err(trouble)? };
        let taken = limits::take(plain(&mut writer), now, takes).await?;
        writer.finish(taken.is_some()).await.map_err(trouble)?;
        if let Some(full_at) = taken {
            return Ok(Taken::All { full_at });
        }
        let mut reader = self.reader().await?;
        let refused = limits::refused(plain(&mut reader), now, takes).await?;
        reader.finish(true).await.map_err(trouble)?;
        Ok(refused)
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32> {
        let mut writer = self.reader().await?;
        let forgotten = limits::forget(plain(&mut writer), now, limit).await?;
        writer.finish(true).await.map_err(trouble)?;
        Ok(forgotten)
    }

    async fn ready(&self) -> Result<()> {
        let mut reader = self.reader().await?;
        sql::ready(plain(&mut reader), migrations::newest()).await?;
        reader.finish(true).await.map_err(trouble)
    }

    async fn check(&self) -> Result<Vec<String>> {
        let mut survey = self.survey().await?;
        let wrong = sql::check::all(plain(&mut survey)).await?;
        survey.end("commit").await.map_err(trouble)?;
        Ok(wrong)
    }

    fn version(&self) -> Option<u64> {
        Some(self.commits.version())
    }

    fn connections(&self) -> Connections {
        let (open, busy) = self.leases.count();
        Connections { open, busy, limit: self.leases.pool().options().get_max_connections() }
    }

    /// While one batch waits for the disk, others can run.
    fn parallel_batches(&self) -> usize {
        4
    }
}

#[async_trait]
impl Committer for PostgresStorage {
    /// While one commit waits for the disk or for another process's lock, the other can run.
    const WIDTH: usize = 2;

    async fn commit(&self, works: &[Timed]) -> Result<()> {
        self.tries(works).await
    }
}

#[async_trait]
impl Control for Postgres {
    async fn run(connection: &mut PgConnection, statements: &'static str) -> std::result::Result<(), sqlx::Error> {
        sqlx::raw_sql(statements).execute(connection).await.map(drop)
    }
}

/// A transaction that failed, as far as is known.
enum Undone {
    Failed {
        cause: sqlx::Error,
        /// Whether the connection was lost during the commit, so that it may have been committed.
        may_be_done: bool,
    },
    /// It took more ids than were reserved, and was rolled back.
    TooFewIds,
}

impl From<sqlx::Error> for Undone {
    fn from(cause: sqlx::Error) -> Self {
        Self::Failed { cause, may_be_done: false }
    }
}

impl Undone {
    /// If it may have been committed, only the caller knows whether to repeat it: a second registration of the same account would
    /// be refused.
    fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Failed { cause, may_be_done } => met_another(cause) || (!may_be_done && was_cut_off(cause)),
            Self::TooFewIds => true,
        }
    }
}

/// Extracts the database's error from ours, if there is one.
fn inner<T>(error: StorageError) -> std::result::Result<Result<T>, Undone> {
    match error {
        StorageError::Broken(cause) | StorageError::Unavailable(cause) if cause.is::<sqlx::Error>() => {
            Err((*cause.downcast::<sqlx::Error>().map_err(sqlx::Error::Configuration)?).into())
        }
        error => Ok(Err(error)),
    }
}

/// Whether the database rolled a transaction back only because of another one: a serialization failure, a deadlock, or both inserted
/// the same key. The next try sees what the other one wrote.
fn met_another(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01" | "23505"))
}

/// Whether the connection ended, because the database stopped, crashed, was cut off, or is a standby now. The next try takes
/// another connection.
fn was_cut_off(error: &sqlx::Error) -> bool {
    let code = code(error);
    let code = code.as_deref().unwrap_or_default();
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed)
        || code.starts_with("08")
        || matches!(code, "57P01" | "57P02" | "57P03" | "25006")
}

fn code(error: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    error.as_database_error()?.code()
}
