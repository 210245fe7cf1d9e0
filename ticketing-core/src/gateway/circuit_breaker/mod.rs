//! A circuit breaker for any payment gateway: while the gateway is unavailable, calls fail at once instead of waiting.

mod config;
mod state;
#[cfg(test)]
mod tests;
mod window;

pub use config::BreakerConfig;
pub use state::StateName;

use super::{
    Abilities, Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError,
    WebhookEvent,
};
use crate::clock::{Clock, Random};
use crate::domain::code::Reference;
use crate::domain::payment::{Checkout, Mode};
use crate::domain::refund::ListedRefund;
use crate::metrics;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use state::{Machine, Permit, Snapshot, Verdict};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Calls that share a breaker. There are three, so that failing reads do not stop checkouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// [`PaymentGateway::open_checkout`].
    Checkout,
    /// [`PaymentGateway::fetch`] and [`PaymentGateway::find_refund`].
    Read,
    /// [`PaymentGateway::refund`].
    Refund,
}

impl Class {
    /// Every class, for tables and metrics.
    pub const ALL: [Self; 3] = [Self::Checkout, Self::Read, Self::Refund];

    /// The class's stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Read => "read",
            Self::Refund => "refund",
        }
    }
}

/// The state of the breaker of one class.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ClassState {
    /// The class of calls.
    pub class: Class,
    /// The state. An open breaker becomes half open with the next call after its wait, not before.
    pub state: StateName,
    /// When this state began.
    pub since: Timestamp,
    /// In how many milliseconds a call may pass again, if none passes now.
    pub retry_after_ms: Option<u64>,
    /// While closed: the number of calls within the window.
    pub calls: u32,
    /// While closed: how many of them failed.
    pub failures: u32,
    /// While closed: the number of failures since the last success.
    pub failures_in_a_row: u32,
    /// How often it tripped since it was last closed.
    pub trips: u32,
    /// How many calls were rejected so far.
    pub refused: u64,
}

/// A callback for changes of state.
pub type OnChange = Arc<dyn Fn(Class, StateName) + Send + Sync>;

/// A gateway behind circuit breakers, one for each [`Class`]. Webhooks do not go through them.
///
/// These count as a **failure**: no connection, no response, "unavailable", and responses that cannot be parsed. As a
/// **success**: any other response, "rejected" and "not found" included. As **neither**: a rate limit, a wrong API key.
///
/// **Closed**, it trips as [`BreakerConfig`] says. **Open**, it returns [`GatewayError::CircuitOpen`] and sends nothing. **Half
/// open**, one call at a time passes: a failure opens it again, some successes in a row close it. If that call is dropped
/// before it ends, its outcome is unknown, which counts as a failure.
pub struct CircuitBreaker {
    gateway: Arc<dyn PaymentGateway>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    on_change: Option<OnChange>,
    checkout: Mutex<Machine>,
    read: Mutex<Machine>,
    refund: Mutex<Machine>,
}

impl CircuitBreaker {
    /// Puts `gateway` behind circuit breakers, which start closed.
    pub fn new(
        gateway: Arc<dyn PaymentGateway>,
        config: BreakerConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let now = clock.now();
        let machine = || Mutex::new(Machine::new(config.clone(), now));
        Self { gateway, clock, random, on_change: None, checkout: machine(), read: machine(), refund: machine() }
    }

    /// Calls `hook` after every change of state, on the caller's task. It must be fast. Meant for metrics.
    #[must_use]
    pub fn with_on_change(mut self, hook: OnChange) -> Self {
        self.on_change = Some(hook);
        self
    }

    /// The state of the breakers, in the order of [`Class::ALL`].
    pub fn state(&self) -> [ClassState; 3] {
        let now = self.clock.now();
        Class::ALL.map(|class| ClassState::of(class, self.machine(class).snapshot(now)))
    }

    fn machine(&self, class: Class) -> MutexGuard<'_, Machine> {
        let machine = match class {
            Class::Checkout => &self.checkout,
            Class::Read => &self.read,
            Class::Refund => &self.refund,
        };
        // No code under this lock leaves the machine half-changed.
        machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn through<T>(
        &self,
        class: Class,
        call: impl Future<Output = Result<T, GatewayError>> + Send,
    ) -> Result<T, GatewayError> {
        let guard = match self.enter(class) {
            Ok(guard) => guard,
            Err(error) => {
                metrics::gateway_called(class.name(), Some(&error), SignedDuration::ZERO);
                return Err(error);
            }
        };
        let began = self.clock.now();
        let result = call.await;
        metrics::gateway_called(class.name(), result.as_ref().err(), self.clock.now().duration_since(began));
        guard.end(verdict(&result));
        result
    }

    fn enter(&self, class: Class) -> Result<Guard<'_>, GatewayError> {
        match self.changing(class, |machine, now| machine.acquire(now)) {
            Ok(permit) => Ok(Guard { breaker: self, class, permit: Some(permit) }),
            Err(retry_after) => Err(GatewayError::CircuitOpen { retry_after }),
        }
    }

    /// Applies `act` to a machine, and reports if its state changed.
    fn changing<T>(&self, class: Class, act: impl FnOnce(&mut Machine, Timestamp) -> T) -> T {
        let mut machine = self.machine(class);
        // Read under the lock, or a later call could act on an earlier time.
        let now = self.clock.now();
        let before = machine.name();
        let result = act(&mut machine, now);
        let after = machine.name();
        let snapshot = machine.snapshot(now);
        drop(machine);
        if before != after {
            self.tell(class, before, &snapshot);
        }
        result
    }

    fn tell(&self, class: Class, before: StateName, now: &Snapshot) {
        let (gateway, class_name, state) = (self.gateway.name(), class.name(), now.state.name());
        match now.state {
            StateName::Open => tracing::warn!(
                gateway,
                class = class_name,
                state,
                before = before.name(),
                trips = now.trips,
                retry_after_ms = now.retry_after.map(|wait| saturated(wait.as_millis())),
                "circuit breaker opened: the payment gateway is unavailable, calls are rejected for a while"
            ),
            StateName::HalfOpen | StateName::Closed => {
                tracing::info!(gateway, class = class_name, state, before = before.name(), "circuit breaker changed");
            }
        }
        if let Some(hook) = &self.on_change {
            hook(class, now.state);
        }
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("gateway", &self.gateway)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl PaymentGateway for CircuitBreaker {
    fn name(&self) -> &'static str {
        self.gateway.name()
    }

    fn mode(&self) -> Mode {
        self.gateway.mode()
    }

    fn abilities(&self) -> Abilities {
        self.gateway.abilities()
    }

    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
        self.through(Class::Checkout, self.gateway.open_checkout(charge)).await
    }

    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
        self.through(Class::Read, self.gateway.fetch(reference)).await
    }

    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        self.through(Class::Refund, self.gateway.refund(refund)).await
    }

    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        self.through(Class::Read, self.gateway.find_refund(refund)).await
    }

    async fn refunds_of(&self, attempt: &Reference) -> Result<Vec<ListedRefund>, GatewayError> {
        self.through(Class::Read, self.gateway.refunds_of(attempt)).await
    }

    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        self.gateway.read_webhook(webhook)
    }
}

impl ClassState {
    fn of(class: Class, snapshot: Snapshot) -> Self {
        let Snapshot { state, since, retry_after, calls, failures, failures_in_a_row, trips, refused } = snapshot;
        let retry_after_ms = retry_after.map(|wait| saturated(wait.as_millis()));
        Self { class, state, since, retry_after_ms, calls, failures, failures_in_a_row, trips, refused }
    }
}

/// A permit that returns itself: dropped without a verdict, its call counts as abandoned.
struct Guard<'a> {
    breaker: &'a CircuitBreaker,
    class: Class,
    permit: Option<Permit>,
}

impl Guard<'_> {
    fn end(mut self, verdict: Verdict) {
        self.give_back(verdict);
    }

    fn give_back(&mut self, verdict: Verdict) {
        if let Some(permit) = self.permit.take() {
            let mut draw = [0; 4];
            self.breaker.random.fill(&mut draw);
            let draw = u32::from_be_bytes(draw);
            self.breaker.changing(self.class, |machine, now| machine.report(permit, verdict, now, draw));
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.give_back(Verdict::Abandoned);
    }
}

fn verdict<T>(result: &Result<T, GatewayError>) -> Verdict {
    match result {
        // The gateway answered. What it says about one payment says nothing about the others.
        Ok(_) | Err(GatewayError::Rejected { .. } | GatewayError::DuplicateReference | GatewayError::Unreadable) => {
            Verdict::Success
        }
        Err(
            GatewayError::NotSent | GatewayError::OutcomeUnknown | GatewayError::Unavailable | GatewayError::Malformed,
        ) => Verdict::Failure,
        // With the last two, the gateway was not called at all.
        Err(
            GatewayError::RateLimited { .. }
            | GatewayError::Auth
            | GatewayError::Unsupported
            | GatewayError::CircuitOpen { .. },
        ) => Verdict::Neutral,
    }
}

fn saturated(millis: u128) -> u64 {
    u64::try_from(millis).unwrap_or(u64::MAX)
}
