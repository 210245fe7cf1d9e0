//! Opening a checkout: `POST /transaction/initialize`.

use super::client::{Client, Repeat};
use crate::domain::payment::Checkout;
use crate::gateway::{Charge, GatewayError};
use reqwest::Url;
use serde_json::{Value, json};

/// Paystack counts hundredths in every currency, also in those that have none (XOF) or thousandths: see
/// <https://paystack.com/docs/api/#supported-currency>. Our minor units are ISO 4217's, so only where both agree is it used.
const EXPONENT: u32 = 2;

pub(super) async fn open(client: &Client, charge: &Charge) -> Result<Checkout, GatewayError> {
    if charge.amount.currency().exponent() != EXPONENT {
        return Err(GatewayError::Unsupported);
    }
    let data = client.post(&["transaction", "initialize"], &body(charge), Repeat::IfNotSent).await?;
    checkout(client, charge, &data).ok_or_else(|| {
        tracing::warn!(
            gateway = "paystack",
            reference = charge.reference.as_str(),
            "the response contains no usable checkout"
        );
        GatewayError::OutcomeUnknown
    })
}

fn body(charge: &Charge) -> Value {
    let order = charge.order.as_str();
    let mut body = json!({
        "reference": charge.reference.as_str(),
        // A JSON integer, in minor units.
        "amount": charge.amount.minor(),
        "currency": charge.amount.currency().code(),
        "email": charge.email.as_str(),
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
