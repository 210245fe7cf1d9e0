//! Attendees, and orders that an organiser makes, finds and refunds by hand.

use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};
use ticketing_core::clock::Clock as _;

impl Shop {
    async fn issue(&self, event: i64, token: &str, body: Value) -> Answer {
        self.post(&format!("/events/{event}/orders"), token, body).await
    }

    async fn edit_attendee(&self, ticket: &Value, token: &str, seen: &str, patch: &Value) -> Answer {
        let call = Call::new("patch", &format!("/attendees/{ticket}")).token(token).header("if-match", seen);
        self.send(call.json(patch)).await
    }

    /// All pages of a list.
    async fn pages(&self, path: &str, token: &str) -> Vec<Value> {
        let (mut path, mut all) = (path.to_owned(), vec![]);
        loop {
            let page = self.get(&path, token).await;
            assert_eq!(page.status, 200, "{page:?}");
            all.extend(page.json().as_array().unwrap().clone());
            let link = page.header("link").to_owned();
            match link.strip_prefix('<').and_then(|link| link.split_once('>')) {
                Some((next, _)) => path = next.trim_start_matches("https://tickets.example.com").to_owned(),
                None => return all,
            }
        }
    }
}

fn ids(entries: &[Value]) -> Vec<i64> {
    entries.iter().map(|entry| entry["ticket_id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn an_organiser_finds_who_has_bought() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (_, first) = shop.buy(&bob, event, 2).await;
    let (_, second) = shop.buy(&shop.somebody("kofi").await, event, 1).await;
    let path = format!("/events/{event}/attendees");
    for limit in [1, 2, 3, 100] {
        let all = shop.pages(&format!("{path}?limit={limit}"), &ada).await;
        let wanted: Vec<i64> =
            [&second[0], &first[0], &first[1]].map(|ticket| ticket["id"].as_i64().unwrap()).into_iter().collect();
        assert_eq!(ids(&all), wanted, "in pages of {limit}");
    }
    let all = shop.get(&path, &ada).await;
    let code = first[0]["ticket_code"].as_str().unwrap();
    assert!(!String::from_utf8_lossy(&all.bytes).contains(code), "no code is in the list");
    assert_eq!(all.json()[1]["code_ends_with"], json!(code[20..]));
    assert_eq!(all.json()[0]["buyer_email"], json!("kofi@example.com"));
    for (query, count) in [
        ("q=KOFI", 1),
        ("q=bob%40example.com", 2),
        (&format!("q={}", &code[20..]), 1),
        ("status=active", 3),
        ("status=used", 0),
        ("paid_with=fake", 3),
        ("paid_with=cash", 0),
        ("ordered_from=2099-01-01T00:00:00Z", 0),
    ] {
        let found = shop.get(&format!("{path}?{query}"), &ada).await;
        assert_eq!((found.status, found.json().as_array().unwrap().len()), (200, count), "{query}");
    }
    for (query, field) in [
        ("status=late", "status"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("after=x", "after"),
        ("ordered_from=2099-01-02T00:00:00Z&ordered_until=2099-01-01T00:00:00Z", "ordered_until"),
    ] {
        assert_eq!(shop.get(&format!("{path}?{query}"), &ada).await.wrong_fields(), [field], "{query}");
    }
    let scan = json!({"code": code, "nonce": "scan-1", "gate": "north"});
    assert_eq!(shop.post("/check-ins", &ada, scan).await.status, 200);
    let used = shop.get(&format!("{path}?status=used"), &ada).await.json();
    assert_eq!((&used[0]["ticket_id"], &used[0]["gate"]), (&first[0]["id"], &json!("north")));
    assert!(used[0]["checked_in_at"].is_string());
    shop.is_sound().await;
}

#[tokio::test]
async fn holders_and_organisers_say_who_comes() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (_, tickets) = shop.buy(&bob, event, 1).await;
    let id = &tickets[0]["id"];
    let unknown = shop.get(&format!("/attendees/{id}"), &bob).await;
    assert_eq!((unknown.status, unknown.header("etag"), &unknown.json()["name"]), (200, "\"v0\"", &Value::Null));
    let patch = json!({"name": "Zoë", "email": "zoe@example.com"});
    let missing = Call::new("patch", &format!("/attendees/{id}")).token(&bob).json(&patch);
    assert_eq!(shop.send(missing).await.problem(), (428, "precondition_required".to_owned()));
    let named = shop.edit_attendee(id, &bob, "\"v0\"", &patch).await;
    assert_eq!((named.status, named.header("etag")), (200, "\"v1\""));
    // The answer was lost: the same again is no conflict. Something else is.
    assert_eq!(shop.edit_attendee(id, &bob, "\"v0\"", &patch).await.header("etag"), "\"v1\"");
    let stale = shop.edit_attendee(id, &ada, "\"v0\"", &json!({"name": "Eve"})).await;
    assert_eq!((stale.problem(), stale.header("etag")), ((412, "stale".to_owned()), "\"v1\""));
    let noted = shop.edit_attendee(id, &ada, "*", &json!({"note": "vegetarian"})).await;
    assert_eq!((&noted.json()["name"], &noted.json()["note"]), (&json!("Zoë"), &json!("vegetarian")));
    let seen = shop.get(&format!("/attendees/{id}"), &bob).await.json();
    assert_eq!((&seen["name"], &seen["note"]), (&json!("Zoë"), &Value::Null), "the note is the organiser's");
    let note = shop.edit_attendee(id, &bob, "*", &json!({"note": "mine"})).await;
    assert_eq!((note.status, note.wrong_fields()), (422, vec!["note".to_owned()]));
    let eve = shop.somebody("eve").await;
    assert_eq!(
        shop.edit_attendee(id, &eve, "*", &json!({"name": "Eve"})).await.problem(),
        (404, "not_found".to_owned())
    );
    for (patch, field) in [
        (json!({"name": "x".repeat(201)}), "name"),
        (json!({"email": "nobody"}), "email"),
        (json!({"note": "x".repeat(2001)}), "note"),
        (json!({"nme": "Ada"}), "nme"),
    ] {
        assert_eq!(shop.edit_attendee(id, &ada, "*", &patch).await.wrong_fields(), [field], "{patch}");
    }
    let found = shop.get(&format!("/events/{event}/attendees?q=ZO%C3%8B"), &ada).await.json();
    assert_eq!((&found[0]["name"], &found[0]["note"]), (&json!("Zoë"), &json!("vegetarian")));
    let emptied = shop.edit_attendee(id, &ada, "\"v2\"", &json!({"name": null, "email": null, "note": null})).await;
    assert_eq!((&emptied.json()["name"], emptied.header("etag")), (&Value::Null, "\"v3\""));
    shop.is_sound().await;
}

#[tokio::test]
async fn tickets_are_given_away_and_sold_at_a_counter() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let band = json!({"lines": [{"quantity": 2, "attendees": [{"name": "Zoë"}]}], "payment": "free", "note": "The band",
        "email": "band@example.com"});
    let call = || {
        let call = Call::new("post", &format!("/events/{event}/orders")).token(&ada);
        call.header("idempotency-key", "band-1").json(&band)
    };
    let issued = shop.send(call()).await;
    assert_eq!((issued.status, &issued.json()["order"]["total"]), (201, &json!("0.00")));
    assert_eq!(shop.send(call()).await.json(), issued.json(), "a repeat is the same order");
    let tickets = issued.json()["tickets"].as_array().unwrap().clone();
    assert_eq!(tickets.len(), 2);
    let scan = json!({"code": tickets[0]["ticket_code"], "nonce": "scan-1"});
    assert_eq!(shop.post("/check-ins", &ada, scan).await.status, 200);
    let listed = shop.get(&format!("/events/{event}/attendees?paid_with=free"), &ada).await.json();
    assert_eq!(
        (&listed[0]["name"], &listed[1]["name"], &listed[0]["price"]),
        (&json!("Zoë"), &Value::Null, &json!("0.00"))
    );

    let cash = shop.issue(event, &ada, json!({"lines": [{"quantity": 2}], "payment": "cash"})).await;
    assert_eq!((cash.status, &cash.json()["order"]["total"]), (201, &json!("10000.00")));
    let full = shop.issue(event, &ada, json!({"lines": [{"quantity": 2}], "payment": "transfer"})).await;
    assert_eq!((full.problem(), &full.json()["available"]), ((400, "sold_out".to_owned()), &json!(1)));
    let half = json!({"lines": [{"quantity": 1, "unit_price": "2500.00"}], "payment": "transfer"});
    assert_eq!(shop.issue(event, &ada, half).await.json()["order"]["lines"][0]["discount"], json!("2500.00"));

    for (body, field) in [
        (json!({"lines": [{"quantity": 1}], "payment": "free"}), "note"),
        (json!({"lines": [], "payment": "cash"}), "quantity"),
        (json!({"lines": [{"quantity": 1}], "payment": "cheque"}), "payment"),
        (json!({"lines": [{"quantity": 1}], "payment": "later"}), "pay_until"),
        (json!({"lines": [{"quantity": 1}], "payment": "later", "pay_until": "2199-01-01T00:00:00Z"}), "pay_until"),
        (json!({"lines": [{"quantity": 1}], "payment": "cash", "pay_until": "2199-01-01T00:00:00Z"}), "pay_until"),
        (json!({"lines": [{"quantity": 1, "unit_price": "1.001"}], "payment": "cash"}), "unit_price"),
        (json!({"lines": [{"quantity": 1, "unit_price": "1"}], "payment": "free", "note": "x"}), "unit_price"),
        (json!({"lines": [{"quantity": 1, "attendees": [{}, {}]}], "payment": "cash"}), "attendees"),
        (json!({"lines": [{"quantity": 1}], "payment": "cash", "email": "nobody"}), "email"),
    ] {
        assert_eq!(shop.issue(event, &ada, body.clone()).await.wrong_fields(), [field], "{body}");
    }
    let orders = shop.get(&format!("/events/{event}/orders"), &ada).await.json();
    let with: Vec<&str> = orders.as_array().unwrap().iter().map(|order| order["paid_with"].as_str().unwrap()).collect();
    assert_eq!(with, ["transfer", "cash", "free"]);
    assert_eq!(orders[2]["buyer_email"], json!("band@example.com"));
    shop.is_sound().await;
}

#[tokio::test]
async fn places_are_kept_until_the_money_is_in_the_account() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", Some(2)).await;
    let until = jiff::Timestamp::from_second(shop.clock.now().as_second() + 3 * 86_400).unwrap();
    let body = json!({"lines": [{"quantity": 2}], "payment": "later", "pay_until": until.to_string(), "email": "school@example.com"});
    let kept = shop.issue(event, &ada, body).await;
    assert_eq!((kept.status, &kept.json()["tickets"]), (201, &json!([])));
    let order = kept.json()["order"]["reference"].as_str().unwrap().to_owned();
    let full = shop.post("/orders", &bob, json!({"event_id": event, "lines": [{"quantity": 1}]})).await;
    assert_eq!(full.problem(), (400, "sold_out".to_owned()));
    let path = format!("/orders/{order}/record-payment");
    let money = json!({"method": "transfer", "amount": "10000.00", "note": "FT26335"});
    assert_eq!(shop.post(&path, &bob, money.clone()).await.problem(), (404, "not_found".to_owned()));
    let nothing = json!({"method": "transfer", "amount": "0"});
    assert_eq!(shop.post(&path, &ada, nothing).await.wrong_fields(), ["amount"]);
    let call = || Call::new("post", &path).token(&ada).header("idempotency-key", "money-1").json(&money);
    let paid = shop.send(call()).await;
    assert_eq!((paid.status, &paid.json()["outcome"]), (200, &json!("paid")));
    assert_eq!(paid.json()["tickets"].as_array().unwrap().len(), 2);
    assert_eq!(shop.send(call()).await.json(), paid.json());
    assert_eq!(shop.post(&path, &ada, money).await.problem(), (409, "order_paid".to_owned()));

    let story = shop.get(&format!("/payments/{order}"), &ada).await.json();
    assert_eq!(
        (&story["attempts"][0]["gateway"], &story["attempts"][0]["note"]),
        (&json!("transfer"), &json!("FT26335"))
    );
    shop.is_sound().await;
}

#[tokio::test]
async fn another_amount_waits_for_a_decision() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", None).await;
    let until = jiff::Timestamp::from_second(shop.clock.now().as_second() + 86_400).unwrap();
    let body = json!({"lines": [{"quantity": 1}], "payment": "later", "pay_until": until.to_string()});
    let order = shop.issue(event, &ada, body).await.json()["order"]["reference"].as_str().unwrap().to_owned();
    let part = json!({"method": "cash", "amount": "4000"});
    let recorded = shop.post(&format!("/orders/{order}/record-payment"), &ada, part).await;
    assert_eq!((recorded.status, &recorded.json()["outcome"]), (200, &json!("in_review")));
    let attempt = shop.get("/payments/reviews", &ada).await.json()[0]["reference"].as_str().unwrap().to_owned();
    let accept = json!({"verdict": "accept", "note": "The rest was forgiven"});
    assert_eq!(shop.post(&format!("/payments/{attempt}/review"), &ada, accept).await.status, 200);
    assert_eq!(shop.get(&format!("/events/{event}/attendees"), &ada).await.json().as_array().unwrap().len(), 1);
    shop.is_sound().await;
}

#[tokio::test]
async fn a_refund_may_be_a_part_nothing_or_an_amount_alone() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (payment, tickets) = shop.buy(&bob, event, 3).await;
    let path = format!("/payments/{payment}/refunds");
    let half = shop.post(&path, &ada, json!({"tickets": [tickets[0]["id"]], "amount": "2500"})).await;
    assert_eq!((half.status, half.text("amount")), (201, "2500.00".to_owned()));
    let void = shop.post(&path, &ada, json!({"tickets": [tickets[1]["id"]], "amount": "0"})).await;
    assert_eq!(
        (void.status, void.text("amount"), void.text("status")),
        (201, "0.00".to_owned(), "processed".to_owned())
    );
    let sorry = shop.post(&path, &ada, json!({"tickets": [], "amount": "100.50"})).await;
    assert_eq!((sorry.status, &sorry.json()["tickets"]), (201, &json!([])));
    let much = shop.post(&path, &ada, json!({"tickets": [], "amount": "12399.51"})).await;
    assert_eq!(
        (much.problem(), much.text("refundable")),
        ((409, "refund_exceeds_paid".to_owned()), "12399.50".to_owned())
    );
    for body in [json!({"tickets": []}), json!({"tickets": [], "amount": "0"})] {
        assert_eq!(shop.post(&path, &ada, body.clone()).await.wrong_fields(), ["tickets"], "{body}");
    }
    assert_eq!(shop.post(&path, &ada, json!({"amount": "1.001"})).await.wrong_fields(), ["amount"]);
    let order = shop.get(&format!("/events/{event}/orders"), &ada).await.json()[0].clone();
    assert_eq!((&order["refunded"], &order["valid_tickets"]), (&json!("2600.50"), &json!(1)));
    shop.is_sound().await;
}

#[tokio::test]
async fn cash_is_paid_back_by_hand() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", None).await;
    let sold = shop.issue(event, &ada, json!({"lines": [{"quantity": 1}], "payment": "cash"})).await.json();
    let path = format!("/payments/{}/refunds", sold["order"]["reference"].as_str().unwrap());
    let refund = shop.post(&path, &ada, json!({})).await;
    assert_eq!((refund.status, refund.text("status")), (201, "needs_attention".to_owned()));
    assert_eq!(shop.get("/payments/reviews", &ada).await.json().as_array().unwrap().len(), 1, "it is to be done");
    let done = shop.post(&format!("{path}/{}/record", refund.json()["id"]), &ada, json!({})).await;
    assert_eq!((done.status, done.text("status")), (200, "processed".to_owned()));
    assert_eq!(shop.get("/payments/reviews", &ada).await.json(), json!([]));
    let unknown = shop.post(&format!("{path}/999/record"), &ada, json!({})).await;
    assert_eq!(unknown.problem(), (404, "not_found".to_owned()));
    shop.is_sound().await;
}

#[tokio::test]
async fn tickets_are_sent_again() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (payment, _) = shop.buy(&bob, event, 1).await;
    let story = shop.get(&format!("/payments/{payment}"), &bob).await.json();
    let path = format!("/orders/{}/resend", story["order"]["reference"].as_str().unwrap());
    let own = shop.post(&path, &bob, json!({})).await;
    assert_eq!(
        (own.status, own.text("kind"), own.text("recipient")),
        (200, "tickets_again".to_owned(), "bob@example.com".to_owned())
    );
    let elsewhere = json!({"to": "friend@example.com"});
    assert_eq!(shop.post(&path, &bob, elsewhere.clone()).await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(shop.post(&path, &ada, elsewhere).await.text("recipient"), "friend@example.com");
    for _ in 0..3 {
        assert_eq!(shop.post(&path, &ada, json!({})).await.status, 200);
    }
    let again = shop.post(&path, &ada, json!({})).await;
    assert_eq!(again.problem(), (429, "too_many_resends".to_owned()));
    assert!(again.json()["again_at"].is_string());
    let eve = shop.somebody("eve").await;
    assert_eq!(shop.post(&path, &eve, json!({})).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(shop.post(&path, &ada, json!({"to": "nobody"})).await.wrong_fields(), ["to"]);
    shop.is_sound().await;
}

#[tokio::test]
async fn an_event_is_exported() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (payment, tickets) = shop.buy(&bob, event, 2).await;
    let name = json!({"name": "=HYPERLINK(\"x\"), \"Zoë\"", "note": "line\r\ntwo"});
    assert_eq!(shop.edit_attendee(&tickets[1]["id"], &ada, "*", &name).await.status, 200);
    let refund = json!({"tickets": [tickets[0]["id"]], "amount": "10"});
    assert_eq!(shop.post(&format!("/payments/{payment}/refunds"), &ada, refund).await.status, 201);
    let path = format!("/events/{event}/exports");
    let csv = shop.get(&format!("{path}/attendees"), &ada).await;
    assert_eq!((csv.status, csv.header("content-type")), (200, "text/csv; charset=utf-8; header=present"));
    let file = format!("attachment; filename=\"event-{event}-attendees.csv\"");
    assert_eq!((csv.header("content-disposition"), csv.header("cache-control")), (file.as_str(), "no-store"));
    let text = String::from_utf8(csv.bytes.clone()).unwrap();
    assert!(text.starts_with("\u{feff}\"ticket_id\",\"code_ends_with\",\"ticket_type\",\"status\",\"name\""), "{text}");
    assert!(text.contains("\"'=HYPERLINK(\"\"x\"\"), \"\"Zoë\"\"\"") && text.contains("\"line\r\ntwo\""), "{text}");
    assert!(!text.contains(tickets[0]["ticket_code"].as_str().unwrap()), "no code is in it");
    let plain = shop.get(&format!("{path}/attendees?plain=true"), &ada).await;
    assert!(String::from_utf8(plain.bytes).unwrap().contains("\"=HYPERLINK("));
    for (kind, lines) in [("orders", 2), ("refunds", 2), ("check-ins", 1)] {
        let csv = shop.get(&format!("{path}/{kind}"), &ada).await;
        assert_eq!(String::from_utf8(csv.bytes).unwrap().trim_end().split("\r\n").count(), lines, "{kind}");
        let xlsx = shop.get(&format!("{path}/{kind}?format=xlsx"), &ada).await;
        assert!(xlsx.status == 200 && xlsx.bytes.starts_with(b"PK"), "{kind}");
    }
    assert_eq!(shop.get(&format!("{path}/secrets"), &ada).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(shop.get(&format!("{path}/orders?format=pdf"), &ada).await.wrong_fields(), ["format"]);
    assert_eq!(shop.get(&format!("{path}/orders"), &bob).await.problem(), (403, "forbidden".to_owned()));
    let audit = shop.get(&format!("/events/{event}/audit?limit=1000"), &ada).await.json();
    let exports = audit.as_array().unwrap().iter().filter(|line| line["action"] == json!("event.exported"));
    assert_eq!(exports.count(), 8, "every export is in the audit log");
    shop.is_sound().await;
}
