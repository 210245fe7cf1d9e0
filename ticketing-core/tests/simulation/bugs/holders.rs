//! Bugs of transfers and of swaps.

use super::{Bug, BuggyStorage, Result, change_events};
use crate::places::{self, Places};
use jiff::Timestamp;
use ticketing_core::domain::code::{Seed, TicketCode};
use ticketing_core::domain::command::Command as _;
use ticketing_core::domain::id::{RefundId, TicketId, TicketTypeId};
use ticketing_core::domain::outbox::MailKind;
use ticketing_core::domain::ticket::{PriceDifference, SwapTicket, Swapped, Ticket, TicketStatus};
use ticketing_core::domain::transfer::{TakeTransfer, TakenTransfer, Transfer, TransferStatus};
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Outcome, StorageExt as _};

impl BuggyStorage {
    pub(super) async fn take_transfer(&self, now: Timestamp, take: &TakeTransfer) -> Result<Outcome<TakenTransfer>> {
        let memory = &self.world.memory;
        let before = Places::count(&self.world);
        let outcome = match self.world.bug {
            Some(bug) => memory.tamper(|rows| take_badly(rows, now, take, bug)),
            None => memory.apply_one(now, take.clone()).await?,
        };
        places::taken(&self.world, &before, &outcome);
        Ok(outcome)
    }

    pub(super) async fn swap_ticket(&self, now: Timestamp, swap: &SwapTicket) -> Result<Outcome<Swapped>> {
        let memory = &self.world.memory;
        let before = Places::count(&self.world);
        let outcome = match self.world.bug {
            Some(bug) => memory.tamper(|rows| swap_badly(rows, now, swap, bug)),
            None => memory.apply_one(now, swap.clone()).await?,
        };
        places::swapped(&self.world, swap, &before, &outcome);
        Ok(outcome)
    }
}

fn change_ticket(rows: &mut WorkingSet, id: TicketId, change: impl FnOnce(&mut Ticket)) {
    if let Some(mut ticket) = rows.tickets.get(&id).cloned() {
        change(&mut ticket);
        rows.tickets.load_record(ticket);
    }
}

fn take_badly(rows: &mut WorkingSet, now: Timestamp, take: &TakeTransfer, bug: Bug) -> Outcome<TakenTransfer> {
    let before = rows.transfer_by_reference(&take.reference).cloned();
    match (bug, &before) {
        // The ticket that the first one has got goes on to the next one who asks.
        (Bug::TransferTakenAgain, Some(Transfer { new_ticket_id: Some(id), .. })) => {
            let holder = rows.tickets.get(id).map(|ticket| ticket.holder.clone());
            if take.holder.is_some() && take.holder != holder {
                let mut open = before.clone().unwrap_or_else(|| unreachable!("it was found"));
                (open.ticket_id, open.new_ticket_id, open.status) = (*id, None, TransferStatus::Offered);
                rows.transfers.load_record(open);
            }
        }
        (Bug::WithdrawnOfferTaken, Some(transfer)) if transfer.status == TransferStatus::Withdrawn => {
            let mut open = transfer.clone();
            open.status = TransferStatus::Offered;
            rows.transfers.load_record(open);
        }
        _ => {}
    }
    let outcome = take.apply(rows, now);
    let Ok(TakenTransfer { transfer, ticket, first: true, .. }) = &outcome else {
        // What was opened, and is not taken, is as it was.
        before.into_iter().for_each(|transfer| rows.transfers.load_record(transfer));
        return outcome;
    };
    match bug {
        Bug::TransferKeepsOldTicket => {
            change_ticket(rows, transfer.ticket_id, |old| old.status = TicketStatus::Active);
        }
        Bug::TransferKeepsCode => {
            let Some(code) = rows.tickets.get(&transfer.ticket_id).map(|old| old.code.clone()) else { return outcome };
            let mut seed = [7; 32];
            seed[..8].copy_from_slice(&ticket.id.0.to_le_bytes());
            change_ticket(rows, transfer.ticket_id, |old| old.code = TicketCode::derive(&Seed(seed), 0));
            change_ticket(rows, ticket.id, |new| new.code = code);
            return outcome.map(|mut taken| {
                taken.ticket = rows.tickets.get(&taken.ticket.id).cloned().unwrap_or(taken.ticket);
                taken
            });
        }
        Bug::TransferTakesPlace => change_sold(rows, ticket.ticket_type_id, 1),
        Bug::NewTicketMailedToOldHolder => {
            let of = |kind| matches!(kind, MailKind::Ticket { ticket: id, .. } if id == ticket.id);
            let mail = rows.mails_of(ticket.order_id).find(|mail| of(mail.kind)).cloned();
            if let Some((mut mail, from)) = mail.zip(transfer.from.clone()) {
                mail.to = from;
                rows.mails.load_record(mail);
            }
        }
        _ => {}
    }
    outcome
}

fn swap_badly(rows: &mut WorkingSet, now: Timestamp, swap: &SwapTicket, bug: Bug) -> Outcome<Swapped> {
    let mut swap = swap.clone();
    if bug == Bug::SwapRefundsWhatIsKept {
        swap.difference = PriceDifference::Refund;
    }
    let outcome = swap.apply(rows, now);
    let Ok(Swapped { ticket, refund, first: true, .. }) = &outcome else { return outcome };
    let old = ticket.replaces.and_then(|id| rows.tickets.get(&id)).cloned();
    let Some(old) = old else { return outcome };
    match (bug, refund) {
        (Bug::SwapReturnsPlaceTwice, _) => change_sold(rows, old.ticket_type_id, -1),
        (Bug::SwapKeepsOldTicket, _) => change_ticket(rows, old.id, |old| old.status = TicketStatus::Active),
        (Bug::SwapRefundsTwice, Some(refund)) => {
            let mut again = refund.clone();
            again.id = RefundId(1_000_000 + refund.id.0);
            again.key = format!("twice-{}", refund.id).parse().unwrap_or(again.key);
            rows.refunds.load_record(again);
        }
        _ => {}
    }
    outcome
}

fn change_sold(rows: &mut WorkingSet, of: TicketTypeId, by: i64) {
    change_events(rows, |event| {
        let own = event.ticket_types.iter_mut().filter(|own| own.id == of);
        let mut is_its = false;
        own.for_each(|own| {
            own.stock.sold += by;
            is_its = true;
        });
        event.stock.sold += if is_its { by } else { 0 };
    });
}
