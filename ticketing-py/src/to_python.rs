//! Conversion of the engine's values to the classes of `ticketing_py`.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDateTime, PyDict, PyTuple, PyTzInfo};
use ticketing_core::domain::account::{Account, Role};
use ticketing_core::domain::audit::AuditLine;
use ticketing_core::domain::category::Category;
use ticketing_core::domain::check_in::CheckIn;
use ticketing_core::domain::event::{Event, EventStatus, SalesRules, Stock, TicketType, Visibility};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{Order, OrderLine, OrderStatus, Quote};
use ticketing_core::domain::outbox::{MailKind, MailStatus, OutboxMail};
use ticketing_core::domain::page::Page;
use ticketing_core::domain::payment::{
    Attempt, AttemptStatus, Attention, Captured, Checkout, Dispute, DisputeStage, Mode, Settlement,
};
use ticketing_core::domain::payment_history::Payment;
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::domain::promo_code::{Discount, PromoCode};
use ticketing_core::domain::refund::{Refund, RefundReason, RefundStatus};
use ticketing_core::domain::ticket::{Ticket, TicketStatus};
use ticketing_core::domain::webhook::{StoredWebhook, WebhookStatus};
use ticketing_core::gateway::{Charge, RefundCall};
use ticketing_core::mailer::Mail;
use ticketing_core::{Session, Started, UpkeepReport};

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
    AttemptStatus: "payments", "AttemptStatus";
    Attention: "payments", "Attention";
    DisputeStage: "payments", "DisputeStage";
    EventStatus: "events", "EventStatus";
    MailStatus: "mails", "MailStatus";
    Mode: "payments", "Mode";
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
        object!(py, "people", "Principal", {
            account_id: self.account().map(|id| id.0),
            external_id: self.external(),
        })
    }
}

impl ToPython for Buyer {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "Buyer", { who: self.who.to_python(py)?, email: self.email.as_str() })
    }
}

impl ToPython for Account {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "Account", {
            id: self.id.0,
            email: self.email.as_str(),
            name: &self.name,
            username: self.username.as_deref(),
            phone: self.phone.as_deref(),
            role: self.role.to_python(py)?,
            is_active: self.is_active,
            is_verified: self.is_verified,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for Session {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "Session", {
            account: self.account.to_python(py)?,
            token: &self.token,
            ends_at: time(py, self.ends_at)?,
        })
    }
}

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

impl ToPython for Checkout {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "Checkout", { url: &self.url, access_code: self.access_code.as_deref() })
    }
}

impl ToPython for Captured {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "Captured", {
            amount: self.amount.to_python(py)?,
            requested: self.requested.to_python(py)?,
            mode: self.mode.to_python(py)?,
            paid_at: times(py, self.paid_at)?,
            gateway_id: self.gateway_id.as_deref(),
        })
    }
}

impl ToPython for Attempt {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "Attempt", {
            reference: self.reference.as_str(),
            order_id: self.order_id.0,
            gateway: &self.gateway,
            amount: self.amount.to_python(py)?,
            mode: self.mode.to_python(py)?,
            status: self.status.to_python(py)?,
            checkout: self.checkout.to_python(py)?,
            last_seen: self.last_seen.as_deref(),
            captured: self.captured.to_python(py)?,
            disputes: self.disputes.to_python(py)?,
            attention: self.attention.to_python(py)?,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for Dispute {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "Dispute", {
            id: &self.id,
            stage: self.stage.to_python(py)?,
            amount: self.amount.to_python(py)?,
            voided: PyTuple::new(py, self.voided.iter().map(|id| id.0))?,
            opened_at: time(py, self.opened_at)?,
        })
    }
}

impl ToPython for Started {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "Started", {
            order: self.order.to_python(py)?,
            attempt: self.attempt.to_python(py)?,
            checkout: self.checkout.to_python(py)?,
        })
    }
}

impl ToPython for Refund {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "Refund", {
            id: self.id.0,
            key: self.key.as_str(),
            order_id: self.order_id.0,
            attempt: self.attempt.as_str(),
            amount: self.amount.to_python(py)?,
            reason: self.reason.to_python(py)?,
            note: self.note.as_deref(),
            tickets: PyTuple::new(py, self.tickets.iter().map(|id| id.0))?,
            status: self.status.to_python(py)?,
            gateway_id: self.gateway_id.as_deref(),
            last_seen: self.last_seen.as_deref(),
            tries: self.tries,
            next_at: times(py, self.next_at)?,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for Settlement {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        match self {
            Self::Fulfilled { order, tickets, first } => object!(py, "payments", "Fulfilled", {
                order: order.to_python(py)?,
                tickets: tickets.to_python(py)?,
                first: *first,
            }),
            Self::Open { order, attempt } => object!(py, "payments", "PaymentOpen", {
                order: order.to_python(py)?,
                attempt: attempt.to_python(py)?,
            }),
            Self::Failed { order, attempt } => object!(py, "payments", "PaymentFailed", {
                order: order.to_python(py)?,
                attempt: attempt.to_python(py)?,
            }),
            Self::RefundDue { order, refund } => object!(py, "payments", "RefundDue", {
                order: order.to_python(py)?,
                refund: refund.to_python(py)?,
            }),
            Self::Review { order, attempt } => object!(py, "payments", "PaymentInReview", {
                order: order.to_python(py)?,
                attempt: attempt.to_python(py)?,
            }),
            Self::Reversed { order } => object!(py, "payments", "PaymentReversed", { order: order.to_python(py)? }),
            other => Err(pyo3::exceptions::PyNotImplementedError::new_err(format!("{other:?}"))),
        }
    }
}

impl ToPython for StoredWebhook {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "StoredWebhook", {
            id: self.id.0,
            gateway: &self.event.gateway,
            dedupe_key: &self.event.dedupe_key,
            kind: &self.event.kind,
            reference: self.event.reference.as_ref().map(|reference| reference.as_str()),
            body: PyBytes::new(py, &self.event.body),
            status: self.status.to_python(py)?,
            tries: self.tries,
            note: self.note.as_deref(),
            received_at: time(py, self.received_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for AuditLine {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "AuditLine", {
            id: self.id.0,
            at: time(py, self.at)?,
            order_id: self.subject.order().map(|id| id.0),
            actor: self.actor.to_string(),
            action: &self.action,
            subject: self.item.as_deref(),
            before: self.before.as_deref(),
            after: self.after.as_deref(),
            reason: &self.reason,
        })
    }
}

impl ToPython for Payment {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "payments", "Payment", {
            order: self.order.to_python(py)?,
            attempts: self.attempts.to_python(py)?,
            refunds: self.refunds.to_python(py)?,
            tickets: self.tickets.to_python(py)?,
            webhooks: self.webhooks.to_python(py)?,
            audit: self.audit.to_python(py)?,
        })
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
            MailKind::EventChanged(_) => ("event_changed", None),
            MailKind::EventCancelled => ("event_cancelled", None),
            MailKind::Proof(_) => ("proof", None),
            MailKind::PasswordChanged(_) => ("password_changed", None),
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
            polled: self.polled,
            refunds: self.refunds,
            mails: self.mails,
            failed: self.failed,
        })
    }
}

impl ToPython for Charge {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "gateways", "Charge", {
            reference: self.reference.as_str(),
            amount: self.amount.to_python(py)?,
            email: self.email.as_str(),
            return_url: self.return_url.as_deref(),
            order: self.order.as_str(),
        })
    }
}

impl ToPython for RefundCall {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "gateways", "RefundCall", {
            key: self.key.as_str(),
            attempt: self.attempt.as_str(),
            amount: self.amount.to_python(py)?,
            gateway_id: self.gateway_id.as_deref(),
        })
    }
}
