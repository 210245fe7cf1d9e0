//! An event is cancelled: everyone gets their money back, whatever happens on the way.

use crate::money::shop::{Shop, organizer};
use crate::support::dropped_calls::drop_after;
use ticketing_core::domain::refund::{RefundReason, RefundStatus};
use ticketing_core::{Started, Upkeep};

on_every_storage!(a_cancelled_event_refunds_every_buyer, cancelling_an_event_resumes_after_a_crash,);

async fn is_undone(shop: &Shop, paid: &[Started], unpaid: &[Started]) {
    for started in paid {
        let refund = shop.refund(started).await;
        assert_eq!((refund.status, refund.reason), (RefundStatus::Processed, RefundReason::EventCancelled));
        assert_eq!((refund.amount, shop.tickets(started).await.0), (started.order.total, 0));
    }
    for started in unpaid {
        assert_eq!(shop.order_status(started).await.name(), "cancelled");
    }
    // At the gateway each went back once.
    let mut gone: Vec<_> = shop.gateway.refunds().into_iter().map(|refund| refund.attempt).collect();
    gone.sort();
    let mut wanted: Vec<_> = paid.iter().map(|started| started.attempt.reference.clone()).collect();
    wanted.sort();
    assert_eq!(gone, wanted);
}

async fn a_cancelled_event_refunds_every_buyer(shop: &mut Shop) {
    let event = shop.event(5000, 1000).await;
    let (mut paid, mut unpaid) = (Vec::new(), Vec::new());
    for number in 0..12 {
        paid.push(shop.sell(&event, &format!("p{number}"), 1 + number % 3).await);
        unpaid.push(shop.buy(&event, &format!("u{number}")).await);
    }
    shop.engine.cancel_event(&organizer(), event.id).await.unwrap();
    shop.engine.cancel_event(&organizer(), event.id).await.unwrap();
    // In small bites.
    let mut upkeep = Upkeep::default();
    upkeep.limit = 5;
    while !shop.engine.run_upkeep(upkeep).await.unwrap().is_idle() {}
    is_undone(shop, &paid, &unpaid).await;
    assert_eq!(shop.stock(&event).await, (0, 0));
}

async fn cancelling_an_event_resumes_after_a_crash(shop: &mut Shop) {
    let (mut paid, mut unpaid) = (Vec::new(), Vec::new());
    for polls in 0..400 {
        let event = shop.event(5000, 1000).await;
        for number in 0..2 {
            paid.push(shop.sell(&event, &format!("p{number}"), 1 + number).await);
            unpaid.push(shop.buy(&event, &format!("u{number}")).await);
        }
        shop.engine.cancel_event(&organizer(), event.id).await.unwrap();
        // The process dies in the middle of it, also while money is on its way back.
        let done = drop_after(polls, shop.engine.run_upkeep(Upkeep::default())).await.is_some();
        shop.restart().await;
        shop.live_through(8).await;
        is_undone(shop, &paid, &unpaid).await;
        assert_eq!(shop.stock(&event).await, (0, 0), "dropped after {polls} polls");
        if done {
            shop.was_dropped(polls);
            return;
        }
    }
    panic!("it never came to its end");
}
