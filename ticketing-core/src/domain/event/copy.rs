use super::{BY_KEY, Event, EventStatus, SalesRules, Stock, TicketType, Window};
use crate::domain::category::Category;
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::id::{EventId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;
use jiff::civil::DateTime;

/// Copies an event to another date, with its ticket types, rules and texts. Nothing of it is sold yet, and removed types are left out.
/// What the original has as times before or after its start, the copy has at the same wall times before or after its own. Both belong
/// to one series. A repeat with the same key finds the same event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyEvent {
    /// The original.
    pub id: EventId,
    /// The idempotency key of the copy.
    pub key: Reference,
    /// When the copy starts. Must not be past.
    pub starts_at: Timestamp,
    /// Whether the copy is a draft or published.
    pub status: EventStatus,
}

impl Command for CopyEvent {
    type Outcome = Result<Event, Refusal>;
    const NAME: &'static str = "copy_event";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Event>(&self.id);
        load.find(BY_KEY, &self.key);
        let known = rows.events.loaded_row(&self.id).into_iter().chain(rows.events.loaded(BY_KEY, &self.key));
        for category in known.filter_map(|event| event.category_id) {
            load.look::<Category>(&category);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Event, Refusal> {
        let original = rows.events.get(&self.id).cloned().ok_or(Refusal::EventUnknown { event_id: self.id })?;
        let series_id = original.series_id.unwrap_or(original.id);
        if let Some(known) = rows.event_by_key(&self.key) {
            let is_same = known.series_id == Some(series_id) && known.organizer == original.organizer;
            return if is_same { Ok(known.with_category(rows)) } else { Err(Refusal::KeyReused) };
        }
        if self.starts_at < now {
            return Err(Refusal::EventPast);
        }
        let mut copy = self.copy(original, now);
        copy.id = EventId(rows.events.take_id());
        copy.series_id = Some(series_id);
        for ticket_type in &mut copy.ticket_types {
            ticket_type.id = TicketTypeId(rows.events.take_part_id());
            ticket_type.event_id = copy.id;
        }
        rows.events.update(&self.id, |original| original.series_id = Some(series_id));
        rows.events.insert(copy.clone());
        Ok(copy.with_category(rows))
    }
}

impl CopyEvent {
    /// The copy, without ids. Every field is named, so that one that is added later cannot be forgotten here.
    fn copy(&self, original: Event, now: Timestamp) -> Event {
        let moved = Moved { original: &original.clone(), starts_at: self.starts_at };
        let Event {
            id,
            key: _,
            organizer,
            title,
            description,
            starts_at: _,
            ends_at,
            time_zone,
            location,
            address,
            image_url,
            category_id,
            category: _,
            currency,
            stock: Stock { capacity, held: _, sold: _ },
            status: _,
            rules,
            version: _,
            series_id: _,
            ticket_types,
            created_at: _,
            updated_at: _,
        } = original;
        let types = ticket_types.into_iter().filter(|ticket_type| ticket_type.removed_at.is_none());
        Event {
            id,
            key: Some(self.key.clone()),
            organizer,
            title,
            description,
            starts_at: self.starts_at,
            ends_at: ends_at.map(|at| moved.at(at)),
            time_zone,
            location,
            address,
            image_url,
            category_id,
            category: None,
            currency,
            stock: Stock::of_capacity(capacity),
            status: self.status,
            rules: moved.rules(rules),
            version: 1,
            series_id: None,
            ticket_types: types.map(|ticket_type| moved.ticket_type(ticket_type)).collect(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// What is moved along with an event's start.
struct Moved<'a> {
    original: &'a Event,
    starts_at: Timestamp,
}

impl Moved<'_> {
    /// The wall time that is as far from the new start as this one is from the old start.
    fn at(&self, at: Timestamp) -> Timestamp {
        let zone = &self.original.time_zone;
        let wall = |at: Timestamp| zone.local(at).datetime();
        let distance = wall(self.original.starts_at).duration_until(wall(at));
        let moved: Option<DateTime> = wall(self.starts_at).checked_add(distance).ok();
        moved.map_or(at, |moved| zone.nearest_instant(moved))
    }

    fn rules(&self, rules: SalesRules) -> SalesRules {
        let SalesRules { sales: Window { from, until }, paused, min_per_order, max_per_order, max_per_buyer } = rules;
        let sales = Window { from: from.map(|at| self.at(at)), until: until.map(|at| self.at(at)) };
        SalesRules { sales, paused, min_per_order, max_per_order, max_per_buyer }
    }

    fn ticket_type(&self, original: TicketType) -> TicketType {
        let TicketType { id, event_id, name, price, stock, rules, visibility, removed_at } = original;
        let stock = Stock::of_capacity(stock.capacity);
        TicketType { id, event_id, name, price, stock, rules: self.rules(rules), visibility, removed_at }
    }
}
