use crate::domain::book::Book;
use crate::domain::check_in::{CheckIn, Scan};
use crate::domain::event::EventStatus;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::TicketStatus;
use jiff::Timestamp;

/// Lets the holder of a ticket in, once. A repeat of the same scan gets the same answer.
pub fn check_in(book: &mut Book, now: Timestamp, scan: &Scan) -> Result<CheckIn, Refusal> {
    let ticket = book.ticket_by_code(&scan.code).cloned();
    if let Some(earlier) = book.check_in_by_nonce(&scan.nonce) {
        let same = earlier.by == scan.by && ticket.as_ref().is_some_and(|ticket| ticket.id == earlier.ticket_id);
        return if same { Ok(earlier.clone()) } else { Err(Refusal::NonceReused) };
    }
    let ticket = ticket.ok_or(Refusal::TicketUnknown)?;
    let event = book.events.get(&ticket.event_id).ok_or(Refusal::EventUnknown { event_id: ticket.event_id })?;
    if event.organizer != scan.by {
        return Err(Refusal::TicketForeign);
    }
    match ticket.status {
        TicketStatus::Active if event.status == EventStatus::Cancelled => return Err(Refusal::TicketCancelled),
        TicketStatus::Active => {}
        TicketStatus::Used => {
            let earlier = book.check_ins.get(&ticket.id);
            return Err(Refusal::TicketUsed {
                used_at: earlier.map_or(ticket.updated_at, |earlier| earlier.at),
                gate: earlier.and_then(|earlier| earlier.gate.clone()),
            });
        }
        TicketStatus::Refunded => return Err(Refusal::TicketRefunded),
        TicketStatus::Cancelled => return Err(Refusal::TicketCancelled),
        TicketStatus::Transferred => return Err(Refusal::TicketTransferred),
    }

    let check_in = CheckIn {
        ticket_id: ticket.id,
        event_id: ticket.event_id,
        nonce: scan.nonce.clone(),
        gate: scan.gate.clone(),
        by: scan.by.clone(),
        at: now,
    };
    book.tickets.update(&ticket.id, |row| {
        row.status = TicketStatus::Used;
        row.updated_at = now;
    });
    book.add_check_in(check_in.clone());
    Ok(check_in)
}
