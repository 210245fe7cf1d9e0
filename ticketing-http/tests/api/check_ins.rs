//! The door.

use crate::shop::Shop;
use serde_json::json;

#[tokio::test]
async fn a_second_scan_tells_when_and_where_the_first_was() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", Some(2)).await;
    let code = shop.buy(&bob, event, 1).await.1[0]["ticket_code"].as_str().unwrap().to_lowercase();
    let scan = async |by: &str, nonce: &str| {
        shop.post("/check-ins", by, json!({"code": code, "nonce": nonce, "gate": "north", "direction": "in"})).await
    };
    assert_eq!(scan(&bob, "1").await.problem(), (403, "ticket_foreign".to_owned()));
    let first = scan(&ada, "1").await;
    assert_eq!((first.status, first.text("checked_in_at").as_str()), (200, "2026-01-01T12:00:00Z"));
    shop.minutes_pass(5);
    assert_eq!(scan(&ada, "1").await.json(), first.json(), "the same scan, sent again");
    let second = scan(&ada, "2").await;
    assert_eq!(second.problem(), (409, "ticket_used".to_owned()));
    assert_eq!((second.text("used_at").as_str(), second.text("gate").as_str()), ("2026-01-01T12:00:00Z", "north"));
    assert_eq!(shop.get(&format!("/tickets/{code}"), "").await.text("status"), "used");
    let unknown = shop.post("/check-ins", &ada, json!({"code": "no code", "nonce": "3"})).await;
    assert_eq!(unknown.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_ticket_of_another_event_is_refused_and_a_scan_is_undone() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let (tonight, tomorrow) = (shop.event(&ada, "5000", Some(2)).await, shop.event(&ada, "5000", Some(2)).await);
    let code = shop.buy(&bob, tomorrow, 1).await.1[0]["ticket_code"].clone();
    let scan = async |event: i64, nonce: &str| {
        shop.post("/check-ins", &ada, json!({"code": code, "nonce": nonce, "event_id": event})).await
    };
    let wrong = scan(tonight, "1").await;
    assert_eq!(wrong.problem(), (409, "wrong_event".to_owned()));
    assert_eq!(wrong.json()["event_id"], tomorrow);
    assert_eq!(scan(tomorrow, "1").await.status, 200, "it stayed unused");

    let undo = async |nonce: &str, by: &str| shop.post(&format!("/door/scans/{nonce}/annul"), by, json!({})).await;
    assert_eq!(undo("1", "").await.problem().0, 401);
    for (nonce, by) in [("1", &bob), ("2", &ada)] {
        assert_eq!(undo(nonce, by).await.problem(), (404, "scan_unknown".to_owned()));
    }
    let undone = undo("1", &ada).await;
    assert_eq!((undone.status, undone.text("message").as_str()), (200, "Scan undone"));
    shop.minutes_pass(5);
    assert_eq!(undo("1", &ada).await.json(), undone.json(), "a repeat");
    assert_eq!(scan(tomorrow, "1").await.problem(), (409, "scan_annulled".to_owned()));
    assert_eq!(scan(tomorrow, "2").await.status, 200);
    shop.minutes_pass(16);
    let late = undo("2", &ada).await;
    assert_eq!((late.problem(), late.json()["until"].is_string()), ((409, "annul_too_late".to_owned()), true));
    shop.is_sound().await;
}
