use super::{
    BY_KEY, Event, EventStatus, EventTerms, Question, ReturnPolicy, SalesRules, Stock, TicketType, TransferPolicy,
    Window,
};
use crate::clock::whole_microseconds;
use crate::domain::category::Category;
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::id::{EventId, PromoCodeId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::promo_code::{self, PromoCode};
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;
use jiff::civil::DateTime;
use std::collections::BTreeMap;

/// Copies an event to another date, with its ticket types, rules, promo codes and texts. Nothing of it is sold yet, and removed types are left out.
/// What the original has as times before or after its start, the copy has at the same wall times before or after its own. Both belong
/// to one series. A repeat with the same key finds the same event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyEvent {
    /// The original.
    pub id: EventId,
    /// Who copies it, for the audit log of an organisation.
    pub actor: Principal,
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
        load.look_up(promo_code::BY_EVENT, &self.id);
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
        let moved = Moved { original: &original, starts_at: self.starts_at };
        let mut copy = self.copy(original.clone(), &moved, now);
        copy.id = EventId(rows.events.take_id());
        copy.series_id = Some(series_id);
        for ticket_type in &mut copy.ticket_types {
            ticket_type.id = TicketTypeId(rows.events.take_part_id());
            ticket_type.event_id = copy.id;
        }
        let kept = original.ticket_types.iter().filter(|ticket_type| ticket_type.removed_at.is_none());
        let types: BTreeMap<TicketTypeId, TicketTypeId> =
            kept.zip(&copy.ticket_types).map(|(old, new)| (old.id, new.id)).collect();
        for question in copy.terms.questions.iter_mut().filter(|question| !question.ticket_types.is_empty()) {
            question.ticket_types = question.ticket_types.iter().filter_map(|id| types.get(id).copied()).collect();
        }
        // A question for types that were removed is not asked: an empty list would be all types.
        let asked =
            |of: &Question| original.terms.questions.iter().any(|was| was.key == of.key && was.ticket_types.is_empty());
        copy.terms.questions.retain(|question| !question.ticket_types.is_empty() || asked(question));
        rows.events.update(&self.id, |original| original.series_id = Some(series_id));
        rows.events.insert(copy.clone());
        rows.record_event_of(now, &copy.organizer, copy.id, &self.actor, "event.came");
        let codes: Vec<PromoCode> = rows.promo_codes.all(promo_code::BY_EVENT, &self.id).cloned().collect();
        for mut code in codes.into_iter().filter_map(|code| moved.code(code, copy.id, &types, now)) {
            code.id = PromoCodeId(rows.promo_codes.take_id());
            rows.promo_codes.insert(code);
        }
        Ok(copy.with_category(rows))
    }
}

impl CopyEvent {
    /// The copy, without ids. Every field is named, so that one that is added later cannot be forgotten here.
    fn copy(&self, original: Event, moved: &Moved<'_>, now: Timestamp) -> Event {
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
            terms,
            version: _,
            series_id: _,
            published_at: _,
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
            starts_at: whole_microseconds(self.starts_at),
            ends_at: ends_at.map(|at| moved.after(self.starts_at, at, moved.original.starts_at)),
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
            terms: moved.terms(terms),
            version: 1,
            series_id: None,
            published_at: (self.status == EventStatus::Active).then_some(now),
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
        moved.map_or(Timestamp::MAX, |moved| zone.nearest_instant(moved))
    }

    /// The same for the end of a span. Where a change of the clocks would put it before its moved start, the span is as long as that of
    /// the original.
    fn after(&self, start: Timestamp, at: Timestamp, original_start: Timestamp) -> Timestamp {
        let moved = self.at(at);
        if moved > start {
            return moved;
        }
        start.checked_add(at.duration_since(original_start)).unwrap_or(Timestamp::MAX)
    }

    fn rules(&self, rules: SalesRules) -> SalesRules {
        let SalesRules { sales, paused, min_per_order, max_per_order, max_per_buyer } = rules;
        SalesRules { sales: self.window(sales), paused, min_per_order, max_per_order, max_per_buyer }
    }

    /// The same terms, with times of their own.
    fn terms(&self, terms: EventTerms) -> EventTerms {
        let EventTerms { transfers, returns, questions } = terms;
        EventTerms {
            transfers: TransferPolicy { until: transfers.until.map(|at| self.at(at)), ..transfers },
            returns: ReturnPolicy { until: returns.until.map(|at| self.at(at)), ..returns },
            questions,
        }
    }

    fn window(&self, window: Window) -> Window {
        let Window { from, until } = window;
        let moved_from = from.map(|at| self.at(at));
        let moved_until = until.map(|at| match (from, moved_from) {
            (Some(from), Some(moved)) => self.after(moved, at, from),
            _ => self.at(at),
        });
        Window { from: moved_from, until: moved_until }
    }

    /// The same code for the copy, unused and without an id. `None` if all ticket types that it was for are removed.
    fn code(
        &self,
        original: PromoCode,
        event_id: EventId,
        types: &BTreeMap<TicketTypeId, TicketTypeId>,
        now: Timestamp,
    ) -> Option<PromoCode> {
        let PromoCode {
            id,
            event_id: _,
            text,
            discount,
            ticket_types,
            unlocks,
            valid,
            max_per_order,
            max_per_buyer,
            uses: Stock { capacity, held: _, sold: _ },
            paused,
            note,
            version: _,
            created_at: _,
            updated_at: _,
        } = original;
        let of_copy = |ids: &[TicketTypeId]| ids.iter().filter_map(|id| types.get(id).copied()).collect::<Vec<_>>();
        let (mut for_types, opens) = (of_copy(&ticket_types), of_copy(&unlocks));
        let is_for_none = !ticket_types.is_empty() && for_types.is_empty() && opens.is_empty();
        if !ticket_types.is_empty() && for_types.is_empty() {
            // An empty list would be all types.
            for_types.clone_from(&opens);
        }
        (!is_for_none).then(|| PromoCode {
            id,
            event_id,
            text,
            discount,
            ticket_types: for_types,
            unlocks: opens,
            valid: self.window(valid),
            max_per_order,
            max_per_buyer,
            uses: Stock::of_capacity(capacity),
            paused,
            note,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    fn ticket_type(&self, original: TicketType) -> TicketType {
        let TicketType { id, event_id, name, price, stock, rules, visibility, removed_at } = original;
        let stock = Stock::of_capacity(stock.capacity);
        TicketType { id, event_id, name, price, stock, rules: self.rules(rules), visibility, removed_at }
    }
}
