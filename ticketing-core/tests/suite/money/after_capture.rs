//! The table of a payment's states, rows 9 to 16: once the money is there.

use crate::money::shop::{Shop, buyer, ngn, organizer, reference};
use ticketing_core::domain::payment::{AttemptStatus, Observation, Settlement};
use ticketing_core::domain::refund::RetryRefund;
use ticketing_core::domain::refund::{RefundReason, RefundStatus};
use ticketing_core::domain::ticket::TicketStatus;
use ticketing_core::domain::webhook::WebhookStatus;
use ticketing_core::gateway::GatewayError;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{PayOptions, RefundOptions, Started};

on_every_storage!(
    a_repeated_success_has_no_effect,
    a_second_attempt_that_succeeds_is_refunded_as_a_duplicate,
    a_third_attempt_after_a_late_refund_is_refunded_too,
    a_refund_voids_its_tickets_at_once_and_releases_the_places_once,
    partial_refunds_never_exceed_what_was_paid,
    a_failed_refund_is_listed_and_retried_by_hand,
    a_refund_that_needs_attention_is_listed_and_looked_up_again,
    a_dispute_voids_the_tickets_and_refunds_nothing,
    a_reversal_at_the_gateway_voids_the_tickets,
    observations_after_a_success_are_ignored,
    a_refund_event_before_its_success_is_parked_and_applied_later,
    an_unconfirmed_webhook_is_confirmed_once_the_gateway_answers,
    an_unconfirmed_webhook_that_the_gateway_denies_is_listed_for_review,
);

async fn a_repeated_success_has_no_effect(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 2).await;
    let story = shop.story(&started).await;
    shop.later(1);
    let again = shop.verify("ada", &started).await;
    assert!(matches!(again, Settlement::Fulfilled { first: false, .. }), "{again:?}");
    assert_eq!(shop.story(&started).await, story);
}

async fn pay_again(shop: &Shop, started: &Started, name: &str) -> Started {
    let options = PayOptions::default().with_reference(reference(name));
    shop.engine.pay(&started.order.buyer.who, &started.order.reference, options).await.unwrap()
}

async fn a_second_attempt_that_succeeds_is_refunded_as_a_duplicate(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let first = shop.buy_many(&event, "ada", 2).await;
    let second = pay_again(shop, &first, "second").await;
    shop.gateway.pay(&first.attempt.reference);
    shop.gateway.pay(&second.attempt.reference);
    assert!(matches!(shop.verify("ada", &second).await, Settlement::Fulfilled { .. }));
    // Nobody asks for it: the poller finds the other money by itself.
    shop.live_through(2).await;
    let refund = shop.refund(&first).await;
    assert_eq!((&refund.attempt, refund.reason), (&first.attempt.reference, RefundReason::Duplicate));
    assert_eq!((refund.amount, refund.status), (ngn(10_000), RefundStatus::Processed));
    assert_eq!(
        (shop.stands(&first).await, shop.stands(&second).await.1),
        (("paid", AttemptStatus::RefundDue), AttemptStatus::Fulfilled)
    );
    assert_eq!((shop.tickets(&first).await, shop.stock(&event).await), ((2, 2), (0, 2)));
}

async fn a_third_attempt_after_a_late_refund_is_refunded_too(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    let first = shop.buy(&event, "ada").await;
    let second = pay_again(shop, &first, "second").await;
    shop.live_through(16).await;
    shop.sell(&event, "grace", 1).await;
    for started in [&first, &second] {
        shop.gateway.pay(&started.attempt.reference);
        assert!(matches!(shop.verify("ada", started).await, Settlement::RefundDue { .. }));
    }
    shop.upkeep().await;
    assert_eq!((shop.gateway.refunds().len(), shop.stock(&event).await), (2, (0, 1)));
}

async fn a_refund_voids_its_tickets_at_once_and_releases_the_places_once(shop: &mut Shop) {
    let event = shop.event(5000, 3).await;
    let started = shop.sell(&event, "ada", 3).await;
    let tickets = shop.story(&started).await.tickets;
    let (one, key) = (vec![tickets[1].id], Some(reference("refund")));
    let order = &started.order.reference;
    for _ in 0..2 {
        let refund = shop
            .engine
            .refund(&organizer(), order, RefundOptions::default().with_tickets(one.clone()).with_key(key.clone()))
            .await
            .unwrap();
        assert_eq!((refund.amount, refund.status), (ngn(5000), RefundStatus::Due));
        assert_eq!((shop.tickets(&started).await, shop.stock(&event).await), ((2, 3), (0, 2)));
    }
    let again = shop.engine.refund(&organizer(), order, RefundOptions::default().with_tickets(one)).await.unwrap_err();
    assert_eq!(again.code(), "ticket_not_valid");
    let not_theirs = shop.engine.refund(&buyer("ada").who, order, RefundOptions::default()).await.unwrap_err();
    assert_eq!(not_theirs.code(), "forbidden");
    shop.upkeep().await;
    assert_eq!((shop.gateway.refunds().len(), shop.stock(&event).await), (1, (0, 2)));
}

async fn partial_refunds_never_exceed_what_was_paid(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 3).await;
    shop.gateway.refunds_take_time();
    let order = &started.order.reference;
    let tickets = shop.story(&started).await.tickets;
    let first = shop
        .engine
        .refund(&organizer(), order, RefundOptions::default().with_tickets(vec![tickets[0].id]))
        .await
        .unwrap();
    // Unknown at the gateway, and still counted.
    shop.gateway.lose_next_refund();
    shop.pass().await;
    let rest =
        shop.engine.refund(&organizer(), order, RefundOptions::default().with_note("all".to_owned())).await.unwrap();
    assert_eq!((first.amount, rest.amount, rest.tickets.len()), (ngn(5000), ngn(10_000), 2));
    assert_eq!(
        shop.engine.refund(&organizer(), order, RefundOptions::default()).await.unwrap_err().code(),
        "nothing_to_refund"
    );
    shop.live_through(5).await;
    assert_eq!(
        shop.story(&started).await.refunds.iter().map(|it| it.status).collect::<Vec<_>>(),
        [RefundStatus::Pending; 2]
    );
    shop.gateway.finish_refunds(RefundStatus::Processed);
    shop.live_through(30).await;
    let story = shop.story(&started).await;
    assert!(story.refunds.iter().all(|refund| refund.status == RefundStatus::Processed), "{:?}", story.refunds);
    let gone: i64 = shop.gateway.refunds().iter().map(|refund| refund.amount.minor()).sum();
    assert_eq!((gone, shop.gateway.refunds().len(), shop.stock(&event).await), (15_000, 2, (0, 0)));
}

async fn a_failed_refund_is_listed_and_retried_by_hand(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 1).await;
    shop.gateway.refunds_take_time();
    shop.engine.refund(&organizer(), &started.order.reference, RefundOptions::default()).await.unwrap();
    shop.upkeep().await;
    shop.gateway.finish_refunds(RefundStatus::Failed);
    shop.webhook(format!("refund.failed {}", started.attempt.reference)).await;
    shop.upkeep().await;
    let failed = shop.refund(&started).await;
    assert_eq!((failed.status, failed.next_at), (RefundStatus::Failed, None));
    assert_eq!(shop.tickets(&started).await, (0, 1));
    // It waits for a person, for as long as it takes.
    shop.live_through(60).await;
    assert_eq!(shop.gateway.calls().refund, 1);
    let retry = RetryRefund { id: failed.id, actor: organizer() };
    shop.storage.apply_one(shop.story(&started).await.order.updated_at, retry).await.unwrap().unwrap();
    shop.live_through(1).await;
    assert_eq!((shop.gateway.calls().refund, shop.refund(&started).await.status), (2, RefundStatus::Pending));
    shop.gateway.finish_refunds(RefundStatus::Processed);
    shop.live_through(10).await;
    assert_eq!((shop.refund(&started).await.status, shop.gateway.refunds().len()), (RefundStatus::Processed, 1));
    let audit = shop.story(&started).await.audit;
    assert!(audit.iter().any(|line| line.action == "refund.retried" && line.actor.to_string().contains("organizer")));
}

async fn a_refund_that_needs_attention_is_listed_and_looked_up_again(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 1).await;
    shop.gateway.refunds_take_time();
    shop.engine.refund(&organizer(), &started.order.reference, RefundOptions::default()).await.unwrap();
    shop.upkeep().await;
    shop.gateway.finish_refunds(RefundStatus::NeedsAttention);
    shop.webhook(format!("refund.needs-attention {}", started.attempt.reference)).await;
    shop.upkeep().await;
    let blocked = shop.refund(&started).await;
    assert_eq!((blocked.status, blocked.next_at), (RefundStatus::NeedsAttention, None));
    // The person gave the gateway what it wanted, and has it looked up. Money may be on its way: it is never sent again.
    shop.gateway.finish_refunds(RefundStatus::Processed);
    let retry = RetryRefund { id: blocked.id, actor: organizer() };
    shop.storage.apply_one(shop.story(&started).await.order.updated_at, retry).await.unwrap().unwrap();
    shop.upkeep().await;
    assert_eq!((shop.refund(&started).await.status, shop.gateway.calls().refund), (RefundStatus::Processed, 1));
    assert_eq!(shop.tickets(&started).await, (0, 1));
}

async fn a_dispute_voids_the_tickets_and_refunds_nothing(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 2).await;
    shop.webhook(format!("charge.dispute.create {}", started.attempt.reference)).await;
    shop.upkeep().await;
    assert_eq!(
        (shop.stands(&started).await, shop.tickets(&started).await),
        (("paid", AttemptStatus::Disputed), (0, 2))
    );
    assert_eq!(shop.stock(&event).await, (0, 0));
    let again = shop.engine.refund(&organizer(), &started.order.reference, RefundOptions::default()).await.unwrap_err();
    assert_eq!((again.code(), shop.gateway.refunds().len()), ("nothing_to_refund", 0));
    // Lost: told by another event, and the gateway says so.
    shop.gateway.reverse(&started.attempt.reference);
    shop.webhook(format!("charge.dispute.resolve {}", started.attempt.reference)).await;
    shop.upkeep().await;
    assert_eq!((shop.stands(&started).await, shop.stock(&event).await), (("paid", AttemptStatus::Reversed), (0, 0)));
}

async fn a_reversal_at_the_gateway_voids_the_tickets(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let theirs = shop.sell(&event, "ada", 2).await;
    // Somebody refunds it in the gateway's own dashboard.
    shop.gateway.reverse(&theirs.attempt.reference);
    shop.webhook(format!("refund.processed {}", theirs.attempt.reference)).await;
    shop.upkeep().await;
    assert_eq!((shop.stands(&theirs).await, shop.tickets(&theirs).await), (("paid", AttemptStatus::Reversed), (0, 2)));
    assert!(shop.story(&theirs).await.tickets.iter().all(|ticket| ticket.status == TicketStatus::Cancelled));
    // Our own refund looks the same from there, and is no news.
    let ours = shop.sell(&event, "grace", 1).await;
    shop.engine.refund(&organizer(), &ours.order.reference, RefundOptions::default()).await.unwrap();
    shop.upkeep().await;
    shop.gateway.reverse(&ours.attempt.reference);
    shop.webhook(format!("refund.processed {}", ours.attempt.reference)).await;
    shop.upkeep().await;
    assert_eq!(shop.stands(&ours).await, ("paid", AttemptStatus::Fulfilled));
    assert_eq!((shop.refund(&ours).await.status, shop.stock(&event).await), (RefundStatus::Processed, (0, 0)));
}

async fn observations_after_a_success_are_ignored(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 1).await;
    let story = shop.story(&started).await;
    for said in [
        Observation::Open,
        Observation::Processing,
        Observation::Failed,
        Observation::NotFound,
        Observation::Unrecognised,
    ] {
        shop.later(1);
        let settle = ticketing_core::domain::payment::Settle::new(
            started.attempt.reference.clone(),
            said.clone(),
            "later",
            ticketing_core::domain::code::Seed([5; 32]),
        );
        let now = shop.story(&started).await.order.updated_at;
        let settled = shop.storage.apply(now, &[settle]).await.unwrap().pop().unwrap().unwrap();
        assert!(matches!(settled, Settlement::Fulfilled { first: false, .. }), "{said:?}: {settled:?}");
        assert_eq!(shop.story(&started).await, story, "{said:?}");
    }
}

async fn a_refund_event_before_its_success_is_parked_and_applied_later(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    shop.webhook(format!("refund.processed {}", started.attempt.reference)).await;
    shop.upkeep().await;
    let parked = shop.story(&started).await.webhooks.remove(0);
    assert_eq!((parked.status, parked.next_at.is_some()), (WebhookStatus::Waiting, true));
    shop.gateway.pay(&started.attempt.reference);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Fulfilled { .. }));
    // The refund that it tells of was made in the dashboard.
    shop.gateway.reverse(&started.attempt.reference);
    shop.live_through(2).await;
    assert_eq!(shop.story(&started).await.webhooks[0].status, WebhookStatus::Applied);
    assert_eq!(
        (shop.stands(&started).await, shop.tickets(&started).await),
        (("paid", AttemptStatus::Reversed), (0, 1))
    );
}

/// The breaker is open and a signed success has come in: it is believed for now.
async fn unconfirmed(shop: &mut Shop) -> Started {
    shop.use_breaker();
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    for _ in 0..5 {
        shop.gateway.fail_next_fetch(GatewayError::Unavailable);
        assert!(shop.engine.verify(&buyer("ada").who, &started.attempt.reference).await.is_err());
    }
    shop.gateway.pay(&started.attempt.reference);
    shop.webhook(started.attempt.reference.as_str()).await;
    shop.pass().await;
    assert_eq!(
        (shop.stands(&started).await, shop.tickets(&started).await),
        (("paid", AttemptStatus::Fulfilled), (1, 1))
    );
    assert_eq!(shop.story(&started).await.webhooks[0].status, WebhookStatus::Unconfirmed);
    started
}

async fn an_unconfirmed_webhook_is_confirmed_once_the_gateway_answers(shop: &mut Shop) {
    let started = unconfirmed(shop).await;
    shop.live_through(5).await;
    let told = shop.story(&started).await.webhooks.remove(0);
    assert_eq!((told.status, told.next_at, shop.tickets(&started).await), (WebhookStatus::Applied, None, (1, 1)));
}

async fn an_unconfirmed_webhook_that_the_gateway_denies_is_listed_for_review(shop: &mut Shop) {
    let started = unconfirmed(shop).await;
    // The same amount of another currency is not the same money.
    let amount = ticketing_core::domain::money::Money::new(5000, ticketing_core::domain::money::Currency::USD).unwrap();
    shop.gateway.pay_amount(&started.attempt.reference, amount);
    shop.live_through(5).await;
    let story = shop.story(&started).await;
    assert_eq!((story.webhooks[0].status, story.webhooks[0].next_at), (WebhookStatus::Contradicted, None));
    let shown = story.audit.iter().find(|line| line.action == "webhook.contradicted").unwrap();
    assert_eq!(shown.item.as_deref(), Some(started.attempt.reference.as_str()));
}
