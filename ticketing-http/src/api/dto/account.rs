use super::body::body;
use super::text::Text;
use super::time::Time;
use crate::api::login::NewSession;
use poem_openapi::Object;
use ticketing_core::Registration;
use ticketing_core::domain::account::Account;

body! {
    /// A new account.
    struct RegisterBody {
        /// An e-mail address, unique without regard to case and spelling.
        email: Text<3, 254>,
        /// The person's name.
        name: Text<1, 200>,
        /// At least 8 characters, at most 1024 bytes.
        password: Text<8, 1024>,
        /// A phone number in any format.
        phone: Option<Text<0, 30>>,
    }
    example {"email": "ada@example.com", "name": "Ada Obi", "password": "correct horse battery", "phone": "+234 800 000 0000"}

    /// A new account with a user name.
    struct UserBody {
        /// An e-mail address, unique without regard to case and spelling.
        email: Text<3, 254>,
        /// Letters, digits, `.`, `_` and `-`, unique without regard to case and spelling.
        username: Text<1, 50>,
        /// At least 8 characters, at most 1024 bytes.
        password: Text<8, 1024>,
    }
    example {"email": "ada@example.com", "username": "ada", "password": "correct horse battery"}

    /// Login credentials.
    struct LoginBody {
        /// The account's e-mail address, or its user name.
        email: Text<1, 254>,
        /// Its password.
        password: Text<1, 1024>,
    }
    example {"email": "ada@example.com", "password": "correct horse battery"}
}

impl From<RegisterBody> for Registration {
    fn from(body: RegisterBody) -> Self {
        Self::new(body.email.0, body.name.0, body.password.0)
            .with_phone(body.phone.map(|phone| phone.0).filter(|phone| !phone.trim().is_empty()))
    }
}

impl From<UserBody> for Registration {
    /// Clients of system B send no name: the user name is used.
    fn from(body: UserBody) -> Self {
        Self::new(body.email.0, body.username.0.clone(), body.password.0).with_username(body.username.0)
    }
}

/// An account, for its owner.
#[derive(Object)]
pub(crate) struct UserView {
    /// The account's id.
    id: i64,
    /// Where tickets are mailed to.
    email: String,
    /// The person's name.
    name: String,
    /// Whether the account can be used.
    is_active: bool,
    /// Whether the address is verified.
    is_verified: bool,
    /// Creation time.
    created_at: Time,
    /// Time of the last change.
    updated_at: Time,
}

impl From<&Account> for UserView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.0,
            email: account.email.as_str().to_owned(),
            name: account.name.clone(),
            is_active: account.is_active,
            is_verified: account.is_verified,
            created_at: account.created_at.into(),
            updated_at: account.updated_at.into(),
        }
    }
}

/// An account with its user name, for its owner.
#[derive(Object)]
pub(crate) struct UsernameView {
    /// The account's id.
    id: i64,
    /// Where tickets are mailed to.
    email: String,
    /// The user name, or the e-mail address of an account without one. Both can be sent to `/token`.
    username: String,
}

impl From<&Account> for UsernameView {
    fn from(account: &Account) -> Self {
        let email = account.email.as_str().to_owned();
        Self { id: account.id.0, username: account.username.clone().unwrap_or_else(|| email.clone()), email }
    }
}

/// A successful login.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct LoginView {
    /// `Login successful`
    message: String,
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// `bearer`
    token_type: String,
    user: UserView,
    /// How many wrong passwords were tried for this account since its last login. Absent if there were none. Not all are counted: the
    /// server forgets them when it restarts, and other servers on the same database have counts of their own.
    failed_attempts: Option<u32>,
}

impl From<NewSession> for LoginView {
    fn from(NewSession { session, failed_attempts }: NewSession) -> Self {
        Self {
            failed_attempts: told(failed_attempts),
            message: "Login successful".to_owned(),
            user: (&session.account).into(),
            access_token: session.token,
            token_type: "bearer".to_owned(),
        }
    }
}

fn told(failed_attempts: u32) -> Option<u32> {
    (failed_attempts > 0).then_some(failed_attempts)
}

/// A login with the OAuth2 password flow (RFC 6749, 4.3.2). Unknown parameters are ignored, as 3.2 requires.
#[derive(Object, serde::Deserialize)]
pub(crate) struct TokenForm {
    /// `password`, if given.
    pub(crate) grant_type: Option<String>,
    /// A user name, or an e-mail address.
    pub(crate) username: String,
    /// The account's password.
    pub(crate) password: String,
}

/// A token (RFC 6749, 5.1).
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct TokenView {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// `bearer`
    token_type: String,
    /// As in the answer of `POST /auth/login`.
    failed_attempts: Option<u32>,
}

impl From<NewSession> for TokenView {
    fn from(NewSession { session, failed_attempts }: NewSession) -> Self {
        let failed_attempts = told(failed_attempts);
        Self { access_token: session.token, token_type: "bearer".to_owned(), failed_attempts }
    }
}
