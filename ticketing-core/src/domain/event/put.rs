use super::{BY_KEY, Event, NewEvent};
use crate::domain::category::Category;
use crate::domain::command::Command;
use crate::domain::id::{EventId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::organisation::Organisation;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::text::composed;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Creates an event with its ticket types, unless it would be past. The caller has validated everything else but the category. A
/// repeat with the same key finds the same event. That an organisation has a new event is a line of its audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutEvent {
    /// Who creates it, for the audit log of an organisation.
    pub actor: Principal,
    /// The organiser.
    pub organizer: Principal,
    /// The event.
    pub event: NewEvent,
}

impl Command for PutEvent {
    type Outcome = Result<Event, Refusal>;
    const NAME: &'static str = "put_event";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        if let Some(id) = &self.event.category_id {
            load.look::<Category>(id);
        }
        if let Some(id) = self.organizer.organisation() {
            load.look::<Organisation>(&id);
        }
        if let Some(key) = &self.event.key {
            load.find(BY_KEY, key);
            for id in rows.events.loaded(BY_KEY, key).filter_map(|known| known.category_id) {
                load.look::<Category>(&id);
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Event, Refusal> {
        let new = &self.event;
        if let Some(known) = new.key.as_ref().and_then(|key| rows.event_by_key(key)) {
            return if known.organizer == self.organizer && composed(&known.title) == composed(&new.title) {
                Ok(known.with_category(rows))
            } else {
                Err(Refusal::KeyReused)
            };
        }
        if new.past(now).is_some() {
            return Err(Refusal::EventPast);
        }
        if new.category_id.is_some_and(|id| rows.categories.get(&id).is_none()) {
            return Err(Refusal::CategoryUnknown);
        }
        if self.organizer.organisation().is_some_and(|id| rows.organisations.get(&id).is_none()) {
            return Err(Refusal::OrganisationUnknown);
        }
        let mut event = new.to_event(&self.organizer, now);
        event.id = EventId(rows.events.take_id());
        for ticket_type in &mut event.ticket_types {
            ticket_type.id = TicketTypeId(rows.events.take_part_id());
            ticket_type.event_id = event.id;
        }
        rows.events.insert(event.clone());
        rows.record_event_of(now, &event.organizer, event.id, &self.actor, "event.came");
        Ok(event.with_category(rows))
    }
}
