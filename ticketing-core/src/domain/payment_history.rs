//! The payment history of an order: everything that happened to its money.

use super::audit::{self, AuditLine};
use super::code::Reference;
use super::command::Query;
use super::id::OrderId;
use super::load::LoadKeys;
use super::order::{self, Order};
use super::payment::{self, Attempt};
use super::refund::{self, Refund};
use super::ticket::{self, Ticket};
use super::webhook::{self, StoredWebhook};
use super::working_set::WorkingSet;

/// The payment history of an order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Payment {
    /// The order.
    pub order: Order,
    /// All attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// All refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// The order's tickets.
    pub tickets: Vec<Ticket>,
    /// All webhooks about its attempts, oldest first.
    pub webhooks: Vec<StoredWebhook>,
    /// Its entries in the audit log, oldest first.
    pub audit: Vec<AuditLine>,
}

/// Finds the payment history of an order, by the order's reference or by one of its attempts'.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindPayment(pub Reference);

impl FindPayment {
    /// An attempt's reference leads to its order; else the reference is the order's own.
    fn order(&self, rows: &WorkingSet) -> Option<OrderId> {
        let attempt = rows.attempts.loaded_row(&self.0).map(|attempt| attempt.order_id);
        attempt.or_else(|| rows.orders.loaded(order::BY_REFERENCE, &self.0).next().map(|order| order.id))
    }
}

impl Query for FindPayment {
    type Found = Option<Payment>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Attempt>(&self.0);
        load.find(order::BY_REFERENCE, &self.0);
        let Some(id) = self.order(rows) else { return };
        load.look::<Order>(&id);
        load.find(payment::BY_ORDER, &id);
        load.find(refund::BY_ORDER, &id);
        load.find(ticket::BY_ORDER, &id);
        load.find(audit::BY_ORDER, &id);
        for attempt in rows.attempts.loaded(payment::BY_ORDER, &id) {
            load.find(webhook::BY_REFERENCE, &attempt.reference);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<Payment> {
        let order = rows.orders.get(&self.order(rows)?)?.clone();
        let mut attempts: Vec<Attempt> = rows.attempts_of(order.id).cloned().collect();
        attempts.sort_by(|a, b| (a.created_at, &a.reference).cmp(&(b.created_at, &b.reference)));
        let of_attempt = |attempt: &Attempt| rows.webhooks.all(webhook::BY_REFERENCE, &attempt.reference).cloned();
        let mut webhooks: Vec<StoredWebhook> = attempts.iter().flat_map(of_attempt).collect();
        webhooks.sort_by_key(|webhook| webhook.id);
        Some(Payment {
            refunds: rows.refunds_of(order.id).cloned().collect(),
            tickets: rows.tickets_of(order.id).cloned().collect(),
            audit: rows.audit.all(audit::BY_ORDER, &order.id).cloned().collect(),
            attempts,
            webhooks,
            order,
        })
    }
}
