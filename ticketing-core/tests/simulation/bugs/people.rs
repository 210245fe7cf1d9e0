//! Bugs of organisations and API keys.

use super::{Bug, BuggyStorage, Result};
use crate::access;
use crate::executor::lock;
use crate::team::STRANGER;
use jiff::Timestamp;
use ticketing_core::domain::account::Account;
use ticketing_core::domain::api_key::{ApiKey, MakeApiKey, ManageApiKey};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::command::Command;
use ticketing_core::domain::id::MemberId;
use ticketing_core::domain::load::Needs;
use ticketing_core::domain::organisation::{Member, MemberEvents, MemberRole, SetMember};
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Outcome, Storage as _, StorageExt as _};

impl BuggyStorage {
    /// What a call reads before it does anything: who asks, and what they may do.
    pub(crate) async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet> {
        let mut rows = self.world.memory.load(needs).await?;
        let keys = |rows: &mut WorkingSet, change: fn(&mut ApiKey)| {
            let all: Vec<ApiKey> = rows.api_keys.iter().map(|(_, key)| key.clone()).collect();
            for mut key in all {
                change(&mut key);
                rows.api_keys.load_record(key);
            }
        };
        match self.world.bug {
            Some(Bug::RevokedKeyScans) => keys(&mut rows, |key| key.revoked_at = None),
            Some(Bug::KeyOfAnotherEventScans) => keys(&mut rows, |key| key.events = MemberEvents::All),
            Some(Bug::KeysOfRemovedMemberWork) => {
                // A cache of accounts that nobody empties.
                let mut remembered = lock(&self.remembered);
                let all: Vec<Account> = rows.accounts.iter().map(|(_, account)| account.clone()).collect();
                for account in all {
                    if account.memberships.is_empty() {
                        remembered.get(&account.id).into_iter().for_each(|old| rows.accounts.load_record(old.clone()));
                    } else {
                        remembered.insert(account.id, account);
                    }
                }
            }
            _ => {}
        }
        Ok(rows)
    }

    pub(super) async fn set_member(&self, now: Timestamp, set: &SetMember) -> Result<Outcome<Member>> {
        let memory = &self.world.memory;
        let (rights, before) =
            memory.look(|rows| (access::rights(rows, set.actor.account()), access::role(rows, set.account_id)));
        let outcome = match self.world.bug {
            Some(Bug::LastOwnerLeaves) => memory.tamper(|rows| {
                // As if there always were another one.
                let other = rows.members.iter().map(|(_, member)| member.clone()).next();
                let other = other.map(|mut other| {
                    (other.id, other.account_id, other.removed_at) = (MemberId(999), STRANGER, None);
                    (other.role, other.events) = (MemberRole::Owner, MemberEvents::All);
                    other
                });
                other.iter().for_each(|other| rows.members.load_record(other.clone()));
                let outcome = set.apply(rows, now);
                rows.members.remove(&MemberId(999));
                outcome
            }),
            Some(Bug::MemberGrantsWhatTheyLack) => {
                memory.apply_one(now, SetMember { actor: Actor::Operator, ..set.clone() }).await?
            }
            _ => memory.apply_one(now, set.clone()).await?,
        };
        access::member_set(&self.world, set, rights, before, &outcome);
        Ok(outcome)
    }

    pub(super) async fn make_key(&self, now: Timestamp, make: &MakeApiKey) -> Result<Outcome<ApiKey>> {
        let rights = self.world.memory.look(|rows| access::rights(rows, Some(make.maker)));
        let outcome = self.world.memory.apply_one(now, make.clone()).await?;
        access::key_given(&self.world, rights, &outcome);
        Ok(outcome)
    }

    pub(super) async fn manage_key(&self, now: Timestamp, manage: &ManageApiKey) -> Result<Outcome<ApiKey>> {
        let memory = &self.world.memory;
        let (rights, is_given) =
            memory.look(|rows| (access::rights(rows, manage.actor.account()), access::is_taken_over(rows, manage)));
        let outcome = memory.apply_one(now, manage.clone()).await?;
        if is_given {
            access::key_given(&self.world, rights, &outcome);
        }
        Ok(outcome)
    }
}
