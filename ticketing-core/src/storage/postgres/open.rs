//! Connecting, and bringing the database up to date.

use super::PostgresStorage;
use crate::storage::StorageError;
use crate::storage::sql::trouble;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::str::FromStr;
use std::time::Duration;

/// The shape of the database, version by version. A shipped one is never edited.
fn migrations() -> Migrator {
    let init = include_str!("../../../migrations/postgres/0001_init.sql");
    Migrator::with_migrations(vec![Migration::new(1, "init".into(), MigrationType::Simple, init.into_sql_str(), false)])
}

impl PostgresStorage {
    /// Connects to `postgres://user:password@host:port/database`, and brings the database up to date. Any number of processes
    /// may do so at once, also on an empty database: one migrates, the others wait for it.
    ///
    /// Fails where the database is of a newer version, or does not flush what it acknowledges.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        let options = PgConnectOptions::from_str(url).map_err(|_| {
            // The cause may repeat the password.
            StorageError::Unusable(
                "a database address such as postgres://user:password@host/database is wanted".to_owned(),
            )
        })?;
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options.application_name("ticketing"))
            .await
            .map_err(trouble)?;
        migrations().run(&pool).await.map_err(|error| StorageError::Unusable(error.to_string()))?;
        let storage = Self { pool, ids: std::sync::Arc::default() };
        storage.assert_durable().await?;
        Ok(storage)
    }

    /// With either off, a crash of the machine loses sales that were acknowledged.
    async fn assert_durable(&self) -> Result<(), StorageError> {
        let fsync: String = sqlx::query_scalar("show fsync").fetch_one(&self.pool).await.map_err(trouble)?;
        let commit: String =
            sqlx::query_scalar("show synchronous_commit").fetch_one(&self.pool).await.map_err(trouble)?;
        if fsync != "on" || commit == "off" {
            let found = format!("fsync={fsync}, synchronous_commit={commit}");
            return Err(StorageError::Unusable(format!(
                "fsync=on and synchronous_commit=on are wanted, found {found}"
            )));
        }
        Ok(())
    }

    /// Finishes what is under way and closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
