//! CORS with a list of allowed origins.
//!
//! Why not poem's `Cors`: it rejects every request from an unlisted origin. Ours answers it without CORS headers, so that pages of
//! the same origin and other servers, which send `Origin` too, keep working.

use crate::problem::Problem;
use crate::routes;
use poem::http::{HeaderMap, HeaderValue, Method, header};
use poem::{Request, Response};

/// The response headers that a page may read.
const EXPOSED_HEADERS: &str = "ETag, Link, Location, X-Total-Count, X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset";
/// Of paths that the route table does not know: a page may learn that there is nothing.
const ANY_METHOD: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// The allowed origins, compared exactly. No other origin is ever echoed; `null` and `*` are never allowed.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<HeaderValue>,
}

/// Whether the request's origin is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The origin, if it is allowed.
    allowed: Option<HeaderValue>,
}

impl Cors {
    /// Allows these origins, such as `https://tickets.example`.
    pub fn new<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Self {
        let is_exact = |origin: &O| !["*", "null"].contains(&origin.as_ref());
        let origins = origins.into_iter().filter(is_exact).filter_map(|origin| origin.as_ref().parse().ok());
        Self { origins: origins.collect() }
    }

    /// Checks the request's origin.
    pub fn check(&self, request: &Request) -> Verdict {
        let mut given = request.headers().get_all(header::ORIGIN).iter();
        let origin = given.next().filter(|_| given.next().is_none());
        Verdict { allowed: origin.filter(|origin| self.origins.contains(origin)).cloned() }
    }

    /// The response to a preflight request; `None` for every other request.
    pub fn preflight(&self, request: &Request, verdict: &Verdict) -> Option<Response> {
        let headers = request.headers();
        let is_preflight = request.method() == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        if verdict.allowed.is_none() {
            return Some(Problem::new("origin_refused", "Origin not allowed.").to_response());
        }
        let mut response = Response::builder()
            .status(poem::http::StatusCode::NO_CONTENT)
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, methods(request.uri().path()))
            .header(header::ACCESS_CONTROL_MAX_AGE, "600")
            .finish();
        // An allowed page may send any header.
        if let Some(requested) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
        }
        Some(response)
    }
}

/// The methods of a path, as a list.
fn methods(path: &str) -> String {
    let methods = routes::methods(path);
    match methods.is_empty() {
        true => ANY_METHOD.to_owned(),
        false => methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", "),
    }
}

impl Verdict {
    /// Whether a page of an allowed origin reads the response.
    pub fn is_allowed(&self) -> bool {
        self.allowed.is_some()
    }

    /// Adds the CORS headers.
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        // On every response, or a cache would give one origin's response to another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = &self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            // There are no cookies, but older clients send requests with credentials, for which browsers require this header.
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors::new(["http://localhost:3000", "null", "*"])
    }

    fn headers_for(origin: &str) -> HeaderMap {
        let request = Request::builder().header("origin", origin).finish();
        let mut headers = HeaderMap::new();
        cors().check(&request).add_headers(&mut headers);
        headers
    }

    #[test]
    fn only_allowed_origins_get_cors_headers() {
        let headers = headers_for("http://localhost:3000");
        assert_eq!(headers["access-control-allow-origin"], "http://localhost:3000");
        assert_eq!(headers["vary"], "Origin");
        let others = ["null", "*", "http://localhost:3000.evil", "https://localhost:3000", "http://LOCALHOST:3000", ""];
        for other in others {
            let headers = headers_for(other);
            assert!(!headers.contains_key("access-control-allow-origin"), "{other}");
            assert!(!headers.contains_key("access-control-allow-credentials"), "{other}");
            assert_eq!(headers["vary"], "Origin");
        }
    }

    #[test]
    fn preflights_name_the_methods_of_the_path_and_those_of_other_origins_are_rejected() {
        let ask = |path: &str, origin: &str| {
            let request = Request::builder()
                .method(Method::OPTIONS)
                .uri_str(path)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,content-type")
                .finish();
            cors().preflight(&request, &cors().check(&request)).unwrap()
        };
        let yes = ask("/orders", "http://localhost:3000");
        assert_eq!(yes.status(), 204);
        assert_eq!(yes.headers()["access-control-allow-headers"], "authorization,content-type");
        let allowed = |path: &str| {
            let answer = ask(path, "http://localhost:3000");
            answer.headers()["access-control-allow-methods"].to_str().unwrap().to_owned()
        };
        assert_eq!(allowed("/orders"), "GET, HEAD, OPTIONS, POST");
        assert_eq!(allowed("/orders/"), "GET, HEAD, OPTIONS, POST");
        assert_eq!(allowed("/payments/initialize"), "OPTIONS, POST");
        assert_eq!(allowed("/payments/reviews"), "GET, HEAD, OPTIONS");
        assert_eq!(allowed("/orders/abc"), "DELETE, GET, HEAD, OPTIONS");
        assert!(allowed("/nowhere").contains("PUT"), "a page may learn that there is nothing");
        assert_eq!(ask("/orders", "https://evil.example").status(), 403);
    }

    #[test]
    fn two_origins_are_not_allowed() {
        let request = Request::builder()
            .header("origin", "http://localhost:3000")
            .header("origin", "https://evil.example")
            .finish();
        assert!(!cors().check(&request).is_allowed());
    }
}
