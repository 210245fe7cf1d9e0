//! The terms of an event: whether its tickets can be transferred and returned, and what its attendees are asked.

use super::Question;
use crate::domain::row::json_fields;
use crate::domain::wire_names::wire_names;
use crate::setters::setters;
use jiff::Timestamp;

/// The terms of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct EventTerms {
    /// Whether holders can transfer their tickets.
    pub transfers: TransferPolicy,
    /// Whether buyers can return their tickets.
    pub returns: ReturnPolicy,
    /// What attendees are asked, in this order.
    pub questions: Vec<Question>,
}

/// Whether holders can transfer their tickets to somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TransferPolicy {
    /// How often.
    pub rule: TransferRule,
    /// Until when. Default: until the event starts.
    pub until: Option<Timestamp>,
}

impl TransferPolicy {
    /// Creates one from all its fields.
    pub fn new(rule: TransferRule, until: impl Into<Option<Timestamp>>) -> Self {
        Self { rule, until: until.into() }
    }
}

/// How often a ticket can be transferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransferRule {
    /// As often as its holders like.
    #[default]
    Free,
    /// Once: who got it by a transfer cannot transfer it.
    Once,
    /// Not at all.
    Never,
}

wire_names!(TransferRule { Free => "free", Once => "once", Never => "never" });

/// Whether buyers can return unused tickets for money, without asking anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReturnPolicy {
    /// Until when. Default: never.
    pub until: Option<Timestamp>,
    /// How much of the price is kept, in percent: 0–100.
    pub keep_percent: u32,
}

impl ReturnPolicy {
    /// Creates one from all its fields.
    pub fn new(until: impl Into<Option<Timestamp>>, keep_percent: u32) -> Self {
        Self { until: until.into(), keep_percent }
    }

    /// What of a price goes back. What is kept is rounded down.
    pub(crate) fn of_price(&self, minor: i64) -> i64 {
        let kept = i128::from(minor) * i128::from(self.keep_percent.min(100)) / 100;
        minor - i64::try_from(kept).unwrap_or(minor)
    }
}

/// What [`EventTerms`] shall be. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventTermsWants {
    /// Whether holders can transfer their tickets.
    pub transfers: Option<TransferPolicy>,
    /// Whether buyers can return their tickets.
    pub returns: Option<ReturnPolicy>,
    /// What attendees are asked: all questions, in their order. Answers to a question that is left out stay where they are.
    pub questions: Option<Vec<Question>>,
}

setters!(EventTermsWants {
    with_transfers => transfers: impl Into<Option<TransferPolicy>>,
    with_returns => returns: impl Into<Option<ReturnPolicy>>,
    with_questions => questions: impl Into<Option<Vec<Question>>>,
});

impl EventTermsWants {
    pub(super) fn apply(&self, terms: EventTerms) -> EventTerms {
        use crate::clock::whole_microseconds;
        let precise = |until: Option<Timestamp>| until.map(whole_microseconds);
        let transfers = self.transfers.map(|of| TransferPolicy { until: precise(of.until), ..of });
        let returns = self.returns.map(|of| ReturnPolicy { until: precise(of.until), ..of });
        EventTerms {
            transfers: transfers.unwrap_or(terms.transfers),
            returns: returns.unwrap_or(terms.returns),
            questions: self.questions.clone().unwrap_or(terms.questions),
        }
    }
}

json_fields!(EventTerms);
