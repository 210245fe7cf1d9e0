//! Pagination, filters and their errors.

use crate::shop::{Answer, Shop};
use serde_json::json;
use ticketing_core::domain::category::NewCategory;
use ticketing_core::storage::StorageExt as _;
use ticketing_http::api::ApiSettings;

#[tokio::test]
async fn lists_are_paginated() {
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
async fn a_list_of_events_has_short_texts_and_every_field() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let types: Vec<_> =
        (0..50).map(|n| json!({"name": format!("Type {n}"), "price": 100 - n, "capacity": 2})).collect();
    for length in [0, 300, 301, 10_000] {
        let event = json!({"title": "Lagos Jazz Night", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos",
            "description": "\u{1f3b7}".repeat(length), "ticket_types": types});
        let answer = shop.post("/events/", &ada, event).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    shop.event(&ada, "5000", None).await;
    let list = shop.get("/events/?limit=1000", "").await.json();
    for (item, length) in list.as_array().unwrap().iter().zip([Some(0), Some(300), Some(300), Some(300), None]) {
        let whole = shop.get(&format!("/events/{}", item["id"]), "").await.json();
        let (mut cut, mut rest) = (item.clone(), whole.clone());
        for field in ["description", "ticket_types"] {
            cut.as_object_mut().unwrap().remove(field);
            rest.as_object_mut().unwrap().remove(field);
        }
        assert_eq!(cut, rest, "also the lowest price and the places left, which are those of all ticket types");
        assert_eq!(item["description"].as_str().map(|text| text.chars().count()), length);
        let (some, all) = (item["ticket_types"].as_array().unwrap(), whole["ticket_types"].as_array().unwrap());
        assert_eq!(some[..], all[..all.len().min(5)]);
    }
    assert_eq!(list.as_array().unwrap().len(), 5);
}

/// Written in pieces, a list is still what it was.
#[tokio::test]
async fn a_long_list_is_complete_in_every_order() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    for number in 0..150 {
        let event = json!({"title": format!("Night {}", number * 7 % 150), "event_date": "2099-12-31T20:00:00Z",
            "location": "Lagos", "price": "1", "description": "x".repeat(number * 20)});
        assert_eq!(shop.post("/events/", &ada, event).await.status, 201);
    }
    for sort in ["id", "date", "-date", "title"] {
        let list = shop.get(&format!("/events/?limit=149&sort={sort}"), "").await;
        assert!(
            list.header("link").contains("skip=149") && list.header("content-type").starts_with("application/json")
        );
        let list = list.json();
        let mut titles: Vec<_> = list.as_array().unwrap().iter().map(|event| event["title"].to_string()).collect();
        assert_eq!(titles.len(), 149, "{sort}");
        if sort == "title" {
            assert!(titles.is_sorted());
        }
        titles.sort();
        titles.dedup();
        assert_eq!(titles.len(), 149, "{sort}");
    }
    assert_eq!(shop.get("/events/?limit=1000&q=night", "").await.json().as_array().unwrap().len(), 150);
    assert_eq!(shop.get("/events/?skip=150", "").await.json(), json!([]));
}

#[tokio::test]
async fn categories_come_at_once_or_in_pages() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    for name in ["e", "B", "d", "É", "a"] {
        assert_eq!(shop.post("/categories/", &ada, json!({"name": name})).await.status, 201);
    }
    let names = |answer: &Answer| -> Vec<String> {
        let all = answer.json().as_array().unwrap().clone();
        all.iter().map(|category| category["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = shop.get("/categories/", "").await;
    assert_eq!(
        (names(&all), all.header("link"), all.header("x-total-count")),
        (strings(&["B", "a", "d", "e", "É"]), "", "")
    );
    let page = shop.get("/categories?limit=2&skip=1&count=true", "").await;
    assert_eq!((names(&page), page.header("x-total-count")), (strings(&["a", "d"]), "5"));
    assert_eq!(page.header("link"), "</categories?skip=3&limit=2&count=true>; rel=\"next\"");
    assert_eq!(names(&shop.get("/categories?skip=3", "").await), ["e", "É"]);
    for bad in ["limit=0", "limit=1001", "skip=-1", "limit=a", "count=1"] {
        let answer = shop.get(&format!("/categories/?{bad}"), "").await;
        assert_eq!(answer.wrong_fields(), [bad.split('=').next().unwrap()], "{bad}");
    }
}

/// More than anybody needs, made by somebody who wants to fill the server.
#[tokio::test]
async fn at_most_a_thousand_categories_come_at_once() {
    let shop = Shop::new().await;
    let many: Vec<_> = (0..1001).map(|number| NewCategory::new(format!("{number:04}"))).collect();
    shop.ticketing.storage().apply_all(jiff::Timestamp::UNIX_EPOCH, many).await.unwrap();
    let answer = shop.get("/categories/", "").await;
    assert_eq!(answer.json().as_array().unwrap().len(), 1000);
    assert_eq!(answer.header("link"), "</categories?skip=1000&limit=1000>; rel=\"next\"");
    assert_eq!(shop.get("/categories?skip=1000", "").await.json()[0]["name"], "1000");
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
