//! Fields of a merge patch (RFC 7396): what is absent stays as it is, and null empties.

use super::field::{Faults, ReadField};
use super::json::Json;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use std::borrow::Cow;

/// A field that can be set. It always has a value, so null is an error.
#[derive(Clone, Debug)]
pub(crate) struct Set<T>(pub(crate) Option<T>);

/// A field that can be set and emptied.
#[derive(Clone, Debug)]
pub(crate) struct SetOrEmpty<T>(pub(crate) Option<Option<T>>);

impl<T: ReadField> ReadField for Set<T> {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            None => Some(Self(None)),
            Some(Json::Null) => {
                faults.add(at, "must not be null");
                None
            }
            given => T::read(given, at, faults).map(|value| Self(Some(value))),
        }
    }
}

impl<T: ReadField> ReadField for SetOrEmpty<T> {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            None => Some(Self(None)),
            Some(Json::Null) => Some(Self(Some(None))),
            given => T::read(given, at, faults).map(|value| Self(Some(Some(value)))),
        }
    }
}

/// As the schema of the value, which may be absent.
macro_rules! optional {
    ($type:ident, $schema:expr) => {
        impl<T: Type> Type for $type<T> {
            const IS_REQUIRED: bool = false;

            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                format!("{}_{}", stringify!($type), T::name()).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                let schema: fn(MetaSchemaRef) -> MetaSchemaRef = $schema;
                schema(T::schema_ref())
            }

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

optional!(Set, |schema| schema);
optional!(SetOrEmpty, |schema| schema.merge(MetaSchema { nullable: true, ..MetaSchema::ANY }));
