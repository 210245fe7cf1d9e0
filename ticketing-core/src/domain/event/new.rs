//! Events to create.

use super::{A_DAY, Event, EventStatus, EventTerms, SalesRules, Stock, TicketType, Visibility};
use crate::clock::whole_microseconds;
use crate::domain::code::Reference;
use crate::domain::id::{CategoryId, EventId, TicketTypeId};
use crate::domain::money::{Currency, Money};
use crate::domain::principal::Principal;
use crate::domain::text;
use crate::domain::time_zone::TimeZoneName;
use crate::setters::setters;
use jiff::{SignedDuration, Timestamp};

/// The name of the only ticket type of an event that was created with one price.
pub const GENERAL_ADMISSION: &str = "General admission";

/// An event to create.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewEvent {
    /// The idempotency key: a repeat with the same key returns the same event. Default: none, so that a repeat creates another
    /// event.
    pub key: Option<Reference>,
    /// The title: 1–200 characters.
    pub title: String,
    /// The description: at most 10,000 characters.
    pub description: Option<String>,
    /// When it starts. Must not be past.
    pub starts_at: Timestamp,
    /// When it ends. Must be after `starts_at` and not past.
    pub ends_at: Option<Timestamp>,
    /// Whether the start was given without an offset to UTC. Then it may be up to 24 hours past: where the event is, it may not have
    /// begun. Default: no.
    pub start_is_local: bool,
    /// The same for the end.
    pub end_is_local: bool,
    /// The place: 1–200 characters.
    pub location: String,
    /// The postal address: at most 500 characters, and line breaks.
    pub address: Option<String>,
    /// The `https` or `http` URL of a picture: at most 2,000 characters.
    pub image_url: Option<String>,
    /// The category.
    pub category_id: Option<CategoryId>,
    /// The currency of all prices.
    pub currency: Currency,
    /// The places that all ticket types share. Default: unlimited.
    pub capacity: Option<i64>,
    /// Where its clocks are. Default: UTC.
    pub time_zone: TimeZoneName,
    /// Whether it begins as a [draft](EventStatus::Draft). Default: no, so that it is on sale at once.
    pub is_draft: bool,
    /// When and how many tickets are sold, over all types. Default: any number, at any time.
    pub rules: SalesRules,
    /// Whether its tickets can be transferred and returned, and what its attendees are asked.
    pub terms: EventTerms,
    /// 1–50 ticket types.
    pub ticket_types: Vec<NewTicketType>,
}

impl NewEvent {
    /// Creates an event whose number of tickets only its ticket types limit.
    pub fn new(
        title: impl Into<String>,
        starts_at: Timestamp,
        location: impl Into<String>,
        currency: Currency,
        ticket_types: Vec<NewTicketType>,
    ) -> Self {
        Self {
            key: None,
            title: title.into(),
            description: None,
            starts_at,
            ends_at: None,
            start_is_local: false,
            end_is_local: false,
            location: location.into(),
            address: None,
            image_url: None,
            category_id: None,
            currency,
            capacity: None,
            time_zone: TimeZoneName::default(),
            is_draft: false,
            rules: SalesRules::default(),
            terms: EventTerms::default(),
            ticket_types,
        }
    }

    /// Creates an event with one ticket type, [`GENERAL_ADMISSION`].
    pub fn general_admission(
        title: &str,
        starts_at: Timestamp,
        location: &str,
        price: Money,
        capacity: Option<i64>,
    ) -> Self {
        let only = NewTicketType::new(GENERAL_ADMISSION, price);
        Self { capacity, ..Self::new(title, starts_at, location, price.currency(), vec![only]) }
    }

    /// The event that it becomes, without ids.
    pub(crate) fn to_event(&self, organizer: &Principal, now: Timestamp) -> Event {
        let ticket_type = |new: &NewTicketType| TicketType {
            id: TicketTypeId(0),
            event_id: EventId(0),
            name: new.name.clone(),
            price: new.price,
            stock: Stock::of_capacity(new.capacity),
            rules: new.rules,
            visibility: new.visibility,
            removed_at: None,
        };
        Event {
            id: EventId(0),
            key: self.key.clone(),
            organizer: organizer.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            // As precise as it is stored: an application may count in nanoseconds.
            starts_at: whole_microseconds(self.starts_at),
            ends_at: self.ends_at.map(whole_microseconds),
            time_zone: self.time_zone.clone(),
            location: self.location.clone(),
            address: self.address.clone(),
            image_url: self.image_url.clone(),
            category_id: self.category_id,
            category: None,
            currency: self.currency,
            stock: Stock::of_capacity(self.capacity),
            status: if self.is_draft { EventStatus::Draft } else { EventStatus::Active },
            rules: self.rules,
            terms: self.terms.clone(),
            version: 1,
            series_id: None,
            published_at: (!self.is_draft).then_some(now),
            ticket_types: self.ticket_types.iter().map(ticket_type).collect(),
            created_at: now,
            updated_at: now,
        }
    }

    /// The same event with all its text composed.
    #[must_use]
    pub(crate) fn composed(mut self) -> Self {
        let each = [&mut self.title, &mut self.location].into_iter();
        let optional = [&mut self.description, &mut self.address].into_iter().flatten();
        let names = self.ticket_types.iter_mut().map(|ticket_type| &mut ticket_type.name);
        each.chain(optional).chain(names).for_each(|text| *text = text::composed(text));
        self
    }

    /// Whether its start or its end is past.
    pub(crate) fn past(&self, now: Timestamp) -> Option<Past> {
        let is_past = |at: Timestamp, is_local: bool| {
            let grace = if is_local { A_DAY } else { SignedDuration::ZERO };
            now.duration_since(at) > grace
        };
        if is_past(self.starts_at, self.start_is_local) {
            Some(Past::Start)
        } else {
            self.ends_at.filter(|at| is_past(*at, self.end_is_local)).map(|_| Past::End)
        }
    }
}

/// What of a new event is past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    Start,
    End,
}

setters!(NewEvent {
    with_key => key: impl Into<Option<Reference>>,
    with_description => description: impl Into<Option<String>>,
    with_ends_at => ends_at: impl Into<Option<Timestamp>>,
    with_start_is_local => start_is_local: bool,
    with_end_is_local => end_is_local: bool,
    with_address => address: impl Into<Option<String>>,
    with_image_url => image_url: impl Into<Option<String>>,
    with_category_id => category_id: impl Into<Option<CategoryId>>,
    with_capacity => capacity: impl Into<Option<i64>>,
    with_time_zone => time_zone: TimeZoneName,
    with_is_draft => is_draft: bool,
    with_rules => rules: SalesRules,
    with_terms => terms: EventTerms,
});

/// A ticket type to create.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTicketType {
    /// 1–100 characters. Unique within the event, in any case and spelling.
    pub name: String,
    /// The price of one ticket, in the event's currency.
    pub price: Money,
    /// Its own places. Default: only the event's capacity limits it.
    pub capacity: Option<i64>,
    /// When and how many of its tickets are sold. Default: as the event's rules say.
    pub rules: SalesRules,
    /// Who sees it. Default: everybody.
    pub visibility: Visibility,
}

impl NewTicketType {
    /// Creates a ticket type without a capacity of its own.
    pub fn new(name: impl Into<String>, price: Money) -> Self {
        let (rules, visibility) = (SalesRules::default(), Visibility::Public);
        Self { name: name.into(), price, capacity: None, rules, visibility }
    }
}

setters!(NewTicketType {
    with_capacity => capacity: impl Into<Option<i64>>,
    with_rules => rules: SalesRules,
    with_visibility => visibility: Visibility,
});
