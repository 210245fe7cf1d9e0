//! Returning tickets, by their buyer.

use super::{BY_KEY, Refund, RefundMoney, RefundReason};
use super::{RefundWish, refund_tickets, request, valid_ticket};
use crate::domain::access::is_theirs;
use crate::domain::audit::Actor;
use crate::domain::code::Reference;
use crate::domain::command::{Command, Query};
use crate::domain::event::{Event, ReturnPolicy};
use crate::domain::id::TicketId;
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::notice;
use crate::domain::order::{self, Order};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{self, TicketStatus};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Returns unused tickets of a paid order: because the date or the place of the event changed after it was made, which returns the whole
/// price, or as the [terms](crate::domain::event::ReturnPolicy) of the event allow. They are refunded at once, as by a
/// [`RefundRequest`](super::RefundRequest). A repeat with the same key finds the same refund, also when the time is over.
///
/// A ticket that was transferred is not the buyer's to return.
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
    /// Whether a refund is what an earlier call has made.
    fn is_outcome(&self, order: &Order, refund: &Refund) -> bool {
        let same_tickets = |wanted: &Vec<TicketId>| {
            let wanted: BTreeSet<TicketId> = wanted.iter().copied().collect();
            refund.tickets.iter().eq(&wanted)
        };
        refund.order_id == order.id
            && matches!(refund.reason, RefundReason::EventChanged | RefundReason::Returned)
            && self.tickets.as_ref().is_none_or(same_tickets)
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
        if let Some(refund) = rows.refund_by_key(&self.key) {
            return if self.is_outcome(&order, refund) { Ok(refund.clone()) } else { Err(Refusal::KeyReused) };
        }
        let open = Returns::of(rows, &order, now);
        let reason = open.reason.ok_or(Refusal::ReturnNotOpen { until: open.until })?;
        let chosen = self.chosen(rows, &order)?;
        let actor = Actor::Person(self.buyer.clone());
        let money = open.money(rows, &order, &chosen)?;
        let wish = RefundWish { tickets: Some(&chosen), money, key: &self.key, reason, note: None, actor };
        refund_tickets(rows, now, &order, wish)
    }
}

/// Whether tickets of an order can be returned, and for how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Returns {
    /// Until when they can be returned, or could be, if they ever could.
    pub until: Option<Timestamp>,
    /// Why they can be returned now. `None` if they cannot.
    pub reason: Option<RefundReason>,
    /// How much of their price is kept, in percent.
    pub keep_percent: u32,
}

impl Returns {
    /// What is true of an order at this time. That the event changed comes first: then the whole price goes back. Needs the event and its
    /// notices.
    pub(crate) fn of(rows: &WorkingSet, order: &Order, now: Timestamp) -> Self {
        let changed = rows.returns_until(order);
        let event = rows.events.get(&order.event_id);
        let policy = event.map(|event| event.terms.returns).unwrap_or_default();
        if changed.is_some_and(|until| now < until) {
            return Self { until: changed, reason: Some(RefundReason::EventChanged), keep_percent: 0 };
        }
        let is_open = policy.until.is_some_and(|until| now < until);
        let reason = is_open.then_some(RefundReason::Returned);
        Self { until: policy.until.max(changed), reason, keep_percent: policy.keep_percent }
    }

    /// What goes back for these tickets of the order.
    fn money(&self, rows: &WorkingSet, order: &Order, chosen: &BTreeSet<TicketId>) -> Result<RefundMoney, Refusal> {
        if self.keep_percent == 0 {
            return Ok(RefundMoney::Prices);
        }
        let policy = ReturnPolicy::new(self.until, self.keep_percent);
        let tickets = rows.tickets_of(order.id).filter(|ticket| chosen.contains(&ticket.id));
        let back: i64 = tickets.map(|ticket| policy.of_price(ticket.price.minor())).sum();
        Money::new(back, order.total.currency()).map(RefundMoney::Exactly).map_err(|_| Refusal::TotalTooLarge)
    }
}

impl ReturnTickets {
    /// The tickets to return, none of which was used.
    fn chosen(&self, rows: &WorkingSet, order: &Order) -> Result<BTreeSet<TicketId>, Refusal> {
        let Some(wanted) = &self.tickets else {
            let unused = rows.tickets_of(order.id).filter(|ticket| ticket.status == TicketStatus::Active);
            let unused = unused.filter(|ticket| order.is_holder_of(ticket));
            return Ok(unused.map(|ticket| ticket.id).collect());
        };
        let unused = |id: &TicketId| {
            let ticket = valid_ticket(rows, order, *id)?;
            match ticket.status {
                TicketStatus::Active if order.is_holder_of(&ticket) => Ok(*id),
                TicketStatus::Active => Err(Refusal::TicketTransferred),
                ticket_status => Err(Refusal::TicketNotValid { ticket_id: *id, ticket_status }),
            }
        };
        wanted.iter().map(unused).collect()
    }
}

/// Finds an order with whether its tickets can be returned at this time, and how much would be refunded for each that can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteReturn {
    /// The order's reference.
    pub order: Reference,
    /// The time.
    pub now: Timestamp,
}

/// What returning tickets of an order would refund.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReturnQuote {
    /// The order.
    pub order: Order,
    /// Whether its tickets can be returned.
    pub returns: Returns,
    /// The tickets that can be, and what goes back for each.
    pub tickets: Vec<(TicketId, Money)>,
}

impl Query for QuoteReturn {
    type Found = Option<ReturnQuote>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(order::BY_REFERENCE, &self.order);
        for order in rows.orders.loaded(order::BY_REFERENCE, &self.order) {
            load.find(ticket::BY_ORDER, &order.id);
            load.look::<Event>(&order.event_id);
            load.find(notice::BY_EVENT, &order.event_id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<ReturnQuote> {
        let order = rows.order_by_reference(&self.order)?;
        let returns = Returns::of(rows, order, self.now);
        let policy = ReturnPolicy::new(returns.until, returns.keep_percent);
        let tickets = rows
            .tickets_of(order.id)
            .filter(|ticket| returns.reason.is_some() && ticket.status == TicketStatus::Active);
        let tickets = tickets.filter(|ticket| order.is_holder_of(ticket)).map(|ticket| {
            let back = Money::new(policy.of_price(ticket.price.minor()), ticket.price.currency());
            (ticket.id, back.unwrap_or(ticket.price))
        });
        Some(ReturnQuote { tickets: tickets.collect(), order: order.clone(), returns })
    }
}
