//! Putting a ticket in place of another one.

use super::{Ticket, TicketStatus};
use crate::domain::code::{Seed, TicketCode};
use crate::domain::id::{TicketId, TicketTypeId};
use crate::domain::money::Money;
use crate::domain::principal::Principal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// What is different about the new ticket, besides its code.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    pub(crate) holder: Principal,
    pub(crate) ticket_type_id: TicketTypeId,
    pub(crate) price: Money,
}

/// Makes a valid ticket void and issues another one in place of it. The two never admit somebody both: the old one is void in the same
/// transaction, and a unique index allows one successor. Moves no places: the caller does, if the type changes.
///
/// Needs the tickets of the order, to be changed.
pub(crate) fn replace_ticket(
    rows: &mut WorkingSet,
    now: Timestamp,
    old: &Ticket,
    with: Replacement,
    seed: &Seed,
) -> Ticket {
    let of_line = rows.tickets_of(old.order_id).filter(|ticket| ticket.line == old.line);
    let last = of_line.map(|ticket| ticket.ordinal).max().unwrap_or(old.ordinal);
    rows.tickets.update(&old.id, |row| {
        row.status = TicketStatus::Transferred;
        row.updated_at = now;
    });
    let new = Ticket {
        id: TicketId(rows.tickets.take_id()),
        code: TicketCode::derive(seed, 0),
        ordinal: last + 1,
        ticket_type_id: with.ticket_type_id,
        holder: with.holder,
        price: with.price,
        status: TicketStatus::Active,
        keeps_place: false,
        replaces: Some(old.id),
        issued_at: now,
        updated_at: now,
        ..old.clone()
    };
    rows.tickets.insert(new.clone());
    new
}
