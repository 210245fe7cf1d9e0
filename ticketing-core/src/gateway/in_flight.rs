//! Counts checkouts in flight: calls of [`PaymentGateway::open_checkout`] that wait for the gateway.
//!
//! A server with a concurrency limit need not count purchases that wait: they cost it nothing, however long that takes.

use super::{
    Abilities, Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError,
    WebhookEvent,
};
use crate::domain::code::Reference;
use crate::domain::payment::{Checkout, Mode};
use crate::domain::refund::ListedRefund;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of calls in flight. Cheap to clone; all clones share it.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// The number of calls in flight right now.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one call until the guard is dropped.
    pub fn begin(&self) -> InFlightGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(self.clone())
    }
}

/// A call in flight.
#[derive(Debug)]
pub struct InFlightGuard(InFlight);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A gateway whose checkouts are counted while they are being opened. Everything else passes through.
#[derive(Debug)]
pub struct CountInFlight {
    gateway: Arc<dyn PaymentGateway>,
    checkouts: InFlight,
}

impl CountInFlight {
    /// Counts the checkouts of `gateway` in `checkouts`.
    pub fn new(gateway: Arc<dyn PaymentGateway>, checkouts: InFlight) -> Self {
        Self { gateway, checkouts }
    }
}

#[async_trait]
impl PaymentGateway for CountInFlight {
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
        let _guard = self.checkouts.begin();
        self.gateway.open_checkout(charge).await
    }

    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
        self.gateway.fetch(reference).await
    }

    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        self.gateway.refund(refund).await
    }

    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        self.gateway.find_refund(refund).await
    }

    async fn refunds_of(&self, attempt: &Reference) -> Result<Vec<ListedRefund>, GatewayError> {
        self.gateway.refunds_of(attempt).await
    }

    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        self.gateway.read_webhook(webhook)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_until_its_guard_is_dropped() {
        let checkouts = InFlight::default();
        let (first, second) = (checkouts.clone().begin(), checkouts.begin());
        assert_eq!(checkouts.count(), 2);
        drop(first);
        assert_eq!(checkouts.count(), 1);
        drop(second);
        assert_eq!(checkouts.count(), 0);
    }
}
