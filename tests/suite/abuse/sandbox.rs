use hyper::Method;
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use ticketing_tests::client::{Answer, Client};
use ticketing_tests::server::{Server, binary};
use ticketing_tests::users::{User, reference_of};

/// What a start with these settings says, if it ends by itself.
fn start(settings: &[(&str, &str)]) -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("ticketing-abuse-{}-{}", std::process::id(), settings.len()));
    std::fs::create_dir_all(&folder).unwrap();
    let log = folder.join("log");
    let mut command = Command::new(binary());
    command.env_clear().env("PORT", "0").envs(settings.iter().copied()).current_dir(&folder).stdin(Stdio::null());
    command
        .stdout(std::fs::File::create(&log).unwrap())
        .stderr(std::fs::File::options().append(true).open(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    let outcome = loop {
        let said = std::fs::read_to_string(&log).unwrap();
        if let Some(status) = child.try_wait().unwrap() {
            assert!(!status.success(), "{said}");
            break Err(std::fs::read_to_string(&log).unwrap());
        }
        if said.contains("listens on http") {
            break Ok(());
        }
        assert!(began.elapsed() < Duration::from_secs(60), "neither started nor ended: {said}");
        std::thread::sleep(Duration::from_millis(10));
    };
    let _ = child.kill();
    child.wait().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    outcome
}

#[test]
fn a_server_that_others_can_reach_does_not_start_with_the_sandbox() {
    let public = ("PUBLIC_URL", "https://tickets.example.com");
    for settings in [
        &[public][..],
        &[public, ("PAYSTACK_SECRET_KEY", ""), ("SMTP_HOST", ""), ("TRUSTED_PROXIES", "127.0.0.1")],
        &[("HOST", "0.0.0.0"), ("PUBLIC_URL", "http://localhost:8000"), ("LOG_FORMAT", "json")],
    ] {
        let said = start(settings).expect_err("it started");
        for way_out in ["PAYSTACK_SECRET_KEY", "SANDBOX=on", "PAYMENTS=none"] {
            assert!(said.contains(way_out), "{said}");
        }
        assert!(!said.contains("listens on"), "{said}");
    }
    for settings in [&[public, ("SANDBOX", "on")][..], &[public, ("PAYMENTS", "none")], &[]] {
        start(settings).unwrap();
    }
}

async fn pay(server: &Server, reference: &str, headers: &[(&str, &str)]) -> Answer {
    let body = Some(("application/json", json!({"action": "pay"}).to_string().into()));
    let path = format!("/sandbox/paystack/simulate/{reference}");
    Client::new(server.address).send_with(Method::POST, &path, None, body, headers).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_cannot_pay_in_the_sandbox() {
    let server = Server::start(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let mut buyer = User::join(server.address, "stranger").await;
    let event = buyer.make_event("A night that costs something", 10).await;
    let reference = reference_of(&buyer.begin(event, 1).await.unwrap());
    for headers in [
        &[("X-Forwarded-For", "203.0.113.9")][..],
        &[("X-Forwarded-For", "127.0.0.1, 203.0.113.9")],
        &[("X-Forwarded-For", "127.0.0.1")],
        &[("X-Forwarded-Proto", "https")],
        &[("Via", "1.1 somewhere")],
    ] {
        assert_eq!(pay(&server, &reference, headers).await.status, 404, "{headers:?}");
    }
    assert_eq!(buyer.verify(&reference).await.unwrap().status, 202, "not paid");
    assert_eq!(pay(&server, &reference, &[]).await.status, 200, "a developer at this machine");
    assert_eq!(buyer.verify(&reference).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_payments_gives_free_tickets_only() {
    super::on_each_database(&[("PAYMENTS", "none"), ("PUBLIC_URL", "https://tickets.example.com")], async |server, _| {
        let mut buyer = User::join(server.address, "guest").await;
        let event = |price| json!({"title": "Open door", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": price});
        let priced = buyer.post("/events/", &event("5000")).await.unwrap();
        assert_eq!((priced.status, priced.json()["errors"][0]["field"].as_str()), (422, Some("price")));
        let free = buyer.post("/events/", &event("0")).await.unwrap().json()["id"].as_i64().unwrap();
        let begun = buyer.begin(free, 1).await.unwrap();
        assert_eq!(begun.status, 200, "{}", begun.in_words());
        assert_eq!(buyer.verify(&reference_of(&begun)).await.unwrap().status, 200);
    })
    .await;
}
