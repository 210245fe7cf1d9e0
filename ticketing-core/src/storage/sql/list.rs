//! Lists, claims and counts as SQL.

use super::{Connection, Dialect, Found, Result, Statement, broken, one_int};
use crate::domain::list::{Condition, List, Sort, Tallied, Tally};
use crate::domain::page::Page;
use crate::domain::row::{Kind, Value};
use crate::domain::table::{Lock, Table};
use crate::domain::working_set::Noun;

/// The keys of a page.
pub(in crate::storage) async fn page(connection: &mut dyn Connection, list: &List) -> Result<Page<Value>> {
    let table = list.noun.table();
    let statement = page_statement(connection.dialect(), list);
    let mut items = keys(connection, table, statement).await?;
    let more = items.len() > list.page.limit as usize;
    items.truncate(list.page.limit as usize);
    let total = if list.page.count {
        let mut statement = Statement::default();
        let conditions = all(connection.dialect(), table, "t", &list.all, &mut statement);
        statement.sql = format!("select count(*) from {} t where {conditions}", table.name);
        let count = one_int(connection, statement).await?.unwrap_or(0);
        Some(u64::try_from(count).map_err(broken)?)
    } else {
        None
    };
    Ok(Page { items, more, total })
}

pub(in crate::storage) fn page_statement(dialect: &dyn Dialect, list: &List) -> Statement {
    let table = list.noun.table();
    let mut statement = Statement::default();
    let conditions = all(dialect, table, "t", &list.all, &mut statement);
    let (key, name, order) = (table.key(), table.name, order(dialect, table, list));
    // One more than requested shows whether there are more.
    let limit = statement.bind(Value::Int(i64::from(list.page.limit) + 1));
    let skip = statement.bind(Value::Int(i64::try_from(list.page.skip).unwrap_or(i64::MAX)));
    statement.sql =
        format!("select t.{key} from {name} t where {conditions} order by {order} limit {limit} offset {skip}");
    statement
}

/// The keys of the first rows of a list. If the database has row locks, the rows or their owners are locked, and rows that another
/// transaction has locked are skipped.
pub(in crate::storage) async fn claim(connection: &mut dyn Connection, list: &List) -> Result<Vec<Value>> {
    let statement = claim_statement(connection.dialect(), list);
    keys(connection, list.noun.table(), statement).await
}

pub(in crate::storage) fn claim_statement(dialect: &dyn Dialect, list: &List) -> Statement {
    let table = list.noun.table();
    let mut statement = Statement::default();
    let conditions = all(dialect, table, "t", &list.all, &mut statement);
    let limit = statement.bind(Value::Int(i64::from(list.page.limit)));
    let owner = match table.lock {
        Lock::With(owner, column) => {
            let owner = owner.table();
            format!(" join {} o on o.{} = t.{column}", owner.name, owner.key())
        }
        Lock::Rank(_) | Lock::Never => String::new(),
    };
    let lock = match dialect.has_row_locks() {
        true if owner.is_empty() => " for update of t skip locked",
        true => " for update of o skip locked",
        false => "",
    };
    let (key, name, order) = (table.key(), table.name, order(dialect, table, list));
    statement.sql =
        format!("select t.{key} from {name} t{owner} where {conditions} order by {order} limit {limit}{lock}");
    statement
}

/// Deletes the rows of a list.
pub(in crate::storage) async fn forget(connection: &mut dyn Connection, list: &List) -> Result<u32> {
    let table = list.noun.table();
    let mut statement = Statement::default();
    let dialect = connection.dialect();
    let conditions = all(dialect, table, "t", &list.all, &mut statement);
    let limit = statement.bind(Value::Int(i64::from(list.page.limit)));
    let (key, name, order) = (table.key(), table.name, order(dialect, table, list));
    let which = format!("select t.{key} from {name} t where {conditions} order by {order} limit {limit}");
    statement.sql = dialect.together(&[format!("delete from {name} where {key} in ({which})")]);
    Ok(u32::try_from(connection.execute(statement).await?).unwrap_or(u32::MAX))
}

pub(in crate::storage) async fn tally(connection: &mut dyn Connection, tallies: &[Tally]) -> Result<Vec<Tallied>> {
    let mut tallied = Vec::with_capacity(tallies.len());
    for tally in tallies {
        let mut one = Tallied::default();
        let mut see = |row: &mut dyn Found| {
            one = Tallied { count: row.int()?.unwrap_or(0), least: row.int()? };
            Ok(())
        };
        let statement = tally_statement(connection.dialect(), tally);
        connection.fetch(statement, &mut see).await?;
        tallied.push(one);
    }
    Ok(tallied)
}

pub(in crate::storage) fn tally_statement(dialect: &dyn Dialect, tally: &Tally) -> Statement {
    let table = tally.noun.table();
    let mut statement = Statement::default();
    let conditions = all(dialect, table, "t", &tally.all, &mut statement);
    let least = tally.least.map_or_else(|| "null".to_owned(), |column| format!("min(t.{column})"));
    statement.sql = format!("select count(*), cast({least} as bigint) from {} t where {conditions}", table.name);
    statement
}

async fn keys(connection: &mut dyn Connection, table: &Table, statement: Statement) -> Result<Vec<Value>> {
    let mut keys = vec![];
    let kind = table.columns[0].kind;
    let mut see = |row: &mut dyn Found| {
        keys.push(value(row, kind)?);
        Ok(())
    };
    connection.fetch(statement, &mut see).await?;
    Ok(keys)
}

/// The next column of a row.
pub(super) fn value(row: &mut dyn Found, kind: Kind) -> Result<Value> {
    Ok(match kind {
        Kind::Int | Kind::Sum => row.int()?.map_or(Value::Null, Value::Int),
        Kind::Text => row.text()?.map_or(Value::Null, Value::Text),
        Kind::Bytes => row.bytes()?.map_or(Value::Null, Value::Bytes),
    })
}

fn order(dialect: &dyn Dialect, table: &Table, list: &List) -> String {
    let column = |(column, sort): &(&str, Sort)| {
        let is_text = table.columns[table.position(column)].kind == Kind::Text;
        let collation = if is_text { dialect.by_code_point() } else { "" };
        match sort {
            Sort::Ascending => format!("t.{column}{collation}"),
            Sort::Descending => format!("t.{column}{collation} desc"),
        }
    };
    let mut columns: Vec<String> = list.order.iter().map(column).collect();
    if !list.order.iter().any(|(column, _)| *column == table.key()) {
        columns.push(format!("t.{}", table.key()));
    }
    columns.join(", ")
}

/// All of these, for the rows of `table` under the name `alias`.
fn all(
    dialect: &dyn Dialect,
    table: &'static Table,
    alias: &str,
    conditions: &[Condition],
    statement: &mut Statement,
) -> String {
    let each: Vec<String> =
        conditions.iter().map(|condition| one(dialect, table, alias, condition, statement)).collect();
    if each.is_empty() { "true".to_owned() } else { each.join(" and ") }
}

fn one(
    dialect: &dyn Dialect,
    table: &'static Table,
    alias: &str,
    condition: &Condition,
    statement: &mut Statement,
) -> String {
    // Names within names: `t`, `tx`, `txx`.
    let inner = format!("{alias}x");
    let any = |each: &[Vec<Condition>], statement: &mut Statement| -> Vec<String> {
        each.iter().map(|conditions| all(dialect, table, alias, conditions, statement)).collect()
    };
    match condition {
        Condition::Is(column, value) => format!("{alias}.{column} = {}", statement.bind(value.clone())),
        Condition::AnyCase(column, texts) => {
            let texts: Vec<String> = texts.iter().map(|text| statement.bind(Value::Text(text.clone()))).collect();
            // The collation says that only letters of ASCII have a case, where a database knows others.
            format!("lower({alias}.{column}{}) in ({})", dialect.by_code_point(), texts.join(", "))
        }
        Condition::Not(column, value) => format!("{alias}.{column} <> {}", statement.bind(value.clone())),
        Condition::OneOf(column, values) => {
            let kind = table.columns[table.position(column)].kind;
            statement.one_of(dialect, &[(format!("{alias}.{column}"), kind)], values)
        }
        Condition::Named(column, [name]) => format!("{alias}.{column} = '{name}'"),
        Condition::Named(column, names) => format!("{alias}.{column} in ('{}')", names.join("', '")),
        Condition::Known(column) => format!("{alias}.{column} is not null"),
        Condition::Unknown(column) => format!("{alias}.{column} is null"),
        Condition::AtLeast(column, least) => format!("{alias}.{column} >= {}", statement.bind(Value::Int(*least))),
        Condition::AtMost(column, most) => format!("{alias}.{column} <= {}", statement.bind(Value::Int(*most))),
        Condition::Below(column, end) => format!("{alias}.{column} < {}", statement.bind(Value::Int(*end))),
        Condition::Contains(column, text) => {
            format!("{}({alias}.{column}, {}) > 0", dialect.find_text(), statement.bind(Value::Text(text.clone())))
        }
        Condition::ContainsAnyCase(column, text) => {
            let text = statement.bind(Value::Text(text.clone()));
            format!("{}(lower({alias}.{column}{}), {text}) > 0", dialect.find_text(), dialect.by_code_point())
        }
        Condition::EndsWith(column, text) => {
            let length = text.chars().count();
            let text = statement.bind(Value::Text(text.clone()));
            format!("substr({alias}.{column}, length({alias}.{column}) - {length} + 1) = {text}")
        }
        Condition::Parent(column, noun, conditions) => {
            let on = format!("{inner}.{} = {alias}.{column}", noun.table().key());
            exists(dialect, *noun, &inner, &on, conditions, statement)
        }
        Condition::ParentFirst(column, noun, conditions) => {
            let parents = keys_of(dialect, noun.table(), &inner, conditions, statement);
            format!("{alias}.{column} in ({parents})")
        }
        Condition::Child(noun, column, conditions) => {
            let on = format!("{inner}.{column} = {alias}.{}", table.key());
            exists(dialect, *noun, &inner, &on, conditions, statement)
        }
        Condition::Any(each) => format!("({})", any(each, statement).join(" or ")),
        Condition::Union(each) => {
            let keys: Vec<String> =
                each.iter().map(|conditions| keys_of(dialect, table, &inner, conditions, statement)).collect();
            // Not `or`: for that, PostgreSQL reads the whole table.
            format!("{alias}.{} in ({})", table.key(), keys.join(" union "))
        }
    }
}

fn exists(
    dialect: &dyn Dialect,
    noun: Noun,
    alias: &str,
    on: &str,
    conditions: &[Condition],
    statement: &mut Statement,
) -> String {
    let table = noun.table();
    let conditions = all(dialect, table, alias, conditions, statement);
    format!("exists (select 1 from {} {alias} where {on} and {conditions})", table.name)
}

/// The keys of the rows that meet all conditions. A condition on a child is looked up from the child's side.
fn keys_of(
    dialect: &dyn Dialect,
    table: &'static Table,
    alias: &str,
    conditions: &[Condition],
    statement: &mut Statement,
) -> String {
    if let [Condition::Child(noun, column, conditions)] = conditions {
        let child = noun.table();
        let conditions = all(dialect, child, alias, conditions, statement);
        return format!("select {alias}.{column} from {} {alias} where {conditions}", child.name);
    }
    let conditions = all(dialect, table, alias, conditions, statement);
    format!("select {alias}.{} from {} {alias} where {conditions}", table.key(), table.name)
}
