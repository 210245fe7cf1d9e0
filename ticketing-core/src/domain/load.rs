//! What a transaction needs to see before it can decide, asked for in as many rounds as it takes.

use super::list::List;
use super::row::{Field, RowError, Value};
use super::table::{Index, Lock, Record};
use super::working_set::{Noun, WorkingSet};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// What a transaction or a read needs.
pub trait Needs: Send + Sync {
    /// Asks for rows. Called again with what was found, until it asks for nothing new: so a command may follow an order to its
    /// event. Asking again for the same costs nothing.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys);

    /// Whether all rows must be as of one moment. Where they need not, a storage may read each as it is by then, which is
    /// cheaper: a row is always read together with its parts.
    fn is_of_one_moment(&self) -> bool {
        true
    }
}

impl<F: Fn(&WorkingSet, &mut LoadKeys) + Send + Sync> Needs for F {
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self(rows, load);
    }
}

/// Collects what is asked for.
#[derive(Debug)]
pub struct LoadKeys {
    now: Timestamp,
    /// Nothing is locked, and so nothing has to be asked for in the order of locks.
    is_to_read: bool,
    /// What was asked for so far, and whether to change it.
    asked: HashMap<(Noun, usize), HashMap<Value, bool>>,
    /// What was not served yet, by rank.
    open: BTreeMap<(u8, Noun, usize, bool), Vec<Value>>,
    claims: Vec<List>,
    lists: Vec<List>,
    /// Claims and lists that were served.
    served: Vec<&'static str>,
    /// The highest rank that was locked.
    locked: u8,
}

/// Rows to be read by an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Of this noun.
    pub noun: Noun,
    /// By this index, 0 being the key's own.
    pub index: usize,
    /// With these keys, sorted.
    pub keys: Vec<Value>,
    /// Whether they may be changed, and so have to be locked.
    pub is_to_change: bool,
}

/// What is to be read next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Rows to be locked that nobody else has locked, to be [kept](WorkingSet::keep_claim).
    pub claims: Vec<List>,
    /// Pages of lists, to be [kept](WorkingSet::keep_page).
    pub lists: Vec<List>,
    /// In the order in which they have to be locked.
    pub lookups: Vec<Lookup>,
}

impl Default for LoadKeys {
    /// For a read.
    fn default() -> Self {
        Self { is_to_read: true, ..Self::at(Timestamp::UNIX_EPOCH) }
    }
}

impl LoadKeys {
    /// For a transaction at this time.
    pub fn at(now: Timestamp) -> Self {
        let (asked, open) = (HashMap::new(), BTreeMap::new());
        Self { now, is_to_read: false, asked, open, claims: vec![], lists: vec![], served: vec![], locked: 0 }
    }

    /// The time of the transaction: what is due by then can be claimed.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The row with this key, to be changed.
    pub fn row<R: Record>(&mut self, key: &R::Key) {
        self.add(R::NOUN, 0, key.value(), true);
    }

    /// The row with this key, to look at only: it is not locked, and nobody waits for it.
    pub fn look<R: Record>(&mut self, key: &R::Key) {
        self.add(R::NOUN, 0, key.value(), false);
    }

    /// The rows with this key of an index, to be changed.
    pub fn find<R: Record>(&mut self, index: Index<R>, key: &impl Field) {
        self.add(R::NOUN, index.0, key.value(), true);
    }

    /// The rows that a list begins with, to be changed: those that nobody else has locked meanwhile. Their keys are then in
    /// [`WorkingSet::claimed`] under the list's name. Only on the first call.
    pub fn claim(&mut self, list: List) {
        if !self.served.contains(&list.name) && !self.claims.iter().any(|known| known.name == list.name) {
            self.claims.push(list);
        }
    }

    /// A page of a list. The keys are then in [`WorkingSet::listed`] under its name, and the rows are here.
    pub fn list(&mut self, list: List) {
        if !self.served.contains(&list.name) && !self.lists.iter().any(|known| known.name == list.name) {
            self.lists.push(list);
        }
    }

    fn add(&mut self, noun: Noun, index: usize, key: Value, is_to_change: bool) {
        let is_to_change = is_to_change && !self.is_to_read;
        let known = self.asked.entry((noun, index)).or_default();
        if key == Value::Null || known.get(&key).is_some_and(|to_change| *to_change || !is_to_change) {
            return;
        }
        known.insert(key.clone(), is_to_change);
        let table = noun.table();
        // What is not locked is read after everything that is: it is then as the locks found it, or newer.
        let rank = if is_to_change { table.rank() } else { u8::MAX };
        self.open.entry((rank, noun, index, is_to_change)).or_default().push(key);
    }

    /// For storages: what the work needs besides these rows; nothing once it has all.
    ///
    /// One rank at a time, so that locks are always taken in the same direction. Work that asks for a row of a lower rank than
    /// it has locked already could deadlock with other work: that is an error, on every storage.
    pub fn next_round(&mut self, needs: &(impl Needs + ?Sized), rows: &WorkingSet) -> Result<Option<Round>, RowError> {
        needs.needs(rows, self);
        if !self.claims.is_empty() || !self.lists.is_empty() {
            let (claims, lists) = (std::mem::take(&mut self.claims), std::mem::take(&mut self.lists));
            self.served.extend(claims.iter().chain(&lists).map(|list| list.name));
            return Ok(Some(Round { claims, lists, lookups: vec![] }));
        }
        let Some((rank, noun, ..)) = self.open.keys().next().copied() else { return Ok(None) };
        if rank < self.locked {
            return Err(RowError(format!("{noun:?} would be locked after a row of rank {}", self.locked)));
        }
        if rank != u8::MAX {
            self.locked = rank;
        }
        let mut round = Round::default();
        while let Some(entry) = self.open.first_entry().filter(|entry| entry.key().0 == rank) {
            let ((_, noun, index, is_to_change), mut keys) = entry.remove_entry();
            keys.sort_unstable();
            round.lookups.push(Lookup { noun, index, keys, is_to_change });
        }
        Ok(Some(round))
    }
}

impl Lookup {
    /// Whether these rows are locked one by one.
    pub fn is_locked_by_row(&self) -> bool {
        self.is_to_change && matches!(self.noun.table().lock, Lock::Rank(_))
    }
}
