use super::body::body;
use super::text::Text;
use super::time::Time;
use poem_openapi::Object;
use ticketing_core::Erasure;

body! {
    /// The password, for what cannot be taken back.
    struct EraseBody {
        /// The account's password.
        password: Text<1, 1024>,
        /// A code of the second factor. Needed if the account has one.
        code: Option<Text<1, 50>>,
    }
    example {"password": "correct horse battery"}
}

/// Whether and when an account is erased.
#[derive(Object)]
#[oai(rename = "Erasure")]
pub(crate) struct ErasureView {
    /// When the account is erased; null if nobody has asked for it.
    #[oai(nullable)]
    erase_at: Option<Time>,
    /// What stands in the way now: `events`, `payments`, `refunds`, `disputes`, `organisations`, `last_admin`.
    blocked_by: Vec<String>,
}

impl From<Erasure> for ErasureView {
    fn from(erasure: Erasure) -> Self {
        Self {
            erase_at: erasure.at.map(Into::into),
            blocked_by: erasure.blocked_by.iter().map(|by| by.name().to_owned()).collect(),
        }
    }
}
