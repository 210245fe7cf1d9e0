//! Webhooks: at least once, in any order, by anybody.

use crate::money::shop::Shop;
use crate::support::fake_paystack::{self, FakePaystack, KEY, Notice};
use ticketing_core::Error;
use ticketing_core::domain::payment::AttemptStatus;
use ticketing_core::domain::webhook::{StoredWebhook, WebhookStatus};
use ticketing_core::gateway::{Webhook, WebhookError};
use ticketing_core::storage::StorageExt as _;

on_every_storage!(
    duplicate_replayed_and_late_webhooks_change_nothing,
    a_webhook_71_hours_late_still_finds_its_payment,
    forged_unsigned_and_rewritten_webhooks_are_rejected_unread,
    a_signed_success_that_the_gateway_denies_issues_nothing,
    a_webhook_about_an_unknown_payment_is_quarantined,
    a_refund_webhook_before_its_charge_waits_for_the_charge,
    a_webhook_before_the_initialize_response_is_applied,
    irrelevant_webhooks_are_stored_and_ignored,
);

async fn deliver(shop: &Shop, body: &str, key: &str) -> Result<StoredWebhook, Error> {
    let signature = fake_paystack::signature(key, body);
    with_headers(shop, body, &[("x-paystack-signature", signature.as_bytes())]).await
}

async fn with_headers(shop: &Shop, body: &str, headers: &[(&str, &[u8])]) -> Result<StoredWebhook, Error> {
    use ticketing_core::clock::Clock;
    let webhook = Webhook::new(headers, body.as_bytes(), shop.clock.now());
    shop.engine.receive_webhook("paystack", &webhook).await
}

type Headers<'a> = Vec<(&'a str, &'a [u8])>;

fn only_news(fake_paystack: &FakePaystack) -> Notice {
    let notice = fake_paystack.take_news();
    assert_eq!(notice.len(), 1, "{notice:?}");
    notice.into_iter().next().unwrap()
}

async fn duplicate_replayed_and_late_webhooks_change_nothing(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 10).await;
    let started = shop.buy_many(&event, "ada", 2).await;
    fake_paystack.pay(started.attempt.reference.as_str());
    let body = only_news(&fake_paystack).body;
    let first = deliver(shop, &body, KEY).await.unwrap();
    assert_eq!(deliver(shop, &body, KEY).await.unwrap().id, first.id);
    shop.upkeep().await;
    let story = shop.story(&started).await;
    let asked = fake_paystack.lines().len();
    // A replay proves nothing and costs nothing: not even a question to the gateway.
    for hours in [0, 1, 24 * 30] {
        shop.later(60 * hours);
        assert_eq!(deliver(shop, &body, KEY).await.unwrap().status, WebhookStatus::Applied);
        shop.upkeep().await;
    }
    assert_eq!((fake_paystack.lines().len(), shop.story(&started).await), (asked, story.clone()));
    assert_eq!((story.tickets.len(), story.webhooks.len()), (2, 1));
}

async fn a_webhook_71_hours_late_still_finds_its_payment(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 1).await;
    let started = shop.buy(&event, "ada").await;
    // The gateway's answers are out of order for three days; only the webhook gets through in the end.
    fake_paystack.set_mood(|_, _, _| fake_paystack::Fault::Html502);
    fake_paystack.pay(started.attempt.reference.as_str());
    for _ in 0..71 {
        shop.later(60);
        shop.upkeep().await;
    }
    assert_eq!(shop.order_status(&started).await.name(), "expired");
    fake_paystack.calm_down();
    deliver(shop, &only_news(&fake_paystack).body, KEY).await.unwrap();
    shop.upkeep().await;
    assert_eq!((shop.stands(&started).await, shop.stock(&event).await), (("paid", AttemptStatus::Fulfilled), (0, 1)));
}

async fn forged_unsigned_and_rewritten_webhooks_are_rejected_unread(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    fake_paystack.pay(started.attempt.reference.as_str());
    let body = only_news(&fake_paystack).body;
    let good = fake_paystack::signature(KEY, &body);
    // The same JSON written anew: other bytes.
    let rewritten = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&body).unwrap()).unwrap();
    let name = "x-paystack-signature";
    let signature = (name, good.as_bytes());
    let short = &good.as_bytes()[..64];
    let bad: [(&str, Headers<'_>); 6] = [
        (&body, vec![]),
        (&body, vec![signature, signature]),
        (&body, vec![(name, short)]),
        (&body, vec![(name, b"zz")]),
        (&rewritten, vec![signature]),
        ("not even json", vec![signature]),
    ];
    for (body, headers) in bad {
        let refused = with_headers(shop, body, &headers).await;
        assert!(matches!(refused, Err(Error::Webhook(WebhookError::BadSignature))), "{headers:?}: {refused:?}");
    }
    let forged = deliver(shop, &body, "sk_test_other").await;
    assert!(matches!(forged, Err(Error::Webhook(WebhookError::BadSignature))), "{forged:?}");
    assert_eq!(shop.story(&started).await.webhooks, vec![]);
    assert_eq!(shop.pass().await.webhooks, 0);
}

async fn a_signed_success_that_the_gateway_denies_issues_nothing(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    // Anyone who has the key can sign, and still the body is only a hint.
    let reference = started.attempt.reference.as_str();
    let body = format!(
        r#"{{"event":"charge.success","data":{{"id":1,"domain":"test","status":"success","reference":"{reference}","amount":5000,"currency":"NGN"}}}}"#
    );
    deliver(shop, &body, KEY).await.unwrap();
    shop.upkeep().await;
    assert_eq!((shop.stands(&started).await, shop.tickets(&started).await), (("held", AttemptStatus::Open), (0, 0)));
    assert_eq!(fake_paystack.lines().last().unwrap(), &format!("GET /transaction/verify/{reference}"));
}

async fn a_webhook_about_an_unknown_payment_is_quarantined(shop: &mut Shop) {
    let _bank = shop.use_fake_paystack().await;
    let body = r#"{"event":"charge.success","data":{"id":1,"domain":"test","status":"success","reference":"not-ours","amount":1,"currency":"NGN"}}"#;
    deliver(shop, body, KEY).await.unwrap();
    shop.upkeep().await;
    let kept = deliver(shop, body, KEY).await.unwrap();
    assert_eq!((kept.status, kept.event.body.as_slice()), (WebhookStatus::Quarantined, body.as_bytes()));
}

async fn a_refund_webhook_before_its_charge_waits_for_the_charge(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    let reference = started.attempt.reference.as_str();
    let body = format!(
        r#"{{"event":"refund.processed","data":{{"status":"processed","transaction_reference":"{reference}","amount":"5000"}}}}"#
    );
    deliver(shop, &body, KEY).await.unwrap();
    shop.upkeep().await;
    assert_eq!(shop.story(&started).await.webhooks[0].status, WebhookStatus::Waiting);
    // The charge, at last.
    fake_paystack.pay(reference);
    deliver(shop, &only_news(&fake_paystack).body, KEY).await.unwrap();
    shop.upkeep().await;
    assert_eq!(shop.stands(&started).await, ("paid", AttemptStatus::Fulfilled));
    shop.later(1);
    shop.upkeep().await;
    assert_eq!(shop.story(&started).await.webhooks[0].status, WebhookStatus::Applied);
}

async fn a_webhook_before_the_initialize_response_is_applied(shop: &mut Shop) {
    let stuck = crate::money::blocked_gateway::BlockedGateway::new(shop.gateway.clone());
    let event = shop.event(5000, 10).await;
    // Another process applies the webhook while this one waits for the checkout.
    let other = shop.another_process();
    shop.use_gateway(std::sync::Arc::new(stuck.clone()));
    let reference = crate::money::shop::reference("attempt");
    let options = ticketing_core::PayOptions::default().with_reference(reference.clone());
    let (engine, request) = (shop.engine.clone(), ticketing_core::OrderRequest::tickets(event.id, 1));
    let buying = tokio::spawn(async move { engine.buy(&crate::money::shop::buyer("ada"), request, options).await });
    stuck.until_blocked(1).await;
    shop.gateway.pay(&reference);
    shop.webhook(reference.as_str()).await;
    other.run_upkeep(Default::default()).await.unwrap();
    let paid = shop.storage.payment(&reference).await.unwrap().unwrap();
    assert_eq!((paid.order.status.name(), paid.tickets.len()), ("paid", 1));
    stuck.let_go();
    let started = buying.await.unwrap().unwrap();
    // The answer that came too late undoes nothing.
    assert_eq!((started.attempt.status, started.checkout.is_some()), (AttemptStatus::Fulfilled, true));
    assert_eq!(shop.tickets(&started).await, (1, 1));
}

async fn irrelevant_webhooks_are_stored_and_ignored(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    let body = format!(r#"{{"event":"invoice.create","data":{{"reference":"{}"}}}}"#, started.attempt.reference);
    assert_eq!(deliver(shop, &body, KEY).await.unwrap().status, WebhookStatus::Ignored);
    let before = fake_paystack.lines().len();
    assert_eq!((shop.pass().await.webhooks, fake_paystack.lines().len()), (0, before));
}
