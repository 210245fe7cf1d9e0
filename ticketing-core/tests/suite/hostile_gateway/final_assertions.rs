//! The end: what the gateway knows of its money, held against what we say became of it.

use crate::hostile_gateway::fault_stats::{End, of_call};
use crate::hostile_gateway::world::World;
use crate::support::fake_paystack::Transaction;
use std::collections::{BTreeMap, BTreeSet};
use ticketing_core::domain::order::{OrderFilter, OrderStatus};
use ticketing_core::domain::page::PageRequest;
use ticketing_core::domain::payment::{Attempt, AttemptStatus};
use ticketing_core::domain::payment_history::Payment;
use ticketing_core::domain::refund::{Refund, RefundStatus};
use ticketing_core::domain::webhook::WebhookStatus;
use ticketing_core::storage::StorageExt as _;

impl World {
    /// Every promise, looked at from both sides.
    pub(crate) async fn judge(&self) {
        assert_eq!(self.storage.check().await.unwrap(), Vec::<String>::new());
        for event in &self.events {
            let stock = self.storage.event(event.id).await.unwrap().unwrap().stock;
            assert_eq!(stock.held, 0, "event {} keeps places for nobody", event.id);
            assert!(stock.has(0), "event {} is oversold: {stock:?}", event.id);
        }
        let mut wrong = Vec::new();
        let payments = self.payments().await;
        let mut attempts: BTreeMap<String, (&Payment, &Attempt)> = BTreeMap::new();
        for payment in payments.values() {
            for attempt in &payment.attempts {
                attempts.insert(attempt.reference.to_string(), (payment, attempt));
            }
        }
        for transaction in self.fake_paystack.transactions() {
            match attempts.get(&transaction.reference) {
                // Written before the gateway was asked: there is none that we know nothing of.
                None => {
                    wrong.push(format!("the fake_paystack has a payment that we never wrote down: {transaction:?}"))
                }
                Some((payment, attempt)) => of_transaction(&transaction, payment, attempt, &mut wrong),
            }
        }
        let mut ends = BTreeMap::new();
        for (order, payment) in &payments {
            of_payment(payment, &mut wrong);
            ends.insert(order.clone(), end(payment));
        }
        assert!(wrong.is_empty(), "HOSTILE_SEED={}: {} wrong\n{}", self.rng.0, wrong.len(), wrong.join("\n"));

        for (subject, call, fault) in self.fake_paystack.befell() {
            // Asked about before the gateway had it, a payment is known by its reference only.
            let order =
                attempts.get(&subject).map_or(subject.clone(), |(payment, _)| payment.order.reference.to_string());
            self.stats.met(&order, &of_call(call, fault));
        }
        let never = self.stats.table(&ends);
        // In a short run not everything comes about.
        let is_long = self.sales.len() >= 1000;
        assert!(!is_long || never.is_empty(), "HOSTILE_SEED={}: never happened: {never:?}", self.rng.0);
        self.one_order_each().await;
    }

    /// Every order, with all that belongs to it.
    async fn payments(&self) -> BTreeMap<String, Payment> {
        let mut payments = BTreeMap::new();
        for event in &self.events {
            let filter = OrderFilter::default().with_event_id(event.id);
            let mut page = PageRequest::default();
            loop {
                let orders = self.storage.orders(&filter, page).await.unwrap().items;
                if orders.is_empty() {
                    break;
                }
                page.skip += orders.len() as u64;
                for order in orders {
                    let payment = self.storage.payment(&order.reference).await.unwrap().unwrap();
                    payments.insert(order.reference.to_string(), payment);
                }
            }
        }
        payments
    }

    /// However often somebody called: a second order is made only where the first came to nothing.
    async fn one_order_each(&self) {
        for sale in &self.sales {
            let filter = OrderFilter::default().with_buyer(sale.who());
            let orders = self.storage.orders(&filter, PageRequest::default()).await.unwrap().items;
            let first = orders.iter().find(|order| order.reference == sale.order);
            assert!(orders.is_empty() || first.is_some(), "sale {} has orders, and none of its own name", sale.number);
        }
    }
}

fn of_transaction(fake_paystack: &Transaction, payment: &Payment, attempt: &Attempt, wrong: &mut Vec<String>) {
    let story = || {
        format!(
            "\n  fake_paystack: {fake_paystack:?}\n  attempt: {attempt:?}\n  order: {:?}\n  refunds: {:?}\n  webhooks: {:?}\n  audit: {:?}",
            payment.order.status, payment.refunds, payment.webhooks, payment.audit
        )
    };
    let refunds: Vec<&Refund> = payment.refunds.iter().filter(|refund| refund.attempt == attempt.reference).collect();
    // Nothing went back twice, and no more than came.
    let mut keys = BTreeSet::new();
    for refund in fake_paystack.refunds.iter().filter(|refund| refund.status != "failed") {
        if !keys.insert(&refund.key) {
            wrong.push(format!("a refund was made twice{}", story()));
        }
        if !refunds.iter().any(|ours| ours.key.as_str() == refund.key && ours.amount.minor() == refund.amount) {
            wrong.push(format!("the fake_paystack sent back what we did not ask for{}", story()));
        }
    }
    let Some((paid, ..)) = &fake_paystack.paid else {
        if attempt.status.has_captured() && attempt.status != AttemptStatus::Review {
            wrong.push(format!("nobody paid this{}", story()));
        }
        return;
    };
    if fake_paystack.going_back() > *paid {
        wrong.push(format!("more went back than came{}", story()));
    }
    let stuck = |refund: &&Refund| matches!(refund.status, RefundStatus::Failed | RefundStatus::NeedsAttention);
    // The gateway may have done it: no answer about it could be read. Trying it again looks it up first.
    let was_never_read = |refund: &Refund| refund.status == RefundStatus::NeedsAttention && refund.gateway_id.is_none();
    let is_settled = match attempt.status {
        AttemptStatus::Fulfilled => {
            let back: i64 =
                refunds.iter().filter(|it| it.status == RefundStatus::Processed).map(|it| it.amount.minor()).sum();
            let unread: i64 = refunds.iter().filter(|it| was_never_read(it)).map(|it| it.amount.minor()).sum();
            payment.order.status == OrderStatus::Paid
                && payment.tickets.len() == payment.order.quantity() as usize
                // Charged back while our own refund was in progress, which the gateway then refused: a person must decide.
                && (!fake_paystack.charged_back || refunds.iter().any(stuck))
                && (back..=back + unread).contains(&fake_paystack.went_back())
        }
        AttemptStatus::RefundDue => match refunds.as_slice() {
            [refund] if refund.status == RefundStatus::Processed => fake_paystack.went_back() == *paid,
            // Before a person, who can see it and try it again: the gateway says no, or waits for something.
            [refund] if stuck(refund) => fake_paystack.went_back() == 0 || was_never_read(refund),
            _ => false,
        },
        AttemptStatus::Review => fake_paystack.going_back() == 0,
        AttemptStatus::Reversed | AttemptStatus::Disputed => fake_paystack.charged_back,
        _ => false,
    };
    if !is_settled {
        wrong.push(format!("captured, and neither tickets nor a refund nor before a person{}", story()));
    }
}

fn of_payment(payment: &Payment, wrong: &mut Vec<String>) {
    let order = &payment.order;
    let mut say = |what: &str| wrong.push(format!("order {} {what}: {payment:?}", order.reference));
    let fulfilled = payment.attempts.iter().filter(|attempt| attempt.status == AttemptStatus::Fulfilled).count();
    if fulfilled > 1 {
        say("was paid for twice");
    }
    if matches!(order.status, OrderStatus::Held { .. }) {
        say("is still held");
    }
    if payment.tickets.len() != if order.status == OrderStatus::Paid { order.quantity() as usize } else { 0 } {
        say("has another number of tickets than it wants");
    }
    if payment
        .refunds
        .iter()
        .any(|it| matches!(it.status, RefundStatus::Due | RefundStatus::Unknown | RefundStatus::Pending))
    {
        say("has a refund without an end");
    }
    let open = |status| {
        matches!(
            status,
            AttemptStatus::Created | AttemptStatus::Unknown | AttemptStatus::Open | AttemptStatus::Processing
        )
    };
    if payment.attempts.iter().any(|attempt| open(attempt.status) || attempt.poll.is_some()) {
        say("has an attempt without an end");
    }
    let waiting = |status| matches!(status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed);
    if payment.webhooks.iter().any(|webhook| waiting(webhook.status)) {
        say("has a webhook that was not applied");
    }
    if payment.webhooks.iter().any(|webhook| webhook.status == WebhookStatus::Contradicted) {
        say("was believed to be paid and is not");
    }
}

fn end(payment: &Payment) -> End {
    let has = |status| payment.attempts.iter().any(|attempt| attempt.status == status);
    let stuck = |refund: &Refund| matches!(refund.status, RefundStatus::Failed | RefundStatus::NeedsAttention);
    if payment.refunds.iter().any(stuck) {
        End::RefundStuck
    } else if has(AttemptStatus::Review) {
        End::Review
    } else if has(AttemptStatus::Reversed) || has(AttemptStatus::Disputed) {
        End::Reversed
    } else if has(AttemptStatus::Fulfilled) {
        if payment.refunds.is_empty() { End::Tickets } else { End::TicketsAndRefund }
    } else if payment.refunds.is_empty() {
        End::Unpaid
    } else {
        End::Refunded
    }
}
