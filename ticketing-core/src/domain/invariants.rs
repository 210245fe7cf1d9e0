//! The invariants of the whole database.
//!
//! SQL storages check them in SQL, and the end-to-end tests check them with queries of their own. Three independent versions, so
//! that a mistake in one does not hide a fault.

use crate::domain::event::{Event, Stock};
use crate::domain::factor::Factor;
use crate::domain::id::{PromoCodeId, TicketTypeId};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::organisation::MemberRole;
use crate::domain::outbox::MailKind;
use crate::domain::payment::{Attempt, AttemptStatus};
use crate::domain::pricing::Parts;
use crate::domain::ticket::TicketStatus;
use crate::domain::transfer::{Transfer, TransferStatus};
use crate::domain::working_set::WorkingSet;
use std::collections::BTreeMap;

/// Checks a working set that contains everything. Returns one sentence per violated invariant.
pub fn check(rows: &WorkingSet) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut held: BTreeMap<TicketTypeId, i64> = BTreeMap::new();
    let mut sold: BTreeMap<TicketTypeId, i64> = BTreeMap::new();
    let mut used: BTreeMap<PromoCodeId, (i64, i64)> = BTreeMap::new();
    for (_, order) in rows.orders.iter() {
        if let OrderStatus::Held { .. } = order.status {
            for line in &order.lines {
                *held.entry(line.ticket_type_id).or_default() += i64::from(line.quantity);
                if let Some(id) = line.promo_code_id {
                    used.entry(id).or_default().0 += i64::from(line.quantity);
                }
            }
        }
        of_order(rows, order, &mut wrong);
    }
    for (_, ticket) in rows.tickets.iter().filter(|(_, ticket)| ticket.takes_a_place()) {
        *sold.entry(ticket.ticket_type_id).or_default() += 1;
        let order = rows.orders.get(&ticket.order_id);
        if let Some(id) = order.and_then(|order| order.lines.get(ticket.line as usize)?.promo_code_id) {
            used.entry(id).or_default().1 += 1;
        }
    }
    for (_, event) in rows.events.iter() {
        of_event(event, &held, &sold, &mut wrong);
    }
    for (id, account) in rows.accounts.iter() {
        let is_on = rows.factors.get(id).is_some_and(Factor::is_on);
        if account.has_second_factor != is_on {
            wrong.push(format!(
                "account {id} says of its second factor {}, and the factor {is_on}",
                account.has_second_factor
            ));
        }
    }
    for (id, code) in rows.promo_codes.iter() {
        let (held, sold) = used.get(id).copied().unwrap_or_default();
        if (code.uses.held, code.uses.sold) != (held, sold) {
            wrong.push(format!(
                "promo code {id} counts {} held and {} sold, but {held} are held and {sold} sold",
                code.uses.held, code.uses.sold
            ));
        }
        if !code.uses.has(0) {
            wrong.push(format!("promo code {id} is used too often: {:?}", code.uses));
        }
    }
    of_members(rows, &mut wrong);
    wrong
}

/// What an account keeps of its memberships is what its members say, and every organisation has an owner.
fn of_members(rows: &WorkingSet, wrong: &mut Vec<String>) {
    let present = || rows.members.iter().map(|(_, member)| member).filter(|member| member.removed_at.is_none());
    for (id, account) in rows.accounts.iter() {
        let mut own: Vec<_> = present().filter(|member| member.account_id == *id).collect();
        own.sort_unstable_by_key(|member| member.organisation_id);
        let own = own.iter().map(|member| (member.organisation_id, member.role, &member.events));
        if !own.eq(account.memberships.iter().map(|of| (of.organisation_id, of.role, &of.events))) {
            wrong.push(format!("account {id} keeps other memberships than it has"));
        }
    }
    for (id, _) in rows.organisations.iter() {
        if !present().any(|member| member.organisation_id == *id && member.role == MemberRole::Owner) {
            wrong.push(format!("organisation {id} has no owner"));
        }
    }
}

fn of_event(
    event: &Event,
    held: &BTreeMap<TicketTypeId, i64>,
    sold: &BTreeMap<TicketTypeId, i64>,
    wrong: &mut Vec<String>,
) {
    let count = |counts: &BTreeMap<TicketTypeId, i64>, id| counts.get(&id).copied().unwrap_or(0);
    let mut compare = |what: String, stock: &Stock, held: i64, sold: i64| {
        if (stock.held, stock.sold) != (held, sold) {
            wrong.push(format!(
                "{what} counts {} held and {} sold, but {held} are held and {sold} sold",
                stock.held, stock.sold
            ));
        }
        if stock.capacity.is_some_and(|capacity| held + sold > capacity) {
            wrong.push(format!("{what} is oversold: {held} held and {sold} sold of {:?}", stock.capacity));
        }
    };
    for ticket_type in &event.ticket_types {
        let id = ticket_type.id;
        compare(format!("ticket type {id}"), &ticket_type.stock, count(held, id), count(sold, id));
    }
    let all = |counts| event.ticket_types.iter().map(|ticket_type| count(counts, ticket_type.id)).sum();
    compare(format!("event {}", event.id), &event.stock, all(held), all(sold));
}

/// A ticket that was replaced is void, and the one that came in place of it is the only one.
fn of_replaced(rows: &WorkingSet, order: &Order, wrong: &mut Vec<String>) {
    for ticket in rows.tickets_of(order.id) {
        let successors = rows.tickets_of(order.id).filter(|other| other.replaces == Some(ticket.id)).count();
        let is_replaced = ticket.status == TicketStatus::Transferred;
        if successors != usize::from(is_replaced) {
            let status = ticket.status.name();
            wrong.push(format!("ticket {} is {status} and {successors} came in place of it", ticket.id));
        }
    }
    let lasting = |line: usize| {
        rows.tickets_of(order.id).filter(move |of| of.line as usize == line && of.status != TicketStatus::Transferred)
    };
    for (line, of) in order.lines.iter().enumerate().filter(|_| order.status == OrderStatus::Paid) {
        let (found, wanted) = (lasting(line).count(), of.quantity as usize);
        if found != wanted {
            wrong.push(format!(
                "line {line} of order {} has {found} tickets that were not replaced, not {wanted}",
                order.id
            ));
        }
    }
    for transfer in rows.transfers_of(order.id) {
        let is_open_twice = |other: &Transfer| {
            (other.ticket_id, other.status) == (transfer.ticket_id, TransferStatus::Offered) && other.id < transfer.id
        };
        if transfer.status == TransferStatus::Offered && rows.transfers_of(order.id).any(is_open_twice) {
            wrong.push(format!("ticket {} is offered twice", transfer.ticket_id));
        }
        let new = transfer.new_ticket_id.and_then(|id| rows.tickets.get(&id));
        let is_taken = transfer.status == TransferStatus::Taken;
        if is_taken != new.is_some_and(|new| new.replaces == Some(transfer.ticket_id)) {
            let status = transfer.status.name();
            wrong.push(format!("transfer {} is {status}, and its new ticket is not so", transfer.id));
        }
    }
}

fn of_order(rows: &WorkingSet, order: &Order, wrong: &mut Vec<String>) {
    let id = order.id;
    let sum: i64 = order.lines.iter().map(|line| line.unit_price.minor() * i64::from(line.quantity)).sum();
    if sum != order.total.minor() {
        wrong.push(format!("order {id} costs {} and its lines {sum}", order.total.minor()));
    }
    for line in &order.lines {
        let Parts { face, discount, fee, tax, total } = line.parts;
        if !(0..=face).contains(&discount) || fee < 0 || tax < 0 || total != line.unit_price.minor() {
            wrong.push(format!("order {id} has a line whose price has impossible parts: {:?}", line.parts));
        }
    }
    // One that came in place of another one counts as that.
    let tickets = rows.tickets_of(id).filter(|ticket| ticket.replaces.is_none()).count();
    let is_paid = order.status == OrderStatus::Paid;
    let wanted = if is_paid { order.quantity() as usize } else { 0 };
    if tickets != wanted {
        wrong.push(format!("order {id} is {} and has {tickets} tickets, not {wanted}", order.status.name()));
    }
    // Somebody who has bought at a counter need not have an address, and those who issue tickets may hand them over.
    let is_issued = rows.attempts_of(id).any(Attempt::is_recorded);
    if is_paid
        && order.buyer.email.is_some()
        && !is_issued
        && !rows.mails_of(id).any(|mail| mail.kind == MailKind::Tickets)
    {
        wrong.push(format!("order {id} is paid and no mail with its tickets is owed or sent"));
    }
    of_replaced(rows, order, wrong);
    for ticket in rows.tickets_of(id) {
        let is_in = rows.check_ins.get(&ticket.id).is_some_and(|check_in| check_in.annulled_at.is_none());
        match ticket.status {
            TicketStatus::Used if !is_in => wrong.push(format!("ticket {} is used and nobody was let in", ticket.id)),
            TicketStatus::Active if is_in => {
                wrong.push(format!("ticket {} is active and somebody was let in with it", ticket.id));
            }
            TicketStatus::Active | TicketStatus::Used if ticket.keeps_place => {
                wrong.push(format!("ticket {} is valid and keeps a second place", ticket.id));
            }
            _ if ticket.keeps_place && !is_in => {
                wrong.push(format!("ticket {} is void, keeps its place and nobody was let in with it", ticket.id));
            }
            _ => {}
        }
    }
    let bought = |status: AttemptStatus| {
        matches!(status, AttemptStatus::Fulfilled | AttemptStatus::Reversed | AttemptStatus::Disputed)
    };
    let fulfilled = rows.attempts_of(id).filter(|attempt| attempt.status == AttemptStatus::Fulfilled).count();
    if fulfilled > 1
        || (is_paid && !rows.attempts_of(id).any(|attempt| bought(attempt.status)))
        || (!is_paid && fulfilled > 0)
    {
        wrong.push(format!("order {id} is {} and {fulfilled} attempts bought its tickets", order.status.name()));
    }
    for attempt in rows.attempts_of(id) {
        let back: i64 =
            rows.refunds_of(id).filter(|refund| refund.attempt == attempt.reference).map(|r| r.amount.minor()).sum();
        let captured = attempt.captured.as_ref().map_or(0, |captured| captured.amount.minor());
        if back > captured {
            wrong.push(format!("attempt {} brought {captured} and {back} go back", attempt.reference));
        }
        if attempt.status.has_captured() && attempt.captured.is_none() && attempt.status != AttemptStatus::Reversed {
            wrong.push(format!("attempt {} is {} without money", attempt.reference, attempt.status.name()));
        }
        if attempt.status == AttemptStatus::RefundDue && back != captured {
            wrong.push(format!("attempt {} is to go back whole: {captured} came and {back} go", attempt.reference));
        }
    }
}
