//! JSON as it was written: numbers keep their digits, and duplicate members are found.
//!
//! `serde_json::Value` reads 1999.99 as a binary fraction, and takes the last of two equal members. Its feature
//! `arbitrary_precision` would change how every crate of the build reads numbers; raw values change nothing for others.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Deeper than any body of the API, and shallow enough to read every level again.
const MAX_DEPTH: usize = 6;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    Text(String),
    List(Vec<Self>),
    /// In the order in which it was written.
    Object(Vec<(String, Self)>),
}

/// Why a text is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// It is not JSON.
    Unreadable,
    /// It is nested too deeply.
    TooDeep,
    /// A member is given twice: it is unclear which one is meant.
    Twice(String),
}

impl Json {
    /// Reads a whole text.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Unreadable)?;
        Self::of(read(text)?, MAX_DEPTH)
    }

    fn of(raw: &RawValue, depth: usize) -> Result<Self, JsonError> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'n') => Ok(Self::Null),
            Some(b't') => Ok(Self::Bool(true)),
            Some(b'f') => Ok(Self::Bool(false)),
            Some(b'"') => Ok(Self::Text(read(text)?)),
            Some(b'[' | b'{') if depth == 0 => Err(JsonError::TooDeep),
            Some(b'[') => {
                let items: Vec<&RawValue> = read(text)?;
                Ok(Self::List(items.into_iter().map(|item| Self::of(item, depth - 1)).collect::<Result<_, _>>()?))
            }
            Some(b'{') => {
                let Members(members) = read(text)?;
                let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                    return Err(JsonError::Twice(pair[0].to_owned()));
                }
                let members = members.into_iter().map(|(name, raw)| Ok((name, Self::of(raw, depth - 1)?)));
                Ok(Self::Object(members.collect::<Result<_, _>>()?))
            }
            _ => Ok(Self::Number(text.to_owned())),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, JsonError> {
    serde_json::from_str(text).map_err(|_| JsonError::Unreadable)
}

/// The members of an object, including duplicates.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for number in ["1999.99", "0.1", "5000.001", "1e3", "-0", "90071992547409.91", "1E400", "18446744073709551616"]
        {
            assert_eq!(Json::parse(number.as_bytes()), Ok(Json::Number(number.to_owned())));
        }
        let object = Json::Object(vec![
            ("a".to_owned(), Json::List(vec![Json::Null, Json::Bool(true), Json::Text("\u{e9}\n".to_owned())])),
            ("b".to_owned(), Json::Object(vec![])),
        ]);
        assert_eq!(Json::parse(br#" { "a" : [ null , true , "\u00e9\n" ] , "b" : { } } "#), Ok(object));
    }

    #[test]
    fn invalid_json_is_rejected() {
        for bad in
            [&b""[..], b"{", b"nul", b"01", b"1.", b"{} {}", b"\"\xff\"", b"\xff", b"'a'", b"[1,]", br#""\ud800""#]
        {
            assert_eq!(Json::parse(bad), Err(JsonError::Unreadable), "{bad:?}");
        }
        assert_eq!(Json::parse(br#"{"a":1,"b":2,"a":3}"#), Err(JsonError::Twice("a".to_owned())));
        assert_eq!(Json::parse(br#"{"a":1,"\u0061":3}"#), Err(JsonError::Twice("a".to_owned())));
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(Json::parse(deep.as_bytes()), Err(JsonError::TooDeep));
    }
}
