//! Paystack, the payment gateway of Ghana, Kenya, Nigeria, South Africa and neighbours.
//!
//! What is known of it comes from its public [OpenAPI description](https://github.com/PaystackOSS/openapi), its
//! [documentation](https://paystack.com/docs/api/) and its official samples. Responses are parsed leniently: unknown fields and
//! values are accepted.

mod answer;
mod checkout;
mod client;
mod config;
mod lenient;
mod refunds;
mod verify;
mod webhook;
mod wire;

pub use config::PaystackConfig;

use super::{
    Abilities, Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError,
    WebhookEvent,
};
use crate::domain::code::Reference;
use crate::domain::payment::{Checkout, Mode};
use crate::domain::refund::ListedRefund;
use async_trait::async_trait;
use client::{Client, within};
use config::SecretKey;
use std::fmt;
use std::time::Duration;

/// The Paystack gateway. Needs a Tokio runtime. It keeps connections open between calls, so create one and share it.
///
/// - **Retries**: reads are retried up to twice if no response came; opening a checkout only if nothing was sent; refunds
///   never. All tries together end within the timeout of the call.
/// - **Responses** larger than 1 MiB are rejected, redirects are not followed, and the environment's proxies are not used.
/// - **Paystack's messages** go to the log (`tracing`, level warn), never into an error.
pub struct PaystackGateway {
    client: Client,
    mode: Mode,
    keys: Vec<SecretKey>,
    timeout: Duration,
    refund_timeout: Duration,
    pays_within: Option<Duration>,
}

impl PaystackGateway {
    /// Checks `config` and creates the client. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration), where a key is not a secret key, the keys are of different modes, the
    /// base URL cannot be used, a timeout is zero, or the machine has no root certificates.
    pub fn new(config: PaystackConfig) -> crate::error::Result<Self> {
        let checked = config.check()?;
        Ok(Self {
            client: Client::new(&checked)?,
            mode: checked.mode,
            keys: checked.keys,
            timeout: checked.timeout,
            refund_timeout: checked.refund_timeout,
            pays_within: checked.pays_within,
        })
    }
}

/// Without the keys.
impl fmt::Debug for PaystackGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaystackGateway")
            .field("base_url", &self.client.base())
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl PaymentGateway for PaystackGateway {
    fn name(&self) -> &'static str {
        "paystack"
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn abilities(&self) -> Abilities {
        Abilities::default().with_currencies(wire::currencies()).with_pays_within(self.pays_within)
    }

    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
        within(self.timeout, checkout::open(&self.client, charge)).await
    }

    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
        within(self.timeout, verify::fetch(&self.client, reference)).await
    }

    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        within(self.refund_timeout, refunds::refund(&self.client, refund)).await
    }

    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        within(self.refund_timeout, refunds::find(&self.client, refund)).await
    }

    async fn refunds_of(&self, attempt: &Reference) -> Result<Vec<ListedRefund>, GatewayError> {
        within(self.refund_timeout, refunds::all(&self.client, attempt)).await
    }

    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        webhook::read(&self.keys, webhook)
    }
}
