//! Opening a checkout: `POST /transaction/initialize`.

use super::client::{Client, Repeat};
use super::wire;
use crate::domain::payment::Checkout;
use crate::gateway::{Charge, GatewayError};
use reqwest::Url;
use serde_json::{Value, json};

pub(super) async fn open(client: &Client, charge: &Charge) -> Result<Checkout, GatewayError> {
    let amount = wire::amount(charge.amount).ok_or(GatewayError::Unsupported)?;
    let data = client.post(&["transaction", "initialize"], &body(charge, amount), Repeat::IfNotSent).await?;
    checkout(client, charge, &data).ok_or_else(|| {
        tracing::warn!(
            gateway = "paystack",
            reference = charge.reference.as_str(),
            "the response contains no usable checkout"
        );
        GatewayError::Unreadable
    })
}

fn body(charge: &Charge, amount: i64) -> Value {
    let order = charge.order.as_str();
    let mut body = json!({
        "reference": charge.reference.as_str(),
        // A JSON integer, as Paystack counts.
        "amount": amount,
        "currency": charge.amount.currency().code(),
        "email": charge.email.with_ascii_domain(),
        // The dashboard shows `custom_fields` (https://paystack.com/docs/payments/metadata/).
        "metadata": {
            "order": order,
            "custom_fields": [{ "display_name": "Order", "variable_name": "order", "value": order }],
        },
    });
    if let Some(return_url) = &charge.return_url {
        body["callback_url"] = return_url.as_str().into();
    }
    body
}

fn checkout(client: &Client, charge: &Charge, data: &Value) -> Option<Checkout> {
    let text = |field: &str| data.get(field).and_then(Value::as_str);
    if text("reference").is_some_and(|reference| reference != charge.reference.as_str()) {
        return None;
    }
    let url = text("authorization_url")?;
    // The buyer is sent there: never to a script, and in the clear only where a simulator is.
    let scheme = Url::parse(url).ok()?.scheme().to_owned();
    let safe = scheme == "https" || (scheme == "http" && client.base().starts_with("http:"));
    safe.then(|| Checkout { url: url.to_owned(), access_code: text("access_code").map(str::to_owned) })
}
