//! Session tokens: JWT (RFC 7519), HS256 only. And what is derived from the same key: the tokens of proofs in `proof.rs`, and what keeps
//! second factors secret in `factor.rs`, and the keys of guests' orders in `guest.rs`.

mod api_key;
mod factor;
mod guest;
mod hs256;
mod proof;
mod totp;

pub(crate) use api_key::TokenShape;
pub use api_key::{ApiKeyToken, KeyMode};
pub(crate) use factor::{FactorKey, RecoveryCode};
pub use guest::GuestKey;
pub(crate) use guest::GuestKeys;
#[cfg(feature = "testing")]
pub use totp::code_at;
pub(crate) use totp::{SECRET_BYTES, base32, otpauth_uri, step_of};

pub(crate) use proof::{ChallengeToken, ProofKey, ProofToken};

use crate::clock::Random;
use crate::domain::account::Account;
use crate::domain::id::{AccountId, SessionId};
use crate::error::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};

const ISSUER: &str = "ticketing";
const AUDIENCE: &str = "ticketing-api";
/// The type of this token. Other tokens (such as for a password reset) must never be accepted as a session token.
const TYPE: &str = "access";
/// The type of a ticket: who has it has given the password, and still needs a code of the second factor. It is no session token.
const TICKET: &str = "second_factor";
/// How long a ticket lasts.
const TICKET_LASTS: SignedDuration = SignedDuration::from_mins(5);
/// The tolerated difference between the clocks of two machines, in seconds.
const LEEWAY: i64 = 5;
/// The minimum length of the secret: that of HS256's hash (RFC 7518, 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// The key that signs session tokens. The tokens of proofs, the keys of guests' orders, and what keeps second factors secret are derived
/// from it.
///
/// With another key, open sessions end, tokens and keys that were mailed are not valid any more, and no code of a second factor is right: an
/// administrator must remove the factors, or their owners could not log in.
#[derive(Clone)]
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    proofs: ProofKey,
    factors: FactorKey,
    guests: GuestKeys,
    transfers: GuestKeys,
}

impl TokenKey {
    /// Creates a key from at least [`MIN_SECRET_BYTES`] secret bytes.
    pub fn new(secret: &[u8]) -> Result<Self> {
        if secret.len() < MIN_SECRET_BYTES {
            let found = secret.len();
            return Err(Error::Configuration(format!(
                "the token secret must be at least {MIN_SECRET_BYTES} bytes (got {found})"
            )));
        }
        Ok(Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            proofs: ProofKey::derive(secret),
            factors: FactorKey::derive(secret),
            guests: GuestKeys::derive(secret),
            transfers: GuestKeys::derive_for_transfers(secret),
        })
    }

    /// The key of proofs.
    pub(crate) fn proofs(&self) -> ProofKey {
        self.proofs.clone()
    }

    /// The key of guests' orders.
    pub(crate) fn guests(&self) -> GuestKeys {
        self.guests.clone()
    }

    /// The key of transfers.
    pub(crate) fn transfers(&self) -> GuestKeys {
        self.transfers.clone()
    }

    /// The key of second factors.
    pub(crate) fn factors(&self) -> FactorKey {
        self.factors.clone()
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    typ: String,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// How often the account's sessions had been ended when this session began.
    #[serde(default)]
    ended: i64,
    /// The session. Tokens had none before there was a list of sessions, and tickets have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<i64>,
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) account: AccountId,
    /// How often the account's sessions had been ended when it was issued.
    pub(crate) ended: i64,
    pub(crate) session: Option<SessionId>,
}

/// Issues and checks session tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: TokenKey,
    lifetime: SignedDuration,
    validation: Validation,
}

impl Tokens {
    pub(crate) fn new(key: TokenKey, lifetime: SignedDuration) -> Self {
        hs256::install();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The times are checked below, against the clock that was passed in.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { key, lifetime, validation }
    }

    /// When a session ends that begins now.
    pub(crate) fn end(&self, now: Timestamp) -> Timestamp {
        now + self.lifetime
    }

    /// Issues a token for a session of an account, which expires with it.
    pub(crate) fn issue(&self, said: Checked, now: Timestamp, ends: Timestamp, random: &dyn Random) -> Result<String> {
        self.sign(TYPE, said, now, ends, random)
    }

    /// Issues a ticket for an account whose password was given. Returns it with its expiry.
    pub(crate) fn issue_ticket(
        &self,
        account: &Account,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(String, Timestamp)> {
        let (said, ends) =
            (Checked { account: account.id, ended: account.sessions_ended, session: None }, now + TICKET_LASTS);
        Ok((self.sign(TICKET, said, now, ends, random)?, ends))
    }

    fn sign(&self, typ: &str, said: Checked, now: Timestamp, ends: Timestamp, random: &dyn Random) -> Result<String> {
        let mut unique = [0; 16];
        random.fill(&mut unique);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: said.account.to_string(),
            typ: typ.to_owned(),
            jti: unique.iter().map(|byte| format!("{byte:02x}")).collect(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: ends.as_second(),
            ended: said.ended,
            sid: said.session.map(|session| session.0),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key.encoding);
        token.map_err(|error| Error::Configuration(format!("no token could be made: {error}")))
    }

    /// Checks a session token. Every fault gives the same error, so that nobody learns which check failed.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<Checked> {
        self.read(TYPE, token, now)
    }

    /// Checks a ticket, like [`check`](Self::check).
    pub(crate) fn check_ticket(&self, ticket: &str, now: Timestamp) -> Result<Checked> {
        self.read(TICKET, ticket, now)
    }

    fn read(&self, typ: &str, token: &str, now: Timestamp) -> Result<Checked> {
        let refused = || Error::Unauthenticated("Could not validate credentials");
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.key.decoding, &self.validation).map_err(|_| refused())?.claims;
        let in_time = claims.exp + LEEWAY > now.as_second() && claims.nbf <= now.as_second() + LEEWAY;
        if claims.typ != typ || !in_time {
            return Err(refused());
        }
        let account = AccountId(claims.sub.parse().map_err(|_| refused())?);
        Ok(Checked { account, ended: claims.ended, session: claims.sid.map(SessionId) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandom;
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn tokens() -> Tokens {
        Tokens::new(TokenKey::new(&[7; 32]).unwrap(), SignedDuration::from_hours(1))
    }

    fn signed(header: &Header, claims: &Value, secret: &[u8]) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn said() -> Checked {
        Checked { account: AccountId(42), ended: 3, session: Some(SessionId(7)) }
    }

    #[test]
    fn a_token_without_a_session_is_good_too() {
        let token = signed(&Header::new(Algorithm::HS256), &good_claims(), &[7; 32]);
        let wanted = Checked { account: AccountId(42), ended: 0, session: None };
        assert_eq!(tokens().check(&token, now()).unwrap(), wanted);
    }

    #[test]
    fn a_ticket_is_no_session_token_and_the_other_way_round() {
        let tokens = tokens();
        let ends = now() + TICKET_LASTS;
        let said = Checked { session: None, ..said() };
        let ticket = tokens.sign(TICKET, said, now(), ends, &SystemRandom).unwrap();
        assert_eq!(tokens.check_ticket(&ticket, now()).unwrap(), said);
        assert!(tokens.check_ticket(&ticket, ends + SignedDuration::from_secs(LEEWAY)).is_err());
        assert!(tokens.check(&ticket, now()).is_err());
        let token = tokens.issue(said, now(), ends, &SystemRandom).unwrap();
        assert!(tokens.check_ticket(&token, now()).is_err());
    }

    fn good_claims() -> Value {
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "typ": TYPE, "jti": "x", "iat": NOW, "nbf": NOW, "exp": NOW + 60})
    }

    #[test]
    fn an_issued_token_is_its_accounts_until_it_ends() {
        let tokens = tokens();
        let said = said();
        let ends = tokens.end(now());
        let token = tokens.issue(said, now(), ends, &SystemRandom).unwrap();
        assert_eq!(tokens.check(&token, now()).unwrap(), said);
        assert_eq!(ends, now() + SignedDuration::from_hours(1));
        assert!(tokens.check(&token, ends + SignedDuration::from_secs(LEEWAY - 1)).is_ok());
        assert!(tokens.check(&token, ends + SignedDuration::from_secs(LEEWAY)).is_err());
        assert!(tokens.check(&token, now() - SignedDuration::from_secs(LEEWAY + 1)).is_err());
    }

    #[test]
    fn every_claim_is_wanted_and_checked() {
        let tokens = tokens();
        let header = Header::new(Algorithm::HS256);
        let check = |claims: &Value| tokens.check(&signed(&header, claims, &[7; 32]), now());
        assert!(check(&good_claims()).is_ok());
        for claim in ["iss", "aud", "sub", "typ", "nbf", "exp"] {
            let mut without = good_claims();
            without.as_object_mut().unwrap().remove(claim);
            assert!(check(&without).is_err(), "without {claim}");
            let mut wrong = good_claims();
            wrong[claim] = json!("other");
            assert!(check(&wrong).is_err(), "wrong {claim}");
        }
    }

    #[test]
    fn tricks_with_the_header_or_the_signature_fail() {
        let tokens = tokens();
        let token = tokens.issue(said(), now(), tokens.end(now()), &SystemRandom).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        // {"alg":"none","typ":"JWT"} and {"alg":"HS512","typ":"JWT"}, with and without the right signature.
        for header in ["eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9"] {
            for signature in ["", parts[2]] {
                assert!(tokens.check(&format!("{header}.{}.{signature}", parts[1]), now()).is_err());
            }
        }
        assert!(tokens.check(&signed(&Header::new(Algorithm::HS256), &good_claims(), &[8; 32]), now()).is_err());
        for junk in ["", ".", "..", "a.b.c", &token[1..], &token[..token.len() - 1]] {
            assert!(tokens.check(junk, now()).is_err(), "{junk}");
        }
    }

    #[test]
    fn short_secrets_are_refused_and_none_is_shown() {
        assert!(TokenKey::new(&[7; 31]).is_err());
        assert_eq!(format!("{:?}", TokenKey::new(b"0123456789abcdef0123456789abcdef").unwrap()), "TokenKey(..)");
    }
}
