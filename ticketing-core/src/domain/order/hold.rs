use super::{BY_REFERENCE, Buyer, Hold, Order, OrderLine, OrderStatus, limits, promo};
use crate::domain::command::Command;
use crate::domain::event::{Event, EventStatus, SalesRules, Window};
use crate::domain::id::{OrderId, PromoCodeId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::pricing;
use crate::domain::promo_code::{self, PromoCode};
use crate::domain::refusal::Refusal;
use crate::domain::stock::{Move, Places, has_places, move_order};
use crate::domain::working_set::WorkingSet;
use crate::domain::{attendee, outbox, payment, refund, ticket, transfer};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Holds places for an order, or refuses. A repeat with the same reference and content finds the same order.
impl Command for Hold {
    type Outcome = Result<Order, Refusal>;
    const NAME: &'static str = "hold";

    /// All holds of an event change its counters.
    fn group(&self) -> i64 {
        self.event_id.0
    }

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        // Not locked, and so read after the event was locked: an order that was made meanwhile is found. It is never changed here.
        load.look_up(BY_REFERENCE, &self.reference);
        load.row::<Event>(&self.event_id);
        if let Some(text) = &self.promo_code {
            load.find(promo_code::BY_TEXT, &(self.event_id, text.clone()));
        }
        limits::needs(self, rows, load);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Order, Refusal> {
        Ok(match self.decide(rows, now)? {
            Decided::Known(order) => order,
            Decided::New(new) => self.write(rows, now, new),
        })
    }
}

/// What a hold comes to.
pub(crate) enum Decided {
    /// The order of an earlier call.
    Known(Order),
    /// A new order.
    New(NewOrder),
}

/// What a new order costs, and with which promo code it is bought.
pub(crate) struct NewOrder {
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) total: Money,
    promo_code_id: Option<PromoCodeId>,
}

impl Hold {
    /// Decides, and writes nothing.
    pub(crate) fn decide(&self, rows: &WorkingSet, now: Timestamp) -> Result<Decided, Refusal> {
        let event = rows.events.get(&self.event_id).ok_or(Refusal::EventUnknown { event_id: self.event_id });
        if let Some(order) = rows.order_by_reference(&self.reference) {
            return match event {
                Ok(event) if self.is_same(rows, order, event) => Ok(Decided::Known(order.clone())),
                _ => Err(Refusal::KeyReused),
            };
        }
        let event = event?;
        is_on_sale(event, now)?;
        let wanted = self.by_type(event)?;
        let code = promo::code_of(self, rows, now)?;
        may_be_ordered(event, &wanted, code, now)?;
        let places = promo::divided(self, rows, event, &wanted, code)?;
        has_places(rows, event, places.iter().copied())?;
        let (lines, total) = priced(event, &places, code)?;
        limits::check(self.limits, &self.buyer, rows, event, &lines)?;
        if self.expect_total.is_some_and(|expected| expected != total) {
            return Err(Refusal::PriceChanged { total });
        }
        Ok(Decided::New(NewOrder { lines, total, promo_code_id: code.map(|code| code.id) }))
    }

    /// Takes the places of a new order.
    pub(crate) fn write(&self, rows: &mut WorkingSet, now: Timestamp, new: NewOrder) -> Order {
        let NewOrder { lines, total, promo_code_id } = new;
        let order = Order {
            id: OrderId(rows.orders.take_id()),
            reference: self.reference.clone(),
            event_id: self.event_id,
            buyer: self.buyer.clone(),
            lines,
            total,
            status: OrderStatus::Held { hold_until: self.hold_until },
            promo_code_id,
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

    /// The number of tickets of each type, ordered by id. A line without a type means the only one that is offered.
    fn by_type(&self, event: &Event) -> Result<BTreeMap<TicketTypeId, u32>, Refusal> {
        let only = only_type(event);
        let mut wanted: BTreeMap<TicketTypeId, u32> = BTreeMap::new();
        for line in &self.lines {
            let id = line.ticket_type_id.or(only).ok_or(Refusal::TicketTypeNeeded)?;
            let quantity = wanted.entry(id).or_default();
            *quantity = quantity.saturating_add(line.quantity);
        }
        Ok(wanted)
    }

    /// Whether it is the order of an earlier call with the same content. A line without a type meant the only one that was offered
    /// then, and others may have been added since.
    fn is_same(&self, rows: &WorkingSet, order: &Order, event: &Event) -> bool {
        let mut known: BTreeMap<TicketTypeId, u32> = BTreeMap::new();
        for line in &order.lines {
            *known.entry(line.ticket_type_id).or_default() += line.quantity;
        }
        let has_same_code = match &self.promo_code {
            None => order.promo_code_id.is_none(),
            Some(text) => {
                rows.promo_code_by_text(self.event_id, text).is_some_and(|code| order.promo_code_id == Some(code.id))
            }
        };
        let is_any = self.lines.iter().all(|line| line.ticket_type_id.is_none()) && known.len() == 1;
        let in_all = self.lines.iter().map(|line| line.quantity).fold(0, u32::saturating_add);
        let has_same_lines =
            (is_any && in_all == order.quantity()) || self.by_type(event).is_ok_and(|wanted| wanted == known);
        order.event_id == self.event_id && self.is_same_buyer(order) && has_same_lines && has_same_code
    }

    /// A guest may have given an address, or another one, since the first call.
    fn is_same_buyer(&self, order: &Order) -> bool {
        let Buyer { who, email } = &self.buyer;
        order.buyer.who == *who && (who.guest().is_some() || order.buyer.email == *email)
    }
}

/// The only ticket type that is offered to everybody, if it is the only one.
pub(super) fn only_type(event: &Event) -> Option<TicketTypeId> {
    let mut offered = event.public_types().map(|ticket_type| ticket_type.id);
    offered.next().filter(|_| offered.next().is_none())
}

/// Whether the event is published and not over, so that places that are held can be paid. Whether new ones can be held depends on
/// [more](may_be_ordered).
pub(crate) fn is_on_sale(event: &Event, now: Timestamp) -> Result<(), Refusal> {
    // A draft is not there for anybody else.
    if event.is_hidden() {
        return Err(Refusal::EventUnknown { event_id: event.id });
    }
    if event.status == EventStatus::Cancelled {
        return Err(Refusal::EventCancelled);
    }
    let ended_at = event.sales_end_at();
    if ended_at <= now { Err(Refusal::EventOver { ended_at }) } else { Ok(()) }
}

/// Whether money that arrives late can still become tickets. The end of the sales does not matter: an event without an end may be
/// going on, and the money is there.
pub(crate) fn may_be_going_on(event: &Event, now: Timestamp) -> bool {
    event.status == EventStatus::Active && event.ends_at.is_none_or(|ends_at| ends_at > now)
}

/// Whether these tickets are offered, as the rules of the event and of its types say.
fn may_be_ordered(
    event: &Event,
    wanted: &BTreeMap<TicketTypeId, u32>,
    code: Option<&PromoCode>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let types = || {
        wanted.iter().map(|(id, quantity)| {
            let offered = event
                .ticket_type(*id)
                .filter(|ticket_type| ticket_type.is_public() || code.is_some_and(|code| code.is_for(ticket_type)));
            Ok((offered.ok_or(Refusal::TicketTypeUnknown { ticket_type_id: *id })?, *quantity))
        })
    };
    for ticket_type in types() {
        ticket_type?;
    }
    let in_all = wanted.values().copied().fold(0, u32::saturating_add);
    meets(&event.rules, in_all, now)?;
    for ticket_type in types() {
        let (ticket_type, quantity) = ticket_type?;
        meets(&ticket_type.rules, quantity, now)?;
    }
    Ok(())
}

fn meets(rules: &SalesRules, quantity: u32, now: Timestamp) -> Result<(), Refusal> {
    let Window { from, until } = rules.sales;
    match (rules.min_per_order, rules.max_per_order) {
        _ if rules.paused => Err(Refusal::SalesPaused),
        _ if !rules.sales.contains(now) => Err(Refusal::NotOnSale { from, until }),
        (Some(min), _) if quantity < min => Err(Refusal::TooFew { min: min.into() }),
        (_, Some(max)) if quantity > max => Err(Refusal::TooMany { max: max.into() }),
        _ => Ok(()),
    }
}

fn priced(event: &Event, places: &[Places], code: Option<&PromoCode>) -> Result<(Vec<OrderLine>, Money), Refusal> {
    let mut lines = Vec::with_capacity(places.len());
    let mut total = Money::zero(event.currency);
    for &Places { ticket_type_id, promo_code_id, quantity } in places {
        let ticket_type = event.ticket_type(ticket_type_id).ok_or(Refusal::TicketTypeUnknown { ticket_type_id })?;
        let parts = pricing::price(ticket_type, code.filter(|_| promo_code_id.is_some()));
        let unit_price = parts.total(event.currency);
        let price = unit_price.checked_mul(quantity).map_err(|_| Refusal::TotalTooLarge)?;
        total = total.checked_add(price).map_err(|_| Refusal::TotalTooLarge)?;
        lines.push(OrderLine { ticket_type_id, quantity, unit_price, parts, promo_code_id });
    }
    Ok((lines, total))
}

/// Marks the related rows of a new order as loaded: there are none, and later commands of the same batch may look for them.
pub(super) fn nothing_belongs_to(rows: &mut WorkingSet, order: OrderId) {
    rows.attempts.none_yet(payment::BY_ORDER, &order);
    rows.refunds.none_yet(refund::BY_ORDER, &order);
    rows.tickets.none_yet(ticket::BY_ORDER, &order);
    rows.mails.none_yet(outbox::BY_ORDER, &order);
    rows.attendees.none_yet(attendee::BY_ORDER, &order);
    rows.transfers.none_yet(transfer::BY_ORDER, &order);
}
