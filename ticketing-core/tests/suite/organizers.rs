//! Who may sell tickets: every account, or only those with a verified address.
#![cfg(all(feature = "testing", feature = "accounts"))]

use jiff::SignedDuration;
use std::sync::Arc;
use ticketing_core::clock::Clock as _;
use ticketing_core::domain::account::{Account, Role};
use ticketing_core::domain::event::{Event, EventStatus, EventWants, NewEvent, TicketTypeWants};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::storage::Storage;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::testing::ManualClock;
use ticketing_core::token::TokenKey;
use ticketing_core::{Error, Organizers, Registration, Ticketing};

struct Shop {
    engine: Ticketing,
    clock: ManualClock,
}

impl Shop {
    fn open(organizers: Organizers) -> Self {
        let clock = ManualClock::default();
        let engine = Ticketing::builder(MemoryStorage::new())
            .clock(Arc::new(clock.clone()))
            .weak_password_hashes()
            .token_key(TokenKey::new(&[7; 32]).unwrap())
            .organizers(organizers)
            .build()
            .unwrap();
        Self { engine, clock }
    }

    async fn register(&self, name: &str) -> (Account, Principal) {
        let new = Registration::new(format!("{name}@example.com"), name, "correct horse battery");
        let account = self.engine.register(new).await.unwrap();
        let who = Principal::Account(account.id);
        (account, who)
    }

    fn new_event(&self, price: i64) -> NewEvent {
        let starts_at = self.clock.now() + SignedDuration::from_hours(240);
        NewEvent::general_admission("Jazz", starts_at, "Lagos", naira(price), Some(10))
    }

    async fn create(&self, who: &Principal, price: i64) -> Event {
        self.engine.create_event(who, self.new_event(price)).await.unwrap()
    }

    async fn edit(&self, who: &Principal, event: &Event, wants: EventWants) -> Result<Event, Error> {
        self.engine.edit_event(who, event.id, None, wants).await
    }
}

fn naira(minor: i64) -> Money {
    Money::new(minor, Currency::NGN).unwrap()
}

fn at_price(event: &Event, price: i64) -> EventWants {
    let kind = TicketTypeWants::existing(event.ticket_types[0].id).with_price(naira(price));
    EventWants::default().with_ticket_types(vec![kind])
}

fn is_refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Refused(Refusal::EmailUnverified)))
}

#[tokio::test]
async fn by_default_every_account_sells() {
    let shop = Shop::open(Organizers::default());
    let (_, ada) = shop.register("ada").await;
    let event = shop.create(&ada, 500_000).await;
    assert_eq!(event.status, EventStatus::Active);
    assert_eq!(shop.engine.unpublish_event(&ada, event.id).await.unwrap().status, EventStatus::Draft);
    assert_eq!(shop.engine.publish_event(&ada, event.id).await.unwrap().status, EventStatus::Active);
}

#[tokio::test]
async fn without_a_verified_address_nothing_with_a_price_goes_on_sale() {
    let shop = Shop::open(Organizers::Verified);
    let (account, ada) = shop.register("ada").await;
    let event = shop.create(&ada, 500_000).await;
    assert_eq!(event.status, EventStatus::Draft);
    let in_category = shop.engine.create_event_in(&ada, shop.new_event(1), "Music").await.unwrap();
    assert_eq!(in_category.status, EventStatus::Draft);
    // What can be made at once without an address that is verified: a draft, and an event without a price.
    let draft = shop.engine.create_event(&ada, shop.new_event(0).with_is_draft(true)).await.unwrap();
    let free = shop.create(&ada, 0).await;
    assert_eq!((draft.status, free.status), (EventStatus::Draft, EventStatus::Active));
    // Nothing is published, and no price is put on what is.
    let publish = EventWants::default().with_status(EventStatus::Active);
    assert!(is_refused(shop.engine.publish_event(&ada, event.id).await));
    assert!(is_refused(shop.edit(&ada, &event, publish.clone()).await));
    assert!(is_refused(shop.engine.publish_event(&ada, draft.id).await));
    assert!(is_refused(shop.edit(&ada, &free, at_price(&free, 100)).await));
    let date = [event.starts_at + SignedDuration::from_hours(24)];
    assert!(is_refused(shop.engine.copy_event(&ada, event.id, &date, EventStatus::Active).await));
    // Everything else goes on.
    assert_eq!(shop.edit(&ada, &event, at_price(&event, 100)).await.unwrap().status, EventStatus::Draft);
    assert!(shop.edit(&ada, &free, EventWants::default().with_title("Blues".to_owned())).await.is_ok());
    assert!(shop.engine.publish_event(&ada, free.id).await.is_ok(), "it is published already");
    assert!(shop.engine.copy_event(&ada, event.id, &date, EventStatus::Draft).await.is_ok());
    assert!(shop.engine.copy_event(&ada, free.id, &date, EventStatus::Active).await.is_ok());

    shop.engine.mark_verified(account.id).await.unwrap();
    assert_eq!(shop.engine.publish_event(&ada, event.id).await.unwrap().status, EventStatus::Active);
    assert!(shop.edit(&ada, &free, at_price(&free, 100)).await.is_ok());
    assert_eq!(shop.create(&ada, 100).await.status, EventStatus::Active);
}

#[tokio::test]
async fn what_is_on_sale_already_can_be_edited() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let clock = ManualClock::default();
    let engine = |organizers| {
        let builder = Ticketing::builder_on(Arc::clone(&storage)).clock(Arc::new(clock.clone()));
        builder
            .weak_password_hashes()
            .token_key(TokenKey::new(&[7; 32]).unwrap())
            .organizers(organizers)
            .build()
            .unwrap()
    };
    let before = Shop { engine: engine(Organizers::Anyone), clock: clock.clone() };
    let (_, ada) = before.register("ada").await;
    let event = before.create(&ada, 500_000).await;
    let after = Shop { engine: engine(Organizers::Verified), clock: clock.clone() };
    assert!(after.edit(&ada, &event, at_price(&event, 600_000)).await.is_ok());
    assert!(after.engine.pause_sales(&ada, event.id).await.is_ok());
    assert!(after.engine.resume_sales(&ada, event.id).await.is_ok());
    assert!(after.engine.unpublish_event(&ada, event.id).await.is_ok());
    assert!(is_refused(after.engine.publish_event(&ada, event.id).await));
}

#[tokio::test]
async fn it_is_the_address_of_the_one_who_publishes_that_counts() {
    let shop = Shop::open(Organizers::Verified);
    let ((_, ada), (admin, root)) = (shop.register("ada").await, shop.register("root").await);
    shop.engine.set_role(admin.id, Role::Admin).await.unwrap();
    let event = shop.create(&ada, 100).await;
    assert!(is_refused(shop.engine.publish_event(&root, event.id).await));
    shop.engine.mark_verified(admin.id).await.unwrap();
    assert!(shop.engine.publish_event(&root, event.id).await.is_ok());
}

#[tokio::test]
async fn users_of_the_embedding_application_are_not_concerned() {
    let shop = Shop::open(Organizers::Verified);
    let acme = Principal::External("acme".to_owned());
    let event = shop.create(&acme, 500_000).await;
    assert_eq!(event.status, EventStatus::Active);
    shop.engine.unpublish_event(&acme, event.id).await.unwrap();
    assert!(shop.engine.publish_event(&acme, event.id).await.is_ok());
}
