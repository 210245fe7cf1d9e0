//! The organiser: refunds, decides about odd payments, and sometimes calls the whole event off.

use crate::servers::ask;
use crate::world::{MINUTE, SECOND, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::id::{EventId, RefundId, TicketId};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::OrderStatus;
use ticketing_core::domain::payment::{Attempt, AttemptStatus, Verdict};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::{RefundMoney, RefundStatus, RetryRefund};
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{Decision, RefundOptions};

/// Looks after the sale now and then, until the faults end.
pub(crate) async fn look_after(world: Arc<World>, organizer: Principal, event: EventId) {
    if world.options.event_called_off {
        let at = world.between(5 * MINUTE, 30 * MINUTE);
        let (world, organizer) = (Arc::clone(&world), organizer.clone());
        Arc::clone(&world).go(async move {
            world.sleep(at).await;
            for _ in 0..3 {
                let who = organizer.clone();
                if let Some(Ok(_)) = ask(&world, |server| async move { server.cancel_event(&who, event).await }).await {
                    world.saw("organiser", "calls the event off");
                }
                world.sleep(5 * SECOND).await;
            }
        });
    }
    let mut retried = BTreeMap::new();
    loop {
        world.sleep(world.between(MINUTE, 4 * MINUTE)).await;
        refund(&world, &organizer).await;
        resolve(&world, &organizer).await;
        retry(&world, &organizer, &mut retried).await;
    }
}

async fn refund(world: &Arc<World>, organizer: &Principal) {
    if !world.chance(world.options.refund_requested) {
        return;
    }
    let paid: Vec<(Reference, Vec<TicketId>)> = world.memory.look(|rows| {
        let paid = rows.orders.iter().map(|(_, order)| order).filter(|order| order.status == OrderStatus::Paid);
        paid.map(|order| (order.reference.clone(), rows.tickets_of(order.id).map(|ticket| ticket.id).collect()))
            .collect()
    });
    if paid.is_empty() {
        return;
    }
    let (order, mut tickets) = paid[world.below(paid.len() as u64) as usize].clone();
    // The last one may have come in place of another one.
    if world.has_holders() && world.below(2) == 0 {
        tickets.reverse();
    }
    let tickets = match world.below(2) {
        0 => None,
        _ => Some(tickets.into_iter().take(1).collect::<Vec<_>>()),
    };
    // At a counter people agree about parts of the price.
    let money = match if world.has_counter() { world.below(4) } else { 3 } {
        0 => RefundMoney::Nothing,
        1 => Money::new(1000, Currency::NGN).map_or(RefundMoney::Prices, RefundMoney::Exactly),
        _ => RefundMoney::Prices,
    };
    // In one window the button is pressed again with the same key; in another with another.
    let windows = world.between(1, 2);
    for window in 0..windows {
        let key: Option<Reference> = format!("r-{:x}-{window}", world.draw()).parse().ok();
        let presses = world.between(1, 3);
        let (world, who, order, tickets) = (Arc::clone(world), organizer.clone(), order.clone(), tickets.clone());
        Arc::clone(&world).go(async move {
            for _ in 0..presses {
                let (who, order, tickets, key) = (who.clone(), order.clone(), tickets.clone(), key.clone());
                let options = RefundOptions::default().with_tickets(tickets).with_money(money).with_key(key);
                let answer = ask(&world, |server| async move { server.refund(&who, &order, options).await });
                if let Some(Ok(_)) = answer.await {
                    world.saw("organiser", "refunds");
                }
                world.sleep(world.below(5 * SECOND)).await;
            }
        });
    }
}

async fn resolve(world: &Arc<World>, organizer: &Principal) {
    let to_decide = world.memory.look(|rows| {
        let is_open = |attempt: &Attempt| attempt.status == AttemptStatus::Review || !attempt.attention.is_empty();
        let (reference, attempt) = rows.attempts.iter().find(|(_, attempt)| is_open(attempt))?;
        let valid = rows.tickets_of(attempt.order_id).find(|ticket| ticket.status.is_valid());
        Some((reference.clone(), !attempt.attention.is_empty(), valid.map(|ticket| ticket.id)))
    });
    let Some((attempt, needs_attention, ticket)) = to_decide.filter(|_| world.below(3) == 0) else { return };
    let verdict = if world.below(2) == 0 { Verdict::Accept } else { Verdict::Refund };
    let void = ticket.filter(|_| needs_attention && world.below(2) == 0);
    let verdict = if void.is_some() { Verdict::Void } else { verdict };
    let who = organizer.clone();
    let decision = Decision::new(verdict, "looked at").with_tickets(void.into_iter().collect::<Vec<_>>());
    let answer = ask(world, |server| async move { server.resolve_review(&who, &attempt, decision).await }).await;
    if let Some(Ok(_)) = answer {
        world.saw(
            "organiser",
            match verdict {
                Verdict::Accept => "accepts a review",
                Verdict::Void => "makes a ticket void",
                _ => "refunds a review",
            },
        );
    }
}

/// How often a person tries the same refund again. One that the gateway never accepts would never come to an end.
const MOST_RETRIES: u32 = 20;

async fn retry(world: &Arc<World>, organizer: &Principal, retried: &mut BTreeMap<RefundId, u32>) {
    let failed = world.memory.look(|rows| {
        let given_up = |status| matches!(status, RefundStatus::Failed | RefundStatus::NeedsAttention);
        let is_left = |id: &RefundId| retried.get(id).is_none_or(|tries| *tries < MOST_RETRIES);
        let found = rows.refunds.iter().find(|(id, refund)| given_up(refund.status) && is_left(id));
        found.map(|(id, _)| *id)
    });
    let Some(id) = failed.filter(|_| world.below(2) == 0) else { return };
    *retried.entry(id).or_default() += 1;
    let (who, now) = (organizer.clone(), world.time());
    let retry = RetryRefund { id, actor: who };
    let answer = ask(world, |server| async move { Ok(server.storage().apply_one(now, retry).await??) }).await;
    if let Some(Ok(_)) = answer {
        world.saw("organiser", "retries a refund");
    }
}
