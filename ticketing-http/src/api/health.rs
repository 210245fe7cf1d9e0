//! Health checks and service information.

use super::Tag;
use super::dto::time::Time;
use super::problems::problems;
use super::state::ApiState;
use crate::problem::Problem;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use std::time::Duration;
use ticketing_core::gateway::circuit_breaker::ClassState;

problems! {
    IndexProblems: &[];
    HealthProblems: &[];
    ReadyProblems: &["stopping"];
}

/// Readiness probes have short timeouts.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Health(pub(crate) ApiState);

/// The server is up.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct HealthView {
    /// `healthy`
    status: String,
    /// The state of the payment gateway's circuit breakers, with `?detail`.
    payment_gateway: Option<Vec<BreakerView>>,
}

/// The circuit breaker of one kind of calls to the payment gateway.
#[derive(Object)]
#[oai(rename = "CircuitBreaker", skip_serializing_if_is_none)]
pub(crate) struct BreakerView {
    /// `checkout`, `read` or `refund`
    calls: String,
    /// `closed`: calls pass. `open`: calls fail at once. `half_open`: one trial call at a time.
    state: String,
    /// When it entered this state.
    since: Time,
    /// Milliseconds until the next trial call, while open.
    retry_after_ms: Option<u64>,
    /// Consecutive failures.
    failures_in_a_row: u32,
    /// Calls rejected since the server started.
    refused: u64,
}

impl From<ClassState> for BreakerView {
    fn from(state: ClassState) -> Self {
        Self {
            calls: state.class.name().to_owned(),
            state: state.state.name().to_owned(),
            since: Time(state.since),
            retry_after_ms: state.retry_after_ms,
            failures_in_a_row: state.failures_in_a_row,
            refused: state.refused,
        }
    }
}

/// The server is ready.
#[derive(Object)]
pub(crate) struct ReadyView {
    /// `ready`
    status: String,
}

/// Information about the service.
#[derive(Object)]
pub(crate) struct IndexView {
    /// A greeting.
    message: String,
    /// Its version.
    version: String,
    /// The path of its documentation.
    docs: String,
}

#[OpenApi(tag = "Tag::Service")]
impl Health {
    /// Service information
    #[oai(path = "/", method = "get", operation_id = "index")]
    async fn index(&self) -> Result<Json<IndexView>, IndexProblems> {
        Ok(Json(IndexView {
            message: "Welcome to Ticketing".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            docs: "/docs".to_owned(),
        }))
    }

    /// Liveness probe
    ///
    /// Checks nothing beyond the process, so that a slow database does not look like a dead server. See `/ready`.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(
        &self,
        /// Include the state of the payment gateway's circuit breakers: `?detail` or `?detail=true`.
        detail: Query<Option<String>>,
    ) -> Result<Json<HealthView>, HealthProblems> {
        let show_detail = detail.0.is_some_and(|detail| detail != "false");
        let breaker = self.0.breaker.as_ref().filter(|_| show_detail);
        Ok(Json(HealthView {
            status: "healthy".to_owned(),
            payment_gateway: breaker.map(|breaker| breaker.state().into_iter().map(Into::into).collect()),
        }))
    }

    /// Readiness probe
    ///
    /// 503 while the database cannot be reached or has another schema version, and once the server is shutting down. For load
    /// balancers; `/health` is for supervisors that restart the server.
    #[oai(path = "/ready", method = "get", operation_id = "ready")]
    async fn ready(&self) -> Result<Json<ReadyView>, ReadyProblems> {
        if self.0.is_stopping() {
            return Err(Problem::new("stopping", "The server is shutting down.").into());
        }
        let wrong = match tokio::time::timeout(READY_TIMEOUT, self.0.ticketing.storage().ready()).await {
            Ok(Ok(())) => return Ok(Json(ReadyView { status: "ready".to_owned() })),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "timed out".to_owned(),
        };
        tracing::warn!(wrong, "not ready: the database is unavailable");
        Err(Problem::new("storage_unavailable", "The database is unavailable.").retry_after(READY_TIMEOUT).into())
    }
}
