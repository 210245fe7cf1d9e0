//! The organiser's list of an event's orders, and what it shares with that of the attendees.

use super::Order;
use crate::domain::attendee::Attendee;
use crate::domain::command::Query;
use crate::domain::event::{Event, Window};
use crate::domain::id::{EventId, OrderId, PromoCodeId};
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::page::{Cursor, CursorPage, CursorRequest};
use crate::domain::payment::{self, Attempt, AttemptStatus};
use crate::domain::refund::{self, Refund};
use crate::domain::row::{Field as _, Value};
use crate::domain::scope::Scope;
use crate::domain::table::Record as _;
use crate::domain::ticket;
use crate::domain::working_set::WorkingSet;
use crate::domain::{id::TicketId, text};
use crate::setters::setters;

/// Which orders of an event to list. An absent field is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderSearch {
    /// A part of the buyer's address, of the reference or of an attendee's name, in any case.
    pub text: Option<String>,
    /// The [name](super::OrderStatus::name) of the status.
    pub status: Option<String>,
    /// The gateway that it was paid at.
    pub paid_with: Option<String>,
    /// The promo code that it was made with.
    pub promo_code_id: Option<PromoCodeId>,
    /// When it was made.
    pub ordered: Window,
}

setters!(OrderSearch {
    with_text => text: impl Into<Option<String>>,
    with_status => status: impl Into<Option<String>>,
    with_paid_with => paid_with: impl Into<Option<String>>,
    with_promo_code_id => promo_code_id: impl Into<Option<PromoCodeId>>,
    with_ordered => ordered: Window,
});

/// An order in the list of an event's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderEntry {
    /// The order.
    pub order: Order,
    /// The gateway that it was paid at.
    pub paid_with: Option<String>,
    /// What was paid for its tickets.
    pub paid: Option<Money>,
    /// How much of that goes back or went back, in the same currency.
    pub refunded: Option<Money>,
    /// Every refund of it, also of payments that have not bought its tickets, oldest first.
    pub refunds: Vec<Refund>,
    /// How many of its tickets are valid.
    pub valid_tickets: u32,
}

/// Lists the orders of an event, the newest first. Nothing if the event is not in the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchOrders {
    /// What the caller may see.
    pub scope: Scope,
    /// The event.
    pub event_id: EventId,
    /// Which of them.
    pub filter: OrderSearch,
    /// The page.
    pub page: CursorRequest,
}

const LIST: &str = "orders of an event";

impl SearchOrders {
    fn list(&self) -> List {
        let OrderSearch { text, status, paid_with: with, promo_code_id, ordered: when } = &self.filter;
        let mut all = vec![Condition::Is("event_id", self.event_id.value())];
        all.extend(self.page.after.map(|after| Condition::Below("id", after.first)));
        all.extend(status.clone().map(|status| Condition::Is("status", Value::Text(status))));
        all.extend(ordered(when));
        all.extend(with.as_deref().map(paid_with));
        all.extend(promo_code_id.map(|id| Condition::Is("promo_code_id", id.value())));
        if let Some(wanted) = text {
            let mut any = of_order(wanted);
            let named = vec![Condition::Contains("name_key", text::key(wanted))];
            any.push(vec![Condition::Child(Attendee::NOUN, "order_id", named)]);
            all.push(Condition::Any(any));
        }
        List::of::<Order>(LIST, all).by("id", Sort::Descending).at_most(self.page.limit)
    }
}

impl Query for SearchOrders {
    type Found = CursorPage<OrderEntry>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Event>(&self.event_id);
        if !rows.events.loaded_row(&self.event_id).is_some_and(|event| self.scope.covers(event)) {
            return;
        }
        load.list(self.list());
        for id in rows.listed::<OrderId>(LIST).items {
            load.find(payment::BY_ORDER, &id);
            load.find(refund::BY_ORDER, &id);
            load.find(ticket::BY_ORDER, &id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> CursorPage<OrderEntry> {
        let page = rows.listed::<OrderId>(LIST);
        let items: Vec<OrderEntry> =
            page.items.iter().filter_map(|id| rows.orders.get(id)).map(|order| entry(rows, order)).collect();
        let last = items.last().map(|entry| Cursor::new(entry.order.id, TicketId(0)));
        CursorPage { items, next: last.filter(|_| page.more) }
    }
}

fn entry(rows: &WorkingSet, order: &Order) -> OrderEntry {
    let bought = bought(rows, order.id);
    let paid = bought.map(|attempt| attempt.captured.as_ref().map_or(attempt.amount, |captured| captured.amount));
    let back = |attempt: &Attempt, paid: Money| {
        let refunds = rows.refunds_of(order.id).filter(|refund| refund.attempt == attempt.reference);
        Money::new(refunds.map(|refund| refund.amount.minor()).sum(), paid.currency()).ok()
    };
    let valid = rows.tickets_of(order.id).filter(|ticket| ticket.status.is_valid()).count();
    OrderEntry {
        order: order.clone(),
        paid_with: bought.map(|attempt| attempt.gateway.clone()),
        paid,
        refunds: rows.refunds_of(order.id).cloned().collect(),
        refunded: bought.zip(paid).and_then(|(attempt, paid)| back(attempt, paid)),
        valid_tickets: u32::try_from(valid).unwrap_or(u32::MAX),
    }
}

/// The attempt that bought an order's tickets. Needs its attempts.
pub(crate) fn bought(rows: &WorkingSet, order: OrderId) -> Option<&Attempt> {
    rows.attempts_of(order).find(|attempt| {
        matches!(attempt.status, AttemptStatus::Fulfilled | AttemptStatus::Reversed | AttemptStatus::Disputed)
    })
}

/// Orders that were made in this time.
pub(crate) fn ordered(when: &Window) -> impl Iterator<Item = Condition> + use<> {
    let from = when.from.map(|from| Condition::AtLeast("created_at", from.as_microsecond()));
    let until = when.until.map(|until| Condition::Below("created_at", until.as_microsecond()));
    from.into_iter().chain(until)
}

/// Orders whose tickets were paid at this gateway.
pub(crate) fn paid_with(gateway: &str) -> Condition {
    let at = Condition::Is("gateway", Value::Text(gateway.to_owned()));
    let bought = Condition::Named("status", &["fulfilled", "reversed", "disputed"]);
    Condition::Child(Attempt::NOUN, "order_id", vec![at, bought])
}

/// That an order itself has this text. [`order_has`] is the same for one that was read.
pub(crate) fn of_order(text: &str) -> Vec<Vec<Condition>> {
    let text = text.to_ascii_lowercase();
    vec![vec![Condition::ContainsAnyCase("email", text.clone())], vec![Condition::ContainsAnyCase("reference", text)]]
}

/// Whether an order itself has this text.
pub(crate) fn order_has(order: &Order, text: &str) -> bool {
    order.buyer.email.as_ref().is_some_and(|email| has_part(email.as_str(), text))
        || has_part(order.reference.as_str(), text)
}

/// Whether `part` is in `whole`, where letters of ASCII have no case.
pub(crate) fn has_part(whole: &str, part: &str) -> bool {
    whole.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}
