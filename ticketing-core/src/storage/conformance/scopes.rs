//! Reads of rows that belong to others, and what is done to them: each sees the events of its scope, and no other.

use super::organisations::only_events;
use super::outbox::report;
use super::races::at_once;
use super::reviews::underpaid;
use super::shop::{Shop, external, granted, only};
use crate::domain::access::Permission;
use crate::domain::account::Account;
use crate::domain::audit::{AuditLine, ListAuditOfEvent, ListAuditOfOrganisation};
use crate::domain::check_in::{AnnulScan, Scan};
use crate::domain::event::{EditEvent, Event, EventFilter, EventPhase, EventStatus, EventWants};
use crate::domain::id::{EventId, MailId, PromoCodeId};
use crate::domain::organisation::{ListMembers, MemberEvents, MemberRole, MemberWants, Organisation};
use crate::domain::outbox::MailResult;
use crate::domain::page::PageRequest;
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::principal::Principal;
use crate::domain::promo_code::{ListPromoCodes, PromoCodeSettings, PutPromoCode};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::{Storage, StorageExt as _};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Two organisations and a person, each with two events: a draft and a published one.
struct World {
    shop: Arc<Shop>,
    owner: Account,
    band: Organisation,
    other: Organisation,
    /// The events of the band, of the other organisation, and of the person.
    events: [[Event; 2]; 3],
}

impl World {
    async fn on(storage: Arc<dyn Storage>) -> Self {
        let shop = Shop::open(storage);
        let owner = shop.verified("owner@example.com").await;
        let elsewhere = shop.verified("elsewhere@example.com").await;
        let (band, other) = (shop.found(&owner).await, shop.found(&elsewhere).await);
        let both = async |who: Principal| {
            [
                shop.event().organizer(&who).create().await,
                shop.event().organizer(&who).with(|new| new.is_draft = true).create().await,
            ]
        };
        let events = [
            both(Principal::Organisation(band.id)).await,
            both(Principal::Organisation(other.id)).await,
            both(external("person")).await,
        ];
        Self { shop, owner, band, other, events }
    }

    /// Scopes of all kinds, each with the events that it covers.
    async fn scopes(&self) -> Vec<(Scope, BTreeSet<EventId>)> {
        let ids = |of: &[usize]| of.iter().flat_map(|index| &self.events[*index]).map(|event| event.id).collect();
        let [first, second] = [0, 1].map(|index| &self.events[0][index]);
        let viewer = self.shop.member(&self.band, MemberRole::Viewer, MemberEvents::All).await;
        let of_one = self.shop.member(&self.band, MemberRole::Viewer, only_events(&[second])).await;
        let of_two = self.shop.member(&self.band, MemberRole::Viewer, only_events(&[first])).await;
        let join = MemberWants::Member(MemberRole::Viewer, MemberEvents::All);
        granted(self.shop.set(&crate::domain::audit::Actor::Operator, self.other.id, of_two.id, join).await);
        let of_two = self.shop.stored(&of_two).await;
        let mut one_and_all: BTreeSet<EventId> = ids(&[1]);
        one_and_all.insert(first.id);
        let stranger = self.shop.verified("stranger@example.com").await;
        let owner = self.shop.stored(&self.owner).await;
        vec![
            (Scope::all(), ids(&[0, 1, 2])),
            (Scope::own(&external("person")), ids(&[2])),
            (Scope::own(&external("nobody")), ids(&[])),
            (Scope::own(&Principal::Organisation(self.other.id)), ids(&[1])),
            (Scope::of_account(&owner, Permission::View), ids(&[0])),
            (Scope::of_account(&viewer, Permission::View), ids(&[0])),
            (Scope::of_account(&of_one, Permission::View), BTreeSet::from([second.id])),
            (Scope::of_account(&of_two, Permission::View), one_and_all),
            (Scope::of_account(&stranger, Permission::View), ids(&[])),
        ]
    }

    fn all(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().flatten()
    }

    /// The published events.
    fn published(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().map(|[published, _]| published)
    }

    async fn disable(&self, account: &Account) -> Account {
        use crate::domain::account::{AccountWants, AdministerAccount};
        let wants = AccountWants::default().with_is_active(false);
        let actor = crate::domain::audit::Actor::Operator;
        let disable = AdministerAccount { id: account.id, actor, wants };
        self.shop.storage.apply_one(self.shop.now(), disable).await.unwrap().unwrap().unwrap().account
    }
}

fn everything() -> PageRequest {
    PageRequest { limit: 1000, count: true, ..PageRequest::default() }
}

pub async fn a_scope_sees_its_events_only(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    for (scope, expected) in world.scopes().await {
        let covered = world.all().filter(|event| scope.covers(event)).map(|event| event.id);
        assert_eq!(covered.collect::<BTreeSet<_>>(), expected, "{scope:?}");
    }
    let viewer = world.shop.member(&world.band, MemberRole::Viewer, MemberEvents::All).await;
    let scope = Scope::of_account(&viewer, Permission::View);
    assert!(scope.covers_all_of(&Principal::Organisation(world.band.id)));
    assert!(!scope.covers_all_of(&Principal::Organisation(world.other.id)));
    // A disabled account keeps no rights of others.
    let disabled = Scope::of_account(&world.disable(&viewer).await, Permission::View);
    assert!(!world.all().any(|event| disabled.covers(event)));
}

pub async fn a_role_gives_its_permissions_only(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    for role in MemberRole::ALL {
        let member = world.shop.member(&world.band, *role, MemberEvents::All).await;
        let scoped = if *role == MemberRole::Owner { MemberEvents::All } else { only_events(&[&world.events[0][0]]) };
        let of_one = world.shop.member(&world.band, *role, scoped).await;
        for permission in Permission::ALL {
            let has = role.permissions().has(*permission);
            for account in [&member, &of_one] {
                let scope = Scope::of_account(account, *permission);
                assert_eq!(scope.covers(&world.events[0][0]), has, "{role:?} {permission:?}");
                assert!(!scope.covers(&world.events[1][0]) && !scope.covers(&world.events[2][0]));
            }
        }
    }
}

pub async fn a_role_for_some_events_ends_when_they_move(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let event = &world.events[0][0];
    let member = world.shop.member(&world.band, MemberRole::Door, only_events(&[event])).await;
    let scope = Scope::of_account(&member, Permission::Door);
    assert!(scope.covers(event));
    let moved = granted(world.shop.hand_over(event, &Principal::Organisation(world.other.id)).await);
    assert!(!scope.covers(&moved));
    let filter = EventFilter::default().with_scope(scope);
    assert_eq!(world.shop.storage.events(&filter, everything()).await.unwrap().items, []);
}

pub async fn reviews_are_those_of_the_scope(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let mut made = vec![];
    for event in world.published() {
        made.push((event.id, underpaid(&world.shop, event, 1).await.1.reference));
    }
    for (scope, events) in world.scopes().await {
        let found = world.shop.storage.reviews(&scope, everything()).await.unwrap();
        let expected = made.iter().filter(|(event, _)| events.contains(event)).map(|(_, reference)| reference);
        assert!(found.items.iter().map(|attempt| &attempt.reference).eq(expected.clone()), "{scope:?}");
        assert_eq!(found.total, Some(expected.count() as u64));
    }
}

pub async fn dead_mails_are_those_of_the_scope(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let mut made: Vec<(EventId, MailId)> = vec![];
    for event in world.published() {
        world.shop.buy(event, 1).await;
        let mail = world.shop.claim_mails(1).await.remove(0);
        report(&world.shop, &mail, MailResult::Refused("550".to_owned())).await;
        made.push((event.id, mail.id));
    }
    for (scope, events) in world.scopes().await {
        let found = world.shop.storage.dead_mails(&scope, everything()).await.unwrap();
        let expected = made.iter().filter(|(event, _)| events.contains(event)).map(|(_, mail)| *mail);
        assert!(found.items.iter().map(|mail| mail.id).eq(expected.clone()), "{scope:?}");
        assert_eq!(found.total, Some(expected.count() as u64));
    }
}

pub async fn events_are_those_of_the_scope(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let drafts = EventFilter::default().with_drafts(true);
    let listed = async |filter: &EventFilter| {
        let found = world.shop.storage.events(filter, everything()).await.unwrap();
        let ids: BTreeSet<EventId> = found.items.iter().map(|event| event.id).collect();
        assert_eq!(found.total, Some(ids.len() as u64));
        let found = world.shop.storage.event_ids(filter, everything()).await.unwrap();
        assert_eq!(found.items.into_iter().collect::<BTreeSet<_>>(), ids);
        ids
    };
    for (scope, events) in world.scopes().await {
        assert_eq!(listed(&drafts.clone().with_scope(scope.clone())).await, events, "{scope:?}");
        let published: BTreeSet<EventId> = world.published().map(|event| event.id).collect();
        let public = EventFilter::default().with_scope(scope.clone());
        assert_eq!(listed(&public).await, events.intersection(&published).copied().collect(), "{scope:?}");
        let in_draft = public.with_phase((EventPhase::Draft, world.shop.now()));
        assert_eq!(listed(&in_draft).await, events.difference(&published).copied().collect(), "{scope:?}");
    }
    // Without a scope there are no drafts, whatever is asked for.
    let published: BTreeSet<EventId> = world.published().map(|event| event.id).collect();
    assert_eq!(listed(&drafts).await, published);
    let in_draft = EventFilter::default().with_phase((EventPhase::Draft, world.shop.now()));
    assert_eq!(listed(&in_draft).await, BTreeSet::new());
    let of_band = drafts.with_organizer(Principal::Organisation(world.band.id));
    assert_eq!(listed(&of_band).await, BTreeSet::from([world.events[0][0].id]));
}

pub async fn promo_codes_are_those_of_the_scope(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let mut made: Vec<(EventId, PromoCodeId)> = vec![];
    for event in world.all() {
        let settings = PromoCodeSettings::new("FRIENDS".parse().unwrap());
        let put = PutPromoCode { event_id: event.id, actor: world.shop.organizer.clone(), settings };
        made.push((event.id, granted(world.shop.storage.apply_one(world.shop.now(), put).await.unwrap()).id));
    }
    for (scope, events) in world.scopes().await {
        for (event_id, code) in &made {
            let list = ListPromoCodes { scope: scope.clone(), event_id: *event_id, page: everything() };
            let found = world.shop.storage.find(list).await.unwrap();
            let expected: &[PromoCodeId] = if events.contains(event_id) { &[*code] } else { &[] };
            assert!(found.items.iter().map(|code| &code.id).eq(expected), "{scope:?}");
            assert_eq!(found.total, Some(expected.len() as u64));
        }
    }
}

pub async fn the_audit_log_of_an_event_is_that_of_the_scope(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    for event in world.all() {
        for title in ["First", "Second"] {
            let wants = EventWants::default().with_title(title.to_owned());
            let edit = EditEvent { id: event.id, actor: world.shop.organizer.clone(), seen: None, wants };
            granted(world.shop.storage.apply_one(world.shop.now(), edit).await.unwrap());
        }
        // What is done to an order of the event is not in it.
        if event.status == EventStatus::Active {
            world.shop.buy(event, 1).await;
        }
    }
    for (scope, events) in world.scopes().await {
        for event in world.all() {
            let list = ListAuditOfEvent { scope: scope.clone(), event_id: event.id, page: everything() };
            let found = world.shop.storage.find(list).await.unwrap();
            let told = |line: &AuditLine| (line.action.clone(), line.after.clone());
            let edit = |to: &str| ("event.edited".to_owned(), Some(to.to_owned()));
            let expected = if events.contains(&event.id) { vec![edit("First"), edit("Second")] } else { vec![] };
            assert_eq!(found.items.iter().map(told).collect::<Vec<_>>(), expected, "{scope:?}");
            assert_eq!(found.total, Some(expected.len() as u64));
        }
    }
}

pub async fn the_audit_log_of_an_organisation_is_that_of_the_scope(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let event = &world.events[0][0];
    let of_one = world.shop.member(&world.band, MemberRole::Manager, only_events(&[event])).await;
    let owner = world.shop.stored(&world.owner).await;
    for (scope, expected) in [
        (Scope::all(), true),
        (Scope::own(&Principal::Organisation(world.band.id)), true),
        (Scope::of_account(&owner, Permission::Manage), true),
        (Scope::of_account(&of_one, Permission::Manage), false),
        (Scope::own(&Principal::Organisation(world.other.id)), false),
        (Scope::own(&external("person")), false),
    ] {
        let page = PageRequest { skip: 0, limit: 1, count: true };
        let list = ListAuditOfOrganisation { scope, id: world.band.id, page };
        let found = world.shop.storage.find(list).await.unwrap();
        let first: Vec<&str> = found.items.iter().map(|line| line.action.as_str()).collect();
        assert_eq!(first, if expected { vec!["organisation.founded"] } else { vec![] });
        assert_eq!(found.more, expected);
    }
}

pub async fn members_are_those_of_the_scope(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let event = &world.events[0][0];
    let of_one = world.shop.member(&world.band, MemberRole::Manager, only_events(&[event])).await;
    let owner = world.shop.stored(&world.owner).await;
    for (scope, expected) in [
        (Scope::all(), true),
        (Scope::own(&Principal::Organisation(world.band.id)), true),
        (Scope::of_account(&owner, Permission::Manage), true),
        (Scope::of_account(&of_one, Permission::Manage), false),
        (Scope::own(&Principal::Organisation(world.other.id)), false),
        (Scope::own(&external("person")), false),
    ] {
        let found = world.shop.storage.find(ListMembers { scope, id: world.band.id }).await.unwrap();
        assert_eq!(found.len(), if expected { 2 } else { 0 });
    }
}

pub async fn at_the_door_the_scope_is_that_of_the_scan(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let event = &world.events[0][0];
    let ticket = world.shop.buy(event, 1).await.tickets.remove(0);
    let door = world.shop.member(&world.band, MemberRole::Door, only_events(&[event])).await;
    let viewer = world.shop.member(&world.band, MemberRole::Viewer, MemberEvents::All).await;
    let scan = |account: &Account, nonce: &str| {
        Scan::new(ticket.code.clone(), nonce, account.id).with_scope(Scope::of_account(account, Permission::Door))
    };
    let annul = async |account: &Account, nonce: &str| {
        let scope = Scope::of_account(account, Permission::Door);
        let annul = AnnulScan { nonce: nonce.to_owned(), by: Principal::Account(account.id), scope };
        world.shop.storage.apply_one(world.shop.now(), annul).await.unwrap()
    };
    assert_eq!(world.shop.scan(&scan(&viewer, "a")).await, Err(Refusal::TicketForeign));
    let own = Scan::new(ticket.code.clone(), "b", door.id);
    assert_eq!(world.shop.scan(&own).await, Err(Refusal::TicketForeign), "a scan without a scope has its own");
    let admitted = granted(world.shop.scan(&scan(&door, "c")).await);
    assert_eq!(admitted.by, Principal::Account(door.id));
    assert_eq!(annul(&viewer, "c").await, Err(Refusal::ScanUnknown));
    granted(annul(&door, "c").await);
    granted(world.shop.hand_over(event, &external("person")).await);
    assert_eq!(world.shop.scan(&scan(&door, "d")).await, Err(Refusal::TicketForeign), "it has moved");
}

pub async fn money_moves_within_the_scope_only(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let event = &world.events[0][0];
    let bought = world.shop.buy(event, 1).await;
    let (_, review) = underpaid(&world.shop, event, 1).await;
    let theirs = Scope::own(&Principal::Organisation(world.other.id));
    let ours = Scope::own(&Principal::Organisation(world.band.id));
    let resolve = |scope: &Scope| Resolve {
        reference: review.reference.clone(),
        verdict: Verdict::Refund,
        tickets: vec![],
        note: "asked".to_owned(),
        actor: external("person"),
        scope: scope.clone(),
        seed: world.shop.seed(),
    };
    let refused = only(world.shop.storage.apply(world.shop.now(), &[resolve(&theirs)]).await);
    assert_eq!(refused, Err(Refusal::AttemptUnknown));
    let request = world.shop.refund_of(&bought.order, &[]);
    assert_eq!(world.shop.refund(&request.clone().with_scope(theirs)).await, Err(Refusal::OrderUnknown));
    granted(only(world.shop.storage.apply(world.shop.now(), &[resolve(&ours)]).await));
    granted(world.shop.refund(&request.with_scope(ours)).await);
}

pub async fn of_a_scan_and_a_move_at_once_the_event_decides(storage: Arc<dyn Storage>) {
    let world = World::on(storage).await;
    let door = world.shop.member(&world.band, MemberRole::Door, MemberEvents::All).await;
    let scope = Scope::of_account(&door, Permission::Door);
    let band = Principal::Organisation(world.band.id);
    for round in 0..10 {
        let event = world.shop.event().organizer(&band).create().await;
        let ticket = world.shop.buy(&event, 1).await.tickets.remove(0);
        let scan = Scan::new(ticket.code.clone(), format!("scan {round}"), door.id).with_scope(scope.clone());
        let outcomes = at_once(2, |index| {
            let (shop, scan, event) = (Arc::clone(&world.shop), scan.clone(), event.clone());
            async move {
                match index {
                    0 => shop.scan(&scan).await.map(drop),
                    _ => shop.hand_over(&event, &external("person")).await.map(drop),
                }
            }
        });
        let outcomes = outcomes.await;
        assert!(matches!(outcomes[0], Ok(()) | Err(Refusal::TicketForeign)) && outcomes[1].is_ok(), "{outcomes:?}");
        let late = Scan { nonce: format!("late {round}"), ..scan };
        assert_eq!(world.shop.scan(&late).await, Err(Refusal::TicketForeign));
    }
}
