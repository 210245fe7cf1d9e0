//! Money: whole minor units (kobo, cents) and a currency. No floating point anywhere.

use super::id::MAX_SAFE_INTEGER;
use std::fmt;
use std::str::FromStr;

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Nigerian naira.
    pub const NGN: Self = Self(iso_currency::Currency::NGN);
    /// United States dollar.
    pub const USD: Self = Self(iso_currency::Currency::USD);
    /// Euro.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);

    /// The three-letter code.
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// How many decimals an amount has: 2 for NGN, 0 for JPY, 3 for KWD.
    pub fn exponent(&self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency { found: code.chars().take(12).collect() })
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of money, never negative, at most 2^53 - 1 minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// Zero, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// `minor` minor units of `currency`: `Money::new(199_990, Currency::NGN)` is NGN 1999.90.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if (0..=MAX_SAFE_INTEGER).contains(&minor) { Ok(Self { minor, currency }) } else { Err(MoneyError::OutOfRange) }
    }

    /// Parses a decimal amount such as `1999.9`. More decimals than the currency has are an error, and are never rounded;
    /// trailing zeros do not count.
    pub fn parse(decimal: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not_decimal = || MoneyError::NotDecimal { found: decimal.chars().take(40).collect() };
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(not_decimal());
        }
        let exponent = currency.exponent() as usize;
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > exponent {
            return Err(MoneyError::TooManyDecimals { wanted: currency.exponent(), currency });
        }
        let minor = format!("{whole}{fraction:0<exponent$}").parse().map_err(|_| MoneyError::OutOfRange)?;
        Self::new(minor, currency)
    }

    /// The amount in minor units.
    pub const fn minor(&self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Whether the amount is zero.
    pub const fn is_zero(&self) -> bool {
        self.minor == 0
    }

    /// The decimal amount without its currency: `"1999.90"`, `"500"` for JPY.
    pub fn decimal(&self) -> String {
        let exponent = self.currency.exponent() as usize;
        let digits = format!("{:0>width$}", self.minor, width = exponent + 1);
        match exponent {
            0 => digits,
            _ => {
                let (whole, fraction) = digits.split_at(digits.len() - exponent);
                format!("{whole}.{fraction}")
            }
        }
    }

    /// The same number in another currency, as 10.50 of one is 10.50 of the other. `None` if that has too few decimals for it, or if it
    /// would be too much.
    pub fn same_number_in(self, currency: Currency) -> Option<Self> {
        let minor = self.number_in(currency);
        let same = Self::new(minor, currency).ok()?;
        (same.number_in(self.currency) == self.minor).then_some(same)
    }

    /// The same number in the minor units of another currency, without the decimals that it does not have.
    pub(crate) fn number_in(self, currency: Currency) -> i64 {
        let (from, to) = (self.currency.exponent(), currency.exponent());
        if to >= from {
            self.minor.saturating_mul(10_i64.saturating_pow(to - from))
        } else {
            self.minor / 10_i64.saturating_pow(from - to)
        }
    }

    /// The sum. Fails if the currencies differ or the sum is out of range.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrenciesDiffer { left: self.currency, right: other.currency });
        }
        Self::new(self.minor.checked_add(other.minor).ok_or(MoneyError::OutOfRange)?, self.currency)
    }

    /// `quantity` times the amount. Fails if the result is out of range.
    pub fn checked_mul(self, quantity: u32) -> Result<Self, MoneyError> {
        Self::new(self.minor.checked_mul(i64::from(quantity)).ok_or(MoneyError::OutOfRange)?, self.currency)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, self.decimal())
    }
}

/// Why something is not a valid amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Not digits with at most one decimal point.
    #[error("must be a decimal amount such as \"5000.00\" (got {found:?})")]
    NotDecimal {
        /// The start of what was found.
        found: String,
    },
    /// More decimals than the currency has.
    #[error("must have at most {wanted} decimals in {currency}")]
    TooManyDecimals {
        /// How many decimals the currency has.
        wanted: u32,
        /// The currency.
        currency: Currency,
    },
    /// Negative, or above 2^53 - 1 minor units.
    #[error("must not be negative or larger than 9007199254740991 minor units")]
    OutOfRange,
    /// Not an ISO 4217 code of a currency that people pay with.
    #[error("must be an ISO 4217 currency code such as NGN (got {found:?})")]
    UnknownCurrency {
        /// The start of what was found.
        found: String,
    },
    /// Amounts of two currencies cannot be added.
    #[error("{left} and {right} cannot be added")]
    CurrenciesDiffer {
        /// One of them.
        left: Currency,
        /// The other.
        right: Currency,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn decimals_become_minor_units_exactly() {
        for (decimal, code, minor) in [
            ("1999.99", "NGN", 199_999),
            ("1999.9", "NGN", 199_990),
            ("5000.000", "NGN", 500_000),
            ("500", "JPY", 500),
            ("500.0", "JPY", 500),
            ("0.001", "KWD", 1),
            ("0", "NGN", 0),
            ("90071992547409.91", "NGN", MAX_SAFE_INTEGER),
        ] {
            assert_eq!(Money::parse(decimal, currency(code)).map(|m| m.minor()), Ok(minor), "{decimal} {code}");
        }
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        use MoneyError::*;
        assert!(matches!(Money::parse("1.999", Currency::NGN), Err(TooManyDecimals { wanted: 2, .. })));
        assert!(matches!(Money::parse("1.5", currency("JPY")), Err(TooManyDecimals { wanted: 0, .. })));
        for bad in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "NaN", "١", "1.2.3", " 1"] {
            assert!(matches!(Money::parse(bad, Currency::NGN), Err(NotDecimal { .. })), "{bad}");
        }
        for big in ["90071992547409.92", "99999999999999999999"] {
            assert_eq!(Money::parse(big, Currency::NGN), Err(OutOfRange));
        }
        assert!(matches!("XXX".parse::<Currency>(), Err(UnknownCurrency { .. })));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(minor in 0..=MAX_SAFE_INTEGER, code in prop::sample::select(vec!["NGN", "JPY", "KWD"])) {
            let money = Money::new(minor, currency(code)).unwrap();
            prop_assert_eq!(Money::parse(&money.decimal(), money.currency()), Ok(money));
        }
    }
}
