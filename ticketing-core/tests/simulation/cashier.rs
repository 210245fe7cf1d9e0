//! The cashier: sells for cash, gives tickets away, keeps places for those who pay later, and pays back by hand. What is in the cash box at
//! the end is compared with the book (E9).

use crate::executor::lock;
use crate::servers::ask;
use crate::world::{MINUTE, SECOND, World};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::id::{EventId, RefundId, TicketTypeId};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::order::{IssueLine, IssuePayment, Order};
use ticketing_core::domain::payment::{Attempt, AttemptStatus, ManualMethod};
use ticketing_core::domain::principal::{EmailAddress, Principal};
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::{Error, IssueRequest, ReceivedPayment};

/// What the cashier knows, whatever the servers say.
#[derive(Debug, Default)]
pub(crate) struct CashBox {
    /// What was taken for each order.
    taken: BTreeMap<Reference, i64>,
    /// What was paid back.
    back: BTreeMap<RefundId, i64>,
    /// What the cashier waits for an answer about.
    waits: BTreeSet<Reference>,
}

/// Stands at the counter until the end.
pub(crate) async fn stand(world: Arc<World>, who: Principal, event: EventId, types: Vec<TicketTypeId>) {
    world.go(pay_back(Arc::clone(&world), who.clone()));
    for number in 0..world.between(2, 6) {
        world.sleep(world.between(MINUTE, 7 * MINUTE)).await;
        let ticket_type = types[world.below(types.len() as u64) as usize];
        world.go(serve(Arc::clone(&world), who.clone(), event, ticket_type, number));
    }
}

async fn serve(world: Arc<World>, who: Principal, event: EventId, ticket_type: TicketTypeId, number: u64) {
    let until = world.time() + SignedDuration::from_millis(world.options.hold as i64);
    let payment = match world.below(4) {
        0 => IssuePayment::Free,
        1 => IssuePayment::Later { until },
        _ => IssuePayment::Received(ManualMethod::Cash),
    };
    let Ok(reference) = format!("{TILL}{:x}", world.draw()).parse::<Reference>() else { return };
    let address: Option<EmailAddress> = match world.below(2) {
        0 => None,
        _ => format!("counter-{number}-{:x}@example.com", world.draw()).parse().ok(),
    };
    let lines = vec![IssueLine::new(ticket_type, world.between(1, 2) as u32)];
    let request = IssueRequest::new(event, lines, payment)
        .with_email(address)
        .with_note("at the counter".to_owned())
        .with_reference(reference.clone());
    lock(&world.cash).waits.insert(reference.clone());
    let issued = loop {
        let (who, request) = (who.clone(), request.clone());
        match ask(&world, |server| async move { server.issue_order(&who, request).await }).await {
            Some(Ok(issued)) => break Some(issued.order),
            Some(Err(Error::Refused(refusal))) => {
                world.saw("cashier refused", refusal.code());
                break None;
            }
            // Whether it was done is unknown: the same again.
            _ => world.sleep(world.between(SECOND, 20 * SECOND)).await,
        }
    };
    lock(&world.cash).waits.remove(&reference);
    let Some(order) = issued else { return };
    match payment {
        IssuePayment::Free => world.saw("cashier", "gives tickets away"),
        IssuePayment::Received(_) => {
            world.saw("cashier", "sells for cash");
            take(&world, &order, order.total.minor());
        }
        _ => {
            world.saw("cashier", "keeps places");
            receive(&world, &who, &order).await;
        }
    }
}

fn take(world: &World, order: &Order, amount: i64) {
    *lock(&world.cash).taken.entry(order.reference.clone()).or_default() += amount;
}

/// Most come back and pay; some of them another amount.
async fn receive(world: &Arc<World>, who: &Principal, order: &Order) {
    world.sleep(world.below(3 * world.options.hold / 2)).await;
    if order.total.is_zero() || world.below(4) == 0 {
        return;
    }
    let short = i64::from(world.below(4) == 0);
    let (Ok(amount), Ok(attempt)) = (
        Money::new(order.total.minor() - short, order.total.currency()),
        format!("paid-{:x}", world.draw()).parse::<Reference>(),
    ) else {
        return;
    };
    let received = ReceivedPayment::new(ManualMethod::Cash, amount).with_reference(attempt);
    lock(&world.cash).waits.insert(order.reference.clone());
    loop {
        let (who, order_at, received) = (who.clone(), order.reference.clone(), received.clone());
        match ask(world, |server| async move { server.record_payment(&who, &order_at, received).await }).await {
            Some(Ok(_)) => {
                world.saw("cashier", if short > 0 { "takes too little" } else { "takes money for kept places" });
                take(world, order, amount.minor());
                break;
            }
            Some(Err(Error::Refused(refusal))) => {
                world.saw("cashier refused", refusal.code());
                break;
            }
            _ => world.sleep(world.between(SECOND, 20 * SECOND)).await,
        }
    }
    lock(&world.cash).waits.remove(&order.reference);
}

/// Pays back what is to be paid back by hand, once each.
async fn pay_back(world: Arc<World>, who: Principal) {
    loop {
        world.sleep(world.between(MINUTE, 3 * MINUTE)).await;
        let to_pay = world.memory.look(|rows| {
            let mut open = rows.refunds.iter().filter(|(_, refund)| refund.status == RefundStatus::NeedsAttention);
            let (id, refund) = open.find(|(_, refund)| is_recorded(rows, &refund.attempt))?;
            Some((*id, refund.attempt.clone(), refund.amount.minor()))
        });
        let Some((id, attempt, amount)) = to_pay else { continue };
        loop {
            let (who, attempt) = (who.clone(), attempt.clone());
            match ask(&world, |server| async move { server.record_refund(&who, &attempt, id).await }).await {
                Some(Ok(_)) => {
                    world.saw("cashier", "pays back");
                    lock(&world.cash).back.insert(id, amount);
                    break;
                }
                Some(Err(Error::Refused(_) | Error::NotFound(_))) => break,
                // Whether it was recorded is unknown: the same again.
                _ => world.sleep(world.between(SECOND, 20 * SECOND)).await,
            }
        }
    }
}

fn is_recorded(rows: &WorkingSet, attempt: &Reference) -> bool {
    rows.attempts.get(attempt).is_some_and(Attempt::is_recorded)
}

/// How the references of orders begin that are made at the counter.
pub(crate) const TILL: &str = "till-";

/// Whether an order was made at the counter.
pub(crate) fn is_till(order: &Reference) -> bool {
    order.as_str().starts_with(TILL)
}

/// S27: what a person has recorded buys tickets only if it is what the order costs, or a person has decided so.
pub(crate) fn of_recorded(attempt: &Attempt, was_reviewed: bool) -> Result<(), String> {
    let captured = attempt.captured.as_ref().map(|captured| captured.amount);
    if captured == Some(attempt.amount) || was_reviewed {
        return Ok(());
    }
    Err(format!(
        "S27 attempt {} bought tickets for {}, and {captured:?} was recorded",
        attempt.reference, attempt.amount
    ))
}

/// E9: what is in the cash box is what the book says.
pub(crate) fn at_end(rows: &WorkingSet, cash: &CashBox) -> Result<(), String> {
    if let Some(order) = cash.waits.first() {
        return Err(format!("E9 the cashier has no answer about order {order}"));
    }
    let mut booked: BTreeMap<Reference, i64> = BTreeMap::new();
    for (_, attempt) in rows.attempts.iter().filter(|(_, attempt)| attempt.is_recorded()) {
        let Some(order) = rows.orders.get(&attempt.order_id) else { continue };
        let captured = attempt.captured.as_ref().map_or(0, |captured| captured.amount.minor());
        *booked.entry(order.reference.clone()).or_default() += captured;
    }
    booked.retain(|_, amount| *amount > 0);
    let taken: BTreeMap<Reference, i64> =
        cash.taken.iter().filter(|(_, amount)| **amount > 0).map(|(order, amount)| (order.clone(), *amount)).collect();
    if booked != taken {
        return Err(format!("E9 the cash box has {taken:?}, and the book {booked:?}"));
    }
    for (id, refund) in rows.refunds.iter() {
        let by_hand = is_recorded(rows, &refund.attempt) && !refund.amount.is_zero();
        let is_done = refund.status == RefundStatus::Processed;
        match cash.back.get(id) {
            _ if !by_hand => {}
            Some(amount) if is_done && *amount == refund.amount.minor() => {}
            Some(amount) => {
                return Err(format!("E9 {amount} were paid back for refund {id}, and the book says {refund:?}"));
            }
            None if is_done => return Err(format!("E9 refund {id} is processed, and nobody has paid it back")),
            None => return Err(format!("E9 refund {id} is open, and a person could pay it back")),
        }
    }
    let has_captured = |attempt: &Attempt| attempt.is_recorded() && attempt.status == AttemptStatus::Fulfilled;
    let mut orders = BTreeSet::new();
    for (_, attempt) in rows.attempts.iter().filter(|(_, attempt)| has_captured(attempt)) {
        if !orders.insert(attempt.order_id) {
            return Err(format!("E9 order {} was bought twice at the counter", attempt.order_id));
        }
    }
    Ok(())
}
