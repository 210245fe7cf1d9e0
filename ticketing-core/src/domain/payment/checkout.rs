use super::poll::interval;
use super::{Attempt, AttemptStatus, BY_ORDER, CheckoutReport, CheckoutResult, Poll};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::load::LoadKeys;
use crate::domain::order::{Order, OrderStatus, end_hold};
use crate::domain::refusal::Refusal;
use crate::domain::stock;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Records the result of asking the gateway for a checkout. If a webhook was faster, only the checkout is kept.
impl Command for CheckoutReport {
    type Outcome = Result<Attempt, Refusal>;
    const NAME: &'static str = "report_checkout";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Attempt>(&self.reference);
        let Some(attempt) = rows.attempts.loaded_row(&self.reference) else { return };
        // Only a checkout that was not opened can give places back.
        if let CheckoutResult::NotOpened { release: true, .. } = self.result {
            load.row::<Order>(&attempt.order_id);
            load.find(BY_ORDER, &attempt.order_id);
            if let Some(order) = rows.orders.loaded_row(&attempt.order_id) {
                stock::needs(rows, load, order);
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Attempt, Refusal> {
        let attempt = rows.attempts.get(&self.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
        // Two calls may ask for the same checkout at once. "Opened" and "unknown" win over "not opened", because the buyer may still
        // pay.
        let is_new = matches!(attempt.status, AttemptStatus::Created | AttemptStatus::Unknown | AttemptStatus::Dropped);
        let poll = attempt.poll.or(Some(Poll { at: now + interval(0), count: 0 }));
        match &self.result {
            CheckoutResult::Opened(checkout) => rows.attempts.update(&attempt.reference, |row| {
                if is_new {
                    row.status = AttemptStatus::Open;
                    row.poll = poll;
                }
                row.checkout.get_or_insert_with(|| checkout.clone());
                row.updated_at = now;
            }),
            CheckoutResult::Unknown if is_new => rows.attempts.update(&attempt.reference, |row| {
                row.status = AttemptStatus::Unknown;
                row.poll = poll;
                row.updated_at = now;
            }),
            CheckoutResult::NotOpened { reason, release } if attempt.status == AttemptStatus::Created => {
                rows.attempts.update(&attempt.reference, |row| {
                    row.status = AttemptStatus::Dropped;
                    row.poll = None;
                    row.updated_at = now;
                });
                let change =
                    Change::of(attempt.reference.as_str(), attempt.status.name(), AttemptStatus::Dropped.name());
                rows.record_audit(now, attempt.order_id, Actor::System, "attempt.not_opened", reason, change);
                if *release {
                    release_if_hopeless(rows, now, &attempt);
                }
            }
            CheckoutResult::Unknown | CheckoutResult::NotOpened { .. } => {}
        }
        rows.attempts.get(&self.reference).cloned().ok_or(Refusal::AttemptUnknown)
    }
}

/// Gives the order's places back, unless another of its attempts may still bring money.
fn release_if_hopeless(rows: &mut WorkingSet, now: Timestamp, dropped: &Attempt) {
    let hopeless = rows.attempts_of(dropped.order_id).all(|other| other.status == AttemptStatus::Dropped);
    let Some(order) = rows.orders.get(&dropped.order_id).cloned() else { return };
    if hopeless && matches!(order.status, OrderStatus::Held { .. }) {
        end_hold(rows, now, &order, OrderStatus::Cancelled, Actor::System, "no checkout could be opened");
    }
}
