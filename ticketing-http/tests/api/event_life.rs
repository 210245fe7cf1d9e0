//! Corner cases in the life of an event: what codes, copies and drafts must not give away.

use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};

const NIGHT: &str = "2026-12-31T20:00:00Z";

impl Shop {
    async fn merge(&self, path: &str, token: &str, patch: Value) -> Answer {
        self.send(Call::new("patch", path).token(token).header("if-match", "*").json(&patch)).await
    }

    /// An event with these ticket types, and their ids by name.
    async fn night(&self, token: &str, more: Value) -> (i64, Value) {
        let mut body = json!({"title": "Night", "location": "Lagos", "event_date": NIGHT});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.post("/events/", token, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let event = made.json()["id"].as_i64().unwrap();
        let settings = self.get(&format!("/events/{event}/settings"), token).await.json();
        let types = settings["ticket_types"].as_array().unwrap().iter();
        (event, types.map(|kind| (kind["name"].as_str().unwrap().to_owned(), kind["id"].clone())).collect())
    }
}

fn a_b_secret() -> Value {
    json!({"ticket_types": [{"name": "A", "price": "10"}, {"name": "B", "price": "10"},
        {"name": "S", "price": "50", "visibility": "secret"}]})
}

#[tokio::test]
async fn a_copied_code_is_for_no_more_types_than_the_original() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let (event, types) = shop.night(&ada, a_b_secret()).await;
    let crew = json!({"code": "CREW", "percent_off": "100", "ticket_types": [types["A"]], "unlocks": [types["S"]]});
    assert_eq!(shop.post(&format!("/events/{event}/codes"), &ada, crew).await.status, 201);
    let without_a = json!({"ticket_types": [{"id": types["B"]}, {"id": types["S"]}]});
    assert_eq!(shop.merge(&format!("/events/{event}/settings"), &ada, without_a).await.status, 200);
    let dates = json!({"starts_at": ["2027-01-01T20:00:00Z"], "status": "active"});
    let copy = shop.post(&format!("/events/{event}/copies"), &ada, dates).await.json()["events"][0].clone();
    let b = |event: &Value| json!({"lines": [{"ticket_type_id": event, "quantity": 1}], "promo_code": "CREW"});
    let of_original = shop.post(&format!("/events/{event}/quote"), &ben, b(&types["B"])).await;
    assert_eq!(of_original.problem(), (400, "code_unknown".to_owned()));
    let path = format!("/events/{}/quote", copy["id"]);
    let of_copy = shop.post(&path, &ben, b(&copy["ticket_types"][0]["id"])).await;
    assert_eq!(of_copy.problem(), (400, "code_unknown".to_owned()), "B is free in the copy: {}", of_copy.json());
}

#[tokio::test]
async fn a_code_for_a_removed_type_can_be_paused() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let (event, types) = shop.night(&ada, a_b_secret()).await;
    let body = json!({"code": "HALF", "percent_off": "50", "ticket_types": [types["A"], types["B"]]});
    let code = shop.post(&format!("/events/{event}/codes"), &ada, body).await.json()[0]["id"].clone();
    let without_a = json!({"ticket_types": [{"id": types["B"]}, {"id": types["S"]}]});
    assert_eq!(shop.merge(&format!("/events/{event}/settings"), &ada, without_a).await.status, 200);
    let paused = shop.merge(&format!("/codes/{code}"), &ada, json!({"paused": true})).await;
    assert_eq!(paused.status, 200, "{paused:?}");
}

#[tokio::test]
async fn a_code_names_each_type_once() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let (event, types) = shop.night(&ada, a_b_secret()).await;
    let many = vec![types["S"].clone(); 5000];
    let made = shop.post(&format!("/events/{event}/codes"), &ada, json!({"code": "MANY", "unlocks": many})).await;
    assert_eq!(made.status, 422, "each of a batch of 5000 codes keeps and shows 5000 ids");
}

#[tokio::test]
async fn an_event_on_sale_can_be_paused() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let body = json!({"title": "Night", "location": "Lagos", "event_date": NIGHT,
        "ticket_types": [{"name": "S", "price": "50", "visibility": "secret"}]});
    let made = shop.post("/events/", &ada, body).await;
    if made.status == 201 {
        let paused = shop.post(&format!("/events/{}/pause", made.json()["id"]), &ada, Value::Null).await;
        assert_eq!(paused.status, 200, "{paused:?}");
    } else {
        assert_eq!(made.wrong_fields(), ["ticket_types"]);
    }
}

#[tokio::test]
async fn a_copy_ends_after_its_start() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    // From the first 2:30 until the second 2:15 of that night: 45 minutes.
    let fold = json!({"price": "5", "time_zone": "Europe/Berlin", "event_date": null, "starts_at_local": "2027-10-31T02:30+02:00",
        "ends_at_local": "2027-10-31T02:15+01:00"});
    let plain = json!({"price": "5", "time_zone": "Europe/Berlin", "event_date": null, "starts_at_local": "2027-10-01T02:30",
        "ends_at_local": "2027-10-01T02:50"});
    let long = json!({"price": "5", "end_date": "2027-01-10T00:00:00Z"});
    for (event, at) in [(fold, "2027-11-07T01:30:00Z"), (plain, "2027-10-31T01:30:00Z"), (long, "9999-12-29T00:00:00Z")]
    {
        let (id, _) = shop.night(&ada, event.clone()).await;
        let copied = shop.post(&format!("/events/{id}/copies"), &ada, json!({"starts_at": [at]})).await;
        if copied.status == 201 {
            let copy = &copied.json()["events"][0];
            assert!(copy["end_date"].as_str() > copy["event_date"].as_str(), "{event} at {at}: {copy}");
        }
    }
}

#[tokio::test]
async fn a_draft_is_not_found_whatever_total_is_expected() {
    let shop = Shop::new().await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let (draft, _) = shop.night(&ada, json!({"price": "5", "status": "draft"})).await;
    let order = |event: i64, total: &str| json!({"event_id": event, "lines": [{"quantity": 1}], "expect_total": total});
    for total in ["1", "0.001"] {
        let of_draft = shop.post("/orders", &ben, order(draft, total)).await.problem();
        assert_eq!(of_draft, shop.post("/orders", &ben, order(987_654, total)).await.problem(), "{total}");
    }
}

#[tokio::test]
async fn settings_with_a_fraction_of_a_second_can_be_sent_back() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let (event, _) = shop.night(&ada, json!({"price": "5", "event_date": "2026-12-31T20:00:00.123456"})).await;
    let path = format!("/events/{event}/settings");
    let settings = shop.get(&path, &ada).await.json();
    let same = shop.merge(&path, &ada, settings).await;
    assert_eq!(same.status, 200, "{same:?}");
}

#[tokio::test]
async fn an_edit_of_the_currency_does_not_multiply_prices() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let (event, _) = shop.night(&ada, json!({"price": "10.50", "currency": "NGN", "status": "draft"})).await;
    let edited = shop.merge(&format!("/events/{event}/settings"), &ada, json!({"currency": "JPY"})).await;
    assert!(edited.status == 422 || edited.json()["ticket_types"][0]["price"] != "1050", "{edited:?}");
}

#[tokio::test]
async fn return_dates_that_are_not_kept_are_refused() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let (event, _) = shop.night(&ada, json!({"price": "5"})).await;
    let alone = json!({"refund_until": "2026-12-01T00:00:00Z"});
    assert_eq!(shop.merge(&format!("/events/{event}/settings"), &ada, alone).await.status, 422);
}

#[tokio::test]
async fn all_wrong_fields_are_in_one_answer() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let (event, _) = shop.night(&ada, json!({"price": "5"})).await;
    let wrong = json!({"title": "", "currency": "ZZZ", "category_id": 999});
    let mut fields = shop.merge(&format!("/events/{event}/settings"), &ada, wrong).await.wrong_fields();
    fields.sort_unstable();
    assert_eq!(fields, ["category_id", "currency", "title"]);
}

#[tokio::test]
async fn a_draft_that_is_cancelled_stays_unseen() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let (draft, _) = shop.night(&ada, json!({"price": "5", "status": "draft"})).await;
    assert_eq!(shop.post(&format!("/events/{draft}/cancel"), &ada, Value::Null).await.status, 200);
    let public = shop.get(&format!("/events/{draft}"), "").await;
    assert_eq!(public.status, 404, "{public:?}");
}
