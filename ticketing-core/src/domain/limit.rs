//! Rate limits, counted by all processes together; and how often a command may be done, counted by its own rows.

use jiff::{SignedDuration, Timestamp};

/// When something may be done again, if it may not be now, where it may be done `most` times within `within`. It was done at these times.
pub(crate) fn next_allowed(
    done: impl IntoIterator<Item = Timestamp>,
    most: usize,
    within: SignedDuration,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut done: Vec<Timestamp> = done.into_iter().collect();
    done.sort_unstable_by(|a, b| b.cmp(a));
    let again_at = *done.get(most.checked_sub(1)?)? + within;
    (now < again_at).then_some(again_at)
}

/// A rate limit: a burst at once, and then one more at a steady rate (GCRA). There are no windows, and a key needs one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// How many at once: at least 1.
    pub burst: u32,
    /// The interval after which there is one more: longer than zero.
    pub every: SignedDuration,
}

impl Quota {
    /// `burst` at once, and then one more per interval `every`.
    pub const fn new(burst: u32, every: SignedDuration) -> Self {
        Self { burst, every }
    }
}

/// Tokens to take from a key's quota.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Take {
    /// What is limited, such as a client's address or an account.
    pub key: String,
    /// How many tokens. A negative number returns tokens, until the quota is full.
    pub count: i32,
    /// The rate limit.
    pub quota: Quota,
}

impl Take {
    /// `count` tokens of the quota of `key`.
    pub fn new(key: impl Into<String>, count: i32, quota: Quota) -> Self {
        Self { key: key.into(), count, quota }
    }
}

/// The result of taking tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All were available and are taken.
    All {
        /// When each of the quotas will be full again, in the order of the request.
        full_at: Vec<Timestamp>,
    },
    /// At least one quota has too few. Nothing was taken from any.
    None {
        /// When all of them will have enough, if nothing is taken in the meantime.
        again_at: Timestamp,
    },
}

impl Take {
    /// The rule, for storages: when the quota is full again after this, or, as an error, when it will have enough. In
    /// microseconds. `full_at` is when the quota would have been full without this, for a key that is known.
    ///
    /// A quota is never more than its whole span from being full: a clock that was set back locks nobody out for longer.
    pub fn apply(&self, now: i64, full_at: Option<i64>) -> Result<i64, i64> {
        let (cost, span) = (self.cost(), self.span());
        // The upper bound heals a clock that was set back: nobody waits longer than a whole quota takes.
        let before = full_at.unwrap_or(now).clamp(now, now.saturating_add(span));
        let after = before.saturating_add(cost).max(now);
        if cost <= 0 || after <= now.saturating_add(span) { Ok(after) } else { Err(after.saturating_sub(span)) }
    }

    /// How long it takes to refill what is taken, in microseconds.
    pub(crate) fn cost(&self) -> i64 {
        self.every().saturating_mul(i64::from(self.count)).clamp(-LONGEST, LONGEST)
    }

    /// How long it takes to fill an empty quota, in microseconds.
    pub(crate) fn span(&self) -> i64 {
        self.every().saturating_mul(i64::from(self.quota.burst.max(1))).min(LONGEST)
    }

    fn every(&self) -> i64 {
        i64::try_from(self.quota.every.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST)
    }
}

/// Ten years in microseconds: far below where sums overflow.
const LONGEST: i64 = 10 * 366 * 86_400 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_spent_refills_evenly_and_can_be_given_back() {
        let quota = Quota { burst: 3, every: SignedDuration::from_micros(10) };
        let take = |count| Take { key: String::new(), count, quota };
        assert_eq!(take(1).apply(100, None), Ok(110));
        assert_eq!(take(3).apply(100, None), Ok(130));
        assert_eq!(take(4).apply(100, None), Err(110));
        assert_eq!(take(1).apply(100, Some(130)), Err(110));
        assert_eq!(take(1).apply(109, Some(130)), Err(110));
        assert_eq!(take(1).apply(110, Some(130)), Ok(140));
        assert_eq!(take(-1).apply(100, Some(130)), Ok(120));
        assert_eq!(take(-9).apply(100, Some(130)), Ok(100));
        assert_eq!(take(1).apply(0, Some(1_000_000)), Err(10), "a clock that was set back locks nobody out for long");
        let endless = Quota { burst: u32::MAX, every: SignedDuration::MAX };
        assert!(Take { key: String::new(), count: i32::MAX, quota: endless }.apply(100, None).is_ok());
    }
}
