//! Session tokens: JWT (RFC 7519), HS256 only. And the tokens of proofs, in `proof.rs`.

mod hs256;
mod proof;

pub(crate) use proof::{ProofKey, ProofToken};

use crate::clock::Random;
use crate::domain::id::AccountId;
use crate::error::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};

const ISSUER: &str = "ticketing";
const AUDIENCE: &str = "ticketing-api";
/// The type of this token. Other tokens (such as for a password reset) must never be accepted as a session token.
const TYPE: &str = "access";
/// The tolerated difference between the clocks of two machines, in seconds.
const LEEWAY: i64 = 5;
/// The minimum length of the secret: that of HS256's hash (RFC 7518, 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// The key that signs session tokens, and that the tokens of proofs are derived from.
///
/// With another key, open sessions end, and tokens that were mailed are not valid any more.
#[derive(Clone)]
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    proofs: ProofKey,
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
        })
    }

    /// The key of proofs.
    pub(crate) fn proofs(&self) -> ProofKey {
        self.proofs.clone()
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

    /// Issues a token for an account. Returns it with its expiry.
    pub(crate) fn issue(
        &self,
        account: AccountId,
        sessions_ended: i64,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(String, Timestamp)> {
        let ends = now + self.lifetime;
        let mut unique = [0; 16];
        random.fill(&mut unique);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: account.to_string(),
            typ: TYPE.to_owned(),
            jti: unique.iter().map(|byte| format!("{byte:02x}")).collect(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: ends.as_second(),
            ended: sessions_ended,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key.encoding);
        Ok((token.map_err(|error| Error::Configuration(format!("no token could be made: {error}")))?, ends))
    }

    /// Checks a token. Returns its account, and how often the account's sessions had been ended when it was issued. Every fault gives
    /// the same error, so that nobody learns which check failed.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<(AccountId, i64)> {
        let refused = || Error::Unauthenticated("Could not validate credentials");
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.key.decoding, &self.validation).map_err(|_| refused())?.claims;
        let in_time = claims.exp + LEEWAY > now.as_second() && claims.nbf <= now.as_second() + LEEWAY;
        if claims.typ != TYPE || !in_time {
            return Err(refused());
        }
        Ok((AccountId(claims.sub.parse().map_err(|_| refused())?), claims.ended))
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

    fn good_claims() -> Value {
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "typ": TYPE, "jti": "x", "iat": NOW, "nbf": NOW, "exp": NOW + 60})
    }

    #[test]
    fn an_issued_token_is_its_accounts_until_it_ends() {
        let tokens = tokens();
        let (token, ends) = tokens.issue(AccountId(42), 3, now(), &SystemRandom).unwrap();
        assert_eq!(tokens.check(&token, now()).unwrap(), (AccountId(42), 3));
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
        let (token, _) = tokens.issue(AccountId(42), 3, now(), &SystemRandom).unwrap();
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
