use super::{BY_ORDER, BY_REFERENCE, Transfer};
use crate::domain::code::Reference;
use crate::domain::command::Query;
use crate::domain::event::Event;
use crate::domain::id::TicketId;
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::ticket::Ticket;
use crate::domain::working_set::WorkingSet;

/// A transfer, with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundTransfer {
    /// The transfer.
    pub transfer: Transfer,
    /// The ticket that is offered.
    pub ticket: Ticket,
    /// The ticket that the recipient has got.
    pub new_ticket: Option<Ticket>,
    /// The event.
    pub event: Event,
}

/// Finds a transfer by its reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindTransfer(pub Reference);

impl Query for FindTransfer {
    type Found = Option<FoundTransfer>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(BY_REFERENCE, &self.0);
        for transfer in rows.transfers.loaded(BY_REFERENCE, &self.0) {
            load.look::<Ticket>(&transfer.ticket_id);
            if let Some(id) = &transfer.new_ticket_id {
                load.look::<Ticket>(id);
            }
            load.look::<Order>(&transfer.order_id);
            if let Some(order) = rows.orders.loaded_row(&transfer.order_id) {
                load.look::<Event>(&order.event_id);
            }
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<FoundTransfer> {
        let transfer = rows.transfer_by_reference(&self.0)?;
        let ticket = rows.tickets.get(&transfer.ticket_id)?.clone();
        let event = rows.events.get(&ticket.event_id)?.clone();
        let new_ticket = transfer.new_ticket_id.and_then(|id| rows.tickets.get(&id)).cloned();
        Some(FoundTransfer { transfer: transfer.clone(), ticket, new_ticket, event })
    }
}

/// Lists the transfers of a ticket, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListTransfers(pub TicketId);

impl Query for ListTransfers {
    type Found = Vec<Transfer>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Ticket>(&self.0);
        if let Some(ticket) = rows.tickets.loaded_row(&self.0) {
            load.find(BY_ORDER, &ticket.order_id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Transfer> {
        let Some(ticket) = rows.tickets.get(&self.0) else { return vec![] };
        rows.transfers_of(ticket.order_id).filter(|transfer| transfer.ticket_id == self.0).cloned().collect()
    }
}
