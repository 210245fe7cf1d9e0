//! The Rust half of `benches/python/bridge.py`: the same calls on the same storages, without Python.
//!
//! `cargo run --release -p benches --bin bridge` prints JSON: the median of a call in microseconds, and holds per second from 256
//! tasks on one hot event.

#![allow(clippy::print_stdout, reason = "the numbers are what this is for")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use ticketing_core::Ticketing;
use ticketing_core::domain::event::{Event, NewEvent};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::storage::Storage;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::{LineRequest, OrderRequest};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CALLS: usize = 5_000;
const TASKS: usize = 256;
const FOR: Duration = Duration::from_secs(5);

fn median(mut times: Vec<Duration>) -> u128 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0, Duration::as_nanos)
}

fn request(event: &Event) -> OrderRequest {
    let lines = vec![LineRequest::new(1).with_ticket_type_id(event.ticket_types.first().map(|only| only.id))];
    OrderRequest::new(event.id, lines)
}

async fn measure(name: &str, storage: Arc<dyn Storage>) -> Result<String, Failure> {
    let shop = Ticketing::builder_on(storage).build()?;
    let organiser = Principal::External("organiser".to_owned());
    let price = Money::new(500_000, Currency::NGN)?;
    let soon = Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let new = NewEvent::general_admission("Hot event", soon, "Lagos", price, Some(1_000_000_000));
    let event = shop.create_event(&organiser, new).await?;
    let ada = Buyer::new(Principal::External("ada".to_owned()), "ada@example.com".parse()?);

    let (mut reads, mut holds) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let began = Instant::now();
        shop.event(event.id).await?;
        reads.push(began.elapsed());
    }
    for _ in 0..CALLS / 5 {
        let began = Instant::now();
        shop.hold(&ada, request(&event)).await?;
        holds.push(began.elapsed());
    }

    let done = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        let (shop, ada, event, done) = (shop.clone(), ada.clone(), event.clone(), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            while began.elapsed() < FOR {
                shop.hold(&ada, request(&event)).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), ticketing_core::Error>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let rate = u128::from(done.load(Ordering::Relaxed)) * 1_000_000 / began.elapsed().as_micros();
    Ok(format!(
        "\"{name}\": {{\"event_ns\": {}, \"hold_ns\": {}, \"holds_per_second\": {rate}}}",
        median(reads),
        median(holds)
    ))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("ticketing-bridge-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let memory = measure("memory", Arc::new(MemoryStorage::new())).await?;
    let storage = SqliteStorage::open(folder.join("bench.db")).await?;
    let sqlite = measure("sqlite", Arc::new(storage.clone())).await?;
    storage.close().await;
    std::fs::remove_dir_all(folder)?;
    println!("{{{memory}, {sqlite}}}");
    Ok(())
}
