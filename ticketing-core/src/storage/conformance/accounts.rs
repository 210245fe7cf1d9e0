use super::shop::{Shop, newcomer, only};
use crate::domain::account::ChangeAccount;
use crate::domain::account::FindAccount;
use crate::domain::account::{AccountChange, AccountKey, Role};
use crate::domain::id::AccountId;
use crate::domain::principal::EmailAddress;
use crate::domain::refusal::Refusal;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;

pub async fn an_account_is_found_by_id_address_and_user_name(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let new = newcomer("Ada@Example.com", Some("Ádá"));
    let made = only(shop.storage.apply(shop.now(), std::slice::from_ref(&new)).await).unwrap();
    assert_eq!((made.created_at, made.updated_at), (shop.now(), shop.now()));
    assert_eq!((&made.email, &made.name, &made.username), (&new.email, &new.name, &new.username));
    assert_eq!((&made.phone, &made.password_hash, made.role), (&new.phone, &new.password_hash, Role::Member));
    assert!(made.is_active && !made.is_verified);
    for key in [
        AccountKey::Id(made.id),
        AccountKey::Email("Ada@Example.com".parse().unwrap()),
        AccountKey::Email("aDA@example.COM".parse().unwrap()),
        AccountKey::Username("Ádá".to_owned()),
        AccountKey::Username("áDÁ".to_owned()),
    ] {
        assert!(shop.storage.account(&key).await.unwrap() == Some(made.clone()), "{key:?}");
    }
    for key in [
        AccountKey::Id(AccountId(made.id.0 + 1)),
        AccountKey::Email("bob@example.com".parse().unwrap()),
        AccountKey::Username("ada".to_owned()),
        AccountKey::Username("%".to_owned()),
    ] {
        assert!(shop.storage.account(&key).await.unwrap().is_none(), "{key:?}");
    }
}

pub async fn accounts_are_found_together_by_any_key(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let new = [newcomer("ada@example.com", Some("Ada")), newcomer("bob@example.com", None)];
    let made = shop.storage.apply(shop.now(), &new).await.unwrap();
    let [ada, bob] = <[_; 2]>::try_from(made).unwrap().map(Result::unwrap);
    let keys = [
        AccountKey::Email("BOB@example.com".parse().unwrap()),
        AccountKey::Id(ada.id),
        AccountKey::Id(AccountId(ada.id.0 + bob.id.0 + 1)),
        AccountKey::Username("aDA".to_owned()),
        AccountKey::Id(bob.id),
        AccountKey::Id(ada.id),
    ];
    let found = shop.storage.find_all(&keys.clone().map(FindAccount)).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|account| account.map(|account| account.id)).collect();
    assert_eq!(found, [Some(bob.id), Some(ada.id), None, Some(ada.id), Some(bob.id), Some(ada.id)]);
    assert!(shop.storage.find_all::<FindAccount>(&[]).await.unwrap().is_empty());
}

pub async fn a_taken_address_or_user_name_is_refused_in_any_case(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let first = [newcomer("ada@example.com", Some("Ada")), newcomer("bob@example.com", None)];
    assert!(shop.storage.apply(shop.now(), &first).await.unwrap().iter().all(Result::is_ok));
    let second = [
        newcomer("ADA@example.com", Some("other")),
        newcomer("cy@example.com", Some("aDA")),
        // Accounts without a user name never collide.
        newcomer("dee@example.com", None),
    ];
    let outcomes = shop.storage.apply(shop.now(), &second).await.unwrap();
    assert!(outcomes[0] == Err(Refusal::EmailTaken));
    assert!(outcomes[1] == Err(Refusal::UsernameTaken));
    assert!(outcomes[2].is_ok());
    // A refused registration takes neither the address nor the user name.
    let third = [newcomer("cy@example.com", Some("other"))];
    assert!(only(shop.storage.apply(shop.now(), &third).await).is_ok());
}

pub async fn the_spellings_of_an_address_and_of_a_user_name_are_one_account(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let first = [newcomer("twin@exämple.de", Some("José")), newcomer("jörg@example.com", None)];
    let made = shop.storage.apply(shop.now(), &first).await.unwrap();
    assert!(made.iter().all(Result::is_ok));
    for email in ["twin@xn--exmple-cua.de", "TWIN@exa\u{308}mple.de", "jo\u{308}rg@ｅxample.com"] {
        let taken = only(shop.storage.apply(shop.now(), &[newcomer(email, None)]).await);
        assert!(taken == Err(Refusal::EmailTaken), "{email}");
        let found = shop.storage.account(&AccountKey::Login(email.to_owned())).await.unwrap();
        assert!(found.is_some(), "{email}");
        assert_eq!(shop.storage.account(&AccountKey::Email(email.parse().unwrap())).await.unwrap(), found);
    }
    let again = only(shop.storage.apply(shop.now(), &[newcomer("cy@example.com", Some("JOSE\u{301}"))]).await);
    assert!(again == Err(Refusal::UsernameTaken));
    for name in ["josé", " JOSE\u{301} "] {
        let found = shop.storage.account(&AccountKey::Login(name.to_owned())).await.unwrap();
        assert!(found.is_some_and(|account| account.email.as_str() == "twin@exämple.de"), "{name}");
    }
    assert!(shop.storage.account(&AccountKey::Login("jose".to_owned())).await.unwrap().is_none());
}

/// They were made before spellings were made one.
pub async fn accounts_whose_addresses_are_spellings_of_one_mailbox_keep_working(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let spellings = ["twin@ｅxample.com", "twin@example.com", "alone@ｅxample.org"];
    let mut made = vec![];
    for spelling in spellings {
        let mut new = newcomer("somebody@example.com", None);
        new.email = EmailAddress::as_stored(spelling).unwrap();
        let account = only(shop.storage.apply(shop.now(), &[new]).await).unwrap();
        assert_eq!(account.email.as_str(), spelling);
        made.push(account);
    }
    assert_eq!(shop.storage.look_alikes().await.unwrap(), [[made[0].id, made[1].id]]);
    for (account, spelling) in made.iter().zip(spellings) {
        for typed in [spelling.to_owned(), spelling.to_uppercase(), format!(" {spelling}")] {
            let found = shop.storage.account(&AccountKey::Login(typed.clone())).await.unwrap();
            assert_eq!(found.map(|account| account.id), Some(account.id), "{typed}");
        }
        let change = AccountChange::Active(false);
        let changed =
            shop.storage.apply_one(shop.now(), ChangeAccount { id: account.id, change }).await.unwrap().unwrap();
        assert_eq!((changed.email.as_str(), changed.is_active), (spelling, false));
        assert_eq!(shop.storage.account(&AccountKey::Id(account.id)).await.unwrap(), Some(changed));
    }
    for spelling in &spellings[..2] {
        let third = only(shop.storage.apply(shop.now(), &[newcomer(spelling, None)]).await);
        assert!(third == Err(Refusal::EmailTaken), "there is no third account for it");
    }
}

pub async fn an_account_is_switched_off_and_given_a_role(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let made = shop.register("ada@example.com").await;
    shop.wait(SignedDuration::from_micros(1));
    let off = shop
        .storage
        .apply_one(shop.now(), ChangeAccount { id: made.id, change: AccountChange::Active(false) })
        .await
        .unwrap()
        .unwrap();
    assert!(!off.is_active && off.updated_at == shop.now() && off.created_at == made.created_at);
    let admin = AccountChange::Role(Role::Admin);
    let admin = shop
        .storage
        .apply_one(shop.now(), ChangeAccount { id: made.id, change: admin.clone() })
        .await
        .unwrap()
        .unwrap();
    assert!(admin.role == Role::Admin && !admin.is_active);
    assert!(shop.storage.account(&AccountKey::Id(made.id)).await.unwrap() == Some(admin));
    let nobody = AccountId(made.id.0 + 1);
    assert!(
        shop.storage
            .apply_one(shop.now(), ChangeAccount { id: nobody, change: AccountChange::Active(false) })
            .await
            .unwrap()
            .is_none()
    );
}

pub async fn a_password_changes_only_if_no_other_call_changed_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let made = shop.register("ada@example.com").await;
    let change = |seen: &str, hash: &str| AccountChange::PasswordHash { seen: seen.to_owned(), hash: hash.to_owned() };
    let change = async |seen: &str, hash: &str| {
        let changed =
            shop.storage.apply_one(shop.now(), ChangeAccount { id: made.id, change: change(seen, hash) }).await;
        changed.unwrap().unwrap().password_hash
    };
    assert_eq!(change(&made.password_hash, "second").await, "second");
    assert_eq!(change(&made.password_hash, "third").await, "second", "made from a hash that is no more");
    assert_eq!(change("second", "third").await, "third");
}

pub async fn sessions_are_ended_by_a_new_password_and_on_request(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let made = shop.register("ada@example.com").await;
    assert_eq!(made.sessions_ended, 0);
    let change = async |change: AccountChange| {
        let changed = shop.storage.apply_one(shop.now(), ChangeAccount { id: made.id, change: change.clone() }).await;
        changed.unwrap().unwrap().sessions_ended
    };
    let (seen, hash) = (made.password_hash.clone(), "second".to_owned());
    assert_eq!(change(AccountChange::PasswordHash { seen: seen.clone(), hash: hash.clone() }).await, 0);
    assert_eq!(
        change(AccountChange::NewPassword { seen, hash: "late".to_owned() }).await,
        0,
        "of a hash that is no more"
    );
    assert_eq!(change(AccountChange::NewPassword { seen: hash, hash: "third".to_owned() }).await, 1);
    assert_eq!(change(AccountChange::EndSessions).await, 2);
    assert_eq!(change(AccountChange::EndSessions).await, 3);
    let kept = shop.storage.account(&AccountKey::Id(made.id)).await.unwrap().unwrap();
    assert_eq!((kept.sessions_ended, kept.password_hash.as_str()), (3, "third"));
}
