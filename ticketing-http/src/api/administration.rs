//! Accounts of others, for administrators.

use super::Tag;
use super::bearer::Session;
use super::dto::administration::{AccountPatch, AccountView, RoleWord};
use super::dto::body::Body;
use super::dto::list::{List, page};
use super::dto::path::Id;
use super::dto::payment::HistoryView;
use super::problems::{BODY, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::domain::account::{AccountFilter, AccountWants};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::id::AccountId;

problems! {
    ListProblems: PARAMETERS, TOKEN, &["forbidden"];
    FindProblems: PARAMETERS, TOKEN, &["forbidden", "not_found"];
    ChangeProblems: BODY, PARAMETERS, TOKEN, &["forbidden", "not_found", "last_admin"];
}

#[derive(ApiResponse)]
enum Found {
    /// The account.
    #[oai(status = 200)]
    Found(Json<AccountView>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum SessionsEnded {
    /// Every token of the account is invalid from now on.
    #[oai(status = 204)]
    Done,
}

pub(crate) struct Administration(pub(crate) ApiState);

/// The account of the session, as an actor.
fn by(session: &Session) -> Actor {
    Actor::Person(session.who())
}

#[OpenApi(tag = "Tag::Administration")]
impl Administration {
    /// List accounts
    ///
    /// For administrators. Oldest first.
    #[oai(path = "/admin/accounts", method = "get", operation_id = "listAccounts")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        session: Session,
        uri: &Uri,
        /// Text to search for: in the e-mail address and the user name in any case, in the name as it is written.
        query: Query<Option<String>>,
        /// Only accounts with this role.
        role: Query<Option<RoleWord>>,
        /// Only enabled accounts (true), or only disabled ones (false).
        active: Query<Option<bool>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Number of items to skip.
        offset: Query<Option<u64>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<AccountView>, ListProblems> {
        let request = page(offset.0, limit.0, count.0);
        let filter =
            AccountFilter::default().with_text(query.0).with_role(role.0.map(Into::into)).with_is_active(active.0);
        let found = self.0.ticketing.search_accounts(&by(&session), &filter, request).await?;
        Ok(List::by_offset(found, request, uri, &self.0.settings, |account| (&account).into()))
    }

    /// Get an account
    ///
    /// For administrators.
    #[oai(path = "/admin/accounts/:account_id", method = "get", operation_id = "getAccount")]
    async fn find(
        &self,
        session: Session,
        /// The account's id.
        account_id: Path<Id>,
    ) -> Result<Found, FindProblems> {
        let id = AccountId(account_id.0.get("account_id")?);
        let account = self.0.ticketing.administered_account(&by(&session), id).await?;
        Ok(Found::Found(Json((&account).into()), "no-store".to_owned()))
    }

    /// Change an account
    ///
    /// For administrators. Gives it a role, disables or enables it, removes its second factor. Disabling it ends all its sessions for good. It takes effect with
    /// the next request, and each change is a line of the account's audit log. The last active administrator can be neither demoted
    /// nor disabled. Repeating the request has no further effect.
    #[oai(path = "/admin/accounts/:account_id", method = "patch", operation_id = "changeAccount")]
    async fn change(
        &self,
        session: Session,
        /// The account's id.
        account_id: Path<Id>,
        body: Body<AccountPatch>,
    ) -> Result<Found, ChangeProblems> {
        let (actor, id) = (by(&session), AccountId(account_id.0.get("account_id")?));
        // Before the values are looked at: to others, only the shape of the body is explained.
        self.0.ticketing.administered_account(&actor, id).await?;
        let account = self.0.ticketing.administer_account(&actor, id, body.0.into_wants()?).await?;
        Ok(Found::Found(Json((&account).into()), "no-store".to_owned()))
    }

    /// End an account's sessions
    ///
    /// For administrators. Every token of the account is invalid from the next request on. The account can log in again.
    #[oai(path = "/admin/accounts/:account_id/sessions", method = "delete", operation_id = "endSessions")]
    async fn end_sessions(
        &self,
        session: Session,
        /// The account's id.
        account_id: Path<Id>,
    ) -> Result<SessionsEnded, FindProblems> {
        let id = AccountId(account_id.0.get("account_id")?);
        let wants = AccountWants::default().with_ends_sessions(true);
        self.0.ticketing.administer_account(&by(&session), id, wants).await?;
        Ok(SessionsEnded::Done)
    }

    /// List what was decided about an account
    ///
    /// For administrators. The account's audit log, oldest first. It names people by their ids only.
    #[oai(path = "/admin/accounts/:account_id/audit", method = "get", operation_id = "listAccountAudit")]
    async fn audit(
        &self,
        session: Session,
        uri: &Uri,
        /// The account's id.
        account_id: Path<Id>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Number of items to skip.
        offset: Query<Option<u64>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<HistoryView>, FindProblems> {
        let request = page(offset.0, limit.0, count.0);
        let id = AccountId(account_id.0.get("account_id")?);
        let found = self.0.ticketing.account_audit(&by(&session), id, request).await?;
        Ok(List::by_offset(found, request, uri, &self.0.settings, |line| (&line).into()))
    }
}
