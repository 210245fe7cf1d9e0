//! API keys.

use super::Tag;
use super::bearer::{Caller, Session};
use super::dto::api_key::{ApiKeyBody, ApiKeyView, NewApiKeyView, TakeOverBody};
use super::dto::body::Body;
use super::dto::list::{List, page};
use super::dto::path::Id;
use super::login::{subject_of, with_password};
use super::problems::{BODY, MEMBER, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use crate::problem::Problem;
use poem::Request;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::Reauthentication;
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::id::{ApiKeyId, OrganisationId};

problems! {
    MakeProblems: BODY, TOKEN, MEMBER, &[
        "too_many_logins", "forbidden", "account_unknown", "organisation_unknown", "not_granted", "event_unknown", "too_many_api_keys",
        "second_factor_wrong", "second_factor_closed", "second_factor_off",
    ];
    ListProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    CurrentProblems: TOKEN, &["not_found"];
    RevokeProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    TakeOverProblems: BODY, PARAMETERS, TOKEN, MEMBER, &[
        "too_many_logins", "forbidden", "not_found", "not_granted", "too_many_api_keys", "second_factor_wrong", "second_factor_closed",
        "second_factor_off",
    ];
}

#[derive(ApiResponse)]
enum Made {
    /// The key, with its token.
    #[oai(status = 201)]
    Created(Json<NewApiKeyView>, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum Revoked {
    /// The key does not work any more.
    #[oai(status = 204)]
    Done,
}

pub(crate) struct ApiKeys(pub(crate) ApiState);

fn by(session: &Session) -> Actor {
    Actor::Person(session.who())
}

#[OpenApi(tag = "Tag::ApiKeys")]
impl ApiKeys {
    /// Make an API key
    ///
    /// A token for a program or a scanner, for events that the caller runs alone, or for those of an organisation: then the caller needs
    /// `manage` for all of its events, and every permission that the key gets. A key can do what it was given and what its maker may do at
    /// that moment. It cannot buy, and cannot change accounts, members or keys. The token is shown only in this response: a retry makes
    /// another key. It needs the caller's password, and a code if the account has a second factor. A wrong password counts like one at a
    /// log-in.
    #[oai(path = "/keys", method = "post", operation_id = "makeApiKey")]
    async fn make(&self, http: &Request, session: Session, body: Body<ApiKeyBody>) -> Result<Made, MakeProblems> {
        let (password, code, new) = body.0.into_new()?;
        let by = Reauthentication::new(&password, code.as_deref());
        let make = self.0.ticketing.make_api_key(session.0.id, by, new);
        let (key, token) = with_password(&self.0, http, &session.0, make).await??;
        subject_of(&self.0, http, &session.0).event("api_key_made");
        let view = NewApiKeyView::new(&key, &session.0, token);
        Ok(Made::Created(Json(view), "no-store".to_owned()))
    }

    /// List API keys
    ///
    /// Those of the caller, or with `organisation` all of an organisation, for members with `manage`. Newest first, without revoked ones.
    #[oai(path = "/keys", method = "get", operation_id = "listApiKeys")]
    async fn list(
        &self,
        session: Session,
        uri: &Uri,
        /// Those for the events of this organisation.
        organisation: Query<Option<i64>>,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<ApiKeyView>, ListProblems> {
        let request = page(skip.0, limit.0, count.0);
        let found = match organisation.0 {
            Some(id) => self.0.ticketing.api_keys_of(&by(&session), OrganisationId(id), request).await?,
            None => self.0.ticketing.api_keys(session.0.id, request).await?,
        };
        Ok(List::new(found, request, uri, &self.0.settings, |(key, maker)| ApiKeyView::new(&key, &maker)))
    }

    /// Get the API key of this request
    ///
    /// For a program that wants to know what its key is for. Needs an API key as the token.
    #[oai(path = "/keys/current", method = "get", operation_id = "currentApiKey")]
    async fn current(&self, caller: Caller) -> Result<Json<ApiKeyView>, CurrentProblems> {
        match &caller.0 {
            ticketing_core::Caller::Key(with) => Ok(Json(ApiKeyView::new(&with.key, &with.maker))),
            _ => Err(Problem::new("not_found", "The token is no API key").into()),
        }
    }

    /// Revoke an API key
    ///
    /// It stops working with the next request. For its maker, members with `manage` for all events of its organisation, and administrators.
    /// Repeating the request has no further effect.
    #[oai(path = "/keys/:key_id", method = "delete", operation_id = "revokeApiKey")]
    async fn revoke(
        &self,
        session: Session,
        /// The key's id.
        key_id: Path<Id>,
    ) -> Result<Revoked, RevokeProblems> {
        self.0.ticketing.revoke_api_key(&by(&session), ApiKeyId(key_id.0.get("key_id")?)).await?;
        Ok(Revoked::Done)
    }

    /// Take over an API key
    ///
    /// The caller becomes its maker, so that the key goes on working when the one before leaves the organisation. For members with `manage`
    /// and every permission of the key, for all events. Like making a key, it needs the caller's password, and a code if the account has a
    /// second factor. Repeating the request has no further effect.
    #[oai(path = "/keys/:key_id/take-over", method = "post", operation_id = "takeOverApiKey")]
    async fn take_over(
        &self,
        http: &Request,
        session: Session,
        /// The key's id.
        key_id: Path<Id>,
        body: Body<TakeOverBody>,
    ) -> Result<Json<ApiKeyView>, TakeOverProblems> {
        let id = ApiKeyId(key_id.0.get("key_id")?);
        let TakeOverBody { password, code } = body.0;
        let by = Reauthentication::new(&password.0, code.as_ref().map(|code| code.0.as_str()));
        let take = self.0.ticketing.take_over_api_key(session.0.id, by, id);
        let key = with_password(&self.0, http, &session.0, take).await??;
        Ok(Json(ApiKeyView::new(&key, &session.0)))
    }
}
