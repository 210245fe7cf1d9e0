//! Concurrent holds never oversell.

use super::super::shop::{HOLD_FOR, Shop};
use super::at_once;
use crate::domain::order::{BuyerLimits, OrderKey, OrderStatus};
use crate::domain::outbox::MailKind;
use crate::domain::refusal::Refusal;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use std::sync::Arc;

pub async fn the_last_place_goes_to_one_buyer(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..10 {
        let event = shop.event().capacity(1).create().await;
        let outcomes = at_once(16, |_| {
            let (shop, request) = (Arc::clone(&shop), shop.hold_request(&event, 1));
            async move { shop.try_hold(&request).await }
        });
        let outcomes = outcomes.await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let sold_out = Refusal::SoldOut { ticket_type_id: event.ticket_types[0].id, available: 0 };
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().err().is_none_or(|refusal| *refusal == sold_out)));
        assert_eq!(shop.stock(&event).await, (1, 0));
    }
}

pub async fn sixty_four_buyers_get_ten_places_of_two_types(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(10).types(&[("A", 100, Some(7)), ("B", 200, None)]).create().await;
    let outcomes = at_once(64, |buyer| {
        // Half of them request one ticket type, the other half both.
        let request = shop.wish_of(&event, &[(buyer % 2, 1 + u32::from(buyer % 4 > 1))]);
        let shop = Arc::clone(&shop);
        async move { shop.try_hold(&request).await }
    });
    let held: Vec<_> = outcomes.await.into_iter().flatten().collect();
    let count = |index: usize| {
        let lines = held.iter().flat_map(|order| &order.lines);
        let of_type = lines.filter(|line| line.ticket_type_id == event.ticket_types[index].id);
        of_type.map(|line| i64::from(line.quantity)).sum::<i64>()
    };
    let now = shop.event_now(&event).await;
    assert_eq!(now.stock.held, 10, "all places, and no more");
    assert_eq!(now.ticket_types.iter().map(|of| of.stock.held).collect::<Vec<_>>(), [count(0), count(1)]);
    assert!(count(0) <= 7 && count(0) + count(1) == 10);
}

pub async fn concurrent_holds_of_a_buyer_stay_within_the_limits(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let limits = BuyerLimits::default().with_open_holds(3).with_free_tickets(4);
    for price in [0, 100] {
        for round in 0..5 {
            let event = shop.event().price(price).unlimited().create().await;
            let quantity = 1 + round % 2;
            let outcomes = at_once(12, |_| {
                let (shop, request) = (Arc::clone(&shop), shop.hold_request(&event, quantity).with_limits(limits));
                async move { shop.try_hold(&request).await }
            });
            // Two free orders for two tickets each reach the limit of tickets, three other orders that of holds.
            let expected: u32 = if price == 0 && quantity == 2 { 2 } else { 3 };
            assert_eq!(outcomes.await.iter().filter(|outcome| outcome.is_ok()).count(), expected as usize);
            assert_eq!(shop.stock(&event).await, (i64::from(expected * quantity), 0));
        }
    }
}

pub async fn a_hold_requested_eight_times_at_once_is_one_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..5 {
        let request = shop.hold_request(&event, 2);
        let outcomes = at_once(8, |_| {
            let (shop, request) = (Arc::clone(&shop), request.clone());
            async move { shop.try_hold(&request).await }
        });
        let outcomes = outcomes.await;
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() && *outcome == outcomes[0]));
    }
    assert_eq!(shop.stock(&event).await, (10, 0));
}

pub async fn a_payment_at_the_deadline_becomes_tickets_or_a_refund(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..16 {
        let event = shop.event().capacity(1).create().await;
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        shop.wait(HOLD_FOR);
        let rival = shop.hold_request(&event, 1);
        at_once(4, |index| {
            let (shop, attempt, rival) = (Arc::clone(&shop), attempt.clone(), rival.clone());
            async move {
                match index {
                    0 | 1 => drop(shop.expire().await),
                    2 => drop(shop.pay(&attempt).await),
                    _ => drop(shop.try_hold(&rival).await),
                }
            }
        })
        .await;
        let payment = shop.payment(&order).await;
        let rival_held = shop.storage.order(&OrderKey::Reference(rival.reference)).await.unwrap().is_some();
        match payment.order.status {
            OrderStatus::Paid => assert_eq!((payment.tickets.len(), payment.refunds.len(), rival_held), (1, 0, false)),
            OrderStatus::Expired => {
                assert_eq!((payment.tickets.len(), payment.refunds.len(), rival_held), (0, 1, true));
            }
            other => panic!("paid or expired: {other:?}"),
        }
        let (held, sold) = shop.stock(&event).await;
        assert_eq!(held + sold, 1);
    }
}

pub async fn cancelling_while_a_payment_arrives_loses_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 1..=10 {
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        at_once(2, |index| {
            let (shop, order, attempt) = (Arc::clone(&shop), order.clone(), attempt.clone());
            async move {
                match index {
                    0 => drop(shop.release(&order).await),
                    _ => drop(shop.pay(&attempt).await),
                }
            }
        })
        .await;
        assert_eq!(shop.order_now(&order).await.status, OrderStatus::Paid, "there were places again");
        assert_eq!(shop.stock(&event).await, (0, round));
    }
}

pub async fn cancelling_an_event_while_people_buy_undoes_every_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let orders = at_once(12, |index| {
        let (shop, event) = (Arc::clone(&shop), event.clone());
        async move {
            if index == 6 {
                shop.cancel_event(&event).await;
            }
            let order = shop.try_hold(&shop.hold_request(&event, 1)).await.ok()?;
            let attempt = shop.try_attempt(&shop.attempt_of(&order)).await.ok().map(|opened| opened.attempt);
            if let Some(attempt) = &attempt {
                shop.pay(attempt).await;
            }
            Some((order, attempt.is_some()))
        }
    });
    let orders: Vec<_> = orders.await.into_iter().flatten().collect();
    at_once(4, |_| {
        let shop = Arc::clone(&shop);
        async move { shop.undo(20).await }
    })
    .await;
    shop.undo(20).await;
    for (order, paid) in orders {
        let payment = shop.payment(&order).await;
        let back: i64 = payment.refunds.iter().map(|refund| refund.amount.minor()).sum();
        assert_eq!(back, if paid { order.total.minor() } else { 0 });
        let kinds = shop.mail_kinds(&order).await;
        let informed = kinds.iter().any(|kind| matches!(kind, MailKind::Refund(_) | MailKind::EventCancelled));
        assert!(informed, "{kinds:?}");
    }
    assert_eq!(shop.stock(&event).await, (0, 0));
}
