//! Rows that are kept from one transaction to the next, so that a hot event is not read again for every batch of its sales.
//!
//! Only for a database with one writer that can tell whether somebody else has written: then the kept rows are dropped.

use super::load::by_index;
use super::{Connection, Result, broken};
use crate::domain::row::Value;
use crate::domain::working_set::{Noun, WorkingSet};

/// The nouns whose rows are kept: few rows, of many columns, that many transactions read.
const KEPT: [Noun; 1] = [Noun::Event];

/// How many rows of a noun are kept.
#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "PostgreSQL has many writers"))]
const MOST: usize = 256;

/// Rows as the last transaction left them.
#[derive(Clone, Debug, Default)]
pub(in crate::storage) struct Kept(WorkingSet);

#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "PostgreSQL has many writers"))]
impl Kept {
    /// Copies the kept ones of these rows to a working set. Returns the keys of the others.
    pub(super) fn copy(&self, noun: Noun, index: usize, keys: Vec<Value>, to: &mut WorkingSet) -> Vec<Value> {
        if index != 0 || !KEPT.contains(&noun) {
            return keys;
        }
        let shelf = self.0.shelf(noun);
        let (kept, others): (Vec<Value>, Vec<Value>) = keys.into_iter().partition(|key| shelf.has(key));
        shelf.copy(0, &kept, to.shelf_mut(noun));
        others
    }

    /// Keeps rows as a transaction leaves them that was committed just now.
    pub(in crate::storage) fn keep(&mut self, committed: &mut WorkingSet) {
        for noun in KEPT {
            let (kept, newer) = (self.0.shelf_mut(noun), committed.shelf_mut(noun));
            if kept.len() + newer.len() > MOST {
                kept.clear();
            }
            if newer.len() <= MOST {
                newer.move_to(kept);
            }
        }
    }

    /// Reads the kept rows again, and fails if one of them is not as it is in the database.
    pub(in crate::storage) async fn check(&self, connection: &mut dyn Connection) -> Result<()> {
        for noun in KEPT {
            let keys = self.0.shelf(noun).keys();
            let mut read = WorkingSet::default();
            by_index(connection, noun, 0, &keys, "", &mut read).await?;
            if !self.0.shelf(noun).is_same(read.shelf(noun)) {
                return Err(broken(format!("a kept row of {noun:?} is not as it is in the database")));
            }
        }
        Ok(())
    }
}
