use crate::clock::{Clock, whole_microseconds};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A clock that stands still until it is set. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<Mutex<Timestamp>>,
}

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: Arc::new(Mutex::new(whole_microseconds(now))) }
    }

    /// Sets the clock to `now`, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        *self.time() = whole_microseconds(now);
    }

    /// Moves the clock forwards.
    pub fn advance(&self, by: SignedDuration) {
        let mut time = self.time();
        *time = whole_microseconds(*time + by);
    }

    fn time(&self) -> MutexGuard<'_, Timestamp> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    /// A clock that shows noon of the first day of 2026.
    fn default() -> Self {
        Self::new(Timestamp::constant(1_767_268_800, 0))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.time()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = ManualClock::default();
        let other = clock.clone();
        assert_eq!(clock.now().to_string(), "2026-01-01T12:00:00Z");
        clock.advance(SignedDuration::from_mins(15));
        assert_eq!(other.now().to_string(), "2026-01-01T12:15:00Z");
        other.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }
}
