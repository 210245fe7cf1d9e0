//! The errors of each operation, as a type, so that the OpenAPI document lists all of them.

use crate::problem::{CONTENT_TYPE, Problem, status_of};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef};
use poem_openapi::types::Type;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Errors of the middleware and the storage, possible with any request.
pub(crate) const ANY: &[&str] =
    &["request_timeout", "too_many_requests", "internal", "busy", "timed_out", "storage_unavailable"];
/// Of operations with parameters.
pub(crate) const PARAMETERS: &[&str] = &["invalid"];
/// Of operations with a body.
pub(crate) const BODY: &[&str] =
    &["bad_request", "body_unreadable", "body_too_large", "media_type_unsupported", "invalid"];
/// Of operations that accept an idempotency key.
pub(crate) const KEYED: &[&str] = &["invalid", "idempotency_key_reused", "request_in_progress"];
/// Of operations that read a token.
pub(crate) const TOKEN: &[&str] = &["unauthenticated"];
/// Of operations on events of an organisation, which may require a second factor of its members.
pub(crate) const MEMBER: &[&str] = &["second_factor_required"];
/// Of operations that call the payment gateway.
pub(crate) const GATEWAY: &[&str] =
    &["gateway_rejected", "gateway_unavailable", "gateway_circuit_open", "gateway_busy", "gateway_misconfigured"];
/// Of operations that hold tickets.
pub(crate) const PLACES: &[&str] = &[
    "event_unknown",
    "ticket_type_unknown",
    "event_cancelled",
    "event_over",
    "sales_paused",
    "not_on_sale",
    "too_few",
    "too_many",
    "code_unknown",
    "code_used_up",
    "code_limit",
    "price_changed",
    "too_many_codes",
    "sold_out",
    "too_many_holds",
    "buyer_limit",
    "too_many_purchases",
    "total_too_large",
    "key_reused",
];

/// Declares the errors of an operation. An error with another code is still sent, but a test will find it.
macro_rules! problems {
    ($($name:ident: $($codes:expr),+;)*) => {$(
        pub(crate) struct $name(crate::problem::Problem);

        impl From<crate::problem::Problem> for $name {
            fn from(problem: crate::problem::Problem) -> Self {
                Self(problem)
            }
        }

        impl From<ticketing_core::Error> for $name {
            fn from(error: ticketing_core::Error) -> Self {
                Self(error.into())
            }
        }

        impl From<$name> for poem::Error {
            fn from(problems: $name) -> Self {
                problems.0.into()
            }
        }

        impl poem_openapi::ApiResponse for $name {
            fn meta() -> poem_openapi::registry::MetaResponses {
                static WORDS: crate::api::problems::Words = crate::api::problems::Words::new();
                let codes: &[&[&'static str]] = &[crate::api::problems::ANY, $($codes),+];
                crate::api::problems::responses(codes, &WORDS)
            }

            fn register(registry: &mut poem_openapi::registry::Registry) {
                <crate::problem::Problem as poem_openapi::ApiResponse>::register(registry);
            }
        }
    )*};
}

pub(crate) use problems;

/// The descriptions of an operation's errors by status. poem-openapi needs them to be `'static`.
pub(crate) struct Words(OnceLock<BTreeMap<u16, String>>);

impl Words {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }
}

/// One response for every status, which names its codes.
pub(crate) fn responses(codes: &[&[&'static str]], words: &'static Words) -> MetaResponses {
    let by_status = words.0.get_or_init(|| {
        let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        for code in codes.iter().copied().flatten() {
            let names = by_status.entry(status_of(code).as_u16()).or_default();
            let name = format!("`{code}`");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        by_status.into_iter().map(|(status, names)| (status, names.join(", "))).collect()
    });
    let response = |(status, words): (&u16, &'static String)| MetaResponse {
        description: words,
        status: Some(*status),
        status_range: None,
        content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema: Json::<Problem>::schema_ref() }],
        headers: headers(*status),
    };
    MetaResponses { responses: by_status.iter().map(response).collect() }
}

fn headers(status: u16) -> Vec<MetaHeader> {
    let header = |name: &str, description: &str, schema: MetaSchemaRef| MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        // A 503 that does not pass by itself has no Retry-After.
        required: status != 503,
        deprecated: false,
        schema,
    };
    match status {
        401 => vec![header("WWW-Authenticate", "`Bearer`", String::schema_ref())],
        429 | 503 => vec![header("Retry-After", "Seconds to wait before a retry", u64::schema_ref())],
        _ => vec![],
    }
}
