//! Payments: attempts to pay an order, what the gateway says of them, and what becomes of the money.

use super::code::{Reference, Seed};
use super::id::OrderId;
use super::money::Money;
use super::order::Order;
use super::refund::Refund;
use super::ticket::Ticket;
use super::words::words;
use crate::setters::setters;
use jiff::{SignedDuration, Timestamp};

/// The gateway name of attempts that need no gateway, because nothing is to be paid.
pub const FREE_GATEWAY: &str = "free";

/// An open attempt is asked about for this long, and until there is an answer: longer than the 72 hours for which Paystack repeats its webhooks.
pub const POLL_FOR: SignedDuration = SignedDuration::from_hours(96);

/// One try to pay an order: one reference at one gateway. Written before the gateway is called, kept for ever.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// What the gateway knows it by: random, unique, never used twice.
    pub reference: Reference,
    /// The order it pays.
    pub order_id: OrderId,
    /// Which gateway.
    pub gateway: String,
    /// What must be paid: the order's total when the attempt was made.
    pub amount: Money,
    /// Whether real money moves. Test money must never buy a ticket where real money is wanted, and the other way round.
    pub mode: Mode,
    /// How it stands.
    pub status: AttemptStatus,
    /// Where the buyer pays.
    pub checkout: Option<Checkout>,
    /// What the gateway last said, in its own word.
    pub last_seen: Option<String>,
    /// What was paid, once something was.
    pub captured: Option<Captured>,
    /// When the gateway is asked next, while the end is open.
    pub poll: Option<Poll>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Attempt {
    /// Why this money must not become tickets, if it must not: the attempt wanted another amount, currency or mode.
    pub fn mismatch(&self, captured: &Captured) -> Option<String> {
        if captured.mode != self.mode {
            return Some(format!("{:?} money was wanted, {:?} money came", self.mode, captured.mode));
        }
        // Where the payer bears the gateway's fees, more is paid than was asked for; `requested` is then what was asked for.
        let wanted = self.amount;
        let fits = match captured.requested {
            Some(requested) => {
                requested == wanted
                    && captured.amount.currency() == wanted.currency()
                    && captured.amount.minor() >= wanted.minor()
            }
            None => captured.amount == wanted,
        };
        let of = captured.requested.map(|requested| format!(" for a request of {requested}")).unwrap_or_default();
        (!fits).then(|| format!("{wanted} was wanted, {}{of} came", captured.amount))
    }
}

/// Whether real money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// No money moves.
    Test,
    /// Real money.
    Live,
}

words!(Mode {
    Test => "test",
    Live => "live",
});

/// How an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptStatus {
    /// Written; the gateway is about to be asked.
    Created,
    /// Nobody knows whether the gateway opened a checkout. It is asked again later.
    Unknown,
    /// The buyer can pay.
    Open,
    /// The gateway says that a payment is in progress.
    Processing,
    /// The gateway says that paying failed. May still become a success.
    Failed,
    /// The gateway never had it, or refused it: nothing can come of it.
    Dropped,
    /// Asked about for [`POLL_FOR`] and no money came. A webhook could still revive it.
    Lapsed,
    /// Its money bought the order's tickets. At most one attempt of an order ends here.
    Fulfilled,
    /// Its money goes back: see the refund.
    RefundDue,
    /// Money came, but not what was asked for. A person decides.
    Review,
    /// The gateway took the money back after it had been fulfilled: refunded there by hand, or charged back.
    Reversed,
    /// The payer disputes the charge: the tickets are void while the gateway looks into it.
    Disputed,
}

words!(AttemptStatus {
    Created => "created",
    Unknown => "unknown",
    Open => "open",
    Processing => "processing",
    Failed => "failed",
    Dropped => "dropped",
    Lapsed => "lapsed",
    Fulfilled => "fulfilled",
    RefundDue => "refund_due",
    Review => "review",
    Reversed => "reversed",
    Disputed => "disputed",
});

impl AttemptStatus {
    /// Whether money has come with it. From then on it no longer listens to "open", "failed" and the like.
    pub fn has_captured(&self) -> bool {
        matches!(self, Self::Fulfilled | Self::RefundDue | Self::Review | Self::Reversed | Self::Disputed)
    }
}

/// Where the buyer pays.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Checkout {
    /// The page to send the buyer to.
    pub url: String,
    /// For gateways with a pop-up.
    pub access_code: Option<String>,
}

impl Checkout {
    /// A checkout page.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), access_code: None }
    }
}

setters!(Checkout {
    with_access_code => access_code: impl Into<Option<String>>,
});

/// Money that a gateway has taken from a buyer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Captured {
    /// What was paid.
    pub amount: Money,
    /// What had been asked for, where the gateway says so. More may be paid than asked for, if the payer bears the fees.
    pub requested: Option<Money>,
    /// Whether it was real money.
    pub mode: Mode,
    /// When, where the gateway says so.
    pub paid_at: Option<Timestamp>,
    /// The gateway's own id.
    pub gateway_id: Option<String>,
}

impl Captured {
    /// Money of which the gateway says no more than this.
    pub fn new(amount: Money, mode: Mode) -> Self {
        Self { amount, requested: None, mode, paid_at: None, gateway_id: None }
    }
}

setters!(Captured {
    with_requested => requested: impl Into<Option<Money>>,
    with_paid_at => paid_at: impl Into<Option<Timestamp>>,
    with_gateway_id => gateway_id: impl Into<Option<String>>,
});

/// When an open attempt is asked about next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Poll {
    /// Not before this.
    pub at: Timestamp,
    /// How often it was asked about.
    pub count: u32,
}

/// A try to be written before the gateway is called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenAttempt {
    /// Its reference. A repeat with the same content finds the same attempt.
    pub reference: Reference,
    /// The order's reference.
    pub order: Reference,
    /// Which gateway is about to be called.
    pub gateway: String,
    /// Whether real money moves there.
    pub mode: Mode,
}

impl OpenAttempt {
    /// Creates one from its required fields. Mind the order: first the attempt's reference, then the order's.
    pub fn new(reference: Reference, order: Reference, gateway: impl Into<String>, mode: Mode) -> Self {
        Self { reference, order, gateway: gateway.into(), mode }
    }
}

/// A try that is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenedAttempt {
    /// Its order.
    pub order: Order,
    /// The attempt.
    pub attempt: Attempt,
    /// Whether it was written down now: else a former call has, and may have called the gateway.
    pub first: bool,
}

/// What came of asking the gateway for a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckoutReport {
    /// The attempt.
    pub reference: Reference,
    /// What came of it.
    pub result: CheckoutResult,
}

impl CheckoutReport {
    /// Creates one from all its fields.
    pub fn new(reference: Reference, result: CheckoutResult) -> Self {
        Self { reference, result }
    }
}

/// What came of asking the gateway for a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckoutResult {
    /// The buyer can pay there.
    Opened(Checkout),
    /// Perhaps it is open, perhaps not: the answer was lost.
    Unknown,
    /// Nothing was sent, or the gateway refused. Where `release` says so and no other attempt can
    /// still bring money, the order is cancelled and its places go back.
    NotOpened {
        /// Why, for the audit log.
        reason: String,
        /// Whether the places are to go back at once.
        release: bool,
    },
}

/// What a gateway says of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// Paid.
    Success(Captured),
    /// Money came, but the gateway's answer is about another payment than the one it was asked about. Nobody knows whose it is.
    Mismatched(Captured),
    /// The payer has not acted, or has walked away. Not a failure.
    Open,
    /// In progress.
    Processing,
    /// This try failed; may still flip to success.
    Failed,
    /// Paid, and taken back since.
    Reversed,
    /// Paid, and disputed by the payer since.
    Disputed,
    /// The gateway does not know the reference.
    NotFound,
    /// A word that we do not know. Kept, and asked about again.
    Unrecognised,
}

/// What a gateway says of an attempt, to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settle {
    /// Which attempt.
    pub reference: Reference,
    /// What the gateway says.
    pub observation: Observation,
    /// The same in the gateway's own word, kept for people.
    pub raw_status: String,
    /// Ticket codes are derived from this if tickets come of it. Fresh for every call.
    pub seed: Seed,
}

impl Settle {
    /// Creates one from all its fields.
    pub fn new(reference: Reference, observation: Observation, raw_status: impl Into<String>, seed: Seed) -> Self {
        Self { reference, observation, raw_status: raw_status.into(), seed }
    }
}

/// What came of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// The order is paid and has its tickets. `first` is true in exactly one call for the order.
    Fulfilled {
        /// The order.
        order: Order,
        /// Its tickets.
        tickets: Vec<Ticket>,
        /// Whether this very call issued them.
        first: bool,
    },
    /// Nothing is decided: the buyer may still pay.
    Open {
        /// The order.
        order: Order,
        /// The attempt as it stands now.
        attempt: Attempt,
    },
    /// The gateway says that this try failed.
    Failed {
        /// The order.
        order: Order,
        /// The attempt as it stands now.
        attempt: Attempt,
    },
    /// Money came that buys nothing (too late, or a second time), and goes back by itself.
    RefundDue {
        /// The order.
        order: Order,
        /// The refund that takes it back.
        refund: Refund,
    },
    /// Money came, but not what was asked for. A person decides.
    Review {
        /// The order.
        order: Order,
        /// The attempt, with what was captured.
        attempt: Attempt,
    },
    /// The money was taken back at the gateway, or is disputed there; the tickets are void.
    Reversed {
        /// The order.
        order: Order,
    },
}

/// The whole story of an order's money.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Payment {
    /// The order.
    pub order: Order,
    /// Every try, oldest first.
    pub attempts: Vec<Attempt>,
    /// Every refund, oldest first.
    pub refunds: Vec<Refund>,
    /// The order's tickets.
    pub tickets: Vec<Ticket>,
    /// What the gateway told of the attempts by webhook, oldest first.
    pub webhooks: Vec<super::webhook::StoredWebhook>,
    /// What was decided, when, by whom and why, oldest first.
    pub audit: Vec<super::audit::AuditLine>,
}
