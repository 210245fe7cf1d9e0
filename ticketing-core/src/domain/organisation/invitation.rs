//! Invitations: proofs that let the person who reads the mail of an address join an organisation.

use super::{MemberEvents, MemberRole};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Query;
use crate::domain::id::{AccountId, OrganisationId, ProofId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::proof::{self, Proof};
use crate::domain::row::{Field, Kind, RowError, Sink, Source};
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// To what an invitation invites. The rest of it is its [`Proof`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Invitation {
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// What the member may do.
    pub role: MemberRole,
    /// For which events of the organisation.
    pub events: MemberEvents,
    /// The account that invites. `None`: the operator, or the application for the organisation.
    pub inviter: Option<AccountId>,
}

impl Invitation {
    /// Who gives the role. Asked again when somebody joins: nobody grants what they lack.
    pub(super) fn actor(&self) -> Actor {
        self.inviter.map_or(Actor::Operator, |id| Actor::Person(Principal::Account(id)))
    }
}

/// A column for each field. The first is null if there is no invitation.
impl Field for Invitation {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text, Kind::Text, Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        self.organisation_id.store(to);
        self.role.store(to);
        self.events.store(to);
        self.inviter.store(to);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let organisation_id = OrganisationId::read(from)?;
        let role = MemberRole::read(from)?;
        let events = MemberEvents::read(from)?.unwrap_or_default();
        let inviter = AccountId::read(from)?;
        match (organisation_id, role) {
            (Some(organisation_id), Some(role)) => Ok(Some(Self { organisation_id, role, events, inviter })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                Err(RowError("an invitation has an organisation and a role".to_owned()))
            }
        }
    }
}

impl WorkingSet {
    /// Writes what happened to an invitation into the audit log of its organisation and of an account. It names neither the address nor the person.
    pub(super) fn record_invitation(
        &mut self,
        now: Timestamp,
        about: AccountId,
        actor: Actor,
        (id, invitation): (ProofId, &Invitation),
        action: &str,
    ) {
        let item = format!("invitation {id}");
        let rights = invitation.events.with_role(invitation.role);
        let change = Change { item: Some(&item), after: Some(&rights), ..Change::default() };
        let change = change.in_organisation(invitation.organisation_id);
        self.record_audit(now, about, actor, action, "", change);
    }
}

/// Lists the invitations of an organisation that are kept, the oldest first; also those that are not [open](Proof::is_open) any more.
/// None if the scope does not cover all of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListInvitations {
    /// What the caller may manage.
    pub scope: Scope,
    /// The organisation.
    pub id: OrganisationId,
}

impl Query for ListInvitations {
    type Found = Vec<Proof>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        if self.is_allowed() {
            load.look_up(proof::BY_ORGANISATION, &self.id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Proof> {
        if !self.is_allowed() {
            return vec![];
        }
        rows.proofs.all(proof::BY_ORGANISATION, &self.id).cloned().collect()
    }
}

impl ListInvitations {
    fn is_allowed(&self) -> bool {
        self.scope.covers_all_of(&Principal::Organisation(self.id))
    }
}
