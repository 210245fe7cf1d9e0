//! Events, their ticket types, and how many places are left.

use super::category::Category;
use super::code::Reference;
use super::id::{CategoryId, EventId, TicketTypeId};
use super::money::{Currency, Money};
use super::principal::Principal;
use super::row::{Field, Kind, RowError, Sink, Source, required};
use super::table::{Lock, Part, PartTable, part_columns, table};
use super::text;
use super::time_zone::TimeZoneName;
use super::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp, Zoned};

mod cancel;
mod copy;
mod edit;
mod filter;
mod find;
mod new;
mod phase;
mod put;
mod question;
mod sales_rules;
mod terms;
mod wants;

pub use cancel::CancelEvent;
pub use copy::CopyEvent;
pub use edit::EditEvent;
pub use filter::{EventFilter, EventSort};
pub use find::{FindEvent, FindEvents, ListEventIds, ListEvents};
pub(crate) use find::{is_not_over, is_over};
pub(crate) use new::Past;
pub use new::{GENERAL_ADMISSION, NewEvent, NewTicketType};
pub use phase::{EventPhase, EventStatus};
pub use put::PutEvent;
pub(crate) use question::refuse_without;
pub use question::{AnswerKind, Answers, MAX_ANSWER, MAX_QUESTIONS, Per, Question, Required};
pub use sales_rules::{SalesRules, Visibility, Window};
pub use terms::{EventTerms, EventTermsWants, ReturnPolicy, TransferPolicy, TransferRule};
pub(crate) use wants::WrongType;
pub use wants::{EventWants, SalesRulesWants, TicketTypeWants};

/// For how long tickets of an event without an end are sold after its start, and by how much a time without an offset to UTC may
/// be past: it is somewhere on the day that it names.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// The most ticket types of one event that are not removed.
pub const MAX_TICKET_TYPES: usize = 50;

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
    /// Who runs it: a person, or an organisation, whose members act for it.
    pub organizer: Principal,
    /// The title: 1–200 characters.
    pub title: String,
    /// The description.
    pub description: Option<String>,
    /// When it starts.
    pub starts_at: Timestamp,
    /// When it ends. Tickets are sold until then; see [`sales_end_at`](Self::sales_end_at).
    pub ends_at: Option<Timestamp>,
    /// Where its clocks are. People read its times in this zone; what is stored are instants. UTC for events of earlier versions.
    #[serde(default)]
    pub time_zone: TimeZoneName,
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
    /// Whether it is a draft, published or cancelled.
    pub status: EventStatus,
    /// When and how many tickets are sold, over all types.
    #[serde(default)]
    pub rules: SalesRules,
    /// Whether its tickets can be transferred and returned, and what its attendees are asked.
    #[serde(default)]
    pub terms: EventTerms,
    /// 1 for a new event, and one more for every edit that changed something. Sales do not count.
    #[serde(default = "first_version")]
    pub version: i64,
    /// The series that it is a date of: the id of the event that the others were copied from, which is a date of it too.
    #[serde(default)]
    pub series_id: Option<EventId>,
    /// When it was first published. `None` if nobody but its organiser has ever seen it.
    #[serde(default)]
    pub published_at: Option<Timestamp>,
    /// The ticket types: at least one, in the organiser's order. Removed ones are last: orders and tickets of them remain.
    pub ticket_types: Vec<TicketType>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed. Sales do not count.
    pub updated_at: Timestamp,
}

/// For events that were serialised before they had versions.
const fn first_version() -> i64 {
    1
}

table! {
    Event in "events", lock Lock::Rank(9);
    numbered id: EventId, key, organizer as Organizer [organizer_account, organizer_external, organizer_organisation],
        title, description, starts_at, ends_at, location,
        address, image_url, category_id, currency, stock [capacity, held, sold], status, created_at, updated_at, time_zone,
        rules [sales_from, sales_until, paused, min_per_order, max_per_order, max_per_buyer], version, series_id, published_at, terms;
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
            ("sales_from", Kind::Int),
            ("sales_until", Kind::Int),
            ("paused", Kind::Int),
            ("min_per_order", Kind::Int),
            ("max_per_order", Kind::Int),
            ("max_per_buyer", Kind::Int),
            ("visibility", Kind::Text),
            ("removed_at", Kind::Int),
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
        self.rules.store(to);
        self.visibility.store(to);
        self.removed_at.store(to);
    }

    fn read(event: &Event, from: &mut dyn Source) -> Result<Self, RowError> {
        let (id, event_id) = (required(from, "ticket_types.id")?, required(from, "ticket_types.event_id")?);
        let _position = from.int()?;
        let name = required(from, "ticket_types.name")?;
        let price = Money::new(required(from, "ticket_types.price_minor")?, event.currency).map_err(RowError::of)?;
        let (stock, rules) = (required(from, "ticket_types.stock")?, required(from, "ticket_types.paused")?);
        let visibility = required(from, "ticket_types.visibility")?;
        Ok(Self { id, event_id, name, price, stock, rules, visibility, removed_at: Timestamp::read(from)? })
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

    /// The ticket types that everybody sees.
    pub fn public_types(&self) -> impl Iterator<Item = &TicketType> {
        self.ticket_types.iter().filter(|ticket_type| ticket_type.is_public())
    }

    /// The questions that must be answered by then.
    pub(crate) fn questions_before(&self, required: Required) -> impl Iterator<Item = &Question> {
        self.terms.questions.iter().filter(move |question| question.required == required)
    }

    /// The ticket type with this id, also if it is removed.
    pub fn ticket_type(&self, id: TicketTypeId) -> Option<&TicketType> {
        self.ticket_types.iter().find(|ticket_type| ticket_type.id == id)
    }

    /// When it starts, by the clocks where it takes place.
    pub fn starts_at_local(&self) -> Zoned {
        self.time_zone.local(self.starts_at)
    }

    /// When it ends, by the clocks where it takes place.
    pub fn ends_at_local(&self) -> Option<Zoned> {
        self.ends_at.map(|ends_at| self.time_zone.local(ends_at))
    }

    /// The lowest price of the ticket types that everybody sees.
    pub fn lowest_price(&self) -> Money {
        let lowest = self.public_types().map(|ticket_type| ticket_type.price).min_by_key(Money::minor);
        lowest.unwrap_or(Money::zero(self.currency))
    }

    /// How many more tickets of `ticket_type` can be sold: the smaller of its own places and the event's.
    pub fn available(&self, ticket_type: &TicketType) -> Option<i64> {
        match (self.stock.available(), ticket_type.stock.available()) {
            (Some(event), Some(own)) => Some(event.min(own)),
            (event, own) => event.or(own),
        }
    }

    /// How many more tickets can be sold over all types that everybody sees.
    pub fn available_in_all(&self) -> Option<i64> {
        let own: Option<i64> = self.public_types().map(|ticket_type| ticket_type.stock.available()).sum();
        match (self.stock.available(), own) {
            (Some(event), Some(own)) => Some(event.min(own)),
            (event, own) => event.or(own),
        }
    }
}

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
    /// When and how many of its tickets are sold. The event's rules apply as well.
    #[serde(default)]
    pub rules: SalesRules,
    /// Who sees it.
    #[serde(default)]
    pub visibility: Visibility,
    /// Since when it is removed: not offered any more. Orders that hold places of it can still be paid.
    #[serde(default)]
    pub removed_at: Option<Timestamp>,
}

impl TicketType {
    /// Whether everybody sees it: neither removed nor secret.
    pub fn is_public(&self) -> bool {
        self.removed_at.is_none() && self.visibility == Visibility::Public
    }
}
