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
