//! Conversion of errors to Python exceptions. The classes are in `ticketing_py/errors.py`.

use crate::to_python::{ToPython, time};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use std::time::Duration;
use ticketing_core::Error;
use ticketing_core::domain::refusal::{Fact, Refusal};
use ticketing_core::gateway::GatewayError;
use ticketing_core::storage::StorageError;

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    Core(Error),
    Closed,
    Forked(&'static str),
    NoRuntime(std::io::Error),
    /// A panic: a bug of the engine.
    Panicked,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl Failure {
    pub(crate) fn into_exception(self, py: Python<'_>) -> PyErr {
        let made = match self {
            Self::Core(error) => from_core(py, &error),
            Self::Closed => {
                make(py, "other", "closed", "the engine was closed, or Python is shutting down", PyDict::new(py), None)
            }
            Self::Forked(why) => make(py, "other", "forked", why, PyDict::new(py), None),
            Self::NoRuntime(error) => {
                let message = format!("could not start threads: {error}");
                make(py, "other", "internal", &message, PyDict::new(py), None)
            }
            Self::Panicked => make(py, "other", "internal", "internal error; see the log", PyDict::new(py), None),
        };
        made.unwrap_or_else(|error| error)
    }
}

fn make(
    py: Python<'_>,
    family: &str,
    code: &str,
    message: &str,
    facts: Bound<'_, PyDict>,
    retry_after: Option<Duration>,
) -> PyResult<PyErr> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = MAKE.import(py, "ticketing_py.errors", "_make")?;
    let error = make.call1((family, code, message, facts, retry_after.map(|wait| wait.as_secs_f64())))?;
    Ok(PyErr::from_value(error))
}

fn from_core(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let facts = PyDict::new(py);
    let family = match error {
        Error::Refused(refusal) => {
            add_facts(py, refusal, &facts)?;
            "refused"
        }
        Error::Invalid(all) => {
            static INVALID: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            let class = INVALID.import(py, "ticketing_py.errors", "Invalid")?;
            let each = all.iter().map(|one| {
                let kwargs = PyDict::new(py);
                kwargs.set_item("field", &one.field)?;
                kwargs.set_item("message", &one.message)?;
                class.call((), Some(&kwargs))
            });
            facts.set_item("fields", PyTuple::new(py, each.collect::<PyResult<Vec<_>>>()?)?)?;
            "other"
        }
        Error::NotFound(what) => {
            facts.set_item("what", what)?;
            "other"
        }
        Error::Gateway(gateway) => {
            facts.set_item("kind", kind(gateway))?;
            if let GatewayError::Rejected { code } = gateway {
                facts.set_item("gateway_code", code)?;
            }
            "gateway"
        }
        Error::Storage(_) => "storage",
        _ => "other",
    };
    let code = match error {
        Error::Configuration(_) => "configuration",
        _ => error.code(),
    };
    let message = match error {
        // The cause may contain private details: the address of the database, or a statement.
        Error::Storage(StorageError::Unavailable(_)) => "the storage cannot be reached".to_owned(),
        _ => error.to_string(),
    };
    make(py, family, code, &message, facts, error.retry_after())
}

/// The variant's name, by which `ticketing_py/errors.py` finds the class.
pub(crate) fn kind(error: &GatewayError) -> &'static str {
    match error {
        GatewayError::NotSent => "not_sent",
        GatewayError::CircuitOpen { .. } => "circuit_open",
        GatewayError::OutcomeUnknown => "outcome_unknown",
        GatewayError::Unavailable => "unavailable",
        GatewayError::Rejected { .. } => "rejected",
        GatewayError::DuplicateReference => "duplicate_reference",
        GatewayError::Auth => "auth",
        GatewayError::RateLimited { .. } => "rate_limited",
        GatewayError::Malformed => "malformed",
        GatewayError::Unreadable => "unreadable",
        GatewayError::Unsupported => "unsupported",
        _ => "",
    }
}

/// Adds the facts of a refusal.
fn add_facts(py: Python<'_>, refusal: &Refusal, facts: &Bound<'_, PyDict>) -> PyResult<()> {
    for (name, fact) in refusal.facts() {
        match fact {
            Fact::Id(number) | Fact::Count(number) => facts.set_item(name, number)?,
            Fact::Time(at) => facts.set_item(name, time(py, at)?)?,
            Fact::Text(text) => facts.set_item(name, text)?,
            Fact::Money(money) => facts.set_item(name, money.to_python(py)?)?,
            // A kind of fact that is newer than this adapter.
            _ => {}
        }
    }
    Ok(())
}

/// One exception for every refusal. For a test that each has a class.
#[pyfunction]
pub(crate) fn _every_refusal(py: Python<'_>) -> Vec<PyErr> {
    Refusal::examples().into_iter().map(|refusal| Failure::Core(refusal.into()).into_exception(py)).collect()
}
