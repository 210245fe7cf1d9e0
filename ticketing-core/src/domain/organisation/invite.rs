use super::invitation::Invitation;
use super::member::{self, MemberEvents, MemberRole};
use super::set_member::{may_grant, must_run};
use super::{MAX_INVITATIONS, MAX_INVITATIONS_PER_HOUR, Organisation};
use crate::domain::account::Account;
use crate::domain::audit::Actor;
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::OrganisationId;
use crate::domain::limit::next_allowed;
use crate::domain::load::LoadKeys;
use crate::domain::principal::EmailAddress;
use crate::domain::proof::{self, MAX_PROOFS, PROOF_WINDOW, Proof, ProofPurpose};
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Invites an address to an organisation: writes the proof, and owes the mail with its token. Whether there is an account with the address
/// makes no difference.
///
/// - The actor may manage the members of the organisation, and has every permission of the role: as for [`SetMember`](super::SetMember).
/// - An open invitation of the address to the organisation is replaced. The last one counts.
/// - At most [`MAX_PROOFS`] go to one address in an hour, from all organisations together; [`MAX_INVITATIONS_PER_HOUR`] are by one
///   account; and an organisation has [`MAX_INVITATIONS`] open ones.
/// - It is a line of the audit log of the organisation, and of the inviter, or of the founder if that is no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteMember {
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// Who invites.
    pub actor: Actor,
    /// Who is invited.
    pub address: EmailAddress,
    /// What the member may do.
    pub role: MemberRole,
    /// For which events. An owner is one for all.
    pub events: MemberEvents,
}

impl Command for InviteMember {
    type Outcome = Result<Proof, Refusal>;
    const NAME: &'static str = "invite_member";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        // The invitations by an account are counted under its lock, and those of an organisation under the organisation's.
        if let Some(id) = self.actor.account() {
            load.row::<Account>(&id);
            load.look_up(proof::BY_INVITER, &id);
        }
        let id = self.organisation_id;
        load.row::<Organisation>(&id);
        load.look_up(member::BY_ORGANISATION, &id.to_string());
        load.look_up(proof::BY_ORGANISATION, &id);
        for key in self.address.keys() {
            load.find(proof::BY_INVITATION, &(id, key.clone()));
            // Not locked: a unique index has the final say.
            load.look_up(proof::BY_ADDRESS, &key);
        }
        if let MemberEvents::Only(events) = &self.events {
            events.iter().for_each(|id| load.look::<Event>(id));
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Proof, Refusal> {
        let id = self.organisation_id;
        let founder = rows.organisations.get(&id).ok_or(Refusal::OrganisationUnknown)?.founder;
        may_grant(rows, id, &self.actor, [self.role].into_iter())?;
        let events = if self.role == MemberRole::Owner { MemberEvents::All } else { self.events.clone() };
        must_run(rows, id, &events)?;
        let keys = self.address.keys();
        let open = rows.proofs.all(proof::BY_ORGANISATION, &id).filter(|proof| proof.is_open(now));
        let (replaced, others): (Vec<&Proof>, Vec<&Proof>) =
            open.partition(|proof| keys.contains(&proof.address.key()));
        if others.len() >= MAX_INVITATIONS as usize {
            return Err(Refusal::TooManyInvitations { limit: MAX_INVITATIONS.into() });
        }
        if let Some(again_at) = self.next_allowed(rows, now) {
            return Err(Refusal::TooManyProofs { again_at });
        }
        let replaced: Vec<_> = replaced.iter().map(|proof| proof.id).collect();
        replaced.iter().for_each(|id| rows.proofs.update(id, |proof| proof.expires_at = now));
        let inviter = self.actor.account();
        let invitation = Invitation { organisation_id: id, role: self.role, events, inviter };
        let proof = rows.next_proof(now, ProofPurpose::JoinOrganisation, self.address.clone());
        let proof = Proof { invitation: Some(invitation.clone()), ..proof };
        // A mail is about an order, an event or an account: there need not be one with the address.
        let about = inviter.unwrap_or(founder);
        rows.owe_proof(now, &proof, Some(about));
        rows.record_invitation(now, about, self.actor.clone(), (proof.id, &invitation), "invitation.made");
        Ok(proof)
    }
}

impl InviteMember {
    /// When the next invitation is allowed, if it is not now: of the address, and by the account.
    fn next_allowed(&self, rows: &WorkingSet, now: Timestamp) -> Option<Timestamp> {
        let began = |proofs: Vec<&Proof>| -> Vec<Timestamp> {
            let invitations = proofs.into_iter().filter(|proof| proof.purpose == ProofPurpose::JoinOrganisation);
            invitations.map(|proof| proof.created_at).collect()
        };
        let by_account = self.actor.account().map(|id| rows.proofs.all(proof::BY_INVITER, &id).collect());
        let of_address = next_allowed(began(rows.proofs_for(&self.address)), MAX_PROOFS, PROOF_WINDOW, now);
        of_address.max(next_allowed(began(by_account.unwrap_or_default()), MAX_INVITATIONS_PER_HOUR, PROOF_WINDOW, now))
    }
}
