//! Webhooks from payment gateways, and cancelled events.

use crate::shop::{Answer, Call, Shop, reference_of};
use ticketing_core::Upkeep;
use ticketing_core::gateway::GatewayError;

async fn webhook(shop: &Shop, signature: &str, body: &str) -> Answer {
    let call = Call::new("post", "/payments/webhooks/fake").body("application/json", body);
    shop.send(if signature.is_empty() { call } else { call.header("x-fake-signature", signature) }).await
}

#[tokio::test]
async fn a_webhook_alone_issues_the_tickets_once() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let reference = shop.initialize(&ada, shop.event(&ada, "5000", Some(1)).await, 1).await;
    shop.gateway.pay(&reference_of(&reference));
    for _ in 0..3 {
        let answer = webhook(&shop, "ok", &reference).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap();
    }
    assert_eq!(shop.get("/tickets/my-tickets", &ada).await.json().as_array().unwrap().len(), 1);
    let story = shop.get(&format!("/payments/{reference}"), &ada).await.json();
    assert_eq!(story["events"].as_array().unwrap().len(), 1, "{story}");
    assert_eq!(story["events"][0]["status"], "applied");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_forged_webhook_is_rejected_before_its_body_is_parsed() {
    let shop = Shop::new().await;
    for signature in ["", "forged"] {
        assert_eq!(webhook(&shop, signature, "x").await.problem(), (401, "bad_signature".to_owned()));
    }
    let call =
        Call::new("post", "/payments/webhooks/fake").header("x-fake-signature", "ok").header("x-fake-signature", "ok");
    assert_eq!(shop.send(call.body("application/json", "x")).await.problem().0, 401);
    assert_eq!(shop.post("/payments/webhooks/nobody", "", serde_json::json!({})).await.problem().0, 404);
    assert_eq!(shop.gateway.calls().fetch, 0);
}

#[tokio::test]
async fn a_webhook_with_an_unknown_reference_is_quarantined_and_returns_200() {
    let shop = Shop::new().await;
    assert_eq!(webhook(&shop, "ok", "nobody-knows-this").await.status, 200);
    shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap();
    let answer = webhook(&shop, "ok", "nobody-knows-this").await;
    assert!(["ignored", "quarantined"].contains(&answer.text("status").as_str()), "{answer:?}");
}

#[tokio::test]
async fn a_gateway_outage_delays_tickets_but_loses_none() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let reference = shop.initialize(&ada, shop.event(&ada, "5000", None).await, 1).await;
    shop.gateway.pay(&reference_of(&reference));
    shop.gateway.fail_next_fetch(GatewayError::Unavailable);
    assert_eq!(webhook(&shop, "ok", &reference).await.status, 200);
    shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap();
    assert_eq!(shop.get("/tickets/my-tickets", &ada).await.json().as_array().unwrap().len(), 0);
    shop.minutes_pass(1);
    shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap();
    assert_eq!(shop.get("/tickets/my-tickets", &ada).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn cancelling_an_event_refunds_and_notifies_all_buyers() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let event = shop.event(&ada, "5000", Some(5)).await;
    let (reference, tickets) = shop.buy(&ben, event, 2).await;
    let held = shop.initialize(&ben, event, 1).await;
    let cancel = || shop.send(Call::new("post", &format!("/events/{event}/cancel")).token(&ada));
    assert_eq!(cancel().await.json()["is_active"], false);
    assert_eq!(cancel().await.status, 200);
    shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap();
    shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap();
    let story = shop.get(&format!("/payments/{reference}"), &ben).await.json();
    assert_eq!(story["refunds"][0]["status"], "processed", "{story}");
    assert_eq!(story["refunds"][0]["reason"], "event_cancelled");
    let code = tickets[0]["ticket_code"].as_str().unwrap();
    assert_eq!(shop.get(&format!("/tickets/{code}"), "").await.json()["status"], "refunded");
    assert_eq!(shop.get(&format!("/payments/{held}"), &ben).await.json()["order"]["status"], "cancelled");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_signed_webhook_that_cannot_be_read_is_kept_for_administrators() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    assert_eq!(webhook(&shop, "ok", "not a reference at all!").await.status, 200);
    shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap();
    assert_eq!(shop.get("/payments/webhooks", &ada).await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(shop.get("/payments/webhooks", "").await.problem().0, 401);
}
