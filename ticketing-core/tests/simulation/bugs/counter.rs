//! Bugs of selling without a checkout.

use super::{Bug, BuggyStorage, Result, without_limits};
use crate::cashier;
use jiff::Timestamp;
use ticketing_core::domain::command::Command as _;
use ticketing_core::domain::order::{IssueOrder, Issued};
use ticketing_core::domain::payment::{RecordPayment, Settlement};
use ticketing_core::domain::refund::{RecordRefund, Refund, RefundStatus};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::storage::StorageExt as _;

type Outcome<T> = std::result::Result<T, Refusal>;

impl BuggyStorage {
    pub(super) async fn issue_order(&self, now: Timestamp, issue: &IssueOrder) -> Result<Outcome<Issued>> {
        let memory = &self.world.memory;
        let mut issue = issue.clone();
        match self.world.bug {
            Some(Bug::IssueForgetsItsKey) => {
                let other = format!("{}{}", cashier::TILL, self.fresh());
                issue.reference = other.parse().unwrap_or(issue.reference);
                issue.attempt = self.fresh();
            }
            Some(Bug::IssueOversells) => {
                return Ok(memory.tamper(|rows| without_limits(rows, |rows| issue.apply(rows, now))));
            }
            _ => {}
        }
        memory.apply_one(now, issue).await
    }

    pub(super) async fn record_payment(&self, now: Timestamp, record: &RecordPayment) -> Result<Outcome<Settlement>> {
        let mut record = record.clone();
        if self.is(Bug::RecordedAmountNotChecked) {
            let order = self.world.memory.look(|rows| rows.order_by_reference(&record.order).cloned());
            record.amount = order.map_or(record.amount, |order| order.total);
        }
        self.world.memory.apply_one(now, record).await
    }

    pub(super) async fn record_refund(&self, now: Timestamp, record: &RecordRefund) -> Result<Outcome<Refund>> {
        let memory = &self.world.memory;
        if self.is(Bug::RecordedRefundIsForgotten) {
            let refund = memory.look(|rows| rows.refunds.get(&record.id).cloned());
            let refund = refund.map(|mut refund| {
                refund.status = RefundStatus::Processed;
                refund
            });
            return Ok(refund.ok_or(Refusal::RefundUnknown));
        }
        memory.apply_one(now, record.clone()).await
    }
}
