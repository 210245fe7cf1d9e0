//! How long personal data is kept if nobody asks to erase it.

use super::Ticketing;
use crate::domain::attendee::EraseAttendee;
use crate::domain::id::{MailId, OrderId, TicketId, WebhookId};
use crate::domain::order::{Erasable, EraseBuyer, ListErasable};
use crate::domain::outbox::EraseRecipient;
use crate::domain::webhook::EmptyWebhook;
use crate::error::Result;
use crate::setters::setters;
use crate::storage::StorageExt as _;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};

/// How long personal data is kept if nobody asks to erase it. `None` keeps it. Upkeep looks once a day for what has been kept long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// The bodies of webhooks, after they were received, unless a person should look at one. Default: 180 days.
    pub webhooks: Option<SignedDuration>,
    /// The recipients of mails, after they were sent or given up. Default: 90 days.
    pub mails: Option<SignedDuration>,
    /// The addresses of buyers and what is known about attendees, after the event is over: see
    /// [`EraseBuyer`](crate::domain::order::EraseBuyer). Default: they are kept.
    pub buyers: Option<SignedDuration>,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
        Self { webhooks: days(180), mails: days(90), buyers: None }
    }
}

setters!(Retention {
    with_webhooks => webhooks: impl Into<Option<SignedDuration>>,
    with_mails => mails: impl Into<Option<SignedDuration>>,
    with_buyers => buyers: impl Into<Option<SignedDuration>>,
});

impl Retention {
    /// Each term, by the name of its setting.
    pub(super) fn terms(&self) -> [(&'static str, Option<SignedDuration>); 3] {
        [("webhooks", self.webhooks), ("mails", self.mails), ("buyers", self.buyers)]
    }
}

/// How often it is looked for.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// What is looked for, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Webhooks,
    Mails,
    Buyers,
    Attendees,
}

impl Stage {
    fn next(self) -> Option<Self> {
        match self {
            Self::Webhooks => Some(Self::Mails),
            Self::Mails => Some(Self::Buyers),
            Self::Buyers => Some(Self::Attendees),
            Self::Attendees => None,
        }
    }
}

/// How far this process is. Several processes do the same work, and a repeat changes nothing.
#[derive(Debug)]
pub(super) struct Progress(Mutex<At>);

#[derive(Clone, Copy, Debug)]
struct At {
    stage: Stage,
    /// The next id.
    from: i64,
    /// Nothing is looked for before.
    not_before: Timestamp,
}

impl Default for Progress {
    fn default() -> Self {
        Self(Mutex::new(At { stage: Stage::Webhooks, from: 0, not_before: Timestamp::MIN }))
    }
}

impl Progress {
    fn get(&self) -> At {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, at: At) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

impl Ticketing {
    /// Erases one slice of what has been kept for long enough. Returns how many rows it has changed.
    pub(super) async fn keep_to_retention(&self, limit: u32) -> Result<usize> {
        let (at, now) = (self.inner.retained.get(), self.now());
        if now < at.not_before {
            return Ok(0);
        }
        let term = match at.stage {
            Stage::Webhooks => self.inner.retention.webhooks,
            Stage::Mails => self.inner.retention.mails,
            Stage::Buyers | Stage::Attendees => self.inner.retention.buyers,
        };
        let ids = match term.and_then(|term| now.checked_sub(term).ok()) {
            None => vec![],
            Some(before) => {
                let which = match at.stage {
                    Stage::Webhooks => Erasable::WebhooksBefore(before),
                    Stage::Mails => Erasable::MailsBefore(before),
                    Stage::Buyers => Erasable::OrdersForEventsBefore(before),
                    Stage::Attendees => Erasable::AttendeesForEventsBefore(before),
                };
                self.inner.storage.find(ListErasable { which, from: at.from, limit }).await?
            }
        };
        // First: a row that cannot be changed does not keep the others back.
        self.inner.retained.set(match (ids.last(), at.stage.next()) {
            (Some(last), _) => At { from: last + 1, ..at },
            (None, Some(stage)) => At { stage, from: 0, ..at },
            (None, None) => At { stage: Stage::Webhooks, from: 0, not_before: now + EVERY },
        });
        let changed = self.erase_slice(at.stage, ids).await?;
        if changed > 0 {
            tracing::info!(stage = ?at.stage, rows = changed, "erased what was kept for long enough");
        }
        Ok(changed)
    }

    async fn erase_slice(&self, stage: Stage, ids: Vec<i64>) -> Result<usize> {
        let (storage, now) = (&self.inner.storage, self.now());
        let done = match stage {
            Stage::Webhooks => {
                storage.apply_all(now, ids.into_iter().map(|id| EmptyWebhook(WebhookId(id))).collect()).await?
            }
            Stage::Mails => {
                let erase = |id| EraseRecipient { id: MailId(id), gives_up: false };
                storage.apply_all(now, ids.into_iter().map(erase).collect()).await?
            }
            Stage::Buyers => {
                storage.apply_all(now, ids.into_iter().map(|id| EraseBuyer { id: OrderId(id) }).collect()).await?
            }
            // Those of orders whose buyer was erased before.
            Stage::Attendees => {
                let erase = |id| EraseAttendee { ticket_id: TicketId(id) };
                storage.apply_all(now, ids.into_iter().map(erase).collect()).await?
            }
        };
        Ok(done.into_iter().filter(|changed| *changed).count())
    }
}
