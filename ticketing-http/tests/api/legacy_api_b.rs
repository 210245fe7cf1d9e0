//! A client of system B, the second of the two older APIs.

use crate::shop::{Call, PASSWORD, Shop, reference_of};
use serde_json::json;
use ticketing_http::api::ApiSettings;

async fn token(shop: &Shop, username: &str) -> String {
    let form =
        format!("grant_type=password&username={username}&password={}&scope=&client_id=", PASSWORD.replace(' ', "+"));
    let answer = shop.send(Call::new("post", "/token").body("application/x-www-form-urlencoded", form)).await;
    assert_eq!((answer.status, answer.members()), (200, vec!["access_token".to_owned(), "token_type".to_owned()]));
    assert_eq!((answer.text("token_type").as_str(), answer.header("cache-control")), ("bearer", "no-store"));
    answer.text("access_token")
}

#[tokio::test]
async fn a_sale_from_registration_to_ticket() {
    let shop = Shop::with(ApiSettings { allow_anonymous_events: true, ..ApiSettings::default() }).await;
    let user = json!({"email": "test@example.com", "username": "testuser", "password": PASSWORD});
    let answer = shop.post("/users/", "", user.clone()).await;
    assert_eq!(
        (answer.status, answer.json()),
        (201, json!({"id": 1, "email": "test@example.com", "username": "testuser"}))
    );
    let answer = shop.post("/users/", "", user).await;
    assert_eq!((answer.status, answer.text("detail").as_str()), (400, "Email already registered"));
    let taken = json!({"email": "other@example.com", "username": "TestUser", "password": PASSWORD});
    assert_eq!(shop.post("/users/", "", taken).await.problem(), (400, "username_taken".to_owned()));

    let user = token(&shop, "testuser").await;
    assert_eq!(shop.get("/users/me", &token(&shop, "test%40example.com").await).await.json()["username"], "testuser");

    let event = json!({"title": "Poetry", "date": "2026-12-31T20:00:00", "location": "Abuja", "ticket_price": 1999.99,
        "category": "Spoken word"});
    let answer = shop.post("/events/", "", event).await;
    assert_eq!(answer.status, 201);
    let event = answer.json();
    assert_eq!((&event["date"], &event["ticket_price"]), (&json!("2026-12-31T20:00:00Z"), &json!("1999.99")));
    assert_eq!(
        (&event["category"], &event["capacity"], &event["available"]),
        (&json!("Spoken word"), &json!(null), &json!(null))
    );
    assert_eq!(shop.get("/events/?category=spoken%20WORD", "").await.json(), json!([event]));
    assert_eq!(shop.get("/events/?category=other", "").await.json(), json!([]));

    let answer = shop.post("/payments/pay", &user, json!({"event_id": event["id"]})).await;
    assert_eq!(answer.status, 200);
    let reference = answer.text("reference");
    assert!(answer.text("authorization_url").ends_with(&reference));
    shop.gateway.pay(&reference_of(&reference));
    let verify = || shop.send(Call::new("post", &format!("/payments/verify/{reference}")).token(&user));
    let answer = verify().await;
    assert_eq!(answer.text("message"), "Payment verified and ticket generated successfully!");
    let ticket = answer.json()["ticket_id"].as_i64().unwrap();
    let answer = verify().await;
    assert_eq!(
        (answer.text("message").as_str(), answer.json()["ticket_id"].as_i64()),
        ("Payment already verified", Some(ticket))
    );

    let path = format!("/tickets/{ticket}");
    let face = |accept: &str| {
        let call = Call::new("get", &path).token(&user);
        let call = if accept.is_empty() { call } else { call.header("accept", accept) };
        shop.send(call)
    };
    for accept in ["", "*/*", "image/png", "image/png, application/json;q=0.5", "text/html, image/*"] {
        let answer = face(accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"), "{accept}");
        assert_eq!(&answer.bytes[..4], b"\x89PNG");
    }
    for accept in ["application/json", "application/json, image/png;q=0.5", "image/png;q=0, application/json"] {
        let answer = face(accept).await;
        assert_eq!((answer.status, answer.json()["id"].as_i64()), (200, Some(ticket)), "{accept}");
        assert!(answer.text("qr_code_base64").starts_with("iVBORw0KGgo"));
    }
    assert_eq!(face("text/html").await.problem(), (406, "not_acceptable".to_owned()));
    shop.is_sound().await;
}

#[tokio::test]
async fn creating_events_needs_a_token_unless_configured_otherwise_and_a_bad_token_is_always_rejected() {
    let event = json!({"title": "Poetry", "date": "2026-12-31", "location": "Abuja", "ticket_price": 0});
    let closed = Shop::new().await;
    assert_eq!(closed.post("/events/", "", event.clone()).await.problem(), (401, "unauthenticated".to_owned()));
    let open = Shop::with(ApiSettings { allow_anonymous_events: true, ..ApiSettings::default() }).await;
    assert_eq!(open.post("/events/", "bad", event.clone()).await.problem(), (401, "unauthenticated".to_owned()));
    let answer = open.post("/events/", "", event).await;
    assert_eq!((answer.status, answer.json()["organizer_id"].clone()), (201, json!(null)));
}

#[tokio::test]
async fn an_account_of_system_a_has_a_user_name_too() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    assert_eq!(
        shop.get("/users/me", &ada).await.json(),
        json!({"id": 1, "email": "ada@example.com", "username": "ada@example.com"})
    );
}

#[tokio::test]
async fn an_invalid_form_gets_no_token() {
    let shop = Shop::new().await;
    shop.somebody("ada").await;
    let form = |body: &str| {
        shop.send(Call::new("post", "/token").body("application/x-www-form-urlencoded", body.as_bytes().to_vec()))
    };
    assert_eq!(form("username=ada%40example.com").await.wrong_fields(), ["password"]);
    assert_eq!(form("").await.wrong_fields(), ["username"]);
    let other = "grant_type=client_credentials&username=ada%40example.com&password=correct+horse+battery";
    assert_eq!(form(other).await.wrong_fields(), ["grant_type"]);
    assert_eq!(form("username=a%00b&password=x").await.problem(), (401, "unauthenticated".to_owned()));
    assert_eq!(form("username=%ff&password=x").await.status / 100, 4);
    let json = shop.post("/token", "", json!({"username": "ada@example.com", "password": PASSWORD})).await;
    assert_eq!(json.problem(), (415, "media_type_unsupported".to_owned()));
}

#[tokio::test]
async fn an_account_is_guessed_five_times_under_all_of_its_names() {
    let shop = Shop::new().await;
    let user = json!({"email": "test@example.com", "username": "testuser", "password": PASSWORD});
    assert_eq!(shop.post("/users/", "", user).await.status, 201);
    let mut statuses = Vec::new();
    for name in
        ["test@example.com", "testuser", " Test@Example.com", "TESTUSER", "testuser", "test@example.com", "TestUser"]
    {
        let form = format!("username={}&password=wrong+horse", name.replace('@', "%40").replace(' ', "+"));
        let call = Call::new("post", "/token").body("application/x-www-form-urlencoded", form);
        statuses.push(shop.send(call).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
}
