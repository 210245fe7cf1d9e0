//! Records as rows: which columns a type has, and how it is written to them and read from them.
//!
//! A storage never sees a noun. It sees tables with columns of a few [kinds](Kind). The values of a row are written to a [`Sink`]
//! and read from a [`Source`], one by one, in the order of the columns.

use super::code::{Reference, TicketCode};
use super::money::{Currency, Money};
use super::principal::{Buyer, EmailAddress, Principal};
use jiff::Timestamp;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// A 64-bit integer.
    Int,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A counter. A change is added, never set, so what another transaction has added meanwhile is kept, and the table's
    /// constraints check the sum.
    Sum,
}

/// A value of a column, or of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// Of [`Kind::Int`] and [`Kind::Sum`].
    Int(i64),
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Bytes`].
    Bytes(Vec<u8>),
    /// The values of several columns, only in keys of indexes.
    Tuple(Vec<Value>),
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the database.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it is derived from other columns. It is written and never read back.
    pub derived: bool,
}

/// A record as plain values, for storages that keep rows as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Row {
    /// One for each column of the table.
    pub values: Vec<Value>,
    /// Its parts, with one value for each column of their table.
    pub parts: Vec<Vec<Value>>,
}

/// A row that cannot be read, or that a storage cannot accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RowError(pub String);

impl RowError {
    pub(crate) fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Receives the values of a row, column by column.
pub trait Sink {
    /// A value of [`Kind::Int`] or [`Kind::Sum`].
    fn int(&mut self, value: Option<i64>);
    /// A value of [`Kind::Text`].
    fn text(&mut self, value: Option<&str>);
    /// A value of [`Kind::Bytes`].
    fn bytes(&mut self, value: Option<&[u8]>);
    /// The text of a derived column. Not made where nobody wants it: a key to search by takes longer than the rest of the row.
    fn derived(&mut self, value: &dyn Fn() -> Option<String>) {
        self.text(value().as_deref());
    }
}

/// Returns the values of a row, column by column.
pub trait Source {
    /// A value of [`Kind::Int`] or [`Kind::Sum`].
    fn int(&mut self) -> Result<Option<i64>, RowError>;
    /// A value of [`Kind::Text`].
    fn text(&mut self) -> Result<Option<String>, RowError>;
    /// A value of [`Kind::Bytes`].
    fn bytes(&mut self) -> Result<Option<Vec<u8>>, RowError>;
}

impl Sink for Vec<Value> {
    fn int(&mut self, value: Option<i64>) {
        self.push(value.map_or(Value::Null, Value::Int));
    }

    fn text(&mut self, value: Option<&str>) {
        self.push(value.map_or(Value::Null, |text| Value::Text(text.to_owned())));
    }

    fn bytes(&mut self, value: Option<&[u8]>) {
        self.push(value.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec())));
    }
}

impl Source for std::vec::IntoIter<Value> {
    fn int(&mut self) -> Result<Option<i64>, RowError> {
        match self.next() {
            Some(Value::Int(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            other => Err(RowError(format!("the value must be a whole number (got {other:?})"))),
        }
    }

    fn text(&mut self) -> Result<Option<String>, RowError> {
        match self.next() {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            other => Err(RowError(format!("the value must be a text (got {other:?})"))),
        }
    }

    fn bytes(&mut self) -> Result<Option<Vec<u8>>, RowError> {
        match self.next() {
            Some(Value::Bytes(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            other => Err(RowError(format!("the value must be bytes (got {other:?})"))),
        }
    }
}

/// Keeps the values of some columns and drops the others without copying them.
pub(crate) struct Pick<'a> {
    wanted: &'a [usize],
    /// A bit for each wanted column, so that the others cost next to nothing.
    mask: u64,
    at: usize,
    picked: Vec<Value>,
}

impl<'a> Pick<'a> {
    /// The values of these columns, in their order. Columns are given by position.
    pub(crate) fn from(wanted: &'a [usize], write: impl FnOnce(&mut dyn Sink)) -> Vec<Value> {
        let mask = wanted.iter().fold(0, |mask, column| mask | bit(*column));
        let mut pick = Pick { wanted, mask, at: 0, picked: vec![Value::Null; wanted.len()] };
        write(&mut pick);
        pick.picked
    }

    fn put(&mut self, value: impl Fn() -> Value) {
        if self.mask & bit(self.at) != 0 {
            for (place, wanted) in self.picked.iter_mut().zip(self.wanted) {
                if *wanted == self.at {
                    *place = value();
                }
            }
        }
        self.at += 1;
    }
}

/// The bit of a column, by its position. Columns from the 64th on share one.
pub(crate) fn bit(column: usize) -> u64 {
    1 << column.min(63)
}

impl Sink for Pick<'_> {
    fn int(&mut self, value: Option<i64>) {
        self.put(|| value.map_or(Value::Null, Value::Int));
    }

    fn text(&mut self, value: Option<&str>) {
        self.put(|| value.map_or(Value::Null, |text| Value::Text(text.to_owned())));
    }

    fn bytes(&mut self, value: Option<&[u8]>) {
        self.put(|| value.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec())));
    }

    fn derived(&mut self, value: &dyn Fn() -> Option<String>) {
        self.put(|| value().map_or(Value::Null, Value::Text));
    }
}

/// The values of a row, with nulls for derived columns.
pub(crate) struct Stored(pub(crate) Vec<Value>);

impl Sink for Stored {
    fn int(&mut self, value: Option<i64>) {
        self.0.int(value);
    }

    fn text(&mut self, value: Option<&str>) {
        self.0.text(value);
    }

    fn bytes(&mut self, value: Option<&[u8]>) {
        self.0.bytes(value);
    }

    fn derived(&mut self, _value: &dyn Fn() -> Option<String>) {
        self.0.push(Value::Null);
    }
}

/// A type that is stored in one column of a row, or in several.
pub trait Field: Sized {
    /// The kinds of its columns.
    const KINDS: &'static [Kind];

    /// Writes its columns.
    fn store(&self, to: &mut dyn Sink);

    /// Reads its columns. Returns `None` if all of them are null.
    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError>;

    /// Writes the columns of an absent value: nulls.
    fn store_none(to: &mut dyn Sink) {
        for kind in Self::KINDS {
            match kind {
                Kind::Int | Kind::Sum => to.int(None),
                Kind::Text => to.text(None),
                Kind::Bytes => to.bytes(None),
            }
        }
    }

    /// As a key: one value, or a tuple if it has several columns.
    fn value(&self) -> Value {
        let mut values = Vec::with_capacity(Self::KINDS.len());
        self.store(&mut values);
        if values.len() == 1 { values.remove(0) } else { Value::Tuple(values) }
    }
}

/// Reads a field that must be there.
pub(crate) fn required<T: Field>(from: &mut dyn Source, what: &str) -> Result<T, RowError> {
    T::read(from)?.ok_or_else(|| RowError(format!("{what} must not be null")))
}

/// Stores a field of type `T` otherwise than the type says: `organizer as Organizer` in the declaration of a table.
pub(crate) trait StoredAs<T> {
    /// The kinds of its columns.
    const KINDS: &'static [Kind];

    /// Writes its columns.
    fn store(value: &T, to: &mut dyn Sink);

    /// Reads its columns.
    fn read(from: &mut dyn Source) -> Result<T, RowError>;
}

/// An organiser, who may be an organisation: three columns. For an organisation the second one is empty, which no identity of an
/// application is. So a process of an earlier version, which knows two columns, reads an organiser who is nobody.
pub(crate) struct Organizer;

impl StoredAs<Principal> for Organizer {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text, Kind::Int];

    fn store(value: &Principal, to: &mut dyn Sink) {
        match value {
            Principal::Organisation(_) => {
                to.int(None);
                to.text(Some(""));
            }
            Principal::Account(_) | Principal::External(_) | Principal::Key { .. } | Principal::Guest(_) => {
                value.store(to)
            }
        }
        to.int(value.organisation().map(|id| id.0));
    }

    fn read(from: &mut dyn Source) -> Result<Principal, RowError> {
        let other = required(from, "an organiser")?;
        Ok(from.int()?.map_or(other, |id| Principal::Organisation(id.into())))
    }
}

/// A holder of tickets, who may be a guest: three columns. For a guest the second one is empty, which no identity of an application is, and
/// the third one has the reference of the order.
pub(crate) struct Holder;

impl StoredAs<Principal> for Holder {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text, Kind::Text];

    fn store(value: &Principal, to: &mut dyn Sink) {
        match value.guest() {
            Some(_) => {
                to.int(None);
                to.text(Some(""));
            }
            None => value.store(to),
        }
        to.text(value.guest().map(Reference::as_str));
    }

    fn read(from: &mut dyn Source) -> Result<Principal, RowError> {
        let other = required(from, "a holder")?;
        Ok(Reference::read(from)?.map_or(other, Principal::Guest))
    }
}

/// Who has scanned, which may be an API key: three columns. The account of a key's maker is in the first one, so a process of an earlier
/// version, which knows two columns, reads the maker. The third one has the key and the maker once more: such a process changes the first two
/// and leaves it as it is, and then it does not count.
pub(crate) struct Scanner;

impl StoredAs<Principal> for Scanner {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text, Kind::Text];

    fn store(value: &Principal, to: &mut dyn Sink) {
        let Principal::Key { id, maker } = value else {
            value.store(to);
            return to.text(None);
        };
        Principal::Account(*maker).store(to);
        to.text(Some(&format!("{id} {maker}")));
    }

    fn read(from: &mut dyn Source) -> Result<Principal, RowError> {
        let who: Principal = required(from, "who has scanned")?;
        let Some(text) = from.text()? else { return Ok(who) };
        let both = text.split_once(' ').and_then(|(id, maker)| Some((id.parse().ok()?, maker.parse().ok()?)));
        let (id, maker): (i64, i64) =
            both.ok_or_else(|| RowError(format!("a key that has scanned cannot be read: {text:?}")))?;
        let is_its = who == Principal::Account(maker.into());
        Ok(if is_its { Principal::Key { id: id.into(), maker: maker.into() } } else { who })
    }
}

impl<T: Field> Field for Option<T> {
    const KINDS: &'static [Kind] = T::KINDS;

    fn store(&self, to: &mut dyn Sink) {
        match self {
            Some(field) => field.store(to),
            None => T::store_none(to),
        }
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        Ok(Some(T::read(from)?))
    }
}

impl<A: Field, B: Field> Field for (A, B) {
    const KINDS: &'static [Kind] = &[];

    fn store(&self, to: &mut dyn Sink) {
        self.0.store(to);
        self.1.store(to);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        Ok(A::read(from)?.zip(B::read(from)?))
    }
}

impl Field for i64 {
    const KINDS: &'static [Kind] = &[Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        to.int(Some(*self));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.int()
    }
}

impl Field for u32 {
    const KINDS: &'static [Kind] = &[Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        to.int(Some(i64::from(*self)));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.int()?.map(|value| Self::try_from(value).map_err(RowError::of)).transpose()
    }
}

impl Field for bool {
    const KINDS: &'static [Kind] = &[Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        to.int(Some(i64::from(*self)));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        Ok(from.int()?.map(|value| value != 0))
    }
}

impl Field for String {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(Some(self));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.text()
    }
}

impl Field for Vec<u8> {
    const KINDS: &'static [Kind] = &[Kind::Bytes];

    fn store(&self, to: &mut dyn Sink) {
        to.bytes(Some(self));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.bytes()
    }
}

/// Microseconds since 1970: whole numbers sort and compare exactly.
impl Field for Timestamp {
    const KINDS: &'static [Kind] = &[Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        to.int(Some(self.as_microsecond()));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        // Not `from_microsecond`: it rejects the fractions of the last second that there is.
        let nanos = |micros: i64| i32::try_from(micros.rem_euclid(1_000_000) * 1_000);
        let at = |micros: i64| {
            Self::new(micros.div_euclid(1_000_000), nanos(micros).map_err(RowError::of)?).map_err(RowError::of)
        };
        from.int()?.map(at).transpose()
    }
}

/// Types that are a JSON text, or null if they are empty: as `Default` makes them.
macro_rules! json_fields {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::domain::row::Field for $type {
            const KINDS: &'static [$crate::domain::row::Kind] = &[$crate::domain::row::Kind::Text];

            fn store(&self, to: &mut dyn $crate::domain::row::Sink) {
                // Texts, numbers, times and names are always JSON.
                let json = (*self != Self::default()).then(|| serde_json::to_string(self).unwrap_or_default());
                to.text(json.as_deref());
            }

            fn read(
                from: &mut dyn $crate::domain::row::Source,
            ) -> Result<Option<Self>, $crate::domain::row::RowError> {
                let json = from.text()?;
                let read = json.map(|json| serde_json::from_str(&json).map_err($crate::domain::row::RowError::of));
                Ok(Some(read.transpose()?.unwrap_or_default()))
            }
        }
    )*};
}

pub(crate) use json_fields;

/// Types that are a text which they parse.
macro_rules! text_fields {
    ($($type:ty, |$this:ident| $text:expr;)*) => {$(
        impl Field for $type {
            const KINDS: &'static [Kind] = &[Kind::Text];

            fn store(&self, to: &mut dyn Sink) {
                let $this = self;
                to.text(Some($text));
            }

            fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
                from.text()?.map(|text| text.parse().map_err(RowError::of)).transpose()
            }
        }
    )*};
}

text_fields! {
    Reference, |this| this.as_str();
    TicketCode, |this| this.as_str();
    Currency, |this| this.code();
}

/// As it is stored: an older spelling of a mailbox is not changed by reading it.
impl Field for EmailAddress {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(Some(self.as_str()));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.text()?.map(|text| Self::as_stored(&text).map_err(RowError::of)).transpose()
    }
}

/// An amount in minor units, and its currency.
impl Field for Money {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.int(Some(self.minor()));
        self.currency().store(to);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (minor, currency) = (from.int()?, Currency::read(from)?);
        minor.zip(currency).map(|(minor, currency)| Self::new(minor, currency).map_err(RowError::of)).transpose()
    }
}

/// An account, or an identity of the application's: one of two columns. All others have none: neither column is set, and the constraints of
/// the table reject it.
impl Field for Principal {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.int(self.account().map(|id| id.0));
        to.text(self.external());
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        match (from.int()?, from.text()?) {
            (Some(id), None) => Ok(Some(Self::Account(id.into()))),
            (None, Some(id)) => Ok(Some(Self::External(id))),
            (None, None) => Ok(None),
            (account, external) => {
                Err(RowError(format!("a principal is account {account:?} and external {external:?} at once")))
            }
        }
    }
}

/// The columns of the holder, with that of the address before the last one. No address is an empty one.
impl Field for Buyer {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text, Kind::Text, Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        match self.who.guest() {
            Some(_) => {
                to.int(None);
                to.text(Some(""));
            }
            None => self.who.store(to),
        }
        to.text(Some(self.email.as_ref().map_or("", EmailAddress::as_str)));
        to.text(self.who.guest().map(Reference::as_str));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (other, email) = (Principal::read(from)?, from.text()?);
        let who = Reference::read(from)?.map(Principal::Guest).or(other);
        let email = email.filter(|email| !email.is_empty());
        let email = email.map(|email| EmailAddress::as_stored(&email).map_err(RowError::of)).transpose()?;
        Ok(who.map(|who| Self { who, email }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::whole_microseconds;

    #[test]
    fn a_scan_of_an_earlier_version_after_that_of_a_key_is_by_who_has_scanned() {
        let key = Principal::Key { id: 5.into(), maker: 3.into() };
        let mut row: Vec<Value> = vec![];
        Scanner::store(&key, &mut row);
        assert_eq!(row, [Value::Int(3), Value::Null, Value::Text("5 3".to_owned())]);
        let read = |row: Vec<Value>| Scanner::read(&mut row.into_iter());
        assert_eq!(read(row.clone()), Ok(key));
        let (account, external) = (Principal::Account(4.into()), Principal::External("gate".to_owned()));
        for (who, first, second) in
            [(account, Value::Int(4), Value::Null), (external, Value::Null, Value::Text("gate".to_owned()))]
        {
            // The third column is left from before.
            assert_eq!(read(vec![first.clone(), second.clone(), row[2].clone()]), Ok(who.clone()));
            let mut stored: Vec<Value> = vec![];
            Scanner::store(&who, &mut stored);
            assert_eq!(stored, [first, second, Value::Null]);
        }
        assert!(read(vec![Value::Int(3), Value::Null, Value::Text("x".to_owned())]).is_err());
    }

    #[test]
    fn a_time_in_whole_microseconds_reads_back_up_to_the_last_there_is() {
        let micros = |micros| Timestamp::from_microsecond(micros).unwrap();
        for at in [Timestamp::MIN, micros(-1_500_001), micros(-1), micros(0), micros(1_500_001), Timestamp::MAX] {
            let at = whole_microseconds(at);
            let mut row: Vec<Value> = vec![];
            at.store(&mut row);
            assert_eq!(Timestamp::read(&mut row.into_iter()), Ok(Some(at)));
        }
        assert_eq!(whole_microseconds(Timestamp::MAX).subsec_nanosecond(), 999_999_000);
    }
}
