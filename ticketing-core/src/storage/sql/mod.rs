//! What SQL storages share: statements made from the declarations of tables. A database adds its [dialect](Dialect), how it
//! binds and decodes values, and its transactions.

pub(super) mod check;
pub(super) mod limits;
pub(super) mod list;
pub(super) mod load;
pub(super) mod rows;
pub(super) mod write;

use self::rows::Rows;
use super::StorageError;
use crate::domain::row::{Kind, Source, Value};
use async_trait::async_trait;

pub(super) type Result<T> = std::result::Result<T, StorageError>;

/// What is bound to a statement.
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
    /// How many `$n` there are so far.
    pub(super) bound: usize,
}

impl Statement {
    /// Binds a value, and gives its place in the statement.
    pub(super) fn bind(&mut self, value: Value) -> String {
        self.parameters.push(Parameter::One(value));
        self.bound += 1;
        format!("${}", self.bound)
    }

    /// That these columns have one of these keys.
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

/// Where the SQL of databases differs.
pub(super) trait Dialect: Send + Sync {
    /// That columns have one of the keys that are bound next.
    fn one_of(&self, columns: &[&str], kinds: &[Kind], bound: &mut usize) -> String;
    /// A table `r` of the rows that are bound next, and an expression for each of its columns.
    fn source(&self, kinds: &[Kind], bound: &mut usize) -> (String, Vec<String>);
    /// An empty list of rows of such columns, in the form in which it is bound.
    fn rows(&self, kinds: Vec<Kind>) -> Rows;
    /// Several writes as one statement.
    fn together(&self, statements: &[String]) -> String;
    /// Whether rows are locked one by one; else a transaction that writes has everything.
    fn has_row_locks(&self) -> bool;
    /// The function that finds a text in another, and gives 0 where it is not.
    fn find_text(&self) -> &'static str;
    /// The functions that give the greatest and the least of several numbers.
    fn greatest_and_least(&self) -> (&'static str, &'static str);
}

/// A row that was found, column by column.
pub(super) trait Found: Source {
    /// Goes to this column, counted from 0.
    fn seek(&mut self, column: usize);
}

/// A connection, outside or within a transaction.
#[async_trait]
pub(super) trait Connection: Send {
    fn dialect(&self) -> &'static dyn Dialect;

    /// Runs a statement and shows each row that it gives.
    async fn fetch(
        &mut self,
        statement: Statement,
        see: &mut (dyn for<'r> FnMut(&'r mut dyn Found) -> Result<()> + Send),
    ) -> Result<()>;

    /// Runs writes made by [`Dialect::together`], or one of another kind, and says how many rows were written.
    async fn execute(&mut self, statement: Statement) -> Result<u64>;
}

/// The one number that a statement gives, if it gives one.
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

/// Fails where the tables are of an older version. A newer one is fine: migrations only ever add, and another process may be
/// ahead of this one.
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

/// A constraint that was hit is a bug of ours; a row that cannot be read was not written by us; all else may pass.
pub(super) fn trouble(error: sqlx::Error) -> StorageError {
    match &error {
        sqlx::Error::Database(cause) if cause.kind() != sqlx::error::ErrorKind::Other => broken(error),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => broken(error),
        _ => StorageError::Unavailable(error.into()),
    }
}
