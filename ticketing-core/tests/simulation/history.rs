//! A whole history: a sale with faults, then time without faults in which all must come right.

use crate::bugs::Bug;
use crate::world::{MINUTE, Outcome, World};
use crate::{buyers, cashier, edits, erasures, gates, guests, holders, invariants, organizer, servers, team};
use jiff::SignedDuration;
use std::sync::Arc;
use ticketing_core::domain::event::{
    Event, EventTerms, NewEvent, NewTicketType, PutEvent, ReturnPolicy, TransferPolicy, TransferRule,
};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::promo_code::{Discount, PromoCodeSettings, PutPromoCode};
use ticketing_core::storage::StorageExt as _;

/// When the faults end.
const FAULTS_END: u64 = 50 * MINUTE;
/// By when all must be well again: a mail or refund that failed often is tried again after 6 hours only.
const PATIENCE: u64 = FAULTS_END + 30 * 60 * MINUTE;

/// Runs the history that follows from the seed.
pub(crate) fn run(seed: u64, bug: Option<Bug>, trace: bool) -> Outcome {
    let world = World::new(seed, bug, trace);
    world.note(|| format!("{:#?}", world.options));
    let organizer = if world.has_team() { team::found(&world) } else { Some(organiser()) };
    let Some(organizer) = organizer else { panic!("no organisation in the storage in memory") };
    let Some(event) = put_event(&world, &organizer) else { panic!("no event in the storage in memory") };
    let other = world.has_team().then(|| put_event(&world, &organizer)).flatten();
    for process in 1..=world.options.processes {
        servers::boot(&world, process, world.options.upkeep_every);
    }
    for number in 0..world.options.buyers {
        world.go(buyers::visit(Arc::clone(&world), event.clone(), number));
    }
    if world.below(3) == 0 {
        buyers::hoard(&world, &event);
    }
    world.go(gates::open(Arc::clone(&world), organizer.clone()));
    if let Some(other) = other {
        team::equip(&world, event.id, other.id);
        world.go(guests::claim(Arc::clone(&world)));
        world.go(erasures::erase(Arc::clone(&world)));
        world.go(team::manage(Arc::clone(&world), event.id, other.id));
    }
    if world.options.event_edited {
        put_code(&world, &organizer, &event);
        world.go(edits::edit(Arc::clone(&world), organizer.clone(), event.id));
    }
    if world.has_counter() {
        let types = event.ticket_types.iter().map(|of| of.id).collect();
        world.go(cashier::stand(Arc::clone(&world), organizer.clone(), event.id, types));
    }
    if world.has_holders() {
        world.go(holders::swap(Arc::clone(&world), event.id));
    }
    world.go(organizer::look_after(Arc::clone(&world), organizer, event.id));
    world.run(FAULTS_END);

    servers::replace_all(&world);
    let mut end = FAULTS_END + 20 * MINUTE;
    loop {
        world.run(end);
        let open = invariants::end(&world);
        end += 10 * MINUTE;
        match open {
            Ok(()) => break,
            Err(open) if end > PATIENCE => world.fail(open),
            Err(open) => world.note(|| open),
        }
        if world.has_failed() {
            break;
        }
    }
    states(&world);
    let outcome = world.outcome();
    // Tasks know the world, which knows them: taken apart here, or they would never be freed.
    for process in 0..=world.options.processes {
        if process > 0 {
            world.set_server(process, None);
        }
        world.executor.kill(process);
    }
    outcome
}

/// Who runs the event where there is no team.
pub(crate) fn organiser() -> Principal {
    Principal::External("organiser".to_owned())
}

/// The promo code of histories whose event is edited.
pub(crate) const CODE: &str = "SIMULATED";

/// The event is long after the history, so that sales do not end in it.
const LATER: SignedDuration = SignedDuration::from_hours(30 * 24);

fn put_event(world: &Arc<World>, organizer: &Principal) -> Option<Event> {
    let price = |minor| Money::new(minor, Currency::NGN).unwrap_or(Money::zero(Currency::NGN));
    let ticket_type = |name: &str, minor, capacity| NewTicketType::new(name, price(minor)).with_capacity(capacity);
    let capacity = world.options.capacity;
    let mut event =
        NewEvent::general_admission("Simulated", world.time() + LATER, "Lagos", price(5000), Some(capacity));
    event.ticket_types.push(ticket_type("Early", 2500, Some(capacity / 2 + 1)));
    if world.below(4) == 0 {
        event.ticket_types.push(ticket_type("Guest", 0, Some(4)));
    }
    if world.has_holders() {
        event.terms = terms(world);
    }
    let put = PutEvent { actor: organizer.clone(), organizer: organizer.clone(), event };
    invariants::at_once(world.memory.apply_one(world.time(), put))?.ok()?.ok()
}

/// Tickets are transferred as often as holders like, or once, and returned for some of their price while the history lasts.
fn terms(world: &World) -> EventTerms {
    let rule = if world.below(5) == 0 { TransferRule::Once } else { TransferRule::Free };
    let until = world.time() + SignedDuration::from_mins(world.between(10, 60) as i64);
    let keep_percent = [0, 10, 33][world.below(3) as usize];
    let mut terms = EventTerms::default();
    terms.transfers = TransferPolicy::new(rule, None);
    terms.returns = ReturnPolicy::new((world.below(4) > 0).then_some(until), keep_percent);
    terms
}

/// A code for half the price, good for a few tickets.
fn put_code(world: &World, organizer: &Principal, event: &Event) {
    let Ok(text) = CODE.parse() else { return };
    let settings = PromoCodeSettings::new(text)
        .with_discount(Discount::Percent(5000))
        .with_max_per_buyer(3)
        .with_max_uses(2 + world.below(5) as i64);
    let put = PutPromoCode { event_id: event.id, actor: organizer.clone(), settings };
    let _ = invariants::at_once(world.memory.apply_one(world.time(), put));
}

/// Counts the states that histories came through, by what the audit log and the rows say.
fn states(world: &World) {
    world.memory.look(|rows| {
        for (_, line) in rows.audit.iter() {
            for (action, reason) in AUDITED {
                if line.action == *action && line.reason == *reason {
                    world.saw(action, reason);
                }
            }
        }
        for (_, refund) in rows.refunds.iter() {
            world.saw("refund because", refund.reason.name());
        }
        for (_, attempt) in rows.attempts.iter() {
            world.saw("attempt", attempt.status.name());
        }
        for (_, ticket) in rows.tickets.iter() {
            world.saw("ticket", ticket.status.name());
        }
        for (_, webhook) in rows.webhooks.iter() {
            world.saw("webhook kept", webhook.status.name());
        }
    });
}

/// What the audit log must say somewhere, in all histories together.
pub(crate) const AUDITED: &[(&str, &str)] = &[
    ("order.paid", "paid in time"),
    ("order.paid", "paid after the hold had ended; the places were still free"),
    ("attempt.refund_due", "paid after the hold had ended, and the places are gone"),
    ("attempt.refund_due", "the order was already paid by another attempt"),
    ("attempt.refund_due", "the event was called off"),
    ("order.hold_ended", "not paid in time"),
    ("order.hold_ended", "given up by the buyer"),
    ("order.hold_ended", "no checkout could be opened"),
    ("order.hold_ended", "the event was called off"),
    ("order.hold_extended", "a payment is in progress"),
];
