//! What keeps second factors secret in a database: the secret of an app is encrypted, and recovery codes are hashed, under keys that follow
//! from the key of session tokens.

use super::proof::{derived, keyed};
use crate::clock::Random;
use crate::domain::code::{read_symbols, symbols_of};
use crate::domain::id::AccountId;
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, Tag};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

const SECRETS: &[u8] = b"ticketing second factors v1";
const RECOVERY: &[u8] = b"ticketing recovery codes v1";
const NONCE: usize = 12;
const TAG: usize = 16;

/// The keys of second factors.
#[derive(Clone)]
pub(crate) struct FactorKey {
    cipher: ChaCha20Poly1305,
    recovery: Hmac<Sha256>,
}

impl FactorKey {
    /// The keys that follow from the secret of session tokens.
    pub(super) fn derive(secret: &[u8]) -> Self {
        let cipher = ChaCha20Poly1305::new(&derived(secret, SECRETS).into());
        Self { cipher, recovery: keyed(&derived(secret, RECOVERY)) }
    }

    /// Encrypts the secret of an account's app. Another account's row cannot be given it.
    pub(crate) fn seal(&self, account: AccountId, secret: &[u8], random: &dyn Random) -> Option<Vec<u8>> {
        // Random, since there is no place to count in. A key would have to encrypt billions before two are equal.
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let mut sealed = secret.to_vec();
        let tag =
            self.cipher.encrypt_inout_detached(&nonce.into(), &aad(account), sealed.as_mut_slice().into()).ok()?;
        Some([&nonce[..], &sealed, &tag].concat())
    }

    /// Decrypts the secret of an account's app. `None` if it was encrypted with another key or for another account, or was changed.
    pub(crate) fn open(&self, account: AccountId, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE)?;
        let (sealed, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
        let mut secret = sealed.to_vec();
        let (nonce, tag) = (Nonce::try_from(nonce).ok()?, Tag::try_from(tag).ok()?);
        self.cipher.decrypt_inout_detached(&nonce, &aad(account), secret.as_mut_slice().into(), &tag).ok()?;
        Some(secret)
    }

    /// The hash of a recovery code of an account. A code has more than 112 bits, so a fast hash is enough (OWASP ASVS 5.0, 6.5.2).
    pub(crate) fn hash(&self, account: AccountId, code: &RecoveryCode) -> String {
        let mac = self.recovery.clone().chain_update(aad(account)).chain_update(&code.0).finalize().into_bytes();
        mac.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn aad(account: AccountId) -> [u8; 8] {
    account.0.to_be_bytes()
}

impl fmt::Debug for FactorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorKey(..)")
    }
}

/// A recovery code: 26 symbols, as ticket codes have.
pub(crate) struct RecoveryCode(String);

impl RecoveryCode {
    /// A new one.
    pub(crate) fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(symbols_of(&bytes))
    }

    /// Reads one as typed: any case, spaces and dashes ignored.
    pub(crate) fn read(typed: &str) -> Option<Self> {
        read_symbols(typed).ok().map(Self)
    }

    /// In groups, for people to write down.
    pub(crate) fn grouped(&self) -> String {
        let groups = [0..6, 6..13, 13..19, 19..26].into_iter().filter_map(|range| self.0.get(range));
        groups.collect::<Vec<_>>().join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandom;
    use crate::token::TokenKey;

    fn key(byte: u8) -> FactorKey {
        TokenKey::new(&[byte; 32]).unwrap().factors()
    }

    #[derive(Debug)]
    struct Zeros;

    impl Random for Zeros {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    #[test]
    fn a_secret_opens_with_its_key_for_its_account_unchanged() {
        let (key, id) = (key(7), AccountId(42));
        let sealed = key.seal(id, b"12345678901234567890", &SystemRandom).unwrap();
        assert_eq!(sealed.len(), NONCE + 20 + TAG);
        assert_eq!(key.open(id, &sealed).as_deref(), Some(&b"12345678901234567890"[..]));
        assert_eq!(key.open(AccountId(43), &sealed), None);
        assert_eq!(self::key(8).open(id, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(id, &changed), None, "byte {at}");
            assert_eq!(key.open(id, &sealed[..at]), None, "{at} bytes");
        }
        assert_ne!(key.seal(id, b"12345678901234567890", &SystemRandom), Some(sealed));
    }

    /// Databases must outlive an upgrade of the server.
    #[test]
    fn the_derivation_never_changes() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let sealed = key(7).seal(AccountId(42), b"12345678901234567890", &Zeros).unwrap();
        assert_eq!(
            hex(&sealed),
            "000000000000000000000000c4075dc3fe98c212adcc6226a9cb4ba87d0e316931ebc4911cc14bddd7c2b43b90761ef1"
        );
        let code = RecoveryCode::random(&Zeros);
        assert_eq!(code.grouped(), "000000-0000000-000000-0000000");
        assert_eq!(
            key(7).hash(AccountId(42), &code),
            "49591208bf608655bdb924c2cb2ceccbcddb3c637f5dd0491755ef9498e78c4d"
        );
    }

    #[test]
    fn a_recovery_code_is_read_as_typed_and_hashed_for_its_account() {
        let code = RecoveryCode::random(&SystemRandom);
        let typed = format!(" {} ", code.grouped().to_lowercase().replace('-', " "));
        let read = RecoveryCode::read(&typed).unwrap();
        let hash = |account, code: &RecoveryCode| key(7).hash(AccountId(account), code);
        assert_eq!(hash(1, &read), hash(1, &code));
        assert_ne!(hash(1, &code), hash(2, &code));
        assert_ne!(hash(1, &code), key(8).hash(AccountId(1), &code));
        for wrong in ["", "123456", "000000-0000000-000000-00000000", "000000-0000000-000000-000000U"] {
            assert!(RecoveryCode::read(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{:?}", key(7)), "FactorKey(..)");
    }
}
