//! How a noun is stored: its table, key, indexes and locks. Declared once, by `table!`.

use super::row::{Column, Field, Kind, Row, RowError, Sink, Source, Stored, Value};
use super::working_set::Noun;
use std::marker::PhantomData;

/// How the rows of a table are locked. Every transaction locks in the order of the ranks, and by key within a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Each row is locked. Tables of a lower rank are locked first.
    Rank(u8),
    /// The row of another noun, which this column refers to, is locked instead. It is the lock of all rows that refer to it.
    With(Noun, &'static str),
    /// No lock: rows are only ever added. A unique index decides between two equal ones.
    Never,
}

/// A table, as every storage sees it. The first column is its key.
#[derive(Debug)]
pub struct Table {
    /// The noun.
    pub noun: Noun,
    /// Its name in a database.
    pub name: &'static str,
    /// Its columns: the key first, derived ones last.
    pub columns: Vec<Column>,
    /// How its rows are locked.
    pub lock: Lock,
    /// The noun that a column of its rows refers to, and that column: who reads a row reads that one too. A storage may read both in one
    /// statement, where it locks nothing.
    pub read_with: Option<(Noun, &'static str)>,
    /// Its indexes. The first one is the key's.
    pub indexes: Vec<IndexColumns>,
    /// The table of its parts, if its rows have parts.
    pub part: Option<PartTable>,
    /// Whether the storage assigns its keys.
    pub numbered: bool,
    /// The columns of all indexes but the key's, one after the other.
    pub(crate) indexed: Vec<usize>,
}

/// The columns of an index, by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexColumns {
    /// Their positions in the table.
    pub columns: Vec<usize>,
    /// Whether the values must be unique. Rows with a null in one of the columns are exempt.
    pub unique: bool,
}

/// A table of parts: rows that are never loaded or changed without the row they belong to.
#[derive(Debug)]
pub struct PartTable {
    /// Its name in a database.
    pub name: &'static str,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The position of the column that refers to the row it is a part of.
    pub parent: usize,
    /// The position of the column with the number of the part, counted from 0.
    pub position: usize,
    /// The positions of the columns that identify a part.
    pub key: &'static [usize],
    /// Whether the storage assigns the number in its first column.
    pub numbered: bool,
}

impl Table {
    /// The position of a column.
    ///
    /// # Panics
    /// If there is no such column. A declaration names only columns of its own table.
    pub fn position(&self, column: &str) -> usize {
        let found = self.columns.iter().position(|known| known.name == column);
        found.unwrap_or_else(|| panic!("{} has no column {column}", self.name))
    }

    /// The name of the key's column.
    pub fn key(&self) -> &'static str {
        self.columns[0].name
    }

    /// The columns that are read back, which are the first ones.
    pub fn read_columns(&self) -> &[Column] {
        let stored = self.columns.iter().take_while(|column| !column.derived).count();
        &self.columns[..stored]
    }

    /// Whether an index has a column that is derived.
    pub(crate) fn has_derived_index(&self) -> bool {
        self.indexed.iter().any(|column| self.columns[*column].derived)
    }

    /// For storages without constraints of their own: rejects a row with a [counter](Kind::Sum) below zero.
    pub fn check_counters(&self, row: &Row) -> Result<(), RowError> {
        let is_below = |columns: &[Column], values: &[Value]| {
            let counters = columns.iter().zip(values).filter(|(column, _)| column.kind == Kind::Sum);
            counters.into_iter().any(|(_, value)| matches!(value, Value::Int(count) if *count < 0))
        };
        let of_parts = self.part.as_ref().map_or(&[][..], |part| &part.columns);
        if is_below(&self.columns, &row.values) || row.parts.iter().any(|part| is_below(of_parts, part)) {
            return Err(RowError(format!("a counter of {} {:?} is below zero", self.name, row.values[0])));
        }
        Ok(())
    }

    /// What the indexes were declared with, in positions.
    pub(crate) fn indexes_of(columns: &[Column], indexes: &[(&[&str], bool)]) -> (Vec<IndexColumns>, Vec<usize>) {
        let at = |name: &&str| {
            let found = columns.iter().position(|column| column.name == *name);
            found.unwrap_or_else(|| panic!("an index names the unknown column {name}"))
        };
        let mut all = vec![IndexColumns { columns: vec![0], unique: true }];
        all.extend(
            indexes
                .iter()
                .map(|(names, unique)| IndexColumns { columns: names.iter().map(at).collect(), unique: *unique }),
        );
        let indexed = all[1..].iter().flat_map(|index| index.columns.iter().copied()).collect();
        (all, indexed)
    }

    /// The rank that its rows are locked at.
    pub(crate) fn rank(&self) -> u8 {
        match self.lock {
            Lock::Rank(rank) => rank,
            Lock::With(owner, _) => owner.table().rank(),
            Lock::Never => u8::MAX,
        }
    }
}

impl IndexColumns {
    /// The key of a row in this index. `None` if one of the columns is null: such a row is not in the index.
    pub fn key_of(&self, row: &Row) -> Option<Value> {
        let mut values: Vec<Value> = self.columns.iter().map(|column| row.values[*column].clone()).collect();
        match values.as_slice() {
            values if values.contains(&Value::Null) => None,
            [_] => values.pop(),
            _ => Some(Value::Tuple(values)),
        }
    }
}

/// A type whose values are rows of a table. Implemented by `table!`.
pub trait Record: Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// The type of its key.
    type Key: Field + Ord + Clone + std::fmt::Debug + Send + Sync;
    /// Its noun.
    const NOUN: Noun;
    /// Its table.
    fn table() -> &'static Table;
    /// Its key.
    fn key(&self) -> Self::Key;
    /// Writes all of its columns.
    fn write(&self, to: &mut dyn Sink);
    /// Reads it without its parts.
    fn read(from: &mut dyn Source) -> Result<Self, RowError>;
    /// The number of its parts.
    fn parts(&self) -> usize;
    /// Writes a part.
    fn write_part(&self, position: usize, to: &mut dyn Sink);
    /// Reads its next part.
    fn read_part(&mut self, from: &mut dyn Source) -> Result<(), RowError>;

    /// The record with its parts as plain values.
    fn row(&self) -> Row {
        let mut values = Vec::with_capacity(Self::table().columns.len());
        self.write(&mut values);
        self.with_parts(values)
    }

    /// The record with its parts as plain values, and nulls for derived columns.
    fn stored_row(&self) -> Row {
        let mut stored = Stored(Vec::with_capacity(Self::table().columns.len()));
        self.write(&mut stored);
        self.with_parts(stored.0)
    }

    /// A row of these values, with the record's parts.
    fn with_parts(&self, values: Vec<Value>) -> Row {
        let part = |position| {
            let mut values = Vec::new();
            self.write_part(position, &mut values);
            values
        };
        Row { values, parts: (0..self.parts()).map(part).collect() }
    }
}

/// A part of a record.
pub trait Part<P>: Sized {
    /// Its table.
    fn table() -> PartTable;
    /// Writes all of its columns.
    fn write(&self, parent: &P, position: i64, to: &mut dyn Sink);
    /// Reads it.
    fn read(parent: &P, from: &mut dyn Source) -> Result<Self, RowError>;
}

/// A declared index of a record. The key's own index is number 0 and has no name.
pub struct Index<R>(pub(crate) usize, pub(crate) PhantomData<fn(R)>);

impl<R> Clone for Index<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Index<R> {}

impl<R> std::fmt::Debug for Index<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({})", self.0)
    }
}

/// The kinds of the columns of a field, found by inference.
pub(crate) fn kinds_of<R, F: Field>(_field: impl Fn(&R) -> &F) -> &'static [Kind] {
    F::KINDS
}

/// Adds the columns of a field.
pub(crate) fn add_columns(names: &'static [&'static str], kinds: &'static [Kind], to: &mut Vec<Column>) {
    assert_eq!(names.len(), kinds.len(), "a field has as many columns as it has names: {names:?}");
    to.extend(names.iter().zip(kinds).map(|(name, kind)| Column { name, kind: *kind, derived: false }));
}

/// The columns of a part.
pub(crate) fn part_columns(columns: &[(&'static str, Kind)]) -> Vec<Column> {
    columns.iter().map(|(name, kind)| Column { name, kind: *kind, derived: false }).collect()
}

/// Declares the table of a record.
///
/// ```text
/// table! {
///     Order in "orders", lock Lock::Rank(1);
///     numbered id: OrderId, reference, event_id, total [total_minor, currency];
///     part lines: OrderLine;
///     index BY_REFERENCE(reference) unique;
/// }
/// ```
/// - Each field is a column of its own name unless column names are given. `as` names another way to store it.
/// - A `numbered` key is given out by the storage, a `keyed` one comes with the record.
/// - `unstored` fields have no column and are read as their default.
/// - A `part` is a `Vec` in a table of its own.
/// - A `derived` column is written, for indexes and searches, and never read back. It depends on columns that are no counters, and
///   on parts.
/// - `read_with Account by "account_id"` after the lock: see [`Table::read_with`].
macro_rules! table {
    ($record:ident in $table:literal, lock $lock:expr $(, read_with $with:ident by $with_column:literal)?;
        $keyword:ident $key:ident: $key_type:ty, $($field:ident $(as $via:ident)? $([$($column:ident),+])?),+;
        $(unstored $unstored:ident;)*
        $(part $part:ident: $part_type:ty;)?
        $(derived $derived:ident = $derive:expr;)*
        $(index $index:ident($($by:ident),+) $($unique:ident)?;)*
    ) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, dead_code)]
        enum Position { KEY, $($index),* }
        $(#[allow(dead_code, reason = "declared for lists, constraints and later look-ups")]
        pub(crate) const $index: $crate::domain::table::Index<$record> =
            $crate::domain::table::Index(Position::$index as usize, std::marker::PhantomData);)*

        impl $crate::domain::table::Record for $record {
            type Key = $key_type;
            const NOUN: $crate::domain::working_set::Noun = $crate::domain::working_set::Noun::$record;

            fn table() -> &'static $crate::domain::table::Table {
                use $crate::domain::table::{Table, add_columns, kinds_of};
                static TABLE: std::sync::LazyLock<Table> = std::sync::LazyLock::new(|| {
                    let mut columns = Vec::new();
                    add_columns(&[stringify!($key)], kinds_of(|row: &$record| &row.$key), &mut columns);
                    $(add_columns(
                        table!(@names $field $([$($column),+])?), table!(@kinds $record $field $($via)?), &mut columns,
                    );)+
                    $(columns.push($crate::domain::row::Column {
                        name: stringify!($derived), kind: $crate::domain::row::Kind::Text, derived: true,
                    });)*
                    let (indexes, indexed) = Table::indexes_of(&columns, &[$(
                        (&[$(stringify!($by)),+], table!(@unique $($unique)?))
                    ),*]);
                    Table {
                        noun: <$record as $crate::domain::table::Record>::NOUN,
                        name: $table,
                        columns,
                        lock: $lock,
                        read_with: table!(@with $($with $with_column)?),
                        indexes,
                        part: table!(@part $record $($part_type)?),
                        numbered: matches!(stringify!($keyword).as_bytes(), b"numbered"),
                        indexed,
                    }
                });
                &TABLE
            }

            fn key(&self) -> $key_type {
                self.$key.clone()
            }

            fn write(&self, to: &mut dyn $crate::domain::row::Sink) {
                $crate::domain::row::Field::store(&self.$key, to);
                $(table!(@store (&self.$field) to $($via)?);)+
                $(let derive: fn(&$record) -> Option<String> = $derive;
                to.derived(&|| derive(self));)*
            }

            fn read(from: &mut dyn $crate::domain::row::Source) -> Result<Self, $crate::domain::row::RowError> {
                Ok(Self {
                    $key: $crate::domain::row::required(from, concat!($table, ".", stringify!($key)))?,
                    $($field: table!(@read from (concat!($table, ".", stringify!($field))) $($via)?),)+
                    $($unstored: Default::default(),)*
                    $($part: Vec::new(),)?
                })
            }

            fn parts(&self) -> usize {
                0 $(+ self.$part.len())?
            }

            fn write_part(&self, _position: usize, _to: &mut dyn $crate::domain::row::Sink) {
                $(if let Some(part) = self.$part.get(_position) {
                    let at = i64::try_from(_position).unwrap_or(i64::MAX);
                    <$part_type as $crate::domain::table::Part<$record>>::write(part, self, at, _to);
                })?
            }

            fn read_part(
                &mut self,
                _from: &mut dyn $crate::domain::row::Source,
            ) -> Result<(), $crate::domain::row::RowError> {
                $(let part = <$part_type as $crate::domain::table::Part<$record>>::read(self, _from)?;
                self.$part.push(part);)?
                Ok(())
            }
        }
    };
    (@kinds $record:ident $field:ident) => { kinds_of(|row: &$record| &row.$field) };
    (@kinds $record:ident $field:ident $via:ident) => {
        <$crate::domain::row::$via as $crate::domain::row::StoredAs<_>>::KINDS
    };
    (@store ($value:expr) $to:ident) => { $crate::domain::row::Field::store($value, $to) };
    (@store ($value:expr) $to:ident $via:ident) => {
        <$crate::domain::row::$via as $crate::domain::row::StoredAs<_>>::store($value, $to)
    };
    (@read $from:ident ($what:expr)) => { $crate::domain::row::required($from, $what)? };
    (@read $from:ident ($what:expr) $via:ident) => {
        <$crate::domain::row::$via as $crate::domain::row::StoredAs<_>>::read($from)?
    };
    (@names $field:ident) => { &[stringify!($field)] };
    (@names $field:ident [$($column:ident),+]) => { &[$(stringify!($column)),+] };
    (@with) => { None };
    (@with $with:ident $column:literal) => { Some(($crate::domain::working_set::Noun::$with, $column)) };
    (@unique) => { false };
    (@unique unique) => { true };
    (@part $record:ident) => { None };
    (@part $record:ident $part:ty) => { Some(<$part as $crate::domain::table::Part<$record>>::table()) };
}

pub(crate) use table;
