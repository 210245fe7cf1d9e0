//! When the breaker trips, and for how long it stays open.

use std::time::Duration;

/// When a [`CircuitBreaker`](super::CircuitBreaker) trips, how long it stays open, and what closes it. Applies to each class of
/// calls separately. Numbers below one count as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    pub(super) window: Duration,
    pub(super) min_calls: u32,
    pub(super) failure_percent: u32,
    pub(super) failures_in_a_row: u32,
    pub(super) open_for: Duration,
    pub(super) open_for_at_most: Duration,
    pub(super) successes_to_close: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(30),
            min_calls: 10,
            failure_percent: 50,
            failures_in_a_row: 5,
            open_for: Duration::from_secs(60),
            open_for_at_most: Duration::from_secs(600),
            successes_to_close: 2,
        }
    }
}

impl BreakerConfig {
    /// Trips when at least `percent` of the calls of the last `window` failed, if there were at least `min_calls`.
    /// The window is counted in whole seconds. Default: 50 % of at least 10 calls in 30 seconds.
    #[must_use]
    pub fn with_failure_rate(mut self, percent: u32, min_calls: u32, window: Duration) -> Self {
        self.failure_percent = percent.clamp(1, 100);
        self.min_calls = min_calls.max(1);
        self.window = window.max(Duration::from_secs(1));
        self
    }

    /// Trips after this many failures without a success in between, however long that takes. Default: 5.
    #[must_use]
    pub fn with_failures_in_a_row(mut self, failures: u32) -> Self {
        self.failures_in_a_row = failures.max(1);
        self
    }

    /// Stays open for `first`, and twice as long each time that the probe fails, up to `at_most`. A random 20 % more or
    /// less keeps many servers from retrying at the same moment. Default: one minute, up to ten.
    #[must_use]
    pub fn with_open_for(mut self, first: Duration, at_most: Duration) -> Self {
        self.open_for = first.max(Duration::from_millis(1));
        self.open_for_at_most = at_most.max(self.open_for);
        self
    }

    /// Closes after this many successful probes in a row. Default: 2.
    #[must_use]
    pub fn with_successes_to_close(mut self, successes: u32) -> Self {
        self.successes_to_close = successes.max(1);
        self
    }

    /// How long to stay open after `trips` trips without a recovery in between. `draw` is any random number.
    pub(super) fn wait(&self, trips: u32, draw: u32) -> Duration {
        let growth = 1_u32.checked_shl(trips.saturating_sub(1)).unwrap_or(u32::MAX);
        let wait = self.open_for.saturating_mul(growth).min(self.open_for_at_most);
        // 80 % to 120 %, in thousandths.
        wait.saturating_mul(800 + draw % 401) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_cap_and_varies_by_a_fifth() {
        let config = BreakerConfig::default();
        for (trips, seconds) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 600), (6, 600), (40, 600), (u32::MAX, 600)]
        {
            let middle = Duration::from_secs(seconds);
            assert_eq!(config.wait(trips, 200), middle);
            assert_eq!(config.wait(trips, 0), middle * 4 / 5);
            assert_eq!(config.wait(trips, 400), middle * 6 / 5);
        }
    }
}
