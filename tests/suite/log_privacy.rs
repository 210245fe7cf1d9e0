//! What an operator sees: a log that tells a whole sale at its most talkative and gives nobody away, numbers that say that it
//! happened, and a server that says no before it goes.

use serde_json::json;
use std::time::{Duration, Instant};
use ticketing_tests::client::Client;
use ticketing_tests::sandbox_gateway::{SECRET_KEY, SandboxGateway};
use ticketing_tests::server::Server;
use ticketing_tests::users::{User, codes_of, reference_of};

const SECRET: &str = "b7c1f0e2a95d4c68813f7e6a2d904b5c1e8f3a7d";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_at_the_most_verbose_log_level_logs_no_secrets() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let mut server = Server::prepare(&[
        ("RUST_LOG", "trace"),
        ("PAYSTACK_SECRET_KEY", SECRET_KEY),
        ("JWT_SECRET_KEY", SECRET),
        ("DRAIN_SECONDS", "2"),
    ]);
    let gateway = SandboxGateway::open(server.address).await;
    server.set("PAYSTACK_BASE_URL", gateway.url());
    server.restart().await;

    let mut organizer = User::join(server.address, "canary-organizer").await;
    let mut buyer = User::join(server.address, "canary-buyer").await;
    let event = organizer.make_event("Lagos Jazz Night", 10).await;
    let reference = reference_of(&buyer.begin(event, 2).await.unwrap());
    gateway.play(&reference, "pay").await.unwrap();
    let verified = buyer.verify(&reference).await.unwrap();
    let codes = codes_of(&verified);
    assert_eq!(codes.len(), 2, "{}", verified.in_words());
    for code in &codes {
        buyer.get(&format!("/tickets/{code}")).await.unwrap();
        buyer.get(&format!("/tickets/{code}/qr.png")).await.unwrap();
        let scan = json!({"code": code, "nonce": format!("canary-{code}").as_str()[..12]});
        let let_in = organizer.post("/check-ins", &scan).await.unwrap();
        assert_eq!(let_in.status, 200, "{}", let_in.in_words());
    }
    let wrong = json!({"email": "canary-buyer@example.com", "password": "canary-wrong-password"});
    buyer.post("/auth/login", &wrong).await.unwrap();
    buyer.post("/auth/login", &json!({"email": 5, "password": "canary-wrong-password"})).await.unwrap();
    let refund = organizer.post(&format!("/payments/{reference}/refunds"), &json!({})).await.unwrap();
    assert!(refund.status < 300, "{}", refund.in_words());
    // The mail has gone out, and the refund.
    let outbox = server.folder.join("outbox");
    let began = Instant::now();
    while std::fs::read_dir(&outbox).map_or(0, Iterator::count) < 1 && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;

    let mut client = Client::new(server.address);
    let ready = client.get("/ready", None).await.unwrap();
    assert_eq!((ready.status, ready.json()), (200, json!({"status": "ready"})));
    let numbers = client.get("/metrics", None).await.unwrap();
    assert_eq!(numbers.status, 200);
    let numbers = String::from_utf8(numbers.body.to_vec()).unwrap();
    for line in [
        "ticketing_sale_stages_total{stage=\"paid\"} 1",
        "ticketing_tickets_issued_total 2",
        "ticketing_gateway_calls_total{calls=\"checkout\",outcome=\"ok\"} 1",
        "ticketing_gateway_breaker_state{calls=\"checkout\"} 0",
        "ticketing_storage_up 1",
    ] {
        assert!(numbers.lines().any(|found| found == line), "{line} in\n{numbers}");
    }

    let log = server.log();
    for secret in [SECRET, SECRET_KEY, "correct horse", "canary-wrong", "@example.com", &buyer.token, &organizer.token]
    {
        gives_away_nothing(&log, secret);
    }
    for code in &codes {
        gives_away_nothing(&log, code);
    }
    // It is about the sale all the same.
    let paid = log.lines().find(|line| line.contains("sale stage=\"paid\"")).unwrap();
    assert!(paid.contains("order.id=") && paid.contains(&format!("attempt.reference={reference}")), "{paid}");
    let held = log.lines().find(|line| line.contains("sale stage=\"held\"")).unwrap();
    assert!(held.contains("request.id=") && held.contains("order.id="), "{held}");
    assert!(!log.contains('\u{1b}'), "colours are for terminals");
    assert!(log.contains("request.id=") && log.contains("order.id=") && log.contains(&reference), "{log}");
    println!("watching: {} lines of log, {} codes, nothing given away", log.lines().count(), codes.len());

    // Told to stop, it says so and serves on for a while.
    let stopping = tokio::spawn(async move {
        server.stop().await;
        server
    });
    let mut says_no = false;
    while !says_no && !stopping.is_finished() {
        says_no =
            client.get("/ready", None).await.is_ok_and(|answer| answer.status == 503 && answer.code() == "stopping");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(says_no, "the server never said that it was about to stop");
    assert_eq!(client.get("/health", None).await.unwrap().status, 200);
    stopping.await.unwrap();
}

fn gives_away_nothing(log: &str, secret: &str) {
    let found = log.lines().find(|line| line.contains(secret));
    assert!(found.is_none(), "{secret:?} is in the log: {found:?}");
}
