//! A map with a maximum size, for keys that clients choose.

use std::collections::HashMap;
use std::hash::Hash;

/// When it is full, it removes stale rows, and if there are none, arbitrary ones: memory is bounded, and new keys are always
/// accepted.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    rows: HashMap<K, V>,
    limit: usize,
}

impl<K: Clone + Eq + Hash, V: Default> Bounded<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { rows: HashMap::new(), limit: limit.max(1) }
    }

    /// The row of `key`, created if there is none.
    pub(super) fn entry(&mut self, key: K, is_stale: impl Fn(&V) -> bool) -> &mut V {
        if self.rows.len() >= self.limit && !self.rows.contains_key(&key) {
            self.make_room(is_stale);
        }
        self.rows.entry(key).or_default()
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.rows.get_mut(key)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Frees at least a sixteenth, so that a flood of new keys does not scan the whole map for each of them.
    fn make_room(&mut self, is_stale: impl Fn(&V) -> bool) {
        self.rows.retain(|_, row| !is_stale(row));
        let room = (self.limit / 16).max(1);
        let surplus = (self.rows.len() + room).saturating_sub(self.limit);
        let goners: Vec<K> = self.rows.keys().take(surplus).cloned().collect();
        for key in goners {
            self.rows.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_and_stale_rows_go_first() {
        let mut map = Bounded::<u32, bool>::new(32);
        for key in 0..32 {
            *map.entry(key, |stale| *stale) = key % 2 == 0;
        }
        map.entry(100, |stale| *stale);
        assert!(map.get_mut(&0).is_none() && map.get_mut(&1).is_some());
        for key in 200..10_000 {
            map.entry(key, |stale| *stale);
            assert!(map.len() <= 32);
        }
    }
}
