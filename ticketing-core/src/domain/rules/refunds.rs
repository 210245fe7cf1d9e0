//! Money on its way back: decided here once, sent to the gateway by upkeep.

use super::holds::end_hold;
use super::stock::{Move, move_places};
use crate::domain::audit::Actor;
use crate::domain::book::{Book, Change};
use crate::domain::code::{Reference, Seed};
use crate::domain::event::EventStatus;
use crate::domain::id::{OrderId, RefundId, TicketId};
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::outbox::MailKind;
use crate::domain::payment::{Attempt, AttemptStatus};
use crate::domain::refund::{Refund, RefundReason, RefundReport, RefundRequest, RefundStatus};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Ticket, TicketStatus};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// All of an attempt's money goes back, because it buys nothing.
pub(super) fn owe_refund(
    book: &mut Book,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    amount: Money,
    reason: RefundReason,
    seed: &Seed,
) -> Refund {
    let key = Reference::of_attempt(seed);
    add_refund(
        book,
        now,
        Owed { key, order, attempt, amount, reason, note: None, tickets: vec![], actor: Actor::System },
    )
}

struct Owed<'a> {
    key: Reference,
    order: &'a Order,
    attempt: &'a Attempt,
    amount: Money,
    reason: RefundReason,
    note: Option<String>,
    tickets: Vec<TicketId>,
    actor: Actor,
}

fn add_refund(book: &mut Book, now: Timestamp, owed: Owed<'_>) -> Refund {
    // Nothing is to be sent back for a free ticket.
    let status = if owed.amount.is_zero() { RefundStatus::Processed } else { RefundStatus::Due };
    let refund = Refund {
        id: book.next_refund(),
        key: owed.key,
        order_id: owed.order.id,
        attempt: owed.attempt.reference.clone(),
        amount: owed.amount,
        reason: owed.reason,
        note: owed.note,
        tickets: owed.tickets,
        status,
        gateway_id: None,
        last_seen: None,
        tries: 0,
        next_at: (status == RefundStatus::Due).then_some(now),
        created_at: now,
        updated_at: now,
    };
    book.add_refund(refund.clone());
    book.owe_mail(now, owed.order.id, MailKind::Refund(refund.id), owed.order.buyer.email.clone());
    let change = Change { subject: Some(refund.key.as_str()), before: None, after: Some(status.name()) };
    book.note(now, owed.order.id, owed.actor, "refund.decided", owed.reason.name(), change);
    refund
}

/// Decides that tickets of a paid order go back: they are void at once, their places are free, the money follows.
/// A repeat with the same key finds the same refund. Never more goes back than came: who wants all tickets refunded for which less
/// was accepted gets that.
pub fn request_refund(book: &mut Book, now: Timestamp, wish: &RefundRequest) -> Result<Refund, Refusal> {
    let order = book.order_by_reference(&wish.order).cloned().ok_or(Refusal::OrderUnknown)?;
    // A set: a ticket that is named twice must not be paid back twice, nor free two places.
    let wanted: BTreeSet<TicketId> = wish.tickets.iter().copied().collect();
    if let Some(refund) = book.refund_by_key(&wish.key) {
        let same = refund.order_id == order.id && (wanted.is_empty() || refund.tickets.iter().eq(&wanted));
        return if same { Ok(refund.clone()) } else { Err(Refusal::KeyReused) };
    }
    let actor = Actor::Person(wish.actor.clone());
    refund_tickets(book, now, &order, &wanted, &wish.key, wish.reason, wish.note.clone(), actor)
}

#[expect(clippy::too_many_arguments, reason = "the two callers have nothing in common but these")]
fn refund_tickets(
    book: &mut Book,
    now: Timestamp,
    order: &Order,
    wanted: &BTreeSet<TicketId>,
    key: &Reference,
    reason: RefundReason,
    note: Option<String>,
    actor: Actor,
) -> Result<Refund, Refusal> {
    let attempt = book.attempts_of(order.id).find(|attempt| attempt.status == AttemptStatus::Fulfilled).cloned();
    let attempt = attempt.ok_or(Refusal::NothingToRefund)?;
    let valid: Vec<Ticket> =
        book.tickets_of(order.id).filter(|ticket| ticket.status.takes_a_place()).cloned().collect();
    let chosen: Vec<Ticket> = if wanted.is_empty() {
        valid.clone()
    } else {
        let chosen = wanted.iter().map(|id| valid.iter().find(|ticket| ticket.id == *id).cloned());
        chosen.collect::<Option<_>>().ok_or(Refusal::NothingToRefund)?
    };
    if chosen.is_empty() {
        return Err(Refusal::NothingToRefund);
    }
    let refundable = refundable(book, order.id, &attempt);
    let sum = |tickets: &[Ticket]| tickets.iter().map(|ticket| ticket.price.minor()).sum::<i64>();
    let amount = if paid_in_full(order, &attempt) {
        sum(&chosen)
    } else {
        // A person took less, or another currency, for enough: the tickets' prices say nothing of what came. Each ticket
        // takes its share of what is left of it along, and the last one the rest.
        share(refundable.minor(), sum(&chosen), sum(&valid))
    };
    let amount = Money::new(amount, refundable.currency()).map_err(|_| Refusal::TotalTooLarge)?;
    if amount.minor() > refundable.minor() {
        return Err(Refusal::RefundExceedsPaid { refundable });
    }

    for ticket in &chosen {
        book.tickets.update(&ticket.id, |row| {
            row.status = TicketStatus::Refunded;
            row.updated_at = now;
        });
    }
    let places: Vec<_> = chosen.iter().map(|ticket| (ticket.ticket_type_id, 1)).collect();
    move_places(book, order.event_id, &places, Move::Return);
    let tickets = chosen.iter().map(|ticket| ticket.id).collect();
    Ok(add_refund(book, now, Owed { key: key.clone(), order, attempt: &attempt, amount, reason, note, tickets, actor }))
}

/// Whether what came covers the order's total, in its currency.
fn paid_in_full(order: &Order, attempt: &Attempt) -> bool {
    attempt.captured.as_ref().is_none_or(|captured| {
        captured.amount.currency() == order.total.currency() && captured.amount.minor() >= order.total.minor()
    })
}

/// `part` of `whole` parts of `amount`, rounded down.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let share = i128::from(amount) * i128::from(part) / i128::from(whole.max(1));
    i64::try_from(share).unwrap_or(amount)
}

/// What of an attempt's money is not on its way back yet. Refunds count from their decision on, whatever became of them:
/// one that failed is tried again, it does not make room for another.
fn refundable(book: &Book, order: OrderId, attempt: &Attempt) -> Money {
    let captured = attempt.captured.as_ref().map_or(attempt.amount, |captured| captured.amount);
    let going: i64 = book
        .refunds_of(order)
        .filter(|refund| refund.attempt == attempt.reference)
        .map(|refund| refund.amount.minor())
        .sum();
    Money::new(captured.minor() - going, captured.currency()).unwrap_or(Money::zero(captured.currency()))
}

/// Undoes one order of an event that was called off: an unpaid one is cancelled, a paid one refunded. On repeat, nothing
/// more happens, so that the work can be taken up again anywhere after a crash.
pub fn undo_order_of_cancelled_event(book: &mut Book, now: Timestamp, id: OrderId, seed: &Seed) -> Option<Order> {
    let order = book.orders.get(&id)?.clone();
    if book.events.get(&order.event_id)?.status != EventStatus::Cancelled {
        return None;
    }
    match order.status {
        OrderStatus::Held { .. } => {
            end_hold(book, now, &order, OrderStatus::Cancelled, Actor::System, "the event was called off");
            book.owe_mail(now, order.id, MailKind::EventCancelled, order.buyer.email.clone());
        }
        OrderStatus::Paid => {
            let key = Reference::of_attempt(seed);
            let why = RefundReason::EventCancelled;
            refund_tickets(book, now, &order, &BTreeSet::new(), &key, why, None, Actor::System).ok()?;
        }
        OrderStatus::Expired | OrderStatus::Cancelled => return None,
    }
    book.orders.get(&id).cloned()
}

/// Takes a refund to ask the gateway for it, or about it: nobody else takes it until the lease ends. One that was due is
/// marked unknown first, so that whatever happens to the call, it is looked up before anything is sent again.
/// Gives the refund as it stood before, which says whether it is to be sent or looked up.
pub fn claim_refund(book: &mut Book, now: Timestamp, id: RefundId, lease: SignedDuration) -> Option<Refund> {
    let refund = book.refunds.get(&id)?.clone();
    if refund.next_at.is_none_or(|next_at| next_at > now) {
        return None;
    }
    book.refunds.update(&id, |row| {
        if row.status == RefundStatus::Due {
            row.status = RefundStatus::Unknown;
        }
        row.tries += 1;
        row.next_at = Some(now + lease);
        row.updated_at = now;
    });
    Some(Refund { tries: refund.tries + 1, ..refund })
}

/// Writes down what the gateway says of a refund. A processed refund stays processed, whatever is said later, and who was held
/// up for longer than their lease cannot make a refund due again that somebody else has sent meanwhile.
pub fn report_refund(book: &mut Book, now: Timestamp, report: &RefundReport) -> Result<Refund, Refusal> {
    let refund = book.refunds.get(&report.id).cloned().ok_or(Refusal::RefundUnknown)?;
    if refund.status == RefundStatus::Processed {
        // Woken by a webhook that came late: looked up now, and not again and again.
        book.refunds.update(&report.id, |row| row.next_at = None);
        return book.refunds.get(&report.id).cloned().ok_or(Refusal::RefundUnknown);
    }
    if report.tries != refund.tries {
        let is_news = report.gateway_id.is_some()
            // The older call may have arrived after all: so it is looked up once more before anything is sent.
            || (report.status == RefundStatus::Unknown && refund.status == RefundStatus::Due);
        if !is_news {
            return Ok(refund);
        }
    }
    // Who looked and did not find it must not undo what another has heard of the gateway meanwhile: it would be sent again.
    let is_known = matches!(refund.status, RefundStatus::Pending | RefundStatus::Failed | RefundStatus::NeedsAttention);
    if report.status == RefundStatus::Due && is_known {
        return Ok(refund);
    }
    book.refunds.update(&report.id, |row| {
        row.status = report.status;
        row.gateway_id = report.gateway_id.clone().or(row.gateway_id.take());
        row.last_seen = Some(report.raw_status.clone());
        row.next_at = match report.status {
            RefundStatus::Due | RefundStatus::Unknown | RefundStatus::Pending => Some(now + interval(row.tries)),
            RefundStatus::Processed | RefundStatus::Failed | RefundStatus::NeedsAttention => None,
        };
        row.updated_at = now;
    });
    if report.status != refund.status {
        let change = Change::of(refund.key.as_str(), refund.status.name(), report.status.name());
        book.note(now, refund.order_id, Actor::System, "refund.seen", &report.raw_status, change);
    }
    book.refunds.get(&report.id).cloned().ok_or(Refusal::RefundUnknown)
}

/// Lets upkeep try a refund again that the gateway gave up. Does nothing to one that is under way or done.
pub fn retry_refund(book: &mut Book, now: Timestamp, id: RefundId, actor: Actor) -> Result<Refund, Refusal> {
    let refund = book.refunds.get(&id).cloned().ok_or(Refusal::RefundUnknown)?;
    if matches!(refund.status, RefundStatus::Failed | RefundStatus::NeedsAttention) {
        book.refunds.update(&id, |row| {
            // What failed there has moved no money. What wants attention may have; and what was refused may have been so because
            // an earlier try had arrived after all. Both are looked up first.
            let failed_there = row.status == RefundStatus::Failed && row.gateway_id.is_some();
            row.status = if failed_there { RefundStatus::Due } else { RefundStatus::Unknown };
            row.tries = 0;
            row.next_at = Some(now);
            row.updated_at = now;
        });
        let after = book.refunds.get(&id).map_or(refund.status, |refund| refund.status);
        let change = Change::of(refund.key.as_str(), refund.status.name(), after.name());
        book.note(now, refund.order_id, actor, "refund.retried", "tried again by hand", change);
    }
    book.refunds.get(&id).cloned().ok_or(Refusal::RefundUnknown)
}

/// A minute, doubling, at most 6 hours.
fn interval(tries: u32) -> SignedDuration {
    SignedDuration::from_secs((60_i64 << tries.min(9)).min(6 * 3600))
}
