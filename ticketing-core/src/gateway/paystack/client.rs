//! One call over HTTP: sent, retried where that is safe, and read up to a limit.

use super::answer::{Kind, Reply, Unread, judge};
use super::config::Checked;
use crate::clock::Random;
use crate::error::Error;
use crate::gateway::GatewayError;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, Response, Url};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// The largest response that is read: some hundred times what Paystack sends.
const MAX_ANSWER: usize = 1024 * 1024;
/// The maximum number of retries.
const MAX_RETRIES: u32 = 2;
/// Connections idle for longer than this are not reused.
///
/// A server may close an idle connection just as a request is sent on it. Whether the request was read is
/// then unknown, so a payment cannot be begun again. Servers wait at least 5 seconds in common defaults
/// (Node.js); the sandbox gateway of `ticketing-http` waits 10.
const KEEP_IDLE: Duration = Duration::from_secs(4);

/// When a call may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Whenever no response came: it changes nothing.
    Read,
    /// Only if nothing was sent.
    IfNotSent,
    /// Never.
    Never,
}

impl Repeat {
    fn allows(self, error: &GatewayError) -> bool {
        match self {
            Self::Read => {
                matches!(error, GatewayError::NotSent | GatewayError::OutcomeUnknown | GatewayError::Unavailable)
            }
            Self::IfNotSent => *error == GatewayError::NotSent,
            Self::Never => false,
        }
    }
}

pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
    random: Arc<dyn Random>,
}

impl Client {
    pub(super) fn new(config: &Checked) -> Result<Self, Error> {
        let trouble =
            |why: String| Error::Configuration(format!("the HTTP client for Paystack cannot be created: {why}"));
        let http = reqwest::Client::builder()
            // Ring is handed over here: a library installs no crypto provider for the whole process.
            .tls_backend_preconfigured(tls(config.base.scheme() == "https").map_err(trouble)?)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Retries are decided here only.
            .retry(reqwest::retry::never())
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(KEEP_IDLE)
            .build()
            .map_err(|error| trouble(chain(&error)))?;
        let key = config.keys.first().map_or("", |key| key.secret());
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| trouble("the key is no header value".into()))?;
        authorization.set_sensitive(true);
        Ok(Self { http, base: config.base.clone(), authorization, random: Arc::clone(&config.random) })
    }

    pub(super) fn base(&self) -> &str {
        self.base.as_str()
    }

    /// A read: retried if no response comes.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Reply, GatewayError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.repeated(Kind::Read, Repeat::Read, || self.http.get(url.clone())).await
    }

    /// A write. Any response but success is an error.
    pub(super) async fn post(&self, path: &[&str], body: &Value, repeat: Repeat) -> Result<Value, GatewayError> {
        let url = self.url(path)?;
        match self.repeated(Kind::Write, repeat, || self.http.post(url.clone()).json(body)).await? {
            Reply::Found(envelope) => Ok(envelope.data),
            Reply::Missing { code } => Err(GatewayError::Rejected { code }),
        }
    }

    async fn repeated(
        &self,
        kind: Kind,
        repeat: Repeat,
        request: impl Fn() -> RequestBuilder + Send + Sync,
    ) -> Result<Reply, GatewayError> {
        let mut retries = 0;
        loop {
            let result = self.once(kind, request()).await;
            match &result {
                Err(error) if retries < MAX_RETRIES && repeat.allows(error) => {
                    retries += 1;
                    tokio::time::sleep(self.pause(retries)).await;
                }
                _ => return result,
            }
        }
    }

    async fn once(&self, kind: Kind, request: RequestBuilder) -> Result<Reply, GatewayError> {
        let request = request.header(AUTHORIZATION, self.authorization.clone()).header(ACCEPT, "application/json");
        let response = request.send().await.map_err(|error| {
            tracing::warn!(gateway = "paystack", error = chain(&error), "no response from the payment gateway");
            // Only where no connection was made is it certain that nothing was sent.
            if error.is_connect() || error.is_builder() { GatewayError::NotSent } else { GatewayError::OutcomeUnknown }
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        judge(kind, status, &headers, read(response).await)
    }

    fn pause(&self, retry: u32) -> Duration {
        let mut draw = [0; 1];
        self.random.fill(&mut draw);
        // 100 to 227 ms, then 200 to 454 ms.
        Duration::from_millis(100 + u64::from(draw[0] / 2)) * retry
    }

    /// `path` below the base. Each segment is escaped, so that none of them can lead elsewhere; two cannot be.
    fn url(&self, path: &[&str]) -> Result<Url, GatewayError> {
        if path.iter().any(|segment| matches!(*segment, "." | "..")) {
            return Err(GatewayError::Rejected { code: None });
        }
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| GatewayError::NotSent)?.pop_if_empty().extend(path);
        Ok(url)
    }
}

/// Limits the time of a whole operation. After a timeout, what was sent is unknown.
pub(super) async fn within<T>(
    limit: Duration,
    operation: impl Future<Output = Result<T, GatewayError>>,
) -> Result<T, GatewayError> {
    tokio::time::timeout(limit, operation).await.unwrap_or_else(|_| {
        tracing::warn!(
            gateway = "paystack",
            limit_ms = limit.as_millis(),
            "the payment gateway did not respond in time"
        );
        Err(GatewayError::OutcomeUnknown)
    })
}

/// Reads the body up to the limit. `Content-Length` is not trusted.
async fn read(mut response: Response) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER => return Err(Unread::TooLarge),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(Unread::Cut(chain(&error))),
        }
    }
}

fn tls(must_have_roots: bool) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if must_have_roots && roots.is_empty() {
        return Err("this machine has no root certificates (on Linux: install ca-certificates)".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let behind = std::iter::successors(error.source(), |error| error.source());
    behind.fold(error.to_string(), |text, error| format!("{text}: {error}"))
}
