//! The engine's metrics, recorded through the crate `metrics` by the recorder that the program has installed, if any. Without the
//! feature `metrics`, only the log lines of a sale remain.
//!
//! A label never contains client input or personal data: all label values are constants of the engine.

use crate::domain::payment::Settlement;
use crate::domain::refusal::Refusal;
use crate::gateway::GatewayError;
use crate::ticketing::UpkeepReport;
use jiff::{SignedDuration, Timestamp};

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A counter: it only grows.
    Counter,
    /// A gauge: it goes up and down.
    Gauge,
    /// A histogram of durations, in seconds.
    Histogram,
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it means, in one line.
    pub help: &'static str,
}

const STAGES: &str = "ticketing_sale_stages_total";
const TICKETS: &str = "ticketing_tickets_issued_total";
const CHECK_INS: &str = "ticketing_check_ins_total";
const REFUSALS: &str = "ticketing_refusals_total";
const GATEWAY_CALLS: &str = "ticketing_gateway_calls_total";
const GATEWAY_SECONDS: &str = "ticketing_gateway_call_seconds";
const MAILS: &str = "ticketing_mail_tries_total";
const WEBHOOKS: &str = "ticketing_webhooks_received_total";
const PASS_SECONDS: &str = "ticketing_upkeep_pass_seconds";
const PASSES: &str = "ticketing_upkeep_passes_total";
const UPKEEP_WORK: &str = "ticketing_upkeep_work_total";
const LAST_PASS: &str = "ticketing_upkeep_last_pass_timestamp_seconds";

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, help }
}

/// All metrics of the engine.
pub const METRICS: &[Metric] = &[
    counter(STAGES, "Orders and payments that reached a stage of their sale, by stage"),
    counter(TICKETS, "Tickets issued"),
    counter(CHECK_INS, "Tickets that let somebody in"),
    counter(REFUSALS, "Calls that the rules refused, by code"),
    counter(GATEWAY_CALLS, "Calls to the payment gateway, by kind of call and outcome"),
    histogram(
        GATEWAY_SECONDS,
        "How long calls to the payment gateway took, by kind of call; refused by the breaker: not counted",
    ),
    counter(MAILS, "Tries to send a mail, by outcome"),
    counter(WEBHOOKS, "Webhooks with a good signature, repeats included"),
    histogram(PASS_SECONDS, "How long a pass of upkeep took"),
    counter(PASSES, "Passes of upkeep, by outcome"),
    counter(UPKEEP_WORK, "What upkeep did, by kind of work; failed: tried again later"),
    Metric { name: LAST_PASS, kind: Kind::Gauge, help: "When upkeep last ended a pass, in seconds since 1970" },
];

/// A stage of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Held,
    AttemptOpened,
    Paid,
    RefundDue,
    Review,
    Expired,
    Cancelled,
}

pub(crate) fn reached(stage: Stage, orders: usize) {
    let word = match stage {
        Stage::Held => "held",
        Stage::AttemptOpened => "attempt_opened",
        Stage::Paid => "paid",
        Stage::RefundDue => "refund_due",
        Stage::Review => "review",
        Stage::Expired => "expired",
        Stage::Cancelled => "cancelled",
    };
    if orders > 0 {
        // The surrounding span names the order and the request.
        tracing::info!(stage = word, orders, "sale");
        add(STAGES, &[("stage", word)], orders);
    }
}

/// Counts a paid order with this many tickets.
pub(crate) fn issued(tickets: usize) {
    if tickets > 0 {
        reached(Stage::Paid, 1);
        add(TICKETS, &[], tickets);
    }
}

/// Counts the settlement of a call that began at `asked`. One that an earlier call reached is not counted again.
pub(crate) fn settled(settlement: &Settlement, asked: Timestamp) {
    match settlement {
        Settlement::Fulfilled { first: true, tickets, .. } => {
            issued(tickets.len());
        }
        Settlement::RefundDue { refund, .. } if refund.created_at >= asked => reached(Stage::RefundDue, 1),
        Settlement::Review { attempt, .. } if attempt.updated_at >= asked => reached(Stage::Review, 1),
        _ => {}
    }
}

pub(crate) fn let_in() {
    add(CHECK_INS, &[], 1);
}

pub(crate) fn refused(refusal: &Refusal) {
    add(REFUSALS, &[("code", refusal.code())], 1);
}

pub(crate) fn gateway_called(calls: &'static str, failed: Option<&GatewayError>, took: SignedDuration) {
    let outcome = match failed {
        None => "ok",
        Some(GatewayError::NotSent) => "not_sent",
        Some(GatewayError::CircuitOpen { .. }) => "circuit_open",
        Some(GatewayError::OutcomeUnknown) => "unknown",
        Some(GatewayError::Unavailable) => "unavailable",
        Some(GatewayError::Rejected { .. }) => "rejected",
        Some(GatewayError::DuplicateReference) => "duplicate",
        Some(GatewayError::Auth) => "key_refused",
        Some(GatewayError::RateLimited { .. }) => "rate_limited",
        Some(GatewayError::Malformed) => "malformed",
        Some(GatewayError::Unreadable) => "unreadable",
        Some(GatewayError::Unsupported) => "unsupported",
    };
    add(GATEWAY_CALLS, &[("calls", calls), ("outcome", outcome)], 1);
    if outcome != "circuit_open" {
        observe(GATEWAY_SECONDS, &[("calls", calls)], took);
    }
}

pub(crate) fn mail_tried(outcome: &'static str) {
    add(MAILS, &[("outcome", outcome)], 1);
}

pub(crate) fn webhook_received() {
    add(WEBHOOKS, &[], 1);
}

/// Records a pass of upkeep. It has no report if the storage failed.
pub(crate) fn upkeep_passed(report: Option<&UpkeepReport>, began: Timestamp, ended: Timestamp) {
    let outcome = if report.is_some() { "done" } else { "storage_trouble" };
    add(PASSES, &[("outcome", outcome)], 1);
    observe(PASS_SECONDS, &[], ended.duration_since(began));
    let Some(report) = report else { return };
    set(LAST_PASS, ended);
    let work = [
        ("webhooks", report.webhooks),
        ("erased", report.erased),
        ("expired", report.expired),
        ("undone", report.undone),
        ("polled", report.polled),
        ("refunds", report.refunds),
        ("mails", report.mails),
        ("failed", report.failed),
    ];
    for (kind, count) in work {
        add(UPKEEP_WORK, &[("work", kind)], count);
    }
}

#[cfg(feature = "metrics")]
fn labels(labels: &[(&'static str, &'static str)]) -> Vec<::metrics::Label> {
    labels.iter().map(|(name, word)| ::metrics::Label::from_static_parts(name, word)).collect()
}

#[cfg(feature = "metrics")]
fn add(name: &'static str, with: &[(&'static str, &'static str)], count: usize) {
    ::metrics::counter!(name, labels(with)).increment(u64::try_from(count).unwrap_or(u64::MAX));
}

#[cfg(feature = "metrics")]
fn observe(name: &'static str, with: &[(&'static str, &'static str)], took: SignedDuration) {
    // A clock that was set back in between makes it negative.
    ::metrics::histogram!(name, labels(with)).record(took.as_secs_f64().max(0.0));
}

#[cfg(feature = "metrics")]
fn set(name: &'static str, at: Timestamp) {
    ::metrics::gauge!(name).set(at.as_duration().as_secs_f64());
}

#[cfg(not(feature = "metrics"))]
fn add(_name: &'static str, _with: &[(&'static str, &'static str)], _count: usize) {}

#[cfg(not(feature = "metrics"))]
fn observe(_name: &'static str, _with: &[(&'static str, &'static str)], _took: SignedDuration) {}

#[cfg(not(feature = "metrics"))]
fn set(_name: &'static str, _at: Timestamp) {}
