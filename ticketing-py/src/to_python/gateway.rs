//! What a gateway that is written in Python is asked.

use super::{Made, ToPython, object};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use ticketing_core::gateway::{Charge, RefundCall};

impl ToPython for Charge {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "gateways", "Charge", {
            reference: self.reference.as_str(),
            amount: self.amount.to_python(py)?,
            email: self.email.as_str(),
            return_url: self.return_url.as_deref(),
            order: self.order.as_str(),
        })
    }
}

impl ToPython for RefundCall {
    fn to_python<'py>(&self, py: Python<'py>) -> Made<'py> {
        object!(py, "gateways", "RefundCall", {
            key: self.key.as_str(),
            attempt: self.attempt.as_str(),
            amount: self.amount.to_python(py)?,
            gateway_id: self.gateway_id.as_deref(),
        })
    }
}
