//! One stable name for each variant of an enum: in storages, on the wire and in logs.

/// Gives an enum without data `name`, `from_name` and `ALL`, and makes it a [field](super::row::Field) of a row.
macro_rules! wire_names {
    ($type:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every variant, for exhaustive tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name of the variant.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The variant with this name.
            pub fn from_name(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl $crate::domain::row::Field for $type {
            const KINDS: &'static [$crate::domain::row::Kind] = &[$crate::domain::row::Kind::Text];

            fn store(&self, to: &mut dyn $crate::domain::row::Sink) {
                to.text(Some(self.name()));
            }

            fn read(
                from: &mut dyn $crate::domain::row::Source,
            ) -> Result<Option<Self>, $crate::domain::row::RowError> {
                use $crate::domain::row::RowError;
                let unknown = |word: &str| RowError(format!("{word:?} is not a {} that this version knows", stringify!($type)));
                from.text()?.map(|word| Self::from_name(&word).ok_or_else(|| unknown(&word))).transpose()
            }
        }
    };
}

pub(crate) use wire_names;
