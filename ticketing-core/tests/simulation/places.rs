//! The places of events, before and after a ticket came in place of another one: a transfer moves none (S28), a swap one (S29).

use crate::chains::swapped_back;
use crate::world::World;
use std::collections::BTreeMap;
use ticketing_core::domain::event::Stock;
use ticketing_core::domain::id::{EventId, PromoCodeId, TicketTypeId};
use ticketing_core::domain::ticket::{PriceDifference, SwapTicket, Swapped};
use ticketing_core::domain::transfer::TakenTransfer;
use ticketing_core::storage::Outcome;

/// All places, as the events and the promo codes count them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    events: BTreeMap<EventId, Stock>,
    types: BTreeMap<TicketTypeId, Stock>,
    codes: BTreeMap<PromoCodeId, Stock>,
}

impl Places {
    pub(crate) fn count(world: &World) -> Self {
        world.memory.look(|rows| {
            let events = || rows.events.iter().map(|(_, event)| event);
            Self {
                events: events().map(|event| (event.id, event.stock)).collect(),
                types: events().flat_map(|event| &event.ticket_types).map(|of| (of.id, of.stock)).collect(),
                codes: rows.promo_codes.iter().map(|(id, code)| (*id, code.uses)).collect(),
            }
        })
    }
}

/// S28: no place moves when a ticket is taken.
pub(crate) fn taken(world: &World, before: &Places, outcome: &Outcome<TakenTransfer>) {
    let after = Places::count(world);
    if after != *before {
        let transfer = outcome.as_ref().map(|taken| taken.transfer.id);
        world.fail(format!("S28 transfer {transfer:?} moved places: {before:?} {after:?}"));
    }
}

/// S29: a swap moves one place from one type to the other, and its money is what the organiser wanted. A repeat does nothing.
pub(crate) fn swapped(world: &World, swap: &SwapTicket, before: &Places, outcome: &Outcome<Swapped>) {
    let (mut wanted, after) = (before.clone(), Places::count(world));
    let broken = |what: &str| world.fail(format!("S29 {swap:?} {what}: {outcome:?} {before:?} {after:?}"));
    if let Ok(swapped) = outcome
        && swapped.first
    {
        let new = &swapped.ticket;
        let old = world.memory.look(|rows| new.replaces.and_then(|id| rows.tickets.get(&id)).cloned());
        let Some(old) = old else { return broken("replaced nothing") };
        let mut move_one = |of: TicketTypeId, by| {
            wanted.types.entry(of).and_modify(|stock| stock.sold += by);
        };
        move_one(old.ticket_type_id, -1);
        move_one(swap.to, 1);
        let price = world.memory.look(|rows| rows.events.get(&old.event_id)?.ticket_type(swap.to).map(|of| of.price));
        let is_kept = swap.difference == PriceDifference::Keep;
        let owed = price.filter(|_| !is_kept).map_or(0, |price| old.price.minor() - price.minor());
        let back = world.memory.look(|rows| swapped_back(rows, &old));
        if back.iter().sum::<i64>() != owed || back.len() != usize::from(owed > 0) {
            broken("has not refunded the difference as it was asked to");
        }
    }
    if after != wanted {
        broken("moved other places than it should");
    }
}
