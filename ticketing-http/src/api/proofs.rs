//! Addresses and passwords: verified, reset and changed by tokens that are mailed.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::proof::{
    AddressBody, ChangeEmailBody, ChangePasswordBody, CodeView, NewTokenView, RequestedView, ResetBody, TokenBody,
    VerifyBody,
};
use super::login::{client_name, client_of, subject_named, subject_of, with_password};
use super::problems::{BODY, KEYED, TOKEN, problems};
use super::state::ApiState;
use crate::middleware::proof_limit::{ProofRequest, wait_until};
use crate::problem::Problem;
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use std::time::Duration;
use ticketing_core::Error;
use ticketing_core::Reauthentication;
use ticketing_core::domain::account::Account;
use ticketing_core::domain::proof::{CodeFor, ProofPurpose};
use ticketing_core::domain::refusal::Refusal;

problems! {
    UseProblems: BODY, KEYED, &["proof_unknown"];
    VerifyProblems: BODY, KEYED, &["proof_unknown", "mail_code_wrong"];
    MoveProblems: BODY, KEYED, &["proof_unknown", "email_taken"];
    SendProblems: TOKEN, &["too_many_proofs"];
    ForgotProblems: BODY, &["too_many_proofs"];
    PasswordProblems: BODY, TOKEN, &["too_many_logins", "second_factor_wrong", "second_factor_closed", "second_factor_off"];
    AddressProblems: BODY, TOKEN, &[
        "too_many_logins", "too_many_proofs", "email_taken", "second_factor_wrong", "second_factor_closed", "second_factor_off",
    ];
}

/// Longer than the database takes: the answer comes as late for an address that has an account as for one that has none, although there
/// is a mail to write for the first.
const FORGOT_TAKES: Duration = Duration::from_millis(100);

#[derive(ApiResponse)]
enum Requested {
    /// A mail is on its way, if there is somebody to write to.
    #[oai(status = 202)]
    Accepted(Json<RequestedView>),
}

#[derive(ApiResponse)]
enum CodeSent {
    /// A code is on its way, if there is something to verify.
    #[oai(status = 202)]
    Accepted(Json<CodeView>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum Used {
    /// Done. The token is used up.
    #[oai(status = 204)]
    Done,
}

#[derive(ApiResponse)]
enum PasswordChanged {
    /// A token, since all others are invalid from now on.
    #[oai(status = 200)]
    Done(Json<NewTokenView>, #[oai(header = "Cache-Control")] String),
}

pub(crate) struct Proofs(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Accounts")]
impl Proofs {
    /// Verify an e-mail address
    ///
    /// With the token that was mailed to it, which is valid for seven days. Or with the code that was mailed to it and its challenge, see
    /// `POST /auth/send-code`. What is wrong, used, replaced or expired is `proof_unknown`; a wrong code with the right challenge is
    /// `mail_code_wrong`, with the number of tries that are `left`. After the fifth, the code is of no use any more.
    #[oai(path = "/auth/verify-email", method = "post", operation_id = "verifyEmail")]
    async fn verify_email(&self, http: &Request, body: Body<VerifyBody>) -> Result<Used, VerifyProblems> {
        match body.0 {
            VerifyBody { token: Some(token), challenge: None, code: None } => {
                verify_email(&self.0, http, &token.0).await?;
            }
            VerifyBody { token: None, challenge: Some(challenge), code: Some(code) } => {
                let account = self.0.ticketing.verify_email_by_code(&challenge.0, &code.0).await?;
                subject_of(&self.0, http, &account).event("email_verified");
            }
            _ => return Err(Error::invalid("token", "must be given, or challenge and code instead").into()),
        }
        Ok(Used::Done)
    }

    /// Send a code to verify the e-mail address
    ///
    /// Six digits to the address of the account, for people who cannot follow a link. The code is valid for 15 minutes, together with the
    /// challenge of the answer only, and for five tries. A new one replaces the one before. Nothing is sent if the address is verified. Three
    /// an hour for one address.
    #[oai(path = "/auth/send-code", method = "post", operation_id = "sendCode")]
    async fn send_code(&self, http: &Request, session: Session) -> Result<CodeSent, SendProblems> {
        self.count(http).await?;
        let asked = self.0.ticketing.send_code(CodeFor::VerifyEmail(session.0.id)).await;
        let asked = asked.map_err(|error| problem(&self.0, error))?;
        subject_of(&self.0, http, &session.0).proof_requested(ProofPurpose::Code.name());
        Ok(CodeSent::Accepted(Json(CodeView::new(asked)), "no-store".to_owned()))
    }

    /// Send the verification mail again
    ///
    /// To the address of the account. Nothing is sent if it is verified. Three an hour for one address.
    #[oai(path = "/auth/send-verification", method = "post", operation_id = "sendVerification")]
    async fn send_verification(&self, http: &Request, session: Session) -> Result<Requested, SendProblems> {
        self.count(http).await?;
        self.0.ticketing.send_verification(session.0.id).await.map_err(|error| problem(&self.0, error))?;
        subject_of(&self.0, http, &session.0).proof_requested(ProofPurpose::VerifyEmail.name());
        Ok(requested("If your address is not confirmed yet, a mail is on its way to it."))
    }

    /// Request a mail for a new password
    ///
    /// Its token is valid for 30 minutes. Every address gets the same answer, whether or not it has an account. Three an hour for one
    /// address.
    #[oai(path = "/auth/forgot-password", method = "post", operation_id = "forgotPassword")]
    async fn forgot_password(&self, http: &Request, body: Body<AddressBody>) -> Result<Requested, ForgotProblems> {
        self.count(http).await?;
        let email = &body.0.email.0;
        let begin = async {
            // First, for it checks the address.
            self.0.ticketing.forgot_password(email).await?;
            self.0.ticketing.find_account(email).await
        };
        let (begun, ()) = tokio::join!(begin, tokio::time::sleep(FORGOT_TAKES));
        let account = begun.map_err(|error| problem(&self.0, error))?;
        let purpose = ProofPurpose::ResetPassword.name();
        subject_named(&self.0, http, email, account.as_ref()).proof_requested(purpose);
        Ok(requested("If there is an account with this address, a mail is on its way to it."))
    }

    /// Choose a new password with a token
    ///
    /// Invalidates every token of a session that the account has, and counts as verification of the address. If the address was not
    /// verified before, the user name and the phone number are removed: somebody else may have registered it.
    #[oai(path = "/auth/reset-password", method = "post", operation_id = "resetPassword")]
    async fn reset_password(&self, http: &Request, body: Body<ResetBody>) -> Result<Used, UseProblems> {
        reset_password(&self.0, http, &body.0.token.0, &body.0.password.0).await?;
        Ok(Used::Done)
    }

    /// Change my password
    ///
    /// Invalidates every token that the account has, including the one of this request, and answers with a new one. A wrong current
    /// password counts like one at a log-in. If the account has a second factor, a code is needed.
    #[oai(path = "/auth/change-password", method = "post", operation_id = "changePassword")]
    async fn change_password(
        &self,
        http: &Request,
        session: Session,
        body: Body<ChangePasswordBody>,
    ) -> Result<PasswordChanged, PasswordProblems> {
        let ChangePasswordBody { current_password, new_password, code } = body.0;
        let by = Reauthentication::new(&current_password.0, code.as_ref().map(|code| code.0.as_str()));
        let (ticketing, id) = (&self.0.ticketing, session.0.id);
        let change = async {
            let changed = ticketing.change_password_from(id, by, &new_password.0, client_name(http).as_deref()).await;
            changed.map_err(|error| renamed(error, "password", "new_password"))
        };
        let changed = with_password(&self.0, http, &session.0, change).await??;
        subject_of(&self.0, http, &session.0).event("password_changed");
        Ok(PasswordChanged::Done(Json(changed.into()), "no-store".to_owned()))
    }

    /// Change my e-mail address
    ///
    /// Sends a mail to the new address. The account keeps its address until the token of that mail comes back, for 24 hours. A wrong
    /// password counts like one at a log-in. If the account has a second factor, a code is needed. Three an hour for one address, and for one
    /// account.
    #[oai(path = "/auth/change-email", method = "post", operation_id = "changeEmail")]
    async fn change_email(
        &self,
        http: &Request,
        session: Session,
        body: Body<ChangeEmailBody>,
    ) -> Result<Requested, AddressProblems> {
        self.count(http).await?;
        let ChangeEmailBody { password, email, code } = body.0;
        let by = Reauthentication::new(&password.0, code.as_ref().map(|code| code.0.as_str()));
        let change = async { self.0.ticketing.change_email(session.0.id, by, &email.0).await };
        let begun = with_password(&self.0, http, &session.0, change).await?;
        begun.map_err(|error| problem(&self.0, error))?;
        subject_of(&self.0, http, &session.0).proof_requested(ProofPurpose::ChangeEmail.name());
        Ok(requested("A mail is on its way to the new address. Until it is confirmed, nothing changes."))
    }

    /// Confirm a new e-mail address
    ///
    /// With the token that was mailed to it. The old address is told, and can undo the change for seven days.
    #[oai(path = "/auth/confirm-email", method = "post", operation_id = "confirmEmail")]
    async fn confirm_email(&self, http: &Request, body: Body<TokenBody>) -> Result<Used, MoveProblems> {
        confirm_email(&self.0, http, &body.0.token.0).await?;
        Ok(Used::Done)
    }

    /// Undo the change of an e-mail address
    ///
    /// With the token that was mailed to the old address. The account has its old address again, nobody can log in with the password
    /// that it had, every token of a session is invalid, and a mail for a new password goes to the old address.
    #[oai(path = "/auth/undo-email-change", method = "post", operation_id = "undoEmailChange")]
    async fn undo_email_change(&self, http: &Request, body: Body<TokenBody>) -> Result<Used, MoveProblems> {
        undo_email_change(&self.0, http, &body.0.token.0).await?;
        Ok(Used::Done)
    }
}

impl Proofs {
    /// Counts a mail that is requested.
    async fn count(&self, http: &Request) -> Result<(), Problem> {
        let together = self.0.has_shared_limits.then_some(&self.0.ticketing);
        self.0.proof_limit.begin(ProofRequest::Asked, client_of(http), together, self.0.clock.now()).await
    }
}

/// The answer to a request for a mail that was refused: if there were too many, with the time to wait.
pub(crate) fn problem(state: &ApiState, error: Error) -> Problem {
    let again_at = match &error {
        Error::Refused(Refusal::TooManyProofs { again_at }) => Some(*again_at),
        _ => None,
    };
    let problem = Problem::from(error);
    match again_at {
        Some(again_at) => problem.retry_after(wait_until(again_at, state.clock.now())),
        None => problem,
    }
}

/// Asks the owner of a new account to confirm the address, if the settings say so. A registration never fails because of it.
pub(crate) async fn welcome(state: &ApiState, request: &Request, account: &Account) {
    if !state.settings.verify_emails {
        return;
    }
    let together = state.has_shared_limits.then_some(&state.ticketing);
    let (client, now) = (client_of(request), state.clock.now());
    if state.proof_limit.begin(ProofRequest::Registered, client, together, now).await.is_err() {
        tracing::warn!("many accounts are registered at one address: a new one is sent no mail to confirm its own");
        return;
    }
    match state.ticketing.send_verification(account.id).await {
        Ok(()) => subject_of(state, request, account).proof_requested(ProofPurpose::VerifyEmail.name()),
        Err(error) => tracing::warn!(%error, "a new account is sent no mail to confirm its address"),
    }
}

pub(crate) async fn verify_email(state: &ApiState, http: &Request, token: &str) -> Result<(), Error> {
    let account = state.ticketing.verify_email(token).await?;
    subject_of(state, http, &account).event("email_verified");
    Ok(())
}

pub(crate) async fn reset_password(state: &ApiState, http: &Request, token: &str, new: &str) -> Result<(), Error> {
    let account = state.ticketing.reset_password(token, new).await?;
    subject_of(state, http, &account).event("password_reset");
    Ok(())
}

pub(crate) async fn confirm_email(state: &ApiState, http: &Request, token: &str) -> Result<(), Error> {
    let account = state.ticketing.confirm_email(token).await?;
    subject_of(state, http, &account).event("email_changed");
    Ok(())
}

pub(crate) async fn undo_email_change(state: &ApiState, http: &Request, token: &str) -> Result<(), Error> {
    let account = state.ticketing.undo_email_change(token).await?;
    subject_of(state, http, &account).event("email_change_undone");
    Ok(())
}

fn requested(message: &str) -> Requested {
    Requested::Accepted(Json(RequestedView { message: message.to_owned() }))
}

/// The engine's name of a field as the body's.
fn renamed(error: Error, engine: &str, body: &str) -> Error {
    match error {
        Error::Invalid(mut fields) => {
            fields.iter_mut().filter(|field| field.field == engine).for_each(|field| body.clone_into(&mut field.field));
            Error::Invalid(fields)
        }
        error => error,
    }
}
