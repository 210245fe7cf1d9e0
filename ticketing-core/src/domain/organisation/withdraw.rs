use super::Organisation;
use super::member;
use super::set_member::may_grant;
use crate::domain::account::Account;
use crate::domain::audit::Actor;
use crate::domain::command::Command;
use crate::domain::id::{OrganisationId, ProofId};
use crate::domain::load::LoadKeys;
use crate::domain::proof::Proof;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Withdraws an invitation: its token is of no use any more. One that was withdrawn or replaced, or has expired, stays as it is; one that
/// was accepted is unknown.
///
/// - The actor may manage the members of the organisation, and has every permission of the role.
/// - It is a line of the audit log of the organisation, and of the actor, or of the founder if that is no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawInvitation {
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The invitation.
    pub id: ProofId,
    /// Who withdraws it.
    pub actor: Actor,
}

impl Command for WithdrawInvitation {
    type Outcome = Result<Proof, Refusal>;
    const NAME: &'static str = "withdraw_invitation";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        if let Some(id) = self.actor.account() {
            load.look::<Account>(&id);
        }
        load.row::<Organisation>(&self.organisation_id);
        load.look_up(member::BY_ORGANISATION, &self.organisation_id.to_string());
        load.row::<Proof>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Proof, Refusal> {
        let id = self.organisation_id;
        let founder = rows.organisations.get(&id).ok_or(Refusal::OrganisationUnknown)?.founder;
        may_grant(rows, id, &self.actor, std::iter::empty())?;
        let proof = rows.proofs.get(&self.id).filter(|proof| proof.used_at.is_none()).cloned();
        let found = proof.and_then(|proof| proof.invitation.clone().map(|invitation| (proof, invitation)));
        let found = found.filter(|(_, invitation)| invitation.organisation_id == id);
        let (proof, invitation) = found.ok_or(Refusal::InvitationUnknown)?;
        may_grant(rows, id, &self.actor, [invitation.role].into_iter())?;
        if !proof.is_open(now) {
            return Ok(proof);
        }
        rows.proofs.update(&self.id, |proof| proof.expires_at = now);
        let about = self.actor.account().unwrap_or(founder);
        rows.record_invitation(now, about, self.actor.clone(), (proof.id, &invitation), "invitation.withdrawn");
        Ok(Proof { expires_at: now, ..proof })
    }
}
