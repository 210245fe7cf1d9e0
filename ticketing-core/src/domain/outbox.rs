//! The outbox: mails that are owed. A mail is put here in the same transaction as what it tells of.

use super::id::{MailId, OrderId, RefundId};
use super::principal::EmailAddress;
use super::words::words;
use jiff::{SignedDuration, Timestamp};

/// A mail is tried this often before it is given up and shown to the organiser.
pub const MAX_TRIES: u32 = 12;

/// A mail that is owed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OutboxMail {
    /// The mail's id.
    pub id: MailId,
    /// The order it tells of.
    pub order_id: OrderId,
    /// What it tells. There is at most one mail of a kind for an order.
    pub kind: MailKind,
    /// To whom.
    pub to: EmailAddress,
    /// How it stands.
    pub status: MailStatus,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next. While somebody tries, this is when the lease on it ends.
    pub due_at: Timestamp,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was put here.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a mail tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailKind {
    /// Here are your tickets.
    Tickets,
    /// Your money goes back, and why.
    Refund(RefundId),
    /// The event was called off.
    EventCancelled,
}

/// How a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailStatus {
    /// Waiting to be tried, or to be tried again.
    Waiting,
    /// Taken by the mail server.
    Sent,
    /// Given up after [`MAX_TRIES`], or refused for good.
    Dead,
}

words!(MailStatus {
    Waiting => "waiting",
    Sent => "sent",
    Dead => "dead",
});

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailReport {
    /// Which mail.
    pub id: MailId,
    /// Which try, as claimed. A report of an older try changes nothing.
    pub tries: u32,
    /// What came of it.
    pub result: MailResult,
}

impl MailReport {
    /// Creates one from all its fields.
    pub fn new(id: MailId, tries: u32, result: MailResult) -> Self {
        Self { id, tries, result }
    }
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailResult {
    /// The mail server took it.
    Sent,
    /// Not this time.
    Retry(String),
    /// Never: the address or the mail itself was refused.
    Refused(String),
}

/// How long to wait after the `tries`-th failure: 30 s, doubling, at most 6 hours.
pub fn backoff(tries: u32) -> SignedDuration {
    let doubled = 30_i64.saturating_mul(1_i64 << tries.saturating_sub(1).min(20));
    SignedDuration::from_secs(doubled.min(6 * 3600))
}
