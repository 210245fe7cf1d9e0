//! Stable names of enum variants, for storages, the wire and logs.

/// Gives an enum without data `name`, `from_name` and `ALL`.
macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every variant, for exhaustive tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The variant's stable name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The variant with this stable name.
            pub fn from_name(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use words;
