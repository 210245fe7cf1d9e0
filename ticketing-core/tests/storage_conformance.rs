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
