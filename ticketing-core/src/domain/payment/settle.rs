//! Settling: applying the gateway's report about an attempt. The only place where money becomes tickets.

use super::dispute::{self, DisputeNews, DisputeStage};
use super::{Attempt, AttemptStatus, Attention, Captured, FREE_GATEWAY, Observation, POLL_FOR, Settle, Settlement};
use crate::domain::attendee;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::{Reference, Seed, TicketCode};
use crate::domain::command::Command;
use crate::domain::event::EventStatus;
use crate::domain::id::{OrderId, TicketId};
use crate::domain::load::LoadKeys;
use crate::domain::order::{Order, OrderStatus, end_hold, may_be_going_on};
use crate::domain::order_details::OrderDetails;
use crate::domain::outbox::{self, MailKind};
use crate::domain::refund::{self, Refund, RefundReason, RefundStatus, owe_refund};
use crate::domain::refusal::Refusal;
use crate::domain::stock::{self, Move, Places, has_places, move_order};
use crate::domain::ticket::{self, Ticket, TicketStatus, void_tickets};
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// How long a hold is extended, once, when the gateway reports that a payment is in progress.
const PROCESSING_EXTENSION: SignedDuration = SignedDuration::from_mins(15);

/// Applies the gateway's report about an attempt. Reports may arrive any number of times and in any order: an order gets its tickets
/// once, every other capture is refunded or reviewed, and nothing moves backwards.
impl Command for Settle {
    type Outcome = Result<Settlement, Refusal>;
    const NAME: &'static str = "settle";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Attempt>(&self.reference);
        if let Some(attempt) = rows.attempts.loaded_row(&self.reference) {
            money_needs(rows, load, attempt);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Settlement, Refusal> {
        let attempt = rows.attempts.get(&self.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
        let order = rows.orders.get(&attempt.order_id).cloned().ok_or(Refusal::OrderUnknown)?;
        // Review is not final: if the gateway now reports exactly what was requested, the payment is accepted. While it has only
        // answered about another payment, what it reports about this one replaces that.
        let cleared = attempt.status == AttemptStatus::Review
            && matches!(&self.observation, Observation::Success(captured)
                if attempt.is_capture_unknown() || attempt.mismatch(captured).is_none());
        if attempt.status.has_captured() && !cleared {
            match &self.observation {
                Observation::Reversed => {
                    take_back(rows, now, &attempt, &order, AttemptStatus::Reversed);
                }
                Observation::Disputed => {
                    // The gateway's answer names no dispute: one over all of the money, without an id.
                    let news = DisputeNews::new("", DisputeStage::Open);
                    dispute::record(rows, now, &attempt, &order, &news, &self.seed);
                }
                Observation::Success(captured) if attempt.mismatch(captured).is_none() => {
                    no_longer(rows, now, &attempt, &[Attention::Unreadable, Attention::Contradicted]);
                }
                _ => {}
            }
            return current(rows, &attempt);
        }
        no_longer(rows, now, &attempt, &[Attention::Unreadable]);
        match &self.observation {
            Observation::Success(captured) | Observation::Mismatched(captured) => {
                rows.attempts.update(&attempt.reference, |row| {
                    row.attention.retain(|why| *why != Attention::Contradicted);
                    row.captured = Some(captured.clone());
                    row.poll = None;
                    row.last_seen = Some(self.raw_status.clone());
                    row.updated_at = now;
                });
                let about_another = matches!(self.observation, Observation::Mismatched(_));
                let another = about_another.then(|| "the gateway answered about another payment".to_owned());
                match another.or_else(|| attempt.mismatch(captured)) {
                    Some(reason) => {
                        turn(rows, now, &attempt, AttemptStatus::Review, &reason);
                        if about_another {
                            // Nothing is known about this attempt itself yet, so polling goes on.
                            rows.attempts.update(&attempt.reference, |row| row.poll = attempt.poll);
                        }
                    }
                    None => capture(rows, now, &attempt, &order, captured, &self.seed),
                }
            }
            Observation::Reversed => {
                rows.attempts.update(&attempt.reference, |row| row.poll = None);
                turn(rows, now, &attempt, AttemptStatus::Reversed, "paid and taken back before we saw it");
            }
            // A dispute before the charge was seen: polling goes on, and the dispute is reported again.
            Observation::Disputed => see(rows, now, &attempt, self, attempt.status),
            Observation::Processing => see(rows, now, &attempt, self, AttemptStatus::Processing),
            Observation::Failed => see(rows, now, &attempt, self, AttemptStatus::Failed),
            Observation::Open => see(rows, now, &attempt, self, AttemptStatus::Open),
            // "Not found" is not "failed": the initialize call may still be in flight, or its response was lost.
            Observation::NotFound | Observation::Unrecognised => see(rows, now, &attempt, self, attempt.status),
        }
        current(rows, &attempt)
    }
}

/// The rows that [`capture`], [`take_back`] and refunds read and change.
pub(crate) fn money_needs(rows: &WorkingSet, load: &mut LoadKeys, attempt: &Attempt) {
    order_money_needs(rows, load, attempt.order_id);
}

/// The same for any attempt of an order.
pub(super) fn order_money_needs(rows: &WorkingSet, load: &mut LoadKeys, id: OrderId) {
    load.row::<Order>(&id);
    load.find(refund::BY_ORDER, &id);
    load.find(ticket::BY_ORDER, &id);
    load.find(outbox::BY_ORDER, &id);
    if let Some(order) = rows.orders.loaded_row(&id) {
        stock::needs(rows, load, order);
        if order.has_details {
            load.row::<OrderDetails>(&id);
        }
    }
}

/// Issues the tickets for a matching capture. If that is not possible any more, refunds it.
pub(crate) fn capture(
    rows: &mut WorkingSet,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    captured: &Captured,
    seed: &Seed,
) {
    let Some(event) = rows.events.get(&order.event_id).cloned() else { return };
    let places_from = match order.status {
        OrderStatus::Paid => Err((RefundReason::Duplicate, "the order was already paid by another attempt")),
        _ if event.status == EventStatus::Cancelled => Err((RefundReason::EventCancelled, "the event was called off")),
        OrderStatus::Held { .. } => Ok(Move::Sell),
        // There is nobody to send the tickets to.
        _ if order.buyer.is_erased() => {
            Err((RefundReason::Late, "paid after the hold had ended, and the buyer was erased"))
        }
        OrderStatus::Expired | OrderStatus::Cancelled => {
            if may_be_going_on(&event, now) && has_places(rows, &event, Places::of_order(order)).is_ok() {
                Ok(Move::SellAgain)
            } else {
                Err((RefundReason::Late, "paid after the hold had ended, and the places are gone"))
            }
        }
    };
    match places_from {
        Ok(from) => fulfil(rows, now, attempt, order, from, seed),
        Err((reason, why)) => {
            if let (RefundReason::EventCancelled, OrderStatus::Held { .. }) = (reason, order.status) {
                end_hold(rows, now, order, OrderStatus::Cancelled, Actor::System, why);
            }
            turn(rows, now, attempt, AttemptStatus::RefundDue, why);
            owe_refund(rows, now, attempt, order, captured.amount, reason, seed);
        }
    }
}

fn fulfil(rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt, order: &Order, from: Move, seed: &Seed) {
    move_order(rows, order, from);
    rows.orders.update(&order.id, |row| {
        row.status = OrderStatus::Paid;
        row.updated_at = now;
    });
    let mut index = 0;
    for (line, wanted) in (0..).zip(&order.lines) {
        for ordinal in 0..wanted.quantity {
            let ticket = Ticket {
                id: TicketId(rows.tickets.take_id()),
                code: TicketCode::derive(seed, index),
                order_id: order.id,
                line,
                ordinal,
                event_id: order.event_id,
                ticket_type_id: wanted.ticket_type_id,
                holder: order.buyer.who.clone(),
                price: wanted.unit_price,
                status: TicketStatus::Active,
                keeps_place: false,
                replaces: None,
                issued_at: now,
                updated_at: now,
            };
            rows.tickets.insert(ticket);
            index += 1;
        }
    }
    rows.mail_buyer(now, order, MailKind::Tickets);
    if order.has_details {
        name_attendees(rows, now, order);
    }
    let reason = match from {
        Move::SellAgain => "paid after the hold had ended; the places were still free",
        _ => "paid in time",
    };
    let change = Change::of(order.reference.as_str(), order.status.name(), OrderStatus::Paid.name());
    rows.record_audit(now, order.id, by(attempt), "order.paid", reason, change);
    turn(rows, now, attempt, AttemptStatus::Fulfilled, reason);
}

/// Says who comes with the tickets of an order that was just paid, if the buyer has said so before.
fn name_attendees(rows: &mut WorkingSet, now: Timestamp, order: &Order) {
    let Some(details) = rows.order_details.get(&order.id) else { return };
    let attendees = details.attendees.clone();
    let tickets: Vec<Ticket> = rows.tickets_of(order.id).cloned().collect();
    for (ticket, new) in tickets.iter().zip(&attendees) {
        attendee::name(rows, now, order, ticket, new, true);
    }
}

/// Records a report about an attempt that has captured nothing.
fn see(rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt, report: &Settle, status: AttemptStatus) {
    // Only a capture revives a dropped or lapsed attempt.
    let ended = matches!(attempt.status, AttemptStatus::Dropped | AttemptStatus::Lapsed);
    let status = if ended { attempt.status } else { status };
    if status != attempt.status || attempt.last_seen.as_deref() != Some(&report.raw_status) {
        rows.attempts.update(&attempt.reference, |row| {
            row.status = status;
            row.last_seen = Some(report.raw_status.clone());
            row.updated_at = now;
        });
    }
    if status == AttemptStatus::Processing {
        extend_hold(rows, now, attempt);
    }
    // Only a report ends the polling: while the gateway could not be asked, even for days, the buyer may have paid.
    if !ended && now.duration_since(attempt.created_at) >= POLL_FOR {
        rows.attempts.update(&attempt.reference, |row| {
            row.status = AttemptStatus::Lapsed;
            row.poll = None;
            row.updated_at = now;
        });
        let change = Change::of(attempt.reference.as_str(), attempt.status.name(), AttemptStatus::Lapsed.name());
        rows.record_audit(now, attempt.order_id, Actor::System, "attempt.lapsed", "no money came", change);
    }
}

fn extend_hold(rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt) {
    let Some(order) = rows.orders.get(&attempt.order_id) else { return };
    if let (OrderStatus::Held { hold_until }, false) = (order.status, order.hold_extended) {
        let reference = order.reference.clone();
        let hold_until = hold_until.max(now + PROCESSING_EXTENSION);
        rows.orders.update(&attempt.order_id, |row| {
            row.status = OrderStatus::Held { hold_until };
            row.hold_extended = true;
            row.updated_at = now;
        });
        let change = Change { item: Some(reference.as_str()), ..Change::default() };
        rows.record_audit(
            now,
            attempt.order_id,
            by(attempt),
            "order.hold_extended",
            "a payment is in progress",
            change,
        );
    }
}

/// The gateway reversed a capture, or withholds it during a dispute. Returns the tickets that are void because of it.
pub(super) fn take_back(
    rows: &mut WorkingSet,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    status: AttemptStatus,
) -> Vec<TicketId> {
    // Our own refunds look like reversals too. Only what exceeds them is a reversal.
    let ours: i64 = rows
        .refunds_of(order.id)
        .filter(|refund| refund.attempt == attempt.reference && refund.reason != RefundReason::Elsewhere)
        // A refund that was never sent cannot be what the gateway reports.
        .filter(|refund| !matches!(refund.status, RefundStatus::Due | RefundStatus::Failed))
        .map(|refund| refund.amount.minor())
        .sum();
    // What the payer added for the gateway's fees does not count.
    let captured = attempt.captured.as_ref().map_or(0, |captured| captured.amount.minor().min(attempt.amount.minor()));
    let known = attempt.status == status || attempt.status == AttemptStatus::Reversed;
    if known || ours >= captured {
        return vec![];
    }
    let mut voided = vec![];
    if attempt.status == AttemptStatus::Fulfilled {
        let valid: Vec<Ticket> = rows.tickets_of(order.id).filter(|ticket| ticket.status.is_valid()).cloned().collect();
        void_tickets(rows, now, order, &valid, TicketStatus::Cancelled);
        voided = valid.iter().map(|ticket| ticket.id).collect();
    }
    let reason = match status {
        AttemptStatus::Disputed => "the payer disputes the charge",
        _ => "the gateway took the money back",
    };
    // All of it is taken back: there is nothing left to decide about parts of it.
    rows.attempts.update(&attempt.reference, |row| row.attention.retain(|why| *why == Attention::Unreadable));
    turn(rows, now, attempt, status, reason);
    voided
}

/// Settles reasons for a person to look at it.
fn no_longer(rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt, settled: &[Attention]) {
    if attempt.attention.iter().any(|why| settled.contains(why)) {
        rows.attempts.update(&attempt.reference, |row| {
            row.attention.retain(|why| !settled.contains(why));
            row.updated_at = now;
        });
    }
}

/// Moves an attempt to a final status, or to review. All such changes go through here.
pub(crate) fn turn(rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt, status: AttemptStatus, reason: &str) {
    rows.attempts.update(&attempt.reference, |row| {
        row.status = status;
        row.poll = None;
        row.updated_at = now;
    });
    let action = format!("attempt.{}", status.name());
    let change = Change::of(attempt.reference.as_str(), attempt.status.name(), status.name());
    rows.record_audit(now, attempt.order_id, by(attempt), &action, reason, change);
}

fn by(attempt: &Attempt) -> Actor {
    if let Some(person) = &attempt.recorded_by {
        return person.clone();
    }
    if attempt.gateway == FREE_GATEWAY { Actor::System } else { Actor::Gateway(attempt.gateway.clone()) }
}

/// The current outcome of an attempt.
pub(super) fn current_of(rows: &WorkingSet, reference: &Reference) -> Result<Settlement, Refusal> {
    let attempt = rows.attempts.get(reference).cloned().ok_or(Refusal::AttemptUnknown)?;
    current(rows, &attempt)
}

/// The same, and whether it was fulfilled by what was done since.
fn current(rows: &WorkingSet, before: &Attempt) -> Result<Settlement, Refusal> {
    let attempt = rows.attempts.get(&before.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
    let order = rows.orders.get(&attempt.order_id).cloned().ok_or(Refusal::OrderUnknown)?;
    Ok(match attempt.status {
        AttemptStatus::Fulfilled => {
            let tickets = rows.tickets_of(order.id).filter(|ticket| order.is_holder_of(ticket)).cloned().collect();
            Settlement::Fulfilled { order, tickets, first: before.status != AttemptStatus::Fulfilled }
        }
        AttemptStatus::RefundDue => {
            let refund: Option<Refund> =
                rows.refunds_of(order.id).find(|refund| refund.attempt == attempt.reference).cloned();
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
