//! Which web pages may ask this server, and read its answers.

use crate::problem::Problem;
use poem::http::{HeaderMap, HeaderValue, Method, header};
use poem::{Request, Response};

/// What a page may see beside the body.
const EXPOSED: &str = "ETag, Link, Location, X-Total-Count, X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset";
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// An exact list of origins. An origin that is not on it is never echoed, `null` and `*` are never on it.
///
/// A request from another origin is answered all the same, without the headers that would let a browser show the answer
/// to the page: servers, and pages of this very origin, send `Origin` too.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<HeaderValue>,
}

/// What the request's origin may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The origin, if it is on the list.
    allowed: Option<HeaderValue>,
}

impl Cors {
    /// Allows these origins, such as `https://tickets.example`.
    pub fn new<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Self {
        let wanted = |origin: &O| !["*", "null"].contains(&origin.as_ref());
        let origins = origins.into_iter().filter(wanted).filter_map(|origin| origin.as_ref().parse().ok());
        Self { origins: origins.collect() }
    }

    /// Judges the request's origin.
    pub fn judge(&self, request: &Request) -> Verdict {
        let mut given = request.headers().get_all(header::ORIGIN).iter();
        let origin = given.next().filter(|_| given.next().is_none());
        Verdict { allowed: origin.filter(|origin| self.origins.contains(origin)).cloned() }
    }

    /// The answer to a browser that asks whether it may ask; `None` for every other request.
    pub fn preflight(&self, request: &Request, verdict: &Verdict) -> Option<Response> {
        let headers = request.headers();
        let asks = request.method() == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        if verdict.allowed.is_none() {
            return Some(Problem::new("origin_refused", "This page may not ask this server.").to_response());
        }
        let mut response = Response::builder()
            .status(poem::http::StatusCode::NO_CONTENT)
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
            .header(header::ACCESS_CONTROL_MAX_AGE, "600")
            .finish();
        // The page is one of ours, so it may send what it likes: none of our headers is dangerous to send.
        if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        Some(response)
    }
}

impl Verdict {
    /// Whether a page of another origin reads the answer, with our consent.
    pub fn is_allowed(&self) -> bool {
        self.allowed.is_some()
    }

    /// Lets the browser show the answer to the page, or not.
    pub fn tell(&self, headers: &mut HeaderMap) {
        // Said to everybody, or a cache would give one origin's answer to another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = &self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            // There are no cookies, but clients of the seeds ask with credentials, and browsers insist on this then.
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors::new(["http://localhost:3000", "null", "*"])
    }

    fn told(origin: &str) -> HeaderMap {
        let request = Request::builder().header("origin", origin).finish();
        let mut headers = HeaderMap::new();
        cors().judge(&request).tell(&mut headers);
        headers
    }

    #[test]
    fn only_listed_origins_are_answered() {
        let headers = told("http://localhost:3000");
        assert_eq!(headers["access-control-allow-origin"], "http://localhost:3000");
        assert_eq!(headers["vary"], "Origin");
        let others = ["null", "*", "http://localhost:3000.evil", "https://localhost:3000", "http://LOCALHOST:3000", ""];
        for other in others {
            let headers = told(other);
            assert!(!headers.contains_key("access-control-allow-origin"), "{other}");
            assert!(!headers.contains_key("access-control-allow-credentials"), "{other}");
            assert_eq!(headers["vary"], "Origin");
        }
    }

    #[test]
    fn preflights_of_listed_origins_are_answered_and_others_refused() {
        let ask = |origin: &str| {
            let request = Request::builder()
                .method(Method::OPTIONS)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,content-type")
                .finish();
            cors().preflight(&request, &cors().judge(&request)).unwrap()
        };
        let yes = ask("http://localhost:3000");
        assert_eq!(yes.status(), 204);
        assert_eq!(yes.headers()["access-control-allow-headers"], "authorization,content-type");
        assert!(yes.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
        assert_eq!(ask("https://evil.example").status(), 403);
    }

    #[test]
    fn two_origins_are_none() {
        let request = Request::builder()
            .header("origin", "http://localhost:3000")
            .header("origin", "https://evil.example")
            .finish();
        assert!(!cors().judge(&request).is_allowed());
    }
}
