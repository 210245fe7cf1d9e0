//! Many at once: one set of tickets, no place too many.

use crate::money::shop::{Shop, buyer};
use ticketing_core::Error;
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::domain::refusal::Refusal;

on_every_storage!(
    three_verifications_in_a_row_issue_tickets_once,
    eight_concurrent_verifications_issue_tickets_once,
    five_payers_for_one_place_get_one_ticket_and_four_refunds,
    five_concurrent_buyers_of_one_place_get_one_hold,
    concurrent_late_payers_share_the_remaining_places,
);

async fn three_verifications_in_a_row_issue_tickets_once(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy_many(&event, "ada", 3).await;
    shop.gateway.pay(&started.attempt.reference);
    let mut firsts = 0;
    for _ in 0..3 {
        match shop.verify("ada", &started).await {
            Settlement::Fulfilled { first, tickets, .. } => {
                assert_eq!(tickets.len(), 3);
                firsts += usize::from(first);
            }
            other => panic!("{other:?}"),
        }
    }
    // What is decided is told without asking again.
    assert_eq!((firsts, shop.gateway.calls().fetch, shop.stock(&event).await), (1, 1, (0, 3)));
}

async fn eight_concurrent_verifications_issue_tickets_once(shop: &mut Shop) {
    let event = shop.event(5000, 100).await;
    for round in 0..5 {
        let started = shop.buy_many(&event, "ada", 2).await;
        shop.gateway.pay(&started.attempt.reference);
        let engines = [shop.engine.clone(), shop.another_process()];
        let asking: Vec<_> = (0..8)
            .map(|number| {
                let (engine, reference) = (engines[number % 2].clone(), started.attempt.reference.clone());
                tokio::spawn(async move { engine.verify(&buyer("ada").who, &reference).await.unwrap() })
            })
            .collect();
        let mut firsts = 0;
        for asked in asking {
            match asked.await.unwrap() {
                Settlement::Fulfilled { first, .. } => firsts += usize::from(first),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((firsts, shop.tickets(&started).await), (1, (2, 2)), "round {round}");
    }
    assert_eq!(shop.stock(&event).await, (0, 10));
}

async fn five_payers_for_one_place_get_one_ticket_and_four_refunds(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    let mut all = Vec::new();
    for who in ["a", "b", "c", "d", "e"] {
        // Each waits until the hold of the one before has run out, and all pay in the end.
        all.push((who, shop.buy(&event, who).await));
        shop.later(16);
        shop.pass().await;
    }
    for (_, started) in &all {
        shop.gateway.pay(&started.attempt.reference);
    }
    let asking = all.iter().map(|(who, started)| {
        let (engine, who, reference) = (shop.engine.clone(), buyer(who).who, started.attempt.reference.clone());
        tokio::spawn(async move { engine.verify(&who, &reference).await.unwrap() })
    });
    let mut tickets = 0;
    for asked in asking.collect::<Vec<_>>() {
        match asked.await.unwrap() {
            Settlement::Fulfilled { .. } => tickets += 1,
            Settlement::RefundDue { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    shop.upkeep().await;
    assert_eq!((tickets, shop.gateway.refunds().len(), shop.stock(&event).await), (1, 4, (0, 1)));
}

async fn five_concurrent_buyers_of_one_place_get_one_hold(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    let (here, there) = (shop.engine.clone(), shop.another_process());
    let buying: Vec<_> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .enumerate()
        .map(|(number, who)| {
            let engine = if number % 2 == 0 { here.clone() } else { there.clone() };
            let request = ticketing_core::OrderRequest::tickets(event.id, 1);
            tokio::spawn(async move { engine.buy(&buyer(who), request, Default::default()).await })
        })
        .collect();
    let (mut held, mut refused) = (0, 0);
    for bought in buying {
        match bought.await.unwrap() {
            Ok(_) => held += 1,
            Err(Error::Refused(Refusal::SoldOut { available: 0, .. })) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((held, refused, shop.stock(&event).await), (1, 4, (1, 0)));
}

async fn concurrent_late_payers_share_the_remaining_places(shop: &mut Shop) {
    let event = shop.event(5000, 6).await;
    let mut all = Vec::new();
    for who in ["a", "b", "c"] {
        all.push(shop.buy_many(&event, who, 2).await);
    }
    shop.later(16);
    shop.pass().await;
    // Three of the six places go to others before the late money comes.
    shop.sell(&event, "fast", 3).await;
    for started in &all {
        shop.gateway.pay(&started.attempt.reference);
    }
    let asking = all.iter().map(|started| {
        let (engine, who) = (shop.engine.clone(), started.order.buyer.who.clone());
        let reference = started.attempt.reference.clone();
        tokio::spawn(async move { engine.verify(&who, &reference).await.unwrap() })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    shop.upkeep().await;
    let mut ends = Vec::new();
    for started in &all {
        ends.push(shop.stands(started).await.1);
    }
    ends.sort_by_key(|status| status.name());
    assert_eq!(ends, [AttemptStatus::Fulfilled, AttemptStatus::RefundDue, AttemptStatus::RefundDue]);
    assert_eq!(shop.stock(&event).await, (0, 5));
    for started in &all {
        for refund in shop.story(started).await.refunds {
            assert_eq!((refund.status, refund.amount.minor()), (RefundStatus::Processed, 10_000));
        }
    }
}
