use serde_json::json;
use ticketing_tests::client::Client;
use ticketing_tests::number;
use ticketing_tests::onlookers::Onlookers;
use ticketing_tests::proof::told;
use ticketing_tests::users::User;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// As large as an event can be.
fn large_event(number: usize) -> serde_json::Value {
    let types: Vec<_> = (0..50).map(|n| json!({"name": format!("{n} {}", "t".repeat(96)), "price": "1"})).collect();
    json!({
        "title": format!("{number} {}", "t".repeat(190)), "description": "\u{1f3b7}".repeat(10_000),
        "event_date": "2099-12-31T20:00:00Z", "location": "l".repeat(200), "address": "a".repeat(500),
        "image_url": format!("https://example.com/{}", "i".repeat(1_900)), "ticket_types": types,
    })
}

#[allow(clippy::float_arithmetic, reason = "megabytes")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_cost_little_memory() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let events = number("ABUSE_EVENTS", 300);
    super::on_each_database(&[], async |server, database| {
        let mut organizer = User::join(server.address, "organizer").await;
        for number in 0..events {
            let answer = organizer.post("/events/", &large_event(number)).await.unwrap();
            assert_eq!(answer.status, 201, "{}", answer.in_words());
        }
        let list = Client::new(server.address).get("/events?limit=1000", None).await.unwrap();
        let items = list.json().as_array().unwrap().len();
        assert_eq!(items, events, "never fewer than there are");
        let before = server.resident_mb();
        let onlookers = Onlookers::ask(server.address, &["/health"]);
        let mut unread = Vec::new();
        for number in 0..60 {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let search = if number % 2 == 0 { "" } else { "&q=t&sort=title" };
            let request = format!("GET /events?limit=1000{search} HTTP/1.1\r\nHost: x\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            unread.push(stream);
        }
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        let (seen, after) = (onlookers.stop().await, server.resident_mb());
        drop(unread);
        println!(
            "abuse: 60 lists of {events} large events ({} KB each) that nobody reads ({database}): {before:.0?} MB, then {after:.0?} MB; health checks: {}",
            list.body.len() / 1024,
            seen.in_words()
        );
        told("abuse", &format!("large lists that nobody reads ({database})"), 60, "memory stays, health checks pass");
        assert_eq!(seen.refused(), Vec::<&Result<u16, String>>::new());
        if let (Some(before), Some(after)) = (before, after) {
            assert!(after - before <= 100.0, "{before} MB, then {after} MB");
        }
    })
    .await;
}
