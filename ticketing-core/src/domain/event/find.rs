use super::{A_DAY, Event, EventFilter, EventPhase, EventSort};
use crate::domain::category::{self, Category};
use crate::domain::command::Query;
use crate::domain::id::EventId;
use crate::domain::list::{Condition, List, Sort, is_organizer};
use crate::domain::load::LoadKeys;
use crate::domain::page::{Page, PageRequest};
use crate::domain::row::Field as _;
use crate::domain::text;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Finds an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindEvent(pub EventId);

impl Query for FindEvent {
    type Found = Option<Event>;
    // An event is read together with its ticket types, and a category never changes.
    const ONE_MOMENT: bool = false;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Event>(&self.0);
        if let Some(id) = rows.events.loaded_row(&self.0).and_then(|event| event.category_id) {
            load.look::<Category>(&id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<Event> {
        rows.events.get(&self.0).map(|event| event.with_category(rows))
    }
}

/// Lists events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEvents {
    /// The filter.
    pub filter: EventFilter,
    /// The page.
    pub page: PageRequest,
}

/// Lists the ids of events, in the order of [`ListEvents`]. A thousand events can be many megabytes; their ids are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEventIds(pub ListEvents);

/// Finds events, in the order of these ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindEvents(pub Vec<EventId>);

const LIST: &str = "events";

impl ListEvents {
    /// Requests the list. Nothing is in a category that does not exist.
    fn request(&self, rows: &WorkingSet, load: &mut LoadKeys, change: impl Fn(List) -> List) {
        match &self.filter.category {
            None => load.list(change(self.list(None))),
            Some(name) => {
                let keys = text::spellings(name);
                keys.iter().for_each(|key| load.find(category::BY_NAME, key));
                let found = keys.iter().find_map(|key| rows.categories.loaded(category::BY_NAME, key).next());
                if let Some(category) = found {
                    load.list(change(self.list(Some(category))));
                }
            }
        }
    }

    /// The ids of the page that was found.
    fn ids(&self, rows: &WorkingSet) -> Page<EventId> {
        let page = rows.listed::<EventId>(LIST);
        let total = if self.page.count { Some(page.total.unwrap_or(0)) } else { None };
        Page { total, ..page }
    }

    fn list(&self, category: Option<&Category>) -> List {
        let filter = &self.filter;
        let mut all = vec![];
        match filter.phase {
            Some((phase, now)) => all.extend(in_phase(phase, now)),
            None => all.extend(with_status(filter)),
        }
        all.extend(category.map(|category| Condition::Is("category_id", category.id.value())));
        all.extend(filter.text.as_ref().map(|text| contains(text)));
        all.extend(filter.from.map(|from| Condition::AtLeast("starts_at", from.as_microsecond())));
        all.extend(filter.to.map(|to| Condition::Below("starts_at", to.as_microsecond())));
        all.extend(filter.series.map(|series| Condition::Is("series_id", series.value())));
        all.extend(filter.organizer.as_ref().map(is_organizer));
        match &filter.scope {
            Some(scope) => all.extend(scope.of_events()),
            // What is not public is listed for those who may see it.
            None if filter.phase.is_some_and(|(phase, _)| phase == EventPhase::Draft) => {
                all.push(Condition::Named("status", &["active"]));
            }
            None => {}
        }
        let list = List::of::<Event>(LIST, all).page(self.page);
        match filter.sort {
            EventSort::Id => list,
            EventSort::Date => list.by("starts_at", Sort::Ascending),
            EventSort::DateDescending => list.by("starts_at", Sort::Descending),
            EventSort::Title => list.by("title", Sort::Ascending),
        }
    }
}

fn with_status(filter: &EventFilter) -> Option<Condition> {
    match (filter.with_drafts && filter.scope.is_some(), filter.with_cancelled) {
        (false, false) => Some(Condition::Named("status", &["active"])),
        (true, false) => Some(Condition::Named("status", &["draft", "active"])),
        (false, true) => Some(Condition::Named("status", &["active", "cancelled"])),
        (true, true) => None,
    }
}

/// The same as [`Event::phase`], as conditions.
fn in_phase(phase: EventPhase, now: Timestamp) -> Vec<Condition> {
    let is_active = Condition::Named("status", &["active"]);
    let started = Condition::AtMost("starts_at", now.as_microsecond());
    match phase {
        EventPhase::Draft => vec![Condition::Named("status", &["draft"])],
        EventPhase::Cancelled => vec![Condition::Named("status", &["cancelled"])],
        EventPhase::Upcoming => {
            vec![is_active, Condition::AtLeast("starts_at", now.as_microsecond().saturating_add(1))]
        }
        EventPhase::Running => {
            vec![is_active, started, is_not_over(now)]
        }
        EventPhase::Ended => {
            vec![is_active, started, is_over(now)]
        }
    }
}

fn a_day_before(now: Timestamp) -> i64 {
    now.checked_sub(A_DAY).unwrap_or(Timestamp::MIN).as_microsecond()
}

/// The event has ended, as [`Event::sales_end_at`] says, whatever its status.
pub(crate) fn is_over(now: Timestamp) -> Condition {
    let ended = vec![Condition::AtMost("ends_at", now.as_microsecond())];
    let began_earlier = vec![Condition::Unknown("ends_at"), Condition::AtMost("starts_at", a_day_before(now))];
    Condition::Any(vec![ended, began_earlier])
}

/// The event has not ended.
pub(crate) fn is_not_over(now: Timestamp) -> Condition {
    let ends_later = vec![Condition::AtLeast("ends_at", now.as_microsecond().saturating_add(1))];
    let began_today =
        vec![Condition::Unknown("ends_at"), Condition::AtLeast("starts_at", a_day_before(now).saturating_add(1))];
    Condition::Any(vec![ends_later, began_today])
}

/// Events that were made before text was composed have it as it was typed.
fn contains(text: &str) -> Condition {
    let contains = |text| Condition::Contains("search_key", text);
    let mut spellings = text::spellings(text);
    match spellings.len() {
        1 => contains(spellings.remove(0)),
        _ => Condition::Any(spellings.into_iter().map(|text| vec![contains(text)]).collect()),
    }
}

impl Query for ListEvents {
    type Found = Page<Event>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self.request(rows, load, |list| list);
        let listed = rows.listed::<EventId>(LIST).items;
        for id in listed.iter().filter_map(|id| rows.events.loaded_row(id)?.category_id) {
            load.look::<Category>(&id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Page<Event> {
        let Page { items, more, total } = self.ids(rows);
        let events = items.iter().filter_map(|id| rows.events.get(id));
        Page { items: events.map(|event| event.with_category(rows)).collect(), more, total }
    }
}

impl Query for ListEventIds {
    type Found = Page<EventId>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self.0.request(rows, load, List::keys_only);
    }

    fn find(&self, rows: &WorkingSet) -> Page<EventId> {
        self.0.ids(rows)
    }
}

impl Query for FindEvents {
    type Found = Vec<Event>;
    const ONE_MOMENT: bool = FindEvent::ONE_MOMENT;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self.0.iter().for_each(|id| FindEvent(*id).needs(rows, load));
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Event> {
        self.0.iter().filter_map(|id| FindEvent(*id).find(rows)).collect()
    }
}
