//! The table of a payment's states, rows 1 to 8: until the money is there.

use crate::money::shop::{Shop, ngn};
use jiff::SignedDuration;
use ticketing_core::Error;
use ticketing_core::PayOptions;
use ticketing_core::clock::Clock;
use ticketing_core::domain::order::OrderStatus;
use ticketing_core::domain::outbox::MailKind;
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::domain::refund::{RefundReason, RefundStatus};
use ticketing_core::gateway::GatewayError;
use ticketing_core::storage::StorageExt as _;

on_every_storage!(
    an_open_checkout_holds_the_places_and_waits_for_the_payer,
    an_unknown_outcome_of_initialize_is_stored_and_polled,
    a_checkout_that_was_certainly_not_opened_releases_the_places,
    open_changes_nothing_and_processing_extends_the_hold_once,
    a_success_in_time_issues_the_tickets_of_the_order_once,
    a_failed_attempt_leaves_the_hold_for_another_attempt,
    an_expired_hold_releases_the_places_and_its_attempt_is_polled_for_96_hours,
    a_late_payment_takes_the_places_again,
    a_late_payment_without_places_is_refunded_with_a_mail,
    a_late_payment_for_a_cancelled_order_takes_the_places_again,
    a_wrong_payment_waits_for_a_person,
);

async fn an_open_checkout_holds_the_places_and_waits_for_the_payer(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy_many(&event, "ada", 3).await;
    assert_eq!((shop.stands(&started).await, shop.stock(&event).await), (("held", AttemptStatus::Open), (3, 0)));
    let hold_until = shop.clock.now() + SignedDuration::from_mins(15);
    assert_eq!(shop.order_status(&started).await, OrderStatus::Held { hold_until });
    assert_eq!((started.attempt.amount, started.checkout.is_some()), (ngn(15_000), true));
}

async fn an_unknown_outcome_of_initialize_is_stored_and_polled(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let reference = crate::money::shop::reference("attempt");
    let options = PayOptions::default().with_reference(reference.clone());
    let request = ticketing_core::OrderRequest::tickets(event.id, 1);
    shop.gateway.lose_next_open();
    let lost = shop.engine.buy(&crate::money::shop::buyer("ada"), request, options).await;
    assert!(matches!(lost, Err(Error::Gateway(GatewayError::OutcomeUnknown))), "{lost:?}");
    let attempt = shop.storage.attempt(&reference).await.unwrap().unwrap();
    assert_eq!((attempt.status, shop.stock(&event).await), (AttemptStatus::Unknown, (1, 0)));
    // The payer got to the page all the same.
    shop.gateway.pay(&reference);
    shop.live_through(1).await;
    assert_eq!(shop.stock(&event).await, (0, 1));
}

async fn a_checkout_that_was_certainly_not_opened_releases_the_places(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    for error in [
        GatewayError::NotSent,
        GatewayError::Auth,
        GatewayError::Rejected { code: None },
        GatewayError::RateLimited { retry_after: None },
        GatewayError::Unsupported,
    ] {
        shop.gateway.fail_next_open(error.clone());
        assert!(shop.try_to_buy(&event, "ada", 1).await.is_err());
        assert_eq!(shop.stock(&event).await, (0, 0), "{error:?}");
    }
    for error in [GatewayError::OutcomeUnknown, GatewayError::Unavailable, GatewayError::Malformed] {
        shop.gateway.fail_next_open(error.clone());
        assert!(shop.try_to_buy(&event, "ada", 1).await.is_err());
        assert_eq!(shop.stock(&event).await, (1, 0), "{error:?}");
        shop.later(16);
        shop.upkeep().await;
    }
}

async fn open_changes_nothing_and_processing_extends_the_hold_once(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    let opened = shop.clock.now();
    let until = |minutes| OrderStatus::Held { hold_until: opened + SignedDuration::from_mins(minutes) };
    shop.later(10);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Open { .. }));
    assert_eq!(shop.order_status(&started).await, until(15));
    shop.gateway.processing(&started.attempt.reference);
    shop.verify("ada", &started).await;
    assert_eq!(
        (shop.order_status(&started).await, shop.stands(&started).await.1),
        (until(25), AttemptStatus::Processing)
    );
    shop.later(10);
    shop.verify("ada", &started).await;
    assert_eq!(shop.order_status(&started).await, until(25));
    shop.later(6);
    shop.upkeep().await;
    assert_eq!((shop.order_status(&started).await, shop.stock(&event).await), (OrderStatus::Expired, (0, 0)));
}

async fn a_success_in_time_issues_the_tickets_of_the_order_once(shop: &mut Shop) {
    let event = shop.event(5000, 100).await;
    let started = shop.sell(&event, "ada", 100).await;
    let story = shop.story(&started).await;
    assert_eq!((shop.stands(&started).await, shop.stock(&event).await), (("paid", AttemptStatus::Fulfilled), (0, 100)));
    let codes: std::collections::BTreeSet<_> = story.tickets.iter().map(|ticket| ticket.code.clone()).collect();
    assert_eq!((codes.len(), shop.mails(&started).await), (100, vec![MailKind::Tickets]));
}

async fn a_failed_attempt_leaves_the_hold_for_another_attempt(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    let started = shop.buy(&event, "ada").await;
    shop.gateway.decline(&started.attempt.reference);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Failed { .. }));
    assert_eq!((shop.stands(&started).await, shop.stock(&event).await), (("held", AttemptStatus::Failed), (1, 0)));
    let who = crate::money::shop::buyer("ada").who;
    let again = shop.engine.pay(&who, &started.order.reference, PayOptions::default()).await.unwrap();
    assert_ne!(again.attempt.reference, started.attempt.reference);
    shop.gateway.pay(&again.attempt.reference);
    assert!(matches!(shop.verify("ada", &again).await, Settlement::Fulfilled { .. }));
    assert_eq!(shop.stands(&started).await, ("paid", AttemptStatus::Failed));
}

async fn an_expired_hold_releases_the_places_and_its_attempt_is_polled_for_96_hours(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    shop.later(14);
    shop.upkeep().await;
    assert_eq!(shop.stock(&event).await, (1, 0));
    shop.later(1);
    shop.upkeep().await;
    assert_eq!((shop.stands(&started).await, shop.stock(&event).await), (("expired", AttemptStatus::Open), (0, 0)));
    let who = crate::money::shop::buyer("ada").who;
    let refused = shop.engine.pay(&who, &started.order.reference, PayOptions::default()).await.unwrap_err();
    assert_eq!(refused.code(), "hold_expired");
    let mut asked = shop.gateway.calls().fetch;
    for hour in 0..95 {
        shop.later(60);
        shop.upkeep().await;
        let by_now = shop.gateway.calls().fetch;
        assert!(by_now > asked, "nobody asked in hour {hour}");
        asked = by_now;
    }
    shop.later(60);
    shop.upkeep().await;
    assert_eq!(shop.stands(&started).await, ("expired", AttemptStatus::Lapsed));
    let asked = shop.gateway.calls().fetch;
    shop.later(600);
    shop.upkeep().await;
    assert_eq!(shop.gateway.calls().fetch, asked);
    // A webhook could still revive it.
    shop.gateway.pay(&started.attempt.reference);
    shop.webhook(started.attempt.reference.as_str()).await;
    shop.upkeep().await;
    assert_eq!(shop.stands(&started).await, ("paid", AttemptStatus::Fulfilled));
}

async fn a_late_payment_takes_the_places_again(shop: &mut Shop) {
    let event = shop.event(5000, 2).await;
    let started = shop.buy_many(&event, "ada", 2).await;
    shop.live_through(16).await;
    assert_eq!(shop.stock(&event).await, (0, 0));
    shop.gateway.pay(&started.attempt.reference);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Fulfilled { first: true, .. }));
    assert_eq!((shop.stock(&event).await, shop.tickets(&started).await), ((0, 2), (2, 2)));
}

async fn a_late_payment_without_places_is_refunded_with_a_mail(shop: &mut Shop) {
    let event = shop.event(5000, 2).await;
    let started = shop.buy_many(&event, "ada", 2).await;
    shop.live_through(16).await;
    // One place is left: half an order is none.
    shop.sell(&event, "grace", 1).await;
    shop.gateway.pay(&started.attempt.reference);
    let settlement = shop.verify("ada", &started).await;
    let Settlement::RefundDue { refund, .. } = settlement else { panic!("{settlement:?}") };
    assert_eq!((refund.reason, refund.amount, refund.status), (RefundReason::Late, ngn(10_000), RefundStatus::Due));
    assert_eq!(shop.mails(&started).await, vec![MailKind::Refund(refund.id)]);
    shop.upkeep().await;
    assert_eq!((shop.refund(&started).await.status, shop.stock(&event).await), (RefundStatus::Processed, (0, 1)));
    assert_eq!(shop.gateway.refunds().len(), 1);
    // And in words that a person can follow.
    let audit = shop.story(&started).await.audit;
    let decided = audit.iter().find(|line| line.action == "attempt.refund_due").unwrap();
    assert_eq!((decided.before.as_deref(), decided.after.as_deref()), (Some("open"), Some("refund_due")));
    assert!(decided.reason.contains("places are gone"), "{}", decided.reason);
}

async fn a_late_payment_for_a_cancelled_order_takes_the_places_again(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    let started = shop.buy(&event, "ada").await;
    let who = crate::money::shop::buyer("ada").who;
    shop.engine.cancel_order(&who, &started.order.reference).await.unwrap();
    assert_eq!(shop.stock(&event).await, (0, 0));
    shop.gateway.pay(&started.attempt.reference);
    shop.live_through(1).await;
    assert_eq!((shop.stands(&started).await, shop.stock(&event).await), (("paid", AttemptStatus::Fulfilled), (0, 1)));
}

async fn a_wrong_payment_waits_for_a_person(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    shop.gateway.pay_amount(&started.attempt.reference, ngn(4999));
    let settlement = shop.verify("ada", &started).await;
    let Settlement::Review { attempt, .. } = settlement else { panic!("{settlement:?}") };
    // Expected and seen stand side by side.
    assert_eq!((attempt.amount, attempt.captured.unwrap().amount), (ngn(5000), ngn(4999)));
    shop.live_through(16).await;
    assert_eq!(
        (shop.stands(&started).await, shop.tickets(&started).await),
        (("expired", AttemptStatus::Review), (0, 0))
    );
    assert_eq!(shop.gateway.refunds(), vec![]);
    // Not terminal: once the gateway says that all is as it should be, it is.
    shop.gateway.pay(&started.attempt.reference);
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Fulfilled { .. }));
    assert_eq!(shop.stock(&event).await, (0, 1));
}
