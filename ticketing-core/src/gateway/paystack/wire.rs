//! Paystack's values, parsed leniently: unknown ones are kept or ignored, and never an error.

use super::lenient;
use crate::clock::whole_microseconds;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::{Captured, DisputeNews, DisputeStage, Mode, Observation};
use crate::domain::refund::{ListedRefund, RefundStatus};
use crate::gateway::{Fetched, FetchedRefund};
use serde_json::Value;

/// The maximum length of a status.
const MAX_WORD: usize = 64;

/// The currencies that Paystack charges: <https://paystack.com/docs/api/#supported-currency>.
const CURRENCIES: [&str; 8] = ["EGP", "GHS", "KES", "NGN", "RWF", "USD", "XOF", "ZAR"];

/// How many of Paystack's units make one of the currency's minor units. Paystack counts hundredths in every currency, also in
/// those that have none (RWF, XOF).
fn factor(currency: Currency) -> Option<i64> {
    match currency.exponent() {
        2 => Some(1),
        0 => Some(100),
        _ => None,
    }
}

pub(super) fn currencies() -> Vec<Currency> {
    CURRENCIES.iter().filter_map(|code| code.parse().ok()).collect()
}

/// An amount as Paystack counts it. `None` if Paystack cannot charge it.
pub(super) fn amount(money: Money) -> Option<i64> {
    let known = CURRENCIES.contains(&money.currency().code());
    money.minor().checked_mul(factor(money.currency()).filter(|_| known)?)
}

/// The value's field with a currency.
fn currency(data: &Value) -> Option<Currency> {
    data.get("currency")?.as_str()?.to_ascii_uppercase().parse().ok()
}

/// What Paystack counts as this amount. Nothing is rounded.
fn money(value: &Value, currency: Currency) -> Option<Money> {
    let (hundredths, factor) = (integer(value)?, factor(currency)?);
    (hundredths % factor == 0).then(|| Money::new(hundredths / factor, currency).ok())?
}

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
    let currency = currency(data)?;
    let money = |value: &Value| money(value, currency);
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

/// A refund in a list of those of `transaction`; `None` if it has no id, amount or status.
pub(super) fn listed_refund(row: &Value, transaction: &Value) -> Option<ListedRefund> {
    let FetchedRefund { gateway_id, status, raw_status } = refund(row)?;
    let amount = money(row.get("amount")?, currency(row).or_else(|| currency(transaction))?)?;
    // Ours is in the note, alone or within text that Paystack or a person added.
    let note = row.get("merchant_note").and_then(Value::as_str).unwrap_or_default();
    let keys = note.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    Some(ListedRefund::new(gateway_id?, amount, status, raw_status).with_keys(keys))
}

/// What `data` of a dispute reports.
///
/// The fields are those of <https://paystack.com/docs/api/dispute/>. A resolution of `declined` means that the merchant declined
/// the dispute and keeps the money. The engine asks the gateway before it believes that, so any other word that is not an acceptance
/// is treated alike.
pub(super) fn dispute(kind: &str, data: &Value) -> DisputeNews {
    let resolution = data.get("resolution").and_then(Value::as_str).unwrap_or_default();
    let stage = match kind {
        "charge.dispute.resolve" if resolution.contains("accepted") => DisputeStage::Lost,
        "charge.dispute.resolve" => DisputeStage::Won,
        _ => DisputeStage::Open,
    };
    let of_transaction = || currency(data.get("transaction")?);
    let amount = data.get("refund_amount").zip(currency(data).or_else(of_transaction));
    let amount = amount.and_then(|(amount, currency)| money(amount, currency)).filter(|amount| !amount.is_zero());
    DisputeNews::new(id(data).unwrap_or_default(), stage).with_amount(amount)
}

/// The JSON of a body, however odd what is not needed.
pub(super) fn json(body: &[u8]) -> Option<Value> {
    lenient::parse(body)
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

    #[test]
    fn currencies_without_hundredths_are_counted_in_hundredths() {
        let xof = |minor| Money::new(minor, "XOF".parse().unwrap()).unwrap();
        assert_eq!(amount(xof(2_500)), Some(250_000));
        let mut data = with("currency", json!("XOF"));
        data["amount"] = json!(250_000);
        data["requested_amount"] = json!(250_000);
        let Some(Fetched { observation: Observation::Success(captured), .. }) = transaction(&data) else { panic!() };
        assert_eq!((captured.amount, captured.requested), (xof(2_500), Some(xof(2_500))));
        data["amount"] = json!(250_050);
        assert_eq!(transaction(&data), None, "half a franc");
        for (code, minor) in [("JPY", 100), ("KWD", 100), ("EUR", 100)] {
            assert_eq!(amount(Money::new(minor, code.parse().unwrap()).unwrap()), None, "{code}");
        }
    }

    #[test]
    fn a_dispute_says_how_far_it_is_and_about_how_much() {
        use DisputeStage::*;
        let resolved = "charge.dispute.resolve";
        for (kind, resolution, stage) in [
            ("charge.dispute.create", json!(null), Open),
            ("charge.dispute.remind", json!(null), Open),
            (resolved, json!("declined"), Won),
            (resolved, json!("merchant-accepted"), Lost),
            (resolved, json!("auto-accepted"), Lost),
            (resolved, json!(null), Won),
        ] {
            let data = json!({
                "id": 624, "refund_amount": 100, "currency": "NGN", "resolution": resolution,
                "transaction": { "reference": "re4lyvq3s3" },
            });
            let wanted = DisputeNews::new("624", stage).with_amount(Money::new(100, Currency::NGN).unwrap());
            assert_eq!(dispute(kind, &data), wanted, "{kind} {resolution}");
        }
        for odd in [
            json!({}),
            json!({ "refund_amount": "odd", "currency": "NGN" }),
            json!({ "refund_amount": null }),
            json!(""),
        ] {
            assert_eq!(dispute("charge.dispute.create", &odd).amount, None, "{odd}: all of it");
        }
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(text: String, number: i64, field in "status|amount|id|currency|domain|paid_at") {
            for value in [json!(text), json!(number), json!([text]), json!({ "x": number })] {
                let _ = transaction(&with(&field, value.clone()));
                let _ = dispute("charge.dispute.resolve", &with(&field, value.clone()));
                let _ = listed_refund(&with(&field, value.clone()), &paid());
                let _ = refund(&with(&field, value));
            }
        }
    }
}
