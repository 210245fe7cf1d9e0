//! The whole server in one value: the API, its pages, the sandbox, and the middleware around them.

use crate::api::{self, ApiSettings, ApiState};
use crate::config::Config;
use crate::docs::Docs;
use crate::metrics::Numbers;
use crate::middleware::client_address::TrustedProxies;
use crate::middleware::cors::Cors;
use crate::routes::{self, Server};
use crate::sandbox::{self, Sandbox};
use crate::stack::{MiddlewareStack, StackConfig, stack};
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Request, Response, Route};
use std::sync::Arc;

/// The version in `/`, `/openapi.json` and `--version`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The API, and the routes beside it. Not a single `Route`: an API nested at its root would take every path.
pub struct Routes {
    api: BoxEndpoint<'static, Response>,
    beside: Route,
    has_sandbox: bool,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("has_sandbox", &self.has_sandbox).finish_non_exhaustive()
    }
}

impl Endpoint for Routes {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let is_beside = match routes::at(request.uri().path()).first().map(|route| route.server) {
            None | Some(Server::Api) => false,
            Some(Server::Docs | Server::Metrics) => true,
            Some(Server::Sandbox) => self.has_sandbox,
        };
        if is_beside {
            return self.beside.call(request).await;
        }
        self.api.call(request).await
    }
}

/// The settings of the API.
pub fn settings(config: &Config) -> ApiSettings {
    ApiSettings {
        default_currency: config.default_currency,
        allow_anonymous_events: config.allow_anonymous_events,
        frontend_url: config.frontend_url.clone(),
        public_url: Some(config.public_url.clone()),
    }
}

/// The API with its middleware, its pages, and the sandbox where there is one.
pub fn app(state: ApiState, sandbox: Option<Arc<Sandbox>>, config: &Config) -> MiddlewareStack<Routes> {
    let clock = Arc::clone(&state.clock);
    let checkouts = state.checkouts.clone();
    let shared_limits = state.has_shared_limits.then(|| state.ticketing.clone());
    let docs = Docs::of(api::service(&state).spec(), config.docs);
    let numbers = Numbers::new(state.ticketing.clone(), state.breaker.clone(), Arc::clone(&clock), config.metrics)
        .with_token(config.metrics_token.clone());
    let has_sandbox = sandbox.is_some();
    let beside = match sandbox {
        Some(sandbox) => Route::new().nest(routes::SANDBOX, sandbox::routes(sandbox)),
        None => Route::new(),
    };
    let api = Routes {
        api: api::endpoint(state).map_to_response().boxed(),
        beside: docs.mount(beside).at(routes::METRICS, numbers),
        has_sandbox,
    };
    let config = StackConfig {
        trusted_proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        cors: Cors::new(&config.cors_origins),
        quota: config.rate_limit,
        shared_limits,
        checkouts,
        max_concurrent_reads: (config.max_connections / 4).max(1),
        request_timeout: config.request_timeout,
        clock,
        ..StackConfig::default()
    };
    stack(api, config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use poem::http::StatusCode;
    use poem::test::TestClient;
    use serde_json::json;
    use ticketing_core::Ticketing;
    use ticketing_core::storage::memory::MemoryStorage;

    const TOKEN: &str = "a-token-for-prometheus";

    #[tokio::test]
    async fn index_health_readiness_and_metrics() {
        let config = Config::read(&Source::of([])).unwrap();
        let ticketing = Ticketing::builder(MemoryStorage::new()).build().unwrap();
        let state = ApiState::new(ticketing, settings(&config));
        let client = TestClient::new(app(state.clone(), None, &config));
        let response = client.get("/").send().await;
        response.assert_status_is_ok();
        response.assert_json(json!({"message": "Welcome to Ticketing", "version": VERSION, "docs": "/docs"})).await;
        let response = client.get("/health").send().await;
        response.assert_json(json!({"status": "healthy"})).await;
        client.get("/docs").send().await.assert_status_is_ok();
        for path in ["/ready", "/ready/"] {
            client.get(path).send().await.assert_json(json!({"status": "ready"})).await;
        }
        client.get("/metrics").send().await.assert_status_is_ok();
        let from_elsewhere = client.get("/metrics").header("x-forwarded-for", "192.0.2.1").send().await;
        from_elsewhere.assert_status(StatusCode::NOT_FOUND);
        let with_token = Config::read(&Source::of([("METRICS_TOKEN", TOKEN)])).unwrap();
        let with_token = TestClient::new(app(state.clone(), None, &with_token));
        let show = |token: &str| {
            let request = with_token.get("/metrics").header("x-forwarded-for", "192.0.2.1");
            request.header("authorization", format!("Bearer {token}")).send()
        };
        show(TOKEN).await.assert_status_is_ok();
        show("another-token-of-somebody").await.assert_status(StatusCode::NOT_FOUND);
        client.post("/metrics").send().await.assert_status(StatusCode::METHOD_NOT_ALLOWED);
        state.stop_soon();
        client.get("/ready").send().await.assert_status(StatusCode::SERVICE_UNAVAILABLE);
        client.get("/health").send().await.assert_status_is_ok();
        client.get("/nowhere").send().await.assert_status(StatusCode::NOT_FOUND);
        client.get("/sandbox/paystack/checkout/x").send().await.assert_status(StatusCode::NOT_FOUND);
    }
}
