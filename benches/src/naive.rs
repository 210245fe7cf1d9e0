//! The baseline: one transaction per call, with guarded updates on the same tables. It is correct, and the usual way.

use crate::Failure;
use jiff::Timestamp;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use ticketing_core::clock::{Random, SystemRandom};
use ticketing_core::domain::code::{Reference, TicketCode};
use ticketing_core::domain::event::Event;

/// The first id. The engine continues after the highest one.
static NEXT: AtomicI64 = AtomicI64::new(-1);

fn fresh() -> i64 {
    NEXT.fetch_sub(1, Ordering::Relaxed)
}

/// A connection pool for the database of a shop.
#[derive(Debug)]
pub enum Naive {
    /// One writer, as SQLite requires.
    Sqlite(SqlitePool),
    /// As many connections as perform best here.
    Postgres(PgPool),
}

/// The statements of one call, in one transaction. Each must write a row.
macro_rules! in_one_transaction {
    ($self:ident, $( $sql:expr => [$($value:expr),*]; )*) => {
        match $self {
            Naive::Sqlite(pool) => {
                let mut transaction = pool.begin_with("begin immediate").await?;
                $(
                    let done = sqlx::query($sql)$(.bind($value))*.execute(&mut *transaction).await?;
                    if done.rows_affected() != 1 { return Ok(false); }
                )*
                transaction.commit().await?;
            }
            Naive::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                $(
                    let done = sqlx::query($sql)$(.bind($value))*.execute(&mut *transaction).await?;
                    if done.rows_affected() != 1 { return Ok(false); }
                )*
                transaction.commit().await?;
            }
        }
    };
}

const TAKE: &str = "update events set held = held + 1 where id = $1 and held + sold < capacity";
const TAKE_TYPE: &str =
    "update ticket_types set held = held + 1 where id = $1 and (capacity is null or held + sold < capacity)";
const ORDER: &str = "insert into orders (id, reference, event_id, buyer_external, email, total_minor, currency, status, \
    hold_until, hold_extended, created_at, updated_at) values ($1, $2, $3, $4, 'buyer@example.com', $5, 'NGN', 'held', $6, 0, $7, $7)";
const LINE: &str =
    "insert into order_lines (order_id, line, ticket_type_id, quantity, unit_minor) values ($1, 0, $2, 1, $3)";
const SCAN: &str = "update tickets set status = 'used', updated_at = $2 where code = $1 and status = 'active'";
const CHECK_IN: &str = "insert into check_ins (ticket_id, event_id, nonce, by_external, at) \
    select id, event_id, $2, 'organiser', $3 from tickets where code = $1";

impl Naive {
    /// Connects to the database of a shop.
    pub async fn connect(url: &str) -> Result<Self, Failure> {
        if url.starts_with("postgres") {
            return Ok(Self::Postgres(PgPoolOptions::new().max_connections(32).connect(url).await?));
        }
        let options = SqliteConnectOptions::from_str(url)?
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(30));
        // Callers wait for the writer in the pool, never for a locked file.
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(std::time::Duration::from_secs(60));
        Ok(Self::Sqlite(pool.connect_with(options).await?))
    }

    /// Holds one place.
    pub async fn hold(&self, event: &Event, buyer: &str) -> Result<bool, Failure> {
        let (id, now) = (fresh(), Timestamp::now().as_microsecond());
        let reference = Reference::of_order(&SystemRandom.seed()).to_string();
        let only = event.ticket_types.first().ok_or("an event has a ticket type")?;
        let price = only.price.minor();
        in_one_transaction! { self,
            TAKE => [event.id.0];
            TAKE_TYPE => [only.id.0];
            ORDER => [id, &reference, event.id.0, buyer, price, now + 900_000_000, now];
            LINE => [id, only.id.0, price];
        }
        Ok(true)
    }

    /// Checks a ticket in.
    pub async fn check_in(&self, code: &TicketCode) -> Result<bool, Failure> {
        let (now, nonce) = (Timestamp::now().as_microsecond(), fresh().to_string());
        in_one_transaction! { self,
            SCAN => [code.as_str(), now];
            CHECK_IN => [code.as_str(), &nonce, now];
        }
        Ok(true)
    }
}
