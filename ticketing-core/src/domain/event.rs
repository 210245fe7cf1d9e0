//! Events, what is sold for them, and how many places are left.

use super::category::Category;
use super::code::Reference;
use super::id::{CategoryId, EventId, TicketTypeId};
use super::money::{Currency, Money};
use super::principal::Principal;
use super::row::{Field, Kind, RowError, Sink, Source, required};
use super::table::{Lock, Part, PartTable, part_columns, table};
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use jiff::Timestamp;

mod cancel;
mod find;
mod put;

pub use cancel::CancelEvent;
pub use find::{FindEvent, ListEvents};
pub use put::PutEvent;

/// How many places there are, and where they went. `held + sold` never exceeds `capacity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stock {
    /// All places; absent means unlimited.
    pub capacity: Option<i64>,
    /// Places of unpaid orders.
    pub held: i64,
    /// Places of valid tickets.
    pub sold: i64,
}

impl Stock {
    /// No place taken yet.
    pub fn of_capacity(capacity: Option<i64>) -> Self {
        Self { capacity, held: 0, sold: 0 }
    }

    /// How many places can still be taken; absent means unlimited.
    pub fn available(&self) -> Option<i64> {
        self.capacity.map(|capacity| capacity - self.held - self.sold)
    }

    /// Whether `quantity` more places can be taken.
    pub fn has(&self, quantity: i64) -> bool {
        self.available().is_none_or(|available| available >= quantity)
    }
}

/// Something people can get in to with a ticket.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// The key it was made under, where its maker gave one.
    pub key: Option<Reference>,
    /// Who runs it: only they check in, change it and see its orders.
    pub organizer: Principal,
    /// 3 to 200 characters.
    pub title: String,
    /// Free text.
    pub description: Option<String>,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends. Tickets are sold until then; without it, as long as the event is active.
    pub ends_at: Option<Timestamp>,
    /// Where, in a line.
    pub location: String,
    /// Where, for a map.
    pub address: Option<String>,
    /// A picture, by `https` or `http` address.
    pub image_url: Option<String>,
    /// The category it is listed under.
    pub category_id: Option<CategoryId>,
    /// The same as a whole. Filled in by reads; absent while a command decides.
    pub category: Option<Category>,
    /// Of all its prices.
    pub currency: Currency,
    /// The places that all its ticket types share.
    pub stock: Stock,
    /// Whether it is listed and sold.
    pub status: EventStatus,
    /// What is sold: at least one, in the organiser's order.
    pub ticket_types: Vec<TicketType>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed (not: when a ticket was last sold).
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
    /// What a search looks through: in lower case, with line breaks between the fields so that no text matches across two.
    fn search_key(&self) -> String {
        let description = self.description.as_deref().unwrap_or_default();
        format!("{}\n{}\n{description}", self.title, self.location).to_lowercase()
    }

    /// The same event with its category filled in.
    fn with_category(&self, rows: &WorkingSet) -> Self {
        let category = self.category_id.and_then(|id| rows.categories.get(&id)).cloned();
        Self { category, ..self.clone() }
    }

    /// The lowest price that a ticket costs, which the first seed's clients know as the event's `price`.
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

/// Whether an event is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventStatus {
    /// Listed and sold.
    Active,
    /// Called off: not listed, not sold, nobody gets in, and who paid gets the money back.
    Cancelled,
}

wire_names!(EventStatus {
    Active => "active",
    Cancelled => "cancelled",
});

/// A price and a number of places within an event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TicketType {
    /// The ticket type's id.
    pub id: TicketTypeId,
    /// The event it belongs to.
    pub event_id: EventId,
    /// 1 to 100 characters, unique within the event.
    pub name: String,
    /// Of one ticket, in the event's currency. Nothing means free.
    pub price: Money,
    /// Its own places; it also takes from the event's.
    pub stock: Stock,
}

/// The one ticket type of an event that was made with only a price and a capacity.
pub const GENERAL_ADMISSION: &str = "General admission";

/// An event to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Made by the caller so that the call can be repeated: the same key finds the same event. Absent: a repeat makes another.
    pub key: Option<Reference>,
    /// 3 to 200 characters.
    pub title: String,
    /// At most 10,000 characters.
    pub description: Option<String>,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends: after its beginning.
    pub ends_at: Option<Timestamp>,
    /// 1 to 200 characters.
    pub location: String,
    /// At most 500 characters.
    pub address: Option<String>,
    /// An `https` or `http` address of at most 2,000 characters.
    pub image_url: Option<String>,
    /// A category's id.
    pub category_id: Option<CategoryId>,
    /// Of all prices.
    pub currency: Currency,
    /// The places that all ticket types share; absent means unlimited.
    pub capacity: Option<i64>,
    /// 1 to 50 of them.
    pub ticket_types: Vec<NewTicketType>,
}

impl NewEvent {
    /// An event with one ticket type, [`GENERAL_ADMISSION`].
    pub fn general_admission(
        title: &str,
        starts_at: Timestamp,
        location: &str,
        price: Money,
        capacity: Option<i64>,
    ) -> Self {
        Self {
            key: None,
            title: title.to_owned(),
            description: None,
            starts_at,
            ends_at: None,
            location: location.to_owned(),
            address: None,
            image_url: None,
            category_id: None,
            currency: price.currency(),
            capacity,
            ticket_types: vec![NewTicketType { name: GENERAL_ADMISSION.to_owned(), price, capacity: None }],
        }
    }
}

/// A ticket type to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTicketType {
    /// 1 to 100 characters, unique within the event.
    pub name: String,
    /// Of one ticket, in the event's currency.
    pub price: Money,
    /// Its own places; absent means only the event's limit.
    pub capacity: Option<i64>,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of the category with this name, in any case.
    pub category: Option<String>,
    /// With this text in the title, the location or the description, in any case.
    pub text: Option<String>,
    /// Beginning at or after this.
    pub from: Option<Timestamp>,
    /// Beginning before this.
    pub to: Option<Timestamp>,
    /// Of this organiser.
    pub organizer: Option<Principal>,
    /// Whether cancelled ones are wanted too.
    pub with_cancelled: bool,
    /// In which order.
    pub sort: EventSort,
}

/// In which order events are listed. Equal ones are listed by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventSort {
    /// The first made first.
    #[default]
    Id,
    /// The soonest first.
    Date,
    /// The last to begin first.
    DateDescending,
    /// By title, in code-point order.
    Title,
}
