use super::{Attendee, BY_ORDER};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::event::Answers;
use crate::domain::id::{OrderId, TicketId};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Erases what is known about the person who comes with a ticket. Returns whether something was. The ticket stays valid. It is a line of
/// the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EraseAttendee {
    /// The ticket.
    pub ticket_id: TicketId,
}

impl Command for EraseAttendee {
    type Outcome = bool;
    const NAME: &'static str = "erase_attendee";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Attendee>(&self.ticket_id);
        let Some(attendee) = rows.attendees.loaded_row(&self.ticket_id) else { return };
        let order = attendee.order_id;
        load.row::<Order>(&order);
        load.find(BY_ORDER, &order);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> bool {
        let Some(attendee) = rows.attendees.get(&self.ticket_id) else { return false };
        let order = attendee.order_id;
        let is_known = !attendee.is_empty();
        if is_known {
            rows.empty_attendee(now, &self.ticket_id);
            let item = format!("ticket {}", self.ticket_id);
            let change = Change { item: Some(&item), ..Change::default() };
            rows.record_audit(now, order, Actor::System, "attendee.erased", "", change);
        }
        is_known
    }
}

impl WorkingSet {
    /// Erases what is known about all attendees of an order. Needs them, to be changed.
    pub(crate) fn empty_attendees_of(&mut self, now: Timestamp, order: OrderId) {
        let known: Vec<TicketId> = self
            .attendees_of(order)
            .filter(|attendee| !attendee.is_empty())
            .map(|attendee| attendee.ticket_id)
            .collect();
        known.iter().for_each(|ticket| self.empty_attendee(now, ticket));
    }

    fn empty_attendee(&mut self, now: Timestamp, ticket: &TicketId) {
        self.attendees.update(ticket, |attendee| {
            (attendee.name, attendee.email, attendee.note) = (None, None, None);
            attendee.answers = Answers::default();
            attendee.version += 1;
            attendee.updated_at = now;
        });
    }
}
