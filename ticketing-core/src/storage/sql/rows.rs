//! Rows on their way to a statement, written column by column into the form in which they are bound.

use crate::domain::row::{Kind, Sink, Value, bit};
use std::io::Write as _;

/// Rows to be bound.
#[derive(Debug)]
pub(in crate::storage) enum Rows {
    /// One JSON text: an array of arrays. Bytes are hexadecimal digits.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "SQLite takes rows as one text"))]
    Json(JsonRows),
    /// An array for each column.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "PostgreSQL takes rows as arrays"))]
    Columns(ColumnRows),
}

impl Rows {
    /// Begins the next row.
    pub(in crate::storage) fn begin(&mut self) -> &mut dyn Sink {
        match self {
            Self::Json(rows) => rows.begin(),
            Self::Columns(rows) => rows.begin(),
        }
    }

    pub(in crate::storage) fn len(&self) -> usize {
        match self {
            Self::Json(rows) => rows.count,
            Self::Columns(rows) => rows.count,
        }
    }

    /// Drops the columns that are null in every row. Returns the positions of the others in a row.
    pub(in crate::storage) fn drop_nulls(&mut self, columns: usize) -> Vec<usize> {
        match self {
            Self::Json(rows) => (0..columns).filter(|at| rows.filled & bit(*at) != 0).collect(),
            Self::Columns(rows) => rows.drop_nulls(),
        }
    }

    /// Adds a row of plain values.
    pub(in crate::storage) fn push(&mut self, values: &[Value]) {
        let to = self.begin();
        values.iter().for_each(|value| put(to, value));
    }
}

/// Writes a value where its kind is to be known from itself: a null is then a null of any kind.
fn put(to: &mut dyn Sink, value: &Value) {
    match value {
        Value::Null | Value::Tuple(_) => to.int(None),
        Value::Int(value) => to.int(Some(*value)),
        Value::Text(value) => to.text(Some(value)),
        Value::Bytes(value) => to.bytes(Some(value)),
    }
}

#[derive(Debug, Default)]
pub(in crate::storage) struct JsonRows {
    text: Vec<u8>,
    count: usize,
    /// The column that is written next.
    at: usize,
    /// A bit for each column that is not null in every row.
    filled: u64,
}

impl JsonRows {
    fn begin(&mut self) -> &mut Self {
        self.text.extend_from_slice(if self.count == 0 { b"[[" } else { b"],[" });
        self.count += 1;
        self.at = 0;
        self
    }

    /// The whole text.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "SQLite takes rows as one text"))]
    pub(in crate::storage) fn finish(mut self) -> String {
        self.text.extend_from_slice(if self.count == 0 { b"[]" } else { b"]]" });
        // Made of JSON texts and ASCII only.
        String::from_utf8(self.text).unwrap_or_default()
    }

    fn next(&mut self, is_filled: bool) {
        if self.at > 0 {
            self.text.push(b',');
        }
        if is_filled {
            self.filled |= bit(self.at);
        }
        self.at += 1;
    }

    fn null(&mut self) {
        self.text.extend_from_slice(b"null");
    }
}

impl Sink for JsonRows {
    fn int(&mut self, value: Option<i64>) {
        self.next(value.is_some());
        match value {
            // Writing to a vector cannot fail.
            Some(value) => drop(serde_json::to_writer(&mut self.text, &value)),
            None => self.null(),
        }
    }

    fn text(&mut self, value: Option<&str>) {
        self.next(value.is_some());
        match value {
            Some(value) => drop(serde_json::to_writer(&mut self.text, value)),
            None => self.null(),
        }
    }

    fn bytes(&mut self, value: Option<&[u8]>) {
        self.next(value.is_some());
        match value {
            Some(value) => {
                self.text.push(b'"');
                value.iter().for_each(|byte| drop(write!(self.text, "{byte:02x}")));
                self.text.push(b'"');
            }
            None => self.null(),
        }
    }
}

/// The values of one column.
#[derive(Debug)]
#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "PostgreSQL takes rows as arrays"))]
pub(in crate::storage) enum ColumnValues {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl ColumnValues {
    fn is_filled(&self) -> bool {
        match self {
            Self::Int(values) => values.iter().any(Option::is_some),
            Self::Text(values) => values.iter().any(Option::is_some),
            Self::Bytes(values) => values.iter().any(Option::is_some),
        }
    }
}

#[derive(Debug)]
pub(in crate::storage) struct ColumnRows {
    columns: Vec<ColumnValues>,
    count: usize,
    /// The column that is written next.
    at: usize,
}

#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "PostgreSQL takes rows as arrays"))]
impl ColumnRows {
    pub(in crate::storage) fn new(kinds: &[Kind]) -> Self {
        let column = |kind: &Kind| match kind {
            Kind::Int | Kind::Sum => ColumnValues::Int(vec![]),
            Kind::Text => ColumnValues::Text(vec![]),
            Kind::Bytes => ColumnValues::Bytes(vec![]),
        };
        Self { columns: kinds.iter().map(column).collect(), count: 0, at: 0 }
    }

    fn begin(&mut self) -> &mut Self {
        self.count += 1;
        self.at = 0;
        self
    }

    pub(in crate::storage) fn finish(self) -> Vec<ColumnValues> {
        self.columns
    }

    fn drop_nulls(&mut self) -> Vec<usize> {
        let filled: Vec<bool> = self.columns.iter().map(ColumnValues::is_filled).collect();
        let mut each = filled.iter();
        self.columns.retain(|_| each.next().is_some_and(|filled| *filled));
        (0..filled.len()).filter(|at| filled[*at]).collect()
    }

    fn next(&mut self) -> Option<&mut ColumnValues> {
        self.at += 1;
        self.columns.get_mut(self.at - 1)
    }
}

impl Sink for ColumnRows {
    fn int(&mut self, value: Option<i64>) {
        match (self.next(), value) {
            (Some(ColumnValues::Int(column)), value) => column.push(value),
            (Some(ColumnValues::Text(column)), None) => column.push(None),
            (Some(ColumnValues::Bytes(column)), None) => column.push(None),
            (column, value) => debug_assert!(false, "{value:?} was written to {column:?}"),
        }
    }

    fn text(&mut self, value: Option<&str>) {
        match self.next() {
            Some(ColumnValues::Text(column)) => column.push(value.map(str::to_owned)),
            column => debug_assert!(false, "a text was written to {column:?}"),
        }
    }

    fn bytes(&mut self, value: Option<&[u8]>) {
        match self.next() {
            Some(ColumnValues::Bytes(column)) => column.push(value.map(<[u8]>::to_vec)),
            column => debug_assert!(false, "bytes were written to {column:?}"),
        }
    }
}
