//! Everything in PostgreSQL, for any number of processes on one database.
//!
//! A batch is one transaction under `read committed`: the rows it names are locked in key order, the rules decide on them, the
//! difference is written under the tables' constraints. Nothing rests on the isolation level.

mod ids;
mod open;

#[path = "../sql/check.rs"]
mod check;
#[path = "../sql/load.rs"]
mod load;
#[path = "../sql/reads.rs"]
mod reads;
#[path = "../sql/rows.rs"]
mod rows;
#[path = "../sql/storage.rs"]
mod storage;
#[path = "../sql/write.rs"]
mod write;

use super::StorageError;
use super::sql::{Wanted, broken, trouble};
use crate::domain::book::Book;
use sqlx::Connection as _;
use sqlx::postgres::PgPool;
use std::sync::Arc;

// What the shared files speak of.
type This = PostgresStorage;
type Db = sqlx::Postgres;
type Row = sqlx::postgres::PgRow;
type Connection = sqlx::PgConnection;

/// Everything in one PostgreSQL database. Cheap to clone; all clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct PostgresStorage {
    pool: PgPool,
    ids: Arc<ids::Ids>,
}

/// How often a transaction is tried again that met another one: after a deadlock, or where both inserted the same key.
const TRIES: u32 = 5;

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

/// Rows that come as one JSON array of arrays, as `r.value`.
fn each_row() -> &'static str {
    "json_array_elements($1::json) as r (value)"
}

/// Bytes from their hexadecimal digits.
fn bytes(hexadecimal: &str) -> String {
    format!("decode({hexadecimal}, 'hex')")
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
        let storage = self.clone();
        let work = tokio::spawn(async move {
            let mut tries = 0;
            loop {
                tries += 1;
                match storage.try_write(&wanted, &decide).await {
                    Err(error) if tries < TRIES && met_another(&error) => {
                        tracing::debug!(%error, tries, "a transaction met another and is tried again");
                    }
                    Err(error) => return Err(trouble(error)),
                    Ok(decided) => return decided,
                }
            }
        });
        work.await.map_err(broken)?
    }

    /// One try. The outer error is the database's, for the caller to see whether it is worth another try.
    async fn try_write<T>(
        &self,
        wanted: &Wanted,
        decide: &(impl Fn(&mut Book) -> T + Send + Sync),
    ) -> Result<Result<T, StorageError>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let next = self.ids.take(&mut connection, wanted.size()).await?;
        let mut transaction = connection.begin().await?;
        let mut book = match load::book(&mut transaction, wanted, next).await {
            Ok(book) => book,
            Err(error) => return inner(error),
        };
        let decided = decide(&mut book);
        match write::changes(&mut transaction, &book).await {
            Ok(true) => transaction.commit().await?,
            Ok(false) => transaction.rollback().await?,
            Err(error) => return inner(error),
        }
        self.ids.give_back(next, wanted.size(), book.next).await;
        Ok(Ok(decided))
    }

    async fn writer(&self) -> Result<sqlx::pool::PoolConnection<Db>, StorageError> {
        self.pool.acquire().await.map_err(trouble)
    }

    async fn reader(&self) -> Result<sqlx::pool::PoolConnection<Db>, StorageError> {
        self.writer().await
    }

    /// To read with several statements as of one moment: without it, each statement would see what was committed since the one
    /// before it, and an order could be paid and have no tickets.
    async fn snapshot(&self) -> Result<sqlx::Transaction<'static, Db>, StorageError> {
        self.pool.begin_with("begin isolation level repeatable read read only").await.map_err(trouble)
    }

    /// The ids of the rows that are due, the longest overdue first. A hint only: whoever takes them looks again.
    async fn due<T>(&self, sql: &'static str, now: i64, limit: u32) -> Result<Vec<T>, StorageError>
    where
        T: for<'r> sqlx::Decode<'r, Db> + sqlx::Type<Db> + Send + Unpin,
    {
        let mut reader = self.reader().await?;
        sqlx::query_scalar(sql).bind(now).bind(i64::from(limit)).fetch_all(&mut *reader).await.map_err(trouble)
    }
}

/// The database's error out of ours, where there is one.
fn inner<T>(error: StorageError) -> Result<Result<T, StorageError>, sqlx::Error> {
    match error {
        StorageError::Broken(cause) | StorageError::Unavailable(cause) if cause.is::<sqlx::Error>() => {
            Err(*cause.downcast::<sqlx::Error>().map_err(sqlx::Error::Configuration)?)
        }
        error => Ok(Err(error)),
    }
}

/// Whether the database undid a transaction only because of another one: a serialization failure, a deadlock, or both made a
/// row of the same key. The next try sees what the other did.
fn met_another(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("40001" | "40P01" | "23505"))
}
