//! Conversion of the engine's values to the classes of `ticketing_py`.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDateTime, PyDict, PyString, PyTuple, PyTzInfo};
use ticketing_core::UpkeepReport;
use ticketing_core::domain::access::Permission;
use ticketing_core::domain::account::Role;
use ticketing_core::domain::check_in::CheckIn;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::event::{EventStatus, Visibility};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::organisation::MemberRole;
use ticketing_core::domain::outbox::{MailKind, MailStatus, OutboxMail};
use ticketing_core::domain::page::Page;
use ticketing_core::domain::payment::{AttemptStatus, Attention, DisputeStage, Mode};
use ticketing_core::domain::principal::{Buyer, EmailAddress, Principal};
use ticketing_core::domain::proof::ProofPurpose;
use ticketing_core::domain::refund::{RefundReason, RefundStatus};
use ticketing_core::domain::ticket::{Ticket, TicketStatus};
use ticketing_core::domain::webhook::WebhookStatus;
use ticketing_core::mailer::Mail;
use ticketing_core::token::GuestKey;

mod api_keys;
mod attendees;
mod events;
mod gateway;
mod orders;
mod organisations;
mod payments;
mod people;
mod terms;
mod transfers;

pub(crate) use orders::{OfEvent, percentage};

/// Types that can be converted to a Python object.
pub(crate) trait ToPython {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

type Made<'py> = PyResult<Bound<'py, PyAny>>;

/// An object of one of our classes, from its fields.
macro_rules! object {
    ($py:expr, $module:literal, $class:literal, { $($field:ident: $value:expr),* $(,)? }) => {{
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let fields = PyDict::new($py);
        $(fields.set_item(intern!($py, stringify!($field)), $value)?;)*
        CLASS.import($py, concat!("ticketing_py.", $module), $class)?.call((), Some(&fields))
    }};
}
pub(crate) use object;

/// A member of one of our enums, by its value.
macro_rules! member {
    ($py:expr, $module:literal, $class:literal, $value:expr) => {{
        static MEMBERS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let members = MEMBERS.get_or_try_init($py, || {
            let class = $py.import(concat!("ticketing_py.", $module))?.getattr($class)?;
            class.getattr("_value2member_map_").map(Bound::unbind)
        })?;
        members.bind($py).get_item($value)
    }};
}
use member;

macro_rules! enums {
    ($($type:ty: $module:literal, $class:literal;)*) => {$(
        impl ToPython for $type {
            fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
                member!(py, $module, $class, self.name())
            }
        }
    )*};
}

enums! {
    ticketing_core::domain::event::AnswerKind: "events", "AnswerKind";
    ticketing_core::domain::event::Per: "events", "AskedPer";
    ticketing_core::domain::event::Required: "events", "RequiredWhen";
    ticketing_core::domain::event::TransferRule: "events", "TransferRule";
    ticketing_core::domain::message::MessageStatus: "messages", "MessageStatus";
    ticketing_core::domain::message::Presence: "messages", "Presence";
    ticketing_core::domain::transfer::TransferStatus: "transfers", "TransferStatus";
    AttemptStatus: "payments", "AttemptStatus";
    Attention: "payments", "Attention";
    DisputeStage: "payments", "DisputeStage";
    EventStatus: "events", "EventStatus";
    MailStatus: "mails", "MailStatus";
    MemberRole: "organisations", "MemberRole";
    Mode: "payments", "Mode";
    Permission: "organisations", "Permission";
    ProofPurpose: "people", "ProofPurpose";
    RefundReason: "payments", "RefundReason";
    RefundStatus: "payments", "RefundStatus";
    Role: "people", "Role";
    TicketStatus: "tickets", "TicketStatus";
    Visibility: "events", "Visibility";
    WebhookStatus: "payments", "WebhookStatus";
}

/// A timezone-aware time in UTC.
pub(crate) fn time(py: Python<'_>, at: jiff::Timestamp) -> PyResult<Bound<'_, PyDateTime>> {
    let at = jiff::tz::Offset::UTC.to_datetime(at);
    let utc = PyTzInfo::utc(py)?;
    PyDateTime::new(
        py,
        i32::from(at.year()),
        at.month().unsigned_abs(),
        at.day().unsigned_abs(),
        at.hour().unsigned_abs(),
        at.minute().unsigned_abs(),
        at.second().unsigned_abs(),
        at.subsec_nanosecond().unsigned_abs() / 1000,
        Some(&utc),
    )
}

fn times(py: Python<'_>, at: Option<jiff::Timestamp>) -> PyResult<Option<Bound<'_, PyDateTime>>> {
    at.map(|at| time(py, at)).transpose()
}

impl<T: ToPython> ToPython for Option<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        match self {
            Some(value) => value.to_python(py),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

impl<T: ToPython> ToPython for Vec<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let all = self.iter().map(|value| value.to_python(py)).collect::<PyResult<Vec<_>>>()?;
        Ok(PyTuple::new(py, all)?.into_any())
    }
}

impl<T: ToPython> ToPython for Page<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "_values", "Page", { items: self.items.to_python(py)?, more: self.more, total: self.total })
    }
}

impl ToPython for () {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        Ok(py.None().into_bound(py))
    }
}

impl ToPython for jiff::Timestamp {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        Ok(time(py, *self)?.into_any())
    }
}

impl ToPython for bool {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        Ok(self.into_pyobject(py)?.to_owned().into_any())
    }
}

impl ToPython for usize {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        Ok(self.into_pyobject(py)?.into_any())
    }
}

impl ToPython for Money {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        static DECIMAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static OF: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let amount = DECIMAL.import(py, "decimal", "Decimal")?.call1((self.decimal(),))?;
        let of = OF.get_or_try_init(py, || {
            py.import("ticketing_py._values")?.getattr("Money")?.getattr("_of").map(Bound::unbind)
        })?;
        of.bind(py).call1((amount, self.currency().code()))
    }
}

impl ToPython for Principal {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let (key, maker) = match self {
            Self::Key { id, maker } => (Some(*id), Some(*maker)),
            _ => (None, None),
        };
        object!(py, "people", "Principal", {
            account_id: self.account().map(|id| id.0),
            external_id: self.external(),
            organisation_id: self.organisation().map(|id| id.0),
            api_key_id: key.map(|id| id.0),
            maker_id: maker.map(|id| id.0),
            guest_of: self.guest().map(Reference::as_str),
        })
    }
}

impl ToPython for Reference {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        Ok(PyString::new(py, self.as_str()).into_any())
    }
}

impl ToPython for GuestKey {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        Ok(PyString::new(py, self.as_str()).into_any())
    }
}

impl ToPython for Buyer {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "Buyer", { who: self.who.to_python(py)?, email: self.email.as_ref().map(EmailAddress::as_str) })
    }
}

impl ToPython for Ticket {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "tickets", "Ticket", {
            id: self.id.0,
            code: self.code.as_str(),
            order_id: self.order_id.0,
            line: self.line,
            ordinal: self.ordinal,
            event_id: self.event_id.0,
            ticket_type_id: self.ticket_type_id.0,
            holder: self.holder.to_python(py)?,
            price: self.price.to_python(py)?,
            status: self.status.to_python(py)?,
            keeps_place: self.keeps_place,
            replaces: self.replaces.map(|id| id.0),
            issued_at: time(py, self.issued_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for CheckIn {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "tickets", "CheckIn", {
            ticket_id: self.ticket_id.0,
            event_id: self.event_id.0,
            nonce: &self.nonce,
            gate: self.gate.as_deref(),
            by: self.by.to_python(py)?,
            at: time(py, self.at)?,
            annulled_at: times(py, self.annulled_at)?,
        })
    }
}

impl ToPython for OutboxMail {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let (kind, refund_id) = match self.kind {
            MailKind::Tickets => ("tickets", None),
            MailKind::Refund(id) => ("refund", Some(id.0)),
            MailKind::TicketsRestored(_) => ("tickets_restored", None),
            MailKind::TicketsAgain(_) => ("tickets_again", None),
            MailKind::EventChanged(_) => ("event_changed", None),
            MailKind::EventCancelled => ("event_cancelled", None),
            MailKind::Ticket { .. } => ("ticket", None),
            MailKind::TransferOffered(_) => ("transfer_offered", None),
            MailKind::TransferTaken(_) => ("transfer_taken", None),
            MailKind::Message { .. } => ("message", None),
            MailKind::Proof(_) => ("proof", None),
            MailKind::PasswordChanged(_) => ("password_changed", None),
            MailKind::FactorAdded(_) => ("factor_added", None),
            MailKind::FactorRemoved(_) => ("factor_removed", None),
            MailKind::RecoveryCodeUsed(_) => ("recovery_code_used", None),
            MailKind::ErasureRequested(_) => ("erasure_requested", None),
            other => return Err(pyo3::exceptions::PyNotImplementedError::new_err(format!("{other:?}"))),
        };
        object!(py, "mails", "OutboxMail", {
            id: self.id.0,
            order_id: self.subject.order().map(|id| id.0),
            kind: member!(py, "mails", "MailKind", kind)?,
            refund_id: refund_id,
            to: self.to.as_str(),
            status: self.status.to_python(py)?,
            tries: self.tries,
            due_at: time(py, self.due_at)?,
            last_error: self.last_error.as_deref(),
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for Mail {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let attachments = self.attachments.iter().map(|attachment| {
            object!(py, "mails", "Attachment", {
                file_name: &attachment.file_name,
                content_type: &attachment.content_type,
                content: PyBytes::new(py, &attachment.content),
                content_id: attachment.content_id.as_deref(),
            })
        });
        object!(py, "mails", "Mail", {
            message_id: &self.message_id,
            to: self.to.as_str(),
            subject: &self.subject,
            text: &self.text,
            html: &self.html,
            attachments: PyTuple::new(py, attachments.collect::<PyResult<Vec<_>>>()?)?,
        })
    }
}

impl ToPython for UpkeepReport {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "upkeep", "UpkeepReport", {
            webhooks: self.webhooks,
            expired: self.expired,
            undone: self.undone,
            notices: self.notices,
            messages: self.messages,
            polled: self.polled,
            refunds: self.refunds,
            mails: self.mails,
            erased: self.erased,
            failed: self.failed,
        })
    }
}
