//! Webhooks to the merchant's server.

use super::super::webhook::signature;
use super::world::{KEY, Merchant, World};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha512;

async fn world(merchant: &Merchant) -> World {
    World::with(|config| config.webhook_url = Some(merchant.url.clone())).await
}

#[test]
fn the_signature_is_hmac_sha512() {
    // RFC 4231, test case 2
    assert_eq!(
        signature("Jefe", b"what do ya want for nothing?"),
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
         9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    );
}

#[tokio::test]
async fn a_success_sends_one_signed_webhook() {
    let merchant = Merchant::listening().await;
    let world = world(&merchant).await;
    world.open("told").await;
    world.simulate("told", json!({ "action": "decline" })).await;
    world.simulate("told", json!({ "action": "pay" })).await;
    world.simulate("told", json!({ "action": "pay" })).await;
    let events = merchant.events(1).await;
    assert_eq!(events[0]["event"], "charge.success");
    assert_eq!(events[0]["data"], world.verify("told").await);

    let (signature, body) = merchant.received().remove(0);
    let raw: Vec<u8> =
        (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap()).collect();
    let mac = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.chain_update(&body).verify_slice(&raw).unwrap();
    assert_eq!(signature, signature.to_lowercase());
}

#[tokio::test]
async fn a_webhook_can_be_lost_or_sent_twice() {
    let merchant = Merchant::listening().await;
    let world = world(&merchant).await;
    world.open("lost").await;
    world.simulate("lost", json!({ "action": "pay_no_webhook" })).await;
    merchant.events(0).await;
    world.open("double").await;
    world.simulate("double", json!({ "action": "pay_two_webhooks" })).await;
    merchant.events(2).await;
    let received = merchant.received();
    assert_eq!(received[0], received[1]);
}

#[tokio::test]
async fn a_webhook_is_retried_and_finally_given_up() {
    let merchant = Merchant::listening().await;
    let world = world(&merchant).await;
    merchant.reject(2);
    world.open("stubborn").await;
    world.simulate("stubborn", json!({ "action": "pay" })).await;
    merchant.events(3).await;
    merchant.reject(100);
    world.open("hopeless").await;
    world.simulate("hopeless", json!({ "action": "pay" })).await;
    merchant.events(3 + 6).await;
}

#[tokio::test]
async fn every_step_of_a_refund_sends_a_webhook() {
    let merchant = Merchant::listening().await;
    let world = world(&merchant).await;
    for (reference, note, end) in [
        ("fine", "r-1", "processed"),
        ("fails", "r-2 sandbox:failed", "failed"),
        ("stuck", "r-3 sandbox:needs-attention", "needs-attention"),
    ] {
        world.open(reference).await;
        world.simulate(reference, json!({ "action": "pay_no_webhook" })).await;
        let before = merchant.received().len();
        world.post("/refund", json!({ "transaction": reference, "amount": 500, "merchant_note": note })).await;
        let events = merchant.events(before + 3).await;
        for status in ["pending", "processing", end] {
            // In no guaranteed order, as at Paystack.
            let named = |event: &&Value| event["event"] == format!("refund.{status}");
            let event = events[before..].iter().find(named).unwrap();
            let data = &event["data"];
            assert_eq!((&data["status"], &data["amount"]), (&json!(status), &json!("500")));
            assert_eq!(data["transaction_reference"], reference);
            assert!(data["id"].is_null());
        }
    }
}
