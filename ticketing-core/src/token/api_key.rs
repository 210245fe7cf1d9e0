//! The tokens of API keys: `tk_live_5_` and the key's id, 26 random symbols and 4 symbols that check all before them. Programs that look
//! for leaked secrets recognise them, and a mistyped one is rejected before anything is looked up.

use crate::clock::Random;
use crate::domain::code::symbols_of;
use crate::domain::id::ApiKeyId;
use sha2::{Digest as _, Sha256};
use std::fmt;

const SECRET: usize = 26;
const CHECK: usize = 4;

/// Whether an installation takes real money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyMode {
    /// It does: its keys begin with `tk_live_`.
    #[default]
    Live,
    /// It is a sandbox: its keys begin with `tk_test_`.
    Test,
}

impl KeyMode {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Live => "tk_live_",
            Self::Test => "tk_test_",
        }
    }
}

/// The token of an API key. It is shown once: only a hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyToken(pub String);

impl fmt::Debug for ApiKeyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyToken(..)")
    }
}

/// How tokens look, and what is kept of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenShape(pub(crate) KeyMode);

/// The random symbols of a token, before the key has an id.
pub(crate) struct Secret(String);

impl TokenShape {
    /// A new secret: 130 random bits.
    pub(crate) fn secret(self, random: &dyn Random) -> Secret {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Secret(symbols_of(&bytes).to_ascii_lowercase())
    }

    /// The token of a key.
    pub(crate) fn token(self, id: ApiKeyId, secret: &Secret) -> ApiKeyToken {
        let text = format!("{}{id}_{}", self.0.prefix(), secret.0);
        ApiKeyToken(format!("{text}{}", check_of(&text)))
    }

    /// What is kept of a secret. It has 130 random bits, so a fast hash is enough (OWASP ASVS 5.0, 6.5.2). A key of a sandbox has another
    /// hash than one for real money.
    pub(crate) fn hash(self, secret: &Secret) -> String {
        let hash = Sha256::new_with_prefix(self.0.prefix()).chain_update(&secret.0).finalize();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a bearer token is meant to be a key, right or wrong. A session token never begins so.
    pub(crate) fn is_meant(token: &str) -> bool {
        token.starts_with("tk_")
    }

    /// Reads a token. `None` if it is mistyped, or a key of the other mode.
    pub(crate) fn read(self, token: &str) -> Option<(ApiKeyId, Secret)> {
        let (id, rest) = token.strip_prefix(self.0.prefix())?.split_once('_')?;
        let digits = id.len() <= 16 && id.bytes().all(|byte| byte.is_ascii_digit());
        let (secret, check) = rest.split_at_checked(SECRET)?;
        let body = token.get(..token.len().checked_sub(CHECK)?)?;
        if !digits || check.len() != CHECK || check != check_of(body) {
            return None;
        }
        Some((ApiKeyId(id.parse().ok()?), Secret(secret.to_owned())))
    }
}

/// The symbols that check a text.
fn check_of(text: &str) -> String {
    symbols_of(&Sha256::digest(text)).chars().take(CHECK).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandom;
    use proptest::prelude::*;

    const LIVE: TokenShape = TokenShape(KeyMode::Live);
    const TEST: TokenShape = TokenShape(KeyMode::Test);

    #[test]
    fn a_token_reads_back_and_has_130_random_bits() {
        let (secret, other) = (LIVE.secret(&SystemRandom), LIVE.secret(&SystemRandom));
        assert_eq!((secret.0.len(), secret.0 != other.0), (26, true));
        let token = LIVE.token(ApiKeyId(4711), &secret).0;
        assert!(token.starts_with("tk_live_4711_") && token.len() == "tk_live_4711_".len() + 30, "{token}");
        let (id, read) = LIVE.read(&token).unwrap();
        assert_eq!((id, LIVE.hash(&read)), (ApiKeyId(4711), LIVE.hash(&secret)));
        assert_ne!(LIVE.hash(&secret), LIVE.hash(&other));
    }

    #[test]
    fn a_key_of_a_sandbox_is_none_for_real_money() {
        let secret = TEST.secret(&SystemRandom);
        let token = TEST.token(ApiKeyId(1), &secret).0;
        assert!(token.starts_with("tk_test_1_") && LIVE.read(&token).is_none() && TEST.read(&token).is_some());
        assert_ne!(LIVE.hash(&secret), TEST.hash(&secret));
    }

    #[test]
    fn every_single_mistyped_symbol_is_noticed() {
        let token = LIVE.token(ApiKeyId(12), &Secret("0123456789abcdefghjkmnpqrs".to_owned())).0;
        let mut noticed = 0;
        for at in 0..token.len() {
            for symbol in "05az_A".chars().filter(|symbol| !token[at..].starts_with(*symbol)) {
                let mut wrong = token.clone();
                wrong.replace_range(at..=at, &symbol.to_string());
                assert!(LIVE.read(&wrong).is_none(), "{wrong}");
                noticed += 1;
            }
        }
        assert!(noticed > 150);
        for text in [
            "",
            "tk_live_",
            "tk_live_1_",
            "tk_live_-1_0123456789abcdefghjkmnpqrs0000",
            &token[1..],
            &format!("{token}0"),
        ] {
            assert!(LIVE.read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text: String) {
            let _ = LIVE.read(&text);
            let _ = LIVE.read(&format!("tk_live_{text}"));
        }
    }

    #[test]
    fn a_token_is_not_shown_by_debug() {
        let token = LIVE.token(ApiKeyId(1), &LIVE.secret(&SystemRandom));
        assert_eq!(format!("{token:?}"), "ApiKeyToken(..)");
    }
}
