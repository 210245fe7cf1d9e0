//! Events that are kept from one transaction to the next, so that a hot event is not read again for every batch of its sales. Events are
//! few, have many columns, and are read by most transactions.
//!
//! Only for a database with one writer that can tell whether somebody else has written: then what is kept is dropped.
#![cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "PostgreSQL has many writers"))]

use super::load::by_index;
use super::{Connection, Result, broken};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::load::Lookup;
use crate::domain::row::{Field as _, Value};
use crate::domain::shelf::Shelf;
use crate::domain::working_set::{Noun, WorkingSet};
use std::borrow::Cow;

/// How many events are kept.
const MOST: usize = 256;

/// Events as the last transaction left them.
#[derive(Clone, Debug, Default)]
pub(in crate::storage) struct Kept {
    events: Option<Shelf<Event>>,
}

impl Kept {
    /// Copies the kept ones of these rows to a working set. Returns the keys of the others. Fails, as reading them would, if one of them
    /// was changed in the working set.
    pub(super) fn copy<'k>(&self, lookup: &'k Lookup, to: &mut WorkingSet) -> Result<Cow<'k, [Value]>> {
        let is_by_id = lookup.noun == Noun::Event && lookup.index == 0;
        let Some(events) = self.events.as_ref().filter(|_| is_by_id) else { return Ok(Cow::Borrowed(&lookup.keys)) };
        let mut others = vec![];
        for key in &lookup.keys {
            let kept = match key {
                Value::Int(id) => events.loaded_row(&EventId(*id)),
                _ => None,
            };
            match kept {
                Some(event) => to.events.load_unchanged(event.clone())?,
                None => others.push(key.clone()),
            }
        }
        Ok(Cow::Owned(others))
    }

    /// Keeps events as a transaction leaves them that was committed just now.
    pub(in crate::storage) fn keep(&mut self, committed: &mut WorkingSet) {
        let kept = self.events.get_or_insert_default();
        let newer = committed.events.len();
        if kept.len() + newer > MOST {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::NewEvent;
    use crate::domain::money::{Currency, Money};
    use crate::domain::principal::Principal;
    use crate::storage::StorageError;
    use jiff::Timestamp;

    fn kept(id: EventId) -> Kept {
        let (at, free) = (Timestamp::UNIX_EPOCH, Money::zero(Currency::NGN));
        let event = NewEvent::general_admission("Gala", at, "Lagos", free, Some(4));
        let event = Event { id, ..event.to_event(&Principal::External("ada".to_owned()), at) };
        let mut committed = WorkingSet::default();
        committed.events.load_record(event);
        let mut kept = Kept::default();
        kept.keep(&mut committed);
        kept
    }

    fn by_id(keys: &[i64]) -> Lookup {
        let keys = keys.iter().copied().map(Value::Int).collect();
        Lookup { noun: Noun::Event, index: 0, keys, is_to_change: true }
    }

    #[test]
    fn what_is_kept_need_not_be_read() {
        let (kept, mut rows) = (kept(EventId(7)), WorkingSet::default());
        assert_eq!(*kept.copy(&by_id(&[6, 7]), &mut rows).unwrap(), [Value::Int(6)]);
        assert_eq!(rows.events.loaded_row(&EventId(7)).unwrap().title, "Gala");
    }

    /// Another work of the same transaction may have found the event in another way, and changed it.
    #[test]
    fn an_event_that_was_changed_is_not_replaced_by_what_was_kept() {
        let (kept, mut rows) = (kept(EventId(7)), WorkingSet::default());
        kept.copy(&by_id(&[7]), &mut rows).unwrap();
        rows.events.update(&EventId(7), |event| event.stock.held = 3);
        let again = by_id(&[7]);
        let refused = kept.copy(&again, &mut rows);
        let Err(StorageError::Broken(why)) = refused else { panic!("the change would be lost: {refused:?}") };
        assert!(why.to_string().contains("was changed before it was loaded"), "{why}");
        assert_eq!(rows.events.loaded_row(&EventId(7)).unwrap().stock.held, 3);
    }
}
