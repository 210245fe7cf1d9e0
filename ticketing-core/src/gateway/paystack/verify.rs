//! What became of an attempt: `GET /transaction/verify/{reference}`.

use super::answer::Reply;
use super::client::Client;
use super::wire;
use crate::domain::code::Reference;
use crate::gateway::{Fetched, GatewayError};
use serde_json::Value;

pub(super) async fn fetch(client: &Client, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
    match data(client, reference).await? {
        Some(data) => wire::transaction(&data).map(Some).ok_or(GatewayError::Malformed),
        None => Ok(None),
    }
}

/// `data` as Paystack gives it; `None` where it has no record of the reference.
pub(super) async fn data(client: &Client, reference: &Reference) -> Result<Option<Value>, GatewayError> {
    let data = match client.get(&["transaction", "verify", reference.as_str()], &[]).await? {
        Reply::Found(envelope) => envelope.data,
        // Paystack says so with 400 or 404. It does not mean that paying failed.
        Reply::Missing { .. } => return Ok(None),
    };
    // An answer about somebody else's payment must not become our buyer's ticket.
    if data.get("reference").and_then(Value::as_str) != Some(reference.as_str()) {
        tracing::error!(gateway = "paystack", reference = reference.as_str(), "the answer is about another reference");
        return Err(GatewayError::Malformed);
    }
    Ok(Some(data))
}
