//! Accounts through the engine: the spellings of a password, of an address and of a user name, and common passwords.
#![cfg(all(feature = "testing", feature = "accounts"))]

use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use ticketing_core::domain::account::{AccountKey, NewAccount};
use ticketing_core::storage::StorageExt as _;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::testing::ManualClock;
use ticketing_core::token::TokenKey;
use ticketing_core::{Error, Registration, Ticketing};

/// The same password, composed as some keyboards type it and decomposed as others do.
const COMPOSED: &str = "motdepassé";
const DECOMPOSED: &str = "motdepasse\u{301}";

fn engine(refuse_common: bool) -> Ticketing {
    Ticketing::builder(MemoryStorage::new())
        .clock(std::sync::Arc::new(ManualClock::default()))
        .token_key(TokenKey::new(&[7; 32]).unwrap())
        .refuse_common_passwords(refuse_common)
        .build()
        .unwrap()
}

/// The fields at fault, and no others.
fn faults<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Vec<String> {
    match outcome {
        Err(Error::Invalid(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_fits_in_every_spelling() {
    let engine = engine(false);
    for (name, set) in [("ada", COMPOSED), ("bob", DECOMPOSED)] {
        engine.register(Registration::new(format!("{name}@example.com"), name, set)).await.unwrap();
        for typed in [COMPOSED, DECOMPOSED] {
            assert!(engine.login(&format!("{name}@example.com"), typed).await.is_ok(), "{name} {typed:?}");
        }
        for wrong in ["motdepasse", "MOTDEPASSÉ", " motdepassé"] {
            assert!(engine.login(&format!("{name}@example.com"), wrong).await.is_err(), "{name} {wrong:?}");
        }
    }
    let account = engine.register(Registration::new("cy@example.com", "Cy", "to be replaced")).await.unwrap();
    engine.set_password(account.id, "two\u{3000}words\u{a0}e\u{301}").await.unwrap();
    assert!(engine.login("cy@example.com", "two words é").await.is_ok());
    // Seven characters, however they are typed.
    let short = Registration::new("dee@example.com", "Dee", "e\u{301}".repeat(7));
    assert_eq!(faults(engine.register(short).await), ["password"]);
}

/// Passwords were hashed as they were typed before they were composed.
#[tokio::test]
async fn an_older_password_still_fits_as_it_was_typed_and_is_hashed_anew() {
    let engine = engine(false);
    let hash = Argon2::default().hash_password(DECOMPOSED.as_bytes()).unwrap().to_string();
    let new = NewAccount::new("old@example.com".parse().unwrap(), "Old", hash.clone());
    engine.storage().apply_one(jiff::Timestamp::UNIX_EPOCH, new).await.unwrap().unwrap();
    let stored = async || {
        let key = AccountKey::Email("old@example.com".parse().unwrap());
        engine.storage().account(&key).await.unwrap().unwrap().password_hash
    };
    assert!(engine.login("old@example.com", COMPOSED).await.is_err(), "nobody knows yet that it is the same");
    assert_eq!(stored().await, hash);
    engine.login("old@example.com", DECOMPOSED).await.unwrap();
    let renewed = stored().await;
    assert_ne!(renewed, hash);
    for typed in [COMPOSED, DECOMPOSED] {
        engine.login("old@example.com", typed).await.unwrap();
    }
    assert_eq!(stored().await, renewed, "once");
}

#[tokio::test]
async fn spellings_of_an_address_or_user_name_are_one_account() {
    let engine = engine(false);
    let registration = Registration::new("twin@Exämple.de", "Twin", "correct horse").with_username("José".to_owned());
    let account = engine.register(registration).await.unwrap();
    assert_eq!(account.email.as_str(), "twin@exämple.de");
    for name in ["twin@xn--exmple-cua.de", "TWIN@exa\u{308}mple.de", "jose\u{301}", "JOSÉ"] {
        assert_eq!(engine.login(name, "correct horse").await.unwrap().account.id, account.id, "{name}");
    }
    for email in ["twin@xn--exmple-cua.de", "twin@EXA\u{308}MPLE.de", "twin@exämple。de"] {
        let refused = engine.register(Registration::new(email, "Twin", "correct horse")).await.unwrap_err();
        assert_eq!(refused.code(), "email_taken", "{email}");
    }
    let same_name =
        Registration::new("other@example.com", "Other", "correct horse").with_username("JOSE\u{301}".to_owned());
    assert_eq!(engine.register(same_name).await.unwrap_err().code(), "username_taken");
}

#[tokio::test]
async fn common_passwords_and_ones_own_names_are_refused_where_it_is_asked_for() {
    let guessed = [
        "password",
        "PASSWORD",
        "12345678",
        "qwertyuiop",
        "        ",
        "ADA.OBI.LAGOS@example.com",
        "Ada.Obi.Lagos",
        "ada_obi_1",
    ];
    let registration = |password: &str| {
        Registration::new("ada.obi.lagos@example.com", "Ada Obi", password).with_username("Ada_Obi_1".to_owned())
    };
    let strict = engine(true);
    for password in guessed {
        assert_eq!(faults(strict.register(registration(password)).await), ["password"], "{password:?}");
    }
    // Somebody else's address is not one's own.
    let account = strict.register(registration("ada.obi@example.com")).await.unwrap();
    for password in guessed {
        assert_eq!(faults(strict.set_password(account.id, password).await), ["password"], "{password:?}");
    }
    strict.set_password(account.id, "another horse battery").await.unwrap();

    // Older clients register with common ones. A new one is never common.
    let lenient = engine(false);
    let account = lenient.register(registration("password123")).await.unwrap();
    assert!(lenient.login("ada.obi.lagos@example.com", "password123").await.is_ok());
    assert_eq!(faults(lenient.set_password(account.id, "password123").await), ["password"]);
    assert!(lenient.login("ada.obi.lagos@example.com", "password123").await.is_ok(), "nothing has changed");
}
