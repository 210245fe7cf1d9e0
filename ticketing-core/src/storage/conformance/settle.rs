//! Settling observations of the gateway.

use super::shop::{HOLD_FOR, Shop, granted, ngn, only};
use super::till::{exactly, paid};
use crate::domain::money::{Currency, Money};
use crate::domain::order::OrderStatus;
use crate::domain::outbox::MailKind;
use crate::domain::payment::{Attempt, AttemptStatus, Captured, Mode, Observation, Settle, Settlement};
use crate::domain::refund::ClaimRefunds;
use crate::domain::refund::{RefundReason, RefundStatus};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::TicketStatus;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Observations that must not undo a success, in whatever order they arrive.
const LATER: [Observation; 5] =
    [Observation::Open, Observation::Processing, Observation::Failed, Observation::NotFound, Observation::Unrecognised];

pub async fn an_exact_payment_buys_exactly_the_tickets_of_the_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 250, None)]).create().await;
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 2), (1, 1)])).await);
    let attempt = shop.attempt(&order).await;
    shop.wait(SignedDuration::from_micros(1));
    let captured = Captured { paid_at: Some(shop.now()), ..exactly(&attempt) };
    let Settlement::Fulfilled { order, tickets, first: true } =
        shop.observe(&attempt, Observation::Success(captured.clone())).await
    else {
        panic!("an exact payment in time buys the tickets")
    };
    assert_eq!((order.status, order.updated_at), (OrderStatus::Paid, shop.now()));
    assert_eq!(shop.order_now(&order).await, order);
    let places: Vec<_> = tickets.iter().map(|ticket| (ticket.line, ticket.ordinal, ticket.price.minor())).collect();
    assert_eq!(places, [(0, 0, 100), (0, 1, 100), (1, 0, 250)]);
    assert_eq!(tickets.iter().map(|ticket| ticket.code.clone()).collect::<BTreeSet<_>>().len(), 3);
    for ticket in &tickets {
        assert_eq!((ticket.order_id, ticket.event_id, &ticket.holder), (order.id, event.id, &order.buyer.who));
        assert_eq!((ticket.status, ticket.issued_at), (TicketStatus::Active, shop.now()));
        assert_eq!(shop.ticket_now(ticket).await, *ticket);
    }
    let attempt = shop.attempt_now(&attempt).await;
    assert_eq!((attempt.status, attempt.poll), (AttemptStatus::Fulfilled, None));
    assert_eq!((attempt.captured, attempt.last_seen.as_deref()), (Some(captured), Some("success")));
    assert_eq!(shop.mail_kinds(&order).await, [MailKind::Tickets], "owed from the same moment on");
    assert_eq!(shop.stock(&event).await, (0, 3));
}

pub async fn the_same_success_again_changes_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let before = shop.payment(&bought.order).await;
    shop.wait(SignedDuration::from_secs(1));
    for _ in 0..3 {
        let again = shop.pay(&bought.attempt).await;
        let same = Settlement::Fulfilled { order: bought.order.clone(), tickets: bought.tickets.clone(), first: false };
        assert_eq!(again, same);
    }
    assert_eq!(shop.payment(&bought.order).await, before);
    assert_eq!(shop.stock(&event).await, (0, 2));
    assert_eq!(shop.mails(&bought.order).await.len(), 1);
}

pub async fn later_observations_do_not_undo_a_success(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let before = shop.payment(&bought.order).await;
    for later in LATER {
        assert!(matches!(shop.observe(&bought.attempt, later).await, Settlement::Fulfilled { first: false, .. }));
    }
    // Another amount changes nothing either, once the tickets were bought.
    let other = Observation::Success(paid(ngn(1), Mode::Live));
    assert!(matches!(shop.observe(&bought.attempt, other).await, Settlement::Fulfilled { first: false, .. }));
    assert_eq!(shop.payment(&bought.order).await, before);
}

pub async fn an_overpayment_is_accepted_if_the_gateway_confirms_the_requested_amount(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().price(30_050).create().await;
    let attempt = shop.attempt(&shop.hold(&event, 1).await).await;
    let with_fees = Captured { requested: Some(ngn(30_050)), ..paid(ngn(40_333), Mode::Test) };
    let settled = shop.observe(&attempt, Observation::Success(with_fees.clone())).await;
    assert!(matches!(settled, Settlement::Fulfilled { first: true, .. }));
    assert_eq!(shop.attempt_now(&attempt).await.captured, Some(with_fees));
}

pub async fn a_mismatched_payment_goes_to_review(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let wrong: [fn(&Attempt) -> Captured; 8] = [
        |attempt| paid(ngn(attempt.amount.minor() - 1), attempt.mode),
        |attempt| paid(ngn(attempt.amount.minor() + 1), attempt.mode),
        |attempt| paid(ngn(0), attempt.mode),
        |attempt| paid(Money::new(attempt.amount.minor(), Currency::USD).unwrap(), attempt.mode),
        |attempt| paid(attempt.amount, Mode::Live),
        |attempt| Captured { requested: Some(ngn(attempt.amount.minor() - 1)), ..exactly(attempt) },
        |attempt| Captured { requested: Some(attempt.amount), ..paid(ngn(attempt.amount.minor() - 1), attempt.mode) },
        |attempt| {
            let usd = |minor| Money::new(minor, Currency::USD).unwrap();
            Captured { requested: Some(attempt.amount), ..paid(usd(attempt.amount.minor()), attempt.mode) }
        },
    ];
    for wrong in wrong {
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        let captured = wrong(&attempt);
        let settled = shop.observe(&attempt, Observation::Success(captured.clone())).await;
        assert!(matches!(settled, Settlement::Review { .. }), "{captured:?}: {settled:?}");
        let payment = shop.payment(&order).await;
        assert_eq!((payment.tickets.len(), payment.order.status.name()), (0, "held"), "{captured:?}");
        assert_eq!(payment.attempts[0].captured.as_ref(), Some(&captured), "what was seen is kept");
        // No later mismatch changes that,
        for later in LATER.into_iter().chain([Observation::Success(captured)]) {
            assert!(matches!(shop.observe(&attempt, later).await, Settlement::Review { .. }));
        }
        assert_eq!(shop.payment(&order).await.tickets, []);
        // but a matching capture does.
        assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
        assert_eq!(shop.attempt_now(&attempt).await.captured, Some(exactly(&attempt)));
    }
    assert_eq!(shop.stock(&event).await, (0, 8));
}

pub async fn a_capture_of_another_payment_goes_to_review(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    let settled = shop.observe(&attempt, Observation::Mismatched(exactly(&attempt))).await;
    assert!(matches!(settled, Settlement::Review { .. }), "although the amount is right: {settled:?}");
    let payment = shop.payment(&order).await;
    assert_eq!((payment.tickets.len(), payment.attempts[0].captured.as_ref()), (0, Some(&exactly(&attempt))));
    assert!(shop.attempt_now(&attempt).await.is_capture_unknown(), "the gateway is asked again");
    // What it says about this payment replaces that, also where a person still has to decide.
    let more = Captured { amount: ngn(attempt.amount.minor() + 1), ..exactly(&attempt) };
    let settled = shop.observe(&attempt, Observation::Success(more.clone())).await;
    assert!(matches!(settled, Settlement::Review { .. }), "{settled:?}");
    let known = shop.attempt_now(&attempt).await;
    assert_eq!((known.captured.as_ref(), known.poll, known.is_capture_unknown()), (Some(&more), None, false));
    // A later answer that is as wrong changes nothing.
    shop.observe(&attempt, Observation::Mismatched(exactly(&attempt))).await;
    assert_eq!(shop.attempt_now(&attempt).await.captured, Some(more));
    // Once the tickets were bought, such a report changes nothing.
    let bought = shop.buy(&event, 1).await;
    let settled = shop.observe(&bought.attempt, Observation::Mismatched(exactly(&bought.attempt))).await;
    assert!(matches!(settled, Settlement::Fulfilled { first: false, .. }));
}

pub async fn undecided_observations_leave_the_payment_open(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    for (seen, status, raw) in [
        (Observation::Open, AttemptStatus::Open, "abandoned"),
        (Observation::NotFound, AttemptStatus::Open, "not found"),
        (Observation::Unrecognised, AttemptStatus::Open, "on the moon"),
        (Observation::Disputed, AttemptStatus::Open, "disputed"),
        (Observation::Processing, AttemptStatus::Processing, "ongoing"),
        (Observation::Unrecognised, AttemptStatus::Processing, "on the moon"),
        (Observation::Open, AttemptStatus::Open, "abandoned"),
    ] {
        assert!(matches!(shop.observe(&attempt, seen).await, Settlement::Open { .. }));
        let now = shop.attempt_now(&attempt).await;
        assert_eq!((now.status, now.last_seen.as_deref()), (status, Some(raw)), "the gateway's own word is kept");
        assert!(now.poll.is_some(), "and it is asked again");
    }
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
}

pub async fn a_success_after_a_failure_buys_the_tickets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    assert!(matches!(shop.observe(&attempt, Observation::Failed).await, Settlement::Failed { .. }));
    let failed = shop.attempt_now(&attempt).await;
    assert_eq!(failed.status, AttemptStatus::Failed);
    assert!(failed.poll.is_some(), "it may still flip");
    assert_eq!(shop.stock(&event).await, (1, 0), "another try is possible while the hold lives");
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
}

pub async fn a_payment_in_progress_extends_the_hold_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    shop.wait(HOLD_FOR - SignedDuration::from_secs(1));
    shop.observe(&attempt, Observation::Processing).await;
    let extended = shop.order_now(&order).await;
    let OrderStatus::Held { hold_until } = extended.status else { panic!("still held") };
    assert!(extended.hold_extended && hold_until > shop.now() + SignedDuration::from_mins(10));
    shop.wait(SignedDuration::from_secs(60));
    assert_eq!(shop.expire().await, []);
    // A gateway that keeps changing its answer does not hold the places indefinitely.
    for seen in [Observation::Open, Observation::Processing, Observation::Failed, Observation::Processing] {
        shop.observe(&attempt, seen).await;
        assert_eq!(shop.order_now(&order).await, extended);
    }
    shop.wait(hold_until.duration_since(shop.now()));
    assert_eq!(shop.expire().await.len(), 1);
}

pub async fn a_late_payment_takes_places_again(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let expired = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&expired).await;
    shop.let_expire(&expired).await;
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
    assert_eq!(shop.order_now(&expired).await.status, OrderStatus::Paid);
    assert_eq!(shop.stock(&event).await, (0, 1));

    let event = shop.event().capacity(1).create().await;
    let given_up = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&given_up).await;
    granted(shop.release(&given_up).await);
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
    assert_eq!(shop.stock(&event).await, (0, 1));
}

pub async fn a_late_payment_for_a_sold_out_event_is_refunded(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let late = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&late).await;
    shop.let_expire(&late).await;
    shop.buy(&event, 1).await;
    let Settlement::RefundDue { order, refund } = shop.pay(&attempt).await else { panic!("the place is gone") };
    assert_eq!(
        (order.status, refund.reason, refund.amount),
        (OrderStatus::Expired, RefundReason::Late, attempt.amount)
    );
    assert_eq!((refund.status, refund.next_at), (RefundStatus::Due, Some(shop.now())));
    assert_eq!((&refund.attempt, refund.order_id, refund.tickets.len()), (&attempt.reference, late.id, 0));
    assert_eq!(shop.mail_kinds(&late).await, [MailKind::Refund(refund.id)]);
    assert_eq!(shop.stock(&event).await, (0, 1));
    // However often it is reported, there is one refund.
    let again = shop.pay(&attempt).await;
    assert_eq!(again, Settlement::RefundDue { order, refund: refund.clone() });
    assert_eq!(shop.payment(&late).await.refunds, [refund]);
}

pub async fn a_late_payment_for_an_event_that_is_over_is_refunded(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().ending_in(HOLD_FOR).create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    shop.let_expire(&order).await;
    assert!(
        matches!(shop.pay(&attempt).await, Settlement::RefundDue { refund, .. } if refund.reason == RefundReason::Late)
    );
}

pub async fn money_for_an_event_without_an_end_buys_its_tickets_after_sales_have_ended(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let starts_at = shop.now() + SignedDuration::from_hours(1);
    let event = shop.event().capacity(2).with(|new| new.starts_at = starts_at).create().await;
    let (held, expired) = (shop.hold(&event, 1).await, shop.hold(&event, 1).await);
    let attempts = [shop.attempt(&held).await, shop.attempt(&expired).await];
    shop.let_expire(&expired).await;
    shop.wait(SignedDuration::from_hours(48));
    let over = Refusal::EventOver { ended_at: event.sales_end_at() };
    assert_eq!(shop.try_hold(&shop.hold_request(&event, 1)).await, Err(over));
    for attempt in &attempts {
        assert!(matches!(shop.pay(attempt).await, Settlement::Fulfilled { first: true, .. }));
    }
    assert_eq!(shop.stock(&event).await, (0, 2));
}

pub async fn an_overdue_hold_that_has_not_expired_yet_still_gets_its_tickets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    shop.wait(HOLD_FOR);
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
    assert_eq!(shop.expire().await, []);
    assert_eq!(shop.stock(&event).await, (0, 1));
}

pub async fn a_second_attempt_that_succeeds_is_refunded(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let (first, second) = (shop.attempt(&order).await, shop.attempt(&order).await);
    shop.pay(&first).await;
    let Settlement::RefundDue { order, refund } = shop.pay(&second).await else { panic!("paid twice") };
    assert_eq!((refund.reason, refund.amount), (RefundReason::Duplicate, second.amount));
    assert_eq!(refund.attempt, second.reference);
    assert_eq!((order.status, shop.payment(&order).await.tickets.len()), (OrderStatus::Paid, 1));
    assert!(matches!(shop.pay(&first).await, Settlement::Fulfilled { first: false, .. }));
    assert_eq!(shop.attempt_now(&second).await.status, AttemptStatus::RefundDue);
}

pub async fn a_payment_for_an_event_cancelled_meanwhile_is_refunded(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (held, expired) = (shop.hold(&event, 1).await, shop.hold(&event, 1).await);
    let attempts = [shop.attempt(&held).await, shop.attempt(&expired).await];
    granted(shop.release(&expired).await);
    shop.cancel_event(&event).await;
    for attempt in &attempts {
        let Settlement::RefundDue { order, refund } = shop.pay(attempt).await else {
            panic!("the event was cancelled")
        };
        assert_eq!((order.status, refund.reason), (OrderStatus::Cancelled, RefundReason::EventCancelled));
    }
    assert_eq!(shop.stock(&event).await, (0, 0));
    assert_eq!(shop.undo(10).await, [], "nothing is left to be undone");
}

pub async fn a_reversed_payment_voids_the_tickets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for (seen, status) in
        [(Observation::Reversed, AttemptStatus::Reversed), (Observation::Disputed, AttemptStatus::Disputed)]
    {
        let event = shop.event().capacity(2).create().await;
        let bought = shop.buy(&event, 2).await;
        granted(shop.scan(&shop.scan_of(&bought.tickets[0], &format!("{status:?}"))).await);
        for _ in 0..2 {
            let settled = shop.observe(&bought.attempt, seen.clone()).await;
            assert!(matches!(settled, Settlement::Reversed { .. }));
            assert_eq!(shop.stock(&event).await, (0, 1), "the unused place is free, once");
        }
        assert_eq!(shop.attempt_now(&bought.attempt).await.status, status);
        for ticket in &bought.tickets {
            assert_eq!(shop.ticket_now(ticket).await.status, TicketStatus::Cancelled);
        }
        let refused = shop.scan(&shop.scan_of(&bought.tickets[1], &format!("{status:?} again"))).await;
        assert_eq!(refused, Err(Refusal::TicketCancelled));
        assert_eq!(shop.refund(&shop.refund_of(&bought.order, &[])).await, Err(Refusal::NothingToRefund));
        assert!(matches!(shop.pay(&bought.attempt).await, Settlement::Reversed { .. }), "and stay void");
        shop.buy(&event, 1).await;
    }
}

pub async fn our_own_refund_is_not_mistaken_for_a_reversal(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
    // The refund is marked as sent. One that was never sent cannot be what the gateway reports.
    let sent = shop
        .storage
        .apply_one(shop.now(), ClaimRefunds { lease: SignedDuration::from_secs(60), limit: 10 })
        .await
        .unwrap();
    assert_eq!(sent.len(), 1);
    shop.observe(&bought.attempt, Observation::Reversed).await;
    assert_eq!(shop.attempt_now(&bought.attempt).await.status, AttemptStatus::Fulfilled);
    assert_eq!(shop.ticket_now(&bought.tickets[0]).await.status, TicketStatus::Refunded);
}

pub async fn a_payment_reversed_before_it_was_seen_buys_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    assert!(matches!(shop.observe(&attempt, Observation::Reversed).await, Settlement::Reversed { .. }));
    assert!(matches!(shop.pay(&attempt).await, Settlement::Reversed { .. }), "a success that is reported late");
    let payment = shop.payment(&order).await;
    assert_eq!((payment.tickets.len(), payment.refunds.len(), payment.attempts[0].poll), (0, 0, None));
    // The buyer may pay with another attempt.
    let second = shop.attempt(&order).await;
    assert!(matches!(shop.pay(&second).await, Settlement::Fulfilled { first: true, .. }));
}

pub async fn a_capture_of_a_dropped_attempt_is_not_lost(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.created(&order).await;
    let not_opened = crate::domain::payment::CheckoutResult::NotOpened { reason: "refused".to_owned(), release: true };
    granted(shop.report_checkout(&attempt, not_opened).await);
    for seen in LATER {
        shop.observe(&attempt, seen).await;
        assert_eq!(shop.attempt_now(&attempt).await.status, AttemptStatus::Dropped, "only money revives it");
    }
    assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
}

pub async fn a_capture_of_an_unknown_reference_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let report = Settle {
        reference: shop.reference(),
        observation: Observation::Open,
        raw_status: "open".to_owned(),
        seed: shop.seed(),
    };
    assert_eq!(only(shop.storage.apply(shop.now(), &[report]).await), Err(Refusal::AttemptUnknown));
}
