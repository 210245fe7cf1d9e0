use super::offer::transfer_needs;
use super::{TransferStatus, is_holder};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::id::{TicketId, TransferId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::TicketStatus;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Takes back the open offer of a ticket, if there is one. Returns whether there was. A repeat changes nothing. Only the holder may do it:
/// for others there is no such ticket. One that was taken is refused with `ticket_transferred`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawTransfer {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Who takes it back.
    pub actor: Principal,
}

impl Command for WithdrawTransfer {
    type Outcome = Result<bool, Refusal>;
    const NAME: &'static str = "withdraw_transfer";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        transfer_needs(rows, load, &self.ticket_id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<bool, Refusal> {
        let ticket = rows.tickets.get(&self.ticket_id).cloned().ok_or(Refusal::TicketUnknown)?;
        let order = rows.orders.get(&ticket.order_id).ok_or(Refusal::TicketUnknown)?;
        if !is_holder(&self.actor, order, &ticket) {
            return Err(Refusal::TicketUnknown);
        }
        if ticket.status == TicketStatus::Transferred {
            return Err(Refusal::TicketTransferred);
        }
        let offered = rows.transfers_of(ticket.order_id).filter(|transfer| transfer.ticket_id == ticket.id);
        let offered = offered.filter(|transfer| transfer.status == TransferStatus::Offered);
        let offered: Vec<TransferId> = offered.map(|transfer| transfer.id).collect();
        for id in &offered {
            rows.transfers.update(id, |transfer| {
                transfer.status = TransferStatus::Withdrawn;
                transfer.updated_at = now;
            });
            let item = format!("ticket {}", ticket.id);
            let change = Change { item: Some(&item), ..Change::default() };
            let actor = Actor::Person(self.actor.clone());
            rows.record_audit(now, ticket.order_id, actor, "transfer.withdrawn", "", change);
        }
        Ok(!offered.is_empty())
    }
}
