//! Sells over one SQLite file until it has sold enough or is killed, and says line by line what is done: each line is a
//! promise, printed only after the storage said that it is kept.
//!
//! `box_office FILE SALES [careless]`. Where something fails it says so, tries twice more, and goes on with the next sale, as a
//! server would.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "the lines are what it is for")]

use std::sync::Arc;
use ticketing_core::clock::{Random, SystemRandom};
use ticketing_core::domain::check_in::Scan;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::event::NewEvent;
use ticketing_core::domain::id::EventId;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::payment::Settlement;
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::testing::FakeGateway;
use ticketing_core::{Error, Result, Ticketing};
use ticketing_core::{OrderRequest, PayOptions};

/// How often a step is tried. All of them are safe to repeat.
const TRIES: usize = 3;

struct Shop {
    ticketing: Ticketing,
    gateway: FakeGateway,
    event: EventId,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, sales) = (&arguments[0], arguments[1].parse::<u64>().unwrap());
    let is_careless = arguments.get(2).is_some_and(|word| word == "careless");
    let opened = if is_careless { SqliteStorage::open_careless(file).await } else { SqliteStorage::open(file).await };
    let storage = match opened {
        Ok(storage) => storage,
        Err(error) => {
            println!("failed open {error}");
            std::process::exit(3);
        }
    };
    let gateway = FakeGateway::new();
    let ticketing = Ticketing::builder(storage.clone()).gateway(gateway.clone()).build().unwrap();
    let Some(event) = tried("event", async || event(&ticketing).await).await else { std::process::exit(4) };
    println!("event {event}");
    let shop = Arc::new(Shop { ticketing, gateway, event });
    for number in 0..sales {
        sell(&shop, number).await;
    }
    storage.close().await;
    println!("done");
}

/// The event that all processes sell. The first one creates it.
async fn event(ticketing: &Ticketing) -> Result<EventId> {
    let starts_at = "2099-12-31T20:00:00Z".parse().unwrap();
    let price = Money::new(500_000, Currency::NGN).unwrap();
    let mut new = NewEvent::general_admission("Afrobeat Night", starts_at, "Freedom Park", price, None);
    new.key = Some("the-one-event".parse().unwrap());
    Ok(ticketing.create_event(&Principal::External("organizer".to_owned()), new).await?.id)
}

/// One whole sale: places, a checkout, money, tickets, and for every second one somebody who walks in.
async fn sell(shop: &Shop, number: u64) {
    let buyer = Buyer::new(
        Principal::External(format!("buyer-{}-{number}", std::process::id())),
        "ada@example.com".parse().unwrap(),
    );
    let quantity = u32::try_from(number % 3 + 1).unwrap();
    let order = Reference::of_order(&SystemRandom.seed());
    let attempt = Reference::of_attempt(&SystemRandom.seed());
    let started = tried("begin", async || {
        let request = OrderRequest::tickets(shop.event, quantity).with_reference(order.clone());
        let options = PayOptions::default().with_reference(attempt.clone());
        shop.ticketing.buy(&buyer, request, options).await
    });
    let Some(started) = started.await else { return };
    let attempt = started.attempt.reference;
    println!("begun {attempt}");
    if number % 7 == 6 {
        return; // walks away
    }
    shop.gateway.pay(&attempt);
    let settled = tried("settle", async || shop.ticketing.verify(&buyer.who, &attempt).await).await;
    let Some(Settlement::Fulfilled { tickets, .. }) = settled else { return };
    let codes: Vec<&str> = tickets.iter().map(|ticket| ticket.code.as_str()).collect();
    println!("bought {attempt} {}", codes.join(" "));
    if number.is_multiple_of(2) {
        let scan = Scan::new(tickets[0].code.clone(), attempt.to_string(), "organizer");
        if tried("admit", async || shop.ticketing.check_in(scan.clone()).await).await.is_some() {
            println!("admitted {}", codes[0]);
        }
    }
}

/// The final result of a step. Prints each error on the way.
async fn tried<T>(step: &str, work: impl AsyncFn() -> Result<T>) -> Option<T> {
    for _ in 0..TRIES {
        match work().await {
            Ok(done) => return Some(done),
            Err(error) => println!("failed {step} {}", in_words(&error)),
        }
    }
    None
}

fn in_words(error: &Error) -> String {
    let mut words = format!("{}: {error}", error.code());
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words.replace('\n', " ")
}
