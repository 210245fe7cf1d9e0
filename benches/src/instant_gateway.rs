//! A payment gateway in memory that answers at once: every checkout is paid as soon as it is open.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::money::Money;
use ticketing_core::domain::payment::{Captured, Checkout, Mode, Observation};
use ticketing_core::gateway::{
    Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError, WebhookEvent,
};

/// The payment gateway, in this process.
#[derive(Debug, Default)]
pub struct Instant {
    paid: Mutex<HashMap<Reference, Money>>,
}

#[async_trait]
impl PaymentGateway for Instant {
    fn name(&self) -> &'static str {
        "instant"
    }

    fn mode(&self) -> Mode {
        Mode::Test
    }

    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        paid.insert(charge.reference.clone(), charge.amount);
        Ok(Checkout::new(format!("https://pay.example.com/{}", charge.reference)))
    }

    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
        let paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner).remove(reference);
        Ok(paid.map(|amount| Fetched::new(Observation::Success(Captured::new(amount, Mode::Test)), "success")))
    }

    async fn refund(&self, _call: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        Err(GatewayError::NotSent)
    }

    async fn find_refund(&self, _call: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        Ok(None)
    }

    fn read_webhook(&self, _webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        Err(WebhookError::BadSignature)
    }
}
