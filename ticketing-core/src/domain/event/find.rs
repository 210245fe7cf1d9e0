use super::{Event, EventFilter, EventSort};
use crate::domain::category::{self, Category};
use crate::domain::command::Query;
use crate::domain::id::EventId;
use crate::domain::list::{Condition, List, Sort, is_principal};
use crate::domain::load::LoadKeys;
use crate::domain::page::{Page, PageRequest};
use crate::domain::row::Field as _;
use crate::domain::working_set::WorkingSet;

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

const LIST: &str = "events";

impl ListEvents {
    fn list(&self, category: Option<&Category>) -> List {
        let filter = &self.filter;
        let mut all = vec![];
        if !filter.with_cancelled {
            all.push(Condition::Named("status", &["active"]));
        }
        all.extend(category.map(|category| Condition::Is("category_id", category.id.value())));
        all.extend(filter.text.as_ref().map(|text| Condition::Contains("search_key", text.to_lowercase())));
        all.extend(filter.from.map(|from| Condition::AtLeast("starts_at", from.as_microsecond())));
        all.extend(filter.to.map(|to| Condition::Below("starts_at", to.as_microsecond())));
        let whose = |who| is_principal("organizer_account", "organizer_external", who);
        all.extend(filter.organizer.as_ref().map(whose));
        let list = List::of::<Event>(LIST, all).page(self.page);
        match filter.sort {
            EventSort::Id => list,
            EventSort::Date => list.by("starts_at", Sort::Ascending),
            EventSort::DateDescending => list.by("starts_at", Sort::Descending),
            EventSort::Title => list.by("title", Sort::Ascending),
        }
    }
}

impl Query for ListEvents {
    type Found = Page<Event>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        match self.filter.category.as_ref().map(|name| name.to_lowercase()) {
            None => load.list(self.list(None)),
            Some(name) => {
                load.find(category::BY_NAME, &name);
                if let Some(category) = rows.categories.loaded(category::BY_NAME, &name).next() {
                    load.list(self.list(Some(category)));
                }
            }
        }
        let listed = rows.listed::<EventId>(LIST).items;
        for id in listed.iter().filter_map(|id| rows.events.loaded_row(id)?.category_id) {
            load.look::<Category>(&id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Page<Event> {
        let page = rows.listed::<EventId>(LIST);
        let total = if self.page.count { Some(page.total.unwrap_or(0)) } else { None };
        let events = page.items.iter().filter_map(|id| rows.events.get(id));
        Page { items: events.map(|event| event.with_category(rows)).collect(), more: page.more, total }
    }
}
