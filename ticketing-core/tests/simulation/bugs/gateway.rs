//! Bugs on the way to and from the gateway.

use super::Bug;
use crate::executor::lock;
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::Mutex;
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::payment::{Captured, Observation};
use ticketing_core::gateway::{Fetched, GatewayError, RefundCall};

/// Bugs on the way to and from the gateway.
#[derive(Debug)]
pub(crate) struct GatewayBugs {
    pub(crate) bug: Option<Bug>,
    told: Mutex<BTreeMap<Reference, Captured>>,
}

impl GatewayBugs {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, told: Mutex::default() }
    }

    /// No answer is not a no.
    pub(crate) fn checkout_error(&self, error: GatewayError) -> GatewayError {
        if self.bug == Some(Bug::CheckoutTimeoutIsFailure) { GatewayError::NotSent } else { error }
    }

    pub(crate) fn refund_error(&self, error: GatewayError) -> GatewayError {
        if self.bug == Some(Bug::RefundTimeoutIsFailure) { GatewayError::NotSent } else { error }
    }

    pub(crate) fn refund_call(&self, call: &RefundCall, world: &World) -> RefundCall {
        if self.bug != Some(Bug::RefundNotKeyed) {
            return call.clone();
        }
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&world.draw().to_le_bytes());
        let mut call = call.clone();
        call.key = Reference::of_attempt(&Seed(seed));
        call
    }

    pub(crate) fn told(&self, reference: &Reference, captured: &Captured) {
        if self.bug == Some(Bug::WebhookTrusted) {
            lock(&self.told).insert(reference.clone(), captured.clone());
        }
    }

    pub(crate) fn fetched(&self, reference: &Reference, fetched: Option<Fetched>) -> Option<Fetched> {
        match lock(&self.told).get(reference) {
            Some(captured) => Some(Fetched::new(Observation::Success(captured.clone()), "success")),
            None => fetched,
        }
    }
}
