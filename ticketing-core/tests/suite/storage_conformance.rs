//! The crate's own storages, held against the contract.
#![cfg(feature = "testing")]

use ticketing_core::storage::memory::MemoryStorage;

ticketing_core::storage_conformance!(memory, async || MemoryStorage::new());

#[cfg(feature = "sqlite")]
mod file {
    use ticketing_core::storage::conformance::TempFolder;
    use ticketing_core::storage::sqlite::SqliteStorage;
    use tokio::sync::OnceCell;

    /// A file with the newest schema, to copy: that takes a fraction of what the migrations take.
    async fn migrated() -> &'static [u8] {
        static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
        let made = FILE.get_or_init(async || {
            let folder = TempFolder::new();
            let path = folder.path().join("tickets.db");
            SqliteStorage::open(&path).await.unwrap().close().await;
            std::fs::read(path).unwrap()
        });
        made.await
    }

    async fn sqlite() -> (SqliteStorage, TempFolder) {
        let folder = TempFolder::new();
        let path = folder.path().join("tickets.db");
        std::fs::write(&path, migrated().await).unwrap();
        (SqliteStorage::open(path).await.unwrap(), folder)
    }

    ticketing_core::storage_conformance!(sqlite, sqlite);
}

#[cfg(feature = "postgres")]
mod server {
    use crate::support::postgres as cluster;
    use std::sync::Arc;
    use ticketing_core::storage::Storage;
    use ticketing_core::storage::memory::MemoryStorage;
    use ticketing_core::storage::postgres::PostgresStorage;

    /// Where PostgreSQL is not installed, the cases run in memory once more, and the log says so; in CI they fail.
    async fn postgres() -> (Arc<dyn Storage>, Option<cluster::Database>) {
        match cluster::migrated().await {
            Some(database) => (Arc::new(PostgresStorage::connect(&database.url).await.unwrap()), Some(database)),
            None => (Arc::new(MemoryStorage::new()), None),
        }
    }

    ticketing_core::storage_conformance!(postgres, postgres);
}

/// The contract of `Storage` names the cases that prove it. A case that was renamed must be renamed there.
#[test]
fn the_contract_names_cases_that_there_are() {
    let contract =
        include_str!("../../src/storage/mod.rs").lines().filter(|line| line.starts_with("///")).collect::<String>();
    let named = |text: &&str| text.contains("::") && text.chars().all(|c| c.is_ascii_lowercase() || "_:".contains(c));
    let named: Vec<&str> = contract.split('`').filter(named).collect();
    assert!(named.len() > 30, "{named:?}");
    let cases = ticketing_core::storage::conformance::cases();
    for name in named {
        let there_is = name == "model::random_commands_act_as_in_memory" || cases.iter().any(|case| case.name == name);
        assert!(there_is, "{name}");
    }
}
