//! Organisations and their members.

use super::body::body;
use super::field::Faults;
use super::patch::{Set, SetOrEmpty};
use super::text::Text;
use super::time::Time;
use crate::problem::Problem;
use poem_openapi::Object;
use std::collections::BTreeSet;
use ticketing_core::domain::account::Account;
use ticketing_core::domain::id::EventId;
use ticketing_core::domain::organisation::{
    Member, MemberEvents, MemberRole, Membership, Organisation, OrganisationWants,
};
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::domain::proof::Proof;

body! {
    /// A new organisation.
    struct OrganisationBody {
        /// Its name.
        name: Text<1, 200>,
    }
    example {"name": "Afrobeat Collective"}

    /// Changes of an organisation: a merge patch (RFC 7396). A field that is left out stays as it is.
    struct OrganisationPatch {
        /// Its name.
        name: Set<Text<1, 200>>,
        /// Whether its members can only act for it with a second factor. Who requires one must have one.
        requires_second_factor: Set<bool>,
    }
    example {"name": "Afrobeat Collective"}

    /// A new member of an organisation.
    struct MemberBody {
        /// The e-mail address of an account. It must be verified.
        email: Text<1, 254>,
        /// `owner`, `manager`, `box_office`, `door`, `finance` or `viewer`.
        role: Text<1, 20>,
        /// The events that the role is for. Default: all events of the organisation, also later ones.
        event_ids: Option<Vec<i64>>,
    }
    example {"email": "grace@example.com", "role": "door"}

    /// Somebody who is invited to an organisation.
    struct InvitationBody {
        /// The e-mail address. There need not be an account yet.
        email: Text<1, 254>,
        /// `owner`, `manager`, `box_office`, `door`, `finance` or `viewer`.
        role: Text<1, 20>,
        /// The events that the role is for. Default: all events of the organisation, also later ones.
        event_ids: Option<Vec<i64>>,
    }
    example {"email": "grace@example.com", "role": "door"}

    /// Changes of a member: a merge patch (RFC 7396). A field that is left out stays as it is.
    struct MemberPatch {
        /// `owner`, `manager`, `box_office`, `door`, `finance` or `viewer`.
        role: Set<Text<1, 20>>,
        /// The events that the role is for; null for all.
        event_ids: SetOrEmpty<Vec<i64>>,
    }
    example {"role": "box_office"}
}

fn role(name: &str, faults: &mut Faults) -> Option<MemberRole> {
    let known = || MemberRole::ALL.iter().map(MemberRole::name).collect::<Vec<_>>().join(", ");
    let role = MemberRole::from_name(name).ok_or_else(|| format!("must be one of {}", known()));
    faults.parsed("role", role)
}

pub(super) fn events(ids: Option<Vec<i64>>) -> MemberEvents {
    match ids {
        None => MemberEvents::All,
        Some(ids) => MemberEvents::Only(ids.into_iter().map(EventId).collect::<BTreeSet<_>>()),
    }
}

impl OrganisationPatch {
    /// What the organisation shall be.
    pub(crate) fn into_wants(self) -> OrganisationWants {
        OrganisationWants::default()
            .with_name(self.name.0.map(|name| name.0))
            .with_requires_second_factor(self.requires_second_factor.0)
    }
}

impl MemberBody {
    /// Who shall be a member, and what they may do.
    pub(crate) fn into_member(self) -> Result<(EmailAddress, MemberRole, MemberEvents), Problem> {
        let mut faults = Faults::default();
        let email = faults.parsed("email", self.email.0.trim().parse::<EmailAddress>());
        let role = role(&self.role.0, &mut faults);
        let member = email.zip(role).map(|(email, role)| (email, role, events(self.event_ids)));
        faults.or(member)
    }
}

impl InvitationBody {
    /// Who is invited, and what they will be able to do.
    pub(crate) fn into_member(self) -> Result<(EmailAddress, MemberRole, MemberEvents), Problem> {
        let Self { email, role, event_ids } = self;
        MemberBody { email, role, event_ids }.into_member()
    }
}

impl MemberPatch {
    /// What the member shall be.
    pub(crate) fn into_wants(self) -> Result<(Option<MemberRole>, Option<MemberEvents>), Problem> {
        let mut faults = Faults::default();
        let role = self.role.0.and_then(|name| role(&name.0, &mut faults));
        faults.or(Some((role, self.event_ids.0.map(events))))
    }
}

fn permissions(role: MemberRole) -> Vec<String> {
    role.permissions().iter().map(|permission| permission.name().to_owned()).collect()
}

pub(super) fn event_ids(events: &MemberEvents) -> Option<Vec<i64>> {
    match events {
        MemberEvents::All => None,
        MemberEvents::Only(events) => Some(events.iter().map(|id| id.0).collect()),
    }
}

/// An organisation.
#[derive(Object)]
#[oai(rename = "Organisation")]
pub(crate) struct OrganisationView {
    /// The organisation's id.
    id: i64,
    /// Its name.
    name: String,
    /// Whether its members can only act for it with a second factor.
    requires_second_factor: bool,
    /// The caller's role; absent for administrators who are no members.
    #[oai(nullable)]
    role: Option<String>,
    /// What the role allows: `view`, `edit`, `attendees`, `orders`, `money`, `door`, `manage`.
    permissions: Vec<String>,
    /// The events that the role is for; absent if all.
    #[oai(nullable)]
    event_ids: Option<Vec<i64>>,
    /// Creation time.
    created_at: Time,
    /// Time of the last change.
    updated_at: Time,
}

impl OrganisationView {
    pub(crate) fn new(organisation: &Organisation, membership: Option<&Membership>) -> Self {
        Self {
            id: organisation.id.0,
            name: organisation.name.clone(),
            requires_second_factor: organisation.requires_second_factor,
            role: membership.map(|of| of.role.name().to_owned()),
            permissions: membership.map(|of| permissions(of.role)).unwrap_or_default(),
            event_ids: membership.and_then(|of| event_ids(&of.events)),
            created_at: organisation.created_at.into(),
            updated_at: organisation.updated_at.into(),
        }
    }
}

/// A member of an organisation.
#[derive(Object)]
#[oai(rename = "Member")]
pub(crate) struct MemberView {
    /// The id of the member's account.
    account_id: i64,
    /// The e-mail address.
    email: String,
    /// The person's name.
    name: String,
    /// `owner`, `manager`, `box_office`, `door`, `finance` or `viewer`.
    role: String,
    /// What the role allows.
    permissions: Vec<String>,
    /// The events that the role is for; absent if all.
    #[oai(nullable)]
    event_ids: Option<Vec<i64>>,
    /// Time at which the account was first added.
    created_at: Time,
    /// Time of the last change.
    updated_at: Time,
}

impl From<&(Member, Account)> for MemberView {
    fn from((member, account): &(Member, Account)) -> Self {
        Self {
            account_id: account.id.0,
            email: account.email.as_str().to_owned(),
            name: account.name.clone(),
            role: member.role.name().to_owned(),
            permissions: permissions(member.role),
            event_ids: event_ids(&member.events),
            created_at: member.created_at.into(),
            updated_at: member.updated_at.into(),
        }
    }
}

/// An open invitation to an organisation.
#[derive(Object)]
#[oai(rename = "Invitation")]
pub(crate) struct InvitationView {
    /// The invitation's id.
    id: i64,
    /// The e-mail address that is invited.
    email: String,
    /// `owner`, `manager`, `box_office`, `door`, `finance` or `viewer`.
    role: String,
    /// What the role allows.
    permissions: Vec<String>,
    /// The events that the role is for; absent if all.
    #[oai(nullable)]
    event_ids: Option<Vec<i64>>,
    /// The id of the account that invites; absent if the operator does.
    #[oai(nullable)]
    inviter_id: Option<i64>,
    /// Creation time.
    created_at: Time,
    /// Time at which it expires.
    expires_at: Time,
}

impl InvitationView {
    /// `None` if it is a proof of something else.
    pub(crate) fn of(proof: &Proof) -> Option<Self> {
        let invitation = proof.invitation.as_ref()?;
        Some(Self {
            id: proof.id.0,
            email: proof.address.as_str().to_owned(),
            role: invitation.role.name().to_owned(),
            permissions: permissions(invitation.role),
            event_ids: event_ids(&invitation.events),
            inviter_id: invitation.inviter.map(|id| id.0),
            created_at: proof.created_at.into(),
            expires_at: proof.expires_at.into(),
        })
    }
}
