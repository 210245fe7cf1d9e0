//! Where an event is in its life. What is stored is what its organiser decided; the rest follows from the time.

use super::Event;
use crate::domain::wire_names::wire_names;
use jiff::Timestamp;

/// What the organiser decided about an event. It only moves down this list, except that an event that nobody ordered can become a
/// draft again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventStatus {
    /// In preparation: only its organiser sees it, and nothing is sold.
    Draft,
    /// Published: listed and on sale, as far as its [rules](super::SalesRules) allow.
    #[default]
    Active,
    /// Cancelled: not listed, not on sale, no check-ins, and payments are refunded.
    Cancelled,
}

wire_names!(EventStatus {
    Draft => "draft",
    Active => "active",
    Cancelled => "cancelled",
});

/// Where an event is in its life at one moment. Computed, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventPhase {
    /// In preparation.
    Draft,
    /// Published, and not started.
    Upcoming,
    /// Started, and not ended.
    Running,
    /// Ended. An event without an end ends 24 hours after its start.
    Ended,
    /// Cancelled.
    Cancelled,
}

wire_names!(EventPhase {
    Draft => "draft",
    Upcoming => "upcoming",
    Running => "running",
    Ended => "ended",
    Cancelled => "cancelled",
});

impl Event {
    /// Whether only its organiser knows of it: a draft, or one that was cancelled before it was ever published.
    pub fn is_hidden(&self) -> bool {
        match self.status {
            EventStatus::Draft => true,
            EventStatus::Active => false,
            EventStatus::Cancelled => self.published_at.is_none(),
        }
    }

    /// Where the event is in its life at this time.
    pub fn phase(&self, now: Timestamp) -> EventPhase {
        match self.status {
            EventStatus::Draft => EventPhase::Draft,
            EventStatus::Cancelled => EventPhase::Cancelled,
            EventStatus::Active if now < self.starts_at => EventPhase::Upcoming,
            EventStatus::Active if now < self.sales_end_at() => EventPhase::Running,
            EventStatus::Active => EventPhase::Ended,
        }
    }
}
