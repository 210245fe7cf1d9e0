//! Everything in PostgreSQL, for any number of processes on one database.
//!
//! A batch is one transaction under `read committed`: the rows it names are locked in key order, the rules decide on them, the
//! difference is written under the tables' constraints. Nothing rests on the isolation level.

mod ids;
mod open;

#[path = "../sql/check.rs"]
mod check;
#[path = "../sql/limits.rs"]
mod limits;
#[path = "../sql/load.rs"]
mod load;
#[path = "../sql/reads.rs"]
mod reads;
#[path = "../sql/rows.rs"]
mod rows;
#[path = "../sql/storage.rs"]
mod storage;
#[path = "../sql/watch.rs"]
mod watch;
#[path = "../sql/write.rs"]
mod write;

use self::write::Kind;
use super::sql::{Due, Wanted, broken, trouble};
use super::{Connections, StorageError};
use crate::domain::book::Book;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;
use std::sync::Arc;

// What the shared files speak of.
type This = PostgresStorage;
type Db = sqlx::Postgres;
type Row = sqlx::postgres::PgRow;
type Connection = sqlx::PgConnection;

/// The newest version of the tables: how many migrations there are.
const MIGRATIONS: i64 = 1;

/// Everything in one PostgreSQL database. Cheap to clone; all clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct PostgresStorage {
    pool: PgPool,
    ids: Arc<ids::Ids>,
    behind_pgbouncer: bool,
}

/// Batches of holds of different events: while one waits for the disk, another is worked out.
const BATCHES_AT_ONCE: usize = 4;

/// How often a transaction is tried that met another one (a deadlock, or both inserted the same key) or lost its connection
/// before it was committed.
const TRIES: u32 = 5;

/// How long to wait before trying again after a connection was lost, times the number of tries: two seconds in all.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// How long one try may take. A connection that a firewall forgot never answers: without an end to the wait it would be waited
/// for until TCP gives up, which takes from a quarter of an hour to for ever.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The same for reads that are shared, and for beginning.
const READ_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// What every session is told, once.
///
/// The database gives up sooner than PATIENCE on us: what a lost connection has locked would be locked for everybody.
///
/// And it finds rows by their keys. Of a table that was empty when it was last analysed it believes that reading all of it is
/// cheaper, and keeps to that plan while the table grows: a sale that begins on a new database would slow down with every ticket.
/// (Where there is no index the whole table is read all the same, at a cost that `jit` takes for worth compiling.)
const SESSION: &str = "set idle_in_transaction_session_timeout = '8s'; set enable_seqscan = off; set jit = off";
/// Behind PgBouncer a session is not ours: the same for each transaction.
const BEGIN_BEHIND_PGBOUNCER: &str = "begin; set local idle_in_transaction_session_timeout = '8s'; \
    set local enable_seqscan = off; set local jit = off; deallocate all";
const BEGIN: &str = "begin";
const SNAPSHOT: &str = "begin isolation level repeatable read read only";
const SNAPSHOT_BEHIND_PGBOUNCER: &str = "begin isolation level repeatable read read only; \
    set local enable_seqscan = off; set local jit = off; deallocate all";
/// For questions about everything, whole tables are what is to be read.
const SURVEY: &str = "begin isolation level repeatable read read only; set local enable_seqscan = on";
const SURVEY_BEHIND_PGBOUNCER: &str = "begin isolation level repeatable read read only; deallocate all";

/// `column in (…)` for the `index`-th parameter, and what to bind to it.
fn one_of_ints(column: &str, index: u32, values: &[i64]) -> (String, String) {
    let list = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    (format!("{column} = any(string_to_array(${index}, ',')::bigint[])"), list)
}

/// The same for texts.
fn one_of_texts(column: &str, index: u32, values: &[String]) -> (String, String) {
    let list = serde_json::Value::from(values.to_vec()).to_string();
    (format!("{column} = any(array(select json_array_elements_text(${index}::json)))"), list)
}

/// Locks the rows that are read.
fn lock(of: &str) -> String {
    format!(" for update{of}")
}

type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

/// Where rows of such columns come from, and each of their values: an array for each column. Against one JSON text for all,
/// which the database would read again for every value, that takes a fraction of its time. The parameters come after those that
/// there are already.
fn source(kinds: &[Kind], parameters: &mut usize) -> (String, Vec<String>) {
    let array = |kind: &Kind| {
        *parameters += 1;
        match kind {
            Kind::Int | Kind::Sum => format!("${parameters}::bigint[]"),
            Kind::Text => format!("${parameters}::text[]"),
            Kind::Bytes => format!("${parameters}::bytea[]"),
        }
    };
    let arrays: Vec<String> = kinds.iter().map(array).collect();
    let names: Vec<String> = (0..kinds.len()).map(|index| format!("c{index}")).collect();
    let source = format!("unnest({}) as r ({})", arrays.join(", "), names.join(", "));
    (source, names.into_iter().map(|name| format!("r.{name}")).collect())
}

/// The rows, for a statement that has such a source.
fn given<'q>(mut query: Query<'q>, kinds: &[Kind], rows: Vec<Value>) -> Result<Query<'q>, StorageError> {
    let mut rows: Vec<std::vec::IntoIter<Value>> = rows
        .into_iter()
        .map(|row| match row {
            Value::Array(values) if values.len() == kinds.len() => Ok(values.into_iter()),
            other => Err(broken(format!("a row of {} values is wanted, found {other}", kinds.len()))),
        })
        .collect::<Result<_, _>>()?;
    for kind in kinds {
        let column = rows.iter_mut().filter_map(Iterator::next);
        query = match kind {
            Kind::Int | Kind::Sum => query.bind(column.map(int).collect::<Result<Vec<_>, _>>()?),
            Kind::Text => query.bind(column.map(text).collect::<Vec<_>>()),
            Kind::Bytes => query.bind(column.map(bytes).collect::<Result<Vec<_>, _>>()?),
        };
    }
    Ok(query)
}

/// All of these as one statement, which says how many rows were written. Each sees the rows as they were before all of them, and
/// no two write the same; references are checked at its end.
fn together(statements: &[String]) -> String {
    let part = |(index, statement): (usize, &String)| format!("w{index} as ({statement} returning 1)");
    let parts: Vec<String> = statements.iter().enumerate().map(part).collect();
    let counts: Vec<String> = (0..parts.len()).map(|index| format!("(select count(*) from w{index})")).collect();
    format!("with {} select {}", parts.join(", "), counts.join(" + "))
}

/// Runs such statements, and says how many rows they wrote in all.
async fn written(connection: &mut Connection, query: Query<'_>) -> Result<u64, StorageError> {
    let row = query.fetch_one(connection).await.map_err(trouble)?;
    let rows: i64 = sqlx::Row::try_get(&row, 0).map_err(trouble)?;
    u64::try_from(rows).map_err(broken)
}

fn int(value: Value) -> Result<Option<i64>, StorageError> {
    match value {
        Value::Null => Ok(None),
        value => value.as_i64().map(Some).ok_or_else(|| broken(format!("a whole number is wanted, found {value}"))),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        value => Some(value.to_string()),
    }
}

/// Bytes from their hexadecimal digits.
fn bytes(value: Value) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(digits) = text(value) else { return Ok(None) };
    let byte = |at| digits.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let bytes = (0..digits.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>();
    bytes.map(Some).ok_or_else(|| broken(format!("hexadecimal digits are wanted, found {digits}")))
}

/// The functions that give the greatest and the least of several numbers.
fn greatest_and_least() -> (&'static str, &'static str) {
    ("greatest", "least")
}

/// The function that finds a text in another.
fn contains() -> &'static str {
    "strpos"
}

impl PostgresStorage {
    /// Loads what a batch names, applies the rules, writes the difference: one transaction, tried again where it met another.
    ///
    /// Runs on by itself: a caller that leaves cannot leave a transaction half-way.
    async fn write<T: Send + 'static>(
        &self,
        wanted: Wanted,
        decide: impl Fn(&mut Book) -> T + Send + Sync + 'static,
    ) -> Result<T, StorageError> {
        self.run(None, move |_: &[i64]| wanted.clone(), move |book, _| decide(book)).await
    }

    /// Finds and locks what is due, and writes what the rule makes of it. What another process has locked is passed over: it
    /// is at work on it, and this one takes what comes next instead of waiting.
    async fn claim<K: Key, T: Send + 'static>(
        &self,
        due: Due,
        wanted: impl Fn(&[K]) -> Wanted + Send + Sync + 'static,
        decide: impl Fn(&mut Book, &[K]) -> Vec<T> + Send + Sync + 'static,
    ) -> Result<Vec<T>, StorageError> {
        self.run(Some(due), wanted, decide).await
    }

    async fn run<K: Key, T: Send + 'static>(
        &self,
        due: Option<Due>,
        wanted: impl Fn(&[K]) -> Wanted + Send + Sync + 'static,
        decide: impl Fn(&mut Book, &[K]) -> T + Send + Sync + 'static,
    ) -> Result<T, StorageError> {
        let storage = self.clone();
        let work = tokio::spawn(async move {
            let mut tries = 0;
            loop {
                tries += 1;
                let error = match tokio::time::timeout(PATIENCE, storage.try_run(due, &wanted, &decide)).await {
                    Ok(Ok(decided)) => return decided,
                    Ok(Err(error)) => error,
                    // It may be done or not, like where the connection was lost at the commit.
                    Err(_) => return Err(StorageError::Unavailable("the database did not answer in time".into())),
                };
                if tries == TRIES || !error.is_worth_another_try() {
                    return Err(trouble(error.cause));
                }
                tracing::debug!(error = %error.cause, tries, "a transaction was undone and is tried again");
                if !met_another(&error.cause) {
                    tokio::time::sleep(PAUSE * tries).await;
                }
            }
        });
        work.await.map_err(broken)?
    }

    /// One try. The outer error is the database's, for the caller to see whether it is worth another try.
    async fn try_run<K: Key, T>(
        &self,
        due: Option<Due>,
        wanted: &(impl Fn(&[K]) -> Wanted + Send + Sync),
        decide: &(impl Fn(&mut Book, &[K]) -> T + Send + Sync),
    ) -> Result<Result<T, StorageError>, Undone> {
        let mut transaction = self.begin().await?;
        let keys = match due {
            Some(due) => lock_due(&mut transaction, due).await?,
            None => vec![],
        };
        let wanted = wanted(&keys);
        let next = self.ids.take(&mut transaction, wanted.size()).await?;
        let mut book = match load::book(&mut transaction, &wanted, next).await {
            Ok(book) => book,
            Err(error) => return inner(error),
        };
        let decided = decide(&mut book, &keys);
        match write::changes(&mut transaction, &book).await {
            Ok(true) => transaction.commit().await.map_err(|cause| Undone { cause, may_be_done: true })?,
            // At once: a transaction that is merely dropped ends a moment later, and who claims meanwhile passes over its rows.
            // Nothing to lose: that it may fail does not matter.
            Ok(false) => drop(transaction.rollback().await),
            Err(error) => return inner(error),
        }
        self.ids.give_back(next, wanted.size(), book.next).await;
        Ok(Ok(decided))
    }

    /// Behind PgBouncer, the connection is another one for every transaction, and may know statements that somebody else
    /// prepared under the names that we are going to use.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, Db>, sqlx::Error> {
        self.begin_with(if self.behind_pgbouncer { BEGIN_BEHIND_PGBOUNCER } else { BEGIN }).await
    }

    /// Begins in a task of its own, which is not dropped with our caller. sqlx 0.9.0 knows nothing of a transaction whose `begin`
    /// was dropped before it was answered: the next one to get the connection would read and write within it
    /// (<https://github.com/launchbadge/sqlx/issues/4393>).
    async fn begin_with(&self, statement: &'static str) -> Result<sqlx::Transaction<'static, Db>, sqlx::Error> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move {
            let begun = tokio::time::timeout(READ_PATIENCE, pool.begin_with(statement)).await;
            begun.unwrap_or(Err(sqlx::Error::PoolTimedOut))
        });
        begun.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }

    /// A read that many wait for ends in time: on a line that a firewall forgot, all who come after them would wait too.
    async fn in_time<T>(&self, read: impl Future<Output = Result<T, StorageError>> + Send) -> Result<T, StorageError> {
        let late = |_| StorageError::Unavailable("the database did not answer in time".into());
        tokio::time::timeout(READ_PATIENCE, read).await.map_err(late)?
    }

    /// For a few statements that need no snapshot. End it with [`done`](Self::done).
    async fn writer(&self) -> Result<Lease, StorageError> {
        Ok(match self.behind_pgbouncer {
            false => Lease::Connection(self.pool.acquire().await.map_err(trouble)?),
            true => Lease::Transaction(self.begin().await.map_err(trouble)?),
        })
    }

    async fn done(&self, lease: Lease) -> Result<(), StorageError> {
        match lease {
            Lease::Connection(_) => Ok(()),
            Lease::Transaction(transaction) => transaction.commit().await.map_err(trouble),
        }
    }

    async fn reader(&self) -> Result<Lease, StorageError> {
        self.writer().await
    }

    fn connections(&self) -> Connections {
        let open = self.pool.size();
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        Connections { open, busy: open.saturating_sub(idle), limit: self.pool.options().get_max_connections() }
    }

    /// To read with several statements as of one moment: without it, each statement would see what was committed since the one
    /// before it, and an order could be paid and have no tickets.
    async fn snapshot(&self) -> Result<sqlx::Transaction<'static, Db>, StorageError> {
        let begin = if self.behind_pgbouncer { SNAPSHOT_BEHIND_PGBOUNCER } else { SNAPSHOT };
        self.begin_with(begin).await.map_err(trouble)
    }

    /// The same to read everything.
    async fn survey(&self) -> Result<sqlx::Transaction<'static, Db>, StorageError> {
        let begin = if self.behind_pgbouncer { SURVEY_BEHIND_PGBOUNCER } else { SURVEY };
        self.begin_with(begin).await.map_err(trouble)
    }
}

/// A connection for a few statements. Behind PgBouncer in transaction mode, a statement that is prepared outside a transaction
/// may be executed on another connection, which does not know it.
enum Lease {
    Connection(sqlx::pool::PoolConnection<Db>),
    Transaction(sqlx::Transaction<'static, Db>),
}

impl std::ops::Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl std::ops::DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Connection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// A transaction that came to nothing, as far as is known.
struct Undone {
    cause: sqlx::Error,
    /// It was lost while it was committed: it may have come to something.
    may_be_done: bool,
}

impl From<sqlx::Error> for Undone {
    fn from(cause: sqlx::Error) -> Self {
        Self { cause, may_be_done: false }
    }
}

impl Undone {
    /// Where it may be done, only the caller knows whether repeating it is right: an account that was made would be refused the
    /// second time.
    fn is_worth_another_try(&self) -> bool {
        met_another(&self.cause) || (!self.may_be_done && was_cut_off(&self.cause))
    }
}

/// What the keys of due rows are.
trait Key: for<'r> sqlx::Decode<'r, Db> + sqlx::Type<Db> + Send + Sync + Unpin + 'static {}

impl Key for i64 {}
impl Key for String {}

/// Locks what is due and nobody else has locked.
async fn lock_due<K: Key>(connection: &mut Connection, due: Due) -> Result<Vec<K>, sqlx::Error> {
    let sql = format!("{} for update of {} skip locked", due.sql, due.of);
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(i64::from(due.limit));
    if let Some(now) = due.now {
        query = query.bind(now);
    }
    query.fetch_all(connection).await
}

/// The database's error out of ours, where there is one.
fn inner<T>(error: StorageError) -> Result<Result<T, StorageError>, Undone> {
    match error {
        StorageError::Broken(cause) | StorageError::Unavailable(cause) if cause.is::<sqlx::Error>() => {
            Err((*cause.downcast::<sqlx::Error>().map_err(sqlx::Error::Configuration)?).into())
        }
        error => Ok(Err(error)),
    }
}

/// Whether the database undid a transaction only because of another one: a serialization failure, a deadlock, or both made a
/// row of the same key. The next try sees what the other did.
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
