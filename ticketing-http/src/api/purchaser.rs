//! Who buys: a person who is logged in, or a guest with the key of an order.

use super::bearer::{Caller, Session};
use super::state::ApiState;
use crate::problem::Problem;
use poem::{Request, RequestBody};
use poem_openapi::auth::ApiKey;
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, SecurityScheme};
use std::sync::Arc;
use ticketing_core::domain::principal::Principal;

/// The header with the key of a guest's order.
const HEADER: &str = "x-order-key";

/// The key of a guest's order.
///
/// It comes with the order (`POST /orders` with `guest`), and stands for its buyer: with this order and its tickets, the guest may do what
/// other buyers do.
#[derive(SecurityScheme)]
#[oai(rename = "OrderKey", ty = "api_key", key_in = "header", key_name = "X-Order-Key")]
struct Scheme(#[expect(dead_code, reason = "only describes the scheme in the document")] ApiKey);

/// Who has bought what a request is about. If there is a key of an order, it counts, and a token is not read.
pub(crate) enum Purchaser {
    /// A person who is logged in.
    Person(Box<Session>),
    /// A guest, or nobody if the key is wrong: then nothing is found.
    Guest(Principal),
}

impl Purchaser {
    /// The purchaser as an actor.
    pub(crate) fn who(&self) -> Principal {
        match self {
            Self::Person(session) => session.who(),
            Self::Guest(guest) => guest.clone(),
        }
    }
}

/// The guest whose key came with the request; `None` without one. A wrong key is nobody's, who has no orders: so an order with another key
/// is not found, like one that does not exist.
pub(super) fn guest_of(state: &ApiState, request: &Request) -> Option<Principal> {
    let key = request.headers().get(HEADER)?;
    let guest = key.to_str().ok().and_then(|key| state.ticketing.guest(key).ok());
    Some(guest.unwrap_or_else(nobody))
}

/// An empty identity is nobody's.
fn nobody() -> Principal {
    Principal::External(String::new())
}

fn guest(request: &Request) -> Result<Option<Purchaser>, Problem> {
    let Some(state) = request.data::<Arc<ApiState>>() else {
        tracing::error!("the API is served without its state: use api::endpoint");
        return Err(Problem::internal());
    };
    Ok(guest_of(state, request).map(Purchaser::Guest))
}

fn register(registry: &mut Registry) {
    Session::register(registry);
    Scheme::register(registry);
}

fn security_schemes() -> Vec<&'static str> {
    Session::security_schemes().into_iter().chain(Scheme::security_schemes()).collect()
}

impl<'a> ApiExtractor<'a> for Purchaser {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match guest(request)? {
            Some(guest) => Ok(guest),
            None => Ok(Self::Person(Box::new(Session::from_request(request, body, options).await?))),
        }
    }
}

/// The same where a request may come with neither.
pub(crate) struct MaybePurchaser(pub(crate) Option<Purchaser>);

impl MaybePurchaser {
    /// The purchaser, or 401.
    pub(crate) fn required(self) -> Result<Purchaser, Problem> {
        self.0.ok_or_else(|| Problem::new("unauthenticated", "Not authenticated"))
    }
}

impl<'a> ApiExtractor<'a> for MaybePurchaser {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        security_schemes()
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if let Some(guest) = guest(request)? {
            return Ok(Self(Some(guest)));
        }
        let session = super::bearer::MaybeSession::from_request(request, body, options).await?;
        Ok(Self(session.0.map(|session| Purchaser::Person(Box::new(session)))))
    }
}

/// Anyone who may do something with an order or a ticket: a person, an API key, or the guest who has bought it. If there is a key of an order,
/// it counts, and a token is not read.
pub(crate) struct CallerOrGuest(pub(crate) Principal);

impl<'a> ApiExtractor<'a> for CallerOrGuest {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match guest(request)? {
            Some(guest) => Ok(Self(guest.who())),
            None => Ok(Self(Caller::from_request(request, body, options).await?.who())),
        }
    }
}
