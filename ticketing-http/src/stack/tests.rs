use super::*;
use crate::api::dto::body::{Body as JsonBody, body};
use crate::api::dto::text::Text;
use jiff::Timestamp;
use poem::endpoint::{make, make_sync};
use poem::test::{TestClient, TestResponse};
use poem::{Body, EndpointExt, Route, get};
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, OpenApiService, param};
use serde_json::{Value, json};
use ticketing_core::domain::refusal::Refusal;

body! {
    /// An event.
    struct NewEvent {
        /// Its title.
        title: Text<3, 200>,
        /// Its places.
        capacity: i64,
    }
    example {"title": "Jazz", "capacity": 1}
}

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/events", method = "post")]
    async fn create(&self, body: JsonBody<NewEvent>) -> Result<Json<String>, Problem> {
        match body.0.title.0.as_str() {
            "taken" => Err(Refusal::EmailTaken)?,
            "checked" => Err(Problem::invalid_field("title", "is checked by the handler")),
            _ if body.0.capacity > 1_000 => Err(ticketing_core::Error::Forbidden("That is too many"))?,
            _ if body.0.capacity < 0 => Err(Problem::invalid_field("capacity", "must be at least 0")),
            _ => Ok(Json(body.0.title.0)),
        }
    }

    #[oai(path = "/events", method = "get")]
    async fn list(&self, #[oai(validator(maximum(value = "1000")))] limit: param::Query<Option<u32>>) -> Json<u32> {
        Json(limit.0.unwrap_or(100))
    }

    #[oai(path = "/tickets/:code", method = "get")]
    async fn ticket(&self, code: param::Path<String>) -> Json<String> {
        Json(code.0)
    }
}

fn config() -> StackConfig {
    StackConfig { cors: Cors::new(["http://localhost:3000"]), ..StackConfig::default() }
}

fn service() -> OpenApiService<Api, ()> {
    OpenApiService::new(Api, "test", "1")
}

fn client(config: StackConfig) -> TestClient<impl Endpoint> {
    let panics = make_sync(|_| -> String { panic!("hunter2") });
    let slow = make(|_| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "late"
    });
    let echo = make(|request: Request| async move { request.into_body().into_string().await });
    let api = Route::new()
        .nest("/", service())
        .at("/health", get(make_sync(|_| "healthy")))
        .at("/panic", panics)
        .at("/slow", slow)
        .at("/echo", echo)
        .at("/payments/webhooks/paystack", make_sync(|_| "ok"));
    TestClient::new(stack(api, config).boxed())
}

async fn problem(response: TestResponse) -> (u16, Value) {
    response.assert_header("content-type", crate::problem::CONTENT_TYPE);
    response.assert_header("x-content-type-options", "nosniff");
    response.assert_header_exist("x-request-id");
    let status = response.0.status().as_u16();
    let body: Value = serde_json::from_str(&response.0.into_body().into_string().await.unwrap()).unwrap();
    assert_eq!(body["status"], status);
    (status, body)
}

async fn create(body: &str) -> (u16, Value) {
    let client = client(config());
    problem(client.post("/events/").content_type("application/json").body(body.to_owned()).send().await).await
}

#[tokio::test]
async fn paths_answer_with_and_without_a_slash_and_to_head() {
    let client = client(config());
    for path in ["/health", "/health/", "/events", "/events/", "/events/?limit=7"] {
        client.get(path).send().await.assert_status_is_ok();
        let head = client.head(path).send().await;
        head.assert_status_is_ok();
        assert_eq!(head.0.into_body().into_vec().await.unwrap(), b"");
    }
    client.get("/events/?limit=7").send().await.assert_text("7").await;
}

#[tokio::test]
async fn errors_of_poem_are_problems() {
    let client = client(config());
    assert_eq!(problem(client.get("/nowhere").send().await).await.1["code"], "path_unknown");
    let response = client.delete("/events/").send().await;
    response.assert_header("allow", "GET, HEAD, OPTIONS, POST");
    assert_eq!(problem(response).await.1["code"], "method_not_allowed");
    let response = client.request(Method::TRACE, "/health").send().await;
    response.assert_header("allow", "GET, HEAD, OPTIONS");
    assert_eq!(problem(response).await.0, 405);
    let response = client.options("/events").send().await;
    response.assert_status(StatusCode::NO_CONTENT);
    response.assert_header("allow", "GET, HEAD, OPTIONS, POST");
    let response = client.post("/events").content_type("text/plain").body("x").send().await;
    assert_eq!(problem(response).await, {
        let detail = "The Content-Type of the body must be application/json.";
        (
            415,
            json!({"type": "about:blank", "title": "Unsupported Media Type", "status": 415, "detail": detail, "code": "media_type_unsupported"}),
        )
    });
    let (status, body) = problem(client.get("/events?limit=1001").send().await).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("limit")));
    let (status, body) = problem(client.get("/events?limit=ten").send().await).await;
    assert_eq!((status, &body["errors"][0]["message"]), (422, &json!("must be a whole number")));
}

#[tokio::test]
async fn invalid_bodies_list_every_field_error() {
    let (status, body) = create("{").await;
    assert_eq!((status, &body["code"]), (400, &json!("body_unreadable")));
    let (status, body) = create(r#"{"title": 5, "capacity": "hunter2"}"#).await;
    assert_eq!(status, 422);
    let expected = json!([
        {"field": "title", "message": "must be a string"},
        {"field": "capacity", "message": "must be a whole number"},
    ]);
    assert_eq!(body["errors"], expected);
    assert!(!body.to_string().contains("hunter2"));
    let (_, body) = create(r#"{"title": "abc", "capacity": -1}"#).await;
    assert_eq!(body["errors"], json!([{"field": "capacity", "message": "must be at least 0"}]));
    let (_, body) = create(r#"{"title": "abc"}"#).await;
    assert_eq!(body["errors"], json!([{"field": "capacity", "message": "is required"}]));
    let (_, body) = create(r#"{"title": "abc", "capacity": 1, "prise": 2}"#).await;
    assert_eq!(body["errors"], json!([{"field": "prise", "message": "is not a known field"}]));
    let (status, body) = create("[]").await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("body")));
    let (status, body) = create("").await;
    assert_eq!((status, &body["code"]), (422, &json!("invalid")));
}

#[tokio::test]
async fn errors_of_the_engine_are_problems() {
    let (status, body) = create(r#"{"title": "taken", "capacity": 1}"#).await;
    assert_eq!((status, &body["detail"]), (400, &json!("Email already registered")));
    let (status, body) = create(r#"{"title": "many", "capacity": 1001}"#).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    let (status, body) = create(r#"{"title": "checked", "capacity": 1}"#).await;
    assert_eq!((status, &body["detail"]), (422, &json!("title: is checked by the handler")));
    let default =
        &serde_json::from_str::<Value>(&service().spec()).unwrap()["paths"]["/events"]["post"]["responses"]["default"];
    assert!(default["content"][crate::problem::CONTENT_TYPE].is_object(), "{default}");
}

#[tokio::test]
async fn large_bodies_are_rejected_before_they_are_parsed() {
    let client = client(config());
    client.post("/echo").body("x".repeat(65_536)).send().await.assert_status_is_ok();
    let response = client.post("/echo").body("x".repeat(65_537)).send().await;
    response.assert_header("connection", "close");
    assert_eq!(problem(response).await.1["code"], "body_too_large");
    let endless = Body::from_async_read(tokio::io::repeat(b'x'));
    assert_eq!(problem(client.post("/echo").body(endless).send().await).await.0, 413);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_goes_on() {
    let client = client(config());
    let (status, body) = problem(client.get("/panic").send().await).await;
    assert_eq!((status, &body["code"]), (500, &json!("internal")));
    assert!(!body.to_string().contains("hunter2"));
    client.get("/health").send().await.assert_status_is_ok();
}

#[tokio::test(start_paused = true)]
async fn excess_reads_get_503_but_webhooks_do_not() {
    let config = StackConfig { max_concurrent_reads: 1, ..config() };
    let client = client(config);
    let (first, second) = tokio::join!(client.get("/slow").send(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.post("/payments/webhooks/paystack").send().await.assert_status_is_ok();
        client.get("/health").send().await.assert_status_is_ok();
        client.get("/slow").send().await
    });
    second.assert_header("retry-after", "1");
    assert_eq!(problem(second).await.1["code"], "busy");
    assert_eq!(problem(first).await.1["code"], "timed_out");
    let again = client.get("/slow").send().await;
    assert_eq!(problem(again).await.1["code"], "timed_out", "the place is free again");
}

#[tokio::test(start_paused = true)]
async fn slow_requests_time_out() {
    let response = client(config()).get("/slow").send().await;
    response.assert_header("retry-after", "1");
    assert_eq!(problem(response).await.1["code"], "timed_out");
}

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

#[tokio::test]
async fn the_rate_limit_applies_to_clients_but_not_to_webhooks() {
    let quota = Quota { requests: 2, window: Duration::from_secs(60) };
    let client = client(StackConfig { quota: Some(quota), clock: Arc::new(StoppedClock), ..config() });
    let response = client.get("/events").header("x-forwarded-for", "6.6.6.6").send().await;
    response.assert_header("ratelimit-limit", "2");
    response.assert_header("ratelimit-remaining", "1");
    response.assert_header("ratelimit-policy", "2;w=60");
    client.get("/nowhere").header("x-forwarded-for", "6.6.6.7").send().await;
    let response = client.get("/events").header("origin", "http://localhost:3000").send().await;
    response.assert_header("retry-after", "30");
    response.assert_header("access-control-allow-origin", "http://localhost:3000");
    assert_eq!(problem(response).await.1["code"], "too_many_requests");
    for path in ["/health", "/health/"] {
        client.get(path).send().await.assert_status_is_ok();
    }
    client.post("/payments/webhooks/paystack").send().await.assert_status_is_ok();
}

#[tokio::test]
async fn every_response_has_security_and_cors_headers() {
    let client = client(config());
    let response = client.get("/events").header("origin", "http://localhost:3000").send().await;
    response.assert_header("access-control-allow-origin", "http://localhost:3000");
    response.assert_header("cross-origin-resource-policy", "cross-origin");
    response.assert_header("vary", "Origin");
    for path in ["/events", "/nowhere"] {
        let response = client.get(path).header("origin", "https://evil.example").send().await;
        response.assert_header_is_not_exist("access-control-allow-origin");
        response.assert_header("cache-control", "no-store");
        response.assert_header("x-frame-options", "DENY");
    }
    let ask = client.options("/events").header("access-control-request-method", "POST");
    ask.header("origin", "http://localhost:3000").send().await.assert_status(StatusCode::NO_CONTENT);
}
