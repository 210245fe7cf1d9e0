//! Who gives way when more come than can be served: those who only look.
//!
//! They have places of their own, a part of all connections. When these are taken, a request of theirs is sent away at once (503,
//! `busy`), which costs next to nothing; so people who look cannot keep out those who buy, the door, or the gateway. Those are
//! bounded by the connections, and by the engine's queues.

use crate::engine::SANDBOX_PATH;
use crate::problem::Problem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// The places of those who look.
#[derive(Debug)]
pub struct Admission {
    places: usize,
    taken: Arc<AtomicUsize>,
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
    /// With so many places.
    pub fn new(places: usize) -> Self {
        Self { places, taken: Arc::default() }
    }

    /// A place where one is wanted, or the answer to who is sent away.
    pub fn enter(&self, path: &str) -> Result<Option<Place>, Problem> {
        if !only_looks(path) {
            return Ok(None);
        }
        // Taken first, so that a place that is not there is given back like any other.
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.taken));
        if before < self.places {
            return Ok(Some(place));
        }
        let sentence = "Too many are here right now. Please try again in a moment.";
        Err(Problem::new("busy", sentence).retry_after(Duration::from_secs(1)))
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

    #[test]
    fn those_who_look_keep_out_nobody_else() {
        let admission = Admission::new(1);
        let looking = admission.enter("/events").unwrap();
        for _ in 0..1000 {
            assert_eq!(admission.enter("/events").unwrap_err().code(), "busy");
            assert!(admission.enter("/payments/initialize").is_ok() && admission.enter("/check-ins").is_ok());
        }
        drop(looking);
        assert!(admission.enter("/events").is_ok(), "who was sent away has taken no place");
    }
}
