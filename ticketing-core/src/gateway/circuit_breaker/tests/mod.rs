mod concurrency;
mod machine;

use super::*;
use crate::domain::money::{Currency, Money};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::Semaphore;

pub(super) fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[derive(Debug)]
struct HandClock(Mutex<Timestamp>);

impl HandClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(start())))
    }

    fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(by).unwrap();
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Draws the middle: no jitter.
#[derive(Debug)]
struct Middle;

impl Random for Middle {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&200_u32.to_be_bytes());
    }
}

/// Answers as scripted; a call takes a permit of `gate` first, so a test can hold calls back.
#[derive(Debug)]
struct Scripted {
    script: Mutex<VecDeque<Result<(), GatewayError>>>,
    gate: Semaphore,
    calls: std::sync::atomic::AtomicUsize,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Result<(), GatewayError>>) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        Arc::new(Self { script, gate: Semaphore::new(Semaphore::MAX_PERMITS), calls: Default::default() })
    }

    fn calls(&self) -> usize {
        self.calls.load(std::sync::atomic::Ordering::SeqCst)
    }

    async fn answer(&self) -> Result<(), GatewayError> {
        self.calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.script.lock().unwrap().pop_front().unwrap_or(Ok(()))
    }
}

#[async_trait]
impl PaymentGateway for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }
    fn mode(&self) -> Mode {
        Mode::Test
    }
    async fn open_checkout(&self, _: &Charge) -> Result<Checkout, GatewayError> {
        self.answer().await.map(|()| Checkout { url: "https://pay.example/x".into(), access_code: None })
    }
    async fn fetch(&self, _: &Reference) -> Result<Option<Fetched>, GatewayError> {
        self.answer().await.map(|()| None)
    }
    async fn refund(&self, _: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        let status = crate::domain::refund::RefundStatus::Pending;
        self.answer().await.map(|()| FetchedRefund { gateway_id: None, status, raw_status: "pending".into() })
    }
    async fn find_refund(&self, _: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        self.answer().await.map(|()| None)
    }
    fn read_webhook(&self, _: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        Err(WebhookError::BadSignature)
    }
}

fn reference() -> Reference {
    "abc".parse().unwrap()
}

fn charge() -> Charge {
    let amount = Money::new(100, Currency::NGN).unwrap();
    Charge {
        reference: reference(),
        amount,
        email: "a@example.com".parse().unwrap(),
        return_url: None,
        order: reference(),
    }
}

fn refund_call() -> RefundCall {
    RefundCall {
        key: reference(),
        attempt: reference(),
        amount: Money::new(100, Currency::NGN).unwrap(),
        gateway_id: None,
    }
}

fn breaker(gateway: &Arc<Scripted>, clock: &Arc<HandClock>) -> CircuitBreaker {
    let (gateway, clock): (Arc<Scripted>, Arc<HandClock>) = (Arc::clone(gateway), Arc::clone(clock));
    CircuitBreaker::new(gateway, BreakerConfig::default(), clock, Arc::new(Middle))
}

fn state_of(breaker: &CircuitBreaker, class: Class) -> StateName {
    breaker.state().into_iter().find(|state| state.class == class).unwrap().state
}

#[tokio::test]
async fn five_failures_in_a_row_open_one_class_and_leave_the_others_alone() {
    let (clock, gateway) = (HandClock::new(), Scripted::new(vec![Err(GatewayError::Unavailable); 5]));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let breaker = breaker(&gateway, &clock)
        .with_on_change(Arc::new(move |class, state| noted.lock().unwrap().push((class, state))));
    for _ in 0..5 {
        assert_eq!(breaker.fetch(&reference()).await, Err(GatewayError::Unavailable));
    }
    let refused = GatewayError::CircuitOpen { retry_after: Duration::from_secs(60) };
    assert_eq!(breaker.fetch(&reference()).await, Err(refused.clone()));
    assert_eq!(breaker.find_refund(&refund_call()).await, Err(refused));
    assert_eq!(gateway.calls(), 5, "nothing was sent");
    assert!(breaker.open_checkout(&charge()).await.is_ok());
    assert!(breaker.refund(&refund_call()).await.is_ok());

    let read = breaker.state()[1].clone();
    assert_eq!((read.state, read.retry_after_ms, read.refused, read.trips), (StateName::Open, Some(60_000), 2, 1));
    clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(breaker.fetch(&reference()).await, Ok(None));
    }
    use StateName::*;
    assert_eq!(*seen.lock().unwrap(), [(Class::Read, Open), (Class::Read, HalfOpen), (Class::Read, Closed)]);
    let json = serde_json::to_value(&breaker.state()[1]).unwrap();
    assert_eq!((&json["class"], &json["state"]), (&"read".into(), &"closed".into()));
}

#[tokio::test]
async fn answers_are_successes_and_wrong_keys_are_neither() {
    use GatewayError::*;
    // Five "no such thing" are answers, and so are refusals: they break the row of failures.
    let well_formed = [Rejected { code: None }, DuplicateReference];
    let neither = [Auth, RateLimited { retry_after: None }, Unsupported, CircuitOpen { retry_after: Duration::ZERO }];
    let failures = [NotSent, OutcomeUnknown, Unavailable, Malformed];
    for (errors, wanted) in
        [(&well_formed[..], Verdict::Success), (&neither, Verdict::Neutral), (&failures, Verdict::Failure)]
    {
        for error in errors {
            assert_eq!(verdict::<()>(&Err(error.clone())), wanted, "{error:?}");
        }
    }
    assert_eq!(verdict(&Ok(None::<()>)), Verdict::Success);

    let (clock, gateway) = (HandClock::new(), Scripted::new(vec![Err(Rejected { code: None }); 50]));
    let breaker = breaker(&gateway, &clock);
    for _ in 0..50 {
        assert_eq!(breaker.open_checkout(&charge()).await, Err(Rejected { code: None }));
    }
    assert_eq!(state_of(&breaker, Class::Checkout), StateName::Closed);
}

#[tokio::test]
async fn a_failed_probe_opens_it_for_twice_as_long() {
    let (clock, gateway) = (HandClock::new(), Scripted::new(vec![Err(GatewayError::NotSent); 6]));
    let breaker = breaker(&gateway, &clock);
    for _ in 0..5 {
        assert_eq!(breaker.open_checkout(&charge()).await, Err(GatewayError::NotSent));
    }
    clock.advance(Duration::from_secs(60));
    assert_eq!(breaker.open_checkout(&charge()).await, Err(GatewayError::NotSent));
    assert_eq!(
        breaker.open_checkout(&charge()).await,
        Err(GatewayError::CircuitOpen { retry_after: Duration::from_secs(120) })
    );
}

#[tokio::test]
async fn webhooks_pass_by_an_open_breaker() {
    let (clock, gateway) = (HandClock::new(), Scripted::new(vec![Err(GatewayError::NotSent); 5]));
    let breaker = breaker(&gateway, &clock);
    for _ in 0..5 {
        let _ = breaker.fetch(&reference()).await;
    }
    let webhook = Webhook { headers: &[], body: b"", received_at: start() };
    assert_eq!(breaker.read_webhook(&webhook), Err(WebhookError::BadSignature));
    assert_eq!((breaker.name(), breaker.mode()), ("scripted", Mode::Test));
}
