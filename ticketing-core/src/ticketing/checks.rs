//! Validation of requests: all faults are found before a request is rejected.

use crate::domain::principal::Principal;
use crate::domain::text::is_blank;
use crate::error::{Error, Invalid, Result};

/// Collects the faults of a request.
#[derive(Debug, Default)]
pub(super) struct Checks {
    wrong: Vec<Invalid>,
}

impl Checks {
    /// Adds a fault unless `holds`.
    pub(super) fn require(&mut self, field: &str, holds: bool, message: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(Invalid::new(field, message()));
        }
    }

    /// A text in one line of `min` to `max` characters without control characters. If there must be one, it can be seen.
    pub(super) fn text(&mut self, field: &str, text: &str, min: usize, max: usize) {
        self.length(field, text, min, max);
        self.require(field, !text.chars().any(char::is_control), || "must not contain control characters".to_owned());
    }

    fn length(&mut self, field: &str, text: &str, min: usize, max: usize) {
        // A name of characters without a shape is none.
        let found = if min > 0 && is_blank(text) { 0 } else { text.trim().chars().count() };
        self.require(field, (min..=max).contains(&found), || match min {
            0 => format!("must be at most {max} characters (got {found})"),
            _ => format!("must be {min}–{max} characters (got {found})"),
        });
    }

    /// An optional text of at most `max` characters.
    pub(super) fn optional_text(&mut self, field: &str, text: Option<&str>, max: usize) {
        if let Some(text) = text {
            self.text(field, text, 0, max);
        }
    }

    /// An optional text of at most `max` characters, which may have line breaks and tabs.
    pub(super) fn optional_lines(&mut self, field: &str, text: Option<&str>, max: usize) {
        if let Some(text) = text {
            self.length(field, text, 0, max);
            let is_bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
            self.require(field, !text.chars().any(is_bad), || "must not contain control characters".to_owned());
        }
    }

    /// The value of a field that may not parse.
    #[cfg(feature = "accounts")]
    pub(super) fn parsed<T, E: std::fmt::Display>(&mut self, field: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.wrong.push(Invalid::new(field, error.to_string()))).ok()
    }

    /// A principal who buys: neither organisations nor API keys do.
    pub(super) fn person(&mut self, field: &str, who: &Principal) {
        self.principal(field, who);
        self.require(field, who.is_person(), || format!("must be a person (got {who})"));
    }

    /// A principal who stands at a door: a person or an API key.
    pub(super) fn scanner(&mut self, field: &str, who: &Principal) {
        self.principal(field, who);
        let stands = who.organisation().is_none() && who.guest().is_none();
        self.require(field, stands, || format!("must be a person or an API key (got {who})"));
    }

    /// A principal who runs events: a person or an organisation.
    pub(super) fn organizer(&mut self, field: &str, who: &Principal) {
        self.principal(field, who);
        let runs = who.guest().is_none() && !matches!(who, Principal::Key { .. });
        self.require(field, runs, || format!("must be a person or an organisation (got {who})"));
    }

    /// The embedding application's id of a principal.
    pub(super) fn principal(&mut self, field: &str, who: &Principal) {
        if let Some(id) = who.external() {
            self.text(field, id, 1, 200);
        }
    }

    /// All faults, or none.
    pub(super) fn done(self) -> Result<()> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(self.wrong)) }
    }
}
