use crate::clock::Random;
use std::sync::{Mutex, PoisonError};

/// Bytes that look random, and are the same for the same seed. Not secret: for tests only.
#[derive(Debug)]
pub struct SeededRandom {
    state: Mutex<u64>,
}

impl SeededRandom {
    /// Creates the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }
}

impl Default for SeededRandom {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Random for SeededRandom {
    /// SplitMix64 (Steele, Lea and Flood 2014): short, and no two of its 2^64 states give the same number.
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buffer.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_bytes_and_no_two_alike() {
        let (first, again, other) = (SeededRandom::new(7), SeededRandom::new(7), SeededRandom::new(8));
        let seed = first.seed();
        assert!(seed == again.seed() && seed != first.seed() && seed != other.seed());
    }
}
