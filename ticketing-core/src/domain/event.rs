//! Events, their ticket types, and how many places are left.

use super::category::Category;
use super::code::Reference;
use super::id::{CategoryId, EventId, TicketTypeId};
use super::money::{Currency, Money};
use super::principal::Principal;
use super::row::{Field, Kind, RowError, Sink, Source, required};
use super::table::{Lock, Part, PartTable, part_columns, table};
use super::text;
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use crate::setters::setters;
use jiff::{SignedDuration, Timestamp};

mod cancel;
mod find;
mod put;

pub use cancel::CancelEvent;
pub use find::{FindEvent, FindEvents, ListEventIds, ListEvents};
pub use put::PutEvent;

/// How many places there are, and how many are taken. `held + sold` never exceeds `capacity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Stock {
    /// The total number of places. `None` means unlimited.
    pub capacity: Option<i64>,
    /// Places held by unpaid orders.
    pub held: i64,
    /// Places taken by valid tickets.
    pub sold: i64,
}

impl Stock {
    /// A stock of which nothing is taken yet.
    pub fn of_capacity(capacity: Option<i64>) -> Self {
        Self { capacity, held: 0, sold: 0 }
    }

    /// How many places are left. `None` means unlimited.
    pub fn available(&self) -> Option<i64> {
        self.capacity.map(|capacity| capacity - self.held - self.sold)
    }

    /// Whether `quantity` places are left.
    pub fn has(&self, quantity: i64) -> bool {
        self.available().is_none_or(|available| available >= quantity)
    }
}

/// An event that tickets are sold for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// The idempotency key that it was created with, if any.
    pub key: Option<Reference>,
    /// Who runs it: checks tickets in, refunds them and may cancel the event.
    pub organizer: Principal,
    /// The title: 1–200 characters.
    pub title: String,
    /// The description.
    pub description: Option<String>,
    /// When it starts.
    pub starts_at: Timestamp,
    /// When it ends. Tickets are sold until then; see [`sales_end_at`](Self::sales_end_at).
    pub ends_at: Option<Timestamp>,
    /// The place, in one line.
    pub location: String,
    /// The postal address, for a map.
    pub address: Option<String>,
    /// The `https` or `http` URL of a picture.
    pub image_url: Option<String>,
    /// The category it is listed under.
    pub category_id: Option<CategoryId>,
    /// The category as a whole. Filled in by reads; absent while a command decides.
    pub category: Option<Category>,
    /// The currency of all its prices.
    pub currency: Currency,
    /// The places that all its ticket types share.
    pub stock: Stock,
    /// Whether it is on sale or cancelled.
    pub status: EventStatus,
    /// The ticket types: at least one, in the organiser's order.
    pub ticket_types: Vec<TicketType>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed. Sales do not count.
    pub updated_at: Timestamp,
}

table! {
    Event in "events", lock Lock::Rank(9);
    numbered id: EventId, key, organizer [organizer_account, organizer_external], title, description, starts_at, ends_at, location,
        address, image_url, category_id, currency, stock [capacity, held, sold], status, created_at, updated_at;
    unstored category;
    part ticket_types: TicketType;
    derived search_key = |event| Some(event.search_key());
    index BY_KEY(key) unique;
}

impl Field for Stock {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Sum, Kind::Sum];

    fn store(&self, to: &mut dyn Sink) {
        to.int(self.capacity);
        to.int(Some(self.held));
        to.int(Some(self.sold));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let capacity = from.int()?;
        let (held, sold) = (required(from, "held")?, required(from, "sold")?);
        Ok(Some(Self { capacity, held, sold }))
    }
}

/// Its price is in the event's currency.
impl Part<Event> for TicketType {
    fn table() -> PartTable {
        let columns = part_columns(&[
            ("id", Kind::Int),
            ("event_id", Kind::Int),
            ("position", Kind::Int),
            ("name", Kind::Text),
            ("price_minor", Kind::Int),
            ("capacity", Kind::Int),
            ("held", Kind::Sum),
            ("sold", Kind::Sum),
        ]);
        PartTable { name: "ticket_types", columns, parent: 1, position: 2, key: &[0], numbered: true }
    }

    fn write(&self, _event: &Event, position: i64, to: &mut dyn Sink) {
        self.id.store(to);
        self.event_id.store(to);
        to.int(Some(position));
        to.text(Some(&self.name));
        to.int(Some(self.price.minor()));
        self.stock.store(to);
    }

    fn read(event: &Event, from: &mut dyn Source) -> Result<Self, RowError> {
        let (id, event_id) = (required(from, "ticket_types.id")?, required(from, "ticket_types.event_id")?);
        let _position = from.int()?;
        let name = required(from, "ticket_types.name")?;
        let price = Money::new(required(from, "ticket_types.price_minor")?, event.currency).map_err(RowError::of)?;
        Ok(Self { id, event_id, name, price, stock: required(from, "ticket_types.stock")? })
    }
}

impl WorkingSet {
    /// The event that was made under this key.
    pub fn event_by_key(&self, key: &Reference) -> Option<&Event> {
        self.events.find(BY_KEY, key)
    }
}

impl Event {
    /// What a search looks through: composed, in lower case, with line breaks between the fields so that no text matches across two.
    fn search_key(&self) -> String {
        let description = self.description.as_deref().unwrap_or_default();
        text::key(&format!("{}\n{}\n{description}", self.title, self.location))
    }

    /// The same event with its category filled in.
    fn with_category(&self, rows: &WorkingSet) -> Self {
        let category = self.category_id.and_then(|id| rows.categories.get(&id)).cloned();
        Self { category, ..self.clone() }
    }

    /// When ticket sales end: with the event. If nobody said when that is, 24 hours after its start.
    pub fn sales_end_at(&self) -> Timestamp {
        self.ends_at.unwrap_or_else(|| self.starts_at.checked_add(A_DAY).unwrap_or(Timestamp::MAX))
    }

    /// The lowest price of all its ticket types.
    pub fn lowest_price(&self) -> Money {
        let lowest = self.ticket_types.iter().map(|ticket_type| ticket_type.price).min_by_key(Money::minor);
        lowest.unwrap_or(Money::zero(self.currency))
    }

    /// How many more tickets of `ticket_type` can be sold: the smaller of its own places and the event's.
    pub fn available(&self, ticket_type: &TicketType) -> Option<i64> {
        match (self.stock.available(), ticket_type.stock.available()) {
            (Some(event), Some(own)) => Some(event.min(own)),
            (event, own) => event.or(own),
        }
    }

    /// How many more tickets can be sold over all types.
    pub fn available_in_all(&self) -> Option<i64> {
        let own: Option<i64> = self.ticket_types.iter().map(|ticket_type| ticket_type.stock.available()).sum();
        match (self.stock.available(), own) {
            (Some(event), Some(own)) => Some(event.min(own)),
            (event, own) => event.or(own),
        }
    }
}

/// The status of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventStatus {
    /// Listed and on sale.
    Active,
    /// Cancelled: not listed, not on sale, no check-ins, and payments are refunded.
    Cancelled,
}

wire_names!(EventStatus {
    Active => "active",
    Cancelled => "cancelled",
});

/// A kind of ticket for an event, with its price and capacity.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct TicketType {
    /// The ticket type's id.
    pub id: TicketTypeId,
    /// The event it belongs to.
    pub event_id: EventId,
    /// 1–100 characters. Unique within the event, in any case and spelling.
    pub name: String,
    /// The price of one ticket, in the event's currency. Zero means free.
    pub price: Money,
    /// Its own places. A ticket also takes one of the event's.
    pub stock: Stock,
}

/// For how long tickets of an event without an end are sold after its start, and by how much a time without an offset to UTC may
/// be past: it is somewhere on the day that it names.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

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
}

impl NewTicketType {
    /// Creates a ticket type without a capacity of its own.
    pub fn new(name: impl Into<String>, price: Money) -> Self {
        Self { name: name.into(), price, capacity: None }
    }
}

setters!(NewTicketType {
    with_capacity => capacity: impl Into<Option<i64>>,
});

/// Which events to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventFilter {
    /// In the category with this name, in any case and spelling.
    pub category: Option<String>,
    /// With this text in the title, the location or the description, in any case and spelling.
    pub text: Option<String>,
    /// Starting at or after this.
    pub from: Option<Timestamp>,
    /// Starting before this.
    pub to: Option<Timestamp>,
    /// Run by this organiser.
    pub organizer: Option<Principal>,
    /// Whether to include cancelled events. Default: no.
    pub with_cancelled: bool,
    /// The sort order. Default: by id.
    pub sort: EventSort,
}

setters!(EventFilter {
    with_category => category: impl Into<Option<String>>,
    with_text => text: impl Into<Option<String>>,
    with_from => from: impl Into<Option<Timestamp>>,
    with_to => to: impl Into<Option<Timestamp>>,
    with_organizer => organizer: impl Into<Option<Principal>>,
    with_cancelled => with_cancelled: bool,
    with_sort => sort: EventSort,
});

/// The sort order of events. Ties are broken by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventSort {
    /// By id: the oldest event first.
    #[default]
    Id,
    /// By start: the earliest first.
    Date,
    /// By start: the latest first.
    DateDescending,
    /// By title, in code-point order.
    Title,
}
