//! A sliding window: how many calls were made lately, and how many of them failed.

use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Calls counted per second, so that memory does not depend on the load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    seconds: VecDeque<Second>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Second {
    at: i64,
    calls: u32,
    failures: u32,
}

impl Window {
    pub(super) fn add(&mut self, now: Timestamp, length: Duration, failed: bool) {
        let now = now.as_second();
        // Also forgets what is later than now: the clock was set back.
        self.seconds.retain(|second| is_within(second.at, now, length));
        let failures = u32::from(failed);
        match self.seconds.back_mut() {
            Some(last) if last.at == now => {
                last.calls = last.calls.saturating_add(1);
                last.failures = last.failures.saturating_add(failures);
            }
            _ => self.seconds.push_back(Second { at: now, calls: 1, failures }),
        }
    }

    /// Calls and failures of the last `length`.
    pub(super) fn counts(&self, now: Timestamp, length: Duration) -> (u32, u32) {
        let now = now.as_second();
        self.seconds.iter().filter(|second| is_within(second.at, now, length)).fold(
            (0, 0),
            |(calls, failures), second| {
                (u32::saturating_add(calls, second.calls), u32::saturating_add(failures, second.failures))
            },
        )
    }
}

fn is_within(at: i64, now: i64, length: Duration) -> bool {
    let length = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    at <= now && now.saturating_sub(at) < length
}
