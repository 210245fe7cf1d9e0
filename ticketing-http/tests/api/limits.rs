//! How much one buyer may hold and take, and how many purchases an account and an address may begin.

use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};
use ticketing_core::clock::Clock as _;
use ticketing_core::domain::order::BuyerLimits;
use ticketing_core::domain::outbox::{ClaimMails, MailReport, MailResult};
use ticketing_core::domain::ticket::TicketKey;
use ticketing_core::storage::StorageExt as _;
use ticketing_http::api::ApiSettings;
use ticketing_http::middleware::purchase_limit::PurchaseLimits;

/// What the server is started with by default.
fn limits() -> BuyerLimits {
    BuyerLimits::default().with_open_holds(5).with_free_tickets(100)
}

fn purchases(per_account: Option<u32>, per_address: Option<u32>) -> ApiSettings {
    ApiSettings { purchase_limits: PurchaseLimits { per_account, per_address }, ..ApiSettings::default() }
}

/// A mail that arrived is sent again a day later at the earliest, however often that is requested.
#[tokio::test]
async fn a_mail_that_was_sent_is_not_sent_again_the_same_day() {
    let shop = Shop::new().await;
    let (ada, organizer) = (shop.somebody("ada").await, shop.somebody("organizer").await);
    let event = shop.event(&organizer, "5000", Some(5)).await;
    let (_, tickets) = shop.buy(&ada, event, 1).await;
    let ticket = TicketKey::Id(tickets[0]["id"].as_i64().unwrap().into());
    let storage = shop.ticketing.storage();
    let order = storage.ticket(&ticket).await.unwrap().unwrap().order_id;
    let claim = ClaimMails { lease: jiff::SignedDuration::from_mins(5), limit: 10 };
    // Beside the mails that ask new accounts to confirm their address.
    let mut claimed = storage.apply_one(shop.clock.now(), claim).await.unwrap();
    claimed.retain(|mail| mail.subject.order() == Some(order));
    let mail = claimed.remove(0);
    let path = format!("/mails/{}/resend", mail.id);
    assert_eq!(shop.send(Call::new("post", &path).token(&organizer)).await.text("status"), "waiting");
    let report = MailReport::new(mail.id, mail.tries, MailResult::Sent);
    storage.apply_one(shop.clock.now(), report).await.unwrap();
    for _ in 0..30 {
        let refused = shop.send(Call::new("post", &path).token(&organizer)).await;
        assert_eq!(refused.problem(), (409, "mail_sent".to_owned()));
        assert_eq!(refused.text("again_at"), "2026-01-02T12:00:00Z");
    }
    shop.minutes_pass(24 * 60);
    let organizer = shop.login("organizer").await;
    assert_eq!(shop.send(Call::new("post", &path).token(&organizer)).await.text("status"), "waiting");
}

/// The three ways to begin a purchase of one ticket.
fn ways(event: i64) -> [(&'static str, Value); 3] {
    [
        ("/orders", json!({"event_id": event, "lines": [{"quantity": 1}]})),
        ("/payments/initialize", json!({"event_id": event})),
        ("/payments/pay", json!({"event_id": event})),
    ]
}

async fn keyed(shop: &Shop, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    shop.send(Call::new("post", path).token(token).header("idempotency-key", key).json(body)).await
}

#[tokio::test]
async fn one_account_has_five_unpaid_orders_for_an_event_however_they_were_made() {
    let shop = Shop::limited(ApiSettings::default(), limits()).await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let event = shop.event(&ada, "5000", Some(5000)).await;
    let [order, initialize, pay] = ways(event);
    for (path, body) in [&order, &initialize, &pay, &order] {
        assert!(shop.post(path, &ada, body.clone()).await.status < 300);
    }
    for _ in 0..3 {
        assert_eq!(keyed(&shop, order.0, &ada, "fifth", &order.1).await.status, 201, "a repeat counts once");
    }
    for (path, body) in ways(event) {
        let refused = shop.post(path, &ada, body).await;
        assert_eq!((refused.problem(), &refused.json()["limit"]), ((409, "too_many_holds".to_owned()), &json!(5)));
    }
    assert_eq!(keyed(&shop, order.0, &ada, "fifth", &order.1).await.status, 201);
    assert_eq!(shop.post(order.0, &ben, order.1.clone()).await.status, 201, "another account");
    let elsewhere = shop.event(&ada, "5000", Some(10)).await;
    assert_eq!(shop.post(order.0, &ada, ways(elsewhere)[0].1.clone()).await.status, 201, "another event");

    // The answer is not kept: the same request is fine once an order is cancelled.
    assert_eq!(keyed(&shop, order.0, &ada, "sixth", &order.1).await.status, 409);
    let open = shop.get("/orders", &ada).await.json();
    let oldest = open.as_array().unwrap().last().unwrap()["reference"].as_str().unwrap().to_owned();
    assert_eq!(shop.send(Call::new("delete", &format!("/orders/{oldest}")).token(&ada)).await.status, 200);
    assert_eq!(keyed(&shop, order.0, &ada, "sixth", &order.1).await.status, 201);
    assert_eq!(shop.post(order.0, &ada, order.1.clone()).await.problem().1, "too_many_holds");

    // What has expired does not count, and neither does what is paid: a paid order of any size is sold, any number of times.
    shop.minutes_pass(16);
    shop.ticketing.run_upkeep(ticketing_core::Upkeep::default()).await.unwrap();
    for _ in 0..7 {
        shop.buy(&ada, event, 100).await;
    }
    shop.is_sound().await;
}

#[tokio::test]
async fn one_account_gets_a_hundred_free_tickets_for_an_event() {
    let shop = Shop::limited(ApiSettings::default(), limits()).await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let types = json!([{"name": "Hall", "price": 0, "capacity": 300}, {"name": "Gallery", "price": "0.00"}]);
    let body =
        json!({"title": "Open day", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "ticket_types": types});
    let event = shop.post("/events/", &ada, body).await.json();
    let (hall, gallery) = (&event["ticket_types"][0]["id"], &event["ticket_types"][1]["id"]);
    let buy = async |token: &str, ticket_type: &Value, quantity: u32| {
        let body = json!({"event_id": event["id"], "ticket_type_id": ticket_type, "quantity": quantity});
        shop.post("/payments/initialize", token, body).await
    };
    assert_eq!(buy(&ada, hall, 60).await.status, 200);
    let refused = buy(&ada, gallery, 41).await;
    assert_eq!((refused.problem(), &refused.json()["left"]), ((400, "buyer_limit".to_owned()), &json!(40)));
    assert_eq!(buy(&ada, gallery, 40).await.status, 200);
    assert_eq!(buy(&ada, hall, 1).await.json()["left"], 0);
    assert_eq!(shop.get("/tickets/my-tickets?limit=1000", &ada).await.json().as_array().unwrap().len(), 100);
    assert_eq!(buy(&ben, hall, 100).await.status, 200, "another account");
    shop.is_sound().await;
}

#[tokio::test]
async fn an_account_and_an_address_begin_only_so_many_purchases() {
    let shop = Shop::with(purchases(Some(4), Some(6))).await;
    let (ada, ben) = (shop.somebody("ada").await, shop.somebody("ben").await);
    let event = shop.event(&ada, "5000", Some(5)).await;
    // What does not begin is not counted: wrong requests, and what is sold out.
    for _ in 0..5 {
        assert_eq!(
            shop.post("/payments/initialize", &ada, json!({"event_id": event, "quantity": 0})).await.status,
            422
        );
        let too_many = shop.post("/payments/initialize", &ada, json!({"event_id": event, "quantity": 6})).await;
        assert_eq!(too_many.problem(), (400, "sold_out".to_owned()));
    }
    let [order, initialize, pay] = ways(event);
    for (key, (path, body)) in ["a", "b", "c"].into_iter().zip([&order, &initialize, &pay]) {
        for _ in 0..3 {
            let answer = keyed(&shop, path, &ada, key, body).await;
            assert!(answer.status < 300, "a repeat counts once: {answer:?}");
        }
    }
    let last = shop.post("/orders", &ada, order.1.clone()).await;
    assert_eq!(last.status, 201);
    for (path, body) in ways(event) {
        let refused = shop.post(path, &ada, body).await;
        assert_eq!((refused.problem(), refused.header("retry-after")), ((429, "too_many_purchases".to_owned()), "225"));
    }
    // A purchase that was begun goes on.
    let path = format!("/orders/{}/pay", last.text("reference"));
    assert_eq!(shop.post(&path, &ada, json!({})).await.status, 200);
    // The address has two left, for whomever.
    for _ in 0..2 {
        let event = shop.event(&ada, "5000", None).await;
        assert_eq!(shop.post("/payments/pay", &ben, json!({"event_id": event})).await.status, 200);
    }
    assert_eq!(shop.post(pay.0, &ben, pay.1.clone()).await.problem(), (429, "too_many_purchases".to_owned()));
    shop.minutes_pass(4);
    let event = shop.event(&ada, "5000", None).await;
    assert_eq!(shop.post("/payments/pay", &ada, json!({"event_id": event})).await.status, 200);
}
