use super::{Ticket, TicketStatus};
use crate::domain::order::Order;
use crate::domain::stock::{Move, Places, move_places};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Makes valid tickets of an order void and frees their places. The place of a holder who went in is not free: it stays sold.
pub(crate) fn void_tickets(
    rows: &mut WorkingSet,
    now: Timestamp,
    order: &Order,
    tickets: &[Ticket],
    status: TicketStatus,
) {
    for ticket in tickets {
        rows.tickets.update(&ticket.id, |row| {
            row.keeps_place = row.status == TicketStatus::Used;
            row.status = status;
            row.updated_at = now;
        });
    }
    let unused = tickets.iter().filter(|ticket| ticket.status != TicketStatus::Used);
    let places: Vec<Places> = unused.map(|ticket| Places::of_ticket(Some(order), ticket)).collect();
    move_places(rows, order.event_id, &places, Move::Return);
}
