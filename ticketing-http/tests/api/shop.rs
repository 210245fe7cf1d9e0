//! The test shop: the whole API with a manual clock, a fake gateway, and a storage from [`storages`].
//!
//! [`storages`]: crate::storages

use crate::storages::{self, Place};
use jiff::SignedDuration;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method};
use poem::test::TestClient;
use poem::{EndpointExt, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::order::BuyerLimits;
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::mailer::{Mail, MailError, Mailer};
use ticketing_core::testing::{FakeGateway, ManualClock};
use ticketing_core::token::TokenKey;
use ticketing_core::{Ticketing, TicketingBuilder, Upkeep, async_trait};
use ticketing_http::api::{self, ApiSettings, ApiState};
use ticketing_http::stack::{StackConfig, stack};

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) const PROOF_URL: &str = "https://tickets.example.com/account/proof";

/// A mailer that the test keeps a hand on.
#[derive(Clone, Debug)]
pub(crate) struct Mails(pub(crate) Arc<MemoryMailer>);

#[async_trait]
impl Mailer for Mails {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail).await
    }
}

pub(crate) struct Shop {
    client: TestClient<BoxEndpoint<'static, Response>>,
    pub(crate) gateway: FakeGateway,
    pub(crate) clock: ManualClock,
    pub(crate) ticketing: Ticketing,
    pub(crate) mailer: Arc<MemoryMailer>,
    _place: Place,
}

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

/// A request.
pub(crate) struct Call {
    method: Method,
    path: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<(String, Vec<u8>)>,
}

pub(crate) fn state(ticketing: Ticketing, clock: ManualClock, settings: ApiSettings) -> ApiState {
    ApiState::new(ticketing, settings).with_clock(Arc::new(clock))
}

impl Shop {
    pub(crate) async fn new() -> Self {
        Self::with(ApiSettings::default()).await
    }

    pub(crate) async fn with(settings: ApiSettings) -> Self {
        Self::limited(settings, BuyerLimits::default()).await
    }

    pub(crate) async fn limited(settings: ApiSettings, limits: BuyerLimits) -> Self {
        Self::built(settings, |builder| builder.buyer_limits(limits)).await
    }

    /// A shop whose engine is built with more than the usual.
    pub(crate) async fn built(settings: ApiSettings, more: impl FnOnce(TicketingBuilder) -> TicketingBuilder) -> Self {
        let (storage, place) = storages::open().await;
        let (gateway, clock) = (FakeGateway::new(), ManualClock::default());
        let mailer = Arc::new(MemoryMailer::new());
        let builder = Ticketing::builder_on(storage)
            .gateway(gateway.clone())
            .mailer(Mails(Arc::clone(&mailer)))
            .proof_url(PROOF_URL)
            .clock(Arc::new(clock.clone()))
            .weak_password_hashes()
            .token_key(TokenKey::new(&[7; 32]).unwrap());
        let ticketing = more(builder).build().unwrap();
        let state = state(ticketing.clone(), clock.clone(), settings);
        let config = StackConfig { clock: Arc::new(clock.clone()), ..StackConfig::default() };
        let client = TestClient::new(stack(api::endpoint(state), config).boxed());
        Self { client, gateway, clock, ticketing, mailer, _place: place }
    }

    /// Delivers the mails that wait, and returns the token of the last one to this address.
    pub(crate) async fn token_mailed_to(&self, email: &str) -> String {
        while !self.ticketing.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
        let mails = self.mailer.sent_to(&email.parse().unwrap());
        let (_, link) = mails.last().unwrap().text.split_once(&format!("{PROOF_URL}?token=")).unwrap();
        link.split_whitespace().next().unwrap().to_owned()
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        let (method, path) = (call.method.to_string(), call.path.clone());
        let mut request = self.client.request(call.method, call.path);
        if let Some(token) = call.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if let Some((content_type, body)) = call.body {
            if !content_type.is_empty() {
                request = request.content_type(content_type);
            }
            request = request.body(body);
        }
        let response = request.send().await.0;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().into_bytes().await.unwrap().to_vec();
        crate::document::check_answer(&method, &path, status, &bytes);
        Answer { status, headers, bytes }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Call::new("get", path).token(token)).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(Call::new("post", path).token(token).json(&body)).await
    }

    /// Registers an account and returns its token.
    pub(crate) async fn somebody(&self, name: &str) -> String {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "name": format!("{name} of Lagos"), "password": PASSWORD});
        assert_eq!(self.post("/auth/register", "", body).await.status, 201);
        self.login(name).await
    }

    /// Logs in and returns the token.
    pub(crate) async fn login(&self, name: &str) -> String {
        let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        let answer = self.post("/auth/login", "", body).await;
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Creates an event and returns its id.
    pub(crate) async fn event(&self, organizer: &str, price: &str, capacity: Option<i64>) -> i64 {
        let body = json!({"title": "Lagos Jazz Night", "event_date": "2026-12-31T20:00:00", "location": "Lagos",
            "price": price, "capacity": capacity});
        let answer = self.post("/events/", organizer, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_i64().unwrap()
    }

    /// Opens a checkout and returns the reference.
    pub(crate) async fn initialize(&self, buyer: &str, event: i64, quantity: u32) -> String {
        let answer = self.post("/payments/initialize", buyer, json!({"event_id": event, "quantity": quantity})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text("reference")
    }

    /// Buys and returns the reference and the tickets.
    pub(crate) async fn buy(&self, buyer: &str, event: i64, quantity: u32) -> (String, Vec<Value>) {
        let reference = self.initialize(buyer, event, quantity).await;
        self.gateway.pay(&reference_of(&reference));
        let answer = self.get(&format!("/payments/verify/{reference}"), buyer).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (reference, answer.json()["tickets"].as_array().unwrap().clone())
    }

    pub(crate) fn minutes_pass(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    /// Asserts that the storage is consistent.
    pub(crate) async fn is_sound(&self) {
        assert_eq!(self.ticketing.storage().check().await.unwrap(), Vec::<String>::new());
    }
}

pub(crate) fn reference_of(text: &str) -> Reference {
    text.parse().unwrap()
}

impl Call {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let method = method.to_uppercase().parse().unwrap();
        Self { method, path: path.to_owned(), token: None, headers: vec![], body: None }
    }

    /// An empty token means none.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.token = (!token.is_empty()).then(|| token.to_owned());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some((content_type.to_owned(), body.into()));
        self
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_else(|| panic!("no text {field}: {}", self.json())).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the code of a problem, whose shape is checked.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status);
        for member in ["type", "title", "detail", "code"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {body}");
        }
        (self.status, self.text("code"))
    }

    /// The fields in the errors of a 422.
    pub(crate) fn wrong_fields(&self) -> Vec<String> {
        assert_eq!(self.problem(), (422, "invalid".to_owned()), "{}", self.json());
        let errors = self.json()["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// The names of the members, sorted.
    pub(crate) fn members(&self) -> Vec<String> {
        let mut names: Vec<String> = self.json().as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        names
    }
}
