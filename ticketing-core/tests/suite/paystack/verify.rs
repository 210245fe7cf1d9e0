//! What Paystack says of an attempt.

use super::*;
use serde_json::{Value, json};
use ticketing_core::domain::payment::{Captured, Mode, Observation};
use ticketing_core::gateway::{Fetched, GatewayError, PaymentGateway};

async fn fetched(data: Value) -> Result<Option<Fetched>, GatewayError> {
    let (gateway, _server) = against([Step::data(data.to_string())]).await;
    gateway.fetch(&reference("attempt-1")).await
}

#[tokio::test]
async fn every_status_is_mapped() {
    let captured =
        || Captured::new(ngn(40333), Mode::Live).with_requested(ngn(30050)).with_gateway_id("4099260516".to_owned());
    for (status, wanted) in [
        ("success", Observation::Success(captured())),
        ("failed", Observation::Failed),
        ("abandoned", Observation::Open),
        ("ongoing", Observation::Processing),
        ("pending", Observation::Processing),
        ("processing", Observation::Processing),
        ("queued", Observation::Processing),
        ("reversed", Observation::Reversed),
        ("teleported", Observation::Unrecognised),
    ] {
        let data = json!({
            "id": 4_099_260_516_u64, "domain": "live", "status": status, "reference": "attempt-1", "amount": 40333,
            "requested_amount": 30050, "currency": "NGN", "metadata": 0, "unheard_of": {"x": []},
        });
        assert_eq!(fetched(data).await, Ok(Some(Fetched::new(wanted, status))));
    }
}

#[tokio::test]
async fn another_amount_or_mode_is_handed_on_for_the_rules_to_judge() {
    let data =
        json!({"domain": "test", "status": "success", "reference": "attempt-1", "amount": "1", "currency": "USD"});
    let Ok(Some(Fetched { observation: Observation::Success(captured), .. })) = fetched(data).await else { panic!() };
    assert_eq!((captured.amount.minor(), captured.amount.currency(), captured.mode), (1, Currency::USD, Mode::Test));
    assert_eq!(captured.requested, None);
}

#[tokio::test]
async fn money_of_another_payment_is_told_apart_from_ours() {
    let data =
        json!({"domain": "test", "status": "success", "reference": "somebody-elses", "amount": 100, "currency": "NGN"});
    let Ok(Some(Fetched { observation, .. })) = fetched(data).await else { panic!() };
    assert!(matches!(observation, Observation::Mismatched(captured) if captured.amount == ngn(100)));
}

#[tokio::test]
async fn an_unknown_reference_is_not_an_error_and_not_a_failure() {
    for status in [400, 404] {
        let (gateway, server) = against([Step::no(status, "transaction_not_found")]).await;
        assert_eq!(gateway.fetch(&reference("attempt-1")).await, Ok(None));
        assert_eq!(server.lines(), ["GET /transaction/verify/attempt-1"]);
    }
}

#[tokio::test]
async fn a_reference_cannot_leave_its_place_in_the_path() {
    for text in [".", ".."] {
        let (gateway, server) = against([]).await;
        assert_eq!(gateway.fetch(&reference(text)).await, Err(GatewayError::Rejected { code: None }));
        assert_eq!(server.connections(), 0);
    }
    let (gateway, server) = against([Step::no(404, "x")]).await;
    assert_eq!(gateway.fetch(&reference("a=b.c")).await, Ok(None));
    assert_eq!(server.lines(), ["GET /transaction/verify/a=b.c"]);
}
