//! What must hold after every commit (S1 to S13, S14 to S20 in [`edits`], S21 and S22 in [`access`], S24 in [`guests`],
//! S25 and S26 in [`erasures`], S27 in [`cashier`], S28 and S29 in [`chains`], S30 in [`returns`](crate::returns)), and once all faults have
//! ended (E1 to E6, E7 in [`edits`], E8 in [`erasures`], E9 in [`cashier`], and E10 in [`chains`]).

use crate::access;
use crate::cashier;
use crate::chains;
use crate::edits;
use crate::erasures;
use crate::executor::lock;
use crate::gateway::Till;
use crate::guests;
use crate::servers::{FREE_TICKETS, OPEN_HOLDS};
use crate::world::World;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::task::{Context, Poll, Waker};
use ticketing_core::domain::audit::AuditLine;
use ticketing_core::domain::check_in::{CheckIn, Scan};
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::event::EventStatus;
use ticketing_core::domain::id::{EventId, MailId, OrderId, RefundId, TicketId};
use ticketing_core::domain::order::{Order, OrderStatus};
use ticketing_core::domain::outbox::{MailKind, MailReport, MailStatus, OutboxMail};
use ticketing_core::domain::payment::{Attempt, AttemptStatus, Attention, DisputeStage, FREE_GATEWAY};
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::domain::refund::{Refund, RefundReason, RefundStatus};
use ticketing_core::domain::ticket::TicketStatus;
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Outcome, Storage};

/// What was true before: against this, nothing may move backwards.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    orders: BTreeMap<OrderId, OrderStatus>,
    called_off: BTreeSet<EventId>,
    attempts: BTreeMap<Reference, AttemptStatus>,
    tickets: BTreeMap<TicketId, TicketStatus>,
    audit: usize,
    admitted: BTreeMap<TicketId, String>,
    undone: BTreeSet<String>,
    edits: edits::Known,
    pub(crate) access: access::Known,
    chains: chains::Known,
    leased: BTreeMap<MailId, Timestamp>,
    leased_refunds: BTreeMap<RefundId, Timestamp>,
    /// How often rows and till had changed when it last looked at everything.
    looked_at: Option<(u64, u64)>,
}

/// The result of a call to the storage in memory, which never waits.
pub(crate) fn at_once<T>(call: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

/// Looks at everything, if anything has changed; ends the history where a promise is broken.
pub(crate) fn after_commit(world: &World) {
    let now = Some((world.memory.changes(), lock(&world.till).changes));
    if std::mem::replace(&mut lock(&world.judge).looked_at, now) == now {
        return;
    }
    // First, so that it is seen to find on its own what the storage finds too.
    if world.has_holders() {
        let (told, mut judge) = (lock(&world.told), lock(&world.judge));
        if let Err(broken) = world.memory.look(|rows| chains::after_commit(rows, &mut judge.chains, &told)) {
            world.fail(broken);
        }
    }
    // S1 to S3 and S5: what operators can have checked as well.
    let found = at_once(world.memory.check()).and_then(Result::ok).unwrap_or_default();
    let broken = found.into_iter().next().map_or_else(
        || {
            let till = lock(&world.till);
            let mut judge = lock(&world.judge);
            world.memory.look(|rows| safety(world, rows, &till, &mut judge))
        },
        |wrong| Err(format!("S1-S5 {wrong}")),
    );
    if let Err(broken) = broken {
        world.fail(broken);
    }
}

/// Looks at the money that went back.
pub(crate) fn money(world: &World) {
    let till = lock(&world.till);
    if let Err(broken) = world.memory.look(|rows| sent_back(rows, &till)) {
        world.fail(broken);
    }
}

fn check(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

fn safety(world: &World, rows: &WorkingSet, till: &Till, judge: &mut Judge) -> Result<(), String> {
    let of_orders = rows.audit.iter().filter_map(|(_, line)| Some((line.subject.order()?, line)));
    let audit: BTreeSet<(OrderId, &str, Option<&str>)> =
        of_orders.map(|(order, line)| (order, line.action.as_str(), line.item.as_deref())).collect();
    for (_, order) in rows.orders.iter() {
        of_order(world, rows, till, order, &audit)?;
        let before = judge.orders.insert(order.id, order.status);
        // By what was committed first, not by what clocks said: a call may stand still for long.
        let is_too_late = before.is_none() && judge.called_off.contains(&order.event_id);
        check(!is_too_late, || format!("S3 order {} was taken after the event was cancelled", order.id))?;
        let is_back = match (before, order.status) {
            (Some(OrderStatus::Paid), after) => after != OrderStatus::Paid,
            (Some(OrderStatus::Held { .. }) | None, _) => false,
            (Some(before), after) => before != after && after != OrderStatus::Paid,
        };
        check(!is_back, || format!("S10 order {} went from {before:?} to {:?}", order.id, order.status))?;
    }
    of_buyers(rows)?;
    guests::after_commit(rows)?;
    erasures::after_commit(rows)?;
    edits::after_commit(rows, &mut judge.edits)?;
    access::after_commit(world, rows, &mut judge.access);
    let events = rows.events.iter().map(|(_, event)| event);
    judge.called_off = events.filter(|event| event.status == EventStatus::Cancelled).map(|event| event.id).collect();
    for (_, attempt) in rows.attempts.iter() {
        let before = judge.attempts.insert(attempt.reference.clone(), attempt.status).unwrap_or(AttemptStatus::Created);
        let after = attempt.status;
        let quarrels = till.quarrels.get(&attempt.reference);
        let is_fine = match before {
            AttemptStatus::Fulfilled | AttemptStatus::RefundDue => before == after || quarrels.is_some(),
            before => !before.has_captured() || after.has_captured(),
        };
        let is_partial = quarrels.is_some_and(|quarrels| quarrels.iter().all(|quarrel| !quarrel.is_whole));
        check(!(is_partial && after == AttemptStatus::Disputed), || {
            format!("S13 a dispute over a part of attempt {} voided all its tickets", attempt.reference)
        })?;
        check(is_fine, || format!("S10 attempt {} went from {before:?} to {after:?}", attempt.reference))?;
        let action = format!("attempt.{}", after.name());
        let is_told =
            !after.has_captured() || audit.contains(&(attempt.order_id, &action, Some(attempt.reference.as_str())));
        check(is_told, || {
            format!("S9 attempt {} is {after:?}, and the audit log says nothing of it", attempt.reference)
        })?;
    }
    for (_, ticket) in rows.tickets.iter() {
        let before = judge.tickets.insert(ticket.id, ticket.status);
        let is_disputed = || rows.attempts_of(ticket.order_id).any(|attempt| !attempt.disputes.is_empty());
        let is_told = |action| audit.iter().any(|(order, said, _)| (*order, *said) == (ticket.order_id, action));
        let is_fine = before.is_none_or(|before| match (before, ticket.status) {
            (before, after) if before == after => true,
            (TicketStatus::Active, _) | (TicketStatus::Used, TicketStatus::Refunded) => true,
            (TicketStatus::Used, TicketStatus::Active) => is_told("check_in.annulled"),
            (TicketStatus::Used, TicketStatus::Cancelled) => is_disputed() || is_told("review.resolved"),
            (TicketStatus::Cancelled, _) => is_disputed(),
            _ => false,
        });
        let is_inside = rows.check_ins.get(&ticket.id).is_some_and(|entry| entry.annulled_at.is_none());
        check(!is_inside || ticket.takes_a_place(), || {
            format!("S12 the place of ticket {} is free, and its holder is inside", ticket.id)
        })?;
        check(is_fine, || format!("S10 ticket {} went from {before:?} to {:?}", ticket.id, ticket.status))?;
    }
    for (_, refund) in rows.refunds.iter() {
        let line = (refund.order_id, "refund.decided", Some(refund.key.as_str()));
        check(audit.contains(&line), || format!("S9 refund {} is not in the audit log", refund.id))?;
    }
    let lines = rows.audit.iter().count();
    check(lines >= judge.audit, || "S9 a line of the audit log is gone".to_owned())?;
    judge.audit = lines;
    of_webhooks(rows, till)?;
    sent_back(rows, till)
}

/// S11: nobody holds or takes more of an event than one buyer may.
fn of_buyers(rows: &WorkingSet) -> Result<(), String> {
    let mut of_each: BTreeMap<(EventId, String), (u32, u32)> = BTreeMap::new();
    // What arrives late takes the places that are left, whatever the buyer has bought since.
    let was_late = |order: &Order| {
        let mut lines = rows.audit.iter().filter(|(_, line)| line.subject == order.id.into());
        lines.any(|(_, line)| line.action == "order.paid" && line.reason != "paid in time")
    };
    for (_, order) in rows.orders.iter() {
        let Some(buyer) = guests::limited_by(&order.buyer) else { continue };
        let (open, free) = of_each.entry((order.event_id, buyer)).or_default();
        let is_held = matches!(order.status, OrderStatus::Held { .. });
        *open += u32::from(is_held);
        if order.total.is_zero() && !was_late(order) {
            let issued = rows.tickets_of(order.id).filter(|ticket| ticket.takes_a_place()).count() as u32;
            *free += if is_held { order.quantity() } else { issued };
        }
    }
    for ((_, buyer), (open, free)) in of_each {
        check(open <= OPEN_HOLDS, || format!("S11 {buyer} has {open} unpaid orders"))?;
        check(free <= FREE_TICKETS, || format!("S11 {buyer} has {free} free tickets"))?;
    }
    Ok(())
}

fn of_order(
    world: &World,
    rows: &WorkingSet,
    till: &Till,
    order: &Order,
    audit: &BTreeSet<(OrderId, &str, Option<&str>)>,
) -> Result<(), String> {
    let id = order.id;
    let in_audit = |action| audit.iter().any(|(order, said, _)| *order == id && *said == action);
    match order.status {
        OrderStatus::Held { hold_until } => {
            // Once longer by 15 minutes from whenever that was, which is late while servers stand still; and of a guest, once by the time in
            // which there was no address.
            let naming = if order.buyer.who.guest().is_some() { guests::NAMING } else { 0 };
            let usual = SignedDuration::from_millis((world.options.hold + naming) as i64);
            let most = usual + SignedDuration::from_mins(25);
            check(hold_until <= order.created_at + most, || {
                format!("S1 order {id} is held for longer than ever allowed")
            })?;
        }
        OrderStatus::Paid => {
            let owed = rows.mails.iter().any(|(_, mail)| mail.subject == id.into() && mail.kind == MailKind::Tickets);
            check(owed || cashier::is_till(&order.reference), || format!("E3 order {id} is paid and no mail is owed"))?;
            check(in_audit("order.paid"), || format!("S9 order {id} is paid, and the audit log says nothing of it"))?;
        }
        _ => {
            check(in_audit("order.hold_ended"), || format!("S9 order {id} was let go, and the audit log says nothing"))?
        }
    }
    let by_engine = |line: &AuditLine| line.subject == id.into() && line.reason == "no checkout could be opened";
    let is_dropped = order.status == OrderStatus::Cancelled && rows.audit.iter().any(|(_, line)| by_engine(line));
    let may_pay = is_dropped && rows.attempts_of(id).any(|attempt| till.charges.contains_key(&attempt.reference));
    check(!may_pay, || format!("S3 the places of order {id} were let go while a checkout was open"))?;
    for attempt in rows.attempts_of(id).filter(|attempt| attempt.status == AttemptStatus::Fulfilled) {
        of_fulfilled(till, attempt, in_audit("review.resolved"))?;
    }
    Ok(())
}

/// S4: tickets only for the money that was asked for, as the gateway itself has it.
fn of_fulfilled(till: &Till, attempt: &Attempt, was_reviewed: bool) -> Result<(), String> {
    if attempt.is_recorded() {
        return cashier::of_recorded(attempt, was_reviewed);
    }
    if attempt.gateway == FREE_GATEWAY {
        return Ok(());
    }
    let reference = &attempt.reference;
    let Some(captured) = till.captured(reference) else {
        return Err(format!("S4 attempt {reference} bought tickets, and nobody paid"));
    };
    let fits = captured.mode == attempt.mode
        && captured.amount.currency() == attempt.amount.currency()
        && captured.requested.map_or(captured.amount == attempt.amount, |requested| requested == attempt.amount);
    check(fits || was_reviewed, || {
        format!("S4 attempt {reference} bought tickets for {} and was paid {captured:?}", attempt.amount)
    })
}

fn of_webhooks(rows: &WorkingSet, till: &Till) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (id, webhook) in rows.webhooks.iter() {
        let body = &webhook.event.body;
        // Erased with the buyer.
        if body.is_empty() {
            continue;
        }
        check(till.told.contains(body), || format!("S8 webhook {id} was kept, and the gateway never sent it"))?;
        check(seen.insert(body), || format!("S8 webhook {id} was kept twice"))?;
    }
    Ok(())
}

/// S5 and S6: never more goes back than came, than was decided, or twice.
fn sent_back(rows: &WorkingSet, till: &Till) -> Result<(), String> {
    let mut keys = BTreeSet::new();
    for sent in till.refunds.iter().filter(|sent| sent.status != RefundStatus::Failed) {
        check(keys.insert(&sent.key), || format!("S5 refund {} was sent twice", sent.key))?;
        let attempt = &sent.attempt;
        let back = till.sent_back(attempt);
        let captured = till.captured(attempt).map_or(0, |captured| captured.amount.minor());
        let ours = back - till.sent_elsewhere(attempt);
        check(back <= captured, || format!("S5 attempt {attempt} brought {captured}, and {back} went back"))?;
        let decided: i64 = rows
            .refunds
            .iter()
            .map(|(_, refund)| refund)
            .filter(|refund| refund.attempt == *attempt)
            .map(|refund| refund.amount.minor())
            .sum();
        check(ours <= decided, || format!("S6 of attempt {attempt} {decided} were to go back, and {ours} did"))?;
    }
    Ok(())
}

/// S7: a scan that was undone makes room for another, and admits nobody itself.
pub(crate) fn annulled(world: &World, outcome: &Outcome<CheckIn>) {
    if let Ok(check_in) = outcome {
        let mut judge = lock(&world.judge);
        judge.undone.insert(check_in.nonce.clone());
        if judge.admitted.get(&check_in.ticket_id) == Some(&check_in.nonce) {
            judge.admitted.remove(&check_in.ticket_id);
        }
    }
}

/// S7: one admission per ticket, and none at the entrance of another event.
pub(crate) fn admitted(world: &World, scans: &[Scan], outcomes: &[Outcome<CheckIn>]) {
    let mut judge = lock(&world.judge);
    let admitted = scans.iter().zip(outcomes).filter_map(|(scan, outcome)| Some((scan, outcome.as_ref().ok()?)));
    for (scan, check_in) in admitted {
        if scan.event_id.is_some_and(|event_id| event_id != check_in.event_id) {
            world.fail(format!("S7 ticket {} let somebody in to another event", check_in.ticket_id));
        }
        if judge.undone.contains(&scan.nonce) {
            world.fail(format!("S7 scan {} was undone, and let somebody in", scan.nonce));
        }
        if judge.admitted.get(&check_in.ticket_id) != Some(&check_in.nonce) {
            access::admitted(world, &judge.access, scan, check_in);
            chains::admitted(world, &judge.chains, judge.admitted.keys(), scan, check_in);
        }
        let first = judge.admitted.entry(check_in.ticket_id).or_insert_with(|| check_in.nonce.clone());
        if *first != check_in.nonce {
            world.fail(format!("S7 ticket {} let two people in", check_in.ticket_id));
        }
    }
}

/// Claims: a mail is handed out once, until its lease ends or it is reported on.
pub(crate) fn mails_claimed(world: &World, claimed: &[OutboxMail], now: Timestamp, lease: SignedDuration) {
    let mut judge = lock(&world.judge);
    for mail in claimed {
        if judge.leased.insert(mail.id, now + lease).is_some_and(|until| until > now) {
            world.fail(format!("E4 mail {} was handed out twice at once", mail.id));
        }
    }
}

/// The same of refunds, which are also handed out where a person or a webhook asks for it.
pub(crate) fn refunds_claimed(world: &World, claimed: &[Refund], now: Timestamp, lease: SignedDuration) {
    let mut judge = lock(&world.judge);
    for refund in claimed {
        if judge.leased_refunds.insert(refund.id, now + lease).is_some_and(|until| until > now) {
            world.fail(format!("E4 refund {} was handed out twice at once", refund.id));
        }
    }
}

pub(crate) fn refunds_released(world: &World, ids: impl IntoIterator<Item = RefundId>) {
    let mut judge = lock(&world.judge);
    for id in ids {
        judge.leased_refunds.remove(&id);
    }
}

pub(crate) fn mails_reported(world: &World, reports: &[MailReport]) {
    let mut judge = lock(&world.judge);
    for report in reports {
        judge.leased.remove(&report.id);
    }
}

/// What must have come true once all works again. Says what has not.
pub(crate) fn end(world: &World) -> Result<(), String> {
    let till = lock(&world.till);
    let mailroom = lock(&world.mailroom);
    world.memory.look(|rows| {
        for reference in till.charges.keys() {
            if let Some(captured) = till.captured(reference) {
                of_captured(rows, &till, reference, captured.amount.minor())?;
            }
        }
        for (_, order) in rows.orders.iter() {
            check(!matches!(order.status, OrderStatus::Held { .. }), || {
                format!("E2 order {} is held indefinitely", order.id)
            })?;
            let is_off = rows.events.get(&order.event_id).is_some_and(|event| event.status == EventStatus::Cancelled);
            let is_bought = rows.attempts_of(order.id).any(|attempt| attempt.status == AttemptStatus::Fulfilled);
            let has_places = rows.tickets_of(order.id).any(|ticket| ticket.status.is_valid());
            let undone = !(is_off && is_bought && has_places);
            check(undone, || format!("E1 the event was cancelled, and order {} is not refunded", order.id))?;
        }
        for (id, refund) in rows.refunds.iter() {
            check(refund.next_at.is_none(), || format!("E4 refund {id} is {:?} indefinitely", refund.status))?;
            let went = till.refunds.iter().any(|sent| sent.key == refund.key && sent.status == RefundStatus::Processed);
            let is_true = refund.status != RefundStatus::Processed
                || refund.amount.is_zero()
                || refund.reason == RefundReason::Elsewhere
                || went
                || rows
                    .attempts
                    .get(&refund.attempt)
                    .is_some_and(|attempt| attempt.gateway == FREE_GATEWAY || attempt.is_recorded());
            check(is_true, || format!("E1 refund {id} is processed, says the book; the gateway knows nothing of it"))?;
        }
        for (id, webhook) in rows.webhooks.iter() {
            check(webhook.next_at.is_none(), || format!("E4 webhook {id} is {:?} indefinitely", webhook.status))?;
            let paid = webhook.event.captured.as_ref().and(webhook.event.reference.as_ref());
            if let Some(reference) = paid.filter(|reference| till.captured(reference).is_none()) {
                let attempt = rows.attempts.get(reference);
                let is_decided = rows.audit.iter().any(|(_, line)| {
                    line.action == "review.resolved" && line.item.as_deref() == Some(reference.as_str())
                });
                let is_listed = attempt.is_some_and(|attempt| attempt.attention.contains(&Attention::Contradicted));
                check(is_decided || is_listed, || {
                    format!("E6 webhook {id} reports money that never came, and nobody is told")
                })?;
            }
        }
        edits::at_end(rows, &lock(&world.judge).edits)?;
        if world.has_holders() {
            chains::at_end(rows, &lock(&world.judge).chains, &lock(&world.told))?;
        }
        erasures::at_end(rows)?;
        cashier::at_end(rows, &lock(&world.cash))?;
        for sent in till.refunds.iter().filter(|sent| sent.elsewhere) {
            let attempt = rows.attempts.get(&sent.attempt).filter(|attempt| attempt.status.has_captured());
            let id = format!("elsewhere-{}", sent.key);
            let is_recorded = rows.refunds.iter().any(|(_, refund)| refund.gateway_id.as_ref() == Some(&id));
            check(attempt.is_none() || is_recorded, || {
                format!("E5 refund {id} was made at the gateway, and is unknown")
            })?;
        }
        let mut owed: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (id, mail) in rows.mails.iter() {
            check(mail.status != MailStatus::Waiting, || format!("E4 mail {id} waits indefinitely"))?;
            let (all, sent) = owed.entry(mail.to.as_str()).or_default();
            *all += 1;
            *sent += usize::from(mail.status == MailStatus::Sent);
        }
        // To whom they went is not known any more.
        let (erased, _) = owed.remove(EmailAddress::erased().as_str()).unwrap_or_default();
        for (to, (all, sent)) in owed {
            let ids: BTreeSet<&str> =
                mailroom.taken.iter().filter(|mail| mail.to == to).map(|mail| mail.message_id.as_str()).collect();
            check(ids.len() >= sent, || format!("E3 {sent} mails were sent to {to}, and {} arrived", ids.len()))?;
            check(ids.len() <= all + erased, || {
                format!("E3 {all} mails are owed to {to}, and {} different ones arrived", ids.len())
            })?;
        }
        Ok(())
    })
}

/// E1: all money that came bought tickets, went back whole, or waits for a person.
fn of_captured(rows: &WorkingSet, till: &Till, reference: &Reference, captured: i64) -> Result<(), String> {
    let Some(attempt) = rows.attempts.get(reference) else {
        return Err(format!("E1 {reference} was paid and is unknown"));
    };
    match attempt.status {
        AttemptStatus::Fulfilled | AttemptStatus::Review => Ok(()),
        AttemptStatus::RefundDue => {
            let by_hand = rows
                .refunds_of(attempt.order_id)
                .filter(|refund| refund.attempt == *reference)
                .any(|refund| matches!(refund.status, RefundStatus::Failed | RefundStatus::NeedsAttention));
            let back = till.sent_back(reference);
            check(back == captured || by_hand, || {
                format!("E1 of {reference} {captured} are to go back, and {back} did")
            })
        }
        AttemptStatus::Disputed => {
            let quarrels = till.quarrels.get(reference).into_iter().flatten();
            let is_withheld = till.lost.contains_key(reference)
                || quarrels.into_iter().any(|quarrel| quarrel.is_whole && quarrel.stage != DisputeStage::Won);
            let is_listed = !attempt.attention.is_empty();
            check(is_withheld || is_listed, || {
                format!("E1 the dispute about {reference} was won: neither tickets nor refund")
            })
        }
        AttemptStatus::Reversed => {
            let decided = rows.refunds_of(attempt.order_id).filter(|refund| refund.attempt == *reference);
            let decided: i64 = decided.map(|refund| refund.amount.minor()).sum();
            check(till.lost.contains_key(reference) || decided == captured, || {
                format!("E1 {reference} is reversed; {captured} came, and {decided} go back")
            })
        }
        other => Err(format!("E1 {reference} was paid and is {}: neither tickets nor refund", other.name())),
    }
}
