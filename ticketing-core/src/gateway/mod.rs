//! Payment gateways: open checkouts, report what was paid, send refunds.

use crate::domain::code::Reference;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::{Checkout, DisputeNews, Mode, Observation};
use crate::domain::principal::EmailAddress;
use crate::domain::refund::ListedRefund;
use crate::setters::setters;
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

pub mod circuit_breaker;
pub mod in_flight;
#[cfg(feature = "paystack")]
pub mod paystack;

/// A payment gateway. The crate has one for Paystack (feature `paystack`); implement this trait to add your own.
///
/// The methods are asynchronous: put [`#[ticketing_core::async_trait]`](crate::async_trait) above the `impl`. Without it rustc
/// reports "lifetime parameters do not match the trait". `Debug` is required, since the engine itself is `Debug`; write it by
/// hand where the type holds a key.
///
/// # Contract
/// - **References**: every call names the attempt by our reference. A gateway never takes money twice for one reference.
/// - **Source of truth**: only [`fetch`](Self::fetch) decides whether money was paid. The body of a webhook is a hint.
/// - **Errors say whether a retry is safe**, see [`GatewayError::was_not_sent`]. An adapter that is not certain that nothing was
///   sent returns [`GatewayError::OutcomeUnknown`]. Money depends on this.
/// - **What cannot be read**: fields that an adapter does not need never make an answer unreadable. If what it needs cannot be
///   read, it returns [`GatewayError::Unreadable`], which is about one payment, and not [`GatewayError::Malformed`], which says
///   that the gateway as a whole is not answering as itself.
/// - **`Ok(None)` is not an error**: `fetch` returns it where the gateway has no record of the attempt. A declined payment is a
///   record.
/// - **Timeouts**: every call ends by itself, with an error after some tens of seconds at the latest.
/// - **Secrets** appear neither in `Debug` nor in errors.
/// - **Cancellation**: after a call's future was dropped, the outcome is unknown, as with [`GatewayError::OutcomeUnknown`].
///
/// # Example
/// ```
/// use ticketing_core::domain::{code::Reference, payment::{Checkout, Mode}};
/// use ticketing_core::gateway::*;
///
/// #[derive(Debug)]
/// struct Invoices;
///
/// #[ticketing_core::async_trait]
/// impl PaymentGateway for Invoices {
///     fn name(&self) -> &'static str {
///         "invoices"
///     }
///
///     fn mode(&self) -> Mode {
///         Mode::Live
///     }
///
///     async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError> {
///         Ok(Checkout::new(format!("https://invoices.example.com/{}", charge.reference)))
///     }
///
///     async fn fetch(&self, _reference: &Reference) -> Result<Option<Fetched>, GatewayError> {
///         Ok(None)
///     }
///
///     async fn refund(&self, _refund: &RefundCall) -> Result<FetchedRefund, GatewayError> {
///         Err(GatewayError::Unsupported)
///     }
///
///     async fn find_refund(&self, _refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError> {
///         Ok(None)
///     }
///
///     fn read_webhook(&self, _webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError> {
///         Err(WebhookError::BadSignature)
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `PaymentGateway`",
    note = "for an `Arc<dyn PaymentGateway>`, use `TicketingBuilder::gateway_on` instead of `gateway`"
)]
pub trait PaymentGateway: std::fmt::Debug + Send + Sync + 'static {
    /// The gateway's short name, stored with every attempt: lower-case letters. It must never change.
    fn name(&self) -> &'static str;

    /// Whether real money moves.
    fn mode(&self) -> Mode;

    /// What the gateway can do. Default: it charges every currency and needs no longer hold. It never changes.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// Opens a checkout where the buyer pays `charge.amount`. Not repeatable: for a reference that was used before it returns
    /// [`GatewayError::DuplicateReference`].
    async fn open_checkout(&self, charge: &Charge) -> Result<Checkout, GatewayError>;

    /// Looks an attempt up; `None` where the gateway has no record of it. Repeatable.
    async fn fetch(&self, reference: &Reference) -> Result<Option<Fetched>, GatewayError>;

    /// Sends money back. Not repeatable: after [`GatewayError::OutcomeUnknown`] the engine calls
    /// [`find_refund`](Self::find_refund) first.
    async fn refund(&self, refund: &RefundCall) -> Result<FetchedRefund, GatewayError>;

    /// Looks up a refund that was, or may have been, requested; `None` where the gateway has no record of it. Repeatable.
    async fn find_refund(&self, refund: &RefundCall) -> Result<Option<FetchedRefund>, GatewayError>;

    /// Lists the refunds of an attempt that the gateway knows, also those that were made in its own dashboard. Repeatable.
    /// Default: [`GatewayError::Unsupported`], for gateways that cannot tell. Refunds made elsewhere then stay unknown.
    async fn refunds_of(&self, attempt: &Reference) -> Result<Vec<ListedRefund>, GatewayError> {
        let _ = attempt;
        Err(GatewayError::Unsupported)
    }

    /// Verifies a webhook's signature and parses it. There is no way to parse one without verifying it.
    fn read_webhook(&self, webhook: &Webhook<'_>) -> Result<WebhookEvent, WebhookError>;
}

/// What a gateway can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abilities {
    /// The currencies that it can charge. `None` means all.
    pub currencies: Option<Vec<Currency>>,
    /// How long a buyer may take to pay after a checkout was opened: a bank account for one transfer is open for half an hour,
    /// for example. When a checkout is opened, the engine extends the hold to this once, so that who pays in time gets the places. At most an hour is
    /// granted. `None`: the hold stays as it is.
    pub pays_within: Option<Duration>,
}

impl Abilities {
    /// Whether the gateway can charge this currency.
    pub fn charges(&self, currency: Currency) -> bool {
        self.currencies.as_ref().is_none_or(|known| known.contains(&currency))
    }
}

setters!(Abilities {
    with_currencies => currencies: impl Into<Option<Vec<Currency>>>,
    with_pays_within => pays_within: impl Into<Option<Duration>>,
});

/// A payment to open a checkout for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Charge {
    /// The payment attempt's reference.
    pub reference: Reference,
    /// The amount to pay.
    pub amount: Money,
    /// The payer's e-mail address.
    pub email: EmailAddress,
    /// Where to send the buyer afterwards. Coming back is no proof of payment.
    pub return_url: Option<String>,
    /// The order's reference, for people who look at the gateway's dashboard.
    pub order: Reference,
}

impl Charge {
    /// A charge without a return URL. Mind the order: first the attempt's reference, last the order's.
    pub fn new(reference: Reference, amount: Money, email: EmailAddress, order: Reference) -> Self {
        Self { reference, amount, email, return_url: None, order }
    }
}

setters!(Charge {
    with_return_url => return_url: impl Into<Option<String>>,
});

/// What a gateway reports about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The state, in the engine's terms.
    pub observation: Observation,
    /// The gateway's own status, kept for people.
    pub raw_status: String,
}

impl Fetched {
    /// Creates one from all its fields.
    pub fn new(observation: Observation, raw_status: impl Into<String>) -> Self {
        Self { observation, raw_status: raw_status.into() }
    }
}

/// A refund to send or to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefundCall {
    /// The refund's idempotency key. The gateway keeps it, so that the refund can be found again.
    pub key: Reference,
    /// The payment attempt to refund.
    pub attempt: Reference,
    /// The amount to send back.
    pub amount: Money,
    /// The gateway's id of the refund, if known.
    pub gateway_id: Option<String>,
}

impl RefundCall {
    /// A refund whose gateway id is unknown. Mind the order: first the refund's key, then the attempt's reference.
    pub fn new(key: Reference, attempt: Reference, amount: Money) -> Self {
        Self { key, attempt, amount, gateway_id: None }
    }
}

setters!(RefundCall {
    with_gateway_id => gateway_id: impl Into<Option<String>>,
});

/// What a gateway reports about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedRefund {
    /// The gateway's id of the refund.
    pub gateway_id: Option<String>,
    /// The state, in the engine's terms.
    pub status: crate::domain::refund::RefundStatus,
    /// The gateway's own status, kept for people.
    pub raw_status: String,
}

impl FetchedRefund {
    /// A refund without the gateway's id.
    pub fn new(status: crate::domain::refund::RefundStatus, raw_status: impl Into<String>) -> Self {
        Self { gateway_id: None, status, raw_status: raw_status.into() }
    }
}

setters!(FetchedRefund {
    with_gateway_id => gateway_id: impl Into<Option<String>>,
});

/// A webhook request, not verified yet.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Webhook<'a> {
    /// All headers in the order received. A repeated header is listed each time.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// When it was received.
    pub received_at: Timestamp,
}

impl<'a> Webhook<'a> {
    /// Creates one from all its fields.
    pub const fn new(headers: &'a [(&'a str, &'a [u8])], body: &'a [u8], received_at: Timestamp) -> Self {
        Self { headers, body, received_at }
    }
}

impl std::fmt::Debug for Webhook<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("bytes", &self.body.len())
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}

/// A webhook whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// The same for every delivery of one event, and different for different events.
    pub dedupe_key: String,
    /// The gateway's own name for the kind of event, such as `charge.success`.
    pub kind: String,
    /// The payment attempt that it is about, if any.
    pub reference: Option<Reference>,
    /// What happened.
    pub about: WebhookSubject,
}

impl WebhookEvent {
    /// An event about no attempt.
    pub fn new(dedupe_key: impl Into<String>, kind: impl Into<String>, about: WebhookSubject) -> Self {
        Self { dedupe_key: dedupe_key.into(), kind: kind.into(), reference: None, about }
    }
}

setters!(WebhookEvent {
    with_reference => reference: impl Into<Option<Reference>>,
});

/// What a webhook reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookSubject {
    /// A payment changed its state.
    Charge(Fetched),
    /// A refund changed its state, and must be looked up.
    Refund,
    /// The payer disputes the charge, or a dispute was resolved.
    Dispute(DisputeNews),
    /// Something that the engine does not use.
    Other,
}

/// Why a webhook was rejected. The body is not parsed before the signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The signature is missing, repeated, malformed or wrong.
    #[error("the signature is missing or wrong")]
    BadSignature,
    /// The signature is valid, but the body is not what the gateway documents.
    #[error("the signature is valid, but the body cannot be parsed")]
    Unreadable,
}

/// Why a call to the payment gateway failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// No connection could be made. The gateway received nothing.
    #[error("the payment gateway cannot be reached")]
    NotSent,
    /// The circuit breaker is open. Nothing was sent.
    #[error("the payment gateway is unavailable (circuit breaker open)")]
    CircuitOpen {
        /// How long to wait before the next try.
        retry_after: Duration,
    },
    /// Something was sent, and no usable response came back. Whether it took effect is unknown.
    #[error("the payment gateway did not respond")]
    OutcomeUnknown,
    /// The gateway responded that it is unavailable. A read has certainly failed; whether a write took effect is unknown.
    #[error("the payment gateway is unavailable")]
    Unavailable,
    /// The gateway rejected the request.
    #[error("the payment gateway rejected the request")]
    Rejected {
        /// The gateway's own error code, if it has one. Its message goes to the log only.
        code: Option<String>,
    },
    /// The reference was used before.
    #[error("the payment gateway already knows this reference")]
    DuplicateReference,
    /// The API key is wrong, or lacks a permission.
    #[error("the payment gateway rejected the API key")]
    Auth,
    /// The gateway's rate limit was exceeded.
    #[error("the payment gateway's rate limit was exceeded")]
    RateLimited {
        /// How long to wait before the next try, if the gateway says so.
        retry_after: Option<Duration>,
    },
    /// The response is not the gateway's: a proxy's page, for example. Counts as the gateway being unavailable.
    #[error("the payment gateway's response cannot be parsed")]
    Malformed,
    /// The gateway answered, and what it says about this payment cannot be read. Says nothing about other payments. The payment
    /// is listed for a person to look at. Whether a write took effect is unknown.
    #[error("the payment gateway's answer about this payment cannot be read")]
    Unreadable,
    /// The gateway does not support this.
    #[error("the payment gateway does not support this")]
    Unsupported,
}

impl GatewayError {
    /// Whether the gateway certainly did nothing, so that a retry is safe.
    pub fn was_not_sent(&self) -> bool {
        match self {
            Self::NotSent
            | Self::CircuitOpen { .. }
            | Self::Rejected { .. }
            | Self::DuplicateReference
            | Self::Auth
            | Self::RateLimited { .. }
            | Self::Unsupported => true,
            Self::OutcomeUnknown | Self::Unavailable | Self::Malformed | Self::Unreadable => false,
        }
    }

    /// The error's stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotSent | Self::Unavailable | Self::Malformed | Self::Unreadable | Self::OutcomeUnknown => {
                "gateway_unavailable"
            }
            Self::CircuitOpen { .. } => "gateway_circuit_open",
            Self::RateLimited { .. } => "gateway_busy",
            Self::Rejected { .. } | Self::DuplicateReference => "gateway_rejected",
            Self::Auth | Self::Unsupported => "gateway_misconfigured",
        }
    }

    /// How long to wait before a retry; `None` where a retry cannot help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CircuitOpen { retry_after } => Some(*retry_after),
            Self::RateLimited { retry_after } => Some(retry_after.unwrap_or(Duration::from_secs(10))),
            Self::NotSent | Self::Unavailable | Self::OutcomeUnknown | Self::Malformed | Self::Unreadable => {
                Some(Duration::from_secs(10))
            }
            Self::Rejected { .. } | Self::DuplicateReference | Self::Auth | Self::Unsupported => None,
        }
    }
}
