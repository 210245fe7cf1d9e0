//! The engine's warnings and errors in Python's `logging`, by way of the messenger. What is less is not told: an ordinary sale
//! has no reason to ask for the interpreter.

use crate::callbacks::Errand;
use crate::process::Process;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::fmt::Write as _;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// A line for the log.
#[derive(Debug)]
pub(crate) struct Line {
    is_error: bool,
    text: String,
}

impl Line {
    pub(crate) fn write(&self, py: Python<'_>) -> PyResult<()> {
        static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let log = GET.import(py, "logging", "getLogger")?.call1(("ticketing_py",))?;
        let level = if self.is_error { "error" } else { "warning" };
        log.call_method1(level, ("%s", &self.text))?;
        Ok(())
    }
}

/// Hands lines to the messenger. Knows no spans.
#[derive(Debug)]
struct ToPython;

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && *metadata.level() <= Level::WARN && metadata.target().starts_with("ticketing")
}

impl Subscriber for ToPython {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_wanted(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_wanted(metadata)
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
        let mut words = Words::default();
        event.record(&mut words);
        let text = format!("{}{}", words.message, words.facts);
        process.send(Errand::Log(Line { is_error: *event.metadata().level() == Level::ERROR, text }));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message, and what is known beside it.
#[derive(Default)]
struct Words {
    message: String,
    facts: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.facts, " {name}={value:?}"),
        };
    }
}

/// Begins to listen. Another one in this very library is left in place; there is none.
pub(crate) fn install() {
    drop(tracing::subscriber::set_global_default(ToPython));
}
