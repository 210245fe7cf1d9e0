//! Chance that follows from a seed and from what it is drawn for, not from when.

/// A seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeedRng(pub(crate) u64);

impl SeedRng {
    /// A number that hangs on the seed, `what` and `number` alone.
    pub(crate) fn draw(self, what: &str, number: u64) -> u64 {
        // FNV-1a over what it is for, then SplitMix64's finish.
        let seeded = self.0 ^ 0xcbf2_9ce4_8422_2325;
        let hashed = what.bytes().fold(seeded, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut mixed = hashed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `below` - 1.
    pub(crate) fn below(self, below: u64, what: &str, number: u64) -> u64 {
        self.draw(what, number) % below
    }

    /// Whether something happens that happens so many times in a hundred.
    pub(crate) fn percent(self, percent: u64, what: &str, number: u64) -> bool {
        self.below(100, what, number) < percent
    }

    /// One of several.
    pub(crate) fn one_of<T: Copy>(self, all: &[T], what: &str, number: u64) -> T {
        all[usize::try_from(self.below(all.len() as u64, what, number)).unwrap()]
    }
}
