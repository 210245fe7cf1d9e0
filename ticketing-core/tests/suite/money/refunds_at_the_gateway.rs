//! Refunds whose answers are lost, at a gateway that has no idempotency keys: looked up, never sent twice.

use crate::money::shop::{Shop, organizer};
use crate::support::fake_paystack::{Call, FakePaystack, Fault, KEY};
use jiff::SignedDuration;
use ticketing_core::domain::refund::ClaimRefunds;
use ticketing_core::domain::refund::RetryRefund;
use ticketing_core::domain::refund::{REFUND_LEASE, RefundReport, RefundStatus};
use ticketing_core::gateway::Webhook;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{RefundOptions, Started};

on_every_storage!(
    a_refund_whose_answer_was_lost_is_found_and_not_sent_again,
    a_refund_that_never_arrived_is_looked_for_and_then_sent_once,
    a_refused_refund_stands_as_failed_until_a_person_acts,
    a_refund_that_is_being_sent_is_not_looked_for_when_a_webhook_comes,
    a_delayed_worker_cannot_make_a_refund_due_again,
    no_more_refunds_are_claimed_than_are_sent_at_once,
    a_webhook_about_a_finished_refund_does_not_restart_it,
    a_refund_marked_failed_is_found_by_its_webhook,
);

async fn sold(shop: &mut Shop) -> (FakePaystack, Started) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 10).await;
    let started = shop.buy_many(&event, "ada", 2).await;
    fake_paystack.pay(started.attempt.reference.as_str());
    shop.verify("ada", &started).await;
    (fake_paystack, started)
}

fn sent(fake_paystack: &FakePaystack) -> usize {
    fake_paystack.lines().iter().filter(|line| line.starts_with("POST /refund")).count()
}

/// One of the two tickets goes back: the gateway would take a second refund of as much.
async fn refund_one(shop: &Shop, started: &Started) {
    let ticket = shop.story(started).await.tickets[0].id;
    shop.engine
        .refund(&organizer(), &started.order.reference, RefundOptions::default().with_tickets(vec![ticket]))
        .await
        .unwrap();
}

async fn a_refund_whose_answer_was_lost_is_found_and_not_sent_again(shop: &mut Shop) {
    for fault in [Fault::TimeoutApplied, Fault::DropAfter, Fault::Reset, Fault::Error500Applied, Fault::Truncated] {
        let (fake_paystack, started) = sold(shop).await;
        fake_paystack.set_mood(move |call, _, _| if call == Call::Refund { fault } else { Fault::None });
        refund_one(shop, &started).await;
        shop.pass().await;
        assert_eq!(shop.refund(&started).await.status, RefundStatus::Unknown, "{fault:?}");
        shop.live_through(10).await;
        let transaction = fake_paystack.transaction(started.attempt.reference.as_str()).unwrap();
        let refund = shop.refund(&started).await;
        assert_eq!((refund.status, sent(&fake_paystack)), (RefundStatus::Pending, 1), "{fault:?}");
        assert_eq!(refund.gateway_id, Some(transaction.refunds[0].id.to_string()));
        assert_eq!(transaction.going_back(), 5000);
    }
}

async fn a_refund_that_never_arrived_is_looked_for_and_then_sent_once(shop: &mut Shop) {
    for fault in [Fault::TimeoutLost, Fault::DropBefore, Fault::Error500, Fault::Html502, Fault::TooMany] {
        let (fake_paystack, started) = sold(shop).await;
        fake_paystack.set_mood(move |call, _, nth| if call == Call::Refund && nth == 1 { fault } else { Fault::None });
        refund_one(shop, &started).await;
        shop.live_through(20).await;
        let transaction = fake_paystack.transaction(started.attempt.reference.as_str()).unwrap();
        assert_eq!((shop.refund(&started).await.status, sent(&fake_paystack)), (RefundStatus::Pending, 2), "{fault:?}");
        assert_eq!((transaction.refunds.len(), transaction.going_back()), (1, 5000), "{fault:?}");
    }
}

async fn a_refused_refund_stands_as_failed_until_a_person_acts(shop: &mut Shop) {
    let (fake_paystack, started) = sold(shop).await;
    // Taken back by the payer's bank meanwhile: Paystack refuses.
    fake_paystack.charge_back(started.attempt.reference.as_str());
    refund_one(shop, &started).await;
    shop.live_through(60).await;
    let refund = shop.refund(&started).await;
    assert_eq!((refund.status, sent(&fake_paystack)), (RefundStatus::Failed, 1));
    assert_eq!(refund.last_seen.as_deref(), Some("refund_exceeds_transaction"));
}

async fn a_refund_that_is_being_sent_is_not_looked_for_when_a_webhook_comes(shop: &mut Shop) {
    let (fake_paystack, started) = sold(shop).await;
    refund_one(shop, &started).await;
    let now = shop.story(&started).await.order.updated_at;
    // Claimed: from now on the call may be on its way, but it has not arrived yet.
    let claimed = shop.storage.apply_one(now, ClaimRefunds { lease: REFUND_LEASE, limit: 1 }).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let body =
        format!(r#"{{"event":"refund.pending","data":{{"transaction_reference":"{}"}}}}"#, started.attempt.reference);
    let signature = crate::support::fake_paystack::signature(KEY, &body);
    let headers = [("x-paystack-signature", signature.as_bytes())];
    let webhook = Webhook::new(&headers, body.as_bytes(), now);
    shop.engine.receive_webhook("paystack", &webhook).await.unwrap();
    shop.upkeep().await;
    // The list is read, for refunds that were made elsewhere. That ours is not on it yet means nothing.
    assert!(!fake_paystack.lines().iter().any(|line| line.starts_with("POST /refund")), "{:?}", fake_paystack.lines());
    assert_eq!(shop.refund(&started).await.status, RefundStatus::Unknown);
}

async fn a_delayed_worker_cannot_make_a_refund_due_again(shop: &mut Shop) {
    let (_bank, started) = sold(shop).await;
    refund_one(shop, &started).await;
    let mut now = shop.story(&started).await.order.updated_at;
    let first = shop.storage.apply_one(now, ClaimRefunds { lease: REFUND_LEASE, limit: 1 }).await.unwrap().remove(0);
    // The first one is held up for longer than its lease; somebody else looks, finds nothing, sends it, and hears of it.
    now += REFUND_LEASE;
    let second = shop.storage.apply_one(now, ClaimRefunds { lease: REFUND_LEASE, limit: 1 }).await.unwrap().remove(0);
    assert_eq!((first.id, first.tries, second.tries), (second.id, 1, 2));
    let report = |tries, status, gateway_id: Option<&str>| {
        RefundReport::new(first.id, tries, status, "told").with_gateway_id(gateway_id.map(str::to_owned))
    };
    let pending = report(2, RefundStatus::Pending, Some("7"));
    let status = |outcome: Vec<Result<ticketing_core::domain::refund::Refund, _>>| {
        let outcome: Result<_, ticketing_core::domain::refusal::Refusal> = outcome.into_iter().next().unwrap();
        outcome.unwrap().status
    };
    assert_eq!(status(shop.storage.apply(now, &[pending]).await.unwrap()), RefundStatus::Pending);
    for late in [RefundStatus::Due, RefundStatus::Unknown, RefundStatus::Failed] {
        let told = report(1, late, None);
        assert_eq!(status(shop.storage.apply(now, &[told]).await.unwrap()), RefundStatus::Pending, "{late:?}");
    }
    // But where the second one found nothing, the first one's doubt counts: it may have arrived after all.
    let event = shop.event(5000, 10).await;
    shop.use_gateway(std::sync::Arc::new(shop.gateway.clone()));
    let other = shop.sell(&event, "grace", 1).await;
    refund_one(shop, &other).await;
    now += SignedDuration::from_hours(1);
    let id = shop.refund(&other).await.id;
    for _ in 0..2 {
        assert!(
            shop.storage
                .apply_one(now, ClaimRefunds { lease: REFUND_LEASE, limit: 10 })
                .await
                .unwrap()
                .iter()
                .any(|refund| refund.id == id)
        );
        now += REFUND_LEASE;
    }
    let report = |tries, status| RefundReport::new(id, tries, status, "told");
    for (told, wanted) in [
        (report(2, RefundStatus::Due), RefundStatus::Due),
        (report(1, RefundStatus::Due), RefundStatus::Due),
        (report(1, RefundStatus::Unknown), RefundStatus::Unknown),
    ] {
        assert_eq!(status(shop.storage.apply(now, std::slice::from_ref(&told)).await.unwrap()), wanted, "{told:?}");
    }
}

async fn no_more_refunds_are_claimed_than_are_sent_at_once(shop: &mut Shop) {
    let event = shop.event(5000, 100).await;
    let stuck = crate::money::blocked_gateway::BlockedGateway::new(shop.gateway.clone());
    for number in 0..5 {
        let started = shop.sell(&event, &format!("b{number}"), 1).await;
        refund_one(shop, &started).await;
    }
    shop.use_gateway(std::sync::Arc::new(stuck.clone()));
    let engine = shop.engine.clone();
    let mut upkeep = ticketing_core::Upkeep::default();
    upkeep.at_once = 2;
    let pass = tokio::spawn(async move { engine.run_upkeep(upkeep).await.unwrap() });
    stuck.until_blocked(2).await;
    // The other three wait for their turn without anybody's name on them: they are still free for other processes.
    let now = ticketing_core::clock::Clock::now(&shop.clock);
    let free = shop.storage.apply_one(now, ClaimRefunds { lease: SignedDuration::ZERO, limit: 10 }).await.unwrap();
    assert_eq!(free.iter().map(|refund| refund.status).collect::<Vec<_>>(), [RefundStatus::Due; 3]);
    stuck.let_go();
    pass.await.unwrap();
}

async fn a_webhook_about_a_finished_refund_does_not_restart_it(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 1).await;
    refund_one(shop, &started).await;
    shop.upkeep().await;
    assert_eq!(shop.refund(&started).await.status, RefundStatus::Processed);
    shop.webhook(format!("refund.processed {}", started.attempt.reference)).await;
    shop.live_through(10).await;
    assert_eq!((shop.gateway.calls().find_refund, shop.refund(&started).await.next_at), (0, None));
}

async fn a_refund_marked_failed_is_found_by_its_webhook(shop: &mut Shop) {
    let (fake_paystack, started) = sold(shop).await;
    refund_one(shop, &started).await;
    let now = shop.story(&started).await.order.updated_at;
    // Sent, and told to have been refused; it was not.
    let claimed = shop.storage.apply_one(now, ClaimRefunds { lease: REFUND_LEASE, limit: 1 }).await.unwrap().remove(0);
    let report = RefundReport::new(claimed.id, claimed.tries, RefundStatus::Failed, "refused");
    shop.storage.apply(now, &[report]).await.unwrap();
    let client = crate::money::shop::paystack(&fake_paystack);
    let call = ticketing_core::gateway::RefundCall::new(claimed.key.clone(), claimed.attempt.clone(), claimed.amount);
    ticketing_core::gateway::PaymentGateway::refund(&client, &call).await.unwrap();
    // A person who tries it again does not send it a second time.
    shop.storage.apply_one(now, RetryRefund { id: claimed.id, actor: organizer() }).await.unwrap().unwrap();
    shop.live_through(5).await;
    assert_eq!((shop.refund(&started).await.status, sent(&fake_paystack)), (RefundStatus::Pending, 1));
}
