//! Mail gives way to buyers.
//!
//! Rendering a mail is work of the processor, and a queue of thousands would take all of it. While buyers wait for an answer, mails
//! take a bounded share; when nobody waits, they go as fast as the mail server takes them.

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

/// While buyers wait, mails may use one part in so many of one core.
const SHARE: i64 = 4;
/// A mail that takes longer did not use the processor, but waited for it.
const MOST_US: i64 = 20_000;

/// A longer pause comes from a clock that was set back.
const LONGEST_US: u64 = 10_000_000;

/// How many buyers wait, and when the next mail may be rendered while they do.
#[derive(Debug, Default)]
pub(super) struct Pace {
    buyers: AtomicUsize,
    /// In microseconds since 1970.
    next_mail: AtomicI64,
}

/// A buyer who waits for an answer.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Pace);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.buyers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pace {
    /// Counts a buyer until the returned value is dropped.
    pub(super) fn buyer(&self) -> Waiting<'_> {
        self.buyers.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// How long the next mail has to wait at this time.
    pub(super) fn pause(&self, now: Timestamp) -> Option<Duration> {
        if self.buyers.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let left = self.next_mail.load(Ordering::Relaxed).saturating_sub(now.as_microsecond());
        // A mail never waits for long, unless the clock was set back.
        u64::try_from(left).ok().filter(|left| (1..=LONGEST_US).contains(left)).map(Duration::from_micros)
    }

    /// A mail was rendered from `began` to `ended`.
    pub(super) fn rendered(&self, began: Timestamp, ended: Timestamp) {
        let took = (ended.as_microsecond() - began.as_microsecond()).clamp(0, MOST_US);
        let now = ended.as_microsecond();
        // Mails are rendered at once: each adds what it took.
        let add = |next: i64| Some(next.max(now).saturating_add(took * (SHARE - 1)));
        // Never fails: the function always returns a value.
        let _ = self.next_mail.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(microsecond: i64) -> Timestamp {
        Timestamp::from_microsecond(microsecond).unwrap()
    }

    #[test]
    fn mails_take_a_quarter_of_a_core_while_buyers_wait() {
        let pace = Pace::default();
        let buyer = pace.buyer();
        assert_eq!(pace.pause(at(0)), None);
        pace.rendered(at(0), at(200));
        assert_eq!(pace.pause(at(200)), Some(Duration::from_micros(600)));
        pace.rendered(at(0), at(200));
        assert_eq!(pace.pause(at(200)), Some(Duration::from_micros(1200)), "two at once wait for both");
        assert_eq!(pace.pause(at(1400)), None);
        drop(buyer);
    }

    #[test]
    fn mails_do_not_wait_when_no_buyer_does() {
        let pace = Pace::default();
        pace.rendered(at(0), at(200));
        assert_eq!(pace.pause(at(200)), None);
        let buyer = pace.buyer();
        assert!(pace.pause(at(200)).is_some());
        drop(buyer);
        assert_eq!(pace.pause(at(200)), None);
    }

    #[test]
    fn a_clock_that_jumps_stops_no_mail() {
        let pace = Pace::default();
        let _buyer = pace.buyer();
        pace.rendered(at(1_000_000), at(0));
        assert_eq!(pace.pause(at(0)), None);
        pace.rendered(at(3_600_000_000), at(3_600_000_100));
        assert_eq!(pace.pause(at(0)), None, "set back by an hour");
        let pace = Pace::default();
        let _buyer = pace.buyer();
        pace.rendered(at(0), at(60_000_000));
        let longest = u64::try_from(MOST_US * (SHARE - 1)).unwrap();
        assert_eq!(pace.pause(at(60_000_000)), Some(Duration::from_micros(longest)));
    }
}
