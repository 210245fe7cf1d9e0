//! Ids in blocks: each process draws them from blocks of its own, so that no two wait for each other.

use super::Connection;
use crate::domain::book::NextIds;
use tokio::sync::Mutex;

/// What one draw from a sequence reserves. The sequences are made with this increment.
const BLOCK: i64 = 100_000;

/// For one item of a batch, so many ids of each kind are enough: an order has at most 100 tickets.
const PER_ITEM: i64 = 110;

/// The blocks of this process.
#[derive(Debug, Default)]
pub(super) struct Ids {
    blocks: Mutex<Option<(NextIds, NextIds)>>,
}

type Field = fn(&mut NextIds) -> &mut i64;
const KINDS: &[(&str, Field)] = &[
    ("select nextval('accounts_ids')", |ids| &mut ids.account),
    ("select nextval('categories_ids')", |ids| &mut ids.category),
    ("select nextval('events_ids')", |ids| &mut ids.event),
    ("select nextval('ticket_types_ids')", |ids| &mut ids.ticket_type),
    ("select nextval('orders_ids')", |ids| &mut ids.order),
    ("select nextval('tickets_ids')", |ids| &mut ids.ticket),
    ("select nextval('refunds_ids')", |ids| &mut ids.refund),
    ("select nextval('mails_ids')", |ids| &mut ids.mail),
    ("select nextval('audit_ids')", |ids| &mut ids.audit),
    ("select nextval('webhooks_ids')", |ids| &mut ids.webhook),
];

impl Ids {
    /// Ids for a batch of so many items, which nobody else gets.
    pub(super) async fn take(&self, connection: &mut Connection, items: usize) -> Result<NextIds, sqlx::Error> {
        let wanted = wanted(items);
        let mut blocks = self.blocks.lock().await;
        let (mut next, mut ends) = blocks.unwrap_or((zero(), zero()));
        for (sql, field) in KINDS {
            if *field(&mut ends) - *field(&mut next) < wanted {
                let start: i64 = sqlx::query_scalar(*sql).fetch_one(&mut *connection).await?;
                *field(&mut next) = start;
                *field(&mut ends) = start + BLOCK;
            }
        }
        let taken = next;
        for (_, field) in KINDS {
            *field(&mut next) += wanted;
        }
        *blocks = Some((next, ends));
        Ok(taken)
    }

    /// Gives back what a batch did not need, unless somebody has taken more since. So a lone process has ids without gaps, and a
    /// busy one does not use up whole blocks for nothing.
    pub(super) async fn give_back(&self, mut taken: NextIds, items: usize, mut used: NextIds) {
        let wanted = wanted(items);
        if let Some((next, _)) = &mut *self.blocks.lock().await {
            for (_, field) in KINDS {
                if *field(next) == *field(&mut taken) + wanted {
                    *field(next) = *field(&mut used);
                }
            }
        }
    }
}

fn wanted(items: usize) -> i64 {
    PER_ITEM.saturating_mul(i64::try_from(items.max(1)).unwrap_or(i64::MAX)).min(BLOCK)
}

fn zero() -> NextIds {
    NextIds {
        account: 0,
        category: 0,
        event: 0,
        ticket_type: 0,
        order: 0,
        ticket: 0,
        refund: 0,
        mail: 0,
        audit: 0,
        webhook: 0,
    }
}
