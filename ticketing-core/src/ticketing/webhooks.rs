//! Webhooks of gateways: stored first, acknowledged, then applied.

use super::upkeep::LEASE;
use super::{Ticketing, only, refused};
use crate::domain::code::Reference;
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::{Attempt, DisputeNews, DisputeStage, FindAttempt, Observation, RecordDispute, Settlement};
use crate::domain::principal::Principal;
use crate::domain::refund::{RecordListedRefunds, WakeRefunds};
use crate::domain::webhook::{
    ClaimWebhooks, ListWebhooksForReview, NewWebhook, StoredWebhook, UNREADABLE, WebhookAction, WebhookReport,
    WebhookStatus,
};
use crate::error::{Error, Result};
use crate::gateway::{Fetched, GatewayError, Webhook, WebhookError, WebhookEvent, WebhookSubject};
use crate::metrics;
use crate::storage::StorageExt as _;
use sha2::{Digest as _, Sha256};

/// The note of a webhook that the gateway's own answer does not confirm.
const NOT_CONFIRMED: &str = "the gateway does not confirm it yet";

/// What cannot be read is kept for a person. Equal bodies are one event.
fn unreadable(webhook: &Webhook<'_>) -> WebhookEvent {
    let hash: String = Sha256::digest(webhook.body).iter().map(|byte| format!("{byte:02x}")).collect();
    // Claimed like any other; applying it finds that it cannot be read.
    let about = WebhookSubject::Charge(Fetched::new(Observation::Unrecognised, UNREADABLE));
    WebhookEvent::new(format!("{UNREADABLE}:{hash}"), UNREADABLE, about)
}

impl Ticketing {
    /// Stores a webhook, to be applied by upkeep. Answer the gateway with success as soon as this returns: from then on nothing
    /// can be lost. A repeat of the same event changes nothing.
    ///
    /// A body that cannot be read although its signature is valid is stored too, and listed by
    /// [`webhooks_for_review`](Self::webhooks_for_review).
    ///
    /// Errors: [`Error::Webhook`] if the signature is invalid, before the body is parsed or the storage is used;
    /// [`Error::Storage`] if it could not be stored, so that the gateway retries.
    pub async fn receive_webhook(&self, gateway: &str, webhook: &Webhook<'_>) -> Result<StoredWebhook> {
        let configured = self.inner.gateway.as_ref().filter(|configured| configured.name() == gateway);
        let event = match configured.ok_or(Error::NotFound("Payment gateway"))?.read_webhook(webhook) {
            Err(WebhookError::Unreadable) => unreadable(webhook),
            event => event?,
        };
        metrics::webhook_received();
        let mut dispute = None;
        let (action, captured) = match event.about {
            WebhookSubject::Charge(Fetched { observation: Observation::Success(captured), .. }) => {
                (WebhookAction::Settle, Some(captured))
            }
            WebhookSubject::Charge(_) => (WebhookAction::Settle, None),
            WebhookSubject::Refund => (WebhookAction::Refunds, None),
            WebhookSubject::Dispute(news) => {
                dispute = Some(news);
                (WebhookAction::Dispute, None)
            }
            WebhookSubject::Other => (WebhookAction::None, None),
        };
        let new = NewWebhook {
            gateway: gateway.to_owned(),
            dedupe_key: event.dedupe_key,
            kind: event.kind,
            action,
            reference: event.reference,
            captured,
            dispute,
            body: webhook.body.to_vec(),
        };
        let (stored, _first) = only(self.inner.storage.apply(self.now(), &[new]).await?)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(stored)
    }

    /// Webhooks that a person should look at, the oldest first: those that match no payment, cannot be read, or report what the
    /// gateway does not confirm. For administrators.
    pub async fn webhooks_for_review(&self, actor: &Principal, page: PageRequest) -> Result<Page<StoredWebhook>> {
        super::events::check_page(page)?;
        if !self.acting_account(actor).await?.is_some_and(|account| account.is_acting_admin()) {
            return Err(Error::Forbidden("Only administrators may list webhooks"));
        }
        Ok(self.inner.storage.find(ListWebhooksForReview { page }).await?)
    }

    /// Applies a claimed webhook and records the result. Returns whether it is done.
    pub(super) async fn apply_webhook(&self, webhook: &StoredWebhook) -> Result<bool> {
        let (status, note) = match self.try_webhook(webhook).await {
            Ok((status, note)) => (status, note.map(str::to_owned)),
            // It stays as it is and is retried: the gateway or the storage is not available.
            Err(error) => (webhook.status, Some(error.to_string())),
        };
        let is_unconfirmed_yet = note.as_deref() == Some(NOT_CONFIRMED);
        let report = WebhookReport { id: webhook.id, status, note, is_unconfirmed_yet };
        let stored = self.inner.storage.apply_one(self.now(), report).await?;
        let status = stored.as_ref().map_or(status, |stored| stored.status);
        if matches!(status, WebhookStatus::Quarantined | WebhookStatus::Contradicted) {
            let note = stored.and_then(|stored| stored.note);
            tracing::error!(webhook.id = %webhook.id, webhook.kind = webhook.event.kind, status = status.name(), note, "a webhook needs attention");
        }
        Ok(!matches!(status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed))
    }

    async fn try_webhook(&self, webhook: &StoredWebhook) -> Result<(WebhookStatus, Option<&'static str>)> {
        if webhook.event.kind == UNREADABLE {
            return Ok((WebhookStatus::Quarantined, Some("the signature is valid, but the body cannot be read")));
        }
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
                self.record_listed_refunds(&attempt).await?;
                Ok((WebhookStatus::Applied, None))
            }
            WebhookAction::Dispute => self.apply_dispute(webhook, &attempt).await,
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
            // A signed webhook reports money, and the gateway's own answer knows of none.
            (Ok(Settlement::Open { .. } | Settlement::Failed { .. }), Some(_)) => {
                Ok((WebhookStatus::Waiting, Some(NOT_CONFIRMED)))
            }
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

    /// A dispute that is opened or lost is believed: it only voids tickets. One that was won gives tickets out again, so the gateway
    /// must have the money.
    async fn apply_dispute(
        &self,
        webhook: &StoredWebhook,
        attempt: &Attempt,
    ) -> Result<(WebhookStatus, Option<&'static str>)> {
        let opened = || DisputeNews::new("", DisputeStage::Open);
        let news = webhook.event.dispute.clone().unwrap_or_else(opened);
        if news.stage == DisputeStage::Won {
            let fetched = self.gateway_of(attempt)?.fetch(&attempt.reference).await?;
            match fetched.map(|fetched| fetched.observation) {
                Some(Observation::Success(captured))
                    if attempt.captured.as_ref().is_some_and(|ours| ours.amount == captured.amount) => {}
                Some(Observation::Reversed) => {
                    let lost = DisputeNews { stage: DisputeStage::Lost, ..news };
                    self.record_dispute(attempt, lost).await?;
                    return Ok((WebhookStatus::Applied, Some("the gateway has sent the money back")));
                }
                _ => return Ok((WebhookStatus::Waiting, Some(NOT_CONFIRMED))),
            }
        }
        self.record_dispute(attempt, news).await?;
        self.notice_reversal(attempt).await?;
        self.record_listed_refunds(attempt).await?;
        Ok((WebhookStatus::Applied, None))
    }

    async fn record_dispute(&self, attempt: &Attempt, news: DisputeNews) -> Result<()> {
        let record = RecordDispute { reference: attempt.reference.clone(), news, seed: self.inner.random.seed() };
        self.inner.storage.apply_one(self.now(), record).await?.map_err(refused)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(())
    }

    /// Compares the gateway's list of refunds with ours. A gateway that has no list is not asked again.
    pub(super) async fn record_listed_refunds(&self, attempt: &Attempt) -> Result<()> {
        let listed = match self.gateway_of(attempt)?.refunds_of(&attempt.reference).await {
            Err(GatewayError::Unsupported) => return Ok(()),
            listed => listed?,
        };
        let (attempt, seed) = (attempt.reference.clone(), self.inner.random.seed());
        self.inner.storage.apply_one(self.now(), RecordListedRefunds { attempt, listed, seed }).await?;
        Ok(())
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
