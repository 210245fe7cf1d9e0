//! Sending and looking up refunds: `POST /refund`, `GET /refund/{id}`, `GET /refund`.
//!
//! Paystack has no idempotency key for refunds. Ours is sent in `merchant_note`, and a refund whose response was lost is looked up
//! by it among the refunds of its transaction.

use super::answer::Reply;
use super::client::{Client, Repeat};
use super::{verify, wire};
use crate::domain::refund::RefundStatus;
use crate::gateway::{FetchedRefund, GatewayError, RefundCall};
use serde_json::{Value, json};

const PER_PAGE: usize = 100;
/// Nobody refunds one payment two thousand times; a list that is longer is not what was requested.
const MAX_PAGES: usize = 20;

pub(super) async fn refund(client: &Client, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
    let body = json!({
        "transaction": refund.attempt.as_str(),
        "amount": refund.amount.minor(),
        "currency": refund.amount.currency().code(),
        "merchant_note": refund.key.as_str(),
    });
    let data = client.post(&["refund"], &body, Repeat::Never).await?;
    wire::refund(&data).ok_or(GatewayError::OutcomeUnknown)
}

/// The refund in its current state. A failed one is superseded by a later try under the same key.
pub(super) async fn find(client: &Client, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
    let known = match &refund.gateway_id {
        Some(id) => by_id(client, id).await?,
        None => None,
    };
    match known {
        Some(known) if known.status != RefundStatus::Failed => Ok(Some(known)),
        known => Ok(by_key(client, refund).await?.or(known)),
    }
}

async fn by_id(client: &Client, id: &str) -> Result<Option<FetchedRefund>, GatewayError> {
    match client.get(&["refund", id], &[]).await? {
        Reply::Found(envelope) => wire::refund(&envelope.data).map(Some).ok_or(GatewayError::Malformed),
        Reply::Missing { .. } => Ok(None),
    }
}

/// `None` only if every page was read: it decides whether the money is sent a second time.
async fn by_key(client: &Client, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
    // The list is filtered by Paystack's id of the transaction, not by our reference.
    let Some(transaction) = verify::own(client, &refund.attempt).await? else { return Ok(None) };
    let transaction = wire::id(&transaction).ok_or(GatewayError::Malformed)?;
    let mut failed = None;
    for page in 1..=MAX_PAGES {
        let query =
            [("transaction", transaction.as_str()), ("perPage", &PER_PAGE.to_string()), ("page", &page.to_string())];
        let envelope = match client.get(&["refund"], &query).await? {
            Reply::Found(envelope) => envelope,
            Reply::Missing { code } => return Err(GatewayError::Rejected { code }),
        };
        let rows = envelope.data.as_array().ok_or(GatewayError::Malformed)?;
        for row in rows.iter().filter(|row| carries(row, refund.key.as_str())) {
            let found = wire::refund(row).ok_or(GatewayError::Malformed)?;
            if found.status != RefundStatus::Failed {
                return Ok(Some(found));
            }
            failed.get_or_insert(found);
        }
        let pages = envelope.meta.get("pageCount").and_then(wire::integer);
        if rows.is_empty() || pages.is_some_and(|pages| i64::try_from(page).is_ok_and(|page| page >= pages)) {
            return Ok(failed);
        }
    }
    tracing::warn!(gateway = "paystack", attempt = refund.attempt.as_str(), "the list of refunds does not end");
    Err(GatewayError::Malformed)
}

/// Whether a refund carries our key: alone, or within text that Paystack or a person added.
fn carries(row: &Value, key: &str) -> bool {
    row.get("merchant_note").and_then(Value::as_str).is_some_and(|note| note.split_whitespace().any(|word| word == key))
}
