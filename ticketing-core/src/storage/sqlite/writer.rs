//! The writer: one transaction of the file at a time.

use crate::domain::command::Work;
use crate::domain::shelf::IdRanges;
use crate::domain::working_set::Noun;
use crate::storage::StorageError;
use crate::storage::sql::commits::{Commits, Committer, Timed, decide, load};
use crate::storage::sql::kept::Kept;
use crate::storage::sql::leases::{Lease, Leases};
use crate::storage::sql::{self, Connection, Found, Statement, trouble};
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Sqlite;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

type Result<T> = std::result::Result<T, StorageError>;

/// The next ids of each noun.
type NextIds = Vec<IdRanges>;

/// Begins a transaction, and asks whether another connection has changed the file.
///
/// Immediate: a transaction that reads first and writes later would be refused if another process wrote in between. So no other
/// transaction writes before the ids are used.
const BEGIN: &str = "begin immediate; pragma data_version";

/// Reads the next ids.
static LAST_IDS: LazyLock<String> = LazyLock::new(|| {
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
    format!("select {}", Noun::ALL.iter().map(of_noun).collect::<Vec<_>>().join(", "))
});

/// The next ids and some rows as the last transaction left them. They are good for as long as nobody else has changed the file, which
/// the version tells; and it means something only on the connection that it was read on.
#[derive(Clone, Debug)]
struct Remembered {
    connection: Instant,
    version: i64,
    ids: NextIds,
    rows: Kept,
}

/// Begins a transaction. Returns the next ids, the rows that need not be read, and the version of the file.
async fn begin(lease: &mut Lease<Sqlite>, remembered: Option<Remembered>) -> Result<(NextIds, Kept, i64)> {
    lease.mark_begun();
    let mut version = 0;
    let mut see = |row: &mut dyn Found| {
        version = row.int()?.unwrap_or(0);
        Ok(())
    };
    let lent_at = lease.lent_at();
    let connection: &mut dyn Connection = &mut **lease;
    connection.fetch(Statement { sql: BEGIN.to_owned(), ..Statement::default() }, &mut see).await?;
    if let Some(known) = remembered.filter(|known| known.connection == lent_at && known.version == version) {
        if cfg!(debug_assertions) {
            known.rows.check(connection).await?;
        }
        return Ok((known.ids, known.rows, version));
    }
    let mut next = vec![IdRanges::default(); Noun::ALL.len()];
    let mut see = |row: &mut dyn Found| {
        for ids in &mut next {
            ids.rows.next = row.int()?.unwrap_or(0) + 1;
            ids.parts.next = row.int()?.unwrap_or(0) + 1;
        }
        Ok(())
    };
    connection.fetch(Statement { sql: LAST_IDS.clone(), ..Statement::default() }, &mut see).await?;
    Ok((next, Kept::default(), version))
}

/// The one writer of a file. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub(super) connection: Leases<Sqlite>,
    commits: Commits,
    remembered: Arc<Mutex<Option<Remembered>>>,
}

impl Writer {
    pub(super) fn new(connection: Leases<Sqlite>) -> Self {
        Self { connection, commits: Commits::default(), remembered: Arc::default() }
    }

    fn remembered(&self) -> MutexGuard<'_, Option<Remembered>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`Storage::version`](crate::storage::Storage::version).
    pub(super) fn version(&self) -> u64 {
        self.commits.version()
    }

    /// Loads what the work needs, lets it decide, and writes the difference, in one commit with others that wait.
    pub(super) async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        self.commits.commit(self, now, work).await
    }
}

#[async_trait]
impl Committer for Writer {
    /// SQLite has one writer at a time.
    const WIDTH: usize = 1;

    async fn commit(&self, works: &[Timed]) -> Result<()> {
        let mut lease = self.connection.lend().await.map_err(trouble)?;
        // Taken: a transaction that does not end in order leaves nothing behind.
        let remembered = self.remembered().take();
        let (next_ids, kept, version) = begin(&mut lease, remembered).await?;
        let opened = lease.lent_at();
        let connection: &mut dyn Connection = &mut *lease;
        let (mut loader, mut rows) = load(connection, works, kept).await?;
        for (noun, ids) in Noun::ALL.iter().zip(&next_ids) {
            rows.shelf_mut(*noun).set_ids(*ids);
        }
        decide(connection, works, &mut loader, &mut rows).await?;
        let has_written = sql::write::write(&mut *lease, &rows).await?;
        lease.finish(has_written).await.map_err(trouble)?;
        let taken = || Noun::ALL.iter().map(|noun| rows.shelf(*noun).ids()).collect();
        let ids = if has_written { taken() } else { next_ids };
        let mut kept = loader.into_kept();
        kept.keep(&mut rows);
        *self.remembered() = Some(Remembered { connection: opened, version, ids, rows: kept });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::NewCategory;
    use crate::domain::command::Command;
    use crate::domain::id::OrderId;
    use crate::domain::load::LoadKeys;
    use crate::domain::outbox::{self, MailKind};
    use crate::domain::working_set::WorkingSet;
    use crate::storage::sql::broken;
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
        let held = storage.writer.connection.lend().await.unwrap();
        let alone = tokio::spawn(makes(storage.clone(), "alone".to_owned()));
        while storage.writer.commits.count() != (0, 1) {
            tokio::task::yield_now().await;
        }
        let mut good = vec![tokio::spawn(makes(storage.clone(), "before".to_owned()))];
        let bad =
            [tokio::spawn(apply(storage.clone(), BreaksAConstraint)), tokio::spawn(apply(storage.clone(), Panics))];
        good.push(tokio::spawn(makes(storage.clone(), "after".to_owned())));
        while storage.writer.commits.count().0 < 4 {
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
