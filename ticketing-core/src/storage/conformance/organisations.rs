//! Organisations and their members.

use super::races::at_once;
use super::shop::{Shop, external, granted, newcomer};
use crate::domain::access::{Permission, Permissions};
use crate::domain::account::{
    Account, AccountChange, AccountKey, AccountWants, AdministerAccount, ChangeAccount, Role,
};
use crate::domain::account::{ListAuditOfAccount, NewAccount};
use crate::domain::api_key::{ApiKeyWants, MakeApiKey, ManageApiKey};
use crate::domain::audit::{Actor, AuditLine, ListAuditOfEvent, ListAuditOfOrganisation};
use crate::domain::code::Reference;
use crate::domain::event::{EditEvent, Event, EventWants};
use crate::domain::id::{AccountId, EventId, OrganisationId};
use crate::domain::organisation::{
    EditOrganisation, FindOrganisations, FoundOrganisation, ListMembers, MAX_FOUNDED, MAX_MEMBERS, Member,
    MemberEvents, MemberRole, MemberWants, Organisation, OrganisationWants, SetMember,
};
use crate::domain::page::PageRequest;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const ALL: MemberEvents = MemberEvents::All;

pub(super) fn only_events(events: &[&Event]) -> MemberEvents {
    MemberEvents::Only(events.iter().map(|event| event.id).collect())
}

pub(super) fn person(account: &Account) -> Actor {
    Actor::Person(Principal::Account(account.id))
}

impl Shop {
    /// An account with a verified address.
    pub async fn verified(&self, address: &str) -> Account {
        let account = self.register(address).await;
        let verify = ChangeAccount { id: account.id, change: AccountChange::Verified };
        self.storage.apply_one(self.now(), verify).await.unwrap().unwrap()
    }

    pub(super) async fn stored(&self, account: &Account) -> Account {
        self.storage.account(&AccountKey::Id(account.id)).await.unwrap().unwrap()
    }

    async fn try_found(&self, founder: &Account, key: Option<Reference>) -> Result<Organisation, Refusal> {
        let found = FoundOrganisation { key, name: "Ade's band".to_owned(), founder: founder.id, needs_proof: true };
        self.storage.apply_one(self.now(), found).await.unwrap()
    }

    /// An organisation of this founder.
    pub async fn found(&self, founder: &Account) -> Organisation {
        granted(self.try_found(founder, None).await)
    }

    pub(super) async fn set(
        &self,
        actor: &Actor,
        of: OrganisationId,
        account: AccountId,
        wants: MemberWants,
    ) -> Result<Member, Refusal> {
        let set =
            SetMember { organisation_id: of, account_id: account, actor: actor.clone(), wants, needs_proof: true };
        self.storage.apply_one(self.now(), set).await.unwrap()
    }

    /// A new account that has this role.
    pub(super) async fn member(&self, of: &Organisation, role: MemberRole, events: MemberEvents) -> Account {
        let account = self.verified(&format!("member-{}@example.com", self.number())).await;
        granted(self.set(&Actor::Operator, of.id, account.id, MemberWants::Member(role, events)).await);
        self.stored(&account).await
    }

    pub(super) async fn edit_organisation(
        &self,
        actor: &Actor,
        id: OrganisationId,
        wants: OrganisationWants,
    ) -> Result<Organisation, Refusal> {
        self.storage.apply_one(self.now(), EditOrganisation { id, actor: actor.clone(), wants }).await.unwrap()
    }

    pub(super) async fn members(&self, of: &Organisation) -> Vec<(AccountId, MemberRole)> {
        let scope = Scope::own(&Principal::Organisation(of.id));
        let members = self.storage.find(ListMembers { scope, id: of.id }).await.unwrap();
        members.into_iter().map(|(member, account)| (account.id, member.role)).collect()
    }

    pub(super) async fn switch(&self, account: &Account, active: bool) {
        let wants = AccountWants::default().with_is_active(active);
        let disable = AdministerAccount { id: account.id, actor: Actor::Operator, wants };
        self.storage.apply_one(self.now(), disable).await.unwrap().unwrap().unwrap();
    }

    pub(super) async fn hand_over(&self, event: &Event, to: &Principal) -> Result<Event, Refusal> {
        let wants = EventWants::default().with_organizer(to.clone());
        let edit = EditEvent { id: event.id, actor: self.organizer.clone(), seen: None, wants };
        self.storage.apply_one(self.now(), edit).await.unwrap()
    }
}

pub async fn an_organisation_reads_back_and_its_founder_owns_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let key = shop.reference();
    let made = granted(shop.try_found(&ada, Some(key.clone())).await);
    assert_eq!((made.name.as_str(), made.founder, made.created_at), ("Ade's band", ada.id, shop.now()));
    let found = shop.storage.find(FindOrganisations(vec![made.id, 4711.into()])).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&made));
    assert_eq!(shop.members(&made).await, [(ada.id, MemberRole::Owner)]);
    let stored = shop.stored(&ada).await;
    let membership = stored.memberships.of(made.id).unwrap();
    assert_eq!((membership.role, &membership.events), (MemberRole::Owner, &ALL));
    assert_eq!(shop.try_found(&ada, Some(key.clone())).await, Ok(made.clone()), "a repeat finds it");
    let bob = shop.verified("bob@example.com").await;
    assert_eq!(shop.try_found(&bob, Some(key)).await, Err(Refusal::KeyReused));
    let rename = OrganisationWants::default().with_name("Ade & co".to_owned());
    let renamed = granted(shop.edit_organisation(&person(&ada), made.id, rename.clone()).await);
    assert_eq!(renamed, Organisation { name: "Ade & co".to_owned(), updated_at: shop.now(), ..made });
    let nothing = shop.edit_organisation(&person(&ada), 4711.into(), rename).await;
    assert_eq!(nothing, Err(Refusal::OrganisationUnknown));
}

pub async fn only_active_accounts_with_a_verified_address_join(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let unproved = shop.register("unproved@example.com").await;
    assert_eq!(shop.try_found(&unproved, None).await, Err(Refusal::EmailUnverified));
    let disabled = shop.verified("disabled@example.com").await;
    shop.switch(&disabled, false).await;
    assert_eq!(shop.try_found(&disabled, None).await, Err(Refusal::AccountUnknown));
    let join = || MemberWants::Member(MemberRole::Viewer, ALL);
    for id in [unproved.id, disabled.id, AccountId(4711)] {
        assert_eq!(shop.set(&person(&ada), band.id, id, join()).await, Err(Refusal::AccountUnknown));
    }
    // Where the application proves addresses itself.
    let set = SetMember {
        organisation_id: band.id,
        account_id: unproved.id,
        actor: person(&ada),
        wants: join(),
        needs_proof: false,
    };
    granted(shop.storage.apply_one(shop.now(), set).await.unwrap());
}

pub async fn a_member_is_added_changed_and_removed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (shop.verified("ada@example.com").await, shop.verified("bob@example.com").await);
    let band = shop.found(&ada).await;
    let (by, organizer) = (person(&ada), Principal::Organisation(band.id));
    let event = shop.event().organizer(&organizer).create().await;
    let added =
        granted(shop.set(&by, band.id, bob.id, MemberWants::Member(MemberRole::Door, only_events(&[&event]))).await);
    assert_eq!((added.role, &added.events, added.created_at), (MemberRole::Door, &only_events(&[&event]), shop.now()));
    let foreign = shop.event().create().await;
    for id in [foreign.id, EventId(4711)] {
        let wants = MemberWants::Change(Some(MemberRole::Door), Some(MemberEvents::Only([id].into())));
        let refused = shop.set(&by, band.id, bob.id, wants).await;
        assert_eq!(refused, Err(Refusal::EventUnknown { event_id: id }), "not one of its own");
    }
    let changed =
        granted(shop.set(&by, band.id, bob.id, MemberWants::Change(Some(MemberRole::Viewer), Some(ALL))).await);
    assert_eq!((changed.id, changed.role, &changed.events), (added.id, MemberRole::Viewer, &ALL));
    let kept = granted(shop.set(&by, band.id, bob.id, MemberWants::Change(None, Some(only_events(&[&event])))).await);
    assert_eq!((kept.role, &kept.events), (MemberRole::Viewer, &only_events(&[&event])), "the role stays");
    let kept = granted(shop.set(&by, band.id, bob.id, MemberWants::Change(Some(MemberRole::Door), None)).await);
    assert_eq!((kept.role, &kept.events), (MemberRole::Door, &only_events(&[&event])), "the events stay");
    let removed = granted(shop.set(&by, band.id, bob.id, MemberWants::Nothing).await);
    assert_eq!(removed.removed_at, Some(shop.now()));
    assert!(shop.stored(&bob).await.memberships.is_empty());
    assert_eq!(shop.members(&band).await, [(ada.id, MemberRole::Owner)]);
    let change = MemberWants::Change(Some(MemberRole::Viewer), Some(ALL));
    assert_eq!(shop.set(&by, band.id, bob.id, change).await, Err(Refusal::AccountUnknown), "no member any more");
    let again = granted(shop.set(&by, band.id, bob.id, MemberWants::Member(MemberRole::BoxOffice, ALL)).await);
    assert_eq!((again.id, again.removed_at), (added.id, None));
    // A member may leave, whatever the role is.
    granted(shop.set(&person(&bob), band.id, bob.id, MemberWants::Nothing).await);
    let refused = shop.set(&person(&bob), band.id, bob.id, MemberWants::Nothing).await;
    assert_eq!(refused, Err(Refusal::OrganisationUnknown), "who is no member hears of no organisation");
}

pub async fn what_is_so_already_is_no_change(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let bob = shop.member(&band, MemberRole::Door, ALL).await;
    let before = shop.storage.find(ListAuditOfAccount { id: bob.id, page: PageRequest::default() }).await.unwrap();
    let first = shop.set(&person(&ada), band.id, bob.id, MemberWants::Member(MemberRole::Door, ALL)).await;
    shop.wait(jiff::SignedDuration::from_secs(1));
    let again = shop.set(&person(&ada), band.id, bob.id, MemberWants::Change(Some(MemberRole::Door), Some(ALL))).await;
    assert_eq!(first, again);
    granted(shop.set(&person(&ada), band.id, bob.id, MemberWants::Nothing).await);
    let gone = granted(shop.set(&person(&ada), band.id, bob.id, MemberWants::Nothing).await);
    shop.wait(jiff::SignedDuration::from_secs(1));
    assert_eq!(shop.set(&person(&ada), band.id, bob.id, MemberWants::Nothing).await, Ok(gone));
    let after = shop.storage.find(ListAuditOfAccount { id: bob.id, page: PageRequest::default() }).await.unwrap();
    assert_eq!(after.items.len(), before.items.len() + 1, "the end is the only change");
}

pub async fn an_account_keeps_its_memberships_in_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (shop.verified("ada@example.com").await, shop.verified("bob@example.com").await);
    let mut of = vec![];
    for _ in 0..3 {
        of.push(shop.found(&ada).await);
    }
    let event = shop.event().organizer(&Principal::Organisation(of[1].id)).create().await;
    for (index, role, events) in [
        (2, MemberRole::Finance, ALL),
        (0, MemberRole::Viewer, ALL),
        (1, MemberRole::Door, only_events(&[&event])),
        (0, MemberRole::Manager, ALL),
    ] {
        granted(shop.set(&person(&ada), of[index].id, bob.id, MemberWants::Member(role, events)).await);
    }
    let bob = shop.stored(&bob).await;
    let found: Vec<_> = bob.memberships.iter().map(|of| (of.organisation_id, of.role)).collect();
    let expected = [(of[0].id, MemberRole::Manager), (of[1].id, MemberRole::Door), (of[2].id, MemberRole::Finance)];
    assert_eq!(found, expected);
}

pub async fn nobody_grants_what_they_lack(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    for actor in MemberRole::ALL {
        let by = shop.member(&band, *actor, ALL).await;
        let may_manage = matches!(actor, MemberRole::Owner | MemberRole::Manager);
        for before in MemberRole::ALL {
            for after in MemberRole::ALL {
                let target = shop.member(&band, *before, ALL).await;
                let is_above = |role: &MemberRole| !actor.permissions().cover(role.permissions());
                let done =
                    shop.set(&person(&by), band.id, target.id, MemberWants::Change(Some(*after), Some(ALL))).await;
                let is_allowed = may_manage && !is_above(before) && !is_above(after);
                let outcome = done.map(|member| member.role);
                let expected = if is_allowed { Ok(*after) } else { Err(Refusal::NotGranted) };
                assert_eq!(outcome, expected, "{actor:?} makes {before:?} {after:?}");
                let now = if is_allowed { after } else { before };
                let removed = shop.set(&person(&by), band.id, target.id, MemberWants::Nothing).await;
                assert_eq!(removed.is_ok(), may_manage && !is_above(now), "{actor:?} removes {now:?}");
                // The limit of members is for another case.
                granted(shop.set(&Actor::Operator, band.id, target.id, MemberWants::Nothing).await);
            }
        }
        // Nobody makes more of themselves.
        let own = shop.set(&person(&by), band.id, by.id, MemberWants::Change(Some(MemberRole::Owner), Some(ALL))).await;
        assert_eq!(own.is_ok(), *actor == MemberRole::Owner, "{actor:?}");
    }
    let stranger = shop.verified("stranger@example.com").await;
    let target = shop.member(&band, MemberRole::Viewer, ALL).await;
    for actor in [person(&stranger), Actor::Person(external("ada")), Actor::System] {
        for wants in [MemberWants::Nothing, MemberWants::Change(Some(MemberRole::Door), Some(ALL))] {
            assert_eq!(shop.set(&actor, band.id, target.id, wants).await, Err(Refusal::OrganisationUnknown));
        }
    }
    let admin = AdministerAccount {
        id: stranger.id,
        actor: Actor::Operator,
        wants: AccountWants::default().with_role(Role::Admin),
    };
    shop.storage.apply_one(shop.now(), admin).await.unwrap().unwrap();
    let wants = MemberWants::Change(Some(MemberRole::Owner), Some(ALL));
    granted(shop.set(&person(&stranger), band.id, target.id, wants).await);
    let own = Actor::Person(Principal::Organisation(band.id));
    granted(shop.set(&own, band.id, target.id, MemberWants::Nothing).await);
}

pub async fn a_role_for_some_events_gives_no_rights_in_the_organisation(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    let by = shop.member(&band, MemberRole::Manager, only_events(&[&event])).await;
    let target = shop.member(&band, MemberRole::Viewer, ALL).await;
    for wants in [MemberWants::Nothing, MemberWants::Change(Some(MemberRole::Door), Some(only_events(&[&event])))] {
        assert_eq!(shop.set(&person(&by), band.id, target.id, wants).await, Err(Refusal::NotGranted));
    }
    let own = MemberWants::Change(Some(MemberRole::Manager), Some(ALL));
    assert_eq!(shop.set(&person(&by), band.id, by.id, own).await, Err(Refusal::NotGranted));
}

pub async fn the_last_owner_stays(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    shop.member(&band, MemberRole::Manager, ALL).await;
    let demoted = || MemberWants::Change(Some(MemberRole::Manager), Some(ALL));
    for actor in [person(&ada), Actor::Operator] {
        for wants in [MemberWants::Nothing, demoted()] {
            assert_eq!(shop.set(&actor, band.id, ada.id, wants).await, Err(Refusal::LastOwner));
        }
    }
    let bob = shop.member(&band, MemberRole::Owner, ALL).await;
    // An owner who cannot act is none.
    shop.switch(&bob, false).await;
    assert_eq!(shop.set(&person(&ada), band.id, ada.id, MemberWants::Nothing).await, Err(Refusal::LastOwner));
    shop.switch(&bob, true).await;
    granted(shop.set(&person(&ada), band.id, ada.id, demoted()).await);
    assert_eq!(shop.set(&person(&bob), band.id, bob.id, MemberWants::Nothing).await, Err(Refusal::LastOwner));
    // The owner of another organisation is not one of this.
    let other = shop.found(&ada).await;
    assert_eq!(shop.set(&person(&ada), other.id, ada.id, MemberWants::Nothing).await, Err(Refusal::LastOwner));
}

pub async fn there_are_limits(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let new: Vec<NewAccount> =
        (1..=MAX_MEMBERS).map(|number| newcomer(&format!("m{number}@example.com"), None)).collect();
    let accounts: Vec<Account> = shop.storage.apply(shop.now(), &new).await.unwrap().into_iter().map(granted).collect();
    let set = |account: &Account| SetMember {
        organisation_id: band.id,
        account_id: account.id,
        actor: person(&ada),
        wants: MemberWants::Member(MemberRole::Viewer, ALL),
        needs_proof: false,
    };
    let sets: Vec<_> = accounts.iter().map(set).collect();
    let outcomes = shop.storage.apply(shop.now(), &sets).await.unwrap();
    let (last, others) = outcomes.split_last().unwrap();
    assert!(others.iter().all(Result::is_ok), "the owner is one of them");
    assert_eq!(*last, Err(Refusal::TooManyMembers { limit: MAX_MEMBERS.into() }));
    for _ in 1..MAX_FOUNDED {
        shop.found(&ada).await;
    }
    let refused = shop.try_found(&ada, None).await;
    assert_eq!(refused, Err(Refusal::TooManyOrganisations { limit: MAX_FOUNDED.into() }));
    let mut of = vec![];
    let founders = [shop.verified("f1@example.com").await, shop.verified("f2@example.com").await];
    for founder in &founders {
        for _ in 0..MAX_FOUNDED {
            of.push(shop.found(founder).await);
        }
    }
    // Ada has founded twenty: thirty of these are the most.
    for (index, organisation) in of.iter().enumerate().take(31) {
        let added = shop.set(&Actor::Operator, organisation.id, ada.id, MemberWants::Member(MemberRole::Door, ALL));
        let added = added.await.map(drop);
        let expected = if index < 30 { Ok(()) } else { Err(Refusal::TooManyOrganisations { limit: 50 }) };
        assert_eq!(added, expected, "{index}");
    }
}

pub async fn who_requires_a_second_factor_has_one_and_so_have_those_who_act(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.with_factor("ada@example.com").await;
    let band = shop.found(&ada).await;
    let bob = shop.member(&band, MemberRole::Owner, ALL).await;
    let viewer = shop.member(&band, MemberRole::Viewer, ALL).await;
    let required = |requires| OrganisationWants::default().with_requires_second_factor(requires);
    let refused = Err(Refusal::SecondFactorRequired);
    assert_eq!(shop.edit_organisation(&person(&bob), band.id, required(true)).await, refused);
    assert!(!band.requires_second_factor && band.admits(&bob));
    // Who may not manage changes nothing, and neither does a key.
    let stranger = shop.with_factor("stranger@example.com").await;
    let key = granted(shop.make(shop.key_of(&stranger, Permissions::ALL)).await);
    for actor in [person(&viewer), person(&stranger), Actor::Person(key.principal()), Actor::System] {
        let outcome = shop.edit_organisation(&actor, band.id, required(false)).await;
        assert_eq!(outcome, Err(Refusal::NotGranted), "{actor}");
    }
    shop.wait(SignedDuration::from_micros(1));
    let strict = granted(shop.edit_organisation(&person(&ada), band.id, required(true)).await);
    assert_eq!(strict, Organisation { requires_second_factor: true, updated_at: shop.now(), ..band.clone() });
    assert!(strict.admits(&shop.stored(&ada).await) && !strict.admits(&bob));
    assert_eq!(shop.storage.find(FindOrganisations(vec![band.id])).await.unwrap(), std::slice::from_ref(&strict));
    shop.wait(SignedDuration::from_micros(1));
    assert_eq!(granted(shop.edit_organisation(&person(&ada), band.id, required(true)).await), strict, "a repeat");
    // Who has none changes no members and makes no keys, but leaves.
    let wants = MemberWants::Change(Some(MemberRole::Door), None);
    assert_eq!(
        shop.set(&person(&bob), band.id, viewer.id, wants.clone()).await.map(drop),
        Err(Refusal::SecondFactorRequired)
    );
    let key = |of: &Account| MakeApiKey {
        organisation_id: Some(band.id),
        ..shop.key_of(of, Permissions::of(&[Permission::View]))
    };
    assert_eq!(shop.make(key(&bob)).await.map(drop), Err(Refusal::SecondFactorRequired));
    let adas = granted(shop.make(key(&ada)).await);
    let revoke = ManageApiKey { id: adas.id, actor: person(&bob), wants: ApiKeyWants::Revoked };
    let revoked = shop.storage.apply_one(shop.now(), revoke).await.unwrap();
    assert_eq!(revoked.map(drop), Err(Refusal::SecondFactorRequired));
    granted(shop.set(&person(&ada), band.id, viewer.id, wants).await);
    granted(shop.set(&person(&bob), band.id, bob.id, MemberWants::Nothing).await);
    // The operator may do everything, also without a factor.
    let optional = granted(shop.edit_organisation(&Actor::Operator, band.id, required(false)).await);
    assert!(!optional.requires_second_factor);
    let page = PageRequest::default();
    let lines = shop.storage.find(ListAuditOfAccount { id: ada.id, page }).await.unwrap().items;
    let lines = lines.iter().filter(|line| line.action == "organisation.second_factor");
    let told: Vec<_> = lines.map(|line| (line.actor.clone(), line.before.as_deref(), line.after.as_deref())).collect();
    let turned = |actor, before, after| (actor, Some(before), Some(after));
    let expected = [turned(person(&ada), "optional", "required"), turned(Actor::Operator, "required", "optional")];
    assert_eq!(told, expected);
}

pub async fn each_change_of_a_member_is_a_line_of_the_audit_log(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (shop.verified("ada@example.com").await, shop.verified("bob@example.com").await);
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    for wants in [
        MemberWants::Member(MemberRole::Door, only_events(&[&event])),
        MemberWants::Change(Some(MemberRole::BoxOffice), Some(ALL)),
        MemberWants::Nothing,
    ] {
        granted(shop.set(&person(&ada), band.id, bob.id, wants).await);
    }
    let lines = shop.storage.find(ListAuditOfAccount { id: bob.id, page: PageRequest::default() }).await.unwrap().items;
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.action.as_str(), line.before.as_deref(), line.after.as_deref(), line.actor.clone()))
        .collect();
    let door = format!("door {}", event.id);
    assert_eq!(
        told,
        [
            ("member.added", None, Some(door.as_str()), person(&ada)),
            ("member.changed", Some(door.as_str()), Some("box_office"), person(&ada)),
            ("member.removed", Some("box_office"), None, person(&ada)),
        ]
    );
    let item = format!("organisation {}", band.id);
    assert!(lines.iter().all(|line| line.item.as_deref() == Some(item.as_str()) && line.reason.is_empty()));
}

pub async fn what_happens_to_an_organisation_is_in_its_audit_log(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.with_factor("ada@example.com").await;
    let (band, club) = (shop.found(&ada).await, shop.found(&ada).await);
    let (own, theirs) = (Principal::Account(ada.id), Principal::Organisation(band.id));
    let bob = shop.member(&band, MemberRole::Door, ALL).await;
    let rename = OrganisationWants::default().with_name("A secret name".to_owned());
    granted(shop.edit_organisation(&person(&ada), band.id, rename.clone()).await);
    granted(shop.edit_organisation(&person(&ada), band.id, rename).await);
    let required = OrganisationWants::default().with_requires_second_factor(true);
    granted(shop.edit_organisation(&person(&ada), band.id, required).await);
    let key = MakeApiKey { organisation_id: Some(band.id), ..shop.key_of(&ada, Permissions::of(&[Permission::View])) };
    let key = granted(shop.make(key).await);
    let of_ada = granted(shop.make(shop.key_of(&ada, Permissions::of(&[Permission::View]))).await);
    for id in [key.id, of_ada.id] {
        let revoke = ManageApiKey { id, actor: person(&ada), wants: ApiKeyWants::Revoked };
        granted(shop.storage.apply_one(shop.now(), revoke).await.unwrap());
    }
    let event = shop.event().organizer(&theirs).create().await;
    for to in [&Principal::Organisation(club.id), &own, &theirs] {
        granted(shop.hand_over(&event, to).await);
    }
    granted(shop.set(&person(&bob), band.id, bob.id, MemberWants::Nothing).await);
    let scope = Scope::own(&theirs);
    let list = ListAuditOfOrganisation { scope, id: band.id, page: PageRequest::default() };
    let lines = shop.storage.find(list).await.unwrap().items;
    let told = |line: &AuditLine| (line.action.clone(), line.item.clone().unwrap());
    let told: Vec<(String, String)> = lines.iter().map(told).collect();
    let line = |action: &str, item: &str| (action.to_owned(), item.to_owned());
    let (itself, of_event, of_key) = (theirs.to_string(), format!("event {}", event.id), format!("api key {}", key.id));
    let expected = [
        line("organisation.founded", &itself),
        line("member.added", &itself),
        line("member.added", &itself),
        line("organisation.renamed", &itself),
        line("organisation.second_factor", &itself),
        line("api_key.made", &of_key),
        line("api_key.revoked", &of_key),
        line("event.came", &of_event),
        line("event.left", &of_event),
        line("event.came", &of_event),
        line("member.removed", &itself),
    ];
    assert_eq!(told, expected);
    assert!(lines.iter().all(|line| line.organisation_id == Some(band.id) && line.reason.is_empty()));
    // Neither a name nor an address.
    let text = format!("{lines:?}");
    assert!(!text.contains("secret name") && !text.contains('@'), "{text}");
    // Each is in the audit log of its account too, and those about events are not in the event's.
    let of_bob = shop.storage.find(ListAuditOfAccount { id: bob.id, page: PageRequest::default() }).await.unwrap();
    let of_bob: Vec<_> = of_bob.items.into_iter().map(|line| (line.action, line.organisation_id)).collect();
    assert_eq!(of_bob, [("member.added".to_owned(), Some(band.id)), ("member.removed".to_owned(), Some(band.id))]);
    let scope = Scope::own(&theirs);
    let list = ListAuditOfEvent { scope, event_id: event.id, page: PageRequest::default() };
    let of_event = shop.storage.find(list).await.unwrap().items;
    assert!(of_event.iter().all(|line| line.action == "event.edited") && of_event.len() == 3, "{of_event:?}");
    let scope = Scope::own(&Principal::Organisation(club.id));
    let list = ListAuditOfOrganisation { scope, id: club.id, page: PageRequest::default() };
    let of_club = shop.storage.find(list).await.unwrap().items.into_iter().map(|line| line.action);
    let expected = ["organisation.founded", "member.added", "event.came", "event.left"];
    assert_eq!(of_club.collect::<Vec<_>>(), expected);
}

pub async fn an_event_moves_to_an_organisation_and_back(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let (own, theirs) = (Principal::Account(ada.id), Principal::Organisation(band.id));
    let event = shop.event().organizer(&own).create().await;
    shop.buy(&event, 2).await;
    let moved = granted(shop.hand_over(&event, &theirs).await);
    assert_eq!((&moved.organizer, moved.version), (&theirs, event.version + 1));
    assert_eq!(shop.event_now(&event).await.organizer, theirs);
    assert_eq!(granted(shop.hand_over(&event, &theirs).await), moved, "a repeat changes nothing");
    assert_eq!(shop.stock(&event).await, (0, 2), "with everything that was sold for it");
    shop.buy(&event, 1).await;
    let unknown = shop.hand_over(&event, &Principal::Organisation(4711.into())).await;
    assert_eq!(unknown, Err(Refusal::OrganisationUnknown));
    let back = granted(shop.hand_over(&event, &own).await);
    assert_eq!(shop.event_now(&event).await, back);
    assert_eq!(granted(shop.hand_over(&event, &external("band")).await).organizer, external("band"));
    assert_eq!(shop.event_now(&event).await.organizer, external("band"));
}

pub async fn an_event_of_an_organisation_reads_back(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    assert_eq!(shop.event_now(&event).await, event);
    let refused = shop.event().organizer(&Principal::Organisation(4711.into())).try_create().await;
    assert_eq!(refused, Err(Refusal::OrganisationUnknown));
}

pub async fn of_two_owners_who_remove_each_other_one_stays(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..10 {
        let ada = shop.verified(&format!("ada-{round}@example.com")).await;
        let band = shop.found(&ada).await;
        let bob = shop.member(&band, MemberRole::Owner, ALL).await;
        let pairs = [(ada.clone(), bob.clone()), (bob, ada)];
        let outcomes = at_once(2, |index| {
            let (shop, (by, other)) = (Arc::clone(&shop), pairs[index].clone());
            async move { shop.set(&person(&by), band.id, other.id, MemberWants::Nothing).await }
        });
        let outcomes = outcomes.await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert_eq!(shop.members(&band).await.len(), 1);
    }
}

pub async fn of_eight_owners_who_demote_each_other_one_stays(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..5 {
        let ada = shop.verified(&format!("ada-{round}@example.com")).await;
        let band = shop.found(&ada).await;
        let mut owners = vec![ada];
        for _ in 1..8 {
            owners.push(shop.member(&band, MemberRole::Owner, ALL).await);
        }
        // Each one leaves the owners on its own account: so every one of them could be the last.
        at_once(8, |index| {
            let (shop, own) = (Arc::clone(&shop), owners[index].clone());
            let wants = if index % 2 == 0 {
                MemberWants::Nothing
            } else {
                MemberWants::Change(Some(MemberRole::Viewer), Some(ALL))
            };
            async move { shop.set(&person(&own), band.id, own.id, wants).await }
        })
        .await;
        let left = shop.members(&band).await.into_iter().filter(|(_, role)| *role == MemberRole::Owner);
        assert_eq!(left.count(), 1);
    }
}

pub async fn eight_found_at_once_stay_within_the_limit(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    for _ in 0..MAX_FOUNDED - 4 {
        shop.found(&ada).await;
    }
    let outcomes = at_once(8, |_| {
        let (shop, ada) = (Arc::clone(&shop), ada.clone());
        async move { shop.try_found(&ada, None).await }
    });
    assert_eq!(outcomes.await.iter().filter(|outcome| outcome.is_ok()).count(), 4);
    assert_eq!(shop.stored(&ada).await.memberships.len(), MAX_FOUNDED as usize);
}

pub async fn a_manager_who_is_removed_at_once_grants_nothing_afterwards(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    for _ in 0..10 {
        let manager = shop.member(&band, MemberRole::Manager, ALL).await;
        let newcomer = shop.verified(&format!("new-{}@example.com", shop.number())).await;
        let calls = [
            (person(&ada), manager.id, MemberWants::Nothing),
            (person(&manager), newcomer.id, MemberWants::Member(MemberRole::Door, ALL)),
        ];
        let outcomes = at_once(2, |index| {
            let (shop, (by, id, wants)) = (Arc::clone(&shop), calls[index].clone());
            async move { shop.set(&by, band.id, id, wants).await }
        });
        let outcomes = outcomes.await;
        assert!(outcomes[0].is_ok());
        let is_member = !shop.stored(&newcomer).await.memberships.is_empty();
        assert_eq!(is_member, outcomes[1].is_ok(), "{outcomes:?}");
        let late = shop.set(&person(&manager), band.id, newcomer.id, MemberWants::Nothing).await;
        assert_eq!(late, Err(Refusal::OrganisationUnknown));
    }
}
