//! What stands around the whole API: every request passes through here, in this order.

use crate::contract::Contract;
use crate::engine::SANDBOX_PATH;
use crate::middleware::admission::{Admission, Place};
use crate::middleware::checkouts::Checkouts;
use crate::middleware::client_address::{ClientAddress, TrustedProxies};
use crate::middleware::cors::{Cors, Verdict};
use crate::middleware::rate_limit::{Quota, RateLimit};
use crate::middleware::request_log::{Entry, Names};
use crate::middleware::timeout::Deadline;
use crate::middleware::{body_limit, panics, security_headers};
use crate::problem::{FieldError, Problem, to_response};
use poem::http::uri::PathAndQuery;
use poem::http::{Method, StatusCode, Uri, header};
use poem::{Endpoint, IntoEndpoint, IntoResponse, PathPattern, Request, Response};
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::clock::{Clock, Random, SystemClock, SystemRandom};
use tracing::Instrument as _;

/// How the frame behaves.
#[derive(Clone, Debug)]
pub struct FrameConfig {
    /// What addresses understand and bodies are: for `Allow`, and for naming wrong fields.
    pub contract: Contract,
    /// The proxies that say the truth about who asks.
    pub trusted_proxies: TrustedProxies,
    /// Which pages may read the answers.
    pub cors: Cors,
    /// How much one client may ask; `None`: as much as it likes.
    pub quota: Option<Quota>,
    /// Counts requests of all processes together, where there are several.
    pub shared_limits: Option<Ticketing>,
    /// How many requests that only look are worked on at once; half as many that begin a sale, unless they come in a rush.
    pub lookers: usize,
    /// Sales that only wait for the payment service: they are not among those that are worked on.
    pub checkouts: Checkouts,
    /// How large a body may be.
    pub body_limit: usize,
    /// How long a request may take, its body included.
    pub request_timeout: Duration,
    /// What time it is, for the limits.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the names of requests.
    pub random: Arc<dyn Random>,
}

impl Default for FrameConfig {
    fn default() -> Self {
        Self {
            contract: Contract::default(),
            trusted_proxies: TrustedProxies::default(),
            cors: Cors::default(),
            quota: None,
            shared_limits: None,
            lookers: 128,
            checkouts: Checkouts::default(),
            body_limit: body_limit::DEFAULT_LIMIT,
            request_timeout: Duration::from_secs(30),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// Puts an API into its frame. The result never fails: every error has become an answer.
///
/// Paths of the API have no slash at their end; requests may have one.
pub fn frame<E>(api: E, config: FrameConfig) -> Framed<E::Endpoint>
where
    E: IntoEndpoint,
{
    let rate_limit = config.quota.map(RateLimit::new);
    let admission = Admission::new(config.lookers, config.checkouts.clone());
    let names = Names::new(Arc::clone(&config.random));
    Framed { api: api.into_endpoint(), config, admission, rate_limit, names }
}

/// An API in its frame, see [`frame`].
#[derive(Debug)]
pub struct Framed<E> {
    api: E,
    config: FrameConfig,
    admission: Admission,
    rate_limit: Option<RateLimit>,
    names: Names,
}

impl<E: Endpoint> Endpoint for Framed<E> {
    type Output = Response;

    /// Names the request, marks the answer for browsers, writes the log.
    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let client = self.config.trusted_proxies.client_of(&request);
        let id = self.names.fresh();
        request.set_data(client);
        // What is told on the way, by whomever, is told of this request.
        let span = tracing::info_span!("request", request.id = id.as_str());
        let entry = Entry::begin(id, request.method(), client);
        let verdict = self.config.cors.judge(&request);

        let mut response = match self.config.cors.preflight(&request, &verdict) {
            Some(response) => response,
            None => Box::pin(self.admit(client, &mut request)).instrument(span).await,
        };

        self.mark(&mut response, &verdict);
        entry.finish(&mut response, &self.config.contract);
        Ok(response)
    }
}

impl<E: Endpoint> Framed<E> {
    fn mark(&self, response: &mut Response, verdict: &Verdict) {
        verdict.tell(response.headers_mut());
        security_headers::add(response.headers_mut(), verdict.is_allowed());
    }

    /// Lets the request in, if there is a place for it and its client has not asked too much already.
    ///
    /// The request is lent, not given, up to where the API takes it: futures that own it would hold it once for each of them.
    async fn admit(&self, client: ClientAddress, request: &mut Request) -> Response {
        // Before anything else is spent on it. The place itself is taken further in.
        if let Err(problem) = self.enter(request) {
            return problem.to_response();
        }
        let limit = self.rate_limit.as_ref().filter(|_| !is_exempt(request.uri().path()));
        let Some(limit) = limit else { return self.guard(request).await };
        let now = self.config.clock.now();
        let mut standing = limit.check(client, now);
        if let (Ok(_), Some(ticketing)) = (&standing, &self.config.shared_limits) {
            standing = limit.check_together(client, ticketing, now).await.unwrap_or(standing);
        }
        let (standing, mut response) = match standing {
            Ok(standing) => (standing, self.guard(request).await),
            Err(standing) => (standing, standing.problem().to_response()),
        };
        standing.tell(response.headers_mut());
        response
    }

    fn enter(&self, request: &Request) -> Result<Option<Place>, Problem> {
        self.admission.enter(self.config.clock.now(), request.method(), request.uri().path())
    }

    /// Bounds what the request may cost: bytes, time, and a panic.
    async fn guard(&self, request: &mut Request) -> Response {
        let deadline = Deadline::after(self.config.request_timeout);
        let body = match deadline.for_body(body_limit::read(request, self.config.body_limit)).await {
            Ok(body) => body,
            Err(problem) => return hang_up(problem.to_response()),
        };
        // Not before: whoever sends slowly would have the place of somebody who waits.
        let _place = match self.enter(request) {
            Ok(place) => place,
            Err(problem) => return problem.to_response(),
        };
        let answer = panics::catch(self.answer(std::mem::take(request), &body));
        match deadline.for_answer(answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) | Err(problem) => problem.to_response(),
        }
    }

    /// Asks the API; an error becomes a problem, improved by what the contract knows.
    async fn answer(&self, mut request: Request, body: &[u8]) -> Response {
        trim_slash(request.uri_mut());
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let error = match self.api.call(request).await {
            Ok(answer) => return answer.into_response(),
            Err(error) => error,
        };
        let methods = self.config.contract.methods(&path);
        if error.status() == StatusCode::METHOD_NOT_ALLOWED && method == Method::OPTIONS && !methods.is_empty() {
            let allow: Vec<&str> = methods.iter().map(Method::as_str).collect();
            return Response::builder().status(StatusCode::NO_CONTENT).header(header::ALLOW, allow.join(", ")).finish();
        }
        let pattern = error.data::<PathPattern>().cloned();
        let mut response = to_response(error, |problem| match problem.code() {
            "method_not_allowed" => problem.allow(&methods),
            "invalid" | "body_unreadable" => self.name_wrong_fields(problem, &method, &path, body),
            _ => problem,
        });
        if let Some(pattern) = pattern {
            response.set_data(pattern);
        }
        response
    }

    /// poem-openapi stops at the first wrong field of a body and often cannot name it. A handler's own complaint, which
    /// names its fields, stays as it is.
    fn name_wrong_fields(&self, problem: Problem, method: &Method, path: &str, body: &[u8]) -> Problem {
        let is_vague = problem.errors().iter().any(|error| error.field == "body") || problem.errors().len() == 1;
        if !is_vague || body.is_empty() {
            return problem;
        }
        let Ok(body) = serde_json::from_slice(body) else { return problem };
        let found = self.config.contract.wrong_fields(method, path, &body);
        let knows_more = |known: &FieldError| known.field == "body" || found.iter().any(|new| new.field == known.field);
        if found.is_empty() || !problem.errors().iter().all(knows_more) { problem } else { Problem::invalid(found) }
    }
}

/// Asked by machines that must not be turned away: monitors, gateways, and our own gateway client at the sandbox.
fn is_exempt(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    ["/health", "/ready", crate::metrics::PATH].contains(&path)
        || path.starts_with("/payments/webhooks/")
        || path.starts_with(SANDBOX_PATH)
}

/// The client may still be sending what was not read: the connection cannot be used again.
fn hang_up(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, poem::http::HeaderValue::from_static("close"));
    response
}

/// `/events/` and `/events` are one address.
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
