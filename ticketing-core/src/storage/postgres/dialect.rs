//! PostgreSQL's SQL, and how values are bound.

use crate::domain::row::{Kind, Value};
use crate::storage::sql::rows::{ColumnRows, ColumnValues, Rows};
use crate::storage::sql::{Connection, Dialect, Found, FoundRow, Parameter, Result, Statement, broken, trouble};
use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{AssertSqlSafe, Row as _};

/// PostgreSQL's SQL. Keys and rows are bound as an array for each column: one JSON text for all, which the database would read
/// again for every value, takes many times as long.
#[derive(Debug)]
pub(super) struct Postgres;

/// An array of the next parameter.
fn array(kind: Kind, bound: &mut usize) -> String {
    *bound += 1;
    match kind {
        Kind::Int | Kind::Sum => format!("${bound}::bigint[]"),
        Kind::Text => format!("${bound}::text[]"),
        Kind::Bytes => format!("${bound}::bytea[]"),
    }
}

impl Dialect for Postgres {
    fn one_of(&self, columns: &[&str], kinds: &[Kind], bound: &mut usize) -> String {
        match (columns, kinds) {
            ([column], [kind]) => format!("{column} = any({})", array(*kind, bound)),
            _ => {
                let (source, values) = self.source(&kinds.iter().copied().enumerate().collect::<Vec<_>>(), bound);
                format!("({}) in (select {} from {source})", columns.join(", "), values.join(", "))
            }
        }
    }

    fn source(&self, columns: &[(usize, Kind)], bound: &mut usize) -> (String, Vec<String>) {
        let arrays: Vec<String> = columns.iter().map(|(_, kind)| array(*kind, bound)).collect();
        let names: Vec<String> = columns.iter().map(|(index, _)| format!("c{index}")).collect();
        let source = format!("unnest({}) as r ({})", arrays.join(", "), names.join(", "));
        (source, names.into_iter().map(|name| format!("r.{name}")).collect())
    }

    fn rows(&self, kinds: Vec<Kind>) -> Rows {
        Rows::Columns(ColumnRows::new(&kinds))
    }

    /// Each sees the rows as they were before all of them, and no two write the same; references are checked at its end.
    fn together(&self, statements: &[String]) -> String {
        let part = |(index, statement): (usize, &String)| format!("w{index} as ({statement} returning 1)");
        let parts: Vec<String> = statements.iter().enumerate().map(part).collect();
        let counts: Vec<String> = (0..parts.len()).map(|index| format!("(select count(*) from w{index})")).collect();
        format!("with {} select {}", parts.join(", "), counts.join(" + "))
    }

    fn has_row_locks(&self) -> bool {
        true
    }

    fn find_text(&self) -> &'static str {
        "strpos"
    }

    /// Not in the order of the database's locale, which differs from one to the next.
    fn by_code_point(&self) -> &'static str {
        " collate \"C\""
    }

    fn greatest_and_least(&self) -> (&'static str, &'static str) {
        ("greatest", "least")
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, PgArguments>;

fn query<'q>(statement: Statement) -> Query<'q> {
    let Statement { sql, parameters, .. } = statement;
    parameters.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), bind)
}

fn bind(query: Query<'_>, parameter: Parameter) -> Query<'_> {
    match parameter {
        Parameter::One(Value::Int(value)) => query.bind(value),
        Parameter::One(Value::Text(value)) => query.bind(value),
        Parameter::One(Value::Bytes(value)) => query.bind(value),
        Parameter::One(Value::Null | Value::Tuple(_)) => query.bind(None::<i64>),
        Parameter::Keys(kinds, keys) => columns(query, keys_as_columns(&kinds, keys)),
        Parameter::Rows(Rows::Columns(rows)) => columns(query, rows.finish()),
        // Only SQLite's dialect makes these.
        Parameter::Rows(Rows::Json(_)) => query,
    }
}

fn keys_as_columns(kinds: &[Kind], keys: Vec<Value>) -> Vec<ColumnValues> {
    let mut rows = Rows::Columns(ColumnRows::new(kinds));
    for key in keys {
        match key {
            Value::Tuple(values) => rows.push(&values),
            value => rows.push(&[value]),
        }
    }
    match rows {
        Rows::Columns(rows) => rows.finish(),
        Rows::Json(_) => vec![],
    }
}

fn columns(query: Query<'_>, columns: Vec<ColumnValues>) -> Query<'_> {
    columns.into_iter().fold(query, |query, column| match column {
        ColumnValues::Int(values) => query.bind(values),
        ColumnValues::Text(values) => query.bind(values),
        ColumnValues::Bytes(values) => query.bind(values),
    })
}

#[async_trait]
impl Connection for PgConnection {
    fn dialect(&self) -> &'static dyn Dialect {
        &Postgres
    }

    async fn fetch(
        &mut self,
        statement: Statement,
        see: &mut (dyn for<'r> FnMut(&'r mut dyn Found) -> Result<()> + Send),
    ) -> Result<()> {
        let found = query(statement).fetch_all(self).await.map_err(trouble)?;
        found.iter().try_for_each(|row| see(&mut FoundRow::new(row)))
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64> {
        let row = query(statement).fetch_one(self).await.map_err(trouble)?;
        let rows: i64 = row.try_get(0).map_err(trouble)?;
        u64::try_from(rows).map_err(broken)
    }
}
