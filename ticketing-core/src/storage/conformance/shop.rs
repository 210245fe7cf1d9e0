//! Sets up events and orders for the cases: `shop.event().capacity(1).create().await`, `shop.buy(&event, 2).await`.
//!
//! Everything is deterministic: time starts at a fixed moment and is advanced explicitly, references and seeds are counted.

use crate::domain::account::{Account, NewAccount, Role};
use crate::domain::code::{Reference, Seed};
use crate::domain::event::{Event, NewEvent, NewTicketType, PutEvent};
use crate::domain::money::{Currency, Money};
use crate::domain::order::ExpireHolds;
use crate::domain::order::{BuyerLimits, Hold, HoldLine, Order, OrderKey, OrderStatus, Release};
use crate::domain::principal::{Buyer, EmailAddress, Principal};
use crate::storage::StorageExt as _;
use crate::storage::{Outcome, Storage, StorageError};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// 2030-01-01 10:00:00.123457 UTC: does not survive a storage that keeps less than microseconds.
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
    /// The default organiser of events.
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

/// An amount in kobo.
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

/// An external principal.
pub fn external(name: &str) -> Principal {
    Principal::External(name.to_owned())
}

/// An address.
pub fn email(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

/// A buyer who is an external principal.
pub fn buyer(name: &str) -> Buyer {
    Buyer { who: external(name), email: Some(email(&format!("{name}@example.com"))) }
}

/// A request to create an account.
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
    /// Creates a shop on this storage.
    pub fn open(storage: Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self {
            storage,
            organizer: external("organizer"),
            now: AtomicI64::new(START),
            made: AtomicU64::new(1),
        })
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// Advances the clock.
    pub fn wait(&self, duration: SignedDuration) {
        let micros = i64::try_from(duration.as_micros()).unwrap();
        self.now.fetch_add(micros, Ordering::SeqCst);
    }

    /// A fresh number.
    pub fn number(&self) -> u64 {
        self.made.fetch_add(1, Ordering::SeqCst)
    }

    /// A fresh seed.
    pub fn seed(&self) -> Seed {
        seed(self.number())
    }

    /// A fresh reference.
    pub fn reference(&self) -> Reference {
        format!("ref-{:06}", self.number()).parse().unwrap()
    }

    /// Creates an account.
    pub async fn register(&self, address: &str) -> Account {
        only(self.storage.apply(self.now(), &[newcomer(address, None)]).await).unwrap()
    }

    /// Returns a builder for an event. Default: 100 places at [`PRICE`], in thirty days.
    pub fn event(&self) -> EventMaker<'_> {
        let starts_at = self.now() + SignedDuration::from_hours(30 * 24);
        let new = NewEvent::general_admission("Afrobeat Night", starts_at, "Freedom Park", ngn(PRICE), Some(100));
        EventMaker { shop: self, new, organizer: self.organizer.clone() }
    }

    /// The event as it is stored.
    pub async fn event_now(&self, event: &Event) -> Event {
        self.storage.event(event.id).await.unwrap().unwrap()
    }

    /// The number of held and sold places of the event.
    pub async fn stock(&self, event: &Event) -> (i64, i64) {
        let stock = self.event_now(event).await.stock;
        (stock.held, stock.sold)
    }

    /// A hold request for tickets of the event's first type.
    pub fn hold_request(&self, event: &Event, quantity: u32) -> Hold {
        self.wish_of(event, &[(0, quantity)])
    }

    /// A hold request for tickets of several types, by their indexes in the event's list.
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
            limits: BuyerLimits::default(),
            promo_code: None,
            expect_total: None,
        }
    }

    /// Requests places. May be refused.
    pub async fn try_hold(&self, request: &Hold) -> Outcome<Order> {
        only(self.storage.apply(self.now(), std::slice::from_ref(request)).await)
    }

    /// Holds places.
    pub async fn hold(&self, event: &Event, quantity: u32) -> Order {
        granted(self.try_hold(&self.hold_request(event, quantity)).await)
    }

    /// Releases an order.
    pub async fn release(&self, order: &Order) -> Outcome<Order> {
        let release = Release { reference: order.reference.clone(), actor: order.buyer.who.clone() };
        only(self.storage.apply(self.now(), &[release]).await)
    }

    /// Expires overdue holds.
    pub async fn expire(&self) -> Vec<Order> {
        self.storage.apply_one(self.now(), ExpireHolds { limit: 1000 }).await.unwrap()
    }

    /// Advances the clock to the end of the order's hold and expires it.
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

/// Builds an event.
#[derive(Clone, Debug)]
pub struct EventMaker<'a> {
    shop: &'a Shop,
    new: NewEvent,
    organizer: Principal,
}

impl EventMaker<'_> {
    /// Limits the number of places.
    pub fn capacity(self, places: i64) -> Self {
        self.with(|new| new.capacity = Some(places))
    }

    /// Makes the number of places unlimited.
    pub fn unlimited(self) -> Self {
        self.with(|new| new.capacity = None)
    }

    /// Sets the price.
    pub fn price(self, minor: i64) -> Self {
        self.with(|new| new.ticket_types[0].price = ngn(minor))
    }

    /// Sets the ticket types: name, price and, if limited, capacity.
    pub fn types(self, types: &[(&str, i64, Option<i64>)]) -> Self {
        let each = |&(name, minor, capacity): &(&str, i64, Option<i64>)| {
            NewTicketType::new(name, ngn(minor)).with_capacity(capacity)
        };
        self.with(|new| new.ticket_types = types.iter().map(each).collect())
    }

    /// Sets the title.
    pub fn title(self, title: &str) -> Self {
        self.with(|new| new.title = title.to_owned())
    }

    /// Makes the event end this long after now.
    pub fn ending_in(self, duration: SignedDuration) -> Self {
        let ends_at = self.shop.now() + duration;
        self.with(|new| new.ends_at = Some(ends_at))
    }

    /// Sets the organiser.
    pub fn organizer(mut self, organizer: &Principal) -> Self {
        self.organizer = organizer.clone();
        self
    }

    /// Changes anything else.
    pub fn with(mut self, change: impl FnOnce(&mut NewEvent)) -> Self {
        change(&mut self.new);
        self
    }

    /// Returns the request, without creating the event.
    pub async fn try_create(self) -> Outcome<Event> {
        only(self.shop.storage.apply(self.shop.now(), &put_events(&self.organizer, &[self.new])).await)
    }

    /// Creates the event.
    pub async fn create(self) -> Event {
        granted(self.try_create().await)
    }
}

/// Requests to create events of one organiser.
pub(super) fn put_events(organizer: &Principal, events: &[NewEvent]) -> Vec<PutEvent> {
    let put =
        |event: &NewEvent| PutEvent { actor: organizer.clone(), organizer: organizer.clone(), event: event.clone() };
    events.iter().map(put).collect()
}
