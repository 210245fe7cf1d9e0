//! Swapping a ticket for one of another type.

use super::{BY_CODE, BY_ORDER, Replacement, Ticket, TicketKey, replace_ticket};
use crate::domain::attendee;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::{Reference, Seed};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::{OrderId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::order::{Order, may_be_issued};
use crate::domain::principal::Principal;
use crate::domain::refund::{Refund, RefundReason, refund_difference, refund_needs};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::stock::{Move, Places, has_places, move_places};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// What happens to the money, if the other type is cheaper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PriceDifference {
    /// It is refunded.
    #[default]
    Refund,
    /// It is kept. The new ticket counts as paid with the price of the old one: a refund of it returns that.
    Keep,
}

/// Swaps a valid, unused ticket for one of another type of its event, for the same price or less. In one transaction, the old ticket is void
/// and its place free, the new one takes a place of its type, and the holder is owed a mail with the new code.
///
/// The new type may be secret or not on sale; it must have a free place. A repeat, with the old ticket and the same type, finds the same new
/// ticket. A dearer type is refused: refund the ticket, and sell another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapTicket {
    /// The ticket.
    pub ticket: TicketKey,
    /// The type of the new one.
    pub to: TicketTypeId,
    /// What happens to the money, if that is cheaper.
    pub difference: PriceDifference,
    /// Who swaps it.
    pub actor: Principal,
    /// The events for which this person may do so. For others there is no such ticket.
    pub scope: Scope,
    /// The new code, and the key of a refund, are derived from this. Must be fresh for every call.
    pub seed: Seed,
}

/// A ticket that was swapped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swapped {
    /// The new ticket.
    pub ticket: Ticket,
    /// The refund of the difference, if there is one.
    pub refund: Option<Refund>,
    /// Whether this call swapped it.
    pub first: bool,
}

impl SwapTicket {
    fn order(&self, rows: &WorkingSet) -> Option<OrderId> {
        match &self.ticket {
            TicketKey::Id(id) => rows.tickets.loaded_row(id).map(|ticket| ticket.order_id),
            TicketKey::Code(code) => rows.tickets.loaded(BY_CODE, code).next().map(|ticket| ticket.order_id),
        }
    }
}

impl Command for SwapTicket {
    type Outcome = Result<Swapped, Refusal>;
    const NAME: &'static str = "swap_ticket";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        match &self.ticket {
            TicketKey::Id(id) => load.look::<Ticket>(id),
            TicketKey::Code(code) => load.look_up(BY_CODE, code),
        }
        // Which order it is of never changes. Its order is locked first.
        let Some(order) = self.order(rows) else { return };
        load.row::<Order>(&order);
        load.find(attendee::BY_ORDER, &order);
        load.find(BY_ORDER, &order);
        if let Some(order) = rows.orders.loaded_row(&order) {
            refund_needs(rows, load, order);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Swapped, Refusal> {
        let found = match &self.ticket {
            TicketKey::Id(id) => rows.tickets.get(id),
            TicketKey::Code(code) => rows.ticket_by_code(code),
        };
        let old = found.cloned().ok_or(Refusal::TicketUnknown)?;
        let order = rows.orders.get(&old.order_id).cloned().ok_or(Refusal::TicketUnknown)?;
        let event = rows.events.get(&old.event_id).filter(|event| self.scope.covers(event)).cloned();
        let event = event.ok_or(Refusal::TicketUnknown)?;
        if let Some(new) = rows.successor_of(&old).filter(|new| self.is_outcome(&old, new)) {
            let of_swap = |refund: &&Refund| refund.reason == RefundReason::Swapped && refund.tickets == [old.id];
            let refund = rows.refunds_of(order.id).find(of_swap).cloned();
            return Ok(Swapped { ticket: new.clone(), refund, first: false });
        }
        old.must_be_unused()?;
        may_be_issued(&event, now)?;
        let price = self.price(&event, &old)?;
        let taken = Places { ticket_type_id: self.to, ..Places::of_ticket(Some(&order), &old) };
        self.fits(rows, &event, &old, taken)?;
        let difference = less(old.price, price);
        let refund = match self.difference {
            PriceDifference::Refund if !difference.is_zero() => {
                let key = Reference::derived(&self.seed, "refund of a swap");
                Some(refund_difference(rows, now, &order, &old, difference, key, &self.actor)?)
            }
            PriceDifference::Refund | PriceDifference::Keep => None,
        };
        move_places(rows, event.id, &[Places::of_ticket(Some(&order), &old)], Move::Return);
        move_places(rows, event.id, &[taken], Move::SellAgain);
        let with = Replacement {
            holder: old.holder.clone(),
            ticket_type_id: self.to,
            price: if refund.is_some() { price } else { old.price },
        };
        let new = replace_ticket(rows, now, &old, with, &self.seed);
        attendee::follow(rows, now, &old, &new);
        rows.mail_holder(now, &order, &new);
        let (before, after) = (old.ticket_type_id.to_string(), self.to.to_string());
        let item = format!("ticket {}", old.id);
        let change = Change::of(&item, &before, &after);
        let reason = format!("now ticket {}", new.id);
        rows.record_audit(now, order.id, Actor::Person(self.actor.clone()), "ticket.swapped", &reason, change);
        Ok(Swapped { ticket: new, refund, first: true })
    }
}

impl SwapTicket {
    /// Whether a ticket is what an earlier call made of the old one: not one that its holder has transferred.
    fn is_outcome(&self, old: &Ticket, new: &Ticket) -> bool {
        new.ticket_type_id == self.to && old.ticket_type_id != self.to
    }

    /// What the new ticket costs.
    fn price(&self, event: &Event, old: &Ticket) -> Result<Money, Refusal> {
        let offered = event.ticket_type(self.to).filter(|ticket_type| ticket_type.removed_at.is_none());
        let offered = offered.filter(|_| self.to != old.ticket_type_id);
        let price = offered.ok_or(Refusal::TicketTypeUnknown { ticket_type_id: self.to })?.price;
        // An event that has orders keeps its currency.
        let difference = less(price, old.price);
        if difference.is_zero() { Ok(price) } else { Err(Refusal::PriceHigher { difference }) }
    }

    /// Whether the new type has a place. That of the event is the one that the old ticket leaves, and so is a use of a promo code.
    fn fits(&self, rows: &WorkingSet, event: &Event, old: &Ticket, taken: Places) -> Result<(), Refusal> {
        let mut after = event.clone();
        after.stock.sold -= 1;
        for ticket_type in after.ticket_types.iter_mut().filter(|of| of.id == old.ticket_type_id) {
            ticket_type.stock.sold -= 1;
        }
        has_places(rows, &after, std::iter::once(Places { promo_code_id: None, ..taken }))
    }
}

/// How much more the first amount is than the second; nothing if it is not.
fn less(amount: Money, by: Money) -> Money {
    let left = amount.minor().saturating_sub(by.minor()).max(0);
    Money::new(left, amount.currency()).unwrap_or(Money::zero(amount.currency()))
}
