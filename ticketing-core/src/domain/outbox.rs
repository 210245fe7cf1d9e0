//! The outbox: mails to send. A mail is added in the same transaction as the change that it reports.

use super::id::{MailId, MessageId, OrderId, ProofId, RefundId, TicketId, TransferId};
use super::order::Order;
use super::principal::EmailAddress;
use super::row::{Field, Kind, RowError, Sink, Source};
use super::subject::Subject;
use super::table::{Lock, table};
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

mod erase;
mod find;
mod resend_tickets;
mod send;

pub use erase::EraseRecipient;
pub use find::{FindMail, FindMailsOfOrder, ListDeadMails};
pub(crate) use resend_tickets::next_resend;
pub use resend_tickets::{MAX_RESENDS, RESENDS_WITHIN, ResendTickets};
pub use send::{ClaimMails, ResendMail};

/// How long after a mail was sent it may be sent again.
pub const RESEND_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How often a mail is tried before it is given up and shown to the organiser.
pub const MAX_TRIES: u32 = 12;

/// A mail in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OutboxMail {
    /// The mail's id.
    pub id: MailId,
    /// What it is about.
    pub subject: Subject,
    /// The kind of mail. A subject has at most one of each kind.
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

table! {
    OutboxMail in "mails", lock Lock::Rank(3);
    numbered id: MailId, subject [order_id, event_id, account_id], kind, to [recipient], status, tries, due_at, last_error,
        created_at, updated_at;
    derived message_to = |mail| mail.kind.message().filter(|_| !mail.to.is_erased()).map(|id| message_key(id, &mail.to));
    index BY_ORDER(order_id);
    index BY_EVENT(event_id);
    index BY_ACCOUNT(account_id);
    index BY_MESSAGE(message_to) unique;
}

/// The key of a message's mail to an address. Each address gets one mail of a message.
pub(crate) fn message_key(message: MessageId, to: &EmailAddress) -> String {
    format!("{message} {}", to.key())
}

impl WorkingSet {
    /// The order's mails, by id.
    pub fn mails_of(&self, order: OrderId) -> impl Iterator<Item = &OutboxMail> {
        self.mails.all(BY_ORDER, &order)
    }

    /// Puts a mail into the outbox, unless there is one of this kind about this subject. Needs the subject's mails.
    pub(crate) fn enqueue_mail(&mut self, now: Timestamp, about: impl Into<Subject>, kind: MailKind, to: EmailAddress) {
        let subject = about.into();
        let is_known = match &subject {
            Subject::Order(id) => self.mails.all(BY_ORDER, id).any(|mail| mail.kind == kind),
            Subject::Event(id) => self.mails.all(BY_EVENT, id).any(|mail| mail.kind == kind),
            Subject::Account(id) => self.mails.all(BY_ACCOUNT, id).any(|mail| mail.kind == kind),
        };
        if is_known {
            return;
        }
        self.owe_mail(now, subject, kind, to);
    }

    /// Puts a mail to the buyer of an order into the outbox, unless there is one of this kind about it, or the buyer has no address. Needs
    /// the order's mails.
    pub(crate) fn mail_buyer(&mut self, now: Timestamp, order: &Order, kind: MailKind) {
        if let Some(to) = &order.buyer.email {
            self.enqueue_mail(now, order.id, kind, to.clone());
        }
    }

    /// Puts a mail into the outbox whose kind is new for its subject.
    pub(crate) fn owe_mail(&mut self, now: Timestamp, about: impl Into<Subject>, kind: MailKind, to: EmailAddress) {
        let subject = about.into();
        let id = MailId(self.mails.take_id());
        // There is nobody to send it to. It is kept, for the record.
        let status = if to.is_erased() { MailStatus::Dead } else { MailStatus::Waiting };
        self.mails.insert(OutboxMail {
            id,
            subject,
            kind,
            to,
            status,
            tries: 0,
            due_at: now,
            last_error: None,
            created_at: now,
            updated_at: now,
        });
    }
}

/// In one column, since a subject has at most one mail of each kind.
impl Field for MailKind {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        match self {
            Self::Tickets => to.text(Some("tickets")),
            Self::Refund(id) => to.text(Some(&format!("refund:{id}"))),
            Self::EventChanged(version) => to.text(Some(&format!("event_changed:{version}"))),
            Self::EventCancelled => to.text(Some("event_cancelled")),
            Self::TicketsAgain(time) => to.text(Some(&format!("tickets_again:{time}"))),
            Self::TicketsRestored(time) => to.text(Some(&format!("tickets_restored:{time}"))),
            Self::Proof(id) => to.text(Some(&format!("proof:{id}"))),
            Self::PasswordChanged(time) => to.text(Some(&format!("password_changed:{time}"))),
            Self::FactorAdded(time) => to.text(Some(&format!("factor_added:{time}"))),
            Self::FactorRemoved(time) => to.text(Some(&format!("factor_removed:{time}"))),
            Self::RecoveryCodeUsed(time) => to.text(Some(&format!("recovery_code_used:{time}"))),
            Self::ErasureRequested(at) => to.text(Some(&format!("erasure_requested:{at}"))),
            Self::Ticket { ticket, time } => to.text(Some(&format!("ticket:{ticket}:{time}"))),
            Self::TransferOffered(id) => to.text(Some(&format!("transfer_offered:{id}"))),
            Self::TransferTaken(id) => to.text(Some(&format!("transfer_taken:{id}"))),
            Self::Message { message, number } => to.text(Some(&format!("message:{message}:{number}"))),
        }
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let Some(text) = from.text()? else { return Ok(None) };
        let (kind, number) = text.split_once(':').unwrap_or((&text, ""));
        if let Some((first, second)) = number.split_once(':') {
            return match (kind, first.parse::<i64>(), second.parse::<u32>()) {
                ("ticket", Ok(ticket), Ok(time)) => Ok(Some(Self::Ticket { ticket: ticket.into(), time })),
                ("message", Ok(message), Ok(number)) => Ok(Some(Self::Message { message: message.into(), number })),
                _ => Err(RowError(format!("{text:?} is not a kind of mail that this version knows"))),
            };
        }
        match (kind, number.parse::<i64>()) {
            ("tickets", _) => Ok(Some(Self::Tickets)),
            ("event_cancelled", _) => Ok(Some(Self::EventCancelled)),
            ("event_changed", Ok(version)) => Ok(Some(Self::EventChanged(version))),
            ("refund", Ok(id)) => Ok(Some(Self::Refund(id.into()))),
            ("transfer_offered", Ok(id)) => Ok(Some(Self::TransferOffered(id.into()))),
            ("transfer_taken", Ok(id)) => Ok(Some(Self::TransferTaken(id.into()))),
            ("proof", Ok(id)) => Ok(Some(Self::Proof(id.into()))),
            ("password_changed", Ok(time)) => Ok(Some(Self::PasswordChanged(time))),
            ("factor_added", Ok(time)) => Ok(Some(Self::FactorAdded(time))),
            ("factor_removed", Ok(time)) => Ok(Some(Self::FactorRemoved(time))),
            ("recovery_code_used", Ok(time)) => Ok(Some(Self::RecoveryCodeUsed(time))),
            ("erasure_requested", Ok(at)) => Ok(Some(Self::ErasureRequested(at))),
            ("tickets_again", Ok(time)) => Ok(Some(Self::TicketsAgain(u32::try_from(time).map_err(RowError::of)?))),
            ("tickets_restored", Ok(time)) => {
                Ok(Some(Self::TicketsRestored(u32::try_from(time).map_err(RowError::of)?)))
            }
            _ => Err(RowError(format!("{text:?} is not a kind of mail that this version knows"))),
        }
    }
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
    /// The date or the place of the event changed, with this version of it.
    EventChanged(i64),
    /// The event was cancelled.
    EventCancelled,
    /// The tickets of a paid order are valid again, with new codes, since a dispute was won. Counted from 1 for each order.
    TicketsRestored(u32),
    /// The tickets of a paid order, sent again because somebody asked for it. Counted from 1 for each order.
    TicketsAgain(u32),
    /// One ticket, to who comes with it: the ticket is new, or the address is.
    Ticket {
        /// The ticket.
        ticket: TicketId,
        /// How many of these mails there were, counted from 1 for each ticket.
        time: u32,
    },
    /// A ticket is offered, to whom it is offered.
    TransferOffered(TransferId),
    /// A ticket that was offered was taken, to who has offered it.
    TransferTaken(TransferId),
    /// A message of the organiser's.
    Message {
        /// The message.
        message: MessageId,
        /// Counted from 1 for each order: its attendees may have addresses of their own.
        number: u32,
    },
    /// The token of a proof, to its account.
    Proof(ProofId),
    /// The password of an account was changed. With how often its sessions had been ended then.
    PasswordChanged(i64),
    /// A second factor was added to an account. These three are counted together, from 1 for each account.
    FactorAdded(i64),
    /// The second factor of an account was removed.
    FactorRemoved(i64),
    /// A recovery code of an account was used.
    RecoveryCodeUsed(i64),
    /// The erasure of an account was asked for. With when it is erased, in seconds since 1970.
    ErasureRequested(i64),
}

impl MailKind {
    /// The message that it is of.
    pub(crate) fn message(self) -> Option<MessageId> {
        match self {
            Self::Message { message, .. } => Some(message),
            _ => None,
        }
    }
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

wire_names!(MailStatus {
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
    /// It was not tried: a limit was reached. Its turn is at this time, and this does not count as a try.
    Postponed(Timestamp),
    /// The address or the mail itself was refused, so it is not tried again. With the error.
    Refused(String),
}

/// The delay after the `tries`-th failure: 30 s, doubling, at most 6 hours.
pub fn backoff(tries: u32) -> SignedDuration {
    let doubled = 30_i64.saturating_mul(1_i64 << tries.saturating_sub(1).min(20));
    SignedDuration::from_secs(doubled.min(6 * 3600))
}
