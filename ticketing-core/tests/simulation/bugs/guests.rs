//! Bugs of guests' orders.

use super::{Bug, BuggyStorage, Result, change_order};
use jiff::Timestamp;
use ticketing_core::domain::order::{BuyerLimits, ClaimOrders, NameBuyer, Order, OrderStatus};
use ticketing_core::domain::payment::{OpenAttempt, OpenedAttempt};
use ticketing_core::domain::ticket::Ticket;
use ticketing_core::storage::{Outcome, StorageExt as _};

impl BuggyStorage {
    pub(super) async fn name_buyer(&self, now: Timestamp, name: &NameBuyer) -> Result<Outcome<Order>> {
        let memory = &self.world.memory;
        match self.world.bug {
            Some(Bug::AddressRevivesHold) => {
                memory.tamper(|rows| {
                    let order = rows.order_by_reference(&name.reference).cloned();
                    if let Some(order) = order.filter(|order| order.status == OrderStatus::Expired) {
                        change_order(rows, &order, |order| {
                            order.status = OrderStatus::Held { hold_until: name.hold_until };
                        });
                    }
                });
                memory.apply_one(now, name.clone()).await
            }
            Some(Bug::AddressNotLimited) => {
                let mut name = name.clone();
                name.limits = BuyerLimits::default();
                memory.apply_one(now, name).await
            }
            _ => memory.apply_one(now, name.clone()).await,
        }
    }

    pub(super) async fn open_attempt(&self, now: Timestamp, open: &OpenAttempt) -> Result<Outcome<OpenedAttempt>> {
        let memory = &self.world.memory;
        if !self.is(Bug::PaidWithoutAddress) {
            return memory.apply_one(now, open.clone()).await;
        }
        Ok(memory.tamper(|rows| {
            use ticketing_core::domain::command::Command as _;
            let unnamed = rows.order_by_reference(&open.order).filter(|order| order.buyer.email.is_none()).cloned();
            if let Some(order) = &unnamed {
                change_order(rows, order, |order| order.buyer.email = "somebody@example.com".parse().ok());
            }
            let opened = open.apply(rows, now);
            if let Some(order) = unnamed.and_then(|order| rows.order_by_reference(&order.reference).cloned()) {
                change_order(rows, &order, |order| order.buyer.email = None);
            }
            opened
        }))
    }

    pub(super) async fn claim_orders(&self, now: Timestamp, claim: &ClaimOrders) -> Result<Outcome<Vec<Order>>> {
        let memory = &self.world.memory;
        let before: Vec<Ticket> = memory.look(|rows| rows.tickets.iter().map(|(_, ticket)| ticket.clone()).collect());
        let claimed = memory.apply_one(now, claim.clone()).await?;
        if self.is(Bug::ClaimForgetsTickets) {
            memory.tamper(|rows| before.into_iter().for_each(|ticket| rows.tickets.load_record(ticket)));
        }
        Ok(claimed)
    }
}
