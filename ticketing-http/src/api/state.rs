use super::event_read::RenderedEvents;
use crate::middleware::login_throttle::LoginThrottle;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use ticketing_core::Ticketing;
use ticketing_core::clock::{Clock, Random, SystemClock, SystemRandom};
use ticketing_core::domain::money::Currency;
use ticketing_core::gateway::circuit_breaker::CircuitBreaker;
use ticketing_core::gateway::in_flight::InFlight;

/// What every operation has at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// The engine.
    pub ticketing: Ticketing,
    /// What can be set.
    pub settings: Arc<ApiSettings>,
    /// Slows down guessing of passwords.
    pub login_throttle: Arc<LoginThrottle>,
    /// What time it is, for the throttle.
    pub clock: Arc<dyn Clock>,
    /// Watches over the payment gateway, if anybody does: shown by `/health?detail=true`.
    pub breaker: Option<Arc<CircuitBreaker>>,
    /// Checkouts that wait for the payment gateway.
    pub checkouts: InFlight,
    /// Whether limits are counted in the storage too, for all processes on it together.
    pub has_shared_limits: bool,
    /// What references are derived from, with the key that a request names. The same in every process, for ever.
    key_secret: KeySecret,
    is_stopping: Arc<AtomicBool>,
    /// Events that were read recently, rendered.
    pub(super) rendered_events: Arc<RenderedEvents>,
}

/// A MAC that has read the secret already.
#[derive(Clone)]
struct KeySecret(Hmac<Sha256>);

impl KeySecret {
    fn new(secret: [u8; 32]) -> Self {
        // HMAC's block is 64 bytes: a shorter key is filled up with zeros (RFC 2104, 2).
        let mut block = [0; 64];
        block[..32].copy_from_slice(&secret);
        Self(Hmac::new(&block.into()))
    }
}

impl std::fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySecret(..)")
    }
}

/// What can be set of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// Of events that name no currency. Defaults to NGN.
    pub default_currency: Currency,
    /// Whether events may be made without a token, as the second seed has it. Nobody runs such an event but administrators.
    /// Defaults to no.
    pub allow_anonymous_events: bool,
    /// Where buyers are sent back to after paying, with `?reference=` added. Defaults to `http://localhost:3000`.
    pub frontend_url: String,
    /// Our own address as others see it, for absolute links. Without it, links are relative.
    pub public_url: Option<String>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            default_currency: Currency::NGN,
            allow_anonymous_events: false,
            frontend_url: "http://localhost:3000".to_owned(),
            public_url: None,
        }
    }
}

impl ApiState {
    /// The engine behind an API, by the machine's clock and a fresh throttle, without a breaker. Keys of requests are good for
    /// this process only, unless [`with_key_secret`](Self::with_key_secret) is used.
    pub fn new(ticketing: Ticketing, settings: ApiSettings) -> Self {
        let mut secret = [0; 32];
        SystemRandom.fill(&mut secret);
        Self {
            breaker: None,
            checkouts: InFlight::default(),
            is_stopping: Arc::default(),
            rendered_events: Arc::default(),
            has_shared_limits: false,
            key_secret: KeySecret::new(secret),
            ticketing,
            settings: Arc::new(settings),
            login_throttle: Arc::new(LoginThrottle::new()),
            clock: Arc::new(SystemClock),
        }
    }

    /// Reads the number of checkouts in flight, which [`CountInFlight`](ticketing_core::gateway::in_flight::CountInFlight) counts.
    #[must_use]
    pub fn with_checkouts(mut self, checkouts: InFlight) -> Self {
        self.checkouts = checkouts;
        self
    }

    /// Keys of requests are good for every process with the same secret, also after a restart.
    #[must_use]
    pub fn with_key_secret(mut self, secret: [u8; 32]) -> Self {
        self.key_secret = KeySecret::new(secret);
        self
    }

    /// Counts requests and failed log-ins in the storage too, so that limits hold for all processes on it together.
    #[must_use]
    pub fn with_shared_limits(mut self, shared: bool) -> Self {
        self.has_shared_limits = shared;
        self
    }

    /// Reads this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Shows this breaker in `/health?detail=true`.
    #[must_use]
    pub fn with_breaker(mut self, breaker: Arc<CircuitBreaker>) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// From now on `/ready` says no, so that whoever deals out requests gives us no more. All else works on.
    pub fn stop_soon(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is about to stop.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// What keys of requests are hashed with.
    pub(super) fn key_mac(&self) -> Hmac<Sha256> {
        self.key_secret.0.clone()
    }
}
