//! Concurrent requests.

use crate::shop::{Shop, reference_of};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_verifies_issue_tickets_once() {
    let shop = Arc::new(Shop::new().await);
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(10)).await;
    let reference = shop.initialize(&ada, event, 3).await;
    shop.gateway.pay(&reference_of(&reference));

    let mut verifies = JoinSet::new();
    for _ in 0..8 {
        let (shop, ada, reference) = (Arc::clone(&shop), ada.clone(), reference.clone());
        verifies.spawn(async move { shop.get(&format!("/payments/verify/{reference}"), &ada).await });
    }
    let answers = verifies.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let said = answers.iter().filter(|answer| answer.text("message") == "Payment verified successfully");
    assert_eq!(said.count(), 1);
    let sets: HashSet<String> = answers.iter().map(|answer| answer.json()["tickets"].to_string()).collect();
    assert_eq!(sets.len(), 1);
    assert_eq!(shop.get("/tickets/my-tickets", &ada).await.json().as_array().unwrap().len(), 3);
    shop.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_buyers_compete_for_ten_tickets() {
    let shop = Arc::new(Shop::new().await);
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(10)).await;
    let mut buyers = JoinSet::new();
    for _ in 0..60 {
        let (shop, ada) = (Arc::clone(&shop), ada.clone());
        buyers.spawn(async move {
            let answer = shop.post("/payments/initialize", &ada, json!({"event_id": event})).await;
            if answer.status != 200 {
                assert_eq!(answer.problem(), (400, "sold_out".to_owned()));
                return None;
            }
            let reference = answer.text("reference");
            shop.gateway.pay(&reference_of(&reference));
            let answer = shop.get(&format!("/payments/verify/{reference}"), &ada).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            Some(answer.text("ticket_code"))
        });
    }
    let codes: HashSet<String> = buyers.join_all().await.into_iter().flatten().collect();
    assert_eq!(codes.len(), 10);
    let answer = shop.get(&format!("/events/{event}"), "").await;
    assert_eq!((answer.json()["tickets_sold"].clone(), answer.json()["available"].clone()), (json!(10), json!(0)));
    shop.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_category_is_created_once() {
    let shop = Arc::new(Shop::new().await);
    let ada = shop.somebody("ada").await;
    let mut organizers = JoinSet::new();
    for index in 0..16 {
        let (shop, ada) = (Arc::clone(&shop), ada.clone());
        organizers.spawn(async move {
            let name = if index % 2 == 0 { "Theatre" } else { " theatre " };
            let event = json!({"title": "A play", "date": "2026-12-31", "location": "Ibadan", "ticket_price": "1", "category": name});
            let answer = shop.post("/events/", &ada, event).await;
            assert_eq!(answer.status, 201, "{answer:?}");
            answer.json()["category_id"].clone()
        });
    }
    let ids: HashSet<String> = organizers.join_all().await.iter().map(ToString::to_string).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(shop.get("/categories/", "").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_one_of_many_concurrent_scans_succeeds() {
    let shop = Arc::new(Shop::new().await);
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(10)).await;
    let code = shop.buy(&ada, event, 1).await.1[0]["ticket_code"].as_str().unwrap().to_owned();
    let mut scans = JoinSet::new();
    for index in 0..16 {
        let (shop, ada, code) = (Arc::clone(&shop), ada.clone(), code.clone());
        let body = json!({"code": code, "nonce": format!("scan-{index}"), "gate": "north"});
        scans.spawn(async move { shop.post("/check-ins", &ada, body).await.status });
    }
    let mut statuses = scans.join_all().await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses.len()), (200, 409, 16));
}
