//! Organisations and their members.

use super::{Made, ToPython, object, time};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use ticketing_core::domain::account::Account;
use ticketing_core::domain::organisation::{Member, MemberEvents, MemberRole, Membership, Organisation};
use ticketing_core::domain::proof::Proof;

pub(super) fn event_ids<'py>(py: Python<'py>, events: &MemberEvents) -> PyResult<Option<Bound<'py, PyTuple>>> {
    match events {
        MemberEvents::All => Ok(None),
        MemberEvents::Only(events) => Ok(Some(PyTuple::new(py, events.iter().map(|id| id.0).collect::<Vec<_>>())?)),
    }
}

fn permissions(py: Python<'_>, role: MemberRole) -> Made<'_> {
    role.permissions().iter().collect::<Vec<_>>().to_python(py)
}

impl ToPython for Organisation {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "organisations", "Organisation", {
            id: self.id.0,
            name: &self.name,
            founder_id: self.founder.0,
            requires_second_factor: self.requires_second_factor,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for (Organisation, Membership) {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let (organisation, membership) = self;
        object!(py, "organisations", "Membership", {
            organisation: organisation.to_python(py)?,
            role: membership.role.to_python(py)?,
            permissions: permissions(py, membership.role)?,
            event_ids: event_ids(py, &membership.events)?,
        })
    }
}

impl ToPython for (Member, Account) {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let (member, account) = self;
        object!(py, "organisations", "Member", {
            organisation_id: member.organisation_id.0,
            account_id: account.id.0,
            email: account.email.as_str(),
            name: &account.name,
            role: member.role.to_python(py)?,
            permissions: permissions(py, member.role)?,
            event_ids: event_ids(py, &member.events)?,
            created_at: time(py, member.created_at)?,
            updated_at: time(py, member.updated_at)?,
        })
    }
}

/// An invitation, or `None` for a proof of something else.
impl ToPython for Proof {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        let Some(invitation) = &self.invitation else { return Ok(py.None().into_bound(py)) };
        object!(py, "organisations", "Invitation", {
            id: self.id.0,
            organisation_id: invitation.organisation_id.0,
            email: self.address.as_str(),
            role: invitation.role.to_python(py)?,
            permissions: permissions(py, invitation.role)?,
            event_ids: event_ids(py, &invitation.events)?,
            inviter_id: invitation.inviter.map(|id| id.0),
            created_at: time(py, self.created_at)?,
            expires_at: time(py, self.expires_at)?,
        })
    }
}
