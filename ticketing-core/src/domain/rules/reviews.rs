use super::refunds::owe_refund;
use super::settle::{capture, turn};
use super::stock::has_places;
use crate::domain::audit::Actor;
use crate::domain::book::{Book, Change};
use crate::domain::code::{Reference, Seed};
use crate::domain::order::OrderStatus;
use crate::domain::payment::{Attempt, AttemptStatus};
use crate::domain::principal::Principal;
use crate::domain::refund::RefundReason;
use crate::domain::refusal::Refusal;
use jiff::Timestamp;

/// A person's decision on money that was not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The attempt in review.
    pub reference: Reference,
    /// The decision.
    pub verdict: Verdict,
    /// Why, in words: written to the audit log.
    pub note: String,
    /// Who decides.
    pub actor: Principal,
    /// Ticket codes and the refund's key are derived from this.
    pub seed: Seed,
}

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What came is enough: issue the tickets.
    Accept,
    /// Send back what came.
    Refund,
}

/// Applies a person's decision on an attempt in review. A second decision is refused.
pub fn resolve_review(book: &mut Book, now: Timestamp, wish: &Resolve) -> Result<Attempt, Refusal> {
    let attempt = book.attempts.get(&wish.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
    let order = book.orders.get(&attempt.order_id).cloned().ok_or(Refusal::OrderUnknown)?;
    let captured = match (&attempt.status, &attempt.captured) {
        (AttemptStatus::Review, Some(captured)) => captured.clone(),
        _ => return Err(Refusal::NotInReview),
    };
    if wish.verdict == Verdict::Accept
        && order.status != OrderStatus::Paid
        && !matches!(order.status, OrderStatus::Held { .. })
    {
        // The person asked for tickets: where there are none left they must hear so, not find a refund instead.
        let event = book.events.get(&order.event_id).ok_or(Refusal::EventUnknown { event_id: order.event_id })?;
        has_places(event, order.lines.iter().map(|line| (line.ticket_type_id, line.quantity)))?;
    }

    let verdict = match wish.verdict {
        Verdict::Accept => "accepted",
        Verdict::Refund => "refunded",
    };
    let change = Change::of(attempt.reference.as_str(), attempt.status.name(), verdict);
    book.note(now, order.id, Actor::Person(wish.actor.clone()), "review.resolved", &wish.note, change);
    match wish.verdict {
        Verdict::Accept => capture(book, now, &attempt, &order, &captured, &wish.seed),
        Verdict::Refund => {
            turn(book, now, &attempt, AttemptStatus::RefundDue, &wish.note);
            owe_refund(book, now, &attempt, &order, captured.amount, RefundReason::Review, &wish.seed);
        }
    }
    book.attempts.get(&wish.reference).cloned().ok_or(Refusal::AttemptUnknown)
}
