//! The rows of one noun in a working set, by key and by index, as loaded and as changed.

use super::row::{Column, Field, Kind, Pick, Row, RowError, Sink, Source, Value};
use super::table::{Index, Record, Table};
use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;

/// The ids that may be given to new rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The next one.
    pub next: i64,
    /// The first one that may not be given any more.
    pub end: i64,
}

impl Default for Ids {
    fn default() -> Self {
        Self { next: 1, end: i64::MAX }
    }
}

impl Ids {
    fn take(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    /// Whether more ids were taken than reserved. The storage then decides again, with more.
    pub fn are_overdrawn(&self) -> bool {
        self.next > self.end
    }
}

/// Ids for the rows of a noun, and for their parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdRanges {
    /// For rows.
    pub rows: Ids,
    /// For parts.
    pub parts: Ids,
}

/// What a transaction has requested. Kept in debug builds only, to find commands that read what they did not request.
#[derive(Clone, Debug, Default)]
struct Asked {
    /// Everything.
    is_whole: bool,
    /// Keys of indexes, by number.
    known: HashSet<(usize, Value)>,
    /// Keys of rows that were requested for reading, and of those that were requested for changing.
    looked_at: HashSet<Value>,
    locked: HashSet<Value>,
}

impl Asked {
    /// Works that share a transaction may request the same row, one to read it and another one to change it, in any order.
    fn is_looked_at_only(&self, key: &Value) -> bool {
        self.looked_at.contains(key) && !self.locked.contains(key)
    }
}

/// The rows of one noun.
#[derive(Clone, Debug)]
pub struct Shelf<R: Record> {
    rows: BTreeMap<R::Key, R>,
    /// Changed rows as they were loaded; `None` for new ones.
    originals: BTreeMap<R::Key, Option<R>>,
    /// All but the key's own.
    indexes: Vec<BTreeMap<Value, Vec<R::Key>>>,
    ids: IdRanges,
    asked: Asked,
}

impl<R: Record> Default for Shelf<R> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            originals: BTreeMap::new(),
            indexes: vec![BTreeMap::new(); R::table().indexes.len() - 1],
            ids: IdRanges::default(),
            asked: Asked::default(),
        }
    }
}

impl<R: Record> Shelf<R> {
    /// The row with this key, if there is one.
    ///
    /// # Panics
    /// In debug builds, if the transaction has not requested it: "does not exist" and "was not loaded" are different.
    pub fn get(&self, key: &R::Key) -> Option<&R> {
        let row = self.rows.get(key);
        debug_assert!(row.is_some() || self.knows(0, &key.value()), "{} {key:?} was not asked for", R::table().name);
        row
    }

    /// All loaded rows, by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&R::Key, &R)> {
        self.rows.iter()
    }

    /// The row with this key of a unique index.
    ///
    /// # Panics
    /// Like [`get`](Self::get).
    pub fn find(&self, index: Index<R>, key: &impl Field) -> Option<&R> {
        self.all(index, key).next()
    }

    /// The rows with this key of an index, by their own keys.
    ///
    /// # Panics
    /// Like [`get`](Self::get).
    pub fn all<'s, K: Field>(&'s self, index: Index<R>, key: &K) -> impl Iterator<Item = &'s R> + use<'s, R, K> {
        let key = key.value();
        let keys = self.indexes[index.0 - 1].get(&key);
        debug_assert!(
            keys.is_some() || self.knows(index.0, &key),
            "{} by {:?} {key:?} was not asked for; say `none_yet` of what belongs to a new row",
            R::table().name,
            R::table().indexes[index.0].columns
        );
        keys.into_iter().flatten().filter_map(|key| self.rows.get(key))
    }

    /// The rows found under this key so far, for a command whose further requests depend on them.
    pub fn loaded<'s, K: Field>(&'s self, index: Index<R>, key: &K) -> impl Iterator<Item = &'s R> + use<'s, R, K> {
        self.indexes[index.0 - 1].get(&key.value()).into_iter().flatten().filter_map(|key| self.rows.get(key))
    }

    /// The row with this key, if it was found so far, for a command whose further requests depend on it.
    pub fn loaded_row(&self, key: &R::Key) -> Option<&R> {
        self.rows.get(key)
    }

    /// Declares that no row has this key of an index, because what it refers to is new.
    pub(crate) fn none_yet(&mut self, index: Index<R>, key: &impl Field) {
        if cfg!(debug_assertions) {
            self.asked.known.insert((index.0, key.value()));
        }
    }

    /// Adds a new row.
    pub(crate) fn insert(&mut self, row: R) {
        self.originals.entry(row.key()).or_insert(None);
        self.place(row);
    }

    /// Changes a row. Does nothing if it does not exist.
    ///
    /// # Panics
    /// In debug builds, if the row was requested for reading only.
    pub(crate) fn update(&mut self, key: &R::Key, change: impl FnOnce(&mut R)) {
        debug_assert!(
            self.asked.looked_at.is_empty() || !self.asked.is_looked_at_only(&key.value()),
            "{} {key:?} was asked for to look at only, and is not locked",
            R::table().name
        );
        let Some(row) = self.rows.get_mut(key) else { return };
        self.originals.entry(key.clone()).or_insert_with(|| Some(row.clone()));
        if self.indexes.is_empty() {
            return change(row);
        }
        let before = index_keys(row);
        change(row);
        let after = index_keys(row);
        for ((index, old), new) in self.indexes.iter_mut().zip(before).zip(after).filter(|((_, old), new)| old != new) {
            unlist(index, &old, key);
            list(index, new, key.clone());
        }
    }

    /// Takes an id for a new row.
    pub(crate) fn take_id(&mut self) -> i64 {
        self.ids.rows.take()
    }

    /// Takes an id for a new part of a row.
    pub(crate) fn take_part_id(&mut self) -> i64 {
        self.ids.parts.take()
    }

    /// The id that the next new row gets.
    pub fn next_id(&self) -> i64 {
        self.ids.rows.next
    }

    /// Loads a row as it is in the storage. Replaces the one with its key.
    pub fn load_record(&mut self, row: R) {
        if let Some(old) = self.rows.get(&row.key()) {
            let (old, key) = (index_keys(old), row.key());
            self.indexes.iter_mut().zip(old).for_each(|(index, old)| unlist(index, &old, &key));
        }
        self.place(row);
    }

    /// Loads a row as it is in the storage, unless the one with its key was changed already: that would undo the change. Works that
    /// share a transaction may need each other's rows in this way; alone, they do not.
    pub(crate) fn load_unchanged(&mut self, row: R) -> Result<(), RowError> {
        let key = row.key();
        if self.originals.contains_key(&key) {
            return Err(RowError(format!("{} {key:?} was changed before it was loaded", R::table().name)));
        }
        self.load_record(row);
        Ok(())
    }

    /// The number of rows.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "only SQLite keeps rows between transactions"))]
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Moves all rows to another shelf, where they replace those with their keys. They count as loaded there.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "only SQLite keeps rows between transactions"))]
    pub(crate) fn move_to(&mut self, to: &mut Self) {
        std::mem::take(self).rows.into_values().for_each(|row| to.load_record(row));
    }

    /// Removes a row, for storages that keep everything in one working set.
    pub fn remove(&mut self, key: &R::Key) -> Option<R> {
        let row = self.rows.remove(key)?;
        self.indexes.iter_mut().zip(index_keys(&row)).for_each(|(index, old)| unlist(index, &old, key));
        self.originals.remove(key);
        Some(row)
    }

    /// The new and the changed rows, by key: as loaded, and as they are now.
    pub fn changed(&self) -> impl Iterator<Item = (Option<&R>, &R)> {
        let all = self.originals.iter().filter_map(|(key, before)| Some((before.as_ref(), self.rows.get(key)?)));
        all.filter(|(before, after)| *before != Some(*after))
    }

    fn place(&mut self, row: R) {
        for (index, key) in self.indexes.iter_mut().zip(index_keys(&row)) {
            list(index, key, row.key());
        }
        self.rows.insert(row.key(), row);
    }

    fn knows(&self, index: usize, key: &Value) -> bool {
        self.asked.is_whole || self.asked.known.contains(&(index, key.clone()))
    }
}

/// The key of a row in each index but the key's own.
fn index_keys<R: Record>(row: &R) -> Vec<Value> {
    let table = R::table();
    if table.indexed.is_empty() {
        return vec![];
    }
    let mut values = Pick::from(&table.indexed, |to| row.write(to)).into_iter();
    let key = |columns: usize| match columns {
        1 => values.next().unwrap_or_default(),
        _ => {
            let tuple: Vec<Value> = values.by_ref().take(columns).collect();
            if tuple.contains(&Value::Null) { Value::Null } else { Value::Tuple(tuple) }
        }
    };
    table.indexes[1..].iter().map(|index| index.columns.len()).map(key).collect()
}

fn list<K: Ord>(index: &mut BTreeMap<Value, Vec<K>>, value: Value, key: K) {
    if value != Value::Null {
        let keys = index.entry(value).or_default();
        if let Err(at) = keys.binary_search(&key) {
            keys.insert(at, key);
        }
    }
}

fn unlist<K: Ord>(index: &mut BTreeMap<Value, Vec<K>>, value: &Value, key: &K) {
    if let Some(keys) = index.get_mut(value) {
        keys.retain(|known| known != key);
        if keys.is_empty() {
            index.remove(value);
        }
    }
}

/// A new or changed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// As it was loaded; `None` for a new one.
    pub before: Option<Row>,
    /// As it is now.
    pub after: Row,
}

impl Change {
    /// A sale changes counters and nothing that columns are derived from, so those are made only where something else has changed.
    fn of_loaded<R: Record>(before: &R, after: &R) -> Self {
        let table = R::table();
        let change = Self { before: Some(before.stored_row()), after: after.stored_row() };
        if table.columns.len() == table.read_columns().len() || change.is_of_counters(table) {
            return change;
        }
        Self { before: Some(before.row()), after: after.row() }
    }

    fn is_of_counters(&self, table: &Table) -> bool {
        let Some(before) = &self.before else { return false };
        let is_same = |columns: &[Column], before: &[Value], after: &[Value]| {
            let mut all = columns.iter().zip(before).zip(after);
            all.all(|((column, before), after)| column.kind == Kind::Sum || before == after)
        };
        let of_parts = table.part.as_ref().map_or(&[][..], |part| &part.columns);
        let mut parts = before.parts.iter().zip(&self.after.parts);
        before.parts.len() == self.after.parts.len()
            && is_same(&table.columns, &before.values, &self.after.values)
            && parts.all(|(before, after)| is_same(of_parts, before, after))
    }
}

/// Receives new rows. Each call starts a row of a table; its columns are written next.
pub trait NewRows {
    /// A new row of the noun's table.
    fn row(&mut self) -> &mut dyn Sink;
    /// A new row of the table of its parts.
    fn part(&mut self) -> &mut dyn Sink;
}

/// The rows of a noun without its type. This is what a storage works with.
pub trait AnyShelf: Any + Debug + Send + Sync {
    /// The noun's table.
    fn table(&self) -> &'static Table;

    // Loading.

    /// Loads a row as it is in the storage, without its parts. Returns its key.
    fn load(&mut self, from: &mut dyn Source) -> Result<Value, RowError>;
    /// Adds a part to the loaded row with this key. Call it in the order of the positions.
    fn load_part(&mut self, of: &Value, from: &mut dyn Source) -> Result<(), RowError>;
    /// Loads a row as it is in the storage.
    fn load_row(&mut self, row: Row) -> Result<(), RowError>;
    /// Marks these keys of an index, given by its number, as loaded completely.
    fn mark_complete(&mut self, index: usize, keys: &[Value], is_to_change: bool);
    /// Marks all rows as loaded.
    fn set_whole(&mut self);
    /// Sets the ids that new rows and parts get.
    fn set_ids(&mut self, ids: IdRanges);

    // Writing.

    /// The ids that are left for new rows and parts.
    fn ids(&self) -> IdRanges;
    /// Whether any row is new or changed.
    fn is_changed(&self) -> bool;
    /// Writes the new rows with their parts. Returns the number of rows and of parts.
    fn write_new(&self, to: &mut dyn NewRows) -> (usize, usize);
    /// The loaded rows that have changed. Where nothing but counters has, derived columns are null in both.
    fn updates(&self) -> Vec<Change>;
    /// The new and the changed rows.
    fn changes(&self) -> Vec<Change>;

    // For storages that keep everything in one working set.

    /// Copies the rows with these keys of an index to another shelf of the same noun.
    fn copy(&self, index: usize, keys: &[Value], to: &mut dyn AnyShelf);
    /// Applies what was changed on a copy of some of its rows. Fails and applies nothing if two rows would have the same key of a
    /// unique index, or if a counter would be below zero.
    fn check_absorb(&self, from: &dyn AnyShelf) -> Result<(), RowError>;
    /// See [`check_absorb`](Self::check_absorb).
    fn absorb(&mut self, from: &dyn AnyShelf);
    /// Calls `see` with these columns of every row, in the order of the keys.
    fn scan(&self, columns: &[usize], see: &mut dyn FnMut(&[Value]));
    /// Removes the rows with these keys.
    fn forget(&mut self, keys: &[Value]);
    /// Treats the changed rows as loaded from now on.
    fn forget_changes(&mut self);
}

impl<R: Record> Shelf<R> {
    fn same(other: &dyn AnyShelf) -> Option<&Self> {
        (other as &dyn Any).downcast_ref()
    }

    fn keys_by(&self, index: usize, key: &Value) -> Vec<R::Key> {
        match index {
            0 => R::Key::read(&mut vec![key.clone()].into_iter()).ok().flatten().into_iter().collect(),
            index => self.indexes[index - 1].get(key).cloned().unwrap_or_default(),
        }
    }
}

impl<R: Record> AnyShelf for Shelf<R> {
    fn table(&self) -> &'static Table {
        R::table()
    }

    fn load(&mut self, from: &mut dyn Source) -> Result<Value, RowError> {
        let row = R::read(from)?;
        let key = row.key();
        self.load_unchanged(row)?;
        Ok(key.value())
    }

    fn load_part(&mut self, of: &Value, from: &mut dyn Source) -> Result<(), RowError> {
        let missing = || RowError(format!("a part of {} {of:?} has no row that it belongs to", R::table().name));
        let key = R::Key::read(&mut vec![of.clone()].into_iter())?.ok_or_else(missing)?;
        let row = self.rows.get_mut(&key).ok_or_else(missing)?;
        if !R::table().has_derived_index() {
            return row.read_part(from);
        }
        // What an index derives from a record may derive from its parts.
        let before = index_keys(row);
        row.read_part(from)?;
        let after = index_keys(row);
        for ((index, old), new) in self.indexes.iter_mut().zip(before).zip(after).filter(|((_, old), new)| old != new) {
            unlist(index, &old, &key);
            list(index, new, key.clone());
        }
        Ok(())
    }

    fn load_row(&mut self, row: Row) -> Result<(), RowError> {
        let mut record = R::read(&mut row.values.into_iter())?;
        row.parts.into_iter().try_for_each(|part| record.read_part(&mut part.into_iter()))?;
        self.load_record(record);
        Ok(())
    }

    fn mark_complete(&mut self, index: usize, keys: &[Value], is_to_change: bool) {
        if !cfg!(debug_assertions) {
            return;
        }
        self.asked.known.extend(keys.iter().map(|key| (index, key.clone())));
        for key in keys {
            for row in self.keys_by(index, key).iter().map(Field::value) {
                if is_to_change { &mut self.asked.locked } else { &mut self.asked.looked_at }.insert(row);
            }
        }
    }

    fn set_whole(&mut self) {
        self.asked.is_whole = true;
    }

    fn set_ids(&mut self, ids: IdRanges) {
        self.ids = ids;
    }

    fn ids(&self) -> IdRanges {
        self.ids
    }

    fn is_changed(&self) -> bool {
        self.changed().next().is_some()
    }

    fn write_new(&self, to: &mut dyn NewRows) -> (usize, usize) {
        let (mut rows, mut parts) = (0, 0);
        for (key, _) in self.originals.iter().filter(|(_, before)| before.is_none()) {
            let Some(row) = self.rows.get(key) else { continue };
            row.write(to.row());
            (0..row.parts()).for_each(|position| row.write_part(position, to.part()));
            rows += 1;
            parts += row.parts();
        }
        (rows, parts)
    }

    fn updates(&self) -> Vec<Change> {
        let loaded = self.changed().filter_map(|(before, after)| Some((before?, after)));
        loaded.map(|(before, after)| Change::of_loaded(before, after)).collect()
    }

    fn changes(&self) -> Vec<Change> {
        let change = |(before, after): (Option<&R>, &R)| Change { before: before.map(R::row), after: after.row() };
        self.changed().map(change).collect()
    }

    fn copy(&self, index: usize, keys: &[Value], to: &mut dyn AnyShelf) {
        let Some(to) = (to as &mut dyn Any).downcast_mut::<Self>() else { return };
        for row in keys.iter().flat_map(|key| self.keys_by(index, key)).filter_map(|key| self.rows.get(&key)) {
            to.load_record(row.clone());
        }
    }

    fn check_absorb(&self, from: &dyn AnyShelf) -> Result<(), RowError> {
        let Some(from) = Self::same(from) else { return Ok(()) };
        let table = R::table();
        for (_, row) in from.changed() {
            for ((index, columns), key) in self.indexes.iter().zip(&table.indexes[1..]).zip(index_keys(row)) {
                let others = index.get(&key).into_iter().flatten().filter(|other| **other != row.key());
                if columns.unique && key != Value::Null && others.count() > 0 {
                    return Err(RowError(format!("{} has two rows with {key:?}", table.name)));
                }
            }
            table.check_counters(&row.row())?;
        }
        Ok(())
    }

    fn absorb(&mut self, from: &dyn AnyShelf) {
        let Some(from) = Self::same(from) else { return };
        from.changed().for_each(|(_, row)| self.load_record(row.clone()));
        self.ids = from.ids;
    }

    fn scan(&self, columns: &[usize], see: &mut dyn FnMut(&[Value])) {
        for row in self.rows.values() {
            see(&Pick::from(columns, |to| row.write(to)));
        }
    }

    fn forget(&mut self, keys: &[Value]) {
        let keys: Vec<R::Key> = keys.iter().flat_map(|key| self.keys_by(0, key)).collect();
        keys.iter().for_each(|key| drop(self.remove(key)));
    }

    fn forget_changes(&mut self) {
        self.originals.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::Category;
    use crate::domain::id::CategoryId;

    fn rename_after(requests: &[bool]) -> String {
        let id = CategoryId(1);
        let mut shelf = Shelf::<Category>::default();
        shelf.load_record(Category { id, name: "Music".to_owned(), description: None });
        for is_to_change in requests {
            shelf.mark_complete(0, &[id.value()], *is_to_change);
        }
        shelf.update(&id, |row| row.name = "Theatre".to_owned());
        shelf.get(&id).unwrap().name.clone()
    }

    #[test]
    fn a_row_that_is_requested_to_read_and_to_change_can_be_changed() {
        assert_eq!(rename_after(&[true, false]), "Theatre");
        assert_eq!(rename_after(&[false, true]), "Theatre");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "is not locked")]
    fn a_row_that_is_requested_to_read_only_cannot_be_changed() {
        rename_after(&[false]);
    }
}
