//! Undoing the orders of cancelled events.

use super::request::{RefundWish, refund_needs, refund_tickets};
use super::{RefundMoney, RefundReason};
use crate::domain::audit::Actor;
use crate::domain::code::{Reference, Seed};
use crate::domain::command::Command;
use crate::domain::event::{Event, EventStatus};
use crate::domain::id::OrderId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::order::{Order, OrderStatus, end_hold};
use crate::domain::outbox::MailKind;
use crate::domain::table::Record as _;
use crate::domain::ticket::Ticket;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Undoes orders of cancelled events, event by event, at most one for each seed: unpaid ones are cancelled, paid ones refunded.
/// Returns these orders; none once all are undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoCancelledEvents {
    /// The keys of refunds are derived from these.
    pub seeds: Vec<Seed>,
}

impl Command for UndoCancelledEvents {
    type Outcome = Vec<Order>;
    const NAME: &'static str = "undo_cancelled_events";
    const CLAIMS: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let valid = vec![Condition::Named("status", &["active", "used"])];
        let with_tickets = Condition::Child(Ticket::NOUN, "order_id", valid);
        let (held, paid) = (Condition::Named("status", &["held"]), Condition::Named("status", &["paid"]));
        let due = vec![
            // Mostly, no event is cancelled. Otherwise each pass of upkeep would look at every order.
            Condition::ParentFirst("event_id", Event::NOUN, vec![Condition::Named("status", &["cancelled"])]),
            Condition::Any(vec![vec![held], vec![paid, with_tickets]]),
        ];
        let limit = u32::try_from(self.seeds.len()).unwrap_or(u32::MAX);
        load.claim(List::of::<Order>(Self::NAME, due).by("event_id", Sort::Ascending).at_most(limit));
        for id in rows.claimed::<OrderId>(Self::NAME) {
            load.row::<Order>(&id);
            if let Some(order) = rows.orders.loaded_row(&id) {
                refund_needs(rows, load, order);
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<Order> {
        let due = rows.claimed::<OrderId>(Self::NAME);
        due.iter().zip(&self.seeds).filter_map(|(id, seed)| undo(rows, now, *id, seed)).collect()
    }
}

/// Undoes one order. A repeat changes nothing, so that another worker can continue after a crash.
fn undo(rows: &mut WorkingSet, now: Timestamp, id: OrderId, seed: &Seed) -> Option<Order> {
    let order = rows.orders.get(&id)?.clone();
    if rows.events.get(&order.event_id)?.status != EventStatus::Cancelled {
        return None;
    }
    match order.status {
        OrderStatus::Held { .. } => {
            end_hold(rows, now, &order, OrderStatus::Cancelled, Actor::System, "the event was called off");
            rows.mail_buyer(now, &order, MailKind::EventCancelled);
        }
        OrderStatus::Paid => {
            let key = Reference::of_attempt(seed);
            let why = RefundReason::EventCancelled;
            let (money, actor) = (RefundMoney::Prices, Actor::System);
            let wish = RefundWish { tickets: None, money, key: &key, reason: why, note: None, actor };
            refund_tickets(rows, now, &order, wish).ok()?;
        }
        OrderStatus::Expired | OrderStatus::Cancelled => return None,
    }
    rows.orders.get(&id).cloned()
}
