//! A client of system A, the first of the two older APIs.

use crate::shop::{Call, PASSWORD, Shop, reference_of};
use futures_util::FutureExt as _;
use serde_json::json;
use ticketing_core::domain::order::OrderKey;
use ticketing_core::domain::outbox::{MailReport, MailResult};
use ticketing_core::gateway::GatewayError;
use ticketing_core::storage::StorageExt as _;

#[tokio::test]
async fn a_sale_from_registration_to_ticket() {
    let shop = Shop::new().await;

    let registration = json!({"email": "ada@example.com", "name": "Ada Obi", "password": PASSWORD});
    let answer = shop.post("/auth/register", "", registration.clone()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.members(), ["created_at", "email", "id", "is_active", "is_verified", "name", "updated_at"]);
    let answer = shop.post("/auth/register", "", registration).await;
    assert_eq!((answer.status, answer.text("detail").as_str()), (400, "Email already registered"));

    let answer = shop.post("/auth/login", "", json!({"email": "ADA@example.com", "password": PASSWORD})).await;
    assert_eq!((answer.status, answer.text("message").as_str()), (200, "Login successful"));
    assert_eq!((answer.text("token_type").as_str(), answer.header("cache-control")), ("bearer", "no-store"));
    assert_eq!(answer.json()["user"]["email"], "ada@example.com");
    let ada = answer.text("access_token");
    assert_eq!(shop.get("/auth/me", &ada).await.json()["name"], "Ada Obi");

    let category = shop.post("/categories/", &ada, json!({"name": "Concerts"})).await;
    assert_eq!(category.status, 201);
    let event = json!({"title": "Lagos Jazz Night", "description": "Three bands", "event_date": "2026-12-31T20:00:00",
        "location": "Eko Hotel", "price": 5000.00, "capacity": 10, "category_id": category.json()["id"]});
    let answer = shop.post("/events/", &ada, event).await;
    assert_eq!(answer.status, 201);
    let event = answer.json();
    let expected = json!({"event_date": "2026-12-31T20:00:00Z", "date": "2026-12-31T20:00:00Z", "price": "5000.00",
        "ticket_price": "5000.00", "currency": "NGN", "capacity": 10, "tickets_sold": 0, "available": 10,
        "category": "Concerts", "is_active": true, "organizer_id": 1, "end_date": null});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(event[name], *value, "{name}");
    }
    assert_eq!(answer.header("location"), format!("/events/{}", event["id"]));
    assert_eq!(shop.get("/events/", "").await.json(), json!([event]));

    let bob = shop.somebody("bob").await;
    let body = json!({"event_id": event["id"], "email": "bobby@example.com", "quantity": 2});
    let answer = shop.post("/payments/initialize", &bob, body).await;
    assert_eq!(answer.status, 200);
    assert_eq!((answer.text("amount").as_str(), answer.text("currency").as_str()), ("10000.00", "NGN"));
    assert_eq!(answer.text("expires_at"), "2026-01-01T12:15:00Z");
    let reference = answer.text("reference");
    assert_eq!(answer.text("authorization_url"), format!("https://pay.example.com/{reference}"));
    assert_eq!(answer.text("access_code"), format!("access-{reference}"));
    let charge = shop.gateway.charge(&reference_of(&reference)).unwrap();
    assert_eq!(charge.return_url.as_deref(), Some("http://localhost:3000"));
    assert_eq!(charge.email.as_str(), "bobby@example.com");

    let verify = format!("/payments/verify/{reference}");
    let answer = shop.get(&verify, &bob).await;
    assert_eq!((answer.status, answer.text("status").as_str()), (202, "open"));
    assert_eq!(answer.header("retry-after"), "5");
    shop.gateway.pay(&reference_of(&reference));
    let answer = shop.get(&verify, &bob).await;
    assert_eq!((answer.status, answer.text("message").as_str()), (200, "Payment verified successfully"));
    let code = answer.text("ticket_code");
    assert_eq!(answer.text("qr_code_path"), format!("/tickets/{code}/qr.png"));
    assert_eq!(
        (answer.json()["email_sent"].clone(), answer.json()["tickets"].as_array().unwrap().len()),
        (json!(false), 2)
    );
    deliver_mails(&shop, &reference).await;
    let answer = shop.get(&verify, &bob).await;
    assert_eq!((answer.status, answer.text("message").as_str()), (200, "Payment already verified"));
    assert_eq!(answer.json()["email_sent"], true);
    assert_eq!(answer.text("ticket_code"), code);

    let answer = shop.get("/tickets/my-tickets", &bob).await;
    let mine = answer.json();
    assert_eq!(mine.as_array().unwrap().len(), 2);
    assert_eq!((mine[0]["status"].clone(), mine[0]["amount_paid"].clone()), (json!("active"), json!("5000.00")));
    let answer = shop.get(&format!("/tickets/{code}"), "").await;
    assert_eq!(answer.status, 200);
    let members = ["amount_paid", "event_id", "id", "purchase_date", "qr_code_path", "status", "ticket_code"];
    assert_eq!(answer.members(), members);
    let answer = shop.get(&answer.text("qr_code_path"), "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"));
    assert_eq!(&answer.bytes[..4], b"\x89PNG");

    let answer = shop.get(&format!("/events/{}", event["id"]), "").await;
    assert_eq!((answer.json()["tickets_sold"].clone(), answer.json()["available"].clone()), (json!(2), json!(8)));
    shop.is_sound().await;
}

/// Marks mails as delivered: there is no mailer in this test.
async fn deliver_mails(shop: &Shop, reference: &str) {
    let storage = shop.ticketing.storage();
    let order = storage.payment(&reference_of(reference)).await.unwrap().unwrap().order;
    for mail in storage.mails(&OrderKey::Id(order.id)).await.unwrap() {
        let report = MailReport::new(mail.id, mail.tries, MailResult::Sent);
        storage.apply(order.created_at, &[report]).await.unwrap();
    }
}

#[tokio::test]
async fn login_does_not_reveal_whether_an_account_exists() {
    let shop = Shop::new().await;
    shop.somebody("ada").await;
    let wrong = shop.post("/auth/login", "", json!({"email": "ada@example.com", "password": "wrong horse"})).await;
    let unknown = shop.post("/auth/login", "", json!({"email": "eve@example.com", "password": "wrong horse"})).await;
    assert_eq!((wrong.status, wrong.text("detail").as_str()), (401, "Incorrect email or password"));
    assert_eq!(wrong.bytes, unknown.bytes);
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
}

/// Whatever the server did not check, it does not count: here because the client has left.
#[tokio::test]
async fn only_wrong_passwords_count() {
    let shop = Shop::new().await;
    shop.somebody("ada").await;
    let body = |password| json!({"email": "ada@example.com", "password": password});
    for _ in 0..20 {
        let log_in = shop.post("/auth/login", "", body("wrong horse"));
        assert!(log_in.now_or_never().is_none(), "left while the password is hashed");
    }
    for _ in 0..4 {
        assert_eq!(shop.post("/auth/login", "", body("wrong horse")).await.status, 401);
    }
    assert_eq!(shop.post("/auth/login", "", body(crate::shop::PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn password_guessing_is_throttled() {
    let shop = Shop::new().await;
    shop.somebody("ada").await;
    let guess = || shop.post("/auth/login", "", json!({"email": "ada@example.com", "password": "wrong horse"}));
    for _ in 0..5 {
        assert_eq!(guess().await.status, 401);
    }
    let answer = guess().await;
    assert_eq!(answer.problem(), (429, "too_many_logins".to_owned()));
    assert_eq!(answer.header("retry-after"), "900");
    let form = "username=ada%40example.com&password=correct+horse+battery";
    let call = Call::new("post", "/token").body("application/x-www-form-urlencoded", form);
    assert_eq!(shop.send(call).await.status, 429, "both login operations are throttled together");
    shop.minutes_pass(16);
    assert_eq!(guess().await.status, 401);
}

#[tokio::test]
async fn a_sold_out_event_is_a_400() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(2)).await;
    shop.buy(&ada, event, 2).await;
    let answer = shop.post("/payments/initialize", &ada, json!({"event_id": event})).await;
    assert_eq!(answer.problem(), (400, "sold_out".to_owned()));
    assert_eq!((answer.text("detail").as_str(), answer.json()["available"].clone()), ("Event sold out", json!(0)));
    let answer = shop.post("/payments/initialize", &ada, json!({"event_id": 4711})).await;
    assert_eq!((answer.status, answer.text("detail").as_str()), (404, "Event not found"));
}

#[tokio::test]
async fn verify_responds_to_every_outcome() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(1)).await;
    let verify = async |reference: &str| shop.get(&format!("/payments/verify/{reference}"), &ada).await;

    let late = shop.initialize(&ada, event, 1).await;
    shop.gateway.decline(&reference_of(&late));
    let answer = verify(&late).await;
    assert_eq!(answer.problem(), (400, "payment_failed".to_owned()));
    assert_eq!(answer.text("detail"), "Payment verification failed");
    shop.gateway.processing(&reference_of(&late));
    let answer = verify(&late).await;
    assert_eq!((answer.status, answer.text("status").as_str()), (202, "processing"));

    shop.gateway.fail_next_fetch(GatewayError::OutcomeUnknown);
    let answer = verify(&late).await;
    assert_eq!(answer.problem(), (503, "gateway_unavailable".to_owned()));
    assert_eq!(answer.header("retry-after"), "10");

    shop.minutes_pass(60);
    shop.ticketing.run_upkeep(Default::default()).await.unwrap();
    let paid = shop.buy(&ada, event, 1).await.0;
    shop.gateway.pay(&reference_of(&late));
    assert_eq!(verify(&late).await.problem(), (409, "payment_refund_due".to_owned()));

    let other = shop.event(&ada, "5000", None).await;
    let short = shop.initialize(&ada, other, 1).await;
    let little = ticketing_core::domain::money::Money::new(1, ticketing_core::domain::money::Currency::NGN).unwrap();
    shop.gateway.pay_amount(&reference_of(&short), little);
    assert_eq!(verify(&short).await.problem(), (409, "payment_in_review".to_owned()));

    assert_eq!(verify(&paid).await.status, 200);
    let forgotten = shop.initialize(&ada, other, 1).await;
    shop.minutes_pass(97 * 60);
    shop.ticketing.run_upkeep(Default::default()).await.unwrap();
    let ada = shop.login("ada").await;
    let answer = shop.get(&format!("/payments/verify/{forgotten}"), &ada).await;
    assert_eq!(answer.problem(), (400, "payment_failed".to_owned()), "a lapsed payment is reported as failed");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_gateway_outage_holds_no_tickets() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(1)).await;
    shop.gateway.fail_next_open(GatewayError::CircuitOpen { retry_after: std::time::Duration::from_secs(60) });
    let answer = shop.post("/payments/initialize", &ada, json!({"event_id": event})).await;
    assert_eq!(answer.problem(), (503, "gateway_circuit_open".to_owned()));
    assert_eq!(answer.header("retry-after"), "60");
    shop.buy(&ada, event, 1).await;
}

#[tokio::test]
async fn a_free_event_needs_no_gateway() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "0", Some(1)).await;
    let answer = shop.post("/payments/initialize", &ada, json!({"event_id": event})).await;
    let reference = answer.text("reference");
    assert_eq!(answer.text("authorization_url"), format!("http://localhost:3000?reference={reference}"));
    assert_eq!((answer.text("access_code"), answer.text("amount")), (String::new(), "0.00".to_owned()));
    assert_eq!(answer.json()["expires_at"], json!(null));
    let answer = shop.get(&format!("/payments/verify/{reference}"), &ada).await;
    assert_eq!((answer.status, answer.json()["tickets"].as_array().unwrap().len()), (200, 1));
    assert_eq!(shop.gateway.calls(), Default::default());
}
