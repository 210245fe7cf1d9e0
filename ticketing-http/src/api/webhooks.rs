//! What payment gateways tell by themselves.

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

/// That the webhook is kept.
#[derive(Object)]
pub(crate) struct WebhookView {
    /// What became of it so far: `waiting` to be applied, or known already.
    status: String,
}

pub(crate) struct Webhooks(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Payments")]
impl Webhooks {
    /// Take a webhook from a payment gateway
    ///
    /// For gateways only. The signature is checked over the body byte for byte, before anything of it is read. The answer comes
    /// as soon as the webhook is kept; it is applied afterwards. The same event may come any number of times.
    #[oai(path = "/payments/webhooks/:gateway", method = "post", operation_id = "receiveWebhook")]
    async fn receive(
        &self,
        request: &Request,
        /// The gateway's name: `paystack`.
        gateway: Path<Name>,
        body: Body,
    ) -> Result<Json<WebhookView>, WebhookProblems> {
        let body = body.into_bytes().await.map_err(|_| Problem::new("bad_request", "The body could not be read."))?;
        let headers: Vec<(&str, &[u8])> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let webhook = Webhook::new(&headers, &body, self.0.clock.now());
        let stored = self.0.ticketing.receive_webhook(&gateway.0.0, &webhook).await?;
        Ok(Json(WebhookView { status: stored.status.name().to_owned() }))
    }
}
