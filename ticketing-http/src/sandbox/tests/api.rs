//! Paystack's own routes.

use super::super::{Sandbox, SandboxConfig};
use super::world::{KEY, World, order, read};
use serde_json::{Value, json};

#[tokio::test]
async fn a_transaction_is_initialized_paid_and_verified() {
    let world = World::new().await;
    let opened = world.open("order-1.a=b").await;
    assert_eq!(opened["reference"], "order-1.a=b");
    let code = opened["access_code"].as_str().unwrap();
    assert_eq!(code.len(), 26);
    assert_eq!(opened["authorization_url"], format!("{}/checkout/{code}", world.base));

    let before = world.verify("order-1.a%3Db").await;
    assert_eq!(before["status"], "abandoned");
    assert_eq!(before["paid_at"], Value::Null);
    assert!(before["id"].as_u64().unwrap() > u64::from(u32::MAX));

    let (status, answer) = world.simulate("order-1.a=b", json!({ "action": "pay" })).await;
    assert_eq!((status.as_u16(), &answer["data"]["status"]), (200, &json!("success")));
    let paid = world.verify("order-1.a=b").await;
    for (field, expected) in [
        ("domain", json!("test")),
        ("status", json!("success")),
        ("reference", json!("order-1.a=b")),
        ("amount", json!(199_900)),
        ("requested_amount", json!(199_900)),
        ("currency", json!("NGN")),
        ("gateway_response", json!("Successful")),
        ("channel", json!("card")),
        ("fees", json!(2998)),
        ("metadata", json!({ "order": "A1" })),
    ] {
        assert_eq!(paid[field], expected, "{field}");
    }
    assert_eq!(paid["customer"]["email"], "ada@example.com");
    assert_eq!(paid["authorization"]["last4"], "4081");
    let paid_at = paid["paid_at"].as_str().unwrap();
    assert!(paid_at.len() == "2022-08-09T14:21:32.000Z".len() && paid_at.ends_with('Z'), "{paid_at}");
}

#[tokio::test]
async fn requests_need_the_right_key() {
    let world = World::new().await;
    world.open("known").await;
    let url = |path: &str| format!("{}{path}", world.base);
    for path in ["/transaction/verify/known", "/refund", "/refund/1"] {
        for wrong in [None, Some("Bearer sk_test_0123456789abcdeX"), Some("Bearer "), Some(KEY)] {
            let request = world.client.get(url(path));
            let request = match wrong {
                Some(header) => request.header("authorization", header),
                None => request,
            };
            let (status, answer) = read(request).await;
            assert_eq!(status, 401, "{path} {wrong:?}");
            assert_eq!((&answer["status"], &answer["type"]), (&json!(false), &json!("validation_error")));
            assert!(answer["meta"]["nextStep"].is_string() && answer["data"].is_null());
        }
    }
    for path in ["/transaction/initialize", "/refund"] {
        assert_eq!(read(world.client.post(url(path)).json(&order("new"))).await.0, 401);
    }
    assert_eq!(world.get("/transaction/verify/new").await.0, 400);
}

#[tokio::test]
async fn a_reference_is_used_once() {
    let world = World::new().await;
    world.open("once").await;
    let (status, answer) = world.post("/transaction/initialize", order("once")).await;
    assert_eq!((status.as_u16(), &answer["code"]), (400, &json!("duplicate_reference")));
    assert_eq!(answer["message"], "Duplicate Transaction Reference");

    let mut unnamed = order("x");
    unnamed.as_object_mut().unwrap().remove("reference");
    let (_, first) = world.post("/transaction/initialize", unnamed.clone()).await;
    let (_, second) = world.post("/transaction/initialize", unnamed).await;
    assert_ne!(first["data"]["reference"], second["data"]["reference"]);
}

#[tokio::test]
async fn requests_are_checked_as_paystack_checks_them() {
    let world = World::new().await;
    for (field, value, status, code) in [
        ("email", json!("nobody"), 400, "invalid_email_address"),
        ("email", json!(null), 400, "invalid_email_address"),
        ("email", json!("a b@example.com"), 400, "invalid_email_address"),
        ("amount", json!(0), 400, "invalid_params"),
        ("amount", json!(-5), 400, "invalid_params"),
        ("amount", json!(1999.99), 400, "invalid_params"),
        ("amount", json!("12a"), 400, "invalid_params"),
        ("amount", json!(""), 400, "invalid_params"),
        ("amount", json!(1_u64 << 53), 400, "invalid_params"),
        ("amount", json!(null), 400, "invalid_params"),
        ("currency", json!("EUR"), 403, "unsupported_currency"),
        ("currency", json!("ngn"), 403, "unsupported_currency"),
        ("reference", json!("under_score"), 400, "invalid_params"),
        ("reference", json!("me@example.com"), 400, "invalid_params"),
        ("reference", json!(7), 400, "invalid_params"),
        ("callback_url", json!("javascript:alert(1)"), 400, "invalid_params"),
        ("callback_url", json!("data:text/html,hi"), 400, "invalid_params"),
        ("callback_url", json!("/relative"), 400, "invalid_params"),
    ] {
        let mut body = order("checked");
        body[field] = value.clone();
        let (found, answer) = world.post("/transaction/initialize", body).await;
        assert_eq!((found.as_u16(), answer["code"].as_str()), (status, Some(code)), "{field} {value}");
    }
    let mut digits = order("digits");
    digits["amount"] = json!("5000");
    digits["metadata"] = json!("{\"order\":\"B2\"}");
    assert_eq!(world.post("/transaction/initialize", digits).await.0, 200);
    let data = world.verify("digits").await;
    assert_eq!((&data["amount"], &data["metadata"]), (&json!(5000), &json!({ "order": "B2" })));

    let garbage = world.client.post(format!("{}/transaction/initialize", world.base)).bearer_auth(KEY);
    assert_eq!(read(garbage.try_clone().unwrap().body("{")).await.0, 400);
    assert_eq!(read(garbage.body(" ".repeat(65 * 1024))).await.0, 413);
}

#[tokio::test]
async fn an_unknown_reference_is_not_found_rather_than_failed() {
    let world = World::new().await;
    let (status, answer) = world.get("/transaction/verify/nobody").await;
    assert_eq!((status.as_u16(), &answer["code"]), (400, &json!("transaction_not_found")));
    let (status, answer) = world.post("/refund", json!({ "transaction": "nobody" })).await;
    assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("transaction_not_found")));
    assert_eq!(world.get("/refund/99").await.0, 404);
    assert_eq!(world.simulate("nobody", json!({ "action": "pay" })).await.0, 404);
}

#[tokio::test]
async fn only_a_success_can_follow_a_failure_and_nothing_a_success() {
    let world = World::new().await;
    world.open("flip").await;
    let act = async |action: &str| world.simulate("flip", json!({ "action": action })).await.0.as_u16();
    assert_eq!(act("decline").await, 200);
    assert_eq!(world.verify("flip").await["status"], "failed");
    assert_eq!(act("abandon").await, 200);
    assert_eq!(world.verify("flip").await["status"], "failed");
    assert_eq!(act("pay").await, 200);
    assert_eq!(act("decline").await, 409);
    assert_eq!(act("pay").await, 200);
    assert_eq!(world.verify("flip").await["status"], "success");
    assert_eq!(act("steal").await, 400);
}

#[tokio::test]
async fn refunds_never_exceed_what_was_paid() {
    let world = World::new().await;
    world.open("back").await;
    let refund = async |body: Value| world.post("/refund", body).await;
    assert_eq!(refund(json!({ "transaction": "back" })).await.1["code"], "transaction_not_successful");
    world.simulate("back", json!({ "action": "pay" })).await;

    let (status, part) =
        refund(json!({ "transaction": "back", "amount": "99900", "currency": "NGN", "merchant_note": "r-1" })).await;
    assert_eq!(status, 200, "{part}");
    let part = &part["data"];
    assert_eq!((&part["status"], &part["amount"]), (&json!("pending"), &json!(99_900)));
    assert_eq!((&part["merchant_note"], &part["transaction"]["reference"]), (&json!("r-1"), &json!("back")));
    let too_much = refund(json!({ "transaction": "back", "amount": 100_001 })).await;
    assert_eq!((too_much.0.as_u16(), &too_much.1["code"]), (400, &json!("refund_amount_exceeded")));
    assert_eq!(refund(json!({ "transaction": "back", "currency": "GHS" })).await.0, 403);
    world.refund_until(&part["id"], "processed").await;
    assert_eq!(world.verify("back").await["status"], "success");

    let id = world.verify("back").await["id"].clone();
    let (_, rest) = refund(json!({ "transaction": id, "merchant_note": "r-2" })).await;
    assert_eq!(rest["data"]["amount"], 100_000);
    let done = world.refund_until(&rest["data"]["id"], "processed").await;
    assert_eq!((&done["transaction"], &done["merchant_note"]), (&id, &json!("r-2")));
    assert_eq!(world.verify("back").await["status"], "reversed");
    assert_eq!(refund(json!({ "transaction": "back" })).await.1["code"], "transaction_reversed");

    world.open("other").await;
    for query in ["transaction=back".to_owned(), format!("transaction={id}")] {
        let (_, list) = world.get(&format!("/refund?{query}&perPage=50")).await;
        let notes: Vec<_> = list["data"].as_array().unwrap().iter().map(|refund| &refund["merchant_note"]).collect();
        assert_eq!(notes, ["r-2", "r-1"]);
        assert_eq!((&list["status"], &list["meta"]["total"]), (&json!(true), &json!(2)));
    }
    assert_eq!(world.get("/refund?transaction=other").await.1["data"], json!([]));
    assert_eq!(world.get("/refund?page=2&perPage=1").await.1["data"][0]["merchant_note"], "r-1");
}

#[tokio::test]
async fn the_amount_of_a_failed_refund_can_be_refunded_again() {
    let world = World::new().await;
    world.open("again").await;
    world.simulate("again", json!({ "action": "pay" })).await;
    world.simulate("again", json!({ "action": "refunds_fail" })).await;
    let (_, first) = world.post("/refund", json!({ "transaction": "again" })).await;
    world.refund_until(&first["data"]["id"], "failed").await;
    world.simulate("again", json!({ "action": "refunds_succeed" })).await;
    let note = json!({ "transaction": "again", "amount": 1, "merchant_note": "r sandbox:needs-attention" });
    let (_, stuck) = world.post("/refund", note).await;
    world.refund_until(&stuck["data"]["id"], "needs-attention").await;
    let (_, rest) = world.post("/refund", json!({ "transaction": "again" })).await;
    assert_eq!(rest["data"]["amount"], 199_899);
    world.refund_until(&rest["data"]["id"], "processed").await;
}

#[tokio::test]
async fn wrong_settings_are_rejected_at_start() {
    let base = "http://127.0.0.1:1/";
    assert!(Sandbox::open(SandboxConfig::new("sk_live_secret", base)).await.is_err());
    assert!(Sandbox::open(SandboxConfig::new(KEY, "nowhere")).await.is_err());
    let mut elsewhere = SandboxConfig::new(KEY, base);
    elsewhere.webhook_url = Some("https://shop.example/webhook".to_owned());
    assert!(Sandbox::open(elsewhere).await.is_err());
    let sandbox = Sandbox::open(SandboxConfig::new(KEY, base)).await.unwrap();
    assert!(!format!("{sandbox:?}").contains(KEY));
}
