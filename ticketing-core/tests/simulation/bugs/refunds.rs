//! Bugs of refunds and returns.

use super::{Bug, BuggyStorage, Result, change_codes, change_events};
use jiff::Timestamp;
use ticketing_core::domain::command::Command as _;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::RefundId;
use ticketing_core::domain::money::Money;
use ticketing_core::domain::notice::Notice;
use ticketing_core::domain::order::Order;
use ticketing_core::domain::refund::{
    ClaimRefunds, RecordListedRefunds, Refund, RefundReport, RefundRequest, RefundStatus, RetryRefund, ReturnTickets,
    UndoCancelledEvents, WakeRefunds,
};
use ticketing_core::domain::ticket::TicketStatus;
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Outcome, StorageExt as _};

impl BuggyStorage {
    pub(super) async fn request_refunds(
        &self,
        now: Timestamp,
        wishes: &[RefundRequest],
    ) -> Result<Vec<Outcome<Refund>>> {
        let Some(bug) = self.world.bug else { return self.world.memory.apply(now, wishes).await };
        Ok(self.world.memory.tamper(|rows| wishes.iter().map(|wish| refund(rows, now, wish, bug)).collect()))
    }

    pub(super) async fn return_tickets(&self, now: Timestamp, wish: &ReturnTickets) -> Result<Outcome<Refund>> {
        Ok(self.world.memory.tamper(|rows| match self.world.bug {
            Some(Bug::ReturnsNeverEnd) => {
                let notices: Vec<Notice> = rows.notices.iter().map(|(_, notice)| notice.clone()).collect();
                for mut notice in notices.clone() {
                    notice.refund_until = notice.refund_until.map(|_| Timestamp::MAX);
                    rows.notices.load_record(notice);
                }
                let came = wish.apply(rows, now);
                notices.into_iter().for_each(|notice| rows.notices.load_record(notice));
                came
            }
            Some(Bug::UsedTicketReturned) => {
                let used = rows.tickets.iter().map(|(_, ticket)| ticket);
                let used: Vec<_> = used.filter(|ticket| ticket.status == TicketStatus::Used).cloned().collect();
                for mut ticket in used.clone() {
                    ticket.status = TicketStatus::Active;
                    rows.tickets.load_record(ticket);
                }
                let came = wish.apply(rows, now);
                for ticket in used {
                    let is_returned = rows.tickets.get(&ticket.id).is_some_and(|now| !now.status.is_valid());
                    if !is_returned {
                        rows.tickets.load_record(ticket);
                    }
                }
                came
            }
            Some(Bug::TransferredTicketReturned) => {
                let others = rows.tickets.iter().map(|(_, ticket)| ticket);
                let others: Vec<_> = others.filter(|ticket| ticket.holder != wish.buyer).cloned().collect();
                for mut ticket in others.clone() {
                    ticket.holder = wish.buyer.clone();
                    rows.tickets.load_record(ticket);
                }
                let came = wish.apply(rows, now);
                for before in others {
                    let Some(mut ticket) = rows.tickets.get(&before.id).cloned() else { continue };
                    ticket.holder = before.holder;
                    rows.tickets.load_record(ticket);
                }
                came
            }
            _ => wish.apply(rows, now),
        }))
    }

    pub(super) async fn claim_refunds(&self, now: Timestamp, claim: &ClaimRefunds) -> Result<Vec<Refund>> {
        let mut claimed = self.world.memory.apply_one(now, *claim).await?;
        match self.world.bug {
            Some(Bug::RefundResentBlindly) => claimed
                .iter_mut()
                .filter(|refund| refund.status == RefundStatus::Unknown)
                .for_each(|refund| refund.status = RefundStatus::Due),
            Some(bug @ (Bug::RefundNotMarkedBeforeSent | Bug::RefundClaimedWithoutLease)) => {
                self.world.memory.tamper(|rows| {
                    for refund in &claimed {
                        let Some(mut row) = rows.refunds.get(&refund.id).cloned() else { continue };
                        if bug == Bug::RefundClaimedWithoutLease {
                            row.next_at = Some(now);
                        } else {
                            row.status = refund.status;
                        }
                        rows.refunds.load_record(row);
                    }
                });
            }
            _ => {}
        }
        crate::invariants::refunds_claimed(&self.world, &claimed, now, claim.lease);
        Ok(claimed)
    }

    pub(super) async fn report_refunds(
        &self,
        now: Timestamp,
        reports: &[RefundReport],
    ) -> Result<Vec<Outcome<Refund>>> {
        crate::invariants::refunds_released(&self.world, reports.iter().map(|report| report.id));
        self.world.memory.apply(now, reports).await
    }

    pub(super) async fn retry_refund(&self, now: Timestamp, retry: &RetryRefund) -> Result<Outcome<Refund>> {
        crate::invariants::refunds_released(&self.world, [retry.id]);
        self.world.memory.apply_one(now, retry.clone()).await
    }

    pub(super) async fn wake_refunds(&self, now: Timestamp, wake: &WakeRefunds) -> Result<Vec<RefundId>> {
        let woken = self.world.memory.apply_one(now, wake.clone()).await?;
        crate::invariants::refunds_released(&self.world, woken.iter().copied());
        Ok(woken)
    }

    pub(super) async fn undo_cancelled_events(&self, now: Timestamp, undo: &UndoCancelledEvents) -> Result<Vec<Order>> {
        if self.is(Bug::CancelledEventNotRefunded) {
            return Ok(vec![]);
        }
        self.world.memory.apply_one(now, undo.clone()).await
    }

    pub(super) async fn record_listed_refunds(
        &self,
        now: Timestamp,
        record: &RecordListedRefunds,
    ) -> Result<Vec<Refund>> {
        if self.is(Bug::DashboardRefundIgnored) {
            return Ok(vec![]);
        }
        self.world.memory.apply_one(now, record.clone()).await
    }
}

fn refund(rows: &mut WorkingSet, now: Timestamp, wish: &RefundRequest, bug: Bug) -> Outcome<Refund> {
    let events: Vec<Event> = rows.events.iter().map(|(_, event)| event.clone()).collect();
    let known = rows.refund_by_key(&wish.key).cloned();
    let order = rows.order_by_reference(&wish.order).map(|order| order.id);
    if let (Bug::RefundSumUnchecked, None, Some(order)) = (bug, &known, order) {
        let before: Vec<Refund> = rows.refunds_of(order).cloned().collect();
        for refund in &before {
            let mut none = refund.clone();
            none.amount = Money::zero(refund.amount.currency());
            rows.refunds.load_record(none);
        }
        let void: Vec<_> =
            rows.tickets_of(order).filter(|ticket| ticket.status == TicketStatus::Refunded).cloned().collect();
        for mut ticket in void {
            ticket.status = TicketStatus::Active;
            rows.tickets.load_record(ticket);
        }
        let came = wish.apply(rows, now);
        before.into_iter().for_each(|refund| rows.refunds.load_record(refund));
        return came;
    }
    let came = wish.apply(rows, now);
    match (bug, known) {
        (Bug::PlacesNotReturned, None) => events.into_iter().for_each(|event| rows.events.load_record(event)),
        (Bug::UsedPlaceSoldAgain, None) => {
            let void = rows.tickets.iter().map(|(_, ticket)| ticket).filter(|ticket| ticket.keeps_place);
            let void: Vec<_> = void.cloned().collect();
            for mut ticket in void {
                ticket.keeps_place = false;
                change_events(rows, |event| {
                    event.stock.sold -= 1;
                    let own = event.ticket_types.iter_mut().filter(|own| own.id == ticket.ticket_type_id);
                    own.for_each(|own| own.stock.sold -= 1);
                });
                rows.tickets.load_record(ticket);
            }
        }
        (Bug::CodeUseReturnedTwice, Some(refund)) => {
            let order = rows.orders.get(&refund.order_id).cloned();
            let places = refund.tickets.len() as i64;
            change_codes(rows, |code| {
                if order.as_ref().is_some_and(|order| order.promo_code_id == Some(code.id)) {
                    code.uses.sold -= places.min(code.uses.sold);
                }
            });
        }
        (Bug::PlacesReturnedTwice, Some(refund)) => {
            let places = refund.tickets.len() as i64;
            change_events(rows, |event| event.stock.sold -= places);
        }
        _ => {}
    }
    came
}
