use crate::middleware::login_throttle::LoginThrottle;
use std::sync::Arc;
use ticketing_core::Ticketing;
use ticketing_core::clock::{Clock, SystemClock};
use ticketing_core::domain::money::Currency;

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
    /// The engine behind an API, by the machine's clock and a fresh throttle.
    pub fn new(ticketing: Ticketing, settings: ApiSettings) -> Self {
        Self {
            ticketing,
            settings: Arc::new(settings),
            login_throttle: Arc::new(LoginThrottle::new()),
            clock: Arc::new(SystemClock),
        }
    }
}
