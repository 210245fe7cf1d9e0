//! The rows that a transaction or a read needs, requested in as many rounds as it takes.

use super::list::{List, ListName};
use super::row::{Field, RowError, Value};
use super::table::{Index, Lock, Record};
use super::working_set::{Noun, WorkingSet};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// The rows that a transaction or a read needs.
pub trait Needs: Send + Sync {
    /// Requests rows. Called again with the rows found so far, until it requests nothing new, so a command can follow an order to
    /// its event. Requesting the same rows again costs nothing.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys);

    /// Whether all rows must be from one snapshot. If not, a storage may read one after the other, which is cheaper. A row is
    /// always read together with its parts.
    fn is_of_one_moment(&self) -> bool {
        true
    }
}

impl<F: Fn(&WorkingSet, &mut LoadKeys) + Send + Sync> Needs for F {
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self(rows, load);
    }
}

/// Collects the requested rows.
#[derive(Debug)]
pub struct LoadKeys {
    now: Timestamp,
    /// Nothing is locked, and so nothing has to be asked for in the order of locks.
    is_to_read: bool,
    /// What was asked for so far, and whether to change it.
    asked: HashMap<(Noun, usize), HashMap<Value, bool>>,
    /// What was not served yet, by rank.
    open: BTreeMap<(u8, Noun, usize, bool), Vec<Value>>,
    /// The work whose requests come next, by its number, and what is known of each.
    current: usize,
    works: BTreeMap<usize, Asker>,
    claims: Vec<List>,
    lists: Vec<List>,
    /// Claims and lists that were served.
    served: Vec<ListName>,
    /// The highest rank that was locked.
    locked: u8,
}

/// One of several works that share a transaction.
#[derive(Debug, Default)]
struct Asker {
    /// Whether it has requested a row to change.
    has_locked: bool,
    /// What it requested since the last round and is not locked, and whether to change it.
    looks: Vec<(Noun, usize, Value, bool)>,
}

/// The rank of rows that are read before anything is locked.
const FIRST: u8 = 0;
/// The rank of rows that are read after everything is locked.
const LAST: u8 = u8::MAX;

/// Rows to be read by an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The noun.
    pub noun: Noun,
    /// The index; 0 is that of the key.
    pub index: usize,
    /// The keys, sorted.
    pub keys: Vec<Value>,
    /// Whether they may be changed and must be locked.
    pub is_to_change: bool,
}

/// What to read next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Rows to lock unless another transaction has locked them. Pass the keys to [`WorkingSet::keep_claim`].
    pub claims: Vec<List>,
    /// Pages of lists. Pass the keys to [`WorkingSet::keep_page`]. Rows need not be loaded where the list asks for keys only.
    pub lists: Vec<List>,
    /// Rows to read, in the order in which to lock them.
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
        Self {
            now,
            is_to_read: false,
            asked,
            open,
            current: 0,
            works: BTreeMap::new(),
            claims: vec![],
            lists: vec![],
            served: vec![],
            locked: 0,
        }
    }

    /// The next requests are those of this work. Several works that share a transaction have different numbers, and the first is 0.
    pub fn of_work(&mut self, number: usize) {
        self.current = number;
    }

    /// The time of the transaction. A claim takes what is due by then.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Requests the row with this key, to change it.
    pub fn row<R: Record>(&mut self, key: &R::Key) {
        self.add(R::NOUN, 0, key.value(), true);
    }

    /// Requests the row with this key, to read it. It is not locked.
    pub fn look<R: Record>(&mut self, key: &R::Key) {
        self.add(R::NOUN, 0, key.value(), false);
    }

    /// Requests the rows with this key of an index, to change them.
    pub fn find<R: Record>(&mut self, index: Index<R>, key: &impl Field) {
        self.add(R::NOUN, index.0, key.value(), true);
    }

    /// Requests the rows with this key of an index, to read them. They are not locked.
    pub fn look_up<R: Record>(&mut self, index: Index<R>, key: &impl Field) {
        self.add(R::NOUN, index.0, key.value(), false);
    }

    /// Requests the first rows of a list, to change them, without those that another transaction has locked. Their keys are then
    /// in [`WorkingSet::claimed`] under the list's name. Allowed on the first call only.
    pub fn claim(&mut self, list: List) {
        if !self.served.contains(&list.name) && !self.claims.iter().any(|known| known.name == list.name) {
            self.claims.push(list);
        }
    }

    /// Requests a page of a list. The keys are then in [`WorkingSet::listed`] under its name, and the rows are loaded, unless the
    /// list asks for its keys only.
    pub fn list(&mut self, list: List) {
        if !self.served.contains(&list.name) && !self.lists.iter().any(|known| known.name == list.name) {
            self.lists.push(list);
        }
    }

    /// Whether rows were requested by this key of an index. For a command that follows rows which are not locked to others that are: it
    /// requests the first, and nothing else until they are there.
    pub(crate) fn has_looked_up<R: Record>(&self, index: Index<R>, key: &impl Field) -> bool {
        self.asked.get(&(R::NOUN, index.0)).is_some_and(|known| known.contains_key(&key.value()))
    }

    fn add(&mut self, noun: Noun, index: usize, key: Value, is_to_change: bool) {
        let is_to_change = is_to_change && !self.is_to_read;
        let known = self.asked.entry((noun, index)).or_default();
        if key == Value::Null || known.get(&key).is_some_and(|to_change| *to_change || !is_to_change) {
            return;
        }
        known.insert(key.clone(), is_to_change);
        let work = self.works.entry(self.current).or_default();
        if is_to_change && noun.table().lock != Lock::Never {
            work.has_locked = true;
            // The lowest rank is that of what is read first.
            let rank = noun.table().rank().saturating_add(1);
            self.open.entry((rank, noun, index, true)).or_default().push(key);
        } else {
            work.looks.push((noun, index, key, is_to_change));
        }
    }

    /// What is not locked is read after everything that is: it is then as the locks found it, or newer. But work that has locked
    /// nothing yet reads to find out what to lock; it would come too late after the locks of other work.
    fn rank_looks(&mut self) {
        for work in self.works.values_mut() {
            let rank = if work.has_locked { LAST } else { FIRST };
            for (noun, index, key, is_to_change) in work.looks.drain(..) {
                self.open.entry((rank, noun, index, is_to_change)).or_default().push(key);
            }
        }
    }

    /// For storages: returns what to read next, or `None` once everything is loaded.
    ///
    /// A round has one rank, so that locks are always taken in the same order. Work that requests a row of a lower rank than it
    /// has already locked could deadlock with other work. That is an error on every storage.
    pub fn next_round(&mut self, needs: &(impl Needs + ?Sized), rows: &WorkingSet) -> Result<Option<Round>, RowError> {
        needs.needs(rows, self);
        self.rank_looks();
        if !self.claims.is_empty() || !self.lists.is_empty() {
            let (claims, lists) = (std::mem::take(&mut self.claims), std::mem::take(&mut self.lists));
            self.served.extend(claims.iter().chain(&lists).map(|list| list.name));
            return Ok(Some(Round { claims, lists, lookups: vec![] }));
        }
        let Some((rank, noun, ..)) = self.open.keys().next().copied() else { return Ok(None) };
        if rank < self.locked && rank != FIRST {
            return Err(RowError(format!("{noun:?} would be locked after a row of rank {}", self.locked - 1)));
        }
        if rank != LAST {
            self.locked = self.locked.max(rank);
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
