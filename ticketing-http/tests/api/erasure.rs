//! Erasing one's own account, and others as an administrator.

use crate::shop::{Call, PASSWORD, Shop};
use serde_json::json;
use ticketing_core::Upkeep;
use ticketing_core::domain::account::Role;

const ERASURE: &str = "/auth/erasure";

#[tokio::test]
async fn an_account_is_erased_after_seven_days_unless_that_is_cancelled() {
    let shop = Shop::new().await;
    let ada = shop.verified("ada").await.0;
    let nothing = json!({"erase_at": null, "blocked_by": []});
    assert_eq!(shop.get(ERASURE, &ada).await.json(), nothing);
    let wrong = shop.post(ERASURE, &ada, json!({"password": "not it at all"})).await;
    assert_eq!(wrong.problem(), (401, "unauthenticated".to_owned()));
    let asked = shop.post(ERASURE, &ada, json!({"password": PASSWORD})).await;
    assert_eq!((asked.status, &asked.json()["blocked_by"]), (200, &json!([])));
    assert_eq!(shop.get(ERASURE, &ada).await.json(), asked.json());
    shop.minutes_pass(1);
    assert_eq!(shop.post(ERASURE, &ada, json!({"password": PASSWORD})).await.json(), asked.json(), "a repeat");
    for _ in 0..2 {
        assert_eq!(shop.send(Call::new("delete", ERASURE).token(&ada)).await.status, 204);
    }
    assert_eq!(shop.get(ERASURE, &ada).await.json(), nothing);

    assert_eq!(shop.post(ERASURE, &ada, json!({"password": PASSWORD})).await.status, 200);
    shop.minutes_pass(7 * 24 * 60);
    while !shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
    assert_eq!(shop.get("/auth/me", &ada).await.problem(), (401, "unauthenticated".to_owned()));
    let log_in = json!({"email": "ada@example.com", "password": PASSWORD});
    assert_eq!(shop.post("/auth/login", "", log_in).await.problem(), (401, "unauthenticated".to_owned()));
    let again = json!({"email": "ada@example.com", "name": "Ada", "password": PASSWORD});
    assert_eq!(shop.post("/auth/register", "", again).await.status, 201, "the address is free");
    shop.is_sound().await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_said() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    shop.event(&ada, "5000", None).await;
    assert_eq!(shop.get(ERASURE, &ada).await.json()["blocked_by"], json!(["events"]));
    let refused = shop.post(ERASURE, &ada, json!({"password": PASSWORD})).await;
    assert_eq!(refused.problem(), (409, "erasure_blocked".to_owned()));
    assert_eq!(refused.json()["by"], "events");
}

#[tokio::test]
async fn a_second_factor_is_asked_for() {
    let shop = Shop::new().await;
    let owner = shop.with_factor("ada").await;
    let alone = shop.post(ERASURE, &owner.token, json!({"password": PASSWORD})).await;
    assert_eq!(alone.wrong_fields(), ["code"]);
    let wrong = shop.post(ERASURE, &owner.token, json!({"password": PASSWORD, "code": "000000"})).await;
    assert_eq!(wrong.problem().1, "second_factor_wrong");
    let with_code = json!({"password": PASSWORD, "code": owner.recovery[0]});
    assert_eq!(shop.post(ERASURE, &owner.token, with_code).await.status, 200);
}

#[tokio::test]
async fn an_administrator_erases_an_account_at_once() {
    let shop = Shop::new().await;
    let (root, ada) = (shop.somebody("root").await, shop.verified("ada").await.0);
    let id = |account: serde_json::Value| account["id"].as_i64().unwrap();
    let root_id = id(shop.get("/auth/me", &root).await.json());
    shop.ticketing.set_role(root_id.into(), Role::Admin).await.unwrap();
    let organizer = shop.somebody("organizer").await;
    let event = shop.event(&organizer, "5000", None).await;
    let (reference, tickets) = shop.buy(&ada, event, 1).await;
    let ada_id = id(shop.get("/auth/me", &ada).await.json());
    let path = format!("/admin/accounts/{ada_id}");
    assert_eq!(shop.post(&format!("{path}/erase"), &root, json!(null)).await.status, 204);
    let left = shop.get(&path, &root).await.json();
    assert_eq!(left["email"], format!("erased-{ada_id}@erased.invalid"));
    assert_eq!(
        (&left["name"], &left["is_active"], left["erased_at"].is_string()),
        (&json!("erased"), &json!(false), true)
    );
    assert_eq!(shop.post(&format!("{path}/erase"), &root, json!(null)).await.problem(), (404, "not_found".to_owned()));
    let revived = Call::new("patch", &path).token(&root).json(&json!({"is_active": true}));
    assert_eq!(shop.send(revived).await.problem(), (404, "not_found".to_owned()));
    let seen = shop.get(&format!("/payments/{reference}"), &organizer).await;
    assert_eq!(seen.status, 200);
    assert!(!String::from_utf8_lossy(&seen.bytes).contains("ada@example.com"));
    let scan = json!({"code": tickets[0]["ticket_code"], "nonce": "at the door"});
    assert_eq!(shop.post("/check-ins", &organizer, scan).await.status, 200, "the ticket is valid");
    let last = shop.post(&format!("/admin/accounts/{root_id}/erase"), &root, json!(null)).await;
    assert_eq!((last.problem(), last.json()["by"].clone()), ((409, "erasure_blocked".to_owned()), json!("last_admin")));
    shop.is_sound().await;
}
