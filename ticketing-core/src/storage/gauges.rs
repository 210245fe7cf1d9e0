use super::StorageError;
use crate::domain::list::{Condition, Tallied, Tally};
use crate::domain::order::Order;
use crate::domain::outbox::OutboxMail;
use crate::domain::payment::Attempt;
use crate::domain::principal::EmailAddress;
use crate::domain::refund::Refund;
use crate::domain::row::Field as _;
use crate::domain::table::Record as _;
use crate::domain::webhook::StoredWebhook;
use crate::domain::working_set::Noun;
use jiff::Timestamp;

/// Gauges of work in progress, for monitoring. Cheap to read: only what is in progress is counted, never everything that was
/// ever sold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Orders whose places are held.
    pub holds_open: u32,
    /// Mails in the outbox that are not sent yet.
    pub mails_waiting: u32,
    /// When the oldest of them was put there.
    pub oldest_mail: Option<Timestamp>,
    /// Mails that were given up. A person should look.
    pub mails_dead: u32,
    /// Refunds in progress.
    pub refunds_open: u32,
    /// Refunds that the gateway gave up, or wants something for from a person.
    pub refunds_stuck: u32,
    /// Webhooks that are not applied yet, or not confirmed.
    pub webhooks_waiting: u32,
    /// Webhooks that a person should look at: about nothing that we know, or denied by the gateway.
    pub webhooks_quarantined: u32,
    /// Payments that wait for a person's decision.
    pub reviews_open: u32,
    /// When the most overdue work of upkeep was due; may be in the future. If it stays in the past, upkeep does not run, or does
    /// not keep up.
    pub next_due: Option<Timestamp>,
    /// This process's own connections to the storage.
    pub connections: Connections,
}

/// Connections of one process to its storage; all zero where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// How many there are.
    pub open: u32,
    /// How many of them are in use.
    pub busy: u32,
    /// How many there may be.
    pub limit: u32,
}

/// What is counted, each with the column whose smallest value is read too.
pub(super) fn tallies() -> Vec<Tally> {
    let named = |noun: Noun, names, least| Tally { noun, all: vec![Condition::Named("status", names)], least };
    let known = |noun: Noun, column| Tally { noun, all: vec![Condition::Known(column)], least: Some(column) };
    let erased = EmailAddress::erased().value();
    let mut dead = named(OutboxMail::NOUN, &["dead"], None);
    // Nobody can do anything about the others.
    dead.all.push(Condition::Not("recipient", erased));
    vec![
        named(Order::NOUN, &["held"], Some("hold_until")),
        named(OutboxMail::NOUN, &["waiting"], Some("due_at")),
        named(OutboxMail::NOUN, &["waiting"], Some("created_at")),
        dead,
        known(Refund::NOUN, "next_at"),
        named(Refund::NOUN, &["failed", "needs_attention"], None),
        known(StoredWebhook::NOUN, "next_at"),
        named(StoredWebhook::NOUN, &["quarantined", "contradicted"], None),
        named(Attempt::NOUN, &["review"], None),
        known(Attempt::NOUN, "poll_at"),
    ]
}

/// What the tallies came to, in their order.
pub(super) fn of_tallies(tallied: &[Tallied], connections: Connections) -> Result<Gauges, StorageError> {
    let [holds, mails, oldest, dead, refunds, stuck, webhooks, quarantined, reviews, polls] = tallied else {
        return Err(StorageError::Broken(format!("10 tallies were asked for (got {})", tallied.len()).into()));
    };
    let count = |tallied: &Tallied| u32::try_from(tallied.count).unwrap_or(u32::MAX);
    let time = |micros: Option<i64>| {
        let time = micros.map(Timestamp::from_microsecond).transpose();
        time.map_err(|error| StorageError::Broken(error.into()))
    };
    let due = [holds, mails, refunds, webhooks, polls].into_iter().filter_map(|tallied| tallied.least).min();
    Ok(Gauges {
        holds_open: count(holds),
        mails_waiting: count(mails),
        oldest_mail: time(oldest.least)?,
        mails_dead: count(dead),
        refunds_open: count(refunds),
        refunds_stuck: count(stuck),
        webhooks_waiting: count(webhooks),
        webhooks_quarantined: count(quarantined),
        reviews_open: count(reviews),
        next_due: time(due)?,
        connections,
    })
}
