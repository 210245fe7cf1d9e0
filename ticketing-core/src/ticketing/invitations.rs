//! Invitations to organisations: proofs by mail that let the account with an address join.

use super::organisations::check_events;
use super::{Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::audit::Actor;
use crate::domain::id::{AccountId, OrganisationId, ProofId};
use crate::domain::organisation::{
    FindOrganisations, InviteMember, JoinOrganisation, ListInvitations, MemberEvents, MemberRole, Membership,
    Organisation, WithdrawInvitation,
};
use crate::domain::principal::EmailAddress;
use crate::domain::proof::{Proof, ProofPurpose};
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

impl Ticketing {
    /// Invites an address to an organisation: mails a token to it, which [`join_organisation`](Self::join_organisation) takes for seven
    /// days. Whether there is an account with the address makes no difference. A repeat mails another token, which replaces the first: the
    /// last role and events count. Needs [`Permission::Manage`] for all events of the organisation, and every permission of the role.
    ///
    /// The mail contains no word that a person chose: neither the organisation's name nor the inviter's.
    ///
    /// Refusals: `not_granted`, `event_unknown` (not an event of the organisation), `too_many_invitations` (100 are open), and
    /// `too_many_proofs` after three in an hour for the address, by whichever organisation, or 20 by the inviter.
    pub async fn invite_member(
        &self,
        actor: &Actor,
        id: OrganisationId,
        email: &EmailAddress,
        role: MemberRole,
        events: MemberEvents,
    ) -> Result<Proof> {
        self.may_in(actor, Permission::Manage, id).await?;
        check_events(role, &events)?;
        let invite = InviteMember { organisation_id: id, actor: actor.clone(), address: email.clone(), role, events };
        let invited = self.inner.storage.apply_one(self.now(), invite).await?.map_err(refused)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(invited)
    }

    /// The open invitations of an organisation, the oldest first. Needs [`Permission::Manage`] for all of its events.
    pub async fn invitations(&self, actor: &Actor, id: OrganisationId) -> Result<Vec<Proof>> {
        let scope = self.may_in(actor, Permission::Manage, id).await?;
        let mut kept = self.inner.storage.find(ListInvitations { scope, id }).await?;
        kept.retain(|proof| proof.is_open(self.now()));
        Ok(kept)
    }

    /// Withdraws an invitation: its token is of no use any more. A repeat changes nothing, and neither does one that has expired. Needs
    /// [`Permission::Manage`] for all events of the organisation, and every permission of the role.
    ///
    /// Refusals: `invitation_unknown` (there is none, or it was accepted), `not_granted`.
    pub async fn withdraw_invitation(&self, actor: &Actor, organisation: OrganisationId, id: ProofId) -> Result<()> {
        self.may_in(actor, Permission::Manage, organisation).await?;
        let withdraw = WithdrawInvitation { organisation_id: organisation, id, actor: actor.clone() };
        self.inner.storage.apply_one(self.now(), withdraw).await?.map(drop).map_err(refused)
    }

    /// Makes an account a member of the organisation that it was invited to, with the token that was mailed to its address. The address
    /// counts as verified. A member gets the role and the events of the invitation. It counts from the account's next call on.
    ///
    /// The inviter must still be allowed to give the role: an inviter who has left or was disabled, or has a lower role now, invites
    /// nobody. If the organisation requires a second factor, the account joins without one, and cannot act for it until it has one.
    ///
    /// Refusals: `proof_unknown` (also for a repeat, for an account with another address, if the inviter may not give the role any more, and
    /// if the account's membership was changed or ended since), `last_owner` (the organisation would have no owner any more), `too_many_members`, `too_many_organisations`.
    pub async fn join_organisation(&self, account: AccountId, token: &str) -> Result<(Organisation, Membership)> {
        let found = self.known_proof(token).await?.map(|(proof, _)| proof);
        let found = found.filter(|proof| proof.purpose == ProofPurpose::JoinOrganisation);
        let proof = found.ok_or_else(|| refused(Refusal::ProofUnknown))?;
        let join = JoinOrganisation { id: proof.id, account_id: account };
        let (member, account) = self.inner.storage.apply_one(self.now(), join).await?.map_err(refused)?;
        let id = member.organisation_id;
        let found = self.inner.storage.find(FindOrganisations(vec![id])).await?;
        let both = found.into_iter().next().zip(account.memberships.of(id).cloned());
        both.ok_or(Error::NotFound("Organisation"))
    }
}
