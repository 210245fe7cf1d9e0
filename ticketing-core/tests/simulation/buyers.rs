//! Buyers: who want tickets, repeat what got no answer, and pay in all the ways that people pay.

use crate::executor::lock;
use crate::gateway::{change_till, charge_body};
use crate::guests;
use crate::history::CODE;
use crate::holders;
use crate::returns::give_back;
use crate::servers::ask;
use crate::webhooks;
use crate::world::{MINUTE, SECOND, World};
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::Order;
use ticketing_core::domain::payment::{Captured, Mode, Observation, Settlement};
use ticketing_core::domain::principal::{Buyer, EmailAddress};
use ticketing_core::{LineRequest, OrderRequest, PayOptions};

pub(crate) fn reference(text: String) -> Reference {
    text.parse().unwrap_or_else(|_| unreachable!("made of legal letters"))
}

/// One buyer's whole visit.
pub(crate) async fn visit(world: Arc<World>, event: Event, number: u64) {
    let arrival = if world.options.burst && world.below(4) > 0 { world.below(200) } else { world.below(20 * MINUTE) };
    world.sleep(arrival).await;
    let email = format!("buyer-{number}@example.com").parse().unwrap_or_else(|_| unreachable!("an address"));
    let guest = guests::guest(&world, number);
    let buyer = guest.unwrap_or_else(|| Buyer::new(format!("buyer-{number}"), email));
    let mut lines = vec![];
    for _ in 0..world.between(1, 2) {
        let ticket_type = &event.ticket_types[world.below(event.ticket_types.len() as u64) as usize];
        let quantity = u32::try_from(world.between(1, 3)).unwrap_or(1);
        lines.push(LineRequest::new(quantity).with_ticket_type_id(ticket_type.id));
    }
    let mut request = OrderRequest::new(event.id, lines).with_reference(reference(format!("o-{number}")));
    if world.options.event_edited && world.below(2) == 0 {
        request = request.with_promo_code(CODE.to_owned());
    }
    let bought = if world.below(3) == 0 {
        buy(&world, &buyer, &request, number).await
    } else {
        hold(&world, &buyer, &request).await
    };
    let Some(order) = bought else { return };
    if world.has_holders() {
        world.go(holders::own(Arc::clone(&world), buyer.who.clone(), order.clone()));
    }
    guests::give_address(&world, &order, number).await;
    if world.below(12) == 0 {
        world.sleep(world.below(MINUTE)).await;
        give_up(&world, &buyer, &order).await;
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        let at = reference(format!("a-{number}-{attempt}"));
        pay(&world, &buyer, &order, &at).await;
        verify(&world, &buyer, &order, &at).await;
        if attempt >= 3 || !world.chance(world.options.second_attempt) {
            break;
        }
        world.saw("buyer", "pays again");
    }
    if world.options.event_edited && world.below(2) == 0 {
        give_back(&world, &buyer.who, &order, &reference(format!("return-{number}"))).await;
    }
}

/// Somebody wants as many places as possible and pays for none: several orders at once, and again when they have expired.
pub(crate) fn hoard(world: &Arc<World>, event: &Event) {
    let begin = world.below(10 * MINUTE);
    // As a guest, once the places are held: the address is what limits count.
    let is_guest = world.below(2) == 0;
    for number in 0..6 {
        let (world, event) = (Arc::clone(world), event.clone());
        Arc::clone(&world).go(async move {
            world.sleep(begin + world.below(100)).await;
            let email: EmailAddress = "hoarder@example.com".parse().unwrap_or_else(|_| unreachable!("an address"));
            // The free type comes last, where there is one.
            let ticket_type = event.ticket_types.last().map(|ticket_type| ticket_type.id);
            for round in 0..2 {
                let lines = vec![LineRequest::new(1).with_ticket_type_id(ticket_type)];
                let at = reference(format!("hoard-{number}-{round}"));
                let buyer =
                    if is_guest { Buyer::guest(at.clone(), None) } else { Buyer::new("hoarder", email.clone()) };
                let request = OrderRequest::new(event.id, lines).with_reference(at);
                if let Some(order) = hold(&world, &buyer, &request).await {
                    world.saw("hoarder", "holds");
                    if is_guest {
                        guests::name(&world, &order, &email).await;
                    }
                    if order.total.is_zero() {
                        pay(&world, &buyer, &order, &reference(format!("hoard-{number}-{round}-0"))).await;
                    }
                }
                world.sleep(world.options.hold + world.below(2 * MINUTE)).await;
            }
        });
    }
}

/// Calls until there is an answer: what got none, or an error of the storage, is repeated as it was.
async fn hold(world: &Arc<World>, buyer: &Buyer, request: &OrderRequest) -> Option<Order> {
    for _ in 0..6 {
        let (who, wish) = (buyer.clone(), request.clone());
        match ask(world, |server| async move { server.hold(&who, wish).await }).await {
            Some(Ok(order)) => {
                if Some(&order.reference) != request.reference.as_ref() {
                    world.fail(format!("S8 {:?} was asked for and {} made of it", request.reference, order.reference));
                }
                // Somebody who is not sure asks once more.
                if world.below(5) > 0 {
                    return Some(order);
                }
            }
            Some(Err(Error::Refused(refusal))) => {
                world.saw("refused", refusal.code());
                return None;
            }
            _ => {}
        }
        world.sleep(world.between(SECOND, 10 * SECOND)).await;
    }
    None
}

async fn buy(world: &Arc<World>, buyer: &Buyer, request: &OrderRequest, number: u64) -> Option<Order> {
    for _ in 0..4 {
        let (who, wish) = (buyer.clone(), request.clone());
        let options = PayOptions::default().with_reference(reference(format!("a-{number}-0")));
        match ask(world, |server| async move { server.buy(&who, wish, options).await }).await {
            Some(Ok(started)) => return Some(started.order),
            Some(Err(Error::Refused(refusal))) => {
                world.saw("refused", refusal.code());
                return None;
            }
            _ => world.sleep(world.between(SECOND, 10 * SECOND)).await,
        }
    }
    None
}

async fn give_up(world: &Arc<World>, buyer: &Buyer, order: &Order) {
    for _ in 0..3 {
        let (who, order) = (buyer.who.clone(), order.reference.clone());
        if let Some(Ok(_)) = ask(world, |server| async move { server.cancel_order(&who, &order).await }).await {
            world.saw("buyer", "gives up");
        }
        world.sleep(world.below(5 * SECOND)).await;
    }
}

async fn pay(world: &Arc<World>, buyer: &Buyer, order: &Order, at: &Reference) {
    for _ in 0..4 {
        let (who, wanted) = (buyer.who.clone(), order.reference.clone());
        let options = PayOptions::default().with_reference(at.clone());
        match ask(world, |server| async move { server.pay(&who, &wanted, options).await }).await {
            Some(Ok(_)) => return,
            Some(Err(Error::Refused(refusal))) => return world.saw("refused", refusal.code()),
            _ => {
                // The checkout may be open all the same: some look whether it is paid before they ask again.
                if world.below(3) == 0 {
                    verify(world, buyer, order, at).await;
                }
                world.sleep(world.between(SECOND, 10 * SECOND)).await;
            }
        }
    }
}

async fn verify(world: &Arc<World>, buyer: &Buyer, order: &Order, at: &Reference) {
    for _ in 0..world.below(4) {
        world.sleep(world.between(SECOND, 300 * SECOND)).await;
        let (who, at) = (buyer.who.clone(), at.clone());
        if let Some(Ok(settlement)) = ask(world, |server| async move { server.verify(&who, &at).await }).await {
            match settlement {
                Settlement::Fulfilled { tickets, .. } => {
                    // One that came in place of another one is that place's.
                    let shown = tickets.iter().filter(|ticket| ticket.replaces.is_none()).count();
                    if shown != order.quantity() as usize {
                        world.fail(format!("S2 {} tickets were wanted and {shown} shown", order.quantity()));
                    }
                    world.saw("verify", "fulfilled");
                }
                Settlement::RefundDue { .. } => world.saw("verify", "refund due"),
                Settlement::Review { .. } => world.saw("verify", "review"),
                Settlement::Failed { .. } => world.saw("verify", "failed"),
                _ => world.saw("verify", "open"),
            }
        }
    }
}

/// A checkout stands open at the gateway: anyone who has its address may act on it, also where our answer was lost.
pub(crate) fn checkout_opened(world: &Arc<World>, at: &Reference) {
    let (world, at) = (Arc::clone(world), at.clone());
    Arc::clone(&world).go(async move {
        let forge_at = world.below(10 * MINUTE);
        if world.below(6) == 0
            && let Some((charge, _)) = lock(&world.till).charges.get(&at)
        {
            let captured = captured_of(charge.amount, Mode::Live);
            let body = charge_body(&at, &captured);
            let forger = Arc::clone(&world);
            world.go(async move {
                forger.sleep(forge_at).await;
                webhooks::forge(&forger, body);
            });
        }
        if world.below(100) < 18 {
            crate::aftermath::lie(&world, &at);
            return world.saw("payer", "never acts");
        }
        act(&world, &at).await;
        crate::aftermath::follow(&world, &at).await;
    });
}

async fn act(world: &Arc<World>, at: &Reference) {
    let hold = world.options.hold;
    let is_late = world.chance(world.options.late);
    let delay = match is_late {
        true if world.below(2) == 0 => world.between(hold - MINUTE, hold + MINUTE),
        true => world.between(hold, hold + 15 * MINUTE),
        false => world.between(3 * SECOND, 4 * MINUTE),
    };
    let say = |observation: Observation| {
        if let Some((_, said)) = change_till(world).charges.get_mut(at) {
            *said = observation;
        }
    };
    world.sleep(delay / 2).await;
    match world.below(6) {
        0 => {
            world.saw("payer", "processing");
            say(Observation::Processing);
            world.sleep(world.below(30 * MINUTE)).await;
        }
        1 => {
            world.saw("payer", "fails first");
            say(Observation::Failed);
            world.sleep(world.below(5 * MINUTE)).await;
        }
        _ => {}
    }
    world.sleep(delay / 2).await;
    let Some(wanted) = lock(&world.till).charges.get(at).map(|(charge, _)| charge.amount) else { return };
    let captured =
        if world.chance(world.options.wrong_payment) { wrong(world, wanted) } else { captured_of(wanted, Mode::Live) };
    let body = charge_body(at, &captured);
    world.note(|| format!("payer: pays {} for {at}", captured.amount));
    world.saw("payer", if is_late { "pays late" } else { "pays" });
    say(Observation::Success(captured));
    webhooks::tell(world, body);
}

fn captured_of(amount: Money, mode: Mode) -> Captured {
    Captured::new(amount, mode)
}

/// Something came, but not what was asked for.
fn wrong(world: &World, wanted: Money) -> Captured {
    let money = |minor, currency| Money::new(minor, currency).unwrap_or(wanted);
    match world.below(4) {
        0 => {
            world.saw("payer", "pays too little");
            captured_of(money(wanted.minor() - 100, wanted.currency()), Mode::Live)
        }
        1 => {
            world.saw("payer", "pays too much");
            captured_of(money(wanted.minor() + 100, wanted.currency()), Mode::Live)
        }
        2 => {
            world.saw("payer", "pays another currency");
            captured_of(money(wanted.minor(), Currency::USD), Mode::Live)
        }
        _ => {
            world.saw("payer", "pays test money");
            captured_of(wanted, Mode::Test)
        }
    }
}
