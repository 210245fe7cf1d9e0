//! Changes of an event's settings. What they are is in [`settings_view`](super::settings_view).

use super::answers::QuestionBody;
use super::body::body;
use super::field::Faults;
use super::local_time::GivenLocalTime;
use super::patch::{Set, SetOrEmpty};
use super::price::GivenPrice;
use super::text::Text;
use super::time::GivenTime;
use jiff::Timestamp;
use ticketing_core::domain::event::{
    Event, EventStatus, EventTerms, EventTermsWants, EventWants, ReturnPolicy, SalesRulesWants, TicketTypeWants,
    TransferPolicy, TransferRule, Visibility,
};
use ticketing_core::domain::id::{CategoryId, OrganisationId, TicketTypeId};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::time_zone::TimeZoneName;

body! {
    /// Changes of an event's settings: a merge patch (RFC 7396). A field that is left out stays as it is; null empties it.
    struct SettingsPatch {
        /// The organisation that runs the event; null for the caller. Moving an event needs `manage` on both sides.
        organisation_id: SetOrEmpty<i64>,
        /// Title.
        title: Set<Text<1, 200>>,
        /// Description.
        description: SetOrEmpty<Text<0, 10000>>,
        /// Start time; UTC if it has neither an offset nor a time zone.
        event_date: Set<GivenTime>,
        /// The start as a wall time in the event's time zone, instead of `event_date`. A time that the clocks skip is refused; of one
        /// that they show twice, the earlier is meant unless an offset says otherwise.
        starts_at_local: Set<GivenLocalTime>,
        /// End time.
        end_date: SetOrEmpty<GivenTime>,
        /// The end as a wall time in the event's time zone, instead of `end_date`.
        ends_at_local: SetOrEmpty<GivenLocalTime>,
        /// Time zone (IANA name). Changing it leaves the start and the end the same instants.
        time_zone: Set<Text<1, 64>>,
        /// Location, in one line.
        location: Set<Text<1, 200>>,
        /// Postal address.
        address: SetOrEmpty<Text<0, 500>>,
        /// URL of a picture (https or http).
        image_url: SetOrEmpty<Text<0, 2000>>,
        /// The category's id.
        category_id: SetOrEmpty<i64>,
        /// Currency of all prices (ISO 4217). Cannot change once there are orders.
        currency: Set<Text<3, 3>>,
        /// Total number of tickets. Not less than what is held and sold.
        capacity: SetOrEmpty<i64>,
        /// `draft` or `active`.
        status: Set<Text<1, 20>>,
        /// Whether sales are paused.
        paused: Set<bool>,
        /// From when on tickets are sold.
        sales_from: SetOrEmpty<GivenTime>,
        /// Until when tickets are sold.
        sales_until: SetOrEmpty<GivenTime>,
        /// The fewest tickets in one order.
        min_per_order: SetOrEmpty<u32>,
        /// The most tickets in one order.
        max_per_order: SetOrEmpty<u32>,
        /// The most tickets of one buyer.
        max_per_buyer: SetOrEmpty<u32>,
        /// Until when buyers may return unused tickets because of this change of the date or the place; null for never. Default: three
        /// days where the start moves by more than a day or the place changes, at most until the start. It is about this edit and no
        /// setting.
        refund_until: SetOrEmpty<GivenTime>,
        /// How often a ticket can be transferred to somebody else: `free` (as often as its holders like), `once` or `never`.
        transfers: Set<Text<1, 20>>,
        /// Until when tickets can be transferred; null for until the event starts.
        transfers_until: SetOrEmpty<GivenTime>,
        /// Until when buyers can return unused tickets on their own; null for never.
        returns_until: SetOrEmpty<GivenTime>,
        /// How much of the price of a returned ticket is kept, in percent.
        returns_keep_percent: Set<u32>,
        /// What attendees and buyers are asked: all questions, in their order.
        questions: Set<Vec<QuestionBody>>,
        /// All ticket types, in their order. One without an id is new, or the one with its name. A type that is not in the list is
        /// removed: it is not offered any more, and held orders of it can still be paid.
        ticket_types: Set<Vec<TicketTypePatch>>,
    }
    example {"capacity": 350, "sales_until": "2099-12-31T18:00:00Z", "max_per_order": 6}

    /// Changes of a ticket type.
    struct TicketTypePatch {
        /// The type's id. Left out for a new type.
        id: Set<i64>,
        /// Unique within the event.
        name: Set<Text<1, 100>>,
        /// Price of a ticket, for new orders.
        price: Set<GivenPrice>,
        /// Number of tickets of this type. Not less than what is held and sold.
        capacity: SetOrEmpty<i64>,
        /// `public` or `secret`.
        visibility: Set<Text<1, 20>>,
        /// Whether sales are paused.
        paused: Set<bool>,
        /// From when on tickets are sold.
        sales_from: SetOrEmpty<GivenTime>,
        /// Until when tickets are sold.
        sales_until: SetOrEmpty<GivenTime>,
        /// The fewest tickets in one order that has some.
        min_per_order: SetOrEmpty<u32>,
        /// The most tickets in one order.
        max_per_order: SetOrEmpty<u32>,
        /// The most tickets of one buyer.
        max_per_buyer: SetOrEmpty<u32>,
    }
    example {"id": 7, "name": "VIP", "price": "25000.00", "capacity": 25}
}

/// The fields of sales rules, of an event or of a ticket type.
macro_rules! rules_wants {
    ($patch:expr) => {{
        let instant = |time: Option<Option<GivenTime>>| time.map(|time| time.map(|time| time.at));
        SalesRulesWants::default()
            .with_sales_from(instant($patch.sales_from.0))
            .with_sales_until(instant($patch.sales_until.0))
            .with_paused($patch.paused.0)
            .with_min_per_order($patch.min_per_order.0)
            .with_max_per_order($patch.max_per_order.0)
            .with_max_per_buyer($patch.max_per_buyer.0)
    }};
}

impl SettingsPatch {
    /// Converts the body to the engine's request, without the fields that are at fault. Prices and wall times need the event that it
    /// changes.
    pub(crate) fn into_wants(self, who: &Principal, event: &Event) -> (EventWants, Faults) {
        let mut faults = Faults::default();
        let zone = match &self.time_zone.0 {
            Some(name) => faults.parsed("time_zone", name.0.parse::<TimeZoneName>()),
            None => Some(event.time_zone.clone()),
        };
        let zone = zone.unwrap_or_default();
        let starts_at = instant_of(
            ("event_date", self.event_date.0.map(|time| Some(time.at))),
            ("starts_at_local", self.starts_at_local.0.map(Some)),
            &zone,
            &mut faults,
        );
        let ends_at = instant_of(
            ("end_date", self.end_date.0.map(|time| time.map(|time| time.at))),
            ("ends_at_local", self.ends_at_local.0),
            &zone,
            &mut faults,
        );
        let currency = self.currency.0.and_then(|code| faults.parsed("currency", code.0.to_ascii_uppercase().parse()));
        let status = self.status.0.and_then(|name| {
            let status = EventStatus::from_name(&name.0).ok_or("must be draft or active");
            faults.parsed("status", status)
        });
        let rules = rules_wants!(self);
        let terms = terms_wants(
            TermsPatch {
                rule: self.transfers.0.map(|name| name.0),
                transfers_until: self.transfers_until.0.map(|time| time.map(|time| time.at)),
                returns_until: self.returns_until.0.map(|time| time.map(|time| time.at)),
                keep_percent: self.returns_keep_percent.0,
                questions: self.questions.0,
            },
            &event.terms,
            &mut faults,
        );
        let price_in: Currency = currency.unwrap_or(event.currency);
        let types = self.ticket_types.0.map(|types| {
            let each = types.into_iter().enumerate().map(|(index, kind)| kind.into_wants(index, price_in, &mut faults));
            each.collect::<Vec<_>>()
        });
        let text = |text: Option<Option<String>>| text.map(|text| text.filter(|text| !text.is_empty()));
        let organizer = match self.organisation_id.0 {
            Some(Some(id)) => Some(Principal::Organisation(OrganisationId(id))),
            // Settings that are sent back as they were read move nothing.
            Some(None) => event.organizer.organisation().map(|_| who.clone()),
            None => None,
        };
        let wants = EventWants::default()
            .with_organizer(organizer)
            .with_title(self.title.0.map(|text| text.0))
            .with_description(self.description.0.map(|text| text.map(|text| text.0)))
            .with_starts_at(starts_at.flatten())
            .with_ends_at(ends_at)
            .with_time_zone(self.time_zone.0.map(|_| zone))
            .with_location(self.location.0.map(|text| text.0))
            .with_address(self.address.0.map(|text| text.map(|text| text.0)))
            .with_image_url(text(self.image_url.0.map(|url| url.map(|url| url.0))))
            .with_category_id(self.category_id.0.map(|id| id.map(CategoryId)))
            .with_currency(currency)
            .with_capacity(self.capacity.0)
            .with_status(status)
            .with_rules(rules)
            .with_terms(terms)
            .with_refund_until(self.refund_until.0.map(|time| time.map(|time| time.at)))
            .with_ticket_types(types);
        (wants, faults)
    }
}

/// The fields of the event's terms.
struct TermsPatch {
    rule: Option<String>,
    transfers_until: Option<Option<Timestamp>>,
    returns_until: Option<Option<Timestamp>>,
    keep_percent: Option<u32>,
    questions: Option<Vec<QuestionBody>>,
}

/// What is left out stays as it is.
fn terms_wants(patch: TermsPatch, now: &EventTerms, faults: &mut Faults) -> EventTermsWants {
    let rule = patch.rule.map_or(Some(now.transfers.rule), |name| {
        faults.parsed("transfers", TransferRule::from_name(&name).ok_or("must be free, once or never"))
    });
    let until = patch.transfers_until.unwrap_or(now.transfers.until);
    let transfers = TransferPolicy::new(rule.unwrap_or_default(), until);
    let keep = patch.keep_percent.unwrap_or(now.returns.keep_percent);
    let returns = ReturnPolicy::new(patch.returns_until.unwrap_or(now.returns.until), keep);
    let questions = patch.questions.map(|questions| {
        let each = questions.into_iter().enumerate();
        each.map(|(index, question)| question.into_question(&format!("questions.{index}"), faults)).collect::<Vec<_>>()
    });
    EventTermsWants::default()
        .with_transfers(Some(transfers).filter(|of| *of != now.transfers))
        .with_returns(Some(returns).filter(|of| *of != now.returns))
        .with_questions(questions)
}

/// One time under two names: as an instant, and as a wall time. If both are given, they must be the same.
fn instant_of(
    (name, instant): (&str, Option<Option<Timestamp>>),
    (local_name, local): (&str, Option<Option<GivenLocalTime>>),
    zone: &TimeZoneName,
    faults: &mut Faults,
) -> Option<Option<Timestamp>> {
    let local = match local {
        Some(Some(time)) => Some(faults.parsed(local_name, time.instant(zone))),
        Some(None) => Some(None),
        None => None,
    };
    if let (Some(a), Some(b)) = (instant, local)
        && a != b
    {
        faults.add(local_name, format!("must be the same time as {name}"));
    }
    instant.or(local)
}

impl TicketTypePatch {
    fn into_wants(self, index: usize, currency: Currency, faults: &mut Faults) -> TicketTypeWants {
        let field = |name: &str| format!("ticket_types.{index}.{name}");
        let price = self.price.0.and_then(|price| faults.parsed(&field("price"), Money::parse(&price.0, currency)));
        let visibility = self.visibility.0.and_then(|name| {
            let visibility = Visibility::from_name(&name.0).ok_or("must be public or secret");
            faults.parsed(&field("visibility"), visibility)
        });
        let wants = match self.id.0 {
            Some(id) => TicketTypeWants::existing(TicketTypeId(id)),
            None => TicketTypeWants::default(),
        };
        let rules = rules_wants!(self);
        wants
            .with_name(self.name.0.map(|name| name.0))
            .with_price(price)
            .with_capacity(self.capacity.0)
            .with_visibility(visibility)
            .with_rules(rules)
    }
}
