//! A shop to test in, on any storage, and short words for what happens there.

use crate::support::fake_paystack::{FakePaystack, KEY};
use crate::support::postgres;
use jiff::SignedDuration;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use ticketing_core::clock::Clock;
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::event::{Event, NewEvent};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{OrderKey, OrderStatus};
use ticketing_core::domain::outbox::MailKind;
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::domain::payment_history::Payment;
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::domain::refund::Refund;
use ticketing_core::domain::ticket::TicketStatus;
use ticketing_core::domain::webhook::StoredWebhook;
use ticketing_core::gateway::circuit_breaker::{BreakerConfig, CircuitBreaker};
use ticketing_core::gateway::paystack::{PaystackConfig, PaystackGateway};
use ticketing_core::gateway::{PaymentGateway, Webhook};
use ticketing_core::storage::Storage;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::storage::postgres::PostgresStorage;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::testing::{FakeGateway, ManualClock, SeededRandom};
use ticketing_core::token::TokenKey;
use ticketing_core::{OrderRequest, PayOptions, Started, Upkeep, UpkeepReport};
use ticketing_core::{Result, Ticketing};

/// Where a test keeps what it stores. Gone at its end.
pub(crate) enum Place {
    Memory,
    Sqlite(PathBuf),
    Postgres(postgres::Database),
}

impl Place {
    pub(crate) fn memory() -> Self {
        Self::Memory
    }

    pub(crate) fn sqlite() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ticketing-money-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self::Sqlite(folder)
    }

    pub(crate) async fn postgres() -> Option<Self> {
        postgres::migrated().await.map(Self::Postgres)
    }

    pub(crate) async fn open(&self) -> Arc<dyn Storage> {
        match self {
            Self::Memory => Arc::new(MemoryStorage::new()),
            Self::Sqlite(folder) => Arc::new(SqliteStorage::open(folder.join("tickets.db")).await.unwrap()),
            Self::Postgres(database) => Arc::new(PostgresStorage::connect(&database.url).await.unwrap()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Sqlite(folder) = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

pub(crate) struct Shop {
    pub(crate) engine: Ticketing,
    pub(crate) gateway: FakeGateway,
    pub(crate) clock: ManualClock,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) place: Place,
    runs: u64,
}

impl Shop {
    /// Runs a case, and looks afterwards whether what is stored is sound.
    pub(crate) async fn run(place: Place, case: impl AsyncFnOnce(&mut Shop)) {
        let (gateway, clock) = (FakeGateway::new(), ManualClock::default());
        let storage = place.open().await;
        let engine = engine(&storage, Arc::new(gateway.clone()), &clock, 1);
        let mut shop = Shop { engine, gateway, clock, storage, place, runs: 1 };
        case(&mut shop).await;
        assert_eq!(shop.storage.check().await.unwrap(), Vec::<String>::new());
    }

    /// The same storage and gateway under a new engine, as after a crash: calls in flight are lost. A storage on disk is opened
    /// anew, too.
    pub(crate) async fn restart(&mut self) {
        if !matches!(self.place, Place::Memory) {
            self.storage = self.place.open().await;
        }
        self.runs += 1;
        self.engine = engine(&self.storage, Arc::new(self.gateway.clone()), &self.clock, self.runs);
    }

    /// From now on with another gateway.
    pub(crate) fn use_gateway(&mut self, gateway: Arc<dyn PaymentGateway>) {
        self.runs += 1;
        self.engine = engine(&self.storage, gateway, &self.clock, self.runs);
    }

    /// From now on with a breaker round the gateway.
    pub(crate) fn use_breaker(&mut self) -> Arc<CircuitBreaker> {
        let breaker = breaker(Arc::new(self.gateway.clone()), &self.clock);
        self.use_gateway(Arc::<CircuitBreaker>::clone(&breaker));
        breaker
    }

    /// From now on with Paystack's own client, at a fake of ours.
    pub(crate) async fn use_fake_paystack(&mut self) -> FakePaystack {
        let fake_paystack = FakePaystack::start().await;
        self.use_gateway(Arc::new(paystack(&fake_paystack)));
        fake_paystack
    }

    /// A second engine on the same storage, as in another process.
    pub(crate) fn another_process(&mut self) -> Ticketing {
        self.runs += 1;
        engine(&self.storage, Arc::new(self.gateway.clone()), &self.clock, self.runs)
    }

    /// A sweep over all points at which a call can be dropped came to its end after so many of them. In memory there is hardly
    /// an await to be dropped at; on disk there must have been some.
    pub(crate) fn was_dropped(&self, points: usize) {
        assert!(points > 1 || matches!(self.place, Place::Memory), "nothing was ever dropped");
    }

    pub(crate) async fn event(&self, price: i64, capacity: i64) -> Event {
        self.event_at(ngn(price), capacity).await
    }

    pub(crate) async fn event_at(&self, price: Money, capacity: i64) -> Event {
        let starts_at = self.clock.now() + SignedDuration::from_hours(24 * 30);
        let event = NewEvent::general_admission("Lagos Jazz Night", starts_at, "Lagos", price, Some(capacity));
        self.engine.create_event(&organizer(), event).await.unwrap()
    }

    /// Takes one place and opens a checkout.
    pub(crate) async fn buy(&self, event: &Event, who: &str) -> Started {
        self.buy_many(event, who, 1).await
    }

    pub(crate) async fn buy_many(&self, event: &Event, who: &str, quantity: u32) -> Started {
        self.try_to_buy(event, who, quantity).await.unwrap()
    }

    pub(crate) async fn try_to_buy(&self, event: &Event, who: &str, quantity: u32) -> Result<Started> {
        self.engine.buy(&buyer(who), OrderRequest::tickets(event.id, quantity), PayOptions::default()).await
    }

    /// Buys and pays, and is asked about.
    pub(crate) async fn sell(&self, event: &Event, who: &str, quantity: u32) -> Started {
        let started = self.buy_many(event, who, quantity).await;
        self.gateway.pay(&started.attempt.reference);
        let settlement = self.verify(who, &started).await;
        assert!(matches!(settlement, Settlement::Fulfilled { first: true, .. }), "{settlement:?}");
        started
    }

    pub(crate) async fn verify(&self, who: &str, started: &Started) -> Settlement {
        self.engine.verify(&buyer(who).who, &started.attempt.reference).await.unwrap()
    }

    /// A good webhook from the fake gateway.
    pub(crate) async fn webhook(&self, body: impl AsRef<str>) -> StoredWebhook {
        let headers = [FakeGateway::signature()];
        let body = body.as_ref().as_bytes();
        let webhook = Webhook::new(&headers, body, self.clock.now());
        self.engine.receive_webhook("fake", &webhook).await.unwrap()
    }

    pub(crate) async fn pass(&self) -> UpkeepReport {
        self.engine.run_upkeep(Upkeep::default()).await.unwrap()
    }

    /// Passes of upkeep until there is nothing left to do at this moment.
    pub(crate) async fn upkeep(&self) {
        for _ in 0..50 {
            if self.pass().await.is_idle() {
                return;
            }
        }
        panic!("upkeep does not come to an end");
    }

    pub(crate) fn story_time(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    pub(crate) fn later(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    /// Time passes, with upkeep every minute.
    pub(crate) async fn live_through(&self, minutes: i64) {
        for _ in 0..minutes {
            self.later(1);
            self.upkeep().await;
        }
    }

    pub(crate) async fn story(&self, started: &Started) -> Payment {
        self.storage.payment(&started.order.reference).await.unwrap().unwrap()
    }

    /// How the order and its first attempt stand.
    pub(crate) async fn stands(&self, started: &Started) -> (&'static str, AttemptStatus) {
        let attempt = self.storage.attempt(&started.attempt.reference).await.unwrap().unwrap();
        (self.order_status(started).await.name(), attempt.status)
    }

    pub(crate) async fn order_status(&self, started: &Started) -> OrderStatus {
        self.storage.order(&OrderKey::Id(started.order.id)).await.unwrap().unwrap().status
    }

    /// How many of the order's tickets let somebody in, and how many there are.
    pub(crate) async fn tickets(&self, started: &Started) -> (usize, usize) {
        let tickets = self.story(started).await.tickets;
        (tickets.iter().filter(|ticket| ticket.status == TicketStatus::Active).count(), tickets.len())
    }

    pub(crate) async fn refund(&self, started: &Started) -> Refund {
        let refunds = self.story(started).await.refunds;
        assert_eq!(refunds.len(), 1, "{refunds:?}");
        refunds.into_iter().next().unwrap()
    }

    /// How many places are held and sold.
    pub(crate) async fn stock(&self, event: &Event) -> (i64, i64) {
        let stock = self.engine.event(event.id).await.unwrap().stock;
        (stock.held, stock.sold)
    }

    pub(crate) async fn mails(&self, started: &Started) -> Vec<MailKind> {
        let mails = self.storage.mails(&OrderKey::Id(started.order.id)).await.unwrap();
        mails.into_iter().map(|mail| mail.kind).collect()
    }
}

pub(crate) fn engine(
    storage: &Arc<dyn Storage>,
    gateway: Arc<dyn PaymentGateway>,
    clock: &ManualClock,
    seed: u64,
) -> Ticketing {
    Ticketing::builder_on(Arc::clone(storage))
        .gateway_on(gateway)
        .clock(Arc::new(clock.clone()))
        .random(Arc::new(SeededRandom::new(seed)))
        .weak_password_hashes()
        .token_key(TokenKey::new(&[7; 32]).unwrap())
        .build()
        .unwrap()
}

pub(crate) fn breaker(gateway: Arc<dyn PaymentGateway>, clock: &ManualClock) -> Arc<CircuitBreaker> {
    let random = Arc::new(SeededRandom::new(9));
    Arc::new(CircuitBreaker::new(gateway, BreakerConfig::default(), Arc::new(clock.clone()), random))
}

/// Paystack's own client with little patience.
pub(crate) fn paystack(fake_paystack: &FakePaystack) -> PaystackGateway {
    let soon = Duration::from_millis(500);
    let config =
        PaystackConfig::new(KEY).with_base_url(&fake_paystack.url).with_timeout(soon).with_refund_timeout(soon);
    PaystackGateway::new(config).unwrap()
}

pub(crate) fn organizer() -> Principal {
    Principal::External("organizer".to_owned())
}

pub(crate) fn buyer(who: &str) -> Buyer {
    Buyer::new(Principal::External(who.to_owned()), format!("{who}@example.com").parse().unwrap())
}

pub(crate) fn ngn(minor: i64) -> Money {
    Money::new(minor, Currency::NGN).unwrap()
}

/// A reference of the caller's own making.
pub(crate) fn reference(purpose: &str) -> Reference {
    Reference::derived(&Seed([3; 32]), purpose)
}
