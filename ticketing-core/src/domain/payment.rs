//! Payments: attempts to pay an order, what the gateway says of them, and what becomes of the money.

use super::code::{Reference, Seed};
use super::id::OrderId;
use super::money::Money;
use super::order::Order;
use super::refund::Refund;
use super::row::{Field, Kind, RowError, Sink, Source, required};
use super::table::{Lock, table};
use super::ticket::Ticket;
use super::wire_names::wire_names;
use super::working_set::{Noun, WorkingSet};
use jiff::{SignedDuration, Timestamp};

mod checkout;
mod find;
mod open;
mod poll;
mod review;
mod settle;

pub use find::FindAttempt;
pub use poll::ClaimPolls;
pub(crate) use review::of_organizer;
pub use review::{ListReviews, Resolve, Verdict};

/// The gateway name of attempts that need no gateway, because nothing is to be paid.
pub const FREE_GATEWAY: &str = "free";

/// An open attempt is asked about for this long, and until there is an answer: longer than the 72 hours for which Paystack repeats its webhooks.
pub const POLL_FOR: SignedDuration = SignedDuration::from_hours(96);

/// One try to pay an order: one reference at one gateway. Written before the gateway is called, kept for ever.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

table! {
    Attempt in "attempts", lock Lock::With(Noun::Order, "order_id");
    keyed reference: Reference, order_id, gateway, amount [amount_minor, currency], mode, status,
        checkout [checkout_url, access_code], last_seen,
        captured [captured_minor, captured_currency, requested_minor, requested_currency, captured_mode, paid_at, gateway_id],
        poll [poll_at, poll_count], created_at, updated_at;
    index BY_ORDER(order_id);
}

impl WorkingSet {
    /// The order's attempts, by reference.
    pub fn attempts_of(&self, order: OrderId) -> impl Iterator<Item = &Attempt> {
        self.attempts.all(BY_ORDER, &order)
    }
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

wire_names!(Mode {
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

wire_names!(AttemptStatus {
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
pub struct Checkout {
    /// The page to send the buyer to.
    pub url: String,
    /// For gateways with a pop-up.
    pub access_code: Option<String>,
}

/// Money that a gateway has taken from a buyer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

/// When an open attempt is asked about next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Poll {
    /// Not before this.
    pub at: Timestamp,
    /// How often it was asked about.
    pub count: u32,
}

/// A try to be written before the gateway is called.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A try that is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
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
pub struct CheckoutReport {
    /// The attempt.
    pub reference: Reference,
    /// What came of it.
    pub result: CheckoutResult,
}

/// What came of asking the gateway for a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Field for Checkout {
    const KINDS: &'static [Kind] = &[Kind::Text, Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(Some(&self.url));
        to.text(self.access_code.as_deref());
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (url, access_code) = (from.text()?, from.text()?);
        Ok(url.map(|url| Self { url, access_code }))
    }
}

impl Field for Captured {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Text, Kind::Int, Kind::Text, Kind::Text, Kind::Int, Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        self.amount.store(to);
        self.requested.store(to);
        self.mode.store(to);
        self.paid_at.store(to);
        self.gateway_id.store(to);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (amount, requested) = (Money::read(from)?, Money::read(from)?);
        let (mode, paid_at, gateway_id) = (Mode::read(from)?, Timestamp::read(from)?, from.text()?);
        Ok(amount.zip(mode).map(|(amount, mode)| Self { amount, requested, mode, paid_at, gateway_id }))
    }
}

/// Two columns, of which the count is never null.
impl Field for Poll {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        self.at.store(to);
        self.count.store(to);
    }

    fn store_none(to: &mut dyn Sink) {
        to.int(None);
        to.int(Some(0));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (at, count) = (Timestamp::read(from)?, required(from, "attempts.poll_count")?);
        Ok(at.map(|at| Self { at, count }))
    }
}
