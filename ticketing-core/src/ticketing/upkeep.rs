//! Upkeep, the background work: expiring holds, polling open payments, sending refunds and mails, applying webhooks.

use super::{Ticketing, granted};
use crate::domain::message::ExpandMessages;
use crate::domain::notice::ExpandNotices;
use crate::domain::order::{ExpireHolds, Order, OrderStatus};
use crate::domain::payment::ClaimPolls;
use crate::domain::refund::{ClaimRefunds, REFUND_LEASE, Refund, RefundReport, RefundStatus, UndoCancelledEvents};
use crate::domain::{proof, request, session};
use crate::error::{Error, Result};
use crate::gateway::{GatewayError, RefundCall};
use crate::metrics::{self, Stage};
use crate::runtime::{self, Runtime};
use crate::setters::setters;
use crate::storage::StorageExt as _;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot, watch};
use tracing::Instrument as _;

/// The limits of one pass of upkeep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upkeep {
    /// The maximum number of items of each kind of work. Default: 100.
    pub limit: u32,
    /// The maximum number of concurrent calls to the gateway or mailer. Default: 8.
    pub at_once: usize,
}

setters!(Upkeep {
    with_limit => limit: u32,
    with_at_once => at_once: usize,
});

impl Default for Upkeep {
    fn default() -> Self {
        Self { limit: 100, at_once: 8 }
    }
}

/// What a pass of upkeep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpkeepReport {
    /// Webhooks that were applied.
    pub webhooks: usize,
    /// Holds that expired.
    pub expired: usize,
    /// Orders of cancelled events that were undone.
    pub undone: usize,
    /// Notices of changed events for which mails were enqueued.
    pub notices: usize,
    /// Messages to attendees for which mails were enqueued.
    pub messages: usize,
    /// Open attempts that were polled.
    pub polled: usize,
    /// Refunds that were sent or looked up.
    pub refunds: usize,
    /// Mails that were tried.
    pub mails: usize,
    /// Rows whose personal data was erased: accounts, buyers, recipients of mails, bodies of webhooks.
    pub erased: usize,
    /// Items that failed and are retried later.
    pub failed: usize,
}

impl UpkeepReport {
    /// Whether there was nothing to do.
    pub fn is_idle(&self) -> bool {
        self.webhooks
            + self.expired
            + self.undone
            + self.notices
            + self.messages
            + self.polled
            + self.refunds
            + self.mails
            + self.erased
            == 0
    }
}

/// Longer than the slowest call to a gateway or mailer, with a margin.
pub(super) const LEASE: SignedDuration = REFUND_LEASE;

/// What a pass does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// Everything.
    Everything,
    /// Only what calls leave to do: webhooks, refunds and mails. A pass begins after nearly every sale, and to look for expired holds
    /// each time would cost more than the sale.
    LeftByCalls,
}

/// The minimum time between two passes that poll. With the default limit of 100, this stays within Paystack's rate limit of 3,000
/// requests a minute.
const POLL_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// How long polling pauses after the gateway's rate limit was reached, if the gateway names no time.
const POLL_PAUSE: SignedDuration = SignedDuration::from_secs(60);
/// After how many tries a refund whose look-ups cannot be read is shown to a person.
const UNREADABLE_TRIES: u32 = 5;

impl Ticketing {
    /// Runs one bounded pass, for an embedder's own scheduler. Passes may run concurrently, in any process: nothing is done twice.
    /// Items that fail are counted and do not stop the others; only storage errors are returned.
    pub async fn run_upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport> {
        self.pass(upkeep, Scope::Everything).await
    }

    async fn pass(&self, upkeep: Upkeep, scope: Scope) -> Result<UpkeepReport> {
        let began = self.now();
        let done = self.work(upkeep, scope).instrument(tracing::info_span!("upkeep")).await;
        metrics::upkeep_passed(done.as_ref().ok(), began, self.now());
        done
    }

    async fn work(&self, upkeep: Upkeep, scope: Scope) -> Result<UpkeepReport> {
        let mut report = UpkeepReport::default();
        if scope == Scope::Everything {
            self.look_for_what_is_due(upkeep, &mut report).await?;
        }
        if self.inner.gateway.is_some() {
            self.apply_webhooks(upkeep, &mut report).await?;
            self.poll_attempts(upkeep, &mut report).await?;
            self.send_refunds(upkeep, &mut report).await?;
        }
        if let Some(mailer) = &self.inner.mailer {
            self.deliver_mails(mailer, upkeep, &mut report).await?;
        }
        Ok(report)
    }

    /// What becomes due with time, or after an event was cancelled or changed.
    async fn look_for_what_is_due(&self, upkeep: Upkeep, report: &mut UpkeepReport) -> Result<()> {
        report.expired = self.inner.storage.apply_one(self.now(), ExpireHolds { limit: upkeep.limit }).await?.len();
        metrics::reached(Stage::Expired, report.expired);
        report.undone = self.undo_cancelled_events(upkeep).await?;
        let notices = ExpandNotices { limit: upkeep.limit };
        report.notices = self.inner.storage.apply_one(self.now(), notices).await?.len();
        let messages = ExpandMessages { limit: upkeep.limit };
        report.messages = self.inner.storage.apply_one(self.now(), messages).await?.len();
        self.inner.storage.forget(&request::outdated(self.now(), upkeep.limit)).await?;
        self.inner.storage.forget(&proof::outdated(self.now(), upkeep.limit)).await?;
        self.inner.storage.forget(&session::outdated(self.now(), upkeep.limit)).await?;
        // The money of others does not wait for these.
        for erased in [self.erase_due(upkeep.limit).await, self.keep_to_retention(upkeep.limit).await] {
            match erased {
                Ok(erased) => report.erased += erased,
                Err(error) => {
                    report.failed += 1;
                    tracing::error!(%error, "could not erase what is due");
                }
            }
        }
        // Many and small: a flood creates one for each address.
        self.inner.storage.forget_tokens(self.now(), upkeep.limit.saturating_mul(100)).await?;
        Ok(())
    }

    async fn apply_webhooks(&self, upkeep: Upkeep, report: &mut UpkeepReport) -> Result<()> {
        let claimed = self.claim_webhooks(upkeep.limit).await?;
        report.webhooks = claimed.len();
        let engine = self.clone();
        let failed = at_once(&*self.inner.runtime, upkeep.at_once, claimed, move |webhook| {
            let engine = engine.clone();
            async move { matches!(engine.apply_webhook(&webhook).await, Ok(true)) }
        });
        report.failed += failed.await;
        Ok(())
    }

    async fn undo_cancelled_events(&self, upkeep: Upkeep) -> Result<usize> {
        let seeds: Vec<_> = (0..upkeep.limit).map(|_| self.inner.random.seed()).collect();
        let undone = self.inner.storage.apply_one(self.now(), UndoCancelledEvents { seeds }).await?;
        let is_cancelled = |order: &&Order| order.status == OrderStatus::Cancelled;
        metrics::reached(Stage::Cancelled, undone.iter().filter(is_cancelled).count());
        Ok(undone.len())
    }

    async fn poll_attempts(&self, upkeep: Upkeep, report: &mut UpkeepReport) -> Result<()> {
        let now = self.now();
        if now.as_microsecond() < self.inner.polls_from.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.poll_from(now + POLL_EVERY);
        let claimed = self.inner.storage.apply_one(self.now(), ClaimPolls { limit: upkeep.limit }).await?;
        report.polled = claimed.len();
        let engine = self.clone();
        let failed = at_once(&*self.inner.runtime, upkeep.at_once, claimed, move |attempt| {
            let engine = engine.clone();
            async move {
                let settled = engine.ask_and_settle(&attempt).await;
                if let Err(Error::Gateway(GatewayError::RateLimited { retry_after })) = &settled {
                    let pause =
                        retry_after.and_then(|pause| SignedDuration::try_from(pause).ok()).unwrap_or(POLL_PAUSE);
                    engine.poll_from(engine.now() + pause.min(POLL_PAUSE * 5));
                }
                if let Err(error) = &settled {
                    tracing::warn!(attempt.reference = %attempt.reference, %error, "could not poll an open payment");
                }
                settled.is_ok()
            }
        });
        report.failed += failed.await;
        Ok(())
    }

    fn poll_from(&self, at: Timestamp) {
        self.inner.polls_from.fetch_max(at.as_microsecond(), Ordering::Relaxed);
    }

    async fn send_refunds(&self, upkeep: Upkeep, report: &mut UpkeepReport) -> Result<()> {
        let mut left = upkeep.limit;
        // Claims no more refunds than are sent at once. A refund that waited for its turn could outlast its lease; another process
        // would claim it, look it up, not find it and send it; and then this one would send it too.
        while left > 0 {
            let some = left.min(u32::try_from(upkeep.at_once.max(1)).unwrap_or(left));
            let claimed_at = self.now();
            let claimed = self.inner.storage.apply_one(claimed_at, ClaimRefunds { lease: LEASE, limit: some }).await?;
            if claimed.is_empty() {
                break;
            }
            left = left.saturating_sub(some);
            report.refunds += claimed.len();
            let engine = self.clone();
            let failed = at_once(&*self.inner.runtime, upkeep.at_once, claimed, move |refund| {
                let engine = engine.clone();
                async move {
                    let sent = engine.send_refund(&refund, claimed_at).await;
                    if let Err(error) = &sent {
                        tracing::warn!(refund.id = %refund.id, %error, "could not send or look up a refund");
                    }
                    sent.is_ok()
                }
            });
            report.failed += failed.await;
        }
        Ok(())
    }

    /// Sends a refund that was never sent; looks up one that may have been. The claim has marked it unknown already, so a
    /// crash at any point below leads to a look-up, never to a second refund.
    ///
    /// A process may be suspended. If so much of the lease is gone that the call could outlast it, the refund is left to the next
    /// claim. Otherwise that claim could look it up, not find it, and send it too.
    async fn send_refund(&self, refund: &Refund, claimed_at: Timestamp) -> Result<()> {
        let Some(attempt) = self.inner.storage.attempt(&refund.attempt).await? else { return Ok(()) };
        if self.now().duration_since(claimed_at) > LEASE / 2 {
            return Ok(());
        }
        let gateway = match self.gateway_of(&attempt) {
            Ok(gateway) => gateway,
            Err(error) => {
                // Trying again does not help, and a person can: configure the gateway again, or send the money another way.
                let status = RefundStatus::NeedsAttention;
                let report = RefundReport::new(refund.id, refund.tries, status, error.to_string());
                granted(self.inner.storage.apply(self.now(), &[report]).await?)?;
                return Err(error);
            }
        };
        let call = RefundCall {
            key: refund.key.clone(),
            attempt: refund.attempt.clone(),
            amount: refund.amount,
            gateway_id: refund.gateway_id.clone(),
        };
        let answer = match refund.status {
            RefundStatus::Due => gateway.refund(&call).await.map(Some),
            _ => gateway.find_refund(&call).await,
        };
        let (status, gateway_id, raw_status) = match &answer {
            Ok(Some(found)) => (found.status, found.gateway_id.clone(), found.raw_status.clone()),
            // Certainly not there, so it may be sent. A refund that the gateway had accepted is not sent again.
            Ok(None) if refund.status == RefundStatus::Unknown => (RefundStatus::Due, None, "not found".to_owned()),
            Ok(None) => (refund.status, None, "not found".to_owned()),
            Err(GatewayError::Rejected { code }) if refund.status == RefundStatus::Due => {
                (RefundStatus::Failed, None, code.clone().unwrap_or_else(|| "rejected".to_owned()))
            }
            Err(error) if refund.status == RefundStatus::Due && error.was_not_sent() => {
                (RefundStatus::Due, None, error.to_string())
            }
            Err(error) if refund.status == RefundStatus::Due => (RefundStatus::Unknown, None, error.to_string()),
            // The gateway answers, and no answer about this refund could be read.
            Err(error @ GatewayError::Unreadable) if refund.tries >= UNREADABLE_TRIES => {
                (RefundStatus::NeedsAttention, None, error.to_string())
            }
            Err(error) => (refund.status, None, error.to_string()),
        };
        let report = RefundReport { id: refund.id, tries: refund.tries, status, gateway_id, raw_status };
        granted(self.inner.storage.apply(self.now(), &[report]).await?)?;
        if let Err(GatewayError::Rejected { .. }) = &answer {
            // Perhaps less is left than we know: some was refunded at the gateway.
            self.record_listed_refunds(&attempt).await?;
        }
        answer.map(drop).map_err(Into::into)
    }

    /// Runs upkeep in the background: a pass at every interval, and again at once while there is more to do. When a call leaves work,
    /// such as a mail, that work is done at once. Stop it with [`UpkeepHandle::stop`]; dropping the handle stops it too, without waiting.
    pub fn spawn_upkeep(&self, every: Duration, upkeep: Upkeep) -> UpkeepHandle {
        let (stop, mut stopped) = watch::channel(false);
        let engine = self.clone();
        let stopped_for_good = runtime::run(&*self.inner.runtime, async move {
            let mut scope = Scope::Everything;
            let mut everything_is_due = engine.inner.runtime.sleep(every);
            loop {
                let passed = engine.pass(upkeep, scope).await;
                if scope == Scope::Everything {
                    everything_is_due = engine.inner.runtime.sleep(every);
                }
                let is_more = match &passed {
                    Ok(report) => !report.is_idle() && report.failed == 0,
                    Err(error) => {
                        tracing::error!(%error, "a pass of upkeep failed");
                        false
                    }
                };
                scope = tokio::select! {
                    biased;
                    _ = stopped.changed() => return,
                    () = &mut everything_is_due => Scope::Everything,
                    () = std::future::ready(()), if is_more => scope,
                    () = engine.inner.upkeep_wakeup.notified() => match engine.inner.is_all_due.swap(false, Ordering::Relaxed) {
                        true => Scope::Everything,
                        false => Scope::LeftByCalls,
                    },
                };
            }
        });
        UpkeepHandle { stop, stopped: stopped_for_good }
    }
}

/// Upkeep that runs in the background.
#[derive(Debug)]
pub struct UpkeepHandle {
    stop: watch::Sender<bool>,
    stopped: oneshot::Receiver<()>,
}

impl UpkeepHandle {
    /// Finishes the current pass, then stops.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.stopped.await;
    }
}

/// Works on all items in order, at most `limit` at once. Returns how many failed.
pub(super) async fn at_once<T, F>(runtime: &dyn Runtime, limit: usize, items: Vec<T>, work: impl Fn(T) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limit.max(1)));
    let mut running = Vec::with_capacity(items.len());
    for item in items {
        let place = Arc::clone(&places).acquire_owned().await;
        let work = work(item);
        running.push(runtime::run_while_wanted(runtime, async move {
            let done = work.await;
            drop(place);
            done
        }));
    }
    let mut failed = 0;
    for done in running {
        failed += usize::from(!matches!(done.await, Ok(true)));
    }
    failed
}
