//! A team at the door, in a quarter of the histories: an organisation runs the event, members come and go, and scanners with API keys let
//! people in, while keys are made, revoked and taken over.

use crate::invariants::at_once;
use crate::servers::ask;
use crate::world::{MINUTE, SECOND, World};
use std::sync::Arc;
use ticketing_core::domain::access::{Permission, Permissions};
use ticketing_core::domain::account::{AccountChange, ChangeAccount, NewAccount};
use ticketing_core::domain::api_key::{ApiKeyWants, MakeApiKey, ManageApiKey};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::command::Command;
use ticketing_core::domain::id::{AccountId, ApiKeyId, EventId, OrganisationId};
use ticketing_core::domain::organisation::{FoundOrganisation, MemberEvents, MemberRole, MemberWants, SetMember};
use ticketing_core::domain::principal::{EmailAddress, Principal};
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{Error, Result};

/// The organisation.
pub(crate) const ORGANISATION: OrganisationId = OrganisationId(1);

/// Who is a member at times: two owners, a manager, and one for the door.
const ROLES: [MemberRole; 4] = [MemberRole::Owner, MemberRole::Owner, MemberRole::Manager, MemberRole::Door];

/// An account that is never a member.
pub(crate) const STRANGER: AccountId = AccountId(5);

/// When nobody comes or goes any more.
const UNTIL: u64 = 50 * MINUTE;

pub(crate) fn address(id: AccountId) -> Option<EmailAddress> {
    format!("member-{id}@example.com").parse().ok()
}

fn person(id: AccountId) -> Actor {
    Actor::Person(Principal::Account(id))
}

/// Does something before the history begins.
fn done<C: Command + Clone>(world: &World, command: C) -> Option<C::Outcome> {
    at_once(world.memory.apply_one(world.time(), command))?.ok()
}

/// Founds the organisation, which is an organiser from then on.
pub(crate) fn found(world: &World) -> Option<Principal> {
    for id in (1..=STRANGER.0).map(AccountId) {
        done(world, NewAccount::new(address(id)?, "Member", "no password"))?.ok()?;
        done(world, ChangeAccount { id, change: AccountChange::Verified })??;
    }
    let founder = AccountId(1);
    done(world, FoundOrganisation { key: None, name: "Team".to_owned(), founder, needs_proof: true })?.ok()?;
    for (id, role) in (1..).map(AccountId).zip(ROLES).skip(1) {
        let wants = MemberWants::Member(role, MemberEvents::All);
        let (organisation_id, actor) = (ORGANISATION, person(founder));
        done(world, SetMember { organisation_id, account_id: id, actor, wants, needs_proof: true })?.ok()?;
    }
    Some(Principal::Organisation(ORGANISATION))
}

fn key(world: &World, maker: AccountId, events: MemberEvents) -> MakeApiKey {
    MakeApiKey {
        maker,
        organisation_id: Some(ORGANISATION),
        name: "Gate".to_owned(),
        hash: format!("{:064x}", world.draw()),
        permissions: Permissions::of(&[Permission::Door]),
        events,
        expires_at: None,
    }
}

fn only(event: EventId) -> MemberEvents {
    MemberEvents::Only([event].into())
}

/// The first keys: two for the event, and one for another event.
pub(crate) fn equip(world: &World, event: EventId, other: EventId) {
    for (maker, events) in [(2, only(event)), (3, only(event)), (3, only(other))] {
        done(world, key(world, AccountId(maker), events));
    }
}

/// Any key, also one that does not work any more: the scanner does not know.
pub(crate) fn scanner(world: &World) -> Option<Principal> {
    let all: Vec<Principal> = world.memory.look(|rows| rows.api_keys.iter().map(|(_, key)| key.principal()).collect());
    // Mostly a recent one.
    let late = if world.below(3) == 0 { all.len() } else { all.len().min(3) };
    let at = all.len().checked_sub(1 + world.below(late as u64) as usize)?;
    all.into_iter().nth(at)
}

/// Members come and go, and keys with them.
pub(crate) async fn manage(world: Arc<World>, event: EventId, other: EventId) {
    while world.now() < UNTIL {
        world.sleep(world.between(30 * SECOND, 3 * MINUTE)).await;
        let (who, about) = (member(&world), member(&world));
        match world.below(12) {
            0..2 => remove(&world, who, about).await,
            // Both at once: one of two owners stays.
            2 => {
                let again = Arc::clone(&world);
                world.go(async move { remove(&again, about, who).await });
                remove(&world, who, about).await;
            }
            3..6 => add(&world, who, about, event, other).await,
            6..10 => {
                let events = [only(event), only(event), MemberEvents::All, only(other)];
                let events = events[world.below(4) as usize].clone();
                let make = key(&world, who, events);
                told(&world, "key made", apply(&world, make).await);
            }
            10 => manage_key(&world, who, ApiKeyWants::TakenOver, "key taken over").await,
            _ => manage_key(&world, who, ApiKeyWants::Revoked, "key revoked").await,
        }
    }
}

fn member(world: &World) -> AccountId {
    AccountId(1 + world.below(ROLES.len() as u64) as i64)
}

fn told<T>(world: &World, what: &'static str, answer: Option<Result<T>>) {
    match answer {
        Some(Ok(_)) => world.saw("team", what),
        Some(Err(Error::Refused(refusal))) => world.saw("refused", refusal.code()),
        _ => {}
    }
}

async fn apply<T, C>(world: &Arc<World>, command: C) -> Option<Result<T>>
where
    T: Send + 'static,
    C: Command<Outcome = std::result::Result<T, ticketing_core::domain::refusal::Refusal>> + Clone + 'static,
{
    let now = world.time();
    ask(world, |server| async move { Ok(server.storage().apply_one(now, command).await??) }).await
}

async fn remove(world: &Arc<World>, who: AccountId, about: AccountId) {
    let answer =
        ask(world, move |server| async move { server.remove_member(&person(who), ORGANISATION, about).await }).await;
    told(world, "member removed", answer);
}

async fn add(world: &Arc<World>, who: AccountId, about: AccountId, event: EventId, other: EventId) {
    let Some(address) = address(about) else { return };
    let role = [MemberRole::Owner, MemberRole::Manager, MemberRole::Door][world.below(3) as usize];
    let events = match world.below(4) {
        0 if role != MemberRole::Owner => only(other),
        1 if role != MemberRole::Owner => only(event),
        _ => MemberEvents::All,
    };
    let answer =
        ask(
            world,
            move |server| async move { server.add_member(&person(who), ORGANISATION, &address, role, events).await },
        );
    told(world, "member set", answer.await);
}

async fn manage_key(world: &Arc<World>, who: AccountId, wants: ApiKeyWants, what: &'static str) {
    let count = world.memory.look(|rows| rows.api_keys.iter().count()) as u64;
    let id = ApiKeyId(1 + world.below(count) as i64);
    told(world, what, apply(world, ManageApiKey { id, actor: person(who), wants }).await);
}
