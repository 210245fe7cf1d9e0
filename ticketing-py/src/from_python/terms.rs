//! The terms of events, answers to their questions, and what is known about orders.

use super::{Fields, Read, list, renamed, type_name, unsigned, values, wrong_type};
use jiff::Timestamp;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use ticketing_core::domain::event::{
    Answers, EventTerms, EventTermsWants, Question, ReturnPolicy, TransferPolicy, TransferRule,
};
use ticketing_core::domain::id::TicketTypeId;
use ticketing_core::domain::order_details::OrderDetailsWants;
use ticketing_core::domain::ticket::PriceDifference;

/// Of a mapping. `None` in place of an answer takes it away.
impl Read for Answers {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let items = value.getattr_opt(intern!(value.py(), "items"))?.ok_or_else(|| wrong_type("a dict", value))?;
        let one = |item: PyResult<Bound<'_, PyAny>>| {
            let (key, answer): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
            let key = String::read(&key)?;
            if !answer.is_none() && !answer.is_instance_of::<PyString>() {
                return Err(PyTypeError::new_err(format!("{key}: must be a str (got {})", type_name(&answer))));
            }
            Ok((key, Option::<String>::read(&answer)?.unwrap_or_default()))
        };
        items.call0()?.try_iter()?.map(one).collect::<PyResult<_>>().map(Self)
    }
}

impl Read for TicketTypeId {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        i64::read(value).map(Self)
    }
}

impl Read for Question {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "a Question" };
        let (key, text): (String, String) = (fields.get("key")?, fields.get("text")?);
        Ok(Self::new(key, text, fields.get("kind")?)
            .with_options(values(&fields.value("options")?, "options")?)
            .with_required(fields.get("required")?)
            .with_per(fields.get("per")?)
            .with_ticket_types(values(&fields.value("ticket_types")?, "ticket_types")?))
    }
}

impl Read for TransferPolicy {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "a TransferPolicy" };
        let rule: TransferRule = fields.get("rule")?;
        Ok(Self::new(rule, fields.get::<Option<Timestamp>>("until")?))
    }
}

impl Read for ReturnPolicy {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "a ReturnPolicy" };
        let keep = unsigned("keep_percent", fields.get("keep_percent")?);
        let keep = keep.map_err(|failure| failure.into_exception(value.py()))?;
        Ok(Self::new(fields.get::<Option<Timestamp>>("until")?, keep))
    }
}

/// Of a field that has fields of its own, which are named after it.
fn named<T: Read>(fields: &Fields<'_, '_>, name: &str, separator: char) -> PyResult<T> {
    T::read(&fields.value(name)?).map_err(|error| {
        renamed(fields.of.py(), error, |field| match field {
            Some(field) => format!("{name}{separator}{field}"),
            None => name.to_owned(),
        })
    })
}

impl Read for EventTerms {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "EventTerms" };
        let mut terms = Self::default();
        terms.transfers = named(&fields, "transfers", '_')?;
        terms.returns = named(&fields, "returns", '_')?;
        terms.questions = list(&fields.value("questions")?, "questions")?;
        Ok(terms)
    }
}

/// Of an `EventTerms`, which has every field, or of an `EventTermsEdit`.
impl Read for EventTermsWants {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "EventTerms or an EventTermsEdit" };
        let mut wants = Self::default();
        if !fields.is_unset("transfers")? {
            wants.transfers = Some(named(&fields, "transfers", '_')?);
        }
        if !fields.is_unset("returns")? {
            wants.returns = Some(named(&fields, "returns", '_')?);
        }
        if !fields.is_unset("questions")? {
            wants.questions = Some(list(&fields.value("questions")?, "questions")?);
        }
        Ok(wants)
    }
}

/// Of an object with all arguments that an order's details are edited with.
impl Read for OrderDetailsWants {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "the arguments of an order's details" };
        let attendees =
            if fields.is_unset("attendees")? { None } else { Some(list(&fields.value("attendees")?, "attendees")?) };
        Ok(Self::default()
            .with_answers(fields.given_answers()?)
            .with_attendees(attendees)
            .with_note(fields.given::<Option<String>>("note")?))
    }
}

impl Fields<'_, '_> {
    /// The answers, whose keys are named after them. None if they are `UNSET`.
    pub(super) fn given_answers(&self) -> PyResult<Answers> {
        if self.is_unset("answers")? { Ok(Answers::default()) } else { named(self, "answers", '.') }
    }
}

impl Read for PriceDifference {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>().map_err(|_| wrong_type("a PriceDifference", value))?.to_cow()?;
        match text.as_ref() {
            "refund" => Ok(Self::Refund),
            "keep" => Ok(Self::Keep),
            other => Err(super::invalid(value.py(), "difference", format!("must be refund or keep (got {other:?})"))),
        }
    }
}
