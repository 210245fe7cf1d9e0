//! Erasure: where there is a team, buyers are erased now and then, also while their money moves, and so is the account that claims what its
//! owner has bought as a guest.

use crate::servers::ask;
use crate::team::STRANGER;
use crate::world::{MINUTE, SECOND, World};
use jiff::SignedDuration;
use std::sync::Arc;
use ticketing_core::domain::account::RequestErasure;
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::order::{EraseBuyer, Order, OrderStatus};
use ticketing_core::domain::payment::AttemptStatus;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::StorageExt as _;

/// Erases buyers, and asks for the erasure of the account.
pub(crate) async fn erase(world: Arc<World>) {
    world.go(erase_account(Arc::clone(&world)));
    for _ in 0..6 {
        world.sleep(world.between(2 * MINUTE, 8 * MINUTE)).await;
        let Some(who) = somebody(&world) else { continue };
        let erased = ask(&world, |server| async move { server.erase_buyer(&who).await }).await;
        if let Some(Ok(orders)) = erased {
            world.saw("erasure", if orders > 0 { "buyer" } else { "nothing to erase" });
        }
    }
}

/// A buyer that the application identifies.
fn somebody(world: &World) -> Option<Principal> {
    let all: Vec<Principal> = world.memory.look(|rows| {
        let buyers = rows.orders.iter().map(|(_, order)| order.buyer.who.clone());
        buyers.filter(|who| who.external().is_some()).collect()
    });
    let count = all.len() as u64;
    all.into_iter().nth(world.below(count) as usize)
}

async fn erase_account(world: Arc<World>) {
    for _ in 0..4 {
        world.sleep(world.between(5 * MINUTE, 20 * MINUTE)).await;
        let (now, at) = (world.time(), world.time() + SignedDuration::from_secs(world.below(300) as i64));
        let request = RequestErasure { id: STRANGER, seen: None, actor: Actor::Operator, at };
        let asked = ask(&world, move |server| async move { Ok(server.storage().apply_one(now, request).await?) }).await;
        match asked {
            Some(Ok(Ok(Some(_)))) => world.saw("erasure", "account"),
            Some(Ok(Err(refusal))) => world.saw("refused", refusal.code()),
            _ => {}
        }
        world.sleep(10 * SECOND).await;
    }
}

/// S25: nobody is erased who may still have to be told something.
pub(crate) fn buyer_erased(world: &World, rows: &WorkingSet, erase: &EraseBuyer, before: Option<&Order>) {
    let is_erased = |order: &Order| order.buyer.is_erased();
    let Some(order) = rows.orders.get(&erase.id) else { return };
    if !is_erased(order) || before.is_none_or(is_erased) {
        return;
    }
    let moves = |status| {
        matches!(
            status,
            AttemptStatus::Created
                | AttemptStatus::Unknown
                | AttemptStatus::Open
                | AttemptStatus::Processing
                | AttemptStatus::Review
                | AttemptStatus::Disputed
        )
    };
    let is_open = matches!(order.status, OrderStatus::Held { .. })
        || rows
            .attempts_of(order.id)
            .any(|attempt| moves(attempt.status) || attempt.poll.is_some() || !attempt.attention.is_empty())
        || rows.refunds_of(order.id).any(|refund| refund.status != RefundStatus::Processed);
    if is_open {
        world.fail(format!("S25 the buyer of order {} was erased, and the order is not finished", order.id));
    }
}

/// S26: what is erased is erased everywhere: the mails of an order whose buyer was erased, and all that an erased account has.
pub(crate) fn after_commit(rows: &WorkingSet) -> Result<(), String> {
    for (_, order) in rows.orders.iter() {
        if !order.buyer.is_erased() {
            continue;
        }
        if let Some(mail) = rows.mails_of(order.id).find(|mail| !mail.to.is_erased()) {
            return Err(format!("S26 the buyer of order {} was erased, and mail {} names them", order.id, mail.id));
        }
    }
    for (id, account) in rows.accounts.iter().filter(|(_, account)| account.erased_at.is_some()) {
        let is_left = account.is_active || !account.email.is_erased() || account.name != "erased";
        let has_key = rows.api_keys.iter().any(|(_, key)| key.maker == *id && key.revoked_at.is_none());
        if is_left || has_key || !account.memberships.is_empty() {
            return Err(format!("S26 account {id} was erased, and something of it is left"));
        }
    }
    Ok(())
}

/// E8: an account that was erased is nobody's name on an order any more.
pub(crate) fn at_end(rows: &WorkingSet) -> Result<(), String> {
    for (id, _) in rows.accounts.iter().filter(|(_, account)| account.erased_at.is_some()) {
        let own = rows.orders.iter().map(|(_, order)| order).filter(|order| order.buyer.who == Principal::Account(*id));
        let mut named = own.filter(|order| order.buyer.email.is_some() && !order.buyer.is_erased());
        if let Some(order) = named.next() {
            return Err(format!("E8 account {id} was erased, and order {} has its address", order.id));
        }
    }
    Ok(())
}
