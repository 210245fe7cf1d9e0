//! Erasing people through the engine: what is left of them in a copy of the database, and what is as before.
#![cfg(all(feature = "testing", feature = "accounts", feature = "sqlite"))]

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use ticketing_core::domain::access::Permissions;
use ticketing_core::domain::account::{Account, ErasureBlock};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::AccountId;
use ticketing_core::domain::order::OrderKey;
use ticketing_core::domain::organisation::{MemberEvents, MemberRole};
use ticketing_core::domain::webhook::{ClaimWebhooks, NewWebhook, WebhookAction, WebhookReport, WebhookStatus};
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::prelude::*;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::testing::{FakeGateway, ManualClock};
use ticketing_core::token::TokenKey;
use ticketing_core::{Erasure, Error, NewApiKey, Retention, TicketingBuilder};

const PASSWORD: &str = "a good long one";
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Everything that Ada has ever given.
const ADA: [&str; 7] =
    ["ada@example.com", "adaobi", "Ada Obi", "+234 803 555", "Ada's phone", "Ada's scanner", "Ada called"];

struct Office {
    engine: Ticketing,
    gateway: FakeGateway,
    mailer: Arc<MemoryMailer>,
    clock: ManualClock,
}

impl Office {
    fn on(storage: Arc<dyn Storage>, more: impl FnOnce(TicketingBuilder) -> TicketingBuilder) -> Self {
        let (gateway, mailer) = (FakeGateway::new(), Arc::new(MemoryMailer::new()));
        let clock = ManualClock::new(Timestamp::from_second(1_893_456_000).unwrap());
        let builder = Ticketing::builder_on(storage)
            .gateway(gateway.clone())
            .mailer(Arc::clone(&mailer))
            .clock(Arc::new(clock.clone()))
            .weak_password_hashes()
            .token_key(TokenKey::new(&[7; 32]).unwrap());
        Self { engine: more(builder).build().unwrap(), gateway, mailer, clock }
    }

    async fn ada(&self) -> Account {
        let new = Registration::new("ada@example.com", "Ada Obi", PASSWORD);
        let new = new.with_username("adaobi".to_owned()).with_phone("+234 803 555".to_owned());
        let ada = self.engine.register(new).await.unwrap();
        self.engine.mark_verified(ada.id).await.unwrap()
    }

    async fn event(&self, organizer: &Principal, days: i64) -> Event {
        let starts_at = self.clock.now() + DAY * i32::try_from(days).unwrap();
        let price = Money::new(5000, Currency::NGN).unwrap();
        let event = NewEvent::general_admission("Jazz", starts_at, "Lagos", price, Some(10));
        self.engine.create_event(organizer, event).await.unwrap()
    }

    /// An order of this buyer that is paid, and the reference of its payment.
    async fn bought(&self, buyer: &Buyer, event: &Event) -> Started {
        let started = self.engine.buy(buyer, OrderRequest::tickets(event.id, 2), PayOptions::default()).await.unwrap();
        self.gateway.pay(&started.attempt.reference);
        let settled = self.engine.verify(&buyer.who, &started.attempt.reference).await.unwrap();
        assert!(matches!(settled, Settlement::Fulfilled { .. }));
        started
    }

    async fn upkeep(&self) {
        while !self.engine.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
    }

    /// Lets this time pass, with a pass of upkeep every hour.
    async fn pass(&self, time: SignedDuration) {
        for _ in 0..time.as_hours() {
            self.clock.advance(SignedDuration::from_hours(1));
            self.upkeep().await;
        }
    }

    /// A webhook of the gateway about this payment that was applied.
    async fn webhook(&self, started: &Started) {
        let (storage, now) = (self.engine.storage(), self.clock.now());
        let body = b"{\"customer\": \"ada@example.com\"}".to_vec();
        let key = started.attempt.reference.to_string();
        let new = NewWebhook::new("fake", key, "charge.success", WebhookAction::Settle, body)
            .with_reference(started.attempt.reference.clone());
        let (stored, _) = storage.apply_one(now, new).await.unwrap();
        storage.apply_one(now, ClaimWebhooks { lease: DAY, limit: 10 }).await.unwrap();
        let report = WebhookReport::new(stored.id, WebhookStatus::Applied);
        storage.apply_one(now, report).await.unwrap();
    }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    outcome.unwrap_err().code()
}

/// A database, and a way to read every text in it.
struct Copies {
    folder: ticketing_core::storage::conformance::TempFolder,
    file: SqliteStorage,
    made: std::sync::atomic::AtomicU32,
}

impl Copies {
    async fn open() -> Self {
        let folder = ticketing_core::storage::conformance::TempFolder::new();
        let file = SqliteStorage::open(folder.path().join("tickets.db")).await.unwrap();
        Self { folder, file, made: Default::default() }
    }

    async fn finds(&self, texts: &[&'static str]) -> Vec<&'static str> {
        let number = self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.folder.path().join(format!("copy-{number}.db"));
        self.file.back_up(&path).await.unwrap();
        let all = std::fs::read(path).unwrap().to_ascii_lowercase();
        let has = |text: &&str| all.windows(text.len()).any(|window| window == text.to_ascii_lowercase().as_bytes());
        texts.iter().copied().filter(has).collect()
    }
}

#[tokio::test]
async fn an_erased_person_is_in_no_table_and_the_books_are_as_before() {
    let copies = Copies::open().await;
    let office = Office::on(Arc::new(copies.file.clone()), |builder| builder);
    let (engine, club) = (&office.engine, Principal::from("club"));
    let ada = office.ada().await;
    let who = Principal::from(ada.id);
    let session = engine.login_from("adaobi", PASSWORD, Some("Ada's phone")).await.unwrap();
    let (_, key) =
        engine.make_api_key(ada.id, PASSWORD, NewApiKey::new("Ada's scanner", Permissions::ALL)).await.unwrap();
    let bola = engine.register(Registration::new("bola@example.com", "Bola", PASSWORD)).await.unwrap();
    engine.mark_verified(bola.id).await.unwrap();
    let band = engine.found_organisation(bola.id, "The band", None).await.unwrap();
    let by = Actor::Person(bola.id.into());
    engine.invite_member(&by, band.id, &ada.email, MemberRole::Door, MemberEvents::All).await.unwrap();
    let other = engine.found_organisation(bola.id, "The other band", None).await.unwrap();
    engine.add_member(&by, other.id, &ada.email, MemberRole::Door, MemberEvents::All).await.unwrap();
    let event = office.event(&club, 40).await;
    let bought = office.bought(&Buyer::new(ada.id, ada.email.clone()), &event).await;
    office.webhook(&bought).await;
    let guest = engine.hold_as_guest(Some(ada.email.clone()), OrderRequest::tickets(event.id, 1)).await.unwrap();
    engine.cancel_order(&guest.buyer.who, &guest.reference).await.unwrap();
    let as_guest = engine.hold_as_guest(Some(ada.email.clone()), OrderRequest::tickets(event.id, 1)).await.unwrap();
    let paid_as_guest = engine.pay(&as_guest.buyer.who, &as_guest.reference, PayOptions::default()).await.unwrap();
    office.gateway.pay(&paid_as_guest.attempt.reference);
    engine.verify(&as_guest.buyer.who, &paid_as_guest.attempt.reference).await.unwrap();
    let for_ada = office.bought(&Buyer::new("bola", ada.email.clone()), &event).await;
    // Somebody has decided about a payment of another amount, and written why.
    let started = engine
        .buy(&Buyer::new(ada.id, ada.email.clone()), OrderRequest::tickets(event.id, 1), PayOptions::default())
        .await
        .unwrap();
    office.gateway.pay_amount(&started.attempt.reference, Money::new(1, Currency::NGN).unwrap());
    engine.verify(&who, &started.attempt.reference).await.unwrap();
    let decision = Decision::new(ticketing_core::domain::payment::Verdict::Accept, "Ada called");
    engine.resolve_review(&club, &started.attempt.reference, decision).await.unwrap();
    office.upkeep().await;

    assert_eq!(copies.finds(&ADA).await, ADA, "this finds what is there");
    let books = async || {
        let payment = engine.storage().payment(&bought.order.reference).await.unwrap().unwrap();
        let stock = engine.storage().event(event.id).await.unwrap().unwrap().stock;
        (payment.order.total, payment.order.lines, payment.tickets, payment.attempts[0].captured.clone(), stock)
    };
    let before = books().await;

    let asked = engine.request_erasure(ada.id, PASSWORD).await.unwrap();
    assert_eq!((asked.at, asked.blocked_by), (Some(office.clock.now() + DAY * 7), vec![]));
    office.upkeep().await;
    let told = office.mailer.sent_to(&ada.email).pop().unwrap();
    assert_eq!(told.subject, "Your account will be erased");
    office.pass(DAY * 7 - SignedDuration::from_hours(1)).await;
    assert!(engine.login("adaobi", PASSWORD).await.is_ok(), "until then the account works");
    office.pass(SignedDuration::from_hours(1)).await;
    assert_eq!(code(engine.login("adaobi", PASSWORD).await), "unauthenticated");
    assert!(engine.authenticate(&session.token).await.is_err());
    assert!(engine.authenticate_caller(&key.0).await.is_err());
    office.pass(DAY * 2).await;
    assert_eq!(copies.finds(&ADA).await, [] as [&str; 0]);
    assert_eq!(books().await, before);
    assert_eq!(engine.storage().check().await.unwrap(), [] as [String; 0]);
    let claimed = engine.storage().order(&OrderKey::Id(as_guest.id)).await.unwrap().unwrap();
    assert_eq!(claimed.buyer.who, who, "what Ada bought as a guest is treated like her own orders");
    assert_eq!(
        engine.storage().order(&OrderKey::Id(for_ada.order.id)).await.unwrap().unwrap().buyer.who,
        Principal::from("bola")
    );

    // The address is free, and its tickets still let somebody in.
    engine.register(Registration::new("ada@example.com", "Another Ada", PASSWORD)).await.unwrap();
    engine.check_in(Scan::new(before.2[0].code.clone(), "at the door", club.clone())).await.unwrap();
    assert_eq!(code(engine.erasure(ada.id).await), "not_found");
    assert_eq!(code(engine.cancel_erasure(ada.id).await), "not_found");
}

#[tokio::test]
async fn an_erasure_needs_the_password_and_can_be_cancelled() {
    let office = Office::on(Arc::new(MemoryStorage::new()), |builder| builder);
    let (engine, ada) = (&office.engine, office.ada().await);
    assert_eq!(code(engine.request_erasure(ada.id, "wrong").await), "unauthenticated");
    assert_eq!(code(engine.request_erasure(AccountId(99), PASSWORD).await), "not_found");
    let none = engine.erasure(ada.id).await.unwrap();
    assert_eq!((none.at, &none.blocked_by), (None, &vec![]));
    let asked: Erasure = engine.request_erasure(ada.id, PASSWORD).await.unwrap();
    assert_eq!(engine.erasure(ada.id).await.unwrap(), asked);
    for _ in 0..2 {
        engine.cancel_erasure(ada.id).await.unwrap();
    }
    assert_eq!(engine.erasure(ada.id).await.unwrap(), none);
    office.pass(DAY * 8).await;
    assert!(engine.login("adaobi", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_and_waited_for() {
    let office = Office::on(Arc::new(MemoryStorage::new()), |builder| builder);
    let (engine, ada) = (&office.engine, office.ada().await);
    engine.request_erasure(ada.id, PASSWORD).await.unwrap();
    let event = office.event(&ada.id.into(), 9).await;
    assert_eq!(engine.erasure(ada.id).await.unwrap().blocked_by, [ErasureBlock::Events]);
    let by = ErasureBlock::Events;
    assert!(matches!(
        engine.erase_account(&Actor::Operator, ada.id).await,
        Err(Error::Refused(Refusal::ErasureBlocked { by: found })) if found == by
    ));
    office.pass(DAY * 8).await;
    let waits = engine.administered_account(&Actor::Operator, ada.id).await.unwrap();
    assert_eq!((waits.email, waits.erased_at), (ada.email.clone(), None));
    engine.cancel_event(&ada.id.into(), event.id).await.unwrap();
    office.pass(DAY).await;
    assert!(engine.administered_account(&Actor::Operator, ada.id).await.unwrap().erased_at.is_some());
    assert_eq!(code(engine.erase_account(&Actor::Operator, ada.id).await), "not_found");
}

#[tokio::test]
async fn buyers_of_an_application_are_erased_by_its_own_ids() {
    let office = Office::on(Arc::new(MemoryStorage::new()), |builder| builder);
    let (engine, club) = (&office.engine, Principal::from("club"));
    let event = office.event(&club, 40).await;
    let ada = Buyer::new("user-7", "ada@example.com".parse().unwrap());
    let bought = office.bought(&ada, &event).await;
    let held = engine.hold(&ada, OrderRequest::tickets(event.id, 1)).await.unwrap();
    office.upkeep().await;
    assert_eq!(engine.erase_buyer(&ada.who).await.unwrap(), 1, "one is held");
    assert_eq!(engine.erase_buyer(&ada.who).await.unwrap(), 0);
    let left = engine.order(&ada.who, &bought.order.reference).await.unwrap();
    assert_eq!(left.buyer, Buyer::new("user-7", EmailAddress::erased()));
    engine.cancel_order(&ada.who, &held.reference).await.unwrap();
    assert_eq!(engine.erase_buyer(&ada.who).await.unwrap(), 1);
    assert_eq!(code(engine.erase_buyer(&Principal::Guest(held.reference.clone())).await), "invalid");
    engine.refund(&club, &bought.order.reference, RefundOptions::default()).await.unwrap();
    let sent = office.mailer.sent().len();
    office.upkeep().await;
    assert_eq!(office.mailer.sent().len(), sent, "nothing is sent to nobody");
}

#[tokio::test]
async fn what_was_kept_for_long_enough_is_erased() {
    let copies = Copies::open().await;
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let terms = Retention::default().with_webhooks(days(20)).with_mails(days(10)).with_buyers(days(30));
    let office = Office::on(Arc::new(copies.file.clone()), |builder| builder.retention(terms));
    let event = office.event(&Principal::from("club"), 5).await;
    let buyer = Buyer::new("user-7", "ada@example.com".parse().unwrap());
    let bought = office.bought(&buyer, &event).await;
    office.webhook(&bought).await;
    office.upkeep().await;
    let storage = office.engine.storage();
    let kept = async || {
        let mail = storage.mails(&OrderKey::Id(bought.order.id)).await.unwrap().remove(0).to;
        let buyer = storage.order(&OrderKey::Id(bought.order.id)).await.unwrap().unwrap().buyer.email.unwrap();
        let body = copies.finds(&["{\"customer\""]).await;
        (!mail.is_erased(), !body.is_empty(), !buyer.is_erased())
    };
    assert_eq!(kept().await, (true, true, true));
    office.pass(days(9)).await;
    assert_eq!(kept().await, (true, true, true));
    office.pass(days(2)).await;
    assert_eq!(kept().await, (false, true, true));
    office.pass(days(10)).await;
    assert_eq!(kept().await, (false, false, true));
    // The event is over a day after its start.
    office.pass(days(14)).await;
    assert_eq!(kept().await, (false, false, true));
    office.pass(days(2)).await;
    assert_eq!(kept().await, (false, false, false));
    assert_eq!(copies.finds(&["ada@example.com"]).await, [] as [&str; 0]);
    assert_eq!(storage.check().await.unwrap(), [] as [String; 0]);
    let short = Retention::default().with_mails(SignedDuration::from_hours(23));
    let refused = Ticketing::builder(MemoryStorage::new()).retention(short).build().unwrap_err().to_string();
    assert!(refused.contains("retention.mails: must be a day to a hundred years"), "{refused}");
}
