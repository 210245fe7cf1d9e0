//! Accounts and sessions.

use super::{Made, ToPython, object, time, times};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use ticketing_core::domain::account::{Account, ErasureBlock};
use ticketing_core::domain::session::StoredSession;
use ticketing_core::{
    Authenticated, CodeChallenge, Erasure, NewSecondFactor, ProofState, RecoveryCodes, SecondFactorState, Session,
};

impl ToPython for Account {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "Account", {
            id: self.id.0,
            email: self.email.as_str(),
            name: &self.name,
            username: self.username.as_deref(),
            phone: self.phone.as_deref(),
            role: self.role.to_python(py)?,
            is_active: self.is_active,
            disabled_reason: self.disabled_reason.as_deref(),
            is_verified: self.is_verified,
            has_second_factor: self.has_second_factor,
            erase_at: times(py, self.erase_at.filter(|_| self.erased_at.is_none()))?,
            erased_at: times(py, self.erased_at)?,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
        })
    }
}

impl ToPython for Erasure {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "Erasure", {
            at: times(py, self.at)?,
            blocked_by: PyTuple::new(py, self.blocked_by.iter().map(ErasureBlock::name))?,
        })
    }
}

impl ToPython for Session {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "Session", {
            account: self.account.to_python(py)?,
            token: &self.token,
            ends_at: time(py, self.ends_at)?,
        })
    }
}

impl ToPython for Authenticated {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "Authenticated", {
            account: self.account.to_python(py)?,
            session_id: self.session.map(|id| id.0),
        })
    }
}

impl ToPython for StoredSession {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "StoredSession", {
            id: self.id.0,
            account_id: self.account_id.0,
            client: self.client.as_deref(),
            created_at: time(py, self.created_at)?,
            last_used_at: time(py, self.last_used_at)?,
            expires_at: time(py, self.expires_at)?,
        })
    }
}

impl ToPython for SecondFactorState {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "SecondFactorState", {
            since: times(py, self.since)?,
            recovery_codes_left: self.recovery_codes_left,
            closed_until: times(py, self.closed_until)?,
        })
    }
}

impl ToPython for NewSecondFactor {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "NewSecondFactor", { secret: &self.secret, uri: &self.uri })
    }
}

impl ToPython for CodeChallenge {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "CodeChallenge", { challenge: &self.challenge, expires_at: time(py, self.expires_at)? })
    }
}

impl ToPython for ProofState {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "people", "ProofState", { purpose: self.purpose.to_python(py)?, is_open: self.is_open })
    }
}

impl ToPython for RecoveryCodes {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        Ok(PyTuple::new(py, &self.0)?.into_any())
    }
}
