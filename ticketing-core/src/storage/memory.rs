//! Everything in memory, gone when dropped: for tests, and the model that other storages are held against.

use super::{Storage, StorageError};
use crate::domain::command::Work;
use crate::domain::invariants;
use crate::domain::limit::{Take, Taken};
use crate::domain::list::{self, List, Tallied, Tally};
use crate::domain::load::{LoadKeys, Needs};
use crate::domain::page::{Page, PageRequest};
use crate::domain::working_set::{Noun, WorkingSet};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Everything in memory. All calls take turns.
#[derive(Debug)]
pub struct MemoryStorage {
    rows: Mutex<WorkingSet>,
    /// When each quota is full again, in microseconds.
    limits: Mutex<BTreeMap<String, i64>>,
    /// How often rows have changed.
    changes: std::sync::atomic::AtomicU64,
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self { rows: Mutex::new(WorkingSet::whole()), limits: Mutex::default(), changes: Default::default() }
    }
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of everything, for tests that look behind the scenes.
    #[cfg(feature = "testing")]
    pub fn snapshot(&self) -> WorkingSet {
        self.rows().clone()
    }

    /// Changes rows without a command, for tests that plant bugs or need a certain state. Runs in its own transaction, so commands
    /// can be applied too.
    #[cfg(feature = "testing")]
    pub fn tamper<T>(&self, change: impl FnOnce(&mut WorkingSet) -> T) -> T {
        let mut rows = self.rows();
        let result = change(&mut rows);
        Noun::ALL.iter().for_each(|noun| rows.shelf_mut(*noun).forget_changes());
        self.changed();
        result
    }

    /// How often rows have changed: for tests that check everything after each change.
    #[cfg(feature = "testing")]
    pub fn changes(&self) -> u64 {
        self.changes.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Counts a change.
    fn changed(&self) {
        self.changes.fetch_add(1, std::sync::atomic::Ordering::Release);
    }

    /// Looks at everything without copying it, for tests.
    #[cfg(feature = "testing")]
    pub fn look<T>(&self, at: impl FnOnce(&WorkingSet) -> T) -> T {
        at(&self.rows())
    }

    fn rows(&self) -> MutexGuard<'_, WorkingSet> {
        // Commands work on a copy, so one that panics changes nothing.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> MutexGuard<'_, BTreeMap<String, i64>> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies what is needed, round by round. A command that forgets to ask for a row does not find it here either.
fn copy(all: &WorkingSet, mut load: LoadKeys, needs: &(impl Needs + ?Sized)) -> Result<WorkingSet, StorageError> {
    let mut rows = WorkingSet::default();
    while let Some(round) = load.next_round(needs, &rows)? {
        for claim in round.claims {
            let Ok(page) = list::select(all, &claim);
            let keys = page.items;
            all.shelf(claim.noun).copy(0, &keys, rows.shelf_mut(claim.noun));
            rows.shelf_mut(claim.noun).mark_complete(0, &keys, true);
            rows.keep_claim(claim.name, keys);
        }
        for list in round.lists {
            let Ok(page) = list::select(all, &list);
            if !list.keys_only {
                all.shelf(list.noun).copy(0, &page.items, rows.shelf_mut(list.noun));
                rows.shelf_mut(list.noun).mark_complete(0, &page.items, false);
            }
            rows.keep_page(list.name, page);
        }
        for lookup in round.lookups {
            all.shelf(lookup.noun).copy(lookup.index, &lookup.keys, rows.shelf_mut(lookup.noun));
            rows.shelf_mut(lookup.noun).mark_complete(lookup.index, &lookup.keys, lookup.is_to_change);
        }
    }
    Ok(rows)
}

fn time(microseconds: i64) -> Result<Timestamp, StorageError> {
    Timestamp::from_microsecond(microseconds).map_err(|error| StorageError::Broken(error.into()))
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn transact(&self, now: Timestamp, work: std::sync::Arc<dyn Work>) -> Result<(), StorageError> {
        let mut all = self.rows();
        let mut rows = copy(&all, LoadKeys::at(now), &*work)?;
        Noun::ALL.iter().for_each(|noun| rows.shelf_mut(*noun).set_ids(all.shelf(*noun).ids()));
        work.decide(&mut rows, now);
        for noun in Noun::ALL {
            all.shelf(*noun).check_absorb(rows.shelf(*noun))?;
        }
        Noun::ALL.iter().for_each(|noun| all.shelf_mut(*noun).absorb(rows.shelf(*noun)));
        if Noun::ALL.iter().any(|noun| rows.shelf(*noun).is_changed()) {
            self.changed();
        }
        Ok(())
    }

    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet, StorageError> {
        copy(&self.rows(), LoadKeys::default(), needs)
    }

    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>, StorageError> {
        let rows = self.rows();
        let count = |tally| {
            let Ok(tallied) = list::count(&*rows, tally);
            tallied
        };
        Ok(tallies.iter().map(count).collect())
    }

    async fn forget(&self, list: &List) -> Result<u32, StorageError> {
        let mut rows = self.rows();
        let page = PageRequest { count: false, ..list.page };
        let Ok(Page { items: keys, .. }) = list::select(&*rows, &List { page, ..list.clone() });
        rows.shelf_mut(list.noun).forget(&keys);
        if !keys.is_empty() {
            self.changed();
        }
        Ok(u32::try_from(keys.len()).unwrap_or(u32::MAX))
    }

    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken, StorageError> {
        let now = now.as_microsecond();
        let mut limits = self.limits();
        let each: Vec<_> = takes.iter().map(|take| take.apply(now, limits.get(&take.key).copied())).collect();
        if let Some(again_at) = each.iter().filter_map(|after| after.err()).max() {
            return Ok(Taken::None { again_at: time(again_at)? });
        }
        let after: Vec<i64> = each.into_iter().flatten().collect();
        limits.extend(takes.iter().map(|take| take.key.clone()).zip(after.iter().copied()));
        Ok(Taken::All { full_at: after.into_iter().map(time).collect::<Result<_, _>>()? })
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32, StorageError> {
        let mut left = limit;
        self.limits().retain(|_, full_at| {
            let keep = left == 0 || *full_at > now.as_microsecond();
            left -= u32::from(!keep);
            keep
        });
        Ok(limit - left)
    }

    async fn ready(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn version(&self) -> Option<u64> {
        Some(self.changes.load(std::sync::atomic::Ordering::Acquire))
    }

    async fn check(&self) -> Result<Vec<String>, StorageError> {
        Ok(invariants::check(&self.rows()))
    }
}
