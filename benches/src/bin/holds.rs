//! How many holds of one hot event a second: one transaction for each, against batches that share one.
//!
//! `cargo run --release -p ticketing-benches --bin holds`. Both run on the same file system, one after the other, on SQLite with
//! `synchronous = full`, so what counts is the ratio.

#![allow(clippy::print_stdout, reason = "the table is what this is for")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, Instant};
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::event::{Event, NewEvent};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{Hold, HoldLine};
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::storage::Storage;
use ticketing_core::storage::sqlite::SqliteStorage;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Each size is measured for so long.
const FOR: Duration = Duration::from_secs(3);

fn holds(event: &Event, from: u64, count: u64) -> Result<Vec<Hold>, Failure> {
    let hold = |number: u64| {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        Ok(Hold {
            reference: Reference::of_order(&Seed(seed)),
            event_id: event.id,
            buyer: Buyer { who: Principal::External(format!("buyer-{number}")), email: "buyer@example.com".parse()? },
            lines: vec![HoldLine { ticket_type_id: event.ticket_types[0].id, quantity: 1 }],
            hold_until: Timestamp::now() + SignedDuration::from_mins(15),
        })
    };
    (from..from + count).map(hold).collect()
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("ticketing-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let storage = SqliteStorage::open(folder.join("bench.db")).await?;
    let price = Money::new(500_000, Currency::NGN)?;
    let new = NewEvent::general_admission("Hot event", Timestamp::now(), "Lagos", price, Some(1_000_000_000));
    let made = storage.put_events(Timestamp::now(), &Principal::External("organiser".to_owned()), &[new]).await?;
    let event = made.into_iter().next().ok_or("no event")??;

    println!("| holds a transaction | holds/s | against one each |\n|---:|---:|---:|");
    let (mut number, mut alone) = (0, 0);
    for batch in [1_u64, 10, 100, 500] {
        let (began, mut done) = (Instant::now(), 0);
        while began.elapsed() < FOR {
            let outcomes = storage.hold(Timestamp::now(), &holds(&event, number, batch)?).await?;
            number += batch;
            done += u128::from(batch);
            if let Some(refusal) = outcomes.into_iter().find_map(Result::err) {
                return Err(refusal.into());
            }
        }
        let per_second = done * 1_000_000 / began.elapsed().as_micros();
        if batch == 1 {
            alone = per_second;
        }
        let tenths = per_second * 10 / alone.max(1);
        println!("| {batch} | {per_second} | {}.{}× |", tenths / 10, tenths % 10);
    }
    let wrong = storage.check().await?;
    storage.close().await;
    std::fs::remove_dir_all(folder)?;
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ").into()) }
}
