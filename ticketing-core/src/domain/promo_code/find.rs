use super::{BY_TEXT, PromoCode, PromoCodeText};
use crate::domain::command::Query;
use crate::domain::id::{EventId, PromoCodeId};
use crate::domain::list::{Condition, List};
use crate::domain::load::LoadKeys;
use crate::domain::page::{Page, PageRequest};
use crate::domain::row::Field as _;
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;

/// Finds a promo code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindPromoCode {
    /// By its id.
    Id(PromoCodeId),
    /// By its text.
    Text(EventId, PromoCodeText),
}

impl Query for FindPromoCode {
    type Found = Option<PromoCode>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        match self {
            Self::Id(id) => load.look::<PromoCode>(id),
            Self::Text(event, text) => load.look_up(BY_TEXT, &(*event, text.clone())),
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<PromoCode> {
        match self {
            Self::Id(id) => rows.promo_codes.get(id).cloned(),
            Self::Text(event, text) => rows.promo_code_by_text(*event, text).cloned(),
        }
    }
}

/// Lists the promo codes of an event, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPromoCodes {
    /// The events whose codes may be seen.
    pub scope: Scope,
    /// The event.
    pub event_id: EventId,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "promo codes";

impl Query for ListPromoCodes {
    type Found = Page<PromoCode>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let mut all = vec![Condition::Is("event_id", self.event_id.value())];
        all.extend(self.scope.by_event("event_id"));
        load.list(List::of::<PromoCode>(LIST, all).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<PromoCode> {
        let Page { items, more, total } = rows.listed::<PromoCodeId>(LIST);
        let total = if self.page.count { Some(total.unwrap_or(0)) } else { None };
        Page { items: items.iter().filter_map(|id| rows.promo_codes.get(id)).cloned().collect(), more, total }
    }
}
