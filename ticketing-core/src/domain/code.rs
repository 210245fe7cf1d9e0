//! Ticket codes and references, which must be impossible to guess. Each carries 130 random bits in Crockford's base 32, which has
//! no look-alikes (no I, L, O, U) and is forgiving when typed.

use sha2::{Digest, Sha256};
use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 26 symbols of 5 bits: 130 bits, above the 128 that OWASP ASVS 5.0 (11.5.1) asks of anything that must not be guessed.
const SYMBOLS: usize = 26;

/// Random bytes from which codes and references are derived. Made by the caller, used once and never stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Seed {
    /// The seed that follows from a reference. It is as hard to guess as the reference is.
    pub fn of_reference(reference: &Reference) -> Self {
        Self(Sha256::new_with_prefix("seed").chain_update(reference.as_str()).finalize().into())
    }

    /// The seed that follows from some content. It is as hard to guess as the content is.
    #[cfg(feature = "csv")]
    pub(crate) fn of_content(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix("content");
        for part in parts {
            // With lengths, so that no two contents are the same bytes.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// 26 symbols that depend on every bit of the seed, on the purpose `for_what`, and on `index`.
    fn symbols(&self, for_what: &str, index: u32) -> String {
        let hash = Sha256::new_with_prefix(self.0).chain_update(for_what).chain_update(index.to_be_bytes()).finalize();
        symbols_of(&hash)
    }
}

/// The symbols of a code: 26 of the bytes, 5 bits of each.
pub(crate) fn symbols_of(hash: &[u8]) -> String {
    hash.iter().take(SYMBOLS).map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

/// Reads the symbols of a code as typed: any case, spaces and dashes ignored, O as 0, I and L as 1 (Crockford's rules).
pub(crate) fn read_symbols(typed: &str) -> Result<String, CodeError> {
    let mut code = String::with_capacity(SYMBOLS);
    for symbol in typed.chars().filter(|c| !matches!(c, '-' | ' ')) {
        let symbol = match symbol.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        if code.len() == SYMBOLS || !symbol.is_ascii() || !ALPHABET.contains(&(symbol as u8)) {
            return Err(CodeError);
        }
        code.push(symbol);
    }
    if code.len() == SYMBOLS { Ok(code) } else { Err(CodeError) }
}

/// A ticket's secret code: anyone who shows it is admitted. Canonical form: 26 upper-case symbols without separators.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TicketCode(String);

impl TicketCode {
    /// The code of the `index`-th ticket made from `seed`.
    pub fn derive(seed: &Seed, index: u32) -> Self {
        Self(seed.symbols("ticket", index))
    }

    /// The canonical 26 symbols, as stored, compared and put into the QR image.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code in groups, for people to read: `7GQ4M-...`.
    pub fn grouped(&self) -> String {
        let groups: Vec<&str> =
            [0..5, 5..10, 10..15, 15..20, 20..26].into_iter().filter_map(|range| self.0.get(range)).collect();
        groups.join("-")
    }
}

impl std::str::FromStr for TicketCode {
    type Err = CodeError;

    /// Reads a code as typed: any case, spaces and dashes ignored, O as 0, I and L as 1 (Crockford's rules).
    fn from_str(typed: &str) -> Result<Self, CodeError> {
        read_symbols(typed).map(Self)
    }
}

impl TryFrom<String> for TicketCode {
    type Error = CodeError;

    fn try_from(typed: String) -> Result<Self, CodeError> {
        typed.parse()
    }
}

impl From<TicketCode> for String {
    fn from(code: TicketCode) -> Self {
        code.0
    }
}

impl fmt::Display for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A code is secret: logs show its first four symbols only.
impl fmt::Debug for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketCode({}..)", &self.0[..4])
    }
}

/// The text is not a ticket code. A code has 26 letters and digits, without I, L, O and U.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a ticket code: 26 letters and digits, ignoring dashes and spaces")]
pub struct CodeError;

/// The public name of an order, or of one attempt to pay it, towards buyers and payment gateways.
///
/// Only letters, digits, `-`, `.` and `=`, at most 50 of them: what Paystack allows in a transaction reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

impl Reference {
    /// The maximum length.
    pub const MAX_LEN: usize = 50;

    /// A random order reference.
    pub fn of_order(seed: &Seed) -> Self {
        Self(seed.symbols("order", 0).to_ascii_lowercase())
    }

    /// A random reference of one payment attempt.
    pub fn of_attempt(seed: &Seed) -> Self {
        Self(seed.symbols("attempt", 0).to_ascii_lowercase())
    }

    /// A reference that is the same for the same seed and purpose, and cannot be guessed without the seed: for
    /// work that may be restarted after a crash and must find what it created the first time.
    pub fn derived(seed: &Seed, purpose: &str) -> Self {
        Self(seed.symbols(purpose, 0).to_ascii_lowercase())
    }

    /// The reference as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'=');
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.bytes().all(legal) {
            return Err(ReferenceError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a reference: 1–50 letters, digits, `-`, `.` or `=`")]
pub struct ReferenceError;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_code_survives_typing(seed: [u8; 32], index: u32) {
            let code = TicketCode::derive(&Seed(seed), index);
            let typed = code.grouped().to_lowercase().replace('0', "o").replace('1', "l").replace('-', " - ");
            prop_assert_eq!(typed.parse::<TicketCode>().unwrap(), code);
        }

        #[test]
        fn references_are_legal_and_differ_from_codes_and_each_other(seed: [u8; 32]) {
            let (order, attempt) = (Reference::of_order(&Seed(seed)), Reference::of_attempt(&Seed(seed)));
            prop_assert!(order.as_str().parse::<Reference>().is_ok() && order.as_str().len() <= Reference::MAX_LEN);
            prop_assert_ne!(&order, &attempt);
            let code = TicketCode::derive(&Seed(seed), 0);
            prop_assert_ne!(code.as_str().to_lowercase(), order.as_str().to_lowercase());
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text: String) {
            let _ = text.parse::<TicketCode>();
            let _ = text.parse::<Reference>();
        }
    }

    #[test]
    fn what_is_not_a_code_is_refused() {
        for typed in ["", "1", "7GQ4M", &"U".repeat(26), &"0".repeat(27), &"0".repeat(25), "é0000000000000000000000000"]
        {
            assert_eq!(typed.parse::<TicketCode>(), Err(CodeError), "{typed}");
        }
    }

    #[test]
    fn what_the_gateway_forbids_is_no_reference() {
        for text in ["", "a_b", "me@example.com", "a b", &"x".repeat(51), "é"] {
            assert_eq!(text.parse::<Reference>(), Err(ReferenceError), "{text}");
        }
    }
}
