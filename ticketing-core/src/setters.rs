//! Setters for the optional fields of public structs.

/// Adds a chainable `with_…` method for each listed field.
///
/// Public structs are `#[non_exhaustive]`: other crates create them with `new` (the required fields) or `Default`, and set the
/// rest with these methods. So a new field is not a breaking change. Optional fields take `impl Into<Option<_>>`: a value or an
/// option.
macro_rules! setters {
    ($type:ident { $($method:ident => $field:ident: $kind:ty),+ $(,)? }) => {
        impl $type {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $method(mut self, $field: $kind) -> Self {
                    self.$field = $field.into();
                    self
                }
            )+
        }
    };
}

pub(crate) use setters;
