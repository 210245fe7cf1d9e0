//! Promo codes, over HTTP.

use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

impl Shop {
    async fn code(&self, event: i64, token: &str, body: Value) -> Answer {
        self.post(&format!("/events/{event}/codes"), token, body).await
    }

    async fn edit_code(&self, id: i64, token: &str, tag: &str, patch: &Value) -> Answer {
        let call = Call::new("patch", &format!("/codes/{id}")).token(token).json(patch);
        self.send(if tag.is_empty() { call } else { call.header("if-match", tag) }).await
    }

    async fn quote(&self, event: i64, token: &str, quantity: u32, code: &str) -> Answer {
        let body = json!({"lines": [{"quantity": quantity}], "promo_code": code});
        self.post(&format!("/events/{event}/quote"), token, body).await
    }
}

#[tokio::test]
async fn a_code_is_quoted_and_taken_off_the_price() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let event = shop.event(&ada, "5000", Some(50)).await;
    let made = shop.code(event, &ada, json!({"code": "early20", "percent_off": "20", "max_uses": 3})).await;
    let code = made.json()[0].clone();
    assert_eq!(
        (made.status, &code["code"], &code["percent_off"], &code["used"]),
        (201, &json!("EARLY20"), &json!("20.00"), &json!(0))
    );
    let quote = shop.quote(event, &ben, 2, "Early20").await.json();
    assert_eq!((&quote["total"], &quote["lines"][0]["discount"]), (&json!("8000.00"), &json!("1000.00")));
    assert_eq!(quote["lines"][0]["face_price"], "5000.00");
    let body = json!({"event_id": event, "quantity": 2, "promo_code": "EARLY20", "expect_total": "8000.00"});
    let started = shop.post("/payments/initialize", &ben, body).await;
    assert_eq!((started.status, &started.json()["amount"]), (200, &json!("8000.00")));
    // One use is left: the second ticket costs the full price, and says so before.
    let two = json!({"event_id": event, "lines": [{"quantity": 2}], "promo_code": "EARLY20", "expect_total": "8000"});
    let changed = shop.post("/orders", &ben, two.clone()).await;
    assert_eq!((changed.problem(), &changed.json()["total"]), ((400, "price_changed".to_owned()), &json!("9000.00")));
    let order = shop
        .post("/orders", &ben, json!({"event_id": event, "lines": [{"quantity": 2}], "promo_code": "EARLY20"}))
        .await
        .json();
    assert_eq!((&order["total"], order["lines"].as_array().unwrap().len()), (&json!("9000.00"), 2));
    let used_up = shop.quote(event, &ben, 1, "EARLY20").await;
    assert_eq!((used_up.problem(), &used_up.json()["left"]), ((400, "code_used_up".to_owned()), &json!(0)));
    let listed = shop.get(&format!("/events/{event}/codes"), &ada).await.json();
    assert_eq!((&listed[0]["held"], &listed[0]["used"]), (&json!(3), &json!(0)));
    // The public event does not change.
    let public = shop.get(&format!("/events/{event}"), "").await.json();
    assert_eq!((&public["price"], &public["available"]), (&json!("5000.00"), &json!(46)));
    shop.is_sound().await;
}

#[tokio::test]
async fn a_free_order_by_a_code_needs_no_gateway() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let event = shop.event(&ada, "5000", Some(5)).await;
    shop.code(event, &ada, json!({"code": "GUESTS", "percent_off": "100"})).await;
    let body = json!({"event_id": event, "quantity": 2, "promo_code": "guests"});
    let started = shop.post("/payments/initialize", &ben, body).await.json();
    assert_eq!((&started["amount"], &started["access_code"]), (&json!("0.00"), &json!("")));
    assert_eq!(shop.get("/tickets/my-tickets", &ben).await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_code_shows_and_opens_secret_types() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let body = json!({"title": "Night", "location": "Lagos", "event_date": "2026-12-31T20:00:00Z", "ticket_types": [
        {"name": "Regular", "price": "5000"}, {"name": "Band", "price": "0", "visibility": "secret"}]});
    let event = shop.post("/events/", &ada, body).await.json()["id"].as_i64().unwrap();
    let settings = shop.get(&format!("/events/{event}/settings"), &ada).await.json();
    let band = settings["ticket_types"][1]["id"].clone();
    shop.code(event, &ada, json!({"code": "THE-BAND", "unlocks": [band], "max_uses": 2})).await;
    let types = async |query: &str| {
        let answer = shop.get(&format!("/events/{event}{query}"), "").await;
        (answer.status, answer.json()["ticket_types"].as_array().map_or(0, Vec::len))
    };
    assert_eq!((types("").await, types("?code=the-band").await, types("?code=").await), ((200, 1), (200, 2), (200, 1)));
    assert_eq!(types("?code=nothing").await, (400, 0));
    let order = |code: Value| json!({"event_id": event, "lines": [{"ticket_type_id": band, "quantity": 1}], "promo_code": code});
    assert_eq!(shop.post("/orders", &ben, order(Value::Null)).await.problem(), (404, "ticket_type_unknown".to_owned()));
    assert_eq!(shop.post("/orders", &ben, order(json!("THE-BAND"))).await.status, 201);
}

#[tokio::test]
async fn guessing_codes_is_slowed_down() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let event = shop.event(&ada, "5000", Some(5)).await;
    shop.code(event, &ada, json!({"code": "RIGHT", "percent_off": "10"})).await;
    for number in 0..10 {
        assert_eq!(shop.quote(event, &ben, 1, &format!("WRONG{number}")).await.problem().1, "code_unknown");
    }
    for answer in [
        shop.quote(event, &ben, 1, "RIGHT").await,
        shop.post("/payments/initialize", &ben, json!({"event_id": event, "promo_code": "RIGHT"})).await,
        shop.get(&format!("/events/{event}?code=RIGHT"), "").await,
    ] {
        assert_eq!(answer.problem(), (429, "too_many_codes".to_owned()));
        assert!(!answer.header("retry-after").is_empty());
    }
    // Without a code everything goes on.
    assert_eq!(shop.post("/payments/initialize", &ben, json!({"event_id": event})).await.status, 200);
    shop.minutes_pass(1);
    assert_eq!(shop.quote(event, &ben, 1, "RIGHT").await.status, 200);
}

#[tokio::test]
async fn codes_are_edited_by_version() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let body = json!({"code": "EDIT-ME", "percent_off": "12.5", "max_uses": 5, "valid_until": "2026-06-01T00:00:00Z", "note": "A"});
    let id = shop.code(event, &ada, body.clone()).await.json()[0]["id"].as_i64().unwrap();
    assert_eq!(shop.code(event, &ada, body).await.json()[0]["id"], id, "a repeat finds it");
    assert_eq!(shop.code(event, &ada, json!({"code": "edit-me"})).await.problem(), (409, "code_taken".to_owned()));
    let read = shop.get(&format!("/codes/{id}"), &ada).await;
    assert_eq!((read.header("etag"), &read.json()["percent_off"]), ("\"v1\"", &json!("12.50")));
    assert_eq!(shop.edit_code(id, &ada, "", &json!({})).await.status, 428);
    let patch = json!({"amount_off": "500", "valid_until": null, "paused": true, "note": null});
    let edited = shop.edit_code(id, &ada, "\"v1\"", &patch).await;
    let fields = ["percent_off", "amount_off", "valid_until", "paused", "note", "max_uses"];
    let values: Vec<Value> = fields.iter().map(|field| edited.json()[*field].clone()).collect();
    assert_eq!(values, [json!(null), json!("500.00"), json!(null), json!(true), json!(null), json!(5)]);
    assert_eq!((edited.status, edited.header("etag")), (200, "\"v2\""));
    assert_eq!(shop.edit_code(id, &ada, "\"v1\"", &patch).await.header("etag"), "\"v2\"", "a repeat is no conflict");
    let stale = shop.edit_code(id, &ada, "\"v1\"", &json!({"max_uses": 9})).await;
    assert_eq!((stale.problem(), stale.header("etag")), ((412, "stale".to_owned()), "\"v2\""));
    assert_eq!(shop.edit_code(id, &ada, "*", &json!({"max_uses": 9})).await.status, 200);
}

#[tokio::test]
async fn edits_of_any_version_never_conflict() {
    let shop = Arc::new(Shop::new().await);
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let made = shop.code(event, &ada, json!({"code": "CROWD"})).await.json();
    let id = made[0]["id"].as_i64().unwrap();
    let mut edits = JoinSet::new();
    for (field, value) in
        [("max_uses", json!(9)), ("paused", json!(true)), ("note", json!("B")), ("max_per_order", json!(2))]
    {
        let (shop, ada) = (Arc::clone(&shop), ada.clone());
        edits.spawn(async move { shop.edit_code(id, &ada, "*", &json!({field: value})).await.status });
    }
    assert_eq!(edits.join_all().await, [200; 4]);
    let code = shop.get(&format!("/codes/{id}"), &ada).await.json();
    let fields = ["max_uses", "paused", "note", "max_per_order"].map(|field| code[field].clone());
    assert_eq!(fields, [json!(9), json!(true), json!("B"), json!(2)], "none is lost");
}

#[tokio::test]
async fn a_code_of_a_removed_ticket_type_can_still_be_edited() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let types = json!([{"name": "Seat", "price": "10"}, {"name": "Floor", "price": "5"}]);
    let body = json!({"title": "Two", "event_date": "2026-07-01T19:00:00Z", "location": "Here", "ticket_types": types});
    let event = shop.post("/events/", &ada, body).await.json();
    let (id, floor) = (event["id"].as_i64().unwrap(), event["ticket_types"][1]["id"].clone());
    let seat = event["ticket_types"][0]["id"].clone();
    let made = shop.code(id, &ada, json!({"code": "FLOOR", "ticket_types": [floor]})).await.json();
    let code = made[0]["id"].as_i64().unwrap();
    let call = Call::new("patch", &format!("/events/{id}/settings")).token(&ada).header("if-match", "*");
    assert_eq!(shop.send(call.json(&json!({"ticket_types": [{"id": seat}]}))).await.status, 200);
    let paused = shop.edit_code(code, &ada, "*", &json!({"paused": true})).await;
    assert_eq!((paused.status, &paused.json()["paused"]), (200, &json!(true)));
    let other = shop.edit_code(code, &ada, "*", &json!({"unlocks": [floor]})).await;
    assert_eq!(other.status, 200, "it had this type before");
    let fresh = shop.code(id, &ada, json!({"code": "FRESH", "ticket_types": [floor]})).await;
    assert_eq!(fresh.status, 422);
}

#[tokio::test]
async fn a_batch_of_codes_is_made_once() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let body = json!({"code": "LIST", "percent_off": "50", "count": 500});
    let make = async || {
        let call =
            Call::new("post", &format!("/events/{event}/codes")).token(&ada).header("idempotency-key", "batch-1");
        shop.send(call.json(&body)).await.json()
    };
    let made = make().await;
    let texts: std::collections::BTreeSet<String> =
        made.as_array().unwrap().iter().map(|code| code["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), 500);
    assert!(texts.iter().all(|text| text.len() == 15 && text.starts_with("LIST-")), "{texts:?}");
    assert!(made.as_array().unwrap().iter().all(|code| code["max_uses"] == 1));
    assert_eq!(make().await, made);
    let listed = shop.get(&format!("/events/{event}/codes?limit=1&count=true"), &ada).await;
    assert_eq!(listed.header("x-total-count"), "500");
}

#[tokio::test]
async fn each_wrong_field_of_a_code_has_its_own_error() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let made = shop.code(event, &ada, json!({"code": "GOOD"})).await.json();
    let id = made[0]["id"].as_i64().unwrap();
    for (field, wrong) in [
        ("code", vec![json!("abc"), json!("with space"), json!(7), json!("ünï-code")]),
        ("percent_off", vec![json!("101"), json!("-1"), json!("0.001"), json!("all"), json!([])]),
        ("amount_off", vec![json!("-1"), json!("0.001"), json!("free")]),
        ("ticket_types.0", vec![json!([404]), json!(["1"])]),
        ("unlocks.0", vec![json!([0])]),
        ("valid_from", vec![json!("soon"), json!(1)]),
        ("valid_until", vec![json!("never")]),
        ("max_per_order", vec![json!(0), json!(101), json!("1")]),
        ("max_per_buyer", vec![json!(0), json!(-1)]),
        ("max_uses", vec![json!(-1), json!(1.5), json!(1_000_000_001)]),
        ("note", vec![json!("x".repeat(501)), json!("a\nb"), json!(7)]),
        ("colour", vec![json!("red")]),
    ] {
        for value in wrong {
            let name = field.split('.').next().unwrap();
            let mut body = json!({"code": "NEW-ONE"});
            body[name] = value.clone();
            assert_eq!(shop.code(event, &ada, body).await.wrong_fields(), [field], "{field} {value}");
            let patched = shop.edit_code(id, &ada, "*", &json!({name: value})).await;
            assert_eq!(patched.wrong_fields(), [field], "{field} {value}");
        }
    }
    let both = json!({"code": "NEW-ONE", "percent_off": "1", "amount_off": "1"});
    assert_eq!(shop.code(event, &ada, both).await.wrong_fields(), ["amount_off"]);
    let window = json!({"code": "NEW-ONE", "valid_from": "2026-02-01", "valid_until": "2026-01-01"});
    assert_eq!(shop.code(event, &ada, window).await.wrong_fields(), ["valid_until"]);
    for (count, field) in [(0, "count"), (5001, "count")] {
        assert_eq!(shop.code(event, &ada, json!({"code": "MANY", "count": count})).await.wrong_fields(), [field]);
    }
    for null in ["code", "paused"] {
        assert_eq!(shop.edit_code(id, &ada, "*", &json!({null: null})).await.wrong_fields(), [null]);
    }
    let total = json!({"event_id": event, "lines": [{"quantity": 1}], "expect_total": "1.001"});
    assert_eq!(shop.post("/orders", &ada, total).await.wrong_fields(), ["expect_total"]);
    assert_eq!(shop.get(&format!("/codes/{id}"), &ada).await.header("etag"), "\"v1\"");
    assert_eq!(shop.get(&format!("/events/{event}/codes"), &ada).await.json(), made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_buyers_race_for_ten_uses_while_the_event_is_edited() {
    let shop = Arc::new(Shop::new().await);
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(60)).await;
    shop.code(event, &ada, json!({"code": "TEN-ONLY", "percent_off": "50", "max_uses": 10})).await;
    let mut tokens = vec![];
    for number in 0..16 {
        tokens.push(shop.somebody(&format!("buyer{number}")).await);
    }
    let buyers: Vec<_> = (0..64)
        .map(|number| {
            let (shop, token) = (Arc::clone(&shop), tokens[number % 16].clone());
            tokio::spawn(async move {
                let body = json!({"event_id": event, "quantity": 1, "promo_code": "TEN-ONLY"});
                shop.post("/payments/initialize", &token, body).await
            })
        })
        .collect();
    let editor = {
        let (shop, ada) = (Arc::clone(&shop), ada.clone());
        tokio::spawn(async move {
            for capacity in (8..60).rev() {
                let path = format!("/events/{event}/settings");
                let patch = json!({"capacity": capacity, "paused": capacity % 3 == 0});
                let answer =
                    shop.send(Call::new("patch", &path).token(&ada).header("if-match", "*").json(&patch)).await;
                assert!(answer.status == 200 || answer.problem() == (409, "capacity_too_low".to_owned()), "{answer:?}");
            }
        })
    };
    let mut cut = 0;
    for buyer in buyers {
        let answer = buyer.await.unwrap();
        if answer.status == 200 {
            assert_eq!(answer.json()["amount"], "2500.00");
            cut += 1;
            continue;
        }
        let (status, code) = answer.problem();
        assert!(matches!((status, code.as_str()), (400, "sold_out" | "sales_paused" | "code_used_up")), "{answer:?}");
    }
    editor.await.unwrap();
    assert!(cut <= 10);
    let code = shop.get(&format!("/events/{event}/codes"), &ada).await.json();
    assert_eq!((&code[0]["held"], &code[0]["used"]), (&json!(cut), &json!(0)));
    shop.is_sound().await;
}
