//! What people watch: how much is under way, and whether the database is there and in shape.

use super::{Connection, MIGRATIONS};
use crate::storage::sql::{time, trouble};
use crate::storage::{Gauges, StorageError};
use sqlx::Row as _;

/// One statement. Every part reads a partial index that holds only what is under way.
pub(super) const GAUGES: &str = "select \
    (select count(*) from orders where status = 'held') as holds_open, \
    (select count(*) from mails where status = 'waiting') as mails_waiting, \
    (select min(created_at) from mails where status = 'waiting') as oldest_mail, \
    (select count(*) from mails where status = 'dead') as mails_dead, \
    (select count(*) from refunds where next_at is not null) as refunds_open, \
    (select count(*) from refunds where status in ('failed', 'needs_attention')) as refunds_stuck, \
    (select count(*) from webhooks where next_at is not null) as webhooks_waiting, \
    (select count(*) from webhooks where status in ('quarantined', 'contradicted')) as webhooks_quarantined, \
    (select count(*) from attempts where status = 'review') as reviews_open, \
    (select min(due) from ( \
        select min(hold_until) as due from orders where status = 'held' \
        union all select min(poll_at) from attempts where poll_at is not null \
        union all select min(next_at) from refunds where next_at is not null \
        union all select min(due_at) from mails where status = 'waiting' \
        union all select min(next_at) from webhooks where next_at is not null) as work) as next_due";

pub(super) async fn gauges(connection: &mut Connection) -> Result<Gauges, StorageError> {
    let row = sqlx::query(GAUGES).fetch_one(connection).await.map_err(trouble)?;
    let count = |column: &str| {
        let count: i64 = row.try_get(column).map_err(trouble)?;
        Ok::<u32, StorageError>(u32::try_from(count).unwrap_or(u32::MAX))
    };
    let moment = |column: &str| {
        let micros: Option<i64> = row.try_get(column).map_err(trouble)?;
        micros.map(time).transpose()
    };
    Ok(Gauges {
        holds_open: count("holds_open")?,
        mails_waiting: count("mails_waiting")?,
        oldest_mail: moment("oldest_mail")?,
        mails_dead: count("mails_dead")?,
        refunds_open: count("refunds_open")?,
        refunds_stuck: count("refunds_stuck")?,
        webhooks_waiting: count("webhooks_waiting")?,
        webhooks_quarantined: count("webhooks_quarantined")?,
        reviews_open: count("reviews_open")?,
        next_due: moment("next_due")?,
        ..Gauges::default()
    })
}

/// A newer shape is good too: migrations only ever add, and another process may be ahead of this one.
pub(super) async fn ready(connection: &mut Connection) -> Result<(), StorageError> {
    let sql = "select coalesce(max(version), 0) as version from _sqlx_migrations where success";
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(trouble)?;
    let found: i64 = row.try_get("version").map_err(trouble)?;
    if found < MIGRATIONS {
        let wanted = format!("version {MIGRATIONS} of the tables is wanted, found {found}");
        return Err(StorageError::Unusable(wanted));
    }
    Ok(())
}
