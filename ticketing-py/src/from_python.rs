//! Conversion of Python's values to the engine's. A value of the wrong type is a `TypeError`; a value of the right type that is
//! not valid is an `InvalidRequest` that names the field.

use crate::errors::Failure;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDate, PyDateTime, PyString, PyTuple, PyTzInfo};
use pyo3::{Borrowed, intern};
use ticketing_core::LineRequest;
use ticketing_core::domain::code::{Reference, TicketCode};
use ticketing_core::domain::event::{
    EventPhase, EventSort, EventStatus, EventTerms, EventTermsWants, SalesRulesWants, Visibility,
};
use ticketing_core::domain::id::TicketTypeId;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::payment::{Mode, Verdict};
use ticketing_core::domain::principal::{Buyer, EmailAddress, Principal};
use ticketing_core::domain::promo_code::ALL;
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::domain::time_zone::TimeZoneName;

mod attendees;
mod events;
mod gateway;
mod promo_codes;
mod terms;

pub(crate) use events::NewTicketTypes;
pub(crate) use promo_codes::PromoCodeWants;

/// A value of the engine, converted from Python.
pub(crate) struct In<T>(pub(crate) T);

impl<T: std::fmt::Debug> std::fmt::Debug for In<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Types that can be converted from a Python object.
pub(crate) trait Read: Sized {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self>;
}

impl<'py, T: Read> FromPyObject<'_, 'py> for In<T> {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        T::read(&value.to_owned()).map(In)
    }
}

/// An `InvalidRequest` about one field.
pub(crate) fn invalid(py: Python<'_>, field: &str, error: impl std::fmt::Display) -> PyErr {
    Failure::Core(ticketing_core::Error::invalid(field, error.to_string())).into_exception(py)
}

/// A `TypeError`: "must be a Principal (got str)".
pub(crate) fn wrong_type(expected: &str, found: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("must be {expected} (got {})", type_name(found)))
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map(|name| name.to_string()).unwrap_or_default()
}

fn parsed<T>(value: &Bound<'_, PyAny>, field: &str) -> PyResult<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = value
        .cast::<PyString>()
        .map_err(|_| PyTypeError::new_err(format!("{field}: must be a str (got {})", type_name(value))))?;
    text.to_cow()?.parse().map_err(|error: T::Err| invalid(value.py(), field, error))
}

/// Reads the fields of an object. What is wrong with a field names it.
struct Fields<'a, 'py> {
    of: &'a Bound<'py, PyAny>,
    class: &'static str,
}

impl<'py> Fields<'_, 'py> {
    fn value(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.of.getattr(name).map_err(|_| wrong_type(self.class, self.of))
    }

    fn get<T: Read>(&self, name: &str) -> PyResult<T> {
        T::read(&self.value(name)?).map_err(|error| renamed(self.of.py(), error, |_| name.to_owned()))
    }

    /// The same, or `None` if it is `UNSET`.
    fn given<T: Read>(&self, name: &str) -> PyResult<Option<T>> {
        if self.is_unset(name)? { Ok(None) } else { self.get(name).map(Some) }
    }

    fn is_unset(&self, name: &str) -> PyResult<bool> {
        static UNSET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        Ok(self.value(name)?.is(UNSET.import(self.of.py(), "ticketing_py._values", "UNSET")?))
    }

    /// An absent number, or one that is not negative.
    fn count(&self, name: &str) -> PyResult<Option<u32>> {
        let number: Option<i64> = self.get(name)?;
        number.map(|number| unsigned(name, number)).transpose().map_err(|error| error.into_exception(self.of.py()))
    }

    fn given_count(&self, name: &str) -> PyResult<Option<Option<u32>>> {
        if self.is_unset(name)? { Ok(None) } else { self.count(name).map(Some) }
    }

    fn given_rules(&self) -> PyResult<SalesRulesWants> {
        if self.is_unset("rules")? {
            return Ok(SalesRulesWants::default());
        }
        SalesRulesWants::read(&self.value("rules")?).map_err(|error| in_rules(self.of.py(), error))
    }

    fn given_terms(&self) -> PyResult<EventTermsWants> {
        if self.is_unset("terms")? {
            return Ok(EventTermsWants::default());
        }
        EventTermsWants::read(&self.value("terms")?).map_err(|error| in_terms(self.of.py(), error))
    }
}

/// The terms of an event.
pub(crate) struct Terms(pub(crate) EventTerms);

impl Read for Terms {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        EventTerms::read(value).map(Self).map_err(|error| in_terms(value.py(), error))
    }
}

/// So do those of its terms.
fn in_terms(py: Python<'_>, error: PyErr) -> PyErr {
    renamed(py, error, |field| field.unwrap_or("terms").to_owned())
}

/// The fields of an event's rules have the names of the event's own fields.
fn in_rules(py: Python<'_>, error: PyErr) -> PyErr {
    renamed(py, error, |field| field.unwrap_or("rules").to_owned())
}

/// Objects that are in a list. Their fields are named by their position in it.
fn list<T: Read>(of: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<T>> {
    read_list(of, name, |index, field| match field {
        Some(field) => format!("{name}[{index}].{field}"),
        None => format!("{name}[{index}]"),
    })
}

/// The same for values that have no fields.
fn values<T: Read>(of: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<T>> {
    read_list(of, name, |index, _| format!("{name}[{index}]"))
}

fn read_list<T: Read>(
    of: &Bound<'_, PyAny>,
    name: &str,
    rename: impl Fn(usize, Option<&str>) -> String,
) -> PyResult<Vec<T>> {
    let not_a_list = || PyTypeError::new_err(format!("{name}: must be a list (got {})", type_name(of)));
    // A text can be iterated over too.
    let all = if of.is_instance_of::<PyString>() { Err(not_a_list()) } else { of.try_iter().map_err(|_| not_a_list()) };
    all?.enumerate()
        .map(|(index, each)| T::read(&each?).map_err(|error| renamed(of.py(), error, |field| rename(index, field))))
        .collect()
}

/// The same error about a field with another name.
fn renamed(py: Python<'_>, error: PyErr, rename: impl Fn(Option<&str>) -> String) -> PyErr {
    let fields = || error.value(py).getattr(intern!(py, "fields"))?.cast_into::<PyTuple>().map_err(PyErr::from);
    let first = || fields()?.get_item(0);
    let text = |name| first()?.getattr(name)?.extract::<String>();
    if error.is_instance_of::<PyTypeError>(py) {
        let message = error.value(py).to_string();
        return match message.split_once(": ") {
            Some((field, what)) => PyTypeError::new_err(format!("{}: {what}", rename(Some(field)))),
            None => PyTypeError::new_err(format!("{}: {message}", rename(None))),
        };
    }
    match (text("field"), text("message")) {
        (Ok(field), Ok(message)) => invalid(py, &rename(Some(&field)), message),
        _ => error,
    }
}

impl Read for String {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.cast::<PyString>().map_err(|_| wrong_type("a str", value))?.extract()
    }
}

impl Read for bool {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.cast::<PyBool>().map(|flag| flag.is_true()).map_err(|_| wrong_type("a bool", value))
    }
}

impl Read for i64 {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract().map_err(|error: PyErr| {
            let is_integer = error.is_instance_of::<PyOverflowError>(value.py());
            if is_integer { invalid(value.py(), "number", "is out of range") } else { wrong_type("an int", value) }
        })
    }
}

impl Read for Reference {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        parsed(value, "reference")
    }
}

impl Read for TicketCode {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        parsed(value, "code")
    }
}

impl Read for EmailAddress {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        parsed(value, "email")
    }
}

/// The name of a time zone, or a `ZoneInfo` that has one.
impl Read for TimeZoneName {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let key = value.getattr_opt(intern!(value.py(), "key"))?;
        let name = key.as_ref().unwrap_or(value);
        let name = name.cast::<PyString>().map_err(|_| wrong_type("a str or a ZoneInfo with a key", value))?;
        name.to_cow()?.parse().map_err(|error| invalid(value.py(), "time_zone", error))
    }
}

impl Read for Timestamp {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let at = value.cast::<PyDateTime>().map_err(|_| wrong_type("a datetime", value))?;
        if at.getattr(intern!(py, "tzinfo"))?.is_none() {
            return Err(invalid(py, "datetime", "must be timezone-aware, such as datetime.now(timezone.utc)"));
        }
        let utc = at.call_method1(intern!(py, "astimezone"), (PyTzInfo::utc(py)?,))?;
        let text: String = utc.call_method0(intern!(py, "isoformat"))?.extract()?;
        text.parse().map_err(|error| invalid(py, "datetime", error))
    }
}

/// A date. One with a time is refused, since the time would be lost.
impl Read for Date {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let date = value.cast::<PyDate>().ok().filter(|date| !date.is_instance_of::<PyDateTime>());
        let date = date.ok_or_else(|| wrong_type("a date", value))?;
        let text: String = date.call_method0(intern!(value.py(), "isoformat"))?.extract()?;
        text.parse().map_err(|error| invalid(value.py(), "date", error))
    }
}

impl Read for Weekday {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>().map_err(|_| wrong_type("a str", value))?.to_cow()?;
        Ok(match text.as_ref() {
            "mon" => Self::Monday,
            "tue" => Self::Tuesday,
            "wed" => Self::Wednesday,
            "thu" => Self::Thursday,
            "fri" => Self::Friday,
            "sat" => Self::Saturday,
            "sun" => Self::Sunday,
            other => {
                let message = format!("must be mon, tue, wed, thu, fri, sat or sun (got {other:?})");
                return Err(invalid(value.py(), "on", message));
            }
        })
    }
}

/// The starts of copies.
pub(crate) struct Starts(pub(crate) Vec<Timestamp>);

impl Read for Starts {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        values(value, "starts_at").map(Self)
    }
}

/// The days on which an event repeats.
pub(crate) struct Days(pub(crate) Vec<Weekday>);

impl Read for Days {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        values(value, "on").map(Self)
    }
}

impl Read for Principal {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let field = |name| value.getattr(name).map_err(|_| wrong_type("a Principal", value));
        let account: Option<i64> = field(intern!(py, "account_id"))?.extract()?;
        if let Some(id) = account {
            return Ok(Self::Account(id.into()));
        }
        let key: Option<i64> = field(intern!(py, "api_key_id"))?.extract()?;
        if let Some(id) = key {
            let maker: i64 = field(intern!(py, "maker_id"))?.extract()?;
            return Ok(Self::Key { id: id.into(), maker: maker.into() });
        }
        let order = field(intern!(py, "guest_of"))?;
        if !order.is_none() {
            return Ok(Self::Guest(Read::read(&order)?));
        }
        let organisation: Option<i64> = field(intern!(py, "organisation_id"))?.extract()?;
        match organisation {
            Some(id) => Ok(Self::Organisation(id.into())),
            None => Ok(Self::External(field(intern!(py, "external_id"))?.extract()?)),
        }
    }
}

impl Read for Buyer {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let field = |name| value.getattr(name).map_err(|_| wrong_type("a Buyer", value));
        let who: Principal = Read::read(&field(intern!(py, "who"))?)?;
        let email: Option<EmailAddress> = Read::read(&field(intern!(py, "email"))?)?;
        match (who, email) {
            (Principal::Guest(order), email) => Ok(Self::guest(order, email)),
            (who, Some(email)) => Ok(Self::new(who, email)),
            (_, None) => Err(invalid(py, "email", "is required for a buyer who is no guest")),
        }
    }
}

/// Reads an amount and its currency. The amount has at most the currency's number of decimals.
pub(crate) fn money(py: Python<'_>, amount: &str, currency: &str) -> PyResult<Money> {
    let currency: Currency = currency.parse().map_err(|error| invalid(py, "currency", error))?;
    Money::parse(amount, currency).map_err(|error| invalid(py, "money", error))
}

/// Reads a percentage with at most two decimals, in basis points.
pub(crate) fn percent(py: Python<'_>, text: &str) -> PyResult<u32> {
    // Every currency of two decimals counts in hundredths.
    let points = Money::parse(text, Currency::NGN).ok().and_then(|points| u32::try_from(points.minor()).ok());
    points.filter(|points| *points <= ALL).ok_or_else(|| {
        invalid(py, "percent", format!("must be a percentage from 0 to 100 with at most two decimals (got {text})"))
    })
}

impl Read for Currency {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        parsed(value, "currency")
    }
}

impl Read for Money {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let field = |name| value.getattr(name).map_err(|_| wrong_type("Money", value));
        let amount = field(intern!(py, "amount"))?.call_method1(intern!(py, "__format__"), ("f",))?;
        let currency = field(intern!(py, "currency"))?;
        money(py, amount.cast::<PyString>()?.to_cow()?.as_ref(), currency.cast::<PyString>()?.to_cow()?.as_ref())
    }
}

impl Read for LineRequest {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let field = |name| value.getattr(name).map_err(|_| wrong_type("a Line", value));
        let ticket_type_id: Option<i64> = field(intern!(py, "ticket_type_id"))?.extract()?;
        let quantity = unsigned("quantity", field(intern!(py, "quantity"))?.extract()?);
        let quantity = quantity.map_err(|failure| failure.into_exception(py))?;
        Ok(Self::new(quantity).with_ticket_type_id(ticket_type_id.map(TicketTypeId)))
    }
}

/// An unsigned number. A negative or too large one is an error that names the field.
pub(crate) fn unsigned<T: TryFrom<i64>>(field: &str, number: i64) -> Result<T, Failure> {
    number.try_into().map_err(|_| {
        let limit = if number < 0 { "at least 0" } else { "less than 4294967296" };
        Failure::Core(ticketing_core::Error::invalid(field, format!("must be {limit} (got {number})")))
    })
}

/// Enums whose values are the engine's own names.
macro_rules! names {
    ($($type:ty: $field:literal, $article:literal $class:literal;)*) => {$(
        impl Read for $type {
            fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                let expected = concat!($article, " ", $class);
                let text = value.cast::<PyString>().map_err(|_| wrong_type(expected, value))?.to_cow()?;
                Self::from_name(&text).ok_or_else(|| invalid(value.py(), $field, format!("must be one of the values of {} (got {text:?})", $class)))
            }
        }
    )*};
}

names! {
    EventPhase: "phase", "an" "EventPhase";
    EventStatus: "status", "an" "EventStatus";
    ticketing_core::domain::organisation::MemberRole: "role", "a" "MemberRole";
    ticketing_core::domain::payment::ManualMethod: "method", "a" "PaymentMethod";
    Mode: "mode", "a" "Mode";
    ticketing_core::domain::event::AnswerKind: "kind", "an" "AnswerKind";
    ticketing_core::domain::event::Per: "per", "an" "AskedPer";
    ticketing_core::domain::event::Required: "required", "a" "RequiredWhen";
    ticketing_core::domain::event::TransferRule: "rule", "a" "TransferRule";
    ticketing_core::domain::message::Presence: "who", "a" "Presence";
    ticketing_core::ExportKind: "kind", "an" "ExportKind";
    ticketing_core::domain::access::Permission: "permissions", "a" "Permission";
    RefundStatus: "status", "a" "RefundStatus";
    ticketing_core::domain::account::Role: "role", "a" "Role";
    ticketing_core::domain::ticket::TicketStatus: "status", "a" "TicketStatus";
    Visibility: "visibility", "a" "Visibility";
}

impl Read for EventSort {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>().map_err(|_| wrong_type("an EventSort", value))?.to_cow()?;
        match text.as_ref() {
            "id" => Ok(Self::Id),
            "date" => Ok(Self::Date),
            "date_descending" => Ok(Self::DateDescending),
            "title" => Ok(Self::Title),
            other => {
                Err(invalid(value.py(), "sort", format!("must be id, date, date_descending or title (got {other:?})")))
            }
        }
    }
}

impl Read for Verdict {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>().map_err(|_| wrong_type("a Verdict", value))?.to_cow()?;
        match text.as_ref() {
            "accept" => Ok(Self::Accept),
            "refund" => Ok(Self::Refund),
            "void" => Ok(Self::Void),
            other => Err(invalid(value.py(), "verdict", format!("must be accept, refund or void (got {other:?})"))),
        }
    }
}

/// The value of a header: bytes as received, or text as some frameworks pass it.
pub(crate) struct HeaderValue(pub(crate) Vec<u8>);

impl Read for HeaderValue {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            // As in RFC 9110 and WSGI: one byte per character.
            return text.call_method1(intern!(value.py(), "encode"), ("latin-1",))?.extract().map(Self);
        }
        Ok(Self(value.extract()?))
    }
}

impl Read for (String, HeaderValue) {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = value.extract()?;
        let HeaderValue(name) = HeaderValue::read(&name)?;
        Ok((String::from_utf8_lossy(&name).into_owned(), HeaderValue::read(&value)?))
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() { Ok(None) } else { T::read(value).map(Some) }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.try_iter()?.map(|each| T::read(&each?)).collect()
    }
}

// The answers of gateways that are written in Python.
