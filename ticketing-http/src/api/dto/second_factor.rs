use super::body::body;
use super::text::Text;
use super::time::Time;
use poem_openapi::Object;
use ticketing_core::{NewSecondFactor, RecoveryCodes, SecondFactorState};

body! {
    /// The second step of a log-in.
    struct LoginCodeBody {
        /// As in the answer `second_factor_wanted`.
        ticket: Text<1, 2000>,
        /// Six digits of the app, or a recovery code; case, spaces and dashes make no difference.
        code: Text<1, 100>,
    }
    example {"ticket": "eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJzZWNvbmRfZmFjdG9yIn0.x", "code": "123456"}

    /// The account's password.
    struct PasswordBody {
        /// The account's password.
        password: Text<1, 1024>,
    }
    example {"password": "correct horse battery"}

    /// A code.
    struct CodeBody {
        /// Six digits of the app; spaces make no difference.
        code: Text<1, 100>,
    }
    example {"code": "123456"}

    /// The account's password and a code.
    struct PasswordCodeBody {
        /// The account's password.
        password: Text<1, 1024>,
        /// Six digits of the app, or a recovery code; case, spaces and dashes make no difference.
        code: Text<1, 100>,
    }
    example {"password": "correct horse battery", "code": "123456"}
}

/// The second factor of an account.
#[derive(Object)]
pub(crate) struct TotpView {
    /// Whether a code is asked for after the password.
    enabled: bool,
    /// Since when.
    #[oai(nullable)]
    since: Option<Time>,
    /// How many recovery codes are left.
    recovery_codes_left: u64,
    /// Until when no code is taken, since there were five wrong ones in a row.
    #[oai(nullable)]
    closed_until: Option<Time>,
}

impl From<SecondFactorState> for TotpView {
    fn from(state: SecondFactorState) -> Self {
        Self {
            enabled: state.since.is_some(),
            since: state.since.map(Into::into),
            recovery_codes_left: state.recovery_codes_left as u64,
            closed_until: state.closed_until.map(Into::into),
        }
    }
}

/// A second factor that was begun.
#[derive(Object)]
pub(crate) struct NewTotpView {
    /// The secret in base 32, to be typed into the app.
    secret: String,
    /// The same as an `otpauth://` URI: a link on a phone.
    uri: String,
    /// The URI as a QR image: an SVG document.
    qr_svg: String,
}

impl From<NewSecondFactor> for NewTotpView {
    fn from(begun: NewSecondFactor) -> Self {
        Self { qr_svg: ticketing_core::qr::uri_svg(&begun.uri), secret: begun.secret, uri: begun.uri }
    }
}

/// Recovery codes. Each works once.
#[derive(Object)]
pub(crate) struct RecoveryCodesView {
    /// The codes, to be written down: they are not shown again.
    recovery_codes: Vec<String>,
}

impl From<RecoveryCodes> for RecoveryCodesView {
    fn from(codes: RecoveryCodes) -> Self {
        Self { recovery_codes: codes.0 }
    }
}
