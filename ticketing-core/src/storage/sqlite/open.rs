//! Opening the file, and making sure that it keeps what it is given.

use super::{Db, SqliteStorage};
use crate::storage::StorageError;
use crate::storage::sql::trouble;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{Connection as _, Pool, SqlSafeStr};
use std::path::Path;
use std::time::Duration;

/// The shape of the file, version by version. A shipped one is never edited.
fn migrations() -> Migrator {
    let init = include_str!("../../../migrations/sqlite/0001_init.sql");
    Migrator::with_migrations(vec![Migration::new(1, "init".into(), MigrationType::Simple, init.into_sql_str(), false)])
}

/// How many may read at once. Reading never waits for writing.
const READERS: u32 = 4;

impl SqliteStorage {
    /// Opens the file, makes it where there is none, and brings it up to date.
    ///
    /// Fails where the file is not ours, is of a newer version, or cannot be made to keep what it is given.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let storage = Self::open_flushing(path, SqliteSynchronous::Full).await?;
        storage.assert_durable().await?;
        Ok(storage)
    }

    /// Opens the file so that a power cut loses what was acknowledged: what the power-cut test must find.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub async fn open_careless(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::open_flushing(path, SqliteSynchronous::Normal).await
    }

    async fn open_flushing(path: impl AsRef<Path>, synchronous: SqliteSynchronous) -> Result<Self, StorageError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            // Another process may be writing: a back-up, or an operator's own tool.
            .busy_timeout(Duration::from_secs(5));
        let writer = pool(1, options.clone()).await?;
        migrations().run(&writer).await.map_err(|error| StorageError::Unusable(error.to_string()))?;
        let readers = pool(READERS, options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// A silent change of any of these would break a promise.
    async fn assert_durable(&self) -> Result<(), StorageError> {
        let mut writer = self.writer.acquire().await.map_err(trouble)?;
        let mode: String = sqlx::query_scalar("pragma journal_mode").fetch_one(&mut *writer).await.map_err(trouble)?;
        let synchronous: i64 =
            sqlx::query_scalar("pragma synchronous").fetch_one(&mut *writer).await.map_err(trouble)?;
        let foreign_keys: i64 =
            sqlx::query_scalar("pragma foreign_keys").fetch_one(&mut *writer).await.map_err(trouble)?;
        if mode != "wal" || synchronous != 2 || foreign_keys != 1 {
            let found = format!("journal_mode={mode}, synchronous={synchronous}, foreign_keys={foreign_keys}");
            return Err(StorageError::Unusable(format!(
                "journal_mode=wal, synchronous=2, foreign_keys=1 are wanted, found {found}"
            )));
        }
        Ok(())
    }

    /// Finishes what is under way and closes the file, folding its write-ahead log in.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Whether a connection may be used again. Where the disk fails or is full, SQLite ends the transaction by itself; sqlx does not
/// notice, takes the connection for one within a transaction, and begins none on it any more. Nothing would be sold until
/// somebody started the server anew. A fresh connection sees what the file holds, and that is all that was acknowledged.
async fn is_usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Lets a rollback that was only asked for be done.
    connection.ping().await?;
    let is_left_over = connection.is_in_transaction();
    if is_left_over {
        tracing::warn!("a transaction was ended by SQLite itself: its connection is given up");
    }
    Ok(!is_left_over)
}

async fn pool(connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool, StorageError> {
    let pool: PoolOptions<Db> = PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_usable(connection)));
    let pool: Pool<Db> = pool.connect_with(options).await.map_err(trouble)?;
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_not_ours_is_refused_and_left_alone() {
        let folder = std::env::temp_dir().join(format!("ticketing-not-ours-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("text.db");
        std::fs::write(&file, "This is a letter to my aunt, and no database at all. ".repeat(100)).unwrap();
        let before = std::fs::read(&file).unwrap();
        assert!(SqliteStorage::open(&file).await.is_err());
        assert_eq!(std::fs::read(&file).unwrap(), before);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
