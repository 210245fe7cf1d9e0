//! Guests: they buy without an account, and the key of the order stands for the buyer.

use crate::shop::{Answer, Call, Shop, reference_of};
use serde_json::{Value, json};
use ticketing_core::domain::order::OrderKey;
use ticketing_core::domain::outbox::MailKind;
use ticketing_core::storage::StorageExt as _;

/// As random as a key must be.
const KEY: &str = "7b0ca1e2-5f0f-4d0f-9a57-2f8e6f2d8f11";

/// A new order of a guest: its reference and its key.
pub(crate) async fn order_of(shop: &Shop, event: i64, quantity: u32, email: Option<&str>) -> (String, String) {
    let answer = create(shop, event, quantity, email, None).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    (answer.text("reference"), answer.text("key"))
}

async fn create(shop: &Shop, event: i64, quantity: u32, email: Option<&str>, key: Option<&str>) -> Answer {
    let mut body = json!({"event_id": event, "lines": [{"quantity": quantity}], "guest": true});
    if let Some(email) = email {
        body["email"] = json!(email);
    }
    let call = Call::new("post", "/orders").json(&body);
    shop.send(if let Some(key) = key { call.header("idempotency-key", key) } else { call }).await
}

/// A call with the key of an order.
pub(crate) fn call(method: &str, path: &str, key: &str) -> Call {
    Call::new(method, path).header("x-order-key", key)
}

async fn get(shop: &Shop, path: &str, key: &str) -> Answer {
    shop.send(call("get", path, key)).await
}

async fn name(shop: &Shop, reference: &str, key: &str, email: &str) -> Answer {
    shop.send(call("put", &format!("/orders/{reference}/buyer"), key).json(&json!({"email": email}))).await
}

/// Pays an order and returns the attempt's reference and the tickets.
pub(crate) async fn pay(shop: &Shop, reference: &str, key: &str) -> (String, Vec<Value>) {
    let started = shop.send(call("post", &format!("/orders/{reference}/pay"), key).json(&json!({}))).await;
    assert_eq!(started.status, 200, "{started:?}");
    let attempt = started.text("reference");
    shop.gateway.pay(&reference_of(&attempt));
    let verified = get(shop, &format!("/payments/verify/{attempt}"), key).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    (attempt, verified.json()["tickets"].as_array().unwrap().clone())
}

#[tokio::test]
async fn a_guest_buys_and_gives_an_address_before_paying() {
    let shop = Shop::new().await;
    let event = shop.event(&shop.somebody("organizer").await, "5000", Some(2)).await;
    let answer = create(&shop, event, 2, None, None).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let (reference, key) = (answer.text("reference"), answer.text("key"));
    assert_eq!(answer.header("location"), format!("/orders/{reference}"));
    assert_eq!(answer.text("expires_at"), "2026-01-01T12:05:00Z", "a guest has five minutes to give an address");
    assert!(key.starts_with(&format!("tko_{reference}_")), "{key}");

    let path = format!("/orders/{reference}");
    let seen = get(&shop, &path, &key).await.json();
    assert_eq!((seen.get("key"), seen.get("email")), (None, None), "the key is not shown again");
    let unnamed = shop.send(call("post", &format!("{path}/pay"), &key).json(&json!({}))).await;
    assert_eq!(unnamed.problem(), (409, "buyer_unnamed".to_owned()));
    assert_eq!(name(&shop, &reference, &key, "not an address").await.wrong_fields(), ["email"]);
    shop.minutes_pass(4);
    let named = name(&shop, &reference, &key, "ada@example.com").await;
    assert_eq!((named.status, named.text("email").as_str()), (200, "a***@example.com"));
    assert_eq!(named.text("expires_at"), "2026-01-01T12:19:00Z");
    assert_eq!(name(&shop, &reference, &key, "ada@example.com").await.json(), named.json());

    let (attempt, tickets) = pay(&shop, &reference, &key).await;
    assert_eq!(tickets.len(), 2);
    assert_eq!(name(&shop, &reference, &key, "bob@example.com").await.problem(), (409, "order_paid".to_owned()));
    let listed = get(&shop, "/tickets/my-tickets", &key).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let ticket = get(&shop, &format!("/tickets/{}", tickets[0]["id"]), &key).await;
    assert_eq!(ticket.status, 200);
    assert!(ticket.header("vary").contains("X-Order-Key"));
    assert_eq!(shop.send(call("post", &format!("/payments/verify/{attempt}"), &key)).await.status, 200);
    let order = shop.ticketing.storage().order(&OrderKey::Reference(reference_of(&reference))).await.unwrap().unwrap();
    let mails = shop.ticketing.storage().mails(&OrderKey::Id(order.id)).await.unwrap();
    assert_eq!((mails.len(), mails[0].kind, mails[0].to.as_str()), (1, MailKind::Tickets, "ada@example.com"));
    shop.is_sound().await;
}

#[tokio::test]
async fn places_of_a_guest_without_an_address_are_free_after_five_minutes() {
    let shop = Shop::new().await;
    let event = shop.event(&shop.somebody("organizer").await, "5000", Some(1)).await;
    let (reference, key) = order_of(&shop, event, 1, None).await;
    assert_eq!(create(&shop, event, 1, None, None).await.problem(), (400, "sold_out".to_owned()));
    shop.minutes_pass(5);
    assert_eq!(name(&shop, &reference, &key, "ada@example.com").await.problem().1, "hold_expired");
    shop.ticketing.run_upkeep(ticketing_core::Upkeep::default()).await.unwrap();
    assert_eq!(create(&shop, event, 1, None, None).await.status, 201);
}

#[tokio::test]
async fn an_order_with_another_key_looks_like_a_missing_one() {
    let shop = Shop::new().await;
    let event = shop.event(&shop.somebody("organizer").await, "5000", None).await;
    let (reference, key) = order_of(&shop, event, 1, Some("ada@example.com")).await;
    let (_, others) = order_of(&shop, event, 1, Some("ada@example.com")).await;
    let (attempt, tickets) = pay(&shop, &reference, &key).await;
    let symbols = key.rsplit_once('_').unwrap().1;
    let longer = format!("{key}0");
    for wrong in [others.as_str(), "tko_", symbols, longer.as_str(), "", "tko_a_b", "ö"] {
        for (method, theirs, nothing) in [
            ("get", format!("/orders/{reference}"), "/orders/0000".to_owned()),
            ("delete", format!("/orders/{reference}"), "/orders/0000".to_owned()),
            ("get", format!("/payments/verify/{attempt}"), "/payments/verify/0000".to_owned()),
            ("get", format!("/tickets/{}", tickets[0]["id"]), "/tickets/4711".to_owned()),
        ] {
            let (found, missing) =
                (shop.send(call(method, &theirs, wrong)).await, shop.send(call(method, &nothing, wrong)).await);
            assert_eq!(found.problem().0, 404, "{method} {theirs} with {wrong}");
            assert_eq!(found.bytes, missing.bytes, "{method} {theirs} with {wrong}");
        }
        assert_eq!(get(&shop, "/tickets/my-tickets", wrong).await.json(), json!([]), "{wrong}");
    }
    // The key opens its order, and nothing that an account may see.
    for path in ["/auth/me", "/orders", "/keys", "/payments/reviews"] {
        assert_eq!(get(&shop, path, &key).await.problem().0, 401, "{path}");
    }
}

#[tokio::test]
async fn a_retry_of_a_guest_finds_the_same_order_and_key() {
    let shop = Shop::new().await;
    let event = shop.event(&shop.somebody("organizer").await, "5000", Some(10)).await;
    let first = create(&shop, event, 2, None, Some(KEY)).await;
    let retry = create(&shop, event, 2, None, Some(KEY)).await;
    assert_eq!((first.status, retry.json()), (201, first.json()));
    assert_eq!(retry.headers.get("idempotency-replayed"), None, "the response is not stored: it has the key");
    let (reference, key) = (first.text("reference"), first.text("key"));
    name(&shop, &reference, &key, "ada@example.com").await;
    assert_eq!(create(&shop, event, 2, None, Some(KEY)).await.text("key"), key, "also once there is an address");
    assert_eq!(create(&shop, event, 3, None, Some(KEY)).await.problem().1, "key_reused");
    assert_eq!(create(&shop, event, 1, None, Some(&KEY.replace('7', "8"))).await.status, 201);
    assert_eq!(create(&shop, event, 1, None, Some("order-1")).await.wrong_fields(), ["Idempotency-Key"]);

    // What is done with the key of an order is kept for that order.
    let paying = || {
        let call = call("post", &format!("/orders/{reference}/pay"), &key).header("idempotency-key", "pay");
        shop.send(call.json(&json!({})))
    };
    let (once, again) = (paying().await, paying().await);
    assert_eq!((once.status, again.bytes), (200, once.bytes.clone()));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let (other, others) = order_of(&shop, event, 1, Some("bob@example.com")).await;
    let call = call("post", &format!("/orders/{other}/pay"), &others).header("idempotency-key", "pay");
    assert_ne!(shop.send(call.json(&json!({}))).await.text("reference"), once.text("reference"));
}

/// The key of an order changes nothing where none is taken: the token counts, and so does its idempotency key.
#[tokio::test]
async fn a_key_beside_a_token_leaves_other_requests_alone() {
    let shop = Shop::new().await;
    let organizer = shop.somebody("organizer").await;
    let event = shop.event(&organizer, "5000", None).await;
    let (_, right) = order_of(&shop, event, 1, Some("ada@example.com")).await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let body = json!({"event_id": event, "lines": [{"quantity": 1}]});
    for key in [right.as_str(), "tko_wrong"] {
        let send = |token: &str, at: &str| {
            let call = call("post", "/orders", key).token(token).header("idempotency-key", at);
            shop.send(call.json(&body))
        };
        let first = send(&ada, key).await;
        let (again, other) = (send(&ada, key).await, send(&bob, key).await);
        assert_eq!((first.status, again.json()), (201, first.json()));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(other.status, 201, "an account's key is its own: {other:?}");
        assert_ne!(other.text("reference"), first.text("reference"));
    }
}

#[tokio::test]
async fn a_guest_is_told_what_does_not_go_together() {
    let shop = Shop::new().await;
    let organizer = shop.somebody("organizer").await;
    let event = shop.event(&organizer, "5000", None).await;
    let order = json!({"event_id": event, "lines": [{"quantity": 1}]});
    let with = |field: &str, value: Value| {
        let mut order = order.clone();
        order[field] = value;
        order
    };
    assert_eq!(shop.post("/orders", &organizer, with("guest", json!(true))).await.wrong_fields(), ["guest"]);
    let address = json!("ada@example.com");
    assert_eq!(shop.post("/orders", &organizer, with("email", address.clone())).await.wrong_fields(), ["email"]);
    assert_eq!(shop.post("/orders", "", with("email", address)).await.problem().0, 401);
    assert_eq!(shop.post("/orders", "", with("guest", json!(false))).await.problem().0, 401);
    let mut guest = with("guest", json!(true));
    guest["email"] = json!("nobody");
    assert_eq!(shop.post("/orders", "", guest).await.wrong_fields(), ["email"]);
    // An account's order has no key, and its address is the account's.
    let own = shop.post("/orders", &organizer, order).await.json();
    assert_eq!((own.get("key"), own.get("email")), (None, None));
    let path = format!("/orders/{}/buyer", own["reference"].as_str().unwrap());
    let call = Call::new("put", &path).token(&organizer).json(&json!({"email": "bob@example.com"}));
    assert_eq!(shop.send(call).await.problem(), (404, "order_unknown".to_owned()));
    let quote = shop.post(&format!("/events/{event}/quote"), "", json!({"lines": [{"quantity": 2}]})).await;
    assert_eq!((quote.status, quote.text("total").as_str()), (200, "10000.00"), "{quote:?}");
}

#[tokio::test]
async fn an_account_claims_what_its_owner_bought_as_a_guest() {
    let shop = Shop::new().await;
    let event = shop.event(&shop.somebody("organizer").await, "5000", None).await;
    let (reference, key) = order_of(&shop, event, 1, Some("ada@example.com")).await;
    let (_, tickets) = pay(&shop, &reference, &key).await;
    let ada = shop.somebody("ada").await;
    assert_eq!(shop.get("/orders", &ada).await.json(), json!([]));
    let refused = shop.post("/orders/claim", &ada, json!({})).await;
    assert_eq!(refused.problem(), (403, "email_unverified".to_owned()), "anybody can register with an address");
    let id = shop.get("/auth/me", &ada).await.json()["id"].as_i64().unwrap();
    shop.ticketing.mark_verified(id.into()).await.unwrap();
    let claimed = shop.post("/orders/claim", &ada, json!({})).await;
    assert_eq!((claimed.status, claimed.json()[0]["reference"].as_str()), (200, Some(reference.as_str())));
    assert_eq!(shop.post("/orders/claim", &ada, json!({})).await.json(), json!([]));
    assert_eq!(shop.get(&format!("/orders/{reference}"), &ada).await.status, 200);
    let mine = shop.get("/tickets/my-tickets", &ada).await.json();
    assert_eq!(mine[0]["ticket_code"], tickets[0]["ticket_code"]);
    // The link in the mail goes on working.
    assert_eq!(get(&shop, &format!("/orders/{reference}"), &key).await.status, 200);
    assert_eq!(get(&shop, &format!("/tickets/{}", tickets[0]["id"]), &key).await.status, 200);
    assert_eq!(get(&shop, "/tickets/my-tickets", &key).await.json().as_array().unwrap().len(), 1);
    shop.is_sound().await;
}
