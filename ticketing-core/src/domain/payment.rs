//! Payments: attempts to pay an order, what the gateway reports about them, and the outcome.

use super::audit::Actor;
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
use crate::setters::setters;
use jiff::{SignedDuration, Timestamp};

mod attention;
mod begin;
mod checkout;
mod dispute;
mod find;
mod open;
mod poll;
mod record;
mod review;
mod settle;

pub use attention::{Attention, NeedsAttention};
pub use begin::{BeginSale, SaleBegun};
pub use dispute::{Dispute, DisputeNews, DisputeStage, RecordDispute};
pub use find::FindAttempt;
pub use poll::ClaimPolls;
pub use record::{ManualMethod, RecordPayment};
pub(crate) use record::{Recorded, record_payment};
pub use review::{ListReviews, Resolve, Verdict};

/// The gateway name of attempts that need no gateway, since the order is free.
pub const FREE_GATEWAY: &str = "free";

/// How long an open attempt is polled: longer than the 72 hours for which Paystack repeats its webhooks.
pub const POLL_FOR: SignedDuration = SignedDuration::from_hours(96);

/// One attempt to pay an order: one reference at one gateway. Stored before the gateway is called, and kept indefinitely.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// Its reference at the gateway: random, unique and never reused.
    pub reference: Reference,
    /// The order to pay.
    pub order_id: OrderId,
    /// The gateway's name.
    pub gateway: String,
    /// The amount to pay: the order's total when the attempt was created.
    pub amount: Money,
    /// Whether real money moves. Test money never buys a ticket that costs real money, nor the other way round.
    pub mode: Mode,
    /// The status.
    pub status: AttemptStatus,
    /// Where the buyer pays.
    pub checkout: Option<Checkout>,
    /// The last status that the gateway reported, in its own words.
    pub last_seen: Option<String>,
    /// What was paid, if anything.
    pub captured: Option<Captured>,
    /// When the gateway is polled next. `None` once the outcome is final.
    pub poll: Option<Poll>,
    /// The payer's disputes, oldest first.
    #[serde(default)]
    pub disputes: Vec<Dispute>,
    /// Why a person should look at it, beyond what its status says.
    #[serde(default)]
    pub attention: Vec<Attention>,
    /// What the person wrote who decided about it last. It is free text, so it is kept here and not in the audit log, where nothing can be
    /// erased.
    #[serde(default)]
    pub note: Option<String>,
    /// Who has recorded it, if a person has: for cash, bank transfers and tickets that were given away.
    #[serde(default)]
    pub recorded_by: Option<Actor>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Attempt in "attempts", lock Lock::With(Noun::Order, "order_id");
    keyed reference: Reference, order_id, gateway, amount [amount_minor, currency], mode, status,
        checkout [checkout_url, access_code], last_seen,
        captured [captured_minor, captured_currency, requested_minor, requested_currency, captured_mode, paid_at, gateway_id],
        poll [poll_at, poll_count], created_at, updated_at, disputes, attention, note, recorded_by;
    index BY_ORDER(order_id);
}

impl WorkingSet {
    /// The order's attempts, by reference.
    pub fn attempts_of(&self, order: OrderId) -> impl Iterator<Item = &Attempt> {
        self.attempts.all(BY_ORDER, &order)
    }
}

impl Attempt {
    /// Whether the attempt is in review because of an answer about another payment, and the gateway has not answered about this one
    /// yet. It is asked again meanwhile.
    pub fn is_capture_unknown(&self) -> bool {
        self.status == AttemptStatus::Review && self.poll.is_some()
    }

    /// Whether a person has recorded the payment. Then no gateway sends a refund of it.
    pub fn is_recorded(&self) -> bool {
        self.recorded_by.is_some()
    }

    /// Whether no gateway knows of it: the order was free, or a person has recorded the payment. Then there is nobody to ask about it.
    pub fn is_without_gateway(&self) -> bool {
        self.gateway == FREE_GATEWAY || self.is_recorded()
    }

    /// Why the captured money must not buy the tickets, if amount, currency or mode differ from what the attempt requires.
    pub fn mismatch(&self, captured: &Captured) -> Option<String> {
        if captured.mode != self.mode {
            return Some(format!("expected {:?} money, got {:?} money", self.mode, captured.mode));
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
        (!fits).then(|| format!("expected {wanted}, got {}{of}", captured.amount))
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

/// The status of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptStatus {
    /// Stored. The gateway is called next.
    Created,
    /// Whether the gateway opened a checkout is unknown. The gateway is asked again later.
    Unknown,
    /// The buyer can pay.
    Open,
    /// The gateway reports a payment in progress.
    Processing,
    /// The gateway reports a failed payment. It may still succeed.
    Failed,
    /// The gateway has no record of it, or rejected it. It cannot be paid.
    Dropped,
    /// Polled for [`POLL_FOR`] without a payment. A webhook can still revive it.
    Lapsed,
    /// Paid, and the order's tickets are issued. At most one attempt of an order gets here.
    Fulfilled,
    /// Paid, and to be sent back: see the refund.
    RefundDue,
    /// Something else was paid than requested. A person decides.
    Review,
    /// The money was taken back after fulfilment: refunded in the gateway's dashboard, or charged back.
    Reversed,
    /// The payer disputes the charge. The tickets are void while the gateway investigates.
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
    /// Whether money was captured. From then on, reports such as "open" and "failed" are ignored.
    pub fn has_captured(&self) -> bool {
        matches!(self, Self::Fulfilled | Self::RefundDue | Self::Review | Self::Reversed | Self::Disputed)
    }
}

/// Where the buyer pays.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Checkout {
    /// The URL of the page to send the buyer to.
    pub url: String,
    /// The access code, for gateways with a pop-up.
    pub access_code: Option<String>,
}

impl Checkout {
    /// Creates a checkout with a page.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), access_code: None }
    }
}

setters!(Checkout {
    with_access_code => access_code: impl Into<Option<String>>,
});

/// Money that a gateway has captured.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Captured {
    /// What was paid.
    pub amount: Money,
    /// The amount that was requested, if the gateway reports it. More is paid than requested if the payer bears the fees.
    pub requested: Option<Money>,
    /// Whether real money was paid.
    pub mode: Mode,
    /// When it was paid, if the gateway reports it.
    pub paid_at: Option<Timestamp>,
    /// The gateway's id of the payment.
    pub gateway_id: Option<String>,
}

impl Captured {
    /// Creates one from the required fields.
    pub fn new(amount: Money, mode: Mode) -> Self {
        Self { amount, requested: None, mode, paid_at: None, gateway_id: None }
    }
}

setters!(Captured {
    with_requested => requested: impl Into<Option<Money>>,
    with_paid_at => paid_at: impl Into<Option<Timestamp>>,
    with_gateway_id => gateway_id: impl Into<Option<String>>,
});

/// When an open attempt is polled next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Poll {
    /// Not before this.
    pub at: Timestamp,
    /// How often it was polled.
    pub count: u32,
}

/// A request to store a new attempt before the gateway is called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenAttempt {
    /// The attempt's reference. A repeat with the same content returns the same attempt.
    pub reference: Reference,
    /// The order's reference.
    pub order: Reference,
    /// The name of the gateway.
    pub gateway: String,
    /// Whether real money moves there.
    pub mode: Mode,
    /// How long a buyer may take to pay there. The order's first attempt extends its hold to this, by at most
    /// [`MAX_PAYS_WITHIN`].
    pub pays_within: Option<SignedDuration>,
}

/// The longest that a checkout extends a hold.
pub const MAX_PAYS_WITHIN: SignedDuration = SignedDuration::from_hours(1);

impl OpenAttempt {
    /// Creates one from its required fields. Mind the order: first the attempt's reference, then the order's.
    pub fn new(reference: Reference, order: Reference, gateway: impl Into<String>, mode: Mode) -> Self {
        Self { reference, order, gateway: gateway.into(), mode, pays_within: None }
    }
}

setters!(OpenAttempt {
    with_pays_within => pays_within: impl Into<Option<SignedDuration>>,
});

/// An attempt that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenedAttempt {
    /// The order.
    pub order: Order,
    /// The attempt.
    pub attempt: Attempt,
    /// Whether this call stored it. Otherwise an earlier call did, and may have called the gateway.
    pub first: bool,
}

/// The result of asking the gateway for a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckoutReport {
    /// The attempt.
    pub reference: Reference,
    /// The result.
    pub result: CheckoutResult,
}

impl CheckoutReport {
    /// Creates one from all its fields.
    pub fn new(reference: Reference, result: CheckoutResult) -> Self {
        Self { reference, result }
    }
}

/// The result of asking the gateway for a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckoutResult {
    /// The buyer can pay there.
    Opened(Checkout),
    /// Unknown: the response was lost.
    Unknown,
    /// Nothing was sent, or the gateway rejected the request. If `release` is set and no other attempt can
    /// still be paid, the order is cancelled and its places are released.
    NotOpened {
        /// Why, for the audit log.
        reason: String,
        /// Whether to release the places at once.
        release: bool,
    },
}

/// What a gateway reports about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// Paid.
    Success(Captured),
    /// Something was paid, but the gateway's response is about another payment than the one requested. A person decides.
    Mismatched(Captured),
    /// Not paid yet: the payer has not acted, or has left. Not a failure.
    Open,
    /// In progress.
    Processing,
    /// The payment failed. It may still succeed.
    Failed,
    /// Paid, and since taken back.
    Reversed,
    /// Paid, and since disputed by the payer.
    Disputed,
    /// The gateway does not know the reference.
    NotFound,
    /// An unknown status. It is recorded, and the gateway is asked again.
    Unrecognised,
}

/// A report of the gateway about an attempt, to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settle {
    /// The attempt's reference.
    pub reference: Reference,
    /// The state, in the engine's terms.
    pub observation: Observation,
    /// The gateway's own status, kept for people.
    pub raw_status: String,
    /// If tickets are issued, their codes are derived from this. Must be fresh for every call.
    pub seed: Seed,
}

impl Settle {
    /// Creates one from all its fields.
    pub fn new(reference: Reference, observation: Observation, raw_status: impl Into<String>, seed: Seed) -> Self {
        Self { reference, observation, raw_status: raw_status.into(), seed }
    }
}

/// The outcome of a report of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// The order is paid and has its tickets. `first` is true for exactly one call per order.
    Fulfilled {
        /// The order.
        order: Order,
        /// Its tickets.
        tickets: Vec<Ticket>,
        /// Whether this call issued them.
        first: bool,
    },
    /// Nothing is decided yet. The buyer may still pay.
    Open {
        /// The order.
        order: Order,
        /// The attempt in its current state.
        attempt: Attempt,
    },
    /// The gateway reports that the payment failed.
    Failed {
        /// The order.
        order: Order,
        /// The attempt in its current state.
        attempt: Attempt,
    },
    /// The payment came too late or twice. It is refunded automatically.
    RefundDue {
        /// The order.
        order: Order,
        /// The refund.
        refund: Refund,
    },
    /// Something else was paid than requested. A person decides.
    Review {
        /// The order.
        order: Order,
        /// The attempt, with what was captured.
        attempt: Attempt,
    },
    /// The money was taken back at the gateway, or is disputed. The tickets are void.
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
