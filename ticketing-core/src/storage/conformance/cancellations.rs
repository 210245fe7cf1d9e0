//! Undoing the orders of cancelled events.

use super::shop::{Shop, buyer, granted, ngn, only};
use super::till::paid;
use crate::domain::order::OrderStatus;
use crate::domain::outbox::MailKind;
use crate::domain::payment::{Mode, Observation};
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::refund::RefundReason;
use crate::domain::scope::Scope;
use crate::domain::ticket::TicketStatus;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use std::sync::Arc;

pub async fn every_order_of_a_cancelled_event_is_undone_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (held, bought) = (shop.hold(&event, 2).await, shop.buy(&event, 2).await);
    let (partly, whole) = (shop.buy(&event, 2).await, shop.buy(&event, 1).await);
    granted(shop.refund(&shop.refund_of(&partly.order, &[&partly.tickets[0]])).await);
    granted(shop.refund(&shop.refund_of(&whole.order, &[])).await);
    let given_up = shop.hold(&event, 1).await;
    granted(shop.release(&given_up).await);
    granted(shop.scan(&shop.scan_of(&bought.tickets[0], "early")).await);
    let elsewhere = shop.event().create().await;
    let untouched = shop.buy(&elsewhere, 1).await;
    assert_eq!(shop.undo(10).await, [], "no event was cancelled");

    shop.cancel_event(&event).await;
    let mut undone = Vec::new();
    // If a worker dies after any portion, the next one does the rest.
    for _ in 0..4 {
        undone.extend(shop.undo(1).await.iter().map(|order| order.id));
    }
    assert_eq!(undone, [held.id, bought.order.id, partly.order.id]);
    assert_eq!(shop.undo(10).await, []);

    assert_eq!(shop.order_now(&held).await.status, OrderStatus::Cancelled);
    assert_eq!(shop.mail_kinds(&held).await, [MailKind::EventCancelled]);
    let payment = shop.payment(&bought.order).await;
    assert_eq!((payment.refunds.len(), payment.refunds[0].amount), (1, bought.order.total));
    assert_eq!(payment.refunds[0].reason, RefundReason::EventCancelled);
    assert!(payment.tickets.iter().all(|ticket| ticket.status == TicketStatus::Refunded));
    let payment = shop.payment(&partly.order).await;
    assert_eq!(payment.refunds.iter().map(|refund| refund.amount.minor()).sum::<i64>(), partly.order.total.minor());
    assert_eq!(shop.payment(&whole.order).await.refunds.len(), 1);
    assert_eq!(shop.stock(&event).await, (0, 1), "one was inside");
    assert_eq!(shop.stock(&elsewhere).await, (0, 1));
    assert_eq!(shop.ticket_now(&untouched.tickets[0]).await.status, TicketStatus::Active);
}

pub async fn an_order_that_was_not_paid_in_full_does_not_stop_the_others(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    shop.observe(&attempt, Observation::Success(paid(ngn(3), Mode::Test))).await;
    let accept = Resolve {
        reference: attempt.reference.clone(),
        verdict: Verdict::Accept,
        tickets: vec![],
        note: "a friend".to_owned(),
        actor: shop.organizer.clone(),
        scope: Scope::all(),
        seed: shop.seed(),
    };
    granted(only(shop.storage.apply(shop.now(), &[accept]).await));
    let mut request = shop.hold_request(&event, 1);
    request.buyer = buyer("bob");
    let other = shop.settle_order(&granted(shop.try_hold(&request).await)).await;
    shop.cancel_event(&event).await;
    assert_eq!(shop.undo(1).await.len() + shop.undo(1).await.len(), 2);
    assert_eq!(shop.payment(&order).await.refunds[0].amount, ngn(3), "all that was captured is refunded");
    assert_eq!(shop.payment(&other.order).await.refunds[0].amount, other.order.total);
    assert_eq!(shop.undo(10).await, []);
}
