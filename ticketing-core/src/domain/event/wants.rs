//! What an event shall be. What is not named stays as it is.

use super::{Event, EventStatus, EventTermsWants, SalesRules, Stock, TicketType, Visibility, Window};
use crate::clock::whole_microseconds;
use crate::domain::id::{CategoryId, TicketTypeId};
use crate::domain::money::{Currency, Money};
use crate::domain::principal::Principal;
use crate::domain::text;
use crate::domain::time_zone::TimeZoneName;
use crate::setters::setters;
use jiff::Timestamp;

/// What an event shall be. `None` leaves a field as it is; `Some(None)` empties it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventWants {
    /// Who runs it. An event moves with everything that was sold for it.
    pub organizer: Option<Principal>,
    /// The title.
    pub title: Option<String>,
    /// The description.
    pub description: Option<Option<String>>,
    /// When it starts.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Option<Timestamp>>,
    /// Where its clocks are. Its start and end stay the same instants.
    pub time_zone: Option<TimeZoneName>,
    /// The place.
    pub location: Option<String>,
    /// The postal address.
    pub address: Option<Option<String>>,
    /// The URL of a picture.
    pub image_url: Option<Option<String>>,
    /// The category.
    pub category_id: Option<Option<CategoryId>>,
    /// The currency of all prices. The prices of ticket types that are not named keep their number of minor units.
    pub currency: Option<Currency>,
    /// The places that all ticket types share.
    pub capacity: Option<Option<i64>>,
    /// Whether it is a draft or published. An event is cancelled by [`CancelEvent`](super::CancelEvent).
    pub status: Option<EventStatus>,
    /// When and how many tickets are sold, over all types.
    pub rules: SalesRulesWants,
    /// Whether its tickets can be transferred and returned, and what its attendees are asked.
    pub terms: EventTermsWants,
    /// Until when buyers who have paid may return unused tickets because of this change, if it is one of the date or the place.
    /// `Some(None)` is never. By default, it is three days where the start moves by more than a day or the place changes, at most until
    /// the start. It is about this change and no part of the event.
    pub refund_until: Option<Option<Timestamp>>,
    /// All ticket types that are not removed, in their order. A type that is not in the list is removed.
    pub ticket_types: Option<Vec<TicketTypeWants>>,
}

setters!(EventWants {
    with_organizer => organizer: impl Into<Option<Principal>>,
    with_title => title: impl Into<Option<String>>,
    with_description => description: impl Into<Option<Option<String>>>,
    with_starts_at => starts_at: impl Into<Option<Timestamp>>,
    with_ends_at => ends_at: impl Into<Option<Option<Timestamp>>>,
    with_time_zone => time_zone: impl Into<Option<TimeZoneName>>,
    with_location => location: impl Into<Option<String>>,
    with_address => address: impl Into<Option<Option<String>>>,
    with_image_url => image_url: impl Into<Option<Option<String>>>,
    with_category_id => category_id: impl Into<Option<Option<CategoryId>>>,
    with_currency => currency: impl Into<Option<Currency>>,
    with_capacity => capacity: impl Into<Option<Option<i64>>>,
    with_status => status: impl Into<Option<EventStatus>>,
    with_rules => rules: SalesRulesWants,
    with_terms => terms: EventTermsWants,
    with_refund_until => refund_until: impl Into<Option<Option<Timestamp>>>,
    with_ticket_types => ticket_types: impl Into<Option<Vec<TicketTypeWants>>>,
});

/// What [`SalesRules`] shall be. `None` leaves a field as it is; `Some(None)` empties it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalesRulesWants {
    /// From when on tickets are sold.
    pub sales_from: Option<Option<Timestamp>>,
    /// Until when tickets are sold.
    pub sales_until: Option<Option<Timestamp>>,
    /// Whether sales are paused.
    pub paused: Option<bool>,
    /// The fewest tickets in one order.
    pub min_per_order: Option<Option<u32>>,
    /// The most tickets in one order.
    pub max_per_order: Option<Option<u32>>,
    /// The most tickets of one buyer.
    pub max_per_buyer: Option<Option<u32>>,
}

setters!(SalesRulesWants {
    with_sales_from => sales_from: impl Into<Option<Option<Timestamp>>>,
    with_sales_until => sales_until: impl Into<Option<Option<Timestamp>>>,
    with_paused => paused: impl Into<Option<bool>>,
    with_min_per_order => min_per_order: impl Into<Option<Option<u32>>>,
    with_max_per_order => max_per_order: impl Into<Option<Option<u32>>>,
    with_max_per_buyer => max_per_buyer: impl Into<Option<Option<u32>>>,
});

impl SalesRulesWants {
    fn apply(&self, rules: SalesRules) -> SalesRules {
        SalesRules {
            sales: Window {
                from: self.sales_from.map_or(rules.sales.from, |at| at.map(whole_microseconds)),
                until: self.sales_until.map_or(rules.sales.until, |at| at.map(whole_microseconds)),
            },
            paused: self.paused.unwrap_or(rules.paused),
            min_per_order: self.min_per_order.unwrap_or(rules.min_per_order),
            max_per_order: self.max_per_order.unwrap_or(rules.max_per_order),
            max_per_buyer: self.max_per_buyer.unwrap_or(rules.max_per_buyer),
        }
    }
}

/// What a ticket type shall be. `None` leaves a field as it is; `Some(None)` empties it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TicketTypeWants {
    /// Which one. Without an id, the one with the given name, or a new one, which needs a name and a price. So a repeat finds the
    /// type that the first call added.
    pub id: Option<TicketTypeId>,
    /// Its name.
    pub name: Option<String>,
    /// The price of one ticket. Applies to new holds; orders keep the price that they were made with.
    pub price: Option<Money>,
    /// Its own places.
    pub capacity: Option<Option<i64>>,
    /// When and how many of its tickets are sold.
    pub rules: SalesRulesWants,
    /// Who sees it.
    pub visibility: Option<Visibility>,
}

setters!(TicketTypeWants {
    with_name => name: impl Into<Option<String>>,
    with_price => price: impl Into<Option<Money>>,
    with_capacity => capacity: impl Into<Option<Option<i64>>>,
    with_rules => rules: SalesRulesWants,
    with_visibility => visibility: impl Into<Option<Visibility>>,
});

impl TicketTypeWants {
    /// The type with this id. What is not set stays as it is.
    pub fn existing(id: TicketTypeId) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    /// A type with this name and price: a new one, unless there is one with this name.
    pub fn new(name: impl Into<String>, price: Money) -> Self {
        Self { name: Some(name.into()), price: Some(price), ..Self::default() }
    }

    fn apply(&self, to: &mut TicketType) {
        if let Some(name) = &self.name {
            to.name.clone_from(name);
        }
        if let Some(price) = self.price {
            to.price = price;
        }
        if let Some(capacity) = self.capacity {
            to.stock.capacity = capacity;
        }
        to.rules = self.rules.apply(to.rules);
        to.visibility = self.visibility.unwrap_or(to.visibility);
    }

    /// The type that is meant. One that the list names by its id may get another name, and so is not meant by its present one.
    fn find<'a>(&self, event: &'a Event, list: &[Self]) -> Option<&'a TicketType> {
        let mut offered = event.ticket_types.iter().filter(|known| known.removed_at.is_none());
        match (self.id, &self.name) {
            (Some(id), _) => offered.find(|known| known.id == id),
            (None, Some(name)) => {
                let name = text::key(name.trim());
                let is_renamed =
                    |known: &TicketType| list.iter().any(|other| other.id == Some(known.id) && other.name.is_some());
                offered.find(|known| text::key(known.name.trim()) == name && !is_renamed(known))
            }
            (None, None) => None,
        }
    }
}

/// A ticket type in a list of wanted ones that cannot be found or added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WrongType {
    /// There is no type with this id, or it is removed.
    Unknown(TicketTypeId),
    /// The type is named twice.
    Twice,
    /// A new type has no name.
    NoName,
    /// A new type has no price.
    NoPrice,
    /// What the type costs cannot be written in the new currency.
    NoPriceIn(Currency),
}

impl EventWants {
    /// Whether it names anything that buyers must be told of.
    pub(crate) fn may_change_date_or_place(&self) -> bool {
        self.starts_at.is_some() || self.ends_at.is_some() || self.location.is_some() || self.address.is_some()
    }

    /// The event as it shall be, and what is wrong with the list of its types, by position. A new type has the id 0.
    pub(crate) fn apply(&self, event: &Event, now: Timestamp) -> (Event, Vec<(usize, WrongType)>) {
        let mut wanted = event.clone();
        let set = |to: &mut String, text: &Option<String>| text.iter().for_each(|text| to.clone_from(text));
        wanted.organizer = self.organizer.clone().unwrap_or(wanted.organizer);
        set(&mut wanted.title, &self.title);
        set(&mut wanted.location, &self.location);
        wanted.description = self.description.clone().unwrap_or(wanted.description);
        wanted.address = self.address.clone().unwrap_or(wanted.address);
        wanted.image_url = self.image_url.clone().unwrap_or(wanted.image_url);
        wanted.starts_at = self.starts_at.map_or(wanted.starts_at, whole_microseconds);
        wanted.ends_at = self.ends_at.map_or(wanted.ends_at, |at| at.map(whole_microseconds));
        wanted.time_zone = self.time_zone.clone().unwrap_or(wanted.time_zone);
        wanted.category_id = self.category_id.unwrap_or(wanted.category_id);
        wanted.stock.capacity = self.capacity.unwrap_or(wanted.stock.capacity);
        wanted.status = self.status.unwrap_or(wanted.status);
        wanted.rules = self.rules.apply(wanted.rules);
        wanted.terms = self.terms.apply(wanted.terms);
        let lost = match self.currency.filter(|currency| *currency != wanted.currency) {
            Some(currency) => set_currency(&mut wanted, currency),
            None => vec![],
        };
        let types = self.ticket_types.as_ref();
        let mut wrong = types.map(|types| set_types(&mut wanted, types, now)).unwrap_or_default();
        for (index, of) in wanted.ticket_types.iter().enumerate().filter(|(_, of)| of.removed_at.is_none()) {
            let is_meant = |wants: &TicketTypeWants| match (wants.id, &wants.name) {
                (Some(id), _) => id == of.id,
                (None, name) => name.as_ref().is_some_and(|name| text::key(name.trim()) == text::key(of.name.trim())),
            };
            let has_price = |wants: &TicketTypeWants| is_meant(wants) && wants.price.is_some();
            if lost.contains(&of.id) && !types.is_some_and(|types| types.iter().any(has_price)) {
                wrong.push((index, WrongType::NoPriceIn(wanted.currency)));
            }
        }
        (wanted, wrong)
    }
}

/// The same numbers in another currency: 10.50 stays 10.50. Returns the types whose price it cannot show.
fn set_currency(event: &mut Event, currency: Currency) -> Vec<TicketTypeId> {
    event.currency = currency;
    let mut lost = vec![];
    for ticket_type in &mut event.ticket_types {
        let price = ticket_type.price.same_number_in(currency);
        if price.is_none() {
            lost.push(ticket_type.id);
        }
        ticket_type.price = price.unwrap_or(Money::zero(currency));
    }
    lost
}

/// Brings the ticket types into the wanted order: those that are named, then those that are removed.
fn set_types(event: &mut Event, types: &[TicketTypeWants], now: Timestamp) -> Vec<(usize, WrongType)> {
    let (mut listed, mut wrong): (Vec<TicketType>, Vec<_>) = (vec![], vec![]);
    for (index, wants) in types.iter().enumerate() {
        let mut ticket_type = match (wants.find(event, types), wants.id, &wants.name, wants.price) {
            (Some(known), ..) if listed.iter().any(|listed| listed.id == known.id) => {
                wrong.push((index, WrongType::Twice));
                continue;
            }
            (Some(known), ..) => known.clone(),
            (None, Some(id), ..) => {
                wrong.push((index, WrongType::Unknown(id)));
                continue;
            }
            (None, None, Some(name), Some(price)) => TicketType {
                id: TicketTypeId(0),
                event_id: event.id,
                name: name.clone(),
                price,
                stock: Stock::default(),
                rules: SalesRules::default(),
                visibility: Visibility::Public,
                removed_at: None,
            },
            (None, None, name, _) => {
                let missing = if name.is_none() { WrongType::NoName } else { WrongType::NoPrice };
                wrong.push((index, missing));
                continue;
            }
        };
        wants.apply(&mut ticket_type);
        listed.push(ticket_type);
    }
    let left = event.ticket_types.drain(..).filter(|known| !listed.iter().any(|listed| listed.id == known.id));
    let left: Vec<TicketType> =
        left.map(|known| TicketType { removed_at: known.removed_at.or(Some(now)), ..known }).collect();
    event.ticket_types = listed.into_iter().chain(left).collect();
    wrong
}
