//! The HTML of the checkout page: one inline style sheet, no script, no external resources.

use super::transaction::{Status, Transaction};
use crate::html::fill;
use reqwest::Url;
use serde_json::Value;

const LAYOUT: &str = include_str!("page/layout.html");
const STYLE: &str = include_str!("page/style.css");
const CHECKOUT: &str = include_str!("page/checkout.html");
const BUTTONS: &str = include_str!("page/buttons.html");

/// The checkout page, or its result.
pub(super) fn checkout(transaction: &Transaction, merchant: &str, back: Option<Url>, nonce: &str) -> String {
    let back = back.map(|url| {
        fill(
            "<p class=\"back\"><a href=\"{{url}}\">Back to {{merchant}}</a></p>",
            &[("url", url.as_str()), ("merchant", merchant)],
        )
    });
    let amount = amount(transaction.paid.map_or(transaction.requested, |paid| paid.amount), &transaction.currency);
    let buttons = if transaction.is_paid() { String::new() } else { fill(BUTTONS, &[("amount", &amount)]) };
    let body = fill(
        CHECKOUT,
        &[
            ("verb", if transaction.is_paid() { "Paid to" } else { "Pay" }),
            ("merchant", merchant),
            ("amount", &amount),
            ("email", &transaction.email),
            ("reference", &transaction.reference),
            ("&notice", &notice(transaction)),
            ("&details", &details(&transaction.metadata)),
            ("&buttons", &buttons),
            ("&back", &back.filter(|_| transaction.is_paid()).unwrap_or_default()),
        ],
    );
    layout(&format!("{amount} to {merchant}"), &body, nonce)
}

/// An error page.
pub(super) fn sorry(message: &str, nonce: &str) -> String {
    let body = fill("<main class=\"card\"><h1>Sorry</h1><p>{{message}}</p></main>", &[("message", message)]);
    layout(message, &body, nonce)
}

fn layout(title: &str, body: &str, nonce: &str) -> String {
    fill(LAYOUT, &[("title", title), ("nonce", nonce), ("&style", STYLE), ("&body", body)])
}

fn notice(transaction: &Transaction) -> String {
    let (kind, text) = match transaction.status {
        Status::Abandoned => return String::new(),
        Status::Failed => ("bad", "The card was declined. You can try again."),
        Status::Pending => ("wait", "A payment is on its way. It will arrive by itself."),
        Status::Success => ("good", "Paid. You can close this page."),
        Status::Reversed => ("wait", "Paid, and refunded since."),
    };
    fill("<p class=\"notice {{kind}}\" role=\"status\">{{text}}</p>", &[("kind", kind), ("text", text)])
}

/// The merchant's details of the purchase: Paystack's `custom_fields`, and every plain value beside them.
fn details(metadata: &Value) -> String {
    let custom = metadata["custom_fields"].as_array().into_iter().flatten().filter_map(|field| {
        let name = field["display_name"].as_str().or_else(|| field["variable_name"].as_str())?;
        Some((name.to_owned(), plain(&field["value"])?))
    });
    let own = metadata.as_object().into_iter().flatten();
    let own = own.filter_map(|(name, value)| Some((name.replace('_', " "), plain(value)?)));
    let mut rows: Vec<(String, String)> = Vec::new();
    for (name, value) in custom.chain(own) {
        // Many merchants send the same in both ways.
        if rows.len() < 8 && !rows.iter().any(|(other, same)| other.eq_ignore_ascii_case(&name) && *same == value) {
            rows.push((name, value));
        }
    }
    rows.into_iter()
        .map(|(name, value)| {
            fill(
                "<div><dt>{{name}}</dt><dd>{{value}}</dd></div>",
                &[("name", &short(&name)), ("value", &short(&value))],
            )
        })
        .collect()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn short(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    let mut short: String = text.chars().take(MAX_CHARS).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        short.push('…');
    }
    short
}

/// An amount for people: `NGN 1,999.00`. The currencies whose minor unit is not a hundredth are those of ISO 4217.
fn amount(minor: u64, currency: &str) -> String {
    const NONE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
    const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";
    let is_in = |list: &str| list.split(' ').any(|known| known == currency);
    let exponent = if is_in(NONE) { 0 } else { 2 + usize::from(is_in(THOUSANDTHS)) };
    let digits = format!("{minor:0>width$}", width = exponent + 1);
    let (whole, fraction) = digits.split_at(digits.len() - exponent);
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{currency} {grouped}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let cases = [
            (199_900, "NGN", "NGN 1,999.00"),
            (5, "GHS", "GHS 0.05"),
            (100_000_000, "KES", "KES 1,000,000.00"),
            (1500, "JPY", "JPY 1,500"),
            (1500, "KWD", "KWD 1.500"),
        ];
        for (minor, currency, text) in cases {
            assert_eq!(amount(minor, currency), text);
        }
    }
}
