//! This is an optimisation; delete it if it stops paying. In a flash sale, `GET /events/{id}` is requested more often than
//! everything else together.
//!
//! | file | saves |
//! |---|---|
//! | `fast_path` | the router, and the parameters and body that other operations need |
//! | `rendered` | writing JSON and hashing it for the `ETag`, while the event has not changed |
//! | `prerendered_json` | writing that JSON again into the response |
//!
//! Without it, the operation in [`events`](super::events) gives the same responses; a test compares both. Every request reads
//! the event from the engine, with or without this.

mod fast_path;
mod prerendered_json;
mod rendered;

pub(super) use fast_path::FastPath;
pub(super) use prerendered_json::PrerenderedJson;
pub(super) use rendered::{RenderedEvent, RenderedEvents};
