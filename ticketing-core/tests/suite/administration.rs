//! Administration through the engine: who may, what it does to sessions, and what is said of it.
#![cfg(all(feature = "testing", feature = "accounts"))]

use std::sync::Arc;
use ticketing_core::domain::account::{Account, AccountFilter, AccountWants, Role};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::id::AccountId;
use ticketing_core::domain::page::PageRequest;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::testing::ManualClock;
use ticketing_core::token::TokenKey;
use ticketing_core::{Error, Registration, Ticketing};

const PASSWORD: &str = "correct horse battery";

fn engine() -> Ticketing {
    Ticketing::builder(MemoryStorage::new())
        .clock(Arc::new(ManualClock::default()))
        .weak_password_hashes()
        .token_key(TokenKey::new(&[7; 32]).unwrap())
        .build()
        .unwrap()
}

async fn register(engine: &Ticketing, name: &str) -> Account {
    engine.register(Registration::new(format!("{name}@example.com"), name, PASSWORD)).await.unwrap()
}

fn by(account: &Account) -> Actor {
    Actor::Person(Principal::Account(account.id))
}

fn faults<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Vec<String> {
    match outcome {
        Err(Error::Invalid(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_administrators_and_the_operator_administer() {
    let engine = engine();
    let (ada, bob) = (register(&engine, "ada").await, register(&engine, "bob").await);
    let (all, page) = (AccountFilter::default(), PageRequest::default());
    let refused = |outcome: Result<(), Error>| matches!(outcome, Err(Error::Forbidden(_)));
    let tried = async |actor: &Actor| {
        let wants = AccountWants::default().with_is_active(false);
        [
            engine.search_accounts(actor, &all, page).await.map(drop),
            engine.administered_account(actor, bob.id).await.map(drop),
            engine.account_audit(actor, bob.id, page).await.map(drop),
            engine.administer_account(actor, bob.id, wants).await.map(drop),
            // Also for an account that does not exist: a refusal does not tell which accounts there are.
            engine.administered_account(actor, AccountId(99)).await.map(drop),
        ]
    };
    let external = Actor::Person(Principal::External("admin".to_owned()));
    for actor in [by(&bob), by(&ada), external, Actor::System, Actor::Gateway("paystack".to_owned())] {
        for outcome in tried(&actor).await {
            assert!(refused(outcome), "{actor}");
        }
    }
    engine.set_role(ada.id, Role::Admin).await.unwrap();
    let [found, one, audit, disabled, missing] = tried(&by(&ada)).await;
    assert!(found.is_ok() && one.is_ok() && audit.is_ok() && disabled.is_ok());
    assert!(matches!(missing, Err(Error::NotFound("Account"))));
    // A demoted administrator has no more rights.
    engine.set_role(bob.id, Role::Admin).await.unwrap();
    engine.set_active(bob.id, true).await.unwrap();
    engine.set_role(ada.id, Role::Member).await.unwrap();
    assert!(tried(&by(&ada)).await.into_iter().all(refused));
    // Neither has a disabled one.
    engine.set_role(ada.id, Role::Admin).await.unwrap();
    engine.set_active(ada.id, false).await.unwrap();
    assert!(tried(&by(&ada)).await.into_iter().all(refused));
}

#[tokio::test]
async fn a_disabled_account_loses_its_sessions_for_good() {
    let engine = engine();
    let ada = register(&engine, "ada").await;
    let token = engine.login("ada@example.com", PASSWORD).await.unwrap().token;
    let reason = AccountWants::default().with_is_active(false).with_reason(Some("  Cafe\u{301} spam ".to_owned()));
    let off = engine.administer_account(&Actor::Operator, ada.id, reason).await.unwrap();
    assert_eq!(off.disabled_reason.as_deref(), Some("Café spam"));
    assert!(engine.authenticate(&token).await.is_err() && engine.login("ada@example.com", PASSWORD).await.is_err());
    engine.set_active(ada.id, true).await.unwrap();
    assert!(engine.authenticate(&token).await.is_err(), "the old session does not come back");
    let token = engine.login("ada@example.com", PASSWORD).await.unwrap().token;
    let ends = AccountWants::default().with_ends_sessions(true);
    engine.administer_account(&Actor::Operator, ada.id, ends).await.unwrap();
    assert!(engine.authenticate(&token).await.is_err());
    let lines = engine.account_audit(&Actor::Operator, ada.id, PageRequest::default()).await.unwrap().items;
    let actions: Vec<&str> = lines.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["account.disabled", "account.enabled", "account.sessions_ended"]);
    assert!(lines.iter().all(|line| line.actor == Actor::Operator && line.reason.is_empty()));
    assert_eq!(Actor::Operator.to_string(), "operator");
}

#[tokio::test]
async fn the_last_administrator_stays_and_wrong_input_is_explained() {
    let engine = engine();
    let ada = register(&engine, "ada").await;
    engine.set_role(ada.id, Role::Admin).await.unwrap();
    let is_last = |outcome| matches!(outcome, Err(Error::Refused(Refusal::LastAdmin)));
    assert!(is_last(engine.set_role(ada.id, Role::Member).await));
    assert!(is_last(engine.set_active(ada.id, false).await));
    let try_reason = async |wants: AccountWants, reason: &str| {
        engine.administer_account(&Actor::Operator, ada.id, wants.with_reason(Some(reason.to_owned()))).await
    };
    let off = || AccountWants::default().with_is_active(false);
    assert_eq!(faults(try_reason(off(), &"x".repeat(501)).await), ["reason"]);
    assert_eq!(faults(try_reason(off(), "a\u{7}b").await), ["reason"]);
    assert_eq!(faults(try_reason(AccountWants::default().with_is_active(true), "Spam").await), ["reason"]);
    assert!(try_reason(AccountWants::default(), " ").await.is_ok(), "no reason");
    let find = async |text: String, page: PageRequest| {
        let filter = AccountFilter::default().with_text(text);
        engine.search_accounts(&Actor::Operator, &filter, page).await
    };
    assert_eq!(faults(find("x".repeat(201), PageRequest::default()).await), ["query"]);
    assert_eq!(faults(find("a\0b".to_owned(), PageRequest::default()).await), ["query"]);
    assert_eq!(faults(find("a".to_owned(), PageRequest::default().with_limit(1001)).await), ["limit"]);
    assert_eq!(find(" A".to_owned(), PageRequest::default()).await.unwrap().items.len(), 1);
    let nobody = engine.set_active(AccountId(99), false).await;
    assert!(matches!(nobody, Err(Error::NotFound("Account"))));
}

#[tokio::test]
async fn an_address_that_the_application_has_verified_is_marked() {
    let engine = engine();
    let ada = register(&engine, "ada").await;
    assert!(!ada.is_verified);
    for _ in 0..2 {
        let marked = engine.mark_verified(ada.id).await.unwrap();
        assert_eq!((marked.is_verified, marked.updated_at), (true, ada.updated_at));
    }
    assert!(matches!(engine.mark_verified(AccountId(99)).await, Err(Error::NotFound("Account"))));
}
