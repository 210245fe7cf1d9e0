//! Everything in one file, by SQLite: nothing to install, one file to back up.
//!
//! One connection writes, several read. What is acknowledged survives a crash of the process, of the operating system and a
//! power cut: write-ahead log with `synchronous = full`, asserted when the file is opened.

mod open;
mod writer;

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
use self::writer::Writer;
use super::sql::{Due, Wanted, trouble};
use super::{Connections, StorageError};
use crate::domain::book::{Book, NextIds};
use serde_json::Value;
use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

// What the shared files speak of.
type This = SqliteStorage;
type Db = sqlx::Sqlite;
type Row = sqlx::sqlite::SqliteRow;
type Connection = sqlx::SqliteConnection;

/// The newest version of the tables: how many migrations there are.
const MIGRATIONS: i64 = 1;

/// There is one writer.
const BATCHES_AT_ONCE: usize = 1;

/// Everything in one SQLite file. Cheap to clone; all clones share the file.
#[derive(Clone, Debug)]
pub struct SqliteStorage {
    /// One connection: SQLite has one writer at a time anyway, and so nobody ever finds the file locked.
    writer: Writer,
    readers: SqlitePool,
}

/// `column in (…)` for the `index`-th parameter, and what to bind to it.
fn one_of_ints(column: &str, index: u32, values: &[i64]) -> (String, String) {
    let list = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    (format!("{column} in (select value from json_each(${index}))"), format!("[{list}]"))
}

/// The same for texts.
fn one_of_texts(column: &str, index: u32, values: &[String]) -> (String, String) {
    let list = serde_json::Value::from(values.to_vec()).to_string();
    (format!("{column} in (select value from json_each(${index}))"), list)
}

/// There are no row locks: whoever writes has the whole file.
fn lock(_of: &str) -> String {
    String::new()
}

/// The next id of each kind: nobody else writes meanwhile.
async fn next_ids(connection: &mut Connection) -> Result<NextIds, StorageError> {
    let sql = "select (select max(id) from accounts) as account, (select max(id) from categories) as category, \
        (select max(id) from events) as event, (select max(id) from ticket_types) as ticket_type, \
        (select max(id) from orders) as \"order\", (select max(id) from tickets) as ticket, \
        (select max(id) from refunds) as refund, (select max(id) from mails) as mail, \
        (select max(id) from audit) as audit, (select max(id) from webhooks) as webhook";
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(trouble)?;
    let next = |column: &str| row.try_get::<Option<i64>, _>(column).map(|last| last.unwrap_or(0) + 1).map_err(trouble);
    Ok(NextIds {
        account: next("account")?,
        category: next("category")?,
        event: next("event")?,
        ticket_type: next("ticket_type")?,
        order: next("order")?,
        ticket: next("ticket")?,
        refund: next("refund")?,
        mail: next("mail")?,
        audit: next("audit")?,
        webhook: next("webhook")?,
    })
}

type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

/// Where rows of such columns come from, and each of their values: one JSON array of arrays, the next parameter.
fn source(kinds: &[Kind], parameters: &mut usize) -> (String, Vec<String>) {
    let value = |(index, kind): (usize, &Kind)| match kind {
        Kind::Int | Kind::Sum => format!("cast(r.value ->> {index} as bigint)"),
        Kind::Text => format!("r.value ->> {index}"),
        Kind::Bytes => format!("unhex(r.value ->> {index})"),
    };
    *parameters += 1;
    (format!("json_each(${parameters}) as r"), kinds.iter().enumerate().map(value).collect())
}

/// The rows, for a statement that has such a source.
fn given<'q>(query: Query<'q>, _kinds: &[Kind], rows: Vec<Value>) -> Result<Query<'q>, StorageError> {
    Ok(query.bind(Value::Array(rows).to_string()))
}

/// All of these as one: every statement is a journey to the connection's thread and back.
fn together(statements: &[String]) -> String {
    statements.join("; ")
}

/// Runs such statements, and says how many rows they wrote in all.
async fn written(connection: &mut Connection, query: Query<'_>) -> Result<u64, StorageError> {
    Ok(query.execute(connection).await.map_err(trouble)?.rows_affected())
}

/// The functions that give the greatest and the least of several numbers.
fn greatest_and_least() -> (&'static str, &'static str) {
    ("max", "min")
}

/// The function that finds a text in another.
fn contains() -> &'static str {
    "instr"
}

impl SqliteStorage {
    /// Loads what a batch names, applies the rules, writes the difference: whole or not at all.
    async fn write<T: Send + 'static>(
        &self,
        wanted: Wanted,
        decide: impl Fn(&mut Book) -> T + Send + Sync + 'static,
    ) -> Result<T, StorageError> {
        self.writer.write(wanted, decide).await
    }

    async fn writer(&self) -> Result<sqlx::pool::PoolConnection<Db>, StorageError> {
        self.writer.pool.acquire().await.map_err(trouble)
    }

    async fn done(&self, _writer: sqlx::pool::PoolConnection<Db>) -> Result<(), StorageError> {
        Ok(())
    }

    async fn reader(&self) -> Result<sqlx::pool::PoolConnection<Db>, StorageError> {
        self.readers.acquire().await.map_err(trouble)
    }

    /// One connection more than those that read: the one that writes.
    fn connections(&self) -> Connections {
        let of = |pool: &SqlitePool| {
            let open = pool.size();
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            Connections { open, busy: open.saturating_sub(idle), limit: pool.options().get_max_connections() }
        };
        let (writer, readers) = (of(&self.writer.pool), of(&self.readers));
        Connections {
            open: writer.open + readers.open,
            busy: writer.busy + readers.busy,
            limit: writer.limit + readers.limit,
        }
    }

    /// To read with several statements as of one moment: without a transaction, each statement would see what was committed
    /// since the one before it, and an order could be paid and have no tickets.
    async fn snapshot(&self) -> Result<sqlx::Transaction<'static, Db>, StorageError> {
        self.readers.begin().await.map_err(trouble)
    }

    /// A file has no line that could be forgotten.
    async fn in_time<T>(&self, read: impl Future<Output = Result<T, StorageError>> + Send) -> Result<T, StorageError> {
        read.await
    }

    /// The same to read everything.
    async fn survey(&self) -> Result<sqlx::Transaction<'static, Db>, StorageError> {
        self.snapshot().await
    }

    /// Finds what is due, and writes what the rule makes of it. Nobody else writes to the file in between but a process that
    /// shares it, and the rule looks again.
    async fn claim<K, T>(
        &self,
        due: Due,
        wanted: impl Fn(&[K]) -> Wanted + Send,
        decide: impl Fn(&mut Book, &[K]) -> Vec<T> + Send + Sync + 'static,
    ) -> Result<Vec<T>, StorageError>
    where
        K: for<'r> sqlx::Decode<'r, Db> + sqlx::Type<Db> + Send + Sync + Unpin + 'static,
        T: Send + 'static,
    {
        let mut reader = self.reader().await?;
        let mut query = sqlx::query_scalar(due.sql).bind(i64::from(due.limit));
        if let Some(now) = due.now {
            query = query.bind(now);
        }
        let keys: Vec<K> = query.fetch_all(&mut *reader).await.map_err(trouble)?;
        drop(reader);
        if keys.is_empty() {
            return Ok(vec![]);
        }
        self.write(wanted(&keys), move |book| decide(book, &keys)).await
    }
}

#[cfg(test)]
mod tests {
    use super::watch::GAUGES;
    use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

    #[tokio::test]
    async fn the_gauges_are_read_from_small_indexes_however_much_was_sold() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let tables = include_str!("../../../migrations/sqlite/0001_init.sql");
        sqlx::raw_sql(tables).execute(&mut connection).await.unwrap();
        let explain = AssertSqlSafe(format!("explain query plan {GAUGES}"));
        let plan = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
        let steps = plan.iter().map(|step| step.get::<String, _>("detail"));
        let reads: Vec<_> = steps.filter(|step| step.starts_with("SCAN ") || step.starts_with("SEARCH ")).collect();
        assert!(reads.len() > 10, "{reads:?}");
        for read in
            reads.iter().filter(|read| !["SCAN CONSTANT ROW", "SEARCH work", "SCAN work"].contains(&read.as_str()))
        {
            assert!(read.contains(" INDEX "), "{read} reads a whole table");
        }
    }
}
