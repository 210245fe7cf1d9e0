//! Thousands of random sales at a hostile gateway: whatever it does, every payment that it captured ends as tickets, as money
//! that went back, or before a person; and no place is sold twice or kept for nobody.
//!
//! What is to happen follows from a seed, which is printed: `HOSTILE_SEED=…` repeats it, `HOSTILE_SALES=…` makes it longer. What
//! befalls a call hangs on the seed, the order, the kind of call and how often it was made, and on no clock and no order of
//! events; only how calls of different buyers interleave is left to chance.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "paystack", feature = "testing"))]
#![allow(clippy::print_stderr, reason = "the table of what happened is there to be read")]

mod buyers;
mod fault_stats;
mod final_assertions;
mod seeded_random;
mod webhook_delivery;
mod world;

use crate::support::postgres;
use std::sync::Arc;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::storage::postgres::PostgresStorage;
use ticketing_core::storage::sqlite::SqliteStorage;
use world::World;

const SALES: u64 = 800;
const SEED: u64 = 20_260_103;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("must be a whole number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_payment_is_lost_at_a_hostile_gateway_in_memory() {
    let (seed, sales) = (number("HOSTILE_SEED", SEED), number("HOSTILE_SALES", SALES));
    World::new(seed, sales, Arc::new(MemoryStorage::new())).await.run("memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_payment_is_lost_at_a_hostile_gateway_on_sqlite() {
    let (seed, sales) = (number("HOSTILE_SEED", SEED), number("HOSTILE_SALES", SALES));
    let folder = std::env::temp_dir().join(format!("ticketing-hostile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let storage = SqliteStorage::open(folder.join("tickets.db")).await.unwrap();
    World::new(seed, sales, Arc::new(storage.clone())).await.run("SQLite").await;
    storage.close().await;
    std::fs::remove_dir_all(folder).unwrap();
}

/// Fewer, as the other two have shown what the rules do: here it is about the locks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_payment_is_lost_at_a_hostile_gateway_on_postgres() {
    let Some(database) = postgres::database().await else { return };
    let (seed, sales) = (number("HOSTILE_SEED", SEED), number("HOSTILE_SALES", SALES / 4));
    let storage = PostgresStorage::connect(&database.url).await.unwrap();
    World::new(seed, sales, Arc::new(storage.clone())).await.run("PostgreSQL").await;
    storage.close().await;
}
