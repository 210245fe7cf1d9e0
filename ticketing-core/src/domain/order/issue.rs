//! Orders without a checkout: free tickets, sales for cash or by bank transfer, and places that are kept until somebody pays.

use super::hold::{nothing_belongs_to, only_type};
use super::{BY_REFERENCE, Buyer, Order, OrderLine, OrderStatus};
use crate::domain::attendee::{self, NewAttendee};
use crate::domain::code::{Reference, Seed};
use crate::domain::command::Command;
use crate::domain::event::{Event, EventStatus, TicketType};
use crate::domain::id::{EventId, OrderId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::order::may_be_going_on;
use crate::domain::payment::{self, FREE_GATEWAY, ManualMethod, Recorded, record_payment};
use crate::domain::pricing::Parts;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::stock::{Move, Places, has_places, move_order};
use crate::domain::ticket::{self, Ticket};
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The longest time for which an organiser can keep places for somebody who pays later.
pub const MAX_PAY_LATER: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Makes an order on behalf of a buyer and, unless it is paid later, issues its tickets in the same transaction. A repeat with the same
/// reference and content finds the same order.
///
/// It is a hold, an attempt and a settlement in one, so it cannot oversell: capacity binds those who issue tickets as well. Sales windows,
/// pauses, limits and secrecy do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueOrder {
    /// The order's reference.
    pub reference: Reference,
    /// The event.
    pub event_id: EventId,
    /// The buyer. Somebody who buys at a counter need not have an address.
    pub buyer: Buyer,
    /// The lines.
    pub lines: Vec<IssueLine>,
    /// How it is paid.
    pub payment: IssuePayment,
    /// Why the tickets are free, or a note about the payment. Kept with the attempt.
    pub note: Option<String>,
    /// Whether its tickets are mailed: to the buyer, and to attendees with an address of their own.
    pub is_mailed: bool,
    /// Who issues it.
    pub actor: Principal,
    /// The events for which this person may issue tickets. For others there is no such event.
    pub scope: Scope,
    /// The reference of the attempt.
    pub attempt: Reference,
    /// Codes are derived from this. Must be fresh for every call.
    pub seed: Seed,
}

/// A number of tickets of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssueLine {
    /// Which type. May be absent where the event has only one that is public.
    pub ticket_type_id: Option<TicketTypeId>,
    /// The number of tickets.
    pub quantity: u32,
    /// What one of them costs. Default: the price of its type; nothing, if the order is free.
    pub unit_price: Option<Money>,
    /// Who comes with them, for the first of the tickets. Not for an order that is paid later, which has no tickets yet.
    pub attendees: Vec<NewAttendee>,
}

impl IssueLine {
    /// `quantity` tickets at the price of their type.
    pub fn new(ticket_type_id: impl Into<Option<TicketTypeId>>, quantity: u32) -> Self {
        Self { ticket_type_id: ticket_type_id.into(), quantity, unit_price: None, attendees: vec![] }
    }
}

crate::setters::setters!(IssueLine {
    with_unit_price => unit_price: impl Into<Option<Money>>,
    with_attendees => attendees: Vec<NewAttendee>,
});

/// How an order that an organiser makes is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuePayment {
    /// Not at all.
    Free,
    /// A person has received the money.
    Received(ManualMethod),
    /// Later: the places are held until then, and [`RecordPayment`](crate::domain::payment::RecordPayment) or a checkout pays for them.
    Later {
        /// At most [`MAX_PAY_LATER`] ahead.
        until: Timestamp,
    },
}

/// An order that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issued {
    /// The order.
    pub order: Order,
    /// Its tickets; none if it is paid later.
    pub tickets: Vec<Ticket>,
    /// Whether this call made it.
    pub first: bool,
}

impl Command for IssueOrder {
    type Outcome = Result<Issued, Refusal>;
    const NAME: &'static str = "issue_order";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        // As for a hold: what is known under the reference is not changed, and is read after the event was locked.
        load.look_up(BY_REFERENCE, &self.reference);
        load.row::<Event>(&self.event_id);
        load.row::<payment::Attempt>(&self.attempt);
        for order in rows.orders.loaded(BY_REFERENCE, &self.reference) {
            load.look_up(ticket::BY_ORDER, &order.id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Issued, Refusal> {
        let missing = Refusal::EventUnknown { event_id: self.event_id };
        let event = rows.events.get(&self.event_id).filter(|event| self.scope.covers(event)).ok_or(missing)?;
        if let Some(order) = rows.order_by_reference(&self.reference) {
            return if self.is_same(order, event) {
                let tickets = rows.tickets_of(order.id).cloned().collect();
                Ok(Issued { order: order.clone(), tickets, first: false })
            } else {
                Err(Refusal::KeyReused)
            };
        }
        may_be_issued(event, now)?;
        let (lines, total) = self.priced(event)?;
        let places = lines.iter().map(|line| Places {
            ticket_type_id: line.ticket_type_id,
            promo_code_id: None,
            quantity: line.quantity,
        });
        has_places(rows, event, places)?;
        if rows.attempts.get(&self.attempt).is_some() {
            return Err(Refusal::KeyReused);
        }
        let buyer = self.buyer.clone();
        // A buyer without an address is not written to when the order is settled.
        let unnamed = Buyer { email: buyer.email.clone().filter(|_| self.is_mailed), who: buyer.who.clone() };
        let order = self.write(rows, now, unnamed, lines, total);
        let method = match self.payment {
            IssuePayment::Later { .. } if !total.is_zero() => {
                rows.orders.update(&order.id, |row| row.buyer = buyer.clone());
                return Ok(Issued { order: Order { buyer, ..order }, tickets: vec![], first: true });
            }
            IssuePayment::Received(method) if !total.is_zero() => method.gateway(),
            _ => FREE_GATEWAY,
        };
        let paid = Recorded {
            reference: &self.attempt,
            gateway: method,
            amount: total,
            note: self.note.as_deref(),
            actor: &self.actor,
            seed: &self.seed,
        };
        record_payment(rows, now, &order, paid)?;
        rows.orders.update(&order.id, |row| row.buyer = buyer);
        self.name_attendees(rows, now, order.id);
        let order = rows.orders.get(&order.id).cloned().ok_or(Refusal::OrderUnknown)?;
        Ok(Issued { tickets: rows.tickets_of(order.id).cloned().collect(), order, first: true })
    }
}

impl IssueOrder {
    /// Whether it is the order of an earlier call with the same content. Prices may have changed since.
    fn is_same(&self, order: &Order, event: &Event) -> bool {
        let (mut known, mut wanted) = (BTreeMap::new(), BTreeMap::new());
        for line in &order.lines {
            *known.entry(Some(line.ticket_type_id)).or_insert(0) += line.quantity;
        }
        for line in &self.lines {
            *wanted.entry(line.ticket_type_id.or(only_type(event))).or_insert(0) += line.quantity;
        }
        order.event_id == self.event_id && order.buyer == self.buyer && known == wanted
    }

    /// The lines of the order, by ticket type.
    fn priced(&self, event: &Event) -> Result<(Vec<OrderLine>, Money), Refusal> {
        let mut total = Money::zero(event.currency);
        let mut lines = Vec::with_capacity(self.lines.len());
        for line in self.sorted(event)? {
            let (ticket_type, line) = line;
            let face = ticket_type.price;
            let unit_price = match (self.payment, line.unit_price) {
                (IssuePayment::Free, _) => Money::zero(event.currency),
                (_, Some(price)) if price.currency() != event.currency => {
                    return Err(Refusal::CurrencyUnsupported { currency: price.currency() });
                }
                (_, price) => price.unwrap_or(face),
            };
            let price = unit_price.checked_mul(line.quantity).map_err(|_| Refusal::TotalTooLarge)?;
            total = total.checked_add(price).map_err(|_| Refusal::TotalTooLarge)?;
            lines.push(OrderLine {
                ticket_type_id: ticket_type.id,
                quantity: line.quantity,
                unit_price,
                parts: parts(face, unit_price),
                promo_code_id: None,
            });
        }
        Ok((lines, total))
    }

    /// The lines with their types, ordered by these.
    fn sorted<'s>(&'s self, event: &'s Event) -> Result<Vec<(&'s TicketType, &'s IssueLine)>, Refusal> {
        let with_type = |line: &'s IssueLine| {
            let id = line.ticket_type_id.or(only_type(event)).ok_or(Refusal::TicketTypeNeeded)?;
            let offered = event.ticket_type(id).filter(|ticket_type| ticket_type.removed_at.is_none());
            Ok((offered.ok_or(Refusal::TicketTypeUnknown { ticket_type_id: id })?, line))
        };
        let mut lines = self.lines.iter().map(with_type).collect::<Result<Vec<_>, Refusal>>()?;
        lines.sort_by_key(|(ticket_type, _)| ticket_type.id);
        Ok(lines)
    }

    fn write(&self, rows: &mut WorkingSet, now: Timestamp, buyer: Buyer, lines: Vec<OrderLine>, total: Money) -> Order {
        let hold_until = match self.payment {
            IssuePayment::Later { until } => until,
            IssuePayment::Free | IssuePayment::Received(_) => now,
        };
        let order = Order {
            id: OrderId(rows.orders.take_id()),
            reference: self.reference.clone(),
            event_id: self.event_id,
            buyer,
            lines,
            total,
            status: OrderStatus::Held { hold_until },
            promo_code_id: None,
            hold_extended: false,
            has_details: false,
            created_at: now,
            updated_at: now,
        };
        move_order(rows, &order, Move::Hold);
        nothing_belongs_to(rows, order.id);
        rows.orders.insert(order.clone());
        order
    }

    /// Tickets are in the order of the lines of the order, and so are those who come with them.
    fn name_attendees(&self, rows: &mut WorkingSet, now: Timestamp, order: OrderId) {
        let (Some(event), Some(order)) = (rows.events.get(&self.event_id), rows.orders.get(&order).cloned()) else {
            return;
        };
        let Ok(lines) = self.sorted(event) else { return };
        let named: Vec<Vec<NewAttendee>> = lines.into_iter().map(|(_, line)| line.attendees.clone()).collect();
        let tickets: Vec<Ticket> = rows.tickets_of(order.id).cloned().collect();
        for ticket in tickets {
            let line = named.get(ticket.line as usize);
            if let Some(attendee) = line.and_then(|line| line.get(ticket.ordinal as usize)) {
                attendee::name(rows, now, &order, &ticket, attendee, self.is_mailed);
            }
        }
    }
}

/// Makes many orders without a checkout, all of them or none. For each that cannot be made, it says why, by its position.
///
/// A repeat with the same references and content finds the same orders. At most [`MAX_IMPORT`] at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueOrders {
    /// The orders, all for one event and with references of their own. None of them is paid later.
    pub orders: Vec<IssueOrder>,
    /// Whether to find out only what would be refused, and write nothing.
    pub is_dry: bool,
}

/// The most orders that are issued at once.
pub const MAX_IMPORT: usize = 5000;

impl Command for IssueOrders {
    /// The orders; none in a dry run. Or the positions of those that cannot be made, with the reasons.
    type Outcome = Result<Vec<Issued>, Vec<(usize, Refusal)>>;
    const NAME: &'static str = "issue_orders";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self.orders.iter().for_each(|order| order.needs(rows, load));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Self::Outcome {
        // All checks precede the first write.
        let (mut taken, mut refused) = (vec![], vec![]);
        for (position, order) in self.orders.iter().enumerate() {
            match order.check(rows, now, &taken) {
                Ok(places) => places.into_iter().for_each(|places| add(&mut taken, places)),
                Err(refusal) => refused.push((position, refusal)),
            }
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        if self.is_dry {
            return Ok(vec![]);
        }
        let issue = |(position, order): (usize, &IssueOrder)| {
            order.apply(rows, now).map_err(|refusal| vec![(position, refusal)])
        };
        self.orders.iter().enumerate().map(issue).collect()
    }
}

/// Adds places to those of the same type.
fn add(taken: &mut Vec<Places>, places: Places) {
    match taken.iter_mut().find(|of| of.ticket_type_id == places.ticket_type_id) {
        Some(of) => of.quantity = of.quantity.saturating_add(places.quantity),
        None => taken.push(places),
    }
}

impl IssueOrder {
    /// Whether it can be made after others that take these places. Returns the places that it takes: none, if it is known.
    fn check(&self, rows: &WorkingSet, now: Timestamp, taken: &[Places]) -> Result<Vec<Places>, Refusal> {
        let missing = Refusal::EventUnknown { event_id: self.event_id };
        let event = rows.events.get(&self.event_id).filter(|event| self.scope.covers(event)).ok_or(missing)?;
        if let Some(order) = rows.order_by_reference(&self.reference) {
            return if self.is_same(order, event) { Ok(vec![]) } else { Err(Refusal::KeyReused) };
        }
        may_be_issued(event, now)?;
        if rows.attempts.get(&self.attempt).is_some() {
            return Err(Refusal::KeyReused);
        }
        let (lines, _) = self.priced(event)?;
        let places = lines.iter().map(|line| Places {
            ticket_type_id: line.ticket_type_id,
            promo_code_id: None,
            quantity: line.quantity,
        });
        let places: Vec<Places> = places.collect();
        has_places(rows, event, taken.iter().chain(&places).copied())?;
        Ok(places)
    }
}

/// Whether tickets of the event can be issued: it is published, and may be going on.
pub(crate) fn may_be_issued(event: &Event, now: Timestamp) -> Result<(), Refusal> {
    match event.status {
        EventStatus::Draft => Err(Refusal::EventDraft),
        EventStatus::Cancelled => Err(Refusal::EventCancelled),
        EventStatus::Active if may_be_going_on(event, now) => Ok(()),
        EventStatus::Active => Err(Refusal::EventOver { ended_at: event.sales_end_at() }),
    }
}

/// What a price that somebody has set is made of: the price of the type, less what is taken off.
fn parts(face: Money, price: Money) -> Parts {
    let (face, total) = (face.minor().max(price.minor()), price.minor());
    Parts { face, discount: face - total, total, ..Parts::default() }
}
