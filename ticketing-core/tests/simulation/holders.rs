//! Holders, in a quarter of the histories: they offer their tickets to friends, who take them, twice at once or again after a lost answer, and
//! pass them on. Meanwhile the organiser swaps tickets for cheaper ones, and buyers return some. What must hold of that is in [`chains`].
//!
//! [`chains`]: crate::chains

use crate::executor::lock;
use crate::gates;
use crate::history::organiser;
use crate::servers::ask;
use crate::world::{MINUTE, SECOND, World};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::code::{Reference, TicketCode};
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::{EventId, OrderId, TicketId};
use ticketing_core::domain::order::Order;
use ticketing_core::domain::principal::{EmailAddress, Principal};
use ticketing_core::domain::ticket::{PriceDifference, Ticket, TicketKey, TicketStatus};
use ticketing_core::domain::transfer::{TakenTransfer, Transfer};

/// What the holders were told, whatever the storage says.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The ticket that somebody has got by a transfer, and as whom.
    pub(crate) taken: BTreeMap<Reference, (TicketId, Principal)>,
    /// Offers that were taken back.
    pub(crate) withdrawn: BTreeSet<Reference>,
    /// Codes that were replaced, as their holders were told.
    pub(crate) replaced: BTreeSet<TicketCode>,
}

/// How often a ticket is passed on.
const MOST_HANDS: u32 = 3;

/// A buyer, from the moment that there is an order: gives tickets to friends, and returns some.
pub(crate) async fn own(world: Arc<World>, who: Principal, order: Order) {
    for _ in 0..world.between(1, 5) {
        world.sleep(world.between(30 * SECOND, 8 * MINUTE)).await;
        if world.below(6) == 0 {
            give_back(&world, &who, &order).await;
        }
        let Some(ticket) = a_ticket_of(&world, order.id, &who) else { continue };
        give(Arc::clone(&world), who.clone(), ticket, 1).await;
    }
}

fn a_ticket_of(world: &World, order: OrderId, who: &Principal) -> Option<Ticket> {
    let own: Vec<Ticket> = world.memory.look(|rows| {
        let own = rows.tickets_of(order).filter(|ticket| ticket.holder == *who && ticket.status.is_valid());
        own.cloned().collect()
    });
    let at = world.below(own.len() as u64) as usize;
    own.into_iter().nth(at)
}

/// Returns a ticket of the order as the event allows, even if somebody else holds it by now, or all that can be returned.
async fn give_back(world: &Arc<World>, who: &Principal, order: &Order) {
    let any = world.memory.look(|rows| {
        let last = rows.tickets_of(order.id).filter(|ticket| ticket.status != TicketStatus::Transferred).last();
        last.map(|ticket| ticket.id)
    });
    let tickets = any.filter(|_| world.below(4) > 0).map(|id| vec![id]);
    let Ok(key) = format!("back-{:x}", world.draw()).parse::<Reference>() else { return };
    for _ in 0..3 {
        let (who, at, tickets, key) = (who.clone(), order.reference.clone(), tickets.clone(), key.clone());
        match ask(world, |server| async move { server.return_tickets(&who, &at, tickets, Some(key)).await }).await {
            Some(Ok(_)) => return world.saw("buyer", "returns a ticket as the event allows"),
            Some(Err(Error::Refused(refusal))) => return world.saw("refused", refusal.code()),
            _ => world.sleep(world.between(SECOND, 10 * SECOND)).await,
        }
    }
}

/// Offers a ticket to a friend. Boxed, since the friend may do the same.
fn give(world: Arc<World>, who: Principal, ticket: Ticket, hands: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        for offer in 0..2 {
            let name = format!("friend-{:x}", world.draw());
            let Ok(to) = format!("{name}@example.com").parse::<EmailAddress>() else { return };
            world.go(befriend(Arc::clone(&world), name, to.clone(), ticket.code.clone(), hands));
            let Some(offered) = insist_on_offer(&world, &who, &ticket, &to).await else { return };
            world.saw("holder", if offer == 0 { "offers a ticket" } else { "offers it to somebody else" });
            match world.below(8) {
                0 | 1 => return withdraw(&world, &who, &ticket, &offered).await,
                // The friend does not answer soon enough, and another one gets it.
                2 => world.sleep(world.below(3 * MINUTE)).await,
                _ => return,
            }
        }
    })
}

/// Calls until there is an answer, as it was.
async fn insist_on_offer(world: &Arc<World>, who: &Principal, ticket: &Ticket, to: &EmailAddress) -> Option<Transfer> {
    for _ in 0..5 {
        let (actor, to, key) = (who.clone(), to.clone(), key_of(world, ticket));
        match ask(world, |server| async move { server.offer_transfer(&actor, &key, to).await }).await {
            Some(Ok(offered)) if world.below(5) > 0 => return Some(offered),
            Some(Err(Error::Refused(refusal))) => {
                world.saw("refused", refusal.code());
                return None;
            }
            Some(Err(Error::NotFound(_))) => return None,
            _ => {}
        }
        world.sleep(world.between(SECOND, 10 * SECOND)).await;
    }
    None
}

fn key_of(world: &World, ticket: &Ticket) -> TicketKey {
    if world.below(2) == 0 { TicketKey::Id(ticket.id) } else { TicketKey::Code(ticket.code.clone()) }
}

async fn withdraw(world: &Arc<World>, who: &Principal, ticket: &Ticket, offered: &Transfer) {
    world.sleep(world.below(2 * MINUTE)).await;
    for _ in 0..4 {
        let (who, key) = (who.clone(), TicketKey::Id(ticket.id));
        match ask(world, |server| async move { server.withdraw_transfer(&who, &key).await }).await {
            Some(Ok(_)) => {
                world.saw("holder", "withdraws an offer");
                lock(&world.told).withdrawn.insert(offered.reference.clone());
                return;
            }
            Some(Err(Error::Refused(refusal))) => return world.saw("refused", refusal.code()),
            _ => world.sleep(world.between(SECOND, 5 * SECOND)).await,
        }
    }
}

/// A friend: finds the offer in a mail, and takes the ticket, in two tabs or with another device.
async fn befriend(world: Arc<World>, name: String, to: EmailAddress, old: TicketCode, hands: u32) {
    world.sleep(world.between(SECOND, 4 * MINUTE)).await;
    let offered = world.memory.look(|rows| {
        let mut transfers = rows.transfers.iter().map(|(_, transfer)| transfer);
        transfers.find(|transfer| transfer.to == to).cloned()
    });
    let Some(offered) = offered.filter(|_| world.below(8) > 0) else { return };
    for tab in 0..world.between(1, 2) {
        // Somebody who is signed in with one device, and not with the other.
        let who = (world.below(2) == 0).then(|| Principal::External(name.clone()));
        let (world, offered, old) = (Arc::clone(&world), offered.reference.clone(), old.clone());
        Arc::clone(&world).go(async move {
            let Some(taken) = insist_on_taking(&world, who, &offered).await else { return };
            if tab == 0 {
                enjoy(&world, taken.ticket, old, hands).await;
            }
        });
    }
}

async fn insist_on_taking(world: &Arc<World>, who: Option<Principal>, offered: &Reference) -> Option<TakenTransfer> {
    let mut told = None;
    for _ in 0..6 {
        let (holder, at) = (who.clone(), offered.clone());
        match ask(world, |server| async move { server.take_transfer(&at, holder, None).await }).await {
            Some(Ok(taken)) => {
                world.saw("friend", if taken.first { "takes a ticket" } else { "finds it taken already" });
                if matches!(taken.ticket.holder, Principal::Guest(_)) {
                    world.saw("friend", "without an account");
                }
                hear(world, offered, &taken);
                told = Some(taken);
                // Somebody who is not sure does it once more.
                if world.below(4) > 0 {
                    return told;
                }
            }
            Some(Err(Error::Refused(refusal))) => {
                world.saw("refused", refusal.code());
                return told;
            }
            Some(Err(Error::NotFound(_))) => {
                world.saw("friend", "is too late");
                return told;
            }
            _ => {}
        }
        world.sleep(world.between(SECOND, 10 * SECOND)).await;
    }
    told
}

/// S28: the answer is the same for everybody, and for every repeat.
fn hear(world: &World, offered: &Reference, taken: &TakenTransfer) {
    let heard = (taken.ticket.id, taken.ticket.holder.clone());
    let known = lock(&world.told).taken.entry(offered.clone()).or_insert_with(|| heard.clone()).clone();
    if known != heard {
        world.fail(format!("S28 transfer {} brought {known:?}, and then {heard:?}", taken.transfer.id));
    }
}

/// A friend who has a ticket: goes to the gate with it, while somebody else tries the old code, or passes it on.
async fn enjoy(world: &Arc<World>, ticket: Ticket, old: TicketCode, hands: u32) {
    lock(&world.told).replaced.insert(old.clone());
    if world.below(3) == 0 {
        world.saw("gate", "a code that was replaced");
        gates::show(world, old);
    }
    world.sleep(world.below(4 * MINUTE)).await;
    match world.below(4) {
        0 => gates::show(world, ticket.code),
        1 | 2 if hands < MOST_HANDS => {
            world.saw("friend", "passes it on");
            let holder = ticket.holder.clone();
            world.go(give(Arc::clone(world), holder, ticket, hands + 1));
        }
        _ => {}
    }
}

/// The organiser swaps tickets now and then: in two windows at once, where the difference may be kept in one and refunded in the other.
pub(crate) async fn swap(world: Arc<World>, event: EventId) {
    for _ in 0..world.between(2, 10) {
        world.sleep(world.between(30 * SECOND, 6 * MINUTE)).await;
        let Some((ticket, event)) = a_ticket(&world, event) else { continue };
        let others: Vec<_> = event.ticket_types.iter().filter(|of| of.id != ticket.ticket_type_id).collect();
        if others.is_empty() {
            continue;
        }
        for _ in 0..world.between(1, 2) {
            let to = others[world.below(others.len() as u64) as usize].id;
            let difference = if world.below(2) == 0 { PriceDifference::Refund } else { PriceDifference::Keep };
            let (world, key, old) = (Arc::clone(&world), key_of(&world, &ticket), ticket.code.clone());
            Arc::clone(&world).go(async move {
                for _ in 0..4 {
                    let key = key.clone();
                    let call = |server: ticketing_core::Ticketing| async move {
                        server.swap_ticket(&organiser(), &key, to, difference).await
                    };
                    match ask(&world, call).await {
                        Some(Ok(swapped)) => {
                            let is_back = swapped.refund.is_some();
                            world.saw("organiser", if is_back { "swaps and refunds" } else { "swaps a ticket" });
                            lock(&world.told).replaced.insert(old.clone());
                            return gates::show(&world, old);
                        }
                        Some(Err(Error::Refused(refusal))) => return world.saw("refused", refusal.code()),
                        Some(Err(Error::NotFound(_))) => return,
                        _ => world.sleep(world.between(SECOND, 5 * SECOND)).await,
                    }
                }
            });
        }
    }
}

fn a_ticket(world: &World, event: EventId) -> Option<(Ticket, Event)> {
    let all: Vec<Ticket> = world.memory.look(|rows| {
        let all = rows.tickets.iter().map(|(_, ticket)| ticket);
        all.filter(|ticket| ticket.status == TicketStatus::Active).cloned().collect()
    });
    let at = world.below(all.len() as u64) as usize;
    let event = world.memory.look(|rows| rows.events.get(&event).cloned())?;
    Some((all.into_iter().nth(at)?, event))
}
