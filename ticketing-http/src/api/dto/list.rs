use crate::api::state::ApiSettings;
use poem::http::{HeaderValue, Uri, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use ticketing_core::domain::page::{Page, PageRequest};

/// A page of a list: an array, with the way to the next page in `Link` (RFC 8288), and the number of all in `X-Total-Count`
/// where it was asked for.
pub(crate) struct List<T> {
    items: Vec<T>,
    next: Option<String>,
    total: Option<u64>,
}

/// Which page is wanted, from what the query says.
pub(crate) fn page(skip: Option<u64>, limit: Option<u32>, count: Option<bool>) -> PageRequest {
    let usual = PageRequest::default();
    usual
        .with_skip(skip.unwrap_or(usual.skip))
        .with_limit(limit.unwrap_or(usual.limit))
        .with_count(count.unwrap_or(usual.count))
}

impl<T> List<T> {
    /// The answer to a request for `wanted` at `uri`.
    pub(crate) fn new<U>(
        found: Page<U>,
        wanted: PageRequest,
        uri: &Uri,
        settings: &ApiSettings,
        view: impl FnMut(U) -> T,
    ) -> Self {
        let found = found.map(view);
        Self { next: found.more.then(|| next_page(wanted, uri, settings)), total: found.total, items: found.items }
    }
}

/// The same address with another `skip`; absolute where our own address is known.
fn next_page(wanted: PageRequest, uri: &Uri, settings: &ApiSettings) -> String {
    let is_ours = |pair: &&str| !pair.is_empty() && !pair.starts_with("skip=") && !pair.starts_with("limit=");
    let skip = format!("skip={}", wanted.skip.saturating_add(u64::from(wanted.limit)));
    let limit = format!("limit={}", wanted.limit);
    let others = uri.query().unwrap_or_default().split('&').filter(is_ours);
    let query: Vec<&str> = [skip.as_str(), limit.as_str()].into_iter().chain(others).collect();
    let root = settings.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    format!("{root}{}?{}", uri.path(), query.join("&"))
}

impl<T: ToJSON> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.items).into_response();
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
                    header("X-Total-Count", "How many there are in all, if `count=true`", u64::schema_ref()),
                ],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
