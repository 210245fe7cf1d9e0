//! How much one buyer may hold and take of one event.
//!
//! The orders that count are found by two indexes, whose keys name the buyer and the event. They are read after the event was
//! locked: whatever moves an order's places locks it as well, so two holds at once see each other.

use super::{BY_FREE, BY_OPEN, BY_REFERENCE, Hold, Order, OrderLine, OrderStatus};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{self, Ticket};
use crate::domain::working_set::WorkingSet;
use crate::setters::setters;

/// How much one buyer may hold and take of one event. `None` is no limit, and the default.
///
/// A repeated hold with the same reference is the same order, and counts once. The number of tickets in an order that costs something
/// is not limited here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BuyerLimits {
    /// How many orders may be unpaid and hold places at the same time.
    pub open_holds: Option<u32>,
    /// How many free tickets a buyer may have: held, or issued and not void. Applies to orders that cost nothing.
    pub free_tickets: Option<u32>,
}

setters!(BuyerLimits {
    with_open_holds => open_holds: impl Into<Option<u32>>,
    with_free_tickets => free_tickets: impl Into<Option<u32>>,
});

/// The key of both indexes. The migration that adds them builds the same text.
fn key(event: EventId, buyer: &Principal) -> String {
    format!("{event} {buyer}")
}

/// The key in the index of unpaid orders.
pub(super) fn open_for(order: &Order) -> Option<String> {
    matches!(order.status, OrderStatus::Held { .. }).then(|| key(order.event_id, &order.buyer.who))
}

/// The key in the index of paid orders that have free tickets.
pub(super) fn free_for(order: &Order) -> Option<String> {
    let has_free = order.status == OrderStatus::Paid && order.lines.iter().any(|line| line.unit_price.is_zero());
    has_free.then(|| key(order.event_id, &order.buyer.who))
}

/// Requests the orders that count. Nothing where there is no limit, and nothing for a repeated hold.
pub(super) fn needs(hold: &Hold, rows: &WorkingSet, load: &mut LoadKeys) {
    let BuyerLimits { open_holds, free_tickets } = hold.limits;
    let Some(event) = rows.events.loaded_row(&hold.event_id) else { return };
    if rows.orders.loaded(BY_REFERENCE, &hold.reference).next().is_some() {
        return;
    }
    let key = key(hold.event_id, &hold.buyer.who);
    let counts_free = free_tickets.is_some() && may_be_free(hold, event);
    if open_holds.is_some() || counts_free {
        load.look_up(BY_OPEN, &key);
    }
    if counts_free {
        load.look_up(BY_FREE, &key);
        rows.orders.loaded(BY_FREE, &key).for_each(|order| load.look_up(ticket::BY_ORDER, &order.id));
    }
}

/// Whether the order may cost nothing. A line without a type means the event's only one.
fn may_be_free(hold: &Hold, event: &Event) -> bool {
    let is_free = |id| event.ticket_types.iter().any(|of| id == Some(of.id) && of.price.is_zero());
    let only = event.ticket_types.first().map(|ticket_type| ticket_type.id);
    hold.lines.iter().all(|line| is_free(line.ticket_type_id.or(only)))
}

/// Whether the buyer may have another order with these lines.
pub(super) fn check(hold: &Hold, rows: &WorkingSet, lines: &[OrderLine]) -> Result<(), Refusal> {
    let key = key(hold.event_id, &hold.buyer.who);
    if let Some(limit) = hold.limits.open_holds
        && rows.orders.all(BY_OPEN, &key).count() >= limit as usize
    {
        return Err(Refusal::TooManyHolds { limit: limit.into() });
    }
    let costs_nothing = lines.iter().all(|line| line.unit_price.is_zero());
    if let (Some(limit), true) = (hold.limits.free_tickets, costs_nothing) {
        let left = i64::from(limit) - free_tickets_of(rows, &key);
        if lines.iter().map(|line| i64::from(line.quantity)).sum::<i64>() > left {
            return Err(Refusal::BuyerLimit { left: left.max(0) });
        }
    }
    Ok(())
}

/// The free tickets of the buyer: those of unpaid orders, and those that were issued and still take a place.
fn free_tickets_of(rows: &WorkingSet, key: &String) -> i64 {
    let lines = rows.orders.all(BY_OPEN, key).flat_map(|order| &order.lines);
    let held: i64 = lines.filter(|line| line.unit_price.is_zero()).map(|line| i64::from(line.quantity)).sum();
    let issued = rows.orders.all(BY_FREE, key).flat_map(|order| rows.tickets_of(order.id));
    let takes_a_place = |ticket: &&Ticket| ticket.price.is_zero() && ticket.takes_a_place();
    held + i64::try_from(issued.filter(takes_a_place).count()).unwrap_or(i64::MAX / 2)
}
