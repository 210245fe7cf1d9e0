//! Errors: every error response is `application/problem+json` (RFC 9457).
//!
//! - `detail` is a sentence for people, `code` is stable for programs; the status follows from the code, see `codes`.
//! - Facts for programs (`available`, `retry_after`, `used_at`, …) are further members.
//! - No text of the database, the gateway or a library is ever included.

mod codes;
mod from_core;
mod from_poem;

pub use codes::{CODES, status_of};
pub use from_poem::as_problem;
pub(crate) use from_poem::to_response;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::ToJSON;
use std::time::Duration;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// The sentence of `busy`.
const BUSY: &str = "The server is busy. Please try again in a moment.";

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Problem {
    /// Always `about:blank`: see `code`.
    r#type: String,
    /// The name of the status.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What went wrong, for people.
    detail: String,
    /// The error code, for programs. Stable.
    code: String,
    /// The invalid fields, where there are some.
    errors: Option<Vec<FieldError>>,
    /// Seconds to wait before a retry. Also in the header `Retry-After`.
    retry_after: Option<u64>,
    /// The event in question.
    event_id: Option<i64>,
    /// The ticket type in question.
    ticket_type_id: Option<i64>,
    /// Number of tickets left.
    available: Option<i64>,
    /// How many unpaid orders a buyer may have for an event.
    limit: Option<i64>,
    /// How many more of these tickets the buyer may have, or how many more wrong codes there may be.
    left: Option<i64>,
    /// The fewest tickets that an order must have.
    min: Option<i64>,
    /// The most tickets that an order may have.
    max: Option<i64>,
    /// How many tickets are held and sold.
    taken: Option<i64>,
    /// The current version.
    current: Option<i64>,
    /// From when on tickets are sold.
    from: Option<String>,
    /// When ticket sales for the event ended.
    ended_at: Option<String>,
    /// When the scan was undone.
    annulled_at: Option<String>,
    /// Until when it is or was possible, or until when tickets are sold or can be returned.
    until: Option<String>,
    /// The ticket's id.
    ticket_id: Option<i64>,
    /// The ticket's status.
    ticket_status: Option<String>,
    /// From when the mail may be sent again, or from when codes are taken again.
    again_at: Option<String>,
    /// What to send to `POST /auth/second-factor` with a code.
    ticket: Option<String>,
    /// When the ticket was checked in.
    used_at: Option<String>,
    /// At which gate the ticket was checked in.
    gate: Option<String>,
    /// What stands in the way of erasing the account: `events`, `payments`, `refunds`, `disputes`, `organisations` or `last_admin`.
    by: Option<String>,
    /// The amount that can still be refunded, as an exact decimal.
    refundable: Option<String>,
    /// What the order costs now, as an exact decimal.
    total: Option<String>,
    /// How much more the other ticket type costs, as an exact decimal.
    difference: Option<String>,
    /// The keys of the questions that must be answered first, separated by commas.
    questions: Option<String>,
    /// The currency of `refundable`, `total` or `difference`.
    currency: Option<String>,
    /// The methods of the path, if the method is wrong. Sent as `Allow` only.
    #[oai(skip)]
    allow: Vec<String>,
    /// The tag of the current version, if the client's is stale. Sent as `ETag` only.
    #[oai(skip)]
    etag: Option<String>,
}

/// An invalid field.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct FieldError {
    /// The field's path in the request, such as `lines.0.quantity`.
    pub field: String,
    /// What the field must be.
    pub message: String,
}

impl FieldError {
    /// An invalid field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Problem {
    /// A problem with one of the [`CODES`]; its status follows from the code.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        Self::with_status(status_of(code), code, detail)
    }

    /// Invalid fields: 422.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let each: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        Self { errors: Some(errors), ..Self::new("invalid", each.join("; ")) }
    }

    /// One invalid field: 422.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(field, message)])
    }

    /// The server is saturated: 503.
    pub fn busy(retry_after: Duration) -> Self {
        Self::new("busy", BUSY).retry_after(retry_after)
    }

    /// An internal error: 500. Its cause belongs into the log, never into the response.
    pub fn internal() -> Self {
        Self::new("internal", "Internal server error. When you report it, include the header X-Request-Id.")
    }

    pub(crate) fn with_status(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            errors: None,
            retry_after: None,
            event_id: None,
            ticket_type_id: None,
            available: None,
            limit: None,
            left: None,
            min: None,
            max: None,
            taken: None,
            current: None,
            from: None,
            ended_at: None,
            annulled_at: None,
            until: None,
            ticket_id: None,
            ticket_status: None,
            again_at: None,
            ticket: None,
            used_at: None,
            gate: None,
            by: None,
            refundable: None,
            total: None,
            difference: None,
            questions: None,
            currency: None,
            allow: Vec::new(),
            etag: None,
        }
    }

    /// Adds when to retry, rounded up to whole seconds.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(whole_seconds_up(after).max(1));
        self
    }

    /// Adds the methods of the path.
    #[must_use]
    pub fn allow(mut self, methods: &[Method]) -> Self {
        self.allow = methods.iter().map(|method| method.as_str().to_owned()).collect();
        self
    }

    /// Adds the entity tag of the current version.
    #[must_use]
    pub fn with_etag(mut self, tag: String) -> Self {
        self.etag = Some(tag);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The error code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The invalid fields.
    pub fn errors(&self) -> &[FieldError] {
        self.errors.as_deref().unwrap_or_default()
    }

    /// When to try again, in seconds from now.
    pub(crate) fn seconds_to_wait(&self) -> Option<u64> {
        self.retry_after
    }

    /// The response, with the headers that its status requires.
    pub fn to_response(&self) -> Response {
        let mut response = Response::builder()
            .status(self.status())
            .content_type(CONTENT_TYPE)
            .header(header::CACHE_CONTROL, "no-store")
            .body(self.to_json_string());
        let headers = response.headers_mut();
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Ok(allow) = HeaderValue::from_str(&self.allow.join(", "))
        {
            headers.insert(header::ALLOW, allow);
        }
        if let Some(tag) = self.etag.as_deref().and_then(|tag| HeaderValue::from_str(tag).ok()) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

fn whole_seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

/// For `?` in handlers of poem and poem-openapi.
impl poem::error::ResponseError for Problem {
    fn status(&self) -> StatusCode {
        Self::status(self)
    }

    fn as_response(&self) -> Response {
        self.to_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.to_response()
    }
}

/// In the document, a handler of type `Result<_, Problem>` has this as its `default` response.
impl poem_openapi::ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Any other error: `detail` is for people, `code` for programs",
                status: None,
                status_range: None,
                content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema: Json::<Self>::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        <Json<Self> as Payload>::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parts(response: Response) -> (StatusCode, poem::http::HeaderMap, serde_json::Value) {
        let (parts, body) = response.into_parts();
        let body = body.into_bytes().await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_problem_is_an_rfc_9457_document() {
        let (status, headers, body) = parts(Problem::new("sold_out", "Event sold out").to_response()).await;
        assert_eq!(status, 400);
        assert_eq!(headers["content-type"], CONTENT_TYPE);
        assert_eq!(
            body,
            serde_json::json!({
                "type": "about:blank", "title": "Bad Request", "status": 400,
                "detail": "Event sold out", "code": "sold_out",
            })
        );
    }

    #[tokio::test]
    async fn statuses_have_the_headers_they_require() {
        let (_, headers, _) = parts(Problem::new("unauthenticated", "Not authenticated").to_response()).await;
        assert_eq!(headers["www-authenticate"], "Bearer");
        let busy = Problem::new("busy", "Busy").retry_after(Duration::from_millis(1_200));
        let (_, headers, body) = parts(busy.to_response()).await;
        assert_eq!((headers["retry-after"].to_str().unwrap(), &body["retry_after"]), ("2", &serde_json::json!(2)));
        let lost = Problem::new("method_not_allowed", "No").allow(&[Method::GET, Method::HEAD]);
        let (_, headers, body) = parts(lost.to_response()).await;
        assert_eq!(headers["allow"], "GET, HEAD");
        assert!(body.get("allow").is_none());
    }

    #[tokio::test]
    async fn invalid_fields_are_listed() {
        let (status, _, body) = parts(Problem::invalid_field("price", "must not be negative").to_response()).await;
        assert_eq!(status, 422);
        assert_eq!(body["errors"], serde_json::json!([{"field": "price", "message": "must not be negative"}]));
        assert_eq!(body["detail"], "price: must not be negative");
    }
}
