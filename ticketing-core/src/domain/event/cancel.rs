use super::{Event, EventStatus};
use crate::domain::category::Category;
use crate::domain::command::Command;
use crate::domain::id::EventId;
use crate::domain::load::LoadKeys;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Cancels an event: sales and check-ins end at once. A repeat changes nothing. Its orders are undone one by one, by
/// [`UndoCancelledEvents`](crate::domain::refund::UndoCancelledEvents).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelEvent {
    /// The event.
    pub id: EventId,
}

impl Command for CancelEvent {
    type Outcome = Result<Event, Refusal>;
    const NAME: &'static str = "cancel_event";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Event>(&self.id);
        if let Some(id) = rows.events.loaded_row(&self.id).and_then(|event| event.category_id) {
            load.look::<Category>(&id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Event, Refusal> {
        let unknown = Refusal::EventUnknown { event_id: self.id };
        let Some(event) = rows.events.get(&self.id) else { return Err(unknown) };
        if event.status != EventStatus::Cancelled {
            rows.events.update(&self.id, |event| {
                event.status = EventStatus::Cancelled;
                event.version += 1;
                event.updated_at = now;
            });
        }
        rows.events.get(&self.id).map(|event| event.with_category(rows)).ok_or(unknown)
    }
}
