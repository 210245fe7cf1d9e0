//! Accounts: registration, login, the current account. For clients of system A (`/auth`) and of system B (`/users`, `/token`).

use super::Tag;
use super::bearer::Session;
use super::dto::account::{LoginBody, LoginView, RegisterBody, TokenForm, TokenView, UserBody, UserView, UsernameView};
use super::dto::body::Body;
use super::dto::export::ExportView;
use super::login::{logged_out, login, registered};
use super::problems::{BODY, KEYED, TOKEN, problems};
use super::proofs;
use super::state::ApiState;
use crate::problem::Problem;
use poem::Request;
use poem_openapi::payload::{Form, Json};
use poem_openapi::{ApiResponse, OpenApi};

problems! {
    RegisterProblems: BODY, KEYED, &["email_taken", "username_taken"];
    LoginProblems: BODY, TOKEN, &["too_many_logins", "second_factor_wanted"];
    MeProblems: TOKEN;
    LogoutProblems: KEYED, TOKEN;
}

#[derive(ApiResponse)]
enum Exported {
    /// What is kept.
    #[oai(status = 200)]
    Done(Json<ExportView>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum Registered {
    /// The new account.
    #[oai(status = 201)]
    Created(Json<UserView>),
}

#[derive(ApiResponse)]
enum UserCreated {
    /// The new account.
    #[oai(status = 201)]
    Created(Json<UsernameView>),
}

#[derive(ApiResponse)]
enum LoggedIn {
    /// A token.
    #[oai(status = 200)]
    Done(Json<LoginView>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum LoggedOut {
    /// Every token of the account is invalid from now on.
    #[oai(status = 204)]
    Done,
}

#[derive(ApiResponse)]
enum TokenIssued {
    /// A token.
    #[oai(status = 200)]
    Done(Json<TokenView>, #[oai(header = "Cache-Control")] String),
}

pub(crate) struct Auth(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Accounts")]
impl Auth {
    /// Create an account
    #[oai(path = "/auth/register", method = "post", operation_id = "register")]
    async fn register(&self, http: &Request, body: Body<RegisterBody>) -> Result<Registered, RegisterProblems> {
        let account = self.0.ticketing.register(body.0.into()).await?;
        registered(&self.0, http, &account).await;
        proofs::welcome(&self.0, http, &account).await;
        Ok(Registered::Created(Json((&account).into())))
    }

    /// Log in
    ///
    /// An unknown address and a wrong password get the same response. After five wrong passwords from one client address, further
    /// attempts must wait. Answers other than 401 do not count.
    ///
    /// Where the account has a second factor, the right password is answered with 403 `second_factor_wanted` and a `ticket`, which is good
    /// for five minutes: continue with `POST /auth/second-factor`.
    #[oai(path = "/auth/login", method = "post", operation_id = "login")]
    async fn login(&self, request: &Request, body: Body<LoginBody>) -> Result<LoggedIn, LoginProblems> {
        let session = login(&self.0, request, &body.0.email.0, &body.0.password.0).await?;
        Ok(LoggedIn::Done(Json(session.into()), "no-store".to_owned()))
    }

    /// Log out everywhere
    ///
    /// Invalidates every token that the account has, including the one of this request.
    #[oai(path = "/auth/logout", method = "post", operation_id = "logout")]
    async fn logout(&self, http: &Request, session: Session) -> Result<LoggedOut, LogoutProblems> {
        self.0.ticketing.end_sessions(session.0.id).await?;
        logged_out(&self.0, http, &session.0);
        Ok(LoggedOut::Done)
    }

    /// Get my account
    #[oai(path = "/auth/me", method = "get", operation_id = "me")]
    async fn me(&self, session: Session) -> Result<Json<UserView>, MeProblems> {
        Ok(Json((&session.0).into()))
    }

    /// Export my data
    ///
    /// The account, memberships, sessions, API keys, orders, tickets, payments, refunds, mails, and what was decided about the account. The
    /// texts of mails are not kept.
    #[oai(path = "/auth/export", method = "get", operation_id = "exportAccount")]
    async fn export(&self, session: Session) -> Result<Exported, MeProblems> {
        let data = self.0.ticketing.account_data(session.0.id).await?;
        Ok(Exported::Done(Json(ExportView::new(&data, session.1)), "no-store".to_owned()))
    }

    /// Create an account with a user name
    #[oai(path = "/users/", method = "post", operation_id = "createUser")]
    async fn create_user(&self, http: &Request, body: Body<UserBody>) -> Result<UserCreated, RegisterProblems> {
        let account = self.0.ticketing.register(body.0.into()).await?;
        registered(&self.0, http, &account).await;
        proofs::welcome(&self.0, http, &account).await;
        Ok(UserCreated::Created(Json((&account).into())))
    }

    /// Get my account, with its user name
    #[oai(path = "/users/me", method = "get", operation_id = "currentUser")]
    async fn current_user(&self, session: Session) -> Result<Json<UsernameView>, MeProblems> {
        Ok(Json((&session.0).into()))
    }

    /// Log in with the OAuth2 password flow
    ///
    /// The Authorize button of the documentation uses it. `username` may be an e-mail address.
    #[oai(path = "/token", method = "post", operation_id = "token")]
    async fn token(&self, request: &Request, form: Form<TokenForm>) -> Result<TokenIssued, LoginProblems> {
        let TokenForm { grant_type, username, password } = form.0;
        if grant_type.is_some_and(|grant| !grant.is_empty() && grant != "password") {
            return Err(Problem::invalid_field("grant_type", "must be password").into());
        }
        let session = login(&self.0, request, &username, &password).await?;
        Ok(TokenIssued::Done(Json(session.into()), "no-store".to_owned()))
    }
}
