use super::member::{Member, MemberEvents, MemberRole};
use super::{BY_FOUNDER, BY_KEY, MAX_FOUNDED, MAX_MEMBERSHIPS, Organisation};
use crate::domain::account::Account;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::id::{AccountId, MemberId, OrganisationId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Founds an organisation. Its founder is its first owner. A repeat with the same key finds the same organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOrganisation {
    /// The idempotency key. Without one, a repeat founds another organisation.
    pub key: Option<Reference>,
    /// The name. The caller has validated it.
    pub name: String,
    /// Who founds it.
    pub founder: AccountId,
    /// Whether the founder's address must be verified.
    pub needs_proof: bool,
}

impl Command for FoundOrganisation {
    type Outcome = Result<Organisation, Refusal>;
    const NAME: &'static str = "found_organisation";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        // A transaction that has locked the account has its organisations, so the number of them cannot change meanwhile.
        load.row::<Account>(&self.founder);
        load.look_up(BY_FOUNDER, &self.founder);
        if let Some(key) = &self.key {
            load.find(BY_KEY, key);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Organisation, Refusal> {
        if let Some(known) = self.key.as_ref().and_then(|key| rows.organisations.find(BY_KEY, key)) {
            let is_same = known.founder == self.founder && known.name == self.name;
            return if is_same { Ok(known.clone()) } else { Err(Refusal::KeyReused) };
        }
        let founder = rows.accounts.get(&self.founder).filter(|account| account.is_active);
        let founder = founder.ok_or(Refusal::AccountUnknown)?;
        if self.needs_proof && !founder.is_verified {
            return Err(Refusal::EmailUnverified);
        }
        let founded = rows.organisations.all(BY_FOUNDER, &self.founder).count();
        for (count, limit) in [(founded, MAX_FOUNDED), (founder.memberships.len(), MAX_MEMBERSHIPS)] {
            if count >= limit as usize {
                return Err(Refusal::TooManyOrganisations { limit: limit.into() });
            }
        }
        let organisation = Organisation {
            id: OrganisationId(rows.organisations.take_id()),
            key: self.key.clone(),
            name: self.name.clone(),
            founder: self.founder,
            requires_second_factor: false,
            created_at: now,
            updated_at: now,
        };
        let owner = Member {
            id: MemberId(rows.members.take_id()),
            organisation_id: organisation.id,
            account_id: self.founder,
            role: MemberRole::Owner,
            events: MemberEvents::All,
            created_at: now,
            updated_at: now,
            removed_at: None,
        };
        rows.organisations.insert(organisation.clone());
        let by = Actor::Person(Principal::Account(self.founder));
        let item = Principal::Organisation(organisation.id).to_string();
        let change = Change { item: Some(&item), ..Change::default() }.in_organisation(organisation.id);
        rows.record_audit(now, self.founder, by.clone(), "organisation.founded", "", change);
        rows.record_member(now, by, None, &owner);
        rows.members.insert(owner);
        Ok(organisation)
    }
}

impl WorkingSet {
    /// Writes what a member may do from now on into the account, and into the audit log of both. The caller writes the member itself.
    pub(in crate::domain) fn record_member(
        &mut self,
        now: Timestamp,
        actor: Actor,
        before: Option<&Member>,
        after: &Member,
    ) {
        let is_member = |member: &Member| member.removed_at.is_none();
        let may = is_member(after).then(|| (after.role, after.events.clone()));
        self.accounts.update(&after.account_id, |account| account.memberships.set(after.organisation_id, may));
        let text = |member: &Member| member.events.with_role(member.role);
        let (old, new) = (before.filter(|member| is_member(member)).map(text), is_member(after).then(|| text(after)));
        let action = match (&old, &new) {
            (None, _) => "member.added",
            (Some(_), Some(_)) => "member.changed",
            (Some(_), None) => "member.removed",
        };
        let item = Principal::Organisation(after.organisation_id).to_string();
        let organisation = Some(after.organisation_id);
        let change = Change { item: Some(&item), before: old.as_deref(), after: new.as_deref(), organisation };
        self.record_audit(now, after.account_id, actor, action, "", change);
    }
}
