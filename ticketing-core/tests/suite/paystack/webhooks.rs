//! Webhooks, good and forged. Signatures were made by another implementation (Python's `hmac`).

use super::*;
use ticketing_core::domain::payment::{Captured, DisputeNews, DisputeStage, Mode, Observation};
use ticketing_core::gateway::{Fetched, PaymentGateway, Webhook, WebhookError, WebhookEvent, WebhookSubject};

const BODY: &[u8] = br#"{"event":"charge.success","data":{"id":302961,"domain":"test","status":"success","reference":"qtp4p3fcz8j1","amount":10000,"currency":"NGN","paid_at":"2026-01-03T10:00:00.000Z"}}"#;
/// Over `BODY`, by `sk_test_vector`.
const SIGNED: &str = "9471d60c8a47e26a4a5c2ad9fb0feb1f22efe0cbc124c9bb52115456a4874e097b8dc8089a775f298657ca7f75b34643d8469b9514f8e00bc5e7190d1bc7258c";

fn gateway(keys: [&str; 2]) -> PaystackGateway {
    PaystackGateway::new(PaystackConfig::new(keys[0]).with_base_url("http://localhost:1").with_webhook_key(keys[1]))
        .unwrap()
}

fn read(headers: &[(&str, &[u8])], body: &[u8]) -> Result<WebhookEvent, WebhookError> {
    let received_at = "2026-01-03T10:00:01Z".parse().unwrap();
    gateway(["sk_test_vector", "sk_test_other"]).read_webhook(&Webhook::new(headers, body, received_at))
}

/// Signs by our own hand: for the shapes of bodies, not for the signature.
fn signed(body: &str) -> Result<WebhookEvent, WebhookError> {
    use hmac::{Hmac, KeyInit, Mac};
    let mac =
        Hmac::<sha2::Sha512>::new_from_slice(b"sk_test_vector").unwrap().chain_update(body).finalize().into_bytes();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    read(&[("x-paystack-signature", hex.as_bytes())], body.as_bytes())
}

#[test]
fn a_signed_charge_reads_whole() {
    let paid_at: jiff::Timestamp = "2026-01-03T10:00:00Z".parse().unwrap();
    let captured = Captured::new(ngn(10000), Mode::Test).with_paid_at(paid_at).with_gateway_id("302961".to_owned());
    let wanted = WebhookEvent::new(
        "charge.success:302961:3593752be1661ba91e4a5954b2d41c59022a3df64e175871c3e2fb62b302a767",
        "charge.success",
        WebhookSubject::Charge(Fetched::new(Observation::Success(captured), "success")),
    )
    .with_reference(reference("qtp4p3fcz8j1"));
    let upper = SIGNED.to_uppercase();
    for (name, signature) in
        [("x-paystack-signature", SIGNED), ("X-Paystack-Signature", SIGNED), ("x-paystack-signature", &upper)]
    {
        let headers: [(&str, &[u8]); 2] = [("content-type", b"application/json"), (name, signature.as_bytes())];
        assert_eq!(read(&headers, BODY), Ok(wanted.clone()));
    }
}

#[test]
fn either_key_is_accepted_while_keys_change() {
    let headers: &[(&str, &[u8])] = &[("x-paystack-signature", SIGNED.as_bytes())];
    let webhook = Webhook::new(headers, BODY, "2026-01-03T10:00:01Z".parse().unwrap());
    assert!(gateway(["sk_test_new", "sk_test_vector"]).read_webhook(&webhook).is_ok());
    assert_eq!(gateway(["sk_test_new", "sk_test_newer"]).read_webhook(&webhook), Err(WebhookError::BadSignature));
}

#[test]
fn unsigned_webhooks_are_not_read() {
    let good = SIGNED.as_bytes();
    let name = "x-paystack-signature";
    let mut forged = SIGNED.to_owned();
    forged.replace_range(127.., "d");
    let not_hex = SIGNED.replace('9', "g");
    let fullwidth = SIGNED.replacen("94", "\u{ff19}4", 1);
    let spaced = format!(" {SIGNED}");
    let cases: Vec<Vec<(&str, &[u8])>> = vec![
        vec![],
        vec![("x-signature", good)],
        vec![(name, good), (name, good)],
        vec![(name, good), ("X-PAYSTACK-SIGNATURE", b"")],
        vec![(name, b"")],
        vec![(name, forged.as_bytes())],
        vec![(name, not_hex.as_bytes())],
        vec![(name, fullwidth.as_bytes())],
        vec![(name, spaced.as_bytes())],
        vec![(name, &good[..126])],
        vec![(name, &good[..127])],
        vec![(name, &[b'0'; 130])],
        vec![(name, &[b'0'; 128])],
    ];
    for headers in &cases {
        assert_eq!(read(headers, BODY), Err(WebhookError::BadSignature), "{headers:?}");
    }
    // The same JSON written anew, one byte more, and nothing at all.
    let anew = serde_json::to_vec(&serde_json::from_slice::<serde_json::Value>(BODY).unwrap()).unwrap();
    assert_ne!(anew, BODY);
    for body in [&anew[..], &[BODY, b"\n"].concat(), b""] {
        assert_eq!(read(&[(name, good)], body), Err(WebhookError::BadSignature));
    }
    // Bad JSON is no news to somebody who cannot sign.
    assert_eq!(read(&[(name, good)], b"not json"), Err(WebhookError::BadSignature));
}

#[test]
fn a_signed_body_that_is_no_event_is_unreadable() {
    for body in ["", "not json", "[]", "{}", r#"{"event":1,"data":{}}"#, r#"{"data":{}}"#, "\u{feff}{}"] {
        assert_eq!(signed(body), Err(WebhookError::Unreadable), "{body}");
    }
}

#[test]
fn all_shapes_of_refunds_and_disputes_name_their_attempt() {
    let attempt = Some(reference("attempt-1"));
    for (body, about, wanted) in [
        // As documented: pending, processing, processed, failed (amount a number), needs-attention (with an id).
        (
            r#"{"event":"refund.pending","data":{"status":"pending","transaction_reference":"attempt-1","refund_reference":null,"amount":"10000"}}"#,
            WebhookSubject::Refund,
            &attempt,
        ),
        (
            r#"{"event":"refund.processing","data":{"status":"processing","transaction_reference":"attempt-1","amount":"10000"}}"#,
            WebhookSubject::Refund,
            &attempt,
        ),
        (
            r#"{"event":"refund.processed","data":{"status":"processed","transaction_reference":"attempt-1","refund_reference":"132013318360"}}"#,
            WebhookSubject::Refund,
            &attempt,
        ),
        (
            r#"{"event":"refund.failed","data":{"status":"failed","transaction_reference":"attempt-1","amount":20000}}"#,
            WebhookSubject::Refund,
            &attempt,
        ),
        (
            r#"{"event":"refund.needs-attention","data":{"id":1,"status":"needs-attention","transaction_reference":"attempt-1"}}"#,
            WebhookSubject::Refund,
            &attempt,
        ),
        (
            r#"{"event":"refund.processed","data":{"transaction":{"id":1,"reference":"attempt-1"}}}"#,
            WebhookSubject::Refund,
            &attempt,
        ),
        (r#"{"event":"refund.processed","data":{"transaction":3298598423}}"#, WebhookSubject::Refund, &None),
        (
            r#"{"event":"charge.dispute.create","data":{"id":358950,"transaction":{"reference":"attempt-1"}}}"#,
            WebhookSubject::Dispute(DisputeNews::new("358950", DisputeStage::Open)),
            &attempt,
        ),
        (
            r#"{"event":"charge.dispute.create","data":{"id":358951,"refund_amount":100,"currency":"NGN","transaction":{"reference":"attempt-1","amount":1000000,"currency":"NGN"}}}"#,
            WebhookSubject::Dispute(DisputeNews::new("358951", DisputeStage::Open).with_amount(ngn(100))),
            &attempt,
        ),
        (
            r#"{"event":"charge.dispute.resolve","data":{"id":358950,"resolution":"declined"}}"#,
            WebhookSubject::Dispute(DisputeNews::new("358950", DisputeStage::Won)),
            &None,
        ),
        (
            r#"{"event":"charge.dispute.resolve","data":{"id":358950,"resolution":"merchant-accepted","customer":{"first_name":"Ada \ud83d"}}}"#,
            WebhookSubject::Dispute(DisputeNews::new("358950", DisputeStage::Lost)),
            &None,
        ),
        (r#"{"event":"transfer.success","data":{"reference":"attempt-1"}}"#, WebhookSubject::Other, &attempt),
        (r#"{"event":"new.thing","data":[1]}"#, WebhookSubject::Other, &None),
        (r#"{"event":"new.thing"}"#, WebhookSubject::Other, &None),
        (
            r#"{"event":"refund.processed","data":{"transaction_reference":"not_ours@all"}}"#,
            WebhookSubject::Refund,
            &None,
        ),
    ] {
        let event = signed(body).unwrap();
        assert_eq!((event.about, &event.reference), (about, wanted), "{body}");
    }
}

#[test]
fn a_charge_that_cannot_be_read_is_still_looked_up() {
    let event = signed(r#"{"event":"charge.success","data":{"reference":"attempt-1","status":"success"}}"#).unwrap();
    assert_eq!(event.reference, Some(reference("attempt-1")));
    assert!(matches!(event.about, WebhookSubject::Charge(Fetched { observation: Observation::Unrecognised, .. })));
}

#[test]
fn one_event_has_one_dedupe_key_and_others_have_others() {
    let body = |event: &str, reference: &str| {
        format!(r#"{{"event":"{event}","data":{{"transaction_reference":"{reference}"}}}}"#)
    };
    let key = |event: &str, reference: &str| signed(&body(event, reference)).unwrap().dedupe_key;
    assert_eq!(key("refund.pending", "a"), key("refund.pending", "a"));
    assert_ne!(key("refund.pending", "a"), key("refund.processed", "a"));
    assert_ne!(key("refund.pending", "a"), key("refund.pending", "b"));
    assert!(key("refund.pending", "a").starts_with("refund.pending:a:"));
    let long = "x".repeat(10_000);
    assert!(key(&long, &long).len() <= 64 + 1 + 64 + 1 + 64);
}
