//! How a hold ends: released by its buyer, or expired.

use super::{BY_REFERENCE, Order, OrderStatus, Release};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::id::OrderId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::payment::{self, AttemptStatus};
use crate::domain::refusal::Refusal;
use crate::domain::stock::{self, Move, move_order};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Cancels an unpaid order for its buyer and releases its places. A repeat changes nothing.
impl Command for Release {
    type Outcome = Result<Order, Refusal>;
    const NAME: &'static str = "release";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(BY_REFERENCE, &self.reference);
        for order in rows.orders.loaded(BY_REFERENCE, &self.reference) {
            load.find(payment::BY_ORDER, &order.id);
            stock::needs(rows, load, order);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Order, Refusal> {
        let order = rows.order_by_reference(&self.reference).cloned().ok_or(Refusal::OrderUnknown)?;
        match order.status {
            OrderStatus::Cancelled => return Ok(order),
            OrderStatus::Paid => return Err(Refusal::OrderPaid),
            OrderStatus::Expired => return Err(Refusal::HoldExpired),
            OrderStatus::Held { .. } => {}
        }
        if rows.attempts_of(order.id).any(|attempt| attempt.status == AttemptStatus::Processing) {
            return Err(Refusal::PaymentInProgress);
        }
        let actor = Actor::Person(self.actor.clone());
        Ok(end_hold(rows, now, &order, OrderStatus::Cancelled, actor, "given up by the buyer"))
    }
}

/// Expires overdue holds, the most overdue first, and returns their orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpireHolds {
    /// The maximum number of holds.
    pub limit: u32,
}

impl Command for ExpireHolds {
    type Outcome = Vec<Order>;
    const NAME: &'static str = "expire_holds";
    const CLAIMS: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let held = Condition::Named("status", &["held"]);
        let due = vec![held, Condition::AtMost("hold_until", load.now().as_microsecond())];
        let due = List::of::<Order>(Self::NAME, due).by("hold_until", Sort::Ascending);
        load.claim(due.at_most(self.limit));
        for id in rows.claimed::<OrderId>(Self::NAME) {
            load.row::<Order>(&id);
            if let Some(order) = rows.orders.loaded_row(&id) {
                stock::needs(rows, load, order);
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<Order> {
        rows.claimed::<OrderId>(Self::NAME).into_iter().filter_map(|id| expire(rows, now, id)).collect()
    }
}

/// Expires the hold of an order if it is overdue.
fn expire(rows: &mut WorkingSet, now: Timestamp, id: OrderId) -> Option<Order> {
    let order = rows.orders.get(&id)?.clone();
    match order.status {
        OrderStatus::Held { hold_until } if hold_until <= now => {
            Some(end_hold(rows, now, &order, OrderStatus::Expired, Actor::System, "not paid in time"))
        }
        _ => None,
    }
}

/// Ends a hold and releases its places. The only way from held to expired or cancelled. Needs the order and its event.
pub(crate) fn end_hold(
    rows: &mut WorkingSet,
    now: Timestamp,
    order: &Order,
    status: OrderStatus,
    actor: Actor,
    reason: &str,
) -> Order {
    let ended = Order { status, updated_at: now, ..order.clone() };
    move_order(rows, order, Move::Release);
    rows.orders.update(&order.id, |row| row.clone_from(&ended));
    let change = Change::of(order.reference.as_str(), order.status.name(), status.name());
    rows.record_audit(now, order.id, actor, "order.hold_ended", reason, change);
    ended
}
