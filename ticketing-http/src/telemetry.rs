//! The log: text for people or JSON for machines, on standard error.

use crate::config::LogFormat;
use crate::log_writer::LogWriter;
use std::io::IsTerminal as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The installed log. Dropping it writes all pending lines.
#[derive(Debug)]
#[must_use = "the last lines would be lost"]
pub struct Log(Option<LogWriter>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(lines) = &self.0 {
            lines.flush();
        }
    }
}

/// Installs the log; `filter` is a level, or levels by module, as in `RUST_LOG`. Panics are logged too.
///
/// Does nothing if the process already has a log.
pub fn install(format: LogFormat, filter: &str) -> Log {
    // If there is no thread for it, each line is written directly, which is slower.
    let lines = LogWriter::to(std::io::stderr()).ok();
    let writer = match lines.clone() {
        Some(lines) => BoxMakeWriter::new(move || lines.clone()),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let filter = filter.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(writer);
    // Colours only on a terminal.
    let log = log.with_ansi(std::io::stderr().is_terminal());
    let _ = match format {
        LogFormat::Text => log.finish().with(filter).try_init(),
        LogFormat::Json => log.json().flatten_event(true).finish().with(filter).try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        crate::metrics::panicked();
        // Not the panic's text: it may contain data of a client.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, thread = std::thread::current().name(), "panic: this is a bug");
    }));
    Log(lines)
}
