use super::field::{Faults, ReadField, wrong};
use super::json::Json;
use super::scalar::scalar;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;
use ticketing_core::domain::money::Money;

/// An amount of money: an exact decimal, without its currency. Written as a string (`"5000.00"`), because most readers take a
/// JSON number for a binary fraction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Price(pub(crate) String);

/// An amount in a request: a string or a number, read digit by digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenPrice(pub(crate) String);

impl From<Money> for Price {
    fn from(money: Money) -> Self {
        Self(money.decimal())
    }
}

impl ReadField for GivenPrice {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Text(digits) | Json::Number(digits)) => Some(Self(digits)),
            other => wrong(other, "a decimal amount such as \"5000.00\"", at, faults),
        }
    }
}

scalar!(
    Price,
    "string_decimal",
    MetaSchema {
        pattern: Some(r"^[0-9]+(\.[0-9]+)?$".to_owned()),
        example: Some("5000.00".into()),
        ..MetaSchema::new_with_format("string", "decimal")
    }
);

scalar!(
    GivenPrice,
    "decimal",
    MetaSchema {
        one_of: vec![Price::schema_ref(), MetaSchemaRef::Inline(Box::new(MetaSchema::new("number")))],
        ..MetaSchema::ANY
    }
);

impl ToJSON for Price {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}

/// poem-openapi requires this of every field of a response; nothing uses it.
impl ParseFromJSON for Price {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(digits)) => Ok(Self(digits)),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketing_core::domain::money::Currency;

    fn minor(json: &str) -> Option<i64> {
        let mut faults = Faults::default();
        let price = GivenPrice::read(Json::parse(json.as_bytes()).ok(), "price", &mut faults)?;
        Money::parse(&price.0, Currency::NGN).ok().map(|money| money.minor())
    }

    #[test]
    fn strings_and_numbers_are_read_exactly() {
        for (json, expected) in [
            ("1999.99", Some(199_999)),
            ("\"1999.99\"", Some(199_999)),
            ("0.1", Some(10)),
            ("5000", Some(500_000)),
            ("5000.0", Some(500_000)),
            ("5000.000", Some(500_000)),
            ("90071992547409.91", Some(9_007_199_254_740_991)),
            ("90071992547409.92", None),
            ("5000.001", None),
            ("1e3", None),
            ("-1", None),
            ("\"\"", None),
            ("\" 5\"", None),
            ("true", None),
            ("null", None),
        ] {
            assert_eq!(minor(json), expected, "{json}");
        }
    }

    /// `serde_json` reads the same body; the numbers that are out of its range are no amounts either.
    fn seen(body: &[u8]) -> Result<String, String> {
        let other = match serde_json::from_slice(body) {
            Ok(Value::String(digits)) => Some(digits),
            Ok(Value::Number(_)) => Some(String::from_utf8_lossy(body).trim().to_owned()),
            _ => None,
        };
        let expected = other.and_then(|digits| Money::parse(&digits, Currency::NGN).ok()).map(|money| money.minor());
        let Ok(text) = std::str::from_utf8(body) else { return Ok("no text".to_owned()) };
        let read = minor(text);
        if read != expected {
            return Err(format!("read as {read:?}, and by serde_json as {expected:?}"));
        }
        // What we write reads back as the same, as a string and as a number.
        if let Some(money) = read.and_then(|read| Money::new(read, Currency::NGN).ok()) {
            let written = Price::from(money).0;
            if minor(&written) != read || minor(&format!("\"{written}\"")) != read {
                return Err(format!("written as {written}, which does not read back"));
            }
        }
        Ok(format!("{} {}", read.is_some(), text.len().min(24)))
    }

    #[test]
    fn every_body_is_read_as_by_serde_json() {
        let words = [
            "\"",
            ".",
            "0",
            "e",
            "E+",
            "-",
            "\\u0031",
            "\\",
            " ",
            "\t",
            "null",
            "1e400",
            "9007199254740991",
            "[",
            "\u{feff}",
        ];
        crate::fuzzing::fuzz("prices", &words, seen);
    }
}
