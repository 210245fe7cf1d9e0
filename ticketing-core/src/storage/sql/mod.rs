//! The shared part of SQL storages: statements generated from the declarations of tables. A database adds its [dialect](Dialect),
//! how it binds values, and its transactions.

pub(super) mod check;
pub(super) mod commits;
pub(super) mod kept;
pub(super) mod leases;
pub(super) mod limits;
pub(super) mod list;
pub(super) mod load;
pub(super) mod rows;
pub(super) mod write;

use self::rows::Rows;
use super::StorageError;
use crate::domain::row::{Kind, RowError, Source, Value};
use async_trait::async_trait;
use sqlx::{ColumnIndex, Decode, Type};

pub(super) type Result<T> = std::result::Result<T, StorageError>;

/// A parameter of a statement.
#[derive(Debug)]
pub(super) enum Parameter {
    /// One value: one parameter.
    One(Value),
    /// Keys, whose values are of these kinds: as many parameters as the dialect's [`one_of`](Dialect::one_of) takes.
    Keys(
        #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "SQLite takes keys as JSON"))] Vec<Kind>,
        Vec<Value>,
    ),
    /// Rows: as many parameters as the dialect's [`source`](Dialect::source) takes.
    Rows(Rows),
}

/// A statement with its parameters, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) parameters: Vec<Parameter>,
    /// The number of `$n` so far.
    pub(super) bound: usize,
}

impl Statement {
    /// Binds a value. Returns its placeholder.
    pub(super) fn bind(&mut self, value: Value) -> String {
        self.parameters.push(Parameter::One(value));
        self.bound += 1;
        format!("${}", self.bound)
    }

    /// A condition: these columns have one of these keys.
    pub(super) fn one_of(&mut self, dialect: &dyn Dialect, columns: &[(String, Kind)], keys: &[Value]) -> String {
        match (columns, keys) {
            // The plan for one row is simpler, and so is its text.
            ([(column, _)], [key]) => format!("{column} = {}", self.bind(key.clone())),
            _ => {
                let (names, kinds): (Vec<&str>, Vec<Kind>) =
                    columns.iter().map(|(name, kind)| (name.as_str(), *kind)).unzip();
                let condition = dialect.one_of(&names, &kinds, &mut self.bound);
                self.parameters.push(Parameter::Keys(kinds, keys.to_vec()));
                condition
            }
        }
    }
}

/// The differences between databases in SQL.
pub(super) trait Dialect: Send + Sync {
    /// A condition: columns have one of the keys that are bound next.
    fn one_of(&self, columns: &[&str], kinds: &[Kind], bound: &mut usize) -> String;
    /// A table `r` of the rows that are bound next, and an expression for each of these columns, given by position and kind.
    fn source(&self, columns: &[(usize, Kind)], bound: &mut usize) -> (String, Vec<String>);
    /// An empty list of rows with such columns, in the form in which it is bound.
    fn rows(&self, kinds: Vec<Kind>) -> Rows;
    /// Several writes as one statement.
    fn together(&self, statements: &[String]) -> String;
    /// Whether rows are locked individually. Otherwise a transaction that writes locks everything.
    fn has_row_locks(&self) -> bool;
    /// The function that returns the position of a text in another, or 0.
    fn find_text(&self) -> &'static str;
    /// What follows a text column so that it is sorted by code points.
    fn by_code_point(&self) -> &'static str;
    /// The functions that return the greatest and the least of several numbers.
    fn greatest_and_least(&self) -> (&'static str, &'static str);
}

/// A row that was found, column by column.
pub(super) trait Found: Source {
    /// Goes to this column, counted from 0.
    fn seek(&mut self, column: usize);
}

/// A row of an SQL database.
pub(super) struct FoundRow<'r, R> {
    row: &'r R,
    at: usize,
}

impl<'r, R: sqlx::Row> FoundRow<'r, R> {
    pub(super) fn new(row: &'r R) -> Self {
        Self { row, at: 0 }
    }

    /// The next column. Its type is known from the table's declaration, so the database's name for it is not compared.
    fn next<T>(&mut self) -> std::result::Result<Option<T>, RowError>
    where
        usize: ColumnIndex<R>,
        T: Decode<'r, R::Database> + Type<R::Database>,
    {
        self.at += 1;
        self.row.try_get_unchecked(self.at - 1).map_err(RowError::of)
    }
}

impl<'r, R: sqlx::Row> Source for FoundRow<'r, R>
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn int(&mut self) -> std::result::Result<Option<i64>, RowError> {
        self.next()
    }

    fn text(&mut self) -> std::result::Result<Option<String>, RowError> {
        self.next()
    }

    fn bytes(&mut self) -> std::result::Result<Option<Vec<u8>>, RowError> {
        self.next()
    }
}

impl<'r, R> Found for FoundRow<'r, R>
where
    R: sqlx::Row,
    Self: Source,
{
    fn seek(&mut self, column: usize) {
        self.at = column;
    }
}

/// A connection, outside or within a transaction.
#[async_trait]
pub(super) trait Connection: Send {
    fn dialect(&self) -> &'static dyn Dialect;

    /// Runs a statement and calls `see` for each row.
    async fn fetch(
        &mut self,
        statement: Statement,
        see: &mut (dyn for<'r> FnMut(&'r mut dyn Found) -> Result<()> + Send),
    ) -> Result<()>;

    /// Runs writes made by [`Dialect::together`]. Returns the number of written rows.
    async fn execute(&mut self, statement: Statement) -> Result<u64>;
}

/// Runs a statement that returns at most one number.
pub(super) async fn one_int(connection: &mut dyn Connection, statement: Statement) -> Result<Option<i64>> {
    let mut found = None;
    let mut see = |row: &mut dyn Found| {
        found = row.int()?;
        Ok(())
    };
    connection.fetch(statement, &mut see).await?;
    Ok(found)
}

/// The version of the tables.
pub(super) async fn version(connection: &mut dyn Connection) -> Result<i64> {
    let sql = "select coalesce(max(version), 0) from _sqlx_migrations where success".to_owned();
    Ok(one_int(connection, Statement { sql, ..Statement::default() }).await?.unwrap_or(0))
}

/// Fails if the tables are of an older version. A newer one is fine: migrations only add, and another process may already run a
/// newer version.
pub(super) async fn ready(connection: &mut dyn Connection, needed: i64) -> Result<()> {
    let found = version(connection).await?;
    if found < needed {
        return Err(StorageError::Unusable(format!("the tables must be of version {needed} (got {found})")));
    }
    Ok(())
}

pub(super) fn broken(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
    StorageError::Broken(what.into())
}

/// A violated constraint is our bug, and an unreadable row was not written by us. Anything else may be temporary.
pub(super) fn trouble(error: sqlx::Error) -> StorageError {
    match &error {
        sqlx::Error::Database(cause) if cause.kind() != sqlx::error::ErrorKind::Other => broken(error),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => broken(error),
        _ => StorageError::Unavailable(error.into()),
    }
}
