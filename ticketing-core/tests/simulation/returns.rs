//! Buyers who return tickets because the event was moved, and what must hold of that after every commit (S20).

use crate::servers::ask;
use crate::world::{MINUTE, SECOND, World};
use std::collections::BTreeSet;
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::id::RefundId;
use ticketing_core::domain::order::Order;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::RefundReason;
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
    Ok(())
}
