//! Moving places. The only code that changes how many are held and sold.

use crate::domain::event::{Event, Stock};
use crate::domain::id::{EventId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;

/// Where places of an order go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// From free to held.
    Hold,
    /// From held to free.
    Release,
    /// From held to sold.
    Sell,
    /// From free to sold: a late payment takes places again.
    SellAgain,
    /// From sold to free: a ticket is void.
    Return,
}

impl Move {
    fn apply(self, stock: &mut Stock, quantity: i64) {
        let (held, sold) = match self {
            Self::Hold => (quantity, 0),
            Self::Release => (-quantity, 0),
            Self::Sell => (-quantity, quantity),
            Self::SellAgain => (0, quantity),
            Self::Return => (0, -quantity),
        };
        // Never clamped: a counter that would go wrong must hit the storage's constraints, and be seen.
        stock.held += held;
        stock.sold += sold;
    }
}

/// Asks for the rows that a move of an order's places changes. Whatever else comes to count an order's tickets is asked for
/// and counted in this file, so that the commands that move places need not know of it.
pub(crate) fn needs(_rows: &WorkingSet, load: &mut LoadKeys, order: &Order) {
    load.row::<Event>(&order.event_id);
}

/// Moves some places of an order.
pub(crate) fn move_places(rows: &mut WorkingSet, order: &Order, places: &[(TicketTypeId, i64)], to: Move) {
    move_places_of(rows, order.event_id, places, to);
}

/// Moves some places of an event.
pub(crate) fn move_places_of(rows: &mut WorkingSet, event_id: EventId, places: &[(TicketTypeId, i64)], to: Move) {
    rows.events.update(&event_id, |event| {
        for (ticket_type_id, quantity) in places {
            to.apply(&mut event.stock, *quantity);
            for ticket_type in &mut event.ticket_types {
                if ticket_type.id == *ticket_type_id {
                    to.apply(&mut ticket_type.stock, *quantity);
                }
            }
        }
    });
}

/// Moves all places of an order.
pub(crate) fn move_order(rows: &mut WorkingSet, order: &Order, to: Move) {
    let places: Vec<_> = order.lines.iter().map(|line| (line.ticket_type_id, i64::from(line.quantity))).collect();
    move_places(rows, order, &places, to);
}

/// Whether the event has all these places free. Says of which type there are too few.
pub(crate) fn has_places(event: &Event, places: impl Iterator<Item = (TicketTypeId, u32)>) -> Result<(), Refusal> {
    let mut in_all = 0;
    for (ticket_type_id, quantity) in places {
        let ticket_type = event.ticket_types.iter().find(|ticket_type| ticket_type.id == ticket_type_id);
        let ticket_type = ticket_type.ok_or(Refusal::TicketTypeUnknown { ticket_type_id })?;
        in_all += i64::from(quantity);
        if !ticket_type.stock.has(quantity.into()) || !event.stock.has(in_all) {
            return Err(Refusal::SoldOut { ticket_type_id, available: event.available(ticket_type).unwrap_or(0) });
        }
    }
    Ok(())
}
