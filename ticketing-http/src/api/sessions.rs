//! Sessions: what an account's owner sees of them, and ends.

use super::Tag;
use super::bearer::Session;
use super::dto::list::{List, page};
use super::dto::path::Id;
use super::dto::session::{EndedView, SessionView};
use super::login::subject_of;
use super::problems::{PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use poem::Request;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::domain::id::SessionId;

problems! {
    ListProblems: PARAMETERS, TOKEN;
    EndProblems: PARAMETERS, TOKEN, &["not_found"];
    EndOthersProblems: TOKEN;
}

#[derive(ApiResponse)]
enum Ended {
    /// Its token is invalid from now on.
    #[oai(status = 204)]
    Done,
}

pub(crate) struct Sessions(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Accounts")]
impl Sessions {
    /// List my sessions
    ///
    /// Those that can be used, newest first. Tokens of an older version of the server have no session, and are not listed.
    #[oai(path = "/auth/sessions", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        session: Session,
        uri: &Uri,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Number of items to skip.
        offset: Query<Option<u64>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<SessionView>, ListProblems> {
        let request = page(offset.0, limit.0, count.0);
        let found = self.0.ticketing.sessions(session.0.id, request).await?;
        let view = |stored| SessionView::new(&stored, session.1);
        Ok(List::by_offset(found, request, uri, &self.0.settings, view))
    }

    /// End my other sessions
    ///
    /// Every session but the one of this request. To end this one too, log out. Repeating the request has no further effect.
    #[oai(path = "/auth/sessions/end-others", method = "post", operation_id = "endOtherSessions")]
    async fn end_others(&self, http: &Request, session: Session) -> Result<Json<EndedView>, EndOthersProblems> {
        let ended = self.0.ticketing.end_other_sessions(session.0.id, session.1).await?;
        subject_of(&self.0, http, &session.0).event("other_sessions_ended");
        Ok(Json(EndedView::new(ended)))
    }

    /// End one of my sessions
    ///
    /// Its token is invalid from the next request on. Repeating the request has no further effect.
    #[oai(path = "/auth/sessions/:session_id", method = "delete", operation_id = "endSession")]
    async fn end(
        &self,
        http: &Request,
        session: Session,
        /// The session's id.
        session_id: Path<Id>,
    ) -> Result<Ended, EndProblems> {
        let id = SessionId(session_id.0.get("session_id")?);
        self.0.ticketing.end_session(session.0.id, id).await?;
        subject_of(&self.0, http, &session.0).event("session_ended");
        Ok(Ended::Done)
    }
}
