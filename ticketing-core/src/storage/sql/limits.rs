//! Tokens of quotas: one statement for each key, decided and counted by the database.

use super::{Connection, greatest_and_least};
use crate::domain::limit::{Take, Taken};
use crate::storage::StorageError;
use crate::storage::sql::{micros, time, trouble};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection as _};

type Result<T> = std::result::Result<T, StorageError>;

/// Takes all of these, or none.
pub(super) async fn take(connection: &mut Connection, now: Timestamp, wishes: &[Take]) -> Result<Taken> {
    let now = micros(now);
    if let [wish] = wishes {
        return match one(connection, now, wish).await? {
            Some(full_at) => Ok(Taken::All { full_at: vec![time(full_at)?] }),
            None => refused(connection, now, wishes).await,
        };
    }
    // By key: whoever else takes some of the same takes the same way.
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|index| &wishes[*index].key);
    let mut full_at = vec![Timestamp::UNIX_EPOCH; wishes.len()];
    let mut transaction = connection.begin().await.map_err(trouble)?;
    for index in order {
        match one(&mut transaction, now, &wishes[index]).await? {
            Some(at) => full_at[index] = time(at)?,
            None => {
                transaction.rollback().await.map_err(trouble)?;
                return refused(connection, now, wishes).await;
            }
        }
    }
    transaction.commit().await.map_err(trouble)?;
    Ok(Taken::All { full_at })
}

/// When the quota is full again; nothing where it has too few tokens.
async fn one(connection: &mut Connection, now: i64, wish: &Take) -> Result<Option<i64>> {
    let (greatest, least) = greatest_and_least();
    let (now_, cost, span) = ("cast($2 as bigint)", "cast($3 as bigint)", "cast($4 as bigint)");
    let before = format!("{least}({greatest}(l.full_at, {now_}), {now_} + {span})");
    let sql = format!(
        "insert into limits as l (key, full_at) select $1, {greatest}({now_} + {cost}, {now_}) where {cost} <= {span} \
        on conflict (key) do update set full_at = {greatest}({before} + {cost}, {now_}) \
        where {cost} <= 0 or {before} + {cost} <= {now_} + {span} returning full_at"
    );
    let taken = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&wish.key).bind(now).bind(wish.cost()).bind(wish.span());
    taken.fetch_optional(connection).await.map_err(trouble)
}

/// When to try again. Said by the rule, from what is there now: with luck, that is at once.
async fn refused(connection: &mut Connection, now: i64, wishes: &[Take]) -> Result<Taken> {
    let mut again_at = now;
    for wish in wishes {
        let sql = "select full_at from limits where key = $1";
        let full_at: Option<i64> =
            sqlx::query_scalar(sql).bind(&wish.key).fetch_optional(&mut *connection).await.map_err(trouble)?;
        again_at = again_at.max(wish.apply(now, full_at).err().unwrap_or(now));
    }
    Ok(Taken::None { again_at: time(again_at)? })
}

/// Forgets quotas that are full: they are as if they had never been touched.
pub(super) async fn forget(connection: &mut Connection, now: Timestamp, limit: u32) -> Result<u32> {
    // Looked at twice: one that was touched since the inner look must stay.
    let sql = "delete from limits where full_at <= $1 and key in \
        (select key from limits where full_at <= $1 order by full_at limit $2)";
    let forgotten = sqlx::query(sql).bind(micros(now)).bind(i64::from(limit)).execute(connection).await;
    Ok(u32::try_from(forgotten.map_err(trouble)?.rows_affected()).unwrap_or(limit))
}
