//! The world: two processes on one storage, a hostile gateway, a clock that is turned, and what is to happen when.

use crate::hostile_gateway::buyers::Sale;
use crate::hostile_gateway::fault_stats::FaultStats;
use crate::hostile_gateway::seeded_random::SeedRng;
use crate::support::dropped_calls::drop_after;
use crate::support::fake_paystack::{Call, FakePaystack, Fault, KEY};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ticketing_core::Ticketing;
use ticketing_core::Upkeep;
use ticketing_core::clock::Clock;
use ticketing_core::domain::event::{Event, NewEvent};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::Principal;
use ticketing_core::gateway::circuit_breaker::{BreakerConfig, CircuitBreaker, StateName};
use ticketing_core::gateway::paystack::{PaystackConfig, PaystackGateway};
use ticketing_core::storage::Storage;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::testing::{ManualClock, SeededRandom};
use tokio::task::JoinHandle;

/// All sales begin within this time.
const SALES_LAST: SignedDuration = SignedDuration::from_mins(60);
/// How far the clock is turned at once.
const STEP: SignedDuration = SignedDuration::from_secs(15);
/// No call may be in flight for longer than this by the simulated clock: the real time-out is far below any lease, and so must
/// this be.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(60);
/// How long the client waits, in real time.
const PATIENCE: Duration = Duration::from_millis(250);

/// Something that is to happen.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Buy(u64),
    /// Another checkout of the same order.
    PayAgain(u64),
    Pays {
        sale: u64,
        reference: String,
    },
    Verify {
        sale: u64,
        reference: String,
    },
    GivesUp(u64),
    Refund(u64),
    ChargeBack {
        order: String,
        reference: String,
    },
    EndRefund {
        id: u64,
        nth: u64,
        order: String,
    },
    RetryRefund {
        reference: String,
    },
    Decide {
        reference: String,
    },
    Webhook {
        kind: String,
        order: String,
        body: String,
        key: &'static str,
    },
    CallOff(usize),
}

pub(crate) struct World {
    pub(crate) rng: SeedRng,
    pub(crate) sales: Vec<Sale>,
    pub(crate) fake_paystack: FakePaystack,
    pub(crate) clock: ManualClock,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) engines: [Ticketing; 2],
    pub(crate) events: Vec<Event>,
    pub(crate) stats: Arc<FaultStats>,
    plan: Mutex<BTreeMap<(Timestamp, u64), Act>>,
    planned: std::sync::atomic::AtomicU64,
    outage: Arc<AtomicBool>,
}

pub(crate) fn organizer() -> Principal {
    Principal::External("organizer".to_owned())
}

impl World {
    pub(crate) async fn new(seed: u64, sales: u64, storage: Arc<dyn Storage>) -> Arc<Self> {
        let (fake_paystack, clock, stats) =
            (FakePaystack::start().await, ManualClock::default(), Arc::new(FaultStats::default()));
        let config = PaystackConfig::new(KEY)
            .with_base_url(&fake_paystack.url)
            .with_timeout(PATIENCE)
            .with_refund_timeout(PATIENCE);
        let engines = [1, 2].map(|process| {
            let random = Arc::new(SeededRandom::new(seed.wrapping_mul(1_000_003).wrapping_add(process)));
            let gateway = PaystackGateway::new(config.clone()).unwrap();
            let told = Arc::clone(&stats);
            let breaker = CircuitBreaker::new(
                Arc::new(gateway),
                BreakerConfig::default(),
                Arc::new(clock.clone()),
                Arc::<SeededRandom>::clone(&random),
            )
            .with_on_change(Arc::new(move |_, state| {
                if state == StateName::Open {
                    told.met("", "breaker: open");
                }
            }));
            let builder = Ticketing::builder_on(Arc::clone(&storage)).gateway(breaker);
            builder.clock(Arc::new(clock.clone())).random(random).build().unwrap()
        });
        let mut events = Vec::new();
        for number in 0..sales.div_ceil(40).max(4) {
            let price = Money::new(i64::try_from(1000 + 333 * (number % 7)).unwrap(), Currency::NGN).unwrap();
            // Some have places for everybody, some for half of those who come.
            let capacity = if number % 3 == 0 { 30 } else { 200 };
            let starts_at = clock.now() + SignedDuration::from_hours(24 * 60);
            let event = NewEvent::general_admission("A concert", starts_at, "Lagos", price, Some(capacity));
            events.push(engines[0].create_event(&organizer(), event).await.unwrap());
        }
        let rng = SeedRng(seed);
        let sales: Vec<Sale> = (0..sales).map(|number| Sale::new(rng, number, events.len())).collect();
        let outage = Arc::new(AtomicBool::new(false));
        let world = Self {
            rng,
            sales,
            fake_paystack,
            clock,
            storage,
            engines,
            events,
            stats,
            plan: Mutex::default(),
            planned: Default::default(),
            outage,
        };
        world.turn_hostile();
        let begin = world.clock.now();
        for sale in &world.sales {
            let after = SALES_LAST.as_millis() * i128::from(sale.number) / world.sales.len() as i128;
            world.at(begin + SignedDuration::from_millis(i64::try_from(after).unwrap()), Act::Buy(sale.number));
        }
        world.at(begin + SignedDuration::from_mins(40), Act::CallOff(1));
        Arc::new(world)
    }

    /// What becomes of a call: one in six goes wrong in one way or other, and in an outage all do.
    fn turn_hostile(&self) {
        let (rng, outage) = (self.rng, Arc::clone(&self.outage));
        self.fake_paystack.set_mood(move |call, order, nth| {
            let what = format!("{call:?} {order}");
            if outage.load(Ordering::Relaxed) {
                return rng.one_of(&[Fault::Error500, Fault::Html502, Fault::DropBefore], &what, nth);
            }
            // Rare calls go wrong more often, or some of what can go wrong with them never would.
            let often = if matches!(call, Call::Refund | Call::FindRefund) { 40 } else { 17 };
            if !rng.percent(often, &format!("fault {what}"), nth) {
                return Fault::None;
            }
            match call {
                Call::Initialize | Call::Refund => rng.one_of(&Fault::OF_WRITES, &what, nth),
                Call::Verify => rng.one_of(&Fault::OF_VERIFIES, &what, nth),
                Call::FindRefund => rng.one_of(&Fault::OF_FINDS, &what, nth),
            }
        });
    }

    /// Plans something.
    pub(crate) fn at(&self, when: Timestamp, act: Act) {
        let number = self.planned.fetch_add(1, Ordering::Relaxed);
        self.plan.lock().unwrap().insert((when, number), act);
    }

    pub(crate) fn after(&self, seconds: u64, act: Act) {
        self.at(self.clock.now() + SignedDuration::from_secs(i64::try_from(seconds).unwrap()), act);
    }

    fn due(&self) -> Vec<Act> {
        let mut plan = self.plan.lock().unwrap();
        let later = plan.split_off(&(self.clock.now() + SignedDuration::from_micros(1), 0));
        std::mem::replace(&mut *plan, later).into_values().collect()
    }

    /// Everything, to the end.
    pub(crate) async fn run(self: Arc<Self>, on: &str) {
        eprintln!("{on}: HOSTILE_SEED={} HOSTILE_SALES={}", self.rng.0, self.sales.len());
        let began = Instant::now();
        let mut under_way: VecDeque<(Timestamp, JoinHandle<()>)> = VecDeque::new();
        let mut passes: [Option<JoinHandle<()>>; 2] = [None, None];
        let begin = self.clock.now();
        let hostile_until = begin + SALES_LAST + SignedDuration::from_mins(45);
        let mut round = 0;
        while self.clock.now() < hostile_until {
            round += 1;
            self.mind_the_outage(begin);
            for act in self.due() {
                let world = Arc::clone(&self);
                under_way.push_back((self.clock.now(), tokio::spawn(async move { world.act(act).await })));
            }
            for (process, pass) in passes.iter_mut().enumerate() {
                if pass.as_ref().is_none_or(JoinHandle::is_finished) {
                    if let Some(ended) = pass.take() {
                        ended.await.unwrap();
                    }
                    let world = Arc::clone(&self);
                    *pass = Some(tokio::spawn(async move { world.pass(process, round).await }));
                }
            }
            self.hear_the_news();
            // Nothing may last longer than it could in real life.
            let oldest = self.clock.now() + STEP - UNDER_WAY;
            while under_way.front().is_some_and(|(since, task)| *since < oldest || task.is_finished()) {
                under_way.pop_front().unwrap().1.await.unwrap();
            }
            if round % 4 == 0 {
                for pass in passes.iter_mut().filter_map(Option::take) {
                    pass.await.unwrap();
                }
                self.nothing_is_oversold().await;
            }
            self.clock.advance(STEP);
        }
        for (_, task) in under_way {
            task.await.unwrap();
        }
        for pass in passes.into_iter().flatten() {
            pass.await.unwrap();
        }
        let hostile = began.elapsed();
        self.calm_down().await;
        let sales = u32::try_from(self.sales.len()).unwrap();
        let (faults, in_all) = (self.fake_paystack.befell().len(), began.elapsed());
        eprintln!(
            "{on}: {sales} sales, {} calls to the gateway, {faults} faults, in {:.1} s ({:.1} s of them hostile): {} sales/s",
            self.fake_paystack.lines().len(),
            in_all.as_secs_f32(),
            hostile.as_secs_f32(),
            u128::from(sales) * 1000 / in_all.as_millis().max(1)
        );
        self.judge().await;
    }

    fn mind_the_outage(&self, begin: Timestamp) {
        let minutes = self.clock.now().duration_since(begin).as_mins();
        let is_out = matches!(minutes, 20..23 | 50..54);
        if is_out && !self.outage.swap(true, Ordering::Relaxed) {
            self.stats.met("", "gateway: outage");
        }
        if !is_out {
            self.outage.store(false, Ordering::Relaxed);
        }
    }

    /// A pass of upkeep; now and then its process dies in the middle of it.
    async fn pass(&self, process: usize, round: u64) {
        let mut upkeep = Upkeep::default();
        upkeep.at_once = 32;
        upkeep.limit = 200;
        let engine = &self.engines[process];
        let name = format!("cut {process}");
        if self.rng.percent(8, &name, round) {
            let polls = usize::try_from(self.rng.below(12, &name, round + 1_000_000)).unwrap();
            if drop_after(polls, engine.run_upkeep(upkeep)).await.is_none() {
                self.stats.met("", "upkeep: cut off");
            }
        } else {
            engine.run_upkeep(upkeep).await.unwrap();
        }
    }

    async fn nothing_is_oversold(&self) {
        for event in &self.events {
            let stock = self.storage.event(event.id).await.unwrap().unwrap().stock;
            let fits = stock.held >= 0 && stock.sold >= 0 && stock.has(0);
            assert!(fits, "event {} is oversold: {stock:?}", event.id);
        }
    }

    /// Faults off. What was planned still happens; then time passes, with upkeep, until there is nothing left to do.
    async fn calm_down(&self) {
        self.outage.store(false, Ordering::Relaxed);
        self.fake_paystack.calm_down();
        let minutes = |minutes| SignedDuration::from_mins(minutes);
        // By minutes first, then faster, to beyond the 96 hours for which an attempt is asked about.
        let steps = std::iter::repeat_n(minutes(2), 60).chain(std::iter::repeat_n(minutes(180), 36));
        for step in steps {
            self.clock.advance(step);
            for act in self.due() {
                self.act(act).await;
            }
            self.hear_the_news();
            let mut passes = 0;
            while !self.engines[passes % 2].run_upkeep(Upkeep::default()).await.unwrap().is_idle() {
                passes += 1;
                assert!(passes < 1000, "upkeep does not come to an end");
            }
        }
        assert_eq!(self.plan.lock().unwrap().len(), 0, "something was planned for after the end");
    }
}
