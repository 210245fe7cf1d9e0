//! What neither seed has: orders, refunds, reviews, the door, pages, and what a client has already.

use crate::shop::{Call, Shop, reference_of};
use serde_json::json;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_http::api::ApiSettings;

#[tokio::test]
async fn an_order_is_held_paid_and_told() {
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
async fn an_order_that_is_given_up_gives_its_places_back() {
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

#[tokio::test]
async fn the_organiser_refunds_and_the_buyer_reads_of_it() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", Some(2)).await;
    let (reference, tickets) = shop.buy(&bob, event, 2).await;
    let path = format!("/payments/{reference}/refunds");
    assert_eq!(shop.post(&path, &bob, json!({})).await.problem(), (403, "forbidden".to_owned()));
    let answer = shop.post(&path, &ada, json!({"tickets": [tickets[0]["id"]], "note": "Fell ill"})).await;
    assert_eq!(
        (answer.status, answer.text("amount").as_str(), answer.text("status").as_str()),
        (201, "5000.00", "due")
    );
    shop.ticketing.run_upkeep(Default::default()).await.unwrap();

    let story = shop.get(&format!("/payments/{reference}"), &bob).await.json();
    assert_eq!(
        (&story["refunds"][0]["status"], &story["refunds"][0]["note"]),
        (&json!("processed"), &json!("Fell ill"))
    );
    assert_eq!(story["tickets"][0]["status"], "refunded");
    assert_eq!(story["tickets"][1]["ticket_code"], tickets[1]["ticket_code"]);
    assert!(story["history"].as_array().unwrap().len() >= 2);
    let theirs = shop.get(&format!("/payments/{reference}"), &ada).await.json();
    assert_eq!(
        (&theirs["tickets"][1]["ticket_code"], &theirs["attempts"][0]["authorization_url"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(theirs["order"]["reference"], story["order"]["reference"]);
    let by_order = shop.get(&format!("/payments/{}", story["order"]["reference"].as_str().unwrap()), &bob).await;
    assert_eq!(by_order.json(), story);

    assert_eq!(shop.post(&path, &ada, json!({"tickets": [tickets[0]["id"]]})).await.status, 409);
    assert_eq!(shop.send(Call::new("post", &path).token(&ada)).await.status, 201, "no body: all that are left");
    assert_eq!(shop.post(&path, &ada, json!({})).await.problem(), (409, "nothing_to_refund".to_owned()));
    shop.is_sound().await;
}

#[tokio::test]
async fn the_organiser_decides_about_an_odd_payment() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", Some(2)).await;
    let reference = shop.initialize(&bob, event, 1).await;
    shop.gateway.pay_amount(&reference_of(&reference), Money::new(400_000, Currency::NGN).unwrap());
    assert_eq!(shop.get(&format!("/payments/verify/{reference}"), &bob).await.status, 409);

    assert_eq!(shop.get("/payments/reviews", &bob).await.json(), json!([]));
    let waiting = shop.get("/payments/reviews?count=true", &ada).await;
    assert_eq!(waiting.header("x-total-count"), "1");
    let waiting = &waiting.json()[0];
    assert_eq!((&waiting["paid_amount"], &waiting["authorization_url"]), (&json!("4000.00"), &json!(null)));
    let path = format!("/payments/{reference}/review");
    let decide = |verdict: &str| json!({"verdict": verdict, "note": "The rest came in cash"});
    assert_eq!(shop.post(&path, &bob, decide("accept")).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(shop.post(&path, &ada, decide("maybe")).await.wrong_fields(), ["verdict"]);
    assert_eq!(shop.post(&path, &ada, decide("accept")).await.text("status"), "fulfilled");
    assert_eq!(shop.post(&path, &ada, decide("refund")).await.problem(), (409, "not_in_review".to_owned()));
    assert_eq!(shop.get(&format!("/payments/verify/{reference}"), &bob).await.status, 200);
}

#[tokio::test]
async fn a_second_scan_hears_when_and_where_the_first_was() {
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
async fn lists_come_in_pages() {
    let shop = Shop::with(ApiSettings {
        public_url: Some("https://tickets.example.com/".to_owned()),
        ..ApiSettings::default()
    })
    .await;
    let ada = shop.somebody("ada").await;
    for _ in 0..5 {
        shop.event(&ada, "5000", None).await;
    }
    let answer = shop.get("/events/?q=jazz&limit=2&count=true&skip=1", "").await;
    assert_eq!((answer.json().as_array().unwrap().len(), answer.header("x-total-count")), (2, "5"));
    assert_eq!(
        answer.header("link"),
        "<https://tickets.example.com/events?skip=3&limit=2&q=jazz&count=true>; rel=\"next\""
    );
    let answer = shop.get("/events?skip=3&limit=2", "").await;
    assert_eq!(
        (answer.json().as_array().unwrap().len(), answer.header("link"), answer.header("x-total-count")),
        (2, "", "")
    );
    let answer = Shop::new().await.get("/events/?limit=1", "").await;
    assert_eq!((answer.status, answer.header("link")), (200, ""));
    for bad in [
        "limit=0",
        "limit=1001",
        "skip=-1",
        "limit=a",
        "from=now",
        "sort=price",
        "count=1",
        "q=%00",
        "skip=99999999999999999999",
    ] {
        let answer = shop.get(&format!("/events/?{bad}"), "").await;
        assert_eq!(answer.wrong_fields(), [bad.split('=').next().unwrap()], "{bad}");
    }
    let answer = shop.get("/events/?from=2026-12-31T20:00:00%2B01:00&to=2027-01-01&sort=-date&q=&category=", "").await;
    assert_eq!(answer.json().as_array().unwrap().len(), 5);
    assert_eq!(shop.get("/events/?from=2027-01-01", "").await.json(), json!([]));
}

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let path = format!("/events/{event}");
    let ask = |path: &str, tag: &str| shop.send(Call::new("get", path).header("if-none-match", tag));
    let tag = shop.get(&path, "").await.header("etag").to_owned();
    let known = ask(&path, &format!("W/{tag}")).await;
    assert_eq!((known.status, known.bytes.len(), known.header("etag")), (304, 0, tag.as_str()));
    let (_, tickets) = shop.buy(&ada, event, 1).await;
    assert_eq!(ask(&path, &tag).await.status, 200, "a place is gone");

    let code = tickets[0]["ticket_code"].as_str().unwrap();
    for (kind, content_type) in [("png", "image/png"), ("svg", "image/svg+xml")] {
        let path = format!("/tickets/{code}/qr.{kind}");
        let image = shop.get(&path, "").await;
        assert_eq!((image.status, image.header("content-type")), (200, content_type));
        assert_eq!(image.header("cache-control"), "private, max-age=31536000, immutable");
        assert_eq!(ask(&path, image.header("etag")).await.status, 304);
    }
    assert_eq!(ask("/tickets/00000000000000000000000000/qr.png", "*").await.status, 404);
}

#[tokio::test]
async fn we_are_here() {
    let shop = Shop::new().await;
    assert_eq!(shop.get("/health", "").await.json(), json!({"status": "healthy"}));
    let answer = shop.get("/", "").await;
    assert_eq!(
        (answer.members(), answer.text("docs").as_str()),
        (vec!["docs".to_owned(), "message".to_owned(), "version".to_owned()], "/docs")
    );
    for path in ["/events", "/events/", "/categories", "/categories/", "/health/"] {
        assert_eq!(shop.get(path, "").await.status, 200, "{path}");
    }
    assert_eq!(shop.get("/nowhere", "").await.problem(), (404, "path_unknown".to_owned()));
    let answer = shop.send(Call::new("delete", "/events/")).await;
    assert_eq!(
        (answer.problem(), answer.header("allow")),
        ((405, "method_not_allowed".to_owned()), "GET, HEAD, OPTIONS, POST")
    );
}
