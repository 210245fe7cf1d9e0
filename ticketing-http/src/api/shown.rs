//! Events as they are sent: written once for all who are to see the same.
//!
//! Nothing here is fresher or older than what the engine read. Only the writing is kept, beside the event it was made of, and used
//! again where what was read now is equal to it.

use super::dto::event::EventView;
use super::dto::written::Written;
use super::etag;
use crate::lock::lock;
use bytes::Bytes;
use poem::http::HeaderValue;
use poem_openapi::types::ToJSON as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::EventId;

/// How many events are kept as written: some megabytes, where all of them are as large as can be.
const MOST: usize = 64;

/// An event as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// In JSON.
    pub(crate) body: Written<EventView>,
    /// Its version. The number of places changes without the event: what tells versions apart is what is sent.
    pub(crate) tag: HeaderValue,
}

/// The events that were last asked for, as they were sent.
#[derive(Debug, Default)]
pub(crate) struct ShownEvents(Mutex<HashMap<EventId, (Arc<Event>, Shown)>>);

impl ShownEvents {
    /// The event as it is sent.
    pub(crate) fn of(&self, event: &Arc<Event>) -> Shown {
        let mut kept = lock(&self.0);
        match kept.get_mut(&event.id) {
            Some((of, shown)) if Arc::ptr_eq(of, event) => return shown.clone(),
            Some((of, shown)) if of == event => {
                // Those who share this read find it at a glance.
                *of = Arc::clone(event);
                return shown.clone();
            }
            _ => {}
        }
        let shown = Shown::of(event);
        if kept.len() >= MOST && !kept.contains_key(&event.id) {
            kept.clear();
        }
        kept.insert(event.id, (Arc::clone(event), shown.clone()));
        shown
    }
}

impl Shown {
    fn of(event: &Event) -> Self {
        let json = EventView::from(event).to_json_string();
        let tag = etag::of("event", json.as_bytes());
        // Hexadecimal digits in quotes are always a header.
        let tag = HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Self { body: Written::new(Bytes::from(json)), tag }
    }
}
