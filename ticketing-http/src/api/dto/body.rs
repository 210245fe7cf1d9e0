//! The body of a request: read strictly, with every fault named.
//!
//! poem-openapi's own reading stops at the first fault, does not say which field it was, takes a number for a text, and
//! reads prices as binary fractions. So bodies are declared with [`body!`], which makes both the reading and the schema.

use super::json::{Json, JsonError};
use crate::problem::{FieldError, Problem};
use poem::{Request, RequestBody};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

/// A JSON body. Where every field of `T` may be absent, the body may be too.
pub(crate) struct Body<T>(pub(crate) T);

/// What can be read from a body. Declare it with [`body!`].
pub(crate) trait BodyType: Type + ReadField {
    /// Whether a field must be there.
    const HAS_REQUIRED_FIELDS: bool;
}

/// A field of a body.
pub(crate) trait ReadField: Sized {
    /// The value, or what is wrong with it. `json` is absent where the field is.
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self>;
}

/// What is wrong with a body.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// `field` is not what is wanted.
    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError::new(field, message));
    }

    /// The value of a field that may not parse.
    pub(crate) fn parsed<T, E: std::fmt::Display>(&mut self, field: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(field, error.to_string())).ok()
    }

    /// What is wanted where it is not there.
    pub(crate) fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, "is required");
        }
        value
    }

    /// What was read, where nothing is wrong.
    pub(crate) fn or<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Problem::invalid(self.0)),
        }
    }
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

    pub(crate) fn refuse_others(self, faults: &mut Faults) {
        for (name, _) in self.members {
            // Names come from outside: a long one is not worth repeating.
            let name: String = name.chars().take(100).collect();
            faults.add(below(self.at, &name), "is not known here");
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
                // All of them are read, so that every fault is told.
                items.into_iter().enumerate().map(read).collect::<Vec<_>>().into_iter().collect()
            }
            other => wrong(other, "a list", at, faults),
        }
    }
}

/// Whole numbers, by their digits: neither 1.0 nor 1e3 is one.
macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl ReadField for $type {
            fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
                match json {
                    Some(Json::Number(digits)) => match digits.parse() {
                        Ok(number) => Some(number),
                        Err(_) => wrong(Some(Json::Null), "a whole number that is not too large", at, faults),
                    },
                    other => wrong(other, "a whole number", at, faults),
                }
            }
        }
    )*};
}

whole_numbers!(i64, u32);

/// Says that something else is wanted. What was found is not repeated: it may be a password.
pub(crate) fn wrong<T>(found: Option<Json>, wanted: &str, at: &str, faults: &mut Faults) -> Option<T> {
    match found {
        None => faults.add(at, "is required"),
        Some(_) => faults.add(at, format!("must be {wanted}")),
    }
    None
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
        // A body that is not there has no type.
        if !bytes.is_empty() && !request.content_type().is_some_and(<Self as Payload>::check_content_type) {
            let detail = "A body of type application/json is wanted.";
            return Err(Problem::new("media_type_unsupported", detail).into());
        }
        Ok(Self::parse(&bytes)?)
    }
}

/// Declares the body of a request: a struct, how it is read, and its schema with an example.
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

        impl crate::api::dto::body::ReadField for $name {
            fn read(
                json: Option<crate::api::dto::json::Json>,
                at: &str,
                faults: &mut crate::api::dto::body::Faults,
            ) -> Option<Self> {
                let mut fields = crate::api::dto::body::Fields::of(json, at, faults)?;
                $( let $field = fields.take::<$type>(stringify!($field), faults); )*
                fields.refuse_others(faults);
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
                    let describe = |text: &'static str| MetaSchema { description: Some(text.trim()), ..MetaSchema::ANY };
                    let required = [
                        $( (stringify!($field), <$type as poem_openapi::types::Type>::IS_REQUIRED), )*
                    ];
                    MetaSchema {
                        title: Some(stringify!($name).to_owned()),
                        description: Some(concat!($($doc,)*).trim()),
                        required: required.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect(),
                        properties: vec![$((
                            stringify!($field),
                            <$type as poem_openapi::types::Type>::schema_ref()
                                .merge(describe(concat!($($field_doc,)*))),
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
    fn every_fault_is_named() {
        let wrong =
            r#"{"name": 5, "lines": [{"quantity": 1.0}, {}, 3, {"quantity": -1}], "number": 1e3, "role": "admin"}"#;
        let found: Vec<(String, String)> =
            faults(wrong).into_iter().map(|fault| (fault.field, fault.message)).collect();
        let expected = [
            ("name", "must be a text"),
            ("lines.0.quantity", "must be a whole number that is not too large"),
            ("lines.1.quantity", "is required"),
            ("lines.2", "must be an object"),
            ("lines.3.quantity", "must be a whole number that is not too large"),
            ("number", "must be a whole number that is not too large"),
            ("role", "is not known here"),
        ];
        assert_eq!(found, expected.map(|(field, message)| (field.to_owned(), message.to_owned())));
        assert_eq!(faults(r#"{"name":"a","name":"b","lines":[]}"#), [FieldError::new("name", "is given twice")]);
        assert_eq!(faults("[]"), [FieldError::new("body", "must be an object")]);
        assert_eq!(faults(""), [FieldError::new("body", "is required")]);
        assert_eq!(Body::<TestOrder>::parse(b"{").err().unwrap().code(), "body_unreadable");
    }
}
