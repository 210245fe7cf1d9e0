//! A payment gateway that keeps the truth about the money, and answers badly.

use crate::aftermath::{Quarrel, disputed};
use crate::bugs::{Bug, GatewayBugs};
use crate::executor::lock;
use crate::world::{MINUTE, SECOND, World};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::payment::{Captured, Checkout, DisputeNews, DisputeStage, Mode, Observation};
use ticketing_core::domain::refund::{ListedRefund, RefundStatus};
use ticketing_core::gateway::{
    Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError, WebhookEvent,
    WebhookSubject,
};

pub(crate) const NAME: &str = "simulated";
pub(crate) const SIGNATURE: (&str, &[u8]) = ("x-signature", b"signed by the simulated gateway");

/// The truth about the money.
#[derive(Debug, Default)]
pub(crate) struct Till {
    pub(crate) charges: BTreeMap<Reference, (Charge, Observation)>,
    /// Charges that stand open, and of which the gateway's other half does not know until then.
    pub(crate) hidden_until: BTreeMap<Reference, u64>,
    pub(crate) refunds: Vec<SentBack>,
    /// The disputes of each charge.
    pub(crate) quarrels: BTreeMap<Reference, Vec<Quarrel>>,
    /// What was captured, and lost in a dispute.
    pub(crate) lost: BTreeMap<Reference, Captured>,
    /// Bodies of all webhooks that were really sent.
    pub(crate) told: Vec<Vec<u8>>,
    /// How often it was opened to be changed.
    pub(crate) changes: u64,
}

/// The till, to be changed.
pub(crate) fn change_till(world: &World) -> MutexGuard<'_, Till> {
    let mut till = lock(&world.till);
    till.changes += 1;
    till
}

/// Money that was asked back.
#[derive(Debug)]
pub(crate) struct SentBack {
    pub(crate) key: Reference,
    pub(crate) attempt: Reference,
    pub(crate) amount: i64,
    pub(crate) status: RefundStatus,
    /// Somebody did it in the dashboard.
    pub(crate) elsewhere: bool,
}

impl Till {
    pub(crate) fn captured(&self, reference: &Reference) -> Option<&Captured> {
        match self.charges.get(reference) {
            Some((_, Observation::Success(captured))) => Some(captured),
            _ => self.lost.get(reference),
        }
    }

    /// What of an attempt's money went back, or is about to.
    pub(crate) fn sent_back(&self, attempt: &Reference) -> i64 {
        let of_attempt = self.refunds.iter().filter(|refund| refund.attempt == *attempt);
        of_attempt.filter(|refund| refund.status != RefundStatus::Failed).map(|refund| refund.amount).sum()
    }
}

#[derive(Debug)]
pub(crate) struct SimulatedGateway {
    pub(crate) world: Arc<World>,
    pub(crate) bugs: GatewayBugs,
}

/// What happens to a call.
enum Fate {
    Answered,
    Refused(GatewayError),
    /// It never arrived.
    Lost,
    /// It arrived, its answer did not.
    AnswerLost,
}

impl SimulatedGateway {
    async fn fate(&self, call: &'static str) -> Fate {
        let world = &self.world;
        world.crash_point("crash before", call).await;
        if world.fault(world.options.circuit_open) {
            world.saw("breaker open", call);
            return Fate::Refused(GatewayError::CircuitOpen { retry_after: Duration::from_secs(5) });
        }
        world.sleep(world.between(20, 400)).await;
        if world.fault(world.options.gateway_refuses) {
            world.saw("not sent", call);
            return Fate::Refused(match world.below(2) {
                0 => GatewayError::NotSent,
                _ => GatewayError::RateLimited { retry_after: None },
            });
        }
        if !world.fault(world.options.gateway_timeout) {
            return Fate::Answered;
        }
        if world.below(10) < 4 {
            world.saw("timeout, not applied", call);
            world.sleep(world.between(SECOND, 30 * SECOND)).await;
            return Fate::Lost;
        }
        world.saw("timeout, applied", call);
        Fate::AnswerLost
    }

    /// The end of a call that was applied.
    async fn answer<T>(&self, fate: Fate, call: &'static str, answer: T) -> Result<T, GatewayError> {
        if matches!(fate, Fate::AnswerLost) {
            self.world.sleep(self.world.between(SECOND, 20 * SECOND)).await;
            return Err(match self.world.below(3) {
                0 => GatewayError::Malformed,
                1 => GatewayError::Unavailable,
                _ => GatewayError::OutcomeUnknown,
            });
        }
        self.world.crash_point("crash after", call).await;
        Ok(answer)
    }

    /// What the half of the gateway that answers questions knows. It may be behind the half that opens checkouts.
    fn look_up(&self, reference: &Reference) -> Option<Fetched> {
        let till = lock(&self.world.till);
        let (_, observation) = till.charges.get(reference)?;
        if till.hidden_until.get(reference).is_some_and(|until| self.world.now() < *until) {
            self.world.saw("gateway", "says not found of an open checkout");
            return None;
        }
        Some(Fetched::new(observation.clone(), raw(observation)))
    }

    fn send_back(&self, call: &RefundCall) -> Result<RefundStatus, GatewayError> {
        let mut till = change_till(&self.world);
        let captured = till.captured(&call.attempt).map_or(0, |captured| captured.amount.minor());
        if till.is_withheld(&call.attempt) {
            return Err(GatewayError::Rejected { code: Some("disputed".to_owned()) });
        }
        let caps = self.world.options.gateway_caps_refunds || till.sent_elsewhere(&call.attempt) > 0;
        if caps && till.sent_back(&call.attempt) + call.amount.minor() > captured {
            return Err(GatewayError::Rejected { code: Some("more than was paid".to_owned()) });
        }
        let status = if self.world.below(2) == 0 { RefundStatus::Pending } else { RefundStatus::Processed };
        let (key, attempt) = (call.key.clone(), call.attempt.clone());
        till.refunds.push(SentBack { key, attempt, amount: call.amount.minor(), status, elsewhere: false });
        let index = till.refunds.len() - 1;
        drop(till);
        self.world.note(|| format!("gateway: sends back {} of {}", call.amount, call.attempt));
        self.world.saw("refund", status.name());
        if status == RefundStatus::Pending {
            let world = Arc::clone(&self.world);
            self.world.go(async move { finish(world, index).await });
        }
        Ok(status)
    }
}

/// A refund that was accepted finds its end, and the gateway tells of it.
async fn finish(world: Arc<World>, index: usize) {
    world.sleep(world.between(SECOND, 600 * SECOND)).await;
    let status = match world.fault(world.options.refund_fails) {
        true if world.below(2) == 0 => RefundStatus::Failed,
        true => RefundStatus::NeedsAttention,
        false => RefundStatus::Processed,
    };
    world.saw("refund", status.name());
    let attempt = {
        let mut till = change_till(&world);
        till.refunds[index].status = status;
        till.refunds[index].attempt.clone()
    };
    crate::webhooks::tell(&world, format!("refund.{}|{index}|{attempt}", status.name()));
}

/// The body of a webhook about a captured charge.
pub(crate) fn charge_body(reference: &Reference, captured: &Captured) -> String {
    let (minor, currency) = (captured.amount.minor(), captured.amount.currency().code());
    format!("charge.success|0|{reference}|{minor}|{currency}|{}", captured.mode.name())
}

fn listed(sent: &SentBack, currency: Currency) -> Option<ListedRefund> {
    let amount = Money::new(sent.amount, currency).ok()?;
    let id = if sent.elsewhere { format!("elsewhere-{}", sent.key) } else { format!("refund-{}", sent.key) };
    let keys = if sent.elsewhere { vec![] } else { vec![sent.key.clone()] };
    Some(ListedRefund::new(id, amount, sent.status, sent.status.name()).with_keys(keys))
}

fn raw(observation: &Observation) -> &'static str {
    match observation {
        Observation::Success(_) => "success",
        Observation::Processing => "processing",
        Observation::Failed => "failed",
        Observation::Reversed => "reversed",
        _ => "abandoned",
    }
}

#[async_trait]
impl PaymentGateway for SimulatedGateway {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mode(&self) -> Mode {
        Mode::Live
    }

    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
        let fate = match self.fate("open_checkout").await {
            Fate::Refused(error) => return Err(error),
            Fate::Lost => return Err(self.bugs.checkout_error(GatewayError::OutcomeUnknown)),
            fate => fate,
        };
        {
            let mut till = change_till(&self.world);
            if till.charges.contains_key(&charge.reference) {
                self.world.saw("gateway", "duplicate reference");
                return Err(GatewayError::DuplicateReference);
            }
            till.charges.insert(charge.reference.clone(), (charge.clone(), Observation::Open));
            if self.world.fault(self.world.options.gateway_lags) {
                let until = self.world.now() + self.world.between(10 * SECOND, 4 * MINUTE);
                till.hidden_until.insert(charge.reference.clone(), until);
            }
        }
        crate::buyers::checkout_opened(&self.world, &charge.reference);
        let checkout = Checkout::new(format!("https://pay.example.com/{}", charge.reference));
        self.answer(fate, "open_checkout", checkout).await.map_err(|error| self.bugs.checkout_error(error))
    }

    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
        let fate = match self.fate("fetch").await {
            Fate::Refused(error) => return Err(error),
            Fate::Lost => return Err(GatewayError::OutcomeUnknown),
            fate => fate,
        };
        let fetched = self.look_up(reference);
        self.world.sleep(self.world.between(0, 200)).await;
        let fetched = self.bugs.fetched(reference, fetched);
        self.answer(fate, "fetch", fetched).await
    }

    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        let call = self.bugs.refund_call(refund, &self.world);
        let fate = match self.fate("refund").await {
            Fate::Refused(error) => return Err(error),
            Fate::Lost => return Err(self.bugs.refund_error(GatewayError::OutcomeUnknown)),
            fate => fate,
        };
        let status = self.send_back(&call)?;
        crate::invariants::money(&self.world);
        let answer = FetchedRefund::new(status, status.name()).with_gateway_id(format!("refund-{}", call.key));
        self.answer(fate, "refund", answer).await.map_err(|error| self.bugs.refund_error(error))
    }

    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        let fate = match self.fate("find_refund").await {
            Fate::Refused(error) => return Err(error),
            Fate::Lost => return Err(GatewayError::OutcomeUnknown),
            fate => fate,
        };
        let found = {
            let till = lock(&self.world.till);
            let ours = till.refunds.iter().rev().find(|sent| sent.key == refund.key);
            ours.map(|sent| {
                FetchedRefund::new(sent.status, sent.status.name()).with_gateway_id(format!("refund-{}", sent.key))
            })
        };
        self.world.saw("refund looked up", if found.is_some() { "found" } else { "not found" });
        self.answer(fate, "find_refund", found).await
    }

    async fn refunds_of(&self, attempt: &Reference) -> Result<Vec<ListedRefund>, GatewayError> {
        let fate = match self.fate("refunds_of").await {
            Fate::Refused(error) => return Err(error),
            Fate::Lost => return Err(GatewayError::OutcomeUnknown),
            fate => fate,
        };
        let listed = {
            let till = lock(&self.world.till);
            let currency = till.captured(attempt).map_or(Currency::NGN, |captured| captured.amount.currency());
            let of_attempt = till.refunds.iter().filter(|sent| sent.attempt == *attempt);
            of_attempt.filter_map(|sent| listed(sent, currency)).collect()
        };
        self.answer(fate, "refunds_of", listed).await
    }

    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        let is_signed = webhook.headers == [SIGNATURE];
        let believes = matches!(self.bugs.bug, Some(Bug::SignatureNotChecked | Bug::WebhookTrusted));
        if !is_signed && !believes {
            self.world.saw("webhook", "forged, refused");
            return Err(WebhookError::BadSignature);
        }
        let body = std::str::from_utf8(webhook.body).map_err(|_| WebhookError::Unreadable)?;
        let parts: Vec<&str> = body.split('|').collect();
        let [kind, _, reference, ..] = parts[..] else { return Err(WebhookError::Unreadable) };
        let reference: Reference = reference.parse().map_err(|_| WebhookError::Unreadable)?;
        let about = match parts[..] {
            [kind, _, _, id, amount] if kind.starts_with("charge.dispute.") => {
                let stage = match kind {
                    "charge.dispute.create" => DisputeStage::Open,
                    "charge.dispute.resolve" => DisputeStage::Won,
                    _ => DisputeStage::Lost,
                };
                let captured = lock(&self.world.till).captured(&reference).map(|captured| captured.amount);
                WebhookSubject::Dispute(DisputeNews::new(id, stage).with_amount(disputed(amount, captured)))
            }
            [_, _, _, minor, currency, mode] => {
                let currency: Currency = currency.parse().map_err(|_| WebhookError::Unreadable)?;
                let minor = minor.parse().map_err(|_| WebhookError::Unreadable)?;
                let amount = Money::new(minor, currency).map_err(|_| WebhookError::Unreadable)?;
                let mode = if mode == Mode::Test.name() { Mode::Test } else { Mode::Live };
                let captured = Captured::new(amount, mode);
                self.bugs.told(&reference, &captured);
                let observation = Observation::Success(captured);
                WebhookSubject::Charge(Fetched::new(observation, "success"))
            }
            _ => WebhookSubject::Refund,
        };
        let (kind, dedupe_key) = (kind.to_owned(), body.to_owned());
        Ok(WebhookEvent::new(dedupe_key, kind, about).with_reference(reference))
    }
}
