//! The circuit breaker as a shop meets it. Its own rules are tested where it lives (`gateway/circuit_breaker/tests`).

use crate::money::blocked_gateway::BlockedGateway;
use crate::money::shop::{Shop, breaker, buyer, paystack};
use crate::support::fake_paystack::{Call, Fault};
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::Error;
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::domain::webhook::WebhookStatus;
use ticketing_core::gateway::GatewayError;
use ticketing_core::gateway::circuit_breaker::{CircuitBreaker, Class, StateName};

on_every_storage!(
    five_404s_do_not_open_the_circuit_breaker,
    half_failures_among_successes_open_the_circuit_breaker,
    a_half_open_circuit_breaker_admits_one_probe_of_twenty,
    an_open_circuit_breaker_takes_no_places_and_loses_no_payment,
    one_slow_call_does_not_delay_others,
);

async fn five_404s_do_not_open_the_circuit_breaker(shop: &mut Shop) {
    let fake_paystack = crate::support::fake_paystack::FakePaystack::start().await;
    let breaker = breaker(Arc::new(paystack(&fake_paystack)), &shop.clock);
    shop.use_gateway(Arc::<CircuitBreaker>::clone(&breaker));
    let event = shop.event(5000, 100).await;
    // Checkouts that never came about: asked about, the gateway knows nothing of them.
    fake_paystack.set_mood(|call, _, _| if call == Call::Initialize { Fault::TooMany } else { Fault::None });
    let mut all = Vec::new();
    for number in 0..6 {
        let reference = crate::money::shop::reference(&format!("attempt-{number}"));
        let options = ticketing_core::PayOptions::default().with_reference(reference.clone());
        let request = ticketing_core::OrderRequest::tickets(event.id, 1);
        assert!(shop.engine.buy(&buyer("ada"), request, options).await.is_err());
        all.push(reference);
    }
    for reference in &all {
        let settlement = shop.engine.verify(&buyer("ada").who, reference).await.unwrap();
        assert!(matches!(settlement, Settlement::Failed { .. }), "{settlement:?}");
    }
    assert_eq!(fake_paystack.lines().iter().filter(|line| line.starts_with("GET ")).count(), 6);
    assert!(breaker.state().iter().all(|class| class.state == StateName::Closed), "{:?}", breaker.state());
}

async fn half_failures_among_successes_open_the_circuit_breaker(shop: &mut Shop) {
    let breaker = shop.use_breaker();
    let event = shop.event(5000, 100).await;
    let started = shop.buy(&event, "ada").await;
    let state = || breaker.state()[1].state;
    assert_eq!(breaker.state()[1].class, Class::Read);
    for call in 0..10 {
        assert_eq!(state(), StateName::Closed, "before call {call}");
        if call % 2 == 1 {
            shop.gateway.fail_next_fetch(GatewayError::Unavailable);
        }
        let _ = shop.engine.verify(&buyer("ada").who, &started.attempt.reference).await;
    }
    assert_eq!(state(), StateName::Open);
    // Only who asks how a payment stands is turned away; the shop stays open.
    shop.buy(&event, "grace").await;
}

async fn a_half_open_circuit_breaker_admits_one_probe_of_twenty(shop: &mut Shop) {
    let stuck = BlockedGateway::new(shop.gateway.clone());
    let breaker = breaker(Arc::new(stuck.clone()), &shop.clock);
    let event = shop.event(5000, 100).await;
    let started = shop.buy(&event, "ada").await;
    shop.use_gateway(Arc::<CircuitBreaker>::clone(&breaker));
    stuck.let_go();
    for _ in 0..5 {
        shop.gateway.fail_next_fetch(GatewayError::Unavailable);
        let _ = shop.engine.verify(&buyer("ada").who, &started.attempt.reference).await;
    }
    assert_eq!(breaker.state()[1].state, StateName::Open);
    stuck.hold_back();
    shop.later(2);
    let before = shop.gateway.calls().fetch;
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let (engine, reference) = (shop.engine.clone(), started.attempt.reference.clone());
            tokio::spawn(async move { engine.verify(&buyer("ada").who, &reference).await })
        })
        .collect();
    // Nineteen are turned away while the one is still waiting.
    let mut refused = 0;
    let mut waiting = asking;
    while refused < 19 {
        let (done, pending): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|task| task.is_finished());
        waiting = pending;
        for task in done {
            let answer = task.await.unwrap();
            assert!(matches!(answer, Err(Error::Gateway(GatewayError::CircuitOpen { .. }))), "{answer:?}");
            refused += 1;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(waiting.len(), 1);
    stuck.let_go();
    for task in waiting {
        assert!(task.await.unwrap().is_ok());
    }
    // Counted at the end: the one that passed may not have arrived yet while the others are turned away.
    assert_eq!(shop.gateway.calls().fetch - before, 1);
}

async fn an_open_circuit_breaker_takes_no_places_and_loses_no_payment(shop: &mut Shop) {
    let breaker = shop.use_breaker();
    let event = shop.event(5000, 2).await;
    let paying = shop.buy(&event, "ada").await;
    shop.gateway.pay(&paying.attempt.reference);
    for _ in 0..5 {
        shop.gateway.fail_next_open(GatewayError::NotSent);
        shop.gateway.fail_next_fetch(GatewayError::OutcomeUnknown);
        assert!(shop.try_to_buy(&event, "grace", 1).await.is_err());
        assert!(shop.engine.verify(&buyer("ada").who, &paying.attempt.reference).await.is_err());
    }
    assert_eq!((breaker.state()[0].state, breaker.state()[1].state), (StateName::Open, StateName::Open));
    // Refused at once, with a time to come again, and without keeping a place.
    let refused = shop.try_to_buy(&event, "grace", 1).await.unwrap_err();
    assert!(matches!(refused, Error::Gateway(GatewayError::CircuitOpen { .. })), "{refused:?}");
    assert!(refused.retry_after().is_some_and(|wait| wait > Duration::ZERO && wait <= Duration::from_secs(120)));
    assert_eq!(shop.stock(&event).await, (1, 0));
    // The payment in progress is delayed, not failed.
    assert_eq!(shop.stands(&paying).await, ("held", AttemptStatus::Open));
    shop.live_through(10).await;
    assert_eq!(shop.stands(&paying).await, ("paid", AttemptStatus::Fulfilled));
    let story = shop.story(&paying).await;
    assert!(story.webhooks.iter().all(|webhook| webhook.status == WebhookStatus::Applied));
}

async fn one_slow_call_does_not_delay_others(shop: &mut Shop) {
    let stuck = BlockedGateway::new(shop.gateway.clone());
    let event = shop.event(5000, 100).await;
    let slow = shop.buy(&event, "slow").await;
    let quick = shop.buy(&event, "quick").await;
    shop.gateway.pay(&quick.attempt.reference);
    shop.use_gateway(breaker(Arc::new(stuck.clone()), &shop.clock));
    let (engine, reference) = (shop.engine.clone(), slow.attempt.reference.clone());
    let waiting = tokio::spawn(async move { engine.verify(&buyer("slow").who, &reference).await });
    stuck.until_blocked(1).await;
    // The next call is not held back by the first: it reaches the gateway too.
    let (engine, reference) = (shop.engine.clone(), quick.attempt.reference.clone());
    let second = tokio::spawn(async move { engine.verify(&buyer("quick").who, &reference).await });
    stuck.until_blocked(2).await;
    assert!(!waiting.is_finished() && !second.is_finished());
    stuck.let_go();
    assert!(matches!(second.await.unwrap().unwrap(), Settlement::Fulfilled { .. }));
    assert!(matches!(waiting.await.unwrap().unwrap(), Settlement::Open { .. }));
}
