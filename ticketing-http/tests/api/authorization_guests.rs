//! What the key of a guest's order opens: every operation of the document, with the key of the order, that of another one, and a wrong one.
//! Where no key is accepted, it is as if nobody had asked.

use crate::authorization::World;
use crate::authorization_table::{BY_CODE, TABLE, is_another_way, request, type_of};
use crate::guests::{call, order_of, pay};
use crate::shop::Call;
use serde_json::{Value, json};

/// The operations that accept a key: the statuses for the right one, for another order's, and for a wrong one.
#[rustfmt::skip]
const TAKES_A_KEY: &[(&str, [u16; 3])] = &[
    // operation                            right other wrong
    ("get /orders/{reference}",             [200, 404, 404]),
    ("delete /orders/{reference}",          [200, 404, 404]),
    ("put /orders/{reference}/buyer",       [200, 404, 404]),
    ("post /orders/{reference}/pay",        [200, 404, 404]),
    ("post /orders/{reference}/returns",    [201, 404, 404]),
    ("post /orders/{reference}/resend",     [200, 404, 404]),
    ("get /orders/{reference}/details",     [200, 404, 404]),
    ("patch /orders/{reference}/details",   [200, 404, 404]),
    ("get /orders/{reference}/returns",     [200, 404, 404]),
    ("get /tickets/{ticket}/transfers",     [200, 404, 404]),
    ("post /tickets/{ticket}/transfers",    [201, 404, 404]),
    ("delete /tickets/{ticket}/transfers",  [204, 404, 404]),
    ("get /attendees/{ticket_id}",          [200, 404, 404]),
    ("patch /attendees/{ticket_id}",        [200, 404, 404]),
    ("get /payments/verify/{reference}",    [200, 404, 404]),
    ("post /payments/verify/{reference}",   [200, 404, 404]),
    ("get /tickets/my-tickets",             [200, 200, 200]),
    ("get /tickets/{ticket}",               [200, 404, 404]),
];

/// A request about a guest's order: the call without a key, the key, and what a list shows to those who have it.
async fn about_an_order(world: &World, operation: &str) -> (String, Value, String, String) {
    let event = world.event().await;
    let (reference, key) = order_of(&world.shop, event, 1, Some("guest@example.com")).await;
    let order = format!("/orders/{reference}");
    let none = Value::Null;
    let paid = |found: (String, Vec<Value>)| (found.0, found.1[0].clone());
    let (path, body, shown) = match operation {
        "put /orders/{reference}/buyer" => (format!("{order}/buyer"), json!({"email": "other@example.com"}), none),
        "post /orders/{reference}/pay" => (format!("{order}/pay"), json!({}), none),
        "post /orders/{reference}/returns" => {
            pay(&world.shop, &reference, &key).await;
            let settings = Call::new("patch", &format!("/events/{event}/settings")).token(&world.organizer);
            let moved = settings.header("if-match", "*").json(&json!({"location": "Elsewhere"}));
            assert_eq!(world.shop.send(moved).await.status, 200);
            (format!("{order}/returns"), json!({}), none)
        }
        "get /payments/verify/{reference}" | "post /payments/verify/{reference}" => {
            let (attempt, _) = paid(pay(&world.shop, &reference, &key).await);
            (format!("/payments/verify/{attempt}"), none.clone(), none)
        }
        "post /orders/{reference}/resend" => {
            pay(&world.shop, &reference, &key).await;
            (format!("{order}/resend"), json!({}), none)
        }
        "get /orders/{reference}/details" => (format!("{order}/details"), none.clone(), none),
        "patch /orders/{reference}/details" => {
            (format!("{order}/details"), json!({"attendees": [{"name": "Ada"}]}), none)
        }
        "get /orders/{reference}/returns" => (format!("{order}/returns"), none.clone(), none),
        "get /tickets/{ticket}/transfers"
        | "post /tickets/{ticket}/transfers"
        | "delete /tickets/{ticket}/transfers" => {
            let (_, ticket) = paid(pay(&world.shop, &reference, &key).await);
            let body = if operation.starts_with("post") { json!({"to": "friend@example.com"}) } else { Value::Null };
            (format!("/tickets/{}/transfers", ticket["id"]), body, none)
        }
        "get /attendees/{ticket_id}" | "patch /attendees/{ticket_id}" => {
            let (_, ticket) = paid(pay(&world.shop, &reference, &key).await);
            let body = if operation.starts_with("get") { Value::Null } else { json!({"name": "Ada"}) };
            (format!("/attendees/{}", ticket["id"]), body, none)
        }
        "get /tickets/my-tickets" | "get /tickets/{ticket}" => {
            let (_, ticket) = paid(pay(&world.shop, &reference, &key).await);
            let path = operation.split(' ').nth(1).unwrap().replace("{ticket}", &ticket["id"].to_string());
            (path, none, ticket["ticket_code"].clone())
        }
        _ => (order, none.clone(), none),
    };
    (path, body, key, shown.as_str().unwrap_or_default().to_owned())
}

/// Makes every request with each key. Returns what was answered otherwise than the table says.
async fn differences(world: &World) -> Vec<String> {
    let event = world.event().await;
    let (_, others) = order_of(&world.shop, event, 1, Some("somebody@example.com")).await;
    let mut found = vec![];
    for (row, (operation, statuses)) in TABLE.iter().enumerate() {
        let takes = TAKES_A_KEY.iter().find(|(takes, _)| takes == operation).map(|(_, statuses)| *statuses);
        for column in 0..3 {
            let (path, body, right, shown) = match takes {
                Some(_) => about_an_order(world, operation).await,
                None => {
                    let made = request(world, operation, 10_000 + row * 3 + column).await;
                    let made = made.unwrap_or_else(|| panic!("no request for {operation}"));
                    (made.path, made.body, others.clone(), String::new())
                }
            };
            let last = if right.ends_with('0') { '1' } else { '0' };
            let wrong = format!("{}{last}", &right[..right.len() - 1]);
            let key = [&right, &others, &wrong][column];
            let wanted = takes.map_or(statuses[0], |takes| takes[column]);
            let call = call(operation.split(' ').next().unwrap(), &path, key).header("if-match", "*");
            let answer = match &body {
                Value::Null => world.shop.send(call).await,
                Value::String(text) => world.shop.send(call.body(type_of(&path), text.as_str())).await,
                body => world.shop.send(call.json(body)).await,
            };
            if answer.status != wanted {
                found.push(format!("{operation} with key {column}: {} instead of {wanted}", answer.status));
            }
            let text = String::from_utf8_lossy(&answer.bytes);
            if !shown.is_empty() && text.contains(&shown) != (column == 0) && operation.ends_with("my-tickets") {
                found.push(format!("{operation} with key {column}: {shown}"));
            }
        }
    }
    found
}

#[test]
fn every_operation_that_takes_a_key_says_so() {
    let operations = crate::document::operations();
    let takes = |operation: &&crate::document::Operation| {
        let schemes = operation.value["security"].as_array();
        schemes.is_some_and(|all| all.iter().any(|scheme| scheme.get("OrderKey").is_some()))
    };
    let mut documented: Vec<String> = operations.iter().filter(takes).map(crate::document::Operation::name).collect();
    documented.sort_unstable();
    let mut rows: Vec<&str> = TAKES_A_KEY.iter().map(|(operation, _)| *operation).collect();
    rows.sort_unstable();
    assert_eq!(rows, documented);
    assert!(is_another_way(BY_CODE) && TAKES_A_KEY.iter().all(|(row, _)| !is_another_way(row)));
}

#[tokio::test]
async fn every_key_opens_its_order_and_nothing_else() {
    let world = World::new().await;
    assert_eq!(differences(&world).await, Vec::<String>::new());
    world.shop.is_sound().await;
}
