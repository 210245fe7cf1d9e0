use super::field::{Faults, ReadField, wrong};
use super::json::Json;
use super::scalar::scalar;
use poem_openapi::registry::MetaSchema;

/// A text of `MIN` to `MAX` characters. The limits are only documented here: the engine checks them, and reports
/// every fault at once.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text<const MIN: usize, const MAX: usize>(pub(crate) String);

scalar!(
    Text<MIN: usize, MAX: usize>,
    "string",
    MetaSchema { min_length: (MIN > 0).then_some(MIN), max_length: Some(MAX), ..MetaSchema::new("string") }
);

impl<const MIN: usize, const MAX: usize> ReadField for Text<MIN, MAX> {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Text(text)) => Some(Self(text)),
            other => wrong(other, "a string", at, faults),
        }
    }
}
