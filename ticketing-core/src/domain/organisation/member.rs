use super::Organisation;
use crate::domain::access::{Permission, Permissions};
use crate::domain::account::Account;
use crate::domain::command::Query;
use crate::domain::id::{AccountId, EventId, MemberId, OrganisationId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::row::{Field, Kind, RowError, Sink, Source};
use crate::domain::scope::Scope;
use crate::domain::table::{Lock, table};
use crate::domain::wire_names::wire_names;
use crate::domain::working_set::{Noun, WorkingSet};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// A member of an organisation, or somebody who was one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// The id of the membership.
    pub id: MemberId,
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The account.
    pub account_id: AccountId,
    /// What the member may do.
    pub role: MemberRole,
    /// For which events of the organisation.
    pub events: MemberEvents,
    /// When the account was first added.
    pub created_at: Timestamp,
    /// When the role last changed.
    pub updated_at: Timestamp,
    /// Since when the account is no member any more.
    pub removed_at: Option<Timestamp>,
}

table! {
    Member in "members", lock Lock::With(Noun::Organisation, "organisation_id");
    numbered id: MemberId, organisation_id, account_id, role, events, created_at, updated_at, removed_at;
    derived member_of = |member| member.removed_at.is_none().then(|| member.organisation_id.to_string());
    index BY_BOTH(organisation_id, account_id) unique;
    index BY_ORGANISATION(member_of);
}

/// A name for a set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemberRole {
    /// May do everything. An organisation always has an owner.
    Owner,
    /// Everything but money.
    Manager,
    /// Sells and refunds, and lets people in.
    BoxOffice,
    /// Lets people in.
    Door,
    /// Refunds, reviews and revenue.
    Finance,
    /// Only looks.
    Viewer,
}

wire_names!(MemberRole {
    Owner => "owner",
    Manager => "manager",
    BoxOffice => "box_office",
    Door => "door",
    Finance => "finance",
    Viewer => "viewer",
});

impl MemberRole {
    /// What the role is a name for.
    pub const fn permissions(self) -> Permissions {
        use Permission::{Attendees, Door, Edit, Manage, Money, Orders, View};
        match self {
            Self::Owner => Permissions::ALL,
            Self::Manager => Permissions::of(&[View, Edit, Attendees, Orders, Door, Manage]),
            Self::BoxOffice => Permissions::of(&[View, Attendees, Orders, Door]),
            Self::Door => Permissions::of(&[View, Door]),
            Self::Finance => Permissions::of(&[View, Orders, Money]),
            Self::Viewer => Permissions::of(&[View]),
        }
    }
}

/// For which events of an organiser a role or an API key is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberEvents {
    /// For all, also later ones.
    #[default]
    All,
    /// For these, while the organiser runs them.
    Only(BTreeSet<EventId>),
}

impl MemberEvents {
    /// The ids, separated by commas; `None` if it is all events.
    pub(in crate::domain) fn text(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Only(events) => Some(events.iter().map(EventId::to_string).collect::<Vec<_>>().join(",")),
        }
    }

    /// The role, and the ids if it is not for all events.
    pub(super) fn with_role(&self, role: MemberRole) -> String {
        match self.text() {
            None => role.name().to_owned(),
            Some(events) => format!("{} {events}", role.name()),
        }
    }

    pub(super) fn parsed(text: Option<&str>) -> Result<Self, RowError> {
        let id = |text: &str| text.parse().map(EventId).map_err(RowError::of);
        match text {
            None => Ok(Self::All),
            Some("") => Ok(Self::Only(BTreeSet::new())),
            Some(text) => Ok(Self::Only(text.split(',').map(id).collect::<Result<_, _>>()?)),
        }
    }
}

impl Field for MemberEvents {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(self.text().as_deref());
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        Self::parsed(from.text()?.as_deref()).map(Some)
    }
}

impl WorkingSet {
    /// The members of an organisation, by the time they were first added.
    pub fn members_of(&self, id: OrganisationId) -> impl Iterator<Item = &Member> {
        self.members.all(BY_ORGANISATION, &id.to_string())
    }

    /// The membership of an account in an organisation, also one that has ended.
    pub(crate) fn member(&self, organisation: OrganisationId, account: AccountId) -> Option<&Member> {
        self.members.find(BY_BOTH, &(organisation, account))
    }
}

/// Lists the members of an organisation with their accounts, those who were added first come first. Nobody if the scope does not cover
/// all of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMembers {
    /// What the caller may manage.
    pub scope: Scope,
    /// The organisation.
    pub id: OrganisationId,
}

impl Query for ListMembers {
    type Found = Vec<(Member, Account)>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        if !self.is_allowed() {
            return;
        }
        load.look::<Organisation>(&self.id);
        let key = self.id.to_string();
        load.look_up(BY_ORGANISATION, &key);
        rows.members.loaded(BY_ORGANISATION, &key).for_each(|member| load.look::<Account>(&member.account_id));
    }

    fn find(&self, rows: &WorkingSet) -> Vec<(Member, Account)> {
        if !self.is_allowed() {
            return vec![];
        }
        let members = rows.members_of(self.id);
        members.filter_map(|member| Some((member.clone(), rows.accounts.get(&member.account_id)?.clone()))).collect()
    }
}

impl ListMembers {
    fn is_allowed(&self) -> bool {
        self.scope.covers_all_of(&Principal::Organisation(self.id))
    }
}
