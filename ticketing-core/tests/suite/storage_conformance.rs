//! The crate's own storages, held against the contract.
#![cfg(feature = "testing")]

use ticketing_core::storage::memory::MemoryStorage;

ticketing_core::storage_conformance!(memory, async || MemoryStorage::new());

#[cfg(feature = "sqlite")]
mod file {
    use ticketing_core::storage::conformance::TempFolder;
    use ticketing_core::storage::sqlite::SqliteStorage;

    async fn sqlite() -> (SqliteStorage, TempFolder) {
        let folder = TempFolder::new();
        (SqliteStorage::open(folder.path().join("tickets.db")).await.unwrap(), folder)
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
        match cluster::database().await {
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
