//! The second factor: codes of an authenticator app (TOTP), and recovery codes.

use super::Tag;
use super::bearer::Session;
use super::dto::account::LoginView;
use super::dto::body::Body;
use super::dto::second_factor::{
    CodeBody, LoginCodeBody, NewTotpView, PasswordBody, PasswordCodeBody, RecoveryCodesView, TotpView,
};
use super::login::{login_with_code, subject_of, with_password};
use super::problems::{BODY, TOKEN, problems};
use super::state::ApiState;
use crate::middleware::proof_limit::wait_until;
use crate::problem::Problem;
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::Error;
use ticketing_core::domain::refusal::Refusal;

problems! {
    LoginProblems: BODY, TOKEN, &["second_factor_wrong", "second_factor_closed"];
    StateProblems: TOKEN;
    BeginProblems: BODY, TOKEN, &["too_many_logins", "second_factor_on", "email_unverified"];
    ConfirmProblems: BODY, TOKEN, &["second_factor_wrong", "second_factor_closed", "second_factor_on", "second_factor_off"];
    ChangeProblems: BODY, TOKEN, &["too_many_logins", "second_factor_wrong", "second_factor_closed", "second_factor_off"];
}

/// The name that apps show, where the server's public address is not known.
const ISSUER: &str = "Ticketing";

#[derive(ApiResponse)]
enum LoggedIn {
    /// A token.
    #[oai(status = 200)]
    Done(Json<LoginView>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum Begun {
    /// The secret, which is shown once.
    #[oai(status = 200)]
    Done(Json<NewTotpView>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum Codes {
    /// The recovery codes, which are shown once.
    #[oai(status = 200)]
    Done(Json<RecoveryCodesView>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum Removed {
    /// No code is asked for any more.
    #[oai(status = 204)]
    Done,
}

pub(crate) struct SecondFactor(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Accounts")]
impl SecondFactor {
    /// Log in with a code
    ///
    /// The second step of a log-in that was answered with `second_factor_wanted`: the `ticket` of that answer, and a code of the
    /// authenticator app, or a recovery code. Each code works once. After five wrong codes in a row, no code of the account is taken for
    /// 15 minutes. 401: the ticket is older than five minutes, or not good any more for another reason; log in again.
    #[oai(path = "/auth/second-factor", method = "post", operation_id = "loginWithCode")]
    async fn login(&self, http: &Request, body: Body<LoginCodeBody>) -> Result<LoggedIn, LoginProblems> {
        let LoginCodeBody { ticket, code } = body.0;
        let session = login_with_code(&self.0, http, &ticket.0, &code.0).await.map_err(|error| self.problem(error))?;
        Ok(LoggedIn::Done(Json(session.into()), "no-store".to_owned()))
    }

    /// Get the state of my second factor
    #[oai(path = "/auth/totp", method = "get", operation_id = "getSecondFactor")]
    async fn state(&self, session: Session) -> Result<Json<TotpView>, StateProblems> {
        Ok(Json(self.0.ticketing.second_factor(session.0.id).await?.into()))
    }

    /// Begin a second factor
    ///
    /// Makes a secret for an authenticator app. Nothing asks for a code until it is confirmed, within an hour. A repeat makes another
    /// secret, which replaces the first. The address must be verified. A wrong password counts like one at a log-in.
    #[oai(path = "/auth/totp", method = "post", operation_id = "beginSecondFactor")]
    async fn begin(&self, http: &Request, session: Session, body: Body<PasswordBody>) -> Result<Begun, BeginProblems> {
        let url = self.0.settings.public_url.as_deref();
        let host =
            url.and_then(|url| url.split("://").nth(1)?.split(['/', ':']).next()).filter(|host| !host.is_empty());
        let issuer: String = host.unwrap_or(ISSUER).chars().take(100).collect();
        let begin = self.0.ticketing.begin_second_factor(session.0.id, &body.0.password.0, &issuer);
        let begun = with_password(&self.0, http, &session.0, begin).await??;
        Ok(Begun::Done(Json(begun.into()), "no-store".to_owned()))
    }

    /// Confirm a second factor
    ///
    /// With a code of the app. From now on, a code is asked for after the password. The answer has the recovery codes, which are not shown
    /// again. The owner is told by mail.
    #[oai(path = "/auth/totp/confirm", method = "post", operation_id = "confirmSecondFactor")]
    async fn confirm(&self, http: &Request, session: Session, body: Body<CodeBody>) -> Result<Codes, ConfirmProblems> {
        let confirmed = self.0.ticketing.confirm_second_factor(session.0.id, &body.0.code.0).await;
        let codes = confirmed.map_err(|error| self.problem(error))?;
        subject_of(&self.0, http, &session.0).event("second_factor_added");
        Ok(Codes::Done(Json(codes.into()), "no-store".to_owned()))
    }

    /// Get new recovery codes
    ///
    /// For the password and a code. The old ones do not work any more. A wrong password counts like one at a log-in.
    #[oai(path = "/auth/totp/recovery-codes", method = "post", operation_id = "renewRecoveryCodes")]
    async fn renew(
        &self,
        http: &Request,
        session: Session,
        body: Body<PasswordCodeBody>,
    ) -> Result<Codes, ChangeProblems> {
        let PasswordCodeBody { password, code } = body.0;
        let renew = self.0.ticketing.renew_recovery_codes(session.0.id, &password.0, &code.0);
        let renewed = with_password(&self.0, http, &session.0, renew).await?;
        let codes = renewed.map_err(|error| self.problem(error))?;
        subject_of(&self.0, http, &session.0).event("recovery_codes_renewed");
        Ok(Codes::Done(Json(codes.into()), "no-store".to_owned()))
    }

    /// Remove my second factor
    ///
    /// For the password and a code, which may be a recovery code. The owner is told by mail. A wrong password counts like one at a log-in.
    /// Who has neither the app nor a recovery code needs an administrator.
    #[oai(path = "/auth/totp/remove", method = "post", operation_id = "removeSecondFactor")]
    async fn remove(
        &self,
        http: &Request,
        session: Session,
        body: Body<PasswordCodeBody>,
    ) -> Result<Removed, ChangeProblems> {
        let PasswordCodeBody { password, code } = body.0;
        let remove = self.0.ticketing.remove_second_factor(session.0.id, &password.0, &code.0);
        let removed = with_password(&self.0, http, &session.0, remove).await?;
        removed.map_err(|error| self.problem(error))?;
        subject_of(&self.0, http, &session.0).event("second_factor_removed");
        Ok(Removed::Done)
    }
}

impl SecondFactor {
    fn problem(&self, error: Error) -> Problem {
        let again_at = match &error {
            Error::Refused(Refusal::SecondFactorClosed { again_at }) => Some(*again_at),
            _ => None,
        };
        let problem = Problem::from(error);
        match again_at {
            Some(again_at) => problem.retry_after(wait_until(again_at, self.0.clock.now())),
            None => problem,
        }
    }
}
