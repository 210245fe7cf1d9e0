//! Orders of guests through the engine: keys, links in mails, and what a copy of the database shows.
#![cfg(all(feature = "testing", feature = "accounts"))]

use jiff::SignedDuration;
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{Order, OrderStatus};
use ticketing_core::domain::principal::{EmailAddress, Principal};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::prelude::*;
use ticketing_core::testing::{FakeGateway, ManualClock};
use ticketing_core::token::TokenKey;

struct Shop {
    engine: Ticketing,
    gateway: FakeGateway,
    mailer: Arc<MemoryMailer>,
    clock: ManualClock,
}

impl Shop {
    fn on(storage: impl Storage, public_url: &str) -> Self {
        let (gateway, mailer, clock) = (FakeGateway::new(), Arc::new(MemoryMailer::new()), ManualClock::default());
        let engine = Ticketing::builder(storage)
            .gateway(gateway.clone())
            .mailer(Arc::clone(&mailer))
            .clock(Arc::new(clock.clone()))
            .weak_password_hashes()
            .token_key(TokenKey::new(&[7; 32]).unwrap())
            .public_url(public_url)
            .build()
            .unwrap();
        Self { engine, gateway, mailer, clock }
    }

    async fn event(&self, minor: i64) -> Event {
        let starts_at = self.clock.now() + SignedDuration::from_hours(240);
        let price = Money::new(minor, Currency::NGN).unwrap();
        let event = NewEvent::general_admission("Jazz", starts_at, "Lagos", price, Some(10));
        self.engine.create_event(&Principal::from("club"), event).await.unwrap()
    }

    async fn hold(&self, event: &Event, email: Option<&str>) -> Order {
        let email = email.map(|email| email.parse::<EmailAddress>().unwrap());
        self.engine.hold_as_guest(email, OrderRequest::tickets(event.id, 1)).await.unwrap()
    }

    async fn pay(&self, order: &Order) {
        let who = &order.buyer.who;
        let started = self.engine.pay(who, &order.reference, PayOptions::default()).await.unwrap();
        self.gateway.pay(&started.attempt.reference);
        self.engine.verify(who, &started.attempt.reference).await.unwrap();
    }

    async fn mail_to(&self, email: &str) -> String {
        while !self.engine.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
        self.mailer.sent_to(&email.parse().unwrap()).pop().unwrap().text
    }
}

#[tokio::test]
async fn the_link_in_a_mail_to_a_guest_has_the_key_where_browsers_send_it_to_nobody() {
    for (url, start) in [
        ("https://tickets.example.com/mine", "https://tickets.example.com/mine#order_key=tko_"),
        ("https://tickets.example.com/#/mine", "https://tickets.example.com/#/mine?order_key=tko_"),
    ] {
        let shop = Shop::on(MemoryStorage::new(), url);
        let order = shop.hold(&shop.event(5000).await, Some("guest@example.com")).await;
        shop.pay(&order).await;
        let text = shop.mail_to("guest@example.com").await;
        let link = text.split_whitespace().find(|word| word.starts_with("https://")).unwrap();
        assert!(link.starts_with(start), "{link}");
        let key = link.split_once("order_key=").unwrap().1;
        assert_eq!(shop.engine.guest(key).unwrap(), order.buyer.who);
        assert_eq!(shop.engine.guest_key(&order).unwrap().unwrap().as_str(), key);
    }
}

#[tokio::test]
async fn others_get_no_key() {
    let shop = Shop::on(MemoryStorage::new(), "https://tickets.example.com/mine");
    let event = shop.event(0).await;
    let buyer = Buyer::new("ada", "ada@example.com".parse().unwrap());
    let order = shop.engine.hold(&buyer, OrderRequest::tickets(event.id, 1)).await.unwrap();
    assert_eq!(shop.engine.guest_key(&order).unwrap(), None);
    shop.engine.pay(&buyer.who, &order.reference, PayOptions::default()).await.unwrap();
    assert!(!shop.mail_to("ada@example.com").await.contains("order_key"));
}

#[tokio::test]
async fn a_guest_buys_one_order_and_gets_no_other_for_it() {
    let shop = Shop::on(MemoryStorage::new(), "https://tickets.example.com/mine");
    let event = shop.event(5000).await;
    let order = shop.hold(&event, Some("guest@example.com")).await;
    let buyer = order.buyer.clone();
    let again = || OrderRequest::tickets(event.id, 1).with_reference(order.reference.clone());
    let started = shop.engine.buy(&buyer, again(), PayOptions::default()).await.unwrap();
    assert_eq!(started.order.id, order.id);
    shop.engine.cancel_order(&buyer.who, &order.reference).await.unwrap();
    let refused = shop.engine.buy(&buyer, again(), PayOptions::default()).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::OrderCancelled))), "{refused:?}");
    // The reference of another order is no guest's to use.
    let other = OrderRequest::tickets(event.id, 1).with_reference("another".parse::<Reference>().unwrap());
    assert!(matches!(shop.engine.hold(&buyer, other).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_guest_neither_runs_events_nor_scans() {
    let shop = Shop::on(MemoryStorage::new(), "https://tickets.example.com/mine");
    let event = shop.event(0).await;
    let order = shop.hold(&event, Some("guest@example.com")).await;
    let starts_at = shop.clock.now() + SignedDuration::from_hours(240);
    let theirs = NewEvent::general_admission("Theirs", starts_at, "Lagos", Money::zero(Currency::NGN), None);
    assert!(matches!(shop.engine.create_event(&order.buyer.who, theirs).await, Err(Error::Invalid(_))));
    let code = shop.engine.pay(&order.buyer.who, &order.reference, PayOptions::default()).await.unwrap();
    assert_eq!(code.order.status, OrderStatus::Paid);
    let ticket = shop.engine.tickets(&order.buyer.who, PageRequest::default()).await.unwrap().items.remove(0);
    let scan = Scan::new(ticket.code, "scan-1", order.buyer.who.clone());
    assert!(matches!(shop.engine.check_in(scan).await, Err(Error::Invalid(_))));
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_copy_of_the_database_has_no_key_of_an_order() {
    use ticketing_core::storage::sqlite::SqliteStorage;
    let folder = ticketing_core::storage::conformance::TempFolder::new();
    let path = folder.path().join("tickets.db");
    let storage = SqliteStorage::open(&path).await.unwrap();
    let shop = Shop::on(storage, "https://tickets.example.com/mine");
    let order = shop.hold(&shop.event(5000).await, None).await;
    let key = shop.engine.guest_key(&order).unwrap().unwrap();
    shop.engine.name_buyer(&order.buyer.who, &order.reference, "guest@example.com".parse().unwrap()).await.unwrap();
    shop.pay(&order).await;
    assert!(shop.mail_to("guest@example.com").await.contains(key.as_str()));
    let all: Vec<u8> = ["", "-wal"]
        .iter()
        .flat_map(|end| std::fs::read(format!("{}{end}", path.display())).unwrap_or_default())
        .collect();
    let has = |text: &str| all.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has(order.reference.as_str()) && has("guest@example.com"), "this finds what is there");
    let symbols = key.as_str().rsplit_once('_').unwrap().1;
    assert!(!has(key.as_str()) && !has(symbols) && !has(&symbols[..13]) && !has(&symbols[13..]));
    assert!(!has(&symbols.to_ascii_lowercase()));
}
