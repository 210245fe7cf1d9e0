//! Sends the engine's warnings and errors to Python's `logging`, through the messenger. Lower levels are ignored, so that an
//! ordinary sale never needs the interpreter.

use crate::process::Process;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::fmt::Write as _;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// Writes one line to the logger `ticketing_py`.
fn write(py: Python<'_>, is_error: bool, text: &str) -> PyResult<()> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let log = GET.import(py, "logging", "getLogger")?.call1(("ticketing_py",))?;
    let level = if is_error { "error" } else { "warning" };
    log.call_method1(level, ("%s", text))?;
    Ok(())
}

/// A `tracing` subscriber that hands lines to the messenger. It ignores spans.
#[derive(Debug)]
struct ToPython;

fn is_logged(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && *metadata.level() <= Level::WARN && metadata.target().starts_with("ticketing")
}

impl Subscriber for ToPython {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_logged(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_logged(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(process) = Process::existing() else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let text = format!("{}{}", line.message, line.fields);
        let is_error = *event.metadata().level() == Level::ERROR;
        process.send(move |py| write(py, is_error, &text));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message of an event, and its fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// Installs the subscriber. This library has its own copy of `tracing`, so no other subscriber can be there.
pub(crate) fn install() {
    drop(tracing::subscriber::set_global_default(ToPython));
}
