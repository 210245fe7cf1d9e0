//! Events that are cancelled meanwhile, observations that are not final, and all ways to learn of a success.

use crate::money::shop::{Shop, organizer};
use crate::support::fake_paystack::{Call, Fault};
use ticketing_core::domain::outbox::MailKind;
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::domain::refund::{RefundReason, RefundStatus};
use ticketing_core::domain::webhook::WebhookStatus;
use ticketing_core::storage::StorageExt as _;

on_every_storage!(
    a_payment_in_progress_is_refunded_when_the_event_is_cancelled,
    an_undecided_status_leaves_the_payment_open,
    a_success_after_a_failure_gets_tickets_while_places_are_left,
    a_success_after_a_failure_is_refunded_when_sold_out,
    a_success_is_found_by_webhook_alone,
    a_success_is_found_by_polling_alone,
    a_success_found_by_webhook_and_polling_at_once_counts_once,
);

async fn a_payment_in_progress_is_refunded_when_the_event_is_cancelled(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let before = shop.buy_many(&event, "before", 2).await;
    let after = shop.buy_many(&event, "after", 3).await;
    let never = shop.buy(&event, "never").await;
    shop.engine.cancel_event(&organizer(), event.id).await.unwrap();
    // One payment comes before upkeep undoes the orders, one after.
    shop.gateway.pay(&before.attempt.reference);
    let settlement = shop.verify("before", &before).await;
    assert!(matches!(settlement, Settlement::RefundDue { .. }), "{settlement:?}");
    assert_eq!(shop.stock(&event).await, (4, 0));
    shop.upkeep().await;
    assert_eq!(shop.stock(&event).await, (0, 0));
    shop.gateway.pay(&after.attempt.reference);
    shop.live_through(5).await;
    for (started, amount) in [(&before, 10_000), (&after, 15_000)] {
        assert_eq!(shop.stands(started).await, ("cancelled", AttemptStatus::RefundDue));
        let refund = shop.refund(started).await;
        assert_eq!((refund.status, refund.reason), (RefundStatus::Processed, RefundReason::EventCancelled));
        assert_eq!((refund.amount.minor(), shop.tickets(started).await), (amount, (0, 0)));
        assert!(shop.mails(started).await.contains(&MailKind::Refund(refund.id)));
    }
    assert_eq!(
        (shop.order_status(&never).await.name(), shop.mails(&never).await),
        ("cancelled", vec![MailKind::EventCancelled])
    );
    assert_eq!(shop.stock(&event).await, (0, 0));
}

async fn an_undecided_status_leaves_the_payment_open(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 10).await;
    for word in ["ongoing", "pending", "processing", "queued", "abandoned", "hibernating"] {
        let started = shop.buy(&event, "ada").await;
        fake_paystack.set_status(started.attempt.reference.as_str(), word);
        let settlement = shop.verify("ada", &started).await;
        assert!(matches!(settlement, Settlement::Open { .. }), "{word}: {settlement:?}");
        let attempt = shop.storage.attempt(&started.attempt.reference).await.unwrap().unwrap();
        assert_eq!((attempt.last_seen.as_deref(), attempt.poll.is_some()), (Some(word), true));
        fake_paystack.pay(started.attempt.reference.as_str());
        let settlement = shop.verify("ada", &started).await;
        assert!(matches!(settlement, Settlement::Fulfilled { first: true, .. }), "{word}: {settlement:?}");
    }
}

async fn a_success_after_a_failure_gets_tickets_while_places_are_left(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    let started = shop.buy(&event, "ada").await;
    shop.gateway.decline(&started.attempt.reference);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Failed { .. }));
    assert_eq!(shop.stock(&event).await, (1, 0));
    shop.live_through(16).await;
    assert_eq!(shop.stands(&started).await, ("expired", AttemptStatus::Failed));
    shop.gateway.pay(&started.attempt.reference);
    shop.live_through(20).await;
    assert_eq!((shop.stands(&started).await, shop.stock(&event).await), (("paid", AttemptStatus::Fulfilled), (0, 1)));
}

async fn a_success_after_a_failure_is_refunded_when_sold_out(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    let started = shop.buy(&event, "ada").await;
    shop.gateway.decline(&started.attempt.reference);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Failed { .. }));
    shop.live_through(16).await;
    shop.sell(&event, "grace", 1).await;
    shop.gateway.pay(&started.attempt.reference);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::RefundDue { .. }));
    shop.upkeep().await;
    assert_eq!((shop.refund(&started).await.status, shop.stock(&event).await), (RefundStatus::Processed, (0, 1)));
}

async fn a_success_is_found_by_webhook_alone(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    shop.gateway.pay(&started.attempt.reference);
    shop.webhook(started.attempt.reference.as_str()).await;
    let report = shop.pass().await;
    assert_eq!((report.webhooks, report.polled), (1, 0));
    assert_eq!(
        (shop.stands(&started).await, shop.tickets(&started).await),
        (("paid", AttemptStatus::Fulfilled), (1, 1))
    );
}

async fn a_success_is_found_by_polling_alone(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    shop.gateway.pay(&started.attempt.reference);
    assert_eq!(shop.pass().await.polled, 0);
    shop.later(1);
    assert_eq!(shop.pass().await.polled, 1);
    assert_eq!(
        (shop.stands(&started).await, shop.tickets(&started).await),
        (("paid", AttemptStatus::Fulfilled), (1, 1))
    );
    // Paid the day after, and heard of within the hour.
    let sleepy = shop.buy(&event, "grace").await;
    shop.live_through(16).await;
    for _ in 0..30 {
        shop.later(60);
        shop.upkeep().await;
    }
    shop.gateway.pay(&sleepy.attempt.reference);
    shop.later(60);
    shop.upkeep().await;
    assert_eq!((shop.stands(&sleepy).await, shop.tickets(&sleepy).await), (("paid", AttemptStatus::Fulfilled), (1, 1)));
}

async fn a_success_found_by_webhook_and_polling_at_once_counts_once(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    // Every request is answered late, so that all of them are in flight together.
    fake_paystack.set_mood(|call, _, _| if call == Call::Verify { Fault::Slow } else { Fault::None });
    let event = shop.event(5000, 100).await;
    for round in 0..5 {
        let started = shop.buy_many(&event, "ada", 2).await;
        let reference = started.attempt.reference.as_str();
        fake_paystack.pay(reference);
        for notice in fake_paystack.take_news() {
            let signature = crate::support::fake_paystack::signature(crate::support::fake_paystack::KEY, &notice.body);
            let headers = [("x-paystack-signature", signature.as_bytes())];
            let (body, received_at) = (notice.body.as_bytes(), started.order.created_at);
            let webhook = ticketing_core::gateway::Webhook::new(&headers, body, received_at);
            let stored = shop.engine.receive_webhook("paystack", &webhook).await.unwrap();
            assert_eq!(stored.status, WebhookStatus::Waiting);
        }
        shop.later(1);
        let (engine, other) = (shop.engine.clone(), shop.engine.clone());
        let passes = [shop.engine.clone(), other]
            .map(|engine| tokio::spawn(async move { engine.run_upkeep(Default::default()).await.unwrap() }));
        let who = started.order.buyer.who.clone();
        let asked = started.attempt.reference.clone();
        let verify = tokio::spawn(async move { engine.verify(&who, &asked).await.unwrap() });
        assert!(matches!(verify.await.unwrap(), Settlement::Fulfilled { .. }));
        for pass in passes {
            pass.await.unwrap();
        }
        assert_eq!(shop.tickets(&started).await, (2, 2), "round {round}");
    }
    assert_eq!(shop.stock(&event).await, (0, 10));
}
