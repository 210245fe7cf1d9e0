//! Outcomes of commands as JSON, to compare them with those of another version: field by field, with names from here or from serde,
//! independent of `Debug`.

use crate::domain::account::Account;
use crate::domain::audit::AuditLine;
use crate::domain::category::Category;
use crate::domain::check_in::CheckIn;
use crate::domain::event::Event;
use crate::domain::id::RefundId;
use crate::domain::limit::Taken;
use crate::domain::notice::Notice;
use crate::domain::order::Order;
use crate::domain::outbox::OutboxMail;
use crate::domain::page::Page;
use crate::domain::payment::{Attempt, OpenedAttempt, SaleBegun, Settlement};
use crate::domain::payment_history::Payment;
use crate::domain::principal::Principal;
use crate::domain::promo_code::PromoCode;
use crate::domain::refund::Refund;
use crate::domain::refusal::Refusal;
use crate::domain::request::Begun;
use crate::domain::ticket::Ticket;
use crate::domain::webhook::StoredWebhook;
use serde_json::{Value, json};

/// A value with a stable JSON form.
pub(super) trait Recorded {
    fn recorded(&self) -> Value;
}

macro_rules! by_serde {
    ($($type:ty),*) => {$(
        impl Recorded for $type {
            fn recorded(&self) -> Value {
                serde_json::to_value(self).unwrap()
            }
        }
    )*};
}

by_serde!(
    (),
    u32,
    Account,
    Attempt,
    AuditLine,
    Category,
    CheckIn,
    Event,
    Notice,
    Order,
    OutboxMail,
    Principal,
    PromoCode,
    Refund,
    RefundId,
    Refusal,
    Ticket
);

impl<T: Recorded> Recorded for Vec<T> {
    fn recorded(&self) -> Value {
        self.iter().map(Recorded::recorded).collect()
    }
}

impl<T: Recorded> Recorded for Option<T> {
    fn recorded(&self) -> Value {
        self.as_ref().map_or(Value::Null, Recorded::recorded)
    }
}

impl<T: Recorded> Recorded for Result<T, Refusal> {
    fn recorded(&self) -> Value {
        match self {
            Ok(done) => json!({ "done": done.recorded() }),
            Err(refusal) => json!({ "refused": refusal.recorded() }),
        }
    }
}

impl<A: Recorded, B: Recorded> Recorded for (A, B) {
    fn recorded(&self) -> Value {
        json!([self.0.recorded(), self.1.recorded()])
    }
}

impl Recorded for bool {
    fn recorded(&self) -> Value {
        json!(self)
    }
}

impl<T: Recorded> Recorded for Page<T> {
    fn recorded(&self) -> Value {
        json!({ "items": self.items.recorded(), "more": self.more, "total": self.total })
    }
}

impl Recorded for OpenedAttempt {
    fn recorded(&self) -> Value {
        json!({ "order": self.order, "attempt": self.attempt, "first": self.first })
    }
}

impl Recorded for SaleBegun {
    fn recorded(&self) -> Value {
        match self {
            Self::New(opened) => json!({ "new": opened.recorded() }),
            Self::Known(order) => json!({ "known": order }),
        }
    }
}

impl Recorded for Settlement {
    fn recorded(&self) -> Value {
        match self {
            Self::Fulfilled { order, tickets, first } => {
                json!({ "fulfilled": { "order": order, "tickets": tickets, "first": first } })
            }
            Self::Open { order, attempt } => json!({ "open": { "order": order, "attempt": attempt } }),
            Self::Failed { order, attempt } => json!({ "failed": { "order": order, "attempt": attempt } }),
            Self::RefundDue { order, refund } => json!({ "refund_due": { "order": order, "refund": refund } }),
            Self::Review { order, attempt } => json!({ "review": { "order": order, "attempt": attempt } }),
            Self::Reversed { order } => json!({ "reversed": { "order": order } }),
        }
    }
}

impl Recorded for Payment {
    fn recorded(&self) -> Value {
        json!({
            "order": self.order,
            "attempts": self.attempts,
            "refunds": self.refunds,
            "tickets": self.tickets,
            "webhooks": self.webhooks.recorded(),
            "audit": self.audit,
        })
    }
}

impl Recorded for StoredWebhook {
    fn recorded(&self) -> Value {
        json!({
            "id": self.id,
            "gateway": self.event.gateway,
            "dedupe_key": self.event.dedupe_key,
            "kind": self.event.kind,
            "action": self.event.action,
            "reference": self.event.reference,
            "captured": self.event.captured,
            "body": self.event.body,
            "status": self.status,
            "tries": self.tries,
            "next_at": self.next_at,
            "note": self.note,
            "received_at": self.received_at,
            "updated_at": self.updated_at,
        })
    }
}

impl Recorded for Begun {
    fn recorded(&self) -> Value {
        match self {
            Self::Work { since } => json!({ "work": { "since": since } }),
            Self::Repeat(answer) => {
                json!({ "repeat": { "status": answer.status, "headers": answer.headers, "body": answer.body } })
            }
            Self::InProgress { until } => json!({ "in_progress": { "until": until } }),
            Self::OtherContent => json!("other_content"),
        }
    }
}

impl Recorded for Taken {
    fn recorded(&self) -> Value {
        match self {
            Self::All { full_at } => json!({ "all": { "full_at": full_at } }),
            Self::None { again_at } => json!({ "none": { "again_at": again_at } }),
        }
    }
}
