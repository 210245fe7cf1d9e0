//! How often somebody may do something, counted by all processes together.

use jiff::{SignedDuration, Timestamp};

/// So many at once, and then one every so often (GCRA): nobody waits for a window to end, and a key needs one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// How many at once; at least 1.
    pub burst: u32,
    /// How long it takes until there is one more; longer than nothing.
    pub every: SignedDuration,
}

impl Quota {
    /// `burst` at once, and then one more every `every`.
    pub const fn new(burst: u32, every: SignedDuration) -> Self {
        Self { burst, every }
    }
}

/// Tokens to be taken from a key's quota.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Take {
    /// Whose quota: whatever tells apart who is to be limited.
    pub key: String,
    /// How many; fewer than none gives them back, at most until the quota is full.
    pub count: i32,
    /// How many there are.
    pub quota: Quota,
}

impl Take {
    /// `count` tokens of the quota of `key`.
    pub fn new(key: impl Into<String>, count: i32, quota: Quota) -> Self {
        Self { key: key.into(), count, quota }
    }
}

/// What came of taking tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All were there.
    All {
        /// When each of the quotas is full again, in the order of asking.
        full_at: Vec<Timestamp>,
    },
    /// One quota at least has too few: none was taken from any.
    None {
        /// When all of them will have enough, if nobody takes any meanwhile.
        again_at: Timestamp,
    },
}

impl Take {
    /// When the quota is full again after this, or when it has enough; in microseconds. `full_at` is when it would have been
    /// full without this, for a key that is known.
    pub(crate) fn apply(&self, now: i64, full_at: Option<i64>) -> Result<i64, i64> {
        let (cost, span) = (self.cost(), self.span());
        // The upper bound heals a clock that was set back: nobody waits longer than a whole quota takes.
        let before = full_at.unwrap_or(now).clamp(now, now.saturating_add(span));
        let after = before.saturating_add(cost).max(now);
        if cost <= 0 || after <= now.saturating_add(span) { Ok(after) } else { Err(after.saturating_sub(span)) }
    }

    /// How long it takes until what is taken has come again, in microseconds.
    pub(crate) fn cost(&self) -> i64 {
        self.every().saturating_mul(i64::from(self.count)).clamp(-LONGEST, LONGEST)
    }

    /// How long it takes until an empty quota is full, in microseconds.
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
