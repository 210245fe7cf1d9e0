//! Loads what is needed, round by round, and locks it where the database has row locks.
//!
//! Every transaction takes its locks in the same direction: rank by rank, and by key within a table.

use super::kept::Kept;
use super::list::{claim, page, value};
use super::{Connection, Found, Result, Statement};
use crate::domain::load::{LoadKeys, Lookup, Needs};
use crate::domain::row::{Column, Kind, Value};
use crate::domain::table::{Lock, Table};
use crate::domain::working_set::{Noun, WorkingSet};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Reads what is needed, without locks.
pub(in crate::storage) async fn load(connection: &mut dyn Connection, needs: &dyn Needs) -> Result<WorkingSet> {
    let mut rows = WorkingSet::default();
    let (load, kept) = (LoadKeys::default(), Kept::default());
    Loader { load, kept, locks: false, joins: true, locked: BTreeSet::new() }
        .load(connection, needs, &mut rows)
        .await?;
    Ok(rows)
}

/// Loads what works need that share a transaction, and locks it where the database has row locks.
pub(in crate::storage) struct Loader {
    load: LoadKeys,
    /// Rows that need not be read.
    kept: Kept,
    locks: bool,
    /// Whether rows are read [with](Table::read_with) those that they refer to. Not in a transaction: it may have changed those already.
    joins: bool,
    locked: BTreeSet<(Noun, Value)>,
}

impl Loader {
    /// For a transaction at this time. The kept rows must be as they are in the database.
    pub(in crate::storage) fn new(connection: &dyn Connection, now: Timestamp, kept: Kept) -> Self {
        let locks = connection.dialect().has_row_locks();
        Self { load: LoadKeys::at(now), kept, locks, joins: false, locked: BTreeSet::new() }
    }

    /// The rows that were kept before the transaction.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "PostgreSQL has many writers"))]
    pub(in crate::storage) fn into_kept(self) -> Kept {
        self.kept
    }

    /// Loads what is needed and not loaded yet.
    pub(in crate::storage) async fn load(
        &mut self,
        connection: &mut dyn Connection,
        needs: &dyn Needs,
        rows: &mut WorkingSet,
    ) -> Result<()> {
        while let Some(round) = self.load.next_round(needs, rows)? {
            for list in round.claims {
                let keys = claim(connection, &list).await?;
                if let Lock::Rank(_) = list.noun.table().lock {
                    self.locked.extend(keys.iter().map(|key| (list.noun, key.clone())));
                }
                by_index(connection, list.noun, 0, &keys, "", rows).await?;
                rows.shelf_mut(list.noun).mark_complete(0, &keys, true);
                rows.keep_claim(list.name, keys);
            }
            for list in round.lists {
                let page = page(connection, &list).await?;
                if !list.keys_only {
                    by_index(connection, list.noun, 0, &page.items, "", rows).await?;
                    rows.shelf_mut(list.noun).mark_complete(0, &page.items, false);
                }
                rows.keep_page(list.name, page);
            }
            if self.locks {
                lock(connection, &round.lookups, &mut self.locked, rows).await?;
            }
            for lookup in round.lookups {
                // What was locked was read with it.
                let with = lookup.noun.table().read_with.filter(|_| self.joins);
                match with {
                    _ if self.locks && lookup.is_locked_by_row() => {}
                    Some((with, column)) => by_index_with(connection, &lookup, with, column, rows).await?,
                    None => {
                        let keys = self.kept.copy(&lookup, rows)?;
                        by_index(connection, lookup.noun, lookup.index, &keys, "", rows).await?;
                    }
                }
                rows.shelf_mut(lookup.noun).mark_complete(lookup.index, &lookup.keys, lookup.is_to_change);
            }
        }
        Ok(())
    }
}

/// Locks the rows that are asked for, or their owners, by key, and keeps what it reads of them.
async fn lock(
    connection: &mut dyn Connection,
    lookups: &[Lookup],
    locked: &mut BTreeSet<(Noun, Value)>,
    rows: &mut WorkingSet,
) -> Result<()> {
    let mut wanted: BTreeMap<Noun, BTreeSet<Value>> = BTreeMap::new();
    for Lookup { noun, index, keys, .. } in lookups.iter().filter(|lookup| lookup.is_to_change) {
        let table = noun.table();
        let (owner, column) = match table.lock {
            Lock::Rank(_) => (*noun, table.key()),
            Lock::With(owner, column) => (owner, column),
            Lock::Never => continue,
        };
        let is_key = |column: &str| table.indexes[*index].columns == [table.position(column)];
        let owners = wanted.entry(owner).or_default();
        if is_key(column) {
            // The keys name the rows to be locked: nothing has to be read to find them.
            owners.extend(keys.iter().cloned());
            continue;
        }
        // Which rows those are never changes: it may be read without a lock.
        let mut statement = Statement::default();
        let which = statement.one_of(connection.dialect(), &index_columns(table, *index, ""), keys);
        statement.sql = format!("select {column} from {} where {which}", table.name);
        let kind = owner.table().columns[0].kind;
        let mut see = |row: &mut dyn Found| {
            owners.insert(value(row, kind)?);
            Ok(())
        };
        connection.fetch(statement, &mut see).await?;
    }
    for (noun, mut keys) in wanted {
        keys.retain(|key| locked.insert((noun, key.clone())));
        let keys: Vec<Value> = keys.into_iter().collect();
        by_index(connection, noun, 0, &keys, " for update", rows).await?;
    }
    Ok(())
}

fn index_columns(table: &Table, index: usize, alias: &str) -> Vec<(String, Kind)> {
    let column = |position: &usize| {
        let Column { name, kind, .. } = table.columns[*position];
        (format!("{alias}{name}"), kind)
    };
    table.indexes[index].columns.iter().map(column).collect()
}

fn names(columns: &[Column], alias: &str) -> String {
    columns.iter().map(|column| format!("{alias}{}", column.name)).collect::<Vec<_>>().join(", ")
}

/// Reads the rows with these keys of an index, with their parts.
pub(super) async fn by_index(
    connection: &mut dyn Connection,
    noun: Noun,
    index: usize,
    keys: &[Value],
    lock: &str,
    rows: &mut WorkingSet,
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let (table, shelf) = (noun.table(), rows.shelf_mut(noun));
    let mut statement = Statement::default();
    let which = statement.one_of(connection.dialect(), &index_columns(table, index, "t."), keys);
    let (own, name, key) = (table.read_columns(), table.name, table.key());
    let columns = names(own, "t.");
    let Some(part) = table.part.as_ref() else {
        statement.sql = format!("select {columns} from {name} t where {which} order by t.{key}{lock}");
        let mut see = |row: &mut dyn Found| Ok(shelf.load(row).map(drop)?);
        return connection.fetch(statement, &mut see).await;
    };
    let (parent, position) = (part.columns[part.parent], part.columns[part.position].name);
    if lock.is_empty() {
        // In one statement, and so as of one moment: a row for each part, with the record repeated.
        let columns = format!("{columns}, {}", names(&part.columns, "p."));
        let join = format!("left join {} p on p.{} = t.{key}", part.name, parent.name);
        statement.sql = format!("select {columns} from {name} t {join} where {which} order by t.{key}, p.{position}");
        let mut last = Value::Null;
        let mut see = |row: &mut dyn Found| {
            let key = value(row, table.columns[0].kind)?;
            if key != last {
                row.seek(0);
                last = shelf.load(row)?;
            }
            row.seek(own.len() + part.parent);
            if value(row, parent.kind)? != Value::Null {
                row.seek(own.len());
                shelf.load_part(&last, row)?;
            }
            Ok(())
        };
        return connection.fetch(statement, &mut see).await;
    }
    // In two statements: parts that are read with the lock could be older than it.
    statement.sql = format!("select {columns} from {name} t where {which} order by t.{key}{lock}");
    let mut found = vec![];
    let mut see = |row: &mut dyn Found| {
        found.push(shelf.load(row)?);
        Ok(())
    };
    connection.fetch(statement, &mut see).await?;
    if found.is_empty() {
        return Ok(());
    }
    let mut statement = Statement::default();
    let which = statement.one_of(connection.dialect(), &[(format!("p.{}", parent.name), parent.kind)], &found);
    let columns = names(&part.columns, "p.");
    statement.sql =
        format!("select {columns} from {} p where {which} order by p.{}, p.{position}", part.name, parent.name);
    let mut see = |row: &mut dyn Found| {
        row.seek(part.parent);
        let of = value(row, parent.kind)?;
        row.seek(0);
        Ok(shelf.load_part(&of, row)?)
    };
    connection.fetch(statement, &mut see).await
}

/// Reads the rows of a look-up, which have no parts, and with each the row of another noun that its column refers to, in one statement.
async fn by_index_with(
    connection: &mut dyn Connection,
    lookup: &Lookup,
    with: Noun,
    column: &str,
    rows: &mut WorkingSet,
) -> Result<()> {
    let (table, other) = (lookup.noun.table(), with.table());
    let mut statement = Statement::default();
    let which = statement.one_of(connection.dialect(), &index_columns(table, lookup.index, "t."), &lookup.keys);
    let (own, others, key) = (table.read_columns(), other.read_columns(), table.key());
    let mut columns = format!("{}, {}", names(own, "t."), names(others, "o."));
    let mut join = format!("join {} o on o.{} = t.{column}", other.name, other.key());
    let mut order = format!("t.{key}");
    if let Some(part) = &other.part {
        let (parent, position) = (part.columns[part.parent].name, part.columns[part.position].name);
        columns = format!("{columns}, {}", names(&part.columns, "p."));
        join = format!("{join} left join {} p on p.{parent} = o.{}", part.name, other.key());
        order = format!("{order}, p.{position}");
    }
    statement.sql = format!("select {columns} from {} t {join} where {which} order by {order}", table.name);
    let (mut last, mut owner) = (Value::Null, Value::Null);
    let mut see = |row: &mut dyn Found| {
        let key = value(row, table.columns[0].kind)?;
        if key != last {
            row.seek(0);
            last = rows.shelf_mut(lookup.noun).load(row)?;
            row.seek(own.len());
            // Without its parts, which follow. Two rows may refer to one.
            owner = rows.shelf_mut(with).load(row)?;
        }
        if let Some(part) = &other.part {
            let parts = own.len() + others.len();
            row.seek(parts + part.parent);
            if value(row, part.columns[part.parent].kind)? != Value::Null {
                row.seek(parts);
                rows.shelf_mut(with).load_part(&owner, row)?;
            }
        }
        Ok(())
    };
    connection.fetch(statement, &mut see).await
}
