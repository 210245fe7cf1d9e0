//! Opening the file, and making sure that it keeps what it is given.

use super::SqliteStorage;
use super::writer::Writer;
use crate::storage::StorageError;
use crate::storage::sql::leases::Leases;
use crate::storage::sql::trouble;
use sqlx::error::DatabaseError;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite};
use std::path::Path;
use std::time::Duration;

/// The tables, version by version. A landed migration is never edited.
pub(super) mod migrations {
    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::{Migration, MigrationType, Migrator};

    const INIT: &str = include_str!("../../../migrations/sqlite/0001_init.sql");
    const SUBJECTS: &str = include_str!("../../../migrations/sqlite/0002_subjects_and_parts.sql");
    const DISPUTES: &str = include_str!("../../../migrations/sqlite/0003_disputes_and_undone_scans.sql");
    const BUYER_LIMITS: &str = include_str!("../../../migrations/sqlite/0004_buyer_limits.sql");
    const EDITED_EVENTS: &str = include_str!("../../../migrations/sqlite/0005_edited_events.sql");
    const NOTICES: &str = include_str!("../../../migrations/sqlite/0006_notices.sql");
    const PROMO_CODES: &str = include_str!("../../../migrations/sqlite/0007_promo_codes.sql");
    const ORDER_LINES: &str = include_str!("../../../migrations/sqlite/0008_order_lines_are_facts.sql");
    const PUBLISHED: &str = include_str!("../../../migrations/sqlite/0009_published_events.sql");
    const ADMINISTRATION: &str = include_str!("../../../migrations/sqlite/0010_administration.sql");
    const PROOFS: &str = include_str!("../../../migrations/sqlite/0011_proofs.sql");
    const ORGANISATIONS: &str = include_str!("../../../migrations/sqlite/0012_organisations.sql");
    const FACTORS: &str = include_str!("../../../migrations/sqlite/0013_sessions_and_factors.sql");
    const API_KEYS: &str = include_str!("../../../migrations/sqlite/0014_api_keys.sql");
    const REQUIRED_FACTORS: &str = include_str!("../../../migrations/sqlite/0015_required_second_factors.sql");
    const GUESTS: &str = include_str!("../../../migrations/sqlite/0016_guests.sql");
    const INVITATIONS: &str = include_str!("../../../migrations/sqlite/0017_invitations_and_codes.sql");
    const ERASURE: &str = include_str!("../../../migrations/sqlite/0018_erasure.sql");
    const ATTENDEES: &str = include_str!("../../../migrations/sqlite/0019_attendees.sql");
    const TRANSFERS: &str = include_str!("../../../migrations/sqlite/0020_transfers_details_messages.sql");

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

/// How many may read at once. Reading never waits for writing.
const READERS: u32 = 4;
/// How long to wait while another process writes: a back-up, an operator's own tool, or one that is opening the file too.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of the file the writer keeps in memory, in negative kilobytes, once it has read so much. Codes, nonces and references are
/// random: with SQLite's 2 MB, every sale and every scan in a shop of millions of tickets reads and writes pages that are not there.
const WRITER_CACHE: &str = "-65536";
/// How many prepared statements a connection keeps. Transactions that share a commit write different tables and columns each time.
const STATEMENTS: usize = 500;

impl SqliteStorage {
    /// Opens the file, makes it where there is none, and brings it up to date. Any number of processes may do so at once.
    ///
    /// Fails where the file is not ours, is of a newer version, or cannot be made to keep what it is given.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let storage = Self::open_flushing(path.as_ref(), SqliteSynchronous::Full).await?;
        storage.assert_durable().await?;
        Ok(storage)
    }

    /// Opens the file so that a power cut loses what was acknowledged: what the power-cut test must find.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub async fn open_careless(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::open_flushing(path.as_ref(), SqliteSynchronous::Normal).await
    }

    async fn open_flushing(path: &Path, synchronous: SqliteSynchronous) -> Result<Self, StorageError> {
        create_private(path);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS);
        let newest = look_first(path, &options).await?;
        let durable = options.journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
        let cached = durable.clone().pragma("cache_size", WRITER_CACHE);
        let writer = patiently(|| pool(1, cached.clone())).await.map_err(|error| unusable(path, &error))?;
        migrate(&writer, path, newest == Some(migrations::newest())).await?;
        let readers = pool(READERS, durable.read_only(true)).await.map_err(|error| unusable(path, &error))?;
        Ok(Self { writer: Writer::new(Leases::new(writer)), readers: Leases::new(readers) })
    }

    /// Opens an existing file of exactly this version, to change something in it while servers use it. Creates no file and migrates
    /// none: only the start of a server does that.
    pub async fn open_existing(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let path = path.as_ref();
        if !path.is_file() {
            return Err(StorageError::Unusable(format!("there is no file {}", path.display())));
        }
        let newest = migrations::newest();
        let found = look_first(path, &SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT)).await?;
        if found != Some(newest) {
            let found = found.map_or_else(|| "without a version".to_owned(), |found| format!("of version {found}"));
            return Err(StorageError::Unusable(format!(
                "{} is {found}, and this program needs version {newest}; start the server of this version once",
                path.display()
            )));
        }
        Self::open(path).await
    }

    /// Opens an existing file read-only. Changes nothing, even while another process uses the file.
    pub async fn open_as_is(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let path = path.as_ref();
        if !path.is_file() {
            return Err(StorageError::Unusable(format!("there is no file {}", path.display())));
        }
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let readers = Leases::new(pool(READERS, options).await.map_err(|error| unusable(path, &error))?);
        Ok(Self { writer: Writer::new(readers.clone()), readers })
    }

    /// Copies everything, as of one moment, to a new file, which is on stable storage when this returns. Sales go on meanwhile.
    pub async fn back_up(&self, to: impl AsRef<Path>) -> Result<(), StorageError> {
        let to = to.as_ref();
        let wrong = |error: std::io::Error| StorageError::Unusable(format!("{}: {error}", to.display()));
        // Made by us alone: a file that is there stays as it is, and nobody else may read the new one.
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(to).map_err(wrong)?;
        let name = to.to_str().ok_or_else(|| StorageError::Unusable("the file's name is not UTF-8".to_owned()))?;
        let mut reader = self.readers.lend().await.map_err(trouble)?;
        sqlx::query("vacuum into $1").bind(name).execute(&mut *reader).await.map_err(trouble)?;
        // SQLite does not flush what it writes there.
        file.sync_all().map_err(wrong)?;
        match to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(wrong),
            None => Ok(()),
        }
    }

    /// A silent change of any of these would break a promise.
    async fn assert_durable(&self) -> Result<(), StorageError> {
        let mut writer = self.writer.connection.lend().await.map_err(trouble)?;
        let mode: String = sqlx::query_scalar("pragma journal_mode").fetch_one(&mut *writer).await.map_err(trouble)?;
        let synchronous: i64 =
            sqlx::query_scalar("pragma synchronous").fetch_one(&mut *writer).await.map_err(trouble)?;
        let foreign_keys: i64 =
            sqlx::query_scalar("pragma foreign_keys").fetch_one(&mut *writer).await.map_err(trouble)?;
        if mode != "wal" || synchronous != 2 || foreign_keys != 1 {
            let found = format!("journal_mode={mode}, synchronous={synchronous}, foreign_keys={foreign_keys}");
            return Err(StorageError::Unusable(format!(
                "must run with journal_mode=wal, synchronous=2, foreign_keys=1 (got {found})"
            )));
        }
        Ok(())
    }

    /// Finishes running calls, checkpoints the write-ahead log and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.connection.close().await;
    }
}

/// Makes the file where there is none, so that only its owner can read it: it holds addresses, password hashes and ticket codes. SQLite
/// gives the write-ahead log and its index the mode of the file. A file that is there keeps its mode, which an operator may have
/// chosen. Where none can be made, SQLite says why.
fn create_private(path: &Path) {
    if path == Path::new(":memory:") {
        // SQLite's name for a database without a file.
        return;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}

/// Looks at the file before anything is changed in it: what is somebody else's is left as it is. Returns the file's version.
async fn look_first(path: &Path, options: &SqliteConnectOptions) -> Result<Option<i64>, StorageError> {
    let (foreign, newest) = patiently(|| look(options.clone())).await.map_err(|error| unusable(path, &error))?;
    let path = path.display();
    if foreign {
        return Err(StorageError::Unusable(format!("{path} is a database of something else; name another file")));
    }
    let known = migrations::newest();
    match newest {
        Some(newest) if newest > known => Err(StorageError::Unusable(format!(
            "{path} is of version {newest}, and this program knows files up to version {known}; use a newer program"
        ))),
        newest => Ok(newest),
    }
}

/// Whether there are tables, and none is ours; and the file's version.
async fn look(options: SqliteConnectOptions) -> Result<(bool, Option<i64>), sqlx::Error> {
    let mut connection = options.connect().await?;
    // In one statement: somebody may just be making them.
    let tables = "select count(*) > 0, count(*) filter (where name = '_sqlx_migrations') > 0 from sqlite_schema";
    let (any, ours): (bool, bool) = sqlx::query_as(tables).fetch_one(&mut connection).await?;
    let newest = match ours {
        true => sqlx::query_scalar("select max(version) from _sqlx_migrations").fetch_one(&mut connection).await?,
        false => None,
    };
    connection.close().await?;
    Ok((any && !ours, newest))
}

/// Applies all migrations in one exclusive transaction: a second process waits, then finds the work done.
///
/// A table that other tables refer to can only be made again while foreign keys are off, which SQLite ignores within a transaction.
/// Before the commit, all of them are checked.
async fn migrate(writer: &SqlitePool, path: &Path, is_current: bool) -> Result<(), StorageError> {
    let failed = |why: String| StorageError::Unusable(format!("{}: {why}", path.display()));
    let mut connection = writer.acquire().await.map_err(trouble)?;
    if !is_current {
        sqlx::query("pragma foreign_keys = off").execute(&mut *connection).await.map_err(trouble)?;
    }
    let mut transaction = connection.begin_with("begin immediate").await.map_err(trouble)?;
    migrations::all().run_direct(None, &mut *transaction, false).await.map_err(|error| failed(error.to_string()))?;
    if !is_current {
        let broken =
            sqlx::query("pragma foreign_key_check").fetch_optional(&mut *transaction).await.map_err(trouble)?;
        if broken.is_some() {
            return Err(failed("a row refers to one that does not exist; the file was not changed".to_owned()));
        }
    }
    transaction.commit().await.map_err(trouble)?;
    sqlx::query("pragma foreign_keys = on").execute(&mut *connection).await.map_err(trouble)?;
    Ok(())
}

/// Tries again while the file is locked. SQLite itself does not wait for a process that is just switching the file to its
/// write-ahead log.
async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let pause = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        match attempt().await {
            Err(sqlx::Error::Database(error)) if is_busy(&*error) && waited < BUSY_TIMEOUT => {
                tokio::time::sleep(pause).await;
                waited += pause;
            }
            done => return done,
        }
    }
}

/// Result codes 5 and 6: `SQLITE_BUSY` and `SQLITE_LOCKED`, with whatever detail in the higher bits.
fn is_busy(error: &dyn DatabaseError) -> bool {
    error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn unusable(path: &Path, error: &sqlx::Error) -> StorageError {
    StorageError::Unusable(format!("{}: {error}", path.display()))
}

async fn pool(connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let pool: PoolOptions<Sqlite> = PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    pool.connect_with(options).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_back_up_is_whole_and_never_overwrites() {
        use crate::storage::{Storage as _, StorageExt as _};
        let now = jiff::Timestamp::UNIX_EPOCH;
        let folder = std::env::temp_dir().join(format!("ticketing-backup-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, copy) = (folder.join("tickets.db"), folder.join("copy.db"));
        assert!(SqliteStorage::open_as_is(&file).await.is_err(), "there is nothing to look at");
        assert!(!file.exists());
        let storage = SqliteStorage::open(&file).await.unwrap();
        let category = crate::domain::category::NewCategory { name: "Music".to_owned(), description: None };
        storage.apply(now, &[category]).await.unwrap();
        SqliteStorage::open_as_is(&file).await.unwrap().back_up(&copy).await.unwrap();
        assert!(storage.back_up(&copy).await.is_err(), "the first one stays");
        let copied = SqliteStorage::open_as_is(&copy).await.unwrap();
        let page = crate::domain::page::PageRequest::default();
        assert_eq!(copied.categories(page).await.unwrap(), storage.categories(page).await.unwrap());
        assert_eq!(copied.check().await.unwrap(), Vec::<String>::new());
        let none: [crate::domain::category::NewCategory; 0] = [];
        assert!(copied.apply(now, &none).await.is_ok(), "and is only looked at");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn two_processes_change_one_file_and_each_sees_what_the_other_did() {
        use crate::storage::StorageExt as _;
        let folder = std::env::temp_dir().join(format!("ticketing-existing-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("tickets.db");
        assert!(SqliteStorage::open_existing(&file).await.is_err(), "there is no file");
        assert!(!file.exists());
        let server = SqliteStorage::open(&file).await.unwrap();
        let make = async |storage: &SqliteStorage, name: &str| {
            let new = crate::domain::category::NewCategory { name: name.to_owned(), description: None };
            storage.apply_one(jiff::Timestamp::UNIX_EPOCH, new).await.unwrap().unwrap().id.0
        };
        assert_eq!(make(&server, "Music").await, 1);
        // Each has a connection of its own, as two processes have.
        let command = SqliteStorage::open_existing(&file).await.unwrap();
        assert_eq!(make(&command, "Theatre").await, 2);
        assert_eq!(make(&server, "Sports").await, 3, "the id that the command has taken is not given twice");
        assert_eq!(make(&command, "Dance").await, 4);
        command.close().await;
        assert_eq!(make(&server, "Film").await, 5);
        let page = crate::domain::page::PageRequest::default();
        assert_eq!(server.categories(page).await.unwrap().items.len(), 5);

        // A file of an older version is left as it is.
        let mut writer = server.writer.connection.lend().await.unwrap();
        let older = "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)";
        sqlx::query(older).execute(&mut *writer).await.unwrap();
        drop(writer);
        let refused = SqliteStorage::open_existing(&file).await.unwrap_err().to_string();
        assert!(refused.contains("start the server of this version once"), "{refused}");
        server.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_can_read_what_is_created() {
        use crate::storage::StorageExt as _;
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir().join(format!("ticketing-modes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("tickets.db");
        let mode = |name: &str| std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        let storage = SqliteStorage::open(&file).await.unwrap();
        let category = crate::domain::category::NewCategory { name: "Music".to_owned(), description: None };
        storage.apply(jiff::Timestamp::UNIX_EPOCH, &[category]).await.unwrap();
        for name in ["tickets.db", "tickets.db-wal", "tickets.db-shm"] {
            assert_eq!(mode(name), 0o600, "{name}");
        }
        storage.close().await;
        // An operator lets a group read it, and so it stays.
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let storage = SqliteStorage::open(&file).await.unwrap();
        assert_eq!((mode("tickets.db"), mode("tickets.db-wal")), (0o640, 0o640));
        storage.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

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
