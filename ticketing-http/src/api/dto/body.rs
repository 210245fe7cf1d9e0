//! Request bodies.
//!
//! poem-openapi's own parser stops at the first fault, does not name the field, accepts numbers as strings, and reads prices as
//! binary fractions. So bodies are declared with [`body!`], which generates a parser and the schema.

use super::field::{Faults, ReadField};
use super::json::{Json, JsonError};
use crate::problem::Problem;
use poem::{Request, RequestBody};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

/// A JSON body. If every field of `T` is optional, so is the body.
pub(crate) struct Body<T>(pub(crate) T);

/// A type that can be read from a body. Declare it with [`body!`].
pub(crate) trait BodyType: Type + ReadField {
    /// Whether any field is required.
    const HAS_REQUIRED_FIELDS: bool;
}

impl<T: BodyType> Body<T> {
    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        if bytes.is_empty() && T::HAS_REQUIRED_FIELDS {
            faults.add("body", "is required");
            return faults.or(None);
        }
        let json = match bytes {
            [] => Ok(Json::Object(vec![])),
            _ => Json::parse(bytes),
        };
        let json = match json {
            Ok(json) => json,
            Err(JsonError::Unreadable) => {
                return Err(Problem::new("body_unreadable", "The body is not valid JSON."));
            }
            Err(JsonError::TooDeep) => {
                faults.add("body", "is nested too deeply");
                return faults.or(None);
            }
            Err(JsonError::Twice(name)) => {
                faults.add(name, "is given twice");
                return faults.or(None);
            }
        };
        let value = T::read(Some(json), "", &mut faults);
        faults.or(value).map(Self)
    }
}

impl<T: BodyType> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: BodyType> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = T::HAS_REQUIRED_FIELDS;

    async fn from_request(_request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let bytes = body.take()?.into_bytes().await?;
        Ok(Self::parse(&bytes)?)
    }
}

impl<'a, T: BodyType> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content =
            MetaMediaType { content_type: <Self as Payload>::CONTENT_TYPE, schema: <Self as Payload>::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: <Self as ParsePayload>::IS_REQUIRED })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = body.take()?.into_bytes().await?;
        // An absent body has no type.
        if !bytes.is_empty() && !request.content_type().is_some_and(<Self as Payload>::check_content_type) {
            let detail = "The Content-Type of the body must be application/json.";
            return Err(Problem::new("media_type_unsupported", detail).into());
        }
        Ok(Self::parse(&bytes)?)
    }
}

/// The schema of a field with its description. A type that is referred to has its own description: with another one, the reference
/// would be wrapped in `allOf`, which generators of clients do not read.
pub(crate) fn described(schema: MetaSchemaRef, text: &'static str) -> MetaSchemaRef {
    match schema {
        MetaSchemaRef::Inline(_) => schema.merge(MetaSchema { description: Some(text.trim()), ..MetaSchema::ANY }),
        MetaSchemaRef::Reference(_) => schema,
    }
}

/// Declares a request body: a struct, its parser, and its schema with an example.
macro_rules! body {
    ($(
        $(#[doc = $doc:literal])*
        struct $name:ident {
            $( $(#[doc = $field_doc:literal])* $field:ident: $type:ty, )*
        }
        example $example:tt
    )*) => {$(
        $(#[doc = $doc])*
        pub(crate) struct $name {
            $( $(#[doc = $field_doc])* pub(crate) $field: $type, )*
        }

        impl crate::api::dto::body::BodyType for $name {
            const HAS_REQUIRED_FIELDS: bool = $( <$type as poem_openapi::types::Type>::IS_REQUIRED || )* false;
        }

        impl crate::api::dto::field::ReadField for $name {
            fn read(
                json: Option<crate::api::dto::json::Json>,
                at: &str,
                faults: &mut crate::api::dto::field::Faults,
            ) -> Option<Self> {
                let mut fields = crate::api::dto::field::Fields::of(json, at, faults)?;
                $( let $field = fields.take::<$type>(stringify!($field), faults); )*
                fields.reject_others(faults);
                Some(Self { $( $field: $field?, )* })
            }
        }

        impl poem_openapi::types::Type for $name {
            const IS_REQUIRED: bool = true;

            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Reference(Self::name().into_owned())
            }

            fn register(registry: &mut poem_openapi::registry::Registry) {
                use poem_openapi::registry::MetaSchema;
                registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
                    $( <$type as poem_openapi::types::Type>::register(registry); )*
                    let required = [
                        $( (stringify!($field), <$type as poem_openapi::types::Type>::IS_REQUIRED), )*
                    ];
                    MetaSchema {
                        title: Some(stringify!($name).to_owned()),
                        description: Some(concat!($($doc,)*).trim()),
                        required: required.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect(),
                        properties: vec![$((
                            stringify!($field),
                            crate::api::dto::body::described(
                                <$type as poem_openapi::types::Type>::schema_ref(),
                                concat!($($field_doc,)*),
                            ),
                        ),)*],
                        example: Some(serde_json::json!($example)),
                        ..MetaSchema::new("object")
                    }
                });
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    )*};
}

pub(crate) use body;

#[cfg(test)]
mod tests {
    use super::super::text::Text;
    use super::*;
    use crate::problem::FieldError;

    body! {
        /// A line.
        struct TestLine {
            /// How many.
            quantity: u32,
        }
        example {"quantity": 1}

        /// An order.
        struct TestOrder {
            /// A name.
            name: Text<1, 10>,
            /// The lines.
            lines: Vec<TestLine>,
            /// Any.
            number: Option<i64>,
        }
        example {"name": "a", "lines": []}
    }

    fn faults(body: &str) -> Vec<FieldError> {
        Body::<TestOrder>::parse(body.as_bytes()).err().map(|problem| problem.errors().to_vec()).unwrap_or_default()
    }

    #[test]
    fn a_body_is_read() {
        let Body(order) = Body::<TestOrder>::parse(br#"{"name":"a","lines":[{"quantity":2}],"number":null}"#).unwrap();
        assert_eq!((order.name.0.as_str(), order.lines[0].quantity, order.number), ("a", 2, None));
    }

    #[test]
    fn every_fault_is_reported() {
        let wrong =
            r#"{"name": 5, "lines": [{"quantity": 1.0}, {}, 3, {"quantity": -1}], "number": 1e3, "role": "admin"}"#;
        let found: Vec<(String, String)> =
            faults(wrong).into_iter().map(|fault| (fault.field, fault.message)).collect();
        let expected = [
            ("name", "must be a string"),
            ("lines.0.quantity", "must be a whole number from 0 to 4294967295"),
            ("lines.1.quantity", "is required"),
            ("lines.2", "must be an object"),
            ("lines.3.quantity", "must be a whole number from 0 to 4294967295"),
            ("number", "must be a whole number from -9223372036854775808 to 9223372036854775807"),
            ("role", "is not a known field"),
        ];
        assert_eq!(found, expected.map(|(field, message)| (field.to_owned(), message.to_owned())));
        assert_eq!(faults(r#"{"name":"a","name":"b","lines":[]}"#), [FieldError::new("name", "is given twice")]);
        assert_eq!(faults("[]"), [FieldError::new("body", "must be an object")]);
        assert_eq!(faults(""), [FieldError::new("body", "is required")]);
        assert_eq!(Body::<TestOrder>::parse(b"{").err().unwrap().code(), "body_unreadable");
    }
}
