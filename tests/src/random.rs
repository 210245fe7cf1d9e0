//! Random choices: fast, and good enough.

use std::hash::{BuildHasher, RandomState};

/// A source of random choices (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Default for Random {
    /// Another one every time.
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl Random {
    /// The same one for the same seed, every time.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end.max(1)
    }

    /// Yes, so often of a hundred.
    pub fn percent(&mut self, often: u64) -> bool {
        self.below(100) < often
    }
}
