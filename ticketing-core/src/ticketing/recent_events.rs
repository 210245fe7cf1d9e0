//! Events that were read a moment ago. In a flash sale, everybody reads one event.
//!
//! An event is answered from memory as long as nothing was committed since it was read. What this process commits is seen at once: its
//! storage counts its commits. What other processes commit is seen when an event was read 50 ms ago, and is read again.

use crate::domain::event::Event;
use crate::domain::id::EventId;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// For how long what other processes have changed may be unknown.
const STALE_LIMIT: SignedDuration = SignedDuration::from_millis(50);
/// A few megabytes, if every event is as large as it can be.
const MAX_EVENTS: usize = 64;

/// The state of the storage before an event is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The version of the storage.
    pub(super) version: u64,
    pub(super) now: Timestamp,
}

/// Events, each with the moment before it was read.
#[derive(Debug, Default)]
pub(super) struct RecentEvents(RwLock<HashMap<EventId, (Arc<Event>, Moment)>>);

impl RecentEvents {
    /// The event, unless it may have changed.
    pub(super) fn get(&self, id: EventId, now: Moment) -> Option<Arc<Event>> {
        let events = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (event, read) = events.get(&id)?;
        let age = now.now.duration_since(read.now);
        // A clock that was set back proves nothing.
        let is_recent = read.version == now.version && !age.is_negative() && age < STALE_LIMIT;
        is_recent.then(|| Arc::clone(event))
    }

    /// Keeps an event that was read after this moment.
    pub(super) fn keep(&self, event: &Arc<Event>, read: Moment) {
        let mut events = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if events.len() >= MAX_EVENTS && !events.contains_key(&event.id) {
            events.clear();
        }
        events.insert(event.id, (Arc::clone(event), read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{NewEvent, PutEvent};
    use crate::domain::money::{Currency, Money};
    use crate::domain::principal::Principal;
    use crate::storage::StorageExt as _;
    use crate::storage::memory::MemoryStorage;

    fn at(version: u64, millis: i64) -> Moment {
        Moment { version, now: Timestamp::from_millisecond(1_000_000 + millis).unwrap() }
    }

    #[tokio::test]
    async fn an_event_is_known_until_something_is_committed_or_it_is_old() {
        let soon = Timestamp::from_second(10_000).unwrap();
        let event = NewEvent::general_admission("Jazz", soon, "Lagos", Money::zero(Currency::NGN), None);
        let ada = Principal::External("ada".to_owned());
        let put = PutEvent { actor: ada.clone(), organizer: ada, event };
        let event = MemoryStorage::new().apply_one(Timestamp::UNIX_EPOCH, put).await.unwrap().unwrap();
        let (id, event) = (event.id, Arc::new(event));
        let recent = RecentEvents::default();
        assert_eq!(recent.get(id, at(1, 0)), None);
        recent.keep(&event, at(1, 0));
        assert!(recent.get(id, at(1, 49)).is_some_and(|known| Arc::ptr_eq(&known, &event)));
        assert_eq!(recent.get(id, at(2, 0)), None, "something was committed");
        assert_eq!(recent.get(id, at(1, 50)), None, "another process may have committed something");
        assert_eq!(recent.get(id, at(1, -1)), None, "the clock was set back");
        for other in 100..100 + MAX_EVENTS {
            let other = Event { id: EventId(i64::try_from(other).unwrap()), ..Event::clone(&event) };
            recent.keep(&Arc::new(other), at(1, 0));
        }
        assert!(recent.0.read().unwrap().len() <= MAX_EVENTS);
    }
}
