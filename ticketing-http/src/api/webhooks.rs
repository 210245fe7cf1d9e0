//! Webhooks from payment gateways.

use super::Tag;
use super::dto::path::Name;
use super::problems::problems;
use super::state::ApiState;
use crate::problem::Problem;
use poem::{Body, Request};
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use ticketing_core::gateway::Webhook;

problems! {
    WebhookProblems: &["not_found", "bad_signature", "unreadable_webhook", "body_too_large"];
}

/// The webhook is stored.
#[derive(Object)]
pub(crate) struct WebhookView {
    /// Its status: `waiting` to be applied, or that of the same webhook received before.
    status: String,
}

pub(crate) struct Webhooks(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Payments")]
impl Webhooks {
    /// Receive a webhook from a payment gateway
    ///
    /// For gateways only. The signature of the raw body is verified before anything else is read. The response is sent as soon as
    /// the webhook is stored; it is applied afterwards. The same event may be delivered any number of times.
    #[oai(path = "/payments/webhooks/:gateway", method = "post", operation_id = "receiveWebhook")]
    async fn receive(
        &self,
        request: &Request,
        /// The gateway's name: `paystack`.
        gateway: Path<Name>,
        body: Body,
    ) -> Result<Json<WebhookView>, WebhookProblems> {
        let body = body.into_bytes().await.map_err(|_| Problem::new("bad_request", "The body cannot be read."))?;
        let headers: Vec<(&str, &[u8])> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let webhook = Webhook::new(&headers, &body, self.0.clock.now());
        let stored = self.0.ticketing.receive_webhook(&gateway.0.0, &webhook).await?;
        Ok(Json(WebhookView { status: stored.status.name().to_owned() }))
    }
}
