use super::body::body;
use super::text::Text;
use super::time::Time;
use poem_openapi::Object;
use ticketing_core::{CodeChallenge, Session};

body! {
    /// A token from a mail.
    struct TokenBody {
        /// As it is in the mail; case, spaces and dashes make no difference.
        token: Text<1, 200>,
    }
    example {"token": "tkp_42_7GQ4MK2ZR8C0P5V1X3YD6SJ9TW"}

    /// A token from a mail; or the code from a mail, with the challenge that was returned when it was asked for.
    struct VerifyBody {
        /// As it is in the mail; case, spaces and dashes make no difference.
        token: Option<Text<1, 200>>,
        /// The challenge of the code.
        challenge: Option<Text<1, 200>>,
        /// The six digits of the mail.
        code: Option<Text<1, 50>>,
    }
    example {"token": "tkp_42_7GQ4MK2ZR8C0P5V1X3YD6SJ9TW"}

    /// An e-mail address.
    struct AddressBody {
        /// An e-mail address.
        email: Text<3, 254>,
    }
    example {"email": "ada@example.com"}

    /// A token from a mail, and a new password.
    struct ResetBody {
        /// As it is in the mail; case, spaces and dashes make no difference.
        token: Text<1, 200>,
        /// The new password: at least 8 characters, at most 1024 bytes, and none of the 3,000 commonest.
        password: Text<8, 1024>,
    }
    example {"token": "tkp_42_7GQ4MK2ZR8C0P5V1X3YD6SJ9TW", "password": "correct horse battery"}

    /// The current and a new password.
    struct ChangePasswordBody {
        /// The current password.
        current_password: Text<1, 1024>,
        /// The new password: at least 8 characters, at most 1024 bytes, and none of the 3,000 commonest.
        new_password: Text<8, 1024>,
        /// A code of the second factor. Needed if the account has one.
        code: Option<Text<1, 50>>,
    }
    example {"current_password": "correct horse battery", "new_password": "staple by the lake"}

    /// The password and a new address.
    struct ChangeEmailBody {
        /// The account's password.
        password: Text<1, 1024>,
        /// The new address.
        email: Text<3, 254>,
        /// A code of the second factor. Needed if the account has one.
        code: Option<Text<1, 50>>,
    }
    example {"password": "correct horse battery", "email": "ada@example.org"}
}

/// A mail is on its way, if there is somebody to write to.
#[derive(Object)]
pub(crate) struct RequestedView {
    /// A sentence for the person.
    pub(crate) message: String,
}

/// A code is on its way, if there is something to verify.
#[derive(Object)]
pub(crate) struct CodeView {
    /// A sentence for the person.
    message: String,
    /// The secret that goes with the code; absent if nothing was sent. The code is of no use without it.
    #[oai(nullable)]
    challenge: Option<String>,
    /// Until when the code can be used; absent if nothing was sent.
    #[oai(nullable)]
    expires_at: Option<Time>,
}

impl CodeView {
    pub(crate) fn new(asked: Option<CodeChallenge>) -> Self {
        let expires_at = asked.as_ref().map(|asked| asked.expires_at.into());
        let message = "If your address is not confirmed yet, a mail with a code is on its way to it.".to_owned();
        Self { message, challenge: asked.map(|asked| asked.challenge), expires_at }
    }
}

/// A new session, since all others have ended.
#[derive(Object)]
pub(crate) struct NewTokenView {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// `bearer`
    token_type: String,
}

impl From<Session> for NewTokenView {
    fn from(session: Session) -> Self {
        Self { access_token: session.token, token_type: "bearer".to_owned() }
    }
}
