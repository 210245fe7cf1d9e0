use super::{BY_NONCE, CheckIn};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::stock::{self, Move, Places, move_places};
use crate::domain::ticket::{Ticket, TicketStatus};
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// How long after a scan it can be undone.
pub const ANNUL_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// Undoes a scan: its ticket admits its holder again. A repeat changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnulScan {
    /// The scan's idempotency key.
    pub nonce: String,
    /// Who undoes it.
    pub by: Principal,
    /// The events at whose doors this person stands. The scan's event must be among them.
    pub scope: Scope,
}

impl Command for AnnulScan {
    type Outcome = Result<CheckIn, Refusal>;
    const NAME: &'static str = "annul_scan";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(BY_NONCE, &self.nonce);
        for check_in in rows.check_ins.loaded(BY_NONCE, &self.nonce) {
            load.row::<Event>(&check_in.event_id);
            load.row::<Ticket>(&check_in.ticket_id);
            // Again, now that the ticket is locked: another scan may have followed meanwhile.
            load.row::<CheckIn>(&check_in.ticket_id);
            if let Some(ticket) = rows.tickets.loaded_row(&check_in.ticket_id) {
                load.look::<Order>(&ticket.order_id);
                if let Some(order) = rows.orders.loaded_row(&ticket.order_id) {
                    stock::needs(rows, load, order);
                }
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<CheckIn, Refusal> {
        let check_in = rows.check_in_by_nonce(&self.nonce).cloned().ok_or(Refusal::ScanUnknown)?;
        let event = rows.events.get(&check_in.event_id);
        // Whether there is such a scan is the organiser's business.
        if !event.is_some_and(|event| self.scope.covers(event)) {
            return Err(Refusal::ScanUnknown);
        }
        if check_in.annulled_at.is_some() {
            return Ok(check_in);
        }
        if now > check_in.at + ANNUL_WITHIN {
            return Err(Refusal::AnnulTooLate { until: check_in.at + ANNUL_WITHIN });
        }
        let ticket = rows.tickets.get(&check_in.ticket_id).cloned().ok_or(Refusal::ScanUnknown)?;
        if ticket.keeps_place {
            // It is void by now. Nobody is inside with it, so its place is free.
            let place = Places::of_ticket(rows.orders.get(&ticket.order_id), &ticket);
            move_places(rows, ticket.event_id, &[place], Move::Return);
        }
        rows.tickets.update(&ticket.id, |row| {
            row.keeps_place = false;
            if row.status == TicketStatus::Used {
                row.status = TicketStatus::Active;
            }
            row.updated_at = now;
        });
        rows.check_ins.update(&ticket.id, |row| {
            row.annulled_at = Some(now);
            row.annulled.push(self.nonce.clone());
        });
        let change = Change::of(&self.nonce, "admitted", "annulled");
        let actor = Actor::Person(self.by.clone());
        rows.record_audit(now, ticket.order_id, actor, "check_in.annulled", "the scan was undone", change);
        rows.check_ins.get(&ticket.id).cloned().ok_or(Refusal::ScanUnknown)
    }
}
