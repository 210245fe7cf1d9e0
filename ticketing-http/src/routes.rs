//! The route table: what the server does with a request, by its method and path.
//!
//! Every operation of the OpenAPI document has one row, and so has every route beside the API (pages, metrics, sandbox).
//! Load shedding, rate limiting, idempotency, the router in [`app`](crate::app), `Allow` headers and the route names of log
//! and metrics all read this table. A new operation without a row fails a test.
//!
//! Lookups are on the path of every request: they compare bytes, and allocate nothing.

use poem::http::Method;

/// Where the metrics are.
pub const METRICS: &str = "/metrics";
/// The prefix of the sandbox gateway's routes.
pub const SANDBOX: &str = "/sandbox/paystack";
/// Where Paystack sends its webhooks.
pub const PAYSTACK_WEBHOOK: &str = "/payments/webhooks/paystack";
/// The page that links in mails about accounts open.
pub const PROOF_PAGE: &str = "/account/proof";
/// Where files with attendees are imported. They are larger than any other body.
pub const IMPORTS: &str = "/events/:event_id/imports";
/// The event read: the API answers it on a fast path.
pub const EVENT: &str = "/events/:event_id";

/// How important a request is when the server is saturated; see [`admission`](crate::middleware::admission).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Only reads, such as the list of events. Shed first.
    Read,
    /// Begins a purchase. Shed when the server stays saturated.
    NewPurchase,
    /// Belongs to a purchase in progress, from logging in to the ticket. Never shed.
    Purchase,
    /// A check-in: people are waiting at the door. Never shed.
    Door,
    /// Monitoring, webhooks and the sandbox gateway: machines that need an answer. Never shed.
    Machine,
    /// Any other write. Few, and somebody's work depends on them. Never shed.
    OtherWrite,
}

/// Whether requests count against the client's rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// They do.
    Limited,
    /// They do not: monitors, gateways, and our own client at the sandbox gateway.
    Exempt,
}

/// Whether an `Idempotency-Key` has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The first response is kept for 24 hours and replayed. A key belongs to the account, so that a purchase whose response was
    /// lost is not made twice after a new log-in.
    Kept,
    /// The same, but a key belongs to the session: for what is done to the session itself.
    OfSession,
    /// The same for accounts. What a guest gets has the key of the order in it, which no database may hold: references are derived from the
    /// key, so that a retry finds what the first request created, and is answered anew.
    KeptForAccounts,
    /// The header is ignored: reads change nothing, responses with tokens are not to be stored, and webhooks have ids of their own.
    Ignored,
}

/// Whether a request needs a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// No token is read.
    None,
    /// Works without a token. A bad token is an error even so.
    Optional,
    /// 401 without a valid token.
    Required,
    /// 401 without a valid token or the key of a guest's order.
    OrderKey,
}

/// Which part of the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The API: the operations of the OpenAPI document.
    Api,
    /// The OpenAPI document and its pages.
    Docs,
    /// The page that links in mails about accounts open.
    Account,
    /// Prometheus metrics.
    Metrics,
    /// The sandbox gateway, where it is switched on.
    Sandbox,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The method; `GET` answers `HEAD` too. `None`: any method.
    pub method: Option<Method>,
    /// The path without a slash at its end. `:name` stands for one segment, `*` for one or more.
    pub pattern: &'static str,
    /// How important it is.
    pub class: Class,
    /// Whether it is rate limited.
    pub rate_limit: RateLimit,
    /// Whether an idempotency key has an effect.
    pub idempotency: Idempotency,
    /// Whether it needs a token.
    pub auth: Auth,
    /// Who answers.
    pub server: Server,
}

macro_rules! method {
    (ANY) => {
        None
    };
    ($method:ident) => {
        Some(Method::$method)
    };
}

macro_rules! routes {
    ($($method:ident $pattern:tt $class:ident $rate_limit:ident $idempotency:ident $auth:ident $server:ident;)*) => {
        &[$(Route {
            method: method!($method),
            pattern: $pattern,
            class: Class::$class,
            rate_limit: RateLimit::$rate_limit,
            idempotency: Idempotency::$idempotency,
            auth: Auth::$auth,
            server: Server::$server,
        },)*]
    };
}

/// The table. The first pattern that matches a path wins; rows of one pattern stand together.
pub static ROUTES: &[Route] = routes! {
    // method pattern                                  class       rate limit idempotency auth   server
    // The event read comes first: in a flash sale it is requested more often than everything else.
    GET    EVENT                                            Read        Limited Ignored None     Api;
    GET    "/events"                                        Read        Limited Ignored None     Api;
    POST   "/events"                                        OtherWrite  Limited Kept    Optional Api;
    POST   "/events/:event_id/cancel"                       OtherWrite  Limited Kept    Required Api;
    GET    "/events/:event_id/settings"                     OtherWrite  Limited Ignored Required Api;
    PATCH  "/events/:event_id/settings"                     OtherWrite  Limited Ignored Required Api;
    GET    "/events/:event_id/audit"                        OtherWrite  Limited Ignored Required Api;
    POST   "/events/:event_id/copies"                       OtherWrite  Limited Kept    Required Api;
    GET    "/events/:event_id/attendees"                    OtherWrite  Limited Ignored Required Api;
    GET    "/events/:event_id/orders"                       OtherWrite  Limited Ignored Required Api;
    POST   "/events/:event_id/orders"                       Purchase    Limited Kept    Required Api;
    GET    "/events/:event_id/exports/:kind"                Read        Limited Ignored Required Api;
    GET    "/events/:event_id/terms"                        Read        Limited Ignored None     Api;
    GET    "/events/:event_id/messages"                     OtherWrite  Limited Ignored Required Api;
    POST   "/events/:event_id/messages"                     OtherWrite  Limited Kept    Required Api;
    GET    "/events/:event_id/messages/recipients"          Read        Limited Ignored Required Api;
    POST   "/events/:event_id/messages/:message_id/stop"    OtherWrite  Limited Kept    Required Api;
    POST   IMPORTS                                          OtherWrite  Limited Kept    Required Api;
    GET    "/attendees/:ticket_id"                          Purchase    Limited Ignored OrderKey Api;
    PATCH  "/attendees/:ticket_id"                          Purchase    Limited Ignored OrderKey Api;
    GET    "/events/:event_id/codes"                        OtherWrite  Limited Ignored Required Api;
    POST   "/events/:event_id/codes"                        OtherWrite  Limited Kept    Required Api;
    POST   "/events/:event_id/quote"                        Read        Limited Ignored Optional Api;
    GET    "/codes/:code_id"                                OtherWrite  Limited Ignored Required Api;
    PATCH  "/codes/:code_id"                                OtherWrite  Limited Ignored Required Api;
    POST   "/events/:event_id/publish"                      OtherWrite  Limited Kept    Required Api;
    POST   "/events/:event_id/unpublish"                    OtherWrite  Limited Kept    Required Api;
    POST   "/events/:event_id/pause"                        OtherWrite  Limited Kept    Required Api;
    POST   "/events/:event_id/resume"                       OtherWrite  Limited Kept    Required Api;
    GET    "/categories"                                    Read        Limited Ignored None     Api;
    POST   "/categories"                                    OtherWrite  Limited Kept    Required Api;

    POST   "/payments/initialize"                           NewPurchase Limited Kept    Required Api;
    POST   "/payments/pay"                                  NewPurchase Limited Kept    Required Api;
    GET    "/payments/verify/:reference"                    Purchase    Limited Ignored OrderKey Api;
    POST   "/payments/verify/:reference"                    Purchase    Limited Kept    OrderKey Api;
    POST   "/payments/webhooks/:gateway"                    Machine     Exempt  Ignored None     Api;
    GET    "/payments/reviews"                              Purchase    Limited Ignored Required Api;
    GET    "/payments/webhooks"                             Purchase    Limited Ignored Required Api;
    GET    "/payments/:reference"                           Purchase    Limited Ignored Required Api;
    POST   "/payments/:reference/refunds"                   OtherWrite  Limited Kept    Required Api;
    POST   "/payments/:reference/refunds/:refund_id/retry"  OtherWrite  Limited Kept    Required Api;
    POST   "/payments/:reference/refunds/:refund_id/record" OtherWrite  Limited Kept    Required Api;
    POST   "/payments/:reference/review"                    OtherWrite  Limited Kept    Required Api;

    GET    "/orders"                                        Purchase    Limited Ignored Required Api;
    POST   "/orders"                                        NewPurchase Limited KeptForAccounts Optional Api;
    POST   "/orders/claim"                                  OtherWrite  Limited Kept    Required Api;
    GET    "/orders/:reference"                             Purchase    Limited Ignored OrderKey Api;
    DELETE "/orders/:reference"                             Purchase    Limited Ignored OrderKey Api;
    PUT    "/orders/:reference/buyer"                       Purchase    Limited Ignored OrderKey Api;
    POST   "/orders/:reference/pay"                         Purchase    Limited Kept    OrderKey Api;
    POST   "/orders/:reference/record-payment"              Purchase    Limited Kept    Required Api;
    POST   "/orders/:reference/resend"                      OtherWrite  Limited Kept    OrderKey Api;
    GET    "/orders/:reference/returns"                     Purchase    Limited Ignored OrderKey Api;
    POST   "/orders/:reference/returns"                     Purchase    Limited Kept    OrderKey Api;
    GET    "/orders/:reference/details"                     Purchase    Limited Ignored OrderKey Api;
    PATCH  "/orders/:reference/details"                     Purchase    Limited Ignored OrderKey Api;

    GET    "/tickets/my-tickets"                            Purchase    Limited Ignored OrderKey Api;
    GET    "/tickets/:ticket"                               Purchase    Limited Ignored Optional Api;
    GET    "/tickets/:ticket/transfers"                     Purchase    Limited Ignored OrderKey Api;
    POST   "/tickets/:ticket/transfers"                     Purchase    Limited Kept    OrderKey Api;
    DELETE "/tickets/:ticket/transfers"                     Purchase    Limited Ignored OrderKey Api;
    POST   "/tickets/:ticket/swap"                          OtherWrite  Limited Kept    Required Api;
    GET    "/transfers/:key"                                Purchase    Limited Ignored None     Api;
    POST   "/transfers/:key/take"                           Purchase    Limited KeptForAccounts Optional Api;
    GET    "/tickets/:ticket_code/qr.png"                   Purchase    Limited Ignored None     Api;
    GET    "/tickets/:ticket_code/qr.svg"                   Purchase    Limited Ignored None     Api;
    POST   "/check-ins"                                     Door        Limited Kept    Required Api;
    POST   "/door/scans/:nonce/annul"                       Door        Limited Kept    Required Api;

    POST   "/auth/register"                                 Purchase    Limited Kept    None     Api;
    POST   "/auth/login"                                    Purchase    Limited Ignored None     Api;
    POST   "/auth/logout"                                   Purchase    Limited OfSession Required Api;
    GET    "/auth/me"                                       Purchase    Limited Ignored Required Api;
    POST   "/auth/verify-email"                             Purchase    Limited Kept    None     Api;
    POST   "/auth/send-verification"                        Purchase    Limited Ignored Required Api;
    POST   "/auth/send-code"                                Purchase    Limited Ignored Required Api;
    POST   "/auth/forgot-password"                          Purchase    Limited Ignored None     Api;
    POST   "/auth/reset-password"                           Purchase    Limited Kept    None     Api;
    POST   "/auth/change-password"                          Purchase    Limited Ignored Required Api;
    POST   "/auth/change-email"                             Purchase    Limited Ignored Required Api;
    POST   "/auth/confirm-email"                            Purchase    Limited Kept    None     Api;
    POST   "/auth/undo-email-change"                        Purchase    Limited Kept    None     Api;
    POST   "/auth/second-factor"                            Purchase    Limited Ignored None     Api;
    GET    "/auth/totp"                                     Purchase    Limited Ignored Required Api;
    POST   "/auth/totp"                                     Purchase    Limited Ignored Required Api;
    POST   "/auth/totp/confirm"                             Purchase    Limited Ignored Required Api;
    POST   "/auth/totp/recovery-codes"                      Purchase    Limited Ignored Required Api;
    POST   "/auth/totp/remove"                              Purchase    Limited Ignored Required Api;
    GET    "/auth/sessions"                                 Purchase    Limited Ignored Required Api;
    GET    "/auth/export"                                   Read        Limited Ignored Required Api;
    GET    "/auth/erasure"                                  Purchase    Limited Ignored Required Api;
    POST   "/auth/erasure"                                  Purchase    Limited Ignored Required Api;
    DELETE "/auth/erasure"                                  Purchase    Limited Ignored Required Api;
    POST   "/auth/sessions/end-others"                      Purchase    Limited Ignored Required Api;
    DELETE "/auth/sessions/:session_id"                     Purchase    Limited Ignored Required Api;
    GET    PROOF_PAGE                                       Purchase    Limited Ignored None     Account;
    POST   PROOF_PAGE                                       Purchase    Limited Ignored None     Account;
    POST   "/users"                                         Purchase    Limited Kept    None     Api;
    GET    "/users/me"                                      Purchase    Limited Ignored Required Api;
    POST   "/token"                                         Purchase    Limited Ignored None     Api;

    GET    "/admin/accounts"                                Read        Limited Ignored Required Api;
    GET    "/admin/accounts/:account_id"                    OtherWrite  Limited Ignored Required Api;
    PATCH  "/admin/accounts/:account_id"                    OtherWrite  Limited Ignored Required Api;
    DELETE "/admin/accounts/:account_id/sessions"           OtherWrite  Limited Ignored Required Api;
    POST   "/admin/accounts/:account_id/erase"              OtherWrite  Limited Ignored Required Api;
    GET    "/admin/accounts/:account_id/audit"              Read        Limited Ignored Required Api;

    GET    "/keys"                                          OtherWrite  Limited Ignored Required Api;
    POST   "/keys"                                          OtherWrite  Limited Ignored Required Api;
    GET    "/keys/current"                                  OtherWrite  Limited Ignored Required Api;
    DELETE "/keys/:key_id"                                  OtherWrite  Limited Ignored Required Api;
    POST   "/keys/:key_id/take-over"                        OtherWrite  Limited Ignored Required Api;
    GET    "/organisations"                                 OtherWrite  Limited Ignored Required Api;
    POST   "/organisations"                                 OtherWrite  Limited Kept    Required Api;
    POST   "/organisations/join"                            OtherWrite  Limited Kept    Required Api;
    GET    "/organisations/:organisation_id"                OtherWrite  Limited Ignored Required Api;
    PATCH  "/organisations/:organisation_id"                OtherWrite  Limited Ignored Required Api;
    GET    "/organisations/:organisation_id/members"        OtherWrite  Limited Ignored Required Api;
    POST   "/organisations/:organisation_id/members"        OtherWrite  Limited Kept    Required Api;
    PATCH  "/organisations/:organisation_id/members/:account_id" OtherWrite Limited Ignored Required Api;
    DELETE "/organisations/:organisation_id/members/:account_id" OtherWrite Limited Ignored Required Api;
    GET    "/organisations/:organisation_id/invitations"    OtherWrite  Limited Ignored Required Api;
    POST   "/organisations/:organisation_id/invitations"    OtherWrite  Limited Kept    Required Api;
    DELETE "/organisations/:organisation_id/invitations/:invitation_id" OtherWrite Limited Ignored Required Api;
    GET    "/organisations/:organisation_id/audit"          OtherWrite  Limited Ignored Required Api;

    GET    "/mails/undelivered"                             Read        Limited Ignored Required Api;
    POST   "/mails/:mail_id/resend"                         OtherWrite  Limited Kept    Required Api;

    GET    "/"                                              Read        Limited Ignored None     Api;
    GET    "/health"                                        Machine     Exempt  Ignored None     Api;
    GET    "/ready"                                         Machine     Exempt  Ignored None     Api;
    GET    METRICS                                          Machine     Exempt  Ignored None     Metrics;
    GET    "/docs"                                          Read        Limited Ignored None     Docs;
    GET    "/redoc"                                         Read        Limited Ignored None     Docs;
    GET    "/openapi.json"                                  Read        Limited Ignored None     Docs;
    ANY    "/sandbox/paystack/*"                            Machine     Exempt  Ignored None     Sandbox;
};

/// The row of a request; `None` where the path, or the path's method, is unknown. A slash at the end makes no difference.
pub fn find(method: &Method, path: &str) -> Option<&'static Route> {
    at(path).iter().find(|route| route.answers(method))
}

/// All rows of a path, one for each method.
pub fn at(path: &str) -> &'static [Route] {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    let rows = ROUTES.iter().position(|route| matches(route.pattern.as_bytes(), path.as_bytes()));
    let rows = rows.map_or(&[][..], |first| &ROUTES[first..]);
    let pattern = rows.first().map(|route| route.pattern);
    let count = rows.iter().take_while(|route| Some(route.pattern) == pattern).count();
    &rows[..count]
}

/// The methods of a path, as `Allow` lists them; empty where the path is unknown.
pub fn methods(path: &str) -> Vec<Method> {
    let mut methods: Vec<Method> = at(path).iter().filter_map(|route| route.method.clone()).collect();
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    if !methods.is_empty() {
        methods.push(Method::OPTIONS);
    }
    methods.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    methods
}

/// What the middleware stack needs to know of a request, whether the table has a row for it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How important it is.
    pub class: Class,
    /// Whether it is rate limited.
    pub rate_limit: RateLimit,
    /// Its row, if there is one.
    pub route: Option<&'static Route>,
}

impl Policy {
    /// The policy of a request. An unknown method is treated like its path; an unknown path is a read only where the method
    /// says so (RFC 9110, 9.2.1).
    pub fn of(method: &Method, path: &str) -> Self {
        let rows = at(path);
        let route = rows.iter().find(|route| route.answers(method));
        let (class, rate_limit) = match route.or(rows.first()) {
            Some(row) => (row.class, row.rate_limit),
            None => (Class::Read, RateLimit::Limited),
        };
        let class = match class {
            class if route.is_some() => class,
            Class::NewPurchase => Class::Purchase,
            Class::Read if !method.is_safe() => Class::OtherWrite,
            Class::OtherWrite if method.is_safe() => Class::Read,
            class => class,
        };
        Self { class, rate_limit, route }
    }
}

impl Route {
    fn answers(&self, method: &Method) -> bool {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.method.as_ref().is_none_or(|own| own == method)
    }
}

/// Whether a path matches a pattern: byte by byte, so that most rows are dismissed at the second byte.
fn matches(mut pattern: &[u8], mut path: &[u8]) -> bool {
    loop {
        match (pattern, path) {
            ([], []) => return true,
            ([b'*', ..], [_, ..]) => return true,
            ([b':', ..], [first, ..]) if *first != b'/' => {
                (pattern, path) = (after_segment(pattern), after_segment(path))
            }
            ([expected, others @ ..], [found, rest @ ..]) if expected == found => (pattern, path) = (others, rest),
            _ => return false,
        }
    }
}

/// What follows the segment that `text` begins with.
fn after_segment(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
    &text[end..]
}

#[cfg(test)]
mod tests;
