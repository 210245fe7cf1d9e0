use super::{
    BY_ORDER, MAX_TRANSFERS, TRANSFER_LASTS, TRANSFERS_WITHIN, Transfer, TransferStatus, is_holder, may_be_transferred,
    transfers_end_at,
};
use crate::domain::attendee;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::{TicketId, TransferId};
use crate::domain::limit::next_allowed;
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::outbox::{self, MailKind};
use crate::domain::principal::{EmailAddress, Principal};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{self, Ticket};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Offers a ticket to the reader of an address, who gets a mail. Nothing changes for the ticket until it is
/// [taken](super::TakeTransfer). An offer to somebody else replaces the open one; a repeat to the same address finds it, and sends nothing.
///
/// Only the holder may do it: for others there is no such ticket. At most [`MAX_TRANSFERS`] offers of a ticket within [`TRANSFERS_WITHIN`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferTransfer {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Who offers it.
    pub actor: Principal,
    /// To whom.
    pub to: EmailAddress,
    /// The reference of the transfer. Must be fresh, and impossible to guess.
    pub reference: Reference,
}

/// The rows that a change of a ticket's transfers reads and changes. Its order is locked first.
pub(super) fn transfer_needs(rows: &WorkingSet, load: &mut LoadKeys, ticket: &TicketId) {
    load.look::<Ticket>(ticket);
    // Which order it is of never changes.
    let Some(order) = rows.tickets.loaded_row(ticket).map(|ticket| ticket.order_id) else { return };
    load.row::<Order>(&order);
    load.find(BY_ORDER, &order);
    load.find(attendee::BY_ORDER, &order);
    load.find(ticket::BY_ORDER, &order);
    load.find(outbox::BY_ORDER, &order);
    if let Some(order) = rows.orders.loaded_row(&order) {
        // Stock does not move, so the event is not locked.
        load.look::<Event>(&order.event_id);
    }
}

impl Command for OfferTransfer {
    type Outcome = Result<Transfer, Refusal>;
    const NAME: &'static str = "offer_transfer";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        transfer_needs(rows, load, &self.ticket_id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Transfer, Refusal> {
        let ticket = rows.tickets.get(&self.ticket_id).cloned().ok_or(Refusal::TicketUnknown)?;
        let order = rows.orders.get(&ticket.order_id).cloned().ok_or(Refusal::TicketUnknown)?;
        if !is_holder(&self.actor, &order, &ticket) {
            return Err(Refusal::TicketUnknown);
        }
        let event = rows.events.get(&ticket.event_id).cloned().ok_or(Refusal::TicketUnknown)?;
        may_be_transferred(rows, &event, &ticket, now)?;
        let of_ticket: Vec<Transfer> =
            rows.transfers_of(order.id).filter(|transfer| transfer.ticket_id == ticket.id).cloned().collect();
        let is_repeat = |known: &&Transfer| known.is_open(now) && known.to.key() == self.to.key();
        if let Some(known) = of_ticket.iter().find(is_repeat) {
            return Ok(known.clone());
        }
        let offered = of_ticket.iter().map(|transfer| transfer.created_at);
        if let Some(again_at) = next_allowed(offered, MAX_TRANSFERS, TRANSFERS_WITHIN, now) {
            return Err(Refusal::TooManyTransfers { again_at });
        }
        for open in of_ticket.iter().filter(|transfer| transfer.status == TransferStatus::Offered) {
            rows.transfers.update(&open.id, |transfer| {
                transfer.status = TransferStatus::Withdrawn;
                transfer.updated_at = now;
            });
        }
        let transfer = Transfer {
            id: TransferId(rows.transfers.take_id()),
            reference: self.reference.clone(),
            ticket_id: ticket.id,
            order_id: order.id,
            from: rows.holder_address(&order, &ticket),
            to: self.to.clone(),
            status: TransferStatus::Offered,
            new_ticket_id: None,
            expires_at: (now + TRANSFER_LASTS).min(transfers_end_at(&event)),
            created_at: now,
            updated_at: now,
        };
        rows.transfers.insert(transfer.clone());
        rows.owe_mail(now, order.id, MailKind::TransferOffered(transfer.id), self.to.clone());
        let item = format!("ticket {}", ticket.id);
        let change = Change { item: Some(&item), ..Change::default() };
        rows.record_audit(now, order.id, Actor::Person(self.actor.clone()), "transfer.offered", "", change);
        Ok(transfer)
    }
}
