//! An engine on a storage, with events to sell.

use crate::Failure;
use crate::instant::Instant;
use crate::naive::Naive;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use ticketing_core::Ticketing;
use ticketing_core::domain::event::{Event, NewEvent};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::storage::Storage;
use ticketing_core::storage::postgres::PostgresStorage;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::ticketing::{LineRequest, OrderRequest};
use ticketing_tests::cluster::Cluster;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A file, `synchronous = full`.
    Sqlite,
    /// A cluster of our own, as it is installed: `synchronous_commit = on`.
    Postgres,
}

impl Kind {
    /// Its name, for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Where a shop's data is. Gone when dropped.
#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Cluster { _cluster: Cluster },
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Folder(folder) = self {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

/// An engine, and whoever does the same without it.
#[derive(Debug)]
pub struct Shop {
    /// The engine.
    pub engine: Ticketing,
    /// One transaction for each call.
    pub naive: Arc<Naive>,
    /// Where the database is.
    pub url: String,
    _place: Place,
}

impl Shop {
    /// Opens one on an empty database. Nothing where PostgreSQL is not installed.
    pub async fn open(kind: Kind) -> Result<Option<Self>, Failure> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let (place, url, storage): (_, _, Arc<dyn Storage>) = match kind {
            Kind::Sqlite => {
                let name = format!("ticketing-bench-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
                let folder = std::env::temp_dir().join(name);
                std::fs::create_dir_all(&folder)?;
                let file = folder.join("bench.db");
                let url = format!("sqlite://{}", file.display());
                (Place::Folder(folder), url, Arc::new(SqliteStorage::open(file).await?))
            }
            Kind::Postgres => {
                let Some(cluster) = Cluster::start() else { return Ok(None) };
                let url = cluster.create("bench");
                let storage = PostgresStorage::connect(&url).await?;
                (Place::Cluster { _cluster: cluster }, url, Arc::new(storage))
            }
        };
        let engine = Ticketing::builder_on(storage).gateway(Instant::default()).build()?;
        let naive = Arc::new(Naive::connect(&url).await?);
        Ok(Some(Self { engine, naive, url, _place: place }))
    }

    /// Puts so many events on sale, each with places for everybody.
    pub async fn events(&self, count: usize, price: i64) -> Result<Vec<Event>, Failure> {
        let starts_at = Timestamp::now() + SignedDuration::from_hours(24 * 30);
        let price = Money::new(price, Currency::NGN)?;
        let new = |number| {
            NewEvent::general_admission(&format!("Event {number}"), starts_at, "Lagos", price, Some(1_000_000_000))
        };
        let new: Vec<NewEvent> = (0..count).map(new).collect();
        let made = self.engine.storage().put_events(Timestamp::now(), &organizer(), &new).await?;
        Ok(made.into_iter().collect::<Result<_, _>>()?)
    }

    /// Whether everything adds up; the last word of every benchmark.
    pub async fn check(&self) -> Result<(), Failure> {
        let wrong = self.engine.storage().check().await?;
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ").into()) }
    }
}

/// Who runs the events.
pub fn organizer() -> Principal {
    Principal::External("organiser".to_owned())
}

/// One of many buyers.
pub fn buyer(number: usize) -> Result<Buyer, Failure> {
    Ok(Buyer { who: Principal::External(format!("buyer-{number}")), email: "buyer@example.com".parse()? })
}

/// One ticket.
pub fn one_of(event: &Event) -> OrderRequest {
    OrderRequest { event_id: event.id, lines: vec![LineRequest { ticket_type_id: None, quantity: 1 }], reference: None }
}
