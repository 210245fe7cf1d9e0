//! What must hold of those who let people in (S21), and of what the members of an organisation grant (S22). That it always has an owner
//! is checked by the storage itself.

use crate::executor::lock;
use crate::team::ORGANISATION;
use crate::world::World;
use jiff::Timestamp;
use std::collections::BTreeMap;
use ticketing_core::domain::access::{Permission, Permissions};
use ticketing_core::domain::api_key::{ApiKey, ApiKeyWants, ManageApiKey};
use ticketing_core::domain::check_in::{CheckIn, Scan};
use ticketing_core::domain::id::{AccountId, ApiKeyId, EventId};
use ticketing_core::domain::organisation::{Member, MemberEvents, MemberRole, SetMember};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::Outcome;

/// What was true before.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Since when a key does not open the door of an event, in simulated milliseconds. Those that open it are not in it.
    shut: BTreeMap<(ApiKeyId, EventId), u64>,
    /// When a scan was first sent, by its nonce.
    sent: BTreeMap<String, u64>,
}

/// Somebody scans a ticket. From now on it may be decided whether the key opens the door.
pub(crate) fn scans(world: &World, nonce: &str) {
    let now = world.now();
    lock(&world.judge).access.sent.entry(nonce.to_owned()).or_insert(now);
}

/// Looks at the keys.
pub(crate) fn after_commit(world: &World, rows: &WorkingSet, known: &mut Known) {
    let (now, time) = (world.now(), world.time());
    for (id, key) in rows.api_keys.iter() {
        for (event, _) in rows.events.iter() {
            if opens(rows, key, *event, time) {
                known.shut.remove(&(*id, *event));
            } else {
                known.shut.entry((*id, *event)).or_insert(now);
            }
        }
    }
}

/// From the rows of members alone: what the engine reads is a copy of them.
fn members(rows: &WorkingSet) -> impl Iterator<Item = &Member> {
    rows.members.iter().map(|(_, member)| member).filter(|member| member.removed_at.is_none())
}

fn cover(events: &MemberEvents, event: EventId) -> bool {
    match events {
        MemberEvents::All => true,
        MemberEvents::Only(events) => events.contains(&event),
    }
}

/// Whether the key works, and its maker may let people in.
fn opens(rows: &WorkingSet, key: &ApiKey, event: EventId, now: Timestamp) -> bool {
    let is_open = key.revoked_at.is_none() && now < key.expires_at;
    let may = |member: &Member| {
        let is_active = rows.accounts.get(&member.account_id).is_some_and(|account| account.is_active);
        is_active && member.role.permissions().has(Permission::Door) && cover(&member.events, event)
    };
    let mut maker = members(rows).filter(|member| member.account_id == key.maker);
    is_open && key.permissions.has(Permission::Door) && cover(&key.events, event) && maker.any(may)
}

/// S21: who scans with a key lets somebody in only if the key opened that door at some moment since the scan was sent. What is decided
/// at the beginning of a call may be done after the key is revoked; the next call is refused.
pub(crate) fn admitted(world: &World, known: &Known, scan: &Scan, check_in: &CheckIn) {
    let Principal::Key { id, .. } = scan.by else { return };
    world.saw("gate", "admitted with a key");
    let Some(shut) = known.shut.get(&(id, check_in.event_id)) else { return };
    if known.sent.get(&scan.nonce).is_some_and(|sent| sent <= shut) {
        world.saw("gate", "admitted with a key that was good when the scan was sent");
        return;
    }
    world.fail(format!("S21 api key {id} let somebody in to event {}, and may not", check_in.event_id));
}

/// What an account may do in the organisation.
pub(crate) fn rights(rows: &WorkingSet, account: Option<AccountId>) -> Permissions {
    let own = members(rows).find(|member| Some(member.account_id) == account && member.events == MemberEvents::All);
    own.map_or(Permissions::NONE, |member| member.role.permissions())
}

/// The role of an account in the organisation.
pub(crate) fn role(rows: &WorkingSet, account: AccountId) -> Option<MemberRole> {
    members(rows).find(|member| member.account_id == account).map(|member| member.role)
}

/// S22: nobody gives or takes a role with a permission that they lack.
pub(crate) fn member_set(
    world: &World,
    set: &SetMember,
    rights: Permissions,
    before: Option<MemberRole>,
    outcome: &Outcome<Member>,
) {
    let Ok(member) = outcome else { return };
    let after = member.removed_at.is_none().then_some(member.role);
    let is_leaving = after.is_none() && set.actor.account() == Some(set.account_id);
    let mut roles = before.into_iter().chain(after);
    let is_granted = rights.has(Permission::Manage) && roles.all(|role| rights.cover(role.permissions()));
    if member.organisation_id == ORGANISATION && before != after && !is_leaving && !is_granted {
        world.fail(format!("S22 {} made {before:?} of account {} {after:?}", set.actor, set.account_id));
    }
}

/// S22 of keys: nobody makes or takes over a key with a permission that they lack.
pub(crate) fn key_given(world: &World, rights: Permissions, outcome: &Outcome<ApiKey>) {
    let Ok(key) = outcome else { return };
    if !(rights.has(Permission::Manage) && rights.cover(key.permissions)) {
        world.fail(format!("S22 account {} has key {}, which may do more", key.maker, key.id));
    }
}

/// Whether the command gives a key to somebody who does not have it.
pub(crate) fn is_taken_over(rows: &WorkingSet, manage: &ManageApiKey) -> bool {
    let is_wanted = manage.wants == ApiKeyWants::TakenOver;
    let is_its = |key: &ApiKey| Some(key.maker) == manage.actor.account();
    is_wanted && rows.api_keys.get(&manage.id).is_some_and(|key| !is_its(key))
}
