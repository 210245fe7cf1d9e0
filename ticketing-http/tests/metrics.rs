//! Metrics: a sale is counted correctly, every metric is documented, and labels are bounded.
//!
//! A program of its own, because a process has one recorder and these counts are exact.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what is meant")]
#![allow(dead_code, unreachable_pub, reason = "the shop is shared with the tests of the API, which use more of it")]

/// The tests of the API compare every answer with the OpenAPI document. Here, answers only make numbers.
mod document {
    pub(crate) fn check_answer(_method: &str, _path: &str, _status: u16, _body: &[u8]) {}
}
#[cfg(feature = "postgres")]
#[path = "../../ticketing-core/tests/support/postgres.rs"]
mod postgres;
#[path = "api/shop.rs"]
mod shop;
#[path = "api/storages.rs"]
mod storages;

use serde_json::json;
use shop::{Shop, reference_of};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::Upkeep;
use ticketing_core::metrics::METRICS;
use ticketing_http::config::MetricsAccess;
use ticketing_http::metrics::{Numbers, OF_THE_SERVER};

/// The value of a series in the text, if it is there.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn names() -> BTreeSet<&'static str> {
    METRICS.iter().chain(OF_THE_SERVER).map(|metric| metric.name).collect()
}

/// Every metric name in the documentation.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../docs/monitoring.md");
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_name = |word: &&str| word.starts_with("ticketing_") || *word == "process_start_time_seconds";
    let plain = |word: &str| word.trim_end_matches("_bucket").to_owned();
    words.filter(is_name).filter(|word| !["ticketing_core", "ticketing_http"].contains(word)).map(plain).collect()
}

#[test]
fn documented_metrics_are_those_that_exist() {
    let known: BTreeSet<String> = names().into_iter().map(str::to_owned).collect();
    assert_eq!(known.len(), METRICS.len() + OF_THE_SERVER.len(), "each name is used once");
    assert_eq!(documented(), known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_counted_correctly() {
    let shop = Shop::new().await;
    let numbers = Numbers::new(shop.ticketing.clone(), None, Arc::new(shop.clock.clone()), MetricsAccess::Everybody);
    let (seller, buyer) = (shop.somebody("seller").await, shop.somebody("buyer").await);
    let event = shop.event(&seller, "50.00", Some(3)).await;
    let (paid, _) = shop.buy(&buyer, event, 2).await;
    // Verified again: nothing more happens.
    assert_eq!(shop.get(&format!("/payments/verify/{paid}"), &buyer).await.status, 200);
    shop.clock.advance(jiff::SignedDuration::from_millis(1));
    let too_many = json!({"event_id": event, "quantity": 2});
    assert_eq!(shop.post("/payments/initialize", &buyer, too_many).await.status, 400);
    let left = shop.initialize(&buyer, event, 1).await;
    shop.get("/no/such/place", "").await;
    shop.send(shop::Call::new("frob", "/events")).await;

    let text = numbers.text().await;
    for (series, expected) in [
        ("ticketing_sale_stages_total{stage=\"held\"}", 2.0),
        ("ticketing_sale_stages_total{stage=\"attempt_opened\"}", 2.0),
        ("ticketing_sale_stages_total{stage=\"paid\"}", 1.0),
        ("ticketing_tickets_issued_total", 2.0),
        ("ticketing_refusals_total{code=\"sold_out\"}", 1.0),
        ("ticketing_holds_open", 1.0),
        // The tickets, and a mail to each of the two new accounts, to verify its address.
        ("ticketing_outbox_waiting", 3.0),
        ("ticketing_reviews_open", 0.0),
        ("ticketing_storage_up", 1.0),
        ("ticketing_panics_total", 0.0),
        ("ticketing_http_requests_total{method=\"POST\",route=\"/payments/initialize\",status=\"400\"}", 1.0),
        ("ticketing_http_requests_total{method=\"POST\",route=\"/payments/initialize\",status=\"200\"}", 2.0),
        ("ticketing_http_requests_total{method=\"GET\",route=\"/payments/verify/:reference\",status=\"200\"}", 2.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series} in\n{text}");
    }
    assert_eq!(
        value(&text, "ticketing_sale_stages_total{stage=\"expired\"}"),
        Some(0.0).filter(|_| text.contains("stage=\"expired\""))
    );

    // For an hour nobody works: the mails wait.
    shop.gateway.decline(&reference_of(&left));
    shop.minutes_pass(60);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let text = numbers.text().await;
    assert!(value(&text, "ticketing_outbox_oldest_seconds").is_some_and(|age| age > 3599.0), "{text}");
    assert!(value(&text, "ticketing_upkeep_lag_seconds").is_some_and(|lag| lag > 3599.0), "{text}");

    // The hold expires, the mails are sent, and upkeep has counted its pass.
    shop.ticketing.run_upkeep(Upkeep::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let text = numbers.text().await;
    assert_eq!(value(&text, "ticketing_sale_stages_total{stage=\"expired\"}"), Some(1.0), "{text}");
    assert_eq!(value(&text, "ticketing_holds_open"), Some(0.0));
    assert_eq!(value(&text, "ticketing_outbox_waiting"), Some(0.0));
    assert_eq!(value(&text, "ticketing_upkeep_passes_total{outcome=\"done\"}"), Some(1.0));

    every_series_is_described_and_bounded(&text);
}

fn every_series_is_described_and_bounded(text: &str) {
    let described = |what: &str| -> BTreeSet<&str> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("# ")?.strip_prefix(what)?.strip_prefix(' '));
        lines.filter_map(|line| line.split(' ').next()).collect()
    };
    let (help, kinds) = (described("HELP"), described("TYPE"));
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(help.contains(family) && kinds.contains(family), "{family} has no HELP or TYPE");
        assert!(names().contains(family), "{family} is not in a list");
    }
    for secret in ["@", "frob", "FROB", ":param", "/no/such/place", "Lagos", "TK-", shop::PASSWORD] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    assert!(text.contains("method=\"other\"") && text.contains("route=\"(none)\""), "{text}");
}
