//! Changed dates and places, and tickets that are returned because of them.

use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};
use ticketing_core::clock::Clock as _;

impl Shop {
    async fn change(&self, event: i64, token: &str, patch: &Value) -> Answer {
        let call = Call::new("patch", &format!("/events/{event}/settings")).token(token).header("if-match", "*");
        self.send(call.json(patch)).await
    }

    /// Buys tickets, and returns the order's reference with them.
    async fn order_of(&self, buyer: &str, event: i64, quantity: u32) -> (String, Vec<Value>) {
        let (payment, tickets) = self.buy(buyer, event, quantity).await;
        let story = self.get(&format!("/payments/{payment}"), buyer).await.json();
        (story["order"]["reference"].as_str().unwrap().to_owned(), tickets)
    }
}

#[tokio::test]
async fn a_buyer_returns_tickets_after_the_place_has_changed() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (order, tickets) = shop.order_of(&bob, event, 3).await;
    let path = format!("/orders/{order}/returns");
    let closed = shop.post(&path, &bob, json!({})).await;
    assert_eq!((closed.problem(), closed.json()["until"].is_string()), ((409, "return_not_open".to_owned()), false));

    assert_eq!(shop.change(event, &ada, &json!({"location": "Elsewhere"})).await.status, 200);
    for other in [&ada, &shop.somebody("eve").await] {
        assert_eq!(shop.post(&path, other, json!({})).await.problem(), (404, "not_found".to_owned()));
    }
    let one = json!({"tickets": [tickets[0]["id"]]});
    let call = || Call::new("post", &path).token(&bob).header("idempotency-key", "return-1").json(&one);
    let answer = shop.send(call()).await;
    assert_eq!(
        (answer.status, answer.text("amount"), answer.text("reason")),
        (201, "5000.00".to_owned(), "event_changed".to_owned())
    );
    assert_eq!(shop.send(call()).await.json(), answer.json(), "a repeat is the same refund");
    assert_eq!(shop.post(&path, &bob, one).await.problem(), (409, "ticket_not_valid".to_owned()));
    for tickets in [json!([]), json!([1, 1])] {
        assert_eq!(shop.post(&path, &bob, json!({"tickets": tickets})).await.status, 422);
    }
    let foreign = json!({"tickets": [999_999]});
    assert_eq!(shop.post(&path, &bob, foreign).await.problem(), (404, "ticket_not_in_order".to_owned()));
    let scan = json!({"code": tickets[1]["ticket_code"], "nonce": "scan-1"});
    assert_eq!(shop.post("/check-ins", &ada, scan).await.status, 200);
    // No body: all that are unused.
    let rest = shop.send(Call::new("post", &path).token(&bob)).await;
    assert_eq!((rest.status, &rest.json()["tickets"]), (201, &json!([tickets[2]["id"]])));
    shop.is_sound().await;
}

#[tokio::test]
async fn the_organiser_says_until_when_tickets_can_be_returned() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (order, _) = shop.order_of(&bob, event, 1).await;
    let path = format!("/orders/{order}/returns");
    let now = shop.clock.now();
    let until = |minutes| json!((now + jiff::SignedDuration::from_mins(minutes)).to_string());
    for (patch, what) in [
        (json!({"location": "Elsewhere", "refund_until": until(-1)}), "the past"),
        (json!({"title": "Another title", "refund_until": until(5)}), "neither date nor place"),
        (json!({"location": "Elsewhere", "refund_until": "soon"}), "no time"),
    ] {
        let answer = shop.change(event, &ada, &patch).await;
        assert_eq!((answer.status, answer.problem().1.as_str()), (422, "invalid"), "{what}");
        assert!(answer.json().to_string().contains("refund_until"), "{answer:?}");
    }
    let settings = shop.change(event, &ada, &json!({"location": "Elsewhere", "refund_until": until(5)})).await;
    assert_eq!((settings.status, settings.json().get("refund_until")), (200, None), "it is no setting");
    shop.minutes_pass(5);
    let over = shop.post(&path, &bob, json!({})).await;
    assert_eq!((over.problem(), over.json()["until"].is_string()), ((409, "return_not_open".to_owned()), true));
    // Never.
    let (other, _) = shop.order_of(&bob, event, 1).await;
    let never = json!({"location": "Once more elsewhere", "refund_until": null});
    assert_eq!(shop.change(event, &ada, &never).await.status, 200);
    let closed = shop.post(&format!("/orders/{other}/returns"), &bob, json!({})).await;
    assert_eq!((closed.problem().1.as_str(), closed.json()["until"].is_string()), ("return_not_open", false));
}
