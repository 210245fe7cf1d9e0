//! How many mails go to one address and for one organiser: a mail over a limit waits, and is never dropped.
#![cfg(feature = "testing")]

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use ticketing_core::async_trait;
use ticketing_core::domain::id::EventId;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::outbox::{MailStatus, RESEND_AFTER};
use ticketing_core::domain::principal::Principal;
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::mailer::{Mail, MailError};
use ticketing_core::prelude::*;
#[cfg(feature = "accounts")]
use ticketing_core::storage::StorageExt as _;
use ticketing_core::testing::{FakeGateway, ManualClock};
use ticketing_core::{Error, MailLimits};

/// A mailer that the test keeps a hand on.
#[derive(Clone, Debug)]
struct Mails(Arc<MemoryMailer>);

#[async_trait]
impl Mailer for Mails {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail).await
    }
}

struct Shop {
    engine: Ticketing,
    mailer: Arc<MemoryMailer>,
    gateway: FakeGateway,
    clock: ManualClock,
}

impl Shop {
    fn with(limits: MailLimits) -> Self {
        let (mailer, gateway) = (Arc::new(MemoryMailer::new()), FakeGateway::new());
        let clock = ManualClock::new(Timestamp::from_second(1_893_456_000).unwrap());
        let engine = Ticketing::builder(MemoryStorage::new())
            .mailer(Mails(Arc::clone(&mailer)))
            .gateway(gateway.clone())
            .clock(Arc::new(clock.clone()))
            .mail_limits(limits)
            .build()
            .unwrap();
        Self { engine, mailer, gateway, clock }
    }

    async fn event(&self, organizer: &str, price: i64) -> EventId {
        let price = Money::new(price, Currency::NGN).unwrap();
        let starts_at = self.clock.now() + SignedDuration::from_hours(24 * 30);
        let event = NewEvent::general_admission("You have won, click here", starts_at, "Lagos", price, None);
        self.engine.create_event(&Principal::from(organizer), event).await.unwrap().id
    }

    /// Somebody buys one ticket, which is mailed to `to`.
    async fn buy(&self, who: &str, to: &str, event: EventId) {
        let buyer = Buyer::new(who, to.parse().unwrap());
        let started = self.engine.buy(&buyer, OrderRequest::tickets(event, 1), PayOptions::default()).await.unwrap();
        if started.checkout.is_some() {
            self.gateway.pay(&started.attempt.reference);
            self.engine.verify(&buyer.who, &started.attempt.reference).await.unwrap();
        }
    }

    async fn upkeep(&self) {
        while !self.engine.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
    }

    fn sent_to(&self, to: &str) -> usize {
        self.mailer.sent_to(&to.parse().unwrap()).len()
    }
}

#[tokio::test]
async fn one_address_gets_so_many_mails_an_hour_and_the_others_wait() {
    let shop = Shop::with(MailLimits::default().with_per_recipient(10));
    let event = shop.event("organiser", 0).await;
    for number in 0..105 {
        shop.buy(&format!("sender-{}", number % 7), "victim@example.com", event).await;
    }
    shop.buy("ada", "ada@example.com", event).await;
    shop.upkeep().await;
    assert_eq!((shop.sent_to("victim@example.com"), shop.sent_to("ada@example.com")), (10, 1));
    let tickets = shop.engine.tickets(&"sender-0".into(), PageRequest::default()).await.unwrap();
    assert_eq!(tickets.items.len(), 15, "the tickets are there all the same");

    // At an even pace, not in bursts.
    for sent in 11..=20 {
        shop.clock.advance(SignedDuration::from_mins(6));
        shop.upkeep().await;
        assert_eq!(shop.sent_to("victim@example.com"), sent);
    }
    // None is dropped, however long it waits.
    for _ in 20..105 {
        shop.clock.advance(SignedDuration::from_mins(6));
        shop.upkeep().await;
    }
    assert_eq!(shop.sent_to("victim@example.com"), 105);
}

#[tokio::test]
async fn spellings_of_one_mailbox_share_its_limit() {
    let shop = Shop::with(MailLimits::default().with_per_recipient(3));
    let event = shop.event("organiser", 0).await;
    let spellings = ["victim@example.com", "VICTIM@example.com", "victim+a@example.com", "Victim+b@Example.com"];
    for (number, to) in spellings.iter().cycle().take(12).enumerate() {
        shop.buy(&format!("sender-{number}"), to, event).await;
    }
    shop.upkeep().await;
    assert_eq!(shop.mailer.sent().len(), 3);
}

#[tokio::test]
async fn a_flood_of_free_tickets_delays_no_mail_about_a_purchase() {
    let shop = Shop::with(MailLimits::default().with_per_recipient(2).with_per_sender(5));
    let (free, priced) = (shop.event("organiser", 0).await, shop.event("organiser", 5000).await);
    for number in 0..20 {
        shop.buy(&format!("sender-{number}"), "ada@example.com", free).await;
    }
    shop.upkeep().await;
    shop.buy("ada", "ada@example.com", priced).await;
    shop.upkeep().await;
    assert_eq!(shop.sent_to("ada@example.com"), 3);
    // But a purchase is limited as well: it may cost next to nothing.
    for number in 0..5 {
        shop.buy(&format!("sender-{number}"), "ada@example.com", priced).await;
    }
    shop.upkeep().await;
    assert_eq!(shop.sent_to("ada@example.com"), 4);
}

#[tokio::test]
async fn one_organiser_has_so_many_mails_sent_an_hour_whatever_the_event_and_the_address() {
    let shop = Shop::with(MailLimits::default().with_per_sender(4));
    let (one, another) = (shop.event("spammer", 0).await, shop.event("spammer", 0).await);
    let honest = shop.event("honest", 0).await;
    for number in 0..10 {
        let to = format!("victim-{number}@example.com");
        shop.buy(&format!("sender-{number}"), &to, if number % 2 == 0 { one } else { another }).await;
    }
    shop.buy("ada", "ada@example.com", honest).await;
    shop.upkeep().await;
    assert_eq!(shop.mailer.sent().len(), 5);
    assert_eq!(shop.sent_to("ada@example.com"), 1);
    shop.clock.advance(SignedDuration::from_mins(90));
    shop.upkeep().await;
    assert!(shop.mailer.sent().len() >= 5 + 4);
    shop.clock.advance(SignedDuration::from_mins(90));
    shop.upkeep().await;
    assert_eq!(shop.mailer.sent().len(), 11);
}

#[tokio::test]
async fn without_limits_every_mail_is_sent_at_once() {
    let shop = Shop::with(MailLimits::default());
    let event = shop.event("organiser", 0).await;
    for number in 0..50 {
        shop.buy(&format!("sender-{number}"), "many@example.com", event).await;
    }
    shop.upkeep().await;
    assert_eq!(shop.sent_to("many@example.com"), 50);
}

#[tokio::test]
async fn a_mail_that_arrived_is_sent_again_after_a_day_and_one_that_did_not_at_once() {
    let shop = Shop::with(MailLimits::default());
    let event = shop.event("organiser", 0).await;
    let organizer = Principal::from("organiser");
    shop.mailer.fail_next(MailError::Refused("550".to_owned()));
    shop.buy("ada", "ada@example.com", event).await;
    shop.upkeep().await;
    let dead = shop.engine.dead_mails(&organizer, PageRequest::default()).await.unwrap().items.remove(0);
    assert_eq!(shop.engine.resend_mail(&organizer, dead.id).await.unwrap().status, MailStatus::Waiting);
    shop.upkeep().await;
    assert_eq!(shop.sent_to("ada@example.com"), 1);
    for _ in 0..30 {
        let again = shop.engine.resend_mail(&organizer, dead.id).await.unwrap_err();
        assert!(matches!(again, Error::Refused(Refusal::MailSent { .. })), "{again:?}");
    }
    shop.upkeep().await;
    assert_eq!(shop.sent_to("ada@example.com"), 1);
    shop.clock.advance(RESEND_AFTER);
    for _ in 0..30 {
        shop.engine.resend_mail(&organizer, dead.id).await.unwrap();
    }
    shop.upkeep().await;
    assert_eq!(shop.sent_to("ada@example.com"), 2);
}

/// Registering, logging in and creating events mail nobody: a mail is about what was bought.
#[cfg(feature = "accounts")]
#[tokio::test]
async fn only_purchases_refunds_and_cancellations_are_mailed() {
    let mailer = Arc::new(MemoryMailer::new());
    let engine = Ticketing::builder(MemoryStorage::new())
        .mailer(Mails(Arc::clone(&mailer)))
        .weak_password_hashes()
        .token_key(ticketing_core::token::TokenKey::new(&[7; 32]).unwrap())
        .build()
        .unwrap();
    let registration = Registration::new("victim@example.com", "Victim", "correct horse battery");
    let account = engine.register(registration).await.unwrap();
    engine.login("victim@example.com", "correct horse battery").await.unwrap();
    let starts_at = "2099-12-31T20:00:00Z".parse().unwrap();
    let price = Money::new(0, Currency::NGN).unwrap();
    let event = NewEvent::general_admission("Jazz", starts_at, "Lagos", price, None);
    let event = engine.create_event(&account.id.into(), event).await.unwrap();
    let buyer = Buyer::new(account.id, "victim@example.com".parse().unwrap());
    engine.hold(&buyer, OrderRequest::tickets(event.id, 1)).await.unwrap();
    engine.run_upkeep(Upkeep::default()).await.unwrap();
    assert_eq!(mailer.sent(), []);
    assert_eq!(engine.storage().gauges().await.unwrap().mails_waiting, 0);
}
