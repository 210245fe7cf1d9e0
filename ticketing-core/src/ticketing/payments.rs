//! Paying for orders through a payment gateway.

use super::authorization::unless_known;
use super::orders::not_held;
use super::{OrderRequest, Ticketing, refused};
use crate::domain::access::{Permission, is_theirs};
use crate::domain::code::Reference;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::{
    Attempt, AttemptStatus, Attention, BeginSale, Captured, Checkout, CheckoutReport, CheckoutResult, FREE_GATEWAY,
    FindAttempt, Mode, NeedsAttention, Observation, OpenAttempt, OpenedAttempt, SaleBegun, Settle, Settlement,
};
use crate::domain::payment_history::Payment;
use crate::domain::principal::{Buyer, EmailAddress, Principal};
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::gateway::{Abilities, Charge, Fetched, GatewayError, PaymentGateway};
use crate::metrics::{self, Stage};
use crate::runtime;
use crate::setters::setters;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;
use tracing::Instrument as _;
use tracing::field::Empty;

/// Options of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayOptions {
    /// Where the gateway sends the buyer afterwards. Paystack adds `?reference=` to it.
    pub return_url: Option<String>,
    /// The e-mail address for the gateway. Default: the buyer's.
    pub email: Option<EmailAddress>,
    /// The attempt's reference, which is its idempotency key. Default: a new one.
    pub reference: Option<Reference>,
}

setters!(PayOptions {
    with_return_url => return_url: impl Into<Option<String>>,
    with_email => email: impl Into<Option<EmailAddress>>,
    with_reference => reference: impl Into<Option<Reference>>,
});

/// A payment that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// The order.
    pub order: Order,
    /// The attempt. [`Ticketing::verify`] takes its reference.
    pub attempt: Attempt,
    /// Where the buyer pays. `None` for a free order, whose tickets are issued already.
    pub checkout: Option<Checkout>,
}

impl Ticketing {
    /// Takes places and opens a checkout for them, in one call. If no checkout can be opened, the places are released at once. If
    /// it is unknown whether one was opened, they are kept until the hold expires.
    ///
    /// Refusals: those of [`hold`](Self::hold). Errors: [`Error::Gateway`].
    ///
    /// A repeat with the same references finds the same order and checkout. If that order was cancelled or has expired, starts a
    /// new one with new references; a guest, who is known by the reference, gets none.
    pub async fn buy(&self, buyer: &Buyer, request: OrderRequest, options: PayOptions) -> Result<Started> {
        let span =
            tracing::info_span!("buy", event.id = request.event_id.0, order.id = Empty, attempt.reference = Empty);
        self.begin_sale(buyer, request, options).instrument(span).await
    }

    async fn begin_sale(&self, buyer: &Buyer, request: OrderRequest, options: PayOptions) -> Result<Started> {
        let _waiting = self.inner.pace.buyer();
        let Some(gateway) = &self.inner.gateway else {
            // Only free orders can be paid, and whether this is one is known when it is made.
            let mut options = options;
            let mut order = self.hold(buyer, request.clone()).await?;
            if is_over(&order) {
                order = self.hold(buyer, OrderRequest { reference: None, ..request }).await?;
                options.reference = None;
            }
            return self.open_attempt(order, options, true).await;
        };
        let mut options = self.usable(options).await?;
        let mut begun = self.begin_at(&**gateway, buyer, request.clone(), &options).await?;
        if let SaleBegun::Known(order) = &begun
            && is_over(order)
        {
            // The attempt's reference belongs to the former order.
            options.reference = None;
            begun = self.begin_at(&**gateway, buyer, OrderRequest { reference: None, ..request }, &options).await?;
        }
        match begun {
            SaleBegun::New(opened) => self.take_to_checkout(*opened, options, true).await,
            SaleBegun::Known(order) => self.open_attempt(*order, options, true).await,
        }
    }

    /// Takes the places and stores the attempt in one transaction.
    async fn begin_at(
        &self,
        gateway: &dyn PaymentGateway,
        buyer: &Buyer,
        request: OrderRequest,
        options: &PayOptions,
    ) -> Result<SaleBegun> {
        let began = self.now();
        let hold = self.new_hold(buyer, request)?;
        let attempt = self.new_attempt(Some(gateway), &hold.reference, options);
        let sale = BeginSale { hold, attempt, currencies: gateway.abilities().currencies };
        let begun = self.inner.batches.apply(sale).await?.map_err(not_held)?;
        let order = match &begun {
            SaleBegun::New(opened) => &opened.order,
            SaleBegun::Known(order) => order,
        };
        tracing::Span::current().record("order.id", order.id.0);
        self.count_hold(order, began);
        Ok(begun)
    }

    /// Opens a checkout for an order of `actor`'s. Another one may be open already: both can be paid, and a second payment is
    /// refunded automatically. If no checkout can be opened, the hold stays, so that the buyer can retry.
    ///
    /// Refusals: `hold_expired`, `order_paid`, `order_cancelled`, `event_cancelled`, `event_over`, `key_reused`, `buyer_unnamed`.
    pub async fn pay(&self, actor: &Principal, order: &Reference, options: PayOptions) -> Result<Started> {
        let order = self.order(actor, order).await?;
        self.open(order, options, false).await
    }

    /// Stores the attempt before asking the gateway: whatever happens to the call, a capture can be matched to its order.
    async fn open(&self, order: Order, options: PayOptions, release: bool) -> Result<Started> {
        let span = tracing::info_span!("open", order.id = order.id.0, attempt.reference = Empty);
        self.open_attempt(order, options, release).instrument(span).await
    }

    async fn open_attempt(&self, order: Order, options: PayOptions, release: bool) -> Result<Started> {
        let options = self.usable(options).await?;
        let gateway = match self.gateway() {
            _ if order.total.is_zero() => None,
            Ok(gateway) => Some(gateway),
            Err(error) => {
                if release {
                    self.cancel_order(&order.buyer.who, &order.reference).await?;
                }
                return Err(error);
            }
        };
        let abilities = gateway.map_or_else(Abilities::default, |gateway| gateway.abilities());
        if !abilities.charges(order.total.currency()) {
            if release {
                self.cancel_order(&order.buyer.who, &order.reference).await?;
            }
            return Err(refused(Refusal::CurrencyUnsupported { currency: order.total.currency() }));
        }
        let request = self.new_attempt(gateway.map(|gateway| &**gateway), &order.reference, &options);
        let opened = self.inner.batches.apply(request).await?.map_err(refused)?;
        self.take_to_checkout(opened, options, release).await
    }

    /// An attempt to pay an order at this gateway. Without one: for free orders.
    fn new_attempt(
        &self,
        gateway: Option<&dyn PaymentGateway>,
        order: &Reference,
        options: &PayOptions,
    ) -> OpenAttempt {
        let pays_within = gateway.and_then(|gateway| gateway.abilities().pays_within);
        OpenAttempt {
            reference: options.reference.clone().unwrap_or_else(|| Reference::of_attempt(&self.inner.random.seed())),
            order: order.clone(),
            gateway: gateway.map_or(FREE_GATEWAY, |gateway| gateway.name()).to_owned(),
            mode: gateway.map_or(Mode::Live, |gateway| gateway.mode()),
            pays_within: pays_within.and_then(|pays_within| SignedDuration::try_from(pays_within).ok()),
        }
    }

    /// Asks the gateway for the checkout of an attempt that was stored, unless there is one. Settles a free order.
    async fn take_to_checkout(&self, opened: OpenedAttempt, options: PayOptions, release: bool) -> Result<Started> {
        let OpenedAttempt { order, attempt, first } = opened;
        tracing::Span::current().record("attempt.reference", attempt.reference.as_str());
        if first {
            metrics::reached(Stage::AttemptOpened, 1);
        }
        if order.total.is_zero() {
            return self.settle_free(order, attempt).await;
        }
        if let Some(checkout) = attempt.checkout.clone() {
            return Ok(Started { order, attempt, checkout: Some(checkout) });
        }
        // Another call stored this attempt and is asking for its checkout. If both asked, the gateway could refuse one, and that one
        // would release the places while the other sends its buyer to pay.
        if !first {
            return Err(GatewayError::OutcomeUnknown.into());
        }

        let charge = Charge {
            reference: attempt.reference.clone(),
            amount: attempt.amount,
            email: options.email.or_else(|| order.buyer.email.clone()).ok_or_else(|| refused(Refusal::BuyerUnnamed))?,
            return_url: options.return_url,
            order: order.reference.clone(),
        };
        // Once the gateway was asked, its response must be stored even if our caller leaves. So this is a task of its own.
        let (engine, gateway) = (self.clone(), Arc::clone(self.gateway()?));
        let work = async move { engine.ask_for_checkout(&*gateway, &charge, release).await };
        let opened = runtime::run(&*self.inner.runtime, work.in_current_span());
        let (attempt, checkout) = opened.await.map_err(|_| GatewayError::OutcomeUnknown)??;
        Ok(Started { order, attempt, checkout: Some(checkout) })
    }

    /// Replaces the reference of an attempt whose checkout was lost. A lost checkout cannot be found again, and a gateway accepts a
    /// reference only once. The old attempt is still polled.
    async fn usable(&self, options: PayOptions) -> Result<PayOptions> {
        let known = match &options.reference {
            Some(reference) => self.inner.batches.find(FindAttempt(reference.clone())).await?,
            None => None,
        };
        let is_lost = known.is_some_and(|(attempt, _)| attempt.checkout.is_none() && !attempt.is_without_gateway());
        Ok(if is_lost { PayOptions { reference: None, ..options } } else { options })
    }

    async fn ask_for_checkout(
        &self,
        gateway: &dyn PaymentGateway,
        charge: &Charge,
        release: bool,
    ) -> Result<(Attempt, Checkout)> {
        let answer = match gateway.open_checkout(charge).await {
            // Another call of ours used the reference: its checkout is open and may be paid.
            Err(GatewayError::DuplicateReference) => Err(GatewayError::OutcomeUnknown),
            answer => answer,
        };
        let result = match &answer {
            Ok(checkout) => CheckoutResult::Opened(checkout.clone()),
            Err(error) if error.was_not_sent() => CheckoutResult::NotOpened { reason: error.to_string(), release },
            Err(_) => CheckoutResult::Unknown,
        };
        let report = CheckoutReport { reference: charge.reference.clone(), result };
        let gives_back = matches!(report.result, CheckoutResult::NotOpened { release: true, .. });
        let attempt = self.inner.batches.apply(report).await?.map_err(refused)?;
        if gives_back {
            metrics::reached(Stage::Cancelled, 1);
        }
        let checkout = match (answer, &attempt.checkout) {
            (Ok(checkout), _) => checkout,
            (Err(GatewayError::OutcomeUnknown), Some(of_another_call)) => of_another_call.clone(),
            (Err(error), _) => return Err(error.into()),
        };
        Ok((attempt, checkout))
    }

    /// Settles the attempt of a free order, without a gateway.
    async fn settle_free(&self, order: Order, attempt: Attempt) -> Result<Started> {
        let captured =
            Captured { amount: attempt.amount, requested: None, mode: attempt.mode, paid_at: None, gateway_id: None };
        let report = Fetched { observation: Observation::Success(captured), raw_status: FREE_GATEWAY.to_owned() };
        let settlement = self.settle(&attempt.reference, report).await?;
        let order = match settlement {
            Settlement::Fulfilled { order, .. } => order,
            _ => order,
        };
        Ok(Started { order, attempt, checkout: None })
    }

    /// Asks the gateway for the status of an attempt of `actor`'s, and settles it. Any number of calls, even concurrent ones, issue
    /// the order's tickets once; `first` of [`Settlement::Fulfilled`] says which call did. If the attempt is settled already, the
    /// gateway is not asked.
    pub async fn verify(&self, actor: &Principal, reference: &Reference) -> Result<Settlement> {
        let _waiting = self.inner.pace.buyer();
        let missing = || Error::NotFound("Payment");
        let (attempt, order) = self.inner.batches.find(FindAttempt(reference.clone())).await?.ok_or_else(missing)?;
        if !is_theirs(actor, &order) {
            return Err(missing());
        }
        self.ask_and_settle(&attempt).await
    }

    /// The payment history of an order. Allowed for its buyer, the event's organiser and administrators. `reference` is the
    /// order's or that of one of its attempts.
    pub async fn payment(&self, actor: &Principal, reference: &Reference) -> Result<Payment> {
        let missing = || Error::NotFound("Payment");
        let payment = self.inner.storage.payment(reference).await?.ok_or_else(missing)?;
        if !is_theirs(actor, &payment.order) {
            let event = self.event(payment.order.event_id).await?;
            self.may(actor, Permission::Orders, &event).await.map_err(|error| unless_known(error, missing()))?;
            return Ok(payment);
        }
        // A ticket that was transferred is somebody else's.
        let Payment { order, mut tickets, .. } = payment;
        tickets.retain(|ticket| order.is_holder_of(ticket));
        Ok(Payment { order, tickets, ..payment })
    }

    pub(super) async fn ask_and_settle(&self, attempt: &Attempt) -> Result<Settlement> {
        let span = tracing::info_span!("settle", order.id = attempt.order_id.0, attempt.reference = %attempt.reference);
        self.ask(attempt).instrument(span).await
    }

    async fn ask(&self, attempt: &Attempt) -> Result<Settlement> {
        // A payment in review may turn out to be right after all, so the gateway is asked again.
        let settled = attempt.status.has_captured() && attempt.status != AttemptStatus::Review;
        let report = if settled || attempt.is_without_gateway() {
            // Already settled: this observation has no effect, and settling returns the current outcome.
            Fetched { observation: Observation::Open, raw_status: String::new() }
        } else {
            let gateway = self.gateway_of(attempt)?;
            let nothing = Fetched { observation: Observation::NotFound, raw_status: "not found".to_owned() };
            match gateway.fetch(&attempt.reference).await {
                Ok(found) => found.unwrap_or(nothing),
                Err(error) => {
                    if error == GatewayError::Unreadable && !attempt.attention.contains(&Attention::Unreadable) {
                        let (reference, attention) = (attempt.reference.clone(), Attention::Unreadable);
                        let now = self.now();
                        self.inner.storage.apply_one(now, NeedsAttention { reference, attention }).await?;
                    }
                    return Err(error.into());
                }
            }
        };
        self.settle(&attempt.reference, report).await
    }

    pub(super) async fn settle(&self, reference: &Reference, report: Fetched) -> Result<Settlement> {
        let settle = Settle {
            reference: reference.clone(),
            observation: report.observation,
            raw_status: report.raw_status,
            seed: self.inner.random.seed(),
        };
        let asked = self.now();
        let settlement = self.inner.batches.apply(settle).await?.map_err(refused)?;
        metrics::settled(&settlement, asked);
        if let Settlement::Fulfilled { first: true, .. } | Settlement::RefundDue { .. } = settlement {
            self.inner.upkeep_wakeup.notify_one();
        }
        Ok(settlement)
    }

    fn gateway(&self) -> Result<&Arc<dyn PaymentGateway>> {
        self.inner
            .gateway
            .as_ref()
            .ok_or_else(|| Error::Configuration("selling tickets requires a payment gateway".to_owned()))
    }

    /// The gateway that an attempt was made at.
    pub(super) fn gateway_of(&self, attempt: &Attempt) -> Result<&Arc<dyn PaymentGateway>> {
        let gateway = self.gateway()?;
        if gateway.name() == attempt.gateway && gateway.mode() == attempt.mode {
            return Ok(gateway);
        }
        Err(Error::Configuration(format!("the attempt was made at {}, which is not configured", attempt.gateway)))
    }
}

/// Whether the order of an earlier call has ended unpaid, so that its buyer may have a new one. A guest is the buyer of one order.
fn is_over(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Cancelled | OrderStatus::Expired) && order.buyer.who.guest().is_none()
}
