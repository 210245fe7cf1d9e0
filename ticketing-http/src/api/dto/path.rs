//! Path parameters. Parsing never fails: poem-openapi's own error would call the parameter `param0`.

use super::scalar::scalar;
use crate::problem::Problem;
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseFromParameter, ParseResult};
use ticketing_core::Error;
use ticketing_core::domain::code::Reference;

/// A reference or a code. Empty if it cannot be decoded, which matches nothing.
pub(crate) struct Name(pub(crate) String);

scalar!(Name, "string", MetaSchema::new("string"));

impl Name {
    /// The reference of an order. A text that cannot be one belongs to no order: 404.
    pub(crate) fn order(&self) -> Result<Reference, Problem> {
        self.0.parse().map_err(|_| Error::NotFound("Order").into())
    }
}

impl ParseFromParameter for Name {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self(text.to_owned()))
    }

    fn parse_from_parameters<I: IntoIterator<Item = A>, A: AsRef<str>>(iter: I) -> ParseResult<Self> {
        Ok(Self(iter.into_iter().next().map(|text| text.as_ref().to_owned()).unwrap_or_default()))
    }
}

/// An id.
pub(crate) struct Id(Option<i64>);

scalar!(Id, "integer_int64", MetaSchema::new_with_format("integer", "int64"));

impl ParseFromParameter for Id {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self(text.parse().ok()))
    }

    fn parse_from_parameters<I: IntoIterator<Item = A>, A: AsRef<str>>(iter: I) -> ParseResult<Self> {
        Ok(Self(iter.into_iter().next().and_then(|text| text.as_ref().parse().ok())))
    }
}

impl Id {
    /// The id, or an error about the parameter `name`.
    pub(crate) fn get(&self, name: &str) -> Result<i64, Problem> {
        self.0.ok_or_else(|| Problem::invalid_field(name, "must be a whole number"))
    }
}
