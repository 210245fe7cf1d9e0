//! Fetching an attempt: `GET /transaction/verify/{reference}`.

use super::answer::Reply;
use super::client::Client;
use super::wire;
use crate::domain::code::Reference;
use crate::domain::payment::Observation;
use crate::gateway::{Fetched, GatewayError};
use serde_json::Value;

pub(super) async fn fetch(client: &Client, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
    let Some(data) = data(client, reference).await? else { return Ok(None) };
    let mut fetched = wire::transaction(&data).ok_or(GatewayError::Unreadable)?;
    if !is_about(&data, reference) {
        // A response about another payment must not buy our buyer's ticket. One that reports a payment is reviewed by a
        // person; any other is ignored.
        tracing::error!(
            gateway = "paystack",
            reference = reference.as_str(),
            "the response is about another reference"
        );
        fetched.observation = match fetched.observation {
            Observation::Success(captured) => Observation::Mismatched(captured),
            _ => return Err(GatewayError::Unreadable),
        };
    }
    Ok(Some(fetched))
}

/// Whether the response names the requested reference.
fn is_about(data: &Value, reference: &Reference) -> bool {
    data.get("reference").and_then(Value::as_str) == Some(reference.as_str())
}

/// The same for parts that refer to a payment of ours.
pub(super) async fn own(client: &Client, reference: &Reference) -> Result<Option<Value>, GatewayError> {
    match data(client, reference).await? {
        Some(data) if !is_about(&data, reference) => Err(GatewayError::Unreadable),
        found => Ok(found),
    }
}

/// Paystack's `data`; `None` where it has no record of the reference.
async fn data(client: &Client, reference: &Reference) -> Result<Option<Value>, GatewayError> {
    match client.get(&["transaction", "verify", reference.as_str()], &[]).await? {
        Reply::Found(envelope) => Ok(Some(envelope.data)),
        // Paystack reports this with 400 or 404. It does not mean that the payment failed.
        Reply::Missing { .. } => Ok(None),
    }
}
