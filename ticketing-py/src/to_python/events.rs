//! Events, their ticket types and rules.

use super::{Made, ToPython, object, time, times};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use ticketing_core::domain::category::Category;
use ticketing_core::domain::event::{Event, SalesRules, Stock, TicketType};

impl ToPython for Category {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "events", "Category", {
            id: self.id.0,
            name: &self.name,
            description: self.description.as_deref(),
        })
    }
}

impl ToPython for Stock {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "events", "Stock", {
            capacity: self.capacity,
            held: self.held,
            sold: self.sold,
            available: self.available(),
        })
    }
}

impl ToPython for SalesRules {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "events", "SalesRules", {
            sales_from: times(py, self.sales.from)?,
            sales_until: times(py, self.sales.until)?,
            paused: self.paused,
            min_per_order: self.min_per_order,
            max_per_order: self.max_per_order,
            max_per_buyer: self.max_per_buyer,
        })
    }
}

fn ticket_type<'py>(py: Python<'py>, event: &Event, ticket_type: &TicketType) -> Made<'py> {
    object!(py, "events", "TicketType", {
        id: ticket_type.id.0,
        event_id: ticket_type.event_id.0,
        name: &ticket_type.name,
        price: ticket_type.price.to_python(py)?,
        stock: ticket_type.stock.to_python(py)?,
        available: event.available(ticket_type),
        rules: ticket_type.rules.to_python(py)?,
        visibility: ticket_type.visibility.to_python(py)?,
        removed_at: times(py, ticket_type.removed_at)?,
    })
}

impl ToPython for Event {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let types = self.ticket_types.iter().map(|each| ticket_type(py, self, each)).collect::<PyResult<Vec<_>>>()?;
        object!(py, "events", "Event", {
            id: self.id.0,
            key: self.key.as_ref().map(|key| key.as_str()),
            organizer: self.organizer.to_python(py)?,
            title: &self.title,
            description: self.description.as_deref(),
            starts_at: time(py, self.starts_at)?,
            ends_at: times(py, self.ends_at)?,
            time_zone: self.time_zone.as_str(),
            location: &self.location,
            address: self.address.as_deref(),
            image_url: self.image_url.as_deref(),
            category: self.category.to_python(py)?,
            currency: self.currency.code(),
            stock: self.stock.to_python(py)?,
            status: self.status.to_python(py)?,
            rules: self.rules.to_python(py)?,
            terms: self.terms.to_python(py)?,
            version: self.version,
            series_id: self.series_id.map(|id| id.0),
            ticket_types: PyTuple::new(py, types)?,
            lowest_price: self.lowest_price().to_python(py)?,
            available: self.available_in_all(),
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}
