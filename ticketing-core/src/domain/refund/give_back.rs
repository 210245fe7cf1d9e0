//! Returning tickets, by their buyer.

use super::{BY_KEY, Refund, RefundReason, RefundRequest};
use super::{refund_tickets, request, valid_ticket};
use crate::domain::access::is_theirs;
use crate::domain::audit::Actor;
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::id::TicketId;
use crate::domain::load::LoadKeys;
use crate::domain::notice;
use crate::domain::order::{self, Order};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::TicketStatus;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Returns unused tickets of a paid order, because the date or the place of the event changed after it was made. They are refunded at
/// once, as by a [`RefundRequest`]. A repeat with the same key finds the same refund, also when the time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTickets {
    /// The idempotency key.
    pub key: Reference,
    /// The order.
    pub order: Reference,
    /// The tickets. `None` means all that are unused and valid.
    pub tickets: Option<Vec<TicketId>>,
    /// Who returns them. For anybody but the buyer there is no such order.
    pub buyer: Principal,
}

impl ReturnTickets {
    fn request(&self) -> RefundRequest {
        RefundRequest {
            key: self.key.clone(),
            order: self.order.clone(),
            tickets: self.tickets.clone(),
            reason: RefundReason::EventChanged,
            note: None,
            actor: self.buyer.clone(),
            scope: None,
        }
    }
}

impl Command for ReturnTickets {
    type Outcome = Result<Refund, Refusal>;
    const NAME: &'static str = "return_tickets";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(order::BY_REFERENCE, &self.order);
        load.find(BY_KEY, &self.key);
        for order in rows.orders.loaded(order::BY_REFERENCE, &self.order) {
            request::refund_needs(rows, load, order);
            load.look_up(notice::BY_EVENT, &order.event_id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Refund, Refusal> {
        let order = rows.order_by_reference(&self.order).cloned();
        let order = order.filter(|order| is_theirs(&self.buyer, order)).ok_or(Refusal::OrderUnknown)?;
        if rows.refund_by_key(&self.key).is_some() {
            return self.request().apply(rows, now);
        }
        let until = rows.returns_until(&order);
        if until.is_none_or(|until| now >= until) {
            return Err(Refusal::ReturnNotOpen { until });
        }
        let chosen = self.chosen(rows, &order)?;
        let actor = Actor::Person(self.buyer.clone());
        refund_tickets(rows, now, &order, Some(&chosen), &self.key, RefundReason::EventChanged, None, actor)
    }
}

impl ReturnTickets {
    /// The tickets to return, none of which was used.
    fn chosen(&self, rows: &WorkingSet, order: &Order) -> Result<BTreeSet<TicketId>, Refusal> {
        let Some(wanted) = &self.tickets else {
            let unused = rows.tickets_of(order.id).filter(|ticket| ticket.status == TicketStatus::Active);
            return Ok(unused.map(|ticket| ticket.id).collect());
        };
        let unused = |id: &TicketId| match valid_ticket(rows, order, *id)?.status {
            TicketStatus::Active => Ok(*id),
            ticket_status => Err(Refusal::TicketNotValid { ticket_id: *id, ticket_status }),
        };
        wanted.iter().map(unused).collect()
    }
}
