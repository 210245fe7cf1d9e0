//! What only PostgreSQL can get wrong.
#![cfg(all(feature = "postgres", feature = "testing"))]
#![allow(clippy::print_stderr, reason = "says that a test was skipped")]

use crate::support::postgres;
use jiff::Timestamp;
use sqlx::Connection as _;
use std::sync::Arc;
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::event::NewEvent;
use ticketing_core::domain::event::PutEvent;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::ExpireHolds;
use ticketing_core::domain::order::{Hold, HoldLine};
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::domain::working_set::Noun;
use ticketing_core::storage::Storage;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::storage::conformance::shop::Shop;
use ticketing_core::storage::postgres::PostgresStorage;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// What one process is at work on does not stop another: it takes what comes next.
#[tokio::test(flavor = "multi_thread")]
async fn claims_skip_rows_locked_by_others() {
    let Some(database) = postgres::database().await else { return };
    let storage = PostgresStorage::connect(&database.url).await.unwrap();
    let shop = Shop::open(Arc::new(storage.clone()));
    let event = shop.event().create().await;
    for _ in 0..4 {
        shop.buy(&event, 1).await;
        shop.hold(&event, 1).await;
    }
    shop.wait(jiff::SignedDuration::from_mins(60));
    let mut other = sqlx::PgConnection::connect(&database.url).await.unwrap();
    let mut working = other.begin().await.unwrap();
    for sql in [
        "select id from mails order by due_at, id limit 3 for update",
        "select id from orders where status = 'held' order by id limit 3 for update",
    ] {
        sqlx::query(sql).fetch_all(&mut *working).await.unwrap();
    }
    let in_time = std::time::Duration::from_secs(5);
    let mails = tokio::time::timeout(in_time, shop.claim_mails(2)).await.expect("it waits for the other");
    assert_eq!(mails.len(), 1);
    let expired =
        tokio::time::timeout(in_time, storage.apply_one(shop.now(), ExpireHolds { limit: 2 })).await.expect("it waits");
    assert_eq!(expired.unwrap().len(), 1);
    working.rollback().await.unwrap();
    assert_eq!(shop.claim_mails(10).await.len(), 3);
    assert_eq!(storage.apply_one(shop.now(), ExpireHolds { limit: 10 }).await.unwrap().len(), 3);
    storage.close().await;
}

/// A process takes a whole block of ids with one draw. A sequence with another increment would give the same ids to two processes.
#[tokio::test]
async fn every_sequence_of_ids_increments_by_a_block() {
    let Some(database) = postgres::database().await else { return };
    let storage = PostgresStorage::connect(&database.url).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(&database.url).await.unwrap();
    let sql = "select sequencename::text, increment_by from pg_sequences where schemaname = 'public' order by 1";
    let sequences: std::collections::BTreeMap<String, i64> =
        sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap().into_iter().collect();
    for table in Noun::ALL.iter().map(|noun| noun.table()) {
        let parts = table.part.as_ref().filter(|part| part.numbered).map(|part| part.name);
        for name in table.numbered.then_some(table.name).into_iter().chain(parts) {
            assert_eq!(sequences.get(&format!("{name}_ids")), Some(&100_000), "{name}");
        }
    }
    storage.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_started_at_once_on_an_empty_database_never_oversell() {
    let Some(database) = postgres::database().await else { return };
    let opening: Vec<_> = (0..5)
        .map(|_| {
            let url = database.url.clone();
            tokio::spawn(async move { PostgresStorage::connect(&url).await })
        })
        .collect();
    let mut processes = Vec::new();
    for opened in opening {
        processes.push(opened.await.unwrap().unwrap());
    }
    let who = Principal::External("organiser".to_owned());
    let price = Money::new(500, Currency::NGN).unwrap();
    let event = NewEvent::general_admission("Concert", now(), "Lagos", price, Some(10));
    let event = processes[0]
        .apply(now(), &[PutEvent { actor: who.clone(), organizer: who.clone(), event }])
        .await
        .unwrap()
        .pop()
        .unwrap()
        .unwrap();
    let buying: Vec<_> = (0..60_u8)
        .map(|number| {
            let storage = processes[usize::from(number) % processes.len()].clone();
            let hold = Hold::new(
                Reference::of_order(&Seed([number; 32])),
                event.id,
                Buyer::new(format!("b{number}"), "b@example.com".parse().unwrap()),
                vec![HoldLine::new(event.ticket_types[0].id, 1)],
                now() + jiff::SignedDuration::from_mins(15),
            );
            tokio::spawn(async move { storage.apply(now(), &[hold]).await.unwrap().pop().unwrap() })
        })
        .collect();
    let mut sold = 0;
    for bought in buying {
        sold += usize::from(bought.await.unwrap().is_ok());
    }
    assert_eq!(sold, 10);
    assert_eq!(processes[0].check().await.unwrap(), Vec::<String>::new());
    for process in &processes {
        process.close().await;
    }
}
