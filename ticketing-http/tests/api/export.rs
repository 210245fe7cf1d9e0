//! What is kept of a person, and what was done to an event.

use crate::authorization::World;
use crate::shop::{Call, PASSWORD, Shop};
use serde_json::{Value, json};

#[tokio::test]
async fn a_person_gets_what_is_kept_of_them_and_nothing_of_others() {
    let shop = Shop::new().await;
    let (ada, grace) = (shop.verified("ada").await.0, shop.verified("grace").await.0);
    let event = shop.event(&grace, "5000", None).await;
    let (reference, tickets) = shop.buy(&ada, event, 2).await;
    let (others, _) = shop.buy(&grace, event, 1).await;
    let founded = shop.post("/organisations", &ada, json!({"name": "Ade's band"})).await;
    let key = json!({"name": "Gate", "password": PASSWORD, "permissions": ["door"]});
    let token = shop.post("/keys", &ada, key).await.text("token");
    let answer = shop.get("/auth/export", &ada).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let data = answer.json();
    assert_eq!(data["account"]["email"], "ada@example.com");
    assert_eq!(
        (&data["organisations"][0]["id"], &data["organisations"][0]["role"]),
        (&founded.json()["id"], &json!("owner"))
    );
    assert_eq!((&data["sessions"][0]["current"], &data["api_keys"][0]["name"]), (&json!(true), &json!("Gate")));
    let codes = |list: &Value| {
        let mut codes: Vec<String> = list.as_array().unwrap().iter().map(|of| of["ticket_code"].to_string()).collect();
        codes.sort_unstable();
        codes
    };
    assert_eq!(codes(&data["tickets"]), codes(&json!(tickets)));
    assert_eq!(data["orders"].as_array().unwrap().len(), 1);
    let payments: Vec<&str> =
        data["payments"].as_array().unwrap().iter().map(|of| of["status"].as_str().unwrap()).collect();
    assert_eq!((payments, &data["refunds"]), (vec!["fulfilled"], &json!([])));
    let mails: Vec<(&str, &str)> = data["mails"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mail| (mail["kind"].as_str().unwrap(), mail["recipient"].as_str().unwrap()))
        .collect();
    assert!(
        mails.contains(&("tickets", "ada@example.com")) && mails.contains(&("proof", "ada@example.com")),
        "{mails:?}"
    );
    let actions: Vec<&str> =
        data["history"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["organisation.founded", "member.added", "api_key.made"]);
    let text = String::from_utf8_lossy(&answer.bytes);
    assert!(text.contains("ada") && !text.contains("grace") && !text.contains(&others), "{text}");
    assert!(!text.contains(&token) && !text.contains("argon2") && !text.contains("hash"), "no secrets");
    assert!(!reference.is_empty());
}

#[tokio::test]
async fn a_long_export_is_complete() {
    let shop = Shop::new().await;
    let (ada, organizer) = (shop.somebody("ada").await, shop.somebody("organizer").await);
    let free = shop.event(&organizer, "0", None).await;
    // More than the engine reads at once.
    for _ in 0..11 {
        let order = json!({"event_id": free, "lines": [{"quantity": 100}]});
        let order = shop.post("/orders", &ada, order).await;
        assert_eq!(order.status, 201, "{order:?}");
        let paid = shop.post(&format!("/orders/{}/pay", order.text("reference")), &ada, json!({})).await;
        assert!(paid.status < 300, "{paid:?}");
    }
    let data = shop.get("/auth/export", &ada).await.json();
    let mut ids: Vec<i64> =
        data["tickets"].as_array().unwrap().iter().map(|ticket| ticket["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), data["orders"].as_array().unwrap().len()), (1100, 11));
}

#[tokio::test]
async fn the_organiser_sees_what_was_done_to_an_event_by_whom() {
    let world = World::of_organisation().await;
    let event = world.event().await;
    let (manager, manager_id) = world.member("manager", "manager", Value::Null).await;
    let edit = async |token: &str, patch: Value| {
        let call = Call::new("patch", &format!("/events/{event}/settings")).token(token).header("if-match", "*");
        assert_eq!(world.shop.send(call.json(&patch)).await.status, 200);
    };
    edit(&manager, json!({"title": "Another night"})).await;
    let key = json!({"name": "Bot", "password": PASSWORD, "permissions": ["edit", "view"], "organisation_id": world.organisation});
    let (key_id, key) = world.key(&manager, key).await;
    edit(&key, json!({"capacity": 77})).await;
    let code = world.shop.post(&format!("/events/{event}/codes"), &manager, json!({"code": "FRIENDS"})).await;
    assert_eq!(code.status, 201, "{code:?}");
    let path = format!("/events/{event}/audit?count=true");
    let seen = world.shop.get(&path, &world.organizer).await;
    assert_eq!(seen.header("x-total-count"), "3");
    let lines = seen.json();
    let field = |line: usize, name: &str| lines[line][name].as_str().unwrap_or_default().to_owned();
    assert_eq!([field(0, "actor"), field(0, "subject")], [format!("account {manager_id}"), "title".to_owned()]);
    assert_eq!([field(0, "before"), field(0, "after")], ["Lagos Jazz Night", "Another night"]);
    assert_eq!(field(1, "actor"), format!("api key {key_id} of account {manager_id}"));
    assert_eq!([field(1, "subject"), field(1, "after")], ["capacity", "77"]);
    assert_eq!(field(2, "action"), "promo_code.created");
    // It names people by their ids.
    let text = String::from_utf8_lossy(&seen.bytes);
    assert!(!text.contains("manager@") && !text.contains("of Lagos"), "{text}");
}
