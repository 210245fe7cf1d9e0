//! Refunds that were made at the gateway, not by the engine.

use super::send::interval;
use super::{BY_ORDER, ListedRefund, Refund, RefundReason, RefundStatus};
use crate::domain::audit::{Actor, Change};
use crate::domain::code::{Reference, Seed};
use crate::domain::command::Command;
use crate::domain::id::RefundId;
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::payment::{Attempt, AttemptStatus, Attention};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Records the refunds of an attempt that the gateway lists and that the engine did not make, so that the amounts here always agree
/// with the gateway's. Returns the new ones.
///
/// They count like the engine's own: all refunds of an attempt together never exceed what was captured. A refund of the engine that
/// was not sent yet is reduced to what is left. A repeat changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordListedRefunds {
    /// The attempt.
    pub attempt: Reference,
    /// All refunds that the gateway lists.
    pub listed: Vec<ListedRefund>,
    /// Keys are derived from this. Must be fresh for every call.
    pub seed: Seed,
}

impl Command for RecordListedRefunds {
    type Outcome = Vec<Refund>;
    const NAME: &'static str = "record_listed_refunds";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Attempt>(&self.attempt);
        if let Some(attempt) = rows.attempts.loaded_row(&self.attempt) {
            load.find(BY_ORDER, &attempt.order_id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<Refund> {
        let Some(attempt) = rows.attempts.get(&self.attempt).cloned() else { return vec![] };
        let mut recorded = vec![];
        for (index, listed) in self.listed.iter().enumerate() {
            let is_it = |refund: &&Refund| {
                refund.gateway_id.as_ref() == Some(&listed.gateway_id) || listed.keys.contains(&refund.key)
            };
            let known = rows.refunds_of(attempt.order_id).filter(|refund| refund.attempt == self.attempt).find(is_it);
            // What is known has a look-up of its own.
            if known.is_none() && listed.status != RefundStatus::Failed {
                let key = Reference::derived(&self.seed, &format!("refund {index}"));
                recorded.extend(record(rows, now, &attempt, listed, key));
            }
        }
        if !recorded.is_empty() && attempt.status == AttemptStatus::Fulfilled {
            rows.attempts.update(&attempt.reference, |row| {
                row.call_for(Attention::RefundedElsewhere);
                row.updated_at = now;
            });
        }
        recorded
    }
}

fn record(
    rows: &mut WorkingSet,
    now: Timestamp,
    attempt: &Attempt,
    listed: &ListedRefund,
    key: Reference,
) -> Option<Refund> {
    let captured =
        attempt.captured.as_ref().filter(|captured| captured.amount.currency() == listed.amount.currency())?;
    let sent = of_attempt(rows, attempt).filter(|refund| !may_be_reduced(refund)).map(|refund| refund.amount.minor());
    let amount = listed.amount.minor().min(captured.amount.minor() - sent.sum::<i64>());
    let amount = Money::new(amount, captured.amount.currency()).ok().filter(|amount| !amount.is_zero())?;
    let is_final = listed.status == RefundStatus::Processed;
    let refund = Refund {
        id: RefundId(rows.refunds.take_id()),
        key,
        order_id: attempt.order_id,
        attempt: attempt.reference.clone(),
        amount,
        reason: RefundReason::Elsewhere,
        note: None,
        tickets: vec![],
        status: if is_final { RefundStatus::Processed } else { RefundStatus::Pending },
        gateway_id: Some(listed.gateway_id.clone()),
        last_seen: Some(listed.raw_status.clone()),
        tries: 0,
        next_at: (!is_final).then(|| now + interval(0)),
        created_at: now,
        updated_at: now,
    };
    rows.refunds.insert(refund.clone());
    let change = Change { item: Some(refund.key.as_str()), after: Some(refund.status.name()), ..Change::default() };
    let actor = Actor::Gateway(attempt.gateway.clone());
    rows.record_audit(now, attempt.order_id, actor, "refund.decided", RefundReason::Elsewhere.name(), change);
    reduce(rows, now, attempt, captured.amount.minor());
    Some(refund)
}

fn of_attempt<'r>(rows: &'r WorkingSet, attempt: &'r Attempt) -> impl Iterator<Item = &'r Refund> {
    rows.refunds_of(attempt.order_id).filter(|refund| refund.attempt == attempt.reference)
}

/// Whether no money went back for it yet: it is decided, or the gateway did not accept it.
fn may_be_reduced(refund: &Refund) -> bool {
    refund.reason != RefundReason::Elsewhere
        && !matches!(refund.status, RefundStatus::Pending | RefundStatus::Processed)
}

/// Reduces refunds that were not sent, the latest first, until all together are not more than was captured.
fn reduce(rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt, captured: i64) {
    let mut excess = of_attempt(rows, attempt).map(|refund| refund.amount.minor()).sum::<i64>() - captured;
    let mut open: Vec<Refund> = of_attempt(rows, attempt).filter(|refund| may_be_reduced(refund)).cloned().collect();
    open.sort_by_key(|refund| std::cmp::Reverse(refund.id));
    for refund in open {
        let cut = excess.min(refund.amount.minor());
        if cut <= 0 {
            return;
        }
        excess -= cut;
        let Ok(left) = Money::new(refund.amount.minor() - cut, refund.amount.currency()) else { return };
        rows.refunds.update(&refund.id, |row| {
            row.amount = left;
            if left.is_zero() {
                row.status = RefundStatus::Processed;
                row.next_at = None;
            }
            row.updated_at = now;
        });
        let (before, after) = (refund.amount.to_string(), left.to_string());
        let change = Change::of(refund.key.as_str(), &before, &after);
        let reason = "the rest was refunded at the gateway";
        rows.record_audit(now, attempt.order_id, Actor::System, "refund.reduced", reason, change);
    }
}

/// A refund that was made elsewhere failed there: it is over, and sent nothing back.
pub(super) fn failed(rows: &mut WorkingSet, now: Timestamp, refund: &Refund, raw_status: &str) -> Refund {
    rows.refunds.update(&refund.id, |row| {
        row.amount = Money::zero(refund.amount.currency());
        row.status = RefundStatus::Processed;
        row.last_seen = Some(raw_status.to_owned());
        row.next_at = None;
        row.updated_at = now;
    });
    let (before, after) = (refund.amount.to_string(), Money::zero(refund.amount.currency()).to_string());
    let change = Change::of(refund.key.as_str(), &before, &after);
    rows.record_audit(now, refund.order_id, Actor::System, "refund.reduced", raw_status, change);
    rows.refunds.get(&refund.id).cloned().unwrap_or_else(|| refund.clone())
}
