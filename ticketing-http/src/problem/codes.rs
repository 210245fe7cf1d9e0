//! The table of error codes and their statuses.

use poem::http::StatusCode;

/// Every error code, and its status.
///
/// 400 where older clients expect it (taken, sold out); any other conflict with the current state is 409.
pub const CODES: &[(&str, u16)] = &[
    // 400 for older clients.
    ("email_taken", 400),
    ("username_taken", 400),
    ("category_taken", 400),
    ("sold_out", 400),
    ("event_over", 400),
    ("sales_paused", 400),
    ("not_on_sale", 400),
    ("too_few", 400),
    ("too_many", 400),
    ("code_unknown", 400),
    ("code_used_up", 400),
    ("code_limit", 400),
    ("price_changed", 400),
    ("payment_failed", 400),
    ("currency_unsupported", 400),
    // Invalid requests.
    ("bad_request", 400),
    ("body_unreadable", 400),
    ("unreadable_webhook", 400),
    ("invalid", 422),
    ("category_unknown", 422),
    ("idempotency_key_reused", 422),
    ("ticket_type_needed", 422),
    ("event_past", 422),
    ("total_too_large", 422),
    ("body_too_large", 413),
    ("uri_too_long", 414),
    ("media_type_unsupported", 415),
    ("headers_too_large", 431),
    // Authentication and authorization.
    ("unauthenticated", 401),
    ("bad_signature", 401),
    ("forbidden", 403),
    ("ticket_foreign", 403),
    ("email_unverified", 403),
    ("buyer_unnamed", 409),
    ("event_draft", 409),
    ("no_valid_tickets", 409),
    ("refund_in_progress", 409),
    ("not_granted", 403),
    ("origin_refused", 403),
    ("second_factor_wanted", 403), // not 401: the password is right, and asking for it again does not help
    ("second_factor_wrong", 403),
    ("mail_code_wrong", 403),
    ("second_factor_required", 403),
    // Not found.
    ("path_unknown", 404),
    ("not_found", 404),
    ("event_unknown", 404),
    ("ticket_type_unknown", 404),
    ("order_unknown", 404),
    ("attempt_unknown", 404),
    ("ticket_unknown", 404),
    ("refund_unknown", 404),
    ("organisation_unknown", 404),
    ("account_unknown", 404),
    ("api_key_unknown", 404),
    ("scan_unknown", 404),
    ("proof_unknown", 404),
    ("invitation_unknown", 404),
    ("transfer_unknown", 404),
    ("message_unknown", 404),
    ("ticket_not_in_order", 404),
    ("method_not_allowed", 405),
    ("not_acceptable", 406),
    ("request_timeout", 408),
    ("version_stale", 412),
    ("stale", 412),
    ("precondition_required", 428),
    // Conflicts with the current state.
    ("conflict", 409),
    ("request_in_progress", 409),
    ("event_cancelled", 409),
    ("payment_in_review", 409),
    ("payment_refund_due", 409),
    ("payment_reversed", 409),
    ("too_many_holds", 409),
    ("buyer_limit", 400),
    ("capacity_too_low", 409),
    ("has_orders", 409),
    ("code_taken", 409),
    ("last_type", 409),
    ("last_admin", 409),
    ("erasure_blocked", 409),
    ("last_owner", 409),
    ("too_many_members", 409),
    ("too_many_invitations", 409),
    ("too_many_api_keys", 409),
    ("too_many_organisations", 409),
    ("second_factor_on", 409),
    ("second_factor_off", 409),
    ("hold_expired", 409),
    ("order_cancelled", 409),
    ("order_paid", 409),
    ("payment_in_progress", 409),
    ("not_in_review", 409),
    ("key_reused", 409),
    ("ticket_used", 409),
    ("ticket_refunded", 409),
    ("ticket_cancelled", 409),
    ("ticket_transferred", 409),
    ("wrong_event", 409),
    ("nonce_reused", 409),
    ("scan_annulled", 409),
    ("annul_too_late", 409),
    ("nothing_to_refund", 409),
    ("return_not_open", 409),
    ("ticket_not_valid", 409),
    ("refund_exceeds_paid", 409),
    ("mail_sent", 409),
    ("price_higher", 409),
    ("transfer_closed", 409),
    ("answers_required", 409),
    // Limits and failures of the server.
    ("too_many_requests", 429),
    ("too_many_logins", 429),
    ("too_many_purchases", 429),
    ("too_many_codes", 429),
    ("too_many_proofs", 429),
    ("too_many_resends", 429),
    ("too_many_transfers", 429),
    ("too_many_messages", 429),
    ("second_factor_closed", 429),
    ("internal", 500),
    ("gateway_rejected", 502), // nothing in the buyer's request is wrong, and a retry does not help
    ("busy", 503),
    ("timed_out", 503),
    ("storage_unavailable", 503),
    ("stopping", 503),
    ("gateway_unavailable", 503),
    ("gateway_circuit_open", 503),
    ("gateway_busy", 503),
    ("gateway_misconfigured", 503),
];

/// The status of a code; 500 for an unlisted code, which a test prevents.
pub fn status_of(code: &str) -> StatusCode {
    known(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The generic code of a status.
pub(super) fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "unauthenticated",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        406 => "not_acceptable",
        408 => "request_timeout",
        409 => "conflict",
        412 => "version_stale",
        413 => "body_too_large",
        414 => "uri_too_long",
        415 => "media_type_unsupported",
        422 => "invalid",
        428 => "precondition_required",
        429 => "too_many_requests",
        431 => "headers_too_large",
        400..=499 => "bad_request",
        503 => "busy",
        _ => "internal",
    }
}

fn known(code: &str) -> Option<StatusCode> {
    let (_, status) = CODES.iter().find(|(known, _)| *known == code)?;
    StatusCode::from_u16(*status).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_listed_twice() {
        let mut codes: Vec<_> = CODES.iter().map(|(code, _)| code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
    }

    #[test]
    fn every_refusal_has_a_status() {
        for refusal in ticketing_core::domain::refusal::Refusal::examples() {
            let status = known(refusal.code());
            assert!(status.is_some_and(|status| status.is_client_error()), "{} is not in the table", refusal.code());
        }
    }

    #[test]
    fn a_fallback_code_keeps_its_status() {
        for status in [401, 403, 404, 405, 406, 408, 409, 412, 413, 414, 415, 422, 429, 431, 400, 503, 500] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(status_of(code_of(status)), status);
        }
    }
}
