//! What people decide about odd money, and what can go back of it later.

use crate::money::shop::{Shop, buyer, ngn, organizer};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::payment::{AttemptStatus, Captured, Mode, Observation, Verdict};
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::gateway::GatewayError;
use ticketing_core::{Decision, Error, RefundOptions, Started};

on_every_storage!(
    an_accepted_underpayment_is_refunded_at_the_amount_paid,
    an_accepted_payment_in_another_currency_is_refunded_in_that_currency,
    a_rejected_payment_is_refunded_in_full,
    a_second_decision_is_refused_and_only_the_organiser_decides,
    a_payment_in_review_is_not_accepted_without_places,
    a_decision_needs_an_answer_about_the_payment_itself,
);

/// Two tickets of 50.00 each, and something else that came for them.
async fn in_review(shop: &Shop, amount: Money) -> Started {
    let event = shop.event(5000, 4).await;
    let started = shop.buy_many(&event, "ada", 2).await;
    shop.gateway.pay_amount(&started.attempt.reference, amount);
    shop.verify("ada", &started).await;
    assert_eq!(shop.stands(&started).await.1, AttemptStatus::Review);
    started
}

async fn decide(shop: &Shop, started: &Started, verdict: Verdict) -> ticketing_core::Result<AttemptStatus> {
    let who = organizer();
    let note = "seen with the fake_paystack".to_owned();
    Ok(shop.engine.resolve_review(&who, &started.attempt.reference, Decision::new(verdict, note)).await?.status)
}

async fn an_accepted_underpayment_is_refunded_at_the_amount_paid(shop: &mut Shop) {
    let started = in_review(shop, ngn(6001)).await;
    assert_eq!(decide(shop, &started, Verdict::Accept).await.unwrap(), AttemptStatus::Fulfilled);
    let ticket = shop.story(&started).await.tickets[0].id;
    // Half of what came, and the rest with the last ticket: not the 50.00 of its price.
    let half = shop
        .engine
        .refund(&organizer(), &started.order.reference, RefundOptions::default().with_tickets(vec![ticket]))
        .await
        .unwrap();
    assert_eq!(half.amount, ngn(3000));
    // The event is cancelled: everyone gets the rest of their money back, and there is nothing left to do.
    shop.engine.cancel_event(&organizer(), started.order.event_id).await.unwrap();
    shop.upkeep().await;
    let refunds = shop.story(&started).await.refunds;
    assert_eq!(refunds.iter().map(|refund| refund.amount.minor()).collect::<Vec<_>>(), [3000, 3001]);
    assert!(refunds.iter().all(|refund| refund.status == RefundStatus::Processed));
}

async fn an_accepted_payment_in_another_currency_is_refunded_in_that_currency(shop: &mut Shop) {
    let dollars = |minor| Money::new(minor, Currency::USD).unwrap();
    let started = in_review(shop, dollars(30_000)).await;
    assert_eq!(decide(shop, &started, Verdict::Accept).await.unwrap(), AttemptStatus::Fulfilled);
    let refund = shop.engine.refund(&organizer(), &started.order.reference, RefundOptions::default()).await.unwrap();
    assert_eq!(refund.amount, dollars(30_000));
    shop.upkeep().await;
    assert_eq!(shop.gateway.refunds()[0].amount, dollars(30_000));
}

async fn a_rejected_payment_is_refunded_in_full(shop: &mut Shop) {
    let started = in_review(shop, ngn(12_345)).await;
    assert_eq!(decide(shop, &started, Verdict::Refund).await.unwrap(), AttemptStatus::RefundDue);
    shop.upkeep().await;
    let refund = shop.refund(&started).await;
    assert_eq!((refund.amount, refund.status), (ngn(12_345), RefundStatus::Processed));
    // The places are still held: the buyer may try again.
    assert_eq!((shop.order_status(&started).await.name(), shop.tickets(&started).await), ("held", (0, 0)));
    let story = shop.story(&started).await;
    let decided = story.audit.iter().find(|line| line.action == "review.resolved").unwrap();
    assert_eq!((decided.reason.as_str(), decided.after.as_deref()), ("a person has decided", Some("refunded")));
}

async fn a_second_decision_is_refused_and_only_the_organiser_decides(shop: &mut Shop) {
    let started = in_review(shop, ngn(1)).await;
    let reference = &started.attempt.reference;
    let theirs =
        shop.engine.resolve_review(&buyer("ada").who, reference, Decision::new(Verdict::Accept, "please")).await;
    assert_eq!(theirs.unwrap_err().code(), "not_found");
    decide(shop, &started, Verdict::Refund).await.unwrap();
    for verdict in [Verdict::Accept, Verdict::Refund] {
        assert_eq!(decide(shop, &started, verdict).await.unwrap_err().code(), "not_in_review");
    }
    shop.upkeep().await;
    assert_eq!((shop.gateway.refunds().len(), shop.tickets(&started).await), (1, (0, 0)));
}

async fn a_payment_in_review_is_not_accepted_without_places(shop: &mut Shop) {
    let started = in_review(shop, ngn(1)).await;
    shop.live_through(16).await;
    let event = shop.engine.event(started.order.event_id).await.unwrap();
    shop.sell(&event, "grace", 3).await;
    assert_eq!(decide(shop, &started, Verdict::Accept).await.unwrap_err().code(), "sold_out");
    assert_eq!(shop.stands(&started).await.1, AttemptStatus::Review);
    decide(shop, &started, Verdict::Refund).await.unwrap();
}

/// The first answer is about another payment, so nobody knows how much came.
async fn a_decision_needs_an_answer_about_the_payment_itself(shop: &mut Shop) {
    let event = shop.event(5000, 4).await;
    let started = shop.buy_many(&event, "ada", 2).await;
    let reference = &started.attempt.reference;
    shop.gateway.say(reference, Observation::Mismatched(Captured::new(ngn(99_999), Mode::Test)));
    shop.verify("ada", &started).await;
    assert_eq!(shop.stands(&started).await.1, AttemptStatus::Review);
    for verdict in [Verdict::Accept, Verdict::Refund] {
        let error = decide(shop, &started, verdict).await.unwrap_err();
        assert!(matches!(error, Error::Gateway(GatewayError::Unreadable)), "{error:?}");
    }
    assert_eq!((shop.stands(&started).await.1, shop.story(&started).await.refunds), (AttemptStatus::Review, vec![]));
    shop.gateway.say(reference, Observation::Success(Captured::new(ngn(10_001), Mode::Test)));
    assert_eq!(decide(shop, &started, Verdict::Refund).await.unwrap(), AttemptStatus::RefundDue);
    assert_eq!(shop.refund(&started).await.amount, ngn(10_001));
}
