use super::poll::interval;
use super::{Attempt, AttemptStatus, BY_ORDER, OpenAttempt, OpenedAttempt, Poll};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::load::LoadKeys;
use crate::domain::order::{self, OrderStatus, is_on_sale};
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

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
            created_at: now,
            updated_at: now,
        };
        rows.attempts.insert(attempt.clone());
        Ok(OpenedAttempt { order, attempt, first: true })
    }
}
