use super::{Attempt, FREE_GATEWAY, Mode, OpenAttempt, OpenedAttempt};
use crate::domain::command::Command;
use crate::domain::load::LoadKeys;
use crate::domain::money::{Currency, Money};
use crate::domain::order::{Decided, Hold, Order};
use crate::domain::order_details::is_answered;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

/// A request to hold places for an order and to store an attempt to pay it, in one transaction and before the gateway is called.
/// Equal to a [`Hold`] followed by an [`OpenAttempt`], with one commit instead of two, and without an order if the attempt is refused.
///
/// If the order is free, its attempt is one at [`FREE_GATEWAY`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BeginSale {
    /// The order. A repeat with the same content finds the same order.
    pub hold: Hold,
    /// The attempt, at the gateway that is to charge the order. Its field `order` is the reference of `hold`.
    pub attempt: OpenAttempt,
    /// The currencies that this gateway can charge. `None` means all.
    pub currencies: Option<Vec<Currency>>,
}

impl BeginSale {
    /// Creates one for a gateway that charges every currency.
    pub fn new(hold: Hold, attempt: OpenAttempt) -> Self {
        let attempt = OpenAttempt { order: hold.reference.clone(), ..attempt };
        Self { hold, attempt, currencies: None }
    }

    /// The attempt to pay this total.
    fn attempt_of(&self, total: Money) -> Result<OpenAttempt, Refusal> {
        let attempt = self.attempt.clone();
        if total.is_zero() {
            return Ok(OpenAttempt {
                gateway: FREE_GATEWAY.to_owned(),
                mode: Mode::Live,
                pays_within: None,
                ..attempt
            });
        }
        let currency = total.currency();
        let is_charged = self.currencies.as_ref().is_none_or(|known| known.contains(&currency));
        if is_charged { Ok(attempt) } else { Err(Refusal::CurrencyUnsupported { currency }) }
    }
}

setters!(BeginSale {
    with_currencies => currencies: impl Into<Option<Vec<Currency>>>,
});

/// How a sale begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaleBegun {
    /// With a new order and its first attempt.
    New(Box<OpenedAttempt>),
    /// Not again: the order of an earlier request. Nothing was changed. Store another attempt with [`OpenAttempt`].
    Known(Box<Order>),
}

/// Holds places and stores the attempt, or does neither. Refuses what [`Hold`] and [`OpenAttempt`] refuse. A repeat with the same content
/// finds the same order.
impl Command for BeginSale {
    type Outcome = Result<SaleBegun, Refusal>;
    const NAME: &'static str = "begin_sale";

    fn group(&self) -> i64 {
        self.hold.group()
    }

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self.hold.needs(rows, load);
        load.look::<Attempt>(&self.attempt.reference);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<SaleBegun, Refusal> {
        let new = match self.hold.decide(rows, now)? {
            Decided::Known(order) => return Ok(SaleBegun::Known(Box::new(order))),
            Decided::New(new) => new,
        };
        // What the attempt would refuse, before anything is written.
        let attempt = self.attempt_of(new.total)?;
        if rows.attempts.get(&attempt.reference).is_some() {
            return Err(Refusal::KeyReused);
        }
        if self.hold.hold_until <= now {
            return Err(Refusal::HoldExpired);
        }
        if self.hold.buyer.email.is_none() {
            return Err(Refusal::BuyerUnnamed);
        }
        if let Some(event) = rows.events.get(&self.hold.event_id) {
            // Nothing can have been answered about an order that does not exist.
            is_answered(event, &new.lines, None)?;
        }
        self.hold.write(rows, now, new);
        attempt.apply(rows, now).map(|opened| SaleBegun::New(Box::new(opened)))
    }
}
