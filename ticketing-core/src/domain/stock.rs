//! Moving places. The only code that changes how many are held and sold.

use crate::domain::event::{Event, Stock};
use crate::domain::id::{EventId, PromoCodeId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::order::{Order, OrderLine};
use crate::domain::promo_code::PromoCode;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Ticket;
use crate::domain::working_set::WorkingSet;
use std::collections::BTreeMap;

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

/// Places of one ticket type that move together, and the promo code whose uses move with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) ticket_type_id: TicketTypeId,
    pub(crate) promo_code_id: Option<PromoCodeId>,
    pub(crate) quantity: u32,
}

impl Places {
    /// All places of an order.
    pub(crate) fn of_order(order: &Order) -> impl Iterator<Item = Self> {
        order.lines.iter().map(Self::of_line)
    }

    fn of_line(line: &OrderLine) -> Self {
        let OrderLine { ticket_type_id, quantity, promo_code_id, .. } = *line;
        Self { ticket_type_id, promo_code_id, quantity }
    }

    /// The place of one ticket of an order.
    pub(crate) fn of_ticket(order: Option<&Order>, ticket: &Ticket) -> Self {
        let line = order.and_then(|order| order.lines.get(ticket.line as usize));
        let promo_code_id = line.and_then(|line| line.promo_code_id);
        Self { ticket_type_id: ticket.ticket_type_id, promo_code_id, quantity: 1 }
    }
}

/// Asks for the rows that a move of an order's places changes. Whatever else comes to count an order's tickets is asked for
/// and counted in this file, so that the commands that move places need not know of it.
pub(crate) fn needs(_rows: &WorkingSet, load: &mut LoadKeys, order: &Order) {
    load.row::<Event>(&order.event_id);
    if let Some(id) = &order.promo_code_id {
        load.row::<PromoCode>(id);
    }
}

/// Moves some places of an event, with the uses of promo codes.
pub(crate) fn move_places(rows: &mut WorkingSet, event_id: EventId, places: &[Places], to: Move) {
    rows.events.update(&event_id, |event| {
        for Places { ticket_type_id, quantity, .. } in places {
            to.apply(&mut event.stock, i64::from(*quantity));
            for ticket_type in &mut event.ticket_types {
                if ticket_type.id == *ticket_type_id {
                    to.apply(&mut ticket_type.stock, i64::from(*quantity));
                }
            }
        }
    });
    for Places { promo_code_id, quantity, .. } in places {
        if let Some(id) = promo_code_id {
            rows.promo_codes.update(id, |code| to.apply(&mut code.uses, i64::from(*quantity)));
        }
    }
}

/// Moves all places of an order.
pub(crate) fn move_order(rows: &mut WorkingSet, order: &Order, to: Move) {
    let places: Vec<Places> = Places::of_order(order).collect();
    move_places(rows, order.event_id, &places, to);
}

/// Whether the event has all these places free, and their promo codes as many uses. Says of which there are too few.
pub(crate) fn has_places(
    rows: &WorkingSet,
    event: &Event,
    places: impl Iterator<Item = Places>,
) -> Result<(), Refusal> {
    let mut in_all = 0;
    let (mut of_types, mut of_codes): (BTreeMap<_, i64>, BTreeMap<_, i64>) = (BTreeMap::new(), BTreeMap::new());
    for Places { ticket_type_id, promo_code_id, quantity } in places {
        let ticket_type = event.ticket_type(ticket_type_id).ok_or(Refusal::TicketTypeUnknown { ticket_type_id })?;
        in_all += i64::from(quantity);
        let of_type = of_types.entry(ticket_type_id).or_default();
        *of_type += i64::from(quantity);
        if !ticket_type.stock.has(*of_type) || !event.stock.has(in_all) {
            return Err(Refusal::SoldOut { ticket_type_id, available: event.available(ticket_type).unwrap_or(0) });
        }
        if let Some(id) = promo_code_id {
            *of_codes.entry(id).or_default() += i64::from(quantity);
        }
    }
    for (id, quantity) in of_codes {
        let code = rows.promo_codes.get(&id).ok_or(Refusal::CodeUnknown)?;
        if !code.uses.has(quantity) {
            return Err(Refusal::CodeUsedUp { left: code.uses.available().unwrap_or(0) });
        }
    }
    Ok(())
}
