//! The state machine of one breaker. It reads no clock, draws no random number and waits for nothing: the time, the random
//! number and the verdicts are arguments.

use super::config::BreakerConfig;
use super::window::Window;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// The `retry_after` while a probe is in progress, since nobody knows how long it takes.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// Calls pass.
    Closed,
    /// Calls are rejected.
    Open,
    /// One call at a time passes, to find out whether the gateway is available again.
    HalfOpen,
}

impl StateName {
    /// The state's stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The gateway works: it gave a proper response, if perhaps not the desired one.
    Success,
    /// The gateway is unavailable.
    Failure,
    /// Says nothing about whether the gateway works.
    Neutral,
    /// The caller dropped the call before it ended.
    Abandoned,
}

/// The right to make one call. Made by [`Machine::acquire`], returned once through [`Machine::report`].
#[derive(Debug)]
pub(super) struct Permit {
    era: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Closed { window: Window, failures_in_a_row: u32 },
    Open { until: Timestamp, wait: Duration },
    HalfOpen { probing: bool, successes: u32 },
}

/// One breaker.
///
/// # Invariants
/// - Open: nothing passes. Half open: at most one call is in flight.
/// - Every change of state begins an era. The result of a call that began in an older era changes nothing.
/// - Every permit ends, with a verdict or as abandoned, so a probe cannot block the breaker indefinitely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    config: BreakerConfig,
    state: State,
    since: Timestamp,
    era: u64,
    /// Trips since the breaker was last closed.
    trips: u32,
    refused: u64,
}

impl Machine {
    pub(super) fn new(config: BreakerConfig, now: Timestamp) -> Self {
        let state = State::Closed { window: Window::default(), failures_in_a_row: 0 };
        Self { config, state, since: now, era: 0, trips: 0, refused: 0 }
    }

    /// Asks to make a call; says after which time to ask again if it may not be made.
    pub(super) fn acquire(&mut self, now: Timestamp) -> Result<Permit, Duration> {
        self.mind_the_clock(now);
        if let State::Open { until, .. } = self.state
            && now >= until
        {
            self.enter(State::HalfOpen { probing: false, successes: 0 }, now);
        }
        let refusal = match &mut self.state {
            State::Closed { .. } => None,
            State::Open { until, .. } => Some(until_then(now, *until)),
            State::HalfOpen { probing: true, .. } => Some(ASK_AGAIN),
            State::HalfOpen { probing, .. } => {
                *probing = true;
                None
            }
        };
        match refusal {
            None => Ok(Permit { era: self.era }),
            Some(retry_after) => {
                self.refused = self.refused.saturating_add(1);
                Err(retry_after)
            }
        }
    }

    /// Takes a permit back with the verdict on its call. `draw` is any random number.
    pub(super) fn report(&mut self, permit: Permit, verdict: Verdict, now: Timestamp, draw: u32) {
        if permit.era != self.era {
            return;
        }
        self.mind_the_clock(now);
        match &mut self.state {
            State::Closed { window, failures_in_a_row } => {
                let failed = match verdict {
                    Verdict::Success => false,
                    Verdict::Failure => true,
                    // Many callers that lose patience with a working gateway must not close the shop.
                    Verdict::Neutral | Verdict::Abandoned => return,
                };
                *failures_in_a_row = if failed { failures_in_a_row.saturating_add(1) } else { 0 };
                window.add(now, self.config.window, failed);
                let (calls, failures) = window.counts(now, self.config.window);
                let rate = calls >= self.config.min_calls
                    && percent(failures, calls) >= u64::from(self.config.failure_percent);
                if rate || *failures_in_a_row >= self.config.failures_in_a_row {
                    self.trip(now, draw);
                }
            }
            // Being open begins an era in which no permit is given.
            State::Open { .. } => {}
            State::HalfOpen { probing, successes } => {
                *probing = false;
                match verdict {
                    Verdict::Neutral => {}
                    Verdict::Success => {
                        *successes += 1;
                        if *successes >= self.config.successes_to_close {
                            self.trips = 0;
                            self.enter(State::Closed { window: Window::default(), failures_in_a_row: 0 }, now);
                        }
                    }
                    Verdict::Failure | Verdict::Abandoned => self.trip(now, draw),
                }
            }
        }
    }

    fn trip(&mut self, now: Timestamp, draw: u32) {
        self.trips = self.trips.saturating_add(1);
        let wait = self.config.wait(self.trips, draw);
        self.enter(State::Open { until: later(now, wait), wait }, now);
    }

    fn enter(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.since = now;
        self.era += 1;
    }

    /// A clock that is set back must not keep the breaker open for as much longer.
    fn mind_the_clock(&mut self, now: Timestamp) {
        if now < self.since {
            self.since = now;
            if let State::Open { until, wait } = &mut self.state {
                *until = later(now, *wait);
            }
        }
    }

    pub(super) fn name(&self) -> StateName {
        match self.state {
            State::Closed { .. } => StateName::Closed,
            State::Open { .. } => StateName::Open,
            State::HalfOpen { .. } => StateName::HalfOpen,
        }
    }

    pub(super) fn snapshot(&self, now: Timestamp) -> Snapshot {
        let (calls, failures, failures_in_a_row) = match &self.state {
            State::Closed { window, failures_in_a_row } => {
                let (calls, failures) = window.counts(now, self.config.window);
                (calls, failures, *failures_in_a_row)
            }
            State::Open { .. } | State::HalfOpen { .. } => (0, 0, 0),
        };
        let retry_after = match &self.state {
            State::Closed { .. } | State::HalfOpen { probing: false, .. } => None,
            State::Open { until, .. } => Some(until_then(now, *until)),
            State::HalfOpen { probing: true, .. } => Some(ASK_AGAIN),
        };
        let state = self.name();
        Snapshot {
            state,
            since: self.since,
            retry_after,
            calls,
            failures,
            failures_in_a_row,
            trips: self.trips,
            refused: self.refused,
        }
    }
}

/// What can be said of a [`Machine`] from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) state: StateName,
    pub(super) since: Timestamp,
    pub(super) retry_after: Option<Duration>,
    pub(super) calls: u32,
    pub(super) failures: u32,
    pub(super) failures_in_a_row: u32,
    pub(super) trips: u32,
    pub(super) refused: u64,
}

fn percent(part: u32, whole: u32) -> u64 {
    u64::from(part) * 100 / u64::from(whole.max(1))
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

fn until_then(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}
