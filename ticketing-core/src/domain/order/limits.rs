//! How much one buyer may hold and take of one event.
//!
//! The orders that count are found by two indexes, whose keys name the buyer and the event. They are read after the event was
//! locked: whatever moves an order's places locks it as well, so two holds at once see each other.

use super::hold::only_type;
use super::{BY_OPEN, BY_PAID, BY_REFERENCE, Hold, Order, OrderLine, OrderStatus};
use crate::domain::event::{Event, TicketType};
use crate::domain::id::{EventId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::{Buyer, Principal};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{self, Ticket};
use crate::domain::working_set::WorkingSet;
use crate::setters::setters;

/// How much one buyer may hold and take of one event. `None` is no limit, and the default.
///
/// A repeated hold with the same reference is the same order, and counts once. The number of tickets in an order that costs something
/// is not limited here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BuyerLimits {
    /// How many orders may be unpaid and hold places at the same time.
    pub open_holds: Option<u32>,
    /// How many free tickets a buyer may have: held, or issued and not void. Applies to orders that cost nothing.
    pub free_tickets: Option<u32>,
}

setters!(BuyerLimits {
    with_open_holds => open_holds: impl Into<Option<u32>>,
    with_free_tickets => free_tickets: impl Into<Option<u32>>,
});

/// The key of both indexes. The migration that adds them builds the same text. Guests are told apart by their address; a guest who has not
/// given one has no key, and nothing else that counts.
pub(super) fn key(event: EventId, buyer: &Buyer) -> Option<String> {
    match (&buyer.who, &buyer.email) {
        (Principal::Guest(_), Some(email)) => Some(format!("{event} guest {}", email.key())),
        (Principal::Guest(_), None) => None,
        (who, _) => Some(format!("{event} {who}")),
    }
}

/// The key in the index of unpaid orders.
pub(super) fn open_for(order: &Order) -> Option<String> {
    if matches!(order.status, OrderStatus::Held { .. }) { key(order.event_id, &order.buyer) } else { None }
}

/// The key in the index of paid orders.
pub(super) fn paid_for(order: &Order) -> Option<String> {
    if order.status == OrderStatus::Paid { key(order.event_id, &order.buyer) } else { None }
}

/// Requests the orders that count. Nothing where there is no limit, and nothing for a repeated hold.
pub(super) fn needs(hold: &Hold, rows: &WorkingSet, load: &mut LoadKeys) {
    let BuyerLimits { open_holds, free_tickets } = hold.limits;
    let Some(event) = rows.events.loaded_row(&hold.event_id) else { return };
    if rows.orders.loaded(BY_REFERENCE, &hold.reference).next().is_some() {
        return;
    }
    let Some(key) = key(hold.event_id, &hold.buyer) else { return };
    let counts_tickets =
        free_tickets.is_some() && may_be_free(hold, event) || limits_buyers(hold, event) || hold.promo_code.is_some();
    if open_holds.is_some() || counts_tickets {
        load.look_up(BY_OPEN, &key);
    }
    if counts_tickets {
        needs_tickets(&key, rows, load);
    }
}

/// Requests the paid orders of a buyer, with their tickets.
fn needs_tickets(key: &String, rows: &WorkingSet, load: &mut LoadKeys) {
    load.look_up(BY_PAID, key);
    rows.orders.loaded(BY_PAID, key).for_each(|order| load.look_up(ticket::BY_ORDER, &order.id));
}

/// Requests all that a guest has under an address, once the event of the order is locked.
pub(super) fn needs_named(order: &Order, buyer: &Buyer, rows: &WorkingSet, load: &mut LoadKeys) {
    let key = key(order.event_id, buyer).filter(|_| rows.events.loaded_row(&order.event_id).is_some());
    if let Some(key) = key {
        load.look_up(BY_OPEN, &key);
        needs_tickets(&key, rows, load);
    }
}

/// The ticket types of an order. A line without a type means the only one that is offered.
fn types_of<'a>(hold: &Hold, event: &'a Event) -> impl Iterator<Item = Option<&'a TicketType>> {
    let only = only_type(event);
    hold.lines.iter().map(move |line| event.ticket_type(line.ticket_type_id.or(only)?))
}

/// Whether the order may cost nothing.
fn may_be_free(hold: &Hold, event: &Event) -> bool {
    hold.promo_code.is_some() || types_of(hold, event).all(|of| of.is_some_and(|of| of.price.is_zero()))
}

/// Whether the organiser limits how many of these tickets one buyer may have.
fn limits_buyers(hold: &Hold, event: &Event) -> bool {
    event.rules.max_per_buyer.is_some() || types_of(hold, event).flatten().any(|of| of.rules.max_per_buyer.is_some())
}

/// Whether the buyer may have another order with these lines.
pub(super) fn check(
    limits: BuyerLimits,
    buyer: &Buyer,
    rows: &WorkingSet,
    event: &Event,
    lines: &[OrderLine],
) -> Result<(), Refusal> {
    let has = Has { rows, key: key(event.id, buyer) };
    let of_types = lines.iter().filter_map(|line| {
        let limit = event.ticket_type(line.ticket_type_id)?.rules.max_per_buyer?;
        Some((limit, Some(line.ticket_type_id)))
    });
    for (limit, of) in event.rules.max_per_buyer.map(|limit| (limit, None)).into_iter().chain(of_types) {
        let is_meant = |id: TicketTypeId| of.is_none_or(|of| of == id);
        let wanted = lines.iter().filter(|line| is_meant(line.ticket_type_id));
        let left = i64::from(limit) - has.tickets(is_meant);
        if wanted.map(|line| i64::from(line.quantity)).sum::<i64>() > left {
            return Err(Refusal::BuyerLimit { left: left.max(0) });
        }
    }
    if let Some(limit) = limits.open_holds
        && has.open().count() >= limit as usize
    {
        return Err(Refusal::TooManyHolds { limit: limit.into() });
    }
    let costs_nothing = lines.iter().all(|line| line.unit_price.is_zero());
    if let (Some(limit), true) = (limits.free_tickets, costs_nothing) {
        let left = i64::from(limit) - has.free_tickets();
        if lines.iter().map(|line| i64::from(line.quantity)).sum::<i64>() > left {
            return Err(Refusal::BuyerLimit { left: left.max(0) });
        }
    }
    Ok(())
}

/// What a buyer has of an event. Needs the buyer's orders and their tickets.
pub(super) struct Has<'r> {
    rows: &'r WorkingSet,
    key: Option<String>,
}

impl<'r> Has<'r> {
    pub(super) fn of(rows: &'r WorkingSet, event: EventId, buyer: &Buyer) -> Self {
        Self { rows, key: key(event, buyer) }
    }

    /// The unpaid orders that hold places.
    pub(super) fn open(&self) -> impl Iterator<Item = &'r Order> {
        self.key.iter().flat_map(|key| self.rows.orders.all(BY_OPEN, key))
    }

    /// The paid orders.
    pub(super) fn paid(&self) -> impl Iterator<Item = &'r Order> {
        self.key.iter().flat_map(|key| self.rows.orders.all(BY_PAID, key))
    }

    /// The free tickets: those of unpaid orders, and those that were issued and still take a place.
    fn free_tickets(&self) -> i64 {
        let lines = self.open().flat_map(|order| &order.lines);
        let held: i64 = lines.filter(|line| line.unit_price.is_zero()).map(|line| i64::from(line.quantity)).sum();
        held + self.issued(|ticket| ticket.price.is_zero())
    }

    /// The tickets of some types: those of unpaid orders, and those that were issued and still take a place.
    fn tickets(&self, is_meant: impl Fn(TicketTypeId) -> bool) -> i64 {
        let lines = self.open().flat_map(|order| &order.lines);
        let held: i64 = lines.filter(|line| is_meant(line.ticket_type_id)).map(|line| i64::from(line.quantity)).sum();
        held + self.issued(|ticket| is_meant(ticket.ticket_type_id))
    }

    fn issued(&self, is_meant: impl Fn(&Ticket) -> bool) -> i64 {
        let issued = self.paid().flat_map(|order| self.rows.tickets_of(order.id));
        let meant = issued.filter(|ticket| is_meant(ticket) && ticket.takes_a_place());
        i64::try_from(meant.count()).unwrap_or(i64::MAX / 2)
    }
}
