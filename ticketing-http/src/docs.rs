//! The documentation of the API: Swagger UI at `/docs`, ReDoc at `/redoc`, and the OpenAPI document at `/openapi.json`.
//!
//! The pages are self-contained: they work without internet access, and contact no other server.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use poem::endpoint::make_sync;
use poem::http::{StatusCode, header};
use poem::{Request, Response, Route, get};
use poem_openapi::OpenApiService;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// The only external resource of either page. The page looks the same without it.
const REDOC_FONTS: &str = r#"<link href="https://fonts.googleapis.com/css?family=Montserrat:300,400,700|Roboto:300,400,700" rel="stylesheet">"#;

/// The document and its pages. A page has a few megabytes, and is generated when it is first requested.
#[derive(Clone, Debug)]
pub struct Docs {
    document: Bytes,
    makers: Vec<(&'static str, Maker)>,
}

/// Generates the page of a document.
type Maker = fn(&Bytes) -> Page;

#[derive(Clone, Debug)]
struct Page {
    body: Bytes,
    media_type: &'static str,
    etag: String,
    /// `None`: that of all other responses.
    policy: Option<String>,
}

impl Docs {
    /// Of an OpenAPI document in JSON; `with_pages`, or the document alone.
    pub fn of(document: String, with_pages: bool) -> Self {
        let mut makers: Vec<(_, Maker)> =
            vec![("/openapi.json", |document| Page::new(document.clone(), "application/json", None))];
        if with_pages {
            makers.push(("/docs", |document| Page::around(document, |service| service.swagger_ui_html())));
            makers.push(("/redoc", |document| {
                Page::around(document, |service| service.redoc_html().replace(REDOC_FONTS, ""))
            }));
        }
        // A box has no spare capacity.
        Self { document: Bytes::from(document.into_boxed_str().into_boxed_bytes()), makers }
    }

    /// Adds the pages to a router.
    pub fn mount(self, router: Route) -> Route {
        let Self { document, makers } = self;
        makers.into_iter().fold(router, |router, (path, make)| {
            let (document, page) = (document.clone(), OnceLock::new());
            let answer = move |request: Request| page.get_or_init(|| make(&document)).answer(&request);
            router.at(path, get(make_sync(answer)))
        })
    }
}

impl Page {
    fn new(body: Bytes, media_type: &'static str, policy: Option<String>) -> Self {
        let etag = format!("\"{}\"", BASE64_STANDARD.encode(&Sha256::digest(&body)[..12]));
        Self { body, media_type, etag, policy }
    }

    /// The page that poem-openapi generates for an empty service, with this document inserted.
    fn around(document: &Bytes, html: impl Fn(&OpenApiService<(), ()>) -> String) -> Self {
        let empty = OpenApiService::new((), "", "");
        // A `</script>` in a description must not end the script around it.
        let document = String::from_utf8_lossy(document).replace("</", "<\\/");
        let html = html(&empty).replacen(&empty.spec(), &document, 1);
        // Browsers normalise line ends before they hash a script.
        Self::html(html.replace("\r\n", "\n"))
    }

    fn html(html: String) -> Self {
        let scripts: String = contents(&html, "script").map(|script| format!(" '{}'", hash(script))).collect();
        // Both pages create style elements at run time, so styles cannot be listed; scripts are.
        let policy = format!(
            "default-src 'none'; script-src{scripts}; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; \
             connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        );
        Self::new(html.into(), "text/html; charset=utf-8", Some(policy))
    }

    fn answer(&self, request: &Request) -> Response {
        let is_known = request.headers().get_all(header::IF_NONE_MATCH).iter().any(|known| {
            let known = known.to_str().unwrap_or("");
            known.split(',').any(|tag| [self.etag.as_str(), "*"].contains(&tag.trim().trim_start_matches("W/")))
        });
        // Cached, but revalidated every time: a new version shows its own pages at once.
        let mut response =
            Response::builder().header(header::ETAG, &self.etag).header(header::CACHE_CONTROL, "no-cache");
        if let Some(policy) = &self.policy {
            response = response.header(header::CONTENT_SECURITY_POLICY, policy);
        }
        match is_known {
            true => response.status(StatusCode::NOT_MODIFIED).finish(),
            false => response.content_type(self.media_type).body(self.body.clone()),
        }
    }
}

/// The content of each `<tag …>…</tag>`, as a browser reads it: up to the first end tag.
fn contents<'a>(html: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let (start, end) = (format!("<{tag}"), format!("</{tag}"));
    let mut rest = html;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&start)?;
        let (_, after) = after.split_once('>')?;
        let (content, after) = after.split_once(&end)?;
        rest = after;
        Some(content)
    })
}

fn hash(script: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(script)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{StackConfig, stack};
    use poem::test::TestClient;
    use poem_openapi::OpenApi;
    use poem_openapi::payload::PlainText;

    struct Api;

    #[OpenApi]
    impl Api {
        /// A description with </script> in it
        #[oai(path = "/thing", method = "get")]
        async fn thing(&self) -> PlainText<&'static str> {
            PlainText("thing")
        }
    }

    fn client(with_pages: bool) -> TestClient<impl poem::Endpoint> {
        let service = OpenApiService::new(Api, "test", "1");
        let docs = Docs::of(service.spec(), with_pages);
        TestClient::new(stack(docs.mount(Route::new().nest("/", service)), StackConfig::default()))
    }

    #[tokio::test]
    async fn pages_load_no_external_resources() {
        let client = client(true);
        for path in ["/docs", "/redoc/"] {
            let response = client.get(path).send().await;
            response.assert_status_is_ok();
            let policy = response.0.headers()["content-security-policy"].to_str().unwrap().to_owned();
            assert!(
                policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("http"),
                "{policy}"
            );
            assert!(!policy.contains("unsafe-eval") && policy.matches("sha256-").count() == 2, "{policy}");
            let html = response.0.into_body().into_string().await.unwrap();
            assert_eq!(html.matches("</script>").count(), 2);
            assert_eq!(html.matches("A description with <\\/script> in it").count(), 1);
            for load in ["src=\"http", "src='http", "src=\"//", "<link", "@import", "url(http", "url(//"] {
                let outside_of_scripts =
                    contents(&html, "script").fold(html.clone(), |html, script| html.replace(script, ""));
                assert!(!outside_of_scripts.contains(load), "{path} loads {load}");
            }
        }
    }

    #[tokio::test]
    async fn pages_are_revalidated() {
        let client = client(true);
        for path in ["/docs", "/redoc", "/openapi.json"] {
            let response = client.get(path).send().await;
            response.assert_header("cache-control", "no-cache");
            let etag = response.0.headers()["etag"].to_str().unwrap().to_owned();
            let again = client.get(path).header("if-none-match", format!("\"old\", W/{etag}")).send().await;
            again.assert_status(StatusCode::NOT_MODIFIED);
            again.assert_header("etag", &etag);
            assert_eq!(again.0.into_body().into_vec().await.unwrap(), b"");
            client.get(path).header("if-none-match", "\"old\"").send().await.assert_status_is_ok();
            client.post(path).send().await.assert_header("allow", "GET, HEAD, OPTIONS");
        }
    }

    #[tokio::test]
    async fn pages_can_be_disabled_but_the_document_stays() {
        let client = client(false);
        client.get("/docs").send().await.assert_status(StatusCode::NOT_FOUND);
        let response = client.get("/openapi.json").send().await;
        response.assert_header("content-type", "application/json");
        response.assert_header("content-security-policy", crate::middleware::security_headers::DATA_CSP);
        let document: serde_json::Value =
            serde_json::from_str(&response.0.into_body().into_string().await.unwrap()).unwrap();
        assert!(document["paths"]["/thing"].is_object());
    }
}
