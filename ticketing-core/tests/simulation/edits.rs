//! An organiser who edits the event while it is sold, and what must hold of edits after every commit (S14 to S20), and once all
//! faults have ended (E7).

use crate::cashier;
use crate::returns;
use crate::servers::ask;
use crate::world::{MINUTE, SECOND, World};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::event::{
    Event, EventStatus, EventWants, SalesRules, SalesRulesWants, Stock, TicketType, TicketTypeWants,
};
use ticketing_core::domain::id::{EventId, OrderId, PromoCodeId, RefundId, TicketTypeId};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::notice::{DateAndPlace, NoticeStatus};
use ticketing_core::domain::order::{Order, OrderLine, OrderStatus};
use ticketing_core::domain::outbox::MailKind;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::promo_code::PromoCode;
use ticketing_core::domain::refund::RefundReason;
use ticketing_core::domain::working_set::WorkingSet;

/// Edits at random, until the faults end.
pub(crate) async fn edit(world: Arc<World>, organizer: Principal, event: EventId) {
    loop {
        world.sleep(world.between(10 * SECOND, 3 * MINUTE)).await;
        let Some(known) = world.memory.look(|rows| rows.events.get(&event).cloned()) else { continue };
        // What the organiser sees on the page may be a while old.
        if world.below(2) == 0 {
            world.sleep(world.below(20 * SECOND)).await;
        }
        let seen = (world.below(2) == 0).then_some(known.version);
        // A colleague has the same page open.
        if world.below(2) == 0 {
            let (colleague, wants) = (Arc::clone(&world), wish(&world, &known));
            world.go(submit(colleague, organizer.clone(), event, Some(known.version), wants));
        }
        if world.below(3) == 0 {
            edit_code(&world, &organizer, event).await;
        }
        let wants = wish(&world, &known);
        submit(Arc::clone(&world), organizer.clone(), event, seen, wants).await;
    }
}

/// Changes how often the promo code is good, or pauses it for a while.
async fn edit_code(world: &Arc<World>, organizer: &Principal, event: EventId) {
    let code = world.memory.look(|rows| {
        let mut codes = rows.promo_codes.iter().map(|(_, code)| code);
        codes.find(|code| code.event_id == event).cloned()
    });
    let Some(code) = code else { return };
    let settings = match world.below(3) {
        0 => code.settings().with_max_uses((code.uses.held + code.uses.sold + world.below(4) as i64 - 1).max(0)),
        1 => code.settings().with_paused(true),
        _ => code.settings().with_paused(false),
    };
    let who = organizer.clone();
    let (id, seen) = (code.id, Some(code.version));
    match ask(world, |server| async move { server.edit_promo_code(&who, id, seen, settings).await }).await {
        Some(Ok(_)) => world.saw("organiser", "edits the promo code"),
        Some(Err(Error::Refused(refusal))) => world.saw("refused", refusal.code()),
        _ => {}
    }
}

async fn submit(world: Arc<World>, organizer: Principal, event: EventId, seen: Option<i64>, wants: EventWants) {
    for _ in 0..3 {
        let (who, what) = (organizer.clone(), wants.clone());
        match ask(&world, |server| async move { server.edit_event(&who, event, seen, what).await }).await {
            Some(Ok(edited)) => {
                world.saw("organiser", "edits the event");
                if !is_as_wanted(&edited, &wants) {
                    world.fail(format!("S14 an edit was answered as done, and is not: {wants:?} {edited:?}"));
                }
                return;
            }
            Some(Err(Error::Refused(refusal))) => {
                world.saw("refused", refusal.code());
                return;
            }
            Some(Err(Error::Invalid(_))) => return,
            _ => world.sleep(world.below(5 * SECOND)).await,
        }
    }
}

fn is_as_wanted(event: &Event, wants: &EventWants) -> bool {
    let has_rules = |rules: &SalesRules, wants: &SalesRulesWants| {
        wants.paused.is_none_or(|paused| paused == rules.paused)
            && wants.sales_from.is_none_or(|from| from == rules.sales.from)
            && wants.sales_until.is_none_or(|until| until == rules.sales.until)
            && wants.max_per_order.is_none_or(|max| max == rules.max_per_order)
            && wants.max_per_buyer.is_none_or(|max| max == rules.max_per_buyer)
    };
    let offered: Vec<&TicketType> = event.ticket_types.iter().filter(|of| of.removed_at.is_none()).collect();
    let has_types = |types: &Vec<TicketTypeWants>| {
        let is_type = |(of, wants): (&&TicketType, &TicketTypeWants)| {
            wants.id.is_none_or(|id| id == of.id)
                && wants.name.as_ref().is_none_or(|name| *name == of.name)
                && wants.price.is_none_or(|price| price == of.price)
                && wants.capacity.is_none_or(|capacity| capacity == of.stock.capacity)
                && has_rules(&of.rules, &wants.rules)
        };
        types.len() == offered.len() && offered.iter().zip(types).all(is_type)
    };
    wants.capacity.is_none_or(|capacity| capacity == event.stock.capacity)
        && wants.location.as_ref().is_none_or(|location| *location == event.location)
        && wants.starts_at.is_none_or(|at| at == event.starts_at)
        && has_rules(&event.rules, &wants.rules)
        && wants.ticket_types.as_ref().is_none_or(has_types)
}

fn wish(world: &World, event: &Event) -> EventWants {
    let wants = EventWants::default();
    let rules = SalesRulesWants::default();
    let offered: Vec<&TicketType> = event.ticket_types.iter().filter(|of| of.removed_at.is_none()).collect();
    let all = || offered.iter().map(|of| TicketTypeWants::existing(of.id));
    let some = |most| (world.below(3) > 0).then(|| u32::try_from(world.between(1, most)).unwrap_or(1));
    let moment =
        || (world.below(2) == 0).then(|| world.time() + SignedDuration::from_secs(world.below(240) as i64 - 120));
    let any_rules = || match world.below(4) {
        0 => rules.with_paused(world.below(2) == 0),
        1 => rules.with_sales_from(Some(moment())),
        2 => rules.with_sales_until(Some(moment())),
        _ => rules.with_max_per_order(Some(some(4))).with_max_per_buyer(Some(some(5))),
    };
    match world.below(10) {
        0 | 1 => {
            let taken = event.stock.held + event.stock.sold;
            wants.with_capacity(Some((taken + world.below(9) as i64 - 3).max(0)))
        }
        2 => wants.with_rules(any_rules()),
        // What was forbidden is allowed again: the sale must go on.
        3 => wants.with_rules(
            rules
                .with_paused(false)
                .with_sales_from(Some(None))
                .with_sales_until(Some(None))
                .with_max_per_order(Some(None))
                .with_max_per_buyer(Some(None)),
        ),
        4 => {
            let price = Money::new(1000 + 500 * world.below(10) as i64, event.currency);
            let price = price.unwrap_or(Money::zero(event.currency));
            wants.with_ticket_types(all().map(|of| of.with_price(price)).collect::<Vec<_>>())
        }
        5 => {
            let left = all().skip(1).collect::<Vec<_>>();
            wants.with_ticket_types(left)
        }
        6 => {
            let price = Money::new(3000, event.currency).unwrap_or(Money::zero(event.currency));
            let mut types: Vec<_> = all().collect();
            types.reverse();
            types.push(TicketTypeWants::new("Early", price).with_capacity(Some(3)));
            wants.with_ticket_types(types)
        }
        // A correction of a correction, too: of few places, some are the one before.
        7 => {
            let place = ["Lagos", "Another hall", "A third hall"][world.below(3) as usize];
            let soon = world.time() + SignedDuration::from_mins(1 + world.below(15) as i64);
            let refund_until = (world.below(2) == 0).then_some(Some(soon));
            wants.with_location(place.to_owned()).with_refund_until(refund_until)
        }
        8 => wants.with_starts_at(event.starts_at + SignedDuration::from_hours(world.below(97) as i64 - 48)),
        _ => wants.with_ticket_types(all().map(|of| of.with_rules(any_rules())).collect::<Vec<_>>()),
    }
}

/// What was true before.
#[derive(Debug, Default)]
pub(crate) struct Known {
    events: BTreeMap<EventId, Event>,
    lines: BTreeMap<OrderId, (Vec<OrderLine>, Money)>,
    late: BTreeSet<RefundId>,
    codes: BTreeMap<PromoCodeId, PromoCode>,
    returned: BTreeSet<RefundId>,
    /// Who had paid when the date or the place changed, by the version after it.
    moved: BTreeMap<(EventId, i64), BTreeSet<OrderId>>,
}

fn check(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

/// S16: what was changed is what was seen.
pub(crate) fn edited(world: &World, before: &Event, after: &Event, seen: Option<i64>) {
    let is_changed = after.version != before.version;
    if let Some(seen) = seen.filter(|seen| is_changed && *seen != before.version) {
        world.fail(format!("S16 an edit of version {seen} changed version {}", before.version));
    }
}

/// Looks at orders that are new, and at events that were edited.
pub(crate) fn after_commit(rows: &WorkingSet, known: &mut Known) -> Result<(), String> {
    for (_, order) in rows.orders.iter() {
        let now = (order.lines.clone(), order.total);
        match known.lines.get(&order.id) {
            Some(before) => check(*before == now, || format!("S15 the lines of order {} changed", order.id))?,
            None => {
                if let Some(event) = rows.events.get(&order.event_id) {
                    is_allowed(rows, event, order)?;
                }
                known.lines.insert(order.id, now);
            }
        }
        // What one that came in place of another one costs is for `chains` to check.
        for ticket in rows.tickets_of(order.id).filter(|ticket| ticket.replaces.is_none()) {
            let line = order.lines.get(ticket.line as usize);
            check(line.is_some_and(|line| line.unit_price == ticket.price), || {
                format!("S15 ticket {} has another price than its order", ticket.id)
            })?;
        }
    }
    for (_, event) in rows.events.iter() {
        if let Some(before) = known.events.get(&event.id) {
            let is_same = settings(before) == settings(event);
            let version = before.version + i64::from(!is_same);
            check(event.version == version, || {
                format!(
                    "S16 event {} went from version {} to {}, changed: {}",
                    event.id, before.version, event.version, !is_same
                )
            })?;
            let is_on = |event: &Event| event.status == EventStatus::Active;
            if is_on(before) && is_on(event) && DateAndPlace::from(before).differs(&event.into()) {
                let orders = rows.orders.iter().map(|(_, order)| order);
                let paid = orders.filter(|order| order.event_id == event.id && order.status == OrderStatus::Paid);
                known.moved.insert((event.id, event.version), paid.map(|order| order.id).collect());
            }
        }
    }
    told_once(rows)?;
    late_money(rows, known)?;
    returns::after_commit(rows, &mut known.returned)?;
    known.codes = rows.promo_codes.iter().map(|(id, code)| (*id, code.clone())).collect();
    known.events = rows.events.iter().map(|(id, event)| (*id, event.clone())).collect();
    Ok(())
}

/// What an edit can change.
fn settings(event: &Event) -> Event {
    let mut event = event.clone();
    let of = |stock: &Stock| Stock::of_capacity(stock.capacity);
    event.stock = of(&event.stock);
    event.ticket_types.iter_mut().for_each(|ticket_type| ticket_type.stock = of(&ticket_type.stock));
    event.updated_at = event.created_at;
    event.version = 0;
    event
}

/// S17: a hold is accepted only as the rules of that moment say. At the counter, only that the event takes place counts.
fn is_allowed(rows: &WorkingSet, event: &Event, order: &Order) -> Result<(), String> {
    if cashier::is_till(&order.reference) {
        return check(event.status == EventStatus::Active, || format!("S17 order {} is of no sale", order.id));
    }
    let meets = |rules: &SalesRules, quantity: u32| {
        !rules.paused
            && rules.sales.contains(order.created_at)
            && rules.min_per_order.is_none_or(|min| quantity >= min)
            && rules.max_per_order.is_none_or(|max| quantity <= max)
    };
    check(event.status == EventStatus::Active && meets(&event.rules, order.quantity()), || {
        format!("S17 order {} was taken against the rules of the event: {:?}", order.id, event.rules)
    })?;
    let of_buyer = |of: Option<TicketTypeId>| -> u32 {
        let is_meant = |id: TicketTypeId| of.is_none_or(|of| of == id);
        let mine = rows
            .orders
            .iter()
            .map(|(_, other)| other)
            .filter(|other| other.event_id == event.id && other.buyer.who == order.buyer.who);
        mine.map(|other| match other.status {
            OrderStatus::Held { .. } => {
                other.lines.iter().filter(|line| is_meant(line.ticket_type_id)).map(|line| line.quantity).sum()
            }
            _ => rows
                .tickets_of(other.id)
                .filter(|ticket| is_meant(ticket.ticket_type_id) && ticket.takes_a_place())
                .count() as u32,
        })
        .sum()
    };
    let has_too_many = |rules: &SalesRules, of| rules.max_per_buyer.is_some_and(|max| of_buyer(of) > max);
    check(!has_too_many(&event.rules, None), || format!("S17 the buyer of order {} has too many", order.id))?;
    let of_type = |id: TicketTypeId| -> u32 {
        order.lines.iter().filter(|line| line.ticket_type_id == id).map(|line| line.quantity).sum()
    };
    for line in &order.lines {
        let offered = event.ticket_type(line.ticket_type_id).filter(|of| of.is_public());
        let fits = offered.is_some_and(|of| {
            let code = line.promo_code_id.and_then(|id| rows.promo_codes.get(&id));
            let is_good = code.is_none_or(|code| code.is_good(order.created_at) && code.is_for(of));
            let discount = code.map_or(0, |code| code.discount_of(of.price));
            meets(&of.rules, of_type(of.id))
                && is_good
                && of.price.minor() == line.parts.face
                && line.unit_price.minor() == of.price.minor() - discount
                && !has_too_many(&of.rules, Some(of.id))
        });
        check(fits, || format!("S17 order {} was taken against the rules of {offered:?}", order.id))?;
    }
    Ok(())
}

/// S19: no buyer is told twice of one change.
fn told_once(rows: &WorkingSet) -> Result<(), String> {
    let mut told = BTreeSet::new();
    for (_, mail) in rows.mails.iter() {
        if let MailKind::EventChanged(version) = mail.kind {
            check(told.insert((mail.subject, version)), || {
                format!("S19 {} is told twice of version {version}", mail.subject)
            })?;
        }
    }
    Ok(())
}

/// E7: everybody who had paid before a change has a mail about it, unless a later change came before it was due, or the event was cancelled.
pub(crate) fn at_end(rows: &WorkingSet, known: &Known) -> Result<(), String> {
    for ((event, version), paid) in &known.moved {
        let Some(notice) = rows.notices_of(*event).find(|notice| notice.version == *version) else {
            return Err(format!("E7 nobody is told of version {version}"));
        };
        if rows.events.get(event).is_none_or(|event| event.status == EventStatus::Cancelled) {
            continue;
        }
        if notice.status == NoticeStatus::Replaced {
            let mut later = rows.notices_of(*event).filter(|later| later.version > *version);
            let is_replaced = later.any(|later| later.changed_at < notice.due_at);
            check(is_replaced, || format!("E7 the notice of version {version} was not replaced"))?;
            continue;
        }
        check(notice.status == NoticeStatus::Sent, || {
            format!("E7 the notice of version {version} is {:?} indefinitely", notice.status)
        })?;
        for order in paid.iter().filter_map(|id| rows.orders.get(id)) {
            let kinds: Vec<MailKind> = rows.mails_of(order.id).map(|mail| mail.kind).collect();
            // Tickets that were void meanwhile come back with the new date and place.
            let were_void = kinds.iter().any(|kind| matches!(kind, MailKind::TicketsRestored(_)));
            let has_tickets = rows.tickets_of(order.id).any(|ticket| ticket.status.is_valid());
            let knew_it_all_along = notice.is_undone && order.created_at < notice.first_at;
            // Who bought at the counter need not have an address.
            let is_unknown = cashier::is_till(&order.reference) && order.buyer.email.is_none();
            let is_owed = has_tickets && !were_void && !knew_it_all_along && !is_unknown;
            check(!is_owed || kinds.contains(&MailKind::EventChanged(*version)), || {
                format!("E7 order {} was paid before version {version}, and its buyer is not told", order.id)
            })?;
        }
    }
    Ok(())
}

/// S18: late money goes back only where the places are gone, whatever the rules of sales are by then.
fn late_money(rows: &WorkingSet, known: &mut Known) -> Result<(), String> {
    for (id, refund) in rows.refunds.iter().filter(|(_, refund)| refund.reason == RefundReason::Late) {
        // Decided just now: places may become free later.
        if !known.late.insert(*id) {
            continue;
        }
        let Some(order) = rows.orders.get(&refund.order_id) else { continue };
        // There is nobody to send the tickets to.
        if order.buyer.is_erased() {
            continue;
        }
        // A batch may take the last places for one payment and free others, so it is looked at before and after.
        let now = rows.events.get(&order.event_id);
        let has_places = |event: Option<&Event>| event.is_some_and(|event| fits(event, order));
        let has_uses = |code: Option<&PromoCode>| code.is_none_or(|code| code.uses.has(uses_of(order)));
        let is_free_now = has_places(now) && has_uses(order.promo_code_id.and_then(|id| rows.promo_codes.get(&id)));
        let was_free = has_places(known.events.get(&order.event_id))
            && has_uses(order.promo_code_id.and_then(|id| known.codes.get(&id)));
        check(!is_free_now || !was_free, || {
            format!("S18 late money for order {} went back although its places were free", order.id)
        })?;
    }
    Ok(())
}

/// The tickets of an order that are bought with its code.
fn uses_of(order: &Order) -> i64 {
    let with_code = order.lines.iter().filter(|line| line.promo_code_id.is_some());
    with_code.map(|line| i64::from(line.quantity)).sum()
}

fn fits(event: &Event, order: &Order) -> bool {
    // An order may have two lines of one type: with a promo code, and without one.
    let mut of_types = BTreeMap::<TicketTypeId, i64>::new();
    for line in &order.lines {
        *of_types.entry(line.ticket_type_id).or_default() += i64::from(line.quantity);
    }
    let has_type =
        |(id, quantity): (&TicketTypeId, &i64)| event.ticket_type(*id).is_some_and(|of| of.stock.has(*quantity));
    event.status == EventStatus::Active && event.stock.has(order.quantity().into()) && of_types.iter().all(has_type)
}
