//! The outbox: mails to send. A mail is added in the same transaction as the change that it reports.

use super::id::{MailId, OrderId, RefundId};
use super::principal::EmailAddress;
use super::words::words;
use jiff::{SignedDuration, Timestamp};

/// How often a mail is tried before it is given up and shown to the organiser.
pub const MAX_TRIES: u32 = 12;

/// A mail in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OutboxMail {
    /// The mail's id.
    pub id: MailId,
    /// The order that it is about.
    pub order_id: OrderId,
    /// The kind of mail. An order has at most one of each kind.
    pub kind: MailKind,
    /// The recipient.
    pub to: EmailAddress,
    /// The status.
    pub status: MailStatus,
    /// The number of tries.
    pub tries: u32,
    /// When it is tried next. During a try, this is when the lease ends.
    pub due_at: Timestamp,
    /// The error of the last try.
    pub last_error: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The kind of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailKind {
    /// The tickets of a paid order.
    Tickets,
    /// A refund, with its reason.
    Refund(RefundId),
    /// The event was cancelled.
    EventCancelled,
}

/// The status of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailStatus {
    /// Waiting for the next try.
    Waiting,
    /// Accepted by the mail server.
    Sent,
    /// Given up after [`MAX_TRIES`], or permanently refused.
    Dead,
}

words!(MailStatus {
    Waiting => "waiting",
    Sent => "sent",
    Dead => "dead",
});

/// The result of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailReport {
    /// The mail.
    pub id: MailId,
    /// The number of the try, as claimed. A report of an older try changes nothing.
    pub tries: u32,
    /// The result.
    pub result: MailResult,
}

impl MailReport {
    /// Creates one from all its fields.
    pub fn new(id: MailId, tries: u32, result: MailResult) -> Self {
        Self { id, tries, result }
    }
}

/// The result of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailResult {
    /// The mail server accepted it.
    Sent,
    /// It failed, and is tried again. With the error.
    Retry(String),
    /// The address or the mail itself was refused, so it is not tried again. With the error.
    Refused(String),
}

/// The delay after the `tries`-th failure: 30 s, doubling, at most 6 hours.
pub fn backoff(tries: u32) -> SignedDuration {
    let doubled = 30_i64.saturating_mul(1_i64 << tries.saturating_sub(1).min(20));
    SignedDuration::from_secs(doubled.min(6 * 3600))
}
