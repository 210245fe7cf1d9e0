//! Events that are kept from one transaction to the next, so that a hot event is not read again for every batch of its sales. Events are
//! few, have many columns, and are read by most transactions.
//!
//! Only for a database with one writer that can tell whether somebody else has written: then what is kept is dropped.
#![cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "PostgreSQL has many writers"))]

use super::load::by_index;
use super::{Connection, Result, broken};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::row::{Field as _, Value};
use crate::domain::shelf::Shelf;
use crate::domain::working_set::{Noun, WorkingSet};

/// How many events are kept.
const MOST: usize = 256;

/// Events as the last transaction left them.
#[derive(Clone, Debug, Default)]
pub(in crate::storage) struct Kept {
    events: Option<Shelf<Event>>,
}

impl Kept {
    /// Copies the kept ones of these rows to a working set. Returns the keys of the others.
    pub(super) fn copy(&self, noun: Noun, index: usize, keys: Vec<Value>, to: &mut WorkingSet) -> Vec<Value> {
        let Some(events) = self.events.as_ref().filter(|_| noun == Noun::Event && index == 0) else { return keys };
        let mut others = vec![];
        for key in keys {
            let Value::Int(id) = key else { continue };
            match events.loaded_row(&EventId(id)) {
                Some(event) => to.events.load_record(event.clone()),
                None => others.push(key),
            }
        }
        others
    }

    /// Keeps events as a transaction leaves them that was committed just now.
    pub(in crate::storage) fn keep(&mut self, committed: &mut WorkingSet) {
        let kept = self.events.get_or_insert_default();
        let newer = committed.events.iter().count();
        if kept.iter().count() + newer > MOST {
            *kept = Shelf::default();
        }
        if newer <= MOST {
            committed.events.move_to(kept);
        }
    }

    /// Reads the kept events again, and fails if one of them is not as it is in the database.
    pub(in crate::storage) async fn check(&self, connection: &mut dyn Connection) -> Result<()> {
        let Some(events) = &self.events else { return Ok(()) };
        let keys: Vec<Value> = events.iter().map(|(id, _)| id.value()).collect();
        let mut read = WorkingSet::default();
        by_index(connection, Noun::Event, 0, &keys, "", &mut read).await?;
        if !events.iter().eq(read.events.iter()) {
            return Err(broken("a kept event is not as it is in the database"));
        }
        Ok(())
    }
}
