//! Events, their ticket types and rules.

use super::{Fields, Read, in_rules, list};
use jiff::Timestamp;
use pyo3::prelude::*;
use ticketing_core::domain::event::{
    EventStatus, EventWants, NewTicketType, SalesRules, SalesRulesWants, TicketTypeWants, Visibility, Window,
};
use ticketing_core::domain::id::{CategoryId, TicketTypeId};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::time_zone::TimeZoneName;

impl Read for NewTicketType {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "a NewTicketType" };
        let rules = SalesRules::read(&fields.value("rules")?).map_err(|error| in_rules(value.py(), error))?;
        let (name, price): (String, Money) = (fields.get("name")?, fields.get("price")?);
        Ok(Self::new(name, price)
            .with_capacity(fields.get::<Option<i64>>("capacity")?)
            .with_rules(rules)
            .with_visibility(fields.get("visibility")?))
    }
}

/// The ticket types of a new event.
pub(crate) struct NewTicketTypes(pub(crate) Vec<NewTicketType>);

impl Read for NewTicketTypes {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        list(value, "ticket_types").map(Self)
    }
}

impl Read for SalesRules {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "SalesRules" };
        let time = |name| fields.get::<Option<Timestamp>>(name);
        Ok(Self::default()
            .with_sales(Window::new(time("sales_from")?, time("sales_until")?))
            .with_paused(fields.get("paused")?)
            .with_min_per_order(fields.count("min_per_order")?)
            .with_max_per_order(fields.count("max_per_order")?)
            .with_max_per_buyer(fields.count("max_per_buyer")?))
    }
}

/// Of a `SalesRules`, which has every field, or of a `SalesRulesEdit`.
impl Read for SalesRulesWants {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "SalesRules or a SalesRulesEdit" };
        Ok(Self::default()
            .with_sales_from(fields.given::<Option<Timestamp>>("sales_from")?)
            .with_sales_until(fields.given::<Option<Timestamp>>("sales_until")?)
            .with_paused(fields.given("paused")?)
            .with_min_per_order(fields.given_count("min_per_order")?)
            .with_max_per_order(fields.given_count("max_per_order")?)
            .with_max_per_buyer(fields.given_count("max_per_buyer")?))
    }
}

impl Read for TicketTypeWants {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "a TicketTypeEdit" };
        let id: Option<i64> = fields.get("id")?;
        let wants = id.map_or_else(Self::default, |id| Self::existing(TicketTypeId(id)));
        Ok(wants
            .with_name(fields.given::<String>("name")?)
            .with_price(fields.given::<Money>("price")?)
            .with_capacity(fields.given::<Option<i64>>("capacity")?)
            .with_rules(fields.given_rules()?)
            .with_visibility(fields.given::<Visibility>("visibility")?))
    }
}

/// Of an object with all arguments of `edit_event` that change something.
impl Read for EventWants {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "the arguments of edit_event" };
        let types = fields.value("ticket_types")?;
        let types: Option<Vec<TicketTypeWants>> =
            if fields.is_unset("ticket_types")? { None } else { Some(list(&types, "ticket_types")?) };
        let category_id: Option<Option<i64>> = fields.given("category_id")?;
        Ok(Self::default()
            .with_organizer(fields.given::<Principal>("organizer")?)
            .with_title(fields.given::<String>("title")?)
            .with_description(fields.given::<Option<String>>("description")?)
            .with_starts_at(fields.given::<Timestamp>("starts_at")?)
            .with_ends_at(fields.given::<Option<Timestamp>>("ends_at")?)
            .with_time_zone(fields.given::<TimeZoneName>("time_zone")?)
            .with_location(fields.given::<String>("location")?)
            .with_address(fields.given::<Option<String>>("address")?)
            .with_image_url(fields.given::<Option<String>>("image_url")?)
            .with_category_id(category_id.map(|id| id.map(CategoryId)))
            .with_currency(fields.given::<Currency>("currency")?)
            .with_capacity(fields.given::<Option<i64>>("capacity")?)
            .with_status(fields.given::<EventStatus>("status")?)
            .with_rules(fields.given_rules()?)
            .with_terms(fields.given_terms()?)
            .with_refund_until(fields.given::<Option<Timestamp>>("refund_until")?)
            .with_ticket_types(types))
    }
}
