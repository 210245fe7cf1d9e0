//! The storage of a test: in memory, or as the environment variable [`STORAGE`] says.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use ticketing_core::storage::Storage;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::storage::sqlite::SqliteStorage;

/// The storage of this run: `sqlite`, `postgres`, or in memory.
pub(crate) const STORAGE: &str = "TICKETING_STORIES_ON";

/// Resources to remove when the shop is dropped.
pub(crate) enum Place {
    Memory,
    Folder(PathBuf),
    #[cfg(feature = "postgres")]
    Database(#[expect(dead_code, reason = "held until the shop is closed")] crate::postgres::Database),
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Folder(folder) = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

pub(crate) async fn open() -> (Arc<dyn Storage>, Place) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    match std::env::var(STORAGE).as_deref() {
        Err(_) => (Arc::new(MemoryStorage::new()), Place::Memory),
        Ok("sqlite") => {
            let name = format!("ticketing-stories-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let storage = SqliteStorage::open(folder.join("shop.db")).await.unwrap();
            (Arc::new(storage), Place::Folder(folder))
        }
        #[cfg(feature = "postgres")]
        Ok("postgres") => {
            let database = crate::postgres::migrated().await.unwrap();
            let storage = ticketing_core::storage::postgres::PostgresStorage::connect(&database.url).await.unwrap();
            (Arc::new(storage), Place::Database(database))
        }
        Ok(other) => panic!("{STORAGE} is {other:?}"),
    }
}
