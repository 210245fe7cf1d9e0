//! What must hold of tickets that came in place of others: after every commit of transfers (S28) and of swaps (S29), and of both once all
//! faults have ended (E10). The chain of a place is read from the audit log, and compared with what the holders were told. What becomes of
//! places is in [`places`](crate::places).

use crate::executor::lock;
use crate::holders::Told;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use ticketing_core::domain::check_in::{CheckIn, Scan};
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::id::{TicketId, TransferId};
use ticketing_core::domain::order::{Order, OrderStatus};
use ticketing_core::domain::outbox::MailKind;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::RefundReason;
use ticketing_core::domain::ticket::{Ticket, TicketStatus};
use ticketing_core::domain::transfer::{Transfer, TransferStatus};
use ticketing_core::domain::working_set::WorkingSet;

const TRANSFERRED: &str = "ticket.transferred";
const SWAPPED: &str = "ticket.swapped";

/// What was true before.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Which ticket each code was ever of.
    codes: BTreeMap<TicketCode, TicketId>,
    /// All codes of a ticket, the valid one last.
    of_ticket: BTreeMap<TicketId, Vec<TicketCode>>,
    transfers: BTreeMap<TransferId, (TransferStatus, Option<TicketId>)>,
    /// Which ticket came in place of another one.
    next: BTreeMap<TicketId, TicketId>,
}

impl Known {
    /// The first ticket of the place of a ticket.
    fn place(&self, of: TicketId) -> TicketId {
        let before = |of: &TicketId| self.next.iter().find(|(_, new)| *new == of).map(|(old, _)| *old);
        std::iter::successors(Some(of), before).last().unwrap_or(of)
    }
}

fn check(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

/// A step of a chain, as the audit log has it.
struct Step {
    old: TicketId,
    new: TicketId,
    is_swap: bool,
}

fn steps(rows: &WorkingSet) -> Result<Vec<Step>, String> {
    let number = |text: Option<&str>, before: &str| text?.strip_prefix(before)?.parse().ok().map(TicketId);
    let lines = rows.audit.iter().map(|(_, line)| line);
    let lines = lines.filter(|line| matches!(line.action.as_str(), TRANSFERRED | SWAPPED));
    let step = |line: &ticketing_core::domain::audit::AuditLine| {
        let old = number(line.item.as_deref(), "ticket ");
        let (old, new) = old.zip(number(Some(&line.reason), "now ticket "))?;
        Some(Step { old, new, is_swap: line.action == SWAPPED })
    };
    lines.map(|line| step(line).ok_or_else(|| format!("S28 line {} names no tickets", line.id))).collect()
}

/// Looks at all chains.
pub(crate) fn after_commit(rows: &WorkingSet, known: &mut Known, told: &Told) -> Result<(), String> {
    let steps = steps(rows)?;
    let said: BTreeMap<TicketId, TicketId> = steps.iter().map(|step| (step.old, step.new)).collect();
    let tickets = || rows.tickets.iter().map(|(_, ticket)| ticket);
    let is: Vec<(TicketId, TicketId)> = tickets().filter_map(|ticket| Some((ticket.replaces?, ticket.id))).collect();
    check(
        said.len() == steps.len() && is.len() == said.len() && is.iter().all(|(old, new)| said.get(old) == Some(new)),
        || format!("S28 by the audit log {said:?} came in place of others, and by the tickets {is:?}"),
    )?;
    known.next = said;
    for ticket in tickets() {
        of_ticket(rows, known, ticket)?;
    }
    for step in &steps {
        let (Some(old), Some(new)) = (rows.tickets.get(&step.old), rows.tickets.get(&step.new)) else {
            return Err(format!("S28 ticket {} or {} is gone", step.old, step.new));
        };
        of_step(rows, step, old, new)?;
    }
    for (_, order) in rows.orders.iter().filter(|(_, order)| order.status == OrderStatus::Paid) {
        let ends = rows.tickets_of(order.id).filter(|ticket| !known.next.contains_key(&ticket.id)).count();
        let wanted = order.quantity() as usize;
        check(ends == wanted, || format!("S28 order {} is for {wanted}, and {ends} tickets are left", order.id))?;
    }
    of_transfers(rows, known, told)
}

/// S28: a ticket that was replaced is void, and no code is ever of two tickets, or comes back.
fn of_ticket(rows: &WorkingSet, known: &mut Known, ticket: &Ticket) -> Result<(), String> {
    let (id, status) = (ticket.id, ticket.status);
    let is_replaced = known.next.contains_key(&id);
    check(is_replaced == (status == TicketStatus::Transferred), || {
        format!("S28 ticket {id} is {status:?}, and another one in place of it: {is_replaced}")
    })?;
    let is_inside = rows.check_ins.get(&id).is_some_and(|entry| entry.annulled_at.is_none());
    check(!is_replaced || !(ticket.takes_a_place() || is_inside), || {
        format!("S28 ticket {id} was replaced, and takes a place all the same")
    })?;
    let first = *known.codes.entry(ticket.code.clone()).or_insert(id);
    check(first == id, || format!("S28 ticket {id} has the code that ticket {first} had"))?;
    let own = known.of_ticket.entry(id).or_default();
    if own.last() != Some(&ticket.code) {
        check(!own.contains(&ticket.code), || format!("S28 ticket {id} has a code again that was void"))?;
        own.push(ticket.code.clone());
    }
    Ok(())
}

/// S28 and S29: a transfer changes who holds the ticket, and nothing else; a swap its type, and its price by what goes back.
fn of_step(rows: &WorkingSet, step: &Step, old: &Ticket, new: &Ticket) -> Result<(), String> {
    let back = swapped_back(rows, old);
    let is_same = (old.order_id, old.line, old.event_id) == (new.order_id, new.line, new.event_id);
    let is_fine = if step.is_swap {
        let drop = old.price.minor() - new.price.minor();
        // It was all of it when the ticket was swapped, says `places`. It is less if a refund in the dashboard has taken some of it since.
        let goes_back = back.iter().sum::<i64>() <= drop && back.is_empty() == (drop == 0);
        new.holder == old.holder && new.ticket_type_id != old.ticket_type_id && goes_back
    } else {
        new.holder != old.holder
            && new.ticket_type_id == old.ticket_type_id
            && new.price == old.price
            && back.is_empty()
    };
    let which = if step.is_swap { "S29" } else { "S28" };
    check(is_same && is_fine && back.len() <= 1, || {
        format!("{which} {new:?} came in place of {old:?}, and {back:?} goes back")
    })
}

/// What goes back because a ticket was swapped.
pub(crate) fn swapped_back(rows: &WorkingSet, old: &Ticket) -> Vec<i64> {
    let refunds = rows.refunds_of(old.order_id).filter(|refund| refund.reason == RefundReason::Swapped);
    refunds.filter(|refund| refund.tickets == [old.id]).map(|refund| refund.amount.minor()).collect()
}

/// S28: the outcome of a transfer is final, and what its holders were told.
fn of_transfers(rows: &WorkingSet, known: &mut Known, told: &Told) -> Result<(), String> {
    let mut open = BTreeSet::new();
    for (id, transfer) in rows.transfers.iter() {
        let now = (transfer.status, transfer.new_ticket_id);
        let before = known.transfers.insert(*id, now);
        let is_final = before.is_none_or(|before| before == now || before.0 == TransferStatus::Offered);
        check(is_final, || format!("S28 transfer {id} went from {before:?} to {now:?}"))?;
        let is_open = transfer.status == TransferStatus::Offered;
        check(!is_open || open.insert(transfer.ticket_id), || {
            format!("S28 ticket {} is offered to two people", transfer.ticket_id)
        })?;
        let is_taken = transfer.status == TransferStatus::Taken;
        check(!is_taken || known.next.get(&transfer.ticket_id).copied() == transfer.new_ticket_id, || {
            format!("S28 transfer {id} brought {:?}, and the ticket became another one", transfer.new_ticket_id)
        })?;
        let was_told = told.taken.get(&transfer.reference);
        check(was_told.is_none_or(|(ticket, _)| is_taken && transfer.new_ticket_id == Some(*ticket)), || {
            format!("S28 of transfer {id} somebody was told {was_told:?}, and it is {now:?}")
        })?;
        check(!(is_taken && told.withdrawn.contains(&transfer.reference)), || {
            format!("S28 transfer {id} was withdrawn, and taken")
        })?;
    }
    Ok(())
}

/// S28: a code that was replaced lets nobody in, and a place lets in one person, whichever of its tickets that is.
pub(crate) fn admitted<'a>(
    world: &World,
    known: &Known,
    inside: impl Iterator<Item = &'a TicketId>,
    scan: &Scan,
    check_in: &CheckIn,
) {
    let ticket = check_in.ticket_id;
    let was_replaced = lock(&world.told).replaced.contains(&scan.code)
        || known.codes.get(&scan.code).is_some_and(|of| known.next.contains_key(of))
        || known.of_ticket.get(&ticket).is_some_and(|codes| codes.last() != Some(&scan.code));
    if was_replaced {
        world.fail(format!("S28 a code that was replaced let somebody in with ticket {ticket}"));
    }
    let place = known.place(ticket);
    for other in inside.filter(|other| **other != ticket && known.place(**other) == place) {
        world.fail(format!("S28 tickets {other} and {ticket} are one place, and let two people in"));
    }
}

/// E10: who has got a ticket has it, has given it away, or it was swapped for another one; and everybody is owed a mail of what happened.
pub(crate) fn at_end(rows: &WorkingSet, known: &Known, told: &Told) -> Result<(), String> {
    let steps = steps(rows)?;
    // Got, and left or given away.
    let mut hands: BTreeMap<&Principal, (usize, usize)> = BTreeMap::new();
    for (_, order) in rows.orders.iter().filter(|(_, order)| order.status == OrderStatus::Paid) {
        hands.entry(&order.buyer.who).or_default().0 += order.quantity() as usize;
    }
    for (_, holder) in told.taken.values() {
        hands.entry(holder).or_default();
    }
    for step in steps.iter().filter(|step| !step.is_swap) {
        let (old, new) = (rows.tickets.get(&step.old), rows.tickets.get(&step.new));
        old.into_iter().for_each(|old| hands.entry(&old.holder).or_default().1 += 1);
        new.into_iter().for_each(|new| hands.entry(&new.holder).or_default().0 += 1);
    }
    for (_, ticket) in rows.tickets.iter().filter(|(id, _)| !known.next.contains_key(id)) {
        hands.entry(&ticket.holder).or_default().1 += 1;
    }
    for (who, (got, left)) in hands {
        check(got == left, || format!("E10 {who} has got {got} tickets, and {left} are left or given away"))?;
    }
    for (reference, (id, holder)) in &told.taken {
        let ticket = rows.tickets.get(id);
        check(ticket.is_some_and(|ticket| ticket.holder == *holder), || {
            format!("E10 {holder} was told of ticket {id} by transfer {reference}, and it is {ticket:?}")
        })?;
    }
    rows.transfers.iter().try_for_each(|(_, transfer)| told_by_mail(rows, transfer))?;
    for step in &steps {
        let order = rows.tickets.get(&step.new).and_then(|ticket| rows.orders.get(&ticket.order_id));
        let Some((ticket, order)) = rows.tickets.get(&step.new).zip(order) else { continue };
        has_every_code(rows, known, ticket, order)?;
    }
    Ok(())
}

fn mails<'r>(rows: &'r WorkingSet, ticket: &'r Ticket) -> impl Iterator<Item = &'r str> {
    let of = |kind| matches!(kind, MailKind::Ticket { ticket: id, .. } if id == ticket.id);
    rows.mails_of(ticket.order_id).filter(move |mail| of(mail.kind)).map(|mail| mail.to.as_str())
}

fn told_by_mail(rows: &WorkingSet, transfer: &Transfer) -> Result<(), String> {
    let id = transfer.id;
    let of_kind = |kind| {
        let mails = rows.mails_of(transfer.order_id).filter(move |mail| mail.kind == kind);
        mails.map(|mail| &mail.to).collect::<Vec<_>>()
    };
    let offered = of_kind(MailKind::TransferOffered(id));
    check(offered == [&transfer.to], || format!("E10 transfer {id} was offered to {offered:?}"))?;
    let is_taken = transfer.status == TransferStatus::Taken;
    let (told, wanted) = (of_kind(MailKind::TransferTaken(id)), transfer.from.iter().filter(|_| is_taken));
    check(told.iter().copied().eq(wanted), || format!("E10 {told:?} were told that transfer {id} was taken"))?;
    let ticket = transfer.new_ticket_id.and_then(|id| rows.tickets.get(&id));
    let is_mailed = ticket.is_none_or(|ticket| mails(rows, ticket).next() == Some(transfer.to.as_str()));
    check(is_mailed, || format!("E10 the ticket of transfer {id} was not mailed to whom it was offered"))
}

/// Each code that a ticket ever had was mailed to its holder. Those of a dispute that was won go to the buyer in one mail.
fn has_every_code(rows: &WorkingSet, known: &Known, ticket: &Ticket, order: &Order) -> Result<(), String> {
    let codes = known.of_ticket.get(&ticket.id).map_or(0, Vec::len);
    let wanted = if order.buyer.who == ticket.holder { 1 } else { codes };
    let found = mails(rows, ticket).count();
    check(found >= wanted, || {
        format!("E10 ticket {} of {} has had {codes} codes, and {found} were mailed", ticket.id, ticket.holder)
    })
}
