//! Concurrent payments, scans and refunds: each counts once.

use super::super::shop::{Shop, external, only};
use super::super::till::exactly;
use super::at_once;
use crate::domain::payment::{Observation, Settlement};
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::refund::RefundReason;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::TicketStatus;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use std::collections::BTreeSet;
use std::sync::Arc;

pub async fn a_success_reported_eight_times_at_once_issues_the_tickets_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 1..=5 {
        let order = shop.hold(&event, 2).await;
        let attempt = shop.attempt(&order).await;
        let settled = at_once(8, |_| {
            let (shop, attempt) = (Arc::clone(&shop), attempt.clone());
            async move { shop.pay(&attempt).await }
        });
        let mut sets = BTreeSet::new();
        let mut firsts = 0;
        for settlement in settled.await {
            let Settlement::Fulfilled { tickets, first, .. } = settlement else { panic!("{settlement:?}") };
            sets.insert(tickets.iter().map(|ticket| ticket.code.clone()).collect::<Vec<_>>());
            firsts += u32::from(first);
        }
        assert_eq!((sets.len(), firsts), (1, 1), "everybody sees the same tickets, one call has issued them");
        assert_eq!(shop.payment(&order).await.tickets.len(), 2);
        assert_eq!(shop.mails(&order).await.len(), 1);
        assert_eq!(shop.stock(&event).await, (0, 2 * round));
    }
}

pub async fn two_attempts_that_succeed_at_once_buy_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..10 {
        let order = shop.hold(&event, 1).await;
        let attempts = [shop.attempt(&order).await, shop.attempt(&order).await];
        let settled = at_once(2, |index| {
            let (shop, attempt) = (Arc::clone(&shop), attempts[index].clone());
            async move { shop.pay(&attempt).await }
        });
        let settled = settled.await;
        let bought = |one: &&Settlement| matches!(one, Settlement::Fulfilled { first: true, .. });
        let back = |one: &&Settlement| matches!(one, Settlement::RefundDue { refund, .. } if refund.reason == RefundReason::Duplicate);
        assert_eq!((settled.iter().filter(bought).count(), settled.iter().filter(back).count()), (1, 1));
        let payment = shop.payment(&order).await;
        assert_eq!((payment.tickets.len(), payment.refunds.len()), (1, 1));
    }
}

pub async fn a_ticket_scanned_sixteen_times_at_once_admits_one_person(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 0..5 {
        let bought = shop.buy(&event, 1).await;
        let entries = at_once(16, |scanner| {
            let scan = shop.scan_of(&bought.tickets[0], &format!("{round}-{scanner}"));
            let shop = Arc::clone(&shop);
            async move { shop.scan(&scan).await }
        });
        let entries = entries.await;
        let used = |entry: &&Result<_, Refusal>| matches!(entry, Err(Refusal::TicketUsed { .. }));
        assert_eq!(entries.iter().filter(|entry| entry.is_ok()).count(), 1);
        assert_eq!(entries.iter().filter(used).count(), 15);
        let winner = entries.into_iter().flatten().next();
        assert_eq!(shop.storage.check_in_of(bought.tickets[0].id).await.unwrap(), winner);
    }
}

pub async fn a_scan_repeated_eight_times_at_once_gets_one_answer(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 0..5 {
        let bought = shop.buy(&event, 1).await;
        let scan = shop.scan_of(&bought.tickets[0], &format!("{round}"));
        let entries = at_once(8, |_| {
            let (shop, scan) = (Arc::clone(&shop), scan.clone());
            async move { shop.scan(&scan).await }
        });
        let entries = entries.await;
        assert!(entries.iter().all(|entry| entry.is_ok() && *entry == entries[0]));
    }
}

pub async fn a_refund_requested_eight_times_at_once_is_one_refund(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let request = shop.refund_of(&bought.order, &[&bought.tickets[0]]);
    let same = at_once(8, |_| {
        let (shop, request) = (Arc::clone(&shop), request.clone());
        async move { shop.refund(&request).await }
    });
    let same = same.await;
    assert!(same.iter().all(|refund| refund.is_ok() && *refund == same[0]));

    // With different keys, all of them request the remaining ticket.
    let others = at_once(8, |_| {
        let (shop, request) = (Arc::clone(&shop), shop.refund_of(&bought.order, &[]));
        async move { shop.refund(&request).await }
    });
    let others = others.await;
    assert_eq!(others.iter().filter(|refund| refund.is_ok()).count(), 1);
    assert_eq!(others.iter().filter(|refund| **refund == Err(Refusal::NothingToRefund)).count(), 7);
    let payment = shop.payment(&bought.order).await;
    let back: i64 = payment.refunds.iter().map(|refund| refund.amount.minor()).sum();
    assert_eq!((payment.refunds.len(), back), (2, bought.order.total.minor()));
    assert_eq!(shop.stock(&event).await, (0, 0));
}

pub async fn a_ticket_is_refunded_or_used(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let mut inside = 0;
    for round in 0..10 {
        let bought = shop.buy(&event, 1).await;
        let request = shop.refund_of(&bought.order, &[]);
        let scan = shop.scan_of(&bought.tickets[0], &format!("{round}"));
        let done = at_once(2, |index| {
            let (shop, request, scan) = (Arc::clone(&shop), request.clone(), scan.clone());
            async move {
                match index {
                    0 => shop.refund(&request).await.map(drop),
                    _ => shop.scan(&scan).await.map(drop),
                }
            }
        });
        let done = done.await;
        assert_eq!(done[0], Ok(()), "a used ticket may be refunded too");
        assert!(done[1] == Ok(()) || done[1] == Err(Refusal::TicketRefunded));
        let ticket = shop.ticket_now(&bought.tickets[0]).await;
        assert_eq!((ticket.status, ticket.keeps_place), (TicketStatus::Refunded, done[1].is_ok()));
        inside += i64::from(ticket.keeps_place);
    }
    assert_eq!(shop.stock(&event).await, (0, inside), "who went in first still takes a place");
}

pub async fn a_review_is_decided_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..5 {
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        let mut little = exactly(&attempt);
        little.amount = super::super::shop::ngn(1);
        shop.observe(&attempt, Observation::Success(little)).await;
        let decided = at_once(8, |index| {
            let request = Resolve {
                reference: attempt.reference.clone(),
                verdict: if index % 2 == 0 { Verdict::Accept } else { Verdict::Refund },
                tickets: vec![],
                note: "decided".to_owned(),
                actor: external("admin"),
                scope: Scope::all(),
                seed: shop.seed(),
            };
            let shop = Arc::clone(&shop);
            async move { only(shop.storage.apply(shop.now(), &[request]).await) }
        });
        let decided = decided.await;
        assert_eq!(decided.iter().filter(|one| one.is_ok()).count(), 1);
        let payment = shop.payment(&order).await;
        assert_eq!(payment.tickets.len() + payment.refunds.len(), 1);
    }
}
