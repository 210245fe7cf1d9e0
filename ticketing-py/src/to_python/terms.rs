//! The terms of events, answers to their questions, and what is known about orders.

use super::{Made, ToPython, object, time, times};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use ticketing_core::domain::attendee::NewAttendee;
use ticketing_core::domain::event::{Answers, EventTerms, Question, ReturnPolicy, TransferPolicy};
use ticketing_core::domain::order_details::OrderDetails;
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::domain::refund::ReturnQuote;

impl ToPython for Answers {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let answers = PyDict::new(py);
        for (key, answer) in &self.0 {
            answers.set_item(key, answer)?;
        }
        Ok(answers.into_any())
    }
}

impl ToPython for Question {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "events", "Question", {
            key: &self.key,
            text: &self.text,
            kind: self.kind.to_python(py)?,
            options: PyTuple::new(py, &self.options)?,
            required: self.required.to_python(py)?,
            per: self.per.to_python(py)?,
            ticket_types: PyTuple::new(py, self.ticket_types.iter().map(|id| id.0))?,
        })
    }
}

impl ToPython for TransferPolicy {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "events", "TransferPolicy", { rule: self.rule.to_python(py)?, until: times(py, self.until)? })
    }
}

impl ToPython for ReturnPolicy {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "events", "ReturnPolicy", { until: times(py, self.until)?, keep_percent: self.keep_percent })
    }
}

impl ToPython for EventTerms {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "events", "EventTerms", {
            transfers: self.transfers.to_python(py)?,
            returns: self.returns.to_python(py)?,
            questions: self.questions.to_python(py)?,
        })
    }
}

impl ToPython for NewAttendee {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "orders", "NewAttendee", {
            name: self.name.as_deref(),
            email: self.email.as_ref().filter(|email| !email.is_erased()).map(EmailAddress::as_str),
            answers: self.answers.to_python(py)?,
        })
    }
}

impl ToPython for OrderDetails {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "orders", "OrderDetails", {
            order_id: self.order_id.0,
            answers: self.answers.to_python(py)?,
            attendees: self.attendees.to_python(py)?,
            note: self.note.as_deref(),
            version: self.version,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for ReturnQuote {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let tickets = self
            .tickets
            .iter()
            .map(|(id, back)| PyTuple::new(py, [id.0.into_pyobject(py)?.into_any(), back.to_python(py)?]));
        object!(py, "payments", "ReturnQuote", {
            order: self.order.to_python(py)?,
            until: times(py, self.returns.until)?,
            reason: self.returns.reason.to_python(py)?,
            keep_percent: self.returns.keep_percent,
            tickets: PyTuple::new(py, tickets.collect::<PyResult<Vec<_>>>()?)?,
        })
    }
}
