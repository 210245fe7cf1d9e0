//! What a gateway cannot do or say, and what becomes of the payment.

use crate::money::shop::{Shop, buyer, ngn, organizer};
use jiff::SignedDuration;
use std::time::Duration;
use ticketing_core::domain::money::Currency;
use ticketing_core::domain::order::OrderStatus;
use ticketing_core::domain::page::PageRequest;
use ticketing_core::domain::payment::{AttemptStatus, Attention, Observation, Settlement, Verdict};
use ticketing_core::domain::refund::{RefundReason, RefundStatus};
use ticketing_core::domain::webhook::{UNREADABLE, WebhookStatus};
use ticketing_core::gateway::{Abilities, GatewayError, Webhook};
use ticketing_core::testing::FakeGateway;
use ticketing_core::{Decision, RefundOptions};

on_every_storage!(
    a_signed_payment_that_is_not_confirmed_waits_and_is_listed,
    an_answer_that_cannot_be_read_is_listed_and_closes_no_breaker,
    a_webhook_that_cannot_be_read_is_kept,
    a_refund_made_at_the_gateway_is_recorded_and_listed,
    a_refund_that_the_gateway_rejects_learns_what_is_left,
    a_refund_at_a_gateway_that_is_not_configured_needs_a_person,
    a_checkout_extends_the_hold_to_the_time_to_pay,
    a_currency_that_the_gateway_cannot_charge_is_refused_before_the_sale,
    a_selection_of_tickets_is_refunded_as_it_says,
);

async fn attention(shop: &Shop) -> Vec<Attention> {
    let found = shop.engine.reviews(&organizer(), PageRequest::default()).await.unwrap();
    found.items.into_iter().flat_map(|attempt| attempt.attention).collect()
}

async fn a_signed_payment_that_is_not_confirmed_waits_and_is_listed(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    shop.gateway.pay(&started.attempt.reference);
    shop.webhook(started.attempt.reference.as_str()).await;
    // The half that answers questions does not know it.
    shop.gateway.say(&started.attempt.reference, Observation::Open);
    shop.upkeep().await;
    assert_eq!(shop.story(&started).await.webhooks[0].status, WebhookStatus::Waiting);
    assert_eq!((shop.tickets(&started).await, attention(shop).await), ((0, 0), vec![]));
    shop.live_through(150).await;
    assert_eq!(shop.story(&started).await.webhooks[0].status, WebhookStatus::Contradicted);
    assert_eq!(attention(shop).await, [Attention::Contradicted]);
    // It is polled all the same, and comes out right. The hold is over; there are places.
    shop.gateway.pay(&started.attempt.reference);
    shop.live_through(65).await;
    assert_eq!((shop.tickets(&started).await, attention(shop).await), ((1, 1), vec![]));
}

async fn an_answer_that_cannot_be_read_is_listed_and_closes_no_breaker(shop: &mut Shop) {
    shop.use_breaker();
    let event = shop.event(5000, 10).await;
    let (odd, other) = (shop.buy(&event, "ada").await, shop.buy(&event, "bob").await);
    shop.gateway.pay(&odd.attempt.reference);
    for _ in 0..50 {
        shop.gateway.fail_next_fetch(GatewayError::Unreadable);
        let refused = shop.engine.verify(&buyer("ada").who, &odd.attempt.reference).await.unwrap_err();
        assert_eq!(refused.code(), "gateway_unavailable");
    }
    assert_eq!(attention(shop).await, [Attention::Unreadable]);
    shop.gateway.pay(&other.attempt.reference);
    assert!(matches!(shop.verify("bob", &other).await, Settlement::Fulfilled { .. }), "others buy as ever");
    assert!(matches!(shop.verify("ada", &odd).await, Settlement::Fulfilled { .. }));
    assert_eq!(attention(shop).await, []);
}

async fn a_webhook_that_cannot_be_read_is_kept(shop: &mut Shop) {
    let headers = [FakeGateway::signature()];
    let body = b"\xff what is this?";
    for _ in 0..2 {
        let webhook = Webhook::new(&headers, body, shop.story_time());
        let stored = shop.engine.receive_webhook("fake", &webhook).await.unwrap();
        assert_eq!((stored.event.kind.as_str(), stored.event.body.as_slice()), (UNREADABLE, &body[..]));
        shop.upkeep().await;
    }
    let page = PageRequest::default();
    let refused = shop.engine.webhooks_for_review(&organizer(), page).await.unwrap_err();
    assert_eq!(refused.code(), "forbidden");
    let list = ticketing_core::domain::webhook::ListWebhooksForReview { page };
    let found = ticketing_core::storage::StorageExt::find(&*shop.storage, list).await.unwrap().items;
    assert_eq!(found.iter().map(|webhook| webhook.status).collect::<Vec<_>>(), [WebhookStatus::Quarantined], "once");
    let forged = Webhook::new(&[], body, shop.story_time());
    assert!(shop.engine.receive_webhook("fake", &forged).await.is_err());
}

async fn a_refund_made_at_the_gateway_is_recorded_and_listed(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 2).await;
    shop.gateway.refund_elsewhere(&started.attempt.reference, ngn(300));
    shop.webhook(format!("refund.processed {}", started.attempt.reference)).await;
    shop.upkeep().await;
    let refund = shop.refund(&started).await;
    assert_eq!(
        (refund.amount, refund.reason, refund.status),
        (ngn(300), RefundReason::Elsewhere, RefundStatus::Processed)
    );
    assert_eq!((attention(shop).await, shop.tickets(&started).await), (vec![Attention::RefundedElsewhere], (2, 2)));
    let decision = Decision::new(Verdict::Accept, "a discount for the noise");
    shop.engine.resolve_review(&organizer(), &started.attempt.reference, decision).await.unwrap();
    assert_eq!(attention(shop).await, []);
    let rest = shop.engine.refund(&organizer(), &started.order.reference, RefundOptions::default()).await.unwrap();
    assert_eq!(rest.amount, ngn(9_700));
    shop.upkeep().await;
    assert!(shop.story(&started).await.refunds.iter().all(|refund| refund.status == RefundStatus::Processed));
}

async fn a_refund_that_the_gateway_rejects_learns_what_is_left(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 2).await;
    // The webhook about it is lost.
    shop.gateway.refund_elsewhere(&started.attempt.reference, ngn(300));
    let refund = shop.engine.refund(&organizer(), &started.order.reference, RefundOptions::default()).await.unwrap();
    shop.upkeep().await;
    let known = shop.story(&started).await.refunds;
    let ours = known.iter().find(|known| known.id == refund.id).unwrap();
    assert_eq!((known.len(), ours.amount, ours.status), (2, ngn(9_700), RefundStatus::Failed));
    shop.engine.retry_refund(&organizer(), &started.order.reference, refund.id).await.unwrap();
    shop.live_through(5).await;
    assert_eq!(shop.gateway.refunds().iter().map(|sent| sent.amount).collect::<Vec<_>>(), [ngn(9_700)]);
}

async fn a_refund_at_a_gateway_that_is_not_configured_needs_a_person(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 1).await;
    let fake = shop.gateway.clone();
    let _paystack = shop.use_fake_paystack().await;
    shop.engine.refund(&organizer(), &started.order.reference, RefundOptions::default()).await.unwrap();
    shop.upkeep().await;
    let stuck = shop.refund(&started).await;
    assert_eq!((stuck.status, stuck.next_at), (RefundStatus::NeedsAttention, None));
    assert!(
        stuck.last_seen.as_deref().is_some_and(|why| why.contains("fake") && why.contains("not configured")),
        "{stuck:?}"
    );
    let listed = shop.engine.reviews(&organizer(), PageRequest::default()).await.unwrap().items;
    assert_eq!(listed.iter().map(|attempt| &attempt.reference).collect::<Vec<_>>(), [&started.attempt.reference]);
    // It is configured again.
    shop.use_gateway(std::sync::Arc::new(fake));
    shop.engine.retry_refund(&organizer(), &started.order.reference, stuck.id).await.unwrap();
    shop.live_through(5).await;
    assert_eq!((shop.refund(&started).await.status, shop.gateway.refunds().len()), (RefundStatus::Processed, 1));
}

async fn a_checkout_extends_the_hold_to_the_time_to_pay(shop: &mut Shop) {
    shop.gateway.can(Abilities::default().with_pays_within(Duration::from_secs(30 * 60)));
    let event = shop.event(5000, 1).await;
    let started = shop.buy(&event, "ada").await;
    let now = shop.story_time();
    assert_eq!(started.order.status, OrderStatus::Held { hold_until: now + SignedDuration::from_mins(32) });
    shop.live_through(29).await;
    assert_eq!(shop.try_to_buy(&event, "bob", 1).await.unwrap_err().code(), "sold_out");
    shop.gateway.pay(&started.attempt.reference);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Fulfilled { .. }), "paid in minute 29");
    let late = shop.event(5000, 1).await;
    shop.buy(&late, "ada").await;
    shop.live_through(33).await;
    assert_eq!(shop.stock(&late).await, (0, 0), "and not held forever");
}

async fn a_currency_that_the_gateway_cannot_charge_is_refused_before_the_sale(shop: &mut Shop) {
    let yen: Currency = "JPY".parse().unwrap();
    let event = shop.event_at(ticketing_core::domain::money::Money::new(100, yen).unwrap(), 10).await;
    shop.gateway.can(Abilities::default().with_currencies(vec![Currency::NGN, Currency::USD]));
    // An event from before.
    let refused = shop.try_to_buy(&event, "ada", 1).await.unwrap_err();
    assert_eq!((refused.code(), shop.stock(&event).await), ("currency_unsupported", (0, 0)));
    let new = |price, currency: Currency| {
        let price = ticketing_core::domain::money::Money::new(price, currency).unwrap();
        let starts_at = shop.story_time() + SignedDuration::from_hours(24);
        let event =
            ticketing_core::domain::event::NewEvent::general_admission("Noh", starts_at, "Kyoto", price, Some(5));
        async { shop.engine.create_event(&organizer(), event).await }
    };
    let refused = new(100, yen).await.unwrap_err();
    assert!(
        matches!(&refused, ticketing_core::Error::Invalid(wrong) if wrong[0].field == "currency"
            && wrong[0].message.contains("NGN, USD") && wrong[0].message.contains("JPY")),
        "{refused:?}"
    );
    new(0, yen).await.expect("free events may have any currency");
    new(100, Currency::USD).await.unwrap();
}

async fn a_selection_of_tickets_is_refunded_as_it_says(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let (started, other) = (shop.sell(&event, "ada", 3).await, shop.sell(&event, "bob", 1).await);
    let ids: Vec<_> = shop.story(&started).await.tickets.iter().map(|ticket| ticket.id).collect();
    let foreign = shop.story(&other).await.tickets[0].id;
    let refund = async |tickets: &[_]| {
        let options = RefundOptions::default().with_tickets(tickets.to_vec());
        shop.engine.refund(&organizer(), &started.order.reference, options).await
    };
    for (tickets, code) in [
        (vec![], "invalid"),
        (vec![ids[0], ids[0]], "invalid"),
        (vec![foreign], "ticket_not_in_order"),
        (vec![ids[0], foreign], "ticket_not_in_order"),
    ] {
        assert_eq!(refund(&tickets).await.unwrap_err().code(), code, "{tickets:?}");
    }
    assert_eq!(shop.tickets(&started).await, (3, 3), "nothing is half-done");
    assert_eq!(refund(&ids[..1]).await.unwrap().amount, ngn(5000));
    for tickets in [vec![ids[0]], vec![ids[1], ids[0]]] {
        assert_eq!(refund(&tickets).await.unwrap_err().code(), "ticket_not_valid");
    }
    assert_eq!(shop.tickets(&started).await, (2, 3));
    assert_eq!(shop.stands(&started).await.1, AttemptStatus::Fulfilled);
}
