//! Sending and looking up refunds: `POST /refund`, `GET /refund/{id}`, `GET /refund`.
//!
//! Paystack has no idempotency key for refunds. Ours is sent in `merchant_note`, and a refund whose response was lost is looked up
//! by it among the refunds of its transaction.

use super::answer::Reply;
use super::client::{Client, Repeat};
use super::{verify, wire};
use crate::domain::code::Reference;
use crate::domain::refund::{ListedRefund, RefundStatus};
use crate::gateway::{FetchedRefund, GatewayError, RefundCall};
use serde_json::{Value, json};

const PER_PAGE: usize = 100;
/// Nobody refunds one payment two thousand times; a list that is longer is not what was requested.
const MAX_PAGES: usize = 20;

pub(super) async fn refund(client: &Client, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
    let amount = wire::amount(refund.amount).ok_or(GatewayError::Unsupported)?;
    let body = json!({
        "transaction": refund.attempt.as_str(),
        "amount": amount,
        "currency": refund.amount.currency().code(),
        "merchant_note": refund.key.as_str(),
    });
    let data = client.post(&["refund"], &body, Repeat::Never).await?;
    wire::refund(&data).ok_or(GatewayError::Unreadable)
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
        Reply::Found(envelope) => wire::refund(&envelope.data).map(Some).ok_or(GatewayError::Unreadable),
        Reply::Missing { .. } => Ok(None),
    }
}

/// `None` only if every page was read: it decides whether the money is sent a second time.
async fn by_key(client: &Client, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
    let (mut found, mut failed) = (None, None);
    each_page(client, &refund.attempt, |rows, _| {
        for row in rows.iter().filter(|row| carries(row, refund.key.as_str())) {
            let row = wire::refund(row).ok_or(GatewayError::Unreadable)?;
            if row.status == RefundStatus::Failed {
                failed.get_or_insert(row);
            } else if found.is_none() {
                found = Some(row);
            }
        }
        Ok(found.is_some())
    })
    .await?;
    Ok(found.or(failed))
}

/// All refunds of a payment, also those that were made in the dashboard.
pub(super) async fn all(client: &Client, attempt: &Reference) -> Result<Vec<ListedRefund>, GatewayError> {
    let mut found = vec![];
    each_page(client, attempt, |rows, transaction| {
        for row in rows {
            found.push(wire::listed_refund(row, transaction).ok_or(GatewayError::Unreadable)?);
        }
        Ok(false)
    })
    .await?;
    Ok(found)
}

/// Sees every page of the list of a payment's refunds, with the payment, until `see` has found what it looks for.
async fn each_page(
    client: &Client,
    attempt: &Reference,
    mut see: impl FnMut(&[Value], &Value) -> Result<bool, GatewayError>,
) -> Result<(), GatewayError> {
    // The list is filtered by Paystack's id of the transaction, not by our reference.
    let Some(transaction) = verify::own(client, attempt).await? else { return Ok(()) };
    let id = wire::id(&transaction).ok_or(GatewayError::Unreadable)?;
    for page in 1..=MAX_PAGES {
        let query = [("transaction", id.as_str()), ("perPage", &PER_PAGE.to_string()), ("page", &page.to_string())];
        let envelope = match client.get(&["refund"], &query).await? {
            Reply::Found(envelope) => envelope,
            Reply::Missing { code } => return Err(GatewayError::Rejected { code }),
        };
        let rows = envelope.data.as_array().ok_or(GatewayError::Unreadable)?;
        let pages = envelope.meta.get("pageCount").and_then(wire::integer);
        let is_last = rows.is_empty() || pages.is_some_and(|pages| i64::try_from(page).is_ok_and(|page| page >= pages));
        if see(rows, &transaction)? || is_last {
            return Ok(());
        }
    }
    tracing::warn!(gateway = "paystack", attempt = attempt.as_str(), "the list of refunds does not end");
    Err(GatewayError::Unreadable)
}

/// Whether a refund carries our key: alone, or within text that Paystack or a person added.
fn carries(row: &Value, key: &str) -> bool {
    row.get("merchant_note").and_then(Value::as_str).is_some_and(|note| note.split_whitespace().any(|word| word == key))
}
