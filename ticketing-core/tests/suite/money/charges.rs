//! What is asked for, to the last minor unit; and what happens to money that is not that.

use crate::money::shop::{Shop, ngn, organizer};
use serde_json::json;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::payment::{AttemptStatus, Captured, Mode, Observation, Settlement};
use ticketing_core::domain::refund::{RefundReason, RefundStatus};

on_every_storage!(
    a_price_of_1999_99_is_charged_as_199999_minor_units,
    three_tickets_at_1999_99_are_charged_as_599997_minor_units,
    a_wrong_amount_currency_mode_or_payment_goes_to_review,
    a_verify_answer_about_another_payment_goes_to_review_and_clears_itself,
    fees_paid_on_top_do_not_count_as_a_wrong_amount,
    every_paid_attempt_ends_in_tickets_a_refund_or_a_review,
    the_currency_of_the_event_is_sent_and_compared,
);

async fn a_price_of_1999_99_is_charged_as_199999_minor_units(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event_at(Money::parse("1999.99", Currency::NGN).unwrap(), 10).await;
    let started = shop.buy(&event, "ada").await;
    let asked = fake_paystack.transaction(started.attempt.reference.as_str()).unwrap().request;
    // As an integer, not 199999.0, and not the 199900 of a price that was cut off.
    assert_eq!((&asked["amount"], &asked["currency"]), (&json!(199_999), &json!("NGN")));
}

async fn three_tickets_at_1999_99_are_charged_as_599997_minor_units(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event_at(Money::parse("1999.99", Currency::NGN).unwrap(), 10).await;
    let started = shop.buy_many(&event, "ada", 3).await;
    assert_eq!(
        fake_paystack.transaction(started.attempt.reference.as_str()).unwrap().request["amount"],
        json!(599_997)
    );
    fake_paystack.pay(started.attempt.reference.as_str());
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Fulfilled { .. }));
    assert_eq!(shop.story(&started).await.tickets[2].price.decimal(), "1999.99");
}

fn captured(minor: i64, currency: Currency) -> Captured {
    let amount = Money::new(minor, currency).unwrap();
    Captured::new(amount, Mode::Test)
}

async fn a_wrong_amount_currency_mode_or_payment_goes_to_review(shop: &mut Shop) {
    let event = shop.event(199_999, 10).await;
    let right = captured(199_999, Currency::NGN);
    let mut live = right.clone();
    live.mode = Mode::Live;
    let wrong = [
        Observation::Success(captured(199_900, Currency::NGN)),
        Observation::Success(captured(200_000, Currency::NGN)),
        Observation::Success(captured(0, Currency::NGN)),
        Observation::Success(captured(199_999, Currency::USD)),
        Observation::Success(live),
        Observation::Success(right.clone().with_requested(ngn(100_000))),
        Observation::Mismatched(right),
    ];
    for (number, said) in wrong.into_iter().enumerate() {
        let who = format!("buyer{number}");
        let started = shop.buy(&event, &who).await;
        shop.gateway.say(&started.attempt.reference, said.clone());
        let settlement = shop.verify(&who, &started).await;
        assert!(matches!(&settlement, Settlement::Review { .. }), "{said:?} came to {settlement:?}");
        assert_eq!(shop.stands(&started).await, ("held", AttemptStatus::Review), "{said:?}");
        assert_eq!(shop.tickets(&started).await, (0, 0), "{said:?}");
        assert_eq!(shop.story(&started).await.refunds, vec![], "{said:?}");
    }
    let reviews =
        shop.engine.reviews(&organizer(), ticketing_core::domain::page::PageRequest::default()).await.unwrap();
    assert_eq!(reviews.items.len(), 7);
}

async fn a_verify_answer_about_another_payment_goes_to_review_and_clears_itself(shop: &mut Shop) {
    use crate::support::fake_paystack::{Call, Fault};
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    // Nobody has paid; an answer about somebody else's payment comes.
    fake_paystack.set_mood(|call, _, _| if call == Call::Verify { Fault::WrongReference } else { Fault::None });
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Review { .. }));
    assert_eq!(shop.tickets(&started).await, (0, 0));
    fake_paystack.calm_down();
    fake_paystack.pay(started.attempt.reference.as_str());
    shop.later(1);
    shop.upkeep().await;
    assert_eq!(shop.stands(&started).await, ("paid", AttemptStatus::Fulfilled));
}

async fn fees_paid_on_top_do_not_count_as_a_wrong_amount(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    let event = shop.event(30_050, 10).await;
    let started = shop.buy(&event, "ada").await;
    // Paystack's own sample.
    fake_paystack.pay_this(started.attempt.reference.as_str(), 40_333, "NGN", Some(30_050));
    assert!(matches!(shop.verify("ada", &started).await, Settlement::Fulfilled { .. }));
}

async fn every_paid_attempt_ends_in_tickets_a_refund_or_a_review(shop: &mut Shop) {
    let event = shop.event(5000, 1).await;
    let late = shop.buy(&event, "late").await;
    shop.live_through(16).await;
    let paid = shop.sell(&event, "ada", 1).await;
    shop.gateway.pay(&late.attempt.reference);
    let odd_event = shop.event(5000, 1).await;
    let odd = shop.buy(&odd_event, "odd").await;
    shop.gateway.pay_amount(&odd.attempt.reference, ngn(1));
    // Nobody comes back from the gateway, and no webhook comes.
    shop.live_through(20).await;
    assert_eq!(shop.stands(&paid).await, ("paid", AttemptStatus::Fulfilled));
    assert_eq!(shop.stands(&odd).await, ("expired", AttemptStatus::Review));
    assert_eq!(shop.stands(&late).await, ("expired", AttemptStatus::RefundDue));
    let refund = shop.refund(&late).await;
    assert_eq!((refund.status, refund.reason, refund.amount), (RefundStatus::Processed, RefundReason::Late, ngn(5000)));
    let gone: Vec<_> = shop.gateway.refunds().into_iter().map(|refund| (refund.attempt, refund.amount)).collect();
    assert_eq!(gone, vec![(late.attempt.reference, ngn(5000))]);
}

async fn the_currency_of_the_event_is_sent_and_compared(shop: &mut Shop) {
    let fake_paystack = shop.use_fake_paystack().await;
    for currency in ["GHS", "KES", "NGN", "USD", "ZAR"] {
        let event = shop.event_at(Money::new(5000, currency.parse().unwrap()).unwrap(), 10).await;
        let started = shop.buy(&event, "ada").await;
        let reference = started.attempt.reference.as_str();
        assert_eq!(fake_paystack.transaction(reference).unwrap().request["currency"], json!(currency));
        fake_paystack.pay(reference);
        assert!(matches!(shop.verify("ada", &started).await, Settlement::Fulfilled { .. }));
        // The same number of another currency's minor units is not the same money.
        let started = shop.buy(&event, "eve").await;
        let other = if currency == "NGN" { "GHS" } else { "NGN" };
        fake_paystack.pay_this(started.attempt.reference.as_str(), 5000, other, None);
        assert!(matches!(shop.verify("eve", &started).await, Settlement::Review { .. }));
        assert_eq!(shop.tickets(&started).await, (0, 0));
    }
}
