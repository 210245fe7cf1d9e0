use super::invitation::Invitation;
use super::member::{Member, MemberEvents};
use super::set_member::{MemberWants, SetMember, runs};
use crate::domain::account::Account;
use crate::domain::audit::Actor;
use crate::domain::command::Command;
use crate::domain::id::{AccountId, ProofId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::proof::{self, Proof, ProofPurpose};
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Accepts an invitation whose token was checked: its account becomes a member of the organisation, once. Returns the member, and the
/// account as it is afterwards.
///
/// - The account has the invited address. Who has the token reads its mail, so the address counts as verified.
/// - It is as if the inviter gave the role now, with [`SetMember`]: an inviter who has left, was disabled, lacks a permission of the role
///   or a second factor that is required, gives nothing. A member gets the role and the events of the invitation, unless the inviter may
///   not take away the present role.
/// - Of listed events, those count that the organisation still runs. There must be one.
///
/// `proof_unknown` is one refusal for whatever cannot be used, as for [`UseProof`](crate::domain::proof::UseProof): so nobody learns of
/// the inviter. `last_owner`, `too_many_members` and `too_many_organisations` are told, and the invitation stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinOrganisation {
    /// The invitation.
    pub id: ProofId,
    /// The account that joins. The caller knows that it is this person.
    pub account_id: AccountId,
}

impl Command for JoinOrganisation {
    type Outcome = Result<(Member, Account), Refusal>;
    const NAME: &'static str = "join_organisation";

    /// The invitation is read first, without a lock, to find its organisation. It is read again under the locks of the account and of the
    /// organisation.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Proof>(&self.id);
        let Some(proof) = rows.proofs.loaded_row(&self.id) else { return };
        let Some(invitation) = &proof.invitation else { return };
        self.as_given(invitation, invitation.events.clone()).needs(rows, load);
        load.row::<Proof>(&self.id);
        load.find(proof::BY_ACCOUNT, &self.account_id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<(Member, Account), Refusal> {
        let (proof, invitation, is_verified) = self.usable(rows, now).ok_or(Refusal::ProofUnknown)?;
        let events = still_run(rows, &invitation).ok_or(Refusal::ProofUnknown)?;
        let member = self.as_given(&invitation, events).apply(rows, now).map_err(told)?;
        rows.proofs.update(&proof.id, |proof| {
            proof.account_id = Some(self.account_id);
            proof.used_at = Some(now);
        });
        if !is_verified {
            rows.verify_account(now, self.account_id);
            rows.accounts.update(&self.account_id, |account| account.updated_at = now);
            rows.end_proofs(now, self.account_id, ProofPurpose::OF_VERIFICATION);
        }
        let own = Actor::Person(Principal::Account(self.account_id));
        rows.record_invitation(now, self.account_id, own, (proof.id, &invitation), "invitation.accepted");
        let account = rows.accounts.get(&self.account_id).cloned().ok_or(Refusal::ProofUnknown)?;
        Ok((member, account))
    }
}

impl JoinOrganisation {
    /// The invitation, if the account can use it, and whether the account's address is verified.
    fn usable(&self, rows: &WorkingSet, now: Timestamp) -> Option<(Proof, Invitation, bool)> {
        let proof = rows.proofs.get(&self.id)?;
        let invitation = proof.invitation.as_ref()?;
        let account = rows.accounts.get(&self.account_id).filter(|account| proof.is_usable(account, now))?;
        // What was decided about the member since counts: somebody who was removed does not come back with an old invitation.
        let member = rows.member(invitation.organisation_id, self.account_id);
        if member.is_some_and(|member| member.updated_at > proof.created_at) {
            return None;
        }
        let inviter_acts = |id: AccountId| rows.accounts.get(&id).is_some_and(|inviter| inviter.is_active);
        let is_given = invitation.inviter.is_none_or(inviter_acts);
        is_given.then(|| (proof.clone(), invitation.clone(), account.is_verified))
    }

    /// What the inviter would do now.
    fn as_given(&self, invitation: &Invitation, events: MemberEvents) -> SetMember {
        SetMember {
            organisation_id: invitation.organisation_id,
            account_id: self.account_id,
            actor: invitation.actor(),
            wants: MemberWants::Member(invitation.role, events),
            // The token is the proof.
            needs_proof: false,
        }
    }
}

/// The events of the invitation that the organisation still runs. `None` if none is left.
fn still_run(rows: &WorkingSet, invitation: &Invitation) -> Option<MemberEvents> {
    match &invitation.events {
        MemberEvents::All => Some(MemberEvents::All),
        MemberEvents::Only(only) => {
            let left = only.iter().copied().filter(|id| runs(rows, invitation.organisation_id, *id));
            Some(MemberEvents::Only(left.collect())).filter(|left| *left != MemberEvents::Only([].into()))
        }
    }
}

/// What the person who joins can do something about.
fn told(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::LastOwner | Refusal::TooManyMembers { .. } | Refusal::TooManyOrganisations { .. } => refusal,
        _ => Refusal::ProofUnknown,
    }
}
