//! Organisations and their members.

use super::checks::Checks;
use super::events::check_page;
use super::{Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::account::{Account, AccountKey, FindAccount};
use crate::domain::audit::{Actor, AuditLine, ListAuditOfOrganisation};
use crate::domain::code::Reference;
use crate::domain::event::{Event, NewEvent};
use crate::domain::id::{AccountId, OrganisationId};
use crate::domain::organisation::{
    EditOrganisation, FindOrganisations, FoundOrganisation, ListMembers, MAX_MEMBER_EVENTS, Member, MemberEvents,
    MemberRole, MemberWants, Membership, Organisation, OrganisationWants, SetMember,
};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::{EmailAddress, Principal};
use crate::domain::refusal::Refusal;
use crate::domain::text::composed;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

impl Ticketing {
    /// Founds an organisation, whose first owner is `founder`: an account with a verified address, unless
    /// [`TicketingBuilder::unproved_members`] allows others. A repeat with the same key finds the same organisation; without one, it
    /// founds another.
    ///
    /// Refusals: `email_unverified`, `too_many_organisations`, `key_reused`.
    ///
    /// [`TicketingBuilder::unproved_members`]: crate::TicketingBuilder::unproved_members
    pub async fn found_organisation(
        &self,
        founder: AccountId,
        name: &str,
        key: Option<Reference>,
    ) -> Result<Organisation> {
        let name = checked_name(name)?;
        let found = FoundOrganisation { key, name, founder, needs_proof: !self.inner.unproved_members };
        self.inner.storage.apply_one(self.now(), found).await?.map_err(refused)
    }

    /// The organisations that an account is a member of, by id, with what it may do in each.
    pub async fn organisations(&self, member: AccountId) -> Result<Vec<(Organisation, Membership)>> {
        let account = self.acting_account(&Principal::Account(member)).await?.ok_or(Error::NotFound("Account"))?;
        self.organisations_of(&account).await
    }

    /// The same, for an account that [`authenticate`](Self::authenticate) has just returned.
    pub async fn organisations_of(&self, account: &Account) -> Result<Vec<(Organisation, Membership)>> {
        let ids = account.memberships.iter().map(|of| of.organisation_id).collect();
        let found = self.inner.storage.find(FindOrganisations(ids)).await?;
        let with = |organisation: Organisation| {
            account.memberships.of(organisation.id).cloned().map(|membership| (organisation, membership))
        };
        Ok(found.into_iter().filter_map(with).collect())
    }

    /// An organisation. For its members, administrators and the operator; for others there is none.
    pub async fn organisation(&self, actor: &Actor, id: OrganisationId) -> Result<Organisation> {
        let is_member = match actor {
            Actor::Person(who) => self.acting_account(who).await?.is_some_and(|of| of.memberships.of(id).is_some()),
            Actor::System | Actor::Gateway(_) | Actor::Operator => false,
        };
        if !is_member {
            self.may_in(actor, Permission::View, id).await?;
        }
        let found = self.inner.storage.find(FindOrganisations(vec![id])).await?;
        found.into_iter().next().ok_or(Error::NotFound("Organisation"))
    }

    /// Edits an organisation: its name, and whether its members can only act for it with a second factor. A repeat changes nothing. Needs
    /// [`Permission::Manage`] for all of its events.
    ///
    /// A member who has no second factor, where one is required, still belongs to the organisation, and gets `second_factor_required` for
    /// all that is done with its events, its members and its keys; so do the keys that the member has made. It counts from the next call on.
    ///
    /// Refusals: `second_factor_required` (who requires one must have one).
    pub async fn edit_organisation(
        &self,
        actor: &Actor,
        id: OrganisationId,
        mut wants: OrganisationWants,
    ) -> Result<Organisation> {
        self.may_in(actor, Permission::Manage, id).await?;
        wants.name = wants.name.as_deref().map(checked_name).transpose()?;
        let edit = EditOrganisation { id, actor: actor.clone(), wants };
        self.inner.storage.apply_one(self.now(), edit).await?.map_err(refused)
    }

    /// Lists what happened to an organisation, the oldest first: it was founded and edited; its members, invitations and API keys; the
    /// events that came and left. It names ids only. Needs [`Permission::Manage`] for all of its events.
    ///
    /// What happened before there was this list is in the audit log of the accounts only.
    pub async fn organisation_audit(
        &self,
        actor: &Actor,
        id: OrganisationId,
        page: PageRequest,
    ) -> Result<Page<AuditLine>> {
        let scope = self.may_in(actor, Permission::Manage, id).await?;
        check_page(page)?;
        Ok(self.inner.storage.find(ListAuditOfOrganisation { scope, id, page }).await?)
    }

    /// The members of an organisation with their accounts, those who were added first come first. Needs [`Permission::Manage`].
    pub async fn members(&self, actor: &Actor, id: OrganisationId) -> Result<Vec<(Member, Account)>> {
        let scope = self.may_in(actor, Permission::Manage, id).await?;
        Ok(self.inner.storage.find(ListMembers { scope, id }).await?)
    }

    /// Makes the account with this address a member of an organisation, or gives a member this role for these events. A repeat changes
    /// nothing. Needs [`Permission::Manage`] for all events of the organisation, and every permission of the role that is given and of
    /// the one that the member has. It takes effect with the member's next request.
    ///
    /// Refusals: `account_unknown` (no active account has this address, or it is not verified), `not_granted`, `last_owner`,
    /// `event_unknown` (not an event of the organisation), `too_many_members`, `too_many_organisations`.
    pub async fn add_member(
        &self,
        actor: &Actor,
        id: OrganisationId,
        email: &EmailAddress,
        role: MemberRole,
        events: MemberEvents,
    ) -> Result<(Member, Account)> {
        // Before the address is looked up: nobody else learns who has an account.
        self.may_in(actor, Permission::Manage, id).await?;
        check_events(role, &events)?;
        let account = self.inner.batches.find(FindAccount(AccountKey::Email(email.clone()))).await?;
        let account = account.ok_or(Refusal::AccountUnknown).map_err(refused)?;
        let member = self.apply_member(actor, id, account.id, MemberWants::Member(role, events)).await?;
        Ok((member, account))
    }

    /// Gives a member another role, or its role for other events; `None` leaves it as it is. A repeat changes nothing. What it needs
    /// and refuses is as with [`add_member`](Self::add_member).
    pub async fn change_member(
        &self,
        actor: &Actor,
        id: OrganisationId,
        account: AccountId,
        role: Option<MemberRole>,
        events: Option<MemberEvents>,
    ) -> Result<(Member, Account)> {
        self.may_in(actor, Permission::Manage, id).await?;
        let account = self.acting_account(&Principal::Account(account)).await?;
        let account = account.ok_or(Refusal::AccountUnknown).map_err(refused)?;
        let present = account.memberships.of(id).ok_or(Refusal::AccountUnknown).map_err(refused)?;
        check_events(role.unwrap_or(present.role), events.as_ref().unwrap_or(&MemberEvents::All))?;
        let member = self.apply_member(actor, id, account.id, MemberWants::Change(role, events)).await?;
        Ok((member, account))
    }

    /// Ends a membership, with the member's next request. A repeat changes nothing. Members may end their own; that of others needs
    /// [`Permission::Manage`] and every permission of the member's role.
    ///
    /// Refusals: `last_owner`, `not_granted`, `account_unknown` (never a member).
    pub async fn remove_member(&self, actor: &Actor, id: OrganisationId, account: AccountId) -> Result<()> {
        let is_own = *actor == Actor::Person(Principal::Account(account));
        if !is_own {
            self.may_in(actor, Permission::Manage, id).await?;
        }
        match self.apply_member(actor, id, account, MemberWants::Nothing).await {
            // Those who are no members hear the same as of what does not exist.
            Err(Error::Refused(Refusal::OrganisationUnknown)) => Err(Error::NotFound("Organisation")),
            removed => removed.map(drop),
        }
    }

    async fn apply_member(
        &self,
        actor: &Actor,
        organisation_id: OrganisationId,
        account_id: AccountId,
        wants: MemberWants,
    ) -> Result<Member> {
        let needs_proof = !self.inner.unproved_members;
        let set = SetMember { organisation_id, account_id, actor: actor.clone(), wants, needs_proof };
        self.inner.storage.apply_one(self.now(), set).await?.map_err(refused)
    }

    /// Creates an event that an organisation runs, as [`create_event`](Self::create_event) does for a person. Needs
    /// [`Permission::Edit`] for all events of the organisation. With `category`, in the category with this name.
    ///
    /// Refusals: as [`create_event`](Self::create_event).
    pub async fn create_event_for(
        &self,
        actor: &Principal,
        organisation: OrganisationId,
        event: NewEvent,
        category: Option<&str>,
    ) -> Result<Event> {
        self.may_in(&Actor::Person(actor.clone()), Permission::Edit, organisation).await?;
        self.create(actor, &Principal::Organisation(organisation), event, category).await
    }

    /// Refuses to move an event to another organiser unless `actor` may give it away and take it: it needs [`Permission::Manage`] on
    /// both sides, and [`Permission::Money`] where it leaves an organisation. Who gets the event has every permission for it, and nobody
    /// gives what they lack. An event moves to an organisation, or to the actor.
    pub(super) async fn may_move(&self, actor: &Principal, event: &Event, to: &Principal) -> Result<()> {
        if *to == event.organizer {
            return Ok(());
        }
        self.may(actor, Permission::Manage, event).await?;
        self.may(actor, Permission::Money, event).await?;
        let takes = self.authorize(actor, Permission::Manage).await?;
        if (to == actor && to.is_person()) || (to.organisation().is_some() && takes.covers_all_of(to)) {
            return Ok(());
        }
        Err(match to {
            Principal::Organisation(id) => self
                .may_in(&Actor::Person(actor.clone()), Permission::Manage, *id)
                .await
                .err()
                .unwrap_or(Error::NotFound("Organisation")),
            Principal::Account(_) | Principal::External(_) | Principal::Key { .. } | Principal::Guest(_) => {
                Error::Forbidden("An event moves to an organisation, or to yourself")
            }
        })
    }
}

fn checked_name(name: &str) -> Result<String> {
    let name = composed(name.trim());
    let mut checks = Checks::default();
    checks.text("name", &name, 1, 200);
    checks.done()?;
    Ok(name)
}

pub(super) fn check_events(role: MemberRole, events: &MemberEvents) -> Result<()> {
    let MemberEvents::Only(only) = events else { return Ok(()) };
    let (found, mut checks) = (only.len(), Checks::default());
    checks.require("event_ids", (1..=MAX_MEMBER_EVENTS).contains(&found), || {
        format!("must be 1–{MAX_MEMBER_EVENTS} events, or left out for all (got {found})")
    });
    checks.require("event_ids", role != MemberRole::Owner, || "must be left out for an owner".to_owned());
    checks.done()
}
