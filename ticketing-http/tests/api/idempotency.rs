//! Idempotency keys: a retried request has one effect and one response.

use crate::shop::{Answer, Call, Shop, reference_of};
use serde_json::{Value, json};
use ticketing_core::domain::list::Tally;
use ticketing_core::domain::working_set::Noun;
use ticketing_core::gateway::GatewayError;

async fn post(shop: &Shop, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    shop.send(Call::new("post", path).token(token).header("Idempotency-Key", key).json(body)).await
}

#[tokio::test]
async fn a_retry_gets_the_first_response_and_has_no_second_effect() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = json!({"title": "Lagos Jazz Night", "event_date": "2026-12-31T20:00:00", "location": "Lagos", "price": "5000",
        "capacity": 10});
    let first = post(&shop, "/events/", &ada, "e", &event).await;
    let second = post(&shop, "/events/", &ada, "e", &event).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.bytes, second.bytes);
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), ("", "true"));
    assert_eq!(shop.get("/events/", "").await.json().as_array().unwrap().len(), 1);

    let purchase = json!({"event_id": first.json()["id"], "quantity": 2});
    let first = post(&shop, "/payments/initialize", &ada, "k", &purchase).await;
    let second = post(&shop, "/payments/initialize", &ada, "k", &purchase).await;
    assert_eq!((first.status, &first.bytes), (200, &second.bytes));
    assert_eq!(shop.get("/orders", &ada).await.json().as_array().unwrap().len(), 1);

    shop.gateway.pay(&reference_of(&first.text("reference")));
    let verified = shop.get(&format!("/payments/verify/{}", first.text("reference")), &ada).await;
    assert_eq!(verified.status, 200);
    let path = format!("/payments/{}/refunds", first.text("reference"));
    let first = post(&shop, &path, &ada, "r", &json!({})).await;
    let second = post(&shop, &path, &ada, "r", &json!({})).await;
    assert_eq!((first.status, &first.bytes), (201, &second.bytes), "{first:?}");
    shop.is_sound().await;
}

#[tokio::test]
async fn refusals_and_server_errors_are_not_replayed() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(1)).await;
    let two = json!({"event_id": event, "quantity": 2});
    assert_eq!(post(&shop, "/payments/initialize", &ada, "two", &two).await.problem(), (400, "sold_out".to_owned()));
    let again = post(&shop, "/payments/initialize", &ada, "two", &two).await;
    assert_eq!((again.problem(), again.header("idempotency-replayed")), ((400, "sold_out".to_owned()), ""));

    let one = json!({"event_id": event});
    shop.gateway.fail_next_open(GatewayError::NotSent);
    assert_eq!(post(&shop, "/payments/initialize", &ada, "one", &one).await.status, 503);
    let again = post(&shop, "/payments/initialize", &ada, "one", &one).await;
    assert_eq!(again.status, 200, "the ticket was released, and the same key starts again: {again:?}");

    // The response of the gateway is lost: the retry finds the order and opens another attempt.
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let one = json!({"event_id": shop.event(&ada, "5000", Some(1)).await});
    shop.gateway.lose_next_open();
    assert_eq!(post(&shop, "/payments/initialize", &ada, "one", &one).await.status, 503);
    assert_eq!(post(&shop, "/payments/initialize", &ada, "one", &one).await.status, 200);
    assert_eq!(shop.get("/orders", &ada).await.json().as_array().unwrap().len(), 1);
    shop.is_sound().await;
}

/// The number of stored requests.
async fn kept(shop: &Shop) -> i64 {
    let all = Tally { noun: Noun::StoredRequest, all: vec![], least: None };
    shop.ticketing.storage().tally(&[all]).await.unwrap()[0].count
}

#[tokio::test]
async fn only_requests_that_did_something_leave_a_row() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(1)).await;
    let long = json!({"email": "x".repeat(5000)});
    let gala = json!({"title": "Gala", "event_date": "2099-12-31", "location": "Lagos", "price": "5000"});
    let refused = [
        ("/auth/register", "", json!({}), 422),
        ("/auth/register", "", long, 422),
        (
            "/auth/register",
            "",
            json!({"email": "ada@example.com", "name": "A", "password": crate::shop::PASSWORD}),
            400,
        ),
        ("/users/", "", json!({"role": "admin"}), 422),
        ("/events/", "", gala.clone(), 401),
        ("/events/", "made-up", gala.clone(), 401),
        ("/events/", ada.as_str(), json!({"title": "No date"}), 422),
        ("/categories/", ada.as_str(), json!({"name": ""}), 422),
        ("/payments/initialize", ada.as_str(), json!({"event_id": event, "quantity": 2}), 400),
        ("/payments/initialize", ada.as_str(), json!({"event_id": 4711}), 404),
        ("/payments/pay", ada.as_str(), json!({"event_id": "x"}), 422),
        ("/orders", ada.as_str(), json!({"event_id": event, "lines": []}), 422),
        ("/orders/unknown/pay", ada.as_str(), json!({}), 404),
        ("/payments/verify/unknown", ada.as_str(), json!({}), 404),
        ("/payments/unknown/refunds", ada.as_str(), json!({}), 404),
        ("/check-ins", ada.as_str(), json!({"code": "unknown", "nonce": "n"}), 404),
        ("/events/4711/cancel", ada.as_str(), json!({}), 404),
        ("/mails/4711/resend", ada.as_str(), json!({}), 404),
    ];
    for (number, (path, token, body, status)) in refused.iter().enumerate() {
        for _ in 0..2 {
            let answer = post(&shop, path, token, &format!("key {number}"), body).await;
            assert_eq!((answer.status, answer.header("idempotency-replayed")), (*status, ""), "{path}: {answer:?}");
            assert_eq!(kept(&shop).await, 0, "{path} {body}");
        }
    }
    let reference = shop.initialize(&ada, event, 1).await;
    let open = post(&shop, &format!("/payments/verify/{reference}"), &ada, "open", &json!({})).await;
    assert_eq!((open.status, kept(&shop).await), (202, 0), "it may be paid the next time");

    // A refused key is free for another request, and one that did something is not.
    let bad = post(&shop, "/categories/", &ada, "again", &json!({"name": ""})).await;
    let good = post(&shop, "/categories/", &ada, "again", &json!({"name": "Music"})).await;
    let other = post(&shop, "/categories/", &ada, "again", &json!({"name": "Theatre"})).await;
    assert_eq!((bad.status, good.status, other.status, kept(&shop).await), (422, 201, 422, 1));
    assert_eq!(other.problem().1, "idempotency_key_reused");
}

#[tokio::test]
async fn a_key_belongs_to_one_account_path_and_body() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let event = shop.event(&ada, "0", None).await;
    let order = json!({"event_id": event, "lines": [{"quantity": 1}]});
    let adas = post(&shop, "/orders", &ada, "same", &order).await;
    let bens = post(&shop, "/orders", &ben, "same", &order).await;
    assert_eq!((adas.status, bens.status), (201, 201));
    assert_ne!(adas.text("reference"), bens.text("reference"));
    let other = json!({"event_id": event, "lines": [{"quantity": 2}]});
    assert_eq!(
        post(&shop, "/orders", &ada, "same", &other).await.problem(),
        (422, "idempotency_key_reused".to_owned())
    );
    assert_eq!(post(&shop, "/payments/pay", &ada, "same", &json!({"event_id": event})).await.status, 200);
    for key in ["", &"x".repeat(256), "ä"] {
        assert_eq!(post(&shop, "/orders", &ada, key, &order).await.problem().0, 422, "{key}");
    }
    // After 24 hours the key is forgotten.
    shop.minutes_pass(24 * 60);
    let (ada, order) = (shop.login("ada").await, json!({"event_id": event, "lines": [{"quantity": 3}]}));
    assert_eq!(post(&shop, "/orders", &ada, "same", &order).await.status, 201);
}

#[tokio::test]
async fn concurrent_requests_with_one_key_do_the_work_once() {
    let shop = std::sync::Arc::new(Shop::new().await);
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(10)).await;
    let many: Vec<_> = (0..16)
        .map(|_| {
            let (shop, ada) = (std::sync::Arc::clone(&shop), ada.clone());
            tokio::spawn(
                async move { post(&shop, "/payments/initialize", &ada, "k", &json!({"event_id": event})).await },
            )
        })
        .collect();
    for one in many {
        let answer = one.await.unwrap();
        assert!(answer.status == 200 || answer.problem() == (409, "request_in_progress".to_owned()), "{answer:?}");
    }
    assert_eq!(shop.get("/orders", &ada).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn login_responses_are_not_kept() {
    let shop = Shop::new().await;
    shop.somebody("ada").await;
    let body = json!({"email": "ada@example.com", "password": crate::shop::PASSWORD});
    let first = post(&shop, "/auth/login", "", "k", &body).await;
    let second = post(&shop, "/auth/login", "", "k", &body).await;
    assert_ne!(first.text("access_token"), second.text("access_token"));
}

#[tokio::test]
async fn a_key_of_an_ended_session_does_not_spare_the_next_one() {
    let shop = Shop::new().await;
    let (first, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    for token in [first.clone(), shop.login("ada").await, shop.login("ada").await] {
        // The second token is dead by the time it is used: one log-out ends all sessions.
        let is_alive = shop.get("/auth/me", &token).await.status == 200;
        let answer = post(&shop, "/auth/logout", &token, "same", &json!({})).await;
        assert_eq!(answer.status, if is_alive { 204 } else { 401 });
        assert_eq!(shop.get("/auth/me", &token).await.status, 401);
    }
    for _ in 0..3 {
        let token = shop.login("ada").await;
        let answer = post(&shop, "/auth/logout", &token, "same", &json!({})).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (204, ""));
        assert_eq!(shop.get("/auth/me", &token).await.status, 401, "the session has ended");
    }
    assert_eq!(shop.get("/auth/me", &ben).await.status, 200);

    // A purchase whose response was lost is still made once, also after a new log-in.
    let event = shop.event(&ben, "5000", None).await;
    let ada = shop.login("ada").await;
    let first = post(&shop, "/payments/initialize", &ada, "buy", &json!({"event_id": event})).await;
    assert_eq!(shop.post("/auth/logout", &ada, json!({})).await.status, 204);
    let ada = shop.login("ada").await;
    let second = post(&shop, "/payments/initialize", &ada, "buy", &json!({"event_id": event})).await;
    assert_eq!((second.status, first.bytes), (200, second.bytes));
}
