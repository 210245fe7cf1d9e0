//! Pagination, filters and their errors.

use crate::shop::Shop;
use serde_json::json;
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
