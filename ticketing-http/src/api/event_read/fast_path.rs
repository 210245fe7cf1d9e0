//! This is an optimisation; delete it if it stops paying. It answers `GET /events/{id}` before the router, as the operation in
//! [`events`](crate::api::events) would. It saves the router and the extraction of parameters and body. Any other form of the
//! request (`HEAD`, an id that is not plain digits) goes to the operation.

use super::{PrerenderedJson, RenderedEvent};
use crate::api::dto::event::EventView;
use crate::api::etag;
use crate::api::events::CACHE;
use crate::api::state::ApiState;
use crate::problem::Problem;
use crate::routes;
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Error, PathPattern, Request, Response};
use ticketing_core::domain::id::EventId;

/// An API with a fast path for the event read.
pub(in crate::api) struct FastPath<E> {
    api: E,
    state: ApiState,
    pattern: PathPattern,
}

impl<E> FastPath<E> {
    pub(in crate::api) fn new(api: E, state: ApiState) -> Self {
        Self { api, state, pattern: PathPattern(routes::EVENT.into()) }
    }

    async fn read(&self, id: EventId, headers: &HeaderMap) -> Result<Response, Problem> {
        let event = self.state.ticketing.shared_event(id).await?;
        if event.is_hidden() {
            return Err(ticketing_core::Error::NotFound("Event").into());
        }
        let RenderedEvent { body, tag } = self.state.rendered_events.of(&event);
        let mut known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|known| known.to_str().ok());
        let mut response = Response::default();
        if etag::is_known(tag.to_str().unwrap_or_default(), known.next()) {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else {
            let json = HeaderValue::from_static(PrerenderedJson::<EventView>::CONTENT_TYPE);
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response.set_body(body.into_body());
        }
        response.headers_mut().insert(header::ETAG, tag);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
        Ok(response)
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for FastPath<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        // Boxed: the future of the fast path stays small.
        let Some(id) = plain_id(&request) else { return Box::pin(self.api.call(request)).await };
        match self.read(id, request.headers()).await {
            Ok(mut response) => {
                response.set_data(self.pattern.clone());
                Ok(response)
            }
            Err(problem) => {
                let mut error = Error::from(problem);
                error.set_data(self.pattern.clone());
                Err(error)
            }
        }
    }
}

/// The id of the event, where the request is an event read in its plainest form.
fn plain_id(request: &Request) -> Option<EventId> {
    let prefix = routes::EVENT.trim_end_matches(":event_id");
    let digits = request.uri().path().strip_prefix(prefix)?;
    // With a promo code there is more to see.
    let has_query = request.uri().query().is_some_and(|query| query.contains("code"));
    let is_plain = !has_query && request.method() == Method::GET && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_plain { digits.parse::<i64>().ok().map(Into::into) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ApiSettings, endpoint, service};
    use poem::{EndpointExt as _, IntoEndpoint as _};
    use std::sync::Arc;
    use ticketing_core::Ticketing;
    use ticketing_core::storage::memory::MemoryStorage;

    /// Everything that a client and the log see of a response.
    async fn seen(api: &impl Endpoint, uri: &str, known: Option<&str>) -> (u16, Vec<(String, String)>, String, String) {
        let mut request = Request::builder().uri_str(uri);
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        let (response, pattern) = match api.call(request.finish()).await {
            Ok(response) => {
                let response = poem::IntoResponse::into_response(response);
                let pattern = response.data::<PathPattern>().cloned();
                (response, pattern)
            }
            Err(error) => {
                let pattern = error.data::<PathPattern>().cloned();
                (error.into_response(), pattern)
            }
        };
        let header = |(name, value): (&poem::http::HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let mut headers: Vec<_> = response.headers().iter().map(header).collect();
        headers.sort();
        let status = response.status().as_u16();
        let body = response.into_body().into_string().await.unwrap();
        // poem numbers parameters; the route table has their names.
        let pattern = pattern.map(|pattern| pattern.0.replace(":param0", ":event_id")).unwrap_or_default();
        (status, headers, body, pattern)
    }

    #[tokio::test]
    async fn the_fast_path_answers_as_the_operation_does() {
        let ticketing = Ticketing::builder(MemoryStorage::new()).build().unwrap();
        let event = serde_json::json!({
            "title": "Jazz", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": "5000.00", "capacity": 3
        });
        let settings = ApiSettings { allow_anonymous_events: true, ..ApiSettings::default() };
        let state = ApiState::new(ticketing, settings);
        let fast = endpoint(state.clone());
        let operation = service(&state).into_endpoint().data(Arc::new(state.clone())).map_to_response();
        let make = Request::builder().method(Method::POST).uri_str("/events").content_type("application/json");
        assert_eq!(fast.get_response(make.body(event.to_string())).await.status(), 201);

        let first = seen(&fast, "/events/1", None).await;
        let tag = first.1.iter().find(|(name, _)| name == "etag").unwrap().1.clone();
        assert!(first.0 == 200 && first.2.contains("Jazz") && first.3 == routes::EVENT, "{first:?}");
        let (weak, two) = (format!("W/{tag}"), format!("\"x\", {tag}"));
        let known = [None, Some("\"x\""), Some(tag.as_str()), Some(&weak), Some(&two), Some("*")];
        let asked = ["/events/1", "/events/1?a=b", "/events/2", "/events/0", "/events/007", "/events/-1", "/events/+1"];
        for uri in asked.into_iter().chain(["/events/99999999999999999999", "/events/x", "/events/1/", "/events/"]) {
            for known in known {
                let (one, other) = (seen(&fast, uri, known).await, seen(&operation, uri, known).await);
                assert_eq!(one, other, "{uri} {known:?}");
            }
        }
        assert_eq!(seen(&fast, "/events/1", Some(&tag)).await.0, 304);
    }
}
