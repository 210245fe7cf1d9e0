//! Load shedding. When the server is saturated, reads are rejected first, then new purchases. Purchases in progress, check-ins
//! and webhooks are never shed; connections and the engine's queues bound them. The route table says which request is which.
//!
//! Reads have a concurrency limit, a share of all connections. A read beyond it gets 503 `busy` at once, which costs next to
//! nothing.
//!
//! New purchases are limited by how long they would wait, not by their number: 64 buyers wait 50 ms on one machine and half a
//! second on another. Once more than a few are here, the server measures the time from one completed purchase to the next. By
//! Little's law, a purchase that finds `n` others waits for `n` times as long. If this is more than 100 ms, it gets 503
//! `busy`.
//! A burst that arrives before there is a measurement is served, however long that takes.
//!
//! While new purchases are rejected, reads get a share that follows the purchases, four for each: they are small and many, and would
//! take the processor.

use crate::lock::lock;
use crate::problem::Problem;
use crate::routes::Class;
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use ticketing_core::gateway::in_flight::InFlight;

/// How long a new purchase may wait for those before it.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_millis(100);
/// New purchases that are admitted without a measurement.
const FREE_PURCHASES: usize = 16;
/// How long completed purchases are counted for a measurement.
const WINDOW: SignedDuration = SignedDuration::from_millis(50);
/// During an overload, so many reads are admitted for each purchase that is completed: buyers look at an event and pay.
const READS_PER_PURCHASE: usize = 4;
/// How long an overload lasts after the last purchase that was rejected.
const OVERLOAD_LASTS: SignedDuration = SignedDuration::from_secs(1);

/// Limits reads and new purchases.
#[derive(Debug)]
pub struct Admission {
    reads: Places,
    max_reads: usize,
    purchases: Places,
    checkouts: InFlight,
    /// The measurement, while more than a few purchases are here.
    pace: Mutex<Option<Pace>>,
    is_measured: AtomicBool,
    /// Until when the server is overloaded, in microseconds since 1970; 0 if it is not.
    overloaded_until: AtomicI64,
    /// How many reads are admitted until the current window ends, during an overload.
    reads_left: AtomicUsize,
}

/// How many requests of a class are here, and how many have been completed.
#[derive(Clone, Debug, Default)]
struct Places(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicUsize,
    done: AtomicUsize,
}

impl Places {
    /// Takes a place if `admits` the number of those taken before.
    fn take(&self, admits: impl FnOnce(usize) -> bool) -> Option<Place> {
        // Counted first, so that two requests never get the last place.
        let before = self.0.taken.fetch_add(1, Ordering::Relaxed);
        if admits(before) {
            return Some(Place(self.clone()));
        }
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        None
    }

    fn done(&self) -> usize {
        self.0.done.load(Ordering::Relaxed)
    }
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Place(Places);

impl Drop for Place {
    fn drop(&mut self) {
        let Places(counts) = &self.0;
        counts.taken.fetch_sub(1, Ordering::Relaxed);
        counts.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// How fast the server completes purchases.
#[derive(Clone, Copy, Debug)]
struct Pace {
    window_began: Timestamp,
    done_then: usize,
    /// The time from one completed purchase to the next, in microseconds. `None` until the first window is over.
    interval_us: Option<usize>,
}

impl Pace {
    fn begin(now: Timestamp, done: usize) -> Self {
        Self { window_began: now, done_then: done, interval_us: None }
    }

    /// Ends the window if it is time. Returns how many purchases were completed in it.
    fn measure(&mut self, now: Timestamp, done: usize) -> Option<usize> {
        let length = now.duration_since(self.window_began);
        if length < WINDOW {
            return None;
        }
        let completed = done.wrapping_sub(self.done_then);
        let length_us = usize::try_from(length.as_micros()).unwrap_or(usize::MAX);
        let measured = length_us / completed.max(1);
        // A third of the new measurement: single windows differ much, as purchases are completed in batches.
        let interval_us = self.interval_us.map_or(measured, |before| before - before / 3 + measured / 3);
        *self = Self { interval_us: Some(interval_us), ..Self::begin(now, done) };
        Some(completed)
    }

    /// Whether a purchase that finds this many others can be served in time.
    fn admits(&self, others: usize) -> bool {
        let wait_us = self.interval_us.map_or(0, |interval_us| others.saturating_mul(interval_us));
        i128::try_from(wait_us).is_ok_and(|wait_us| wait_us <= LONGEST_WAIT.as_micros())
    }
}

impl Admission {
    /// Limits reads to `max_concurrent_reads`. Purchases that wait for the payment gateway do not count as waiting here: that may
    /// take seconds, and costs nothing.
    pub fn new(max_concurrent_reads: usize, checkouts: InFlight) -> Self {
        Self {
            reads: Places::default(),
            max_reads: max_concurrent_reads,
            purchases: Places::default(),
            checkouts,
            pace: Mutex::default(),
            is_measured: AtomicBool::default(),
            overloaded_until: AtomicI64::default(),
            reads_left: AtomicUsize::default(),
        }
    }

    /// A place where the class needs one, or `busy`.
    pub fn enter(&self, now: Timestamp, class: Class) -> Result<Option<Place>, Problem> {
        let place = match class {
            Class::NewPurchase => self.purchases.take(|before| self.admits_purchase(now, before)),
            Class::Read => self.reads.take(|before| before < self.max_reads && self.admits_read(now)),
            Class::Purchase | Class::Door | Class::Machine | Class::OtherWrite => return Ok(None),
        };
        place.map(Some).ok_or_else(|| Problem::busy(Duration::from_secs(1)))
    }

    fn admits_read(&self, now: Timestamp) -> bool {
        if now.as_microsecond() >= self.overloaded_until.load(Ordering::Relaxed) {
            return true;
        }
        let one_less = |left: usize| left.checked_sub(1);
        self.reads_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    fn admits_purchase(&self, now: Timestamp, before: usize) -> bool {
        let others = before.saturating_sub(self.checkouts.count());
        if others < FREE_PURCHASES {
            // Not as soon as one place is free: while an overload lasts, its measurement must.
            if others < FREE_PURCHASES / 2 && self.is_measured.swap(false, Ordering::Relaxed) {
                self.overloaded_until.store(0, Ordering::Relaxed);
                *lock(&self.pace) = None;
            }
            return true;
        }
        self.is_measured.store(true, Ordering::Relaxed);
        let done = self.purchases.done();
        let mut pace = lock(&self.pace);
        let pace = pace.get_or_insert_with(|| Pace::begin(now, done));
        if let Some(completed) = pace.measure(now, done) {
            self.reads_left.store(completed * READS_PER_PURCHASE, Ordering::Relaxed);
        }
        let is_admitted = pace.admits(others);
        if !is_admitted {
            self.overloaded_until.store((now + OVERLOAD_LASTS).as_microsecond(), Ordering::Relaxed);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Policy;
    use poem::http::Method;

    const GET: Method = Method::GET;
    const POST: Method = Method::POST;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + millis).unwrap()
    }

    impl Admission {
        fn request(&self, now: Timestamp, method: &Method, path: &str) -> Result<Option<Place>, Problem> {
            self.enter(now, Policy::of(method, path).class)
        }
    }

    #[test]
    fn only_reads_and_new_purchases_need_a_place() {
        let admission = Admission::new(10, InFlight::default());
        let takes_a_place = |method: &Method, path: &str| admission.request(at(0), method, path).unwrap().is_some();
        for path in ["/", "/events/", "/events/7", "/categories", "/docs", "/paymentsx"] {
            assert!(takes_a_place(&GET, path), "{path}");
        }
        for path in ["/payments/initialize", "/payments/pay", "/orders/"] {
            assert!(takes_a_place(&POST, path), "{path}");
        }
        for path in ["/payments/webhooks/paystack", "/check-ins/", "/auth/login", "/events", "/waiting-list"] {
            assert!(!takes_a_place(&POST, path), "{path}");
        }
        for path in ["/ready", "/metrics", "/orders", "/tickets/my-tickets", "/auth/me"] {
            assert!(!takes_a_place(&GET, path), "{path}");
        }
    }

    #[test]
    fn excess_reads_are_shed_and_nothing_else() {
        let admission = Admission::new(1, InFlight::default());
        let read = admission.request(at(0), &GET, "/events").unwrap();
        for _ in 0..1000 {
            assert_eq!(admission.request(at(0), &GET, "/events").unwrap_err().code(), "busy");
            assert!(admission.request(at(0), &POST, "/payments/initialize").is_ok());
            assert!(admission.request(at(0), &POST, "/check-ins").is_ok());
            assert!(admission.request(at(0), &POST, "/waiting-list").is_ok());
        }
        drop(read);
        assert!(admission.request(at(0), &GET, "/events").is_ok(), "a rejected request gives its place back");
    }

    /// Buyers of a server that completes one purchase every so often.
    struct Buyers {
        admission: Admission,
        waiting: std::collections::VecDeque<Place>,
        now: i64,
    }

    impl Buyers {
        fn of(admission: Admission) -> Self {
            Self { admission, waiting: std::collections::VecDeque::new(), now: 0 }
        }

        fn arrives(&mut self) -> bool {
            let place = self.admission.request(at(self.now), &POST, "/orders/");
            place.is_ok_and(|place| {
                self.waiting.extend(place);
                true
            })
        }

        /// So many milliseconds, with `arriving` new buyers and up to `done` completed purchases in each. Tells how many were admitted.
        fn pass(&mut self, millis: usize, arriving: usize, done: usize) -> usize {
            (0..millis)
                .map(|_| {
                    self.now += 1;
                    self.waiting.drain(..done.min(self.waiting.len()));
                    (0..arriving).filter(|_| self.arrives()).count()
                })
                .sum()
        }
    }

    #[test]
    fn a_burst_is_served_and_a_lasting_overload_waits_no_longer_than_its_limit() {
        for (done, arriving) in [(1, 6), (2, 12), (8, 9)] {
            let mut buyers = Buyers::of(Admission::new(16, InFlight::default()));
            assert_eq!(buyers.pass(1, 1000, done), 1000, "nothing was measured before");
            buyers.pass(2000, arriving, done);
            // 100 ms at so many a millisecond.
            let longest = done * 100;
            assert!((longest - 10..=longest + 10).contains(&buyers.waiting.len()), "{} wait", buyers.waiting.len());
            let admitted = buyers.pass(1000, arriving, done);
            assert!(admitted >= done * 1000 * 95 / 100, "the server is kept busy: {admitted}");
        }
    }

    #[test]
    fn what_is_under_way_needs_no_place_and_reads_follow_the_purchases_during_an_overload() {
        let mut buyers = Buyers::of(Admission::new(16, InFlight::default()));
        buyers.pass(1, 1000, 1);
        buyers.pass(100, 10, 1);
        assert!(!buyers.arrives());
        let admission = &buyers.admission;
        let reads = |millis| (0..1000).filter(|_| admission.request(at(millis), &GET, "/events").is_ok()).count();
        for (method, path) in
            [(GET, "/payments/verify/abc"), (POST, "/payments/webhooks/paystack"), (POST, "/check-ins")]
        {
            assert!(admission.request(at(101), &method, path).unwrap().is_none(), "{path} needs no place");
        }
        let share = reads(101);
        assert!((180..=220).contains(&share), "50 purchases in 50 ms: {share}");
        assert_eq!(reads(102), 0, "not before the next window");
        assert_eq!(reads(1102), 1000, "nobody has come to buy for a second");
        // All were served. The next burst is served like the first.
        buyers.waiting.truncate(2);
        assert_eq!(buyers.pass(1, 1000, 1), 1000);
    }

    #[test]
    fn purchases_that_wait_for_the_gateway_do_not_count() {
        let checkouts = InFlight::default();
        let mut buyers = Buyers::of(Admission::new(16, checkouts.clone()));
        buyers.pass(1, 1000, 0);
        buyers.pass(100, 1, 0);
        assert!(!buyers.arrives(), "nothing is completed");
        let calls: Vec<_> = (10..buyers.waiting.len()).map(|_| checkouts.begin()).collect();
        assert!(buyers.arrives(), "ten wait, the others are at the gateway");
        drop(calls);
        assert!(!buyers.arrives());
    }
}
