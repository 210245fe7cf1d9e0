use super::offer::transfer_needs;
use super::{BY_REFERENCE, Transfer, TransferStatus, may_be_transferred};
use crate::domain::attendee::Attendee;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::{Reference, Seed};
use crate::domain::command::Command;
use crate::domain::load::LoadKeys;
use crate::domain::outbox::MailKind;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Replacement, Ticket, replace_ticket};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Takes a ticket that is offered. In one transaction, the old ticket becomes void and another one, with another code, is the taker's. Both
/// are told by mail. No place moves, so this works for an event that is sold out.
///
/// A repeat finds the same new ticket. The caller has checked that this is the recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeTransfer {
    /// The reference of the transfer.
    pub reference: Reference,
    /// Who takes it. `None`: somebody without an account, who is a guest by this reference.
    pub holder: Option<Principal>,
    /// The name of who comes with the ticket.
    pub name: Option<String>,
    /// The new code is derived from this. Must be fresh for every call.
    pub seed: Seed,
}

/// A ticket that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TakenTransfer {
    /// The transfer.
    pub transfer: Transfer,
    /// The new ticket.
    pub ticket: Ticket,
    /// Whether this call took it.
    pub first: bool,
}

impl Command for TakeTransfer {
    type Outcome = Result<TakenTransfer, Refusal>;
    const NAME: &'static str = "take_transfer";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look_up(BY_REFERENCE, &self.reference);
        for transfer in rows.transfers.loaded(BY_REFERENCE, &self.reference) {
            transfer_needs(rows, load, &transfer.ticket_id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<TakenTransfer, Refusal> {
        let known = rows.transfer_by_reference(&self.reference).cloned().ok_or(Refusal::TransferUnknown)?;
        // As it is now that the order is locked.
        let transfer = rows.transfers_of(known.order_id).find(|of| of.id == known.id).cloned().unwrap_or(known);
        if let (TransferStatus::Taken, Some(id)) = (transfer.status, transfer.new_ticket_id) {
            let ticket = rows.tickets.get(&id).cloned().ok_or(Refusal::TransferUnknown)?;
            return Ok(TakenTransfer { transfer, ticket, first: false });
        }
        if !transfer.is_open(now) || transfer.is_erased() {
            return Err(Refusal::TransferUnknown);
        }
        let old = rows.tickets.get(&transfer.ticket_id).cloned().ok_or(Refusal::TransferUnknown)?;
        let order = rows.orders.get(&transfer.order_id).cloned().ok_or(Refusal::TransferUnknown)?;
        let event = rows.events.get(&order.event_id).cloned().ok_or(Refusal::TransferUnknown)?;
        may_be_transferred(rows, &event, &old, now)?;
        let holder = self.holder.clone().unwrap_or_else(|| Principal::Guest(transfer.reference.clone()));
        let with = Replacement { holder: holder.clone(), ticket_type_id: old.ticket_type_id, price: old.price };
        let ticket = replace_ticket(rows, now, &old, with, &self.seed);
        rows.attendees.insert(Attendee {
            name: self.name.clone(),
            email: Some(transfer.to.clone()),
            version: 1,
            ..Attendee::unknown(ticket.id, order.id, now)
        });
        rows.transfers.update(&transfer.id, |row| {
            row.status = TransferStatus::Taken;
            row.new_ticket_id = Some(ticket.id);
            row.updated_at = now;
        });
        rows.mail_ticket(now, &ticket, transfer.to.clone());
        if let Some(from) = transfer.from.clone() {
            rows.owe_mail(now, order.id, MailKind::TransferTaken(transfer.id), from);
        }
        let item = format!("ticket {}", old.id);
        let change = Change { item: Some(&item), ..Change::default() };
        let reason = format!("now ticket {}", ticket.id);
        rows.record_audit(now, order.id, Actor::Person(holder), "ticket.transferred", &reason, change);
        let transfer = rows.transfers.get(&transfer.id).cloned().unwrap_or(transfer);
        Ok(TakenTransfer { transfer, ticket, first: true })
    }
}
