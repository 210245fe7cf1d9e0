//! The settings of an event, as its organiser reads them.

use super::answers::QuestionView;
use super::local_time::LocalTime;
use super::price::Price;
use super::time::Time;
use poem_openapi::Object;
use ticketing_core::domain::event::{Event, SalesRules, TicketType};

/// The settings of an event. What they show can be sent back as a patch.
#[derive(Object)]
pub(crate) struct SettingsView {
    /// The organisation that runs the event; absent if a person does.
    #[oai(nullable)]
    organisation_id: Option<i64>,
    /// Title.
    title: String,
    /// Description.
    #[oai(nullable)]
    description: Option<String>,
    /// Start time.
    event_date: Time,
    /// Start time by the clocks where the event takes place.
    starts_at_local: LocalTime,
    /// End time.
    #[oai(nullable)]
    end_date: Option<Time>,
    /// End time by the clocks where the event takes place.
    #[oai(nullable)]
    ends_at_local: Option<LocalTime>,
    /// Time zone (IANA name).
    time_zone: String,
    /// Location, in one line.
    location: String,
    /// Postal address.
    #[oai(nullable)]
    address: Option<String>,
    /// URL of a picture.
    #[oai(nullable)]
    image_url: Option<String>,
    /// The category's id.
    #[oai(nullable)]
    category_id: Option<i64>,
    /// Currency of all prices (ISO 4217).
    currency: String,
    /// Total number of tickets; absent if unlimited.
    #[oai(nullable)]
    capacity: Option<i64>,
    /// `draft`, `active` or `cancelled`.
    status: String,
    /// Whether sales are paused.
    paused: bool,
    /// From when on tickets are sold.
    #[oai(nullable)]
    sales_from: Option<Time>,
    /// Until when tickets are sold. Never after the event.
    #[oai(nullable)]
    sales_until: Option<Time>,
    /// The fewest tickets in one order.
    #[oai(nullable)]
    min_per_order: Option<u32>,
    /// The most tickets in one order.
    #[oai(nullable)]
    max_per_order: Option<u32>,
    /// The most tickets of one buyer.
    #[oai(nullable)]
    max_per_buyer: Option<u32>,
    /// How often a ticket can be transferred: `free`, `once` or `never`.
    transfers: String,
    /// Until when tickets can be transferred; absent if until the event starts.
    #[oai(nullable)]
    transfers_until: Option<Time>,
    /// Until when buyers can return unused tickets on their own; absent if never.
    #[oai(nullable)]
    returns_until: Option<Time>,
    /// How much of the price of a returned ticket is kept, in percent.
    returns_keep_percent: u32,
    /// What attendees and buyers are asked, in their order.
    questions: Vec<QuestionView>,
    /// All ticket types that are not removed, in their order.
    ticket_types: Vec<TicketTypeSettings>,
}

/// The settings of a ticket type.
#[derive(Object)]
pub(crate) struct TicketTypeSettings {
    /// The ticket type's id.
    id: i64,
    /// Its name.
    name: String,
    /// Price of a ticket.
    price: Price,
    /// Number of tickets of this type; absent if limited by the event only.
    #[oai(nullable)]
    capacity: Option<i64>,
    /// `public`, or `secret`: in no public response, and not on sale to anybody who guesses it.
    visibility: String,
    /// Whether sales are paused.
    paused: bool,
    /// From when on tickets are sold.
    #[oai(nullable)]
    sales_from: Option<Time>,
    /// Until when tickets are sold.
    #[oai(nullable)]
    sales_until: Option<Time>,
    /// The fewest tickets in one order that has some.
    #[oai(nullable)]
    min_per_order: Option<u32>,
    /// The most tickets in one order.
    #[oai(nullable)]
    max_per_order: Option<u32>,
    /// The most tickets of one buyer.
    #[oai(nullable)]
    max_per_buyer: Option<u32>,
}

impl From<&Event> for SettingsView {
    fn from(event: &Event) -> Self {
        let SalesRules { sales, paused, min_per_order, max_per_order, max_per_buyer, .. } = event.rules;
        let offered = event.ticket_types.iter().filter(|kind| kind.removed_at.is_none());
        Self {
            organisation_id: event.organizer.organisation().map(|id| id.0),
            title: event.title.clone(),
            description: event.description.clone(),
            event_date: event.starts_at.into(),
            starts_at_local: event.starts_at_local().into(),
            end_date: event.ends_at.map(Into::into),
            ends_at_local: event.ends_at_local().map(Into::into),
            time_zone: event.time_zone.to_string(),
            location: event.location.clone(),
            address: event.address.clone(),
            image_url: event.image_url.clone(),
            category_id: event.category_id.map(|id| id.0),
            currency: event.currency.code().to_owned(),
            capacity: event.stock.capacity,
            status: event.status.name().to_owned(),
            paused,
            sales_from: sales.from.map(Into::into),
            sales_until: sales.until.map(Into::into),
            min_per_order,
            max_per_order,
            max_per_buyer,
            transfers: event.terms.transfers.rule.name().to_owned(),
            transfers_until: event.terms.transfers.until.map(Into::into),
            returns_until: event.terms.returns.until.map(Into::into),
            returns_keep_percent: event.terms.returns.keep_percent,
            questions: event.terms.questions.iter().map(Into::into).collect(),
            ticket_types: offered.map(Into::into).collect(),
        }
    }
}

impl From<&TicketType> for TicketTypeSettings {
    fn from(kind: &TicketType) -> Self {
        let SalesRules { sales, paused, min_per_order, max_per_order, max_per_buyer, .. } = kind.rules;
        Self {
            id: kind.id.0,
            name: kind.name.clone(),
            price: kind.price.into(),
            capacity: kind.stock.capacity,
            visibility: kind.visibility.name().to_owned(),
            paused,
            sales_from: sales.from.map(Into::into),
            sales_until: sales.until.map(Into::into),
            min_per_order,
            max_per_order,
            max_per_buyer,
        }
    }
}
