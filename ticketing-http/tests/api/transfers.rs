//! Tickets that are given to somebody else, swapped or returned; answers, messages, and files with attendees.

use crate::guests::{call, order_of, pay};
use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};

impl Shop {
    async fn edit_settings(&self, event: i64, token: &str, patch: Value) -> Answer {
        let call = Call::new("patch", &format!("/events/{event}/settings")).token(token).header("if-match", "*");
        self.send(call.json(&patch)).await
    }

    async fn edit_details(&self, order: &str, token: &str, patch: Value) -> Answer {
        let call = Call::new("patch", &format!("/orders/{order}/details")).token(token).header("if-match", "*");
        self.send(call.json(&patch)).await
    }

    async fn import(&self, event: i64, token: &str, query: &str, csv: &str) -> Answer {
        let call = Call::new("post", &format!("/events/{event}/imports?{query}")).token(token);
        self.send(call.body("text/csv", csv)).await
    }

    /// The key in the mail of an offer to this address.
    async fn key_mailed_to(&self, email: &str) -> String {
        self.ticketing.run_upkeep(Default::default()).await.unwrap();
        let mails = self.mailer.sent();
        let mail = mails.iter().rev().find(|mail| mail.to.as_str() == email && mail.text.contains("tkt_")).unwrap();
        let (_, rest) = mail.text.split_once("tkt_").unwrap();
        format!("tkt_{}", rest.split_whitespace().next().unwrap())
    }
}

#[tokio::test]
async fn a_friend_without_an_account_takes_a_ticket() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", Some(1)).await;
    let (_, tickets) = shop.buy(&bob, event, 1).await;
    let (id, old) = (&tickets[0]["id"], tickets[0]["ticket_code"].as_str().unwrap());
    let transfers = format!("/tickets/{id}/transfers");
    let own = shop.post(&transfers, &bob, json!({"to": "bob@example.com"})).await;
    assert_eq!(own.wrong_fields(), ["to"], "an offer to oneself");
    let offered = shop.post(&transfers, &bob, json!({"to": "friend@example.com"})).await;
    assert_eq!((offered.status, &offered.json()["status"]), (201, &json!("offered")));
    let key = shop.key_mailed_to("friend@example.com").await;
    let seen = shop.get(&format!("/transfers/{key}"), "").await.json();
    assert_eq!((&seen["status"], &seen["from"]), (&json!("offered"), &json!("bob@example.com")));
    assert_eq!(shop.get(&format!("/tickets/{old}"), "").await.json()["status"], "active", "looking takes nothing");
    let take = format!("/transfers/{key}/take");
    let taken = shop.post(&take, "", json!({"name": "Grace Hopper"})).await;
    assert_eq!((taken.status, &taken.json()["key"]), (200, &json!(key)));
    let new = taken.json()["ticket"].clone();
    assert_ne!(new["ticket_code"], json!(old));
    assert_eq!(shop.post(&take, "", json!({})).await.json()["ticket"]["id"], new["id"], "the same again");
    let scan = |code: &str, nonce: &str| json!({"code": code, "nonce": nonce});
    let refused = shop.post("/check-ins", &ada, scan(old, "scan-1")).await;
    assert_eq!(refused.problem(), (409, "ticket_transferred".to_owned()));
    let guest = |method: &str, path: &str| call(method, path, &key);
    let mine = shop.send(guest("get", "/tickets/my-tickets")).await.json();
    assert_eq!((mine.as_array().unwrap().len(), &mine[0]["id"]), (1, &new["id"]));
    let of_bob = shop.get("/tickets/my-tickets", &bob).await.json();
    assert_eq!((&of_bob[0]["ticket_code"], &of_bob[0]["status"]), (&json!(old), &json!("transferred")));
    let code = new["ticket_code"].as_str().unwrap();
    assert!(!of_bob.to_string().contains(code), "the new code is no business of the buyer's");
    let closed = shop.post(&transfers, &bob, json!({"to": "eve@example.com"})).await;
    assert_eq!(closed.problem(), (409, "ticket_transferred".to_owned()));
    // The friend gives it to somebody with an account.
    let onwards = format!("/tickets/{}/transfers", new["id"]);
    let offer = guest("post", &onwards).json(&json!({"to": "kofi@example.com"}));
    assert_eq!(shop.send(offer).await.status, 201);
    let kofi = shop.somebody("kofi").await;
    let key = shop.key_mailed_to("kofi@example.com").await;
    let taken = shop.post(&format!("/transfers/{key}/take"), &kofi, json!({})).await.json();
    assert_eq!(taken["key"], Value::Null, "the account is its holder");
    let mine = shop.get("/tickets/my-tickets", &kofi).await.json();
    let last = mine[0]["ticket_code"].as_str().unwrap();
    assert_eq!(shop.post("/check-ins", &ada, scan(code, "scan-2")).await.problem().1, "ticket_transferred");
    assert_eq!(shop.post("/check-ins", &ada, scan(last, "scan-3")).await.status, 200);
    let places = shop.get(&format!("/events/{event}"), "").await.json();
    assert_eq!((&places["tickets_sold"], &places["available"]), (&json!(1), &json!(0)), "no place has moved");
    shop.is_sound().await;
}

#[tokio::test]
async fn offers_end() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (_, tickets) = shop.buy(&bob, event, 2).await;
    let path = format!("/tickets/{}/transfers", tickets[0]["id"]);
    assert_eq!(shop.post(&path, &bob, json!({"to": "friend@example.com"})).await.status, 201);
    let first = shop.key_mailed_to("friend@example.com").await;
    assert_eq!(shop.post(&path, &bob, json!({"to": "other@example.com"})).await.status, 201);
    let second = shop.key_mailed_to("other@example.com").await;
    let missing = (404, "not_found".to_owned());
    assert_eq!(shop.get(&format!("/transfers/{first}"), "").await.problem(), missing, "it was replaced");
    for _ in 0..2 {
        assert_eq!(shop.delete(&path, &bob).await, 204);
    }
    let take = shop.post(&format!("/transfers/{second}/take"), "", json!({})).await;
    assert_eq!(take.problem(), missing, "it was withdrawn");
    for wrong in ["tkt_", "tkt_abc_ABC", "x", &second[..second.len() - 1]] {
        assert_eq!(shop.get(&format!("/transfers/{wrong}"), "").await.problem(), missing, "{wrong}");
    }
    let statuses: Vec<Value> = shop.get(&path, &bob).await.json().as_array().unwrap().clone();
    let statuses: Vec<&str> = statuses.iter().map(|offer| offer["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["withdrawn", "withdrawn"]);
    assert_eq!(shop.edit_settings(event, &ada, json!({"transfers": "never"})).await.status, 200);
    let never = shop.post(&path, &bob, json!({"to": "friend@example.com"})).await;
    assert_eq!(never.problem(), (409, "transfer_closed".to_owned()));
    assert_eq!(shop.get(&format!("/events/{event}/terms"), "").await.json()["transfers"], "never");
    let wrong = shop.edit_settings(event, &ada, json!({"transfers": "maybe", "returns_keep_percent": 101})).await;
    assert_eq!(wrong.wrong_fields(), ["transfers", "returns_keep_percent"]);
    shop.is_sound().await;
}

#[tokio::test]
async fn a_ticket_is_swapped_for_a_cheaper_one() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (_, tickets) = shop.buy(&bob, event, 2).await;
    let known = shop.get(&format!("/events/{event}/settings"), &ada).await.json()["ticket_types"][0]["id"].clone();
    let types = json!({"ticket_types": [{"id": known}, {"name": "Standing", "price": "1500"}, {"name": "Box", "price": "9000"}]});
    let types = shop.edit_settings(event, &ada, types).await.json()["ticket_types"].clone();
    let swap = format!("/tickets/{}/swap", tickets[0]["id"]);
    let dearer = shop.post(&swap, &ada, json!({"ticket_type_id": types[2]["id"]})).await;
    assert_eq!(dearer.problem(), (409, "price_higher".to_owned()));
    assert_eq!((dearer.text("difference"), dearer.text("currency")), ("4000.00".to_owned(), "NGN".to_owned()));
    let body = json!({"ticket_type_id": types[1]["id"]});
    let swapped = shop.post(&swap, &ada, body.clone()).await;
    assert_eq!((swapped.status, swapped.text("amount_paid")), (200, "1500.00".to_owned()));
    assert_eq!(swapped.json()["refund"]["amount"], json!("3500.00"));
    assert_eq!(shop.post(&swap, &ada, body).await.json()["ticket_id"], swapped.json()["ticket_id"], "the same again");
    let old = tickets[0]["ticket_code"].as_str().unwrap();
    let scan = shop.post("/check-ins", &ada, json!({"code": old, "nonce": "scan-1"})).await;
    assert_eq!(scan.problem(), (409, "ticket_transferred".to_owned()));
    let kept = json!({"ticket_type_id": types[1]["id"], "difference": "keep"});
    let kept = shop.post(&format!("/tickets/{}/swap", tickets[1]["id"]), &ada, kept).await.json();
    assert_eq!((&kept["amount_paid"], &kept["refund"]), (&json!("5000.00"), &Value::Null));
    let word = shop.post(&swap, &ada, json!({"ticket_type_id": 1, "difference": "waive"})).await;
    assert_eq!(word.wrong_fields(), ["difference"]);
    shop.is_sound().await;
}

#[tokio::test]
async fn questions_are_answered_before_paying_and_before_entry() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let questions = json!({"questions": [
        {"key": "diet", "text": "What do you eat?", "kind": "choice", "options": ["Everything", "No meat"], "required": "before_paying"},
        {"key": "company", "text": "Your company", "kind": "text", "per": "order", "required": "before_paying"},
        {"key": "waiver", "text": "Do you come at your own risk?", "kind": "yes_no", "required": "before_entry"}]});
    assert_eq!(shop.edit_settings(event, &ada, questions).await.status, 200);
    let terms = shop.get(&format!("/events/{event}/terms"), "").await.json();
    assert_eq!(terms["questions"][0]["options"], json!(["Everything", "No meat"]));
    let at_once = shop.post("/payments/initialize", &bob, json!({"event_id": event})).await;
    assert_eq!(at_once.problem(), (409, "answers_required".to_owned()), "an older client cannot answer");
    let order = shop.post("/orders", &bob, json!({"event_id": event, "lines": [{"quantity": 2}]})).await;
    let order = order.text("reference");
    let unanswered = shop.post(&format!("/orders/{order}/pay"), &bob, json!({})).await;
    assert_eq!(unanswered.problem(), (409, "answers_required".to_owned()));
    assert_eq!(unanswered.text("questions"), "company, diet");
    let wrong =
        json!({"answers": {"diet": "No meat", "company": 1}, "attendees": [{"answers": {"diet": "Fish", "age": "7"}}]});
    let wrong = shop.edit_details(&order, &bob, wrong).await;
    assert_eq!((wrong.status, wrong.wrong_fields()), (422, vec!["answers.company".to_owned()]));
    let wrong = json!({"answers": {"diet": "No meat"}, "attendees": [{"answers": {"diet": "Fish", "age": "7"}}]});
    let wrong = shop.edit_details(&order, &bob, wrong).await.wrong_fields();
    assert_eq!(wrong, ["answers.diet", "attendees.0.answers.age", "attendees.0.answers.diet"]);
    let answers = json!({"answers": {"company": "Analytical Engines"}, "attendees": [
        {"name": "Ada", "answers": {"diet": "No meat"}},
        {"name": "Zoë", "email": "zoe@example.com", "answers": {"diet": "Everything", "waiver": "yes"}}]});
    assert_eq!(shop.edit_details(&order, &bob, answers).await.header("etag"), "\"v1\"");
    let checkout = shop.post(&format!("/orders/{order}/pay"), &bob, json!({})).await;
    assert_eq!(checkout.status, 200, "{checkout:?}");
    let attempt = checkout.text("reference");
    shop.gateway.pay(&attempt.parse().unwrap());
    let tickets = shop.get(&format!("/payments/verify/{attempt}"), &bob).await.json()["tickets"].clone();
    let list = shop.get(&format!("/events/{event}/attendees"), &ada).await.json();
    assert_eq!((&list[0]["name"], &list[0]["answers"]["diet"]), (&json!("Ada"), &json!("No meat")));
    assert_eq!(list[1]["email"], "zoe@example.com");
    shop.ticketing.run_upkeep(Default::default()).await.unwrap();
    let mails = shop.mailer.sent();
    let hers = mails.iter().find(|mail| mail.to.as_str() == "zoe@example.com").expect("she gets her own ticket");
    let codes = [&tickets[0], &tickets[1]].map(|ticket| {
        let code = ticket["ticket_code"].as_str().unwrap();
        hers.text.replace(['-', ' '], "").contains(code)
    });
    assert_eq!(codes, [false, true], "and no other");
    let scan = |at: usize, nonce: &str| json!({"code": tickets[at]["ticket_code"], "nonce": nonce});
    let refused = shop.post("/check-ins", &ada, scan(0, "scan-1")).await;
    assert_eq!((refused.problem().1, refused.text("questions")), ("answers_required".to_owned(), "waiver".to_owned()));
    let patch = Call::new("patch", &format!("/attendees/{}", tickets[0]["id"])).token(&ada).header("if-match", "*");
    assert_eq!(shop.send(patch.json(&json!({"answers": {"waiver": "yes"}}))).await.status, 200);
    for (at, nonce) in [(0, "scan-1"), (1, "scan-2")] {
        assert_eq!(shop.post("/check-ins", &ada, scan(at, nonce)).await.status, 200);
    }
    let csv = shop.get(&format!("/events/{event}/exports/attendees?plain=true"), &ada).await;
    let csv = String::from_utf8_lossy(&csv.bytes).into_owned();
    assert!(csv.lines().next().unwrap().ends_with("\"answer_diet\",\"answer_waiver\""), "{csv}");
    assert!(csv.lines().nth(1).unwrap().ends_with("\"No meat\",\"yes\""), "{csv}");
    let note = shop.edit_details(&order, &ada, json!({"note": "Called twice"})).await.json();
    assert_eq!((&note["note"], &note["answers"]["company"]), (&json!("Called twice"), &json!("Analytical Engines")));
    let seen = shop.get(&format!("/orders/{order}/details"), &bob).await.json();
    assert_eq!(seen["note"], Value::Null, "the note is the organiser's");
    shop.is_sound().await;
}

#[tokio::test]
async fn buyers_return_tickets_as_the_event_allows() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    let (attempt, tickets) = shop.buy(&bob, event, 2).await;
    let order = shop.get(&format!("/payments/{attempt}"), &bob).await.json()["order"]["reference"].clone();
    let path = format!("/orders/{}/returns", order.as_str().unwrap());
    let closed = shop.get(&path, &bob).await.json();
    assert_eq!((&closed["is_open"], &closed["tickets"]), (&json!(false), &json!([])));
    assert_eq!(shop.post(&path, &bob, json!({})).await.problem(), (409, "return_not_open".to_owned()));
    let until = (shop.now() + jiff::SignedDuration::from_hours(24)).to_string();
    let terms = json!({"returns_until": until, "returns_keep_percent": 10});
    assert_eq!(shop.edit_settings(event, &ada, terms).await.status, 200);
    let quote = shop.get(&path, &bob).await.json();
    assert_eq!((&quote["keep_percent"], &quote["tickets"][0]["amount"]), (&json!(10), &json!("4500.00")));
    let returned = shop.post(&path, &bob, json!({"tickets": [tickets[0]["id"]]})).await;
    assert_eq!(
        (returned.status, returned.text("amount"), returned.text("reason")),
        (201, "4500.00".to_owned(), "returned".to_owned())
    );
    shop.minutes_pass(24 * 60);
    assert_eq!(shop.post(&path, &bob, json!({})).await.problem(), (409, "return_not_open".to_owned()));
    shop.is_sound().await;
}

#[tokio::test]
async fn a_message_reaches_everybody_once() {
    let shop = Shop::new().await;
    let (ada, bob) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let event = shop.event(&ada, "5000", None).await;
    for _ in 0..2 {
        shop.buy(&bob, event, 2).await;
    }
    let (reference, key) = order_of(&shop, event, 1, Some("Guest@example.com")).await;
    pay(&shop, &reference, &key).await;
    let messages = format!("/events/{event}/messages");
    let count = shop.get(&format!("{messages}/recipients"), &ada).await.json();
    assert_eq!(count["addresses"], 2);
    let body = json!({"subject": "Doors open at 18:00", "text": "See you <tonight>.\n\nThe band"});
    let sent = shop.post(&messages, &ada, body).await;
    assert_eq!((sent.status, sent.text("status")), (201, "sending".to_owned()));
    for _ in 0..3 {
        shop.ticketing.run_upkeep(Default::default()).await.unwrap();
    }
    let mails = shop.mailer.sent();
    let of_message: Vec<_> = mails.iter().filter(|mail| mail.subject.starts_with("Doors open")).collect();
    let mut to: Vec<&str> = of_message.iter().map(|mail| mail.to.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["Guest@example.com", "bob@example.com"]);
    assert!(
        of_message[0].html.contains("See you &lt;tonight&gt;.") && of_message[0].text.contains("See you <tonight>.")
    );
    let list = shop.get(&messages, &ada).await.json();
    assert_eq!((&list[0]["status"], &list[0]["mails"]), (&json!("sent"), &json!(2)));
    for (wrong, field) in [
        (json!({"subject": "", "text": "x"}), "subject"),
        (json!({"subject": "x", "text": " "}), "text"),
        (json!({"subject": "x", "text": "x", "who": "nobody"}), "who"),
    ] {
        assert_eq!(shop.post(&messages, &ada, wrong).await.wrong_fields(), [field]);
    }
    for number in 0..2 {
        let more = json!({"subject": format!("News {number}"), "text": "x", "who": "in"});
        let id = shop.post(&messages, &ada, more).await.json()["id"].clone();
        let stopped = shop.post(&format!("{messages}/{id}/stop"), &ada, json!({})).await;
        assert_eq!(stopped.text("status"), "stopped");
    }
    let limit = shop.post(&messages, &ada, json!({"subject": "Again", "text": "x"})).await;
    assert_eq!(limit.problem(), (429, "too_many_messages".to_owned()));
    shop.is_sound().await;
}

#[tokio::test]
async fn a_file_is_imported_as_a_whole_and_once() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", Some(5)).await;
    let bad = "name,email,quantity\nAda,ada@example.com,1\nBob,nobody,0\nEve,,2\n";
    let wrong = shop.import(event, &ada, "note=Friends", bad).await;
    assert_eq!((wrong.status, wrong.wrong_fields()), (422, vec!["line 3".to_owned(), "line 3".to_owned()]));
    let many = "name,email,quantity\nAda,ada@example.com,3\nBob,,2\nEve,,1\n";
    let full = shop.import(event, &ada, "note=Friends", many).await;
    assert_eq!((full.status, full.wrong_fields()), (422, vec!["line 4".to_owned()]), "the last has no place");
    let sold = shop.get(&format!("/events/{event}"), "").await.json()["tickets_sold"].clone();
    assert_eq!(sold, 0, "all or nothing");
    let good = "\u{feff}Name,Email,Quantity\r\n\"Lovelace, Ada\",ada@example.com,3\r\nBob,,2\r\n";
    assert_eq!(shop.import(event, &ada, "", good).await.wrong_fields(), ["note"], "why they are free");
    let dry = shop.import(event, &ada, "note=Friends&dry_run=true", good).await.json();
    assert_eq!((&dry["rows"], &dry["tickets"], &dry["is_issued"]), (&json!(2), &json!(5), &json!(false)));
    assert_eq!(shop.get(&format!("/events/{event}"), "").await.json()["tickets_sold"], 0);
    let first = shop.import(event, &ada, "note=Friends", good).await.json();
    assert_eq!(first["orders"].as_array().unwrap().len(), 2);
    assert_eq!(shop.import(event, &ada, "note=Friends", good).await.json(), first, "the same file again");
    let list = shop.get(&format!("/events/{event}/attendees"), &ada).await.json();
    assert_eq!((list.as_array().unwrap().len(), &list[2]["name"]), (5, &json!("Lovelace, Ada")));
    shop.ticketing.run_upkeep(Default::default()).await.unwrap();
    assert!(
        shop.mailer.sent().iter().all(|mail| mail.to.as_str() != "ada@example.com" || !mail.text.contains("Ticket 1"))
    );
    for (csv, field) in [
        ("", "file"),
        ("name\n", "file"),
        ("name,age\nAda,7\n", "line 1"),
        ("name,name\nAda,Ada\n", "line 1"),
        ("name,email\nAda\n", "line 2"),
        ("name,ticket_type\nAda,Nowhere\n", "line 2"),
        ("name,price\nAda,1.234\n", "line 2"),
    ] {
        let answer = shop.import(event, &ada, "note=Friends", csv).await;
        assert_eq!((answer.status, answer.wrong_fields()), (422, vec![field.to_owned()]), "{csv:?}");
    }
    let json = Call::new("post", &format!("/events/{event}/imports?note=x")).token(&ada).json(&json!({}));
    assert_eq!(shop.send(json).await.problem().0, 415);
    shop.is_sound().await;
}
