//! Transfers, swaps, and messages to attendees.

use super::{Made, ToPython, object, time};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use ticketing_core::domain::message::Message;
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::domain::ticket::Swapped;
use ticketing_core::domain::transfer::{FoundTransfer, TakenTransfer, Transfer};

impl ToPython for Transfer {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "transfers", "Transfer", {
            id: self.id.0,
            reference: self.reference.as_str(),
            ticket_id: self.ticket_id.0,
            order_id: self.order_id.0,
            from_email: self.from.as_ref().map(EmailAddress::as_str),
            to_email: self.to.as_str(),
            status: self.status.to_python(py)?,
            new_ticket_id: self.new_ticket_id.map(|id| id.0),
            expires_at: time(py, self.expires_at)?,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for FoundTransfer {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "transfers", "FoundTransfer", {
            transfer: self.transfer.to_python(py)?,
            ticket: self.ticket.to_python(py)?,
            new_ticket: self.new_ticket.to_python(py)?,
            event: self.event.to_python(py)?,
        })
    }
}

impl ToPython for TakenTransfer {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "transfers", "TakenTransfer", {
            transfer: self.transfer.to_python(py)?,
            ticket: self.ticket.to_python(py)?,
            first: self.first,
        })
    }
}

impl ToPython for Swapped {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "transfers", "Swapped", {
            ticket: self.ticket.to_python(py)?,
            refund: self.refund.to_python(py)?,
            first: self.first,
        })
    }
}

impl ToPython for Message {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "messages", "Message", {
            id: self.id.0,
            key: self.key.as_str(),
            event_id: self.event_id.0,
            subject: &self.subject,
            text: &self.text,
            ticket_type_id: self.audience.ticket_type_id.map(|id| id.0),
            who: self.audience.who.to_python(py)?,
            sent_by: self.sent_by.to_string(),
            mails: self.mails,
            status: self.status.to_python(py)?,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}
