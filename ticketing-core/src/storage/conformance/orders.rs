use super::shop::{HOLD_FOR, PRICE, Shop, buyer, granted, only};
use crate::clock::whole_microseconds;
use crate::domain::event::Event;
use crate::domain::id::{EventId, OrderId, TicketTypeId};
use crate::domain::order::ExpireHolds;
use crate::domain::order::FindPurchase;
use crate::domain::order::{BuyerLimits, Hold, OrderKey, OrderStatus, Release};
use crate::domain::payment::Observation;
use crate::domain::principal::{Buyer, Principal};
use crate::domain::refusal::Refusal;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const MICRO: SignedDuration = SignedDuration::from_micros(1);

pub async fn a_hold_takes_places_of_its_types_and_of_the_event(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, Some(5)), ("B", 250, None)]).create().await;
    let request = shop.wish_of(&event, &[(0, 2), (1, 3)]);
    let order = granted(shop.try_hold(&request).await);
    assert_eq!((&order.reference, order.event_id, &order.buyer), (&request.reference, event.id, &request.buyer));
    assert_eq!(order.status, OrderStatus::Held { hold_until: request.hold_until });
    assert_eq!((order.total.minor(), order.quantity(), order.hold_extended), (2 * 100 + 3 * 250, 5, false));
    assert_eq!(order.lines.iter().map(|line| line.unit_price.minor()).collect::<Vec<_>>(), [100, 250]);
    assert_eq!((order.created_at, order.updated_at), (shop.now(), shop.now()));
    let event = shop.event_now(&event).await;
    assert_eq!((event.stock.held, event.stock.sold), (5, 0));
    assert_eq!(event.ticket_types.iter().map(|of| of.stock.held).collect::<Vec<_>>(), [2, 3]);

    for key in [OrderKey::Id(order.id), OrderKey::Reference(order.reference.clone())] {
        assert_eq!(shop.storage.order(&key).await.unwrap(), Some(order.clone()));
    }
    for key in [OrderKey::Id(OrderId(order.id.0 + 1)), OrderKey::Reference(shop.reference())] {
        assert_eq!(shop.storage.order(&key).await.unwrap(), None);
    }
}

pub async fn a_hold_beyond_a_capacity_is_sold_out_and_says_what_is_left(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(6).types(&[("A", 100, Some(5)), ("B", 100, None)]).create().await;
    let (a, b) = (event.ticket_types[0].id, event.ticket_types[1].id);
    let sold_out = |ticket_type_id, available| Err(Refusal::SoldOut { ticket_type_id, available });
    assert_eq!(shop.try_hold(&shop.hold_request(&event, 6)).await, sold_out(a, 5), "beyond the type's own places");
    assert_eq!(shop.try_hold(&shop.wish_of(&event, &[(1, 7)])).await, sold_out(b, 6), "beyond the event's places");
    assert_eq!(shop.try_hold(&shop.wish_of(&event, &[(0, 4), (1, 3)])).await, sold_out(b, 6), "beyond them together");
    assert_eq!(shop.stock(&event).await, (0, 0), "what is refused changes nothing");
    granted(shop.try_hold(&shop.wish_of(&event, &[(0, 4), (1, 1)])).await);
    assert_eq!(shop.try_hold(&shop.hold_request(&event, 2)).await, sold_out(a, 1));
    granted(shop.try_hold(&shop.hold_request(&event, 1)).await);
    assert_eq!(shop.try_hold(&shop.wish_of(&event, &[(1, 1)])).await, sold_out(b, 0));

    let unlimited = shop.event().unlimited().create().await;
    granted(shop.try_hold(&shop.hold_request(&unlimited, 100)).await);
    granted(shop.try_hold(&shop.hold_request(&unlimited, 100)).await);
}

pub async fn a_repeated_hold_finds_the_same_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(2).create().await;
    let mut request = shop.hold_request(&event, 2);
    let order = granted(shop.try_hold(&request).await);
    shop.wait(SignedDuration::from_secs(1));
    // The end of the hold is not part of the content: it depends on when the caller asks.
    request.hold_until += MICRO;
    assert_eq!(shop.try_hold(&request).await, Ok(order.clone()), "although the event is sold out by it");
    assert_eq!(shop.stock(&event).await, (2, 0));
    shop.let_expire(&order).await;
    let again = granted(shop.try_hold(&request).await);
    assert_eq!((again.id, again.status), (order.id, OrderStatus::Expired));
    assert_eq!(shop.stock(&event).await, (0, 0));
}

pub async fn a_reference_used_for_something_else_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 100, None)]).create().await;
    let request = shop.hold_request(&event, 2);
    granted(shop.try_hold(&request).await);
    let mut others = vec![request.clone(); 5];
    others[0].lines[0].quantity = 1;
    others[1].lines[0].ticket_type_id = Some(event.ticket_types[1].id);
    others[2].buyer = buyer("bob");
    others[3].buyer.email = Some("other@example.com".parse().unwrap());
    others[4].event_id = shop.event().create().await.id;
    for other in &others {
        assert_eq!(shop.try_hold(other).await, Err(Refusal::KeyReused), "{other:?}");
    }
    assert_eq!(shop.stock(&event).await, (2, 0));
}

pub async fn a_hold_of_what_is_not_for_sale_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().ending_in(SignedDuration::from_hours(1)).create().await;
    let other = shop.event().create().await;
    let mut unknown = shop.hold_request(&event, 1);
    unknown.event_id = EventId(other.id.0 + 1);
    assert_eq!(shop.try_hold(&unknown).await, Err(Refusal::EventUnknown { event_id: unknown.event_id }));
    for ticket_type_id in [other.ticket_types[0].id, TicketTypeId(other.ticket_types[0].id.0 + 1)] {
        let mut request = shop.hold_request(&event, 1);
        request.lines[0].ticket_type_id = Some(ticket_type_id);
        assert_eq!(shop.try_hold(&request).await, Err(Refusal::TicketTypeUnknown { ticket_type_id }));
    }
    shop.wait(SignedDuration::from_hours(1) - MICRO);
    granted(shop.try_hold(&shop.hold_request(&event, 1)).await);
    shop.wait(MICRO);
    let over = Refusal::EventOver { ended_at: event.ends_at.unwrap() };
    assert_eq!(shop.try_hold(&shop.hold_request(&event, 1)).await, Err(over));
    shop.cancel_event(&other).await;
    assert_eq!(shop.try_hold(&shop.hold_request(&other, 1)).await, Err(Refusal::EventCancelled));
}

pub async fn tickets_are_sold_until_the_end_or_for_a_day_after_the_start(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (hour, day) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
    let starts_at = shop.now() + hour;
    let starting = || shop.event().with(|new| new.starts_at = starts_at);
    let (short, long, open) = (
        starting().ending_in(hour * 2).create().await,
        starting().ending_in(day * 3).create().await,
        starting().create().await,
    );
    let end_of = |event: &Event, ended_at| (event.clone(), ended_at);
    let ends =
        [end_of(&short, starts_at + hour), end_of(&open, starts_at + day), end_of(&long, starts_at + day * 3 - hour)];
    for (event, ended_at) in ends {
        assert_eq!(event.sales_end_at(), ended_at);
        shop.wait(ended_at.duration_since(shop.now()) - MICRO);
        let request = shop.hold_request(&event, 1);
        let order = granted(shop.try_hold(&request).await);
        shop.wait(MICRO);
        let over = Refusal::EventOver { ended_at };
        assert_eq!(shop.try_hold(&shop.hold_request(&event, 1)).await, Err(over.clone()));
        assert_eq!(shop.try_hold(&request).await, Ok(order.clone()), "a repeat finds what was held in time");
        assert_eq!(shop.stock(&event).await, (1, 0));
    }
    // The last moment there is.
    let forever = shop.event().with(|new| new.starts_at = whole_microseconds(Timestamp::MAX)).create().await;
    assert_eq!(forever.sales_end_at(), Timestamp::MAX);
    granted(shop.try_hold(&shop.hold_request(&forever, 1)).await);
}

pub async fn a_total_that_overflows_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().price(crate::domain::id::MAX_SAFE_INTEGER).create().await;
    assert_eq!(shop.try_hold(&shop.hold_request(&event, 2)).await, Err(Refusal::TotalTooLarge));
    assert_eq!(shop.stock(&event).await, (0, 0));
    assert_eq!(
        granted(shop.try_hold(&shop.hold_request(&event, 1)).await).total.minor(),
        crate::domain::id::MAX_SAFE_INTEGER
    );
}

pub async fn a_buyer_has_no_more_open_holds_than_allowed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let limits = BuyerLimits::default().with_open_holds(2);
    let (event, other) = (shop.event().unlimited().create().await, shop.event().create().await);
    let wish = |event| shop.hold_request(event, 1).with_limits(limits);
    let refused = Err(Refusal::TooManyHolds { limit: 2 });
    let first = wish(&event);
    let held = granted(shop.try_hold(&first).await);
    assert_eq!(shop.try_hold(&first).await, Ok(held.clone()), "a repeat is the same order");
    let second = granted(shop.try_hold(&wish(&event)).await);
    assert_eq!(shop.try_hold(&wish(&event)).await, refused);
    assert_eq!(shop.try_hold(&first).await, Ok(held.clone()), "a repeat is not refused either");
    assert_eq!(shop.stock(&event).await, (2, 0), "what is refused changes nothing");

    granted(shop.try_hold(&wish(&other)).await);
    for who in [buyer("bob"), Buyer { who: Principal::External("1".to_owned()), ..buyer("ada") }] {
        granted(shop.try_hold(&Hold { buyer: who, ..wish(&event) }).await);
    }
    granted(shop.try_hold(&shop.hold_request(&event, 1)).await);
    assert_eq!(shop.try_hold(&wish(&event)).await, refused, "an order that was made without limits counts");

    // Three are open. Each of these ends one, in every way in which a hold ends.
    shop.release(&held).await.unwrap();
    assert_eq!(shop.try_hold(&wish(&event)).await, refused);
    let attempt = shop.attempt(&second).await;
    shop.pay(&attempt).await;
    let third = granted(shop.try_hold(&wish(&event)).await);
    assert_eq!(shop.try_hold(&wish(&event)).await, refused);
    shop.let_expire(&third).await;
    granted(shop.try_hold(&wish(&event)).await);
    granted(shop.try_hold(&wish(&event)).await);
    assert_eq!(shop.try_hold(&wish(&event)).await, refused);
    let none = BuyerLimits::default().with_open_holds(0);
    let refused = Err(Refusal::TooManyHolds { limit: 0 });
    assert_eq!(shop.try_hold(&shop.hold_request(&other, 1).with_limits(none)).await, refused);
}

pub async fn a_buyer_has_no_more_free_tickets_than_allowed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let limits = BuyerLimits::default().with_free_tickets(4);
    let event = shop.event().types(&[("A", 0, None), ("B", 0, None)]).unlimited().create().await;
    let wish = |lines: &[(usize, u32)]| shop.wish_of(&event, lines).with_limits(limits);
    let left = |left| Err(Refusal::BuyerLimit { left });
    assert_eq!(shop.try_hold(&wish(&[(0, 5)])).await, left(4));
    assert_eq!(shop.try_hold(&wish(&[(0, 3), (1, 2)])).await, left(4), "all types together");
    let held = granted(shop.try_hold(&wish(&[(0, 2), (1, 1)])).await);
    assert_eq!(shop.try_hold(&wish(&[(1, 2)])).await, left(1), "held ones count");
    let attempt = shop.attempt(&held).await;
    shop.pay(&attempt).await;
    assert_eq!(shop.try_hold(&wish(&[(1, 2)])).await, left(1), "and so do issued ones");
    let last = granted(shop.try_hold(&wish(&[(1, 1)])).await);
    assert_eq!(shop.try_hold(&wish(&[(0, 1)])).await, left(0));
    granted(shop.try_hold(&Hold { buyer: buyer("bob"), ..wish(&[(0, 4)]) }).await);
    granted(shop.try_hold(&shop.wish_of(&event, &[(0, 50)])).await);
    assert_eq!(shop.try_hold(&wish(&[(0, 1)])).await, left(0), "never below zero");

    shop.let_expire(&last).await;
    assert_eq!(shop.try_hold(&wish(&[(0, 2)])).await, left(1), "what has expired does not count");
    let tickets = shop.payment(&held).await.tickets;
    granted(shop.refund(&shop.refund_of(&held, &[&tickets[0], &tickets[2]])).await);
    assert_eq!(shop.try_hold(&wish(&[(0, 4)])).await, left(3), "nor does a ticket that is void");
    granted(shop.try_hold(&wish(&[(0, 3)])).await);
}

pub async fn free_tickets_of_paid_orders_count_and_an_order_that_costs_something_is_not_refused(
    storage: Arc<dyn Storage>,
) {
    let shop = Shop::open(storage);
    let limits = BuyerLimits::default().with_free_tickets(3);
    let event = shop.event().types(&[("Adult", 500_000, None), ("Child", 0, None)]).unlimited().create().await;
    let wish = |lines: &[(usize, u32)]| shop.wish_of(&event, lines).with_limits(limits);
    let family = granted(shop.try_hold(&wish(&[(0, 1), (1, 2)])).await);
    assert_eq!(shop.try_hold(&wish(&[(1, 2)])).await, Err(Refusal::BuyerLimit { left: 1 }));
    let attempt = shop.attempt(&family).await;
    shop.pay(&attempt).await;
    assert_eq!(shop.try_hold(&wish(&[(1, 2)])).await, Err(Refusal::BuyerLimit { left: 1 }));
    granted(shop.try_hold(&wish(&[(0, 100)])).await);
    granted(shop.try_hold(&wish(&[(0, 1), (1, 99)])).await);
}

pub async fn a_released_order_gives_its_places_back_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(3).create().await;
    let (order, _other) = (shop.hold(&event, 2).await, shop.hold(&event, 1).await);
    shop.wait(MICRO);
    let released = granted(shop.release(&order).await);
    assert_eq!((released.status, released.updated_at), (OrderStatus::Cancelled, shop.now()));
    shop.wait(MICRO);
    assert_eq!(shop.release(&order).await, Ok(released.clone()), "nothing more happens on repeat");
    assert_eq!(shop.order_now(&order).await, released);
    assert_eq!(shop.stock(&event).await, (1, 0));
    granted(shop.try_hold(&shop.hold_request(&event, 2)).await);
}

pub async fn only_a_held_order_is_released(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let unknown = Release { reference: shop.reference(), actor: shop.organizer.clone() };
    assert_eq!(only(shop.storage.apply(shop.now(), &[unknown]).await), Err(Refusal::OrderUnknown));
    let paid = shop.buy(&event, 1).await;
    assert_eq!(shop.release(&paid.order).await, Err(Refusal::OrderPaid));
    let expired = shop.hold(&event, 1).await;
    shop.let_expire(&expired).await;
    assert_eq!(shop.release(&expired).await, Err(Refusal::HoldExpired));
    let busy = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&busy).await;
    shop.observe(&attempt, Observation::Processing).await;
    assert_eq!(shop.release(&busy).await, Err(Refusal::PaymentInProgress));
    assert_eq!(shop.stock(&event).await, (1, 1));
    shop.observe(&attempt, Observation::Failed).await;
    assert_eq!(granted(shop.release(&busy).await).status, OrderStatus::Cancelled);
}

pub async fn holds_expire_at_their_deadline_and_not_before(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(2).create().await;
    let order = shop.hold(&event, 2).await;
    shop.wait(HOLD_FOR - MICRO);
    assert_eq!(shop.expire().await, [], "a microsecond too early");
    assert!(shop.try_hold(&shop.hold_request(&event, 1)).await.is_err());
    shop.wait(MICRO);
    let expired = shop.expire().await;
    assert_eq!(expired.len(), 1);
    assert_eq!((expired[0].id, expired[0].status, expired[0].updated_at), (order.id, OrderStatus::Expired, shop.now()));
    assert_eq!(shop.order_now(&order).await, expired[0]);
    assert_eq!(shop.expire().await, [], "nothing more happens on repeat");
    assert_eq!(shop.stock(&event).await, (0, 0));
    let line = shop.payment(&order).await.audit.pop().unwrap();
    assert_eq!((line.action.as_str(), line.after.as_deref()), ("order.hold_ended", Some("expired")));
    granted(shop.try_hold(&shop.hold_request(&event, 2)).await);
}

pub async fn the_most_overdue_holds_expire_first(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let mut made = Vec::new();
    for micros in [30, 10, 20, 10] {
        let mut request = shop.hold_request(&event, 1);
        request.hold_until += SignedDuration::from_micros(micros);
        made.push(granted(shop.try_hold(&request).await).id);
    }
    shop.wait(HOLD_FOR + SignedDuration::from_micros(20));
    let now = shop.now();
    let ended = async |limit| -> Vec<OrderId> {
        shop.storage.apply_one(now, ExpireHolds { limit }).await.unwrap().iter().map(|order| order.id).collect()
    };
    assert_eq!(ended(0).await, []);
    assert_eq!(ended(2).await, [made[1], made[3]], "equal ones by id");
    assert_eq!(ended(2).await, [made[2]], "and what has not run out stays");
    assert_eq!(shop.stock(&event).await, (1, 0));
}

pub async fn an_order_keeps_the_price_it_was_made_at(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    assert_eq!(bought.attempt.amount.minor(), 2 * PRICE);
    assert!(bought.tickets.iter().all(|ticket| ticket.price.minor() == PRICE));
}

pub async fn orders_are_found_together_each_with_its_tickets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (two, three) = (shop.buy(&event, 2).await, shop.buy(&event, 3).await);
    let held = shop.hold(&event, 1).await;
    let ids = [three.order.id, held.id, OrderId(i64::MAX), two.order.id, three.order.id];
    let found = shop.storage.find_all(&ids.map(FindPurchase)).await.unwrap();
    let three = Some((three.order, three.tickets));
    let expected = [three.clone(), Some((held, vec![])), None, Some((two.order, two.tickets)), three];
    assert_eq!(found, expected, "one answer for each, in the order they were asked for");
    assert_eq!(shop.storage.find_all::<FindPurchase>(&[]).await.unwrap(), []);
}
