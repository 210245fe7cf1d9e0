//! Events that are edited while they are sold.

use super::races::at_once;
use super::shop::{PRICE, Shop, buyer, granted, ngn};
use crate::domain::audit::{self, Actor, AuditLine};
use crate::domain::command::Query;
use crate::domain::event::{
    EditEvent, Event, EventFilter, EventPhase, EventStatus, EventWants, NewTicketType, SalesRules, SalesRulesWants,
    TicketTypeWants, Visibility,
};
use crate::domain::id::{EventId, TicketTypeId};
use crate::domain::load::LoadKeys;
use crate::domain::money::Currency;
use crate::domain::order::OrderStatus;
use crate::domain::page::PageRequest;
use crate::domain::payment::Settlement;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

/// The audit log of an event.
#[derive(Clone, Debug)]
struct EventAudit(EventId);

impl Query for EventAudit {
    type Found = Vec<AuditLine>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.look_up(audit::BY_EVENT, &self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Vec<AuditLine> {
        rows.audit.all(audit::BY_EVENT, &self.0).cloned().collect()
    }
}

impl Shop {
    async fn try_edit(&self, event: &Event, seen: Option<i64>, wants: EventWants) -> Result<Event, Refusal> {
        let edit = EditEvent { id: event.id, actor: self.organizer.clone(), seen, wants };
        self.storage.apply_one(self.now(), edit).await.unwrap()
    }

    async fn edit(&self, event: &Event, wants: EventWants) -> Event {
        granted(self.try_edit(event, None, wants).await)
    }
}

fn wants() -> EventWants {
    EventWants::default()
}

fn rules() -> SalesRulesWants {
    SalesRulesWants::default()
}

fn existing(event: &Event, index: usize) -> TicketTypeWants {
    TicketTypeWants::existing(event.ticket_types[index].id)
}

pub async fn an_edit_changes_what_it_names_and_nothing_else(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, Some(5)), ("B", 200, None)]).create().await;
    shop.wait(SignedDuration::from_mins(1));
    let all = wants()
        .with_title("Another title".to_owned())
        .with_description(Some("What it is".to_owned()))
        .with_starts_at(event.starts_at + SignedDuration::from_hours(1))
        .with_ends_at(Some(event.starts_at + SignedDuration::from_hours(3)))
        .with_time_zone("Africa/Lagos".parse::<crate::domain::time_zone::TimeZoneName>().unwrap())
        .with_location("Another hall".to_owned())
        .with_address(Some("2 Broad St".to_owned()))
        .with_image_url(Some("https://example.com/b.png".to_owned()))
        .with_capacity(Some(70))
        .with_rules(rules().with_paused(true).with_max_per_order(Some(4)).with_sales_from(Some(event.created_at)));
    let edited = shop.edit(&event, all.clone()).await;
    let (expected, _) = all.apply(&event, shop.now());
    assert_eq!(edited, Event { version: 2, updated_at: shop.now(), ..expected });
    assert_eq!(shop.event_now(&event).await, edited);
    assert_eq!((edited.ticket_types.clone(), edited.created_at), (event.ticket_types.clone(), event.created_at));
    // It can be found by its new text, and what is optional can be emptied.
    let filter = EventFilter { text: Some("another hall".to_owned()), ..EventFilter::default() };
    let found = shop.storage.events(&filter, PageRequest::default()).await.unwrap().items;
    assert_eq!(found, std::slice::from_ref(&edited));
    let none = wants()
        .with_description(None::<String>.map(Some).or(Some(None)))
        .with_ends_at(Some(None))
        .with_address(Some(None))
        .with_capacity(Some(None))
        .with_rules(rules().with_max_per_order(Some(None)).with_sales_from(Some(None)));
    let emptied = shop.edit(&event, none).await;
    assert_eq!((emptied.description, emptied.ends_at, emptied.address), (None, None, None));
    assert_eq!((emptied.stock.capacity, emptied.rules), (None, SalesRules::default().with_paused(true)));
}

pub async fn a_repeated_edit_changes_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let edit = wants()
        .with_capacity(Some(50))
        .with_ticket_types(vec![existing(&event, 0), TicketTypeWants::new("VIP", ngn(900)).with_capacity(Some(5))]);
    let edited = granted(shop.try_edit(&event, Some(1), edit.clone()).await);
    shop.wait(SignedDuration::from_mins(1));
    // The version is old by now, but the event is so already: the answer to the first call may have been lost.
    for seen in [Some(1), None, Some(2), Some(77)] {
        assert_eq!(shop.try_edit(&event, seen, edit.clone()).await, Ok(edited.clone()));
    }
    assert_eq!(shop.event_now(&event).await, edited);
    assert_eq!((edited.version, edited.ticket_types.len()), (2, 2));
}

pub async fn an_edit_of_an_old_version_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    granted(shop.try_edit(&event, Some(1), wants().with_capacity(Some(50))).await);
    let edit = wants().with_capacity(Some(60));
    assert_eq!(shop.try_edit(&event, Some(1), edit.clone()).await, Err(Refusal::Stale { current: 2 }));
    assert_eq!(shop.event_now(&event).await.stock.capacity, Some(50));
    // Sales are no edits.
    shop.buy(&event, 1).await;
    assert_eq!(granted(shop.try_edit(&event, Some(2), edit).await).version, 3);
    let event_id = EventId(event.id.0 + 1);
    let unknown = Event { id: event_id, ..event };
    assert_eq!(shop.try_edit(&unknown, None, wants()).await, Err(Refusal::EventUnknown { event_id }));
}

pub async fn a_capacity_is_never_below_what_is_taken(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(10).types(&[("A", 100, Some(8)), ("B", 200, None)]).create().await;
    granted(shop.try_hold(&shop.wish_of(&event, &[(0, 2)])).await);
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1), (1, 1)])).await);
    shop.settle_order(&order).await;
    let low = |taken, ticket_type_id| Err(Refusal::CapacityTooLow { taken, ticket_type_id });
    assert_eq!(shop.try_edit(&event, None, wants().with_capacity(Some(3))).await, low(4, None));
    let of_type = |capacity| {
        wants().with_ticket_types(vec![existing(&event, 0).with_capacity(Some(capacity)), existing(&event, 1)])
    };
    let id = event.ticket_types[0].id;
    assert_eq!(shop.try_edit(&event, None, of_type(2)).await, low(3, Some(id)));
    assert_eq!(shop.event_now(&event).await.version, 1, "a refused edit changes nothing");
    // As low as that, and not a place more is sold.
    shop.edit(&event, of_type(3)).await;
    shop.edit(&event, wants().with_capacity(Some(4))).await;
    for index in [0, 1] {
        let refused = shop.try_hold(&shop.wish_of(&event, &[(index, 1)])).await;
        assert!(matches!(refused, Err(Refusal::SoldOut { available: 0, .. })), "{refused:?}");
    }
    // What nobody has bought can be closed.
    let other = shop.event().create().await;
    assert_eq!(shop.edit(&other, wants().with_capacity(Some(0))).await.stock.available(), Some(0));
}

pub async fn a_new_price_applies_to_new_holds_only(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (held, late) = (shop.hold(&event, 2).await, shop.hold(&event, 1).await);
    let (attempt, late_attempt) = (shop.attempt(&held).await, shop.attempt(&late).await);
    let price = |minor| wants().with_ticket_types(vec![existing(&event, 0).with_price(ngn(minor))]);
    shop.edit(&event, price(PRICE * 3)).await;
    assert_eq!(shop.order_now(&held).await, held);
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
    assert_eq!(shop.payment(&held).await.tickets[0].price, ngn(PRICE));
    // Neither does money that comes late ask for the new price.
    shop.let_expire(&late).await;
    assert!(matches!(shop.pay(&late_attempt).await, Settlement::Fulfilled { first: true, .. }));
    assert_eq!(shop.hold(&event, 1).await.total, ngn(PRICE * 3));
}

pub async fn ticket_types_are_added_renamed_reordered_and_removed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, Some(5)), ("B", 200, Some(6)), ("C", 300, None)]).create().await;
    let held = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 2), (1, 3)])).await);
    let attempt = shop.attempt(&held).await;
    let list =
        vec![existing(&event, 2), TicketTypeWants::new("D", ngn(400)), existing(&event, 0).with_name("A+".to_owned())];
    let edited = shop.edit(&event, wants().with_ticket_types(list)).await;
    let names: Vec<&str> = edited.ticket_types.iter().map(|of| of.name.as_str()).collect();
    assert_eq!(names, ["C", "D", "A+", "B"], "removed types are last");
    let counts: Vec<_> = edited.ticket_types.iter().map(|of| (of.stock.capacity, of.stock.held)).collect();
    assert_eq!(counts, [(None, 0), (None, 0), (Some(5), 2), (Some(6), 3)], "places stay with their types");
    assert_eq!(edited.ticket_types[3].removed_at, Some(shop.now()));
    assert_eq!(shop.event_now(&event).await, edited);
    // Nobody can hold the removed one, but who held it can pay.
    let ticket_type_id = event.ticket_types[1].id;
    let refused = shop.try_hold(&shop.wish_of(&event, &[(1, 1)])).await;
    assert_eq!(refused, Err(Refusal::TicketTypeUnknown { ticket_type_id }));
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
    // Its name is free again.
    let mut list: Vec<_> = (0..3).map(|index| existing(&edited, index)).collect();
    list.push(TicketTypeWants::new("B", ngn(500)));
    let again = shop.edit(&event, wants().with_ticket_types(list)).await;
    let new = &again.ticket_types[3];
    assert_eq!((new.name.as_str(), new.price, new.stock.sold), ("B", ngn(500), 0));
    assert!(again.ticket_types.iter().filter(|of| of.id == new.id).count() == 1 && new.id != ticket_type_id);
    assert_eq!(again.ticket_types[4].stock.sold, 3);
    // A removed type, or one of another event, is none of this event's.
    for id in [ticket_type_id, TicketTypeId(new.id.0 + 1000)] {
        let list = vec![existing(&edited, 0), TicketTypeWants::existing(id)];
        let refused = shop.try_edit(&event, None, wants().with_ticket_types(list)).await;
        assert_eq!(refused, Err(Refusal::TicketTypeUnknown { ticket_type_id: id }));
    }
}

pub async fn a_published_event_keeps_a_public_type(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 200, None)]).create().await;
    let secret = |index| existing(&event, index).with_visibility(Visibility::Secret);
    for list in [vec![], vec![secret(0)], vec![secret(0), secret(1)]] {
        let refused = shop.try_edit(&event, None, wants().with_ticket_types(list)).await;
        assert_eq!(refused, Err(Refusal::LastType));
    }
    shop.edit(&event, wants().with_ticket_types(vec![secret(0), existing(&event, 1)])).await;
}

pub async fn a_secret_type_is_sold_to_nobody_who_guesses_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let secret = NewTicketType::new("Guests", ngn(1)).with_visibility(Visibility::Secret);
    let event = shop.event().with(|new| new.ticket_types.push(secret)).create().await;
    let ticket_type_id = event.ticket_types[1].id;
    let refused = shop.try_hold(&shop.wish_of(&event, &[(1, 1)])).await;
    assert_eq!(refused, Err(Refusal::TicketTypeUnknown { ticket_type_id }), "as if it did not exist");
    assert_eq!((event.lowest_price(), event.available_in_all()), (ngn(PRICE), Some(100)));
    // There is one type for everybody, so it need not be named.
    let mut request = shop.hold_request(&event, 1);
    request.lines[0].ticket_type_id = None;
    assert_eq!(granted(shop.try_hold(&request).await).lines[0].ticket_type_id, event.ticket_types[0].id);
}

pub async fn a_hold_that_named_no_type_is_found_again_after_one_was_added(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let mut request = shop.hold_request(&event, 2);
    request.lines[0].ticket_type_id = None;
    let order = granted(shop.try_hold(&request).await);
    shop.edit(&event, wants().with_ticket_types(vec![existing(&event, 0), TicketTypeWants::new("B", ngn(1))])).await;
    assert_eq!(shop.try_hold(&request).await, Ok(order));
    request.lines[0].quantity = 3;
    assert_eq!(shop.try_hold(&request).await, Err(Refusal::KeyReused));
    request.reference = shop.reference();
    assert_eq!(shop.try_hold(&request).await, Err(Refusal::TicketTypeNeeded));
}

pub async fn the_currency_is_fixed_once_there_is_an_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let dollars = wants().with_currency(Currency::USD);
    let edited = shop.edit(&event, dollars.clone()).await;
    assert_eq!((edited.currency, edited.lowest_price().currency()), (Currency::USD, Currency::USD));
    shop.edit(&event, wants().with_currency(Currency::NGN)).await;
    let order = shop.hold(&event, 1).await;
    assert_eq!(shop.try_edit(&event, None, dollars.clone()).await, Err(Refusal::HasOrders));
    shop.let_expire(&order).await;
    assert_eq!(shop.try_edit(&event, None, dollars).await, Err(Refusal::HasOrders), "late money may come");
    // Another event's orders do not matter.
    let other = shop.event().create().await;
    shop.edit(&other, wants().with_currency(Currency::USD)).await;
}

pub async fn a_draft_is_not_sold_and_an_event_with_orders_is_no_draft(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().with(|new| new.is_draft = true).create().await;
    assert_eq!((event.status, event.phase(shop.now())), (EventStatus::Draft, EventPhase::Draft));
    let unknown = Err(Refusal::EventUnknown { event_id: event.id });
    assert_eq!(shop.try_hold(&shop.hold_request(&event, 1)).await, unknown, "as if it did not exist");
    let (publish, withdraw) = (wants().with_status(EventStatus::Active), wants().with_status(EventStatus::Draft));
    assert_eq!(shop.edit(&event, publish.clone()).await.status, EventStatus::Active);
    assert_eq!(shop.edit(&event, withdraw.clone()).await.version, 3);
    shop.edit(&event, publish.clone()).await;
    let order = shop.hold(&event, 1).await;
    assert_eq!(shop.try_edit(&event, None, withdraw.clone()).await, Err(Refusal::HasOrders));
    shop.let_expire(&order).await;
    assert_eq!(shop.edit(&event, withdraw.clone()).await.status, EventStatus::Draft);
    shop.edit(&event, publish).await;
    shop.buy(&event, 1).await;
    assert_eq!(shop.try_edit(&event, None, withdraw).await, Err(Refusal::HasOrders));
}

pub async fn only_the_texts_of_an_event_that_is_over_change(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ended, cancelled) = (shop.event().create().await, shop.event().create().await);
    shop.cancel_event(&cancelled).await;
    shop.wait(SignedDuration::from_hours(31 * 24));
    let over = Refusal::EventOver { ended_at: ended.sales_end_at() };
    let later = shop.now() + SignedDuration::from_hours(24);
    for (event, refusal) in [(&ended, over), (&cancelled, Refusal::EventCancelled)] {
        for edit in [
            wants().with_starts_at(later),
            wants().with_capacity(Some(500)),
            wants().with_rules(rules().with_paused(true)),
            wants().with_ticket_types(vec![existing(event, 0).with_price(ngn(1))]),
        ] {
            assert_eq!(shop.try_edit(event, None, edit).await, Err(refusal.clone()));
        }
        let text = wants().with_title("That was nice".to_owned()).with_description(Some("Thanks".to_owned()));
        assert_eq!(shop.edit(event, text).await.title, "That was nice");
    }
    let cancel = wants().with_status(EventStatus::Cancelled);
    let open = shop.event().create().await;
    assert_eq!(shop.try_edit(&open, None, cancel).await, Err(Refusal::EventCancelled), "that is another command");
}

pub async fn sales_rules_apply_to_new_holds(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 200, None)]).create().await;
    let hold = async |lines: &[(usize, u32)]| shop.try_hold(&shop.wish_of(&event, lines)).await.map(drop);
    let (from, until) = (shop.now() + SignedDuration::from_mins(10), shop.now() + SignedDuration::from_mins(20));
    let of_type = |rules| wants().with_ticket_types(vec![existing(&event, 0).with_rules(rules), existing(&event, 1)]);
    // Of the event, and of one type.
    for (edit, other) in [
        (wants().with_rules(rules().with_paused(true)), Err(Refusal::SalesPaused)),
        (of_type(rules().with_paused(true)), Ok(())),
    ] {
        shop.edit(&event, edit).await;
        assert_eq!((hold(&[(0, 1)]).await, hold(&[(1, 1)]).await), (Err(Refusal::SalesPaused), other));
        shop.edit(&event, wants().with_rules(rules().with_paused(false))).await;
    }
    shop.edit(&event, of_type(rules().with_paused(false).with_sales_from(Some(from)).with_sales_until(Some(until))))
        .await;
    let closed = || Err(Refusal::NotOnSale { from: Some(from), until: Some(until) });
    assert_eq!(
        (hold(&[(0, 1)]).await, hold(&[(1, 1), (0, 1)]).await, hold(&[(1, 1)]).await),
        (closed(), closed(), Ok(()))
    );
    shop.wait(SignedDuration::from_mins(10));
    assert_eq!(hold(&[(0, 1)]).await, Ok(()), "the beginning belongs to it");
    shop.wait(SignedDuration::from_mins(10));
    assert_eq!(hold(&[(0, 1)]).await, closed(), "the end does not");
    // Numbers: of the event over all types, of a type by itself.
    shop.edit(
        &event,
        of_type(
            rules()
                .with_sales_from(Some(None))
                .with_sales_until(Some(None))
                .with_min_per_order(Some(2))
                .with_max_per_order(Some(3)),
        ),
    )
    .await;
    assert_eq!(hold(&[(0, 1)]).await, Err(Refusal::TooFew { min: 2 }));
    assert_eq!((hold(&[(0, 2)]).await, hold(&[(0, 3)]).await, hold(&[(1, 1)]).await), (Ok(()), Ok(()), Ok(())));
    assert_eq!(hold(&[(0, 4)]).await, Err(Refusal::TooMany { max: 3 }));
    shop.edit(&event, wants().with_rules(rules().with_max_per_order(Some(4)))).await;
    assert_eq!(
        (hold(&[(0, 2), (1, 3)]).await, hold(&[(0, 2), (1, 2)]).await),
        (Err(Refusal::TooMany { max: 4 }), Ok(()))
    );
}

pub async fn a_buyer_has_no_more_tickets_than_the_organiser_allows(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 200, None)]).create().await;
    let hold = async |lines: &[(usize, u32)]| shop.try_hold(&shop.wish_of(&event, lines)).await;
    let left = |left| Err(Refusal::BuyerLimit { left });
    // What was bought before there was a limit counts.
    let bought = shop.settle_order(&granted(hold(&[(0, 2)]).await)).await;
    let limit = vec![existing(&event, 0).with_rules(rules().with_max_per_buyer(Some(3))), existing(&event, 1)];
    shop.edit(&event, wants().with_ticket_types(limit)).await;
    assert_eq!(hold(&[(0, 2)]).await, left(1));
    let held = granted(hold(&[(0, 1)]).await);
    assert_eq!(hold(&[(0, 1)]).await, left(0));
    granted(hold(&[(1, 5)]).await);
    // Another buyer has a limit of their own.
    let mut other = shop.wish_of(&event, &[(0, 3)]);
    other.buyer = buyer("ben");
    granted(shop.try_hold(&other).await);
    // What goes back counts no more.
    granted(shop.release(&held).await);
    granted(shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[0]])).await);
    granted(hold(&[(0, 2)]).await);
    assert_eq!(hold(&[(0, 1)]).await, left(0));
    // Over all types.
    shop.edit(&event, wants().with_rules(rules().with_max_per_buyer(Some(9)))).await;
    assert_eq!(hold(&[(1, 2)]).await, left(1), "three of one type and five of the other");
    granted(hold(&[(1, 1)]).await);
}

pub async fn late_money_needs_places_and_no_rules(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, Some(5)), ("B", 200, None)]).create().await;
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 2)])).await);
    let attempt = shop.attempt(&order).await;
    shop.let_expire(&order).await;
    let strict = rules()
        .with_paused(true)
        .with_max_per_order(Some(1))
        .with_max_per_buyer(Some(1))
        .with_sales_until(Some(shop.now()));
    shop.edit(&event, wants().with_rules(strict).with_ticket_types(vec![existing(&event, 1).with_rules(strict)])).await;
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }), "the wish was made in time");
    assert_eq!(shop.stock(&event).await, (0, 2));
}

pub async fn places_that_are_held_can_be_paid_whatever_the_rules_say(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 2).await;
    let strict = rules().with_paused(true).with_max_per_order(Some(1)).with_sales_until(Some(shop.now()));
    shop.edit(&event, wants().with_rules(strict)).await;
    // The attempt begins after the edit.
    let bought = shop.settle_order(&order).await;
    assert_eq!(bought.order.status, OrderStatus::Paid);
}

pub async fn every_changed_field_is_a_line_of_the_audit_log(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let id = event.ticket_types[0].id;
    let edit = wants()
        .with_title("New".to_owned())
        .with_description(Some("Long".to_owned()))
        .with_rules(rules().with_paused(true))
        .with_ticket_types(vec![existing(&event, 0).with_price(ngn(7))]);
    shop.edit(&event, edit.clone()).await;
    shop.edit(&event, edit).await;
    let lines = shop.storage.find(EventAudit(event.id)).await.unwrap();
    let said = |line: &AuditLine| (line.item.clone().unwrap(), line.before.clone(), line.after.clone());
    let line = |item: &str, before: Option<&str>, after: Option<&str>| {
        (item.to_owned(), before.map(str::to_owned), after.map(str::to_owned))
    };
    let mut found: Vec<_> = lines.iter().map(said).collect();
    found.sort();
    let price = format!("ticket_types.{id}.price");
    let expected = [
        line("description", None, None),
        line("paused", None, Some("true")),
        line(&price, Some(&ngn(PRICE).decimal()), Some("0.07")),
        line("title", Some("Afrobeat Night"), Some("New")),
    ];
    assert_eq!(found, expected);
    let actor = Actor::Person(shop.organizer.clone());
    assert!(lines.iter().all(|line| line.actor == actor && line.action == "event.edited"));
}

pub async fn events_are_listed_by_phase(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let now = shop.now();
    let hour = SignedDuration::from_hours(1);
    let make = async |title: &str, start: i32, end: Option<i32>, is_draft: bool| {
        let maker = shop.event().title(title).with(|new| {
            new.starts_at = now + hour * start;
            new.ends_at = end.map(|end| now + hour * end);
            new.is_draft = is_draft;
        });
        maker.create().await
    };
    make("draft", 5, None, true).await;
    let cancelled = make("cancelled", 5, None, false).await;
    shop.cancel_event(&cancelled).await;
    make("short", 1, Some(2), false).await;
    make("open", 1, None, false).await;
    let listed = async |filter: EventFilter| {
        let found = shop.storage.events(&filter, PageRequest::default()).await.unwrap().items;
        for event in &found {
            assert!(filter.phase.is_none_or(|(phase, at)| event.phase(at) == phase), "{event:?}");
        }
        found.into_iter().map(|event| event.title).collect::<Vec<_>>()
    };
    let own = || Scope::own(&shop.organizer);
    for (hours, upcoming, running, ended) in [
        (0, vec!["short", "open"], vec![], vec![]),
        (1, vec![], vec!["short", "open"], vec![]),
        (2, vec![], vec!["open"], vec!["short"]),
        (24, vec![], vec!["open"], vec!["short"]),
        (25, vec![], vec![], vec!["short", "open"]),
    ] {
        let at = now + hour * hours;
        let in_phase = |phase| EventFilter::default().with_phase((phase, at)).with_scope(own());
        assert_eq!(listed(in_phase(EventPhase::Upcoming)).await, upcoming, "{hours}");
        assert_eq!(listed(in_phase(EventPhase::Running)).await, running, "{hours}");
        assert_eq!(listed(in_phase(EventPhase::Ended)).await, ended, "{hours}");
        assert_eq!(listed(in_phase(EventPhase::Draft)).await, ["draft"]);
        assert_eq!(listed(in_phase(EventPhase::Cancelled)).await, ["cancelled"]);
    }
    let all = EventFilter::default();
    assert_eq!(listed(all.clone()).await, ["short", "open"]);
    assert_eq!(listed(all.clone().with_drafts(true)).await, ["short", "open"], "drafts are for those who run them");
    assert_eq!(listed(all.clone().with_drafts(true).with_scope(own())).await, ["draft", "short", "open"]);
    assert_eq!(listed(all.clone().with_cancelled(true)).await, ["cancelled", "short", "open"]);
    assert_eq!(
        listed(all.with_cancelled(true).with_drafts(true).with_scope(own())).await,
        ["draft", "cancelled", "short", "open"]
    );
}

pub async fn lowering_the_capacity_while_everybody_buys(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..5 {
        let event = shop.event().capacity(20).create().await;
        let outcomes = at_once(40, |call| {
            let (shop, event) = (Arc::clone(&shop), event.clone());
            async move {
                if call % 8 == round {
                    let capacity = 3 + i64::try_from(call).unwrap() / 4;
                    return shop.try_edit(&event, None, wants().with_capacity(Some(capacity))).await.err();
                }
                shop.try_hold(&shop.hold_request(&event, 1)).await.err()
            }
        });
        for refusal in outcomes.await.into_iter().flatten() {
            let fits = matches!(refusal, Refusal::SoldOut { .. } | Refusal::CapacityTooLow { .. });
            assert!(fits, "{refusal:?}");
        }
        let now = shop.event_now(&event).await;
        assert!(now.stock.has(0), "{:?}", now.stock);
    }
}

pub async fn of_two_edits_of_one_version_one_wins(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..5 {
        let event = shop.event().create().await;
        let outcomes = at_once(8, |call| {
            let (shop, event) = (Arc::clone(&shop), event.clone());
            let edit = wants().with_title(format!("Title {call}"));
            async move { shop.try_edit(&event, Some(1), edit).await }
        });
        let outcomes = outcomes.await;
        let won: Vec<_> = outcomes.iter().flatten().collect();
        let stale = outcomes.iter().filter(|outcome| **outcome == Err(Refusal::Stale { current: 2 })).count();
        assert_eq!((won.len(), stale), (1, 7), "{outcomes:?}");
        assert_eq!(shop.event_now(&event).await, *won[0]);
    }
}

pub async fn an_event_is_paused_while_everybody_buys_and_pays(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(30).create().await;
    let outcomes = at_once(24, |call| {
        let (shop, event) = (Arc::clone(&shop), event.clone());
        async move {
            if call % 6 == 0 {
                shop.edit(&event, wants().with_rules(rules().with_paused(call % 12 == 0))).await;
                return None;
            }
            match shop.try_hold(&shop.hold_request(&event, 1)).await {
                Ok(order) => Some(shop.settle_order(&order).await),
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::SalesPaused);
                    None
                }
            }
        }
    });
    let sold = i64::try_from(outcomes.await.into_iter().flatten().count()).unwrap();
    assert_eq!(shop.stock(&event).await, (0, sold), "who held a place got the ticket");
}
