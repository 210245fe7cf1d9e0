use super::shop::{HOLD_FOR, Shop, buyer, granted};
use super::till::exactly;
use crate::domain::code::Reference;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::FindAttempt;
use crate::domain::payment::{
    AttemptStatus, Checkout, CheckoutReport, CheckoutResult, FREE_GATEWAY, Mode, Observation, OpenedAttempt, Settlement,
};
use crate::domain::refusal::Refusal;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;

fn checkout() -> Checkout {
    Checkout { url: "https://pay.example/a?b='c'".to_owned(), access_code: Some("0peioxfhpn".to_owned()) }
}

fn not_opened(release: bool) -> CheckoutResult {
    CheckoutResult::NotOpened { reason: "refused".to_owned(), release }
}

pub async fn an_attempt_reads_back_and_a_repeat_finds_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (order, other) = (shop.hold(&event, 2).await, shop.hold(&event, 1).await);
    let request = shop.attempt_of(&order);
    let OpenedAttempt { order: of, attempt, first } = granted(shop.try_attempt(&request).await);
    assert_eq!((of, first), (order.clone(), true));
    assert_eq!(
        (&attempt.reference, attempt.order_id, &attempt.gateway),
        (&request.reference, order.id, &request.gateway)
    );
    assert_eq!((attempt.amount, attempt.mode, attempt.status), (order.total, Mode::Test, AttemptStatus::Created));
    assert_eq!((attempt.created_at, attempt.updated_at), (shop.now(), shop.now()));
    assert_eq!((&attempt.checkout, &attempt.captured, &attempt.last_seen), (&None, &None, &None));
    assert_eq!(shop.attempt_now(&attempt).await, attempt);

    shop.wait(SignedDuration::from_secs(1));
    let again = OpenedAttempt { order: order.clone(), attempt: attempt.clone(), first: false };
    assert_eq!(shop.try_attempt(&request).await, Ok(again), "nothing more happens on repeat");
    let mut others = vec![request.clone(); 3];
    others[0].order = other.reference.clone();
    others[1].mode = Mode::Live;
    others[2].gateway = "stripe".to_owned();
    for other in &others {
        assert_eq!(shop.try_attempt(other).await, Err(Refusal::KeyReused), "{other:?}");
    }
    shop.let_expire(&order).await;
    assert_eq!(
        granted(shop.try_attempt(&request).await).attempt,
        attempt,
        "a repeat finds it whatever became of the order"
    );
    assert_eq!(shop.storage.attempt(&shop.reference()).await.unwrap(), None);
}

pub async fn attempts_are_found_together_each_with_its_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let held = shop.hold(&event, 1).await;
    let adas = shop.attempt(&held).await;
    let mut request = shop.hold_request(&event, 1);
    request.buyer = buyer("grace");
    let other = granted(shop.try_hold(&request).await);
    let graces = shop.attempt(&other).await;
    let references = [&graces.reference, &shop.reference(), &adas.reference, &graces.reference].map(Clone::clone);
    let adas = Some((adas, shop.order_now(&held).await));
    let graces = Some((graces, shop.order_now(&other).await));
    let found = shop.storage.find_all(&references.clone().map(FindAttempt)).await.unwrap();
    assert_eq!(found, [graces.clone(), None, adas, graces], "one answer for each, in the order they were asked for");
    assert_eq!(shop.storage.find_all::<FindAttempt>(&[]).await.unwrap(), []);
}

pub async fn an_order_that_cannot_be_paid_gets_no_attempt(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let try_attempt = async |order: &Order| shop.try_attempt(&shop.attempt_of(order)).await.map(|_| ());
    let order = shop.hold(&event, 1).await;
    let mut unknown = shop.attempt_of(&order);
    unknown.order = shop.reference();
    assert_eq!(shop.try_attempt(&unknown).await, Err(Refusal::OrderUnknown));
    assert_eq!(try_attempt(&order).await, Ok(()));
    assert_eq!(try_attempt(&order).await, Ok(()), "an order may have several attempts");
    shop.wait(HOLD_FOR);
    assert_eq!(try_attempt(&order).await, Err(Refusal::HoldExpired), "also before anybody has ended the hold");
    shop.expire().await;
    assert_eq!(try_attempt(&order).await, Err(Refusal::HoldExpired));
    let paid = shop.buy(&event, 1).await;
    assert_eq!(try_attempt(&paid.order).await, Err(Refusal::OrderPaid));
    let given_up = shop.hold(&event, 1).await;
    granted(shop.release(&given_up).await);
    assert_eq!(try_attempt(&given_up).await, Err(Refusal::OrderCancelled));

    let short = shop.event().ending_in(SignedDuration::from_secs(1)).create().await;
    let order = shop.hold(&short, 1).await;
    shop.wait(SignedDuration::from_secs(1));
    assert_eq!(try_attempt(&order).await, Err(Refusal::EventOver { ended_at: short.ends_at.unwrap() }));
    let order = shop.hold(&event, 1).await;
    shop.cancel_event(&event).await;
    assert_eq!(try_attempt(&order).await, Err(Refusal::EventCancelled));
}

pub async fn a_checkout_that_was_opened_is_kept(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let attempt = shop.created(&shop.hold(&event, 1).await).await;
    let unknown = granted(shop.report_checkout(&attempt, CheckoutResult::Unknown).await);
    assert_eq!(unknown.status, AttemptStatus::Unknown);
    assert!(unknown.poll.is_some(), "it is asked about later");
    let opened = granted(shop.report_checkout(&attempt, CheckoutResult::Opened(checkout())).await);
    assert_eq!((opened.status, &opened.checkout), (AttemptStatus::Open, &Some(checkout())));
    assert_eq!(shop.attempt_now(&attempt).await, opened);
    // A late report does not close an open attempt.
    for late in [CheckoutResult::Unknown, not_opened(true)] {
        assert_eq!(granted(shop.report_checkout(&attempt, late).await), opened);
    }
    assert_eq!(shop.stock(&event).await, (1, 0));
    let report = CheckoutReport { reference: shop.reference(), result: CheckoutResult::Unknown };
    let refused = shop.storage.apply(shop.now(), &[report]).await.unwrap();
    assert_eq!(refused, [Err(Refusal::AttemptUnknown)]);
}

pub async fn a_checkout_that_was_not_opened_releases_places_if_requested(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for (release, status) in [(true, OrderStatus::Cancelled), (false, OrderStatus::Held { hold_until: shop.now() })] {
        let order = shop.hold(&event, 1).await;
        let attempt = shop.created(&order).await;
        let dropped = granted(shop.report_checkout(&attempt, not_opened(release)).await);
        assert_eq!((dropped.status, dropped.poll), (AttemptStatus::Dropped, None));
        assert_eq!(shop.order_now(&order).await.status.name(), status.name());
        // A repeat changes nothing.
        assert_eq!(granted(shop.report_checkout(&attempt, not_opened(true)).await), dropped);
    }
    assert_eq!(shop.stock(&event).await, (1, 0));
}

pub async fn an_attempt_that_may_still_be_paid_keeps_the_places(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let (first, second) = (shop.attempt(&order).await, shop.created(&order).await);
    granted(shop.report_checkout(&second, not_opened(true)).await);
    assert_eq!(shop.order_now(&order).await.status.name(), "held");
    assert!(matches!(shop.pay(&first).await, Settlement::Fulfilled { first: true, .. }));
}

pub async fn a_payment_may_arrive_before_the_checkout_response(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for late in [CheckoutResult::Opened(checkout()), CheckoutResult::Unknown, not_opened(true)] {
        let order = shop.hold(&event, 1).await;
        let attempt = shop.created(&order).await;
        assert!(matches!(shop.pay(&attempt).await, Settlement::Fulfilled { first: true, .. }));
        let reported = granted(shop.report_checkout(&attempt, late).await);
        assert_eq!(reported.status, AttemptStatus::Fulfilled);
        assert_eq!(shop.order_now(&order).await.status, OrderStatus::Paid);
    }
}

pub async fn a_payment_is_found_by_its_order_and_by_each_attempt(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 2).await;
    let first = shop.attempt(&order).await;
    shop.wait(SignedDuration::from_secs(1));
    let second = shop.attempt(&order).await;
    shop.pay(&second).await;
    shop.pay(&first).await;
    let payment = shop.payment(&order).await;
    assert_eq!(payment.order, shop.order_now(&order).await);
    let references: Vec<&Reference> = payment.attempts.iter().map(|attempt| &attempt.reference).collect();
    assert_eq!(references, [&first.reference, &second.reference], "the oldest first");
    assert_eq!((payment.tickets.len(), payment.refunds.len()), (2, 1));
    let actions: Vec<&str> = payment.audit.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["order.paid", "attempt.fulfilled", "attempt.refund_due", "refund.decided"]);
    for reference in [&first.reference, &second.reference] {
        assert_eq!(shop.storage.payment(reference).await.unwrap(), Some(payment.clone()));
    }
    assert_eq!(shop.storage.payment(&shop.reference()).await.unwrap(), None);
}

pub async fn a_free_order_is_settled_like_any_other(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().price(0).create().await;
    let order = shop.hold(&event, 2).await;
    let mut request = shop.attempt_of(&order);
    request.gateway = FREE_GATEWAY.to_owned();
    let OpenedAttempt { attempt, .. } = granted(shop.try_attempt(&request).await);
    let settled = shop.observe(&attempt, Observation::Success(exactly(&attempt))).await;
    assert!(matches!(settled, Settlement::Fulfilled { first: true, tickets, .. } if tickets.len() == 2));
    let refund = granted(shop.refund(&shop.refund_of(&order, &[])).await);
    assert_eq!((refund.status.name(), refund.next_at), ("processed", None), "nothing is to be sent back");
    assert_eq!(shop.stock(&event).await, (0, 0));
}

pub async fn the_first_checkout_extends_the_hold_to_the_time_to_pay(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let until = |order: &Order| match order.status {
        OrderStatus::Held { hold_until } => hold_until.duration_since(order.created_at),
        _ => panic!("{order:?}"),
    };
    let mins = SignedDuration::from_mins;
    for (pays_within, wanted) in
        [(None, HOLD_FOR), (Some(mins(5)), HOLD_FOR), (Some(mins(30)), mins(32)), (Some(mins(600)), mins(62))]
    {
        let order = shop.hold(&event, 1).await;
        let request = shop.attempt_of(&order).with_pays_within(pays_within);
        assert_eq!(until(&granted(shop.try_attempt(&request).await).order), wanted, "{pays_within:?}");
        shop.wait(mins(10));
        assert_eq!(until(&granted(shop.try_attempt(&request).await).order), wanted, "a repeat");
        let another = shop.attempt_of(&order).with_pays_within(mins(30));
        assert_eq!(until(&granted(shop.try_attempt(&another).await).order), wanted, "once, not with each checkout");
        assert_eq!(until(&shop.order_now(&order).await), wanted);
    }
}
