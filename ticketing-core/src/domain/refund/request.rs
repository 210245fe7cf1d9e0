//! Deciding refunds. Upkeep sends them.

use super::{BY_KEY, Refund, RefundMoney, RefundReason, RefundRequest, RefundStatus};
use crate::domain::audit::{Actor, Change};
use crate::domain::code::{Reference, Seed};
use crate::domain::command::Command;
use crate::domain::id::{OrderId, RefundId, TicketId};
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::order::{self, Order};
use crate::domain::outbox::MailKind;
use crate::domain::payment::{self, Attempt, AttemptStatus};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::stock;
use crate::domain::ticket::{Ticket, TicketStatus, void_tickets};
use crate::domain::working_set::WorkingSet;
use crate::domain::{outbox, ticket};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Decides to refund tickets of a paid order: they are void and their places free at once, and the money follows. A repeat with the
/// same key finds the same refund. Refunds never exceed the capture: if less than the total was accepted, refunding all tickets
/// returns that.
impl Command for RefundRequest {
    type Outcome = Result<Refund, Refusal>;
    const NAME: &'static str = "request_refund";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(order::BY_REFERENCE, &self.order);
        load.find(BY_KEY, &self.key);
        for order in rows.orders.loaded(order::BY_REFERENCE, &self.order) {
            refund_needs(rows, load, order);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Refund, Refusal> {
        let order = rows.order_by_reference(&self.order).cloned().ok_or(Refusal::OrderUnknown)?;
        if let Some(scope) = &self.scope
            && !rows.events.get(&order.event_id).is_some_and(|event| scope.covers(event))
        {
            return Err(Refusal::OrderUnknown);
        }
        // A set: a ticket that is named twice must not be refunded twice, nor free two places.
        let wanted: Option<BTreeSet<TicketId>> = self.tickets.as_ref().map(|ids| ids.iter().copied().collect());
        if let Some(refund) = rows.refund_by_key(&self.key) {
            let same_amount = match self.money {
                RefundMoney::Prices => true,
                RefundMoney::Nothing => refund.amount.is_zero(),
                RefundMoney::Exactly(amount) => refund.amount == amount,
            };
            let same = refund.order_id == order.id
                && same_amount
                && wanted.as_ref().is_none_or(|wanted| refund.tickets.iter().eq(wanted));
            return if same { Ok(refund.clone()) } else { Err(Refusal::KeyReused) };
        }
        let actor = Actor::Person(self.actor.clone());
        let wish = RefundWish {
            tickets: wanted.as_ref(),
            money: self.money,
            key: &self.key,
            reason: self.reason,
            note: self.note.clone(),
            actor,
        };
        refund_tickets(rows, now, &order, wish)
    }
}

/// The rows that [`refund_tickets`] reads and changes.
pub(crate) fn refund_needs(rows: &WorkingSet, load: &mut LoadKeys, order: &Order) {
    load.find(payment::BY_ORDER, &order.id);
    load.find(super::BY_ORDER, &order.id);
    load.find(ticket::BY_ORDER, &order.id);
    load.find(outbox::BY_ORDER, &order.id);
    stock::needs(rows, load, order);
}

/// Refunds the whole capture of an attempt, because it buys nothing: what was not refunded of it already.
pub(crate) fn owe_refund(
    rows: &mut WorkingSet,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    captured: Money,
    reason: RefundReason,
    seed: &Seed,
) {
    let amount = left_of(rows, order.id, attempt, captured);
    let is_known = rows.refunds_of(order.id).any(|refund| refund.attempt == attempt.reference);
    if amount.is_zero() && is_known {
        return;
    }
    let key = Reference::of_attempt(seed);
    add_refund(
        rows,
        now,
        Owed { key, order, attempt, amount, reason, note: None, tickets: vec![], actor: Actor::System },
    );
}

/// Refunds what is left of an attempt's capture, whose tickets are void already.
pub(crate) fn refund_rest(
    rows: &mut WorkingSet,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    reason: RefundReason,
    seed: &Seed,
) {
    let captured = attempt.captured.as_ref().map_or(attempt.amount, |captured| captured.amount);
    if !left_of(rows, order.id, attempt, captured).is_zero() {
        owe_refund(rows, now, attempt, order, captured, reason, seed);
    }
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

fn add_refund(rows: &mut WorkingSet, now: Timestamp, owed: Owed<'_>) -> Refund {
    let status = match owed.amount.is_zero() {
        // Free tickets have nothing to refund.
        true => RefundStatus::Processed,
        // No gateway sends it: a person pays it back.
        false if owed.attempt.is_recorded() => RefundStatus::NeedsAttention,
        false => RefundStatus::Due,
    };
    let refund = Refund {
        id: RefundId(rows.refunds.take_id()),
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
    rows.refunds.insert(refund.clone());
    rows.mail_buyer(now, owed.order, MailKind::Refund(refund.id));
    let change = Change { item: Some(refund.key.as_str()), after: Some(status.name()), ..Change::default() };
    rows.record_audit(now, owed.order.id, owed.actor, "refund.decided", owed.reason.name(), change);
    refund
}

/// Owes what a ticket cost more than the one that came in place of it.
pub(crate) fn refund_difference(
    rows: &mut WorkingSet,
    now: Timestamp,
    order: &Order,
    old: &Ticket,
    amount: Money,
    key: Reference,
    actor: &Principal,
) -> Result<Refund, Refusal> {
    let attempt = rows.attempts_of(order.id).find(|attempt| attempt.status == AttemptStatus::Fulfilled).cloned();
    let attempt = attempt.ok_or(Refusal::NothingToRefund)?;
    let refundable = refundable(rows, order.id, &attempt);
    if amount.currency() != refundable.currency() || amount.minor() > refundable.minor() {
        return Err(Refusal::RefundExceedsPaid { refundable });
    }
    let (reason, tickets) = (RefundReason::Swapped, vec![old.id]);
    let actor = Actor::Person(actor.clone());
    Ok(add_refund(rows, now, Owed { key, order, attempt: &attempt, amount, reason, note: None, tickets, actor }))
}

/// What to refund of an order.
pub(crate) struct RefundWish<'a> {
    /// Which tickets. `None`: all that are valid.
    pub(crate) tickets: Option<&'a BTreeSet<TicketId>>,
    pub(crate) money: RefundMoney,
    pub(crate) key: &'a Reference,
    pub(crate) reason: RefundReason,
    pub(crate) note: Option<String>,
    pub(crate) actor: Actor,
}

/// Makes tickets of a paid order void, and owes what goes back for them.
pub(crate) fn refund_tickets(
    rows: &mut WorkingSet,
    now: Timestamp,
    order: &Order,
    wish: RefundWish<'_>,
) -> Result<Refund, Refusal> {
    let RefundWish { tickets: wanted, money, key, reason, note, actor } = wish;
    let attempt = rows.attempts_of(order.id).find(|attempt| attempt.status == AttemptStatus::Fulfilled).cloned();
    let attempt = attempt.ok_or(Refusal::NothingToRefund)?;
    let valid: Vec<Ticket> = rows.tickets_of(order.id).filter(|ticket| ticket.status.is_valid()).cloned().collect();
    let chosen = match wanted {
        None => valid.clone(),
        Some(wanted) => wanted.iter().map(|id| valid_ticket(rows, order, *id)).collect::<Result<_, _>>()?,
    };
    let is_amount_alone = wanted.is_some() && matches!(money, RefundMoney::Exactly(amount) if !amount.is_zero());
    if chosen.is_empty() && !is_amount_alone {
        return Err(Refusal::NothingToRefund);
    }
    let refundable = refundable(rows, order.id, &attempt);
    let amount = match money {
        RefundMoney::Prices => price_of(rows, order, &attempt, &chosen, &valid, refundable)?,
        RefundMoney::Nothing => Money::zero(refundable.currency()),
        RefundMoney::Exactly(amount) if amount.currency() == refundable.currency() => amount,
        RefundMoney::Exactly(_) => return Err(Refusal::RefundExceedsPaid { refundable }),
    };
    if amount.minor() > refundable.minor() {
        return Err(Refusal::RefundExceedsPaid { refundable });
    }

    void_tickets(rows, now, order, &chosen, TicketStatus::Refunded);
    let tickets = chosen.iter().map(|ticket| ticket.id).collect();
    Ok(add_refund(rows, now, Owed { key: key.clone(), order, attempt: &attempt, amount, reason, note, tickets, actor }))
}

/// What goes back for these tickets, out of all that are valid.
fn price_of(
    rows: &WorkingSet,
    order: &Order,
    attempt: &Attempt,
    chosen: &[Ticket],
    valid: &[Ticket],
    refundable: Money,
) -> Result<Money, Refusal> {
    let sum = |tickets: &[Ticket]| tickets.iter().map(|ticket| ticket.price.minor()).sum::<i64>();
    let amount = if paid_in_full(order, attempt) {
        sum(chosen)
    } else {
        // A review accepted less or another currency, so the tickets' prices do not add up to the capture. Each ticket gets its
        // share of what can still be refunded, and the last one the rest.
        share(refundable.minor(), sum(chosen), sum(valid))
    };
    // What was refunded at the gateway is not there any more: the last tickets get what is left.
    let went_elsewhere = rows.refunds_of(order.id).any(|refund| refund.reason == RefundReason::Elsewhere);
    let amount = if went_elsewhere { amount.min(refundable.minor()) } else { amount };
    Money::new(amount, refundable.currency()).map_err(|_| Refusal::TotalTooLarge)
}

/// A ticket of the order that is still valid.
pub(crate) fn valid_ticket(rows: &WorkingSet, order: &Order, id: TicketId) -> Result<Ticket, Refusal> {
    let ticket = rows.tickets_of(order.id).find(|ticket| ticket.id == id);
    match ticket {
        None => Err(Refusal::TicketNotInOrder { ticket_id: id }),
        Some(ticket) if ticket.status.is_valid() => Ok(ticket.clone()),
        Some(ticket) => Err(Refusal::TicketNotValid { ticket_id: id, ticket_status: ticket.status }),
    }
}

/// Whether the capture covers the order's total, in its currency.
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

/// What can still be refunded of an attempt's capture.
fn refundable(rows: &WorkingSet, order: OrderId, attempt: &Attempt) -> Money {
    let captured = attempt.captured.as_ref().map_or(attempt.amount, |captured| captured.amount);
    left_of(rows, order, attempt, captured)
}

/// What is left of a capture. Refunds count from their decision on, whatever their status: a failed one is retried, and does not make
/// room for another.
fn left_of(rows: &WorkingSet, order: OrderId, attempt: &Attempt, captured: Money) -> Money {
    let going: i64 = rows
        .refunds_of(order)
        .filter(|refund| refund.attempt == attempt.reference)
        .map(|refund| refund.amount.minor())
        .sum();
    Money::new(captured.minor() - going, captured.currency()).unwrap_or(Money::zero(captured.currency()))
}
