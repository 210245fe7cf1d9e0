//! Claiming refunds that are due, and recording the gateway's reports about them.

use super::{BY_ORDER, REFUND_LEASE, Refund, RefundReason, RefundReport, RefundStatus, elsewhere};
use crate::domain::audit::{Actor, Change};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::id::RefundId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::payment::Attempt;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// Claims refunds that are due to be sent or looked up, the most overdue first. No other caller gets them until the lease ends.
/// Returns each as it was before the claim, which shows whether to send it or look it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimRefunds {
    /// How long no other caller gets them.
    pub lease: SignedDuration,
    /// The maximum number of refunds.
    pub limit: u32,
}

impl Command for ClaimRefunds {
    type Outcome = Vec<Refund>;
    const NAME: &'static str = "claim_refunds";
    const CLAIMS: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let due = vec![Condition::AtMost("next_at", load.now().as_microsecond())];
        let due = List::of::<Refund>(Self::NAME, due).by("next_at", Sort::Ascending);
        load.claim(due.at_most(self.limit));
        rows.claimed::<RefundId>(Self::NAME).iter().for_each(|id| load.row::<Refund>(id));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<Refund> {
        let due = rows.claimed::<RefundId>(Self::NAME);
        due.into_iter().filter_map(|id| claim_refund(rows, now, id, self.lease)).collect()
    }
}

/// Marks a due refund as unknown, so that whatever happens to the call, the refund is looked up before it is sent again.
fn claim_refund(rows: &mut WorkingSet, now: Timestamp, id: RefundId, lease: SignedDuration) -> Option<Refund> {
    let refund = rows.refunds.get(&id)?.clone();
    if refund.next_at.is_none_or(|next_at| next_at > now) {
        return None;
    }
    rows.refunds.update(&id, |row| {
        if row.status == RefundStatus::Due {
            row.status = RefundStatus::Unknown;
        }
        row.tries += 1;
        row.next_at = Some(now + lease);
        row.updated_at = now;
    });
    Some(Refund { tries: refund.tries + 1, ..refund })
}

/// Records the gateway's report about a refund. A processed refund stays processed, whatever is reported later. A caller that was
/// delayed for longer than its lease cannot make a refund due again that another caller has sent meanwhile.
impl Command for RefundReport {
    type Outcome = Result<Refund, Refusal>;
    const NAME: &'static str = "report_refund";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Refund>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Refund, Refusal> {
        let refund = rows.refunds.get(&self.id).cloned().ok_or(Refusal::RefundUnknown)?;
        if refund.status == RefundStatus::Processed {
            // A late webhook caused this look-up. It is not repeated.
            rows.refunds.update(&self.id, |row| row.next_at = None);
            return rows.refunds.get(&self.id).cloned().ok_or(Refusal::RefundUnknown);
        }
        if self.tries != refund.tries {
            let is_news = self.gateway_id.is_some()
                // The older call may have arrived after all, so the refund is looked up again before it is sent.
                || (self.status == RefundStatus::Unknown && refund.status == RefundStatus::Due);
            if !is_news {
                return Ok(refund);
            }
        }
        // A caller that did not find the refund must not undo a newer report: the refund would be sent again.
        let is_known =
            matches!(refund.status, RefundStatus::Pending | RefundStatus::Failed | RefundStatus::NeedsAttention);
        if self.status == RefundStatus::Due && is_known {
            return Ok(refund);
        }
        if refund.reason == RefundReason::Elsewhere && self.status == RefundStatus::Failed {
            // It was not ours to send, and nobody sends it again: no money went back.
            return Ok(elsewhere::failed(rows, now, &refund, &self.raw_status));
        }
        rows.refunds.update(&self.id, |row| {
            row.status = self.status;
            row.gateway_id = self.gateway_id.clone().or(row.gateway_id.take());
            row.last_seen = Some(self.raw_status.clone());
            row.next_at = match self.status {
                RefundStatus::Due | RefundStatus::Unknown | RefundStatus::Pending => Some(now + interval(row.tries)),
                RefundStatus::Processed | RefundStatus::Failed | RefundStatus::NeedsAttention => None,
            };
            row.updated_at = now;
        });
        if self.status != refund.status {
            let change = Change::of(refund.key.as_str(), refund.status.name(), self.status.name());
            rows.record_audit(now, refund.order_id, Actor::System, "refund.seen", &self.raw_status, change);
        }
        rows.refunds.get(&self.id).cloned().ok_or(Refusal::RefundUnknown)
    }
}

/// Lets upkeep retry a refund that the gateway gave up. A refund that is in progress or done stays as it is, and
/// so does one that no gateway can send: see [`RecordRefund`](super::RecordRefund).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryRefund {
    /// The refund.
    pub id: RefundId,
    /// Who requests it, for the audit log.
    pub actor: Principal,
}

impl Command for RetryRefund {
    type Outcome = Result<Refund, Refusal>;
    const NAME: &'static str = "retry_refund";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Refund>(&self.id);
        if let Some(refund) = rows.refunds.loaded_row(&self.id) {
            load.look::<Attempt>(&refund.attempt);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Refund, Refusal> {
        let id = self.id;
        let refund = rows.refunds.get(&id).cloned().ok_or(Refusal::RefundUnknown)?;
        let is_manual = rows.attempts.get(&refund.attempt).is_some_and(Attempt::is_recorded);
        if matches!(refund.status, RefundStatus::Failed | RefundStatus::NeedsAttention) && !is_manual {
            rows.refunds.update(&id, |row| {
                // A refund that failed at the gateway has moved no money. One that needs attention may have, and one that was
                // rejected may have been so because an earlier try had arrived after all. Both are looked up first.
                let failed_there = row.status == RefundStatus::Failed && row.gateway_id.is_some();
                row.status = if failed_there { RefundStatus::Due } else { RefundStatus::Unknown };
                row.tries = 0;
                row.next_at = Some(now);
                row.updated_at = now;
            });
            let after = rows.refunds.get(&id).map_or(refund.status, |refund| refund.status);
            let change = Change::of(refund.key.as_str(), refund.status.name(), after.name());
            rows.record_audit(
                now,
                refund.order_id,
                Actor::Person(self.actor.clone()),
                "refund.retried",
                "tried again by hand",
                change,
            );
        }
        rows.refunds.get(&id).cloned().ok_or(Refusal::RefundUnknown)
    }
}

/// Makes the open refunds of an attempt due to be looked up at once, because a webhook reports a change. Returns their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WakeRefunds {
    /// The attempt.
    pub attempt: Reference,
}

impl Command for WakeRefunds {
    type Outcome = Vec<RefundId>;
    const NAME: &'static str = "wake_refunds";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Attempt>(&self.attempt);
        if let Some(attempt) = rows.attempts.loaded_row(&self.attempt) {
            load.find(BY_ORDER, &attempt.order_id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<RefundId> {
        let reference = &self.attempt;
        let Some(attempt) = rows.attempts.get(reference) else { return vec![] };
        let of_attempt = rows.refunds_of(attempt.order_id).filter(|refund| refund.attempt == *reference);
        let open: Vec<(RefundId, Timestamp)> = of_attempt
            .filter_map(|refund| match refund.status {
                // It may be in flight. If it were looked up before it arrives, it would not be found, and be sent a second time.
                RefundStatus::Unknown => Some((refund.id, now.max(refund.updated_at + REFUND_LEASE))),
                RefundStatus::Pending | RefundStatus::Failed | RefundStatus::NeedsAttention => Some((refund.id, now)),
                RefundStatus::Due | RefundStatus::Processed => None,
            })
            .collect();
        for (id, soonest) in &open {
            rows.refunds.update(id, |refund| {
                refund.next_at = Some(refund.next_at.map_or(*soonest, |next_at| next_at.min(*soonest)));
            });
        }
        open.into_iter().map(|(id, _)| id).collect()
    }
}

/// The delay before the next try: a minute, doubling, at most 6 hours.
pub(super) fn interval(tries: u32) -> SignedDuration {
    SignedDuration::from_secs((60_i64 << tries.min(9)).min(6 * 3600))
}
