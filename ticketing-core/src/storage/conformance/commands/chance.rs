//! Random choices, determined by a seed.

use super::world::{ATTEMPTS, ORDERS, who};
use crate::domain::code::Reference;
use crate::domain::principal::Principal;
use jiff::SignedDuration;

/// SplitMix64: the same seed gives the same commands on every machine, forever.
#[derive(Debug)]
pub(in super::super) struct Chance {
    state: u64,
    made: u64,
    /// The numbers of the requested orders, and the attempts to pay them.
    pub(super) held: Vec<u32>,
    pub(super) opened: Vec<Reference>,
    /// The transfers that were asked for.
    pub(super) offered: Vec<Reference>,
}

impl Chance {
    pub(in super::super) fn of(seed: u64) -> Self {
        Self { state: seed, made: 0, held: vec![], opened: vec![], offered: vec![] }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap()
    }

    pub(super) fn id(&mut self, end: u32) -> i64 {
        i64::from(1 + self.below(end))
    }

    pub(super) fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub(super) fn of_these<T: Clone>(&mut self, these: &[T]) -> T {
        these[self.index(these.len())].clone()
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.next() % length as u64).unwrap()
    }

    /// One of the most recent ones.
    pub(super) fn late(&mut self, length: usize, few: usize) -> usize {
        let few = length.min(few);
        length - few + self.index(few)
    }

    /// A batch: mostly one item, sometimes up to four.
    pub(super) fn batch<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = if self.one_in(2) { 1 } else { 1 + self.below(4) };
        (0..length).map(|_| item(self)).collect()
    }

    pub(super) fn named(&mut self, kind: &str, end: u32) -> Reference {
        format!("{kind}{}", self.below(end)).parse().unwrap()
    }

    pub(super) fn order(&mut self) -> Reference {
        self.named("o", ORDERS)
    }

    /// An attempt, mostly one that was opened recently.
    pub(super) fn attempt(&mut self) -> Reference {
        if self.opened.is_empty() || self.one_in(6) {
            return self.named("a", ATTEMPTS);
        }
        let few = if self.one_in(3) { self.opened.len() } else { 4 };
        let index = self.late(self.opened.len(), few);
        self.opened[index].clone()
    }

    /// An order, mostly one that has an attempt.
    pub(super) fn tried_order(&mut self) -> Reference {
        let attempt = self.attempt();
        let number: u32 = attempt.as_str()[1..].parse().unwrap();
        format!("o{}", number % ORDERS).parse().unwrap()
    }

    /// A fresh seed, as the contract requires.
    pub(super) fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(super) fn who(&mut self) -> Principal {
        who(self.below(4))
    }

    /// Mostly short: after a long one, all holds have expired and all attempts have lapsed.
    pub(super) fn duration(&mut self) -> SignedDuration {
        let seconds = match self.below(10) {
            0 => self.of_these(&[3_600, 86_400, 96 * 3_600]),
            1..4 => self.of_these(&[300, 900]),
            _ => self.of_these(&[0, 1, 30, 60]),
        };
        SignedDuration::from_secs(seconds) + SignedDuration::from_micros(self.of_these(&[0, 0, 1, 999_999]))
    }
}
