//! What only PostgreSQL can get wrong.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/postgres.rs"]
mod postgres;

use jiff::Timestamp;
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::event::NewEvent;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{Hold, HoldLine};
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::storage::Storage;
use ticketing_core::storage::postgres::PostgresStorage;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_on_an_empty_database_all_come_up_and_never_oversell() {
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
    let event = processes[0].put_events(now(), &who, &[event]).await.unwrap().pop().unwrap().unwrap();
    let buying: Vec<_> = (0..60_u8)
        .map(|number| {
            let storage = processes[usize::from(number) % processes.len()].clone();
            let hold = Hold {
                reference: Reference::of_order(&Seed([number; 32])),
                event_id: event.id,
                buyer: Buyer {
                    who: Principal::External(format!("b{number}")),
                    email: "b@example.com".parse().unwrap(),
                },
                lines: vec![HoldLine { ticket_type_id: event.ticket_types[0].id, quantity: 1 }],
                hold_until: now() + jiff::SignedDuration::from_mins(15),
            };
            tokio::spawn(async move { storage.hold(now(), &[hold]).await.unwrap().pop().unwrap() })
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
