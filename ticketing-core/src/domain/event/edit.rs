use super::{Event, EventPhase, EventStatus, EventTerms, EventWants, SalesRules, TicketType, WrongType};
use crate::domain::audit::{Actor, Change};
use crate::domain::category::Category;
use crate::domain::command::Command;
use crate::domain::id::{EventId, OrderId, TicketTypeId};
use crate::domain::list::{Condition, List, ListName};
use crate::domain::load::LoadKeys;
use crate::domain::money::{Currency, Money};
use crate::domain::notice;
use crate::domain::order::Order;
use crate::domain::organisation::Organisation;
use crate::domain::page::Page;
use crate::domain::principal::Principal;
use crate::domain::promo_code::{self, Discount, PromoCode};
use crate::domain::refusal::Refusal;
use crate::domain::row::Field as _;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Changes an event into what it shall be, if it is still the version that the caller has seen. What is so already is no change, so a
/// repeat is harmless. The caller has validated everything but what depends on orders.
///
/// - The capacity, of the event or of a type, cannot be less than what is taken.
/// - The currency cannot change once there is an order, whatever became of it. A published event cannot become a draft again while
///   an order is held or paid.
/// - Of an event that has ended or was cancelled, only texts and the organiser can change.
/// - A published event keeps a ticket type that everybody sees.
///
/// That it leaves an organisation, or comes to one, is a line of the organisation's audit log.
///
/// Another date or place of a published event is a [`Notice`](crate::domain::notice::Notice) to everybody who has paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditEvent {
    /// The event.
    pub id: EventId,
    /// Who edits it, for the audit log.
    pub actor: Principal,
    /// The version that the caller has seen. `None` is any.
    pub seen: Option<i64>,
    /// What the event shall be.
    pub wants: EventWants,
}

/// Any order of the event.
const ORDERS: &str = "orders of the edited event";
/// Any order that has places or tickets.
const LIVE_ORDERS: &str = "held and paid orders of the edited event";

impl Command for EditEvent {
    type Outcome = Result<Event, Refusal>;
    const NAME: &'static str = "edit_event";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Event>(&self.id);
        let Some(event) = rows.events.loaded_row(&self.id) else { return };
        for id in [event.category_id, self.wants.category_id.flatten()].into_iter().flatten() {
            load.look::<Category>(&id);
        }
        if let Some(id) = self.wants.organizer.as_ref().and_then(Principal::organisation) {
            load.look::<Organisation>(&id);
        }
        // Read after the event was locked, so none of another edit can be missing.
        if self.wants.may_change_date_or_place() {
            load.look_up(notice::BY_EVENT, &self.id);
        }
        // Read after the event was locked, so no hold can be missing.
        let of_event = || vec![Condition::Is("event_id", self.id.value())];
        if self.wants.currency.is_some_and(|currency| currency != event.currency) {
            load.find(promo_code::BY_EVENT, &self.id);
            load.list(List::of::<Order>(ListName::about(ORDERS, self.id.0), of_event()).at_most(1).keys_only());
        }
        if self.returns_to_draft(event) {
            let mut live = of_event();
            live.push(Condition::Named("status", &["held", "paid"]));
            load.list(List::of::<Order>(ListName::about(LIVE_ORDERS, self.id.0), live).at_most(1).keys_only());
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Event, Refusal> {
        let event = rows.events.get(&self.id).cloned().ok_or(Refusal::EventUnknown { event_id: self.id })?;
        let (mut wanted, wrong) = self.wants.apply(&event, now);
        if wanted == event && wrong.is_empty() {
            return Ok(event.with_category(rows));
        }
        if self.seen.is_some_and(|seen| seen != event.version) {
            return Err(Refusal::Stale { current: event.version });
        }
        // The caller has looked at the same version, so all of them are known.
        if let Some((_, wrong)) = wrong.into_iter().next() {
            let ticket_type_id = if let WrongType::Unknown(id) = wrong { id } else { TicketTypeId(0) };
            return Err(Refusal::TicketTypeUnknown { ticket_type_id });
        }
        self.check(rows, &event, &wanted, now)?;
        for ticket_type in wanted.ticket_types.iter_mut().filter(|of| of.id == TicketTypeId(0)) {
            ticket_type.id = TicketTypeId(rows.events.take_part_id());
        }
        wanted.version += 1;
        wanted.updated_at = now;
        if wanted.status == EventStatus::Active {
            wanted.published_at = wanted.published_at.or(Some(now));
        }
        let (before, after) = (settings(&event), settings(&wanted));
        let fields = before.keys().chain(after.keys().filter(|field| !before.contains_key(*field)));
        for field in fields.filter(|field| before.get(*field) != after.get(*field)) {
            let text = |of: &BTreeMap<String, String>| of.get(field).cloned().filter(|_| !is_long(field));
            let (old, new) = (text(&before), text(&after));
            let change =
                Change { item: Some(field), before: old.as_deref(), after: new.as_deref(), ..Change::default() };
            let actor = Actor::Person(self.actor.clone());
            rows.record_audit(now, self.id, actor, "event.edited", &format!("version {}", wanted.version), change);
        }
        if event.organizer != wanted.organizer {
            rows.record_event_of(now, &event.organizer, self.id, &self.actor, "event.left");
            rows.record_event_of(now, &wanted.organizer, self.id, &self.actor, "event.came");
        }
        if self.wants.may_change_date_or_place() {
            rows.notice_edit(now, &event, &wanted, self.wants.refund_until);
        }
        if wanted.currency != event.currency {
            convert_codes(rows, &event, wanted.currency);
        }
        rows.events.update(&self.id, |event| event.clone_from(&wanted));
        Ok(wanted.with_category(rows))
    }
}

impl EditEvent {
    fn returns_to_draft(&self, event: &Event) -> bool {
        event.status == EventStatus::Active && self.wants.status == Some(EventStatus::Draft)
    }

    /// What depends on orders, on the time, or on what the event was.
    fn check(&self, rows: &WorkingSet, event: &Event, wanted: &Event, now: Timestamp) -> Result<(), Refusal> {
        let is_frozen = |phase| {
            let texts_only = Event {
                organizer: wanted.organizer.clone(),
                title: wanted.title.clone(),
                description: wanted.description.clone(),
                address: wanted.address.clone(),
                image_url: wanted.image_url.clone(),
                category_id: wanted.category_id,
                ..event.clone()
            };
            event.phase(now) == phase && texts_only != *wanted
        };
        if is_frozen(EventPhase::Cancelled)
            || (wanted.status == EventStatus::Cancelled && event.status != wanted.status)
        {
            return Err(Refusal::EventCancelled);
        }
        if is_frozen(EventPhase::Ended) {
            return Err(Refusal::EventOver { ended_at: event.sales_end_at() });
        }
        if wanted.organizer != event.organizer
            && wanted.organizer.organisation().is_some_and(|id| rows.organisations.get(&id).is_none())
        {
            return Err(Refusal::OrganisationUnknown);
        }
        if wanted.category_id.is_some_and(|id| rows.categories.get(&id).is_none()) {
            return Err(Refusal::CategoryUnknown);
        }
        let has = |list: &'static str| -> bool {
            let found: Page<OrderId> = rows.listed(ListName::about(list, self.id.0));
            !found.items.is_empty()
        };
        if wanted.currency != event.currency && has(ORDERS) || self.returns_to_draft(event) && has(LIVE_ORDERS) {
            return Err(Refusal::HasOrders);
        }
        // Events of earlier versions may have none: they can still be paused.
        let had_one = event.status != EventStatus::Active || event.public_types().next().is_some();
        if wanted.status == EventStatus::Active && had_one && wanted.public_types().next().is_none() {
            return Err(Refusal::LastType);
        }
        let fits = |capacity: Option<i64>, taken: i64| capacity.is_none_or(|capacity| taken <= capacity);
        let taken = wanted.stock.held + wanted.stock.sold;
        if !fits(wanted.stock.capacity, taken) {
            return Err(Refusal::CapacityTooLow { taken, ticket_type_id: None });
        }
        let too_small = |of: &&TicketType| !fits(of.stock.capacity, of.stock.held + of.stock.sold);
        match wanted.ticket_types.iter().find(too_small) {
            Some(TicketType { id, stock, .. }) => {
                Err(Refusal::CapacityTooLow { taken: stock.held + stock.sold, ticket_type_id: Some(*id) })
            }
            None => Ok(()),
        }
    }
}

/// The amounts of promo codes keep their number, like prices. What the new currency cannot show is cut off.
fn convert_codes(rows: &mut WorkingSet, event: &Event, to: Currency) {
    let codes: Vec<PromoCode> = rows.promo_codes.all(promo_code::BY_EVENT, &event.id).cloned().collect();
    for code in codes {
        if let Discount::Each(minor) = code.discount {
            let each = Money::new(minor, event.currency).map_or(0, |each| each.number_in(to));
            rows.promo_codes.update(&code.id, |code| code.discount = Discount::Each(each));
        }
    }
}

/// Texts of which the audit log says only that they changed.
fn is_long(field: &str) -> bool {
    matches!(field, "description" | "address") || field.starts_with("questions.")
}

/// What an edit can change, as text. Absent values are left out.
fn settings(event: &Event) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut add = |field: &str, value: Option<String>| drop(value.map(|value| all.insert(field.to_owned(), value)));
    add("title", Some(event.title.clone()));
    add("organizer", Some(event.organizer.to_string()));
    add("description", event.description.clone());
    add("starts_at", Some(event.starts_at.to_string()));
    add("ends_at", event.ends_at.map(|at| at.to_string()));
    add("time_zone", Some(event.time_zone.to_string()));
    add("location", Some(event.location.clone()));
    add("address", event.address.clone());
    add("image_url", event.image_url.clone());
    add("category_id", event.category_id.map(|id| id.to_string()));
    add("currency", Some(event.currency.code().to_owned()));
    add("capacity", event.stock.capacity.map(|capacity| capacity.to_string()));
    add("status", Some(event.status.name().to_owned()));
    let mut add_rules = |prefix: &str, rules: &SalesRules| {
        let mut add = |field: &str, value: Option<String>| add(&format!("{prefix}{field}"), value);
        add("sales_from", rules.sales.from.map(|at| at.to_string()));
        add("sales_until", rules.sales.until.map(|at| at.to_string()));
        add("paused", rules.paused.then(|| "true".to_owned()));
        add("min_per_order", rules.min_per_order.map(|count| count.to_string()));
        add("max_per_order", rules.max_per_order.map(|count| count.to_string()));
        add("max_per_buyer", rules.max_per_buyer.map(|count| count.to_string()));
    };
    add_rules("", &event.rules);
    for ticket_type in &event.ticket_types {
        add_rules(&format!("ticket_types.{}.", ticket_type.id), &ticket_type.rules);
    }
    let EventTerms { transfers, returns, questions } = &event.terms;
    add("transfers", Some(transfers.rule.name().to_owned()));
    add("transfers_until", transfers.until.map(|at| at.to_string()));
    add("returns_until", returns.until.map(|at| at.to_string()));
    add("returns_keep_percent", Some(returns.keep_percent.to_string()));
    for (position, question) in questions.iter().enumerate() {
        let text = serde_json::to_string(&(position, question)).unwrap_or_default();
        add(&format!("questions.{}", question.key), Some(text));
    }
    for (position, of) in event.ticket_types.iter().enumerate() {
        let mut add = |field: &str, value: Option<String>| add(&format!("ticket_types.{}.{field}", of.id), value);
        add("position", of.removed_at.is_none().then(|| position.to_string()));
        add("name", Some(of.name.clone()));
        add("price", Some(of.price.decimal()));
        add("capacity", of.stock.capacity.map(|capacity| capacity.to_string()));
        add("visibility", Some(of.visibility.name().to_owned()));
        add("removed_at", of.removed_at.map(|at| at.to_string()));
    }
    all
}
