//! Erasing accounts: one's own, and others for administrators.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::erasure::{EraseBody, ErasureView};
use super::dto::path::Id;
use super::login::{subject_of, with_password};
use super::problems::{BODY, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::Reauthentication;
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::id::AccountId;

problems! {
    StateProblems: TOKEN;
    RequestProblems: BODY, TOKEN, &["too_many_logins", "second_factor_wrong", "second_factor_closed", "erasure_blocked"];
    EraseProblems: PARAMETERS, TOKEN, &["forbidden", "not_found", "erasure_blocked"];
}

#[derive(ApiResponse)]
enum Cancelled {
    /// The account is not erased.
    #[oai(status = 204)]
    Done,
}

#[derive(ApiResponse)]
enum Erased {
    /// The account is erased.
    #[oai(status = 204)]
    Done,
}

pub(crate) struct Erasures(pub(crate) ApiState);

#[OpenApi]
impl Erasures {
    /// Get the erasure of my account
    ///
    /// When the account is erased, if that was asked for, and what stands in the way now.
    #[oai(path = "/auth/erasure", method = "get", operation_id = "getErasure", tag = "Tag::Accounts")]
    async fn state(&self, session: Session) -> Result<Json<ErasureView>, StateProblems> {
        Ok(Json(self.0.ticketing.erasure(session.0.id).await?.into()))
    }

    /// Erase my account
    ///
    /// In seven days; until then the account works, and `DELETE /auth/erasure` cancels it. A verified address is told by mail. What is left
    /// then is the account's id: the address, the names, the phone number and the password are gone, also from orders and mails, and nobody
    /// can log in. Tickets stay valid, but nobody can show them again: save them before. Repeating the request keeps the first time.
    ///
    /// 409 `erasure_blocked` while something stands in the way; `by` says what: `events` (an event that the account runs is not over),
    /// `payments` (an order is not finished), `refunds`, `disputes`, `organisations` (the account is the last owner), `last_admin`. If
    /// something stands in the way when the time has come, it is tried again every day.
    #[oai(path = "/auth/erasure", method = "post", operation_id = "requestErasure", tag = "Tag::Accounts")]
    async fn request(
        &self,
        http: &Request,
        session: Session,
        body: Body<EraseBody>,
    ) -> Result<Json<ErasureView>, RequestProblems> {
        let EraseBody { password, code } = body.0;
        let by = Reauthentication::new(&password.0, code.as_ref().map(|code| code.0.as_str()));
        let ask = async { self.0.ticketing.request_erasure(session.0.id, by).await };
        let asked = with_password(&self.0, http, &session.0, ask).await??;
        subject_of(&self.0, http, &session.0).event("erasure_requested");
        Ok(Json(asked.into()))
    }

    /// Cancel the erasure of my account
    ///
    /// Repeating the request has no further effect.
    #[oai(path = "/auth/erasure", method = "delete", operation_id = "cancelErasure", tag = "Tag::Accounts")]
    async fn cancel(&self, http: &Request, session: Session) -> Result<Cancelled, StateProblems> {
        self.0.ticketing.cancel_erasure(session.0.id).await?;
        subject_of(&self.0, http, &session.0).event("erasure_cancelled");
        Ok(Cancelled::Done)
    }

    /// Erase an account
    ///
    /// For administrators, at once and for good: see `POST /auth/erasure` for what that means. 409 `erasure_blocked` while something stands in
    /// the way. 404 for an account that is erased already.
    #[oai(
        path = "/admin/accounts/:account_id/erase",
        method = "post",
        operation_id = "eraseAccount",
        tag = "Tag::Administration"
    )]
    async fn erase(
        &self,
        session: Session,
        /// The account's id.
        account_id: Path<Id>,
    ) -> Result<Erased, EraseProblems> {
        let id = AccountId(account_id.0.get("account_id")?);
        self.0.ticketing.erase_account(&Actor::Person(session.who()), id).await?;
        Ok(Erased::Done)
    }
}
