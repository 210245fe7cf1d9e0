//! A gateway that does not answer holds nobody up who does not need it.

use crate::money::blocked_gateway::BlockedGateway;
use crate::money::shop::{Shop, buyer, organizer};
use std::sync::Arc;
use ticketing_core::domain::payment::Settlement;
use ticketing_core::{OrderRequest, PayOptions, RefundOptions, Registration, Upkeep};

on_every_storage!(a_gateway_that_does_not_answer_slows_down_no_other_operation);

/// No call below returns before the gateway is let go, and all others must come to their end before that: were they held up,
/// this test would not end.
async fn a_gateway_that_does_not_answer_slows_down_no_other_operation(shop: &mut Shop) {
    let event = shop.event(5000, 1000).await;
    let finished = shop.sell(&event, "finished", 1).await;
    let going_back = shop.sell(&event, "back", 1).await;
    let mut paying = Vec::new();
    for number in 0..20 {
        paying.push((format!("b{number}"), shop.buy(&event, &format!("b{number}")).await));
    }
    let account = Registration::new("ada@example.com", "Ada", "correct horse");
    shop.engine.register(account).await.unwrap();
    let stuck = BlockedGateway::new(shop.gateway.clone());
    shop.use_gateway(Arc::new(stuck.clone()));
    shop.later(1);

    // Twenty buyers ask, twenty more want a checkout, upkeep polls and sends money back: all of them wait.
    shop.engine.refund(&organizer(), &going_back.order.reference, RefundOptions::default()).await.unwrap();
    let mut waiting = Vec::new();
    for (who, started) in &paying {
        shop.gateway.pay(&started.attempt.reference);
        let (engine, who, reference) = (shop.engine.clone(), buyer(who).who, started.attempt.reference.clone());
        waiting.push(tokio::spawn(async move {
            assert!(matches!(engine.verify(&who, &reference).await.unwrap(), Settlement::Fulfilled { .. }));
        }));
        let (engine, event) = (shop.engine.clone(), event.id);
        waiting.push(tokio::spawn(async move {
            let request = OrderRequest::tickets(event, 1);
            engine.buy(&buyer("new"), request, PayOptions::default()).await.map(drop).unwrap();
        }));
    }
    let engine = shop.engine.clone();
    waiting.push(tokio::spawn(async move {
        engine.run_upkeep(Upkeep::default()).await.map(drop).unwrap();
    }));
    stuck.until_blocked(48).await;

    // All of this needs no gateway, and is not held up.
    shop.engine.event(event.id).await.unwrap();
    let login = shop.engine.login("ada@example.com", "correct horse").await.unwrap();
    shop.engine.authenticate(&login.token).await.unwrap();
    assert!(matches!(shop.verify("finished", &finished).await, Settlement::Fulfilled { first: false, .. }));
    shop.engine.order(&buyer("finished").who, &finished.order.reference).await.unwrap();
    shop.engine.hold(&buyer("last"), OrderRequest::tickets(event.id, 1)).await.unwrap();
    shop.webhook(paying[0].1.attempt.reference.as_str()).await;
    let free = shop.event(0, 10).await;
    let given = shop.buy(&free, "guest").await;
    assert_eq!((given.checkout, given.order.status.name()), (None, "paid"));
    assert!(waiting.iter().all(|task| !task.is_finished()), "the gateway has not answered anybody yet");

    stuck.let_go();
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(shop.stock(&event).await, (21, 21));
}
