//! Requests that are safe to repeat: `Idempotency-Key` on every POST, after the IETF draft of that name.
//!
//! The first answer is kept for 24 hours and given again to whoever sends the same key with the same body. A key belongs to
//! an account, a method and an address. Work that was cut off by a crash is begun again by the next repeat, and finds what it
//! made the first time, because all its references are derived from the key.

use super::state::ApiState;
use crate::middleware::client_address::ClientAddress;
use crate::middleware::request_log::hex;
use crate::problem::Problem;
use hmac::Mac;
use jiff::SignedDuration;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response};
use sha2::{Digest, Sha256};
use std::time::Duration;
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::request::{Answer, BeginRequest, Begun};

const HEADER: &str = "idempotency-key";
/// Says that an answer was given before.
const REPEATED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_KEY: usize = 255;

/// Longer than any request may take: nobody else works on it meanwhile.
const LEASE: SignedDuration = SignedDuration::from_secs(330);

/// Their answers hold tokens, which are not to be kept; nothing happens twice there. Gateways have their own way.
const NOT_KEPT: [&str; 2] = ["/auth/login", "/token"];
const WEBHOOKS: &str = "/payments/webhooks/";

/// What headers belong to an answer that is given again.
const KEPT_HEADERS: [HeaderName; 4] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG, header::RETRY_AFTER];

/// The key of a request, as the seed of every reference that the request makes.
#[derive(Clone, Debug)]
pub(crate) struct RequestSeed(Seed);

/// A reference for what this request makes: the same at every repeat, where the request names a key.
pub(crate) fn reference(request: &Request, purpose: &str) -> Option<Reference> {
    request.data::<RequestSeed>().map(|seed| Reference::derived(&seed.0, purpose))
}

/// The API, with answers that are kept.
pub(crate) struct Idempotent<E> {
    pub(crate) api: E,
    pub(crate) state: ApiState,
}

impl<E: Endpoint<Output = Response>> Endpoint for Idempotent<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        let is_covered = request.method() == Method::POST && !NOT_KEPT.contains(&path) && !path.starts_with(WEBHOOKS);
        let Some(key) = key(&request)?.filter(|_| is_covered) else { return self.api.call(request).await };
        let body = request.take_body().into_bytes().await?;
        let seed = self.seed(&request, &key).await;
        let scope: String = hex(&Sha256::digest(seed));
        let begin = BeginRequest::new(scope.clone(), content(&request, &body), LEASE);
        request.set_body(body);

        let ticketing = &self.state.ticketing;
        match ticketing.begin_request(&begin).await.map_err(Problem::from)? {
            Begun::Work { since } => {
                // Once the first answer is forgotten, the same key begins something new.
                let seed =
                    Sha256::new().chain_update(seed).chain_update(since.as_microsecond().to_be_bytes()).finalize();
                request.set_data(RequestSeed(Seed(seed.into())));
            }
            Begun::Repeat(answer) => return Ok(repeated(answer)),
            Begun::InProgress { .. } => {
                let problem =
                    Problem::new("request_in_progress", "A request with this Idempotency-Key is in progress.");
                // Whoever is at work is nearly always done much sooner than the lease ends.
                return Err(problem.retry_after(Duration::from_secs(1)).into());
            }
            Begun::OtherContent => {
                let detail = "This Idempotency-Key was used for another request.";
                return Err(Problem::new("idempotency_key_reused", detail).into());
            }
        }
        let outcome = self.api.call(request).await;
        let (outcome, answer) = kept(outcome).await?;
        ticketing.finish_request(&scope, answer.as_ref()).await.map_err(Problem::from)?;
        outcome
    }
}

impl<E> Idempotent<E> {
    /// Whose key it is, and for what. Keyed with a secret of ours: references are derived from it that nobody may guess.
    async fn seed(&self, request: &Request, key: &str) -> [u8; 32] {
        let who = match bearer(request) {
            Some(token) => match self.state.ticketing.authenticate(token).await {
                Ok(account) => format!("account {}", account.id),
                // Refused in a moment; the answer is not kept.
                Err(_) => "a bad token".to_owned(),
            },
            None => match request.data::<ClientAddress>() {
                Some(client) => format!("somebody at {}", client.0),
                None => "somebody".to_owned(),
            },
        };
        let mut mac = self.state.key_mac();
        for part in [who.as_str(), request.method().as_str(), request.uri().path(), key] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

fn key(request: &Request) -> Result<Option<String>, Problem> {
    let mut keys = request.headers().get_all(HEADER).iter();
    let key = match (keys.next(), keys.next()) {
        (None, _) => return Ok(None),
        (Some(key), None) => key.to_str().map(|key| key.trim().trim_matches('"').to_owned()).ok(),
        (Some(_), Some(_)) => None,
    };
    let fits =
        |key: &String| (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let wanted =
        || Problem::invalid_field("Idempotency-Key", format!("must be one key of 1 to {MAX_KEY} visible characters"));
    key.filter(fits).map(Some).ok_or_else(wanted)
}

fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn content(request: &Request, body: &[u8]) -> String {
    let query = request.uri().query().unwrap_or_default();
    hex(&Sha256::new()
        .chain_update((query.len() as u64).to_be_bytes())
        .chain_update(query)
        .chain_update(body)
        .finalize())
}

/// What came of the work, and the answer that is to be kept of it, if any. Not kept: what may come out otherwise next time
/// (trouble of ours, of the gateway or with the token, a payment that is still open), and faults in the request, which
/// the frame words better.
async fn kept(outcome: poem::Result<Response>) -> poem::Result<(poem::Result<Response>, Option<Answer>)> {
    let response = match outcome {
        Ok(response) => response,
        Err(error) => match error.downcast_ref::<Problem>() {
            Some(problem) if is_final(problem.status()) && problem.errors().is_empty() => problem.to_response(),
            _ => return Ok((Err(error), None)),
        },
    };
    if !is_final(response.status()) {
        return Ok((Ok(response), None));
    }
    let (parts, body) = response.into_parts();
    let body = body.into_bytes().await?;
    let header =
        |name: &HeaderName| Some((name.as_str().to_owned(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
    let headers = KEPT_HEADERS.iter().filter_map(header).collect();
    let answer = Answer::new(parts.status.as_u16(), headers, body.to_vec());
    Ok((Ok(Response::from_parts(parts, body.into())), Some(answer)))
}

fn is_final(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(
            status,
            StatusCode::ACCEPTED
                | StatusCode::UNAUTHORIZED
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_MANY_REQUESTS
        )
}

fn repeated(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = Response::builder().status(status).body(answer.body);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
    response
}
