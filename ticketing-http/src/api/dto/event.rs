//! Events, in the words of both seeds: `event_date` or `date`, `price` or `ticket_price`, `category_id` or `category`.

use super::body::body;
use super::field::Faults;
use super::price::{GivenPrice, Price};
use super::text::Text;
use super::time::Time;
use crate::problem::Problem;
use poem_openapi::Object;
use ticketing_core::domain::event::{
    Event, EventStatus, GENERAL_ADMISSION, NewEvent, NewTicketType, TicketType as Kind,
};
use ticketing_core::domain::id::CategoryId;
use ticketing_core::domain::money::{Currency, Money};

body! {
    /// An event to be made.
    ///
    /// Either a price, or ticket types with a price each. Where both seeds have a word for something, either may be used.
    struct EventBody {
        /// What it is called.
        title: Text<3, 200>,
        /// What it is about.
        description: Option<Text<0, 10000>>,
        /// When it begins. Without an offset it is UTC. Wanted, unless `date` is given.
        event_date: Option<Time>,
        /// Another word for `event_date`.
        date: Option<Time>,
        /// When it ends. Tickets are sold until then.
        end_date: Option<Time>,
        /// Where, in a line.
        location: Text<1, 200>,
        /// Where, for a map.
        address: Option<Text<0, 500>>,
        /// What a ticket costs; 0 is free. Wanted, unless `ticket_price` or `ticket_types` is given.
        price: Option<GivenPrice>,
        /// Another word for `price`.
        ticket_price: Option<GivenPrice>,
        /// Of all prices, by ISO 4217. Absent: the server's own.
        currency: Option<Text<3, 3>>,
        /// How many tickets there are in all, at least one. Absent: as many as are wanted.
        capacity: Option<i64>,
        /// A category, by its id.
        category_id: Option<i64>,
        /// A category, by its name. One that nobody has made yet is made.
        category: Option<Text<0, 50>>,
        /// A picture, by its https or http address.
        image_url: Option<Text<0, 2000>>,
        /// What is sold, where that is more than one thing: at most 50.
        ticket_types: Option<Vec<TicketTypeBody>>,
    }
    example {
        "title": "Lagos Jazz Night", "description": "Three bands, one stage", "event_date": "2026-12-31T20:00:00Z",
        "location": "Eko Hotel, Lagos", "price": "5000.00", "capacity": 300, "category": "Concerts"
    }

    /// A price, and places of its own within the event's.
    struct TicketTypeBody {
        /// Unique within the event.
        name: Text<1, 100>,
        /// What a ticket costs; 0 is free.
        price: GivenPrice,
        /// How many there are of it. Absent: only the event's limit.
        capacity: Option<i64>,
    }
    example {"name": "VIP", "price": "20000.00", "capacity": 20}
}

/// An event to be made, and the name of the category that it belongs to, if it was given by name.
pub(crate) struct WantedEvent {
    pub(crate) event: NewEvent,
    pub(crate) category: Option<String>,
}

impl EventBody {
    /// The engine's words for it.
    pub(crate) fn into_event(self, default_currency: Currency) -> Result<WantedEvent, Problem> {
        let mut faults = Faults::default();
        let date = either(("event_date", self.event_date), ("date", self.date), &mut faults);
        let date = faults.required("event_date", date);
        let currency = match self.currency {
            None => Some(default_currency),
            Some(code) => faults.parsed("currency", code.0.to_ascii_uppercase().parse::<Currency>()),
        };
        let price = either(("price", self.price), ("ticket_price", self.ticket_price), &mut faults);
        let ticket_types = ticket_types(price, self.ticket_types, currency, &mut faults);
        let category = self.category.map(|name| name.0).filter(|name| !name.trim().is_empty());
        if category.is_some() && self.category_id.is_some() {
            faults.add("category", "is not wanted beside category_id");
        }
        let event = match (date, currency, ticket_types) {
            (Some(date), Some(currency), Some(ticket_types)) => Some(
                NewEvent::new(self.title.0, date.0, self.location.0, currency, ticket_types)
                    .with_description(self.description.map(|text| text.0))
                    .with_ends_at(self.end_date.map(|end| end.0))
                    .with_address(self.address.map(|text| text.0))
                    .with_image_url(self.image_url.map(|url| url.0).filter(|url| !url.is_empty()))
                    .with_category_id(self.category_id.map(CategoryId))
                    .with_capacity(self.capacity),
            ),
            _ => None,
        };
        Ok(WantedEvent { event: faults.or(event)?, category })
    }
}

/// One value under two names. Given under both, it must be the same.
fn either<T: PartialEq>(first: (&str, Option<T>), second: (&str, Option<T>), faults: &mut Faults) -> Option<T> {
    if let ((name, Some(a)), (other, Some(b))) = (&first, &second)
        && a != b
    {
        faults.add(*other, format!("says something else than {name}"));
    }
    first.1.or(second.1)
}

fn ticket_types(
    price: Option<GivenPrice>,
    given: Option<Vec<TicketTypeBody>>,
    currency: Option<Currency>,
    faults: &mut Faults,
) -> Option<Vec<NewTicketType>> {
    let mut money = |field: &str, price: GivenPrice| faults.parsed(field, Money::parse(&price.0, currency?));
    match (price, given.filter(|types| !types.is_empty())) {
        (Some(price), None) => {
            let price = money("price", price)?;
            Some(vec![NewTicketType::new(GENERAL_ADMISSION, price)])
        }
        (None, Some(given)) => {
            let types = (0..).zip(given).map(|(index, kind): (usize, TicketTypeBody)| {
                let price = money(&format!("ticket_types.{index}.price"), kind.price)?;
                Some(NewTicketType::new(kind.name.0, price).with_capacity(kind.capacity))
            });
            // All of them are looked at, so that every fault is told.
            types.collect::<Vec<_>>().into_iter().collect()
        }
        (Some(_), Some(_)) => {
            faults.add("price", "is not wanted beside ticket_types");
            None
        }
        (None, None) => faults.required("price", None),
    }
}

/// An event.
#[derive(Object)]
pub(crate) struct EventView {
    /// The event's id.
    id: i64,
    /// What it is called.
    title: String,
    /// What it is about.
    #[oai(nullable)]
    description: Option<String>,
    /// When it begins.
    event_date: Time,
    /// The same.
    date: Time,
    /// When it ends.
    #[oai(nullable)]
    end_date: Option<Time>,
    /// Where, in a line.
    location: String,
    /// Where, for a map.
    #[oai(nullable)]
    address: Option<String>,
    /// What the cheapest ticket costs.
    price: Price,
    /// The same.
    ticket_price: Price,
    /// Of all prices, by ISO 4217.
    currency: String,
    /// How many tickets there are in all; absent where there is no limit.
    #[oai(nullable)]
    capacity: Option<i64>,
    /// How many are sold.
    tickets_sold: i64,
    /// How many can still be bought; absent where there is no limit.
    #[oai(nullable)]
    available: Option<i64>,
    /// The category's name.
    #[oai(nullable)]
    category: Option<String>,
    /// The category's id.
    #[oai(nullable)]
    category_id: Option<i64>,
    /// A picture.
    #[oai(nullable)]
    image_url: Option<String>,
    /// The account that runs it; absent where no account does.
    #[oai(nullable)]
    organizer_id: Option<i64>,
    /// Whether it is listed and sold.
    is_active: bool,
    /// When it was made.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
    /// What is sold.
    ticket_types: Vec<TicketTypeView>,
}

/// What is sold for an event.
#[derive(Object)]
pub(crate) struct TicketTypeView {
    /// The ticket type's id.
    id: i64,
    /// Its name.
    name: String,
    /// What a ticket costs.
    price: Price,
    /// How many there are; absent where only the event's limit counts.
    #[oai(nullable)]
    capacity: Option<i64>,
    /// How many are sold.
    tickets_sold: i64,
    /// How many can still be bought; absent where there is no limit.
    #[oai(nullable)]
    available: Option<i64>,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        let price = Price::from(event.lowest_price());
        let ticket_type = |kind: &Kind| TicketTypeView {
            id: kind.id.0,
            name: kind.name.clone(),
            price: kind.price.into(),
            capacity: kind.stock.capacity,
            tickets_sold: kind.stock.sold,
            available: event.available(kind),
        };
        Self {
            id: event.id.0,
            title: event.title.clone(),
            description: event.description.clone(),
            event_date: event.starts_at.into(),
            date: event.starts_at.into(),
            end_date: event.ends_at.map(Into::into),
            location: event.location.clone(),
            address: event.address.clone(),
            price: price.clone(),
            ticket_price: price,
            currency: event.currency.code().to_owned(),
            capacity: event.stock.capacity,
            tickets_sold: event.stock.sold,
            available: event.available_in_all(),
            category: event.category.as_ref().map(|category| category.name.clone()),
            category_id: event.category.as_ref().map(|category| category.id.0),
            image_url: event.image_url.clone(),
            organizer_id: event.organizer.account().map(|id| id.0),
            is_active: event.status == EventStatus::Active,
            created_at: event.created_at.into(),
            updated_at: event.updated_at.into(),
            ticket_types: event.ticket_types.iter().map(ticket_type).collect(),
        }
    }
}
