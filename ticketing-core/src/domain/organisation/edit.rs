use super::Organisation;
use crate::domain::access::Permission;
use crate::domain::account::Account;
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::id::OrganisationId;
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

/// What an organisation shall be. `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrganisationWants {
    /// Its name: 1–200 characters.
    pub name: Option<String>,
    /// Whether its members can only act for it with a second factor.
    pub requires_second_factor: Option<bool>,
}

setters!(OrganisationWants {
    with_name => name: impl Into<Option<String>>,
    with_requires_second_factor => requires_second_factor: impl Into<Option<bool>>,
});

/// Edits an organisation. A repeat changes nothing. The caller has validated the name.
///
/// - The actor needs [`Permission::Manage`] for all of its events, as its member, as its embedder, as an administrator of the installation,
///   or as the operator.
/// - Who demands a second factor has one: otherwise nobody might be left who can take it back.
/// - Each change is a line of the audit log of the organisation, and of the actor's account, or of the founder's for the operator. A new
///   name is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditOrganisation {
    /// The organisation.
    pub id: OrganisationId,
    /// Who edits it.
    pub actor: Actor,
    /// What it shall be.
    pub wants: OrganisationWants,
}

impl Command for EditOrganisation {
    type Outcome = Result<Organisation, Refusal>;
    const NAME: &'static str = "edit_organisation";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        // Its memberships change under its lock.
        if let Some(id) = self.actor.account() {
            load.row::<Account>(&id);
        }
        load.row::<Organisation>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Organisation, Refusal> {
        let known = rows.organisations.get(&self.id).cloned().ok_or(Refusal::OrganisationUnknown)?;
        if !self.may_manage(rows) {
            return Err(Refusal::NotGranted);
        }
        let mut edited = known.clone();
        if let Some(name) = &self.wants.name {
            edited.name.clone_from(name);
        }
        if let Some(requires) = self.wants.requires_second_factor {
            edited.requires_second_factor = requires;
        }
        if edited == known {
            return Ok(known);
        }
        let actor = self.actor.account().and_then(|id| rows.accounts.get(&id));
        let is_new_demand = edited.requires_second_factor && !known.requires_second_factor;
        if is_new_demand && actor.is_some_and(|account| !account.has_second_factor) {
            return Err(Refusal::SecondFactorRequired);
        }
        let about = self.actor.account().unwrap_or(known.founder);
        let item = Principal::Organisation(self.id).to_string();
        if edited.name != known.name {
            let change = Change { item: Some(&item), ..Change::default() }.in_organisation(self.id);
            rows.record_audit(now, about, self.actor.clone(), "organisation.renamed", "", change);
        }
        if edited.requires_second_factor != known.requires_second_factor {
            let text = |requires: bool| if requires { "required" } else { "optional" };
            let (before, after) = (text(known.requires_second_factor), text(edited.requires_second_factor));
            let change = Change::of(&item, before, after).in_organisation(self.id);
            rows.record_audit(now, about, self.actor.clone(), "organisation.second_factor", "", change);
        }
        edited.updated_at = now;
        rows.organisations.update(&self.id, |row| row.clone_from(&edited));
        Ok(edited)
    }
}

impl EditOrganisation {
    fn may_manage(&self, rows: &WorkingSet) -> bool {
        if self.actor == Actor::Operator || self.actor == Actor::Person(Principal::Organisation(self.id)) {
            return true;
        }
        let Some(account) = self.actor.account().and_then(|id| rows.accounts.get(&id)) else { return false };
        let manages = account.memberships.rights_in(self.id).has(Permission::Manage);
        account.is_acting_admin() || (account.is_active && manages)
    }
}
