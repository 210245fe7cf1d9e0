//! Who asks.

use super::state::ApiState;
use crate::problem::Problem;
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::auth::Bearer;
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, OAuthScopes, SecurityScheme};
use std::sync::Arc;
use ticketing_core::domain::account::Account;
use ticketing_core::domain::principal::{Buyer, Principal};

/// What a token is good for. OpenAPI wants a list of scopes, and there is no choice so far.
#[derive(OAuthScopes)]
enum Scope {
    /// Everything that the account may do.
    #[oai(rename = "account")]
    _Account,
}

/// The account whose token came with the request.
///
/// Get a token from `POST /token` (or `POST /auth/login`) and send it as `Authorization: Bearer`.
#[derive(SecurityScheme)]
#[oai(
    rename = "OAuth2",
    ty = "oauth2",
    key_in = "header",
    key_name = "Authorization",
    flows(password(token_url = "/token", scopes = "Scope")),
    checker = "account_of"
)]
pub(crate) struct Session(pub(crate) Account);

impl Session {
    /// Who acts.
    pub(crate) fn who(&self) -> Principal {
        Principal::Account(self.0.id)
    }

    /// Who buys, and where their tickets are mailed to.
    pub(crate) fn buyer(&self) -> Buyer {
        Buyer::new(self.who(), self.0.email.clone())
    }
}

async fn account_of(request: &Request, bearer: Bearer) -> poem::Result<Account> {
    let Some(state) = request.data::<Arc<ApiState>>() else {
        tracing::error!("the API is served without its state: use api::endpoint");
        return Err(Problem::internal().into());
    };
    Ok(state.ticketing.authenticate(&bearer.token).await.map_err(Problem::from)?)
}

/// The same where a token may be left out. A bad token is refused even so: whoever sends one means to be somebody.
pub(crate) struct MaybeSession(pub(crate) Option<Session>);

impl MaybeSession {
    /// Who acts, where somebody must.
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
