//! Webhooks of gateways: stored first, acknowledged, then applied.

use super::upkeep::LEASE;
use super::{Ticketing, only};
use crate::domain::code::Reference;
use crate::domain::payment::{Attempt, FindAttempt, Observation};
use crate::domain::refund::WakeRefunds;
use crate::domain::webhook::{ClaimWebhooks, NewWebhook, StoredWebhook, WebhookAction, WebhookReport, WebhookStatus};
use crate::error::{Error, Result};
use crate::gateway::{Fetched, GatewayError, Webhook, WebhookSubject};
use crate::metrics;
use crate::storage::StorageExt as _;

impl Ticketing {
    /// Stores a webhook, to be applied by upkeep. Answer the gateway with success as soon as this returns: from then on nothing
    /// can be lost. A repeat of the same event changes nothing.
    ///
    /// Errors: [`Error::Webhook`] if the signature is invalid, before the body is parsed or the storage is used;
    /// [`Error::Storage`] if it could not be stored, so that the gateway retries.
    pub async fn receive_webhook(&self, gateway: &str, webhook: &Webhook<'_>) -> Result<StoredWebhook> {
        let configured = self.inner.gateway.as_ref().filter(|configured| configured.name() == gateway);
        let event = configured.ok_or(Error::NotFound("Payment gateway"))?.read_webhook(webhook)?;
        metrics::webhook_received();
        let (action, captured) = match event.about {
            WebhookSubject::Charge(Fetched { observation: Observation::Success(captured), .. }) => {
                (WebhookAction::Settle, Some(captured))
            }
            WebhookSubject::Charge(_) => (WebhookAction::Settle, None),
            WebhookSubject::Refund => (WebhookAction::Refunds, None),
            WebhookSubject::Dispute => (WebhookAction::Dispute, None),
            WebhookSubject::Other => (WebhookAction::None, None),
        };
        let new = NewWebhook {
            gateway: gateway.to_owned(),
            dedupe_key: event.dedupe_key,
            kind: event.kind,
            action,
            reference: event.reference,
            captured,
            body: webhook.body.to_vec(),
        };
        let (stored, _first) = only(self.inner.storage.apply(self.now(), &[new]).await?)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(stored)
    }

    /// Applies a claimed webhook and records the result. Returns whether it is done.
    pub(super) async fn apply_webhook(&self, webhook: &StoredWebhook) -> Result<bool> {
        let (status, note) = match self.try_webhook(webhook).await {
            Ok((status, note)) => (status, note.map(str::to_owned)),
            // It stays as it is and is retried: the gateway or the storage is not available.
            Err(error) => (webhook.status, Some(error.to_string())),
        };
        if matches!(status, WebhookStatus::Quarantined | WebhookStatus::Contradicted) {
            tracing::error!(webhook.id = %webhook.id, webhook.kind = webhook.event.kind, status = status.name(), note, "a webhook needs attention");
        }
        let report = WebhookReport { id: webhook.id, status, note };
        self.inner.storage.apply(self.now(), &[report]).await?;
        Ok(!matches!(status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed))
    }

    async fn try_webhook(&self, webhook: &StoredWebhook) -> Result<(WebhookStatus, Option<&'static str>)> {
        let attempt = match &webhook.event.reference {
            Some(reference) => {
                self.inner.batches.find(FindAttempt(reference.clone())).await?.map(|(attempt, _)| attempt)
            }
            None => None,
        };
        // A reference of ours at another gateway does not count.
        let Some(attempt) = attempt.filter(|attempt| attempt.gateway == webhook.event.gateway) else {
            return Ok((WebhookStatus::Quarantined, Some("no payment of ours has this reference")));
        };
        match webhook.event.action {
            WebhookAction::Settle if webhook.status == WebhookStatus::Unconfirmed => self.confirm(&attempt).await,
            WebhookAction::Settle => self.settle_from(webhook, &attempt).await,
            _ if !attempt.status.has_captured() => {
                // Arrived before the charge itself: waits until the charge is known.
                self.ask_and_settle(&attempt).await?;
                Ok((WebhookStatus::Waiting, Some("the charge was not known yet")))
            }
            WebhookAction::Refunds => {
                self.look_up_refunds(&attempt.reference).await?;
                self.notice_reversal(&attempt).await?;
                Ok((WebhookStatus::Applied, None))
            }
            WebhookAction::Dispute => {
                let report = Fetched { observation: Observation::Disputed, raw_status: webhook.event.kind.clone() };
                self.settle(&attempt.reference, report).await?;
                self.notice_reversal(&attempt).await?;
                Ok((WebhookStatus::Applied, None))
            }
            WebhookAction::None => Ok((WebhookStatus::Ignored, None)),
        }
    }

    /// Asks the gateway, because the body is only a hint. While the circuit breaker is open, a signed event is believed if its
    /// reference, amount, currency and mode match, and the gateway is asked later.
    async fn settle_from(
        &self,
        webhook: &StoredWebhook,
        attempt: &Attempt,
    ) -> Result<(WebhookStatus, Option<&'static str>)> {
        match (self.ask_and_settle(attempt).await, &webhook.event.captured) {
            (Ok(_), _) => Ok((WebhookStatus::Applied, None)),
            (Err(Error::Gateway(GatewayError::CircuitOpen { .. })), Some(captured))
                if captured.amount == attempt.amount && captured.mode == attempt.mode =>
            {
                let observation = Observation::Success(captured.clone());
                let report = Fetched { observation, raw_status: webhook.event.kind.clone() };
                self.settle(&attempt.reference, report).await?;
                Ok((WebhookStatus::Unconfirmed, Some("applied on its own word while the gateway could not be asked")))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn confirm(&self, attempt: &Attempt) -> Result<(WebhookStatus, Option<&'static str>)> {
        let fetched = self.gateway_of(attempt)?.fetch(&attempt.reference).await?;
        Ok(match fetched.map(|fetched| fetched.observation) {
            Some(Observation::Success(captured)) if attempt.mismatch(&captured).is_none() => {
                (WebhookStatus::Applied, Some("confirmed by the gateway"))
            }
            // Paid, and reversed since: the events that follow report it.
            Some(Observation::Reversed) => {
                (WebhookStatus::Applied, Some("confirmed by the gateway, and reversed since"))
            }
            // Not an answer about this payment.
            Some(Observation::Unrecognised | Observation::Mismatched(_)) => {
                (WebhookStatus::Unconfirmed, Some("the gateway's answer says neither yes nor no"))
            }
            _ => (WebhookStatus::Contradicted, Some("applied on its own word; the gateway says otherwise")),
        })
    }

    /// Captured attempts are not polled any more. So this is where we learn that money went back without us: refunded in the
    /// gateway's own dashboard, or lost in a dispute.
    async fn notice_reversal(&self, attempt: &Attempt) -> Result<()> {
        if let Some(report) = self.gateway_of(attempt)?.fetch(&attempt.reference).await?
            && report.observation == Observation::Reversed
        {
            self.settle(&attempt.reference, report).await?;
        }
        Ok(())
    }

    async fn look_up_refunds(&self, attempt: &Reference) -> Result<()> {
        self.inner.storage.apply_one(self.now(), WakeRefunds { attempt: attempt.clone() }).await?;
        // This pass of upkeep looks them up, or the next one.
        self.inner.upkeep_wakeup.notify_one();
        Ok(())
    }

    pub(super) async fn claim_webhooks(&self, limit: u32) -> Result<Vec<StoredWebhook>> {
        Ok(self.inner.storage.apply_one(self.now(), ClaimWebhooks { lease: LEASE, limit }).await?)
    }
}
