//! Exports that are being read, and what imports have made.

use crate::from_python::{Read, wrong_type};
use crate::to_python::{ToPython, object, time};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use std::sync::Arc;
use ticketing_core::domain::money::Money;
use ticketing_core::{Cell, Imported};
use tokio::sync::Mutex;

/// An export that is being read, a page of rows at a time. Nothing is open in between.
#[pyclass(frozen, module = "ticketing_py._native")]
#[derive(Clone, Debug)]
pub(crate) struct Export {
    state: Arc<Mutex<ticketing_core::Export>>,
}

impl Export {
    pub(crate) fn new(export: ticketing_core::Export) -> Self {
        Self { state: Arc::new(Mutex::new(export)) }
    }

    /// The next rows; `None` at the end.
    pub(crate) async fn next(&self) -> ticketing_core::Result<Option<Rows>> {
        let mut export = self.state.lock().await;
        let rows = export.next_rows().await?;
        Ok(rows.map(|rows| Rows { columns: export.columns().to_vec(), rows }))
    }
}

impl Read for Export {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.cast::<Self>().map(|export| export.get().clone()).map_err(|_| wrong_type("an Export", value))
    }
}

impl ToPython for Export {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Bound::new(py, self.clone())?.into_any())
    }
}

/// A page of rows.
pub(crate) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// As a list of dicts.
impl ToPython for Rows {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let names: Vec<Bound<'py, PyString>> = self.columns.iter().map(|name| PyString::new(py, name)).collect();
        let row = |cells: &Vec<Cell>| {
            let row = PyDict::new(py);
            for (name, cell) in names.iter().zip(cells) {
                row.set_item(name, cell.to_python(py)?)?;
            }
            Ok(row)
        };
        let rows = self.rows.iter().map(row).collect::<PyResult<Vec<_>>>()?;
        rows.into_pyobject(py)
    }
}

impl ToPython for Cell {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Self::Text(text) => PyString::new(py, text).into_any(),
            Self::Number(number) => number.into_pyobject(py)?.into_any(),
            Self::Time(at) => time(py, *at)?.into_any(),
            Self::Money(money) => decimal(py, *money)?,
            // Nothing, or a kind of cell that is newer than this adapter.
            _ => py.None().into_bound(py),
        })
    }
}

fn decimal(py: Python<'_>, money: Money) -> PyResult<Bound<'_, PyAny>> {
    static DECIMAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")?.call1((money.decimal(),))
}

impl ToPython for Imported {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        object!(py, "orders", "Imported", {
            rows: self.rows,
            tickets: self.tickets,
            orders: self.orders.to_python(py)?,
        })
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Export>()
}
