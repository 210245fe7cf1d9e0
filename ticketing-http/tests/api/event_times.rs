//! When an event is: times in every notation, events in the past, and the end of ticket sales.

use crate::shop::{Answer, Shop};
use serde_json::{Value, json};

/// The clock of the test shop stands at 2026-01-01T12:00:00Z.
async fn event_at(shop: &Shop, token: &str, times: &Value) -> Answer {
    let mut body = json!({"title": "Lagos Jazz Night", "location": "Lagos", "price": "5000"});
    for (name, value) in times.as_object().unwrap() {
        body[name] = value.clone();
    }
    shop.post("/events/", token, body).await
}

#[tokio::test]
async fn an_event_in_the_past_is_rejected() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    for (times, field) in [
        (json!({"event_date": "2026-01-01T11:59:59Z"}), "event_date"),
        (json!({"date": "2026-01-01T12:59:59.999999+01:00"}), "event_date"),
        (json!({"event_date": "2026-01-01T12:59:59[Africa/Lagos]"}), "event_date"),
        (json!({"event_date": "1999-12-31T20:00:00Z", "end_date": "2099-12-31T20:00:00Z"}), "event_date"),
        (json!({"event_date": "2025-12-31T11:59:59"}), "event_date"),
        (json!({"date": "2025-12-31T11:59:59.999999"}), "event_date"),
        (json!({"date": "2025-12-31"}), "event_date"),
        (json!({"event_date": "2026-01-01", "end_date": "2026-01-01T11:59:59Z"}), "end_date"),
    ] {
        let answer = event_at(&shop, &ada, &times).await;
        assert_eq!(answer.wrong_fields(), [field], "{times}");
    }
    for times in [
        json!({"event_date": "2026-01-01T12:00:00Z"}),
        json!({"date": "2026-01-01T07:00:00-05:00"}),
        json!({"event_date": "2026-01-01T13:00:00[Africa/Lagos]"}),
        json!({"event_date": "2025-12-31T12:00:00"}),
        json!({"date": "2026-01-01"}),
        json!({"event_date": "2026-01-01", "end_date": "2026-01-01T12:00:00Z"}),
        json!({"event_date": "2026-01-01", "end_date": "2026-01-01T11:00:00"}),
    ] {
        let answer = event_at(&shop, &ada, &times).await;
        assert_eq!(answer.status, 201, "{times}: {answer:?}");
    }
}

#[tokio::test]
async fn no_category_stays_behind_for_an_event_that_is_rejected() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let past = json!({"event_date": "2025-01-01T12:00:00Z", "category": "Concerts"});
    assert_eq!(event_at(&shop, &ada, &past).await.wrong_fields(), ["event_date"]);
    assert_eq!(shop.get("/categories/", "").await.json(), json!([]));
}

#[tokio::test]
async fn ticket_sales_end_with_the_event_or_a_day_after_its_start() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let mut events = vec![];
    for (times, ends_at) in [
        (json!({"event_date": "2026-01-01T13:00:00Z", "end_date": "2026-01-02T12:00:00Z"}), "2026-01-02T12:00:00Z"),
        (json!({"event_date": "2026-01-01T12:00:00Z"}), "2026-01-02T12:00:00Z"),
        (json!({"event_date": "2026-01-02T12:00:01Z"}), "2026-01-03T12:00:01Z"),
    ] {
        events.push((event_at(&shop, &ada, &times).await.json()["id"].as_i64().unwrap(), ends_at));
    }
    shop.minutes_pass(24 * 60 - 1);
    let ada = shop.login("ada").await;
    for (event, _) in &events {
        shop.initialize(&ada, *event, 1).await;
    }
    shop.minutes_pass(1);
    let bodies = |event: i64| {
        [
            ("/payments/initialize", json!({"event_id": event})),
            ("/payments/pay", json!({"event_id": event})),
            ("/orders", json!({"event_id": event, "lines": [{"quantity": 1}]})),
        ]
    };
    for (event, ends_at) in &events[..2] {
        for (path, body) in bodies(*event) {
            let answer = shop.post(path, &ada, body).await;
            assert_eq!(answer.problem(), (400, "event_over".to_owned()), "{path}");
            assert_eq!(answer.text("detail"), "Ticket sales for this event have ended");
            assert_eq!(answer.text("ended_at"), *ends_at);
        }
    }
    for (path, body) in bodies(events[2].0) {
        let answer = shop.post(path, &ada, body).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
    }
    // They are listed as before.
    assert_eq!(shop.get("/events/", "").await.json().as_array().unwrap().len(), 3);
    shop.is_sound().await;
}

#[tokio::test]
async fn money_that_arrives_after_the_end_of_sales_is_settled() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event =
        event_at(&shop, &ada, &json!({"event_date": "2026-01-01T12:00:00Z"})).await.json()["id"].as_i64().unwrap();
    let reference = shop.initialize(&ada, event, 1).await;
    shop.minutes_pass(48 * 60);
    let ada = shop.login("ada").await;
    shop.gateway.pay(&crate::shop::reference_of(&reference));
    let answer = shop.get(&format!("/payments/verify/{reference}"), &ada).await;
    assert_eq!((answer.status, answer.json()["tickets"].as_array().unwrap().len()), (200, 1), "{answer:?}");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_time_with_a_time_zone_is_the_instant_that_is_meant() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    for (given, written) in [
        ("2027-03-28T20:00:00[Europe/Berlin]", "2027-03-28T18:00:00Z"),
        ("2027-03-28T20:00:00+02:00[Europe/Berlin]", "2027-03-28T18:00:00Z"),
        ("2027-03-28T20:00:00", "2027-03-28T20:00:00Z"),
        ("2027-03-28T20:00:00.5", "2027-03-28T20:00:00.500000Z"),
        ("2027-03-28T20:00:00.1234567Z", "2027-03-28T20:00:00.123456Z"),
        ("2027-03-28T20:00:00.0000001Z", "2027-03-28T20:00:00Z"),
        // The last there is. It is listed like any other.
        ("9999-12-30T22:00:00.9999999Z", "9999-12-30T22:00:00.999999Z"),
    ] {
        let answer = event_at(&shop, &ada, &json!({"event_date": given, "date": given})).await;
        assert_eq!((answer.text("event_date").as_str(), answer.text("date").as_str()), (written, written), "{given}");
        let id = &answer.json()["id"];
        assert_eq!(shop.get(&format!("/events/{id}"), "").await.text("event_date"), written);
    }
    assert_eq!(shop.get("/events/", "").await.json().as_array().unwrap().len(), 7);
    for bad in [
        "2027-03-28T20:00:00[Nowhere/Land]",
        "2027-03-28T20:00:00+01:00[Europe/Berlin]",
        "2027-03-28T02:30:00[Europe/Berlin]",
        "2027-10-31T02:30:00[Europe/Berlin]",
    ] {
        assert_eq!(event_at(&shop, &ada, &json!({"event_date": bad})).await.wrong_fields(), ["event_date"], "{bad}");
        let ends = json!({"event_date": "2027-01-01T20:00:00Z", "end_date": bad});
        assert_eq!(event_at(&shop, &ada, &ends).await.wrong_fields(), ["end_date"], "{bad}");
        let list = shop.get(&format!("/events/?from={}", bad.replace('+', "%2B")), "").await;
        assert_eq!(list.wrong_fields(), ["from"], "{bad}");
    }
    let both = json!({"event_date": "2027-03-28T20:00:00[Europe/Berlin]", "date": "2027-03-28T18:00:00Z"});
    assert_eq!(event_at(&shop, &ada, &both).await.status, 201, "two notations of one instant");
}
