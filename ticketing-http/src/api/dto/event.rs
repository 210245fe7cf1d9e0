//! Events, with the field names of both older clients: `event_date` or `date`, `price` or `ticket_price`, `category_id` or
//! `category`.

use super::body::body;
use super::field::Faults;
use super::local_time::{GivenLocalTime, LocalTime};
use super::price::{GivenPrice, Price};
use super::text::Text;
use super::time::{GivenTime, Time};
use jiff::{SignedDuration, Timestamp};
use poem_openapi::Object;
use ticketing_core::domain::event::{
    Event, EventStatus, GENERAL_ADMISSION, NewEvent, NewTicketType, SalesRules, TicketType as Kind, Visibility, Window,
};
use ticketing_core::domain::id::{CategoryId, OrganisationId, TicketTypeId};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::time_zone::TimeZoneName;

body! {
    /// A new event.
    ///
    /// Either a price, or ticket types with a price each. `date` and `ticket_price` are aliases for older clients.
    struct EventBody {
        /// Title.
        title: Text<1, 200>,
        /// Description.
        description: Option<Text<0, 10000>>,
        /// Start time; UTC if it has neither an offset nor a time zone. Must not be past; without an offset, not by more than 24
        /// hours. Required unless `date` is given.
        event_date: Option<GivenTime>,
        /// Alias of `event_date`.
        date: Option<GivenTime>,
        /// Start time as a wall time in the event's time zone, instead of `event_date`. A time that the clocks skip is refused; of
        /// one that they show twice, the earlier is meant unless an offset says otherwise.
        starts_at_local: Option<GivenLocalTime>,
        /// End time. Tickets are sold until then; without it, until 24 hours after the start.
        end_date: Option<GivenTime>,
        /// End time as a wall time in the event's time zone, instead of `end_date`.
        ends_at_local: Option<GivenLocalTime>,
        /// Time zone (IANA name). Default: configured on the server.
        time_zone: Option<Text<1, 64>>,
        /// Location, in one line.
        location: Text<1, 200>,
        /// Postal address, also in several lines.
        address: Option<Text<0, 500>>,
        /// Price of a ticket; 0 is free. Required unless `ticket_price` or `ticket_types` is given.
        price: Option<GivenPrice>,
        /// Alias of `price`.
        ticket_price: Option<GivenPrice>,
        /// Currency of all prices (ISO 4217). Default: configured on the server.
        currency: Option<Text<3, 3>>,
        /// Total number of tickets, at least 1. Default: unlimited.
        capacity: Option<i64>,
        /// The organisation that runs it. Default: the caller.
        organisation_id: Option<i64>,
        /// The category's id.
        category_id: Option<i64>,
        /// The category's name. It is created if it does not exist.
        category: Option<Text<0, 50>>,
        /// URL of a picture (https or http).
        image_url: Option<Text<0, 2000>>,
        /// `active` (the default): on sale at once; or `draft`: seen by its organiser only until it is published.
        status: Option<Text<1, 20>>,
        /// Whether sales are paused. Default: no.
        paused: Option<bool>,
        /// From when on tickets are sold. Default: at once.
        sales_from: Option<GivenTime>,
        /// Until when tickets are sold. Default: until the event ends.
        sales_until: Option<GivenTime>,
        /// The fewest tickets in one order. Default: 1.
        min_per_order: Option<u32>,
        /// The most tickets in one order, at most 100. Default: 100.
        max_per_order: Option<u32>,
        /// The most tickets of one buyer. Default: no limit.
        max_per_buyer: Option<u32>,
        /// Ticket types, 1–50, instead of a single price.
        ticket_types: Option<Vec<TicketTypeBody>>,
    }
    example {
        "title": "Lagos Jazz Night", "description": "Three bands, one stage", "event_date": "2099-12-31T20:00:00Z",
        "location": "Eko Hotel, Lagos", "price": "5000.00", "capacity": 300, "category": "Concerts"
    }

    /// A ticket type, with its own price and capacity.
    struct TicketTypeBody {
        /// Unique within the event.
        name: Text<1, 100>,
        /// Price of a ticket; 0 is free.
        price: GivenPrice,
        /// Number of tickets of this type. Default: limited by the event only.
        capacity: Option<i64>,
        /// `public` (the default) or `secret`.
        visibility: Option<Text<1, 20>>,
        /// Whether sales are paused. Default: no.
        paused: Option<bool>,
        /// From when on tickets are sold.
        sales_from: Option<GivenTime>,
        /// Until when tickets are sold.
        sales_until: Option<GivenTime>,
        /// The fewest tickets in one order that has some.
        min_per_order: Option<u32>,
        /// The most tickets in one order.
        max_per_order: Option<u32>,
        /// The most tickets of one buyer.
        max_per_buyer: Option<u32>,
    }
    example {"name": "VIP", "price": "20000.00", "capacity": 20}
}

/// The sales rules of an event or of a ticket type.
macro_rules! rules {
    ($body:expr) => {
        SalesRules::default()
            .with_sales(Window::new($body.sales_from.map(|time| time.at), $body.sales_until.map(|time| time.at)))
            .with_paused($body.paused.unwrap_or_default())
            .with_min_per_order($body.min_per_order)
            .with_max_per_order($body.max_per_order)
            .with_max_per_buyer($body.max_per_buyer)
    };
}

/// A new event, the name of its category if it was given by name, and what is wrong with the body.
pub(crate) struct EventRequest {
    pub(crate) event: NewEvent,
    pub(crate) category: Option<String>,
    pub(crate) organisation: Option<OrganisationId>,
    pub(crate) faults: Faults,
}

impl EventBody {
    /// Converts the body to the engine's request. A field that is missing or cannot be read has a fault, and a value that has none: so
    /// the engine can check the others.
    pub(crate) fn into_event(
        self,
        now: Timestamp,
        default_currency: Currency,
        default_zone: &TimeZoneName,
    ) -> EventRequest {
        let mut faults = Faults::default();
        let rules = rules!(self);
        let zone = match self.time_zone {
            None => Some(default_zone.clone()),
            Some(name) => faults.parsed("time_zone", name.0.parse::<TimeZoneName>()),
        };
        let zone = zone.unwrap_or_default();
        let mut local = |field: &str, time: Option<GivenLocalTime>| {
            let at = faults.parsed(field, time?.instant(&zone))?;
            Some(GivenTime { at, is_local: false })
        };
        let (start, end) = (local("starts_at_local", self.starts_at_local), local("ends_at_local", self.ends_at_local));
        let has_start = self.starts_at_local.is_some();
        let date = either(("event_date", self.event_date), ("date", self.date), &mut faults);
        let date = either(("event_date", date), ("starts_at_local", start), &mut faults);
        let date = if has_start { date } else { faults.required("event_date", date) };
        let end_date = either(("end_date", self.end_date), ("ends_at_local", end), &mut faults);
        let status = match self.status {
            None => Some(EventStatus::Active),
            Some(name) => {
                let status = EventStatus::from_name(&name.0).filter(|status| *status != EventStatus::Cancelled);
                faults.parsed("status", status.ok_or("must be draft or active"))
            }
        };
        let currency = match self.currency {
            None => Some(default_currency),
            Some(code) => faults.parsed("currency", code.0.to_ascii_uppercase().parse::<Currency>()),
        };
        let price = either(("price", self.price), ("ticket_price", self.ticket_price), &mut faults);
        let currency = currency.ok_or(default_currency);
        let ticket_types = ticket_types(price, self.ticket_types, currency, &mut faults);
        let category = self.category.map(|name| name.0).filter(|name| !name.trim().is_empty());
        if category.is_some() && self.category_id.is_some() {
            faults.add("category", "must not be given together with category_id");
        }
        // Whether the end is after the start cannot be told without a start.
        let end_date = end_date.filter(|_| date.is_some());
        let soon = now + SignedDuration::from_hours(24);
        let date = date.unwrap_or(GivenTime { at: soon, is_local: false });
        let event =
            NewEvent::new(self.title.0, date.at, self.location.0, currency.unwrap_or(default_currency), ticket_types)
                .with_description(self.description.map(|text| text.0))
                .with_start_is_local(date.is_local)
                .with_ends_at(end_date.map(|end| end.at))
                .with_end_is_local(end_date.is_some_and(|end| end.is_local))
                .with_address(self.address.map(|text| text.0))
                .with_image_url(self.image_url.map(|url| url.0).filter(|url| !url.is_empty()))
                .with_category_id(self.category_id.map(CategoryId))
                .with_capacity(self.capacity)
                .with_time_zone(zone)
                .with_is_draft(status == Some(EventStatus::Draft))
                .with_rules(rules);
        let organisation = self.organisation_id.map(OrganisationId);
        EventRequest { event, category, organisation, faults }
    }
}

/// One value under two names. If both are given, they must be equal.
fn either<T: PartialEq>(first: (&str, Option<T>), second: (&str, Option<T>), faults: &mut Faults) -> Option<T> {
    if let ((name, Some(a)), (other, Some(b))) = (&first, &second)
        && a != b
    {
        faults.add(*other, format!("must be the same as {name}"));
    }
    first.1.or(second.1)
}

/// The ticket types. What cannot be read has a fault, and is free and public instead. Prices need a currency that is known.
fn ticket_types(
    price: Option<GivenPrice>,
    given: Option<Vec<TicketTypeBody>>,
    currency: Result<Currency, Currency>,
    faults: &mut Faults,
) -> Vec<NewTicketType> {
    let (Ok(known) | Err(known)) = currency;
    let money = |field: &str, price: GivenPrice, faults: &mut Faults| {
        let price = currency.ok().and_then(|currency| faults.parsed(field, Money::parse(&price.0, currency)));
        price.unwrap_or(Money::zero(known))
    };
    match (price, given.filter(|types| !types.is_empty())) {
        (Some(price), None) => vec![NewTicketType::new(GENERAL_ADMISSION, money("price", price, faults))],
        (price, Some(given)) => {
            if price.is_some() {
                faults.add("price", "must not be given together with ticket_types");
            }
            let types = (0..).zip(given).map(|(index, kind): (usize, TicketTypeBody)| {
                let price = money(&format!("ticket_types.{index}.price"), kind.price, faults);
                let rules = rules!(kind);
                let visibility = kind.visibility.and_then(|name| {
                    let visibility = Visibility::from_name(&name.0).ok_or("must be public or secret");
                    faults.parsed(&format!("ticket_types.{index}.visibility"), visibility)
                });
                let new = NewTicketType::new(kind.name.0, price).with_capacity(kind.capacity);
                new.with_rules(rules).with_visibility(visibility.unwrap_or(Visibility::Public))
            });
            types.collect()
        }
        (None, None) => {
            faults.add("price", "is required");
            vec![NewTicketType::new(GENERAL_ADMISSION, Money::zero(known))]
        }
    }
}

/// Only in the answer to creating an event: why it is a draft although it was to be on sale at once. Absent if the event is as requested.
#[derive(Object)]
#[oai(rename = "Notice")]
pub(crate) struct NoticeView {
    /// For programs: `email_unverified`, the same code as that of the refusal to publish the event.
    code: String,
    /// For people.
    detail: String,
}

impl NoticeView {
    fn email_unverified() -> Self {
        let detail =
            "The event is a draft, because your e-mail address is not verified. Verify it, then publish the event.";
        Self { code: Refusal::EmailUnverified.code().to_owned(), detail: detail.to_owned() }
    }
}

/// An event.
#[derive(Object)]
pub(crate) struct EventView {
    /// The event's id.
    id: i64,
    /// Title.
    title: String,
    /// Description.
    #[oai(nullable)]
    description: Option<String>,
    /// Start time.
    event_date: Time,
    /// Alias of `event_date`.
    date: Time,
    /// End time.
    #[oai(nullable)]
    end_date: Option<Time>,
    /// Time zone (IANA name).
    time_zone: String,
    /// Start time by the clocks where the event takes place.
    starts_at_local: LocalTime,
    /// End time by the clocks where the event takes place.
    #[oai(nullable)]
    ends_at_local: Option<LocalTime>,
    /// Location, in one line.
    location: String,
    /// Postal address.
    #[oai(nullable)]
    address: Option<String>,
    /// Price of the cheapest ticket.
    price: Price,
    /// Alias of `price`.
    ticket_price: Price,
    /// Currency of all prices (ISO 4217).
    currency: String,
    /// Total number of tickets; absent if unlimited.
    #[oai(nullable)]
    capacity: Option<i64>,
    /// Number of tickets sold.
    tickets_sold: i64,
    /// Number of tickets left; absent if unlimited.
    #[oai(nullable)]
    available: Option<i64>,
    /// The category's name.
    #[oai(nullable)]
    category: Option<String>,
    /// The category's id.
    #[oai(nullable)]
    category_id: Option<i64>,
    /// URL of a picture.
    #[oai(nullable)]
    image_url: Option<String>,
    /// The organiser's account id; absent if an organisation runs the event, or it was created anonymously.
    #[oai(nullable)]
    organizer_id: Option<i64>,
    /// The id of the organisation that runs the event; absent if a person does.
    #[oai(nullable)]
    organisation_id: Option<i64>,
    /// The series that it is a date of: the id of its first event; absent if it is none.
    #[oai(nullable)]
    series_id: Option<i64>,
    /// Whether the event is listed: neither a draft nor cancelled. Its sales may be paused.
    is_active: bool,
    /// `draft`, `active` or `cancelled`.
    status: String,
    /// Whether sales are paused.
    paused: bool,
    /// From when on tickets are sold; absent if at once.
    #[oai(nullable)]
    sales_from: Option<Time>,
    /// Until when tickets are sold; absent if until the event ends.
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
    /// Creation time.
    created_at: Time,
    /// Time of the last change.
    updated_at: Time,
    /// Ticket types.
    ticket_types: Vec<TicketTypeView>,
    #[oai(skip_serializing_if_is_none)]
    notice: Option<NoticeView>,
}

/// A ticket type of an event.
#[derive(Object)]
pub(crate) struct TicketTypeView {
    /// The ticket type's id.
    id: i64,
    /// Its name.
    name: String,
    /// Price of a ticket.
    price: Price,
    /// Number of tickets of this type; absent if limited by the event only.
    #[oai(nullable)]
    capacity: Option<i64>,
    /// Number of tickets sold.
    tickets_sold: i64,
    /// Number of tickets left; absent if unlimited.
    #[oai(nullable)]
    available: Option<i64>,
    /// Whether sales are paused.
    paused: bool,
    /// From when on tickets are sold; absent if as the event says.
    #[oai(nullable)]
    sales_from: Option<Time>,
    /// Until when tickets are sold; absent if as the event says.
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

/// The most characters of a description in a list.
const DESCRIPTION_IN_LIST: usize = 300;
/// The most ticket types of an event in a list.
const TICKET_TYPES_IN_LIST: usize = 5;

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self::new(event, event.description.clone(), usize::MAX, &[])
    }
}

impl EventView {
    /// A new event, and whether it is no more than a draft because its organiser's address is not verified.
    pub(crate) fn created(event: &Event, is_held_back: bool) -> Self {
        Self { notice: is_held_back.then(NoticeView::email_unverified), ..event.into() }
    }

    /// The event as an item of a list: long texts are cut, so that a page cannot become endless.
    pub(crate) fn in_list(event: &Event) -> Self {
        let description = event.description.as_ref().map(|text| text.chars().take(DESCRIPTION_IN_LIST).collect());
        Self::new(event, description, TICKET_TYPES_IN_LIST, &[])
    }

    /// The event as somebody sees it who has a promo code for these secret ticket types.
    pub(crate) fn with_unlocked(event: &Event, unlocked: &[TicketTypeId]) -> Self {
        Self::new(event, event.description.clone(), usize::MAX, unlocked)
    }

    fn new(event: &Event, description: Option<String>, ticket_types: usize, unlocked: &[TicketTypeId]) -> Self {
        let is_seen = |kind: &&Kind| kind.is_public() || (kind.removed_at.is_none() && unlocked.contains(&kind.id));
        let price = Price::from(event.lowest_price());
        let ticket_type = |kind: &Kind| TicketTypeView {
            id: kind.id.0,
            name: kind.name.clone(),
            price: kind.price.into(),
            capacity: kind.stock.capacity,
            tickets_sold: kind.stock.sold,
            available: event.available(kind),
            paused: kind.rules.paused,
            sales_from: kind.rules.sales.from.map(Into::into),
            sales_until: kind.rules.sales.until.map(Into::into),
            min_per_order: kind.rules.min_per_order,
            max_per_order: kind.rules.max_per_order,
            max_per_buyer: kind.rules.max_per_buyer,
        };
        Self {
            id: event.id.0,
            title: event.title.clone(),
            description,
            event_date: event.starts_at.into(),
            date: event.starts_at.into(),
            end_date: event.ends_at.map(Into::into),
            time_zone: event.time_zone.to_string(),
            starts_at_local: event.starts_at_local().into(),
            ends_at_local: event.ends_at_local().map(Into::into),
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
            organisation_id: event.organizer.organisation().map(|id| id.0),
            series_id: event.series_id.map(|id| id.0),
            is_active: event.status == EventStatus::Active,
            status: event.status.name().to_owned(),
            paused: event.rules.paused,
            sales_from: event.rules.sales.from.map(Into::into),
            sales_until: event.rules.sales.until.map(Into::into),
            min_per_order: event.rules.min_per_order,
            max_per_order: event.rules.max_per_order,
            max_per_buyer: event.rules.max_per_buyer,
            created_at: event.created_at.into(),
            updated_at: event.updated_at.into(),
            ticket_types: event.ticket_types.iter().filter(is_seen).take(ticket_types).map(ticket_type).collect(),
            notice: None,
        }
    }
}
