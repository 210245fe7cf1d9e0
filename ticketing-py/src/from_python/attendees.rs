//! Attendees, and orders without a checkout.

use super::{Fields, Read, list, parsed, unsigned};
use pyo3::prelude::*;
use ticketing_core::domain::attendee::{AttendeeWants, NewAttendee};
use ticketing_core::domain::id::TicketTypeId;
use ticketing_core::domain::money::Money;
use ticketing_core::domain::order::IssueLine;
use ticketing_core::domain::page::Cursor;
use ticketing_core::domain::principal::EmailAddress;

impl Read for Cursor {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        parsed(value, "after")
    }
}

/// Of an object with all arguments that an attendee is edited with.
impl Read for AttendeeWants {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "the arguments of an attendee" };
        Ok(Self::default()
            .with_name(fields.given::<Option<String>>("name")?)
            .with_email(fields.given::<Option<EmailAddress>>("email")?)
            .with_note(fields.given::<Option<String>>("note")?)
            .with_answers(fields.given_answers()?))
    }
}

impl Read for NewAttendee {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "a NewAttendee" };
        Ok(Self::default()
            .with_name(fields.get::<Option<String>>("name")?)
            .with_email(fields.get::<Option<EmailAddress>>("email")?)
            .with_answers(fields.given_answers()?))
    }
}

impl Read for IssueLine {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "an IssueLine" };
        let quantity = unsigned("quantity", fields.get("quantity")?);
        let quantity = quantity.map_err(|failure| failure.into_exception(value.py()))?;
        let ticket_type: Option<i64> = fields.get("ticket_type_id")?;
        Ok(Self::new(ticket_type.map(TicketTypeId), quantity)
            .with_unit_price(fields.get::<Option<Money>>("unit_price")?)
            .with_attendees(list(&fields.value("attendees")?, "attendees")?))
    }
}
