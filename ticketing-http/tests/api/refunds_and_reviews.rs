//! Refunds, and payments in review.

use crate::shop::{Call, Shop, reference_of};
use serde_json::json;
use ticketing_core::domain::money::{Currency, Money};

#[tokio::test]
async fn the_organiser_refunds_and_the_buyer_sees_it() {
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
async fn the_organiser_resolves_a_review() {
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
async fn a_selection_of_tickets_gets_the_answer_that_fits_it() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", Some(9)).await;
    let (reference, tickets) = shop.buy(&bob, event, 2).await;
    let theirs = shop.buy(&ada, event, 1).await.1[0]["id"].clone();
    let (one, two) = (&tickets[0]["id"], &tickets[1]["id"]);
    let refund = async |tickets: serde_json::Value| {
        shop.post(&format!("/payments/{reference}/refunds"), &ada, json!({ "tickets": tickets })).await
    };
    for faulty in [json!([]), json!([one, one]), json!([one, two, one])] {
        assert_eq!(refund(faulty.clone()).await.wrong_fields(), ["tickets"], "{faulty}");
    }
    for foreign in [json!([theirs]), json!([one, theirs]), json!([0])] {
        let answer = refund(foreign.clone()).await;
        assert_eq!(answer.problem(), (404, "ticket_not_in_order".to_owned()), "{foreign}");
    }
    assert_eq!(refund(json!([one])).await.status, 201);
    for gone in [json!([one]), json!([two, one])] {
        let answer = refund(gone.clone()).await;
        assert_eq!(answer.problem(), (409, "ticket_not_valid".to_owned()), "{gone}");
        assert_eq!(answer.json()["ticket_id"], *one, "{gone}");
    }
    let story = shop.get(&format!("/payments/{reference}"), &bob).await.json();
    assert_eq!((&story["tickets"][1]["status"], story["refunds"].as_array().unwrap().len()), (&json!("active"), 1));
    shop.is_sound().await;
}

#[tokio::test]
async fn a_dispute_is_listed_and_decided() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", Some(9)).await;
    let (reference, tickets) = shop.buy(&bob, event, 2).await;
    let tell = async |body: String| {
        let call = Call::new("post", "/payments/webhooks/fake").header("x-fake-signature", "ok");
        assert_eq!(shop.send(call.body("application/json", body.as_str())).await.status, 200);
        shop.ticketing.run_upkeep(Default::default()).await.unwrap();
    };
    tell(format!("charge.dispute.create {reference} 7 100")).await;
    let listed = shop.get("/payments/reviews", &ada).await.json();
    assert_eq!((&listed[0]["reference"], &listed[0]["attention"]), (&json!(reference), &json!(["partial_dispute"])));
    let path = format!("/payments/{reference}/review");
    let void = |tickets: serde_json::Value| json!({"verdict": "void", "tickets": tickets, "note": "One seat"});
    assert_eq!(shop.post(&path, &ada, void(json!([]))).await.wrong_fields(), ["tickets"]);
    let decided = shop.post(&path, &ada, void(json!([tickets[0]["id"]]))).await;
    assert_eq!((decided.status, &decided.json()["attention"]), (200, &json!([])));
    assert_eq!(shop.get("/payments/reviews", &ada).await.json(), json!([]));
    let story = shop.get(&format!("/payments/{reference}"), &bob).await.json();
    assert_eq!(
        (&story["tickets"][0]["status"], &story["tickets"][1]["status"]),
        (&json!("cancelled"), &json!("active"))
    );
    tell(format!("charge.dispute.create {reference} 8")).await;
    tell(format!("charge.dispute.resolve {reference} 8")).await;
    let story = shop.get(&format!("/payments/{reference}"), &bob).await.json();
    assert_eq!(story["tickets"][1]["status"], "active");
    assert_ne!(story["tickets"][1]["ticket_code"], tickets[1]["ticket_code"], "the old code was void");
    shop.is_sound().await;
}
