use crate::api::state::ApiSettings;
use crate::problem::Problem;
use poem::http::{HeaderValue, Uri, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use ticketing_core::domain::page::{Cursor, CursorPage, CursorRequest, Page, PageRequest};

/// A page of a list: an array, with the URL of the next page in `Link` (RFC 8288), and the total count in `X-Total-Count`
/// if requested.
pub(crate) struct List<T> {
    items: Items<T>,
    next: Option<String>,
    total: Option<u64>,
}

enum Items<T> {
    All(Vec<T>),
    /// A JSON array of them, which may still be in the making.
    Written(Body),
}

/// The requested page, from the parameters of the query. Each handler declares the three parameters itself: an extractor of
/// poem-openapi stands for one parameter.
pub(crate) fn page(skip: Option<u64>, limit: Option<u32>, count: Option<bool>) -> PageRequest {
    let default = PageRequest::default();
    default
        .with_skip(skip.unwrap_or(default.skip))
        .with_limit(limit.unwrap_or(default.limit))
        .with_count(count.unwrap_or(default.count))
}

/// The requested page of a list with cursors.
pub(crate) fn cursor(after: Option<&str>, limit: Option<u32>) -> Result<CursorRequest, Problem> {
    let default = CursorRequest::default();
    let after = match after {
        None => None,
        Some(text) => Some(text.parse::<Cursor>().map_err(|error| Problem::invalid_field("after", error.to_string()))?),
    };
    Ok(default.with_after(after).with_limit(limit.unwrap_or(default.limit)))
}

impl<T> List<T> {
    /// The response to `request` at `uri`.
    pub(crate) fn new<U>(
        found: Page<U>,
        request: PageRequest,
        uri: &Uri,
        settings: &ApiSettings,
        view: impl FnMut(U) -> T,
    ) -> Self {
        Self::paged("skip", found.map(view), request, uri, settings)
    }

    /// The same for an operation whose parameter is called `offset`.
    pub(crate) fn by_offset<U>(
        found: Page<U>,
        request: PageRequest,
        uri: &Uri,
        settings: &ApiSettings,
        view: impl FnMut(U) -> T,
    ) -> Self {
        Self::paged("offset", found.map(view), request, uri, settings)
    }

    /// The response to `request` at `uri`, for a list with cursors.
    pub(crate) fn by_cursor(found: CursorPage<T>, request: CursorRequest, uri: &Uri, settings: &ApiSettings) -> Self {
        let next = found.next.map(|next| next_after(next, request, uri, settings));
        Self { next, total: None, items: Items::All(found.items) }
    }

    fn paged(skip: &str, found: Page<T>, request: PageRequest, uri: &Uri, settings: &ApiSettings) -> Self {
        let next = found.more.then(|| next_page(skip, request, uri, settings));
        Self { next, total: found.total, items: Items::All(found.items) }
    }

    /// The response to `request` at `uri`, whose items are written already. `found` has no more than the rest of it.
    pub(crate) fn written<U>(
        body: Body,
        found: &Page<U>,
        request: PageRequest,
        uri: &Uri,
        settings: &ApiSettings,
    ) -> Self {
        let next = found.more.then(|| next_page("skip", request, uri, settings));
        Self { next, total: found.total, items: Items::Written(body) }
    }
}

fn next_page(skip: &str, request: PageRequest, uri: &Uri, settings: &ApiSettings) -> String {
    let next = request.skip.saturating_add(u64::from(request.limit));
    next_url(skip, &next.to_string(), request.limit, uri, settings)
}

fn next_after(next: Cursor, request: CursorRequest, uri: &Uri, settings: &ApiSettings) -> String {
    next_url("after", &next.to_string(), request.limit, uri, settings)
}

/// The same URL with another value of the parameter that says where a page begins; absolute if the server's public URL is known.
fn next_url(parameter: &str, value: &str, limit: u32, uri: &Uri, settings: &ApiSettings) -> String {
    let skip = format!("{parameter}=");
    // Not `pair.is_empty()`: that is a method of `Type`, which is always false.
    let is_ours = |pair: &&str| !str::is_empty(pair) && !pair.starts_with(&skip) && !pair.starts_with("limit=");
    let others = uri.query().unwrap_or_default().split('&').filter(is_ours);
    let skip = format!("{skip}{value}");
    let limit = format!("limit={limit}");
    let query: Vec<&str> = [skip.as_str(), limit.as_str()].into_iter().chain(others).collect();
    let root = settings.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    format!("{root}{}?{}", uri.path(), query.join("&"))
}

impl<T: ToJSON> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        let mut response = match self.items {
            Items::All(items) => Json(items).into_response(),
            Items::Written(body) => Response::builder().content_type(Json::<Vec<T>>::CONTENT_TYPE).body(body),
        };
        let link = self.next.and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        if let Some(total) = self.total {
            response.headers_mut().insert("x-total-count", HeaderValue::from(total));
        }
        response
    }
}

impl<T: ToJSON> ApiResponse for List<T> {
    fn meta() -> MetaResponses {
        let header = |name: &str, description: &str, schema: MetaSchemaRef| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: false,
            deprecated: false,
            schema,
        };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "A page of the list",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: Json::<Vec<T>>::CONTENT_TYPE,
                    schema: Vec::<T>::schema_ref(),
                }],
                headers: vec![
                    header("Link", "The next page, if there is one: `<…>; rel=\"next\"`", String::schema_ref()),
                    header("X-Total-Count", "The total count, if `count=true`", u64::schema_ref()),
                ],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
