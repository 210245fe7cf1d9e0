//! One stable word for each variant of an enum: in storages, on the wire and in logs.

/// Gives an enum without data `name`, `from_name` and `ALL`.
macro_rules! words {
    ($type:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every variant, for exhaustive tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The variant in one stable word.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The variant of this word.
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
