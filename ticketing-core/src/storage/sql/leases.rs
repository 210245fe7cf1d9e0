//! Connections that are lent and given back without a check.
//!
//! sqlx asks a connection for a sign of life whenever it returns to the pool, twice with a check of ours. With PostgreSQL that is two
//! round trips, and with SQLite two hand-overs between threads, after every transaction. A connection whose work has ended in order
//! needs neither: it stays here, ready for the next caller. All others go back to the pool: those whose caller left in the middle,
//! those that failed, and those that were idle for a second.

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Database, Pool};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// After this, a connection may have died without a word, and the pool has to look at it.
const IDLE_LIMIT: Duration = Duration::from_secs(1);
/// How long a connection stays out of the pool, which ends those that are old.
const LENT_LIMIT: Duration = Duration::from_secs(60);
/// How long a rollback may take on a connection whose caller left.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(1);

/// A database whose transactions are begun and ended by statements.
///
/// Not by sqlx's `Transaction`: it returns its connection to the pool at its end, and loses track of a transaction whose `begin` is
/// dropped before the response (<https://github.com/launchbadge/sqlx/issues/4393>).
#[async_trait]
pub(in crate::storage) trait Control: Database {
    /// Runs statements that return nothing.
    async fn run(connection: &mut Self::Connection, statements: &'static str) -> Result<(), sqlx::Error>;
}

/// A pool, and connections of it that are ready. Cheap to clone.
#[derive(Debug)]
pub(in crate::storage) struct Leases<DB: Control> {
    shared: Arc<Shared<DB>>,
}

#[derive(Debug)]
struct Shared<DB: Database> {
    pool: Pool<DB>,
    /// A permit for each connection of the pool. So nobody waits for the pool while a connection is ready here.
    places: Arc<Semaphore>,
    ready: Mutex<Vec<Ready<DB>>>,
}

#[derive(Debug)]
struct Ready<DB: Database> {
    connection: PoolConnection<DB>,
    /// When it came from the pool.
    lent_at: Instant,
    idle_since: Instant,
}

impl<DB: Control> Clone for Leases<DB> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<DB: Control> Leases<DB> {
    pub(in crate::storage) fn new(pool: Pool<DB>) -> Self {
        let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { shared: Arc::new(Shared { pool, places, ready: Mutex::default() }) }
    }

    pub(in crate::storage) fn pool(&self) -> &Pool<DB> {
        &self.shared.pool
    }

    /// How many connections are open, and how many of them are in use.
    pub(in crate::storage) fn count(&self) -> (u32, u32) {
        let pool = &self.shared.pool;
        let idle = pool.num_idle() + self.shared.ready().len();
        let open = pool.size();
        (open, open.saturating_sub(u32::try_from(idle).unwrap_or(u32::MAX)))
    }

    /// A connection. Waits for one if all are in use, for as long as the pool would.
    pub(in crate::storage) async fn lend(&self) -> Result<Lease<DB>, sqlx::Error> {
        let limit = self.shared.pool.options().get_acquire_timeout();
        let place = timeout(limit, Arc::clone(&self.shared.places).acquire_owned()).await;
        let place = place.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let (connection, lent_at) = match self.shared.take() {
            Some(ready) => (ready.connection, ready.lent_at),
            None => (self.shared.pool.acquire().await?, Instant::now()),
        };
        Ok(Lease {
            connection: Some(connection),
            lent_at,
            is_in_transaction: false,
            shared: Arc::clone(&self.shared),
            _place: place,
        })
    }

    /// Waits for running work, and closes all connections.
    pub(in crate::storage) async fn close(&self) {
        self.shared.places.close();
        // Closed from here on, so that no connection is kept ready afterwards.
        let closed = self.shared.pool.close();
        self.shared.ready().clear();
        closed.await;
    }
}

impl<DB: Database> Shared<DB> {
    fn ready(&self) -> MutexGuard<'_, Vec<Ready<DB>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last. Those that were idle for long go back to the pool.
    fn take(&self) -> Option<Ready<DB>> {
        let mut ready = self.ready();
        let idle: Vec<Ready<DB>> = ready.extract_if(.., |one| one.idle_since.elapsed() > IDLE_LIMIT).collect();
        let taken = ready.pop();
        drop(ready);
        // Outside the lock: the pool has work with each.
        drop(idle);
        taken
    }
}

/// A connection that is in use. Give it back with [`done`](Self::done) when all work on it has ended in order.
pub(in crate::storage) struct Lease<DB: Control> {
    connection: Option<PoolConnection<DB>>,
    lent_at: Instant,
    is_in_transaction: bool,
    shared: Arc<Shared<DB>>,
    _place: OwnedSemaphorePermit,
}

impl<DB: Control> Lease<DB> {
    /// Begins a transaction.
    pub(in crate::storage) async fn begin(&mut self, statements: &'static str) -> Result<(), sqlx::Error> {
        self.mark_begun();
        DB::run(self, statements).await
    }

    /// Marks a transaction as begun. Call it before the statement that begins it: if the caller leaves meanwhile, there may be one.
    pub(in crate::storage) fn mark_begun(&mut self) {
        self.is_in_transaction = true;
    }

    /// Since when the connection is out of the pool. A connection that has been there meanwhile may be another one.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "SQLite remembers what it read on a connection"))]
    pub(in crate::storage) fn lent_at(&self) -> Instant {
        self.lent_at
    }

    /// Ends the transaction, by `commit` or `rollback`, and gives the connection back.
    pub(in crate::storage) async fn end(mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        DB::run(&mut self, statement).await?;
        self.is_in_transaction = false;
        self.done();
        Ok(())
    }

    /// Ends the transaction if one was begun, by `commit` or `rollback`, and gives the connection back.
    pub(in crate::storage) async fn finish(self, is_kept: bool) -> Result<(), sqlx::Error> {
        match (self.is_in_transaction, is_kept) {
            (false, _) => {
                self.done();
                Ok(())
            }
            (true, true) => self.end("commit").await,
            (true, false) => self.end("rollback").await,
        }
    }

    /// Gives the connection back. Nothing runs on it any more.
    pub(in crate::storage) fn done(mut self) {
        if self.is_in_transaction || self.lent_at.elapsed() > LENT_LIMIT {
            return;
        }
        // As the pool does: a large answer must not leave a large buffer behind.
        self.shrink_buffers();
        let idle_since = Instant::now();
        let mut ready = self.shared.ready();
        if !self.shared.pool.is_closed()
            && let Some(connection) = self.connection.take()
        {
            ready.push(Ready { connection, lent_at: self.lent_at, idle_since });
        }
    }
}

impl<DB: Control> Drop for Lease<DB> {
    /// Ends the transaction of a caller that left, and leaves the connection to the pool, which asks it for a sign of life.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take().filter(|_| self.is_in_transaction) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let rolled_back = timeout(ROLLBACK_LIMIT, DB::run(&mut connection, "rollback")).await;
            if !matches!(rolled_back, Ok(Ok(()))) {
                // What state it is in cannot be known.
                drop(connection.detach());
            }
        });
    }
}

impl<DB: Control> Deref for Lease<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        match &self.connection {
            Some(connection) => connection,
            None => unreachable!("a lease has its connection until it is given back"),
        }
    }
}

impl<DB: Control> DerefMut for Lease<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("a lease has its connection until it is given back"),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;
    use sqlx::Sqlite;
    use sqlx::sqlite::SqlitePoolOptions;

    /// One connection to a database of its own. Another connection would not see its table.
    async fn one_connection() -> Leases<Sqlite> {
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(200));
        let leases = Leases::new(pool.connect("sqlite::memory:").await.unwrap());
        let mut lease = leases.lend().await.unwrap();
        Sqlite::run(&mut lease, "create table seats (number integer)").await.unwrap();
        lease.done();
        leases
    }

    async fn seats(leases: &Leases<Sqlite>) -> i64 {
        let mut lease = leases.lend().await.unwrap();
        let count = sqlx::query_scalar("select count(*) from seats").fetch_one(&mut *lease).await.unwrap();
        lease.done();
        count
    }

    #[tokio::test]
    async fn a_transaction_is_kept_when_it_ends_and_undone_when_its_caller_leaves() {
        let leases = one_connection().await;
        let mut lease = leases.lend().await.unwrap();
        lease.begin("begin immediate").await.unwrap();
        Sqlite::run(&mut lease, "insert into seats values (1)").await.unwrap();
        lease.finish(true).await.unwrap();

        let mut undone = leases.lend().await.unwrap();
        undone.begin("begin immediate").await.unwrap();
        Sqlite::run(&mut undone, "insert into seats values (3)").await.unwrap();
        undone.finish(false).await.unwrap();
        assert_eq!(seats(&leases).await, 1);

        let mut left = leases.lend().await.unwrap();
        left.begin("begin immediate").await.unwrap();
        Sqlite::run(&mut left, "insert into seats values (2)").await.unwrap();
        drop(left);
        assert_eq!(seats(&leases).await, 1, "the next caller waits for the rollback");
    }

    #[tokio::test]
    async fn a_connection_is_counted_as_busy_only_while_it_is_lent() {
        let leases = one_connection().await;
        assert_eq!(leases.count(), (1, 0));
        let lease = leases.lend().await.unwrap();
        assert_eq!(leases.count(), (1, 1));
        assert!(matches!(leases.lend().await, Err(sqlx::Error::PoolTimedOut)), "there is only one");
        lease.done();
        assert_eq!(leases.count(), (1, 0));
        seats(&leases).await;
    }

    #[tokio::test]
    async fn a_connection_that_rested_is_looked_at_by_the_pool() {
        let leases = one_connection().await;
        assert_eq!(leases.shared.ready().len(), 1, "it was given back in order");
        tokio::time::sleep(IDLE_LIMIT + Duration::from_millis(50)).await;
        assert!(leases.shared.take().is_none());
        assert!(leases.shared.ready().is_empty());
        assert_eq!(seats(&leases).await, 0, "it comes from the pool again");
    }

    #[tokio::test]
    async fn nobody_gets_a_connection_after_the_end() {
        let leases = one_connection().await;
        let lease = leases.lend().await.unwrap();
        let closing = tokio::spawn({
            let leases = leases.clone();
            async move { leases.close().await }
        });
        tokio::task::yield_now().await;
        assert!(!closing.is_finished(), "work that runs is waited for");
        lease.done();
        closing.await.unwrap();
        assert!(matches!(leases.lend().await, Err(sqlx::Error::PoolClosed)));
    }
}
