//! How many sales only wait for the payment service at the moment: they cost this server nothing, however long that takes.

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::payment::{Checkout, Mode};
use ticketing_core::gateway::{
    Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError, WebhookEvent,
};

/// The number. Cheap to clone; all clones share it.
#[derive(Clone, Debug, Default)]
pub struct Checkouts(Arc<AtomicUsize>);

impl Checkouts {
    /// How many there are right now.
    pub fn under_way(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, until it is dropped.
    pub fn begin(&self) -> UnderWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }
}

/// A checkout that is being opened.
#[derive(Debug)]
pub struct UnderWay(Checkouts);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A gateway whose checkouts are counted while they are being opened.
#[derive(Debug)]
pub struct Counted {
    gateway: Arc<dyn PaymentGateway>,
    checkouts: Checkouts,
}

impl Counted {
    /// Counts what goes through it.
    pub fn new(gateway: Arc<dyn PaymentGateway>, checkouts: Checkouts) -> Self {
        Self { gateway, checkouts }
    }
}

#[async_trait]
impl PaymentGateway for Counted {
    fn name(&self) -> &'static str {
        self.gateway.name()
    }

    fn mode(&self) -> Mode {
        self.gateway.mode()
    }

    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
        let _under_way = self.checkouts.begin();
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

    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        self.gateway.read_webhook(webhook)
    }
}
