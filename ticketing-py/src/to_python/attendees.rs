//! Attendees, and orders for their organiser.

use super::{Made, ToPython, object, time, times};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use ticketing_core::domain::attendee::{Attendee, AttendeeEntry};
use ticketing_core::domain::order::{Issued, OrderEntry};
use ticketing_core::domain::page::CursorPage;
use ticketing_core::domain::principal::EmailAddress;

impl<T: ToPython> ToPython for CursorPage<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let next = self.next.map(|next| next.to_string());
        object!(py, "_values", "CursorPage", { items: self.items.to_python(py)?, next: next })
    }
}

/// An address, unless it was erased.
fn address(email: Option<&EmailAddress>) -> Option<&str> {
    email.filter(|email| !email.is_erased()).map(EmailAddress::as_str)
}

impl ToPython for Attendee {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "tickets", "Attendee", {
            ticket_id: self.ticket_id.0,
            name: self.name.as_deref(),
            email: address(self.email.as_ref()),
            note: self.note.as_deref(),
            answers: self.answers.to_python(py)?,
            version: self.version,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for AttendeeEntry {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "tickets", "AttendeeEntry", {
            ticket_id: self.ticket_id.0,
            code_suffix: &self.code_suffix,
            ticket_type_id: self.ticket_type_id.0,
            price: self.price.to_python(py)?,
            status: self.status.to_python(py)?,
            issued_at: time(py, self.issued_at)?,
            order: self.order.as_str(),
            ordered_at: time(py, self.ordered_at)?,
            buyer_email: address(self.buyer_email.as_ref()),
            paid_with: self.paid_with.as_deref(),
            promo_code_id: self.promo_code_id.map(|id| id.0),
            name: self.name.as_deref(),
            email: address(self.email.as_ref()),
            note: self.note.as_deref(),
            answers: self.answers.to_python(py)?,
            version: self.version,
            checked_in_at: times(py, self.checked_in_at)?,
            gate: self.gate.as_deref(),
        })
    }
}

impl ToPython for OrderEntry {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "orders", "OrderEntry", {
            order: self.order.to_python(py)?,
            paid_with: self.paid_with.as_deref(),
            paid: self.paid.to_python(py)?,
            refunded: self.refunded.to_python(py)?,
            valid_tickets: self.valid_tickets,
        })
    }
}

impl ToPython for Issued {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "orders", "Issued", {
            order: self.order.to_python(py)?,
            tickets: self.tickets.to_python(py)?,
            first: self.first,
        })
    }
}
