//! What buyers and organisers do.

use crate::hostile_gateway::seeded_random::SeedRng;
use crate::hostile_gateway::world::{Act, World, organizer};
use crate::support::dropped_calls::drop_after;
use ticketing_core::Error;
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::payment::Verdict;
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::domain::refund::RetryRefund;
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{OrderRequest, PayOptions, RefundOptions, Started};

/// How somebody pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    InTime,
    AtTheDeadline,
    AfterTheDeadline,
    Never,
    DeclinedFirst,
    BearsTheFees,
    TooLittle,
    TooMuch,
    AnotherCurrency,
    Twice,
    ChargesBack,
}

/// Somebody who buys.
#[derive(Clone, Debug)]
pub(crate) struct Sale {
    pub(crate) number: u64,
    /// The caller's own names, made before the first call.
    pub(crate) order: Reference,
    attempt: Reference,
    event: usize,
    quantity: u32,
    manner: Manner,
}

impl Sale {
    pub(crate) fn new(rng: SeedRng, number: u64, events: usize) -> Self {
        let seed = Seed(std::array::from_fn(|index| rng.draw("seed", index as u64).to_le_bytes()[0]));
        let manner = match rng.below(100, "manner", number) {
            0..40 => Manner::InTime,
            40..50 => Manner::AtTheDeadline,
            50..62 => Manner::AfterTheDeadline,
            62..71 => Manner::Never,
            71..77 => Manner::DeclinedFirst,
            77..82 => Manner::BearsTheFees,
            82..85 => Manner::TooLittle,
            85..87 => Manner::TooMuch,
            87..90 => Manner::AnotherCurrency,
            90..97 => Manner::Twice,
            _ => Manner::ChargesBack,
        };
        Self {
            number,
            order: Reference::derived(&seed, &format!("order {number}")),
            attempt: Reference::derived(&seed, &format!("attempt {number}")),
            event: usize::try_from(rng.below(events as u64, "event", number)).unwrap(),
            quantity: u32::try_from(1 + rng.below(4, "quantity", number)).unwrap(),
            manner,
        }
    }

    pub(crate) fn who(&self) -> Principal {
        Principal::External(format!("buyer-{}", self.number))
    }

    fn buyer(&self) -> Buyer {
        Buyer::new(self.who(), format!("buyer-{}@example.com", self.number).parse().unwrap())
    }
}

impl World {
    pub(crate) async fn act(&self, act: Act) {
        match act {
            Act::Buy(sale) => self.buy(self.sale(sale)).await,
            Act::PayAgain(sale) => self.pay_again(self.sale(sale)).await,
            Act::Pays { sale, reference } => self.pays(self.sale(sale), &reference),
            Act::Verify { sale, reference } => self.verify(self.sale(sale), &reference).await,
            Act::GivesUp(sale) => {
                let sale = self.sale(sale);
                allowed(self.engine(sale).cancel_order(&sale.who(), &sale.order).await);
            }
            Act::Refund(sale) => self.refund(self.sale(sale)).await,
            Act::ChargeBack { order, reference } => {
                if self.fake_paystack.charge_back(&reference) {
                    self.stats.met(&order, "payer: charges back");
                }
            }
            Act::EndRefund { id, nth, order } => self.end_refund(id, nth, &order),
            Act::RetryRefund { reference } => self.retry_refund(&reference).await,
            Act::Decide { reference } => self.decide(&reference).await,
            Act::Webhook { kind, order, body, key } => self.deliver(&kind, &order, &body, key).await,
            Act::CallOff(event) => {
                self.engines[0].cancel_event(&organizer(), self.events[event].id).await.unwrap();
                self.stats.met("", "event: cancelled");
            }
        }
    }

    fn sale(&self, number: u64) -> &Sale {
        &self.sales[usize::try_from(number).unwrap()]
    }

    fn engine(&self, sale: &Sale) -> &ticketing_core::Ticketing {
        &self.engines[usize::try_from(self.rng.below(2, "engine", sale.number)).unwrap()]
    }

    async fn buy(&self, sale: &Sale) {
        let buyer = sale.buyer();
        let buy = || {
            let lines = OrderRequest::tickets(self.events[sale.event].id, sale.quantity);
            let request = lines.with_reference(sale.order.clone());
            let options = PayOptions::default().with_reference(sale.attempt.clone());
            self.engine(sale).buy(&buyer, request, options)
        };
        if self.rng.percent(10, "goes away", sale.number) {
            let polls = usize::try_from(self.rng.below(12, "polls", sale.number)).unwrap();
            if drop_after(polls, buy()).await.is_none() {
                self.stats.met(sale.order.as_str(), "caller: went away");
            }
        }
        let started = if self.rng.percent(12, "twice", sale.number) {
            self.stats.met(sale.order.as_str(), "caller: called twice");
            let (first, second) = tokio::join!(buy(), buy());
            [first, second].into_iter().find_map(allowed)
        } else {
            allowed(buy().await)
        };
        // Most people retry when the outcome is unknown.
        let started = match started {
            None if self.rng.percent(70, "tries again", sale.number) => allowed(buy().await),
            started => started,
        };
        match started {
            Some(started) => self.will_pay(sale, &started),
            // The gateway's own mail may lead a buyer to a checkout that we never heard of.
            None if self.rng.percent(60, "unseen", sale.number) => {
                let reference = sale.attempt.to_string();
                if self.fake_paystack.transaction(&reference).is_some() {
                    self.stats.met(sale.order.as_str(), "payer: pays unseen checkout");
                    self.after(60, Act::Pays { sale: sale.number, reference });
                }
            }
            None => {}
        }
    }

    fn will_pay(&self, sale: &Sale, started: &Started) {
        let reference = started.attempt.reference.to_string();
        let order = started.order.reference.as_str();
        let number = sale.number;
        // A hold lasts for 15 minutes.
        let seconds = match sale.manner {
            Manner::Never => return,
            Manner::AtTheDeadline => {
                self.stats.met(order, "payer: at the deadline");
                900 - 10 + self.rng.below(21, "deadline", number)
            }
            Manner::AfterTheDeadline => {
                self.stats.met(order, "payer: after the deadline");
                900 + self.rng.below(1800, "late", number)
            }
            Manner::Twice => {
                self.after(60, Act::PayAgain(number));
                120 + self.rng.below(300, "first of two", number)
            }
            _ => 15 + self.rng.below(500, "in time", number),
        };
        if sale.manner == Manner::DeclinedFirst {
            self.fake_paystack.set_status(&reference, "failed");
            self.stats.met(order, "payer: declined first");
            self.after(seconds / 2, Act::Verify { sale: number, reference: reference.clone() });
        }
        self.after(seconds, Act::Pays { sale: number, reference });
        if self.rng.percent(4, "gives up", number) {
            self.after(90, Act::GivesUp(number));
        }
    }

    async fn pay_again(&self, sale: &Sale) {
        let started = self.engine(sale).pay(&sale.who(), &sale.order, PayOptions::default()).await;
        if let Some(started) = allowed(started) {
            let reference = started.attempt.reference.to_string();
            self.after(
                120 + self.rng.below(300, "second of two", sale.number),
                Act::Pays { sale: sale.number, reference },
            );
        }
    }

    fn pays(&self, sale: &Sale, reference: &str) {
        let Some(transaction) = self.fake_paystack.transaction(reference) else { return };
        let (order, asked) = (transaction.order.as_str(), transaction.asked);
        let (amount, currency, requested) = match sale.manner {
            Manner::BearsTheFees => (asked + asked / 50 + 100, "NGN", Some(asked)),
            Manner::TooLittle => (asked - 1, "NGN", None),
            Manner::TooMuch => (asked + 1, "NGN", None),
            Manner::AnotherCurrency => (asked, "GHS", None),
            _ => (asked, "NGN", None),
        };
        if !self.fake_paystack.pay_this(reference, amount, currency, requested) {
            return;
        }
        match sale.manner {
            Manner::BearsTheFees => self.stats.met(order, "payer: bears the fees"),
            Manner::TooLittle => self.stats.met(order, "payer: too little"),
            Manner::TooMuch => self.stats.met(order, "payer: too much"),
            Manner::AnotherCurrency => self.stats.met(order, "payer: another currency"),
            Manner::Twice => self.stats.met(order, "payer: pays two attempts"),
            Manner::ChargesBack => {
                self.after(600, Act::ChargeBack { order: order.to_owned(), reference: reference.to_owned() });
            }
            _ => {}
        }
        // The browser comes back, or not; and some people press "reload".
        if self.rng.percent(45, "comes back", sale.number) {
            for _ in 0..1 + self.rng.below(3, "reloads", sale.number) {
                self.after(2, Act::Verify { sale: sale.number, reference: reference.to_owned() });
            }
        }
        if self.rng.percent(20, "refund", sale.number) {
            self.after(400, Act::Refund(sale.number));
        }
    }

    async fn verify(&self, sale: &Sale, reference: &str) {
        let reference: Reference = reference.parse().unwrap();
        let settlement = allowed(self.engine(sale).verify(&sale.who(), &reference).await);
        if let Some(Settlement::Review { .. }) = settlement
            && self.rng.percent(50, "decide", sale.number)
        {
            self.after(300, Act::Decide { reference: reference.to_string() });
        }
    }

    async fn refund(&self, sale: &Sale) {
        let Some(payment) = self.storage.payment(&sale.order).await.unwrap() else { return };
        let one = payment.tickets.first().map(|ticket| ticket.id).filter(|_| sale.number.is_multiple_of(2));
        let key = Reference::derived(&Seed([6; 32]), sale.order.as_str());
        let tickets = one.map(|one| vec![one]);
        // Asked for at both processes at once, under one name.
        let both = self.engines.each_ref().map(|engine| {
            let (engine, order, tickets, key) = (engine.clone(), sale.order.clone(), tickets.clone(), key.clone());
            async move {
                engine.refund(&organizer(), &order, RefundOptions::default().with_tickets(tickets).with_key(key)).await
            }
        });
        let [first, second] = both;
        let (first, second) = tokio::join!(first, second);
        if let Some(refund) = [first, second].into_iter().find_map(allowed) {
            assert_eq!(refund.key, key);
            self.stats.met(sale.order.as_str(), "refund: by the organiser");
        }
    }

    async fn retry_refund(&self, reference: &str) {
        let reference: Reference = reference.parse().unwrap();
        let Some(payment) = self.storage.payment(&reference).await.unwrap() else { return };
        let gave_up = |status| matches!(status, RefundStatus::Failed | RefundStatus::NeedsAttention);
        for refund in payment.refunds.into_iter().filter(|refund| gave_up(refund.status)) {
            self.storage
                .apply_one(self.now(), RetryRefund { id: refund.id, actor: organizer() })
                .await
                .unwrap()
                .unwrap();
            self.stats.met(payment.order.reference.as_str(), "refund: retried by hand");
        }
    }

    async fn decide(&self, reference: &str) {
        let reference: Reference = reference.parse().unwrap();
        let attempt = self.storage.attempt(&reference).await.unwrap().unwrap();
        // A person looks at the gateway's ledger before deciding.
        let came = self.fake_paystack.transaction(reference.as_str()).is_some_and(|it| it.paid.is_some());
        if attempt.status == AttemptStatus::Review && came {
            let verdict = if attempt.amount.minor() % 2 == 0 { Verdict::Accept } else { Verdict::Refund };
            let note = "looked at it".to_owned();
            allowed(
                self.engines[0]
                    .resolve_review(&organizer(), &reference, ticketing_core::Decision::new(verdict, note))
                    .await,
            );
        }
    }
}

/// What a caller may be told in such a world: the rules' own no, or that the gateway is in trouble. Never that the storage is,
/// nor that something is wrong with us.
fn allowed<T>(result: ticketing_core::Result<T>) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(Error::Gateway(_) | Error::NotFound("Payment" | "Order")) => None,
        Err(Error::Refused(
            Refusal::SoldOut { .. }
            | Refusal::EventCancelled
            | Refusal::HoldExpired
            | Refusal::OrderPaid
            | Refusal::OrderCancelled
            | Refusal::PaymentInProgress
            | Refusal::NothingToRefund
            | Refusal::TicketNotValid { .. }
            | Refusal::NotInReview,
        )) => None,
        Err(other) => panic!("{other:?}"),
    }
}
