//! Fills a database with years of sales in minutes: plain SQL, with constraints and indexes removed in the meantime and checked for
//! all rows at the end. Finally the engine's own consistency check must pass.

use crate::Failure;
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};
use std::str::FromStr;
use ticketing_core::storage::postgres::PostgresStorage;
use ticketing_core::storage::sqlite::SqliteStorage;

const POSTGRES: &str = include_str!("../sql/fill-postgres.sql");
const SQLITE: &str = include_str!("../sql/fill-sqlite.sql");

/// The statements, for this many tickets.
fn parts(script: &str, tickets: u64) -> Vec<String> {
    // Two per order, and equally many for each of 100 events.
    let orders = (tickets / 200).max(10) * 100;
    let (now, year) = (Timestamp::now(), SignedDuration::from_hours(24 * 365));
    let script = script
        .replace("$TICKETS", &(orders * 2).to_string())
        .replace("$ORDERS", &orders.to_string())
        .replace("$NOW", &now.as_microsecond().to_string())
        .replace("$FIRST", &(now - year).as_microsecond().to_string())
        .replace("$YEAR", &year.as_micros().to_string());
    script.split("-- next\n").map(str::to_owned).collect()
}

/// Fills a database that is not in use and has no tickets; leaves any other unchanged.
pub async fn fill(url: &str, tickets: u64) -> Result<(), Failure> {
    match url.strip_prefix("sqlite://") {
        Some(file) => SqliteStorage::open(file).await?.close().await,
        None => drop(PostgresStorage::connect(url).await?),
    }
    if self::tickets(url).await? > 0 {
        return Ok(());
    }
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await?;
        for part in parts(POSTGRES, tickets) {
            sqlx::raw_sql(AssertSqlSafe(part)).execute(&mut connection).await?;
        }
        return Ok(connection.close().await?);
    }
    let mut connection = SqliteConnectOptions::from_str(url)?.connect().await?;
    for part in parts(SQLITE, tickets) {
        // SQLite has no statement that executes the result of another one.
        let found = match part.trim() {
            "$DROP" => "select 'drop index ' || name as sql from kept",
            "$RESTORE" => "select sql from kept",
            _ => "",
        };
        if found.is_empty() {
            sqlx::raw_sql(AssertSqlSafe(part)).execute(&mut connection).await?;
            continue;
        }
        for row in sqlx::query(found).fetch_all(&mut connection).await? {
            sqlx::raw_sql(AssertSqlSafe(row.get::<String, _>("sql"))).execute(&mut connection).await?;
        }
    }
    Ok(connection.close().await?)
}

/// The number of tickets.
pub async fn tickets(url: &str) -> Result<i64, Failure> {
    // The highest id: counting them takes seconds.
    let sql = "select coalesce(max(id), 0) from tickets";
    if url.starts_with("postgres") {
        return Ok(sqlx::query_scalar(sql).fetch_one(&mut PgConnection::connect(url).await?).await?);
    }
    let mut connection = SqliteConnectOptions::from_str(url)?.connect().await?;
    let tickets = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(tickets)
}
