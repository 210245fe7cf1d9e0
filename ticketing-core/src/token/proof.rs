//! The tokens of proofs. Derived from the row of the proof and a key, never stored: any process can write the mail again, and a copy of
//! the database opens nothing.

use crate::domain::code::{CodeError, read_symbols, symbols_of};
use crate::domain::id::ProofId;
use crate::domain::proof::{Proof, ProofPurpose};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::fmt;
use std::hint::black_box;

/// What every token begins with, so that people and secret scanners recognise it.
const PREFIX: &str = "tkp_";
/// Keeps the key of proofs apart from the key of sessions, which is the secret itself.
const LABEL: &[u8] = b"ticketing proofs v1";
/// The longest text that is read. Everything beyond a token is somebody's mistake.
const MAX_LEN: usize = 100;

/// The key that tokens of proofs are derived from.
#[derive(Clone)]
pub(crate) struct ProofKey(Hmac<Sha256>);

/// The token of a proof: `tkp_<id>_<26 symbols>`, of which the symbols are secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProofToken {
    pub(crate) id: ProofId,
    symbols: String,
}

impl ProofKey {
    /// The key that follows from the secret of session tokens.
    pub(super) fn derive(secret: &[u8]) -> Self {
        Self(keyed(&derived(secret, LABEL)))
    }

    /// The token of a proof.
    pub(crate) fn token_of(&self, proof: &Proof) -> ProofToken {
        self.token(proof.purpose, proof.id, proof.created_at)
    }

    /// Whether the token is the one of this proof. Takes as long for every token, and for a proof that does not exist.
    pub(crate) fn fits(&self, token: &ProofToken, proof: Option<&Proof>) -> bool {
        let wanted = match proof {
            Some(proof) => self.token_of(proof),
            None => self.token(ProofPurpose::VerifyEmail, token.id, Timestamp::UNIX_EPOCH),
        };
        let pairs = wanted.symbols.bytes().zip(token.symbols.bytes());
        // Every symbol is compared, whether or not an earlier one differs.
        let differs = pairs.fold(0, |differs, (wanted, found)| black_box(differs | (wanted ^ found)));
        differs == 0 && proof.is_some_and(|proof| proof.id == token.id)
    }

    fn token(&self, purpose: ProofPurpose, id: ProofId, created_at: Timestamp) -> ProofToken {
        // The name has no zero byte, and the numbers have a fixed length: no two proofs give the same input.
        let mac = self.0.clone().chain_update(purpose.name()).chain_update([0]).chain_update(id.0.to_be_bytes());
        let mac = mac.chain_update(created_at.as_microsecond().to_be_bytes()).finalize().into_bytes();
        ProofToken { id, symbols: symbols_of(&mac) }
    }
}

/// A key that follows from the secret of session tokens, for what the label says.
pub(super) fn derived(secret: &[u8], label: &[u8]) -> [u8; 32] {
    keyed(secret).chain_update(label).finalize().into_bytes().into()
}

/// HMAC with a key of any length: a longer one than a block is hashed first (RFC 2104, 2).
pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    use sha2::Digest as _;
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    if key.len() <= BLOCK {
        block[..key.len()].copy_from_slice(key);
    } else {
        block[..32].copy_from_slice(&Sha256::digest(key));
    }
    Hmac::new(&block.into())
}

impl std::str::FromStr for ProofToken {
    type Err = CodeError;

    /// Reads a token as typed or pasted: any case, spaces and dashes ignored.
    fn from_str(typed: &str) -> Result<Self, CodeError> {
        if typed.len() > MAX_LEN {
            return Err(CodeError);
        }
        let typed: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let prefix = typed.get(..PREFIX.len()).filter(|prefix| prefix.eq_ignore_ascii_case(PREFIX)).ok_or(CodeError)?;
        let (id, symbols) = typed[prefix.len()..].split_once('_').ok_or(CodeError)?;
        if !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CodeError);
        }
        Ok(Self { id: ProofId(id.parse().map_err(|_| CodeError)?), symbols: read_symbols(symbols)? })
    }
}

impl fmt::Display for ProofToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_{}", self.id, self.symbols)
    }
}

impl fmt::Debug for ProofToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProofToken({}, ..)", self.id)
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenKey;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn proof(id: i64) -> Proof {
        Proof {
            id: ProofId(id),
            purpose: ProofPurpose::ResetPassword,
            account_id: None,
            address: "ada@example.com".parse().unwrap(),
            nth: 1,
            was_verified: false,
            invitation: None,
            used_at: None,
            expires_at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::from_microsecond(1_893_492_000_123_457).unwrap(),
        }
    }

    fn key(byte: u8) -> ProofKey {
        TokenKey::new(&[byte; 32]).unwrap().proofs()
    }

    /// Tokens that were mailed must outlive an upgrade of the server.
    #[test]
    fn the_derivation_never_changes() {
        assert_eq!(key(7).token_of(&proof(42)).to_string(), "tkp_42_GK9ATCG8J74QTAV3CX7CHW3CYC");
    }

    #[test]
    fn a_token_is_for_one_purpose_one_id_one_moment_and_one_key() {
        let (key, own) = (key(7), proof(42));
        let token = key.token_of(&own);
        assert!(key.fits(&token, Some(&own)));
        let mut others: Vec<Proof> =
            ProofPurpose::ALL.iter().map(|purpose| Proof { purpose: *purpose, ..proof(42) }).collect();
        others.retain(|other| other.purpose != own.purpose);
        others.push(Proof { created_at: own.created_at + jiff::SignedDuration::from_micros(1), ..own.clone() });
        others.push(proof(43));
        assert!(others.iter().all(|other| !key.fits(&token, Some(other))));
        assert!(!key.fits(&token, None));
        assert!(!self::key(8).fits(&token, Some(&own)));
        // Of another id with the right symbols.
        assert!(!key.fits(&ProofToken { id: ProofId(43), ..token }, Some(&own)));
        let all: HashSet<String> = (0..1000).map(|id| key.token_of(&proof(id)).symbols).collect();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn each_wrong_symbol_is_found() {
        let (key, own) = (key(7), proof(42));
        let token = key.token_of(&own).to_string();
        for at in "tkp_42_".len()..token.len() {
            let other = if &token[at..=at] == "0" { "1" } else { "0" };
            let wrong: ProofToken = format!("{}{other}{}", &token[..at], &token[at + 1..]).parse().unwrap();
            assert!(!key.fits(&wrong, Some(&own)), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_read_as_typed_and_is_not_shown() {
        let token = key(7).token_of(&proof(42));
        let text = token.to_string();
        for typed in
            [text.clone(), text.to_lowercase(), format!(" {} {}\n", &text[..12], &text[12..]), text.replace('0', "o")]
        {
            assert_eq!(typed.parse::<ProofToken>(), Ok(token.clone()), "{typed}");
        }
        let symbols = &token.symbols;
        for wrong in ["", "tkp_", "tkp_42", "tkp_42_", &text[1..], &text[..text.len() - 1], &format!("{text}0")] {
            assert_eq!(wrong.parse::<ProofToken>(), Err(CodeError), "{wrong}");
        }
        for id in ["", "+42", "-x", "99999999999999999999", "４２"] {
            assert_eq!(format!("tkp_{id}_{symbols}").parse::<ProofToken>(), Err(CodeError), "{id}");
        }
        assert_eq!(
            (format!("{token:?}").as_str(), format!("{:?}", key(7)).as_str()),
            ("ProofToken(42, ..)", "ProofKey(..)")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String, tail in "(tkp_)?\\PC{0,60}") {
            let _ = text.parse::<ProofToken>();
            let _ = tail.parse::<ProofToken>();
        }
    }
}
