//! One history: its time, its chance, its faults, and what was seen of it.

use crate::bugs::Bug;
use crate::cashier::CashBox;
use crate::executor::{Executor, Process, Sleep, lock};
use crate::gateway::Till;
use crate::holders::Told;
use crate::invariants::Judge;
use crate::mailer::Mailroom;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use ticketing_core::Ticketing;
use ticketing_core::clock::Clock;
use ticketing_core::storage::memory::MemoryStorage;

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;

/// Parts of a million.
pub(crate) type Ppm = u64;

/// What a history is like: drawn from the seed, so that seeds differ in kind and not only in luck.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) processes: usize,
    pub(crate) capacity: i64,
    pub(crate) buyers: u64,
    /// All buyers come within 200 ms.
    pub(crate) burst: bool,
    /// Storage calls take up to 120 ms instead of 3 ms.
    pub(crate) slow_storage: bool,
    pub(crate) hold: u64,
    pub(crate) upkeep_every: u64,
    pub(crate) upkeep_limit: u32,
    pub(crate) at_once: usize,
    pub(crate) parallel_batches: usize,
    pub(crate) crash: Ppm,
    pub(crate) not_applied: Ppm,
    pub(crate) commit_unknown: Ppm,
    pub(crate) stall: Ppm,
    pub(crate) gateway_timeout: Ppm,
    pub(crate) gateway_refuses: Ppm,
    pub(crate) circuit_open: Ppm,
    /// The gateway answers questions from a copy that is behind.
    pub(crate) gateway_lags: Ppm,
    pub(crate) refund_fails: Ppm,
    pub(crate) gateway_caps_refunds: bool,
    pub(crate) webhook_dropped: Ppm,
    pub(crate) webhook_repeated: Ppm,
    pub(crate) wrong_payment: Ppm,
    pub(crate) late: Ppm,
    pub(crate) second_attempt: Ppm,
    pub(crate) mail_fails: Ppm,
    pub(crate) refund_requested: Ppm,
    pub(crate) event_called_off: bool,
    pub(crate) event_edited: bool,
}

struct Inner {
    random: u64,
    now: u64,
    current: Process,
    faults: bool,
    kill: Option<Process>,
    failure: Option<String>,
    servers: Vec<Option<Ticketing>>,
    boots: u64,
    hash: u64,
    steps: u64,
    seen: BTreeMap<(&'static str, &'static str), u64>,
}

/// One history.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) bug: Option<Bug>,
    pub(crate) options: Options,
    pub(crate) executor: Executor,
    pub(crate) memory: MemoryStorage,
    pub(crate) till: Mutex<Till>,
    pub(crate) mailroom: Mutex<Mailroom>,
    pub(crate) judge: Mutex<Judge>,
    pub(crate) cash: Mutex<CashBox>,
    pub(crate) told: Mutex<Told>,
    trace: bool,
    inner: Mutex<Inner>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World({})", self.seed)
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, trace: bool) -> Arc<Self> {
        let mut random = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 7;
        let options = Options::draw(&mut random);
        let inner = Inner {
            random,
            now: 0,
            current: 0,
            faults: true,
            kill: None,
            failure: None,
            servers: vec![None; options.processes + 1],
            boots: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            seen: BTreeMap::new(),
        };
        Arc::new(Self {
            seed,
            bug,
            options,
            executor: Executor::default(),
            memory: MemoryStorage::new(),
            till: Mutex::default(),
            mailroom: Mutex::default(),
            judge: Mutex::default(),
            cash: Mutex::default(),
            told: Mutex::default(),
            trace,
            inner: Mutex::new(inner),
        })
    }

    // Chance.

    pub(crate) fn draw(&self) -> u64 {
        next(&mut lock(&self.inner).random)
    }

    /// From 0 to below `limit`.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        self.draw() % limit.max(1)
    }

    pub(crate) fn between(&self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// Whether something happens that does so in this part of all cases.
    pub(crate) fn chance(&self, ppm: Ppm) -> bool {
        self.below(1_000_000) < ppm
    }

    /// The same, but never once the faults have ended.
    pub(crate) fn fault(&self, ppm: Ppm) -> bool {
        let faults = lock(&self.inner).faults;
        faults && self.chance(ppm)
    }

    /// Whether payers dispute and the gateway's dashboard is used. The other histories are as they were before there was such a
    /// thing.
    pub(crate) fn has_aftermath(&self) -> bool {
        self.seed % 4 == 3
    }

    /// Whether an organisation runs the event, and API keys scan at its door. The other histories are as they were before.
    pub(crate) fn has_team(&self) -> bool {
        self.seed % 4 == 1
    }

    /// Whether tickets are sold at a counter too. The other histories are as they were before.
    pub(crate) fn has_counter(&self) -> bool {
        matches!(self.seed % 8, 2 | 7)
    }

    /// Whether tickets are transferred and swapped, and returned as the event allows. The other histories are as they were before.
    pub(crate) fn has_holders(&self) -> bool {
        matches!(self.seed % 8, 3 | 6)
    }

    // Time.

    pub(crate) fn now(&self) -> u64 {
        lock(&self.inner).now
    }

    pub(crate) fn set_now(&self, now: u64) {
        lock(&self.inner).now = now;
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::constant(1_767_268_800, 0) + SignedDuration::from_millis(self.now() as i64)
    }

    pub(crate) fn sleep(self: &Arc<Self>, milliseconds: u64) -> Sleep {
        let until = self.now().saturating_add(milliseconds);
        Sleep::until(Arc::clone(self), until)
    }

    // Tasks and processes.

    /// Runs a task of the world outside.
    pub(crate) fn go(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(0, Box::pin(task));
    }

    pub(crate) fn step(&self, task: usize, process: Process) {
        let mut inner = lock(&self.inner);
        inner.current = process;
        inner.steps += 1;
        inner.hash = (inner.hash ^ task as u64 ^ (inner.now << 20)).wrapping_mul(0x0100_0000_01b3);
    }

    /// Runs all until `until`.
    pub(crate) fn run(self: &Arc<Self>, until: u64) {
        self.executor.run(self, until);
        let mut inner = lock(&self.inner);
        inner.now = inner.now.max(until);
    }

    /// The process whose turn it is.
    pub(crate) fn current(&self) -> Process {
        lock(&self.inner).current
    }

    /// Here the process may die. What it was doing is then never finished.
    pub(crate) async fn crash_point(&self, kind: &'static str, place: &'static str) {
        let process = self.current();
        if process == 0 || !self.fault(self.options.crash) {
            return;
        }
        self.saw(kind, place);
        self.note(|| format!("process {process}: {kind} {place}"));
        lock(&self.inner).kill = Some(process);
        std::future::pending::<()>().await;
    }

    pub(crate) fn to_kill(&self) -> Option<Process> {
        lock(&self.inner).kill.take()
    }

    pub(crate) fn end_faults(&self) {
        lock(&self.inner).faults = false;
    }

    /// A server of the process, if it is up.
    pub(crate) fn server(&self, process: Process) -> Option<Ticketing> {
        lock(&self.inner).servers.get(process).cloned().flatten()
    }

    pub(crate) fn set_server(&self, process: Process, server: Option<Ticketing>) {
        let before = std::mem::replace(&mut lock(&self.inner).servers[process], server);
        drop(before);
    }

    /// How many servers were started so far.
    pub(crate) fn next_boot(&self) -> u64 {
        let mut inner = lock(&self.inner);
        inner.boots += 1;
        inner.boots
    }

    // What was seen.

    /// Counts that something happened.
    pub(crate) fn saw(&self, what: &'static str, place: &'static str) {
        *lock(&self.inner).seen.entry((what, place)).or_default() += 1;
    }

    /// Ends the history: a promise was broken.
    pub(crate) fn fail(&self, what: impl Into<String>) {
        let what = what.into();
        self.note(|| format!("BROKEN: {what}"));
        lock(&self.inner).failure.get_or_insert(what);
    }

    pub(crate) fn has_failed(&self) -> bool {
        lock(&self.inner).failure.is_some()
    }

    /// A line of the trace, if there is one.
    #[allow(clippy::print_stdout, reason = "the trace is for who replays a seed")]
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        if self.trace {
            let now = self.now();
            println!("{:>5}:{:06.3} [{}] {}", now / MINUTE, (now % MINUTE) as f64 / 1000.0, self.current(), line());
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let inner = lock(&self.inner);
        Outcome { failure: inner.failure.clone(), hash: inner.hash, steps: inner.steps, seen: inner.seen.clone() }
    }
}

/// The result of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) failure: Option<String>,
    pub(crate) hash: u64,
    pub(crate) steps: u64,
    pub(crate) seen: BTreeMap<(&'static str, &'static str), u64>,
}

impl Options {
    fn draw(random: &mut u64) -> Self {
        let mut below = |limit: u64| next(random) % limit;
        // In three of ten histories a fault does not happen at all: what it hides shows.
        fn upto(below: &mut impl FnMut(u64) -> u64, most: Ppm) -> Ppm {
            if below(10) < 3 { 0 } else { below(most) }
        }
        Self {
            processes: 1 + below(3) as usize,
            capacity: 3 + below(18) as i64,
            buyers: 2 + below(15),
            burst: below(2) == 0,
            slow_storage: below(2) == 0,
            hold: 5 * MINUTE + below(11) * MINUTE,
            upkeep_every: (20 + below(41)) * SECOND,
            upkeep_limit: [2, 10, 100][below(3) as usize],
            at_once: [1, 2, 8][below(3) as usize],
            crash: upto(&mut below, 6_000),
            not_applied: upto(&mut below, 30_000),
            commit_unknown: upto(&mut below, 30_000),
            stall: upto(&mut below, 40_000),
            gateway_timeout: upto(&mut below, 300_000),
            gateway_refuses: upto(&mut below, 200_000),
            circuit_open: upto(&mut below, 200_000),
            gateway_lags: upto(&mut below, 400_000),
            refund_fails: upto(&mut below, 300_000),
            gateway_caps_refunds: below(2) == 0,
            webhook_dropped: upto(&mut below, 800_000),
            webhook_repeated: upto(&mut below, 800_000),
            wrong_payment: upto(&mut below, 250_000),
            late: upto(&mut below, 600_000),
            second_attempt: upto(&mut below, 300_000),
            mail_fails: upto(&mut below, 500_000),
            refund_requested: upto(&mut below, 400_000),
            event_called_off: below(6) == 0,
            parallel_batches: 1 + below(3) as usize,
            event_edited: below(3) == 0,
        }
    }
}

/// The time of a history, as the engine reads it.
#[derive(Debug)]
pub(crate) struct SimulatedClock(pub(crate) Arc<World>);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.0.time()
    }
}
