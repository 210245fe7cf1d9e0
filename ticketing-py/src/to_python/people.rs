//! Accounts and sessions.

use super::{Made, ToPython, object, time};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use ticketing_core::Session;
use ticketing_core::domain::account::Account;

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
            is_verified: self.is_verified,
            created_at: time(py, self.created_at)?,
            updated_at: time(py, self.updated_at)?,
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
