//! Tokens of quotas: one statement for each key, decided and counted by the database.

use super::{Connection, Result, Statement, broken, one_int};
use crate::domain::limit::{Take, Taken};
use crate::domain::row::Value;
use jiff::Timestamp;

/// Takes tokens one by one. Returns when each quota is full again, or `None` if one has too few. What was taken from the others must
/// then be rolled back: one statement is atomic by itself, and several need a transaction.
pub(in crate::storage) async fn take(
    connection: &mut dyn Connection,
    now: Timestamp,
    takes: &[Take],
) -> Result<Option<Vec<Timestamp>>> {
    // By key, so that callers that take the same tokens lock in the same order.
    let mut order: Vec<usize> = (0..takes.len()).collect();
    order.sort_by_key(|index| &takes[*index].key);
    let mut full_at = vec![Timestamp::UNIX_EPOCH; takes.len()];
    for index in order {
        match one(connection, now.as_microsecond(), &takes[index]).await? {
            Some(at) => full_at[index] = Timestamp::from_microsecond(at).map_err(broken)?,
            None => return Ok(None),
        }
    }
    Ok(Some(full_at))
}

/// When the quota is full again; `None` if it has too few tokens.
async fn one(connection: &mut dyn Connection, now: i64, take: &Take) -> Result<Option<i64>> {
    let (greatest, least) = connection.dialect().greatest_and_least();
    let mut statement = Statement::default();
    let key = statement.bind(Value::Text(take.key.clone()));
    let [now, cost, span] =
        [now, take.cost(), take.span()].map(|number| format!("cast({} as bigint)", statement.bind(Value::Int(number))));
    let before = format!("{least}({greatest}(l.full_at, {now}), {now} + {span})");
    statement.sql = format!(
        "insert into limits as l (key, full_at) select {key}, {greatest}({now} + {cost}, {now}) where {cost} <= {span} \
        on conflict (key) do update set full_at = {greatest}({before} + {cost}, {now}) \
        where {cost} <= 0 or {before} + {cost} <= {now} + {span} returning full_at"
    );
    one_int(connection, statement).await
}

/// When to try again, computed from the current state, which may already allow it.
pub(in crate::storage) async fn refused(
    connection: &mut dyn Connection,
    now: Timestamp,
    takes: &[Take],
) -> Result<Taken> {
    let now = now.as_microsecond();
    let mut again_at = now;
    for take in takes {
        let mut statement = Statement::default();
        let key = statement.bind(Value::Text(take.key.clone()));
        statement.sql = format!("select full_at from limits where key = {key}");
        let full_at = one_int(connection, statement).await?;
        again_at = again_at.max(take.apply(now, full_at).err().unwrap_or(now));
    }
    Ok(Taken::None { again_at: Timestamp::from_microsecond(again_at).map_err(broken)? })
}

/// Forgets quotas that are full. They do not differ from those that were never used.
pub(in crate::storage) async fn forget(connection: &mut dyn Connection, now: Timestamp, limit: u32) -> Result<u32> {
    let mut statement = Statement::default();
    let now = statement.bind(Value::Int(now.as_microsecond()));
    let limit = statement.bind(Value::Int(i64::from(limit)));
    // The time is compared twice: a quota that was used since the inner query must stay.
    let delete = format!(
        "delete from limits where full_at <= {now} and key in \
        (select key from limits where full_at <= {now} order by full_at limit {limit})"
    );
    statement.sql = connection.dialect().together(&[delete]);
    Ok(u32::try_from(connection.execute(statement).await?).unwrap_or(u32::MAX))
}
