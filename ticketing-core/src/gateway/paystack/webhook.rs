//! Webhooks: verified by their signature, then parsed. See <https://paystack.com/docs/payments/webhooks/>.
//!
//! Paystack signs no time and numbers no event, so a webhook stays valid indefinitely. What it says is a hint to fetch, and the
//! engine may receive it any number of times.

use super::config::SecretKey;
use super::wire::{self, clipped};
use crate::domain::code::Reference;
use crate::domain::payment::Observation;
use crate::gateway::{Fetched, Webhook, WebhookError, WebhookEvent, WebhookSubject};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};

const SIGNATURE: &str = "x-paystack-signature";
/// The length of a SHA-512 hash.
const SIGNATURE_BYTES: usize = 64;

pub(super) fn read(keys: &[SecretKey], webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
    let signature = signature(webhook.headers).ok_or(WebhookError::BadSignature)?;
    if !keys.iter().any(|key| is_signed(key, webhook.body, &signature)) {
        return Err(WebhookError::BadSignature);
    }
    event(webhook.body).ok_or(WebhookError::Unreadable)
}

/// The signature: one header of that name, and 128 hexadecimal digits in it.
fn signature(headers: &[(&str, &[u8])]) -> Option<[u8; SIGNATURE_BYTES]> {
    let mut named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(SIGNATURE));
    let (Some((_, hex)), None) = (named.next(), named.next()) else { return None };
    if hex.len() != 2 * SIGNATURE_BYTES {
        return None;
    }
    let mut bytes = [0; SIGNATURE_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Over the bytes as received: the same JSON serialized again has another signature. Compares in constant time.
fn is_signed(key: &SecretKey, body: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
    Hmac::<Sha512>::new_from_slice(key.secret().as_bytes())
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
}

fn event(body: &[u8]) -> Option<WebhookEvent> {
    let event = wire::json(body)?;
    let kind = clipped(event.get("event")?.as_str()?, 64);
    // Unknown events may carry anything.
    let data = event.get("data").unwrap_or(&Value::Null);
    let (reference, about) = match kind.as_str() {
        "charge.success" => (text(data, "reference"), WebhookSubject::Charge(charge(data))),
        _ if kind.starts_with("refund.") => (of_transaction(data), WebhookSubject::Refund),
        _ if kind.starts_with("charge.dispute.") => {
            (of_transaction(data), WebhookSubject::Dispute(wire::dispute(&kind, data)))
        }
        _ => (text(data, "reference"), WebhookSubject::Other),
    };
    let name = wire::id(data).or_else(|| reference.clone()).unwrap_or_default();
    let dedupe_key = format!("{kind}:{}:{}", clipped(&name, 64), hex(&Sha256::digest(body)));
    let reference = reference.and_then(|reference| reference.parse::<Reference>().ok());
    Some(WebhookEvent { dedupe_key, kind, reference, about })
}

/// What the body reports about the charge. If that cannot be parsed, the charge is looked up all the same.
fn charge(data: &Value) -> Fetched {
    wire::transaction(data)
        .unwrap_or_else(|| Fetched { observation: Observation::Unrecognised, raw_status: "unreadable".to_owned() })
}

/// The reference of the transaction that a refund or a dispute is about. Refunds say `transaction_reference`, disputes have the
/// whole `transaction`; if `transaction` is only Paystack's number, it is of no use.
fn of_transaction(data: &Value) -> Option<String> {
    let transaction = || data.get("transaction");
    text(data, "transaction_reference").or_else(|| text(transaction()?, "reference"))
}

fn text(value: &Value, field: &str) -> Option<String> {
    value.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
