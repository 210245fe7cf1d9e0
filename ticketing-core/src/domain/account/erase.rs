use super::erasure::TRY_AGAIN_AFTER;
use super::erasure_blocks::{self, ErasureBlock};
use super::{Account, BY_ROLE, Role};
use crate::domain::api_key::{self, ApiKey};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::factor::{Factor, Hashes};
use crate::domain::id::{AccountId, ApiKeyId, OrganisationId, ProofId, SessionId};
use crate::domain::list::{Condition, List, ListName};
use crate::domain::load::LoadKeys;
use crate::domain::organisation::{Member, Organisation, member};
use crate::domain::principal::EmailAddress;
use crate::domain::proof::{self, KEEP_PROOFS};
use crate::domain::row::{Field as _, Value};
use crate::domain::session;
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// How long after an erasure what is left of the account is looked for again: longer than any answer to a repeated request is kept.
const LOOK_AGAIN_FOR: SignedDuration = SignedDuration::from_hours(25);
/// How often.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// What stands in the place of a name.
const ERASED: &str = "erased";

/// Erases an account whose time has come. What is left is a row with its id: its orders, tickets, events and lines of the audit log go on
/// referring to that. Its address, its user name and whatever a person has typed about it are gone; nobody can log in to it, and its
/// address is free.
///
/// - Its sessions and its API keys end, its proofs are forgotten, its second factor is removed. It leaves its organisations. Where it is the
///   only member it stays one, since an organisation has an owner, and the organisation's name is erased.
/// - If something stands in the way by now, it is tried again a day later. Nothing is erased until then.
/// - The addresses in its orders and mails are not erased by this, but one by one: see [`EraseBuyer`](crate::domain::order::EraseBuyer)
///   and [`EraseRecipient`](crate::domain::outbox::EraseRecipient). For 25 hours they are
///   looked for again, because a call that was in progress may have written one more.
/// - It is a line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EraseAccount {
    /// The account.
    pub id: AccountId,
    /// Its address, as the caller knows it, who has erased what was found by it. If it has another by now, nothing is done.
    pub address: EmailAddress,
}

/// The outcome of [`EraseAccount`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Erased {
    /// It was erased, now or before.
    Done,
    /// It is tried again a day later, for these reasons.
    Blocked(Vec<ErasureBlock>),
    /// There is no such account, its time has not come, or it has another address by now.
    NotDue,
}

/// Keys of the account whose name is still there.
const KEYS: &str = "keys of an erased account";
/// How many of them are erased at once. The others follow when they are looked for again.
const MAX_KEYS: u32 = 1000;

impl Command for EraseAccount {
    type Outcome = Erased;
    const NAME: &'static str = "erase_account";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Account>(&self.id);
        load.look_up(BY_ROLE, &Role::Admin);
        let Some(account) = rows.accounts.loaded_row(&self.id).cloned() else { return };
        if account.role == Role::Admin {
            // Locked by their ids, as in `AdministerAccount`: two administrators who are erased at once are not both the last but one.
            let admins: Vec<AccountId> = rows.accounts.loaded(BY_ROLE, &Role::Admin).map(|admin| admin.id).collect();
            admins.iter().for_each(|id| load.row::<Account>(id));
        }
        load.row::<Account>(&self.id);
        for of in account.memberships.iter() {
            load.row::<Organisation>(&of.organisation_id);
            load.find(member::BY_BOTH, &(of.organisation_id, self.id));
        }
        erasure_blocks::needs(rows, load, self.id, load.now());
        load.row::<Factor>(&self.id);
        load.find(session::BY_ACCOUNT, &self.id);
        let named =
            vec![Condition::Is("maker", self.id.value()), Condition::Not("name", Value::Text(ERASED.to_owned()))];
        load.list(List::of::<ApiKey>(ListName::about(KEYS, self.id.0), named).at_most(MAX_KEYS).keys_only());
        load.find(api_key::BY_MAKER, &self.id.to_string());
        rows.listed::<ApiKeyId>(ListName::about(KEYS, self.id.0)).items.iter().for_each(|id| load.row::<ApiKey>(id));
        load.find(proof::BY_ACCOUNT, &self.id);
        account.email.keys().iter().for_each(|key| load.find(proof::BY_ADDRESS, key));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Erased {
        let Some(account) = rows.accounts.get(&self.id).cloned() else { return Erased::NotDue };
        if account.erase_at.is_none_or(|at| at > now) || account.email != self.address {
            return if account.erased_at.is_some() { Erased::Done } else { Erased::NotDue };
        }
        if let Some(at) = account.erased_at {
            // Looked at again: the caller has done so.
            self.end_keys(rows, now);
            let again = now + LOOK_AGAIN_AFTER;
            let next = (again <= at + LOOK_AGAIN_FOR).then_some(again);
            rows.accounts.update(&self.id, |account| account.erase_at = next);
            return Erased::Done;
        }
        let blocks = erasure_blocks::of(rows, &account);
        if !blocks.is_empty() {
            rows.accounts.update(&self.id, |account| account.erase_at = Some(now + TRY_AGAIN_AFTER));
            return Erased::Blocked(blocks);
        }
        self.leave_organisations(rows, now, &account);
        self.end_access(rows, now, &account);
        rows.accounts.update(&self.id, |account| {
            account.email = EmailAddress::of_erased(account.id);
            ERASED.clone_into(&mut account.name);
            account.username = None;
            account.phone = None;
            // Not a hash: no password fits.
            account.password_hash = String::new();
            account.role = Role::Member;
            account.is_active = false;
            account.disabled_reason = None;
            account.is_verified = false;
            account.has_second_factor = false;
            account.sessions_ended += 1;
            account.erase_at = Some(now + LOOK_AGAIN_AFTER);
            account.erased_at = Some(now);
            account.updated_at = now;
        });
        rows.record_audit(now, self.id, Actor::System, "account.erased", "", Change::default());
        Erased::Done
    }
}

impl EraseAccount {
    fn leave_organisations(&self, rows: &mut WorkingSet, now: Timestamp, account: &Account) {
        let ids: Vec<OrganisationId> = account.memberships.iter().map(|of| of.organisation_id).collect();
        for id in ids {
            if rows.members_of(id).count() == 1 {
                rows.organisations.update(&id, |organisation| ERASED.clone_into(&mut organisation.name));
                continue;
            }
            let Some(member) = rows.member(id, self.id).filter(|member| member.removed_at.is_none()).cloned() else {
                continue;
            };
            let gone = Member { removed_at: Some(now), updated_at: now, ..member.clone() };
            rows.record_member(now, Actor::System, Some(&member), &gone);
            rows.members.update(&gone.id, |row| row.clone_from(&gone));
        }
    }

    fn end_access(&self, rows: &mut WorkingSet, now: Timestamp, account: &Account) {
        rows.factors.update(&self.id, |factor| {
            factor.secret = None;
            factor.confirmed_at = None;
            factor.recovery_hashes = Hashes::default();
        });
        let sessions: Vec<SessionId> =
            rows.sessions.all(session::BY_ACCOUNT, &self.id).map(|session| session.id).collect();
        for id in sessions {
            rows.sessions.update(&id, |session| {
                session.client = None;
                session.ended_at.get_or_insert(now);
                session.expires_at = session.expires_at.min(now);
            });
        }
        self.end_keys(rows, now);
        let mut proofs: Vec<ProofId> = rows.proofs.all(proof::BY_ACCOUNT, &self.id).map(|proof| proof.id).collect();
        // Anybody can register with somebody else's address, whose proofs are not theirs.
        let of_address = rows.proofs_for(&account.email).into_iter().filter(|_| account.is_verified);
        proofs.extend(of_address.map(|proof| proof.id));
        // So upkeep forgets them at once.
        proofs.iter().for_each(|id| rows.proofs.update(id, |proof| proof.expires_at = now - KEEP_PROOFS));
    }

    /// Revokes the keys of the account, and erases their names.
    fn end_keys(&self, rows: &mut WorkingSet, now: Timestamp) {
        let mut ids: Vec<ApiKeyId> =
            rows.api_keys.all(api_key::BY_MAKER, &self.id.to_string()).map(|key| key.id).collect();
        ids.extend(rows.listed::<ApiKeyId>(ListName::about(KEYS, self.id.0)).items);
        for id in ids {
            // Another account may have taken it over meanwhile.
            let Some(key) = rows.api_keys.get(&id).filter(|key| key.maker == self.id).cloned() else { continue };
            rows.api_keys.update(&id, |key| {
                ERASED.clone_into(&mut key.name);
                key.revoked_at.get_or_insert(now);
            });
            if key.revoked_at.is_none() {
                rows.record_api_key(now, Actor::System, &key, "api_key.revoked");
            }
        }
    }
}
