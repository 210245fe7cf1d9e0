use super::event_read::RenderedEvents;
use crate::middleware::code_guesses::CodeGuesses;
use crate::middleware::login_throttle::LoginThrottle;
use crate::middleware::proof_limit::ProofLimit;
use crate::middleware::purchase_limit::{PurchaseLimit, PurchaseLimits};
use crate::problem::Problem;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use ticketing_core::clock::{Clock, Random, SystemClock, SystemRandom};
use ticketing_core::domain::money::Currency;
use ticketing_core::domain::time_zone::TimeZoneName;
use ticketing_core::gateway::circuit_breaker::CircuitBreaker;
use ticketing_core::gateway::in_flight::InFlight;
use ticketing_core::{Error, Ticketing};

/// What every operation uses. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// The engine.
    pub ticketing: Ticketing,
    /// Settings of the API.
    pub settings: Arc<ApiSettings>,
    /// Slows down password guessing.
    pub login_throttle: Arc<LoginThrottle>,
    /// Limits how many purchases begin.
    pub purchase_limit: Arc<PurchaseLimit>,
    /// Slows down guessing of promo codes.
    pub code_guesses: Arc<CodeGuesses>,
    /// Limits how many mails about accounts are requested.
    pub proof_limit: Arc<ProofLimit>,
    /// The time, for the throttle.
    pub clock: Arc<dyn Clock>,
    /// The payment gateway's circuit breaker, if there is one: shown by `/health?detail=true`.
    pub breaker: Option<Arc<CircuitBreaker>>,
    /// Checkouts that wait for the payment gateway.
    pub checkouts: InFlight,
    /// Whether limits are shared through the storage by all processes that use it.
    pub has_shared_limits: bool,
    /// References are derived from it and the idempotency key. Must never change, and be the same in every process.
    key_secret: KeySecret,
    is_stopping: Arc<AtomicBool>,
    /// Events that were read recently, rendered.
    pub(super) rendered_events: Arc<RenderedEvents>,
}

/// A MAC that is already keyed with the secret.
#[derive(Clone)]
struct KeySecret(Hmac<Sha256>);

impl KeySecret {
    fn new(secret: [u8; 32]) -> Self {
        // HMAC's block is 64 bytes: a shorter key is padded with zeros (RFC 2104, 2).
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

/// Settings of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// The currency of events that name none. Default: NGN.
    pub default_currency: Currency,
    /// The time zone of events that name none. Default: UTC.
    pub default_time_zone: TimeZoneName,
    /// Whether events may be created without a token, as clients of system B do. Only administrators can manage such events.
    /// Default: no.
    pub allow_anonymous_events: bool,
    /// Where buyers return after paying, with `?reference=` added. Default: `http://localhost:3000`.
    pub frontend_url: String,
    /// The server's public URL, for absolute links. Default: links are relative.
    pub public_url: Option<String>,
    /// Whether tickets may have a price. If not, only free events can be made. Default: yes.
    pub takes_payments: bool,
    /// How many purchases an account and an address may begin. Default: no limits.
    pub purchase_limits: PurchaseLimits,
    /// Whether new accounts are sent a mail that asks them to confirm their address. Default: yes.
    pub verify_emails: bool,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            default_currency: Currency::NGN,
            default_time_zone: TimeZoneName::default(),
            allow_anonymous_events: false,
            frontend_url: "http://localhost:3000".to_owned(),
            public_url: None,
            takes_payments: true,
            purchase_limits: PurchaseLimits::default(),
            verify_emails: true,
        }
    }
}

impl ApiState {
    /// An API for this engine, with the system clock and no circuit breaker. Idempotency keys hold for this process only, unless
    /// [`with_key_secret`](Self::with_key_secret) is used.
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
            purchase_limit: Arc::new(PurchaseLimit::new(settings.purchase_limits)),
            code_guesses: Arc::default(),
            proof_limit: Arc::default(),
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

    /// Idempotency keys hold for every process with the same secret, also after a restart.
    #[must_use]
    pub fn with_key_secret(mut self, secret: [u8; 32]) -> Self {
        self.key_secret = KeySecret::new(secret);
        self
    }

    /// Shares rate limits and login limits through the storage, with all processes that use it.
    #[must_use]
    pub fn with_shared_limits(mut self, shared: bool) -> Self {
        self.has_shared_limits = shared;
        self
    }

    /// Uses this clock.
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

    /// From now on `/ready` returns 503, so that load balancers send no more requests. Everything else goes on working.
    pub fn stop_soon(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is shutting down.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// The answer to an error of a purchase. Without payments the engine has no gateway, which is then no fault of the server.
    pub(super) fn purchase_problem(&self, error: Error) -> Problem {
        match error {
            Error::Configuration(_) if !self.settings.takes_payments => Problem::new(
                "gateway_misconfigured",
                "This server takes no payments. Only free tickets can be ordered.",
            ),
            error => error.into(),
        }
    }

    /// A MAC to derive from idempotency keys with.
    pub(super) fn key_mac(&self) -> Hmac<Sha256> {
        self.key_secret.0.clone()
    }
}
