//! Opening a checkout.

use super::*;
use serde_json::json;
use ticketing_core::domain::payment::Checkout;
use ticketing_core::gateway::{GatewayError, PaymentGateway};

#[tokio::test]
async fn a_checkout_is_opened_with_all_that_paystack_wants() {
    let data =
        r#"{"authorization_url":"https://checkout.paystack.com/abc","access_code":"abc","reference":"attempt-1"}"#;
    let (gateway, server) = against([Step::data(data)]).await;
    let wanted = Checkout::new("https://checkout.paystack.com/abc").with_access_code("abc".to_owned());
    assert_eq!(gateway.open_checkout(&a_charge()).await, Ok(wanted));
    let request = &server.seen()[0];
    assert_eq!(request.line, "POST /transaction/initialize");
    assert!(request.head.contains("content-type: application/json\r\n"));
    let body = request.json();
    // 1999.90: minor units, as an integer.
    assert!(request.body.contains(r#""amount":199990,"#) || request.body.contains(r#""amount":199990}"#));
    assert_eq!(body["currency"], "NGN");
    assert_eq!(body["reference"], "attempt-1");
    assert_eq!(body["email"], "ada@example.com");
    assert_eq!(body["callback_url"], "https://shop.example/back?a=b&c=d");
    assert_eq!(body["metadata"]["order"], "order-1");
    assert_eq!(body["metadata"]["custom_fields"][0]["value"], "order-1");
}

#[tokio::test]
async fn an_absent_return_url_is_not_sent() {
    let (gateway, server) = against([Step::data(r#"{"authorization_url":"https://checkout.paystack.com/abc"}"#)]).await;
    let charge = a_charge().with_return_url(None);
    assert_eq!(gateway.open_checkout(&charge).await.unwrap().access_code, None);
    assert_eq!(server.seen()[0].json().get("callback_url"), None);
}

#[tokio::test]
async fn a_used_reference_is_told_from_other_refusals() {
    let steps = [
        Step::no(400, "duplicate_reference"),
        Step::no(400, "invalid_params"),
        Step::answer(400, r#"{"status":false,"message":"x"}"#),
    ];
    let (gateway, _server) = against(steps).await;
    assert_eq!(gateway.open_checkout(&a_charge()).await, Err(GatewayError::DuplicateReference));
    let code = Some("invalid_params".into());
    assert_eq!(gateway.open_checkout(&a_charge()).await, Err(GatewayError::Rejected { code }));
    assert_eq!(gateway.open_checkout(&a_charge()).await, Err(GatewayError::Rejected { code: None }));
}

#[tokio::test]
async fn a_checkout_url_of_another_host_is_rejected() {
    for data in [
        json!({"authorization_url": "javascript:alert(1)"}),
        json!({"authorization_url": "/relative"}),
        json!({"authorization_url": 1}),
        json!({"authorization_url": "https://checkout.paystack.com/abc", "reference": "somebody-elses"}),
    ] {
        let (gateway, _server) = against([Step::data(data.to_string())]).await;
        assert_eq!(gateway.open_checkout(&a_charge()).await, Err(GatewayError::Unreadable), "{data}");
    }
}

#[tokio::test]
async fn a_currency_that_paystack_does_not_charge_is_not_sent() {
    let (gateway, server) = against([]).await;
    for code in ["JPY", "KWD", "EUR"] {
        let amount = Money::new(500, code.parse().unwrap()).unwrap();
        let mut charge = a_charge();
        charge.amount = amount;
        assert_eq!(gateway.open_checkout(&charge).await, Err(GatewayError::Unsupported));
    }
    assert_eq!(server.connections(), 0);
}
