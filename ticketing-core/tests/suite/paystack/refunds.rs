//! Sending money back and finding it again.

use super::*;
use serde_json::json;
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::gateway::{FetchedRefund, GatewayError, PaymentGateway};

const TRANSACTION: &str =
    r#"{"id":4099260516,"reference":"attempt-1","status":"success","amount":5000,"currency":"NGN","domain":"test"}"#;

fn row(id: u64, note: &str, status: &str) -> serde_json::Value {
    json!({"id": id, "merchant_note": note, "status": status, "transaction": 4_099_260_516_u64, "amount": 5000})
}

fn found(id: &str, status: RefundStatus, raw: &str) -> Result<Option<FetchedRefund>, GatewayError> {
    Ok(Some(FetchedRefund::new(status, raw).with_gateway_id(id.to_owned())))
}

#[tokio::test]
async fn a_refund_carries_our_key() {
    let data =
        json!({"id": 3_018_284_000_u64, "status": "processing", "transaction": {"id": 1, "reference": "attempt-1"}});
    let (gateway, server) = against([Step::data(data.to_string())]).await;
    assert_eq!(gateway.refund(&a_refund()).await.map(Some), found("3018284000", RefundStatus::Pending, "processing"));
    let request = &server.seen()[0];
    assert_eq!(request.line, "POST /refund");
    let wanted = json!({"transaction": "attempt-1", "amount": 5000, "currency": "NGN", "merchant_note": "refund-1"});
    assert_eq!(request.json(), wanted);
}

#[tokio::test]
async fn a_refused_refund_is_certain_not_to_have_happened() {
    let (gateway, server) = against([Step::no(400, "transaction_reversed"), Step::no(404, "not_found")]).await;
    for code in ["transaction_reversed", "not_found"] {
        let error = gateway.refund(&a_refund()).await.unwrap_err();
        assert_eq!(error, GatewayError::Rejected { code: Some(code.into()) });
        assert!(error.was_not_sent());
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_refund_whose_id_is_known_is_fetched_by_it() {
    let call = a_refund().with_gateway_id("77/../1".to_owned());
    let (gateway, server) = against([Step::data(row(77, "", "processed").to_string())]).await;
    assert_eq!(gateway.find_refund(&call).await, found("77", RefundStatus::Processed, "processed"));
    assert_eq!(server.lines(), ["GET /refund/77%2F..%2F1"]);
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_found_by_our_key_on_any_page() {
    let page = |rows: Vec<serde_json::Value>| Step::data(json!(rows).to_string());
    let (gateway, server) = against([
        Step::data(TRANSACTION),
        page(vec![
            row(1, "refund-10", "processed"),
            row(2, "not refund-1.", "processed"),
            json!({"merchant_note": null}),
        ]),
        page(vec![row(3, "refund-1 by somebody@example.com", "pending")]),
    ])
    .await;
    assert_eq!(gateway.find_refund(&a_refund()).await, found("3", RefundStatus::Pending, "pending"));
    assert_eq!(
        server.lines(),
        [
            "GET /transaction/verify/attempt-1",
            "GET /refund?transaction=4099260516&perPage=100&page=1",
            "GET /refund?transaction=4099260516&perPage=100&page=2"
        ]
    );
}

#[tokio::test]
async fn no_refund_is_reported_only_after_the_last_page() {
    let other = || Step::data(json!([row(1, "other", "processed")]).to_string());
    let (gateway, server) = against([Step::data(TRANSACTION), other(), Step::data("[]")]).await;
    assert_eq!(gateway.find_refund(&a_refund()).await, Ok(None));
    assert_eq!(server.seen().len(), 3);

    let last = Step::answer(
        200,
        json!({"status": true, "message": "", "data": [row(1, "other", "processed")], "meta": {"pageCount": 1}})
            .to_string(),
    );
    let (gateway, server) = against([Step::data(TRANSACTION), last]).await;
    assert_eq!(gateway.find_refund(&a_refund()).await, Ok(None));
    assert_eq!(server.seen().len(), 2);

    // What is no list, a refusal to list, and a list without end are not "none".
    for (steps, wanted) in [
        (vec![Step::data("{}")], GatewayError::Unreadable),
        (vec![Step::no(400, "bad")], GatewayError::Rejected { code: Some("bad".into()) }),
        (vec![other(); 30], GatewayError::Unreadable),
    ] {
        let (gateway, server) = against([vec![Step::data(TRANSACTION)], steps].concat()).await;
        assert_eq!(gateway.find_refund(&a_refund()).await, Err(wanted));
        assert!(server.seen().len() <= 21);
    }
}

#[tokio::test]
async fn a_transaction_that_paystack_does_not_know_has_no_refund() {
    let (gateway, _server) = against([Step::no(404, "transaction_not_found")]).await;
    assert_eq!(gateway.find_refund(&a_refund()).await, Ok(None));
}

#[tokio::test]
async fn a_failed_refund_gives_way_to_a_later_try_under_the_same_key() {
    let call = a_refund().with_gateway_id("1".to_owned());
    let rows = json!([row(1, "refund-1", "failed"), row(2, "refund-1", "processing")]).to_string();
    let failed = || Step::data(row(1, "refund-1", "failed").to_string());
    let (gateway, _server) = against([failed(), Step::data(TRANSACTION), Step::data(rows)]).await;
    assert_eq!(gateway.find_refund(&call).await, found("2", RefundStatus::Pending, "processing"));
    let (gateway, _server) = against([failed(), Step::data(TRANSACTION), Step::data("[]")]).await;
    assert_eq!(gateway.find_refund(&call).await, found("1", RefundStatus::Failed, "failed"));
}
