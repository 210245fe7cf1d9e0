//! Who has sent a bearer token: a person with a session, or a program with an API key.
//!
//! An operation that a [permission](ticketing_core::domain::access::Permission) covers takes a [`Caller`]. All others take a [`Session`], and
//! refuse API keys.

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
/// Get a token from `POST /token` (or `POST /auth/login`) and send it as `Authorization: Bearer`. An API key (`POST /keys`) is sent in the
/// same way, to the operations that its permissions cover.
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
    /// The account as an actor.
    pub(crate) fn who(&self) -> Principal {
        Principal::Account(self.0.id)
    }

    /// The account as a buyer, with the address that tickets are mailed to.
    pub(crate) fn buyer(&self) -> Buyer {
        Buyer::new(self.who(), self.0.email.clone())
    }
}

/// Who has sent the request's token.
pub(crate) struct Caller(pub(crate) ticketing_core::Caller);

impl Caller {
    /// The caller of a request; `None` without a token. A bad token is an error.
    pub(crate) async fn of(request: &Request) -> Result<Option<Self>, Problem> {
        if let Some(Authenticated(outcome)) = request.data() {
            return outcome.clone().map(|found| Some(Self(found)));
        }
        let Some(state) = request.data::<Arc<ApiState>>() else {
            tracing::error!("the API is served without its state: use api::endpoint");
            return Err(Problem::internal());
        };
        match authenticate(state, request).await {
            Some(Authenticated(outcome)) => outcome.map(|found| Some(Self(found))),
            None => Ok(None),
        }
    }

    /// Who acts.
    pub(crate) fn who(&self) -> Principal {
        self.0.who()
    }

    /// The session of a person. API keys have none: what needs a session is not theirs to do.
    fn into_session(self) -> Result<Session, Problem> {
        match self.0 {
            ticketing_core::Caller::Person(person) => Ok(Session(person.account, person.session)),
            _ => Err(Problem::new("forbidden", "An API key cannot do this. Log in")),
        }
    }
}

/// The outcome of [`authenticate`], in the data of a request that was authenticated before its handler runs.
#[derive(Clone)]
pub(super) struct Authenticated(pub(super) Result<ticketing_core::Caller, Problem>);

/// Who has sent the request's token; `None` without one.
pub(super) async fn authenticate(state: &ApiState, request: &Request) -> Option<Authenticated> {
    let token = bearer_token(request.headers())?;
    Some(Authenticated(state.ticketing.authenticate_caller(token).await.map_err(Problem::from)))
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
        Ok(Caller::of(request).await?.ok_or(AuthorizationError)?.into_session()?)
    }
}

impl<'a> ApiExtractor<'a> for Caller {
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

/// The same extractors where a request may come without a token. A bad token is an error even so.
macro_rules! maybe {
    ($($(#[$doc:meta])* $name:ident of $extractor:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) Option<$extractor>);

        impl $name {
            /// What the token gives, or 401.
            pub(crate) fn required(self) -> Result<$extractor, Problem> {
                self.0.ok_or_else(|| Problem::new("unauthenticated", "Not authenticated"))
            }
        }

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                $extractor::register(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                $extractor::security_schemes()
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
                Ok(Self(Some($extractor::from_request(request, body, options).await?)))
            }
        }
    )*};
}

maybe! {
    /// A session, where a request may come without a token.
    MaybeSession of Session;
    /// A caller, where a request may come without a token.
    MaybeCaller of Caller;
}
