//! A Paystack of our own, in the test's process: it goes on while the server is dead, and people pay there all the same.

use crate::client::{Client, Lost};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use ticketing_http::sandbox::{Sandbox, SandboxConfig, routes};
use ticketing_http::server::{Limits, serve};

/// Its key, in the shape of a real one.
pub const SECRET_KEY: &str = "sk_test_4f9d1c7be02a86538d71aa90c3";

/// The gateway. It lives as long as the test.
#[derive(Clone, Copy, Debug)]
pub struct SandboxGateway {
    /// Where its API is.
    pub address: SocketAddr,
}

impl SandboxGateway {
    /// Opens it. It sends webhooks to the server at `merchant`.
    pub async fn open(merchant: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = SandboxConfig::new(SECRET_KEY, format!("http://{address}"));
        config.webhook_url = Some(format!("http://{merchant}/payments/webhooks/paystack"));
        config.webhook_retries = [200, 500, 1000, 2000, 5000].map(Duration::from_millis).to_vec();
        let sandbox = Sandbox::open(config).await.unwrap();
        tokio::spawn(serve(listener, routes(sandbox), Limits::default(), std::future::pending()));
        Self { address }
    }

    /// Where its API is, for settings.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The payer does something there: `pay`, `pay_no_webhook`, `decline`, …
    pub async fn play(&self, reference: &str, action: &str) -> Result<(), Lost> {
        play(&mut Client::new(self.address), &format!("/simulate/{reference}"), action).await
    }

    /// What it says became of a payment: `success`, `abandoned`, … Nothing where it has never heard of it.
    pub async fn status_of(&self, client: &mut Client, reference: &str) -> Option<String> {
        let path = format!("/transaction/verify/{reference}");
        let answer = client.get(&path, Some(SECRET_KEY)).await.unwrap();
        answer.json()["data"]["status"].as_str().map(str::to_owned)
    }

    /// All refunds of a payment, as it writes them.
    pub async fn refunds_of(&self, client: &mut Client, reference: &str) -> Vec<Value> {
        let answer = client.get(&format!("/refund?transaction={reference}"), Some(SECRET_KEY)).await.unwrap();
        answer.json()["data"].as_array().cloned().unwrap_or_default()
    }
}

/// The payer does something at a sandbox, wherever it is mounted.
pub async fn play(client: &mut Client, path: &str, action: &str) -> Result<(), Lost> {
    let answer = client.post(path, None, &json!({"action": action})).await?;
    assert_eq!(answer.status, 200, "{action} at {path}: {}", answer.in_words());
    Ok(())
}
