//! Every operation of the API. A handler reads the request, makes one call of the engine, and writes the answer; what the
//! rules are, it does not know.
//!
//! | file | operations |
//! |---|---|
//! | `auth` | registering, logging in, who am I |
//! | `events`, `categories` | what there is to go to |
//! | `event_read` | a fast path for `GET /events/{id}` |
//! | `orders` | places, kept for a while |
//! | `payments` | from places to tickets, and back |
//! | `tickets` | tickets and their QR codes |
//! | `check_ins` | the door |
//! | `mails` | mails that did not arrive |
//! | `webhooks` | what payment gateways tell by themselves |
//! | `idempotency` | requests that are safe to repeat |
//! | `health` | whether we are here |
//!
//! `bearer` says who asks, `problems` what can go wrong where, `dto` what is on the wire.

mod auth;
mod bearer;
mod categories;
mod check_ins;
pub(crate) mod dto;
mod etag;
mod event_read;
mod events;
mod health;
mod idempotency;
mod login;
mod mails;
mod orders;
mod payments;
mod problems;
mod state;
mod tickets;
mod webhooks;

pub use state::{ApiSettings, ApiState};

use poem::{Endpoint, EndpointExt, IntoEndpoint};
use poem_openapi::{OpenApi, OpenApiService, Tags};
use std::sync::Arc;

/// Where an operation stands in the document.
#[derive(Tags)]
enum Tag {
    /// Accounts and tokens.
    Accounts,
    /// What there is to go to.
    Events,
    /// Places that are kept for a while.
    Orders,
    /// From places to tickets, and back.
    Payments,
    /// Tickets and their QR codes.
    Tickets,
    /// The door.
    Door,
    /// Whether we are here.
    Service,
}

/// The operations with their document. To serve requests, use [`endpoint`].
pub fn service(state: &ApiState) -> OpenApiService<impl OpenApi + use<>, ()> {
    let operations = (
        auth::Auth(state.clone()),
        events::Events(state.clone()),
        categories::Categories(state.clone()),
        orders::Orders(state.clone()),
        payments::Payments(state.clone()),
        tickets::Tickets(state.clone()),
        check_ins::CheckIns(state.clone()),
        mails::Mails(state.clone()),
        webhooks::Webhooks(state.clone()),
        health::Health(state.clone()),
    );
    let service = OpenApiService::new(operations, "Ticketing", env!("CARGO_PKG_VERSION")).description(
        "Sells tickets: nobody gets a place twice, and no payment is lost.\n\n\
         Amounts are exact decimals in texts, times are RFC 3339 in UTC. Every error is `application/problem+json`: \
         `detail` is for people, `code` for programs.\n\n\
         Every POST may carry an `Idempotency-Key` (1 to 255 visible characters, fresh for every new wish): a repeat with the same \
         key and body within 24 hours gets the first answer again, marked `Idempotency-Replayed: true`, and nothing happens \
         twice.",
    );
    match &state.settings.public_url {
        Some(url) => service.server(url.trim_end_matches('/')),
        None => service,
    }
}

/// The API, without its middleware. Errors leave it as errors: the [stack](crate::stack::stack) makes responses of them.
///
/// poem-openapi drops the trailing slash of paths; the stack drops it from requests.
pub fn endpoint(state: ApiState) -> impl Endpoint {
    // Behind one pointer: it is handed to every request.
    let api = service(&state).into_endpoint().data(Arc::new(state.clone())).map_to_response();
    event_read::FastPath::new(idempotency::Idempotent { api, state: state.clone() }, state)
}
