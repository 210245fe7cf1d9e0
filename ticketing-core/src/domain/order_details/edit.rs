use super::{OrderDetails, OrderDetailsWants};
use crate::domain::access::may_reach;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::load::LoadKeys;
use crate::domain::order::{self, Order, OrderStatus};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Edits what is known about an order, if it is still the version that the caller has seen. Setting a value that is set already is no change,
/// whichever version was seen: a repeat is harmless. An edit is a line of the audit log, without the data.
///
/// The buyer may edit all but the note, while the order is held or paid; the organiser may edit everything, at any time. For others there is
/// no such order. The attendees can be set until the order is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditOrderDetails {
    /// The order's reference.
    pub order: Reference,
    /// Who edits it.
    pub actor: Principal,
    /// The events whose orders this person may edit. `None`: the person edits it as the buyer.
    pub scope: Option<Scope>,
    /// The version that the caller has seen. `None` is any.
    pub seen: Option<i64>,
    /// What shall be known.
    pub wants: OrderDetailsWants,
}

impl Command for EditOrderDetails {
    type Outcome = Result<OrderDetails, Refusal>;
    const NAME: &'static str = "edit_order_details";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(order::BY_REFERENCE, &self.order);
        for order in rows.orders.loaded(order::BY_REFERENCE, &self.order) {
            load.row::<OrderDetails>(&order.id);
            load.look::<Event>(&order.event_id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<OrderDetails, Refusal> {
        let order: Order = rows.order_by_reference(&self.order).cloned().ok_or(Refusal::OrderUnknown)?;
        if !may_reach(rows, &self.actor, self.scope.as_ref(), &order) {
            return Err(Refusal::OrderUnknown);
        }
        let known = rows.order_details.get(&order.id).cloned();
        let details = known.clone().unwrap_or_else(|| OrderDetails::unknown(order.id, now));
        let mut wanted = self.onto(&details);
        if wanted == details {
            return Ok(details);
        }
        match order.status {
            OrderStatus::Held { .. } => {}
            OrderStatus::Paid if wanted.attendees != details.attendees => return Err(Refusal::OrderPaid),
            OrderStatus::Paid => {}
            _ if self.scope.is_some() && wanted.attendees == details.attendees => {}
            OrderStatus::Expired => return Err(Refusal::HoldExpired),
            OrderStatus::Cancelled => return Err(Refusal::OrderCancelled),
        }
        if self.seen.is_some_and(|seen| seen != details.version) {
            return Err(Refusal::Stale { current: details.version });
        }
        wanted.version += 1;
        wanted.updated_at = now;
        match known {
            Some(_) => rows.order_details.update(&order.id, |row| row.clone_from(&wanted)),
            None => rows.order_details.insert(wanted.clone()),
        }
        let has_details = !wanted.is_empty();
        if order.has_details != has_details {
            rows.orders.update(&order.id, |row| row.has_details = has_details);
        }
        let (before, after) = (details.version.to_string(), wanted.version.to_string());
        let change = Change::of(order.reference.as_str(), &before, &after);
        rows.record_audit(now, order.id, Actor::Person(self.actor.clone()), "order.details_edited", "", change);
        Ok(wanted)
    }
}

impl EditOrderDetails {
    /// The details as wanted. The note is the organiser's.
    fn onto(&self, details: &OrderDetails) -> OrderDetails {
        let OrderDetailsWants { answers, attendees, note } = &self.wants;
        let note = note.clone().filter(|_| self.scope.is_some());
        OrderDetails {
            answers: details.answers.with(answers),
            attendees: attendees.clone().unwrap_or_else(|| details.attendees.clone()),
            note: note.unwrap_or_else(|| details.note.clone()),
            ..details.clone()
        }
    }
}
