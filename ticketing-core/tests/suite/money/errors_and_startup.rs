//! What clients are told, what is refused at start-up, and starting many at once.
//!
//! The same over HTTP is tested where it lives: `ticketing-http/tests/api/legacy_api_a.rs` (a gateway that is down), and
//! `ticketing-http/src/config/tests.rs` (keys).

use crate::money::shop::{Place, Shop, breaker, buyer, paystack};
use crate::support::fake_paystack::{FakePaystack, Fault, KEY};
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::gateway::GatewayError;
use ticketing_core::gateway::paystack::{PaystackConfig, PaystackGateway};

on_every_storage!(gateway_messages_and_keys_never_reach_a_client);

async fn gateway_messages_and_keys_never_reach_a_client(shop: &mut Shop) {
    let fake_paystack = FakePaystack::start().await;
    let breaker = breaker(Arc::new(paystack(&fake_paystack)), &shop.clock);
    shop.use_gateway(breaker);
    let event = shop.event(5000, 100).await;
    let started = shop.buy(&event, "ada").await;
    let mut told = Vec::new();
    for fault in [Fault::Error500, Fault::Html502, Fault::Truncated, Fault::TooMany, Fault::DropAfter, Fault::Reset] {
        fake_paystack.set_mood(move |_, _, _| fault);
        told.push(shop.try_to_buy(&event, "grace", 1).await.unwrap_err());
        told.push(shop.engine.verify(&buyer("ada").who, &started.attempt.reference).await.unwrap_err());
    }
    // By now the breaker is open: a typed error that says when to come again.
    let refused = shop.try_to_buy(&event, "grace", 1).await.unwrap_err();
    assert_eq!((refused.code(), refused.retry_after().is_some()), ("gateway_circuit_open", true));
    told.push(refused);
    for error in told {
        let (shown, debugged) = (error.to_string(), format!("{error:?}"));
        for secret in ["oops", "Bad Gateway", "upstream", "502", "127.0.0.1", KEY, "sk_test"] {
            assert!(!shown.contains(secret) && !debugged.contains(secret), "{shown} / {debugged}");
        }
        assert!(matches!(error, Error::Gateway(_)) && error.code().starts_with("gateway_"), "{debugged}");
    }
    assert!(!format!("{:?}", shop.engine).contains(KEY));
}

#[test]
fn case_19_missing_and_wrong_keys_fail_at_start_up_with_a_clear_message() {
    let refused = |config: PaystackConfig| match PaystackGateway::new(config) {
        Err(Error::Configuration(message)) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(PaystackConfig::new("")),
        "a Paystack secret key must start with sk_test_ or sk_live_; the one given is empty"
    );
    assert_eq!(
        refused(PaystackConfig::new("pk_live_abc")),
        "a Paystack secret key must start with sk_test_ or sk_live_; the one given is a public key (pk_)"
    );
    // Test money among real money: a webhook key of the other mode.
    let mixed = refused(PaystackConfig::new("sk_live_abc").with_webhook_key("sk_test_abc"));
    assert_eq!(mixed, "the Paystack keys are of different modes: all must be sk_test_ or all must be sk_live_");
    assert!(PaystackGateway::new(PaystackConfig::new("sk_live_abc")).is_ok());
}

#[tokio::test]
async fn an_engine_without_a_gateway_rejects_purchases_and_holds_no_places() {
    let place = Place::memory();
    let storage = place.open().await;
    let engine = ticketing_core::Ticketing::builder_on(storage).build().unwrap();
    let price = crate::money::shop::ngn(5000);
    let starts_at = "2030-01-01T12:00:00Z".parse().unwrap();
    let event =
        ticketing_core::domain::event::NewEvent::general_admission("Concert", starts_at, "Lagos", price, Some(1));
    let event = engine.create_event(&crate::money::shop::organizer(), event).await.unwrap();
    let request = ticketing_core::OrderRequest::tickets(event.id, 1);
    let refused = engine.buy(&buyer("ada"), request, Default::default()).await.unwrap_err();
    assert!(matches!(&refused, Error::Configuration(message) if message.contains("gateway")), "{refused:?}");
    assert_eq!(engine.event(event.id).await.unwrap().stock.held, 0);
}

/// Every process makes the tables, or finds them made.
async fn five_at_once(place: Place) {
    let place = Arc::new(place);
    let opening: Vec<_> = (0..5)
        .map(|_| {
            let place = Arc::clone(&place);
            tokio::spawn(async move { place.open().await.check().await.unwrap() })
        })
        .collect();
    for opened in opening {
        assert_eq!(opened.await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_engines_start_at_once_on_an_empty_sqlite_file() {
    for _ in 0..5 {
        five_at_once(Place::sqlite()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_engines_start_at_once_on_an_empty_postgresql_database() {
    let Some(place) = Place::postgres().await else { return };
    five_at_once(place).await;
}

#[test]
fn case_18_no_error_of_a_gateway_carries_text_from_upstream() {
    // The one piece of text that an error can carry is the gateway's own code, and it is not shown.
    let error = GatewayError::Rejected { code: Some("secret_words".to_owned()) };
    assert_eq!(error.to_string(), "the payment gateway rejected the request");
}
