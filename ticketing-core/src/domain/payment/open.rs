use super::poll::interval;
use super::{Attempt, AttemptStatus, BY_ORDER, MAX_PAYS_WITHIN, OpenAttempt, OpenedAttempt, Poll};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::load::LoadKeys;
use crate::domain::order::{self, Order, OrderStatus, is_on_sale};
use crate::domain::order_details::{OrderDetails, is_answered};
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// Stores an attempt before the gateway is called. A repeat with the same content finds the same attempt.
impl Command for OpenAttempt {
    type Outcome = Result<OpenedAttempt, Refusal>;
    const NAME: &'static str = "open_attempt";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(order::BY_REFERENCE, &self.order);
        load.row::<Attempt>(&self.reference);
        for order in rows.orders.loaded(order::BY_REFERENCE, &self.order) {
            load.find(BY_ORDER, &order.id);
            // Read without a lock: buyers who pay do not wait for buyers who hold.
            load.look::<Event>(&order.event_id);
            if order.has_details {
                load.look::<OrderDetails>(&order.id);
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<OpenedAttempt, Refusal> {
        let order = rows.order_by_reference(&self.order).cloned().ok_or(Refusal::OrderUnknown)?;
        if let Some(attempt) = rows.attempts.get(&self.reference) {
            let same = attempt.order_id == order.id && attempt.gateway == self.gateway && attempt.mode == self.mode;
            return if same {
                Ok(OpenedAttempt { order, attempt: attempt.clone(), first: false })
            } else {
                Err(Refusal::KeyReused)
            };
        }
        match order.status {
            OrderStatus::Held { hold_until } if hold_until > now => {}
            OrderStatus::Held { .. } | OrderStatus::Expired => return Err(Refusal::HoldExpired),
            OrderStatus::Paid => return Err(Refusal::OrderPaid),
            OrderStatus::Cancelled => return Err(Refusal::OrderCancelled),
        }
        let event = rows.events.get(&order.event_id).ok_or(Refusal::EventUnknown { event_id: order.event_id })?;
        is_on_sale(event, now)?;
        if order.buyer.email.is_none() {
            return Err(Refusal::BuyerUnnamed);
        }
        let details = if order.has_details { rows.order_details.get(&order.id) } else { None };
        is_answered(event, &order.lines, details)?;

        let attempt = Attempt {
            reference: self.reference.clone(),
            order_id: order.id,
            gateway: self.gateway.clone(),
            amount: order.total,
            mode: self.mode,
            status: AttemptStatus::Created,
            checkout: None,
            last_seen: None,
            captured: None,
            poll: Some(Poll { at: now + interval(0), count: 0 }),
            disputes: vec![],
            attention: vec![],
            note: None,
            recorded_by: None,
            created_at: now,
            updated_at: now,
        };
        let is_first = rows.attempts_of(order.id).next().is_none();
        let order = if is_first { extend(rows, now, order, self.pays_within) } else { order };
        rows.attempts.insert(attempt.clone());
        Ok(OpenedAttempt { order, attempt, first: true })
    }
}

/// The time that opening a checkout and reporting the payment may take.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);

/// Extends the hold to the time that the gateway gives the buyer to pay. Only the first attempt does, so that a buyer cannot hold
/// places by opening one checkout after the other.
fn extend(rows: &mut WorkingSet, now: Timestamp, order: Order, pays_within: Option<SignedDuration>) -> Order {
    let OrderStatus::Held { hold_until } = order.status else { return order };
    let until = pays_within.map(|pays_within| now + pays_within.min(MAX_PAYS_WITHIN) + MARGIN);
    let Some(until) = until.filter(|until| *until > hold_until) else { return order };
    let extended = Order { status: OrderStatus::Held { hold_until: until }, updated_at: now, ..order };
    rows.orders.update(&extended.id, |row| row.clone_from(&extended));
    extended
}
