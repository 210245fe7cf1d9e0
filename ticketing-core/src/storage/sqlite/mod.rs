//! Everything in one file, by SQLite: nothing to install, one file to back up.
//!
//! One connection writes, several read. What is acknowledged survives a crash of the process, of the operating system and a
//! power cut: write-ahead log with `synchronous = full`, asserted when the file is opened.

mod dialect;
mod open;
mod writer;

use self::open::migrations;
use self::writer::Writer;
use super::sql::leases::{Control, Lease, Leases};
use super::sql::{self, Connection, limits, trouble};
use super::{Connections, Storage, StorageError};
use crate::domain::command::Work;
use crate::domain::limit::{Take, Taken};
use crate::domain::list::{List, Tallied, Tally};
use crate::domain::load::Needs;
use crate::domain::working_set::WorkingSet;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteConnection;
use std::sync::Arc;

type Result<T> = std::result::Result<T, StorageError>;

/// Everything in one SQLite file. Cheap to clone; all clones share the file.
#[derive(Clone, Debug)]
pub struct SqliteStorage {
    /// One connection: SQLite has one writer at a time anyway, and so nobody ever finds the file locked.
    writer: Writer,
    readers: Leases<Sqlite>,
}

impl SqliteStorage {
    async fn writer(&self) -> Result<Lease<Sqlite>> {
        self.writer.connection.lend().await.map_err(trouble)
    }

    async fn reader(&self) -> Result<Lease<Sqlite>> {
        self.readers.lend().await.map_err(trouble)
    }

    /// A snapshot for several statements. Without it, each statement would see what was committed since the previous one, and an
    /// order could be paid and have no tickets.
    async fn snapshot(&self) -> Result<Lease<Sqlite>> {
        let mut lease = self.reader().await?;
        lease.begin("begin").await.map_err(trouble)?;
        Ok(lease)
    }
}

fn plain(connection: &mut SqliteConnection) -> &mut dyn Connection {
    connection
}

#[async_trait]
impl Storage for SqliteStorage {
    async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        self.writer.transact(now, work).await
    }

    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet> {
        if needs.is_of_one_moment() {
            let mut snapshot = self.snapshot().await?;
            let rows = sql::load::load(plain(&mut snapshot), needs).await?;
            snapshot.end("commit").await.map_err(trouble)?;
            return Ok(rows);
        }
        let mut reader = self.reader().await?;
        let rows = sql::load::load(plain(&mut reader), needs).await?;
        reader.done();
        Ok(rows)
    }

    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>> {
        let mut snapshot = self.snapshot().await?;
        let tallied = sql::list::tally(plain(&mut snapshot), tallies).await?;
        snapshot.end("commit").await.map_err(trouble)?;
        Ok(tallied)
    }

    async fn forget(&self, list: &List) -> Result<u32> {
        let mut writer = self.writer().await?;
        let forgotten = sql::list::forget(plain(&mut writer), list).await?;
        writer.done();
        Ok(forgotten)
    }

    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken> {
        let mut writer = self.writer().await?;
        if takes.len() > 1 {
            writer.begin("begin immediate").await.map_err(trouble)?;
        }
        let taken = limits::take(plain(&mut writer), now, takes).await?;
        writer.finish(taken.is_some()).await.map_err(trouble)?;
        if let Some(full_at) = taken {
            return Ok(Taken::All { full_at });
        }
        let mut reader = self.reader().await?;
        let refused = limits::refused(plain(&mut reader), now, takes).await?;
        reader.done();
        Ok(refused)
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32> {
        let mut writer = self.writer().await?;
        let forgotten = limits::forget(plain(&mut writer), now, limit).await?;
        writer.done();
        Ok(forgotten)
    }

    async fn ready(&self) -> Result<()> {
        let mut reader = self.reader().await?;
        sql::ready(plain(&mut reader), migrations::newest()).await?;
        reader.done();
        Ok(())
    }

    async fn check(&self) -> Result<Vec<String>> {
        let mut snapshot = self.snapshot().await?;
        let wrong = sql::check::all(plain(&mut snapshot)).await?;
        snapshot.end("commit").await.map_err(trouble)?;
        Ok(wrong)
    }

    fn version(&self) -> Option<u64> {
        Some(self.writer.version())
    }

    /// One connection more than those that read: the one that writes.
    fn connections(&self) -> Connections {
        let of = |leases: &Leases<Sqlite>| {
            let (open, busy) = leases.count();
            Connections { open, busy, limit: leases.pool().options().get_max_connections() }
        };
        let (writer, readers) = (of(&self.writer.connection), of(&self.readers));
        Connections {
            open: writer.open + readers.open,
            busy: writer.busy + readers.busy,
            limit: writer.limit + readers.limit,
        }
    }
}

#[async_trait]
impl Control for Sqlite {
    async fn run(connection: &mut SqliteConnection, statements: &'static str) -> std::result::Result<(), sqlx::Error> {
        sqlx::raw_sql(statements).execute(connection).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::Seed;
    use crate::domain::command::{Batch, Command, Queries, Query};
    use crate::domain::id::{EventId, SessionId};
    use crate::domain::load::{LoadKeys, Round};
    use crate::domain::notice::ExpandNotices;
    use crate::domain::order::{ExpireHolds, ListOrders, OrderFilter};
    use crate::domain::outbox::{ClaimMails, ListDeadMails};
    use crate::domain::page::PageRequest;
    use crate::domain::payment::{ClaimPolls, ListReviews};
    use crate::domain::principal::Principal;
    use crate::domain::refund::{ClaimRefunds, UndoCancelledEvents};
    use crate::domain::scope::Scope;
    use crate::domain::session::FindSession;
    use crate::domain::ticket::{ListTickets, TicketFilter};
    use crate::domain::webhook::ClaimWebhooks;
    use crate::storage::gauges::tallies;
    use crate::storage::sql::Statement;
    use jiff::SignedDuration;
    use sqlx::Connection as _;
    use sqlx::{AssertSqlSafe, Row as _};

    async fn empty() -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        migrations::all().run_direct(None, &mut connection, false).await.unwrap();
        connection
    }

    /// Which tables a statement reads, and how.
    async fn reads(connection: &mut SqliteConnection, statement: Statement) -> Vec<String> {
        let explain = AssertSqlSafe(format!("explain query plan {}", statement.sql));
        let plan = sqlx::query(explain).fetch_all(connection).await.unwrap();
        let steps = plan.iter().map(|step| step.get::<String, _>("detail"));
        steps.filter(|step| step.starts_with("SCAN ") || step.starts_with("SEARCH ")).collect()
    }

    fn first_round(needs: &dyn Needs, mut load: LoadKeys) -> Round {
        load.next_round(needs, &WorkingSet::default()).unwrap().unwrap()
    }

    fn claim_of<C: Command>(command: C) -> List {
        first_round(&Batch::new(vec![command]), LoadKeys::at(Timestamp::UNIX_EPOCH)).claims.remove(0)
    }

    fn list_of<Q: Query>(query: Q) -> List {
        first_round(&Queries(&[query]), LoadKeys::default()).lists.remove(0)
    }

    /// Upkeep claims due work about once a second, in the transaction that all sales wait for.
    #[tokio::test]
    async fn claims_find_their_rows_by_an_index() {
        let mut connection = empty().await;
        let (lease, limit) = (SignedDuration::from_secs(1), 10);
        for claim in [
            claim_of(ExpireHolds { limit }),
            claim_of(ClaimPolls { limit }),
            claim_of(ClaimRefunds { lease, limit }),
            claim_of(ClaimMails { lease, limit }),
            claim_of(ClaimWebhooks { lease, limit }),
            claim_of(ExpandNotices { limit }),
            claim_of(UndoCancelledEvents { seeds: vec![Seed([0; 32])] }),
        ] {
            let statement = sql::list::claim_statement(connection.dialect(), &claim);
            let reads = reads(&mut connection, statement).await;
            let own: Vec<_> = reads.iter().filter(|step| step.split(' ').nth(1) == Some("t")).collect();
            assert!(own.len() == 1 && own[0].starts_with("SEARCH t USING"), "{}: {reads:?}", claim.name);
        }
    }

    /// All but the list of all events, which is read in the order of its ids.
    #[tokio::test]
    async fn lists_are_read_by_an_index() {
        let mut connection = empty().await;
        let organizer = || Principal::from("band");
        let page = PageRequest::default;
        for list in [
            list_of(ListReviews { scope: Scope::own(&organizer()), page: page() }),
            list_of(ListReviews { scope: Scope::all(), page: page() }),
            list_of(ListDeadMails { scope: Scope::all(), page: page() }),
            list_of(ListDeadMails { scope: Scope::own(&organizer()), page: page() }),
            list_of(ListOrders { filter: OrderFilter::default().with_buyer(organizer()), page: page() }),
            list_of(ListOrders { filter: OrderFilter::default().with_event_id(EventId(1)), page: page() }),
            list_of(ListTickets { filter: TicketFilter::default().with_holder(organizer()), page: page() }),
        ] {
            let statement = sql::list::page_statement(connection.dialect(), &list);
            let sql = statement.sql.clone();
            let reads = reads(&mut connection, statement).await;
            assert!(reads.iter().all(|step| step.contains(" USING ")), "{sql}: {reads:?}");
        }
    }

    /// Counts statements.
    struct Counted(SqliteConnection, usize);

    #[async_trait]
    impl sql::Connection for Counted {
        fn dialect(&self) -> &'static dyn sql::Dialect {
            self.0.dialect()
        }

        async fn fetch(
            &mut self,
            statement: Statement,
            see: &mut (dyn for<'r> FnMut(&'r mut dyn sql::Found) -> Result<()> + Send),
        ) -> Result<()> {
            self.1 += 1;
            self.0.fetch(statement, see).await
        }

        async fn execute(&mut self, statement: Statement) -> Result<u64> {
            self.0.execute(statement).await
        }
    }

    /// Every request with a token reads its session and its account.
    #[tokio::test]
    async fn sessions_and_their_accounts_are_read_in_one_statement() {
        let mut connection = empty().await;
        let rows = "insert into accounts (id, email, name, password_hash, role, is_active, is_verified, sessions_ended, created_at, \
             updated_at, email_key) values (7, 'ada@example.com', 'Ada', 'x', 'member', 1, 0, 0, 0, 0, 'ada@example.com'); \
             insert into sessions (id, account_id, ended_before, created_at, last_used_at, expires_at) \
             values (1, 7, 0, 0, 0, 9), (2, 7, 0, 0, 0, 9)";
        sqlx::raw_sql(rows).execute(&mut connection).await.unwrap();
        let mut counted = Counted(connection, 0);
        let all = [1, 3, 2].map(|id| FindSession(SessionId(id)));
        let rows = sql::load::load(&mut counted, &Queries(&all)).await.unwrap();
        let found = all.map(|find| find.find(&rows).map(|(session, account)| (session.id.0, account.id.0)));
        assert_eq!((found, counted.1), ([Some((1, 7)), None, Some((2, 7))], 1));
    }

    #[tokio::test]
    async fn gauges_are_read_from_indexes_of_work_in_progress() {
        let mut connection = empty().await;
        for tally in tallies() {
            let statement = sql::list::tally_statement(connection.dialect(), &tally);
            let reads = reads(&mut connection, statement).await;
            assert_eq!(reads.len(), 1, "{reads:?}");
            assert!(reads[0].contains(" INDEX "), "{tally:?} reads a whole table: {reads:?}");
        }
    }
}
