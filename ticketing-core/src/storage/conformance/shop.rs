//! Builds the worlds that cases play in, by verbs: `shop.event().capacity(1).create().await`, `shop.buy(&event, 2).await`.
//!
//! Nothing here is left to chance: time starts at a fixed moment and moves by hand, references and seeds are counted.

use crate::domain::account::{Account, NewAccount, Role};
use crate::domain::code::{Reference, Seed};
use crate::domain::event::{Event, NewEvent, NewTicketType, PutEvent};
use crate::domain::money::{Currency, Money};
use crate::domain::order::ExpireHolds;
use crate::domain::order::{Hold, HoldLine, Order, OrderKey, OrderStatus, Release};
use crate::domain::principal::{Buyer, EmailAddress, Principal};
use crate::storage::StorageExt as _;
use crate::storage::{Outcome, Storage, StorageError};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// 2030-01-01 10:00:00.123457 UTC: a time that is lost where whole microseconds are not kept.
pub const START: i64 = 1_893_492_000_123_457;
/// What a ticket costs unless an event says otherwise.
pub const PRICE: i64 = 500_000;
/// How long a hold lasts.
pub const HOLD_FOR: SignedDuration = SignedDuration::from_mins(15);

/// A box office on the storage under test.
#[derive(Debug)]
pub struct Shop {
    /// The storage under test.
    pub storage: Arc<dyn Storage>,
    /// Runs the events, unless one says otherwise.
    pub organizer: Principal,
    now: AtomicI64,
    made: AtomicU64,
}

/// The one outcome of a batch of one.
pub fn only<T>(outcomes: Result<Vec<T>, StorageError>) -> T {
    let mut outcomes = outcomes.unwrap();
    assert_eq!(outcomes.len(), 1, "a batch of one has one outcome");
    outcomes.remove(0)
}

/// So many kobo.
pub fn ngn(minor: i64) -> Money {
    Money::new(minor, Currency::NGN).unwrap()
}

/// The `number`-th seed: different numbers never give the same codes.
pub fn seed(number: u64) -> Seed {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Seed(bytes)
}

/// The value of an outcome that must not be a refusal.
pub fn granted<T, E: Debug>(outcome: Result<T, E>) -> T {
    outcome.unwrap()
}

/// An identity of an application.
pub fn external(name: &str) -> Principal {
    Principal::External(name.to_owned())
}

/// An address.
pub fn email(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

/// A buyer who is an identity of an application.
pub fn buyer(name: &str) -> Buyer {
    Buyer { who: external(name), email: email(&format!("{name}@example.com")) }
}

/// Somebody who wants an account.
pub fn newcomer(address: &str, username: Option<&str>) -> NewAccount {
    NewAccount {
        email: email(address),
        name: "Ada Obi".to_owned(),
        username: username.map(str::to_owned),
        phone: Some("+234 1".to_owned()),
        password_hash: "$argon2id$first".to_owned(),
        role: Role::Member,
    }
}

impl Shop {
    /// Opens for business.
    pub fn open(storage: Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self {
            storage,
            organizer: external("organizer"),
            now: AtomicI64::new(START),
            made: AtomicU64::new(1),
        })
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// Lets time pass.
    pub fn wait(&self, duration: SignedDuration) {
        let micros = i64::try_from(duration.as_micros()).unwrap();
        self.now.fetch_add(micros, Ordering::SeqCst);
    }

    /// A number that was not given before.
    pub fn number(&self) -> u64 {
        self.made.fetch_add(1, Ordering::SeqCst)
    }

    /// A seed that was not given before.
    pub fn seed(&self) -> Seed {
        seed(self.number())
    }

    /// A reference that was not given before.
    pub fn reference(&self) -> Reference {
        format!("ref-{:06}", self.number()).parse().unwrap()
    }

    /// Registers somebody.
    pub async fn register(&self, address: &str) -> Account {
        only(self.storage.apply(self.now(), &[newcomer(address, None)]).await).unwrap()
    }

    /// Begins an event: 100 places at [`PRICE`], in thirty days.
    pub fn event(&self) -> EventMaker<'_> {
        let starts_at = self.now() + SignedDuration::from_hours(30 * 24);
        let new = NewEvent::general_admission("Afrobeat Night", starts_at, "Freedom Park", ngn(PRICE), Some(100));
        EventMaker { shop: self, new, organizer: self.organizer.clone() }
    }

    /// The event as it is stored.
    pub async fn event_now(&self, event: &Event) -> Event {
        self.storage.event(event.id).await.unwrap().unwrap()
    }

    /// How many places of the event are held and sold.
    pub async fn stock(&self, event: &Event) -> (i64, i64) {
        let stock = self.event_now(event).await.stock;
        (stock.held, stock.sold)
    }

    /// A wish for tickets of the event's first type.
    pub fn wish(&self, event: &Event, quantity: u32) -> Hold {
        self.wish_of(event, &[(0, quantity)])
    }

    /// A wish for tickets of several types, by their places in the event's list.
    pub fn wish_of(&self, event: &Event, lines: &[(usize, u32)]) -> Hold {
        let line = |&(index, quantity): &(usize, u32)| {
            let ticket_type_id = Some(event.ticket_types[index].id);
            HoldLine { ticket_type_id, quantity }
        };
        Hold {
            reference: self.reference(),
            event_id: event.id,
            buyer: buyer("ada"),
            lines: lines.iter().map(line).collect(),
            hold_until: self.now() + HOLD_FOR,
        }
    }

    /// Asks for places.
    pub async fn try_hold(&self, wish: &Hold) -> Outcome<Order> {
        only(self.storage.apply(self.now(), std::slice::from_ref(wish)).await)
    }

    /// Takes places.
    pub async fn hold(&self, event: &Event, quantity: u32) -> Order {
        granted(self.try_hold(&self.wish(event, quantity)).await)
    }

    /// Gives an order up.
    pub async fn release(&self, order: &Order) -> Outcome<Order> {
        let wish = Release { reference: order.reference.clone(), actor: order.buyer.who.clone() };
        only(self.storage.apply(self.now(), &[wish]).await)
    }

    /// Ends the holds that have run out.
    pub async fn expire(&self) -> Vec<Order> {
        self.storage.apply_one(self.now(), ExpireHolds { limit: 1000 }).await.unwrap()
    }

    /// Lets the order's hold run out and ends it.
    pub async fn let_expire(&self, order: &Order) -> Order {
        self.wait(HOLD_FOR);
        self.expire().await;
        let order = self.order_now(order).await;
        assert_eq!(order.status, OrderStatus::Expired);
        order
    }

    /// The order as it is stored.
    pub async fn order_now(&self, order: &Order) -> Order {
        self.storage.order(&OrderKey::Id(order.id)).await.unwrap().unwrap()
    }
}

/// An event that is being described.
#[derive(Clone, Debug)]
pub struct EventMaker<'a> {
    shop: &'a Shop,
    new: NewEvent,
    organizer: Principal,
}

impl EventMaker<'_> {
    /// With so many places.
    pub fn capacity(self, places: i64) -> Self {
        self.with(|new| new.capacity = Some(places))
    }

    /// With any number of places.
    pub fn unlimited(self) -> Self {
        self.with(|new| new.capacity = None)
    }

    /// At this price.
    pub fn price(self, minor: i64) -> Self {
        self.with(|new| new.ticket_types[0].price = ngn(minor))
    }

    /// With these ticket types: name, price and, where limited, their own places.
    pub fn types(self, types: &[(&str, i64, Option<i64>)]) -> Self {
        let each = |&(name, minor, capacity): &(&str, i64, Option<i64>)| NewTicketType {
            name: name.to_owned(),
            price: ngn(minor),
            capacity,
        };
        self.with(|new| new.ticket_types = types.iter().map(each).collect())
    }

    /// Under this title.
    pub fn title(self, title: &str) -> Self {
        self.with(|new| new.title = title.to_owned())
    }

    /// That ends this long after now.
    pub fn ending_in(self, duration: SignedDuration) -> Self {
        let ends_at = self.shop.now() + duration;
        self.with(|new| new.ends_at = Some(ends_at))
    }

    /// Run by somebody else.
    pub fn organizer(mut self, organizer: &Principal) -> Self {
        self.organizer = organizer.clone();
        self
    }

    /// With anything else.
    pub fn with(mut self, change: impl FnOnce(&mut NewEvent)) -> Self {
        change(&mut self.new);
        self
    }

    /// Asks for it.
    pub async fn try_create(self) -> Outcome<Event> {
        only(self.shop.storage.apply(self.shop.now(), &put_events(&self.organizer, &[self.new])).await)
    }

    /// Makes it.
    pub async fn create(self) -> Event {
        granted(self.try_create().await)
    }
}

/// Events of one organiser, to be made.
pub(super) fn put_events(organizer: &Principal, events: &[NewEvent]) -> Vec<PutEvent> {
    events.iter().map(|event| PutEvent { organizer: organizer.clone(), event: event.clone() }).collect()
}
