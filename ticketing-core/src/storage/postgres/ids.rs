//! Ids in blocks: each process draws them from blocks of its own, so that no two wait for each other.

use crate::domain::shelf::{IdRanges, Ids};
use crate::domain::working_set::{Noun, WorkingSet};
use crate::storage::sql::{Connection, Result, Statement, broken, one_int};
use tokio::sync::Mutex;

/// What one draw from a sequence reserves. The sequences are made with this increment.
const BLOCK: i64 = 100_000;

/// How many ids of each kind are set aside for a command: more than nearly all of them take. Work that takes more is decided
/// again with [`MORE`] times as many.
pub(super) const IDS_PER_COMMAND: i64 = 16;
/// How many times as many ids are set aside where they were too few.
pub(super) const MORE: i64 = 8;

/// The blocks of this process: for each noun, of its rows and of their parts.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Mutex<Vec<IdRanges>>,
}

impl Blocks {
    /// Sets ids aside, which no other transaction gets: at most a block of each kind.
    pub(super) async fn take(&self, connection: &mut dyn Connection, count: i64) -> Result<Vec<IdRanges>> {
        let count = count.min(BLOCK);
        let mut blocks = self.blocks.lock().await;
        if blocks.is_empty() {
            blocks.resize(Noun::ALL.len(), IdRanges { rows: Ids { next: 0, end: 0 }, parts: Ids { next: 0, end: 0 } });
        }
        let mut taken = Vec::with_capacity(blocks.len());
        for (noun, block) in Noun::ALL.iter().zip(blocks.iter_mut()) {
            let table = noun.table();
            let part = table.part.as_ref().filter(|part| part.numbered);
            let rows = match table.numbered {
                true => set_aside(connection, table.name, &mut block.rows, count).await?,
                false => block.rows,
            };
            let parts = match part {
                Some(part) => set_aside(connection, part.name, &mut block.parts, count).await?,
                None => block.parts,
            };
            taken.push(IdRanges { rows, parts });
        }
        Ok(taken)
    }

    /// Gives back what was not needed, unless another transaction has taken more since. So a lone process has ids without gaps,
    /// and a busy one does not use up whole blocks for nothing.
    pub(super) async fn give_back(&self, taken: &[IdRanges], rows: &WorkingSet) {
        let mut blocks = self.blocks.lock().await;
        for ((noun, block), taken) in Noun::ALL.iter().zip(blocks.iter_mut()).zip(taken) {
            let used = rows.shelf(*noun).ids();
            for (block, taken, used) in
                [(&mut block.rows, taken.rows, used.rows), (&mut block.parts, taken.parts, used.parts)]
            {
                if block.next == taken.end {
                    block.next = used.next;
                }
            }
        }
    }
}

async fn set_aside(connection: &mut dyn Connection, table: &str, block: &mut Ids, count: i64) -> Result<Ids> {
    if block.end - block.next < count {
        let sql = format!("select nextval('{table}_ids')");
        let start = one_int(connection, Statement { sql, ..Statement::default() }).await?;
        let start = start.ok_or_else(|| broken(format!("the sequence of {table} gave no number")))?;
        *block = Ids { next: start, end: start + BLOCK };
    }
    let taken = Ids { next: block.next, end: block.next + count };
    block.next = taken.end;
    Ok(taken)
}
