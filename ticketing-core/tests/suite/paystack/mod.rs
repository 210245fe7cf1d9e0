//! The Paystack gateway against a server that misbehaves in every way that a test could think of.
#![cfg(feature = "paystack")]

mod checkout;
mod refunds;
mod server;
mod transport;
mod verify;
mod webhooks;

use server::{Server, Step};
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::clock::Random;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::gateway::paystack::{PaystackConfig, PaystackGateway};
use ticketing_core::gateway::{Charge, RefundCall};

const KEY: &str = "sk_test_s3cr3t";

/// Shortest pauses between retries.
#[derive(Debug)]
struct Zero;

impl Random for Zero {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

fn config(base_url: &str) -> PaystackConfig {
    PaystackConfig::new(KEY).with_base_url(base_url).with_random(Arc::new(Zero))
}

async fn against(steps: impl IntoIterator<Item = Step>) -> (PaystackGateway, Server) {
    let server = Server::start(steps).await;
    (PaystackGateway::new(config(server.url())).unwrap(), server)
}

/// As [`against`], with little patience.
async fn impatient(steps: impl IntoIterator<Item = Step>) -> (PaystackGateway, Server) {
    let server = Server::start(steps).await;
    let soon = Duration::from_millis(300);
    (PaystackGateway::new(config(server.url()).with_timeout(soon).with_refund_timeout(soon)).unwrap(), server)
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn ngn(minor: i64) -> Money {
    Money::new(minor, Currency::NGN).unwrap()
}

fn a_charge() -> Charge {
    let email = "ada@example.com".parse().unwrap();
    Charge::new(reference("attempt-1"), ngn(199_990), email, reference("order-1"))
        .with_return_url("https://shop.example/back?a=b&c=d".to_owned())
}

fn a_refund() -> RefundCall {
    RefundCall::new(reference("refund-1"), reference("attempt-1"), ngn(5000))
}
