//! Payments that a person has received: cash, and bank transfers that were seen in the account.

use super::settle::order_money_needs;
use super::{Attempt, AttemptStatus, BY_ORDER, Captured, Mode, Observation, Settle, Settlement};
use crate::domain::audit::Actor;
use crate::domain::code::{Reference, Seed};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::order::{self, Order, OrderStatus, may_be_issued};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::stock::{Places, has_places};
use crate::domain::wire_names::wire_names;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// How a person has received money. Its [name](Self::gateway) stands in place of the gateway's in the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ManualMethod {
    /// In cash.
    Cash,
    /// By a transfer to the organiser's bank account.
    Transfer,
}

wire_names!(ManualMethod {
    Cash => "cash",
    Transfer => "transfer",
});

impl ManualMethod {
    /// The name of the gateway that its attempts have.
    pub fn gateway(self) -> &'static str {
        self.name()
    }
}

/// Records that a person has received the money for an unpaid order, and issues its tickets. A repeat with the same reference finds the
/// same attempt.
///
/// If another amount came than the order costs, it is in review, as a payment at a gateway would be. An order whose hold has expired or was
/// cancelled gets its tickets if the places are still free; otherwise it is refused, and nothing is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPayment {
    /// The reference of the attempt.
    pub reference: Reference,
    /// The order's reference.
    pub order: Reference,
    /// How the money came.
    pub method: ManualMethod,
    /// How much.
    pub amount: Money,
    /// A note. Kept with the attempt.
    pub note: Option<String>,
    /// Who has received it.
    pub actor: Principal,
    /// The events for which this person may do so. For others there is no such order.
    pub scope: Scope,
    /// Codes are derived from this. Must be fresh for every call.
    pub seed: Seed,
}

impl Command for RecordPayment {
    type Outcome = Result<Settlement, Refusal>;
    const NAME: &'static str = "record_payment";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(order::BY_REFERENCE, &self.order);
        load.row::<Attempt>(&self.reference);
        for order in rows.orders.loaded(order::BY_REFERENCE, &self.order) {
            load.find(BY_ORDER, &order.id);
            order_money_needs(rows, load, order.id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Settlement, Refusal> {
        let order = rows.order_by_reference(&self.order).cloned().ok_or(Refusal::OrderUnknown)?;
        let event = rows.events.get(&order.event_id).filter(|event| self.scope.covers(event));
        let event = event.ok_or(Refusal::OrderUnknown)?;
        if let Some(known) = rows.attempts.get(&self.reference) {
            let captured = known.captured.as_ref().map(|captured| captured.amount);
            let is_same =
                known.order_id == order.id && known.gateway == self.method.gateway() && captured == Some(self.amount);
            return if is_same { super::settle::current_of(rows, &self.reference) } else { Err(Refusal::KeyReused) };
        }
        may_be_paid(rows, event, &order, now)?;
        let paid = Recorded {
            reference: &self.reference,
            gateway: self.method.gateway(),
            amount: self.amount,
            note: self.note.as_deref(),
            actor: &self.actor,
            seed: &self.seed,
        };
        record_payment(rows, now, &order, paid)
    }
}

/// A person can be told before the money is taken.
fn may_be_paid(rows: &WorkingSet, event: &Event, order: &Order, now: Timestamp) -> Result<(), Refusal> {
    may_be_issued(event, now)?;
    match order.status {
        OrderStatus::Held { .. } => Ok(()),
        OrderStatus::Paid => Err(Refusal::OrderPaid),
        OrderStatus::Expired | OrderStatus::Cancelled if order.buyer.is_erased() => Err(Refusal::BuyerUnnamed),
        OrderStatus::Expired | OrderStatus::Cancelled => has_places(rows, event, Places::of_order(order)),
    }
}

/// Money that a person has received, or tickets that a person gives away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded<'a> {
    pub(crate) reference: &'a Reference,
    pub(crate) gateway: &'a str,
    pub(crate) amount: Money,
    pub(crate) note: Option<&'a str>,
    pub(crate) actor: &'a Principal,
    pub(crate) seed: &'a Seed,
}

/// Stores an attempt with its capture, and settles it as any other.
pub(crate) fn record_payment(
    rows: &mut WorkingSet,
    now: Timestamp,
    order: &Order,
    paid: Recorded<'_>,
) -> Result<Settlement, Refusal> {
    let attempt = Attempt {
        reference: paid.reference.clone(),
        order_id: order.id,
        gateway: paid.gateway.to_owned(),
        amount: order.total,
        mode: Mode::Live,
        status: AttemptStatus::Created,
        checkout: None,
        last_seen: None,
        captured: None,
        // There is nobody to ask.
        poll: None,
        disputes: vec![],
        attention: vec![],
        note: paid.note.map(str::to_owned),
        recorded_by: Some(Actor::Person(paid.actor.clone())),
        created_at: now,
        updated_at: now,
    };
    rows.attempts.insert(attempt);
    let captured = Captured { paid_at: Some(now), ..Captured::new(paid.amount, Mode::Live) };
    let observation = Observation::Success(captured);
    let raw_status = "recorded by a person".to_owned();
    Settle { reference: paid.reference.clone(), observation, raw_status, seed: *paid.seed }.apply(rows, now)
}
