//! Sessions: the account whose bearer token came with the request.

use super::state::ApiState;
use crate::bearer_token::bearer_token;
use crate::problem::Problem;
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::auth::Bearer;
use poem_openapi::error::AuthorizationError;
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, OAuthScopes, SecurityScheme};
use std::sync::Arc;
use ticketing_core::domain::account::Account;
use ticketing_core::domain::id::SessionId;
use ticketing_core::domain::principal::{Buyer, Principal};

/// The scopes of a token. OpenAPI requires a list; there is one scope so far.
#[derive(OAuthScopes)]
enum Scope {
    /// Everything that the account may do.
    #[oai(rename = "account")]
    _Account,
}

/// The account that the bearer token belongs to.
///
/// Get a token from `POST /token` (or `POST /auth/login`) and send it as `Authorization: Bearer`.
#[derive(SecurityScheme)]
#[oai(
    rename = "OAuth2",
    ty = "oauth2",
    key_in = "header",
    key_name = "Authorization",
    flows(password(token_url = "/token", scopes = "Scope"))
)]
struct Scheme(#[expect(dead_code, reason = "only describes the scheme in the document")] Bearer);

/// The account whose token came with the request, and the session. A token that was issued before tokens had sessions has none.
pub(crate) struct Session(pub(crate) Account, pub(crate) Option<SessionId>);

impl Session {
    /// The session of a request; `None` without a token. A bad token is an error.
    pub(crate) async fn of(request: &Request) -> Result<Option<Self>, Problem> {
        if let Some(Authenticated(outcome)) = request.data() {
            return outcome.clone().map(|found| Some(Self::from(found)));
        }
        let Some(state) = request.data::<Arc<ApiState>>() else {
            tracing::error!("the API is served without its state: use api::endpoint");
            return Err(Problem::internal());
        };
        match authenticate(state, request).await {
            Some(Authenticated(outcome)) => outcome.map(|found| Some(found.into())),
            None => Ok(None),
        }
    }

    /// The account as an actor.
    pub(crate) fn who(&self) -> Principal {
        Principal::Account(self.0.id)
    }

    /// The account as a buyer, with the address that tickets are mailed to.
    pub(crate) fn buyer(&self) -> Buyer {
        Buyer::new(self.who(), self.0.email.clone())
    }
}

impl From<ticketing_core::Authenticated> for Session {
    fn from(found: ticketing_core::Authenticated) -> Self {
        Self(found.account, found.session)
    }
}

/// The outcome of [`authenticate`], in the data of a request that was authenticated before its handler runs.
#[derive(Clone)]
pub(super) struct Authenticated(pub(super) Result<ticketing_core::Authenticated, Problem>);

/// The account that the request's token belongs to; `None` without a token.
pub(super) async fn authenticate(state: &ApiState, request: &Request) -> Option<Authenticated> {
    let token = bearer_token(request.headers())?;
    Some(Authenticated(state.ticketing.authenticate_session(token).await.map_err(Problem::from)))
}

impl<'a> ApiExtractor<'a> for Session {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Scheme::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Scheme::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Self::of(request).await?.ok_or_else(|| AuthorizationError.into())
    }
}

/// A session, where a request may come without a token. A bad token is an error even so.
pub(crate) struct MaybeSession(pub(crate) Option<Session>);

impl MaybeSession {
    /// The session, or 401.
    pub(crate) fn required(self) -> Result<Session, Problem> {
        self.0.ok_or_else(|| Problem::new("unauthenticated", "Not authenticated"))
    }
}

impl<'a> ApiExtractor<'a> for MaybeSession {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Session::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Session::security_schemes()
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if !request.headers().contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        Ok(Self(Some(Session::from_request(request, body, options).await?)))
    }
}
