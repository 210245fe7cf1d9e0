//! What SQL storages share. The other files of this folder are compiled once for each database, as modules of `sqlite` and
//! its like: they speak of `super::Db` and `super::Row`, and use only SQL that all of them understand.

use super::StorageError;
use crate::domain::outbox::MailKind;
use crate::domain::principal::Principal;
use jiff::Timestamp;

/// Who somebody is, as the two columns that are stored: an account or an identity of the application's.
pub(super) fn who(account: Option<i64>, external: Option<String>) -> Result<Principal, StorageError> {
    match (account, external) {
        (Some(id), None) => Ok(Principal::Account(id.into())),
        (None, Some(id)) => Ok(Principal::External(id)),
        (account, external) => Err(broken(format!("somebody is account {account:?} and external {external:?}"))),
    }
}

pub(super) fn time(microseconds: i64) -> Result<Timestamp, StorageError> {
    Timestamp::from_microsecond(microseconds).map_err(broken)
}

pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A word of an enum.
pub(super) fn word<T>(column: &str, word: &str, from_name: impl Fn(&str) -> Option<T>) -> Result<T, StorageError> {
    from_name(word).ok_or_else(|| broken(format!("{column} is {word:?}, which this version does not know")))
}

/// The kind of a mail as one column: an order has at most one mail of each.
pub(super) fn mail_kind(kind: MailKind) -> String {
    match kind {
        MailKind::Tickets => "tickets".to_owned(),
        MailKind::Refund(id) => format!("refund:{id}"),
        MailKind::EventCancelled => "event_cancelled".to_owned(),
    }
}

pub(super) fn mail_kind_from(text: &str) -> Option<MailKind> {
    match text {
        "tickets" => Some(MailKind::Tickets),
        "event_cancelled" => Some(MailKind::EventCancelled),
        _ => Some(MailKind::Refund(text.strip_prefix("refund:")?.parse::<i64>().ok()?.into())),
    }
}

pub(super) fn broken(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
    StorageError::Broken(what.into())
}

/// A constraint that was hit is a bug of ours; a row that cannot be read was not written by us; all else may pass.
pub(super) fn trouble(error: sqlx::Error) -> StorageError {
    match &error {
        sqlx::Error::Database(cause) if cause.kind() != sqlx::error::ErrorKind::Other => broken(error),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => broken(error),
        _ => StorageError::Unavailable(error.into()),
    }
}

/// Rows that are due, to be claimed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// Finds their keys, the longest overdue first: at most `$1` that are due at `$2`.
    pub(super) sql: &'static str,
    /// The table that is locked for it: what comes first in the order in which every transaction locks.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "SQLite has no row locks"))]
    pub(super) of: &'static str,
    /// Now, where `$2` is in it.
    pub(super) now: Option<i64>,
    pub(super) limit: u32,
}

/// What belongs to orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OfOrders {
    #[default]
    Nothing,
    Attempts,
    /// Attempts, refunds, tickets and mails.
    All,
}

/// What a batch names, to be loaded with all that its rules look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// How many items the batch has, where they name no rows.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "SQLite gives ids as it goes"))]
    pub(super) items: usize,
    pub(super) accounts: Vec<i64>,
    pub(super) emails: Vec<String>,
    pub(super) usernames: Vec<String>,
    pub(super) categories: Vec<i64>,
    pub(super) category_names: Vec<String>,
    pub(super) events: Vec<i64>,
    pub(super) orders: Vec<i64>,
    pub(super) order_references: Vec<String>,
    pub(super) attempts: Vec<String>,
    pub(super) refunds: Vec<i64>,
    pub(super) refund_keys: Vec<String>,
    pub(super) codes: Vec<String>,
    pub(super) nonces: Vec<String>,
    pub(super) mails: Vec<i64>,
    pub(super) event_keys: Vec<String>,
    pub(super) webhooks: Vec<i64>,
    pub(super) webhook_keys: Vec<String>,
    pub(super) requests: Vec<String>,
    /// What of the orders is wanted too.
    pub(super) of_orders: OfOrders,
    /// The rules look at events, but never change them: they need not be locked, and nobody waits for them.
    pub(super) events_as_they_are: bool,
}

impl Wanted {
    /// How many rows are named, or items there are: a bound for how many items the batch has.
    #[cfg(feature = "postgres")]
    pub(super) fn size(&self) -> usize {
        let ids =
            [&self.accounts, &self.categories, &self.events, &self.orders, &self.refunds, &self.mails, &self.webhooks];
        let texts = [
            &self.emails,
            &self.usernames,
            &self.category_names,
            &self.order_references,
            &self.attempts,
            &self.refund_keys,
            &self.codes,
            &self.nonces,
            &self.event_keys,
            &self.webhook_keys,
            &self.requests,
        ];
        self.items
            + ids.iter().map(|ids| ids.len()).sum::<usize>()
            + texts.iter().map(|texts| texts.len()).sum::<usize>()
    }
}
