//! Guests: every fourth buyer has no account. Some give an address with the order, some later or too late, and some never. Where there is a
//! team, an account claims what its owner has bought as a guest.

use crate::buyers::reference;
use crate::servers::ask;
use crate::team::{STRANGER, address};
use crate::world::{MINUTE, SECOND, World};
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::order::{ClaimOrders, Order};
use ticketing_core::domain::principal::{Buyer, EmailAddress, Principal};
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::StorageExt as _;

/// How long places are held for a guest without an address.
pub(crate) const NAMING: u64 = 2 * MINUTE;

/// The guest of this number; `None` for other buyers.
pub(crate) fn guest(world: &World, number: u64) -> Option<Buyer> {
    if number % 4 != 3 {
        return None;
    }
    let email = if world.below(3) == 0 { email(number) } else { None };
    Some(Buyer::guest(reference(format!("o-{number}")), email))
}

/// Several guests share an address, and one has that of an account.
fn email(number: u64) -> Option<EmailAddress> {
    if number % 8 == 3 { address(STRANGER) } else { format!("guest-{}@example.com", number % 3).parse().ok() }
}

/// Gives the address of an order that has none, perhaps.
pub(crate) async fn give_address(world: &Arc<World>, order: &Order, number: u64) {
    if order.buyer.email.is_some() || order.buyer.who.guest().is_none() {
        return;
    }
    if world.below(5) == 0 {
        return world.saw("guest", "never gives an address");
    }
    world.sleep(world.below(NAMING * 3 / 2)).await;
    if let Some(email) = email(number) {
        name(world, order, &email).await;
    }
}

/// Gives this address. Repeats what got no answer.
pub(crate) async fn name(world: &Arc<World>, order: &Order, email: &EmailAddress) {
    for _ in 0..4 {
        let (who, at, email) = (order.buyer.who.clone(), order.reference.clone(), email.clone());
        match ask(world, |server| async move { server.name_buyer(&who, &at, email).await }).await {
            Some(Ok(_)) => {
                world.saw("guest", "gives an address");
                // Somebody who is not sure does it once more.
                if world.below(5) > 0 {
                    return;
                }
            }
            Some(Err(Error::Refused(refusal))) => return world.saw("refused", refusal.code()),
            _ => {}
        }
        world.sleep(world.between(SECOND, 10 * SECOND)).await;
    }
}

/// An account claims the orders of its address, now and then.
pub(crate) async fn claim(world: Arc<World>) {
    for _ in 0..4 {
        world.sleep(world.between(2 * MINUTE, 12 * MINUTE)).await;
        let (Some(address), now) = (address(STRANGER), world.time()) else { return };
        let claim = ClaimOrders::new(STRANGER, address);
        let answer = ask(&world, move |server| async move { Ok(server.storage().apply_one(now, claim).await??) }).await;
        if let Some(Ok(orders)) = answer
            && !orders.is_empty()
        {
            world.saw("guest", "orders claimed");
        }
    }
}

/// S24: tickets are their order's buyer's, also if an account claims the order while it is paid. Who holds those that came in place of them is
/// for `chains` to check.
pub(crate) fn after_commit(rows: &WorkingSet) -> Result<(), String> {
    for (_, ticket) in rows.tickets.iter().filter(|(_, ticket)| ticket.replaces.is_none()) {
        let buyer = rows.orders.get(&ticket.order_id).map(|order| &order.buyer.who);
        if buyer != Some(&ticket.holder) {
            return Err(format!("S24 ticket {} is of {}, and its order of {buyer:?}", ticket.id, ticket.holder));
        }
    }
    Ok(())
}

/// By what a buyer is known to the limits. Nothing where they do not hold: an account may claim more than it may buy.
pub(crate) fn limited_by(buyer: &Buyer) -> Option<String> {
    match (&buyer.who, &buyer.email) {
        (Principal::Account(_), _) => None,
        (_, Some(email)) if email.is_erased() => None,
        (Principal::Guest(_), Some(email)) => Some(email.key()),
        (who, _) => Some(who.to_string()),
    }
}
