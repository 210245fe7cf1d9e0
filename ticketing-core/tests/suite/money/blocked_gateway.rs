//! A gateway whose calls do not return until they are let go.

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::payment::{Checkout, Mode};
use ticketing_core::gateway::{
    Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError, WebhookEvent,
};
use ticketing_core::testing::FakeGateway;
use tokio::sync::watch;

/// Does what the fake gateway does, but callers get their response only when [`let_go`](Self::let_go) is called.
#[derive(Clone, Debug)]
pub(crate) struct BlockedGateway {
    inner: FakeGateway,
    gone: watch::Sender<bool>,
    waiting: Arc<AtomicUsize>,
}

impl BlockedGateway {
    pub(crate) fn new(inner: FakeGateway) -> Self {
        Self { inner, gone: watch::Sender::new(false), waiting: Arc::default() }
    }

    pub(crate) fn let_go(&self) {
        self.gone.send_replace(true);
    }

    /// From now on calls get stuck again.
    pub(crate) fn hold_back(&self) {
        self.gone.send_replace(false);
    }

    /// Waits until so many calls have got stuck, ever.
    pub(crate) async fn until_blocked(&self, calls: usize) {
        while self.waiting.load(Ordering::SeqCst) < calls {
            tokio::task::yield_now().await;
        }
    }

    async fn wait(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _ = self.gone.subscribe().wait_for(|gone| *gone).await;
    }
}

#[async_trait]
impl PaymentGateway for BlockedGateway {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn mode(&self) -> Mode {
        self.inner.mode()
    }

    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
        let answer = self.inner.open_checkout(charge).await;
        self.wait().await;
        answer
    }

    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
        let answer = self.inner.fetch(reference).await;
        self.wait().await;
        answer
    }

    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        let answer = self.inner.refund(refund).await;
        self.wait().await;
        answer
    }

    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        let answer = self.inner.find_refund(refund).await;
        self.wait().await;
        answer
    }

    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        self.inner.read_webhook(webhook)
    }
}
