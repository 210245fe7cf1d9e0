//! Shared by the tests: a sandbox on a port of its own, a merchant's server for webhooks, and a client.

use super::super::{Sandbox, SandboxConfig, routes, webhook};
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{Body, EndpointExt, Request, Route, handler, post};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) const KEY: &str = "sk_test_0123456789abcdef";

/// A running sandbox.
pub(super) struct World {
    pub(super) base: String,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) client: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let (base, acceptor) = bind().await;
        let base = format!("{base}/sandbox/paystack");
        let mut config = SandboxConfig::new(KEY, &base);
        config.refund_step = Duration::from_millis(20);
        config.webhook_retries = vec![Duration::from_millis(20); 5];
        change(&mut config);
        let sandbox = Sandbox::open(config).await.unwrap();
        let app = Route::new().nest("/sandbox/paystack", routes(Arc::clone(&sandbox)));
        let server = tokio::spawn(async move { poem::Server::new_with_acceptor(acceptor).run(app).await.unwrap() });
        Self { base, sandbox, client: webhook::client().unwrap(), server }
    }

    /// Drops the sandbox, as the end of its process would.
    pub(super) async fn kill(self) {
        self.server.abort();
        let _ = self.server.await;
        drop(self.client);
        let weak = Arc::downgrade(&self.sandbox);
        drop(self.sandbox);
        while weak.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.client.get(format!("{}{path}", self.base)).bearer_auth(KEY)).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        read(self.client.post(format!("{}{path}", self.base)).bearer_auth(KEY).json(&body)).await
    }

    /// Initializes a transaction of NGN 1,999.00 and returns Paystack's `data`.
    pub(super) async fn open(&self, reference: &str) -> Value {
        let (status, answer) = self.post("/transaction/initialize", order(reference)).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }

    pub(super) async fn simulate(&self, reference: &str, request: Value) -> (StatusCode, Value) {
        self.post(&format!("/simulate/{reference}"), request).await
    }

    pub(super) async fn verify(&self, reference: &str) -> Value {
        let (status, answer) = self.get(&format!("/transaction/verify/{reference}")).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }

    /// Waits until a transaction has a status.
    pub(super) async fn verify_until(&self, reference: &str, status: &str) -> Value {
        for _ in 0..400 {
            let data = self.verify(reference).await;
            if data["status"] == status {
                return data;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{reference} never became {status}: {}", self.verify(reference).await);
    }

    /// Waits until a refund has a status.
    pub(super) async fn refund_until(&self, id: &Value, status: &str) -> Value {
        for _ in 0..400 {
            let (_, answer) = self.get(&format!("/refund/{id}")).await;
            if answer["data"]["status"] == status {
                return answer["data"].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("refund {id} never became {status}");
    }
}

/// A request to initialize a transaction of NGN 1,999.00.
pub(super) fn order(reference: &str) -> Value {
    json!({
        "email": "ada@example.com",
        "amount": 199_900,
        "currency": "NGN",
        "reference": reference,
        "callback_url": "https://shop.example/done?order=7#end",
        "metadata": { "order": "A1" },
    })
}

pub(super) async fn read(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn bind() -> (String, impl Acceptor + 'static) {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr().remove(0);
    (format!("http://{}", address.as_socket_addr().unwrap()), acceptor)
}

/// A received webhook: the signature, and the raw body.
pub(super) type Received = (String, Vec<u8>);

/// A merchant's server.
#[derive(Clone)]
pub(super) struct Merchant {
    pub(super) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    /// How many further deliveries are rejected.
    refusals: Arc<AtomicU16>,
}

impl Merchant {
    pub(super) async fn listening() -> Self {
        let (base, acceptor) = bind().await;
        let merchant = Self { url: format!("{base}/webhook"), received: Arc::default(), refusals: Arc::default() };
        let app = Route::new().at("/webhook", post(take)).data(merchant.clone());
        tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(app));
        merchant
    }

    pub(super) fn reject(&self, times: u16) {
        self.refusals.store(times, Ordering::SeqCst);
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits for `count` webhooks, and a moment longer in case there are more.
    pub(super) async fn events(&self, count: usize) -> Vec<Value> {
        for _ in 0..400 {
            if self.received().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        let events: Vec<Value> =
            self.received().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
        assert_eq!(events.len(), count, "{events:?}");
        events
    }
}

#[handler]
async fn take(request: &Request, body: Body, merchant: Data<&Merchant>) -> StatusCode {
    let signature = request.header("x-paystack-signature").unwrap_or_default().to_owned();
    let body = body.into_bytes().await.unwrap().to_vec();
    merchant.received.lock().unwrap().push((signature, body));
    let refused = merchant.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if refused.is_ok() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

/// A unique file name; the file is removed on drop.
pub(super) struct TemporaryFile(pub(super) PathBuf);

impl TemporaryFile {
    pub(super) fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("sandbox-{name}-{}.jsonl", std::process::id())))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
