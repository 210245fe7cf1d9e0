//! Reads JSON that is not quite valid. Names and messages in an answer come from payers and banks. None of them may hide the few
//! fields that are needed.

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// How deep an answer is searched for what can be read. What is needed is three levels deep.
const MAX_DEPTH: usize = 16;

/// The JSON value. What cannot be read in it is null; `None` if nothing can.
///
/// Strings may have half a surrogate pair, raw control characters, unknown escapes and invalid UTF-8: each becomes a replacement
/// character or a blank. Numbers may be out of range, and values nested without end.
pub(super) fn parse(bytes: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Some(value);
    }
    let text = String::from_utf8_lossy(bytes);
    read(&mended(text.trim_start_matches('\u{feff}')), MAX_DEPTH)
}

/// Reads as much as can be read.
fn read(text: &str, depth: usize) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let depth = depth.checked_sub(1)?;
    let part = |raw: &RawValue| read(raw.get(), depth).unwrap_or_default();
    match text.trim_start().as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            Some(Value::Object(fields.into_iter().map(|(name, raw)| (name, part(raw))).collect()))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            Some(Value::Array(items.into_iter().map(part).collect()))
        }
        _ => None,
    }
}

/// The text with strings that a JSON parser accepts. The rest stays as it is.
fn mended(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        rest = match c {
            '"' => {
                in_string = !in_string;
                out.push(c);
                tail
            }
            '\\' if in_string => escape(tail, &mut out),
            c if in_string && c.is_control() => {
                out.push(' ');
                tail
            }
            c => {
                out.push(c);
                tail
            }
        };
    }
    out
}

/// Writes one escape, whose backslash was read, and returns what follows it.
fn escape<'a>(tail: &'a str, out: &mut String) -> &'a str {
    let unit = |text: &str| text.strip_prefix('u').and_then(|hex| u16::from_str_radix(hex.get(..4)?, 16).ok());
    match (unit(tail), tail.chars().next()) {
        (Some(high @ 0xd800..=0xdbff), _) => {
            let low = tail[5..].strip_prefix('\\').and_then(unit).filter(|low| (0xdc00..=0xdfff).contains(low));
            match low.and_then(|low| char::decode_utf16([high, low]).next()?.ok()) {
                Some(c) => {
                    out.push(c);
                    &tail[11..]
                }
                None => {
                    out.push(char::REPLACEMENT_CHARACTER);
                    &tail[5..]
                }
            }
        }
        (Some(0xdc00..=0xdfff), _) => {
            out.push(char::REPLACEMENT_CHARACTER);
            &tail[5..]
        }
        (Some(_), _) => {
            out.push('\\');
            out.push_str(&tail[..5]);
            &tail[5..]
        }
        (None, Some(c)) if "\"\\/bfnrt".contains(c) => {
            out.extend(['\\', c]);
            &tail[1..]
        }
        // Unknown: as if it had no backslash.
        _ => tail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_is_not_needed_does_not_hide_what_is() {
        let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
        for odd in [
            r#""Ada \ud83d""#,
            r#""\udc00 Ada""#,
            r#""Ada \ud83d\n""#,
            r#""\ud83dA\ude00""#,
            r#""Ada \x41 \u12""#,
            "\"a\tb\nc\u{0}d\"",
            "1e999",
            "-1e-999999",
            &"9".repeat(400),
            &deep,
            r#"{"a": "\ud83d", "b": [1e999]}"#,
        ] {
            let body =
                format!(r#"{{"status": true, "data": {{"first_name": {odd}, "amount": 5, "status": "success"}}}}"#);
            let value = parse(body.as_bytes()).unwrap_or_else(|| panic!("{body:.200}"));
            assert_eq!(
                (&value["data"]["amount"], &value["data"]["status"]),
                (&json!(5), &json!("success")),
                "{body:.200}"
            );
        }
    }

    #[test]
    fn invalid_bytes_and_a_byte_order_mark_are_read_over() {
        let value = parse(b"{\"name\": \"Ad\xe4\", \"amount\": 5}").unwrap();
        assert_eq!((&value["name"], &value["amount"]), (&json!("Ad\u{fffd}"), &json!(5)));
        assert_eq!(parse("\u{feff}{\"amount\": 5}".as_bytes()), Some(json!({"amount": 5})));
    }

    #[test]
    fn pairs_and_escapes_stay_what_they_are() {
        let value = parse(br#"{"a": "\ud83d\ude00 \u00e4 \"q\" \\ \/ \n", "b": "\ud83d"}"#).unwrap();
        assert_eq!(value, json!({"a": "\u{1f600} \u{e4} \"q\" \\ / \n", "b": "\u{fffd}"}));
    }

    #[test]
    fn what_is_not_json_is_not_read() {
        for body in ["", "<html>", "{", "{\"a\"", "\"", "\\", "{\"a\": 1} trailing", "nul"] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn valid_json_is_read_as_it_is(text: String, number: i64) {
            let value = json!({ "a": text, "b": [number, { "c": text }] });
            prop_assert_eq!(parse(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text in r#"[{}"\\ud8fc0-9\[\]:, ]{0,40}"#) {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
