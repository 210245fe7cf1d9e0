//! An engine on a storage, with events to sell.

use crate::Failure;
use crate::fill::fill;
use crate::instant_gateway::Instant;
use crate::naive::Naive;
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use ticketing_core::Ticketing;
use ticketing_core::domain::event::{Event, NewEvent, PutEvent};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::mailer::{Mail, MailError, Mailer};
use ticketing_core::storage::Storage;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::storage::postgres::PostgresStorage;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::{LineRequest, OrderRequest};
use ticketing_tests::cluster::Cluster;

/// The database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A file, `synchronous = full`.
    Sqlite,
    /// A temporary cluster with default settings: `synchronous_commit = on`.
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

/// The data of a shop. Deleted on drop.
#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Cluster {
        _cluster: Cluster,
    },
    /// A database that is not ours: not deleted.
    Kept,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Folder(folder) = self {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

/// An engine, and a baseline that does the same without it.
#[derive(Debug)]
pub struct Shop {
    /// The engine.
    pub engine: Ticketing,
    /// The baseline: one transaction per call.
    pub naive: Arc<Naive>,
    /// The URL of the database.
    pub url: String,
    _place: Place,
}

impl Shop {
    /// Opens one on an empty database. `None` if PostgreSQL is not installed.
    pub async fn open(kind: Kind) -> Result<Option<Self>, Failure> {
        Self::open_with(kind, None, 0).await
    }

    /// Opens one on this database or a new one. Fills it with this many tickets unless it has some already.
    pub async fn open_with(kind: Kind, at: Option<&str>, tickets: u64) -> Result<Option<Self>, Failure> {
        let (place, url) = match (kind, at) {
            (_, Some(url)) => (Place::Kept, url.to_owned()),
            (Kind::Sqlite, None) => {
                let folder = std::env::temp_dir().join(fresh_name("ticketing-bench-"));
                std::fs::create_dir_all(&folder)?;
                let url = format!("sqlite://{}", folder.join("bench.db").display());
                (Place::Folder(folder), url)
            }
            (Kind::Postgres, None) => {
                let Some(cluster) = Cluster::start() else { return Ok(None) };
                let url = cluster.create("bench");
                (Place::Cluster { _cluster: cluster }, url)
            }
        };
        if tickets > 0 {
            fill(&url, tickets).await?;
        }
        Self::on(place, url).await.map(Some)
    }

    /// Opens one on an empty database beside this one, on the same server.
    pub async fn beside(&self) -> Result<Self, Failure> {
        let Some((server, _)) = self.url.rsplit_once('/').filter(|_| self.url.starts_with("postgres")) else {
            return Self::open(Kind::Sqlite).await?.ok_or_else(|| "SQLite is always there".into());
        };
        let name = fresh_name("bench_");
        let sql = AssertSqlSafe(format!("create database {name}"));
        sqlx::raw_sql(sql).execute(&mut PgConnection::connect(&self.url).await?).await?;
        Self::on(Place::Kept, format!("{server}/{name}")).await
    }

    /// Deletes a database that was opened [`beside`](Self::beside) another one.
    pub async fn remove(self, other: &Self) -> Result<(), Failure> {
        if let Some((_, name)) = self.url.rsplit_once('/').filter(|_| self.url.starts_with("postgres")) {
            let sql = AssertSqlSafe(format!("drop database {name} with (force)"));
            sqlx::raw_sql(sql).execute(&mut PgConnection::connect(&other.url).await?).await?;
        }
        Ok(())
    }

    async fn on(place: Place, url: String) -> Result<Self, Failure> {
        let storage: Arc<dyn Storage> = match url.strip_prefix("sqlite://") {
            Some(file) => Arc::new(SqliteStorage::open(file).await?),
            None => Arc::new(PostgresStorage::connect(&url).await?),
        };
        let engine = Ticketing::builder_on(storage).gateway(Instant::default()).mailer(Nowhere).build()?;
        let naive = Arc::new(Naive::connect(&url).await?);
        Ok(Self { engine, naive, url, _place: place })
    }

    /// Creates this many events, each with enough places for every buyer.
    pub async fn events(&self, count: usize, price: i64) -> Result<Vec<Event>, Failure> {
        let starts_at = Timestamp::now() + SignedDuration::from_hours(24 * 30);
        let price = Money::new(price, Currency::NGN)?;
        let new = |number| {
            let title = format!("Event {number}");
            let event = NewEvent::general_admission(&title, starts_at, "Lagos", price, Some(1_000_000_000));
            PutEvent { actor: organizer(), organizer: organizer(), event }
        };
        let new: Vec<PutEvent> = (0..count).map(new).collect();
        let made = self.engine.storage().apply_all(Timestamp::now(), new).await?;
        Ok(made.into_iter().collect::<Result<_, _>>()?)
    }

    /// Checks the database for consistency, at the end of every benchmark.
    pub async fn check(&self) -> Result<(), Failure> {
        let wrong = self.engine.storage().check().await?;
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ").into()) }
    }
}

fn fresh_name(prefix: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{prefix}{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Accepts every mail at once.
#[derive(Debug)]
struct Nowhere;

#[async_trait::async_trait]
impl Mailer for Nowhere {
    async fn send(&self, _mail: &Mail) -> Result<(), MailError> {
        Ok(())
    }
}

/// The organiser of the events.
pub fn organizer() -> Principal {
    Principal::External("organiser".to_owned())
}

/// One of many buyers.
pub fn buyer(number: usize) -> Result<Buyer, Failure> {
    Ok(Buyer::new(Principal::External(format!("buyer-{number}")), "buyer@example.com".parse()?))
}

/// One ticket.
pub fn one_of(event: &Event) -> OrderRequest {
    OrderRequest::new(event.id, vec![LineRequest::new(1)])
}
