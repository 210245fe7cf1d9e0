//! Connecting, and bringing the database up to date.

use super::{PostgresStorage, SESSION};
use crate::storage::StorageError;
use crate::storage::sql::commits::Commits;
use crate::storage::sql::leases::Leases;
use crate::storage::sql::trouble;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::str::FromStr;
use std::time::Duration;

/// The tables, version by version. A landed migration is never edited.
pub(super) mod migrations {
    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::{Migration, MigrationType, Migrator};

    const INIT: &str = include_str!("../../../migrations/postgres/0001_init.sql");
    const SUBJECTS: &str = include_str!("../../../migrations/postgres/0002_subjects_and_parts.sql");
    const DISPUTES: &str = include_str!("../../../migrations/postgres/0003_disputes_and_undone_scans.sql");
    const BUYER_LIMITS: &str = include_str!("../../../migrations/postgres/0004_buyer_limits.sql");
    const EDITED_EVENTS: &str = include_str!("../../../migrations/postgres/0005_edited_events.sql");
    const NOTICES: &str = include_str!("../../../migrations/postgres/0006_notices.sql");
    const PROMO_CODES: &str = include_str!("../../../migrations/postgres/0007_promo_codes.sql");
    const ORDER_LINES: &str = include_str!("../../../migrations/postgres/0008_order_lines_are_facts.sql");
    const PUBLISHED: &str = include_str!("../../../migrations/postgres/0009_published_events.sql");
    const ADMINISTRATION: &str = include_str!("../../../migrations/postgres/0010_administration.sql");
    const PROOFS: &str = include_str!("../../../migrations/postgres/0011_proofs.sql");
    const ORGANISATIONS: &str = include_str!("../../../migrations/postgres/0012_organisations.sql");
    const FACTORS: &str = include_str!("../../../migrations/postgres/0013_sessions_and_factors.sql");
    const API_KEYS: &str = include_str!("../../../migrations/postgres/0014_api_keys.sql");
    const REQUIRED_FACTORS: &str = include_str!("../../../migrations/postgres/0015_required_second_factors.sql");
    const GUESTS: &str = include_str!("../../../migrations/postgres/0016_guests.sql");
    const INVITATIONS: &str = include_str!("../../../migrations/postgres/0017_invitations_and_codes.sql");
    const ERASURE: &str = include_str!("../../../migrations/postgres/0018_erasure.sql");
    const ATTENDEES: &str = include_str!("../../../migrations/postgres/0019_attendees.sql");
    const TRANSFERS: &str = include_str!("../../../migrations/postgres/0020_transfers_details_messages.sql");

    /// All of them.
    pub(in crate::storage) fn all() -> Migrator {
        let one = |version, name: &'static str, sql: &'static str| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        };
        Migrator::with_migrations(vec![
            one(1, "init", INIT),
            one(2, "subjects and parts", SUBJECTS),
            one(3, "disputes and undone scans", DISPUTES),
            one(4, "buyer limits", BUYER_LIMITS),
            one(5, "edited events", EDITED_EVENTS),
            one(6, "notices", NOTICES),
            one(7, "promo codes", PROMO_CODES),
            one(8, "order lines are facts", ORDER_LINES),
            one(9, "published events", PUBLISHED),
            one(10, "administration", ADMINISTRATION),
            one(11, "proofs", PROOFS),
            one(12, "organisations", ORGANISATIONS),
            one(13, "sessions and factors", FACTORS),
            one(14, "API keys", API_KEYS),
            one(15, "required second factors", REQUIRED_FACTORS),
            one(16, "guests", GUESTS),
            one(17, "invitations and codes", INVITATIONS),
            one(18, "erasure", ERASURE),
            one(19, "attendees", ATTENDEES),
            one(20, "transfers, details and messages", TRANSFERS),
        ])
    }

    /// The newest version.
    pub(in crate::storage) fn newest() -> i64 {
        all().iter().map(|migration| migration.version).max().unwrap_or(0)
    }
}

/// Any number that nobody else takes: the name of the lock under which one process migrates.
const MIGRATING: i64 = 0x7469_636b_6574_696e;

impl PostgresStorage {
    /// Connects to `postgres://user:password@host:port/database`, and brings the database up to date. Any number of processes
    /// may do so at once, also on an empty database: one migrates, the others wait for it.
    ///
    /// Through PgBouncer in transaction mode, add `pgbouncer=true` to the address (`…/database?pgbouncer=true`): nothing then
    /// outlives a transaction. PgBouncer itself needs `ignore_startup_parameters = extra_float_digits`.
    ///
    /// Fails where the database is of a newer version, or does not flush what it acknowledges.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        let storage = Self::connect_as_is(url).await?;
        storage.migrate().await?;
        storage.assert_durable().await?;
        Ok(storage)
    }

    /// The same without changing anything: for looking at a database that other processes use.
    pub async fn connect_as_is(url: &str) -> Result<Self, StorageError> {
        let (url, behind_pgbouncer) = without_pgbouncer(url);
        let mut options = PgConnectOptions::from_str(&url).map_err(|_| {
            // The cause may repeat the password.
            StorageError::Unusable(
                "the database address must look like postgres://user:password@host/database".to_owned(),
            )
        })?;
        if behind_pgbouncer {
            options = options.statement_cache_capacity(0);
        } else {
            // Room for every statement that there is.
            options = options.statement_cache_capacity(500);
        }
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(5))
            // A standby takes no writes: after a fail-over, wait for the one that does.
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if !behind_pgbouncer {
                        sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
                    }
                    let standby = sqlx::raw_sql("select where pg_is_in_recovery()").fetch_optional(connection).await?;
                    let refused = || sqlx::Error::Configuration("the database is a standby".into());
                    standby.map_or(Ok(()), |_| Err(refused()))
                })
            })
            // sqlx's own check pings a connection and waits for the answer without a time-out. On a connection that died silently it
            // would wait indefinitely, and each one would take a slot of the pool.
            .test_before_acquire(false)
            // One that was just given back was asked then; and most are given back to [`Leases`] and not to the pool.
            .before_acquire(|connection, meta| {
                let rested = meta.idle_for > Duration::from_secs(1);
                Box::pin(async move { if rested { is_alive(connection).await } else { Ok(true) } })
            })
            .after_release(|connection, _| Box::pin(is_alive(connection)))
            .connect_with(options.application_name("ticketing"))
            .await
            .map_err(trouble)?;
        Ok(Self {
            leases: Leases::new(pool),
            blocks: std::sync::Arc::default(),
            behind_pgbouncer,
            commits: Commits::default(),
        })
    }

    /// In one transaction, under a lock that ends with it: a lock of the session's would stay with whatever connection PgBouncer
    /// chose.
    async fn migrate(&self) -> Result<(), StorageError> {
        // By sqlx's own transaction: each migration is one within it.
        let mut transaction = self.leases.pool().begin_with(self.begin_statements()).await.map_err(trouble)?;
        let lock = sqlx::query("select pg_advisory_xact_lock($1)").bind(MIGRATING);
        lock.execute(&mut *transaction).await.map_err(trouble)?;
        let mut migrations = migrations::all();
        migrations.set_locking(false);
        migrations
            .run_direct(None, &mut *transaction, false)
            .await
            .map_err(|error| StorageError::Unusable(error.to_string()))?;
        transaction.commit().await.map_err(trouble)
    }

    /// With either off, a crash of the machine loses sales that were acknowledged.
    async fn assert_durable(&self) -> Result<(), StorageError> {
        let mut reader = self.reader().await?;
        let sql = "select current_setting('fsync'), current_setting('synchronous_commit')";
        let (fsync, commit): (String, String) = sqlx::query_as(sql).fetch_one(&mut *reader).await.map_err(trouble)?;
        if fsync != "on" || commit == "off" {
            let found = format!("fsync={fsync}, synchronous_commit={commit}");
            return Err(StorageError::Unusable(format!(
                "must run with fsync=on and synchronous_commit=on (got {found})"
            )));
        }
        Ok(())
    }

    /// Finishes running calls and closes all connections.
    pub async fn close(&self) {
        self.leases.close().await;
    }
}

/// A connection that does not answer at once is given up.
async fn is_alive(connection: &mut sqlx::PgConnection) -> Result<bool, sqlx::Error> {
    let asked = tokio::time::timeout(Duration::from_secs(1), connection.ping()).await;
    asked.map_err(|_| sqlx::Error::PoolTimedOut)?.map(|()| true)
}

/// The address without our own parameter, and whether it was there.
fn without_pgbouncer(url: &str) -> (String, bool) {
    let Some((address, parameters)) = url.split_once('?') else { return (url.to_owned(), false) };
    let (ours, theirs): (Vec<&str>, Vec<&str>) =
        parameters.split('&').partition(|parameter| parameter.starts_with("pgbouncer="));
    (format!("{address}?{}", theirs.join("&")), ours.contains(&"pgbouncer=true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_parameter_is_not_the_databases() {
        let without = |url| without_pgbouncer(url);
        assert_eq!(without("postgres://h/d"), ("postgres://h/d".to_owned(), false));
        assert_eq!(without("postgres://h/d?pgbouncer=true"), ("postgres://h/d?".to_owned(), true));
        let both = "postgres://h/d?sslmode=require&pgbouncer=true&a=b";
        assert_eq!(without(both), ("postgres://h/d?sslmode=require&a=b".to_owned(), true));
        assert_eq!(without("postgres://h/d?pgbouncer=false"), ("postgres://h/d?".to_owned(), false));
    }
}
