//! Events, what is sold for them, and how many places are left.

use super::code::Reference;
use super::id::{CategoryId, EventId, TicketTypeId};
use super::money::{Currency, Money};
use super::principal::Principal;
use super::words::words;
use crate::setters::setters;
use jiff::Timestamp;

/// A heading to list events under.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Category {
    /// The category's id.
    pub id: CategoryId,
    /// 1 to 50 characters, unique without regard to case.
    pub name: String,
    /// What belongs under it.
    pub description: Option<String>,
}

/// A category to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewCategory {
    /// 1 to 50 characters.
    pub name: String,
    /// What belongs under it.
    pub description: Option<String>,
}

impl NewCategory {
    /// A category without a description.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), description: None }
    }
}

setters!(NewCategory {
    with_description => description: impl Into<Option<String>>,
});

/// How many places there are, and where they went. `held + sold` never exceeds `capacity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// What heading it is listed under.
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

impl Event {
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

words!(EventStatus {
    Active => "active",
    Cancelled => "cancelled",
});

/// A price and a number of places within an event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// An event with the required fields. It has no capacity of its own: only its ticket types limit what is sold.
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
            location: location.into(),
            address: None,
            image_url: None,
            category_id: None,
            currency,
            capacity: None,
            ticket_types,
        }
    }

    /// An event with one ticket type, [`GENERAL_ADMISSION`].
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
}

setters!(NewEvent {
    with_key => key: impl Into<Option<Reference>>,
    with_description => description: impl Into<Option<String>>,
    with_ends_at => ends_at: impl Into<Option<Timestamp>>,
    with_address => address: impl Into<Option<String>>,
    with_image_url => image_url: impl Into<Option<String>>,
    with_category_id => category_id: impl Into<Option<CategoryId>>,
    with_capacity => capacity: impl Into<Option<i64>>,
});

/// A ticket type to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTicketType {
    /// 1 to 100 characters, unique within the event.
    pub name: String,
    /// Of one ticket, in the event's currency.
    pub price: Money,
    /// Its own places; absent means only the event's limit.
    pub capacity: Option<i64>,
}

impl NewTicketType {
    /// A ticket type without a capacity of its own.
    pub fn new(name: impl Into<String>, price: Money) -> Self {
        Self { name: name.into(), price, capacity: None }
    }
}

setters!(NewTicketType {
    with_capacity => capacity: impl Into<Option<i64>>,
});

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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

setters!(EventFilter {
    with_category => category: impl Into<Option<String>>,
    with_text => text: impl Into<Option<String>>,
    with_from => from: impl Into<Option<Timestamp>>,
    with_to => to: impl Into<Option<Timestamp>>,
    with_organizer => organizer: impl Into<Option<Principal>>,
    with_cancelled => with_cancelled: bool,
    with_sort => sort: EventSort,
});

/// In which order events are listed. Equal ones are listed by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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
