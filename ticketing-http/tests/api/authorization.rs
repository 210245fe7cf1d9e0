//! Authorization: every operation with a path parameter, for the organiser, the buyer, another account, and without a token.

use crate::document::operations;
use crate::shop::{Call, Shop, reference_of};
use serde_json::{Value, json};
use ticketing_core::domain::order::OrderKey;
use ticketing_core::domain::ticket::TicketKey;
use ticketing_core::storage::StorageExt as _;

/// Resources of several accounts.
struct World {
    shop: Shop,
    organizer: String,
    buyer: String,
    stranger: String,
}

impl World {
    async fn new() -> Self {
        let shop = Shop::new().await;
        let organizer = shop.somebody("organizer").await;
        let (buyer, stranger) = (shop.somebody("buyer").await, shop.somebody("stranger").await);
        Self { shop, organizer, buyer, stranger }
    }

    async fn event(&self) -> i64 {
        self.shop.event(&self.organizer, "5000", None).await
    }

    async fn held_order(&self) -> String {
        let body = json!({"event_id": self.event().await, "lines": [{"quantity": 1}]});
        self.shop.post("/orders", &self.buyer, body).await.text("reference")
    }

    async fn paid(&self) -> (String, Value) {
        let (reference, tickets) = self.shop.buy(&self.buyer, self.event().await, 1).await;
        (reference, tickets[0].clone())
    }

    async fn in_review(&self) -> String {
        let reference = self.shop.initialize(&self.buyer, self.event().await, 1).await;
        let one = ticketing_core::domain::money::Money::new(1, ticketing_core::domain::money::Currency::NGN).unwrap();
        self.shop.gateway.pay_amount(&reference_of(&reference), one);
        self.shop.get(&format!("/payments/verify/{reference}"), &self.buyer).await;
        reference
    }
}

/// The expected statuses for the organiser, the buyer, another account, and without a token.
struct Row {
    path: String,
    body: Value,
    expected: [u16; 4],
}

/// One row for every operation with a path parameter. An operation without a row fails the test.
async fn row(world: &World, operation: &str) -> Option<Row> {
    let row = |path: String, body: Value, expected: [u16; 4]| Some(Row { path, body, expected });
    let none = Value::Null;
    match operation {
        "get /events/{event_id}" => row(format!("/events/{}", world.event().await), none, [200, 200, 200, 200]),
        "post /events/{event_id}/cancel" => {
            row(format!("/events/{}/cancel", world.event().await), none, [200, 403, 403, 401])
        }
        "post /mails/{mail_id}/resend" => {
            let order = world.paid().await.1["id"].as_i64()?.into();
            let ticket = world.shop.ticketing.storage().ticket(&TicketKey::Id(order)).await.unwrap()?;
            let mails = world.shop.ticketing.storage().mails(&OrderKey::Id(ticket.order_id)).await.unwrap();
            row(format!("/mails/{}/resend", mails[0].id), none, [200, 404, 404, 401])
        }
        // Authorized by a signature, not by a token.
        "post /payments/webhooks/{gateway}" => row("/payments/webhooks/fake".to_owned(), none, [401, 401, 401, 401]),
        "get /orders/{reference}" => row(format!("/orders/{}", world.held_order().await), none, [404, 200, 404, 401]),
        "post /orders/{reference}/pay" => {
            row(format!("/orders/{}/pay", world.held_order().await), json!({}), [404, 200, 404, 401])
        }
        "delete /orders/{reference}" => {
            row(format!("/orders/{}", world.held_order().await), none, [404, 200, 404, 401])
        }
        "get /payments/verify/{reference}" | "post /payments/verify/{reference}" => {
            row(format!("/payments/verify/{}", world.paid().await.0), none, [404, 200, 404, 401])
        }
        "get /payments/{reference}" => row(format!("/payments/{}", world.paid().await.0), none, [200, 200, 404, 401]),
        "post /payments/{reference}/refunds" => {
            row(format!("/payments/{}/refunds", world.paid().await.0), json!({}), [201, 403, 404, 401])
        }
        "post /payments/{reference}/refunds/{refund_id}/retry" => {
            let reference = world.paid().await.0;
            let path = format!("/payments/{reference}/refunds");
            let refund = world.shop.post(&path, &world.organizer, json!({})).await.json()["id"].clone();
            row(format!("{path}/{refund}/retry"), none, [200, 404, 404, 401])
        }
        "post /payments/{reference}/review" => {
            let body = json!({"verdict": "refund", "note": "Not what was asked for"});
            row(format!("/payments/{}/review", world.in_review().await), body, [200, 404, 404, 401])
        }
        // By id; a lookup by code is public, see below.
        "get /tickets/{ticket}" => row(format!("/tickets/{}", world.paid().await.1["id"]), none, [404, 200, 404, 401]),
        "get /tickets/{ticket_code}/qr.png" | "get /tickets/{ticket_code}/qr.svg" => {
            let kind = if operation.ends_with("png") { "png" } else { "svg" };
            let code = world.paid().await.1["ticket_code"].as_str()?.to_owned();
            row(format!("/tickets/{code}/qr.{kind}"), none, [200, 200, 200, 200])
        }
        _ => None,
    }
}

#[tokio::test]
async fn every_operation_is_authorized() {
    let world = World::new().await;
    for operation in operations().iter().filter(|operation| operation.path.contains('{')) {
        let name = operation.name();
        let row = row(&world, &name).await.unwrap_or_else(|| panic!("{name} has no row"));
        // Unauthorized callers first: they must not change anything for the others.
        let askers = [("nobody", "", 3), ("a stranger", &world.stranger, 2), ("the buyer", &world.buyer, 1)];
        let mut askers = askers.to_vec();
        askers.push(("the organiser", &world.organizer, 0));
        if row.expected[1] < 300 {
            askers.swap(2, 3);
        }
        for (who, token, index) in askers {
            let call = Call::new(&operation.method, &row.path).token(token);
            let answer = world.shop.send(if row.body.is_null() { call } else { call.json(&row.body) }).await;
            assert_eq!(answer.status, row.expected[index], "{name} for {who}: {answer:?}");
            if answer.status >= 400 {
                answer.problem();
            }
        }
    }
    world.shop.is_sound().await;
}

#[tokio::test]
async fn resources_of_others_look_like_missing_ones() {
    let world = World::new().await;
    let (reference, ticket) = world.paid().await;
    let order = world.held_order().await;
    let review = world.in_review().await;
    let decision = json!({"verdict": "accept", "note": "x"});
    for (method, theirs, nothing, body) in [
        ("get", format!("/orders/{order}"), "/orders/0000000000".to_owned(), json!(null)),
        ("delete", format!("/orders/{order}"), "/orders/0000000000".to_owned(), json!(null)),
        ("post", format!("/orders/{order}/pay"), "/orders/0000000000/pay".to_owned(), json!({})),
        ("get", format!("/payments/verify/{reference}"), "/payments/verify/000".to_owned(), json!(null)),
        ("post", format!("/payments/verify/{reference}"), "/payments/verify/%00".to_owned(), json!(null)),
        ("get", format!("/payments/{reference}"), "/payments/a_b".to_owned(), json!(null)),
        ("post", format!("/payments/{reference}/refunds"), "/payments/000/refunds".to_owned(), json!({})),
        ("post", format!("/payments/{review}/review"), "/payments/000/review".to_owned(), decision),
        ("get", format!("/tickets/{}", ticket["id"]), "/tickets/4711".to_owned(), json!(null)),
    ] {
        let send = |path: &str| {
            let call = Call::new(method, path).token(&world.stranger);
            world.shop.send(if body.is_null() { call } else { call.json(&body) })
        };
        let (theirs, nothing) = (send(&theirs).await, send(&nothing).await);
        assert_eq!(theirs.problem(), (404, "not_found".to_owned()));
        assert_eq!(theirs.json(), nothing.json());
    }
}

#[tokio::test]
async fn references_of_others_are_not_sent_to_the_gateway() {
    let world = World::new().await;
    let reference = world.shop.initialize(&world.buyer, world.event().await, 1).await;
    world.shop.gateway.pay(&reference_of(&reference));
    let before = world.shop.gateway.calls();
    let long = "x".repeat(51);
    for forged in [reference.as_str(), "4711", "..%2F..%2Fbalance", "a%20b", "%F0%9F%8E%AB", &long] {
        let answer = world.shop.get(&format!("/payments/verify/{forged}"), &world.stranger).await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{forged}");
    }
    assert_eq!(world.shop.gateway.calls(), before);
}

#[tokio::test]
async fn a_public_ticket_does_not_identify_its_holder() {
    let world = World::new().await;
    let (_, ticket) = world.paid().await;
    let code = ticket["ticket_code"].as_str().unwrap();
    let answer = world.shop.get(&format!("/tickets/{code}"), "").await;
    let text = answer.json().to_string();
    for secret in ["buyer", "example.com", "holder", "email", "name", "reference", "order"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // The response is the same with and without a token.
    assert_eq!(world.shop.get(&format!("/tickets/{code}"), &world.stranger).await.json(), answer.json());
}

#[tokio::test]
async fn invalid_tokens_are_rejected_everywhere() {
    let world = World::new().await;
    let spoilt = format!("{}x", world.buyer);
    for token in ["a", "a.b.c", spoilt.as_str(), "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."] {
        for path in ["/auth/me", "/users/me", "/orders", "/tickets/my-tickets", "/payments/reviews", "/tickets/1"] {
            let answer = world.shop.get(path, token).await;
            assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()), "{path} {token}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    let basic = Call::new("get", "/auth/me").header("authorization", "Basic YWRhOmFkYQ==");
    assert_eq!(world.shop.send(basic).await.problem(), (401, "unauthenticated".to_owned()));
    world.shop.minutes_pass(25 * 60);
    assert_eq!(world.shop.get("/auth/me", &world.buyer).await.status, 401, "the session has ended");
}
