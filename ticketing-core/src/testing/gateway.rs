use crate::domain::code::Reference;
use crate::domain::money::Money;
use crate::domain::payment::{Captured, Checkout, DisputeNews, DisputeStage, Mode, Observation};
use crate::domain::refund::{ListedRefund, RefundStatus};
use crate::gateway::{
    Abilities, Charge, Fetched, FetchedRefund, GatewayError, PaymentGateway, RefundCall, Webhook, WebhookError,
    WebhookEvent, WebhookSubject,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The header that signs this gateway's webhooks, and its only valid value.
const SIGNATURE: (&str, &[u8]) = ("x-fake-signature", b"ok");

/// A scripted payment gateway in memory. Clones share one state.
///
/// It keeps the contract of every gateway: a reference is used once, an attempt is paid at most once, and no more is refunded
/// than was paid. A call that is scripted to fail has no effect; a call whose response is scripted to be lost has.
#[derive(Clone, Debug, Default)]
pub struct FakeGateway {
    till: Arc<Mutex<Till>>,
}

/// How often each method was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calls {
    /// Calls of `open_checkout`.
    pub open_checkout: usize,
    /// Calls of `fetch`.
    pub fetch: usize,
    /// Calls of `refund`.
    pub refund: usize,
    /// Calls of `find_refund`.
    pub find_refund: usize,
}

#[derive(Debug, Default)]
struct Till {
    charges: BTreeMap<Reference, (Charge, Observation)>,
    refunds: BTreeMap<Reference, (RefundCall, RefundStatus)>,
    refunds_elsewhere: Vec<(Reference, ListedRefund)>,
    abilities: Abilities,
    next_open: VecDeque<Fate>,
    next_fetch: VecDeque<Fate>,
    next_refund: VecDeque<Fate>,
    refunds_take_time: bool,
    calls: Calls,
}

/// The scripted outcome of a call.
#[derive(Clone, Debug)]
enum Fate {
    /// It fails without an effect.
    Fails(GatewayError),
    /// It takes effect, and its response is lost.
    AnswerLost,
}

impl FakeGateway {
    /// Creates a gateway without payments.
    pub fn new() -> Self {
        Self::default()
    }

    /// The buyer pays the requested amount.
    pub fn pay(&self, reference: &Reference) {
        let amount = self.charge(reference).map(|charge| charge.amount);
        if let Some(amount) = amount {
            self.pay_amount(reference, amount);
        }
    }

    /// The buyer pays another amount than requested.
    pub fn pay_amount(&self, reference: &Reference, amount: Money) {
        let captured =
            Captured { amount, requested: None, mode: Mode::Test, paid_at: None, gateway_id: Some("1".to_owned()) };
        self.say(reference, Observation::Success(captured));
    }

    /// The payment fails.
    pub fn decline(&self, reference: &Reference) {
        self.say(reference, Observation::Failed);
    }

    /// The payment is in progress.
    pub fn processing(&self, reference: &Reference) {
        self.say(reference, Observation::Processing);
    }

    /// The payment is reversed.
    pub fn reverse(&self, reference: &Reference) {
        self.say(reference, Observation::Reversed);
    }

    /// Somebody refunds a part of a payment in the gateway's dashboard.
    pub fn refund_elsewhere(&self, reference: &Reference, amount: Money) {
        let mut till = self.till();
        let id = format!("elsewhere-{}", till.refunds_elsewhere.len() + 1);
        let refund = ListedRefund::new(id, amount, RefundStatus::Processed, RefundStatus::Processed.name());
        till.refunds_elsewhere.push((reference.clone(), refund));
    }

    /// Sets what the gateway can do.
    pub fn can(&self, abilities: Abilities) {
        self.till().abilities = abilities;
    }

    /// The next `open_checkout` fails without an effect. Several scripted outcomes are used up in order.
    pub fn fail_next_open(&self, error: GatewayError) {
        self.till().next_open.push_back(Fate::Fails(error));
    }

    /// The next `open_checkout` takes effect, and its response is lost.
    pub fn lose_next_open(&self) {
        self.till().next_open.push_back(Fate::AnswerLost);
    }

    /// The next `fetch` fails.
    pub fn fail_next_fetch(&self, error: GatewayError) {
        self.till().next_fetch.push_back(Fate::Fails(error));
    }

    /// The next `refund` fails without an effect.
    pub fn fail_next_refund(&self, error: GatewayError) {
        self.till().next_refund.push_back(Fate::Fails(error));
    }

    /// The next `refund` takes effect, and its response is lost.
    pub fn lose_next_refund(&self) {
        self.till().next_refund.push_back(Fate::AnswerLost);
    }

    /// From now on, refunds stay pending until [`finish_refunds`](Self::finish_refunds) is called.
    pub fn refunds_take_time(&self) {
        self.till().refunds_take_time = true;
    }

    /// Sets the status of all accepted refunds.
    pub fn finish_refunds(&self, status: RefundStatus) {
        for (_, found) in self.till().refunds.values_mut() {
            *found = status;
        }
    }

    /// The charge under a reference, if a checkout was opened.
    pub fn charge(&self, reference: &Reference) -> Option<Charge> {
        self.till().charges.get(reference).map(|(charge, _)| charge.clone())
    }

    /// All refunds that took effect.
    pub fn refunds(&self) -> Vec<RefundCall> {
        self.till().refunds.values().map(|(call, _)| call.clone()).collect()
    }

    /// How often each method was called.
    pub fn calls(&self) -> Calls {
        self.till().calls
    }

    /// The header that signs a webhook.
    pub fn signature() -> (&'static str, &'static [u8]) {
        SIGNATURE
    }

    /// Sets what is reported about an attempt, for states without a method of their own.
    pub fn say(&self, reference: &Reference, observation: Observation) {
        if let Some((_, said)) = self.till().charges.get_mut(reference) {
            *said = observation;
        }
    }

    fn till(&self) -> MutexGuard<'_, Till> {
        self.till.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Till {
    fn fetched(&self, reference: &Reference) -> Option<Fetched> {
        let (_, observation) = self.charges.get(reference)?;
        let raw_status = match observation {
            Observation::Success(_) => "success",
            Observation::Processing => "processing",
            Observation::Failed => "failed",
            Observation::Reversed => "reversed",
            _ => "abandoned",
        };
        Some(Fetched { observation: observation.clone(), raw_status: raw_status.to_owned() })
    }

    fn send_back(&mut self, call: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        let paid = match self.charges.get(&call.attempt) {
            Some((_, Observation::Success(captured))) => captured.amount.minor(),
            _ => 0,
        };
        let of_attempt = self.refunds.values().filter(|(other, _)| other.attempt == call.attempt);
        // Failed refunds moved no money.
        let of_attempt = of_attempt.filter(|(_, status)| *status != RefundStatus::Failed);
        let gone: i64 = of_attempt.map(|(other, _)| other.amount.minor()).sum();
        let elsewhere = self.refunds_elsewhere.iter().filter(|(attempt, _)| *attempt == call.attempt);
        let gone = gone + elsewhere.map(|(_, refund)| refund.amount.minor()).sum::<i64>();
        if gone + call.amount.minor() > paid {
            return Err(GatewayError::Rejected { code: Some("more than was paid".to_owned()) });
        }
        let status = if self.refunds_take_time { RefundStatus::Pending } else { RefundStatus::Processed };
        self.refunds.insert(call.key.clone(), (call.clone(), status));
        Ok(answer(call, status))
    }
}

fn answer(call: &RefundCall, status: RefundStatus) -> FetchedRefund {
    FetchedRefund { gateway_id: Some(format!("refund-{}", call.key)), status, raw_status: status.name().to_owned() }
}

#[async_trait]
impl PaymentGateway for FakeGateway {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn mode(&self) -> Mode {
        Mode::Test
    }

    fn abilities(&self) -> Abilities {
        self.till().abilities.clone()
    }

    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
        // Every real gateway takes its time, so others get their turn.
        tokio::task::yield_now().await;
        let mut till = self.till();
        till.calls.open_checkout += 1;
        let fate = till.next_open.pop_front();
        if let Some(Fate::Fails(error)) = fate {
            return Err(error);
        }
        if till.charges.contains_key(&charge.reference) {
            return Err(GatewayError::DuplicateReference);
        }
        till.charges.insert(charge.reference.clone(), (charge.clone(), Observation::Open));
        match fate {
            Some(_) => Err(GatewayError::OutcomeUnknown),
            None => Ok(Checkout {
                url: format!("https://pay.example.com/{}", charge.reference),
                access_code: Some(format!("access-{}", charge.reference)),
            }),
        }
    }

    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
        tokio::task::yield_now().await;
        let mut till = self.till();
        till.calls.fetch += 1;
        match till.next_fetch.pop_front() {
            Some(Fate::Fails(error)) => Err(error),
            Some(Fate::AnswerLost) => Err(GatewayError::OutcomeUnknown),
            None => Ok(till.fetched(reference)),
        }
    }

    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
        tokio::task::yield_now().await;
        let mut till = self.till();
        till.calls.refund += 1;
        match till.next_refund.pop_front() {
            Some(Fate::Fails(error)) => Err(error),
            Some(Fate::AnswerLost) => till.send_back(refund).and(Err(GatewayError::OutcomeUnknown)),
            None => till.send_back(refund),
        }
    }

    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
        tokio::task::yield_now().await;
        let mut till = self.till();
        till.calls.find_refund += 1;
        Ok(till.refunds.get(&refund.key).map(|(call, status)| answer(call, *status)))
    }

    async fn refunds_of(&self, attempt: &Reference) -> Result<Vec<ListedRefund>, GatewayError> {
        tokio::task::yield_now().await;
        let till = self.till();
        let ours = till.refunds.values().filter(|(call, _)| call.attempt == *attempt).map(|(call, status)| {
            ListedRefund::new(format!("refund-{}", call.key), call.amount, *status, status.name())
                .with_keys(vec![call.key.clone()])
        });
        let elsewhere = till.refunds_elsewhere.iter().filter(|(of, _)| of == attempt).map(|(_, refund)| refund.clone());
        Ok(ours.chain(elsewhere).collect())
    }

    /// The body is the reference that it is about, as plain text. For other events than `charge.success`, their name and a space
    /// come before it. For disputes (`charge.dispute.create`, `charge.dispute.resolve`: won, `charge.dispute.lost`), the id of the
    /// dispute and the disputed amount in minor units may follow.
    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
        let mut signatures = webhook.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(SIGNATURE.0));
        match (signatures.next(), signatures.next()) {
            (Some((_, value)), None) if *value == SIGNATURE.1 => {}
            _ => return Err(WebhookError::BadSignature),
        }
        let text = std::str::from_utf8(webhook.body).map_err(|_| WebhookError::Unreadable)?;
        let (kind, rest) = text.split_once(' ').unwrap_or(("charge.success", text));
        let mut words = rest.split(' ');
        let reference: Reference = words.next().unwrap_or_default().parse().map_err(|_| WebhookError::Unreadable)?;
        let about = match kind {
            "charge.success" => self.till().fetched(&reference).map_or(WebhookSubject::Other, WebhookSubject::Charge),
            _ if kind.starts_with("refund.") => WebhookSubject::Refund,
            _ if kind.starts_with("charge.dispute.") => {
                let stage = match kind {
                    "charge.dispute.resolve" => DisputeStage::Won,
                    "charge.dispute.lost" => DisputeStage::Lost,
                    _ => DisputeStage::Open,
                };
                let (id, minor) = (words.next().unwrap_or("1"), words.next().and_then(|minor| minor.parse().ok()));
                let currency = self.charge(&reference).map(|charge| charge.amount.currency());
                let amount = minor.zip(currency).and_then(|(minor, currency)| Money::new(minor, currency).ok());
                WebhookSubject::Dispute(DisputeNews::new(id, stage).with_amount(amount))
            }
            _ => WebhookSubject::Other,
        };
        Ok(WebhookEvent { dedupe_key: text.to_owned(), kind: kind.to_owned(), reference: Some(reference), about })
    }
}
