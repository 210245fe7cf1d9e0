use super::member::{BY_BOTH, BY_ORGANISATION, Member, MemberEvents, MemberRole};
use super::{MAX_MEMBERS, MAX_MEMBERSHIPS, Organisation};
use crate::domain::access::{Permission, Permissions};
use crate::domain::account::Account;
use crate::domain::audit::Actor;
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::{AccountId, EventId, MemberId, OrganisationId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// What a member of an organisation shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberWants {
    /// A member with this role for these events. An account that is no member becomes one.
    Member(MemberRole, MemberEvents),
    /// A member with this role for these events; `None` leaves it as it is. Refused if the account is no member.
    Change(Option<MemberRole>, Option<MemberEvents>),
    /// No member.
    Nothing,
}

/// Adds an account to an organisation, gives a member another role, or removes one. What is so already is no change.
///
/// - The actor needs [`Permission::Manage`] for all events of the organisation, as its member, as its embedder, as an administrator of
///   the installation, or as the operator. Everybody may leave.
/// - A member without a second factor only leaves, if the organisation requires one.
/// - Nobody gives or takes away a permission that they lack.
/// - The last owner whose account is active stays. A change of members locks the organisation, so if two owners remove each other,
///   one stays.
/// - Each change is a line of the audit log of the account and of the organisation.
///
/// The outcome is the member; one that was removed has [`Member::removed_at`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetMember {
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The account.
    pub account_id: AccountId,
    /// Who does it.
    pub actor: Actor,
    /// What the member shall be.
    pub wants: MemberWants,
    /// Whether the address of a new member must be verified.
    pub needs_proof: bool,
}

impl Command for SetMember {
    type Outcome = Result<Member, Refusal>;
    const NAME: &'static str = "set_member";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Account>(&self.account_id);
        load.row::<Organisation>(&self.organisation_id);
        load.find(BY_BOTH, &(self.organisation_id, self.account_id));
        let key = self.organisation_id.to_string();
        load.find(BY_ORGANISATION, &key);
        if let Some(id) = self.actor.account() {
            load.look::<Account>(&id);
        }
        // Only an active account counts as an owner.
        let owners = rows.members.loaded(BY_ORGANISATION, &key).filter(|member| member.role == MemberRole::Owner);
        owners.for_each(|owner| load.look::<Account>(&owner.account_id));
        // Of a member's present events, none has to be looked at: they were looked at when they were given.
        if let MemberWants::Member(_, MemberEvents::Only(events))
        | MemberWants::Change(_, Some(MemberEvents::Only(events))) = &self.wants
        {
            events.iter().for_each(|id| load.look::<Event>(id));
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Member, Refusal> {
        let id = self.organisation_id;
        rows.organisations.get(&id).ok_or(Refusal::OrganisationUnknown)?;
        let known = rows.member(id, self.account_id).cloned();
        let present = known.as_ref().filter(|member| member.removed_at.is_none());
        let wanted = self.wanted(present);
        self.must_be_granted(rows, present, wanted.as_ref().map(|(role, _)| *role))?;
        let Some((role, events)) = wanted else {
            let Some(leaving) = present else { return known.ok_or(Refusal::AccountUnknown) };
            keep_an_owner(rows, leaving, None)?;
            let gone = Member { removed_at: Some(now), updated_at: now, ..leaving.clone() };
            return Ok(self.write(rows, now, known.as_ref(), gone));
        };
        if present.is_some_and(|member| member.role == role && member.events == events) {
            return known.ok_or(Refusal::AccountUnknown);
        }
        if present.is_none_or(|member| member.events != events) {
            must_run(rows, id, &events)?;
        }
        match (present, &self.wants) {
            (Some(member), _) => keep_an_owner(rows, member, Some(role))?,
            (None, MemberWants::Member(..)) => self.may_join(rows)?,
            (None, _) => return Err(Refusal::AccountUnknown),
        }
        let member = Member {
            id: known.as_ref().map_or_else(|| MemberId(rows.members.take_id()), |known| known.id),
            organisation_id: id,
            account_id: self.account_id,
            role,
            events,
            created_at: known.as_ref().map_or(now, |known| known.created_at),
            updated_at: now,
            removed_at: None,
        };
        Ok(self.write(rows, now, known.as_ref(), member))
    }
}

impl SetMember {
    /// The role and the events that the member shall have; `None` if it shall be none. An owner is one for all events.
    fn wanted(&self, present: Option<&Member>) -> Option<(MemberRole, MemberEvents)> {
        let (role, events) = match &self.wants {
            MemberWants::Member(role, events) => (*role, events.clone()),
            MemberWants::Change(role, events) => (
                role.or(present.map(|member| member.role)).unwrap_or(MemberRole::Viewer),
                events.clone().or(present.map(|member| member.events.clone())).unwrap_or_default(),
            ),
            MemberWants::Nothing => return None,
        };
        Some((role, if role == MemberRole::Owner { MemberEvents::All } else { events }))
    }

    fn must_be_granted(
        &self,
        rows: &WorkingSet,
        present: Option<&Member>,
        wanted: Option<MemberRole>,
    ) -> Result<(), Refusal> {
        let is_leaving = self.wants == MemberWants::Nothing && self.actor.account() == Some(self.account_id);
        if is_leaving && present.is_some() {
            return Ok(());
        }
        let roles = present.map(|member| member.role).into_iter().chain(wanted);
        may_grant(rows, self.organisation_id, &self.actor, roles)
    }

    fn may_join(&self, rows: &WorkingSet) -> Result<(), Refusal> {
        let account = rows.accounts.get(&self.account_id);
        let account = account.filter(|of| of.is_active && (of.is_verified || !self.needs_proof));
        // Whether there is an account that is not verified is nobody's business.
        let account = account.ok_or(Refusal::AccountUnknown)?;
        if rows.members_of(self.organisation_id).count() >= MAX_MEMBERS as usize {
            return Err(Refusal::TooManyMembers { limit: MAX_MEMBERS.into() });
        }
        if account.memberships.len() >= MAX_MEMBERSHIPS as usize {
            return Err(Refusal::TooManyOrganisations { limit: MAX_MEMBERSHIPS.into() });
        }
        Ok(())
    }

    fn write(&self, rows: &mut WorkingSet, now: Timestamp, before: Option<&Member>, after: Member) -> Member {
        rows.record_member(now, self.actor.clone(), before, &after);
        match before {
            Some(_) => rows.members.update(&after.id, |row| row.clone_from(&after)),
            None => rows.members.insert(after.clone()),
        }
        after
    }
}

/// Refuses unless the actor may manage the members of an organisation, and has every permission of these roles. Needs the members of the
/// organisation under its lock, and the actor's account.
pub(super) fn may_grant(
    rows: &WorkingSet,
    id: OrganisationId,
    actor: &Actor,
    mut roles: impl Iterator<Item = MemberRole>,
) -> Result<(), Refusal> {
    let rights = rights(rows, id, actor).ok_or(Refusal::OrganisationUnknown)?;
    let account = actor.account().and_then(|id| rows.accounts.get(&id)).filter(|account| !account.is_acting_admin());
    let organisation = rows.organisations.get(&id);
    if organisation.zip(account).is_some_and(|(organisation, account)| !organisation.admits(account)) {
        return Err(Refusal::SecondFactorRequired);
    }
    let is_granted = rights.has(Permission::Manage) && roles.all(|role| rights.cover(role.permissions()));
    if is_granted { Ok(()) } else { Err(Refusal::NotGranted) }
}

/// What the actor may do in the organisation.
fn rights(rows: &WorkingSet, id: OrganisationId, actor: &Actor) -> Option<Permissions> {
    if *actor == Actor::Operator
        || *actor == Actor::Person(Principal::Organisation(id))
        || actor.account().and_then(|id| rows.accounts.get(&id)).is_some_and(Account::is_acting_admin)
    {
        return Some(Permissions::ALL);
    }
    let account = actor.account()?;
    let own = rows.members_of(id).find(|member| member.account_id == account)?;
    // A role for some events gives no rights in the organisation.
    Some(if own.events == MemberEvents::All { own.role.permissions() } else { Permissions::NONE })
}

/// Refuses events that the organisation does not run. Needs the events.
pub(super) fn must_run(rows: &WorkingSet, id: OrganisationId, events: &MemberEvents) -> Result<(), Refusal> {
    let MemberEvents::Only(only) = events else { return Ok(()) };
    match only.iter().find(|event| !runs(rows, id, **event)) {
        Some(foreign) => Err(Refusal::EventUnknown { event_id: *foreign }),
        None => Ok(()),
    }
}

/// Whether the organisation runs an event. Needs the event.
pub(super) fn runs(rows: &WorkingSet, id: OrganisationId, event: EventId) -> bool {
    rows.events.get(&event).is_some_and(|event| event.organizer == Principal::Organisation(id))
}

/// Refuses to take the last owner of an organisation away.
fn keep_an_owner(rows: &WorkingSet, member: &Member, role: Option<MemberRole>) -> Result<(), Refusal> {
    if member.role != MemberRole::Owner || role == Some(MemberRole::Owner) {
        return Ok(());
    }
    let mut others = rows
        .members_of(member.organisation_id)
        .filter(|other| other.role == MemberRole::Owner && other.account_id != member.account_id);
    let is_active = |other: &Member| rows.accounts.get(&other.account_id).is_some_and(|account| account.is_active);
    if others.any(is_active) { Ok(()) } else { Err(Refusal::LastOwner) }
}
