//! Who gives way when more come than can be served: first those who only look, then those who begin to buy. Who has begun, the
//! door, and the gateway never do; they are bounded by the connections, and by the engine's queues.
//!
//! Those who look have places of their own, a part of all connections. When these are taken, a request of theirs is sent away at
//! once (503, `busy`), which costs next to nothing.
//!
//! A sale that begins is sent away only where more are under way than there are places for, and have been for a while: a rush that
//! comes all at once is served, however long that takes; one that does not end would only make everybody wait longer. As long as
//! buyers are that many, those who look have far fewer places: their requests are small and many, and would take the processor.

use super::checkouts::Checkouts;
use crate::engine::SANDBOX_PATH;
use crate::problem::Problem;
use jiff::{SignedDuration, Timestamp};
use poem::http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

/// Whether a request of this path, with or without a slash at its end, gives way.
fn only_looks(path: &str) -> bool {
    const DO_NOT: [&str; 11] = [
        // From logging in to the ticket.
        "/auth",
        "/token",
        "/users",
        "/orders",
        "/payments",
        "/tickets",
        // The people stand there.
        "/check-ins",
        // Machines that must get an answer.
        "/health",
        "/ready",
        crate::metrics::PATH,
        SANDBOX_PATH,
    ];
    let within = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !DO_NOT.into_iter().any(within)
}

/// Whether a request begins a sale.
fn begins_to_buy(method: &Method, path: &str) -> bool {
    const BEGIN: [&str; 3] = ["/payments/initialize", "/payments/pay", "/orders"];
    *method == Method::POST && BEGIN.contains(&path.strip_suffix('/').unwrap_or(path))
}

/// How long more may begin to buy than there are places for.
const PATIENCE: SignedDuration = SignedDuration::from_millis(200);
/// As long as they do, those who look have this part of their places.
const LEFT_TO_LOOKERS: usize = 8;

/// The places of those who look and of those who begin to buy.
#[derive(Debug)]
pub struct Admission {
    lookers: Places,
    buyers: Places,
    checkouts: Checkouts,
    /// Since when more begin to buy than there are places for, in microseconds since 1970; 0 where they do not.
    crowded_since: AtomicI64,
}

#[derive(Debug)]
struct Places {
    count: usize,
    taken: Arc<AtomicUsize>,
}

impl Places {
    fn new(count: usize) -> Self {
        Self { count, taken: Arc::default() }
    }

    /// How many there were before, and one more.
    fn take(&self) -> (usize, Place) {
        // Taken first, so that a place that is not there is given back like any other.
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
    /// With so many places for those who look; half as many for those who begin to buy, who take longer. Who only waits for the
    /// payment service takes no place: it may need seconds, and costs nothing here.
    pub fn new(lookers: usize, checkouts: Checkouts) -> Self {
        let buyers = Places::new((lookers / 2).max(1));
        Self { lookers: Places::new(lookers), buyers, checkouts, crowded_since: AtomicI64::new(0) }
    }

    /// A place where one is wanted, or the answer to who is sent away.
    pub fn enter(&self, now: Timestamp, method: &Method, path: &str) -> Result<Option<Place>, Problem> {
        let (has_place, place) = if begins_to_buy(method, path) {
            let (before, place) = self.buyers.take();
            (self.may_buy(now, before.saturating_sub(self.checkouts.under_way())), place)
        } else if only_looks(path) {
            let (before, place) = self.lookers.take();
            let is_crowded = self.crowded_since.load(Ordering::Relaxed) != 0;
            let count = if is_crowded { (self.lookers.count / LEFT_TO_LOOKERS).max(1) } else { self.lookers.count };
            (before < count, place)
        } else {
            return Ok(None);
        };
        if has_place {
            return Ok(Some(place));
        }
        let sentence = "Too many are here right now. Please try again in a moment.";
        Err(Problem::new("busy", sentence).retry_after(Duration::from_secs(1)))
    }

    fn may_buy(&self, now: Timestamp, before: usize) -> bool {
        let now = now.as_microsecond();
        if before < self.buyers.count {
            // Not as soon as one place is free: a rush without an end would be let in again and again.
            if before < self.buyers.count.div_ceil(2) {
                self.crowded_since.store(0, Ordering::Relaxed);
            }
            return true;
        }
        let since = match self.crowded_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => now,
            Err(since) => since,
        };
        i128::from(now.saturating_sub(since)) <= PATIENCE.as_micros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_is_told_from_who_does_something() {
        for path in ["/", "/events/", "/events/7", "/categories", "/docs", "/paymentsx"] {
            assert!(only_looks(path), "{path}");
        }
        for path in ["/payments/webhooks/paystack", "/check-ins/", "/ready", "/metrics", "/orders", "/auth/login"] {
            assert!(!only_looks(path), "{path}");
        }
    }

    const GET: Method = Method::GET;
    const POST: Method = Method::POST;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + millis).unwrap()
    }

    #[test]
    fn those_who_look_keep_out_nobody_else() {
        let admission = Admission::new(1, Checkouts::default());
        let looking = admission.enter(at(0), &GET, "/events").unwrap();
        for _ in 0..1000 {
            assert_eq!(admission.enter(at(0), &GET, "/events").unwrap_err().code(), "busy");
            assert!(admission.enter(at(0), &POST, "/payments/initialize").is_ok());
            assert!(admission.enter(at(0), &POST, "/check-ins").is_ok());
        }
        drop(looking);
        assert!(admission.enter(at(0), &GET, "/events").is_ok(), "who was sent away has taken no place");
    }

    #[test]
    fn a_rush_is_served_and_one_without_an_end_is_bounded() {
        let checkouts = Checkouts::default();
        let admission = Admission::new(16, checkouts.clone());
        let begin = |millis| admission.enter(at(millis), &POST, "/orders/");
        let mut rush: Vec<_> = (0..1000).map(|_| begin(0).unwrap()).collect();
        assert!(begin(200).is_ok());
        assert_eq!(begin(201).unwrap_err().code(), "busy");
        for (method, path) in
            [(GET, "/payments/verify/abc"), (POST, "/payments/webhooks/paystack"), (POST, "/check-ins")]
        {
            assert!(admission.enter(at(201), &method, path).unwrap().is_none(), "{path} needs no place");
        }
        // Two of sixteen for those who look.
        let looking: Vec<_> = (0..2).map(|_| admission.enter(at(201), &GET, "/events").unwrap()).collect();
        assert!(admission.enter(at(201), &GET, "/events").is_err());
        drop(looking);
        // One place is free, but the crowd is still there.
        rush.truncate(7);
        rush.push(begin(300).unwrap());
        assert_eq!(begin(301).unwrap_err().code(), "busy");
        // One of them only waits for the payment service.
        let waits = checkouts.begin();
        rush.push(begin(302).unwrap());
        drop(waits);
        assert_eq!(begin(303).unwrap_err().code(), "busy");
        // It is gone: the next rush is served like the first.
        rush.truncate(3);
        rush.extend((0..1000).map(|_| begin(400).unwrap()));
    }
}
