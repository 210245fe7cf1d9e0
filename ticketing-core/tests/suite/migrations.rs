//! Landed migrations are frozen: databases hold the checksum of each one that they ran, and refuse to open with another.
#![cfg(feature = "testing")]

#[cfg(feature = "postgres")]
use crate::support::postgres as cluster;
use sha2::{Digest as _, Sha384};
use std::collections::BTreeMap;
use std::path::Path;

/// The list, as `sha384sum` writes it: from `migrations/`, `sha384sum --check checksums.sha384` says the same as this test.
/// A migration is added to it in the commit that lands it, and its line never changes again.
const CHECKSUMS: &str = include_str!("../../migrations/checksums.sha384");

fn listed() -> BTreeMap<String, String> {
    let lines = CHECKSUMS.lines().map(|line| line.split_once("  ").unwrap());
    lines.map(|(checksum, file)| (file.to_owned(), checksum.to_owned())).collect()
}

/// Every file below `migrations/` that holds SQL, with the checksum that sqlx makes of it: SHA-384 of its bytes.
fn found() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut found = BTreeMap::new();
    for database in ["postgres", "sqlite"] {
        for file in std::fs::read_dir(root.join(database)).unwrap() {
            let file = file.unwrap();
            let bytes = std::fs::read(file.path()).unwrap();
            found.insert(format!("{database}/{}", file.file_name().display()), hex(&Sha384::digest(bytes)));
        }
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn landed_migrations_have_not_changed_and_new_ones_are_listed() {
    assert!(found().len() >= 2, "each database has its first migration");
    assert_eq!(found(), listed(), "add new migrations to migrations/checksums.sha384; never edit one that has landed");
}

/// What a database remembers is what the list says: no migration is left out of the program, and none is altered on its way in.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_sqlite_file_holds_the_listed_checksums() {
    use sqlx::ConnectOptions as _;
    use ticketing_core::storage::conformance::TempFolder;
    use ticketing_core::storage::sqlite::SqliteStorage;

    let folder = TempFolder::new();
    let path = folder.path().join("tickets.db");
    SqliteStorage::open(&path).await.unwrap().close().await;
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let rows: Vec<(Vec<u8>,)> = sqlx::query_as("select checksum from _sqlx_migrations order by version")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(rows.iter().map(|(checksum,)| hex(checksum)).collect::<Vec<_>>(), of("sqlite"));
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_postgresql_database_holds_the_listed_checksums() {
    use sqlx::ConnectOptions as _;
    use ticketing_core::storage::postgres::PostgresStorage;

    let Some(database) = cluster::database().await else { return };
    PostgresStorage::connect(&database.url).await.unwrap().close().await;
    let options: sqlx::postgres::PgConnectOptions = database.url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let rows: Vec<(Vec<u8>,)> = sqlx::query_as("select checksum from _sqlx_migrations order by version")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(rows.iter().map(|(checksum,)| hex(checksum)).collect::<Vec<_>>(), of("postgres"));
}

/// The listed checksums of one database's migrations, in their order.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn of(database: &str) -> Vec<String> {
    listed().into_iter().filter(|(file, _)| file.starts_with(database)).map(|(_, checksum)| checksum).collect()
}
