use super::{Attendee, AttendeeWants, BY_ORDER};
use crate::domain::access::is_theirs;
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::TicketId;
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::outbox::{self, next_resend};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::{self, Ticket, TicketStatus};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Says who comes with a ticket, if what is known is still the version that the caller has seen. What is so already is no change, whatever
/// was seen: a repeat is harmless. It is a line of the audit log, without the data.
///
/// The holder and the buyer may edit all but the note, while the ticket is valid; the organiser everything, at any time. For others
/// there is no such ticket.
///
/// A valid ticket whose attendee gets an address, or another one, is mailed to it: at most
/// [`MAX_RESENDS`](crate::domain::outbox::MAX_RESENDS) such mails of an order within
/// [`RESENDS_WITHIN`](crate::domain::outbox::RESENDS_WITHIN).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditAttendee {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Who edits it.
    pub actor: Principal,
    /// The events whose attendees this person may edit. `None`: the person edits it as the holder or the buyer.
    pub scope: Option<Scope>,
    /// The version that the caller has seen. `None` is any.
    pub seen: Option<i64>,
    /// What shall be known.
    pub wants: AttendeeWants,
}

impl Command for EditAttendee {
    type Outcome = Result<Attendee, Refusal>;
    const NAME: &'static str = "edit_attendee";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        // Which order it is of never changes. Its order is locked first.
        load.look::<Ticket>(&self.ticket_id);
        let Some(ticket) = rows.tickets.loaded_row(&self.ticket_id) else { return };
        let (order, event) = (ticket.order_id, ticket.event_id);
        load.row::<Order>(&order);
        load.find(ticket::BY_ORDER, &order);
        load.find(BY_ORDER, &order);
        load.find(outbox::BY_ORDER, &order);
        load.look::<Event>(&event);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Attendee, Refusal> {
        let ticket = rows.tickets.get(&self.ticket_id).cloned().ok_or(Refusal::TicketUnknown)?;
        let order = rows.orders.get(&ticket.order_id).cloned().ok_or(Refusal::TicketUnknown)?;
        let is_staff = match &self.scope {
            Some(scope) => rows.events.get(&ticket.event_id).is_some_and(|event| scope.covers(event)),
            None => false,
        };
        // Who has given a ticket away knows nothing of who comes with it.
        let is_buyers = is_theirs(&self.actor, &order) && order.is_holder_of(&ticket);
        let is_own = self.scope.is_none() && (ticket.holder == self.actor || is_buyers);
        if !is_staff && !is_own {
            return Err(Refusal::TicketUnknown);
        }
        let known = rows.attendees_of(ticket.order_id).find(|known| known.ticket_id == ticket.id).cloned();
        let attendee = known.clone().unwrap_or_else(|| Attendee::unknown(ticket.id, ticket.order_id, now));
        let mut wanted = self.wants.onto(&attendee);
        if is_own {
            wanted.note.clone_from(&attendee.note);
        }
        if wanted == attendee {
            return Ok(attendee);
        }
        if is_own && !ticket.status.is_valid() {
            return Err(Refusal::TicketNotValid { ticket_id: ticket.id, ticket_status: ticket.status });
        }
        if self.seen.is_some_and(|seen| seen != attendee.version) {
            return Err(Refusal::Stale { current: attendee.version });
        }
        let told = wanted.email.clone().filter(|to| attendee.email.as_ref().is_none_or(|was| was.key() != to.key()));
        let told = told.filter(|to| ticket.status == TicketStatus::Active && !to.is_erased());
        if told.is_some()
            && let Some(again_at) = next_resend(rows, &order, now)
        {
            return Err(Refusal::TooManyResends { again_at });
        }
        wanted.version += 1;
        wanted.updated_at = now;
        match known {
            Some(_) => rows.attendees.update(&ticket.id, |row| row.clone_from(&wanted)),
            None => rows.attendees.insert(wanted.clone()),
        }
        let (before, after) = (attendee.version.to_string(), wanted.version.to_string());
        let item = format!("ticket {}", ticket.id);
        let change = Change::of(&item, &before, &after);
        rows.record_audit(now, ticket.order_id, Actor::Person(self.actor.clone()), "attendee.edited", "", change);
        if let Some(to) = told {
            rows.mail_ticket(now, &ticket, to);
        }
        Ok(wanted)
    }
}
