//! Orders, quotes and promo codes.

use super::{Made, ToPython, member, object, time, times};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{Order, OrderLine, OrderStatus, Quote};
use ticketing_core::domain::promo_code::{Discount, PromoCode};

/// An amount that the engine keeps without its currency. It was an amount once.
fn minor(minor: i64, currency: Currency) -> Money {
    Money::new(minor, currency).unwrap_or(Money::zero(currency))
}

impl ToPython for OrderLine {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "orders", "OrderLine", {
            ticket_type_id: self.ticket_type_id.0,
            quantity: self.quantity,
            unit_price: self.unit_price.to_python(py)?,
            face_price: minor(self.parts.face, self.unit_price.currency()).to_python(py)?,
            discount: minor(self.parts.discount, self.unit_price.currency()).to_python(py)?,
            promo_code_id: self.promo_code_id.map(|id| id.0),
        })
    }
}

impl ToPython for Order {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let hold_until = match self.status {
            OrderStatus::Held { hold_until } => Some(hold_until),
            _ => None,
        };
        object!(py, "orders", "Order", {
            id: self.id.0,
            reference: self.reference.as_str(),
            event_id: self.event_id.0,
            buyer: self.buyer.to_python(py)?,
            lines: self.lines.to_python(py)?,
            quantity: self.quantity(),
            total: self.total.to_python(py)?,
            status: member!(py, "orders", "OrderStatus", self.status.name())?,
            hold_until: times(py, hold_until)?,
            promo_code_id: self.promo_code_id.map(|id| id.0),
            hold_extended: self.hold_extended,
            has_details: self.has_details,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for Quote {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "orders", "Quote", { lines: self.lines.to_python(py)?, total: self.total.to_python(py)? })
    }
}

/// A promo code, and the currency of its event, which its discount is in.
pub(crate) struct OfEvent {
    pub(crate) code: PromoCode,
    pub(crate) currency: Currency,
}

impl OfEvent {
    fn discount<'py>(&self, py: Python<'py>) -> Made<'py> {
        let (percent, each) = match self.code.discount {
            Discount::Percent(points) => (Some(percentage(points)), None),
            Discount::Each(each) => (None, Some(minor(each, self.currency))),
            _ => (None, None),
        };
        object!(py, "promo_codes", "Discount", { percent: percent, each: each.to_python(py)? })
    }
}

/// Basis points as a percentage with two decimals.
pub(crate) fn percentage(points: u32) -> String {
    format!("{}.{:02}", points / 100, points % 100)
}

impl ToPython for OfEvent {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let Self { code, .. } = self;
        object!(py, "promo_codes", "PromoCode", {
            id: code.id.0,
            event_id: code.event_id.0,
            text: code.text.as_str(),
            discount: self.discount(py)?,
            ticket_types: PyTuple::new(py, code.ticket_types.iter().map(|id| id.0))?,
            unlocks: PyTuple::new(py, code.unlocks.iter().map(|id| id.0))?,
            valid_from: times(py, code.valid.from)?,
            valid_until: times(py, code.valid.until)?,
            max_per_order: code.max_per_order,
            max_per_buyer: code.max_per_buyer,
            uses: code.uses.to_python(py)?,
            paused: code.paused,
            note: code.note.as_deref(),
            version: code.version,
            created_at: time(py, code.created_at)?,
            updated_at: time(py, code.updated_at)?,
        })
    }
}
