use super::body::{Faults, ReadField, wrong};
use super::json::Json;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::Type;
use std::borrow::Cow;

/// A text of a body, of `MIN` to `MAX` characters. The limits stand in the document only: the engine checks them, and says
/// all that is wrong at once.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text<const MIN: usize, const MAX: usize>(pub(crate) String);

impl<const MIN: usize, const MAX: usize> ReadField for Text<MIN, MAX> {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Text(text)) => Some(Self(text)),
            other => wrong(other, "a text", at, faults),
        }
    }
}

impl<const MIN: usize, const MAX: usize> Type for Text<MIN, MAX> {
    const IS_REQUIRED: bool = true;

    type RawValueType = String;
    type RawElementValueType = String;

    fn name() -> Cow<'static, str> {
        "string".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            min_length: (MIN > 0).then_some(MIN),
            max_length: Some(MAX),
            ..MetaSchema::new("string")
        }))
    }

    fn as_raw_value(&self) -> Option<&String> {
        Some(&self.0)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a String> + 'a> {
        Box::new(std::iter::once(&self.0))
    }
}
