//! Background work: what is done at once, and what is done again.
#![cfg(feature = "testing")]

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ticketing_core::async_trait;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::Principal;
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::mailer::{Mail, MailError};
use ticketing_core::prelude::*;
use ticketing_core::testing::{FakeGateway, ManualClock};

/// A mailer that accepts every mail, and cannot make any durable until it is repaired.
#[derive(Clone, Debug, Default)]
struct Mails {
    memory: Arc<MemoryMailer>,
    is_repaired: Arc<AtomicBool>,
}

#[async_trait]
impl Mailer for Mails {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.memory.send(mail).await
    }

    async fn flush(&self) -> Result<(), MailError> {
        match self.is_repaired.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(MailError::Later("the disk is full".to_owned())),
        }
    }
}

struct Shop {
    engine: Ticketing,
    mails: Mails,
    gateway: FakeGateway,
    clock: ManualClock,
}

impl Shop {
    fn open() -> Self {
        let (mails, gateway) = (Mails::default(), FakeGateway::new());
        let clock = ManualClock::new(Timestamp::from_second(1_893_456_000).unwrap());
        let engine = Ticketing::builder(MemoryStorage::new())
            .mailer(mails.clone())
            .gateway(gateway.clone())
            .clock(Arc::new(clock.clone()))
            .build()
            .unwrap();
        Self { engine, mails, gateway, clock }
    }

    /// An event, and one ticket of it that was paid.
    async fn sell(&self) -> Event {
        let price = Money::new(5000, Currency::NGN).unwrap();
        let starts_at = self.clock.now() + SignedDuration::from_hours(24 * 30);
        let event = NewEvent::general_admission("Jazz", starts_at, "Lagos", price, None);
        let event = self.engine.create_event(&organizer(), event).await.unwrap();
        let buyer = Buyer::new("ada", "ada@example.com".parse().unwrap());
        let started = self.engine.buy(&buyer, OrderRequest::tickets(event.id, 1), PayOptions::default()).await.unwrap();
        self.gateway.pay(&started.attempt.reference);
        self.engine.verify(&buyer.who, &started.attempt.reference).await.unwrap();
        event
    }

    fn sent(&self) -> usize {
        self.mails.memory.sent().len()
    }
}

fn organizer() -> Principal {
    "organiser".into()
}

/// Waits until this is so; fails if it is not for long.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[tokio::test]
async fn a_mail_that_is_not_durable_is_sent_again() {
    let shop = Shop::open();
    shop.sell().await;
    let report = shop.engine.run_upkeep(Upkeep::default()).await.unwrap();
    assert_eq!((report.mails, report.failed, shop.sent()), (1, 1, 1));
    shop.mails.is_repaired.store(true, Ordering::Relaxed);
    shop.clock.advance(SignedDuration::from_hours(1));
    let report = shop.engine.run_upkeep(Upkeep::default()).await.unwrap();
    assert_eq!((report.mails, report.failed, shop.sent()), (1, 0, 2));
    shop.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(shop.engine.run_upkeep(Upkeep::default()).await.unwrap().mails, 0, "it was recorded as sent");
    let [first, second] = shop.mails.memory.sent().try_into().unwrap();
    assert_eq!(first.message_id, second.message_id);
}

#[tokio::test]
async fn what_a_call_leaves_is_done_at_once_and_not_at_the_next_interval() {
    let shop = Shop::open();
    shop.mails.is_repaired.store(true, Ordering::Relaxed);
    let upkeep = shop.engine.spawn_upkeep(Duration::from_hours(1), Upkeep::default());
    let event = shop.sell().await;
    until("the tickets are mailed", || shop.sent() == 1).await;
    shop.engine.cancel_event(&organizer(), event.id).await.unwrap();
    until("the buyer gets the money back", || shop.gateway.refunds().len() == 1).await;
    upkeep.stop().await;
}
