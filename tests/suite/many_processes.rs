//! Three servers on one PostgreSQL database, started at the same moment on an empty one, behind a client that goes to another
//! server with every request: together they are one shop.
//!
//! `FLEET_BUYERS` says how many buyers race; 60 if it is not set.

use hmac::{Hmac, KeyInit, Mac};
use hyper::Method;
use serde_json::json;
use sha2::Sha512;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ticketing_tests::cluster::Cluster;
use ticketing_tests::fleet::{Fleet, RoundRobin};
use ticketing_tests::number;
use ticketing_tests::proof::told;
use ticketing_tests::sandbox_gateway::SECRET_KEY;
use ticketing_tests::users::{User, codes_of, reference_of};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

const SERVERS: usize = 3;
/// Without mails to new accounts: those about the sale are counted.
const SETTINGS: &[(&str, &str)] =
    &[("MAX_CONNECTIONS", "10000"), ("REQUEST_TIMEOUT_SECONDS", "120"), ("VERIFY_EMAILS", "off")];

async fn open(settings: &[(&str, &str)]) -> Option<(Cluster, Fleet)> {
    let cluster = Cluster::start()?;
    let url = cluster.create("shop");
    let mut fleet = Fleet::prepare(&url, SERVERS, settings).await;
    fleet.start().await;
    Some((cluster, fleet))
}

/// So many people with accounts, a few at a time, each at another server.
async fn join(fleet: &Fleet, count: usize) -> Vec<User> {
    let door = Arc::new(Semaphore::new(4));
    let mut joining = JoinSet::new();
    for number in 0..count {
        let (door, address) = (Arc::clone(&door), fleet.address(number));
        joining.spawn(async move {
            let _permit = door.acquire().await.unwrap();
            User::join(address, &format!("buyer-{number}")).await
        });
    }
    joining.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_sell_each_place_once_and_send_each_mail_once() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let Some((cluster, mut fleet)) = open(SETTINGS).await else { return };
    let (buyers, places) = (number("FLEET_BUYERS", 60), 20);
    let mut organizer = User::join(fleet.address(0), "organizer").await;
    let event = organizer.make_event("The last places", places).await;
    let people = join(&fleet, buyers).await;
    let start = Arc::new(Barrier::new(buyers));
    let began = Instant::now();
    let mut racing = JoinSet::new();
    for (number, person) in people.into_iter().enumerate() {
        let (start, gateway, mut anywhere) = (Arc::clone(&start), fleet.gateway, RoundRobin::new(&fleet, number));
        racing.spawn(async move {
            for _ in 0..SERVERS {
                assert_eq!(anywhere.get("/health", None).await.unwrap().status, 200);
            }
            start.wait().await;
            let body = json!({"event_id": event, "quantity": 1});
            let answer = anywhere.post("/payments/initialize", Some(&person.token), &body).await.unwrap();
            if answer.code() == "sold_out" {
                return None;
            }
            assert_eq!(answer.status, 200, "{}", answer.in_words());
            let reference = reference_of(&answer);
            gateway.play(&reference, "pay").await.unwrap();
            let answer = anywhere.get(&format!("/payments/verify/{reference}"), Some(&person.token)).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.in_words());
            Some((reference, codes_of(&answer)))
        });
    }
    let fates = racing.join_all().await;
    let took = began.elapsed();
    let sold: Vec<_> = fates.iter().flatten().collect();
    let codes: BTreeSet<&String> = sold.iter().flat_map(|(_, codes)| codes).collect();
    assert_eq!((sold.len(), codes.len()), (places, places));

    // A storm: what was paid is told again, many times, by everybody to everybody.
    let mut storm = JoinSet::new();
    for (number, (reference, _)) in sold.iter().enumerate() {
        for copy in 0..6 {
            let (mut anywhere, body) = (RoundRobin::new(&fleet, number + copy), charge(reference));
            storm.spawn(async move {
                let signature = signature(&body);
                let (headers, body) = ([("x-paystack-signature", signature.as_str())], body.clone().into());
                let path = "/payments/webhooks/paystack";
                let sent = anywhere.next_client().send_with(
                    Method::POST,
                    path,
                    None,
                    Some(("application/json", body)),
                    &headers,
                );
                sent.await.unwrap().status
            });
        }
    }
    let answers = storm.join_all().await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");

    let mails = until(|| Some(fleet.mails()).filter(|mails| mails.len() == places)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(fleet.mails(), mails, "no mail more than one to each");
    assert!(mails.values().all(|count| *count == 1), "{mails:?}");
    let pool = cluster.open("shop").await;
    let left = until_async(async || {
        let sql = "select count(*) from webhooks where status = 'waiting'";
        let left: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        Some(left).filter(|left| *left == 0)
    });
    left.await;
    let tickets: i64 = sqlx::query_scalar("select count(*) from tickets").fetch_one(&pool).await.unwrap();
    assert_eq!(tickets, i64::try_from(places).unwrap());
    // Who delivered: with many mails it is several, but nobody promises that.
    let by_server: Vec<usize> = fleet.servers.iter().map(|server| files(&server.folder.join("outbox"))).collect();
    assert_eq!(fleet.check(), Ok(()));
    pool.close().await;
    for server in &mut fleet.servers {
        server.stop().await;
    }
    fleet.assert_calm();
    let found = format!("{} tickets for {places} places", sold.len());
    told("many_processes", &format!("buyers at once, at {SERVERS} servers (PostgreSQL)"), buyers, &found);
    println!(
        "many_processes: {buyers} buyers at {SERVERS} servers, {places} places: {} tickets in {took:?}; {} webhooks; mails {by_server:?}",
        sold.len(),
        answers.len(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_at_one_server_is_seen_by_all_servers() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let Some((_cluster, fleet)) = open(SETTINGS).await else { return };
    let mut buyer = User::join(fleet.address(0), "buyer").await;
    let event = buyer.make_event("Three for a family", 30).await;

    // Nine verifications at once, three at each server, are one purchase.
    let reference = reference_of(&buyer.begin(event, 3).await.unwrap());
    fleet.gateway.play(&reference, "pay_no_webhook").await.unwrap();
    let mut verifying = JoinSet::new();
    for number in 0..9 {
        let (mut anywhere, token, path) =
            (RoundRobin::new(&fleet, number), buyer.token.clone(), format!("/payments/verify/{reference}"));
        verifying.spawn(async move { anywhere.get(&path, Some(&token)).await.unwrap() });
    }
    let answers = verifying.join_all().await;
    let sets: BTreeSet<_> = answers.iter().map(codes_of).collect();
    assert_eq!((sets.len(), sets.first().unwrap().len()), (1, 3));
    let first = answers.iter().filter(|answer| answer.json()["message"] == "Payment verified successfully").count();
    assert_eq!(first, 1, "exactly one was the first");

    // A request with a key is one request, wherever it is repeated.
    let body = json!({"event_id": event, "quantity": 2}).to_string();
    let mut anywhere = RoundRobin::new(&fleet, 0);
    let mut references = BTreeSet::new();
    for repeat in 0..6 {
        let (key, sent) = ([("idempotency-key", "one wish")], ("application/json", body.clone().into()));
        let client = anywhere.next_client();
        let answer = client.send_with(Method::POST, "/payments/initialize", Some(&buyer.token), Some(sent), &key).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.in_words());
        assert_eq!(answer.header("idempotency-replayed").is_some(), repeat > 0);
        references.insert(reference_of(&answer));
    }
    assert_eq!(references.len(), 1);

    // Logging out at one server ends the session at all, at once.
    let mut other = User::join(fleet.address(1), "other").await;
    for _ in 0..SERVERS {
        assert_eq!(anywhere.get("/auth/me", Some(&buyer.token)).await.unwrap().status, 200);
    }
    let answer = anywhere.post("/auth/logout", Some(&buyer.token), &json!({})).await.unwrap();
    assert_eq!(answer.status, 204, "{}", answer.in_words());
    for _ in 0..SERVERS {
        assert_eq!(anywhere.get("/auth/me", Some(&buyer.token)).await.unwrap().status, 401);
    }
    assert_eq!(other.get("/auth/me").await.unwrap().status, 200, "nobody else is logged out");
    let log_in = json!({"email": "buyer@example.com", "password": "correct horse battery"});
    let answer = anywhere.post("/auth/login", None, &log_in).await.unwrap();
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(anywhere.get("/auth/me", Some(&token)).await.unwrap().status, 200);
    assert_eq!(fleet.check(), Ok(()));
    fleet.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rate_limits_count_requests_across_all_servers() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let settings = [("RATE_LIMIT_REQUESTS", "40"), ("RATE_LIMIT_WINDOW_SECONDS", "3600")];
    let Some((_cluster, fleet)) = open(&[SETTINGS, &settings].concat()).await else { return };
    let mut anywhere = RoundRobin::new(&fleet, 0);
    let body = json!({"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"});
    assert_eq!(anywhere.post("/auth/register", None, &body).await.unwrap().status, 201);
    // Five guesses, not five at each server.
    let wrong = json!({"email": "ada@example.com", "password": "a wrong guess"});
    let mut told = Vec::new();
    for _ in 0..9 {
        let answer = anywhere.post("/auth/login", None, &wrong).await.unwrap();
        if answer.status == 429 {
            assert_eq!(answer.code(), "too_many_logins");
            assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 600);
        }
        told.push(answer.status);
    }
    assert_eq!(told, [401, 401, 401, 401, 401, 429, 429, 429, 429]);
    // Forty requests, not forty at each server: ten are spent.
    let mut admitted = 10;
    let mut refused = 0;
    for _ in 0..60 {
        let answer = anywhere.get("/events", None).await.unwrap();
        match answer.status {
            200 => admitted += 1,
            429 => {
                assert_eq!(answer.code(), "too_many_requests");
                assert!(answer.header("retry-after").is_some());
                refused += 1;
            }
            _ => panic!("{}", answer.in_words()),
        }
    }
    assert_eq!((admitted, refused), (40, 30));
    println!("many_processes: 5 guesses and 40 requests at {SERVERS} servers together, then no more");
    fleet.assert_calm();
}

/// What the gateway says of a payment that succeeded, as it says it.
fn charge(reference: &str) -> String {
    let data = json!({
        "id": 1, "reference": reference, "status": "success", "amount": 500_000, "currency": "NGN", "domain": "test",
        "paid_at": "2026-01-01T00:00:00.000Z",
    });
    json!({"event": "charge.success", "data": data}).to_string()
}

fn signature(body: &str) -> String {
    let mac = Hmac::<Sha512>::new_from_slice(SECRET_KEY.as_bytes()).unwrap();
    mac.chain_update(body).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn files(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).map(|files| files.count()).unwrap_or_default()
}

/// Asks until there is an answer.
async fn until<T>(ask: impl Fn() -> Option<T>) -> T {
    until_async(async || ask()).await
}

async fn until_async<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "it did not come to be within a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
