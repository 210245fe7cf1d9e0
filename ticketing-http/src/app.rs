//! The whole server in one value: the API, its pages, and the frame around them.

use crate::config::Config;
use crate::contract::Contract;
use crate::docs::Docs;
use crate::frame::{FrameConfig, Framed, frame};
use crate::middleware::client_address::TrustedProxies;
use crate::middleware::cors::Cors;
use poem::endpoint::make_sync;
use poem::http::Method;
use poem::web::Json;
use poem::{Endpoint, Request, Response, Route, get};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::json;
use std::sync::Arc;
use ticketing_core::clock::Clock;

/// The version that `/`, `/openapi.json` and `--version` tell.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The root, and everything else: what is nested at the root takes `/` too, whatever is routed beside it.
pub struct Routes {
    welcome: Route,
    others: Route,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}

impl Endpoint for Routes {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        match request.uri().path() {
            "/" => self.welcome.call(request).await,
            _ => self.others.call(request).await,
        }
    }
}

/// Puts `api` behind its frame, with pages, `/` and `/health` beside it. Its paths have no slash at their end.
pub fn app<A: OpenApi + 'static>(api: A, config: &Config, clock: Arc<dyn Clock>) -> Framed<Routes> {
    let service = OpenApiService::new(api, "Ticketing", VERSION).description("Sells tickets to events.");
    let docs = Docs::of(&service, config.docs);
    let contract = docs
        .describe(Contract::of_document(&service.spec()))
        .with_route("/", &[Method::GET])
        .with_route("/health", &[Method::GET]);
    let has_pages = config.docs;
    let welcome = move |_| {
        let mut welcome = json!({"message": "Welcome to Ticketing", "version": VERSION});
        if has_pages {
            welcome["docs"] = json!("/docs");
        }
        Json(welcome)
    };
    let health = |_| Json(json!({"status": "healthy"}));
    let routes = Route::new().nest("/", service).at("/health", get(make_sync(health)));
    let routes = Routes { welcome: Route::new().at("/", get(make_sync(welcome))), others: docs.mount(routes) };
    let config = FrameConfig {
        contract,
        trusted_proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        cors: Cors::new(&config.cors_origins),
        quota: config.rate_limit,
        request_timeout: config.request_timeout,
        clock,
        ..FrameConfig::default()
    };
    frame(routes, config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use poem::test::TestClient;
    use ticketing_core::clock::SystemClock;

    #[tokio::test]
    async fn the_server_says_who_it_is_and_how_it_is() {
        let config = Config::read(&Source::of([])).unwrap();
        let client = TestClient::new(app((), &config, Arc::new(SystemClock)));
        let response = client.get("/").send().await;
        response.assert_status_is_ok();
        response.assert_json(json!({"message": "Welcome to Ticketing", "version": VERSION, "docs": "/docs"})).await;
        let response = client.get("/health").send().await;
        response.assert_json(json!({"status": "healthy"})).await;
        client.get("/docs").send().await.assert_status_is_ok();
        client.get("/nowhere").send().await.assert_status(poem::http::StatusCode::NOT_FOUND);
    }
}
