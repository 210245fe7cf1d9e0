//! SQLite's SQL, and how values are bound.

use crate::domain::row::{Kind, Value};
use crate::storage::sql::rows::{JsonRows, Rows};
use crate::storage::sql::{Connection, Dialect, Found, FoundRow, Parameter, Result, Statement, trouble};
use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};

/// SQLite's SQL. Keys and rows are bound as one JSON text.
#[derive(Debug)]
pub(super) struct Sqlite;

impl Dialect for Sqlite {
    fn one_of(&self, columns: &[&str], _kinds: &[Kind], bound: &mut usize) -> String {
        *bound += 1;
        match columns {
            [column] => format!("{column} in (select value from json_each(${bound}))"),
            _ => {
                let values: Vec<String> = (0..columns.len()).map(|at| format!("value ->> {at}")).collect();
                format!("({}) in (select {} from json_each(${bound}))", columns.join(", "), values.join(", "))
            }
        }
    }

    fn source(&self, columns: &[(usize, Kind)], bound: &mut usize) -> (String, Vec<String>) {
        let value = |(index, kind): &(usize, Kind)| match kind {
            Kind::Int | Kind::Sum => format!("cast(r.value ->> {index} as bigint)"),
            Kind::Text => format!("r.value ->> {index}"),
            Kind::Bytes => format!("unhex(r.value ->> {index})"),
        };
        *bound += 1;
        // `offset` keeps the subquery one: joined into the statement around it, it would render the row as text anew for each of its
        // columns. That took half of the time of an insert.
        (format!("(select value from json_each(${bound}) limit -1 offset 0) as r"), columns.iter().map(value).collect())
    }

    fn rows(&self, _kinds: Vec<Kind>) -> Rows {
        Rows::Json(JsonRows::default())
    }

    /// Every statement is a round trip to the connection's thread.
    fn together(&self, statements: &[String]) -> String {
        statements.join("; ")
    }

    /// A transaction that writes locks the whole file.
    fn has_row_locks(&self) -> bool {
        false
    }

    fn find_text(&self) -> &'static str {
        "instr"
    }

    /// It knows no other order, unless a column says so.
    fn by_code_point(&self) -> &'static str {
        ""
    }

    fn greatest_and_least(&self) -> (&'static str, &'static str) {
        ("max", "min")
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, SqliteArguments>;

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
        Parameter::Keys(_, keys) => query.bind(serde_json::Value::Array(keys.iter().map(json).collect()).to_string()),
        Parameter::Rows(Rows::Json(rows)) => query.bind(rows.finish()),
        // Only PostgreSQL's dialect makes these.
        Parameter::Rows(Rows::Columns(_)) => query.bind("[]"),
    }
}

fn json(key: &Value) -> serde_json::Value {
    match key {
        Value::Int(value) => serde_json::Value::from(*value),
        Value::Text(value) => serde_json::Value::from(value.as_str()),
        Value::Tuple(values) => serde_json::Value::Array(values.iter().map(json).collect()),
        Value::Null | Value::Bytes(_) => serde_json::Value::Null,
    }
}

#[async_trait]
impl Connection for SqliteConnection {
    fn dialect(&self) -> &'static dyn Dialect {
        &Sqlite
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
        Ok(query(statement).execute(self).await.map_err(trouble)?.rows_affected())
    }
}
