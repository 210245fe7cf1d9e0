//! API keys.

use super::organisations::{only_events, person};
use super::races::at_once;
use super::shop::{Shop, external, granted};
use crate::domain::access::{Permission, Permissions};
use crate::domain::account::{Account, AccountWants, AdministerAccount, ListAuditOfAccount, Role};
use crate::domain::api_key::{
    ApiKey, ApiKeyWants, DEFAULT_LIFETIME, FindApiKey, KeysOf, ListApiKeys, MAX_API_KEYS, MAX_LIFETIME, MakeApiKey,
    ManageApiKey, SCANNER_OUTLASTS, TouchApiKey, USE_IS_KNOWN_TO,
};
use crate::domain::audit::Actor;
use crate::domain::check_in::{AnnulScan, Scan};
use crate::domain::event::{Event, NewEvent};
use crate::domain::id::{ApiKeyId, OrganisationId};
use crate::domain::organisation::{MemberEvents, MemberRole, MemberWants};
use crate::domain::page::PageRequest;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const ALL: MemberEvents = MemberEvents::All;
const MOMENT: SignedDuration = SignedDuration::from_micros(1);
const DOOR: Permissions = Permissions::of(&[Permission::Door]);
const MANAGED: Permissions = Permissions::of(&[Permission::View, Permission::Edit, Permission::Manage]);

impl Shop {
    pub(super) fn key_of(&self, maker: &Account, permissions: Permissions) -> MakeApiKey {
        MakeApiKey {
            maker: maker.id,
            organisation_id: None,
            name: "Gate".to_owned(),
            hash: format!("{:064x}", self.number()),
            permissions,
            events: ALL,
            expires_at: None,
        }
    }

    pub(super) async fn make(&self, key: MakeApiKey) -> Result<ApiKey, Refusal> {
        self.storage.apply_one(self.now(), key).await.unwrap()
    }

    async fn key(&self, id: ApiKeyId) -> Option<(ApiKey, Account)> {
        self.storage.find(FindApiKey(id)).await.unwrap()
    }

    async fn manage(&self, actor: &Actor, id: ApiKeyId, wants: ApiKeyWants) -> Result<ApiKey, Refusal> {
        self.storage.apply_one(self.now(), ManageApiKey { id, actor: actor.clone(), wants }).await.unwrap()
    }

    async fn keys(&self, of: KeysOf) -> Vec<ApiKeyId> {
        let page = PageRequest { limit: 1000, count: true, ..PageRequest::default() };
        let found = self.storage.find(ListApiKeys { of, page }).await.unwrap();
        // Nothing is counted of what the scope does not cover.
        assert!(found.total.is_none_or(|total| total == found.items.len() as u64), "{found:?}");
        found.items.into_iter().map(|(key, _)| key.id).collect()
    }

    /// What a key may act on now.
    pub(super) async fn scope_of(&self, key: &ApiKey, permission: Permission) -> Scope {
        let (key, maker) = self.key(key.id).await.unwrap();
        Scope::of_key(&key, &maker, permission)
    }
}

fn of(organisation: OrganisationId, key: MakeApiKey) -> MakeApiKey {
    MakeApiKey { organisation_id: Some(organisation), ..key }
}

fn only(events: &[&Event], key: MakeApiKey) -> MakeApiKey {
    MakeApiKey { events: only_events(events), ..key }
}

pub async fn a_key_reads_back_with_its_maker(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bola) = (shop.verified("ada@example.com").await, shop.register("bola@example.com").await);
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    let ada = shop.stored(&ada).await;
    let wanted = only(&[&event], of(band.id, shop.key_of(&ada, MANAGED)));
    let key = granted(shop.make(wanted.clone()).await);
    let expected = ApiKey {
        id: key.id,
        maker: ada.id,
        organisation_id: Some(band.id),
        name: "Gate".to_owned(),
        hash: wanted.hash.clone(),
        permissions: MANAGED,
        events: only_events(&[&event]),
        created_at: shop.now(),
        expires_at: shop.now() + DEFAULT_LIFETIME,
        last_used_at: None,
        revoked_at: None,
    };
    assert_eq!(key, expected);
    let other = granted(shop.make(shop.key_of(&bola, DOOR)).await);
    let nobodys = ApiKeyId(other.id.0 + 7);
    // Many callers ask at once.
    let found = shop.storage.find_all(&[other.id, nobodys, key.id].map(FindApiKey)).await.unwrap();
    assert_eq!(found, [Some((other.clone(), bola.clone())), None, Some((key.clone(), ada.clone()))]);
    assert_eq!(shop.keys(KeysOf::Maker(ada.id)).await, [key.id]);
    let second = granted(shop.make(wanted).await);
    assert_ne!(second.id, key.id, "a repeat makes another");
    assert_eq!(shop.keys(KeysOf::Maker(ada.id)).await, [second.id, key.id], "the newest first");
    let band_scope = Scope::own(&Principal::Organisation(band.id));
    assert_eq!(shop.keys(KeysOf::Organisation(band_scope.clone(), band.id)).await, [second.id, key.id]);
    assert_eq!(shop.keys(KeysOf::Organisation(Scope::own(&external("else")), band.id)).await, []);
    granted(shop.manage(&person(&ada), key.id, ApiKeyWants::Revoked).await);
    assert_eq!(shop.keys(KeysOf::Organisation(band_scope, band.id)).await, [second.id], "without revoked ones");
}

pub async fn a_key_works_until_it_is_revoked_or_expires(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let lasts = SignedDuration::from_hours(2);
    let expires_at = Some(shop.now() + lasts);
    let key = granted(shop.make(MakeApiKey { expires_at, ..shop.key_of(&ada, DOOR) }).await);
    let revoked = granted(shop.make(shop.key_of(&ada, DOOR)).await);
    assert!(key.is_open(shop.now()));
    shop.wait(MOMENT);
    let gone = granted(shop.manage(&person(&ada), revoked.id, ApiKeyWants::Revoked).await);
    assert_eq!((gone.revoked_at, gone.is_open(shop.now())), (Some(shop.now()), false));
    assert_eq!(shop.key(revoked.id).await.unwrap().0, gone);
    shop.wait(MOMENT);
    assert_eq!(granted(shop.manage(&person(&ada), revoked.id, ApiKeyWants::Revoked).await), gone, "a repeat");
    shop.wait(lasts - MOMENT * 3);
    assert!(shop.key(key.id).await.unwrap().0.is_open(shop.now()));
    shop.wait(MOMENT);
    assert!(!shop.key(key.id).await.unwrap().0.is_open(shop.now()), "it has expired");
}

pub async fn a_key_is_revoked_by_those_who_may_and_unknown_to_others(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    let [manager, viewer] =
        [shop.member(&band, MemberRole::Manager, ALL).await, shop.member(&band, MemberRole::Viewer, ALL).await];
    let of_one = shop.member(&band, MemberRole::Manager, only_events(&[&event])).await;
    let stranger = shop.verified("stranger@example.com").await;
    let admin = shop.verified("admin@example.com").await;
    let wants = AccountWants::default().with_role(Role::Admin);
    let promote = AdministerAccount { id: admin.id, actor: Actor::Operator, wants };
    shop.storage.apply_one(shop.now(), promote).await.unwrap().unwrap().unwrap();
    let make = async || granted(shop.make(of(band.id, shop.key_of(&ada, DOOR))).await);
    for actor in [&stranger, &viewer, &of_one] {
        let key = make().await;
        for wants in [ApiKeyWants::Revoked, ApiKeyWants::TakenOver] {
            assert_eq!(shop.manage(&person(actor), key.id, wants).await, Err(Refusal::ApiKeyUnknown));
        }
        assert_eq!(shop.key(key.id).await.unwrap().0, key);
    }
    for actor in [person(&ada), person(&manager), person(&admin), Actor::Operator] {
        let key = make().await;
        granted(shop.manage(&actor, key.id, ApiKeyWants::Revoked).await);
        assert!(!shop.key(key.id).await.unwrap().0.is_open(shop.now()), "{actor}");
    }
    // A key of one person's own is nobody else's.
    let own = granted(shop.make(shop.key_of(&ada, DOOR)).await);
    assert_eq!(shop.manage(&person(&manager), own.id, ApiKeyWants::Revoked).await, Err(Refusal::ApiKeyUnknown));
    let nothing = ApiKeyId(own.id.0 + 9);
    assert_eq!(shop.manage(&Actor::Operator, nothing, ApiKeyWants::Revoked).await, Err(Refusal::ApiKeyUnknown));
    // A key acts for its maker on events, and on nothing else.
    let as_key = Actor::Person(own.principal());
    assert_eq!(shop.manage(&as_key, own.id, ApiKeyWants::Revoked).await, Err(Refusal::ApiKeyUnknown));
}

pub async fn nobody_gives_a_key_what_they_lack(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    let manager = shop.member(&band, MemberRole::Manager, ALL).await;
    let of_one = shop.member(&band, MemberRole::Manager, only_events(&[&event])).await;
    let door = shop.member(&band, MemberRole::Door, ALL).await;
    let stranger = shop.verified("stranger@example.com").await;
    granted(shop.make(of(band.id, shop.key_of(&manager, MANAGED))).await);
    let money = Permissions::of(&[Permission::View, Permission::Money]);
    for (maker, permissions, refusal) in [
        (&manager, money, Refusal::NotGranted),
        (&of_one, DOOR, Refusal::NotGranted),
        (&door, DOOR, Refusal::NotGranted),
        (&stranger, DOOR, Refusal::OrganisationUnknown),
    ] {
        assert_eq!(shop.make(of(band.id, shop.key_of(maker, permissions))).await, Err(refusal), "{permissions:?}");
    }
    granted(shop.make(of(band.id, shop.key_of(&ada, money))).await);
    // Of events of their own, everybody gives everything.
    granted(shop.make(shop.key_of(&stranger, Permissions::ALL)).await);
    let wants = AccountWants::default().with_is_active(false);
    let disable = AdministerAccount { id: stranger.id, actor: Actor::Operator, wants };
    shop.storage.apply_one(shop.now(), disable).await.unwrap().unwrap().unwrap();
    assert_eq!(shop.make(shop.key_of(&stranger, DOOR)).await, Err(Refusal::AccountUnknown));
}

pub async fn a_key_is_for_events_of_its_organiser(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let organisations = Principal::Organisation(band.id);
    let of_band = shop.event().organizer(&organisations).ending_in(SignedDuration::from_hours(30)).create().await;
    let later = shop.event().organizer(&organisations).ending_in(SignedDuration::from_hours(70)).create().await;
    let own = shop.event().organizer(&Principal::Account(ada.id)).create().await;
    let unknown = |event: &Event| Err(Refusal::EventUnknown { event_id: event.id });
    assert_eq!(shop.make(only(&[&own], of(band.id, shop.key_of(&ada, DOOR)))).await, unknown(&own));
    assert_eq!(shop.make(only(&[&of_band], shop.key_of(&ada, DOOR))).await, unknown(&of_band));
    let key = granted(shop.make(only(&[&own], shop.key_of(&ada, DOOR))).await);
    assert_eq!(key.organizer(), Principal::Account(ada.id));
    // A key for the door alone ends a day after the last event.
    let scanner = granted(shop.make(only(&[&later, &of_band], of(band.id, shop.key_of(&ada, DOOR)))).await);
    assert_eq!(scanner.expires_at, later.ends_at.unwrap() + SCANNER_OUTLASTS);
    let far = |new: &mut NewEvent| new.ends_at = Some("9999-12-30T12:00:00Z".parse().unwrap());
    let far = shop.event().organizer(&organisations).with(far).create().await;
    let long = granted(shop.make(only(&[&far], of(band.id, shop.key_of(&ada, DOOR)))).await);
    assert_eq!(long.expires_at, shop.now() + MAX_LIFETIME, "no key lasts longer");
    let view = Permissions::of(&[Permission::View, Permission::Door]);
    let other = granted(shop.make(only(&[&later], of(band.id, shop.key_of(&ada, view)))).await);
    assert_eq!(other.expires_at, shop.now() + DEFAULT_LIFETIME);
    let said = shop.now() + SignedDuration::from_hours(3);
    let wanted = only(&[&later], of(band.id, shop.key_of(&ada, DOOR)));
    let until = granted(shop.make(MakeApiKey { expires_at: Some(said), ..wanted }).await);
    assert_eq!(until.expires_at, said);
}

pub async fn a_key_may_what_it_was_given_and_its_maker_may(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let organisation = Principal::Organisation(band.id);
    let events = [
        shop.event().organizer(&organisation).create().await,
        shop.event().organizer(&organisation).create().await,
        shop.event().organizer(&Principal::Account(ada.id)).create().await,
        shop.event().create().await,
    ];
    let covered = async |key: &ApiKey, permission: Permission| {
        let scope = shop.scope_of(key, permission).await;
        events.each_ref().map(|event| scope.covers(event))
    };
    let manager = shop.member(&band, MemberRole::Manager, ALL).await;
    let all = granted(shop.make(of(band.id, shop.key_of(&manager, MANAGED))).await);
    let one = granted(shop.make(only(&[&events[1]], of(band.id, shop.key_of(&manager, MANAGED)))).await);
    let own = granted(shop.make(shop.key_of(&ada, MANAGED)).await);
    assert_eq!(covered(&all, Permission::Edit).await, [true, true, false, false]);
    assert_eq!(covered(&one, Permission::Edit).await, [false, true, false, false]);
    // Also what its maker may do elsewhere is not the key's.
    assert_eq!(covered(&own, Permission::Edit).await, [false, false, true, false]);
    for key in [&all, &one, &own] {
        assert_eq!(covered(key, Permission::Orders).await, [false; 4], "it was not given");
    }
    assert!(shop.scope_of(&all, Permission::View).await.covers_all_of(&organisation));
    assert!(!shop.scope_of(&one, Permission::View).await.covers_all_of(&organisation));
    // Its maker gets another role, for one event, and none.
    let set = async |wants| granted(shop.set(&Actor::Operator, band.id, manager.id, wants).await);
    set(MemberWants::Member(MemberRole::Viewer, ALL)).await;
    assert_eq!(covered(&all, Permission::Edit).await, [false; 4]);
    assert_eq!(covered(&all, Permission::View).await, [true, true, false, false]);
    set(MemberWants::Member(MemberRole::Manager, only_events(&[&events[0]]))).await;
    assert_eq!(covered(&all, Permission::Edit).await, [true, false, false, false]);
    assert_eq!(covered(&one, Permission::Edit).await, [false; 4]);
    set(MemberWants::Nothing).await;
    assert_eq!(covered(&all, Permission::View).await, [false; 4]);
    // Also an administrator's key has no more.
    let wants = AccountWants::default().with_role(Role::Admin);
    let promote = AdministerAccount { id: ada.id, actor: Actor::Operator, wants };
    shop.storage.apply_one(shop.now(), promote).await.unwrap().unwrap().unwrap();
    assert_eq!(covered(&own, Permission::Edit).await, [false, false, true, false]);
    // And that of a disabled account has none.
    let second = shop.verified("second@example.com").await;
    let of_second = shop.event().organizer(&Principal::Account(second.id)).create().await;
    let key = granted(shop.make(shop.key_of(&second, MANAGED)).await);
    assert!(shop.scope_of(&key, Permission::View).await.covers(&of_second));
    let disable = AdministerAccount {
        id: second.id,
        actor: Actor::Operator,
        wants: AccountWants::default().with_is_active(false),
    };
    shop.storage.apply_one(shop.now(), disable).await.unwrap().unwrap().unwrap();
    assert!(!shop.scope_of(&key, Permission::View).await.covers(&of_second));
}

pub async fn a_key_that_is_taken_over_outlives_its_makers_membership(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    let (owner, manager) =
        (shop.member(&band, MemberRole::Owner, ALL).await, shop.member(&band, MemberRole::Manager, ALL).await);
    let with_money = Permissions::of(&[Permission::Door, Permission::Money]);
    let key = granted(shop.make(of(band.id, shop.key_of(&owner, with_money))).await);
    let take = |who: &Account| {
        let (shop, actor) = (Arc::clone(&shop), person(who));
        async move { shop.manage(&actor, key.id, ApiKeyWants::TakenOver).await }
    };
    assert_eq!(take(&manager).await, Err(Refusal::NotGranted), "a manager lacks money");
    let taken = granted(take(&ada).await);
    assert_eq!((taken.maker, &taken.hash), (ada.id, &key.hash), "with the same token");
    assert_eq!(granted(take(&ada).await), taken, "a repeat changes nothing");
    granted(shop.set(&Actor::Operator, band.id, owner.id, MemberWants::Nothing).await);
    assert!(shop.scope_of(&taken, Permission::Door).await.covers(&event));
    assert_eq!(shop.keys(KeysOf::Maker(owner.id)).await, []);
    assert_eq!(shop.keys(KeysOf::Maker(ada.id)).await, [key.id]);
    granted(shop.manage(&person(&ada), key.id, ApiKeyWants::Revoked).await);
    let another = shop.member(&band, MemberRole::Owner, ALL).await;
    assert_eq!(take(&another).await, Err(Refusal::ApiKeyUnknown), "it was revoked");
}

pub async fn the_use_of_a_key_is_noted_once_an_hour(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let key = granted(shop.make(shop.key_of(&ada, DOOR)).await);
    let touch = async || {
        shop.storage.apply_one(shop.now(), TouchApiKey(key.id)).await.unwrap();
        shop.key(key.id).await.unwrap().0.last_used_at
    };
    let first = shop.now();
    assert_eq!(touch().await, Some(first));
    shop.wait(USE_IS_KNOWN_TO - MOMENT);
    assert_eq!(touch().await, Some(first));
    shop.wait(MOMENT);
    assert_eq!(touch().await, Some(shop.now()));
    shop.storage.apply_one(shop.now(), TouchApiKey(ApiKeyId(key.id.0 + 1))).await.unwrap();
}

pub async fn keys_made_at_once_stay_within_the_limit(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let soon = Some(shop.now() + MOMENT);
    let expiring = granted(shop.make(MakeApiKey { expires_at: soon, ..shop.key_of(&ada, DOOR) }).await);
    for _ in 0..MAX_API_KEYS - 5 {
        granted(shop.make(shop.key_of(&ada, DOOR)).await);
    }
    shop.wait(MOMENT);
    // One of them has expired, so four more are allowed, and one for it.
    let outcomes = at_once(8, |_| {
        let (shop, ada) = (Arc::clone(&shop), ada.clone());
        async move { shop.make(shop.key_of(&ada, DOOR)).await }
    });
    let outcomes = outcomes.await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5, "{outcomes:?}");
    assert!(outcomes.contains(&Err(Refusal::TooManyApiKeys { limit: MAX_API_KEYS.into() })));
    assert_eq!(shop.keys(KeysOf::Maker(ada.id)).await.len(), MAX_API_KEYS as usize);
    assert_eq!(shop.key(expiring.id).await.unwrap().0.revoked_at, soon, "it was put away");
}

pub async fn a_scan_by_a_key_names_the_key(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let event = shop.event().organizer(&Principal::Account(ada.id)).create().await;
    let key = granted(shop.make(only(&[&event], shop.key_of(&ada, DOOR))).await);
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let scope = shop.scope_of(&key, Permission::Door).await;
    let scan = Scan::new(ticket.code.clone(), "gate-1", key.principal()).with_scope(scope.clone());
    let admitted = granted(shop.scan(&scan).await);
    assert_eq!(admitted.by, Principal::Key { id: key.id, maker: ada.id });
    assert_eq!(granted(shop.scan(&scan).await), admitted, "a repeat reads the key back");
    let taken_over = Principal::Key { id: key.id, maker: 4711.into() };
    let retry = Scan::new(ticket.code.clone(), "gate-1", taken_over).with_scope(scope.clone());
    assert_eq!(granted(shop.scan(&retry).await), admitted, "a key is the same after it was taken over");
    let by_maker = Scan::new(ticket.code.clone(), "gate-1", ada.id);
    assert_eq!(shop.scan(&by_maker).await, Err(Refusal::NonceReused), "the maker is somebody else");
    let annul = AnnulScan { nonce: "gate-1".to_owned(), by: key.principal(), scope };
    let annulled = granted(shop.storage.apply_one(shop.now(), annul).await.unwrap());
    assert_eq!((annulled.by, annulled.annulled_at), (key.principal(), Some(shop.now())));
    let again = shop.storage.check_in_of(ticket.id).await.unwrap().unwrap();
    assert_eq!(again.by, key.principal());
    let by_person = Scan::new(ticket.code, "gate-2", ada.id);
    assert_eq!(granted(shop.scan(&by_person).await).by, Principal::Account(ada.id));
}

pub async fn what_becomes_of_a_key_is_in_the_audit_log(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let owner = shop.member(&band, MemberRole::Owner, ALL).await;
    let key = granted(shop.make(of(band.id, shop.key_of(&owner, MANAGED))).await);
    granted(shop.manage(&person(&ada), key.id, ApiKeyWants::TakenOver).await);
    granted(shop.manage(&person(&owner), key.id, ApiKeyWants::Revoked).await);
    let mut told = vec![];
    for account in [owner.id, ada.id] {
        let page = PageRequest::default();
        let lines = shop.storage.find(ListAuditOfAccount { id: account, page }).await.unwrap().items;
        let item = format!("api key {}", key.id);
        let lines = lines.into_iter().filter(|line| line.item.as_deref() == Some(item.as_str()));
        told.extend(lines.map(|line| (account, line.action, line.before, line.after, line.actor)));
    }
    let rights = || Some("view,edit,manage".to_owned());
    assert_eq!(
        told,
        [
            (owner.id, "api_key.made".to_owned(), None, rights(), person(&owner)),
            (ada.id, "api_key.taken_over".to_owned(), None, rights(), person(&ada)),
            (ada.id, "api_key.revoked".to_owned(), rights(), None, person(&owner)),
        ]
    );
}
