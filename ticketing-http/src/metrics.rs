//! `/metrics` for Prometheus. The engine and the middleware count events as they happen; gauges are read from the storage when
//! `/metrics` is requested.

use jiff::Timestamp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, Request, Response};
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::clock::{Clock, SystemClock};
use ticketing_core::gateway::circuit_breaker::{CircuitBreaker, StateName};
use ticketing_core::metrics::{Kind, METRICS as OF_THE_ENGINE, Metric};
use ticketing_core::storage::StorageExt as _;
use tokio::sync::Mutex;

use crate::bearer_token::bearer_token;
use crate::config::{MetricsAccess, Secret};
use crate::middleware::client_address::is_from_this_machine;
use crate::problem::Problem;

/// Histogram buckets in seconds: from a read of one row to the timeout of a gateway call.
const BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// The storage is read at most once in this time.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// A storage that takes longer is reported as down.
const METRICS_TIMEOUT: Duration = Duration::from_secs(2);
/// Histograms keep every value until it is counted into its bucket.
const DRAIN_INTERVAL: Duration = Duration::from_secs(5);

const REQUESTS: &str = "ticketing_http_requests_total";
const REQUEST_SECONDS: &str = "ticketing_http_request_seconds";
const PANICS: &str = "ticketing_panics_total";
const STARTED: &str = "process_start_time_seconds";
const STORAGE_UP: &str = "ticketing_storage_up";
const BREAKER: &str = "ticketing_gateway_breaker_state";

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help }
}

/// The metrics of the server, besides those of the engine.
pub const OF_THE_SERVER: &[Metric] = &[
    Metric { name: REQUESTS, kind: Kind::Counter, help: "Requests, by method, route and status" },
    Metric { name: REQUEST_SECONDS, kind: Kind::Histogram, help: "Duration of requests, by method and route" },
    Metric { name: PANICS, kind: Kind::Counter, help: "Panics; each is a bug" },
    gauge(STARTED, "Start time of the process, in seconds since 1970"),
    gauge(STORAGE_UP, "1 if the storage could be read for the gauges below; if 0, they are stale"),
    gauge("ticketing_holds_open", "Orders whose tickets are held"),
    gauge("ticketing_outbox_waiting", "Mails in the outbox that are not sent yet"),
    gauge("ticketing_outbox_oldest_seconds", "Age of the oldest unsent mail"),
    gauge("ticketing_outbox_dead", "Mails that were given up; they need attention"),
    gauge("ticketing_refunds_open", "Refunds in progress"),
    gauge("ticketing_refunds_stuck", "Refunds that the gateway failed, or that need attention"),
    gauge("ticketing_webhooks_waiting", "Webhooks that are not applied or not confirmed yet"),
    gauge("ticketing_webhooks_quarantined", "Webhooks that need attention"),
    gauge("ticketing_reviews_open", "Payments in review, waiting for a decision"),
    gauge("ticketing_upkeep_lag_seconds", "How long the most overdue background work has been due"),
    gauge("ticketing_storage_connections_open", "This process's connections to the storage"),
    gauge("ticketing_storage_connections_busy", "Connections in use"),
    gauge("ticketing_storage_connections_limit", "Maximum number of connections"),
    gauge(BREAKER, "State of the payment gateway's circuit breakers, by kind of call: 0 closed, 1 half open, 2 open"),
];

/// Panics of this process. Not in the recorder, whose locks the panicking thread may hold.
static PANICKED: AtomicU64 = AtomicU64::new(0);

/// Counts a panic.
pub fn panicked() {
    PANICKED.fetch_add(1, Ordering::Relaxed);
}

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The recorder of this process, installed on first use: the facade allows one per process.
fn recorder() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets(BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed: /metrics shows gauges only");
        }
        for metric in OF_THE_ENGINE.iter().chain(OF_THE_SERVER) {
            match metric.kind {
                Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
                Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
                Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
            }
        }
        metrics::gauge!(STARTED).set(SystemClock.now().as_duration().as_secs_f64());
        handle
    })
}

/// Starts recording, and drains histograms until the result is dropped.
pub fn record() -> Recording {
    let handle = recorder();
    Recording(tokio::spawn(async move {
        loop {
            tokio::time::sleep(DRAIN_INTERVAL).await;
            handle.run_upkeep();
        }
    }))
}

/// See [`record`].
#[derive(Debug)]
pub struct Recording(tokio::task::JoinHandle<()>);

impl Drop for Recording {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The metrics of requests with the same route, method and status.
struct Series {
    method: &'static str,
    status: u16,
    count: metrics::Counter,
    seconds: metrics::Histogram,
}

thread_local! {
    /// The series that this thread has used, by route: a lookup takes no lock and allocates nothing.
    static SERIES: RefCell<HashMap<Box<str>, Vec<Series>>> = RefCell::default();
}

/// Counts a response. `route` is the pattern that matched, never a path.
pub(crate) fn answered(method: &Method, route: &str, status: StatusCode, took: Duration) {
    // A handle from before the recorder is installed would never be recorded.
    if RECORDER.get().is_none() {
        return;
    }
    let (method, status, seconds) = (name_of(method), status.as_u16(), took.as_secs_f64());
    let count = |series: &Series| {
        series.count.increment(1);
        series.seconds.record(seconds);
    };
    SERIES.with_borrow_mut(|by_route| {
        let of_route =
            by_route.get(route).and_then(|all| all.iter().find(|one| (one.method, one.status) == (method, status)));
        match of_route {
            Some(series) => count(series),
            None => {
                let series = Series {
                    method,
                    status,
                    count: metrics::counter!(
                        REQUESTS, "method" => method, "route" => route.to_owned(), "status" => status.to_string()
                    ),
                    seconds: metrics::histogram!(REQUEST_SECONDS, "method" => method, "route" => route.to_owned()),
                };
                count(&series);
                by_route.entry(route.into()).or_default().push(series);
            }
        }
    });
}

/// Clients can make up methods: unknown ones share one time series.
fn name_of(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// Whether `access` admits the request.
fn admits(access: MetricsAccess, request: &Request) -> bool {
    match access {
        MetricsAccess::Nobody | MetricsAccess::WithToken => false,
        MetricsAccess::ThisMachine => is_from_this_machine(request),
        MetricsAccess::Everybody => true,
    }
}

/// The metrics of one server.
#[derive(Clone, Debug)]
pub struct Numbers {
    ticketing: Ticketing,
    breaker: Option<Arc<CircuitBreaker>>,
    clock: Arc<dyn Clock>,
    access: MetricsAccess,
    token: Option<Secret>,
    sampled_at: Arc<Mutex<Option<tokio::time::Instant>>>,
}

impl Numbers {
    /// The metrics of this engine.
    pub fn new(
        ticketing: Ticketing,
        breaker: Option<Arc<CircuitBreaker>>,
        clock: Arc<dyn Clock>,
        access: MetricsAccess,
    ) -> Self {
        recorder();
        Self { ticketing, breaker, clock, access, token: None, sampled_at: Arc::default() }
    }

    /// Also gives access to anyone with this bearer token, unless access is [`MetricsAccess::Nobody`].
    #[must_use]
    pub fn with_token(self, token: Option<Secret>) -> Self {
        Self { token, ..self }
    }

    fn admits(&self, request: &Request) -> bool {
        admits(self.access, request) || (self.access != MetricsAccess::Nobody && self.has_token(request))
    }

    fn has_token(&self, request: &Request) -> bool {
        let shown = bearer_token(request.headers());
        // Compares digests, so that timing reveals nothing of the token.
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        self.token.as_ref().zip(shown).is_some_and(|(token, shown)| digest(token.expose()) == digest(shown))
    }

    /// All metrics in Prometheus's text format.
    pub async fn text(&self) -> String {
        self.sample().await;
        metrics::counter!(PANICS).absolute(PANICKED.load(Ordering::Relaxed));
        recorder().render()
    }

    async fn sample(&self) {
        let mut sampled_at = self.sampled_at.lock().await;
        if sampled_at.is_some_and(|at| at.elapsed() < SAMPLE_INTERVAL) {
            return;
        }
        let gauges = tokio::time::timeout(METRICS_TIMEOUT, self.ticketing.storage().gauges()).await;
        *sampled_at = Some(tokio::time::Instant::now());
        let set = |name: &'static str, value: u32| metrics::gauge!(name).set(value);
        for class in self.breaker.iter().flat_map(|breaker| breaker.state()) {
            let state = match class.state {
                StateName::Closed => 0,
                StateName::HalfOpen => 1,
                StateName::Open => 2,
            };
            metrics::gauge!(BREAKER, "calls" => class.class.name()).set(state);
        }
        let Ok(Ok(gauges)) = gauges else { return set(STORAGE_UP, 0) };
        set(STORAGE_UP, 1);
        set("ticketing_holds_open", gauges.holds_open);
        set("ticketing_outbox_waiting", gauges.mails_waiting);
        set("ticketing_outbox_dead", gauges.mails_dead);
        set("ticketing_refunds_open", gauges.refunds_open);
        set("ticketing_refunds_stuck", gauges.refunds_stuck);
        set("ticketing_webhooks_waiting", gauges.webhooks_waiting);
        set("ticketing_webhooks_quarantined", gauges.webhooks_quarantined);
        set("ticketing_reviews_open", gauges.reviews_open);
        set("ticketing_storage_connections_open", gauges.connections.open);
        set("ticketing_storage_connections_busy", gauges.connections.busy);
        set("ticketing_storage_connections_limit", gauges.connections.limit);
        let now = self.clock.now();
        metrics::gauge!("ticketing_outbox_oldest_seconds").set(age(gauges.oldest_mail, now));
        metrics::gauge!("ticketing_upkeep_lag_seconds").set(age(gauges.next_due, now));
    }
}

/// The age in seconds; 0 if there is none, or it lies in the future.
fn age(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0))
}

impl Endpoint for Numbers {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if !self.admits(&request) {
            // 404, so that the response does not reveal the endpoint.
            return Err(Problem::new("path_unknown", "Path not found.").into());
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return Err(StatusCode::METHOD_NOT_ALLOWED.into());
        }
        let text = self.text().await;
        Ok(Response::builder().header(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8").body(text))
    }
}
