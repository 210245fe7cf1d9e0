//! The middleware stack: every request passes through it, in this order.

use crate::middleware::admission::{Admission, Place};
use crate::middleware::client_address::{ClientAddress, TrustedProxies};
use crate::middleware::cors::{Cors, Verdict};
use crate::middleware::rate_limit::{Quota, RateLimit};
use crate::middleware::request_log::{Entry, Names};
use crate::middleware::timeout::Deadline;
use crate::middleware::{body_limit, panics, security_headers};
use crate::problem::{Problem, to_response};
use crate::routes::{self, IMPORTS, Policy};
use crate::server::ConnectionProgress;
use poem::http::uri::PathAndQuery;
use poem::http::{Method, StatusCode, Uri, header};
use poem::{Endpoint, IntoEndpoint, IntoResponse, PathPattern, Request, Response};
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::clock::{Clock, Random, SystemClock, SystemRandom};
use ticketing_core::gateway::in_flight::InFlight;
use ticketing_core::{MAX_IMPORT_BYTES, Ticketing};
use tracing::Instrument as _;

/// Settings of the stack.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// The allowed origins.
    pub cors: Cors,
    /// The rate limit of each client; `None`: no limit.
    pub quota: Option<Quota>,
    /// Shares the rate limit with other processes, through their database.
    pub shared_limits: Option<Ticketing>,
    /// The concurrency limit of reads. New purchases are limited by how long they would wait: see [`Admission`].
    pub max_concurrent_reads: usize,
    /// Checkouts that wait for the payment gateway: they do not count as waiting purchases.
    pub checkouts: InFlight,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// How long a request may take, including the time to send its body.
    pub request_timeout: Duration,
    /// The time, for the rate limit.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for request ids.
    pub random: Arc<dyn Random>,
}

impl Default for StackConfig {
    fn default() -> Self {
        Self {
            trusted_proxies: TrustedProxies::default(),
            cors: Cors::default(),
            quota: None,
            shared_limits: None,
            max_concurrent_reads: 128,
            checkouts: InFlight::default(),
            body_limit: body_limit::DEFAULT_LIMIT,
            request_timeout: Duration::from_secs(30),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// Puts the stack around an API. The result never fails: every error has become a response.
///
/// Paths of the API have no trailing slash; requests may have one.
pub fn stack<E>(api: E, config: StackConfig) -> MiddlewareStack<E::Endpoint>
where
    E: IntoEndpoint,
{
    let rate_limit = config.quota.map(RateLimit::new);
    let admission = Admission::new(config.max_concurrent_reads, config.checkouts.clone());
    let names = Names::new(Arc::clone(&config.random));
    MiddlewareStack { api: api.into_endpoint(), config, admission, rate_limit, names }
}

/// An API with its middleware, see [`stack`].
#[derive(Debug)]
pub struct MiddlewareStack<E> {
    api: E,
    config: StackConfig,
    admission: Admission,
    rate_limit: Option<RateLimit>,
    names: Names,
}

impl<E: Endpoint> Endpoint for MiddlewareStack<E> {
    type Output = Response;

    /// Gives the request an id, adds headers for browsers to the response, writes the log.
    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let client = self.config.trusted_proxies.client_of(&request);
        self.config.trusted_proxies.warn_of_unnamed_proxy(&request, self.config.clock.now());
        let id = self.names.fresh();
        request.set_data(client);
        // Every log line on the way belongs to this request.
        let span = tracing::info_span!("request", request.id = id.as_str());
        let entry = Entry::begin(id, request.method(), client);
        let policy = Policy::of(request.method(), request.uri().path());
        let verdict = self.config.cors.check(&request);

        let mut response = match self.config.cors.preflight(&request, &verdict) {
            Some(response) => response,
            None => Box::pin(self.admit(client, policy, &mut request)).instrument(span).await,
        };

        self.mark(&mut response, &verdict);
        entry.finish(&mut response, policy.route);
        Ok(response)
    }
}

impl<E: Endpoint> MiddlewareStack<E> {
    fn mark(&self, response: &mut Response, verdict: &Verdict) {
        verdict.add_headers(response.headers_mut());
        security_headers::add(response.headers_mut(), verdict.is_allowed());
    }

    /// Sheds load and applies the rate limit.
    ///
    /// The request is borrowed up to where the API takes it: each future that owned it would have room for a copy.
    async fn admit(&self, client: ClientAddress, policy: Policy, request: &mut Request) -> Response {
        // Before anything else is spent on it. The place itself is taken further in.
        if let Err(problem) = self.enter(policy) {
            return problem.to_response();
        }
        let limit = self.rate_limit.as_ref().filter(|_| policy.rate_limit == routes::RateLimit::Limited);
        let Some(limit) = limit else { return self.guard(policy, request).await };
        let now = self.config.clock.now();
        let mut standing = limit.check(client, now);
        if let (Ok(_), Some(ticketing)) = (&standing, &self.config.shared_limits) {
            standing = limit.check_together(client, ticketing, now).await.unwrap_or(standing);
        }
        let (standing, mut response) = match standing {
            Ok(standing) => (standing, self.guard(policy, request).await),
            Err(standing) => (standing, standing.problem().to_response()),
        };
        standing.add_headers(response.headers_mut());
        response
    }

    fn enter(&self, policy: Policy) -> Result<Option<Place>, Problem> {
        self.admission.enter(self.config.clock.now(), policy.class)
    }

    /// The largest body of a request. A file is larger than any other body; nobody sends one without a token.
    fn body_limit(&self, policy: Policy, request: &Request) -> usize {
        let is_import = policy.route.is_some_and(|route| route.pattern == IMPORTS && route.method.is_some());
        let has_token = request.headers().contains_key(header::AUTHORIZATION);
        if is_import && has_token { self.config.body_limit.max(MAX_IMPORT_BYTES) } else { self.config.body_limit }
    }

    /// Bounds what the request may cost: bytes, time, and a panic.
    async fn guard(&self, policy: Policy, request: &mut Request) -> Response {
        let deadline = Deadline::after(self.config.request_timeout);
        let limit = self.body_limit(policy, request);
        if let Err(problem) = deadline.for_body(body_limit::read(request, limit)).await {
            return hang_up(problem.to_response());
        }
        if let Some(ConnectionProgress(progress)) = request.data() {
            progress.body_has_arrived();
        }
        // Not before the body has arrived: a slow sender would hold a place without using it.
        let _place = match self.enter(policy) {
            Ok(place) => place,
            Err(problem) => return problem.to_response(),
        };
        let answer = panics::catch(self.answer(std::mem::take(request)));
        match deadline.for_answer(answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) | Err(problem) => problem.to_response(),
        }
    }

    /// Calls the API; an error becomes a problem, with the path's methods where the method was wrong.
    async fn answer(&self, mut request: Request) -> Response {
        trim_slash(request.uri_mut());
        let method = request.method().clone();
        let uri = request.uri().clone();
        let error = match self.api.call(request).await {
            Ok(answer) => return answer.into_response(),
            Err(error) => error,
        };
        let methods = routes::methods(uri.path());
        if error.status() == StatusCode::METHOD_NOT_ALLOWED && method == Method::OPTIONS && !methods.is_empty() {
            let allow: Vec<&str> = methods.iter().map(Method::as_str).collect();
            return Response::builder().status(StatusCode::NO_CONTENT).header(header::ALLOW, allow.join(", ")).finish();
        }
        let pattern = error.data::<PathPattern>().cloned();
        let mut response = to_response(error, |problem| match problem.code() {
            "method_not_allowed" => problem.allow(&methods),
            _ => problem,
        });
        if let Some(pattern) = pattern {
            response.set_data(pattern);
        }
        response
    }
}

/// The client may still be sending the rest of its body: the connection cannot be used again.
fn hang_up(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, poem::http::HeaderValue::from_static("close"));
    response
}

/// `/events/` and `/events` are one path.
fn trim_slash(uri: &mut Uri) {
    let path = uri.path();
    if path.len() < 2 || !path.ends_with('/') {
        return;
    }
    let trimmed = match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    let path_and_query = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path_and_query).ok();
    if let Ok(trimmed) = Uri::from_parts(parts) {
        *uri = trimmed;
    }
}

#[cfg(test)]
mod tests;
