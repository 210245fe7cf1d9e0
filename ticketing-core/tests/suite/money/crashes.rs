//! Crashes between money and tickets, and between the gateway and our own database.

use crate::money::blocked_gateway::BlockedGateway;
use crate::money::shop::{Shop, buyer};
use crate::support::dropped_calls::drop_after;
use std::sync::Arc;
use ticketing_core::domain::payment::AttemptStatus;
use ticketing_core::gateway::GatewayError;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{OrderRequest, PayOptions, Upkeep};

on_every_storage!(
    a_crash_at_any_await_of_a_verification_leaves_one_set_of_tickets,
    a_crash_at_any_await_of_upkeep_leaves_one_set_of_tickets,
    a_webhook_finds_the_attempt_after_a_crash_during_checkout,
    polling_finds_the_attempt_after_a_crash_during_checkout,
);

/// More awaits than any single call has.
const ENOUGH: usize = 400;

async fn a_crash_at_any_await_of_a_verification_leaves_one_set_of_tickets(shop: &mut Shop) {
    let event = shop.event(5000, 1000).await;
    for polls in 0..ENOUGH {
        let started = shop.buy_many(&event, "ada", 2).await;
        shop.gateway.pay(&started.attempt.reference);
        let done = drop_after(polls, shop.engine.verify(&buyer("ada").who, &started.attempt.reference)).await.is_some();
        shop.restart().await;
        shop.later(1);
        shop.upkeep().await;
        assert_eq!(shop.stands(&started).await, ("paid", AttemptStatus::Fulfilled), "dropped after {polls} polls");
        assert_eq!(shop.tickets(&started).await, (2, 2), "dropped after {polls} polls");
        if done {
            shop.was_dropped(polls);
            return;
        }
    }
    panic!("it never came to its end");
}

async fn a_crash_at_any_await_of_upkeep_leaves_one_set_of_tickets(shop: &mut Shop) {
    let event = shop.event(5000, 1000).await;
    for polls in 0..ENOUGH {
        let started = shop.buy_many(&event, "ada", 2).await;
        shop.gateway.pay(&started.attempt.reference);
        shop.webhook(started.attempt.reference.as_str()).await;
        shop.later(1);
        let done = drop_after(polls, shop.engine.run_upkeep(Upkeep::default())).await.is_some();
        shop.restart().await;
        // Longer than what the dead one had claimed stays claimed.
        shop.live_through(3).await;
        assert_eq!(shop.stands(&started).await, ("paid", AttemptStatus::Fulfilled), "dropped after {polls} polls");
        assert_eq!(shop.tickets(&started).await, (2, 2), "dropped after {polls} polls");
        if done {
            shop.was_dropped(polls);
            return;
        }
    }
    panic!("it never came to its end");
}

/// Buys one place; the gateway opens the checkout, and our process dies before it hears of it.
async fn dies_while_buying(shop: &mut Shop) -> ticketing_core::domain::code::Reference {
    let event = shop.event(5000, 10).await;
    let stuck = BlockedGateway::new(shop.gateway.clone());
    shop.use_gateway(Arc::new(stuck.clone()));
    let reference = crate::money::shop::reference("attempt");
    let options = PayOptions::default().with_reference(reference.clone());
    let (engine, request) = (shop.engine.clone(), OrderRequest::tickets(event.id, 1));
    let buying = tokio::spawn(async move { engine.buy(&buyer("ada"), request, options).await.map(drop) });
    stuck.until_blocked(1).await;
    buying.abort();
    shop.restart().await;
    let attempt = shop.storage.attempt(&reference).await.unwrap().unwrap();
    assert_eq!((attempt.status, attempt.checkout), (AttemptStatus::Created, None));
    // The payer had the page all the same.
    shop.gateway.pay(&reference);
    reference
}

async fn a_webhook_finds_the_attempt_after_a_crash_during_checkout(shop: &mut Shop) {
    let reference = dies_while_buying(shop).await;
    shop.webhook(reference.as_str()).await;
    // Before any poll is due.
    shop.pass().await;
    let story = shop.storage.payment(&reference).await.unwrap().unwrap();
    assert_eq!((story.order.status.name(), story.tickets.len()), ("paid", 1));
}

async fn polling_finds_the_attempt_after_a_crash_during_checkout(shop: &mut Shop) {
    let reference = dies_while_buying(shop).await;
    // The poller asks before the gateway's ledger show the payment too, and goes on asking.
    shop.gateway.fail_next_fetch(GatewayError::OutcomeUnknown);
    shop.live_through(3).await;
    let story = shop.storage.payment(&reference).await.unwrap().unwrap();
    assert_eq!((story.order.status.name(), story.tickets.len()), ("paid", 1));
}
