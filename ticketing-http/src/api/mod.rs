//! The operations of the API. A handler reads the request, calls the engine once, and writes the response. It contains no
//! business rules.
//!
//! | file | operations |
//! |---|---|
//! | `attendees` | who comes with a ticket |
//! | `auth` | accounts and tokens |
//! | `administration` | accounts of others, for administrators |
//! | `proofs` | addresses and passwords: verified, reset, changed |
//! | `second_factor` | codes of an authenticator app |
//! | `sessions` | the sessions of an account |
//! | `events`, `categories` | events |
//! | `box_office` | sales without a checkout, and an event's orders |
//! | `event_list` | the body of `GET /events/`, written as it is read |
//! | `event_read` | a fast path for `GET /events/{id}` |
//! | `exports` | lists of an event as files |
//! | `api_keys` | API keys |
//! | `invitations` | invitations to organisations |
//! | `messages` | messages to attendees, and files with attendees |
//! | `order_details` | what is known about an order, and returns |
//! | `organisations` | organisations and their members |
//! | `orders` | tickets, held for a while |
//! | `payments` | checkouts, verification, refunds, reviews |
//! | `tickets` | tickets and their QR codes |
//! | `transfers` | tickets that are given to somebody else, or swapped |
//! | `check_ins` | the door |
//! | `mails` | undelivered mails |
//! | `webhooks` | webhooks from payment gateways |
//! | `health` | probes and service information |
//!
//! `bearer` authenticates requests, `purchaser` those of buyers, who may be guests, `idempotency` makes them safe to retry, `problems` lists the errors of each operation, `purchases`
//! limits how many begin, `dto` has the bodies.

mod administration;
mod api_keys;
mod attendees;
mod auth;
mod bearer;
mod box_office;
mod categories;
mod check_ins;
mod client_name;
mod conditional;
pub(crate) mod dto;
mod erasure;
mod etag;
mod event_list;
mod event_read;
mod event_settings;
mod events;
mod exports;
mod health;
mod idempotency;
mod invitations;
pub(crate) mod login;
mod mails;
mod messages;
mod order_details;
mod orders;
mod organisations;
mod payments;
mod problems;
mod promo_codes;
pub(crate) mod proofs;
mod purchaser;
mod purchases;
mod second_factor;
mod sessions;
mod state;
mod tickets;
mod transfers;
mod webhooks;

pub use state::{ApiSettings, ApiState};

use poem::{Endpoint, EndpointExt, IntoEndpoint};
use poem_openapi::{OpenApi, OpenApiService, Tags};
use std::sync::Arc;

/// The groups of the OpenAPI document.
#[derive(Tags)]
enum Tag {
    /// Accounts and tokens.
    Accounts,
    /// Accounts of others, for administrators.
    Administration,
    /// Events, categories and their mails.
    Events,
    /// Organisations, which run events, and their members.
    Organisations,
    /// API keys: tokens for programs and scanners.
    ApiKeys,
    /// Tickets that are held for a while.
    Orders,
    /// Checkouts, verification, refunds and reviews.
    Payments,
    /// Tickets and their QR codes.
    Tickets,
    /// Who comes with a ticket.
    Attendees,
    /// Check-ins.
    Door,
    /// Health checks and service information.
    Service,
}

/// The operations with their document. To serve requests, use [`endpoint`].
pub fn service(state: &ApiState) -> OpenApiService<impl OpenApi + use<>, ()> {
    let of_accounts = (
        auth::Auth(state.clone()),
        administration::Administration(state.clone()),
        proofs::Proofs(state.clone()),
        second_factor::SecondFactor(state.clone()),
        sessions::Sessions(state.clone()),
        erasure::Erasures(state.clone()),
    );
    // Two tuples: one has at most 16 members.
    let operations = (
        of_accounts,
        events::Events(state.clone()),
        event_settings::EventSettings(state.clone()),
        promo_codes::PromoCodes(state.clone()),
        categories::Categories(state.clone()),
        (organisations::Organisations(state.clone()), invitations::Invitations(state.clone())),
        api_keys::ApiKeys(state.clone()),
        (orders::Orders(state.clone()), order_details::Details(state.clone()), box_office::BoxOffice(state.clone())),
        payments::Payments(state.clone()),
        (
            tickets::Tickets(state.clone()),
            transfers::Transfers(state.clone()),
            attendees::Attendees(state.clone()),
            messages::Messages(state.clone()),
            exports::Exports(state.clone()),
        ),
        check_ins::CheckIns(state.clone()),
        mails::Mails(state.clone()),
        webhooks::Webhooks(state.clone()),
        health::Health(state.clone()),
    );
    let service = OpenApiService::new(operations, "Ticketing", env!("CARGO_PKG_VERSION")).description(
        "Sells tickets: no place is sold twice, and no payment is lost.\n\n\
         Amounts are exact decimals in strings, times are RFC 3339 in UTC. Every error is `application/problem+json`: \
         `detail` is for people, `code` for programs.\n\n\
         Tickets can be bought without an account: `POST /orders` with `guest` answers with the key of the order, and this key as \
         `X-Order-Key` stands for its buyer.\n\n\
         Every POST may carry an `Idempotency-Key` (1–255 visible characters, a new one for every new request). A retry with the \
         same key and body within 24 hours has no second effect: it gets the first response again, marked \
         `Idempotency-Replayed: true`. A request that was refused had no effect, and its retry is decided anew.",
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
