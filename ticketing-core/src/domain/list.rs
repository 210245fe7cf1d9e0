//! Lists, claims and counts as data: which rows, in which order. A storage translates them into its own query language, or
//! evaluates them with [`select`] and [`count`].

use super::page::{Page, PageRequest};
use super::principal::Principal;
use super::row::{Field, Value};
use super::table::{Record, Table};
use super::working_set::{Noun, WorkingSet};
use std::collections::HashSet;
use std::convert::Infallible;

/// A condition on a row. Columns are named as in the declaration of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The column has this value, which is not null.
    Is(&'static str, Value),
    /// The column has one of these values, none of which is null.
    OneOf(&'static str, Vec<Value>),
    /// The text in this column is one of these, which are in lower case. Only letters of ASCII have a case here.
    AnyCase(&'static str, Vec<String>),
    /// The column is known and is not this.
    Not(&'static str, Value),
    /// The column has one of these stable names. They are literals in the statement, so that a database can use a partial index
    /// on them.
    Named(&'static str, &'static [&'static str]),
    /// The column is not null.
    Known(&'static str),
    /// The column is null.
    Unknown(&'static str),
    /// The number in the column is at least this.
    AtLeast(&'static str, i64),
    /// The number in the column is at most this.
    AtMost(&'static str, i64),
    /// The number in the column is below this.
    Below(&'static str, i64),
    /// The text in the column contains this text. There are no wildcards.
    Contains(&'static str, String),
    /// The text in this column contains this text, which is in lower case. Only letters of ASCII have a case here.
    ContainsAnyCase(&'static str, String),
    /// The text in this column ends with this text.
    EndsWith(&'static str, String),
    /// The row of another noun that the column refers to meets this condition. Checked row by row.
    Parent(&'static str, Noun, Vec<Condition>),
    /// Like [`Parent`](Self::Parent), but the rows of the other noun are found first, and then the rows that refer to them. For
    /// conditions that few rows of the other noun meet.
    ParentFirst(&'static str, Noun, Vec<Condition>),
    /// A row of another noun whose column (the second) refers to this row meets this condition. Checked row by row.
    Child(Noun, &'static str, Vec<Condition>),
    /// One of these conditions is met. Checked row by row.
    Any(Vec<Vec<Condition>>),
    /// One of these conditions is met. Each finds its rows by its own index, so no other rows are read.
    Union(Vec<Vec<Condition>>),
}

/// The sort direction of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// The name of a list's result. Two commands in one transaction may ask for lists of one kind, each of its own row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListName {
    /// What is listed.
    pub kind: &'static str,
    /// The row that it is about; 0 if it is about none.
    pub of: i64,
}

impl ListName {
    /// The name of a list about one row.
    pub fn about(kind: &'static str, of: i64) -> Self {
        Self { kind, of }
    }
}

impl std::fmt::Display for ListName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.of {
            0 => f.write_str(self.kind),
            of => write!(f, "{} {of}", self.kind),
        }
    }
}

impl From<&'static str> for ListName {
    fn from(kind: &'static str) -> Self {
        Self { kind, of: 0 }
    }
}

/// Some rows of a noun, in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The name of its result.
    pub name: ListName,
    /// The noun.
    pub noun: Noun,
    /// The conditions. All must be met.
    pub all: Vec<Condition>,
    /// The order, by these columns. Equal rows are sorted by key, ascending.
    pub order: Vec<(&'static str, Sort)>,
    /// The page.
    pub page: PageRequest,
    /// Whether the keys of the rows are enough. Then a storage need not load the rows.
    pub keys_only: bool,
}

impl List {
    /// The rows of a noun that meet all of these conditions.
    pub fn of<R: Record>(name: impl Into<ListName>, all: Vec<Condition>) -> Self {
        Self { name: name.into(), noun: R::NOUN, all, order: vec![], page: PageRequest::default(), keys_only: false }
    }

    /// Sets the order.
    #[must_use]
    pub fn by(mut self, column: &'static str, sort: Sort) -> Self {
        self.order.push((column, sort));
        self
    }

    /// Sets the page.
    #[must_use]
    pub fn page(mut self, page: PageRequest) -> Self {
        self.page = page;
        self
    }

    /// Asks for the keys of the rows alone.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.keys_only = true;
        self
    }

    /// Limits the number of rows.
    #[must_use]
    pub fn at_most(mut self, limit: u32) -> Self {
        self.page = PageRequest { limit, ..PageRequest::default() };
        self
    }
}

/// That a principal stands in two columns. Only accounts and identities of an application do; all others are looked for as an account with
/// the id 0, which no row has. An empty identity is nobody's: it stands in the rows of those who have no column.
pub(crate) fn is_principal(account: &'static str, external: &'static str, who: &Principal) -> Condition {
    match who {
        Principal::Account(id) => Condition::Is(account, id.value()),
        Principal::External(id) if !id.is_empty() => Condition::Is(external, Value::Text(id.clone())),
        Principal::External(_) | Principal::Organisation(_) | Principal::Key { .. } | Principal::Guest(_) => {
            Condition::Is(account, Value::Int(0))
        }
    }
}

/// That a principal runs an event.
pub(crate) fn is_organizer(who: &Principal) -> Condition {
    match who {
        Principal::Organisation(id) => Condition::Is("organizer_organisation", id.value()),
        Principal::Account(_) | Principal::External(_) | Principal::Key { .. } | Principal::Guest(_) => {
            is_principal("organizer_account", "organizer_external", who)
        }
    }
}

/// How many rows there are, and the least value of a column among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The noun.
    pub noun: Noun,
    /// The conditions. All must be met.
    pub all: Vec<Condition>,
    /// The column, which has numbers.
    pub least: Option<&'static str>,
}

/// The result of a [`Tally`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// The number of rows.
    pub count: i64,
    /// The least value, if requested and there is one.
    pub least: Option<i64>,
}

/// Rows that can be read one after the other. A storage without a query language implements this, then evaluates lists with
/// [`select`] and tallies with [`count`].
pub trait Scan {
    /// The error of a failed read.
    type Error;

    /// Calls `see` with the values of these columns for every row of a noun, in the order of the keys. Columns are given by their
    /// position in the table.
    fn scan(&self, noun: Noun, columns: &[usize], see: &mut dyn FnMut(&[Value])) -> Result<(), Self::Error>;
}

impl Scan for WorkingSet {
    type Error = Infallible;

    fn scan(&self, noun: Noun, columns: &[usize], see: &mut dyn FnMut(&[Value])) -> Result<(), Infallible> {
        self.shelf(noun).scan(columns, see);
        Ok(())
    }
}

/// Evaluates a list. Returns the keys of its page.
pub fn select<S: Scan + ?Sized>(rows: &S, list: &List) -> Result<Page<Value>, S::Error> {
    let order: Vec<&'static str> = list.order.iter().map(|(column, _)| *column).collect();
    let mut found = matching(rows, list.noun, &list.all, &order)?;
    if !list.order.is_empty() {
        // Stable: equal rows stay in the order of their keys.
        found.sort_by(|(_, a), (_, b)| {
            let each = a.iter().zip(b).zip(&list.order).map(|((a, b), (_, sort))| match sort {
                Sort::Ascending => a.cmp(b),
                Sort::Descending => b.cmp(a),
            });
            each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }
    Ok(Page::of(found.into_iter().map(|(key, _)| key), list.page))
}

/// Evaluates a tally.
pub fn count<S: Scan + ?Sized>(rows: &S, tally: &Tally) -> Result<Tallied, S::Error> {
    let found = matching(rows, tally.noun, &tally.all, tally.least.as_slice())?;
    let least = |(_, values): &(Value, Vec<Value>)| match values.first() {
        Some(Value::Int(value)) => Some(*value),
        _ => None,
    };
    let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
    Ok(Tallied { count, least: found.iter().filter_map(least).min() })
}

/// A condition that can be put to the values of a row.
enum Test {
    Is(usize, Value),
    Not(usize, Value),
    AnyCase(usize, Vec<String>),
    OneOf(usize, HashSet<Value>),
    Known(usize),
    Unknown(usize),
    Within(usize, Option<i64>, Option<i64>),
    Contains(usize, String),
    ContainsAnyCase(usize, String),
    EndsWith(usize, String),
    Any(Vec<Vec<Test>>),
}

/// The keys of the rows that meet all conditions, each with the values of these columns.
fn matching<S: Scan + ?Sized>(
    rows: &S,
    noun: Noun,
    all: &[Condition],
    columns: &[&'static str],
) -> Result<Vec<(Value, Vec<Value>)>, S::Error> {
    let table = noun.table();
    let mut picked: Vec<usize> = vec![0];
    picked.extend(columns.iter().map(|column| table.position(column)));
    let tests = tests(rows, table, all, &mut picked)?;
    let mut found = vec![];
    rows.scan(noun, &picked, &mut |values| {
        if tests.iter().all(|test| test.holds(values)) {
            found.push((values[0].clone(), values[1..=columns.len()].to_vec()));
        }
    })?;
    Ok(found)
}

fn tests<S: Scan + ?Sized>(
    rows: &S,
    table: &Table,
    all: &[Condition],
    picked: &mut Vec<usize>,
) -> Result<Vec<Test>, S::Error> {
    all.iter().map(|condition| test(rows, table, condition, picked)).collect()
}

fn test<S: Scan + ?Sized>(
    rows: &S,
    table: &Table,
    condition: &Condition,
    picked: &mut Vec<usize>,
) -> Result<Test, S::Error> {
    let mut at = |column: &str| {
        let position = table.position(column);
        picked.iter().position(|known| *known == position).unwrap_or_else(|| {
            picked.push(position);
            picked.len() - 1
        })
    };
    Ok(match condition {
        Condition::Is(column, value) => Test::Is(at(column), value.clone()),
        Condition::AnyCase(column, texts) => Test::AnyCase(at(column), texts.clone()),
        Condition::Not(column, value) => Test::Not(at(column), value.clone()),
        Condition::OneOf(column, values) => Test::OneOf(at(column), values.iter().cloned().collect()),
        Condition::Named(column, names) => {
            Test::OneOf(at(column), names.iter().map(|name| Value::Text((*name).to_owned())).collect())
        }
        Condition::Known(column) => Test::Known(at(column)),
        Condition::Unknown(column) => Test::Unknown(at(column)),
        Condition::AtLeast(column, least) => Test::Within(at(column), Some(*least), None),
        Condition::AtMost(column, most) => Test::Within(at(column), None, Some(*most)),
        Condition::Below(column, end) => Test::Within(at(column), None, Some(end.saturating_sub(1))),
        Condition::Contains(column, text) => Test::Contains(at(column), text.clone()),
        Condition::ContainsAnyCase(column, text) => Test::ContainsAnyCase(at(column), text.clone()),
        Condition::EndsWith(column, text) => Test::EndsWith(at(column), text.clone()),
        Condition::Parent(column, noun, conditions) | Condition::ParentFirst(column, noun, conditions) => {
            let parents = matching(rows, *noun, conditions, &[])?;
            Test::OneOf(at(column), parents.into_iter().map(|(key, _)| key).collect())
        }
        Condition::Child(noun, column, conditions) => {
            let children = matching(rows, *noun, conditions, &[column])?;
            Test::OneOf(0, children.into_iter().filter_map(|(_, values)| values.into_iter().next()).collect())
        }
        Condition::Any(each) | Condition::Union(each) => {
            Test::Any(each.iter().map(|all| tests(rows, table, all, picked)).collect::<Result<_, _>>()?)
        }
    })
}

impl Test {
    fn holds(&self, values: &[Value]) -> bool {
        match self {
            Self::Is(at, value) => values[*at] == *value,
            Self::AnyCase(at, texts) => {
                matches!(&values[*at], Value::Text(text) if texts.contains(&text.to_ascii_lowercase()))
            }
            Self::Not(at, value) => values[*at] != Value::Null && values[*at] != *value,
            Self::OneOf(at, any) => any.contains(&values[*at]),
            Self::Known(at) => values[*at] != Value::Null,
            Self::Unknown(at) => values[*at] == Value::Null,
            Self::Within(at, least, most) => match &values[*at] {
                Value::Int(value) => {
                    least.is_none_or(|least| *value >= least) && most.is_none_or(|most| *value <= most)
                }
                _ => false,
            },
            Self::Contains(at, part) => matches!(&values[*at], Value::Text(text) if text.contains(part.as_str())),
            Self::ContainsAnyCase(at, part) => {
                matches!(&values[*at], Value::Text(text) if text.to_ascii_lowercase().contains(part.as_str()))
            }
            Self::EndsWith(at, end) => matches!(&values[*at], Value::Text(text) if text.ends_with(end.as_str())),
            Self::Any(each) => each.iter().any(|all| all.iter().all(|test| test.holds(values))),
        }
    }
}
