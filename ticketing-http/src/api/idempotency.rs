//! Idempotency keys: `Idempotency-Key` makes a POST safe to retry, after the IETF draft of that name.
//!
//! The response of a request that did something is kept for 24 hours and replayed to every retry with the same key and body. A refusal
//! did nothing and is not kept. A key belongs to an account, an API key or a guest's order, a method and a path, and where the request is about the session itself, to
//! that session. If a crash interrupts the work, the next retry starts it again and finds what the first one created,
//! because all references are derived from the key.

use super::bearer::{self, Authenticated};
use super::purchaser;
use super::state::ApiState;
use crate::hex::hex;
use crate::middleware::client_address::ClientAddress;
use crate::problem::Problem;
use crate::routes::{self, Auth, Idempotency};
use hmac::Mac;
use jiff::SignedDuration;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, Request, Response};
use sha2::{Digest, Sha256};
use std::time::Duration;
use ticketing_core::Caller;
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::request::{Answer, BeginRequest, Begun};

const HEADER: &str = "idempotency-key";
/// Marks a replayed response.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_KEY: usize = 255;
/// The shortest key of a guest: 128 random bits in base 64 have as many characters.
const MIN_GUEST_KEY: usize = 22;

/// Longer than any request may take: until then, no retry starts the same work.
const REQUEST_LEASE: SignedDuration = SignedDuration::from_secs(330);

/// The headers that are kept with a response.
const KEPT_HEADERS: [HeaderName; 4] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG, header::RETRY_AFTER];

/// A seed from the request's key, for every reference that the request creates.
#[derive(Clone, Debug)]
pub(crate) struct RequestSeed(Seed);

/// A reference for what this request creates: the same for every retry, if the request has a key.
pub(crate) fn reference(request: &Request, purpose: &str) -> Option<Reference> {
    request.data::<RequestSeed>().map(|seed| Reference::derived(&seed.0, purpose))
}

/// The same for what a guest creates. Nothing but the key tells guests apart, so it must not be one that somebody else may use too.
pub(crate) fn guest_reference(request: &Request, purpose: &str) -> Result<Option<Reference>, Problem> {
    let found = key(request)?.map_or(0, |key| key.len());
    if (1..MIN_GUEST_KEY).contains(&found) {
        let wanted =
            format!("must be {MIN_GUEST_KEY}–{MAX_KEY} random characters for a guest, such as a UUID (got {found})");
        return Err(Problem::invalid_field("Idempotency-Key", wanted));
    }
    Ok(reference(request, purpose))
}

/// An API with idempotency keys.
pub(crate) struct Idempotent<E> {
    pub(crate) api: E,
    pub(crate) state: ApiState,
}

impl<E: Endpoint<Output = Response>> Endpoint for Idempotent<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let Some(key) = key(&request)? else { return self.api.call(request).await };
        let route = routes::find(request.method(), request.uri().path());
        let Some(route) = route.filter(|route| route.idempotency != Idempotency::Ignored) else {
            return self.api.call(request).await;
        };
        let takes_key = route.auth == Auth::OrderKey;
        let guest = if takes_key { purchaser::guest_of(&self.state, &request) } else { None };
        let session = if guest.is_some() { None } else { bearer::authenticate(&self.state, &request).await };
        if let Some(session) = &session {
            request.set_data(session.clone());
        }
        let known = session.as_ref().and_then(|Authenticated(outcome)| outcome.as_ref().ok());
        let order = guest.as_ref().and_then(Principal::guest);
        if matches!(route.auth, Auth::Required | Auth::OrderKey) && known.is_none() && order.is_none() {
            // 401 or 404, of which nothing is kept.
            return self.api.call(request).await;
        }
        if route.idempotency == Idempotency::KeptForAccounts && known.is_none() {
            if session.is_none() {
                request.set_data(RequestSeed(Seed(self.seed(&request, "a guest", &key))));
            }
            return self.api.call(request).await;
        }
        let caller = match (known, &session, request.data::<ClientAddress>()) {
            _ if order.is_some() => order.map(|order| format!("the guest of order {order}")).unwrap_or_default(),
            // Logging out again ends another session, whatever the key.
            (Some(Caller::Person(person)), ..) if route.idempotency == Idempotency::OfSession => {
                format!("account {}, session {}", person.account.id, person.account.sessions_ended)
            }
            (Some(Caller::Person(person)), ..) => format!("account {}", person.account.id),
            (Some(Caller::Key(with)), ..) => format!("API key {}", with.key.id),
            (Some(_), ..) => "an unknown kind of caller".to_owned(),
            (None, Some(_), _) => "a bad token".to_owned(),
            (None, None, Some(client)) => format!("somebody at {}", client.0),
            (None, None, None) => "somebody".to_owned(),
        };
        let body = request.take_body().into_bytes().await?;
        let seed = self.seed(&request, &caller, &key);
        let scope: String = hex(&Sha256::digest(seed));
        let begin = BeginRequest::new(scope.clone(), self.content(&request, &body), REQUEST_LEASE)
            .with_older_content(unkeyed_content(&request, &body));
        request.set_body(body);

        let ticketing = &self.state.ticketing;
        match ticketing.begin_request(&begin).await.map_err(Problem::from)? {
            Begun::Work { since } => {
                // Once the first response is forgotten, the same key begins something new.
                let seed =
                    Sha256::new().chain_update(seed).chain_update(since.as_microsecond().to_be_bytes()).finalize();
                request.set_data(RequestSeed(Seed(seed.into())));
            }
            Begun::Repeat(answer) => return Ok(replayed(answer)),
            Begun::InProgress { .. } => {
                let problem =
                    Problem::new("request_in_progress", "A request with this Idempotency-Key is in progress.");
                // The first request nearly always finishes long before the lease ends.
                return Err(problem.retry_after(Duration::from_secs(1)).into());
            }
            Begun::OtherContent => {
                let detail = "This Idempotency-Key was used for another request.";
                return Err(Problem::new("idempotency_key_reused", detail).into());
            }
        }
        let outcome = self.api.call(request).await;
        let (outcome, end) = ended(outcome).await?;
        match end {
            End::Done(answer) => ticketing.finish_request(&scope, Some(&answer)).await,
            End::Unknown => ticketing.finish_request(&scope, None).await,
            End::Nothing => ticketing.forget_request(&scope).await,
        }
        .map_err(Problem::from)?;
        outcome
    }
}

impl<E> Idempotent<E> {
    /// Identifies caller, method, path and key. Keyed with a secret of ours: references are derived from it, and nobody may
    /// guess them.
    fn seed(&self, request: &Request, caller: &str, key: &str) -> [u8; 32] {
        let mut mac = self.state.key_mac();
        for part in [caller, request.method().as_str(), request.uri().path(), key] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// Identifies the content. Keyed: a body may hold a password, and a copy of the database must not allow trying passwords on its hash.
    fn content(&self, request: &Request, body: &[u8]) -> String {
        let mut mac = self.state.key_mac();
        for part in [b"request content v1", request.uri().query().unwrap_or_default().as_bytes(), body] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        hex(&mac.finalize().into_bytes())
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
    let invalid =
        || Problem::invalid_field("Idempotency-Key", format!("must be one key of 1–{MAX_KEY} visible characters"));
    key.filter(fits).map(Some).ok_or_else(invalid)
}

/// As earlier versions stored it.
fn unkeyed_content(request: &Request, body: &[u8]) -> String {
    let query = request.uri().query().unwrap_or_default();
    hex(&Sha256::new()
        .chain_update((query.len() as u64).to_be_bytes())
        .chain_update(query)
        .chain_update(body)
        .finalize())
}

/// How a request ended.
enum End {
    /// It did something: this response is replayed.
    Done(Answer),
    /// It did nothing: it was refused, or its payment is still open. Nothing is kept, so that refused requests, which anybody can
    /// send without end, leave no row. A retry is decided anew.
    Nothing,
    /// It may have done something before it failed. A retry continues with the same references.
    Unknown,
}

async fn ended(outcome: poem::Result<Response>) -> poem::Result<(poem::Result<Response>, End)> {
    let response = match outcome {
        Ok(response) => response,
        Err(error) => {
            let status = error.downcast_ref::<Problem>().map_or_else(|| error.status(), Problem::status);
            return Ok((Err(error), if status.is_client_error() { End::Nothing } else { End::Unknown }));
        }
    };
    match response.status() {
        StatusCode::ACCEPTED => return Ok((Ok(response), End::Nothing)),
        status if status.is_client_error() => return Ok((Ok(response), End::Nothing)),
        status if status.is_server_error() => return Ok((Ok(response), End::Unknown)),
        _ => {}
    }
    let (parts, body) = response.into_parts();
    let body = body.into_bytes().await?;
    let header =
        |name: &HeaderName| Some((name.as_str().to_owned(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
    let headers = KEPT_HEADERS.iter().filter_map(header).collect();
    let answer = Answer::new(parts.status.as_u16(), headers, body.to_vec());
    Ok((Ok(Response::from_parts(parts, body.into())), End::Done(answer)))
}

fn replayed(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = Response::builder().status(status).body(answer.body);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ApiSettings;
    use poem::EndpointExt as _;
    use poem::http::Method;
    use ticketing_core::Registration;
    use ticketing_core::Ticketing;
    use ticketing_core::storage::memory::MemoryStorage;
    use ticketing_core::token::TokenKey;

    /// What the handler finds: `account` where the request was authenticated before it came, else `no account`.
    async fn seen_by_the_handler(state: &ApiState, path: &str, token: &str, key: &str) -> String {
        let handler = poem::endpoint::make_sync(|request: Request| {
            let session = request.data::<Authenticated>();
            match (session.map(|Authenticated(outcome)| outcome), request.data::<RequestSeed>()) {
                (Some(Ok(_)), Some(_)) => "account, kept",
                (Some(Ok(_)), None) => "account",
                (Some(Err(_)), None) => "bad token",
                (Some(Err(_)), Some(_)) => "bad token, kept",
                (None, None) => "no token",
                (None, Some(_)) => "no token, kept",
            }
        });
        let api = Idempotent { api: handler.map_to_response(), state: state.clone() };
        let request = Request::builder().method(Method::POST).uri_str(path).header(HEADER, key);
        let request =
            if token.is_empty() { request } else { request.header("authorization", format!("Bearer {token}")) };
        api.call(request.finish()).await.unwrap().into_body().into_string().await.unwrap()
    }

    #[tokio::test]
    async fn a_request_with_a_key_is_authenticated_once_before_its_handler() {
        let key = TokenKey::new(&[7; 32]).unwrap();
        let ticketing = Ticketing::builder(MemoryStorage::new()).token_key(key).build().unwrap();
        let registration = Registration::new("ada@example.com", "Ada", "correct horse battery");
        ticketing.register(registration).await.unwrap();
        let token = ticketing.login("ada@example.com", "correct horse battery").await.unwrap().token;
        let state = ApiState::new(ticketing, ApiSettings::default());
        for (path, token, seen) in [
            ("/orders", token.as_str(), "account, kept"),
            ("/orders", "made-up", "bad token"),
            ("/orders", "", "no token, kept"),
            ("/orders/claim", "made-up", "bad token"),
            ("/orders/claim", "", "no token"),
            ("/events", token.as_str(), "account, kept"),
            ("/events", "", "no token, kept"),
            ("/auth/register", "", "no token, kept"),
            // These responses are not kept, and nobody looks at their tokens here.
            ("/auth/login", token.as_str(), "no token"),
            ("/payments/webhooks/paystack", token.as_str(), "no token"),
            ("/nowhere", token.as_str(), "no token"),
        ] {
            assert_eq!(seen_by_the_handler(&state, path, token, path).await, seen, "{path}");
        }
    }

    /// A copy of the database must not allow trying passwords on the hash of a request that set one.
    #[test]
    fn the_hash_of_a_request_depends_on_a_secret() {
        let hash = |secret: u8, body: &[u8], query: &str| {
            let ticketing = Ticketing::builder(MemoryStorage::new()).build().unwrap();
            let state = ApiState::new(ticketing, ApiSettings::default()).with_key_secret([secret; 32]);
            let request = Request::builder().uri_str(format!("/auth/register{query}")).finish();
            Idempotent { api: (), state }.content(&request, body)
        };
        assert_eq!(hash(1, b"body", "?a"), hash(1, b"body", "?a"));
        let all = [hash(1, b"body", ""), hash(2, b"body", ""), hash(1, b"Body", ""), hash(1, b"body", "?a")];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{all:?}");
        }
    }
}
