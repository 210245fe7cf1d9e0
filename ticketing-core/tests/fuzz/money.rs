//! Amounts of money, held against long-hand arithmetic.

use crate::harness::{Seen, fuzz};
use ticketing_core::domain::money::{Currency, Money, MoneyError};

/// The most minor units there are.
const MOST: u128 = (1 << 53) - 1;

/// Minor units by adding up digits one by one; nothing where it is no exact amount.
fn by_hand(decimal: &str, exponent: u32) -> Option<u128> {
    let (mut sum, mut decimals, mut digits) = (0_u128, None::<u32>, 0);
    for symbol in decimal.bytes() {
        match symbol {
            b'0'..=b'9' => {
                digits += 1;
                if let Some(count) = &mut decimals {
                    *count += 1;
                    if *count > exponent {
                        if symbol != b'0' {
                            return None;
                        }
                        continue;
                    }
                }
                sum = (sum * 10 + u128::from(symbol - b'0')).min(MOST * 10);
            }
            b'.' if decimals.is_none() && digits > 0 => decimals = Some(0),
            _ => return None,
        }
    }
    if digits == 0 || decimals == Some(0) {
        return None;
    }
    for _ in decimals.unwrap_or(0)..exponent {
        sum = (sum * 10).min(MOST * 10);
    }
    (sum <= MOST).then_some(sum)
}

/// `NGN 1999.90`: a currency, a space, an amount.
fn money(input: &[u8]) -> Seen {
    let Ok(text) = std::str::from_utf8(input) else { return Ok("no text".to_owned()) };
    let (code, decimal) = text.split_once(' ').unwrap_or(("NGN", text));
    let Ok(currency) = code.parse::<Currency>() else { return Ok("no currency".to_owned()) };
    if currency.code() != code {
        return Err(format!("{code} was read as {currency}"));
    }
    let wanted = by_hand(decimal, currency.exponent());
    let kind = match Money::parse(decimal, currency) {
        Ok(read) => {
            if wanted != u128::try_from(read.minor()).ok() {
                return Err(format!("read as {} minor units, and not as {wanted:?}", read.minor()));
            }
            if Money::parse(&read.decimal(), currency) != Ok(read) {
                return Err(format!("written as {}, which does not read back", read.decimal()));
            }
            let twice = read.checked_add(read).map(|money| money.minor()).ok();
            if twice != read.checked_mul(2).map(|money| money.minor()).ok() {
                return Err("twice is not the sum".to_owned());
            }
            "accepted"
        }
        Err(error) if wanted.is_some() => return Err(format!("refused: {error}")),
        Err(MoneyError::NotDecimal { .. }) => "no decimal",
        Err(MoneyError::TooManyDecimals { .. }) => "too many decimals",
        Err(_) => "out of range",
    };
    Ok(format!("{kind} {} {}", currency.exponent(), decimal.len().min(24)))
}

#[test]
fn amounts_are_read_as_by_hand() {
    let words =
        ["NGN ", "JPY ", "KWD ", "CLF ", "XXX ", ".", "0", "00000000", "9007199254740991", "1e3", "-", "٣", "+"];
    fuzz("money", &words, money);
}
