use super::holds::{end_hold, is_on_sale};
use crate::domain::audit::Actor;
use crate::domain::book::{Book, Change};
use crate::domain::code::Reference;
use crate::domain::order::OrderStatus;
use crate::domain::payment::{
    Attempt, AttemptStatus, CheckoutReport, CheckoutResult, OpenAttempt, OpenedAttempt, POLL_FOR, Poll,
};
use crate::domain::refusal::Refusal;
use jiff::{SignedDuration, Timestamp};

/// Writes an attempt down before the gateway is called. A repeat with the same content finds the same attempt.
pub fn open_attempt(book: &mut Book, now: Timestamp, wish: &OpenAttempt) -> Result<OpenedAttempt, Refusal> {
    let order = book.order_by_reference(&wish.order).cloned().ok_or(Refusal::OrderUnknown)?;
    if let Some(attempt) = book.attempts.get(&wish.reference) {
        let same = attempt.order_id == order.id && attempt.gateway == wish.gateway && attempt.mode == wish.mode;
        return if same {
            Ok(OpenedAttempt { order, attempt: attempt.clone(), first: false })
        } else {
            Err(Refusal::KeyReused)
        };
    }
    match order.status {
        OrderStatus::Held { hold_until } if hold_until > now => {}
        OrderStatus::Held { .. } | OrderStatus::Expired => return Err(Refusal::HoldExpired),
        OrderStatus::Paid => return Err(Refusal::OrderPaid),
        OrderStatus::Cancelled => return Err(Refusal::OrderCancelled),
    }
    let event = book.events.get(&order.event_id).ok_or(Refusal::EventUnknown { event_id: order.event_id })?;
    is_on_sale(event, now)?;

    let attempt = Attempt {
        reference: wish.reference.clone(),
        order_id: order.id,
        gateway: wish.gateway.clone(),
        amount: order.total,
        mode: wish.mode,
        status: AttemptStatus::Created,
        checkout: None,
        last_seen: None,
        captured: None,
        poll: Some(Poll { at: now + interval(0), count: 0 }),
        created_at: now,
        updated_at: now,
    };
    book.add_attempt(attempt.clone());
    Ok(OpenedAttempt { order, attempt, first: true })
}

/// Writes down what came of asking the gateway for a checkout. A webhook may have been faster: then only the checkout is kept.
pub fn report_checkout(book: &mut Book, now: Timestamp, report: &CheckoutReport) -> Result<Attempt, Refusal> {
    let attempt = book.attempts.get(&report.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
    // Two calls may ask for the same checkout at once. Whoever opened it, or does not know, is right against who could not: money
    // may come.
    let is_new = matches!(attempt.status, AttemptStatus::Created | AttemptStatus::Unknown | AttemptStatus::Dropped);
    let poll = attempt.poll.or(Some(Poll { at: now + interval(0), count: 0 }));
    match &report.result {
        CheckoutResult::Opened(checkout) => book.attempts.update(&attempt.reference, |row| {
            if is_new {
                row.status = AttemptStatus::Open;
                row.poll = poll;
            }
            row.checkout.get_or_insert_with(|| checkout.clone());
            row.updated_at = now;
        }),
        CheckoutResult::Unknown if is_new => book.attempts.update(&attempt.reference, |row| {
            row.status = AttemptStatus::Unknown;
            row.poll = poll;
            row.updated_at = now;
        }),
        CheckoutResult::NotOpened { reason, release } if attempt.status == AttemptStatus::Created => {
            book.attempts.update(&attempt.reference, |row| {
                row.status = AttemptStatus::Dropped;
                row.poll = None;
                row.updated_at = now;
            });
            let change = Change::of(attempt.reference.as_str(), attempt.status.name(), AttemptStatus::Dropped.name());
            book.note(now, attempt.order_id, Actor::System, "attempt.not_opened", reason, change);
            if *release {
                release_if_hopeless(book, now, &attempt);
            }
        }
        CheckoutResult::Unknown | CheckoutResult::NotOpened { .. } => {}
    }
    book.attempts.get(&report.reference).cloned().ok_or(Refusal::AttemptUnknown)
}

/// Gives the order's places back, unless another of its attempts may still bring money.
fn release_if_hopeless(book: &mut Book, now: Timestamp, dropped: &Attempt) {
    let hopeless = book.attempts_of(dropped.order_id).all(|other| other.status == AttemptStatus::Dropped);
    let Some(order) = book.orders.get(&dropped.order_id).cloned() else { return };
    if hopeless && matches!(order.status, OrderStatus::Held { .. }) {
        end_hold(book, now, &order, OrderStatus::Cancelled, Actor::System, "no checkout could be opened");
    }
}

/// Takes an attempt to ask the gateway about, and plans the next time: nobody else takes it until then.
/// One that has been open for [`POLL_FOR`] lapses only when this question is answered, see [`settle`](super::settle).
pub fn claim_poll(book: &mut Book, now: Timestamp, reference: &Reference) -> Option<Attempt> {
    let attempt = book.attempts.get(reference)?.clone();
    let poll = attempt.poll.filter(|poll| poll.at <= now)?;
    if now.duration_since(attempt.created_at) >= POLL_FOR && attempt.status.has_captured() {
        book.attempts.update(reference, |row| row.poll = None);
        return None;
    }
    book.attempts
        .update(reference, |row| row.poll = Some(Poll { at: now + interval(poll.count + 1), count: poll.count + 1 }));
    book.attempts.get(reference).cloned()
}

/// 30 s, doubling, at most an hour: some 100 questions in 96 hours.
fn interval(count: u32) -> SignedDuration {
    SignedDuration::from_secs((30_i64 << count.min(7)).min(3600))
}
