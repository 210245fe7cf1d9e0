//! Codes of an authenticator app: TOTP (RFC 6238) over HOTP (RFC 4226), with what every app knows: SHA-1, six digits, 30 seconds.
//!
//! SHA-1 is broken for signatures, and not as a part of HMAC (RFC 6238, 1.2; RFC 6194).

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use std::fmt::Write as _;

/// How long a code is shown, in seconds.
const STEP: i64 = 30;
/// 160 bits, which RFC 4226 (4, R6) recommends.
pub(crate) const SECRET_BYTES: usize = 20;
const DIGITS: u32 = 6;
/// How many steps the clock of a phone may be off.
const OFF: i64 = 1;
/// RFC 4648, 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The code of a time step.
pub(crate) fn code_of_step(secret: &[u8], step: i64) -> String {
    format!("{:06}", truncated(secret, step) % 10_u32.pow(DIGITS))
}

/// RFC 4226, 5.3.
fn truncated(secret: &[u8], step: i64) -> u32 {
    let mac = keyed(secret).chain_update(step.to_be_bytes()).finalize().into_bytes();
    let at = usize::from(mac[19] & 15);
    u32::from_be_bytes([mac[at] & 0x7f, mac[at + 1], mac[at + 2], mac[at + 3]])
}

/// HMAC-SHA-1 with a key of at most 64 bytes, which is padded with zeros (RFC 2104, 2).
fn keyed(secret: &[u8]) -> Hmac<Sha1> {
    let mut block = [0; 64];
    let len = secret.len().min(block.len());
    block[..len].copy_from_slice(&secret[..len]);
    Hmac::new(&block.into())
}

/// The step at this time.
fn step_at(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP)
}

/// The step whose code this is: the one of now, the one before or the one after. `None` if it is none of these. Compares with all of
/// them, whichever it is.
pub(crate) fn step_of(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    let steps = (step_at(now) - OFF)..=(step_at(now) + OFF);
    steps.fold(None, |found, step| if is_same(&code_of_step(secret, step), code) { Some(step) } else { found })
}

/// In the same time, whichever digit differs.
fn is_same(wanted: &str, found: &str) -> bool {
    let differs = wanted.bytes().zip(found.bytes()).fold(0, |differs, (wanted, found)| differs | (wanted ^ found));
    wanted.len() == found.len() && std::hint::black_box(differs) == 0
}

/// The secret as apps take it: base 32, without padding.
pub(crate) fn base32(secret: &[u8]) -> String {
    let mut text = String::with_capacity(secret.len().div_ceil(5) * 8);
    for five in secret.chunks(5) {
        let mut bytes = [0; 8];
        bytes[3..3 + five.len()].copy_from_slice(five);
        let bits = u64::from_be_bytes(bytes);
        for symbol in 0..(five.len() * 8).div_ceil(5) {
            text.push(char::from(BASE32[((bits >> (35 - 5 * symbol)) & 31) as usize]));
        }
    }
    text
}

/// The URI that an app reads from a QR image (Key Uri Format of Google Authenticator, which all apps know).
pub(crate) fn otpauth_uri(issuer: &str, account: &str, secret: &str) -> String {
    let (issuer, account) = (escaped(issuer), escaped(account));
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30")
}

/// RFC 3986, 2.1.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// What an app shows at this time, for tests. `secret` is in base 32.
///
/// # Panics
/// If it is not.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub fn code_at(secret: &str, at: Timestamp) -> String {
    let (mut bytes, mut bits, mut left) = (vec![], 0_u64, 0);
    for symbol in secret.bytes() {
        let value = BASE32.iter().position(|known| *known == symbol).expect("a base 32 symbol");
        bits = (bits << 5) | value as u64;
        left += 5;
        if left >= 8 {
            left -= 8;
            bytes.push((bits >> left).to_be_bytes()[7]);
        }
    }
    code_of_step(&bytes, step_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// RFC 6238, appendix B, for SHA-1. Its codes have eight digits.
    #[test]
    fn the_test_vectors_of_rfc_6238() {
        let vectors = [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ];
        for (second, wanted) in vectors {
            let step = step_at(at(second));
            assert_eq!(truncated(SECRET, step) % 100_000_000, wanted, "{second}");
            assert_eq!(code_of_step(SECRET, step), format!("{:06}", wanted % 1_000_000), "{second}");
        }
    }

    /// RFC 4226, appendix D.
    #[test]
    fn the_test_vectors_of_rfc_4226() {
        let wanted =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (step, wanted) in (0..).zip(wanted) {
            assert_eq!(code_of_step(SECRET, step), wanted);
        }
    }

    #[test]
    fn a_code_is_of_its_step_and_taken_one_step_early_or_late() {
        let now = at(1_800_000_015);
        let step = step_at(now);
        for off in -1..=1 {
            assert_eq!(step_of(SECRET, &code_of_step(SECRET, step + off), now), Some(step + off));
        }
        for wrong in
            [code_of_step(SECRET, step - 2), code_of_step(SECRET, step + 2), String::new(), "1234567".to_owned()]
        {
            assert_eq!(step_of(SECRET, &wrong, now), None, "{wrong}");
        }
        assert_eq!(step_of(&[7; 20], &code_of_step(SECRET, step), now), None);
        assert_eq!((step_at(at(59)), step_at(at(60)), step_at(at(-1))), (1, 2, -1));
    }

    /// RFC 4648, 10, without the padding.
    #[test]
    fn base_32_is_that_of_rfc_4648() {
        let pairs = [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ];
        for (bytes, text) in pairs {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert_eq!(base32(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[cfg(feature = "testing")]
    #[test]
    fn the_app_of_the_tests_shows_the_same() {
        assert_eq!(code_at(&base32(SECRET), at(59)), "287082");
    }

    #[test]
    fn what_apps_read_is_escaped() {
        assert_eq!(
            otpauth_uri("Ada & Söhne", "ada@example.com", "MZXW6"),
            "otpauth://totp/Ada%20%26%20S%C3%B6hne:ada%40example.com?secret=MZXW6&issuer=Ada%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"
        );
    }
}
