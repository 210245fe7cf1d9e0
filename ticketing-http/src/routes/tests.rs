use super::*;
use crate::api::{self, ApiSettings, ApiState};
use serde_json::Value;
use std::collections::BTreeSet;
use ticketing_core::Ticketing;
use ticketing_core::storage::memory::MemoryStorage;

/// `GET /events/{event_id}` and what it says of tokens, for every operation of the OpenAPI document.
fn operations() -> Vec<(Method, String, Auth)> {
    let ticketing = Ticketing::builder(MemoryStorage::new()).build().unwrap();
    let document = api::service(&ApiState::new(ticketing, ApiSettings::default())).spec();
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let schemes = operation["security"].as_array().map_or(&[][..], Vec::as_slice);
            let auth = match schemes {
                [] => Auth::None,
                schemes if schemes.iter().any(|scheme| scheme.as_object().unwrap().is_empty()) => Auth::Optional,
                schemes if schemes.iter().any(|scheme| scheme.get("OrderKey").is_some()) => Auth::OrderKey,
                _ => Auth::Required,
            };
            all.push((method.to_uppercase().parse().unwrap(), path.clone(), auth));
        }
    }
    all
}

/// `/events/{event_id}` for `/events/:event_id`.
fn as_in_the_document(pattern: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    pattern.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A path that the pattern matches.
fn sample(pattern: &str) -> String {
    let segment = |segment: &'static str| if segment.starts_with([':', '*']) { "7" } else { segment };
    let pattern: &'static str = ROUTES.iter().map(|route| route.pattern).find(|known| *known == pattern).unwrap();
    pattern.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[test]
fn every_operation_has_exactly_one_row() {
    for (method, path, auth) in operations() {
        let is_its = |route: &&Route| {
            route.method.as_ref() == Some(&method)
                && as_in_the_document(route.pattern) == path
                && route.server == Server::Api
        };
        let rows: Vec<_> = ROUTES.iter().filter(is_its).collect();
        assert_eq!(rows.len(), 1, "{method} {path}: {rows:?}");
        assert_eq!(rows[0].auth, auth, "{method} {path}");
    }
}

#[test]
fn every_row_is_an_operation_or_a_named_route_beside_the_api() {
    let operations = operations();
    let mut beside = BTreeSet::new();
    for route in ROUTES {
        let path = as_in_the_document(route.pattern);
        let is_operation =
            operations.iter().any(|(method, of, _)| Some(method) == route.method.as_ref() && *of == path);
        assert_eq!(is_operation, route.server == Server::Api, "{route:?}");
        if !is_operation {
            beside.insert(route.pattern);
        }
    }
    let sandbox = format!("{SANDBOX}/*");
    assert_eq!(beside, BTreeSet::from(["/docs", PROOF_PAGE, "/redoc", "/openapi.json", METRICS, sandbox.as_str()]));
    assert_eq!(find(&Method::POST, PAYSTACK_WEBHOOK).unwrap().pattern, "/payments/webhooks/:gateway");
}

#[test]
fn every_row_is_found_and_none_hides_another() {
    for route in ROUTES {
        let method = route.method.clone().unwrap_or(Method::PATCH);
        let path = sample(route.pattern);
        for path in [path.clone(), format!("{path}/"), format!("{path}//")] {
            assert_eq!(find(&method, &path), Some(route), "{method} {path}");
        }
        if method == Method::GET {
            assert_eq!(find(&Method::HEAD, &path), Some(route), "HEAD {path}");
        }
    }
}

#[test]
fn similar_paths_have_no_row() {
    for path in [
        "/event",
        "/eventss",
        "/events/1/2",
        "/events//1",
        "//events",
        "/events/1/cancel/2",
        "/tickets/a/qr.gif",
        "/paymentsx",
        "/sandbox/paystack",
        "/sandbox/paystackx/7",
        "/sandbox",
        "/metricsx",
        "/docs/x",
        "events",
    ] {
        assert_eq!(at(path), [], "{path}");
    }
}

#[test]
fn paths_list_their_methods() {
    let listed = |path: &str| methods(path).iter().map(Method::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(listed("/events"), "GET HEAD OPTIONS POST");
    assert_eq!(listed("/events/"), "GET HEAD OPTIONS POST");
    assert_eq!(listed("/orders/abc"), "DELETE GET HEAD OPTIONS");
    assert_eq!(listed("/tickets/ABC/qr.png"), "GET HEAD OPTIONS");
    assert_eq!(listed("/payments/initialize"), "OPTIONS POST");
    assert_eq!(listed("/docs"), "GET HEAD OPTIONS");
    assert_eq!(listed("/nowhere"), "");
}

#[test]
fn an_unknown_write_is_never_shed_as_a_read() {
    for path in ["/waiting-list", "/events/7/attendees", "/", "/docs", "/events/7", "/nowhere/at/all", "/openapi.json"]
    {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::from_bytes(b"FROB").unwrap()] {
            let policy = Policy::of(&method, path);
            assert_eq!((policy.class, policy.route), (Class::OtherWrite, None), "{method} {path}");
        }
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert_eq!(Policy::of(&method, "/nowhere").class, Class::Read, "{method}");
    }
    // No place among new purchases for what does not begin one.
    assert_eq!(Policy::of(&Method::OPTIONS, "/orders").class, Class::Purchase);
    assert_eq!(Policy::of(&Method::GET, "/payments/initialize").class, Class::Purchase);
    assert_eq!(Policy::of(&Method::GET, "/events/7/cancel").class, Class::Read);
    assert_eq!(Policy::of(&Method::POST, "/health").rate_limit, RateLimit::Exempt);
}

/// The lists of prefixes that this table replaced, and what followed from them.
mod before {
    use super::Method;

    fn is_within(path: &str, folders: &[&str]) -> bool {
        folders
            .iter()
            .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    pub(super) fn is_shed_as_a_read(path: &str) -> bool {
        let never = [
            "/auth",
            "/token",
            "/users",
            "/orders",
            "/payments",
            "/tickets",
            "/check-ins",
            "/health",
            "/ready",
            "/metrics",
            "/sandbox/paystack",
        ];
        !is_within(path, &never)
    }

    pub(super) fn begins_a_purchase(method: &Method, path: &str) -> bool {
        *method == Method::POST && ["/payments/initialize", "/payments/pay", "/orders"].contains(&path)
    }

    pub(super) fn is_exempt(path: &str) -> bool {
        ["/health", "/ready", "/metrics"].contains(&path)
            || path.starts_with("/payments/webhooks/")
            || path.starts_with("/sandbox/paystack")
    }

    pub(super) fn is_kept(method: &Method, path: &str) -> bool {
        *method == Method::POST
            && !["/auth/login", "/token"].contains(&path)
            && !path.starts_with("/payments/webhooks/")
            && !path.starts_with("/sandbox/paystack")
    }
}

#[test]
fn policies_are_those_of_the_prefix_lists_that_the_table_replaced() {
    let mut no_longer_shed = Vec::new();
    // Paths that came after the lists.
    let later = [
        "/orders/:reference/returns",
        "/orders/:reference/record-payment",
        "/orders/:reference/resend",
        "/payments/:reference/refunds/:refund_id/record",
        "/events/:event_id/attendees",
        "/events/:event_id/orders",
        "/attendees/:ticket_id",
        "/events/:event_id/terms",
        "/events/:event_id/messages",
        "/events/:event_id/messages/recipients",
        "/events/:event_id/messages/:message_id/stop",
        IMPORTS,
        "/orders/:reference/details",
        "/tickets/:ticket/transfers",
        "/tickets/:ticket/swap",
        "/transfers/:key",
        "/transfers/:key/take",
        "/events/:event_id/exports/:kind",
        "/orders/:reference/buyer",
        "/orders/claim",
        "/auth/verify-email",
        "/auth/send-verification",
        "/auth/forgot-password",
        "/auth/reset-password",
        "/auth/change-password",
        "/auth/change-email",
        "/auth/confirm-email",
        "/auth/undo-email-change",
        "/auth/second-factor",
        "/auth/totp",
        "/auth/totp/confirm",
        "/auth/totp/recovery-codes",
        "/auth/totp/remove",
        "/auth/export",
        "/auth/erasure",
        "/auth/sessions",
        "/auth/sessions/end-others",
        "/auth/sessions/:session_id",
        PROOF_PAGE,
        "/door/scans/:nonce/annul",
        "/events/:event_id/settings",
        "/events/:event_id/audit",
        "/events/:event_id/copies",
        "/events/:event_id/codes",
        "/events/:event_id/quote",
        "/codes/:code_id",
        "/events/:event_id/publish",
        "/events/:event_id/unpublish",
        "/events/:event_id/pause",
        "/events/:event_id/resume",
        "/admin/accounts",
        "/admin/accounts/:account_id",
        "/admin/accounts/:account_id/sessions",
        "/admin/accounts/:account_id/audit",
        "/admin/accounts/:account_id/erase",
        "/keys",
        "/keys/current",
        "/keys/:key_id",
        "/keys/:key_id/take-over",
        "/organisations",
        "/organisations/:organisation_id",
        "/organisations/:organisation_id/members",
        "/organisations/:organisation_id/members/:account_id",
        "/organisations/:organisation_id/invitations",
        "/organisations/:organisation_id/invitations/:invitation_id",
        "/organisations/join",
        "/organisations/:organisation_id/audit",
        "/auth/send-code",
    ];
    for route in ROUTES.iter().filter(|route| !later.contains(&route.pattern)) {
        let (method, path) = (route.method.clone().unwrap_or(Method::POST), sample(route.pattern));
        let name = format!("{method} {}", route.pattern);
        assert_eq!(route.rate_limit == RateLimit::Exempt, before::is_exempt(&path), "{name}");
        assert_eq!(route.idempotency != Idempotency::Ignored, before::is_kept(&method, &path), "{name}");
        assert_eq!(route.class == Class::NewPurchase, before::begins_a_purchase(&method, &path), "{name}");
        let was_shed = before::is_shed_as_a_read(&path);
        match route.class {
            Class::Read => assert!(was_shed, "{name}"),
            Class::OtherWrite if was_shed => no_longer_shed.push(name),
            _ => assert!(!was_shed, "{name}"),
        }
    }
    // The one intended difference: these writes were shed as if they only read.
    let intended = ["POST /events", "POST /events/:event_id/cancel", "POST /categories", "POST /mails/:mail_id/resend"];
    assert_eq!(no_longer_shed, intended);
}
