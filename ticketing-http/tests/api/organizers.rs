//! Who may sell tickets: every account, or only those with a verified address.

use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};
use ticketing_core::Organizers;
use ticketing_core::domain::id::AccountId;
use ticketing_http::api::ApiSettings;

async fn strict() -> Shop {
    Shop::built(ApiSettings::default(), |builder| builder.organizers(Organizers::Verified)).await
}

fn jazz(more: Value) -> Value {
    let mut body = json!({"title": "Jazz", "event_date": "2026-12-31T20:00:00Z", "location": "Lagos", "price": "5000"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn create(shop: &Shop, token: &str, more: Value) -> Value {
    let answer = shop.post("/events/", token, jazz(more)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

async fn verify(shop: &Shop, token: &str) {
    let id = shop.get("/auth/me", token).await.json()["id"].as_i64().unwrap();
    shop.ticketing.mark_verified(AccountId(id)).await.unwrap();
}

fn is_refused(answer: &Answer) {
    assert_eq!(answer.problem(), (403, "email_unverified".to_owned()));
    assert_eq!(answer.text("detail"), "Verify your e-mail address first");
}

#[tokio::test]
async fn an_event_with_a_price_is_a_draft_and_the_answer_says_why() {
    let shop = strict().await;
    let ada = shop.somebody("ada").await;
    let event = create(&shop, &ada, json!({"category": "Music"})).await;
    assert_eq!((&event["status"], &event["is_active"]), (&json!("draft"), &json!(false)));
    assert_eq!(event["notice"]["code"], "email_unverified");
    assert!(event["notice"]["detail"].as_str().unwrap().contains("not verified"), "{event}");
    let path = format!("/events/{}", event["id"]);
    assert_eq!(shop.get(&path, "").await.status, 404, "nobody sees it");

    // What is as requested has no notice.
    let free = create(&shop, &ada, json!({"price": 0})).await;
    let draft = create(&shop, &ada, json!({"status": "draft"})).await;
    assert_eq!((&free["status"], &draft["status"]), (&json!("active"), &json!("draft")));
    assert!(free.get("notice").is_none() && draft.get("notice").is_none());

    // It is published once the address is verified.
    is_refused(&shop.post(&format!("{path}/publish"), &ada, Value::Null).await);
    let settings =
        |patch: Value| Call::new("patch", &format!("{path}/settings")).token(&ada).header("if-match", "*").json(&patch);
    is_refused(&shop.send(settings(json!({"status": "active"}))).await);
    assert_eq!(shop.send(settings(json!({"title": "Blues"}))).await.status, 200, "a draft can be edited");
    let copies = json!({"starts_at": ["2027-01-31T20:00:00Z"], "status": "active"});
    is_refused(&shop.post(&format!("{path}/copies"), &ada, copies).await);
    let free = format!("/events/{}/settings", free["id"]);
    let price = json!({"ticket_types": [{"name": "General admission", "price": "1"}]});
    is_refused(&shop.send(Call::new("patch", &free).token(&ada).header("if-match", "*").json(&price)).await);

    verify(&shop, &ada).await;
    let published = shop.post(&format!("{path}/publish"), &ada, Value::Null).await;
    assert_eq!((published.status, &published.json()["status"]), (200, &json!("active")));
    let event = create(&shop, &ada, json!({})).await;
    assert_eq!(event["status"], "active");
    assert!(event.get("notice").is_none());
}

#[tokio::test]
async fn a_repeated_request_finds_the_same_draft() {
    let shop = strict().await;
    let ada = shop.somebody("ada").await;
    let call = || Call::new("post", "/events/").token(&ada).header("idempotency-key", "jazz-1").json(&jazz(json!({})));
    let (first, again) = (shop.send(call()).await, shop.send(call()).await);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json(), again.json());
    assert_eq!(first.json()["notice"]["code"], "email_unverified");
}

#[tokio::test]
async fn by_default_every_account_sells() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = create(&shop, &ada, json!({})).await;
    assert_eq!(event["status"], "active");
    assert!(event.get("notice").is_none());
    let draft = create(&shop, &ada, json!({"status": "draft"})).await;
    let published = shop.post(&format!("/events/{}/publish", draft["id"]), &ada, Value::Null).await;
    assert_eq!((published.status, &published.json()["status"]), (200, &json!("active")));
}
