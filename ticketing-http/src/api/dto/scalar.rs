/// Declares the schema of a scalar type. Constant parameters are listed after the name.
macro_rules! scalar {
    ($type:ident $(<$($parameter:ident: $kind:ty),*>)?, $name:literal, $schema:expr) => {
        impl $(<$(const $parameter: $kind),*>)? poem_openapi::types::Type for $type $(<$($parameter),*>)? {
            const IS_REQUIRED: bool = true;

            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema))
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

pub(crate) use scalar;
