//! Organisations: several people who run events together, each with a role.

use super::account::Account;
use super::code::Reference;
use super::command::Query;
use super::id::{AccountId, OrganisationId};
use super::load::LoadKeys;
use super::table::{Lock, table};
use super::working_set::WorkingSet;
use jiff::Timestamp;

mod edit;
mod found;
mod invitation;
mod invite;
mod join;
pub(crate) mod member;
mod memberships;
mod set_member;
mod withdraw;

pub use edit::{EditOrganisation, OrganisationWants};
pub use found::FoundOrganisation;
pub use invitation::{Invitation, ListInvitations};
pub use invite::InviteMember;
pub use join::JoinOrganisation;
pub use member::{ListMembers, Member, MemberEvents, MemberRole};
pub use memberships::{Membership, Memberships};
pub use set_member::{MemberWants, SetMember};
pub use withdraw::WithdrawInvitation;

/// The most members of an organisation.
pub const MAX_MEMBERS: u32 = 200;
/// The most organisations that an account is a member of.
pub const MAX_MEMBERSHIPS: u32 = 50;
/// The most organisations that one account founds.
pub const MAX_FOUNDED: u32 = 20;
/// The most events that a member's role is limited to.
pub const MAX_MEMBER_EVENTS: usize = 100;

/// The most open invitations of an organisation: as many as would fill half of it.
pub const MAX_INVITATIONS: u32 = 100;
/// The most invitations by one account in an hour. A team fits in, and who steals a session does not write to many strangers.
pub const MAX_INVITATIONS_PER_HOUR: usize = 20;

/// An organisation. It runs events as an organiser, and its [members](Member) act for it. It always has an owner.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Organisation {
    /// The organisation's id.
    pub id: OrganisationId,
    /// The idempotency key that it was founded with, if any.
    pub key: Option<Reference>,
    /// The name: 1–200 characters. Several may have the same.
    pub name: String,
    /// Who founded it. Gives no rights: see [`Member`].
    pub founder: AccountId,
    /// Whether its members can only act for it with a second factor: see [`admits`](Self::admits).
    #[serde(default)]
    pub requires_second_factor: bool,
    /// When it was founded.
    pub created_at: Timestamp,
    /// When it last changed. Its members do not count.
    pub updated_at: Timestamp,
}

table! {
    Organisation in "organisations", lock Lock::Rank(8);
    numbered id: OrganisationId, key, name, founder, created_at, updated_at, requires_second_factor;
    index BY_KEY(key) unique;
    index BY_FOUNDER(founder);
}

impl Organisation {
    /// Whether a member with this account can act for it: not without a second factor, if it requires one.
    pub fn admits(&self, account: &Account) -> bool {
        !self.requires_second_factor || account.has_second_factor
    }
}

/// Finds organisations, in the order of these ids. Which ones a person may see is the caller's business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindOrganisations(pub Vec<OrganisationId>);

impl Query for FindOrganisations {
    type Found = Vec<Organisation>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        self.0.iter().for_each(|id| load.look::<Organisation>(id));
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Organisation> {
        self.0.iter().filter_map(|id| rows.organisations.get(id)).cloned().collect()
    }
}
