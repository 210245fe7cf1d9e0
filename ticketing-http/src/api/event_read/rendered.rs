//! This is an optimisation; delete it if it stops paying. It keeps the JSON and the `ETag` of recently read events, and saves
//! making them again while the event is unchanged.
//!
//! It is no cache of events: each request reads the event, and what is kept is used only where it was made of an equal one.

use super::PrerenderedJson;
use crate::api::dto::event::EventView;
use crate::api::etag;
use crate::lock::lock;
use bytes::Bytes;
use poem::http::HeaderValue;
use poem_openapi::types::ToJSON as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::EventId;

/// A few megabytes, if every event is as large as it can be.
const MAX_RENDERED_EVENTS: usize = 64;

/// An event, rendered.
#[derive(Clone, Debug)]
pub(in crate::api) struct RenderedEvent {
    /// Its JSON.
    pub(in crate::api) body: PrerenderedJson<EventView>,
    /// Its `ETag`: a hash of the JSON, because places are sold without a change of the event itself.
    pub(in crate::api) tag: HeaderValue,
}

/// The events that were read recently, rendered.
#[derive(Debug, Default)]
pub(in crate::api) struct RenderedEvents(Mutex<HashMap<EventId, (Arc<Event>, RenderedEvent)>>);

impl RenderedEvents {
    /// Renders the event, or takes what was rendered before.
    pub(in crate::api) fn of(&self, event: &Arc<Event>) -> RenderedEvent {
        let mut kept = lock(&self.0);
        match kept.get_mut(&event.id) {
            Some((of, rendered)) if Arc::ptr_eq(of, event) => return rendered.clone(),
            Some((of, rendered)) if of == event => {
                // Requests that share this read compare one pointer.
                *of = Arc::clone(event);
                return rendered.clone();
            }
            _ => {}
        }
        let rendered = RenderedEvent::of(event);
        if kept.len() >= MAX_RENDERED_EVENTS && !kept.contains_key(&event.id) {
            kept.clear();
        }
        kept.insert(event.id, (Arc::clone(event), rendered.clone()));
        rendered
    }
}

impl RenderedEvent {
    fn of(event: &Event) -> Self {
        let json = EventView::from(event).to_json_string();
        let tag = etag::of("event", json.as_bytes());
        // Hexadecimal digits in quotes are always a header.
        let tag = HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Self { body: PrerenderedJson::new(Bytes::from(json)), tag }
    }
}
