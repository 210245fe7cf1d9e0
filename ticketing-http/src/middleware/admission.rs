//! Who is let in when more come than can be served: what must not wait first, then who buys, then who looks.
//!
//! Each class has places of its own. When they are taken, a request of that class is sent away at once (503, `busy`), which
//! costs next to nothing: those who are in are served as fast as ever, instead of everybody later and later. A rush of people who
//! look cannot keep out those who buy, and neither can keep out the door or the gateway.

use crate::engine::SANDBOX_PATH;
use crate::problem::Problem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The gateway's webhooks, the door, and monitors. Never sent away: the money has moved, the people stand there.
    Vital,
    /// From logging in to the ticket.
    Buying,
    /// All else.
    Looking,
}

/// How many requests of a class are worked on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Of [`Class::Buying`]. Many of them wait for the gateway, which costs little.
    pub buying: usize,
    /// Of [`Class::Looking`]. Each takes less than a millisecond: when so many are there at once, they come faster than they go.
    pub looking: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self { buying: 512, looking: 128 }
    }
}

impl Class {
    /// The class of a path, with or without a slash at its end.
    pub fn of(path: &str) -> Self {
        let within =
            |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let vital = ["/payments/webhooks", "/check-ins", "/health", "/ready", crate::metrics::PATH, SANDBOX_PATH];
        let buying = ["/payments", "/orders", "/tickets", "/auth", "/token", "/users"];
        if vital.into_iter().any(within) {
            Self::Vital
        } else if buying.into_iter().any(within) {
            Self::Buying
        } else {
            Self::Looking
        }
    }
}

/// The door.
#[derive(Debug)]
pub struct Admission {
    places: Places,
    buying: Arc<AtomicUsize>,
    looking: Arc<AtomicUsize>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Place(Option<Arc<AtomicUsize>>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(taken) = &self.0 {
            taken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Admission {
    /// With so many places.
    pub fn new(places: Places) -> Self {
        Self { places, buying: Arc::default(), looking: Arc::default() }
    }

    /// Whether there is a place now, for who is not ready to take it.
    pub fn look(&self, class: Class) -> Result<(), Problem> {
        self.enter(class).map(drop)
    }

    /// A place, or the answer to who is sent away.
    pub fn enter(&self, class: Class) -> Result<Place, Problem> {
        let (taken, places) = match class {
            Class::Vital => return Ok(Place(None)),
            Class::Buying => (&self.buying, self.places.buying),
            Class::Looking => (&self.looking, self.places.looking),
        };
        // Taken first, so that a place that is not there is given back like any other.
        let before = taken.fetch_add(1, Ordering::Relaxed);
        let place = Place(Some(Arc::clone(taken)));
        if before < places {
            return Ok(place);
        }
        let sentence = "Too many are here right now. Please try again in a moment.";
        Err(Problem::new("busy", sentence).retry_after(Duration::from_secs(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_class() {
        for (class, paths) in [
            (Class::Vital, ["/payments/webhooks/paystack", "/check-ins", "/check-ins/", "/ready", "/metrics"]),
            (Class::Buying, ["/payments/initialize", "/orders", "/auth/login", "/tickets/7", "/token"]),
            (Class::Looking, ["/", "/events/", "/events/7", "/docs", "/paymentsx"]),
        ] {
            for path in paths {
                assert_eq!(Class::of(path), class, "{path}");
            }
        }
    }

    #[test]
    fn a_class_that_is_full_keeps_out_no_other() {
        let admission = Admission::new(Places { buying: 2, looking: 1 });
        let looking = admission.enter(Class::Looking).unwrap();
        assert!(admission.enter(Class::Looking).is_err());
        let buying: Vec<Place> = (0..2).map(|_| admission.enter(Class::Buying).unwrap()).collect();
        let sent_away = admission.enter(Class::Buying).unwrap_err();
        assert_eq!(sent_away.code(), "busy");
        for _ in 0..1000 {
            drop(admission.enter(Class::Vital).unwrap());
            assert!(admission.enter(Class::Buying).is_err(), "who is sent away takes no place");
        }
        drop((looking, buying));
        assert!(admission.enter(Class::Looking).is_ok() && admission.enter(Class::Buying).is_ok());
    }
}
