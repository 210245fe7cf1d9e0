use super::shop::{Shop, external, granted, ngn, only};
use super::till::paid;
use crate::domain::event::Event;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::page::PageRequest;
use crate::domain::payment::{Attempt, AttemptStatus, Mode, Observation};
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::refund::RefundReason;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::StorageExt as _;
use crate::storage::{Outcome, Storage};
use jiff::SignedDuration;
use std::sync::Arc;

/// An order that was paid with less than its total.
pub(super) async fn underpaid(shop: &Shop, event: &Event, minor: i64) -> (Order, Attempt) {
    let order = shop.hold(event, 1).await;
    let attempt = shop.attempt(&order).await;
    shop.observe(&attempt, Observation::Success(paid(ngn(minor), Mode::Test))).await;
    (order, attempt)
}

async fn resolve(shop: &Shop, attempt: &Attempt, verdict: Verdict) -> Outcome<Attempt> {
    let request = Resolve {
        reference: attempt.reference.clone(),
        verdict,
        tickets: vec![],
        note: "called them".to_owned(),
        actor: shop.organizer.clone(),
        scope: Scope::all(),
        seed: shop.seed(),
    };
    only(shop.storage.apply(shop.now(), &[request]).await)
}

pub async fn an_accepted_review_buys_the_tickets_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let (order, attempt) = underpaid(&shop, &event, 1).await;
    let accepted = granted(resolve(&shop, &attempt, Verdict::Accept).await);
    assert_eq!(accepted.status, AttemptStatus::Fulfilled);
    assert_eq!(shop.attempt_now(&attempt).await, accepted);
    assert_eq!(accepted.note.as_deref(), Some("called them"), "kept where it can be erased");
    let payment = shop.payment(&order).await;
    assert_eq!((payment.order.status, payment.tickets.len()), (OrderStatus::Paid, 1));
    assert!(payment.audit.iter().any(|line| line.action == "review.resolved" && !line.reason.contains("called them")));
    for verdict in [Verdict::Accept, Verdict::Refund] {
        assert_eq!(resolve(&shop, &attempt, verdict).await, Err(Refusal::NotInReview), "decided once");
    }
    assert_eq!(shop.stock(&event).await, (0, 1));
}

pub async fn a_refunded_review_returns_the_whole_capture(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (order, attempt) = underpaid(&shop, &event, 7).await;
    assert_eq!(granted(resolve(&shop, &attempt, Verdict::Refund).await).status, AttemptStatus::RefundDue);
    let refunds = shop.payment(&order).await.refunds;
    assert_eq!(refunds.len(), 1);
    assert_eq!((refunds[0].amount, refunds[0].reason), (ngn(7), RefundReason::Review));
    assert_eq!(resolve(&shop, &attempt, Verdict::Refund).await, Err(Refusal::NotInReview));
    assert_eq!(shop.order_now(&order).await.status.name(), "held", "the buyer may still pay");
}

pub async fn a_review_is_not_accepted_if_the_places_are_gone(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let (order, attempt) = underpaid(&shop, &event, 1).await;
    shop.let_expire(&order).await;
    shop.buy(&event, 1).await;
    let ticket_type_id = event.ticket_types[0].id;
    let sold_out = Err(Refusal::SoldOut { ticket_type_id, available: 0 });
    assert_eq!(resolve(&shop, &attempt, Verdict::Accept).await, sold_out);
    assert_eq!(shop.attempt_now(&attempt).await.status, AttemptStatus::Review, "still to be decided");
    granted(resolve(&shop, &attempt, Verdict::Refund).await);
}

pub async fn a_review_accepted_for_an_order_paid_meanwhile_is_refunded(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (order, attempt) = underpaid(&shop, &event, 9).await;
    let second = shop.attempt(&order).await;
    shop.pay(&second).await;
    assert_eq!(granted(resolve(&shop, &attempt, Verdict::Accept).await).status, AttemptStatus::RefundDue);
    let refunds = shop.payment(&order).await.refunds;
    assert_eq!((refunds.len(), refunds[0].amount, refunds[0].reason), (1, ngn(9), RefundReason::Duplicate));
}

pub async fn only_attempts_in_review_are_decided(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let open = shop.attempt(&shop.hold(&event, 1).await).await;
    assert_eq!(resolve(&shop, &open, Verdict::Accept).await, Err(Refusal::NotInReview));
    let unknown = Attempt { reference: shop.reference(), ..open };
    assert_eq!(resolve(&shop, &unknown, Verdict::Refund).await, Err(Refusal::AttemptUnknown));
    let bought = shop.buy(&event, 1).await;
    assert_eq!(resolve(&shop, &bought.attempt, Verdict::Refund).await, Err(Refusal::NotInReview));
    assert_eq!(shop.payment(&bought.order).await.refunds, []);
}

pub async fn reviews_are_listed_by_organiser_the_oldest_first(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ours, theirs) = (external("ours"), external("theirs"));
    let our_event = shop.event().organizer(&ours).create().await;
    let their_event = shop.event().organizer(&theirs).create().await;
    let mut made = Vec::new();
    for event in [&our_event, &their_event, &our_event, &our_event] {
        made.push(underpaid(&shop, event, 1).await.1.reference);
        shop.wait(SignedDuration::from_micros(1));
    }
    shop.attempt(&shop.hold(&our_event, 1).await).await;
    let page = |skip, limit| PageRequest { skip, limit, count: true };
    let list = async |scope: Scope, page| {
        let found = shop.storage.reviews(&scope, page).await.unwrap();
        let references: Vec<_> = found.items.into_iter().map(|attempt| attempt.reference).collect();
        (references, found.more, found.total)
    };
    assert_eq!(list(Scope::all(), page(0, 10)).await, (made.clone(), false, Some(4)));
    let own = vec![made[0].clone(), made[2].clone(), made[3].clone()];
    assert_eq!(list(Scope::own(&ours), page(0, 10)).await, (own.clone(), false, Some(3)));
    assert_eq!(list(Scope::own(&ours), page(1, 1)).await, (vec![own[1].clone()], true, Some(3)));
    assert_eq!(list(Scope::own(&external("nobody")), page(0, 10)).await, (vec![], false, Some(0)));
}
