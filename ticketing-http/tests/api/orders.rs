//! Orders: hold, pay, cancel.

use crate::shop::{Call, Shop, reference_of};
use serde_json::json;

#[tokio::test]
async fn orders_are_held_and_paid() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let types =
        json!([{"name": "Regular", "price": "5000", "capacity": 8}, {"name": "VIP", "price": 20000.5, "capacity": 2}]);
    let event = json!({"title": "Gala", "event_date": "2026-12-31T20:00:00+01:00", "location": "Lagos", "capacity": 9, "ticket_types": types});
    let event = shop.post("/events/", &ada, event).await.json();
    assert_eq!((&event["price"], &event["event_date"]), (&json!("5000.00"), &json!("2026-12-31T19:00:00Z")));
    let vip = event["ticket_types"][1]["id"].as_i64().unwrap();

    let order = json!({"event_id": event["id"], "lines": [{"ticket_type_id": vip, "quantity": 2}]});
    let answer = shop.post("/orders", &ada, order.clone()).await;
    assert_eq!(answer.status, 201);
    let reference = answer.text("reference");
    assert_eq!(answer.header("location"), format!("/orders/{reference}"));
    assert_eq!((answer.text("status").as_str(), answer.text("total").as_str()), ("held", "40001.00"));
    assert_eq!(answer.text("expires_at"), "2026-01-01T12:15:00Z");
    let full = shop.post("/orders", &ada, order).await;
    assert_eq!((full.problem(), full.json()["ticket_type_id"].clone()), ((400, "sold_out".to_owned()), json!(vip)));
    let vague = json!({"event_id": event["id"], "lines": [{"quantity": 1}]});
    assert_eq!(shop.post("/orders", &ada, vague).await.wrong_fields(), ["ticket_type_id"]);

    assert_eq!(shop.get(&format!("/orders/{reference}"), &ada).await.json(), answer.json());
    assert_eq!(shop.get("/orders", &ada).await.json(), json!([answer.json()]));
    let path = format!("/orders/{reference}/pay");
    let first = shop.send(Call::new("post", &path).token(&ada)).await;
    assert_eq!(first.status, 200, "{first:?}");
    let second = shop.post(&path, &ada, json!({"email": "treasurer@example.com"})).await;
    assert_ne!(first.text("reference"), second.text("reference"));
    shop.gateway.pay(&reference_of(&second.text("reference")));
    let answer = shop.get(&format!("/payments/verify/{}", second.text("reference")), &ada).await;
    assert_eq!(answer.json()["tickets"].as_array().unwrap().len(), 2);
    assert_eq!(shop.get(&format!("/orders/{reference}"), &ada).await.text("status"), "paid");
    assert_eq!(shop.post(&path, &ada, json!({})).await.problem(), (409, "order_paid".to_owned()));
    let cancel = || shop.send(Call::new("delete", &format!("/orders/{reference}")).token(&ada));
    assert_eq!(cancel().await.problem(), (409, "order_paid".to_owned()));
    shop.is_sound().await;
}

#[tokio::test]
async fn a_cancelled_order_releases_its_places() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(1)).await;
    let order = json!({"event_id": event, "lines": [{"quantity": 1}]});
    let reference = shop.post("/orders", &ada, order.clone()).await.text("reference");
    for _ in 0..2 {
        let answer = shop.send(Call::new("delete", &format!("/orders/{reference}")).token(&ada)).await;
        assert_eq!((answer.status, answer.text("status").as_str()), (200, "cancelled"));
    }
    assert_eq!(shop.post("/orders", &ada, order).await.status, 201);
}
