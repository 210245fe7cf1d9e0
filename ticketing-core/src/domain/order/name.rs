//! A guest says to which address the tickets go.

use super::{BY_REFERENCE, BuyerLimits, Order, OrderStatus, limits, promo};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::load::LoadKeys;
use crate::domain::payment::{self, AttemptStatus};
use crate::domain::principal::{Buyer, EmailAddress};
use crate::domain::promo_code::PromoCode;
use crate::domain::refusal::Refusal;
use crate::domain::stock::{self, Places};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Sets the address of a guest's unpaid order. The first address extends the hold, once. A repeat with the same address changes nothing;
/// another one replaces it until a checkout is opened.
///
/// What the buyer may have is counted by the address, so what exceeds it is refused here. A hold that has expired is not revived: its
/// places may be somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameBuyer {
    /// The order's reference.
    pub reference: Reference,
    /// The address.
    pub email: EmailAddress,
    /// Until when the places are held then, at least.
    pub hold_until: Timestamp,
    /// How much the buyer may hold and take of the event.
    pub limits: BuyerLimits,
}

impl NameBuyer {
    /// Creates one without limits for the buyer.
    pub fn new(reference: Reference, email: EmailAddress, hold_until: Timestamp) -> Self {
        Self { reference, email, hold_until, limits: BuyerLimits::default() }
    }

    /// The buyer with the address.
    fn buyer_of(&self, order: &Order) -> Buyer {
        Buyer { who: order.buyer.who.clone(), email: Some(self.email.clone()) }
    }
}

impl Command for NameBuyer {
    type Outcome = Result<Order, Refusal>;
    const NAME: &'static str = "name_buyer";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(BY_REFERENCE, &self.reference);
        for order in rows.orders.loaded(BY_REFERENCE, &self.reference) {
            load.find(payment::BY_ORDER, &order.id);
            // Locks the event, as all do that change what a buyer has of it.
            stock::needs(rows, load, order);
            limits::needs_named(order, &self.buyer_of(order), rows, load);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Order, Refusal> {
        let order = rows.order_by_reference(&self.reference).filter(|order| order.buyer.who.guest().is_some());
        let order = order.cloned().ok_or(Refusal::OrderUnknown)?;
        if order.buyer.email.as_ref() == Some(&self.email) {
            return Ok(order);
        }
        let held_until = match order.status {
            OrderStatus::Held { hold_until } if hold_until > now => hold_until,
            OrderStatus::Held { .. } | OrderStatus::Expired => return Err(Refusal::HoldExpired),
            OrderStatus::Paid => return Err(Refusal::OrderPaid),
            OrderStatus::Cancelled => return Err(Refusal::OrderCancelled),
        };
        if rows.attempts_of(order.id).any(|attempt| attempt.status != AttemptStatus::Dropped) {
            return Err(Refusal::PaymentInProgress);
        }
        let buyer = self.buyer_of(&order);
        // Of another spelling of the same address, the order counts already.
        if order.buyer.email.as_ref().map(EmailAddress::key) != Some(self.email.key()) {
            may_have(self.limits, &buyer, rows, &order)?;
        }
        let is_first = order.buyer.email.is_none();
        let hold_until = if is_first { held_until.max(self.hold_until) } else { held_until };
        let named = Order { buyer, status: OrderStatus::Held { hold_until }, updated_at: now, ..order };
        rows.orders.update(&named.id, |row| row.clone_from(&named));
        Ok(named)
    }
}

/// Whether the buyer may have the order beside what the buyer has already.
fn may_have(limits: BuyerLimits, buyer: &Buyer, rows: &WorkingSet, order: &Order) -> Result<(), Refusal> {
    let event = rows.events.get(&order.event_id).ok_or(Refusal::EventUnknown { event_id: order.event_id })?;
    limits::check(limits, buyer, rows, event, &order.lines)?;
    let max_of = |code: &PromoCode| Some((code.id, i64::from(code.max_per_buyer?)));
    let code = order.promo_code_id.and_then(|id| rows.promo_codes.get(&id)).and_then(max_of);
    let Some((code, max)) = code else { return Ok(()) };
    let with_code = Places::of_order(order).filter(|places| places.promo_code_id == Some(code));
    let wanted: i64 = with_code.map(|places| i64::from(places.quantity)).sum();
    let left = max - promo::used_by_buyer(rows, order.event_id, buyer, code);
    if wanted > left { Err(Refusal::CodeLimit { left: left.max(0) }) } else { Ok(()) }
}
