//! Writes the difference: one statement for all new rows of a table, one for all changed ones, and all of them at once.

use super::rows::Rows;
use super::{Connection, Dialect, Parameter, Result, Statement, broken};
use crate::domain::row::{Column, Kind, Sink, Value};
use crate::domain::shelf::{Change, NewRows};
use crate::domain::table::Table;
use crate::domain::working_set::{Noun, WorkingSet};

/// Writes what was changed, owners first, in one statement: a batch of one must not wait for the database a dozen times. Says
/// whether there was anything.
pub(in crate::storage) async fn write(connection: &mut dyn Connection, rows: &WorkingSet) -> Result<bool> {
    let mut writer = Writer { dialect: connection.dialect(), statement: Statement::default(), parts: vec![], rows: 0 };
    for noun in Noun::ALL {
        let shelf = rows.shelf(*noun);
        if shelf.is_changed() {
            let table = shelf.table();
            let mut new = New::of(writer.dialect, table);
            shelf.write_new(&mut new);
            let updates = shelf.updates();
            writer.table(table, new, updates);
        }
    }
    let Writer { dialect, mut statement, parts, rows: expected } = writer;
    if parts.is_empty() {
        return Ok(false);
    }
    statement.sql = dialect.together(&parts);
    // Every row given concerns exactly one row of its table: no statement can write more than it is given, and one that does
    // not find a row would lose a change silently.
    match connection.execute(statement).await? {
        written if written == expected => Ok(true),
        written => Err(broken(format!("{written} rows were written instead of {expected}"))),
    }
}

/// New rows of a table and of its parts.
struct New {
    own: Rows,
    parts: Option<Rows>,
}

impl New {
    fn of(dialect: &dyn Dialect, table: &Table) -> Self {
        let parts = table.part.as_ref().map(|part| dialect.rows(kinds(&part.columns)));
        Self { own: dialect.rows(kinds(&table.columns)), parts }
    }
}

impl NewRows for New {
    fn row(&mut self) -> &mut dyn Sink {
        self.own.begin()
    }

    fn part(&mut self) -> &mut dyn Sink {
        match &mut self.parts {
            Some(parts) => parts.begin(),
            // Only records with a table of parts have parts.
            None => self.own.begin(),
        }
    }
}

fn kinds(columns: &[Column]) -> Vec<Kind> {
    columns.iter().map(|column| column.kind).collect()
}

struct Writer {
    dialect: &'static dyn Dialect,
    statement: Statement,
    parts: Vec<String>,
    rows: u64,
}

/// The part as it was: mostly at the same position, but parts can be reordered.
fn part_before<'a>(parts: &'a [Vec<Value>], position: usize, after: &[Value], key: &[usize]) -> Option<&'a Vec<Value>> {
    let is_same = |part: &&Vec<Value>| key.iter().all(|at| part[*at] == after[*at]);
    parts.get(position).filter(is_same).or_else(|| parts.iter().find(is_same))
}

impl Writer {
    fn table(&mut self, table: &'static Table, new: New, updates: Vec<Change>) {
        let New { own, parts: mut new_parts } = new;
        let (mut changed, mut changed_parts) = (vec![], vec![]);
        for change in updates {
            let before = change.before.unwrap_or_default();
            let key = table.part.as_ref().map_or(&[][..], |part| part.key);
            for (position, after) in change.after.parts.into_iter().enumerate() {
                match (part_before(&before.parts, position, &after, key), &mut new_parts) {
                    (Some(before), _) if *before == after => {}
                    (Some(before), _) => changed_parts.push((before.clone(), after)),
                    (None, Some(new)) => new.push(&after),
                    (None, None) => {}
                }
            }
            if before.values != change.after.values {
                changed.push((before.values, change.after.values));
            }
        }
        self.insert(table.name, &table.columns, own);
        self.update(table.name, &table.columns, &[0], changed);
        if let (Some(part), Some(new)) = (&table.part, new_parts) {
            self.insert(part.name, &part.columns, new);
            self.update(part.name, &part.columns, part.key, changed_parts);
        }
    }

    /// Leaves out the columns that are null in every row: that is what they become anyway, and each column costs time in each row.
    fn insert(&mut self, table: &str, columns: &[Column], mut rows: Rows) {
        let filled: Vec<(usize, Column)> =
            rows.drop_nulls(columns.len()).into_iter().map(|at| (at, columns[at])).collect();
        let names = filled.iter().map(|(_, column)| column.name).collect::<Vec<_>>().join(", ");
        let kinds = filled.iter().map(|(at, column)| (*at, column.kind)).collect();
        self.add(kinds, rows, |source, values| {
            // Sorted by key: another transaction that inserts some of the same rows takes the same direction.
            format!("insert into {table} ({names}) select {} from {source} order by 1", values.join(", "))
        });
    }

    /// Sets the columns that differ in any of the rows. To counters, adds what was added.
    fn update(&mut self, table: &str, columns: &[Column], key: &[usize], rows: Vec<(Vec<Value>, Vec<Value>)>) {
        if rows.is_empty() {
            return;
        }
        let differs = |at: &usize| rows.iter().any(|(before, after)| before[*at] != after[*at]);
        let set: Vec<usize> = (0..columns.len()).filter(|at| !key.contains(at)).filter(differs).collect();
        let written: Vec<usize> = key.iter().chain(&set).copied().collect();
        let kinds: Vec<Kind> = written.iter().map(|at| columns[*at].kind).collect();
        let mut source = self.dialect.rows(kinds.clone());
        for (before, after) in rows {
            let value = |at: &usize| match (columns[*at].kind, &before[*at], &after[*at]) {
                (Kind::Sum, Value::Int(before), Value::Int(after)) => Value::Int(after - before),
                (_, _, after) => after.clone(),
            };
            source.push(&written.iter().map(value).collect::<Vec<_>>());
        }
        let name = |at: &usize| columns[*at].name;
        let sets: Vec<String> = set
            .iter()
            .map(|at| match columns[*at].kind {
                Kind::Sum => format!("{0} = {table}.{0} + s.{0}", name(at)),
                Kind::Int | Kind::Text | Kind::Bytes => format!("{0} = s.{0}", name(at)),
            })
            .collect();
        let keys: Vec<String> = key.iter().map(|at| format!("{table}.{0} = s.{0}", name(at))).collect();
        self.add(kinds.into_iter().enumerate().collect(), source, |source, values| {
            let named = values.iter().zip(&written).map(|(value, at)| format!("{value} as {}", name(at)));
            let named = named.collect::<Vec<_>>().join(", ");
            let (sets, keys) = (sets.join(", "), keys.join(" and "));
            format!("update {table} set {sets} from (select {named} from {source}) s where {keys}")
        });
    }

    fn add(&mut self, kinds: Vec<(usize, Kind)>, rows: Rows, text: impl FnOnce(String, Vec<String>) -> String) {
        if rows.len() == 0 {
            return;
        }
        self.rows += rows.len() as u64;
        let (source, values) = self.dialect.source(&kinds, &mut self.statement.bound);
        self.parts.push(text(source, values));
        self.statement.parameters.push(Parameter::Rows(rows));
    }
}
