//! Paystack's responses: an envelope for success, and one for errors.

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use serde_json::{Value, json};

/// Success, in Paystack's envelope. Its `status` is about the call; the status of the payment is only in `data.status`.
pub(super) fn ok(message: &str, data: Value) -> Response {
    body(StatusCode::OK, json!({ "status": true, "message": message, "data": data }))
}

/// Success, with a page of a list.
pub(super) fn ok_page(message: &str, data: Value, meta: Value) -> Response {
    body(StatusCode::OK, json!({ "status": true, "message": message, "data": data, "meta": meta }))
}

/// An error of Paystack's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    /// Paystack's advice to the developer.
    pub(super) next_step: &'static str,
}

impl ApiError {
    const fn new(status: StatusCode, code: &'static str, message: &'static str, next_step: &'static str) -> Self {
        Self { status, code, message, next_step }
    }

    /// The request is invalid.
    pub(super) const fn invalid(message: &'static str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_params",
            message,
            "Ensure that the value(s) you're passing are valid.",
        )
    }

    pub(super) const NO_KEY: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "missing_key",
        "No Authorization Header was found",
        "Ensure that you provide the correct authorization key for the request",
    );
    pub(super) const WRONG_KEY: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "invalid_Key", // sic
        "Invalid key",
        "Ensure that you provide the correct authorization key for the request",
    );
    pub(super) const DUPLICATE_REFERENCE: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "duplicate_reference",
        "Duplicate Transaction Reference",
        "Ensure that the reference you're passing is unique",
    );
    pub(super) const UNSUPPORTED_CURRENCY: Self = Self::new(
        StatusCode::FORBIDDEN,
        "unsupported_currency",
        "Currency not supported by merchant",
        "Ensure that the currency is enabled on your integration",
    );
    /// Of verify, which returns 400 where every other call returns 404.
    pub(super) const REFERENCE_NOT_FOUND: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "transaction_not_found",
        "Transaction reference not found.",
        "Ensure that you're passing the reference of a transaction that exists on this integration",
    );
    pub(super) const TRANSACTION_NOT_FOUND: Self = Self::new(
        StatusCode::NOT_FOUND,
        "transaction_not_found",
        "Transaction not found",
        "Ensure that you're passing the id or reference of a transaction that exists on this integration",
    );
    pub(super) const REFUND_NOT_FOUND: Self = Self::new(
        StatusCode::NOT_FOUND,
        "refund_not_found",
        "Refund not found",
        "Ensure that you're passing the id of a refund that exists on this integration",
    );
    pub(super) const NOT_PAID: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "transaction_not_successful",
        "Only successful transactions can be refunded",
        "Verify the transaction before refunding it",
    );
    pub(super) const REVERSED: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "transaction_reversed",
        "Transaction has been fully reversed",
        "List the refunds of the transaction",
    );
    pub(super) const REFUND_TOO_MUCH: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "refund_amount_exceeded",
        "Refund amount cannot be more than the amount left on the transaction",
        "Ensure that the refunds of a transaction do not exceed its amount",
    );
    /// Of the simulator: a paid transaction stays paid.
    pub(super) const ALREADY_PAID: Self = Self::new(
        StatusCode::CONFLICT,
        "transaction_paid",
        "The transaction has been paid",
        "Only a refund can change a successful transaction",
    );
    pub(super) const TOO_LARGE: Self = Self::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request_too_large",
        "Request entity too large",
        "Send less than 64 KiB",
    );
    /// The disk is full, or worse. As with any 5xx, the caller cannot know the outcome.
    pub(super) const BROKEN: Self =
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unknown", "An error occurred", "Try again later");
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let kind = if self.status.is_server_error() { "api_error" } else { "validation_error" };
        body(
            self.status,
            json!({
                "status": false,
                "message": self.message,
                "meta": { "nextStep": self.next_step },
                "type": kind,
                "code": self.code,
            }),
        )
    }
}

pub(super) fn respond(outcome: Result<Response, ApiError>) -> Response {
    outcome.unwrap_or_else(IntoResponse::into_response)
}

fn body(status: StatusCode, json: Value) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .body(json.to_string())
}
