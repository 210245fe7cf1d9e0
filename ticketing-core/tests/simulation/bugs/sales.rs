//! Bugs of holds and of checkouts.

use super::{Bug, BuggyStorage, Result, change_codes, change_events, change_order, without_limits, without_rules};
use jiff::Timestamp;
use ticketing_core::domain::command::Command as _;
use ticketing_core::domain::event::EventStatus;
use ticketing_core::domain::id::EventId;
use ticketing_core::domain::order::{BuyerLimits, ExpireHolds, Hold, Order, OrderStatus, Release};
use ticketing_core::domain::payment::{Attempt, BeginSale, CheckoutReport, CheckoutResult, SaleBegun};
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Outcome, StorageExt as _};

impl BuggyStorage {
    pub(super) async fn hold(&self, now: Timestamp, wishes: &[Hold]) -> Result<Vec<Outcome<Order>>> {
        let memory = &self.world.memory;
        let hold = |rows: &mut WorkingSet| wishes.iter().map(|wish| wish.apply(rows, now)).collect::<Vec<_>>();
        match self.world.bug {
            Some(Bug::HoldChecksThenInserts) => {
                let seen = hold(&mut memory.snapshot());
                if seen.iter().any(std::result::Result::is_err) {
                    return Ok(seen);
                }
                self.between_steps().await;
                Ok(memory.tamper(|rows| without_limits(rows, hold)))
            }
            Some(Bug::HoldNotIdempotent) => Ok(memory.tamper(|rows| {
                let again = |wish: &Hold| match rows.order_by_reference(&wish.reference) {
                    Some(_) => {
                        let mut again = wish.clone();
                        again.reference = self.fresh();
                        again
                    }
                    None => wish.clone(),
                };
                let wishes: Vec<Hold> = wishes.iter().map(again).collect();
                wishes.iter().map(|wish| wish.apply(rows, now)).collect()
            })),
            Some(Bug::BuyerLimitsIgnored) => Ok(memory.tamper(|rows| hold_without_buyer_limits(rows, now, wishes))),
            Some(Bug::BuyerLimitsCheckedTooEarly) => {
                let seen = hold(&mut memory.snapshot());
                if seen.iter().any(std::result::Result::is_err) {
                    return Ok(seen);
                }
                self.between_steps().await;
                Ok(memory.tamper(|rows| hold_without_buyer_limits(rows, now, wishes)))
            }
            Some(Bug::SoldAfterEventCalledOff) => Ok(memory.tamper(|rows| {
                let off: Vec<EventId> = rows
                    .events
                    .iter()
                    .map(|(_, event)| event)
                    .filter(|event| event.status == EventStatus::Cancelled)
                    .map(|event| event.id)
                    .collect();
                change_events(rows, |event| event.status = EventStatus::Active);
                let result = hold(rows);
                change_events(rows, |event| {
                    if off.contains(&event.id) {
                        event.status = EventStatus::Cancelled;
                    }
                });
                result
            })),
            Some(Bug::RemovedTypeSold) => Ok(memory.tamper(|rows| {
                let before = rows.events.clone();
                change_events(rows, |event| event.ticket_types.iter_mut().for_each(|of| of.removed_at = None));
                let result = hold(rows);
                change_events(rows, |event| {
                    let removed = before.get(&event.id).into_iter().flat_map(|event| &event.ticket_types);
                    for of in removed {
                        let mine = event.ticket_types.iter_mut().filter(|mine| mine.id == of.id);
                        mine.for_each(|mine| mine.removed_at = of.removed_at);
                    }
                });
                result
            })),
            Some(Bug::SalesRulesIgnored) => Ok(memory.tamper(|rows| without_rules(rows, hold))),
            Some(Bug::CodeUseNotTakenByHold) => Ok(memory.tamper(|rows| {
                let codes = rows.promo_codes.clone();
                let result = hold(rows);
                codes.iter().for_each(|(_, code)| rows.promo_codes.load_record(code.clone()));
                result
            })),
            Some(Bug::CodeUsesUnlimited) => Ok(memory.tamper(|rows| {
                let codes = rows.promo_codes.clone();
                change_codes(rows, |code| code.uses.capacity = None);
                let result = hold(rows);
                change_codes(rows, |code| {
                    code.uses.capacity = codes.get(&code.id).and_then(|before| before.uses.capacity);
                });
                result
            })),
            _ => memory.apply(now, wishes).await,
        }
    }

    /// Where the hold has a bug, the sale that begins with it has it too.
    pub(super) async fn begin_sales(&self, now: Timestamp, sale: &BeginSale) -> Result<Outcome<SaleBegun>> {
        let is_of_holds = matches!(
            self.world.bug,
            Some(
                Bug::HoldChecksThenInserts
                    | Bug::HoldNotIdempotent
                    | Bug::BuyerLimitsIgnored
                    | Bug::BuyerLimitsCheckedTooEarly
                    | Bug::SoldAfterEventCalledOff
            )
        );
        if !is_of_holds {
            return self.world.memory.apply_one(now, sale.clone()).await;
        }
        match self.hold(now, std::slice::from_ref(&sale.hold)).await?.remove(0) {
            Ok(order) => {
                let mut attempt = sale.attempt.clone();
                attempt.order = order.reference;
                Ok(self.world.memory.apply_one(now, attempt).await?.map(|opened| SaleBegun::New(Box::new(opened))))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    pub(super) async fn release(&self, now: Timestamp, wishes: &[Release]) -> Result<Vec<Outcome<Order>>> {
        if self.is(Bug::ReleasedTwice) {
            self.world.memory.tamper(|rows| {
                let known: Vec<Order> =
                    wishes.iter().filter_map(|wish| rows.order_by_reference(&wish.reference).cloned()).collect();
                for order in known.iter().filter(|order| order.status == OrderStatus::Cancelled) {
                    let_go(rows, order);
                }
            });
        }
        self.world.memory.apply(now, wishes).await
    }

    pub(super) async fn expire_holds(&self, now: Timestamp, expire: &ExpireHolds) -> Result<Vec<Order>> {
        let memory = &self.world.memory;
        match self.world.bug {
            Some(Bug::HoldNeverExpires) => Ok(vec![]),
            Some(Bug::CodeUseNotReturnedAtExpiry) => {
                let expired = memory.apply_one(now, *expire).await?;
                memory.tamper(|rows| {
                    change_codes(rows, |code| {
                        let lines = expired.iter().flat_map(|order| &order.lines);
                        let with_code = lines.filter(|line| line.promo_code_id == Some(code.id));
                        code.uses.held += with_code.map(|line| i64::from(line.quantity)).sum::<i64>();
                    });
                });
                Ok(expired)
            }
            Some(Bug::HoldExpiresInTwoSteps) => {
                let is_due =
                    |order: &&Order| matches!(order.status, OrderStatus::Held { hold_until } if hold_until <= now);
                let due: Vec<Order> =
                    memory.look(|rows| rows.orders.iter().map(|(_, order)| order).filter(is_due).cloned().collect());
                if due.is_empty() {
                    return Ok(due);
                }
                self.between_steps().await;
                memory.tamper(|rows| {
                    for order in &due {
                        change_order(rows, order, |order| order.status = OrderStatus::Expired);
                        let_go(rows, order);
                    }
                });
                Ok(due)
            }
            _ => memory.apply_one(now, *expire).await,
        }
    }

    pub(super) async fn report_checkouts(
        &self,
        now: Timestamp,
        reports: &[CheckoutReport],
    ) -> Result<Vec<Outcome<Attempt>>> {
        if !self.is(Bug::HoldDroppedOnUnknownCheckout) {
            return self.world.memory.apply(now, reports).await;
        }
        Ok(self.world.memory.tamper(|rows| {
            let report = |report: &CheckoutReport| {
                if report.result != CheckoutResult::Unknown {
                    return report.apply(rows, now);
                }
                let before = rows.attempts.get(&report.reference).cloned();
                let result = CheckoutResult::NotOpened { reason: "no answer".to_owned(), release: true };
                let dropped = CheckoutReport::new(report.reference.clone(), result);
                let came = dropped.apply(rows, now);
                if let Some(before) = before {
                    rows.attempts.load_record(before);
                }
                came
            };
            reports.iter().map(report).collect()
        }))
    }
}

/// Holds without a look at how much a buyer has already.
fn hold_without_buyer_limits(rows: &mut WorkingSet, now: Timestamp, wishes: &[Hold]) -> Vec<Outcome<Order>> {
    wishes.iter().map(|wish| wish.clone().with_limits(BuyerLimits::default()).apply(rows, now)).collect()
}

/// Moves an order's held places as if nobody had to ask.
fn let_go(rows: &mut WorkingSet, order: &Order) {
    change_events(rows, |event| {
        for line in order.lines.iter().filter(|_| event.id == order.event_id) {
            event.stock.held -= i64::from(line.quantity);
            for own in event.ticket_types.iter_mut().filter(|own| own.id == line.ticket_type_id) {
                own.stock.held -= i64::from(line.quantity);
            }
        }
    });
}
