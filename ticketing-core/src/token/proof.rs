//! The tokens of proofs, and the codes and challenges of those that have codes. Derived from the row of the proof and a key, never stored: any process can write the mail again, and a copy of
//! the database opens nothing.

use crate::domain::code::{CodeError, read_symbols, symbols_of};
use crate::domain::id::ProofId;
use crate::domain::proof::{CodeDigits, Proof, ProofPurpose};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::fmt;
use std::hint::black_box;

/// What every token begins with, so that people and secret scanners recognise it.
const PREFIX: &str = "tkp_";
/// What every challenge begins with.
const CHALLENGE_PREFIX: &str = "tkc_";
/// Keeps the key of proofs apart from the key of sessions, which is the secret itself.
const LABEL: &[u8] = b"ticketing proofs v1";
/// Keep codes and challenges apart from tokens, and from each other.
const CODE_LABEL: &[u8] = b"ticketing mailed codes v1";
const CHALLENGE_LABEL: &[u8] = b"ticketing code challenges v1";
/// The longest text that is read. Everything beyond a token is somebody's mistake.
const MAX_LEN: usize = 100;

/// The keys that tokens of proofs, codes and challenges are derived from.
#[derive(Clone)]
pub(crate) struct ProofKey {
    tokens: Hmac<Sha256>,
    codes: Hmac<Sha256>,
    challenges: Hmac<Sha256>,
}

/// The token of a proof: `tkp_<id>_<26 symbols>`, of which the symbols are secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProofToken {
    pub(crate) id: ProofId,
    symbols: String,
}

/// What who asks for a code gets in return: `tkc_<id>_<26 symbols>`, of which the symbols are secret. The code is of no use without it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ChallengeToken {
    pub(crate) id: ProofId,
    symbols: String,
}

impl ProofKey {
    /// The keys that follow from the secret of session tokens.
    pub(super) fn derive(secret: &[u8]) -> Self {
        let key = |label| keyed(&derived(secret, label));
        Self { tokens: key(LABEL), codes: key(CODE_LABEL), challenges: key(CHALLENGE_LABEL) }
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
        is_same(&wanted.symbols, &token.symbols) && proof.is_some_and(|proof| proof.id == token.id)
    }

    /// The challenge of a code.
    pub(crate) fn challenge_of(&self, proof: &Proof) -> ChallengeToken {
        let mac = mac(&self.challenges, proof.purpose, proof.id, proof.created_at);
        ChallengeToken { id: proof.id, symbols: symbols_of(&mac) }
    }

    /// Whether the challenge is the one of this proof. Takes as long for every challenge, and for a proof that does not exist.
    pub(crate) fn fits_challenge(&self, challenge: &ChallengeToken, proof: Option<&Proof>) -> bool {
        let wanted = match proof {
            Some(proof) => self.challenge_of(proof).symbols,
            None => symbols_of(&mac(&self.challenges, ProofPurpose::Code, challenge.id, Timestamp::UNIX_EPOCH)),
        };
        is_same(&wanted, &challenge.symbols) && proof.is_some_and(|proof| proof.id == challenge.id)
    }

    /// The code of a proof. Of 2^128 numbers, no code has more than one more than another.
    pub(crate) fn code_of(&self, proof: &Proof) -> CodeDigits {
        let mac = mac(&self.codes, proof.purpose, proof.id, proof.created_at);
        let number = mac[..16].iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        CodeDigits::of(u32::try_from(number % 1_000_000).unwrap_or_default())
    }

    fn token(&self, purpose: ProofPurpose, id: ProofId, created_at: Timestamp) -> ProofToken {
        ProofToken { id, symbols: symbols_of(&mac(&self.tokens, purpose, id, created_at)) }
    }
}

fn mac(key: &Hmac<Sha256>, purpose: ProofPurpose, id: ProofId, created_at: Timestamp) -> [u8; 32] {
    // The name has no zero byte, and the numbers have a fixed length: no two proofs give the same input.
    let mac = key.clone().chain_update(purpose.name()).chain_update([0]).chain_update(id.0.to_be_bytes());
    mac.chain_update(created_at.as_microsecond().to_be_bytes()).finalize().into_bytes().into()
}

fn is_same(wanted: &str, found: &str) -> bool {
    let pairs = wanted.bytes().zip(found.bytes());
    // Every symbol is compared, whether or not an earlier one differs.
    let differs = pairs.fold(0, |differs, (wanted, found)| black_box(differs | (wanted ^ found)));
    differs == 0 && wanted.len() == found.len()
}

/// Reads a token as typed or pasted: any case, spaces and dashes ignored.
fn read(typed: &str, prefix: &str) -> Result<(ProofId, String), CodeError> {
    if typed.len() > MAX_LEN {
        return Err(CodeError);
    }
    let typed: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let found = typed.get(..prefix.len()).filter(|found| found.eq_ignore_ascii_case(prefix)).ok_or(CodeError)?;
    let (id, symbols) = typed[found.len()..].split_once('_').ok_or(CodeError)?;
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CodeError);
    }
    Ok((ProofId(id.parse().map_err(|_| CodeError)?), read_symbols(symbols)?))
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

    fn from_str(typed: &str) -> Result<Self, CodeError> {
        read(typed, PREFIX).map(|(id, symbols)| Self { id, symbols })
    }
}

impl std::str::FromStr for ChallengeToken {
    type Err = CodeError;

    fn from_str(typed: &str) -> Result<Self, CodeError> {
        read(typed, CHALLENGE_PREFIX).map(|(id, symbols)| Self { id, symbols })
    }
}

impl fmt::Display for ChallengeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CHALLENGE_PREFIX}{}_{}", self.id, self.symbols)
    }
}

impl fmt::Debug for ChallengeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChallengeToken({}, ..)", self.id)
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
            code_for: None,
            tries: 0,
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
    fn a_code_and_its_challenge_are_for_one_proof_and_one_key() {
        let code = |id| Proof { purpose: ProofPurpose::Code, ..proof(id) };
        let (key, own) = (key(7), code(42));
        let challenge = key.challenge_of(&own);
        assert!(key.fits_challenge(&challenge, Some(&own)));
        for other in
            [code(43), Proof { created_at: own.created_at + jiff::SignedDuration::from_micros(1), ..own.clone() }]
        {
            assert!(!key.fits_challenge(&challenge, Some(&other)));
        }
        assert!(!key.fits_challenge(&challenge, None) && !self::key(8).fits_challenge(&challenge, Some(&own)));
        assert!(!key.fits_challenge(&ChallengeToken { id: ProofId(43), ..challenge.clone() }, Some(&own)));
        // It is no token, and says nothing of one.
        let text = challenge.to_string();
        assert!(text.parse::<ProofToken>().is_err() && text.parse() == Ok(challenge.clone()));
        assert_ne!(challenge.symbols, key.token_of(&own).symbols);
        assert_eq!(format!("{challenge:?}"), "ChallengeToken(42, ..)");
        assert_ne!(self::key(8).code_of(&own), key.code_of(&own));
    }

    /// Each digit of each place comes about as often as any other: 2,000 times of 20,000, give or take 200 (five standard deviations).
    #[test]
    fn codes_are_spread_evenly() {
        let key = key(7);
        let mut found = [[0_u32; 10]; 6];
        for id in 0..20_000 {
            for (place, digit) in key.code_of(&proof(id)).text().bytes().enumerate() {
                found[place][usize::from(digit - b'0')] += 1;
            }
        }
        assert!(found.iter().flatten().all(|count| count.abs_diff(2_000) < 215), "{found:?}");
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
