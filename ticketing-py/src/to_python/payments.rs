//! Payments: attempts, refunds, disputes, webhooks.

use super::{Made, ToPython, object, time, times};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use ticketing_core::Started;
use ticketing_core::domain::audit::{Actor, AuditLine};
use ticketing_core::domain::payment::{Attempt, Captured, Checkout, Dispute, Settlement};
use ticketing_core::domain::payment_history::Payment;
use ticketing_core::domain::refund::Refund;
use ticketing_core::domain::subject::Subject;
use ticketing_core::domain::webhook::StoredWebhook;

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
        let recorded_by = match &self.recorded_by {
            Some(Actor::Person(who)) => Some(who.clone()),
            _ => None,
        };
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
            note: self.note.as_deref(),
            recorded_by: recorded_by.to_python(py)?,
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
        let account_id = match self.subject {
            Subject::Account(id) => Some(id.0),
            _ => None,
        };
        object!(py, "payments", "AuditLine", {
            id: self.id.0,
            at: time(py, self.at)?,
            order_id: self.subject.order().map(|id| id.0),
            account_id: account_id,
            organisation_id: self.organisation_id.map(|id| id.0),
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
