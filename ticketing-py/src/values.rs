//! Functions that do not need an engine.

use crate::from_python::{In, money as read_money, percent as read_percent};
use crate::to_python::percentage;
use jiff::Timestamp;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::time_zone::TimeZoneName;
use ticketing_core::qr;

/// The amount with exactly the number of decimals of its currency.
#[pyfunction]
fn money(py: Python<'_>, amount: &str, currency: &str) -> PyResult<String> {
    read_money(py, amount, currency).map(|money| money.decimal())
}

/// The percentage with two decimals.
#[pyfunction]
fn percent(py: Python<'_>, text: &str) -> PyResult<String> {
    read_percent(py, text).map(percentage)
}

/// By how many seconds the clocks of a time zone are ahead of UTC.
#[pyfunction]
fn utc_offset(time_zone: In<TimeZoneName>, at: In<Timestamp>) -> i32 {
    time_zone.0.local(at.0).offset().seconds()
}

/// A ticket code as a PNG.
#[pyfunction]
fn qr_png(py: Python<'_>, code: In<TicketCode>) -> Bound<'_, PyBytes> {
    let png = py.detach(|| qr::png(&code.0));
    PyBytes::new(py, &png)
}

/// A ticket code as an SVG document.
#[pyfunction]
fn qr_svg(py: Python<'_>, code: In<TicketCode>) -> String {
    py.detach(|| qr::svg(&code.0))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(money, module)?)?;
    module.add_function(wrap_pyfunction!(percent, module)?)?;
    module.add_function(wrap_pyfunction!(utc_offset, module)?)?;
    module.add_function(wrap_pyfunction!(qr_png, module)?)?;
    module.add_function(wrap_pyfunction!(qr_svg, module)?)?;
    module.add_function(wrap_pyfunction!(crate::errors::_every_refusal, module)?)
}
