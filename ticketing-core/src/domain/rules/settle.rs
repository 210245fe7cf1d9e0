//! What the gateway says of an attempt, applied. The one place where money becomes tickets.

use super::holds::{end_hold, is_on_sale};
use super::refunds::owe_refund;
use super::stock::{Move, has_places, move_order, move_places};
use crate::domain::audit::Actor;
use crate::domain::book::{Book, Change};
use crate::domain::code::{Seed, TicketCode};
use crate::domain::event::EventStatus;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::outbox::MailKind;
use crate::domain::payment::{
    Attempt, AttemptStatus, Captured, FREE_GATEWAY, Observation, POLL_FOR, Settle, Settlement,
};
use crate::domain::refund::{Refund, RefundReason, RefundStatus};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Ticket, TicketStatus};
use jiff::{SignedDuration, Timestamp};

/// How long a hold is extended, once, when the gateway says that a payment is in progress.
const PROCESSING_EXTENSION: SignedDuration = SignedDuration::from_mins(15);

/// Applies what the gateway says of an attempt. May be called any number of times, in any order, from anywhere: an order gets
/// its tickets once, every other capture goes back or to review, and nothing moves backwards.
pub fn settle(book: &mut Book, now: Timestamp, said: &Settle) -> Result<Settlement, Refusal> {
    let attempt = book.attempts.get(&said.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
    let order = book.orders.get(&attempt.order_id).cloned().ok_or(Refusal::OrderUnknown)?;
    // What a person is to decide about is not the end: where the gateway says by now that all is as it should be, it is.
    let cleared = attempt.status == AttemptStatus::Review
        && matches!(&said.observation, Observation::Success(captured) if attempt.mismatch(captured).is_none());
    if attempt.status.has_captured() && !cleared {
        match said.observation {
            Observation::Reversed => take_back(book, now, &attempt, &order, AttemptStatus::Reversed),
            Observation::Disputed => take_back(book, now, &attempt, &order, AttemptStatus::Disputed),
            _ => {}
        }
        return current(book, &attempt);
    }
    match &said.observation {
        Observation::Success(captured) | Observation::Mismatched(captured) => {
            book.attempts.update(&attempt.reference, |row| {
                row.captured = Some(captured.clone());
                row.poll = None;
                row.last_seen = Some(said.raw_status.clone());
                row.updated_at = now;
            });
            let about_another = matches!(said.observation, Observation::Mismatched(_));
            let another = about_another.then(|| "the gateway answered about another payment".to_owned());
            match another.or_else(|| attempt.mismatch(captured)) {
                Some(reason) => {
                    turn(book, now, &attempt, AttemptStatus::Review, &reason);
                    if about_another {
                        // Of this very attempt nothing is known yet, so it is asked about on.
                        book.attempts.update(&attempt.reference, |row| row.poll = attempt.poll);
                    }
                }
                None => capture(book, now, &attempt, &order, captured, &said.seed),
            }
        }
        Observation::Reversed => {
            book.attempts.update(&attempt.reference, |row| row.poll = None);
            turn(book, now, &attempt, AttemptStatus::Reversed, "paid and taken back before we saw it");
        }
        // A dispute before the charge was seen: the charge is asked about as ever, and the dispute told again.
        Observation::Disputed => see(book, now, &attempt, said, attempt.status),
        Observation::Processing => see(book, now, &attempt, said, AttemptStatus::Processing),
        Observation::Failed => see(book, now, &attempt, said, AttemptStatus::Failed),
        Observation::Open => see(book, now, &attempt, said, AttemptStatus::Open),
        // "Not found" is not "failed": the initialize call may still be under way, or its answer lost.
        Observation::NotFound | Observation::Unrecognised => see(book, now, &attempt, said, attempt.status),
    }
    current(book, &attempt)
}

/// Tickets for a captured amount that is what was asked for; else the money goes back.
pub(super) fn capture(
    book: &mut Book,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    captured: &Captured,
    seed: &Seed,
) {
    let Some(event) = book.events.get(&order.event_id).cloned() else { return };
    let places = || order.lines.iter().map(|line| (line.ticket_type_id, line.quantity));
    let places_from = match order.status {
        OrderStatus::Paid => Err((RefundReason::Duplicate, "the order was already paid by another attempt")),
        _ if event.status == EventStatus::Cancelled => Err((RefundReason::EventCancelled, "the event was called off")),
        OrderStatus::Held { .. } => Ok(Move::Sell),
        OrderStatus::Expired | OrderStatus::Cancelled => {
            match is_on_sale(&event, now).and_then(|()| has_places(&event, places())) {
                Ok(()) => Ok(Move::SellAgain),
                Err(_) => Err((RefundReason::Late, "paid after the hold had ended, and the places are gone")),
            }
        }
    };
    match places_from {
        Ok(from) => fulfil(book, now, attempt, order, from, seed),
        Err((reason, why)) => {
            if let (RefundReason::EventCancelled, OrderStatus::Held { .. }) = (reason, order.status) {
                end_hold(book, now, order, OrderStatus::Cancelled, Actor::System, why);
            }
            turn(book, now, attempt, AttemptStatus::RefundDue, why);
            owe_refund(book, now, attempt, order, captured.amount, reason, seed);
        }
    }
}

fn fulfil(book: &mut Book, now: Timestamp, attempt: &Attempt, order: &Order, from: Move, seed: &Seed) {
    move_order(book, order, from);
    book.orders.update(&order.id, |row| {
        row.status = OrderStatus::Paid;
        row.updated_at = now;
    });
    let mut index = 0;
    for (line, wanted) in (0..).zip(&order.lines) {
        for ordinal in 0..wanted.quantity {
            let ticket = Ticket {
                id: book.next_ticket(),
                code: TicketCode::derive(seed, index),
                order_id: order.id,
                line,
                ordinal,
                event_id: order.event_id,
                ticket_type_id: wanted.ticket_type_id,
                holder: order.buyer.who.clone(),
                price: wanted.unit_price,
                status: TicketStatus::Active,
                issued_at: now,
                updated_at: now,
            };
            book.add_ticket(ticket);
            index += 1;
        }
    }
    book.owe_mail(now, order.id, MailKind::Tickets, order.buyer.email.clone());
    let reason = match from {
        Move::SellAgain => "paid after the hold had ended; the places were still free",
        _ => "paid in time",
    };
    let change = Change::of(order.reference.as_str(), order.status.name(), OrderStatus::Paid.name());
    book.note(now, order.id, by(attempt), "order.paid", reason, change);
    turn(book, now, attempt, AttemptStatus::Fulfilled, reason);
}

/// Notes what was seen of an attempt that has brought no money.
fn see(book: &mut Book, now: Timestamp, attempt: &Attempt, said: &Settle, status: AttemptStatus) {
    // A dropped or lapsed attempt is revived by money only.
    let ended = matches!(attempt.status, AttemptStatus::Dropped | AttemptStatus::Lapsed);
    let status = if ended { attempt.status } else { status };
    if status != attempt.status || attempt.last_seen.as_deref() != Some(&said.raw_status) {
        book.attempts.update(&attempt.reference, |row| {
            row.status = status;
            row.last_seen = Some(said.raw_status.clone());
            row.updated_at = now;
        });
    }
    if status == AttemptStatus::Processing {
        extend_hold(book, now, attempt);
    }
    // Only an answer ends the asking: while nobody could ask, for days even, money may have come.
    if !ended && now.duration_since(attempt.created_at) >= POLL_FOR {
        book.attempts.update(&attempt.reference, |row| {
            row.status = AttemptStatus::Lapsed;
            row.poll = None;
            row.updated_at = now;
        });
        let change = Change::of(attempt.reference.as_str(), attempt.status.name(), AttemptStatus::Lapsed.name());
        book.note(now, attempt.order_id, Actor::System, "attempt.lapsed", "no money came", change);
    }
}

fn extend_hold(book: &mut Book, now: Timestamp, attempt: &Attempt) {
    let Some(order) = book.orders.get(&attempt.order_id) else { return };
    if let (OrderStatus::Held { hold_until }, false) = (order.status, order.hold_extended) {
        let reference = order.reference.clone();
        let hold_until = hold_until.max(now + PROCESSING_EXTENSION);
        book.orders.update(&attempt.order_id, |row| {
            row.status = OrderStatus::Held { hold_until };
            row.hold_extended = true;
            row.updated_at = now;
        });
        let change = Change { subject: Some(reference.as_str()), ..Change::default() };
        book.note(now, attempt.order_id, by(attempt), "order.hold_extended", "a payment is in progress", change);
    }
}

/// The gateway took back money that had come, or holds it back while it is disputed.
fn take_back(book: &mut Book, now: Timestamp, attempt: &Attempt, order: &Order, status: AttemptStatus) {
    // Our own refunds look the same from there. Only what we did not send back ourselves is news.
    let ours: i64 = book
        .refunds_of(order.id)
        .filter(|refund| refund.attempt == attempt.reference)
        // What never left cannot be what is seen there.
        .filter(|refund| !matches!(refund.status, RefundStatus::Due | RefundStatus::Failed))
        .map(|refund| refund.amount.minor())
        .sum();
    // What a payer added for the gateway's fees is not ours to send back.
    let captured = attempt.captured.as_ref().map_or(0, |captured| captured.amount.minor().min(attempt.amount.minor()));
    let known = attempt.status == status || attempt.status == AttemptStatus::Reversed;
    if known || ours >= captured {
        return;
    }
    if attempt.status == AttemptStatus::Fulfilled {
        let valid: Vec<Ticket> =
            book.tickets_of(order.id).filter(|ticket| ticket.status.takes_a_place()).cloned().collect();
        for ticket in &valid {
            book.tickets.update(&ticket.id, |row| {
                row.status = TicketStatus::Cancelled;
                row.updated_at = now;
            });
        }
        let places: Vec<_> = valid.iter().map(|ticket| (ticket.ticket_type_id, 1)).collect();
        move_places(book, order.event_id, &places, Move::Return);
    }
    let reason = match status {
        AttemptStatus::Disputed => "the payer disputes the charge",
        _ => "the gateway took the money back",
    };
    turn(book, now, attempt, status, reason);
}

/// The one way an attempt's money finds or changes its end.
pub(super) fn turn(book: &mut Book, now: Timestamp, attempt: &Attempt, status: AttemptStatus, reason: &str) {
    book.attempts.update(&attempt.reference, |row| {
        row.status = status;
        row.poll = None;
        row.updated_at = now;
    });
    let action = format!("attempt.{}", status.name());
    let change = Change::of(attempt.reference.as_str(), attempt.status.name(), status.name());
    book.note(now, attempt.order_id, by(attempt), &action, reason, change);
}

fn by(attempt: &Attempt) -> Actor {
    if attempt.gateway == FREE_GATEWAY { Actor::System } else { Actor::Gateway(attempt.gateway.clone()) }
}

/// What became of an attempt so far.
fn current(book: &Book, before: &Attempt) -> Result<Settlement, Refusal> {
    let attempt = book.attempts.get(&before.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
    let order = book.orders.get(&attempt.order_id).cloned().ok_or(Refusal::OrderUnknown)?;
    Ok(match attempt.status {
        AttemptStatus::Fulfilled => {
            let tickets = book.tickets_of(order.id).cloned().collect();
            Settlement::Fulfilled { order, tickets, first: before.status != AttemptStatus::Fulfilled }
        }
        AttemptStatus::RefundDue => {
            let refund: Option<Refund> =
                book.refunds_of(order.id).find(|refund| refund.attempt == attempt.reference).cloned();
            Settlement::RefundDue { order, refund: refund.ok_or(Refusal::RefundUnknown)? }
        }
        AttemptStatus::Review => Settlement::Review { order, attempt },
        AttemptStatus::Reversed | AttemptStatus::Disputed => Settlement::Reversed { order },
        AttemptStatus::Failed | AttemptStatus::Dropped => Settlement::Failed { order, attempt },
        AttemptStatus::Created
        | AttemptStatus::Unknown
        | AttemptStatus::Open
        | AttemptStatus::Processing
        | AttemptStatus::Lapsed => Settlement::Open { order, attempt },
    })
}
