//! Load shedding. When the server is saturated, reads are rejected first, then new purchases. Purchases in progress, check-ins
//! and webhooks are never shed; connections and the engine's queues bound them. The route table says which request is which.
//!
//! Reads have a concurrency limit, a share of all connections. A read beyond it gets 503 `busy` at once, which costs next to
//! nothing.
//!
//! New purchases have a concurrency limit too, but are shed only after it has been exceeded for a while: a burst is served,
//! however long that takes; without end it would only make everybody wait longer. While that lasts, reads have far fewer
//! places: they are small and many, and would take the processor.

use crate::problem::Problem;
use crate::routes::Class;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use ticketing_core::gateway::in_flight::InFlight;

/// How long new purchases may exceed their limit.
const BURST: SignedDuration = SignedDuration::from_millis(200);
/// While they do, the limit of reads is divided by this.
const READ_LIMIT_DIVISOR: usize = 8;

/// The concurrency limits of reads and of new purchases.
#[derive(Debug)]
pub struct Admission {
    reads: Places,
    purchases: Places,
    checkouts: InFlight,
    /// Since when new purchases exceed their limit, in microseconds since 1970; 0 while they do not.
    crowded_since: AtomicI64,
}

#[derive(Debug)]
struct Places {
    limit: usize,
    taken: Arc<AtomicUsize>,
}

impl Places {
    fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    /// Takes a place, within the limit or not, and tells how many were taken before.
    fn take(&self) -> (usize, Place) {
        // Counted first, so that a place beyond the limit is given back like any other.
        (self.taken.fetch_add(1, Ordering::Relaxed), Place(Arc::clone(&self.taken)))
    }
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// Limits reads to `max_concurrent_reads`, and new purchases, which take longer, to half of it. Purchases that wait for the
    /// payment gateway do not count: that may take seconds, and costs nothing here.
    pub fn new(max_concurrent_reads: usize, checkouts: InFlight) -> Self {
        let purchases = Places::new((max_concurrent_reads / 2).max(1));
        Self { reads: Places::new(max_concurrent_reads), purchases, checkouts, crowded_since: AtomicI64::new(0) }
    }

    /// A place where the class needs one, or `busy`.
    pub fn enter(&self, now: Timestamp, class: Class) -> Result<Option<Place>, Problem> {
        let (is_admitted, place) = match class {
            Class::NewPurchase => {
                let (before, place) = self.purchases.take();
                (self.admits_purchase(now, before.saturating_sub(self.checkouts.count())), place)
            }
            Class::Read => {
                let (before, place) = self.reads.take();
                let is_crowded = self.crowded_since.load(Ordering::Relaxed) != 0;
                let limit = if is_crowded { (self.reads.limit / READ_LIMIT_DIVISOR).max(1) } else { self.reads.limit };
                (before < limit, place)
            }
            Class::Purchase | Class::Door | Class::Machine | Class::OtherWrite => return Ok(None),
        };
        if is_admitted { Ok(Some(place)) } else { Err(Problem::busy(Duration::from_secs(1))) }
    }

    fn admits_purchase(&self, now: Timestamp, before: usize) -> bool {
        let now = now.as_microsecond();
        if before < self.purchases.limit {
            // Not as soon as one place is free: a burst without end would be let in again and again.
            if before < self.purchases.limit.div_ceil(2) {
                self.crowded_since.store(0, Ordering::Relaxed);
            }
            return true;
        }
        let since = match self.crowded_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => now,
            Err(since) => since,
        };
        i128::from(now.saturating_sub(since)) <= BURST.as_micros()
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

    #[test]
    fn a_burst_of_purchases_is_served_and_a_lasting_overload_is_shed() {
        let checkouts = InFlight::default();
        let admission = Admission::new(16, checkouts.clone());
        let begin = |millis| admission.request(at(millis), &POST, "/orders/");
        let mut burst: Vec<_> = (0..1000).map(|_| begin(0).unwrap()).collect();
        assert!(begin(200).is_ok());
        assert_eq!(begin(201).unwrap_err().code(), "busy");
        for (method, path) in
            [(GET, "/payments/verify/abc"), (POST, "/payments/webhooks/paystack"), (POST, "/check-ins")]
        {
            assert!(admission.request(at(201), &method, path).unwrap().is_none(), "{path} needs no place");
        }
        // Two of sixteen are left for reads.
        let reads: Vec<_> = (0..2).map(|_| admission.request(at(201), &GET, "/events").unwrap()).collect();
        assert!(admission.request(at(201), &GET, "/events").is_err());
        drop(reads);
        // One place is free, but the overload lasts.
        burst.truncate(7);
        burst.push(begin(300).unwrap());
        assert_eq!(begin(301).unwrap_err().code(), "busy");
        // One of them waits for the payment gateway.
        let waits = checkouts.begin();
        burst.push(begin(302).unwrap());
        drop(waits);
        assert_eq!(begin(303).unwrap_err().code(), "busy");
        // It is over: the next burst is served like the first.
        burst.truncate(3);
        burst.extend((0..1000).map(|_| begin(400).unwrap()));
    }
}
