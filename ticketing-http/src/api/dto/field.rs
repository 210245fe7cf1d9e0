//! The fields of a body, read strictly. Every fault is reported.

use super::json::Json;
use crate::problem::{FieldError, Problem};

/// A field of a body.
pub(crate) trait ReadField: Sized {
    /// Reads the value, or adds a fault. `json` is absent if the field is.
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self>;
}

/// The faults of a body.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// Adds a fault.
    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError::new(field, message));
    }

    /// The value of a field that may not parse.
    pub(crate) fn parsed<T, E: std::fmt::Display>(&mut self, field: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(field, error.to_string())).ok()
    }

    /// A value that must be present.
    pub(crate) fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, "is required");
        }
        value
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, and those that the engine has found in the rest. A field has one fault: the first.
    pub(crate) fn and<T>(mut self, found: Result<T, ticketing_core::Error>) -> Problem {
        let more = found.err().map(|error| Problem::from(error).errors().to_vec());
        for error in more.unwrap_or_default() {
            if !self.0.iter().any(|known| known.field == error.field) {
                self.0.push(error);
            }
        }
        Problem::invalid(self.0)
    }

    /// The value, if there is no fault.
    pub(crate) fn or<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Problem::invalid(self.0)),
        }
    }
}

/// The fields of an object.
pub(crate) struct Fields<'a> {
    members: Vec<(String, Json)>,
    at: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(json: Option<Json>, at: &'a str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Object(members)) => Some(Self { members, at }),
            _ => {
                faults.add(if at.is_empty() { "body" } else { at }, "must be an object");
                None
            }
        }
    }

    pub(crate) fn take<T: ReadField>(&mut self, name: &str, faults: &mut Faults) -> Option<T> {
        let position = self.members.iter().position(|(member, _)| member == name);
        let json = position.map(|position| self.members.swap_remove(position).1);
        T::read(json, &below(self.at, name), faults)
    }

    pub(crate) fn reject_others(self, faults: &mut Faults) {
        for (name, _) in self.members {
            // The client made this name up: do not repeat a long one.
            let name: String = name.chars().take(100).collect();
            faults.add(below(self.at, &name), "is not a known field");
        }
    }
}

fn below(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

impl<T: ReadField> ReadField for Option<T> {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            None | Some(Json::Null) => Some(None),
            given => T::read(given, at, faults).map(Some),
        }
    }
}

impl<T: ReadField> ReadField for Vec<T> {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::List(items)) => {
                let read = |(index, item): (usize, Json)| T::read(Some(item), &below(at, &index.to_string()), faults);
                // All of them are read, so that every fault is reported.
                items.into_iter().enumerate().map(read).collect::<Vec<_>>().into_iter().collect()
            }
            other => wrong(other, "a list", at, faults),
        }
    }
}

/// Whole numbers, read digit by digit: neither 1.0 nor 1e3 is one.
macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl ReadField for $type {
            fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
                match json {
                    Some(Json::Number(digits)) => match digits.parse() {
                        Ok(number) => Some(number),
                        Err(_) => {
                            let expected = format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX);
                            wrong(Some(Json::Null), &expected, at, faults)
                        }
                    },
                    other => wrong(other, "a whole number", at, faults),
                }
            }
        }
    )*};
}

whole_numbers!(i64, u32);

impl ReadField for bool {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Bool(value)) => Some(value),
            other => wrong(other, "true or false", at, faults),
        }
    }
}

/// Adds a fault that names the expected value. The value found is not repeated: it may be a password.
pub(crate) fn wrong<T>(found: Option<Json>, expected: &str, at: &str, faults: &mut Faults) -> Option<T> {
    match found {
        None => faults.add(at, "is required"),
        Some(_) => faults.add(at, format!("must be {expected}")),
    }
    None
}
