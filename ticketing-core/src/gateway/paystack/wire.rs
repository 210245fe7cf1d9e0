//! Paystack's values, parsed leniently: unknown ones are kept or ignored, and never an error.

use crate::clock::whole_microseconds;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::{Captured, Mode, Observation};
use crate::domain::refund::RefundStatus;
use crate::gateway::{Fetched, FetchedRefund};
use serde_json::Value;

/// The maximum length of a status.
const MAX_WORD: usize = 64;

/// What `data` of a transaction reports; `None` if it has no status, or reports "paid" without an amount.
///
/// The statuses are those of <https://paystack.com/docs/payments/verify-payments/#transaction-statuses>.
pub(super) fn transaction(data: &Value) -> Option<Fetched> {
    let status = data.get("status")?.as_str()?;
    let observation = match status {
        "success" => Observation::Success(captured(data)?),
        // Not a failure: it is also what a payment is called before the payer has acted.
        "abandoned" => Observation::Open,
        "ongoing" | "pending" | "processing" | "queued" => Observation::Processing,
        "failed" => Observation::Failed,
        "reversed" => Observation::Reversed,
        _ => Observation::Unrecognised,
    };
    if observation == Observation::Unrecognised {
        tracing::warn!(gateway = "paystack", status = clipped(status, MAX_WORD), "unknown status of a payment");
    }
    Some(Fetched { observation, raw_status: clipped(status, MAX_WORD) })
}

fn captured(data: &Value) -> Option<Captured> {
    let currency: Currency = data.get("currency")?.as_str()?.to_ascii_uppercase().parse().ok()?;
    let money = |value: &Value| Money::new(integer(value)?, currency).ok();
    let requested = match data.get("requested_amount") {
        None | Some(Value::Null) => None,
        // Present, but unreadable: whether it matches the requested amount is unknown.
        Some(value) => Some(money(value)?),
    };
    let mode = match data.get("domain")?.as_str()? {
        "test" => Mode::Test,
        "live" => Mode::Live,
        _ => return None,
    };
    let paid_at = ["paid_at", "paidAt"].into_iter().find_map(|field| data.get(field)?.as_str()?.parse().ok());
    Some(Captured {
        amount: money(data.get("amount")?)?,
        requested,
        mode,
        paid_at: paid_at.map(whole_microseconds),
        gateway_id: id(data),
    })
}

/// What `data` of a refund reports; `None` if it has no status.
///
/// The statuses are those of <https://paystack.com/docs/payments/refunds/#refund-statuses>.
pub(super) fn refund(data: &Value) -> Option<FetchedRefund> {
    let raw = data.get("status")?.as_str()?;
    let status = match raw {
        "processed" => RefundStatus::Processed,
        "failed" => RefundStatus::Failed,
        "needs-attention" | "needs_attention" => RefundStatus::NeedsAttention,
        "pending" | "processing" => RefundStatus::Pending,
        // Paystack has it, so it must not be sent again; pending ones are looked at again.
        _ => {
            tracing::warn!(gateway = "paystack", status = clipped(raw, MAX_WORD), "unknown status of a refund");
            RefundStatus::Pending
        }
    };
    Some(FetchedRefund { gateway_id: id(data), status, raw_status: clipped(raw, MAX_WORD) })
}

/// `data.id`, a number beyond 32 bits or a text.
pub(super) fn id(data: &Value) -> Option<String> {
    match data.get("id")? {
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        Value::String(text) if !text.is_empty() && text.len() <= MAX_WORD => Some(text.clone()),
        _ => None,
    }
}

/// A whole number, given as number or as text. `"40333"`, `40333` and `40333.0` are the same; nothing is rounded.
pub(super) fn integer(value: &Value) -> Option<i64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let whole = text.split_once('.').map_or(text.as_str(), |(whole, fraction)| {
        // A text with a decimal point may not count minor units.
        if value.is_number() && fraction.bytes().all(|byte| byte == b'0') { whole } else { "" }
    });
    if whole.bytes().all(|byte| byte.is_ascii_digit()) { whole.parse().ok() } else { None }
}

/// The first `length` characters, without control characters: foreign text goes to logs and tables.
pub(super) fn clipped(text: &str, length: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn paid() -> Value {
        json!({
            "id": 4_099_260_516_u64, "domain": "test", "status": "success", "reference": "re4lyvq3s3", "amount": 40333,
            "requested_amount": 30050, "currency": "NGN", "paid_at": "2024-08-22T09:15:02.123456789Z", "fees": 10283,
            "metadata": "", "gateway_response": "Successful", "a_new_field": {"deep": [1, 2]},
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut data = paid();
        data[field] = value;
        data
    }

    #[test]
    fn a_payment_reads_whole() {
        let ngn = |minor| Money::new(minor, Currency::NGN).unwrap();
        let captured = Captured {
            amount: ngn(40333),
            requested: Some(ngn(30050)),
            mode: Mode::Test,
            paid_at: Some("2024-08-22T09:15:02.123456Z".parse().unwrap()),
            gateway_id: Some("4099260516".into()),
        };
        let wanted = Some(Fetched { observation: Observation::Success(captured), raw_status: "success".into() });
        assert_eq!(transaction(&paid()), wanted);
        for same in [
            with("metadata", json!(0)),
            with("metadata", json!({"order": "x"})),
            with("metadata", Value::Null),
            with("amount", json!("40333")),
            with("amount", serde_json::from_str("40333.0").unwrap()),
            with("id", json!("4099260516")),
            with("currency", json!("ngn")),
            with("fees", json!("odd")),
        ] {
            assert_eq!(transaction(&same), wanted, "{same}");
        }
    }

    #[test]
    fn paid_without_saying_what_is_not_read() {
        for (field, value) in [
            ("amount", Value::Null),
            ("amount", json!(-1)),
            ("amount", json!("403.33")),
            ("amount", serde_json::from_str("403.33").unwrap()),
            ("amount", json!("1e3")),
            ("amount", json!(u64::MAX)),
            ("requested_amount", json!("odd")),
            ("currency", json!("???")),
            ("domain", json!("other")),
            ("status", Value::Null),
        ] {
            assert_eq!(transaction(&with(field, value.clone())), None, "{field} {value}");
        }
        assert_eq!(transaction(&json!("")), None);
    }

    #[test]
    fn every_status_has_its_meaning() {
        use Observation::*;
        for (status, wanted) in [
            ("failed", Failed),
            ("abandoned", Open),
            ("ongoing", Processing),
            ("pending", Processing),
            ("processing", Processing),
            ("queued", Processing),
            ("reversed", Reversed),
            ("Success", Unrecognised),
            ("hibernating", Unrecognised),
        ] {
            let fetched = transaction(&json!({ "status": status })).unwrap();
            assert_eq!((fetched.observation, fetched.raw_status.as_str()), (wanted, status));
        }
    }

    #[test]
    fn every_refund_status_has_its_meaning() {
        use RefundStatus::*;
        for (status, wanted) in [
            ("pending", Pending),
            ("processing", Pending),
            ("processed", Processed),
            ("failed", Failed),
            ("needs-attention", NeedsAttention),
            ("hibernating", Pending),
        ] {
            let fetched = refund(&json!({ "status": status, "id": 3_018_284 })).unwrap();
            assert_eq!((fetched.status, fetched.raw_status.as_str()), (wanted, status));
            assert_eq!(fetched.gateway_id.as_deref(), Some("3018284"));
        }
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(text: String, number: i64, field in "status|amount|id|currency|domain|paid_at") {
            for value in [json!(text), json!(number), json!([text]), json!({ "x": number })] {
                let _ = transaction(&with(&field, value.clone()));
                let _ = refund(&with(&field, value));
            }
        }
    }
}
