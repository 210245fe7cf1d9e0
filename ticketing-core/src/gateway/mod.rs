//! The payment gateway: opens checkouts, tells what became of them, sends money back.

use crate::domain::code::Reference;
use crate::domain::money::Money;
use crate::domain::payment::{Checkout, Mode, Observation};
use crate::domain::principal::EmailAddress;
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

pub mod circuit_breaker;
pub mod in_flight;
#[cfg(feature = "paystack")]
pub mod paystack;

/// Takes money. Paystack is one; write your own by implementing this.
///
/// # Contract
/// - **Reference**: every call names the attempt by our reference. A gateway never takes money twice for one reference.
/// - **Truth**: only [`fetch`](Self::fetch) tells whether money came. What a webhook's body says is a hint.
/// - **Errors say whether a retry is safe**, see [`GatewayError::was_not_sent`]. Where an adapter is not sure that nothing was
///   sent, it says [`GatewayError::OutcomeUnknown`]: money hangs on this.
/// - **`Ok(None)` is not an error**: from `fetch` it means that the gateway has no record, which a decline is not either.
/// - **Time**: every call ends by itself, with an error at the latest after some tens of seconds.
/// - **Secrets** appear neither in `Debug` nor in an error.
/// - Dropping a call's future may leave it done or not done, like [`GatewayError::OutcomeUnknown`].
#[async_trait]
pub trait PaymentGateway: std::fmt::Debug + Send + Sync + 'static {
    /// The gateway's short name, stored with every attempt: lower-case letters.
    fn name(&self) -> &'static str;

    /// Whether real money moves.
    fn mode(&self) -> Mode;

    /// Opens a checkout where the buyer pays `charge.amount`. Not repeatable: a used reference is
    /// [`GatewayError::DuplicateReference`].
    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError>;

    /// What the gateway knows of an attempt; `None` where it has no record of it. Repeatable.
    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError>;

    /// Sends money back. Never repeated blindly: after [`GatewayError::OutcomeUnknown`] ask
    /// [`find_refund`](Self::find_refund) first.
    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError>;

    /// Looks for a refund that was, or may have been, asked for; `None` where the gateway has no record of it. Repeatable.
    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError>;

    /// Checks a webhook's signature and reads it. There is no way to read one without checking it.
    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError>;
}

/// What the buyer is to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The attempt's reference.
    pub reference: Reference,
    /// How much.
    pub amount: Money,
    /// Who pays.
    pub email: EmailAddress,
    /// Where the buyer is sent afterwards. A hint to look, never a proof of payment.
    pub return_url: Option<String>,
    /// The order's own reference, for people who look at the gateway's dashboard.
    pub order: Reference,
}

/// What a gateway says of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// In our words.
    pub observation: Observation,
    /// In the gateway's own word.
    pub raw_status: String,
}

/// Money to be sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundCall {
    /// Our own name for the refund, which the gateway keeps so that we can find it again.
    pub key: Reference,
    /// The attempt whose money it is.
    pub attempt: Reference,
    /// How much.
    pub amount: Money,
    /// The gateway's own id of the refund, where we know it.
    pub gateway_id: Option<String>,
}

/// What a gateway says of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedRefund {
    /// The gateway's own id.
    pub gateway_id: Option<String>,
    /// How it stands.
    pub status: crate::domain::refund::RefundStatus,
    /// In the gateway's own word.
    pub raw_status: String,
}

/// A webhook as it came in.
#[derive(Clone, Copy)]
pub struct Webhook<'a> {
    /// Every header as it came, in order; a repeated header is there twice.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// When it came.
    pub received_at: Timestamp,
}

impl std::fmt::Debug for Webhook<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("bytes", &self.body.len())
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}

/// A webhook that is certainly the gateway's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The same for every delivery of one event, different for different events.
    pub dedupe_key: String,
    /// In the gateway's own word, such as `charge.success`.
    pub kind: String,
    /// The attempt it is about, if it is about one.
    pub reference: Option<Reference>,
    /// What it is about.
    pub about: WebhookSubject,
}

/// What a webhook is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookSubject {
    /// Money came, or is said to have come.
    Charge(Fetched),
    /// A refund moved: look it up.
    Refund,
    /// The payer disputes the charge: look it up.
    Dispute,
    /// Something that we have no use for.
    Other,
}

/// Why a webhook is not read. Nothing of its body was looked at before the signature was found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The signature is missing, repeated, malformed or wrong.
    #[error("the signature is missing or wrong")]
    BadSignature,
    /// The signature is good, but the body is not what the gateway documents.
    #[error("the signature is good, but the body cannot be read")]
    Unreadable,
}

/// Why a gateway call did not do what was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// Nothing reached the gateway: no connection could be made.
    #[error("the payment gateway cannot be reached")]
    NotSent,
    /// The breaker is open: nothing was sent.
    #[error("the payment gateway is out of order")]
    CircuitOpen {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// Something was sent and no usable answer came back: done or not done, nobody knows.
    #[error("the payment gateway did not answer")]
    OutcomeUnknown,
    /// The gateway answered that it is out of order. For a call that changes nothing, this is certain not to have worked.
    #[error("the payment gateway is out of order")]
    Unavailable,
    /// The gateway does not want this.
    #[error("the payment gateway refused")]
    Rejected {
        /// The gateway's own code, if it has one. Its text stays in the log.
        code: Option<String>,
    },
    /// The reference was used before.
    #[error("the payment gateway knows this reference already")]
    DuplicateReference,
    /// The key is wrong, or may not do this.
    #[error("the payment gateway refused our key")]
    Auth,
    /// Too many calls.
    #[error("the payment gateway wants fewer calls")]
    RateLimited {
        /// When it is worth trying again, where the gateway says so.
        retry_after: Option<Duration>,
    },
    /// The answer cannot be read.
    #[error("the payment gateway's answer cannot be read")]
    Malformed,
    /// The gateway cannot do this at all.
    #[error("the payment gateway cannot do this")]
    Unsupported,
}

impl GatewayError {
    /// Whether it is certain that the gateway did nothing: the same call may be made again.
    pub fn was_not_sent(&self) -> bool {
        match self {
            Self::NotSent
            | Self::CircuitOpen { .. }
            | Self::Rejected { .. }
            | Self::DuplicateReference
            | Self::Auth
            | Self::RateLimited { .. }
            | Self::Unsupported => true,
            Self::OutcomeUnknown | Self::Unavailable | Self::Malformed => false,
        }
    }

    /// The error's stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotSent | Self::Unavailable | Self::Malformed | Self::OutcomeUnknown => "gateway_unavailable",
            Self::CircuitOpen { .. } => "gateway_circuit_open",
            Self::RateLimited { .. } => "gateway_busy",
            Self::Rejected { .. } | Self::DuplicateReference => "gateway_rejected",
            Self::Auth | Self::Unsupported => "gateway_misconfigured",
        }
    }

    /// When it is worth trying again, if ever.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CircuitOpen { retry_after } => Some(*retry_after),
            Self::RateLimited { retry_after } => Some(retry_after.unwrap_or(Duration::from_secs(10))),
            Self::NotSent | Self::Unavailable | Self::OutcomeUnknown | Self::Malformed => Some(Duration::from_secs(10)),
            Self::Rejected { .. } | Self::DuplicateReference | Self::Auth | Self::Unsupported => None,
        }
    }
}
