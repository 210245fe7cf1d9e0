//! Calls that are retried with an idempotency key, because the outcome of the first one is unknown.

use crate::money::shop::{Shop, buyer, organizer, reference};
use crate::support::dropped_calls::drop_after;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::order::{OrderFilter, OrderStatus};
use ticketing_core::domain::page::PageRequest;
use ticketing_core::domain::payment::{Attempt, AttemptStatus, Settlement};
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::gateway::GatewayError;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{Error, Result};
use ticketing_core::{OrderRequest, PayOptions, RefundOptions, Started};

on_every_storage!(
    a_purchase_dropped_at_any_await_and_repeated_is_one_order,
    a_payment_dropped_at_any_await_and_repeated_sells_once,
    a_refund_dropped_at_any_await_and_repeated_is_one_refund,
    two_concurrent_purchases_with_the_same_references_are_one_order,
    a_failed_call_does_not_drop_the_payment_of_a_concurrent_call,
    a_purchase_repeated_after_its_hold_expired_starts_over,
    the_same_reference_for_something_else_is_refused,
);

/// More awaits than any single call has.
const ENOUGH: usize = 400;

fn named(event: ticketing_core::domain::id::EventId, order: &Reference) -> OrderRequest {
    OrderRequest::tickets(event, 2).with_reference(order.clone())
}

fn attempt(reference: &Reference) -> PayOptions {
    PayOptions::default().with_reference(reference.clone())
}

/// Waits until a call that goes on after its caller has left is done. Not indefinitely: if the caller leaves after the attempt was
/// written and before the gateway was asked, the attempt stays as it is, and the repeat opens another one.
async fn until_written(shop: &Shop, reference: &Reference) {
    for _ in 0..20 {
        let is_new = |it: Attempt| it.status == AttemptStatus::Created;
        if !shop.storage.attempt(reference).await.unwrap().is_some_and(is_new) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Calls again where another call with the same names, which was dropped, is still being written down.
async fn persistently<F: Future<Output = Result<Started>>>(call: impl Fn() -> F) -> Started {
    for _ in 0..3 {
        match call().await {
            Err(Error::Gateway(GatewayError::OutcomeUnknown)) => {}
            answer => return answer.unwrap(),
        }
    }
    call().await.unwrap()
}

async fn a_purchase_dropped_at_any_await_and_repeated_is_one_order(shop: &mut Shop) {
    let event = shop.event(5000, 10_000).await;
    for polls in 0..ENOUGH {
        let who = format!("buyer{polls}");
        let (order, pay) = (reference(&format!("order-{polls}")), reference(&format!("attempt-{polls}")));
        let ada = buyer(&who);
        let buy = || shop.engine.buy(&ada, named(event.id, &order), attempt(&pay));
        let done = drop_after(polls, buy()).await.is_some();
        if polls % 2 == 0 {
            // Sometimes the repeat comes while the first is still at work.
            until_written(shop, &pay).await;
        }
        let started = persistently(buy).await;
        assert_eq!((&started.order.reference, started.order.quantity()), (&order, 2), "dropped after {polls} polls");
        shop.gateway.pay(&started.attempt.reference);
        let settlement = shop.verify(&who, &started).await;
        assert!(matches!(settlement, Settlement::Fulfilled { first: true, .. }), "{settlement:?}");
        // Once more, now that it is paid: no second order, no second set of tickets.
        let _ = buy().await;
        let filter = OrderFilter::default().with_buyer(buyer(&who).who);
        let orders = shop.storage.orders(&filter, PageRequest::default()).await.unwrap().items;
        assert_eq!(orders.len(), 1, "dropped after {polls} polls");
        assert_eq!((orders[0].status, shop.tickets(&started).await), (OrderStatus::Paid, (2, 2)));
        if done {
            shop.was_dropped(polls);
            let sold = i64::try_from(2 * (polls + 1)).unwrap();
            assert_eq!(shop.stock(&event).await, (0, sold));
            return;
        }
    }
    panic!("it never came to its end");
}

async fn a_payment_dropped_at_any_await_and_repeated_sells_once(shop: &mut Shop) {
    let event = shop.event(5000, 10_000).await;
    for polls in 0..ENOUGH {
        let order = shop.engine.hold(&buyer("ada"), OrderRequest::tickets(event.id, 2)).await.unwrap();
        let name = reference(&format!("attempt-{polls}"));
        let pay = || shop.engine.pay(&order.buyer.who, &order.reference, attempt(&name));
        let done = drop_after(polls, pay()).await.is_some();
        let started = persistently(pay).await;
        until_written(shop, &name).await;
        // Whichever checkouts there are now: the payer pays all of them.
        let attempts = shop.story(&started).await.attempts;
        for attempt in &attempts {
            shop.gateway.pay(&attempt.reference);
        }
        shop.live_through(2).await;
        let story = shop.story(&started).await;
        let fulfilled = story.attempts.iter().filter(|it| it.status == AttemptStatus::Fulfilled).count();
        assert_eq!((fulfilled, story.tickets.len()), (1, 2), "dropped after {polls} polls");
        assert!(story.refunds.iter().all(|refund| refund.status == RefundStatus::Processed));
        let paid = story.attempts.iter().filter(|it| it.captured.is_some()).count();
        assert_eq!(story.refunds.len(), paid - 1, "dropped after {polls} polls");
        if done {
            shop.was_dropped(polls);
            return;
        }
    }
    panic!("it never came to its end");
}

async fn a_refund_dropped_at_any_await_and_repeated_is_one_refund(shop: &mut Shop) {
    let event = shop.event(5000, 10_000).await;
    for polls in 0..ENOUGH {
        let started = shop.sell(&event, "ada", 2).await;
        let tickets = vec![shop.story(&started).await.tickets[0].id];
        let key = reference(&format!("refund-{polls}"));
        let who = organizer();
        let refund = || {
            shop.engine.refund(
                &who,
                &started.order.reference,
                RefundOptions::default().with_tickets(tickets.clone()).with_key(key.clone()),
            )
        };
        let done = drop_after(polls, refund()).await.is_some();
        let told = refund().await.unwrap();
        shop.upkeep().await;
        assert_eq!(refund().await.unwrap().id, told.id);
        let found = shop.refund(&started).await;
        assert_eq!((found.id, found.status, found.amount.minor()), (told.id, RefundStatus::Processed, 5000));
        assert_eq!(shop.gateway.refunds().len(), polls + 1);
        if done {
            return;
        }
    }
    panic!("it never came to its end");
}

async fn two_concurrent_purchases_with_the_same_references_are_one_order(shop: &mut Shop) {
    let event = shop.event(5000, 10_000).await;
    for round in 0..10 {
        let (order, pay) = (reference(&format!("order-{round}")), reference(&format!("attempt-{round}")));
        let engines = [shop.engine.clone(), shop.another_process()];
        let both = engines.map(|engine| {
            let (request, options) = (named(event.id, &order), attempt(&pay));
            tokio::spawn(async move { engine.buy(&buyer("ada"), request, options).await })
        });
        let mut opened = Vec::new();
        for bought in both {
            match bought.await.unwrap() {
                Ok(started) => opened.push(started),
                // The other call had opened it, and its answer was not there yet.
                Err(error) => assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(10), "{error:?}"),
            }
        }
        let started = opened.first().expect("one of the two was told of the checkout");
        assert_eq!((&started.order.reference, started.order.status.name()), (&order, "held"));
        // Nobody comes back and no webhook comes: the attempt must still be asked about.
        for started in &opened {
            shop.gateway.pay(&started.attempt.reference);
        }
        shop.live_through(2).await;
        assert_eq!((shop.order_status(started).await, shop.tickets(started).await), (OrderStatus::Paid, (2, 2)));
    }
    assert_eq!(shop.stock(&event).await, (0, 20));
}

async fn a_failed_call_does_not_drop_the_payment_of_a_concurrent_call(shop: &mut Shop) {
    use ticketing_core::clock::Clock;
    use ticketing_core::domain::payment::{Checkout, CheckoutReport, CheckoutResult};
    let event = shop.event(5000, 10).await;
    let pay = reference("attempt");
    shop.gateway.fail_next_open(GatewayError::NotSent);
    let failed = shop.engine.buy(&buyer("ada"), named(event.id, &reference("order")), attempt(&pay)).await;
    assert!(failed.is_err());
    assert_eq!(shop.storage.attempt(&pay).await.unwrap().unwrap().status, AttemptStatus::Dropped);
    // The other call, in flight all the time with the same reference, did reach the gateway.
    let checkout = Checkout::new("https://pay.example.com".to_owned());
    let report = CheckoutReport::new(pay.clone(), CheckoutResult::Opened(checkout));
    shop.storage.apply(shop.clock.now(), &[report]).await.unwrap().remove(0).unwrap();
    let attempt = shop.storage.attempt(&pay).await.unwrap().unwrap();
    assert_eq!((attempt.status, attempt.poll.is_some()), (AttemptStatus::Open, true));
}

async fn a_purchase_repeated_after_its_hold_expired_starts_over(shop: &mut Shop) {
    let event = shop.event(5000, 2).await;
    let (order, pay) = (reference("order"), reference("attempt"));
    let first = shop.engine.buy(&buyer("ada"), named(event.id, &order), attempt(&pay)).await.unwrap();
    shop.live_through(16).await;
    let again = shop.engine.buy(&buyer("ada"), named(event.id, &order), attempt(&pay)).await.unwrap();
    assert!(again.order.id != first.order.id && again.attempt.reference != first.attempt.reference);
    assert_eq!((again.order.status.name(), shop.stock(&event).await), ("held", (2, 0)));
    // Both checkouts are open, and both are paid.
    shop.gateway.pay(&first.attempt.reference);
    shop.gateway.pay(&again.attempt.reference);
    shop.live_through(20).await;
    assert_eq!((shop.tickets(&again).await, shop.stands(&first).await.1), ((2, 2), AttemptStatus::RefundDue));
}

async fn the_same_reference_for_something_else_is_refused(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let (order, pay) = (reference("order"), reference("attempt"));
    shop.engine.buy(&buyer("ada"), named(event.id, &order), attempt(&pay)).await.unwrap();
    let theirs = shop.engine.buy(&buyer("eve"), named(event.id, &order), attempt(&pay)).await.unwrap_err();
    assert_eq!(theirs.code(), "key_reused");
    let other = shop.engine.buy(&buyer("eve"), named(event.id, &reference("other")), attempt(&pay)).await.unwrap_err();
    assert_eq!(other.code(), "key_reused");
    let more = OrderRequest::tickets(event.id, 3).with_reference(order);
    assert_eq!(shop.engine.hold(&buyer("ada"), more).await.unwrap_err().code(), "key_reused");
}
