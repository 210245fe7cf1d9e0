//! Buyers who return tickets because the event was moved, and what must hold of that after every commit (S20); and of those who return them as
//! the event allows (S30).

use crate::servers::ask;
use crate::world::{MINUTE, SECOND, World};
use std::collections::BTreeSet;
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::id::RefundId;
use ticketing_core::domain::order::Order;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::{Refund, RefundReason};
use ticketing_core::domain::working_set::WorkingSet;

/// Asks a few times whether the tickets can be returned: the event may be moved later. What got no answer is repeated as it was.
pub(crate) async fn give_back(world: &Arc<World>, buyer: &Principal, order: &Order, key: &Reference) {
    for _ in 0..world.between(1, 4) {
        world.sleep(world.between(30 * SECOND, 20 * MINUTE)).await;
        let (who, at, key) = (buyer.clone(), order.reference.clone(), key.clone());
        let answer = ask(world, |server| async move { server.return_tickets(&who, &at, None, Some(key)).await }).await;
        match answer {
            Some(Ok(_)) => return world.saw("buyer", "returns the tickets"),
            Some(Err(Error::Refused(refusal))) => world.saw("refused", refusal.code()),
            _ => {}
        }
    }
}

/// S20: tickets are returned only where the buyer was offered it, until the time that was named, and by nobody who was let in.
pub(crate) fn after_commit(rows: &WorkingSet, known: &mut BTreeSet<RefundId>) -> Result<(), String> {
    for (id, refund) in rows.refunds.iter().filter(|(_, refund)| refund.reason == RefundReason::EventChanged) {
        if !known.insert(*id) {
            continue;
        }
        let Some(order) = rows.orders.get(&refund.order_id) else { continue };
        let mut offers = rows.notices_of(order.event_id).filter_map(|notice| notice.refund_until);
        if !offers.any(|until| refund.created_at < until) {
            return Err(format!("S20 order {} was returned and nobody had offered it", order.id));
        }
        let inside = |check_in: &ticketing_core::domain::check_in::CheckIn| check_in.annulled_at.is_none();
        let mut tickets = refund.tickets.iter().filter_map(|ticket| rows.check_ins.get(ticket));
        if tickets.any(inside) {
            return Err(format!("S20 a ticket of order {} was returned and its holder is inside", order.id));
        }
    }
    let returned = rows.refunds.iter().filter(|(_, refund)| refund.reason == RefundReason::Returned);
    for (id, refund) in returned {
        if known.insert(*id) {
            as_allowed(rows, refund)?;
        }
    }
    Ok(())
}

/// S30: tickets are returned as the event allows, for what it promises, by the buyer who holds them, and by nobody who was let in.
fn as_allowed(rows: &WorkingSet, refund: &Refund) -> Result<(), String> {
    let (id, order) = (refund.id, rows.orders.get(&refund.order_id));
    let policy = order.and_then(|order| rows.events.get(&order.event_id)).map(|event| event.terms.returns);
    let Some((order, policy)) = order.zip(policy) else { return Err(format!("S30 refund {id} is of no order")) };
    if policy.until.is_none_or(|until| refund.created_at >= until) {
        return Err(format!("S30 refund {id} was asked for when returns were over: {policy:?}"));
    }
    let mut most = 0;
    for ticket in refund.tickets.iter().filter_map(|ticket| rows.tickets.get(ticket)) {
        if ticket.holder != order.buyer.who {
            return Err(format!("S30 ticket {} was returned by the buyer, and {} holds it", ticket.id, ticket.holder));
        }
        if rows.check_ins.get(&ticket.id).is_some_and(|entry| entry.annulled_at.is_none()) {
            return Err(format!("S30 ticket {} was returned and its holder is inside", ticket.id));
        }
        most += ticket.price.minor() - ticket.price.minor() * i64::from(policy.keep_percent) / 100;
    }
    // Where less was paid than asked for, and a person has accepted it, and nothing is kept, each ticket brings a share of that.
    let back = refund.amount.minor();
    if back > most || (back < most && policy.keep_percent > 0) {
        return Err(format!("S30 refund {id} is of {back}, and {most} were promised: {policy:?}"));
    }
    Ok(())
}
