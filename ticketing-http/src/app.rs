//! The whole server in one value: the API, its pages, the sandbox, and the middleware around them.

use crate::account_page;
use crate::api::{self, ApiSettings, ApiState};
use crate::config::{Config, Gateway, SandboxAccess};
use crate::docs::Docs;
use crate::metrics::Numbers;
use crate::middleware::client_address::{TrustedProxies, is_from_this_machine};
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
    sandbox: SandboxAccess,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("sandbox", &self.sandbox).finish_non_exhaustive()
    }
}

impl Endpoint for Routes {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let is_beside = match routes::at(request.uri().path()).first().map(|route| route.server) {
            None | Some(Server::Api) => false,
            Some(Server::Docs | Server::Metrics | Server::Account) => true,
            Some(Server::Sandbox) => self.admits_to_sandbox(&request),
        };
        if is_beside {
            return self.beside.call(request).await;
        }
        self.api.call(request).await
    }
}

impl Routes {
    /// Whether the request may pay without money. Settings cannot tell every way in: a proxy or a tunnel may lead here unnamed.
    fn admits_to_sandbox(&self, request: &Request) -> bool {
        let is_admitted = match self.sandbox {
            SandboxAccess::Nobody => false,
            SandboxAccess::ThisMachine => is_from_this_machine(request),
            SandboxAccess::Everybody => true,
        };
        if !is_admitted && self.sandbox == SandboxAccess::ThisMachine {
            tracing::warn!("a request from elsewhere must not use the sandbox; SANDBOX=on would allow it");
        }
        is_admitted
    }
}

/// The settings of the API.
pub fn settings(config: &Config) -> ApiSettings {
    ApiSettings {
        default_currency: config.default_currency,
        default_time_zone: config.default_time_zone.clone(),
        allow_anonymous_events: config.allow_anonymous_events,
        frontend_url: config.frontend_url.clone(),
        public_url: Some(config.public_url.clone()),
        takes_payments: config.gateway != Gateway::None,
        purchase_limits: config.purchase_limits,
        verify_emails: config.verify_emails,
    }
}

/// The API with its middleware, its pages, and the sandbox where there is one.
pub fn app(state: ApiState, sandbox: Option<Arc<Sandbox>>, config: &Config) -> MiddlewareStack<Routes> {
    let clock = Arc::clone(&state.clock);
    let checkouts = state.checkouts.clone();
    let shared_limits = state.has_shared_limits.then(|| state.ticketing.clone());
    let docs = Docs::of(api::service(&state).spec(), config.docs);
    let numbers =
        Numbers::new(state.ticketing.clone(), state.breaker.clone(), Arc::clone(&clock), config.metrics_access())
            .with_token(config.metrics_token.clone());
    let (beside, sandbox) = match sandbox {
        Some(sandbox) => (Route::new().nest(routes::SANDBOX, sandbox::routes(sandbox)), config.sandbox),
        None => (Route::new(), SandboxAccess::Nobody),
    };
    let proof_page = account_page::endpoint(state.clone());
    let api = Routes {
        api: api::endpoint(state).map_to_response().boxed(),
        beside: docs.mount(beside).at(routes::METRICS, numbers).at(routes::PROOF_PAGE, proof_page),
        sandbox,
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

    /// What a program on this machine sends, and what comes from elsewhere.
    const FROM_ELSEWHERE: &[(&str, &str)] = &[
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "tickets.example"),
        ("x-forwarded-prefix", "/shop"),
        ("forwarded", "for=203.0.113.9"),
        ("via", "1.1 proxy"),
        ("x-real-ip", "203.0.113.9"),
        ("cf-connecting-ip", "203.0.113.9"),
        ("true-client-ip", "203.0.113.9"),
        ("host", "rebound.example"),
        ("host", "localhost.rebound.example:8000"),
        ("host", "203.0.113.9:8000"),
        ("host", ""),
    ];

    #[tokio::test]
    async fn metrics_and_sandbox_are_for_this_machine_alone() {
        let pages = ["/metrics", "/sandbox/paystack/checkout/nothing"];
        let serve = async |pairs: &[(&str, &str)]| {
            let config = Config::read(&Source::of(pairs.iter().copied())).unwrap();
            let ticketing = Ticketing::builder(MemoryStorage::new()).build().unwrap();
            let sandbox =
                sandbox::SandboxConfig::new("sk_test_0123456789abcdef0123456789abcdef01234567", "http://here");
            let sandbox = Sandbox::open(sandbox).await.unwrap();
            TestClient::new(app(ApiState::new(ticketing, settings(&config)), Some(sandbox), &config))
        };
        // The sandbox answers with its own page where there is no such checkout; the API with a problem.
        let is_reached = async |client: &TestClient<_>, page: &str, header: Option<(&str, &str)>| {
            let request = client.get(page);
            let request = match header {
                Some((name, value)) => request.header(name, value),
                None => request,
            };
            let response = request.send().await.0;
            response.content_type() != Some("application/problem+json")
        };
        let client = serve(&[]).await;
        for page in pages {
            for host in
                [None, Some(("host", "localhost:8000")), Some(("host", "127.0.0.1")), Some(("host", "[::1]:8000"))]
            {
                assert!(is_reached(&client, page, host).await, "{page} {host:?}");
            }
            for header in FROM_ELSEWHERE {
                assert!(!is_reached(&client, page, Some(*header)).await, "{page} {header:?}");
            }
        }
        let open = serve(&[("SANDBOX", "on"), ("METRICS", "on"), ("PUBLIC_URL", "https://tickets.example")]).await;
        for page in pages {
            for header in FROM_ELSEWHERE {
                assert!(is_reached(&open, page, Some(*header)).await, "{page} {header:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_server_without_payments_has_free_events_only() {
        let config = Config::read(&Source::of([("PAYMENTS", "none"), ("ALLOW_ANONYMOUS_EVENTS", "on")])).unwrap();
        let ticketing = Ticketing::builder(MemoryStorage::new()).build().unwrap();
        let client = TestClient::new(app(ApiState::new(ticketing, settings(&config)), None, &config));
        let create = async |prices: serde_json::Value| {
            let mut event = json!({"title": "Jazz", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos"});
            event.as_object_mut().unwrap().extend(prices.as_object().unwrap().clone());
            let response = client.post("/events").body_json(&event).send().await.0;
            let status = response.status().as_u16();
            let body: serde_json::Value = response.into_body().into_json().await.unwrap();
            (status, body["errors"][0]["field"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(create(json!({"price": "0"})).await, (201, String::new()));
        assert_eq!(create(json!({"price": "0.01"})).await, (422, "price".to_owned()));
        assert_eq!(create(json!({"ticket_price": "5000"})).await, (422, "price".to_owned()));
        let mixed = json!({"ticket_types": [{"name": "Free", "price": "0"}, {"name": "VIP", "price": "1"}]});
        assert_eq!(create(mixed).await, (422, "ticket_types.1.price".to_owned()));
    }
}
