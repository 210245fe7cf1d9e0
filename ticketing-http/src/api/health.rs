//! Whether we are here.

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

/// Whoever asks whether we are ready asks often, and gives up soon.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Health(pub(crate) ApiState);

/// That the server is up.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct HealthView {
    /// `healthy`
    status: String,
    /// If asked for: how the payment gateway stands, by kind of call.
    payment_gateway: Option<Vec<BreakerView>>,
}

/// How one kind of calls to the payment gateway stands.
#[derive(Object)]
#[oai(rename = "CircuitBreaker", skip_serializing_if_is_none)]
pub(crate) struct BreakerView {
    /// `checkout`, `read` or `refund`
    calls: String,
    /// `closed`: calls pass. `open`: none does. `half_open`: one at a time does, to see.
    state: String,
    /// Since when.
    since: Time,
    /// In how many milliseconds a call may pass again, where none passes now.
    retry_after_ms: Option<u64>,
    /// Failures since the last success.
    failures_in_a_row: u32,
    /// Calls refused since the server was started.
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

/// That requests are welcome.
#[derive(Object)]
pub(crate) struct ReadyView {
    /// `ready`
    status: String,
}

/// What this is.
#[derive(Object)]
pub(crate) struct IndexView {
    /// Its name.
    message: String,
    /// Its version.
    version: String,
    /// Where it is described.
    docs: String,
}

#[OpenApi(tag = "Tag::Service")]
impl Health {
    /// What this is
    #[oai(path = "/", method = "get", operation_id = "index")]
    async fn index(&self) -> Result<Json<IndexView>, IndexProblems> {
        Ok(Json(IndexView {
            message: "Welcome to Ticketing".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            docs: "/docs".to_owned(),
        }))
    }

    /// Whether the server is up
    ///
    /// Asks nothing else, so that a slow database does not look like a dead server. `/ready` asks more.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(
        &self,
        /// Whether the state of the payment gateway's circuit breakers is wanted too: `?detail` or `?detail=true`.
        detail: Query<Option<String>>,
    ) -> Result<Json<HealthView>, HealthProblems> {
        let wanted = detail.0.is_some_and(|detail| detail != "false");
        let breaker = self.0.breaker.as_ref().filter(|_| wanted);
        Ok(Json(HealthView {
            status: "healthy".to_owned(),
            payment_gateway: breaker.map(|breaker| breaker.state().into_iter().map(Into::into).collect()),
        }))
    }

    /// Whether requests are welcome
    ///
    /// 503 while the database cannot be asked or is not in the shape that this version wants, and once the server is told to stop.
    /// For whoever deals out requests to several servers; `/health` is for whoever restarts them.
    #[oai(path = "/ready", method = "get", operation_id = "ready")]
    async fn ready(&self) -> Result<Json<ReadyView>, ReadyProblems> {
        if self.0.is_stopping() {
            return Err(Problem::new("stopping", "The server is about to stop.").into());
        }
        let wrong = match tokio::time::timeout(PATIENCE, self.0.ticketing.storage().ready()).await {
            Ok(Ok(())) => return Ok(Json(ReadyView { status: "ready".to_owned() })),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(wrong, "not ready: the storage cannot be used");
        Err(Problem::new("storage_unavailable", "The database cannot be used at the moment.")
            .retry_after(PATIENCE)
            .into())
    }
}
