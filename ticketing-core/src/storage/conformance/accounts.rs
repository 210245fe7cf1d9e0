use super::races::at_once;
use super::shop::{Shop, newcomer, only};
use crate::domain::account::{
    Account, AccountChange, AccountFilter, AccountKey, AccountWants, AdministerAccount, Administered, ChangeAccount,
    FindAccount, ListAuditOfAccount, Role, SearchAccounts,
};
use crate::domain::audit::{Actor, AuditLine};
use crate::domain::id::AccountId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::EmailAddress;
use crate::domain::principal::Principal;
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
        let changed = administer(&shop, account.id, wants().with_is_active(false)).await.unwrap().unwrap().account;
        assert_eq!((changed.email.as_str(), changed.is_active), (spelling, false));
        assert_eq!(shop.storage.account(&AccountKey::Id(account.id)).await.unwrap(), Some(changed));
    }
    for spelling in &spellings[..2] {
        let third = only(shop.storage.apply(shop.now(), &[newcomer(spelling, None)]).await);
        assert!(third == Err(Refusal::EmailTaken), "there is no third account for it");
    }
}

type Outcome = Result<Option<Administered>, Refusal>;

fn wants() -> AccountWants {
    AccountWants::default()
}

async fn administer(shop: &Shop, id: AccountId, wants: AccountWants) -> Outcome {
    let administer = AdministerAccount { id, actor: Actor::Operator, wants };
    shop.storage.apply_one(shop.now(), administer).await.unwrap()
}

/// Makes an account what it shall be, which must be a change.
async fn made(shop: &Shop, id: AccountId, wants: AccountWants) -> Account {
    let Administered { account, is_changed } = administer(shop, id, wants).await.unwrap().unwrap();
    assert!(is_changed);
    assert!(shop.storage.account(&AccountKey::Id(id)).await.unwrap() == Some(account.clone()));
    account
}

async fn admin(shop: &Shop, address: &str) -> Account {
    let account = shop.register(address).await;
    made(shop, account.id, wants().with_role(Role::Admin)).await
}

async fn audit(shop: &Shop, id: AccountId) -> Vec<AuditLine> {
    shop.storage.find(ListAuditOfAccount { id, page: PageRequest::default() }).await.unwrap().items
}

/// The active administrators, as they are stored.
async fn acting(shop: &Shop) -> Vec<AccountId> {
    let filter = AccountFilter::default().with_role(Role::Admin).with_is_active(true);
    let found = shop.storage.find(SearchAccounts { filter, page: PageRequest::default() }).await.unwrap();
    found.items.iter().map(|account| account.id).collect()
}

pub async fn disabling_an_account_ends_its_sessions_for_good(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    shop.wait(SignedDuration::from_micros(1));
    let spam = wants().with_is_active(false).with_reason(Some("Spam".to_owned()));
    let off = made(&shop, ada.id, spam.clone()).await;
    assert!(!off.is_active && off.updated_at == shop.now() && off.created_at == ada.created_at);
    assert_eq!((off.sessions_ended, off.disabled_reason.as_deref()), (1, Some("Spam")));
    // Another reason replaces the first. It ends no sessions, of which there are none.
    let other = made(&shop, ada.id, wants().with_is_active(false).with_reason(Some("Fraud".to_owned()))).await;
    assert_eq!((other.sessions_ended, other.disabled_reason.as_deref()), (1, Some("Fraud")));
    let kept = administer(&shop, ada.id, wants().with_is_active(false)).await.unwrap().unwrap();
    assert!(!kept.is_changed && kept.account == other, "a reason that is not named stays");
    let on = made(&shop, ada.id, wants().with_is_active(true)).await;
    assert!(on.is_active && on.disabled_reason.is_none(), "the reason is not kept any longer");
    assert_eq!(on.sessions_ended, 1, "the old sessions do not come back");
}

pub async fn an_administrator_is_made_and_demoted(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (shop.register("ada@example.com").await, admin(&shop, "bob@example.com").await);
    shop.wait(SignedDuration::from_micros(1));
    let promoted = made(&shop, ada.id, wants().with_role(Role::Admin)).await;
    let expected = Account { role: Role::Admin, updated_at: shop.now(), ..ada.clone() };
    assert!(promoted == expected, "nothing else changes");
    assert_eq!(acting(&shop).await, [ada.id, bob.id]);
    // All at once: one call, one decision.
    let gone = made(&shop, bob.id, wants().with_role(Role::Member).with_is_active(false)).await;
    assert_eq!((gone.role, gone.is_active, gone.sessions_ended), (Role::Member, false, 1));
    assert_eq!(acting(&shop).await, [ada.id]);
}

pub async fn the_last_active_administrator_is_neither_demoted_nor_disabled(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (admin(&shop, "ada@example.com").await, admin(&shop, "bob@example.com").await);
    let member = shop.register("cy@example.com").await;
    // A disabled administrator does not count.
    made(&shop, bob.id, wants().with_is_active(false)).await;
    let lines = audit(&shop, ada.id).await.len();
    for wanted in [
        wants().with_role(Role::Member),
        wants().with_is_active(false).with_reason(Some("Gone".to_owned())),
        wants().with_role(Role::Member).with_is_active(false).with_ends_sessions(true),
    ] {
        assert!(administer(&shop, ada.id, wanted).await == Err(Refusal::LastAdmin));
    }
    assert!(shop.storage.account(&AccountKey::Id(ada.id)).await.unwrap() == Some(ada.clone()), "nothing has changed");
    assert_eq!(audit(&shop, ada.id).await.len(), lines);
    // It is about administrators who act: others can be demoted and disabled, and so can the last one once there is another.
    made(&shop, bob.id, wants().with_role(Role::Member)).await;
    made(&shop, member.id, wants().with_is_active(false)).await;
    made(&shop, ada.id, wants().with_ends_sessions(true)).await;
    made(&shop, bob.id, wants().with_role(Role::Admin).with_is_active(true)).await;
    made(&shop, ada.id, wants().with_is_active(false)).await;
    assert!(administer(&shop, bob.id, wants().with_role(Role::Member)).await == Err(Refusal::LastAdmin));
}

pub async fn later_items_see_which_administrators_are_left(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (admin(&shop, "ada@example.com").await, shop.register("bob@example.com").await);
    let item = |id, role| AdministerAccount { id, actor: Actor::Operator, wants: wants().with_role(role) };
    let items =
        [item(ada.id, Role::Member), item(bob.id, Role::Admin), item(ada.id, Role::Member), item(bob.id, Role::Member)];
    let outcomes = shop.storage.apply(shop.now(), &items).await.unwrap();
    let refused: Vec<bool> = outcomes.iter().map(|outcome| *outcome == Err(Refusal::LastAdmin)).collect();
    assert_eq!(refused, [true, false, false, true]);
    assert_eq!(acting(&shop).await, [bob.id]);
}

pub async fn what_is_so_already_is_no_change_and_no_line_of_the_audit_log(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (admin(&shop, "ada@example.com").await, shop.register("bob@example.com").await);
    shop.wait(SignedDuration::from_mins(1));
    for (account, wanted) in [
        (&ada, wants()),
        (&ada, wants().with_role(Role::Admin).with_is_active(true)),
        (&bob, wants().with_role(Role::Member)),
        // There is no reason for what is not disabled.
        (&bob, wants().with_reason(Some("Spam".to_owned()))),
    ] {
        let lines = audit(&shop, account.id).await.len();
        let done = administer(&shop, account.id, wanted).await.unwrap().unwrap();
        assert!(!done.is_changed && done.account == *account, "also the time of the last change");
        assert_eq!(audit(&shop, account.id).await.len(), lines);
    }
}

pub async fn each_change_of_an_account_is_a_line_of_the_audit_log_without_free_text(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (admin(&shop, "ada@example.com").await, shop.register("bob@example.com").await);
    let by_ada = Actor::Person(Principal::Account(ada.id));
    let mut expected = vec![];
    for (wanted, lines) in [
        (wants().with_role(Role::Admin), &[("account.promoted", "member", "admin")][..]),
        (wants().with_ends_sessions(true), &[("account.sessions_ended", "0", "1")]),
        (
            wants().with_role(Role::Member).with_is_active(false).with_reason(Some("Sells Spam".to_owned())),
            &[("account.demoted", "admin", "member"), ("account.disabled", "active", "disabled")],
        ),
        (wants().with_is_active(false).with_reason(Some("Sells Ham".to_owned())), &[]),
        (wants().with_is_active(true), &[("account.enabled", "disabled", "active")]),
    ] {
        shop.wait(SignedDuration::from_secs(1));
        let administer = AdministerAccount { id: bob.id, actor: by_ada.clone(), wants: wanted };
        shop.storage.apply_one(shop.now(), administer).await.unwrap().unwrap();
        expected.extend(lines.iter().map(|line| (shop.now(), *line)));
    }
    let lines = audit(&shop, bob.id).await;
    let found: Vec<_> = lines
        .iter()
        .map(|line| {
            let (before, after) = (line.before.as_deref().unwrap(), line.after.as_deref().unwrap());
            (line.at, (line.action.as_str(), before, after))
        })
        .collect();
    assert_eq!(found, expected);
    for line in &lines {
        assert_eq!((&line.actor, line.subject, line.reason.as_str()), (&by_ada, bob.id.into(), ""));
        let text = serde_json::to_string(line).unwrap();
        for word in ["Sells", "bob", "ada", "example.com", "Obi"] {
            assert!(!text.contains(word), "{text}");
        }
    }
    // In pages, and of this account only.
    let page = PageRequest::default().with_skip(1).with_limit(2).with_count(true);
    let found = shop.storage.find(ListAuditOfAccount { id: bob.id, page }).await.unwrap();
    assert_eq!(found, Page::new(lines[1..3].to_vec(), true, Some(5)));
    let by: Vec<Actor> = audit(&shop, ada.id).await.into_iter().map(|line| line.actor).collect();
    assert_eq!(by, [Actor::Operator]);
}

pub async fn an_account_that_does_not_exist_is_not_administered(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let nobody = AccountId(shop.register("ada@example.com").await.id.0 + 1);
    for wanted in [wants().with_is_active(false), wants().with_role(Role::Admin), wants().with_ends_sessions(true)] {
        assert!(administer(&shop, nobody, wanted).await == Ok(None));
    }
    assert!(audit(&shop, nobody).await.is_empty());
}

pub async fn accounts_are_found_by_text_role_and_status(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let mut ids = vec![];
    for (address, username, name) in [
        ("Ada@example.com", Some("Lovelace"), "Ada Obi"),
        ("bob@example.org", None, "Bob 100%"),
        ("jörg@exämple.de", Some("JÖ_1"), "Jörg Ünal"),
        ("dee@example.com", None, "Dee"),
    ] {
        let mut new = newcomer(address, username);
        new.name = name.to_owned();
        ids.push(only(shop.storage.apply(shop.now(), &[new]).await).unwrap().id);
    }
    made(&shop, ids[1], wants().with_role(Role::Admin)).await;
    made(&shop, ids[3], wants().with_role(Role::Admin).with_is_active(false)).await;
    let find = async |filter: AccountFilter, page: PageRequest| {
        let found = shop.storage.find(SearchAccounts { filter, page }).await.unwrap();
        let at = |id| ids.iter().position(|known| *known == id).unwrap();
        (found.items.iter().map(|account| at(account.id)).collect::<Vec<_>>(), found.more, found.total)
    };
    let all = || AccountFilter::default();
    let text = |text: &str| all().with_text(text.to_owned());
    for (filter, expected) in [
        (all(), &[0, 1, 2, 3][..]),
        // Addresses and user names in any case and script; names as they are written.
        (text("ADA@EX"), &[0]),
        (text("loveLACE"), &[0]),
        (text("example.com"), &[0, 3]),
        (text("EXÄMPLE"), &[2]),
        (text("jö"), &[2]),
        (text("Ünal"), &[2]),
        (text("ünal"), &[]),
        // No wildcards.
        (text("%"), &[1]),
        (text("_"), &[2]),
        (text("*"), &[]),
        (all().with_role(Role::Admin), &[1, 3]),
        (all().with_role(Role::Member), &[0, 2]),
        (all().with_is_active(false), &[3]),
        (all().with_is_active(true), &[0, 1, 2]),
        (all().with_role(Role::Admin).with_is_active(true), &[1]),
        (text("example.com").with_role(Role::Admin), &[3]),
        (text("example.com").with_role(Role::Admin).with_is_active(true), &[]),
    ] {
        assert_eq!(find(filter.clone(), PageRequest::default()).await.0, expected, "{filter:?}");
    }
    let page = PageRequest::default().with_skip(1).with_limit(2).with_count(true);
    assert_eq!(find(all(), page).await, (vec![1, 2], true, Some(4)));
    assert_eq!(find(all(), page.with_skip(2)).await, (vec![2, 3], false, Some(4)));
}

pub async fn an_address_is_verified_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let verify = async || {
        let change = ChangeAccount { id: ada.id, change: AccountChange::Verified };
        shop.storage.apply_one(shop.now(), change).await.unwrap().unwrap()
    };
    shop.wait(SignedDuration::from_mins(1));
    let verified = verify().await;
    assert!(verified == Account { is_verified: true, updated_at: shop.now(), ..ada.clone() });
    shop.wait(SignedDuration::from_mins(1));
    assert!(verify().await == verified, "a repeat changes nothing");
    assert!(shop.storage.account(&AccountKey::Id(ada.id)).await.unwrap() == Some(verified));
}

pub async fn of_two_administrators_who_demote_each_other_one_stays(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (admin(&shop, "ada@example.com").await.id, admin(&shop, "bob@example.com").await.id);
    for _ in 0..10 {
        let outcomes = at_once(2, |index| {
            let (shop, [actor, id]) = (Arc::clone(&shop), if index == 0 { [ada, bob] } else { [bob, ada] });
            let actor = Actor::Person(Principal::Account(actor));
            let demote = AdministerAccount { id, actor, wants: wants().with_role(Role::Member) };
            async move { shop.storage.apply_one(shop.now(), demote).await.unwrap() }
        });
        let outcomes = outcomes.await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(Refusal::LastAdmin)).count(), 1);
        let left = acting(&shop).await;
        assert_eq!(left.len(), 1, "one stays");
        let other = if left == [ada] { bob } else { ada };
        made(&shop, other, wants().with_role(Role::Admin)).await;
    }
}

pub async fn of_eight_administrators_who_take_each_others_rights_one_stays(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let mut admins = vec![];
    for index in 0..8 {
        admins.push(admin(&shop, &format!("admin{index}@example.com")).await.id);
    }
    for _ in 0..5 {
        let outcomes = at_once(8, |index| {
            let (shop, id, actor) = (Arc::clone(&shop), admins[(index + 3) % 8], admins[index]);
            // Some are demoted, some disabled.
            let wanted = if index % 2 == 0 { wants().with_role(Role::Member) } else { wants().with_is_active(false) };
            let take = AdministerAccount { id, actor: Actor::Person(Principal::Account(actor)), wants: wanted };
            async move { shop.storage.apply_one(shop.now(), take).await.unwrap() }
        });
        let outcomes = outcomes.await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(Refusal::LastAdmin)).count(), 1);
        let left = acting(&shop).await;
        assert_eq!(left.len(), 1, "one stays");
        for id in admins.iter().filter(|id| **id != left[0]) {
            made(&shop, *id, wants().with_role(Role::Admin).with_is_active(true)).await;
        }
    }
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
