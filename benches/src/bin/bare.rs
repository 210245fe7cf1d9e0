//! The bare pipeline: the requests, tokens, gateway calls and JSON of a sale, without places, storage and mail. What a sale costs
//! here is what no ticketing system on this HTTP stack can save. `bench cost` starts it with the settings of a server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use poem::http::{HeaderMap, StatusCode};
use poem::listener::TcpListener;
use poem::web::{Data, Json, Path};
use poem::{EndpointExt as _, IntoResponse as _, Response, Route, get, handler, post};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Shop {
    http: reqwest::Client,
    gateway: String,
    /// The `Authorization` header for the gateway.
    secret: String,
    key: Hmac<Sha256>,
    token: String,
    begun: AtomicU64,
    sold: AtomicU64,
}

/// A token like those of the server: HS256, with a subject, an end and a version.
fn token(key: &Hmac<Sha256>) -> String {
    let head = BASE64.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    let body = BASE64.encode(json!({"sub": "1", "exp": 4_102_444_800_u64, "v": 0}).to_string());
    let signed = format!("{head}.{body}");
    let signature = key.clone().chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", BASE64.encode(signature))
}

impl Shop {
    fn knows(&self, headers: &HeaderMap) -> bool {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let Some((signed, signature)) = header.and_then(|value| value.strip_prefix("Bearer ")?.rsplit_once('.')) else {
            return false;
        };
        let Some((_, body)) = signed.split_once('.') else { return false };
        let claims: Option<Value> = BASE64.decode(body).ok().and_then(|body| serde_json::from_slice(&body).ok());
        let is_signed = BASE64
            .decode(signature)
            .is_ok_and(|signature| self.key.clone().chain_update(signed).verify_slice(&signature).is_ok());
        is_signed && claims.is_some_and(|claims| claims["exp"].as_u64() > Some(1_700_000_000))
    }

    async fn call(&self, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let url = format!("{}{path}", self.gateway);
        let request = match &body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let request = request.header("authorization", &self.secret).header("accept", "application/json");
        Ok(serde_json::from_slice(&request.send().await?.bytes().await?)?)
    }
}

#[handler]
fn health() -> &'static str {
    "ok"
}

#[handler]
fn register() -> Response {
    Json(json!({"id": 1})).with_status(StatusCode::CREATED).into_response()
}

#[handler]
fn login(Data(shop): Data<&Arc<Shop>>) -> Json<Value> {
    Json(json!({"access_token": shop.token}))
}

#[handler]
fn create() -> Response {
    Json(json!({"id": 1})).with_status(StatusCode::CREATED).into_response()
}

#[handler]
fn event(Data(shop): Data<&Arc<Shop>>) -> Json<Value> {
    Json(json!({"id": 1, "tickets_sold": shop.sold.load(Ordering::Relaxed)}))
}

#[handler]
async fn initialize(Data(shop): Data<&Arc<Shop>>, headers: &HeaderMap, body: Json<Value>) -> poem::Result<Response> {
    if !shop.knows(headers) {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    let reference = format!("att-{:026}", shop.begun.fetch_add(1, Ordering::Relaxed));
    let charge = json!({
        "amount": "500000", "currency": "NGN", "email": "buyer@example.com", "reference": reference,
        "metadata": {"event": body["event_id"]},
    });
    let answer = shop.call("/transaction/initialize", Some(charge)).await.map_err(poem::Error::from)?;
    let order =
        json!({"reference": reference, "status": "held", "total": "5000.00", "hold_until": "2099-01-01T00:00:00Z"});
    let data = &answer["data"];
    let body = json!({
        "authorization_url": data["authorization_url"], "access_code": data["access_code"], "reference": reference,
        "order": order,
    });
    Ok(Json(body).into_response())
}

#[handler]
async fn verify(
    Data(shop): Data<&Arc<Shop>>,
    headers: &HeaderMap,
    Path(reference): Path<String>,
) -> poem::Result<Response> {
    if !shop.knows(headers) {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    let answer = shop.call(&format!("/transaction/verify/{reference}"), None).await.map_err(poem::Error::from)?;
    shop.sold.fetch_add(1, Ordering::Relaxed);
    let code = &answer["data"]["reference"];
    let ticket = json!({"ticket_code": code, "status": "active"});
    Ok(Json(json!({"message": "Payment verified successfully", "ticket_code": code, "tickets": [ticket]}))
        .into_response())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // Fails if one is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let key = Hmac::new_from_slice(std::env::var("JWT_SECRET_KEY")?.as_bytes())?;
    let http =
        reqwest::Client::builder().http1_only().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let shop = Arc::new(Shop {
        http,
        gateway: std::env::var("PAYSTACK_BASE_URL")?,
        secret: format!("Bearer {}", std::env::var("PAYSTACK_SECRET_KEY")?),
        token: token(&key),
        key,
        begun: AtomicU64::new(0),
        sold: AtomicU64::new(0),
    });
    let app = Route::new()
        .at("/health", get(health))
        .at("/auth/register", post(register))
        .at("/auth/login", post(login))
        .at("/events/", post(create))
        .at("/events/:id", get(event))
        .at("/payments/initialize", post(initialize))
        .at("/payments/verify/:reference", get(verify))
        .data(shop);
    let port: u16 = std::env::var("PORT")?.parse()?;
    Ok(poem::Server::new(TcpListener::bind(("127.0.0.1", port))).run(app).await?)
}
