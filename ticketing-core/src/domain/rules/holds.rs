use super::stock::{Move, has_places, move_order};
use crate::domain::audit::Actor;
use crate::domain::book::{Book, Change};
use crate::domain::event::{Event, EventStatus};
use crate::domain::id::OrderId;
use crate::domain::money::Money;
use crate::domain::order::{Hold, Order, OrderLine, OrderStatus, Release};
use crate::domain::payment::AttemptStatus;
use crate::domain::refusal::Refusal;
use jiff::Timestamp;

/// Takes places for an order, or refuses. A repeat with the same reference and content finds the same order.
pub fn hold(book: &mut Book, now: Timestamp, wish: &Hold) -> Result<Order, Refusal> {
    if let Some(order) = book.order_by_reference(&wish.reference) {
        return if is_same(order, wish) { Ok(order.clone()) } else { Err(Refusal::KeyReused) };
    }
    let event = book.events.get(&wish.event_id).ok_or(Refusal::EventUnknown { event_id: wish.event_id })?;
    is_on_sale(event, now)?;
    has_places(event, wish.lines.iter().map(|line| (line.ticket_type_id, line.quantity)))?;
    let (lines, total) = priced(event, wish)?;

    let order = Order {
        id: book.next_order(),
        reference: wish.reference.clone(),
        event_id: wish.event_id,
        buyer: wish.buyer.clone(),
        lines,
        total,
        status: OrderStatus::Held { hold_until: wish.hold_until },
        hold_extended: false,
        created_at: now,
        updated_at: now,
    };
    move_order(book, &order, Move::Hold);
    book.add_order(order.clone());
    Ok(order)
}

/// Whether tickets of the event can be sold now.
pub(super) fn is_on_sale(event: &Event, now: Timestamp) -> Result<(), Refusal> {
    if event.status == EventStatus::Cancelled {
        return Err(Refusal::EventCancelled);
    }
    match event.ends_at {
        Some(ended_at) if ended_at <= now => Err(Refusal::EventOver { ended_at }),
        _ => Ok(()),
    }
}

fn is_same(order: &Order, wish: &Hold) -> bool {
    let wanted = wish.lines.iter().map(|line| (line.ticket_type_id, line.quantity));
    order.event_id == wish.event_id
        && order.buyer == wish.buyer
        && order.lines.iter().map(|line| (line.ticket_type_id, line.quantity)).eq(wanted)
}

fn priced(event: &Event, wish: &Hold) -> Result<(Vec<OrderLine>, Money), Refusal> {
    let mut lines = Vec::with_capacity(wish.lines.len());
    let mut total = Money::zero(event.currency);
    for line in &wish.lines {
        let ticket_type = event.ticket_types.iter().find(|ticket_type| ticket_type.id == line.ticket_type_id);
        let unit_price = ticket_type.ok_or(Refusal::TicketTypeUnknown { ticket_type_id: line.ticket_type_id })?.price;
        let price = unit_price.checked_mul(line.quantity).map_err(|_| Refusal::TotalTooLarge)?;
        total = total.checked_add(price).map_err(|_| Refusal::TotalTooLarge)?;
        lines.push(OrderLine { ticket_type_id: line.ticket_type_id, quantity: line.quantity, unit_price });
    }
    Ok((lines, total))
}

/// Gives the places of an unpaid order back because its buyer wants so. On repeat, nothing more happens.
pub fn release(book: &mut Book, now: Timestamp, wish: &Release) -> Result<Order, Refusal> {
    let order = book.order_by_reference(&wish.reference).cloned().ok_or(Refusal::OrderUnknown)?;
    match order.status {
        OrderStatus::Cancelled => return Ok(order),
        OrderStatus::Paid => return Err(Refusal::OrderPaid),
        OrderStatus::Expired => return Err(Refusal::HoldExpired),
        OrderStatus::Held { .. } => {}
    }
    if book.attempts_of(order.id).any(|attempt| attempt.status == AttemptStatus::Processing) {
        return Err(Refusal::PaymentInProgress);
    }
    Ok(end_hold(book, now, &order, OrderStatus::Cancelled, Actor::Person(wish.actor.clone()), "given up by the buyer"))
}

/// Gives the places of an order back whose hold has run out. Does nothing where it has not.
pub fn expire(book: &mut Book, now: Timestamp, id: OrderId) -> Option<Order> {
    let order = book.orders.get(&id)?.clone();
    match order.status {
        OrderStatus::Held { hold_until } if hold_until <= now => {
            Some(end_hold(book, now, &order, OrderStatus::Expired, Actor::System, "not paid in time"))
        }
        _ => None,
    }
}

/// The one way from held to expired or cancelled.
pub(super) fn end_hold(
    book: &mut Book,
    now: Timestamp,
    order: &Order,
    status: OrderStatus,
    actor: Actor,
    reason: &str,
) -> Order {
    let ended = Order { status, updated_at: now, ..order.clone() };
    move_order(book, order, Move::Release);
    book.orders.update(&order.id, |row| row.clone_from(&ended));
    let change = Change::of(order.reference.as_str(), order.status.name(), status.name());
    book.note(now, order.id, actor, "order.hold_ended", reason, change);
    ended
}
