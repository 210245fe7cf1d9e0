#![doc = include_str!("../README.md")]

#[cfg(feature = "python")]
mod asyncio;
#[cfg(feature = "python")]
mod callbacks;
#[cfg(feature = "python")]
mod engine;
#[cfg(feature = "python")]
mod errors;
#[cfg(feature = "python")]
mod exports;
#[cfg(feature = "python")]
mod from_python;
#[cfg(feature = "python")]
mod gateways;
#[cfg(feature = "python")]
mod logging;
#[cfg(feature = "python")]
mod mailers;
#[cfg(feature = "python")]
mod messenger;
#[cfg(feature = "python")]
mod operations;
#[cfg(feature = "python")]
mod process;
#[cfg(feature = "python")]
mod sync;
#[cfg(feature = "python")]
mod to_python;
#[cfg(feature = "python")]
mod values;

#[cfg(feature = "python")]
use pyo3::prelude::*;

/// The engine, as `ticketing_py` wraps it up.
#[cfg(feature = "python")]
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<operations::Engine>()?;
    module.add_class::<operations::AsyncEngine>()?;
    module.add_class::<callbacks::Job>()?;
    engine::register(module)?;
    exports::register(module)?;
    gateways::register(module)?;
    mailers::register(module)?;
    values::register(module)?;
    logging::install();
    process::register(module)
}
