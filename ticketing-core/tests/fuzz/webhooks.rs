//! Webhooks: no forgery is accepted, and what a signed one says is what it says to another reader.

use crate::harness::{Seen, fuzz};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha512;
use std::sync::LazyLock;
use ticketing_core::domain::payment::{Mode, Observation};
use ticketing_core::gateway::paystack::{PaystackConfig, PaystackGateway};
use ticketing_core::gateway::{PaymentGateway, Webhook, WebhookError, WebhookEvent, WebhookSubject};

const KEY: &str = "sk_test_4f9d1c7be02a86538d71aa90c3";
const HEADER: &str = "x-paystack-signature";

static GATEWAY: LazyLock<PaystackGateway> = LazyLock::new(|| PaystackGateway::new(PaystackConfig::new(KEY)).unwrap());

fn signature(body: &[u8]) -> String {
    let mac = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).unwrap().chain_update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(headers: &[(&str, &[u8])], body: &[u8]) -> Result<WebhookEvent, WebhookError> {
    GATEWAY.read_webhook(&Webhook::new(headers, body, Timestamp::UNIX_EPOCH))
}

/// The first line is a signature; `!` in it stands for the right one, so that most of a right one can be tried.
fn forgery(input: &[u8]) -> Seen {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let body = input.get(at + 1..).unwrap_or_default();
    let right = signature(body);
    let given: Vec<u8> = input[..at]
        .iter()
        .flat_map(|byte| if *byte == b'!' { right.as_bytes() } else { std::slice::from_ref(byte) })
        .copied()
        .collect();
    let is_right = given.eq_ignore_ascii_case(right.as_bytes());
    let is_believed = !matches!(read(&[(HEADER, &given)], body), Err(WebhookError::BadSignature));
    if is_believed != is_right {
        return Err(format!("believed: {is_believed}, right: {is_right}"));
    }
    // Two of them, or none: nobody knows which counts.
    for headers in [&[][..], &[(HEADER, right.as_bytes()), (HEADER, &given)], &[("x-signature", right.as_bytes())]] {
        if !matches!(read(headers, body), Err(WebhookError::BadSignature)) {
            return Err("believed without one signature".to_owned());
        }
    }
    Ok(format!("{is_right} {}", given.len().min(140)))
}

#[test]
fn no_forgery_is_believed() {
    fuzz("signatures", &["!", "!0", "\n", "{}", "00", " ", "\0"], forgery);
}

/// The same body is read once more, by fields.
fn body(body: &[u8]) -> Seen {
    let signed = signature(body);
    let headers: [(&str, &[u8]); 1] = [("X-Paystack-Signature", signed.as_bytes())];
    let json = serde_json::from_slice::<Value>(body).ok();
    let named = json.as_ref().and_then(|json| json.get("event")).and_then(Value::as_str);
    let event = match (read(&headers, body), named) {
        (Err(WebhookError::Unreadable), None) => return Ok(format!("unreadable {}", json.is_some())),
        (Ok(event), Some(_)) => event,
        // Not quite JSON, such as a number that is out of range: the other reader gives up, and ours reads what it can.
        (Ok(event), None) if json.is_none() => event,
        (came, named) => return Err(format!("{came:?} of {named:?}")),
    };
    if read(&headers, body).map(|again| again.dedupe_key).ok().as_ref() != Some(&event.dedupe_key) {
        return Err("the same webhook has two keys".to_owned());
    }
    // They are written to logs and tables.
    if event.kind.chars().chain(event.dedupe_key.chars()).any(char::is_control) || event.dedupe_key.len() > 700 {
        return Err(format!("the key is {:?}", event.dedupe_key));
    }
    let Some(json) = json else { return Ok(format!("lenient {}", event.reference.is_some())) };
    let data = &json["data"];
    let kind = match &event.about {
        WebhookSubject::Charge(said) if json["event"] == "charge.success" || event.kind == "charge.success" => {
            if let Observation::Success(captured) = &said.observation {
                let whole = |value: &Value| value.to_string().trim_matches('"').trim_end_matches(".0").to_owned();
                let mode = if captured.mode == Mode::Test { "test" } else { "live" };
                let is_same = data["status"] == "success"
                    && data["domain"] == mode
                    && data["currency"]
                        .as_str()
                        .is_some_and(|code| code.eq_ignore_ascii_case(captured.amount.currency().code()))
                    && whole(&data["amount"]).trim_start_matches('0')
                        == captured.amount.minor().to_string().trim_start_matches('0');
                if !is_same {
                    return Err(format!("{captured:?} was read of {data}"));
                }
            }
            format!("charge {} {}", said.raw_status.len().min(12), event.reference.is_some())
        }
        WebhookSubject::Charge(_) => return Err(format!("a charge was read of {}", event.kind)),
        WebhookSubject::Refund => format!("refund {}", event.reference.is_some()),
        WebhookSubject::Dispute(news) => format!("dispute {} {}", event.reference.is_some(), news.stage.name()),
        _ => format!("other {}", event.reference.is_some()),
    };
    // A reference is one that stands in the body, and nothing made of it.
    let texts = [&data["reference"], &data["transaction_reference"], &data["transaction"]["reference"]];
    match &event.reference {
        Some(reference) if !texts.iter().any(|text| text.as_str() == Some(reference.as_str())) => {
            Err(format!("{reference} stands nowhere"))
        }
        _ => Ok(kind),
    }
}

#[test]
fn a_signed_webhook_says_the_same_to_another_reader() {
    let words = [
        "\"event\":",
        "\"data\":",
        "charge.success",
        "refund.processed",
        "charge.dispute.create",
        "\"amount\":",
        "\"status\":",
        "\"success\"",
        "\"reversed\"",
        "\"failed\"",
        "\"abandoned\"",
        "\"test\"",
        "\"USD\"",
        "\"reference\":",
        "\"transaction\":",
        "\"transaction_reference\":",
        "\"id\":",
        "null",
        "1e3",
        "40333.0",
        "18446744073709551616",
        "\"\\u0000\"",
        "{",
        "}",
        "[",
        ",",
        "\"NGN\"",
        "\"requested_amount\":",
        "-1",
        "\"live\"",
    ];
    fuzz("webhooks", &words, body);
}
