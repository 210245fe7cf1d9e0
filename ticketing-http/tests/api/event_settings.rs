//! Editing, publishing and pausing events.

use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};
use std::sync::Arc;

impl Shop {
    async fn patch(&self, event: i64, token: &str, tag: &str, patch: &Value) -> Answer {
        let call = Call::new("patch", &format!("/events/{event}/settings")).token(token).json(patch);
        self.send(if tag.is_empty() { call } else { call.header("if-match", tag) }).await
    }

    async fn settings(&self, event: i64, token: &str) -> Answer {
        let answer = self.get(&format!("/events/{event}/settings"), token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    async fn post_to(&self, event: i64, what: &str, token: &str) -> Answer {
        self.post(&format!("/events/{event}/{what}"), token, Value::Null).await
    }

    async fn draft(&self, token: &str, more: Value) -> Answer {
        let mut body = json!({"title": "Lagos Jazz Night", "location": "Lagos", "price": "5000", "status": "draft",
            "event_date": "2026-12-31T20:00:00Z"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/events/", token, body).await
    }
}

#[tokio::test]
async fn settings_are_edited_by_version() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let first = shop.settings(event, &ada).await;
    let tag = first.header("etag").to_owned();
    assert_eq!((tag.as_str(), first.header("cache-control")), ("\"v1\"", "no-store"));

    let needed = shop.patch(event, &ada, "", &json!({"capacity": 7})).await;
    assert_eq!((needed.status, needed.problem().1.as_str()), (428, "precondition_required"));
    let edited = shop.patch(event, &ada, &tag, &json!({"capacity": 7, "title": "New Night"})).await;
    assert_eq!((edited.status, edited.header("etag")), (200, "\"v2\""));
    assert_eq!((&edited.json()["capacity"], &edited.json()["title"]), (&json!(7), &json!("New Night")));
    // The answer may have been lost: the same again is no conflict.
    let again = shop.patch(event, &ada, &tag, &json!({"capacity": 7, "title": "New Night"})).await;
    assert_eq!((again.status, again.header("etag")), (200, "\"v2\""));
    let stale = shop.patch(event, &ada, &tag, &json!({"capacity": 8})).await;
    assert_eq!((stale.status, stale.problem().1.as_str(), stale.header("etag")), (412, "stale", "\"v2\""));
    assert_eq!(stale.json()["current"], 2);
    assert_eq!(shop.patch(event, &ada, "*", &json!({"capacity": 8})).await.status, 200);

    // Sales change the event's own tag, and not that of its settings.
    shop.buy(&ada, event, 1).await;
    assert_eq!(shop.settings(event, &ada).await.header("etag"), "\"v3\"");
    let public = shop.get(&format!("/events/{event}"), "").await.json();
    assert_eq!(
        (&public["title"], &public["capacity"], &public["available"]),
        (&json!("New Night"), &json!(8), &json!(7))
    );
}

#[tokio::test]
async fn what_settings_show_can_be_sent_back() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let body = json!({"title": "Night", "location": "Berlin", "event_date": "2027-10-31T01:30:00Z", "end_date": "2027-10-31T04:00:00Z",
        "time_zone": "Europe/Berlin", "description": "Long", "address": "1 Street", "sales_from": "2026-02-01T00:00:00Z",
        "sales_until": "2027-10-30T22:00:00Z", "min_per_order": 1, "max_per_order": 6, "max_per_buyer": 8, "ticket_types": [
            {"name": "A", "price": "10.50", "capacity": 5, "max_per_buyer": 2, "sales_until": "2027-01-01T00:00:00Z"},
            {"name": "B", "price": "0", "visibility": "secret", "paused": true}]});
    let event = shop.post("/events/", &ada, body).await.json()["id"].as_i64().unwrap();
    let settings = shop.settings(event, &ada).await.json();
    // The second 2:30 of that night.
    assert_eq!(settings["starts_at_local"], "2027-10-31T02:30:00+01:00");
    assert_eq!(settings["ticket_types"].as_array().unwrap().len(), 2);
    let same = shop.patch(event, &ada, "\"v1\"", &settings).await;
    assert_eq!((same.status, same.header("etag"), same.json()), (200, "\"v1\"", settings));
    let public = shop.get(&format!("/events/{event}"), "").await.json();
    assert_eq!(public["ticket_types"].as_array().unwrap().len(), 1, "a secret type is in no public answer");
    assert_eq!((&public["price"], &public["available"]), (&json!("10.50"), &json!(5)));
}

#[tokio::test]
async fn a_draft_is_seen_by_its_organiser_only_until_it_is_published() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let made = shop.draft(&ada, json!({})).await;
    assert_eq!((made.status, &made.json()["is_active"], &made.json()["status"]), (201, &json!(false), &json!("draft")));
    let event = made.json()["id"].as_i64().unwrap();
    for path in [format!("/events/{event}"), format!("/events/{event}/"), format!("/events/{event}?a=b")] {
        assert_eq!(shop.get(&path, &ada).await.status, 404, "{path}");
    }
    assert_eq!(shop.get("/events/", "").await.json(), json!([]));
    for (what, status) in [("settings", 404), ("publish", 404), ("cancel", 404)] {
        let answer = match what {
            "settings" => shop.get(&format!("/events/{event}/settings"), &ben).await,
            _ => shop.post_to(event, what, &ben).await,
        };
        assert_eq!(answer.status, status, "{what}");
    }
    for path in ["/payments/initialize", "/payments/pay", "/orders"] {
        let body = json!({"event_id": event, "lines": [{"quantity": 1}]});
        let body = if path == "/orders" { body } else { json!({"event_id": event}) };
        let refused = shop.post(path, &ben, body).await;
        assert_eq!((refused.status, refused.problem().1.as_str()), (404, "event_unknown"), "{path}");
    }
    let mine = |query: &str, token: &str| {
        let (shop, path, token) = (&shop, format!("/events/?mine=true{query}"), token.to_owned());
        async move { shop.get(&path, &token).await }
    };
    assert_eq!(mine("", &ada).await.json()[0]["id"], event);
    assert_eq!(mine("&phase=draft", &ada).await.json()[0]["id"], event);
    assert_eq!(mine("&phase=upcoming", &ada).await.json(), json!([]));
    assert_eq!(mine("", &ben).await.json(), json!([]));
    assert_eq!(mine("", "").await.status, 401);
    assert_eq!(shop.get("/events/?phase=draft", &ada).await.wrong_fields(), ["phase"]);

    for _ in 0..2 {
        let published = shop.post_to(event, "publish", &ada).await;
        assert_eq!((published.status, &published.json()["is_active"]), (200, &json!(true)));
    }
    assert_eq!(shop.get(&format!("/events/{event}"), "").await.status, 200);
    assert_eq!(shop.get("/events/?phase=upcoming", "").await.json()[0]["id"], event);
    assert_eq!(shop.post_to(event, "unpublish", &ada).await.json()["status"], "draft");
    assert_eq!(shop.post_to(event, "publish", &ada).await.status, 200);
    shop.initialize(&ben, event, 1).await;
    let refused = shop.post_to(event, "unpublish", &ada).await;
    assert_eq!((refused.status, refused.problem().1.as_str()), (409, "has_orders"));
}

#[tokio::test]
async fn publishing_lists_all_that_is_missing() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let types = json!({"price": null, "ticket_types": [{"name": "Guests", "price": "1", "visibility": "secret"}]});
    let event = shop.draft(&ada, types).await.json()["id"].as_i64().unwrap();
    shop.clock.advance(jiff::SignedDuration::from_hours(24 * 366));
    let ada = shop.login("ada").await;
    assert_eq!(shop.post_to(event, "publish", &ada).await.wrong_fields(), ["ticket_types", "event_date"]);
}

#[tokio::test]
async fn every_new_refusal_of_a_purchase_is_400_with_its_reason() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let event = shop.event(&ada, "5000", Some(50)).await;
    for (patch, code, facts) in [
        (json!({"paused": true}), "sales_paused", json!({})),
        (
            json!({"paused": false, "sales_from": "2026-02-01T00:00:00Z"}),
            "not_on_sale",
            json!({"from": "2026-02-01T00:00:00Z"}),
        ),
        (
            json!({"sales_from": null, "sales_until": "2026-01-01T12:00:00Z"}),
            "not_on_sale",
            json!({"until": "2026-01-01T12:00:00Z"}),
        ),
        (json!({"sales_until": null, "min_per_order": 3}), "too_few", json!({"min": 3})),
        (json!({"min_per_order": null, "max_per_order": 1}), "too_many", json!({"max": 1})),
    ] {
        assert_eq!(shop.patch(event, &ada, "*", &patch).await.status, 200, "{patch}");
        let purchase = json!({"event_id": event, "quantity": 2});
        let order = json!({"event_id": event, "lines": [{"quantity": 2}]});
        // It sells one ticket.
        let one = json!({"event_id": event});
        for (path, body) in [("/payments/initialize", &purchase), ("/payments/pay", &one), ("/orders", &order)] {
            if (path, code) == ("/payments/pay", "too_many") {
                continue;
            }
            let refused = shop.post(path, &ben, body.clone()).await;
            assert_eq!((refused.status, refused.problem().1.as_str()), (400, code), "{path}");
            assert!(refused.json()["detail"].is_string());
            for (name, fact) in facts.as_object().unwrap() {
                assert_eq!(refused.json()[name], *fact, "{path}");
            }
        }
        let public = shop.get(&format!("/events/{event}"), "").await.json();
        assert_eq!((&public["is_active"], &public["available"]), (&json!(true), &json!(50)), "{patch}");
    }
    shop.patch(event, &ada, "*", &json!({"max_per_order": null, "max_per_buyer": 3})).await;
    shop.initialize(&ben, event, 2).await;
    let refused = shop.post("/payments/initialize", &ben, json!({"event_id": event, "quantity": 2})).await;
    assert_eq!((refused.problem().1.as_str(), &refused.json()["left"]), ("buyer_limit", &json!(1)));
    for (what, paused) in [("pause", true), ("resume", false)] {
        assert_eq!(shop.post_to(event, what, &ada).await.json()["paused"], paused);
    }
}

#[tokio::test]
async fn each_wrong_field_has_its_own_error_and_nothing_is_half_changed() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let before = shop.settings(event, &ada).await.json();
    let id = before["ticket_types"][0]["id"].clone();
    let long = "x".repeat(201);
    for (field, wrong) in [
        ("title", vec![json!(null), json!(""), json!("  "), json!(long), json!(7), json!("a\nb"), json!([])]),
        ("description", vec![json!(7), json!("x".repeat(10_001)), json!("\u{0}")]),
        ("event_date", vec![json!(null), json!("tomorrow"), json!("2025-12-31T00:00:00Z"), json!(1), json!({})]),
        ("starts_at_local", vec![json!(null), json!("2026-12-31T20:00:00Z"), json!("20:00"), json!(5)]),
        ("end_date", vec![json!("2026-12-31T19:00:00Z"), json!("never"), json!(0)]),
        ("ends_at_local", vec![json!("2026-12-31T20:00[Africa/Lagos]"), json!(true)]),
        ("time_zone", vec![json!(null), json!("Lagos"), json!("+01:00"), json!(""), json!(1)]),
        ("location", vec![json!(null), json!(""), json!(long)]),
        ("address", vec![json!("x".repeat(501)), json!(1)]),
        ("image_url", vec![json!("ftp://example.com/a"), json!("javascript:alert(1)"), json!(1)]),
        ("category_id", vec![json!("1"), json!(1.5)]),
        ("currency", vec![json!(null), json!("naira"), json!("XXX"), json!(566)]),
        ("capacity", vec![json!(-1), json!(1.5), json!("7"), json!(1_000_000_001), json!(1e3)]),
        ("status", vec![json!(null), json!("cancelled"), json!("open"), json!(1)]),
        ("paused", vec![json!(null), json!("yes"), json!(1)]),
        ("sales_from", vec![json!("soon"), json!(0)]),
        ("sales_until", vec![json!("2026-13-01"), json!(false)]),
        ("min_per_order", vec![json!(0), json!(101), json!(-1), json!("2")]),
        ("max_per_order", vec![json!(0), json!(101), json!(2.0)]),
        ("max_per_buyer", vec![json!(0), json!(-3), json!(1_000_001)]),
        (
            "ticket_types",
            vec![
                json!(null),
                json!([]),
                json!({}),
                json!([{"id": id}, {"name": "B", "price": 1}, {"name": "b ", "price": 1}]),
            ],
        ),
        ("ticket_types.0.id", vec![json!([{"id": 404}]), json!([{"id": null}]), json!([{"id": "1"}])]),
        (
            "ticket_types.1.id",
            vec![json!([{"id": id}, {"id": id}]), json!([{"id": id}, {"name": "general ADMISSION ", "price": 1}])],
        ),
        (
            "ticket_types.1.name",
            vec![json!([{"id": id}, {"price": "1"}]), json!([{"id": id}, {"name": "", "price": 1}])],
        ),
        (
            "ticket_types.1.price",
            vec![json!([{"id": id}, {"name": "B"}]), json!([{"id": id}, {"name": "B", "price": "1.001"}])],
        ),
        ("ticket_types.0.capacity", vec![json!([{"id": id, "capacity": -1}]), json!([{"id": id, "capacity": "1"}])]),
        (
            "ticket_types.0.visibility",
            vec![json!([{"id": id, "visibility": "hidden"}]), json!([{"id": id, "visibility": null}])],
        ),
        ("ticket_types.0.max_per_order", vec![json!([{"id": id, "max_per_order": 0}])]),
        (
            "ticket_types.0.sales_until",
            vec![json!([{"id": id, "sales_from": "2026-03-01", "sales_until": "2026-02-01"}])],
        ),
        ("titel", vec![json!("A typo must not be silence")]),
        ("version", vec![json!(1)]),
    ] {
        for value in wrong {
            let name = field.split('.').next().unwrap();
            let answer = shop.patch(event, &ada, "*", &json!({name: value, "location": if name == "location" { value.clone() } else { json!("Elsewhere") }})).await;
            let found = answer.wrong_fields();
            assert_eq!(found, [field], "{field} {value}: {answer:?}");
        }
    }
    let unknown = shop.patch(event, &ada, "*", &json!({"category_id": 404, "title": "Other"})).await;
    assert_eq!(unknown.problem(), (422, "category_unknown".to_owned()));
    let both = json!({"event_date": "2026-12-31T20:00:00Z", "starts_at_local": "2026-12-31T21:00"});
    assert_eq!(shop.patch(event, &ada, "*", &both).await.wrong_fields(), ["starts_at_local"]);
    let window = json!({"sales_from": "2026-02-01", "sales_until": "2026-02-01"});
    assert_eq!(shop.patch(event, &ada, "*", &window).await.wrong_fields(), ["sales_until"]);
    let numbers = json!({"min_per_order": 5, "max_per_order": 4});
    assert_eq!(shop.patch(event, &ada, "*", &numbers).await.wrong_fields(), ["max_per_order"]);
    // All of them at once.
    let many = json!({"title": "", "capacity": -1, "time_zone": "X", "ticket_types": [{"id": id, "capacity": -1}]});
    assert_eq!(
        shop.patch(event, &ada, "*", &many).await.wrong_fields(),
        ["time_zone", "title", "capacity", "ticket_types.0.capacity"]
    );
    for body in ["", "[]", "null", "{\"title\":\"a\",\"title\":\"b\"}", "{"] {
        let call = Call::new("patch", &format!("/events/{event}/settings")).token(&ada).header("if-match", "*");
        let answer = shop.send(call.body("application/merge-patch+json", body)).await;
        let status = if body == "{" {
            400
        } else if body.is_empty() {
            200
        } else {
            422
        };
        assert_eq!(answer.status, status, "{body:?} {answer:?}");
    }
    let after = shop.settings(event, &ada).await;
    assert_eq!((after.json(), after.header("etag")), (before, "\"v1\""));
}

#[tokio::test]
async fn no_patch_is_half_applied_or_an_internal_error() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let id = shop.settings(event, &ada).await.json()["ticket_types"][0]["id"].clone();
    let values = [
        json!(null),
        json!(0),
        json!(3),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("a"),
        json!("draft"),
        json!("active"),
        json!("USD"),
        json!("2026-12-30T20:00"),
        json!("2026-12-31T23:00:00Z"),
        json!("Europe/Berlin"),
        json!([]),
        json!([{"id": id}]),
        json!([{"id": id, "price": "7"}, {"name": "B", "price": "2"}]),
        json!({}),
        json!(true),
        json!(i64::MAX),
        json!("\u{202e}"),
    ];
    let fields: Vec<String> = shop.settings(event, &ada).await.json().as_object().unwrap().keys().cloned().collect();
    // A small generator: every run tries the same patches.
    let mut state = 12_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let (mut changed, mut refused) = (0, 0);
    for round in 0..1500 {
        let before = shop.settings(event, &ada).await;
        let patch: serde_json::Map<String, Value> = (0..=below(3))
            .map(|_| (fields[below(fields.len())].clone(), values[below(values.len())].clone()))
            .collect();
        let answer = shop.patch(event, &ada, before.header("etag"), &json!(patch)).await;
        let after = shop.settings(event, &ada).await;
        match answer.status {
            200 => {
                changed += 1;
                assert_eq!(answer.json(), after.json(), "{round} {patch:?}");
                let is_same = after.json() == before.json();
                assert_eq!(is_same, after.header("etag") == before.header("etag"), "{round} {patch:?}");
            }
            status => {
                refused += 1;
                // 404: an organisation that one is no member of.
                assert!(matches!(status, 404 | 409 | 422), "{round} {patch:?}: {answer:?}");
                assert_eq!((after.json(), after.header("etag")), (before.json(), before.header("etag")), "{patch:?}");
            }
        }
    }
    assert!(changed > 50 && refused > 50, "{changed} {refused}");
    assert_eq!(shop.ticketing.storage().check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn times_are_shown_and_given_by_the_clocks_of_the_event() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let make = async |more: Value| {
        let mut body = json!({"title": "Night", "location": "Lagos", "price": "1"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        shop.post("/events/", &ada, body).await
    };
    let lagos = make(json!({"starts_at_local": "2026-12-31T20:00", "ends_at_local": "2026-12-31T23:30", "time_zone": "Africa/Lagos"})).await.json();
    assert_eq!(
        (&lagos["event_date"], &lagos["date"]),
        (&json!("2026-12-31T19:00:00Z"), &json!("2026-12-31T19:00:00Z"))
    );
    assert_eq!(
        (&lagos["starts_at_local"], &lagos["ends_at_local"]),
        (&json!("2026-12-31T20:00:00+01:00"), &json!("2026-12-31T23:30:00+01:00"))
    );
    // A time without an offset is UTC, whatever the zone is.
    let naive = make(json!({"event_date": "2026-12-31T20:00:00", "time_zone": "Africa/Lagos"})).await.json();
    assert_eq!(
        (&naive["event_date"], &naive["starts_at_local"]),
        (&json!("2026-12-31T20:00:00Z"), &json!("2026-12-31T21:00:00+01:00"))
    );
    let utc = make(json!({"date": "2026-12-31T20:00:00"})).await.json();
    assert_eq!((&utc["time_zone"], &utc["starts_at_local"]), (&json!("UTC"), &json!("2026-12-31T20:00:00+00:00")));
    // Skipped by the clocks, shown twice by them, and contradictory.
    let berlin = |time: &str| json!({"starts_at_local": time, "time_zone": "Europe/Berlin"});
    assert_eq!(make(berlin("2026-03-29T02:30")).await.wrong_fields(), ["starts_at_local"]);
    assert_eq!(make(berlin("2026-10-25T02:30")).await.json()["starts_at_local"], "2026-10-25T02:30:00+02:00");
    assert_eq!(make(berlin("2026-10-25T02:30+01:00")).await.json()["starts_at_local"], "2026-10-25T02:30:00+01:00");
    assert_eq!(
        make(json!({"starts_at_local": "2026-12-31T20:00", "event_date": "2026-12-31T21:00"})).await.wrong_fields(),
        ["starts_at_local"]
    );
    assert_eq!(
        make(json!({"event_date": "2026-12-31T20:00", "time_zone": "Nowhere"})).await.wrong_fields(),
        ["time_zone"]
    );
    assert_eq!(make(json!({})).await.wrong_fields(), ["event_date"]);
    // Changing the zone changes no instant; a wall time is one of the new zone.
    let id = lagos["id"].as_i64().unwrap();
    let moved = shop.patch(id, &ada, "*", &json!({"time_zone": "Europe/Berlin"})).await.json();
    assert_eq!(
        (&moved["event_date"], &moved["starts_at_local"]),
        (&json!("2026-12-31T19:00:00Z"), &json!("2026-12-31T20:00:00+01:00"))
    );
    let both = json!({"time_zone": "Africa/Nairobi", "starts_at_local": "2026-12-31T20:00", "ends_at_local": null});
    let moved = shop.patch(id, &ada, "*", &both).await.json();
    assert_eq!((&moved["event_date"], &moved["end_date"]), (&json!("2026-12-31T17:00:00Z"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buyers_race_while_the_capacity_is_lowered_and_sales_are_paused() {
    let shop = Arc::new(Shop::new().await);
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(40)).await;
    let buyers: Vec<String> = {
        let mut tokens = vec![];
        for number in 0..16 {
            tokens.push(shop.somebody(&format!("buyer{number}")).await);
        }
        tokens
    };
    let mut tasks = vec![];
    for number in 0..64 {
        let (shop, token) = (Arc::clone(&shop), buyers[number % 16].clone());
        tasks.push(tokio::spawn(async move {
            shop.post("/payments/initialize", &token, json!({"event_id": event, "quantity": 1})).await
        }));
    }
    let editor = {
        let (shop, ada) = (Arc::clone(&shop), ada.clone());
        tokio::spawn(async move {
            for capacity in (10..40).rev() {
                let answer = shop.patch(event, &ada, "*", &json!({"capacity": capacity})).await;
                let code = if answer.status == 200 { String::new() } else { answer.problem().1 };
                assert!(matches!((answer.status, code.as_str()), (200, _) | (409, "capacity_too_low")), "{answer:?}");
                for what in ["pause", "resume"] {
                    assert_eq!(shop.post_to(event, what, &ada).await.status, 200);
                }
            }
        })
    };
    let mut held = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            200 => held += 1,
            status => {
                assert!(
                    matches!((status, answer.problem().1.as_str()), (400, "sold_out" | "sales_paused")),
                    "{answer:?}"
                )
            }
        }
    }
    editor.await.unwrap();
    let now = shop.ticketing.event(event.into()).await.unwrap().stock;
    assert_eq!((now.held, now.has(0)), (held, true), "{now:?}");
}

#[tokio::test]
async fn a_year_of_weekly_events_keeps_its_wall_time() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let body = json!({"title": "Jam", "location": "Berlin", "price": "1", "capacity": 9, "time_zone": "Europe/Berlin",
        "starts_at_local": "2026-01-02T20:00", "ends_at_local": "2026-01-02T23:00"});
    let event = shop.post("/events/", &ada, body).await.json()["id"].as_i64().unwrap();
    let path = format!("/events/{event}/copies");
    let mut wanted = json!({"every": "week", "until": "2026-12-31", "status": "active", "preview": true});
    let preview = shop.post(&path, &ada, wanted.clone()).await;
    assert_eq!((preview.status, preview.json()["events"].as_array().unwrap().len()), (200, 0));
    assert_eq!(shop.get("/events/?limit=1000", "").await.json().as_array().unwrap().len(), 1);
    wanted["preview"] = json!(false);
    let made = shop.post(&path, &ada, wanted.clone()).await;
    assert_eq!(made.status, 201);
    let (local, events) = (made.json()["starts_at_local"].clone(), made.json()["events"].clone());
    assert_eq!((&local, events.as_array().unwrap().len()), (&preview.json()["starts_at_local"], 51));
    for event in events.as_array().unwrap() {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        assert!(text("starts_at_local").contains("T20:00:00+0") && text("ends_at_local").contains("T23:00:00+0"));
        assert_eq!((&event["is_active"], &event["available"]), (&json!(true), &json!(9)));
    }
    let offsets: std::collections::BTreeSet<String> =
        local.as_array().unwrap().iter().map(|at| at.as_str().unwrap()[19..].to_owned()).collect();
    assert_eq!(offsets.into_iter().collect::<Vec<_>>(), ["+01:00", "+02:00"], "summer and winter");
    // The mail shows the same wall time.
    let july = events
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["starts_at_local"].as_str().unwrap().starts_with("2026-07"))
        .unwrap();
    let (id, start) = (july["id"].as_i64().unwrap(), july["starts_at_local"].as_str().unwrap().to_owned());
    assert!(start.ends_with("+02:00"), "{start}");
    // A repeat creates nothing twice.
    let again = shop.post(&path, &ada, wanted).await;
    assert_eq!(again.json()["events"], events);
    let listed = shop.get(&format!("/events/?series={event}&limit=1000&sort=date"), "").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 52);
    // They sell by themselves.
    shop.buy(&ben, id, 2).await;
    assert_eq!(shop.get(&format!("/events/{event}"), "").await.json()["available"], 9);
    assert_eq!(shop.get(&format!("/events/{id}"), "").await.json()["available"], 7);
}

#[tokio::test]
async fn wrong_dates_of_copies_are_named() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let body = json!({"title": "Jam", "location": "Berlin", "price": "1", "time_zone": "Europe/Berlin", "starts_at_local": "2026-03-01T02:30"});
    let event = shop.post("/events/", &ada, body).await.json()["id"].as_i64().unwrap();
    let path = format!("/events/{event}/copies");
    for (body, wrong) in [
        (json!({}), vec!["starts_at"]),
        (json!({"starts_at": ["2026-04-01"], "every": "day", "until": "2026-04-01"}), vec!["starts_at"]),
        (json!({"starts_at": []}), vec!["starts_at"]),
        (json!({"starts_at": ["2026-04-01", "2026-04-01"]}), vec!["starts_at"]),
        (json!({"starts_at": ["2026-04-01", "2025-04-01", "soon"]}), vec!["starts_at.2"]),
        (json!({"starts_at": ["2026-04-01", "2025-04-01"]}), vec!["starts_at.1"]),
        (json!({"starts_at_local": ["2026-03-29T02:30"]}), vec!["starts_at_local.0"]),
        (json!({"every": "month", "until": "2026-04-01"}), vec!["every"]),
        (json!({"every": "week"}), vec!["until"]),
        (json!({"every": "week", "until": "soon"}), vec!["until"]),
        (json!({"every": "week", "until": "2026-03-01"}), vec!["until"]),
        (json!({"every": "day", "until": "2099-03-01"}), vec!["until"]),
        (json!({"every": "week", "on": ["mon", "Friday"], "until": "2026-03-03"}), vec!["on.1"]),
        // The clocks skip 2:30 on this Sunday.
        (json!({"every": "week", "until": "2026-04-05"}), vec!["until"]),
        (json!({"starts_at": ["2026-04-01"], "status": "cancelled"}), vec!["status"]),
        (json!({"starts_at": ["2026-04-01"], "on": ["mon"]}), vec!["on"]),
        (json!({"starts_at": ["2026-04-01"], "colour": 1}), vec!["colour"]),
    ] {
        assert_eq!(shop.post(&path, &ada, body.clone()).await.wrong_fields(), wrong, "{body}");
    }
    assert_eq!(shop.get("/events/?mine=true", &ada).await.json().as_array().unwrap().len(), 1);
    let one = shop.post(&path, &ada, json!({"starts_at": ["2026-04-01T20:00"]})).await;
    assert_eq!((one.status, &one.json()["events"][0]["status"]), (201, &json!("draft")));
}
