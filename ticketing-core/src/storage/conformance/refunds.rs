use super::shop::{HOLD_FOR, PRICE, Shop, granted, ngn, only};
use super::till::{Bought, LEASE, paid};
use crate::domain::id::{RefundId, TicketId};
use crate::domain::money::{Currency, Money};
use crate::domain::outbox::MailKind;
use crate::domain::payment::{AttemptStatus, Attention, Mode, Observation};
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::refund::ClaimRefunds;
use crate::domain::refund::RetryRefund;
use crate::domain::refund::WakeRefunds;
use crate::domain::refund::{ListedRefund, RecordListedRefunds, Refund, RefundReason, RefundReport, RefundStatus};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::TicketStatus;
use crate::storage::StorageExt as _;
use crate::storage::{Outcome, Storage};
use jiff::SignedDuration;
use std::sync::Arc;

async fn claim(shop: &Shop, limit: u32) -> Vec<Refund> {
    shop.storage.apply_one(shop.now(), ClaimRefunds { lease: LEASE, limit }).await.unwrap()
}

async fn report(shop: &Shop, id: RefundId, status: RefundStatus) -> Outcome<Refund> {
    let report =
        RefundReport { id, tries: 1, status, gateway_id: Some("trx".to_owned()), raw_status: status.name().to_owned() };
    only(shop.storage.apply(shop.now(), &[report]).await)
}

pub async fn refunded_tickets_are_void_and_their_places_free(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(3).types(&[("A", 100, Some(2)), ("B", 250, None)]).create().await;
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 2), (1, 1)])).await);
    let bought = shop.settle_order(&order).await;
    granted(shop.scan(&shop.scan_of(&bought.tickets[0], "used before")).await);

    let request = shop.refund_of(&order, &[&bought.tickets[0], &bought.tickets[2]]);
    let refund = granted(shop.refund(&request).await);
    assert_eq!((&refund.key, refund.order_id, refund.amount), (&request.key, order.id, ngn(350)));
    assert_eq!((refund.status, refund.reason, &refund.note), (RefundStatus::Due, request.reason, &request.note));
    assert_eq!((&refund.attempt, &refund.tickets), (&bought.attempt.reference, request.tickets.as_ref().unwrap()));
    assert_eq!(shop.refund_now(&order, &request.key).await, refund);
    let statuses = async || {
        let tickets = shop.payment(&order).await.tickets;
        tickets.iter().map(|ticket| ticket.status).collect::<Vec<_>>()
    };
    assert_eq!(statuses().await, [TicketStatus::Refunded, TicketStatus::Active, TicketStatus::Refunded]);
    assert_eq!(shop.stock(&event).await, (0, 2));
    assert_eq!(shop.mail_kinds(&order).await, [MailKind::Tickets, MailKind::Refund(refund.id)]);

    // Without a list, all valid tickets.
    let rest = granted(shop.refund(&shop.refund_of(&order, &[])).await);
    assert_eq!((rest.amount, &rest.tickets), (ngn(100), &vec![bought.tickets[1].id]));
    assert_eq!(statuses().await, [TicketStatus::Refunded; 3]);
    let types: Vec<i64> = shop.event_now(&event).await.ticket_types.iter().map(|of| of.stock.sold).collect();
    assert_eq!(types, [1, 0], "the place of who went in is not free");
    assert_eq!(shop.refund(&shop.refund_of(&order, &[])).await, Err(Refusal::NothingToRefund));
    assert_eq!(shop.attempt_now(&bought.attempt).await.status, AttemptStatus::Fulfilled);
    granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1), (1, 1)])).await);
}

pub async fn a_repeated_refund_is_the_same_refund(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (bought, other) = (shop.buy(&event, 3).await, shop.buy(&event, 1).await);
    let request = shop.refund_of(&bought.order, &[&bought.tickets[1], &bought.tickets[0]]);
    let refund = granted(shop.refund(&request).await);
    shop.wait(SignedDuration::from_secs(1));
    assert_eq!(shop.refund(&request).await, Ok(refund.clone()));
    let mut elsewise = request.clone();
    elsewise.tickets.as_mut().unwrap().reverse();
    assert_eq!(shop.refund(&elsewise).await, Ok(refund.clone()), "the same tickets in another order are the same");
    elsewise.tickets = Some(vec![bought.tickets[2].id]);
    assert_eq!(shop.refund(&elsewise).await, Err(Refusal::KeyReused));
    elsewise.tickets = request.tickets.clone();
    elsewise.order = other.order.reference.clone();
    assert_eq!(shop.refund(&elsewise).await, Err(Refusal::KeyReused));
    assert_eq!(shop.payment(&bought.order).await.refunds, [refund]);
    assert_eq!(shop.stock(&event).await, (0, 2), "places went back once");

    let whole = shop.refund_of(&other.order, &[]);
    let refund = granted(shop.refund(&whole).await);
    assert_eq!(shop.refund(&whole).await, Ok(refund), "although nothing is valid any more");
}

pub async fn a_ticket_named_twice_is_refunded_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let ticket = &bought.tickets[0];
    let refund = granted(shop.refund(&shop.refund_of(&bought.order, &[ticket, ticket])).await);
    assert_eq!((refund.amount, refund.tickets), (ngn(PRICE), vec![ticket.id]));
    assert_eq!(shop.stock(&event).await, (0, 1));
}

pub async fn what_was_not_bought_is_not_refunded(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (bought, other) = (shop.buy(&event, 2).await, shop.buy(&event, 1).await);
    let mut unknown = shop.refund_of(&bought.order, &[]);
    unknown.order = shop.reference();
    assert_eq!(shop.refund(&unknown).await, Err(Refusal::OrderUnknown));
    let foreign = Err(Refusal::TicketNotInOrder { ticket_id: other.tickets[0].id });
    for tickets in [vec![&other.tickets[0]], vec![&bought.tickets[0], &other.tickets[0]]] {
        let request = shop.refund_of(&bought.order, &tickets);
        assert_eq!(shop.refund(&request).await, foreign, "a ticket of another order");
    }
    let mut request = shop.refund_of(&bought.order, &[]);
    let ticket_id = TicketId(1_000_000);
    request.tickets = Some(vec![ticket_id]);
    assert_eq!(shop.refund(&request).await, Err(Refusal::TicketNotInOrder { ticket_id }));
    request.tickets = Some(vec![]);
    assert_eq!(shop.refund(&request).await, Err(Refusal::NothingToRefund), "none is not all");
    granted(shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[0]])).await);
    let gone = Err(Refusal::TicketNotValid { ticket_id: bought.tickets[0].id, ticket_status: TicketStatus::Refunded });
    for tickets in [vec![&bought.tickets[0]], vec![&bought.tickets[1], &bought.tickets[0]]] {
        let again = shop.refund_of(&bought.order, &tickets);
        assert_eq!(shop.refund(&again).await, gone, "a ticket that went back before");
    }
    let held = shop.hold(&event, 1).await;
    assert_eq!(shop.refund(&shop.refund_of(&held, &[])).await, Err(Refusal::NothingToRefund));
    let expired = shop.let_expire(&held).await;
    assert_eq!(shop.refund(&shop.refund_of(&expired, &[])).await, Err(Refusal::NothingToRefund));
    assert_eq!(shop.stock(&event).await, (0, 2));
}

pub async fn refunds_never_exceed_the_capture(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let usd = |minor| Money::new(minor, Currency::USD).unwrap();
    for (captured, first, second) in [
        // The price or more was captured: each ticket's price is refunded.
        (ngn(2 * PRICE + 5), ngn(PRICE), ngn(PRICE)),
        // Less or another currency was captured, and accepted in review: each ticket's share is refunded, all of it in the end.
        (ngn(PRICE + 1), ngn(PRICE / 2), ngn(PRICE / 2 + 1)),
        (usd(701), usd(350), usd(351)),
    ] {
        let order = shop.hold(&event, 2).await;
        let attempt = shop.attempt(&order).await;
        shop.observe(&attempt, Observation::Success(paid(captured, Mode::Test))).await;
        let accept = Resolve {
            reference: attempt.reference.clone(),
            verdict: Verdict::Accept,
            tickets: vec![],
            note: "let them in".to_owned(),
            actor: shop.organizer.clone(),
            scope: Scope::all(),
            seed: shop.seed(),
        };
        granted(only(shop.storage.apply(shop.now(), &[accept]).await));
        let tickets = shop.payment(&order).await.tickets;
        assert_eq!(granted(shop.refund(&shop.refund_of(&order, &[&tickets[0]])).await).amount, first);
        assert_eq!(granted(shop.refund(&shop.refund_of(&order, &[])).await).amount, second);
        assert_eq!(shop.refund(&shop.refund_of(&order, &[])).await, Err(Refusal::NothingToRefund));
    }
    assert_eq!(shop.stock(&event).await, (0, 0));
}

pub async fn a_claimed_refund_is_marked_unknown_and_belongs_to_one_worker(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let mut due = Vec::new();
    for _ in 0..3 {
        let bought = shop.buy(&event, 1).await;
        let request = shop.refund_of(&bought.order, &[]);
        due.push((bought.order, granted(shop.refund(&request).await)));
        shop.wait(SignedDuration::from_micros(1));
    }
    let claimed = claim(&shop, 2).await;
    assert_eq!(claimed.iter().map(|refund| refund.id).collect::<Vec<_>>(), [due[0].1.id, due[1].1.id]);
    assert!(claimed.iter().all(|refund| refund.status == RefundStatus::Due && refund.tries == 1));
    let stored = shop.refund_now(&due[0].0, &due[0].1.key).await;
    assert_eq!((stored.status, stored.tries), (RefundStatus::Unknown, 1), "before anything is sent");
    assert_eq!(claim(&shop, 10).await.len(), 1, "the others are taken");
    assert_eq!(claim(&shop, 10).await, []);
    shop.wait(LEASE - SignedDuration::from_micros(1));
    assert_eq!(claim(&shop, 10).await, [], "until the lease ends");
    shop.wait(SignedDuration::from_micros(1));
    let again = claim(&shop, 10).await;
    assert!(again.iter().all(|refund| refund.status == RefundStatus::Unknown && refund.tries == 2));
    assert_eq!(again.len(), 3, "refunds that a crashed worker had claimed are claimed again");
}

pub async fn a_processed_refund_stays_processed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let request = shop.refund_of(&bought.order, &[]);
    let refund = granted(shop.refund(&request).await);
    claim(&shop, 1).await;
    let pending = granted(report(&shop, refund.id, RefundStatus::Pending).await);
    assert_eq!((pending.status, pending.gateway_id.as_deref()), (RefundStatus::Pending, Some("trx")));
    assert!(pending.next_at.is_some_and(|at| at > shop.now()), "it is looked up later");
    let processed = granted(report(&shop, refund.id, RefundStatus::Processed).await);
    assert_eq!((processed.status, processed.next_at), (RefundStatus::Processed, None));
    shop.wait(SignedDuration::from_secs(1));
    for status in RefundStatus::ALL {
        assert_eq!(report(&shop, refund.id, *status).await, Ok(processed.clone()), "whatever is reported later");
    }
    assert_eq!(
        shop.storage.apply_one(shop.now(), RetryRefund { id: refund.id, actor: shop.organizer.clone() }).await.unwrap(),
        Ok(processed.clone())
    );
    assert_eq!(shop.refund_now(&bought.order, &request.key).await, processed);
    let unknown = RefundId(refund.id.0 + 1);
    assert_eq!(report(&shop, unknown, RefundStatus::Pending).await, Err(Refusal::RefundUnknown));
    let retried =
        shop.storage.apply_one(shop.now(), RetryRefund { id: unknown, actor: shop.organizer.clone() }).await.unwrap();
    assert_eq!(retried, Err(Refusal::RefundUnknown));
}

pub async fn a_failed_refund_is_retried_by_hand(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for (given_up, again) in
        [(RefundStatus::Failed, RefundStatus::Due), (RefundStatus::NeedsAttention, RefundStatus::Unknown)]
    {
        let bought = shop.buy(&event, 1).await;
        let refund = granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
        claim(&shop, 1).await;
        assert_eq!(granted(report(&shop, refund.id, given_up).await).next_at, None, "a person must act");
        shop.wait(SignedDuration::from_hours(24));
        assert_eq!(claim(&shop, 10).await, []);
        assert_eq!(shop.refund(&shop.refund_of(&bought.order, &[])).await, Err(Refusal::NothingToRefund));
        assert_eq!(shop.ticket_now(&bought.tickets[0]).await.status, TicketStatus::Refunded, "the tickets stay void");
        let retried = shop
            .storage
            .apply_one(shop.now(), RetryRefund { id: refund.id, actor: shop.organizer.clone() })
            .await
            .unwrap();
        assert_eq!(granted(retried).status, again);
        assert_eq!(claim(&shop, 10).await.len(), 1);
        granted(report(&shop, refund.id, RefundStatus::Processed).await);
    }
}

pub async fn refunds_named_by_a_webhook_are_looked_up_at_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let due = granted(shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[0]])).await);
    let wake = async || {
        shop.storage.apply_one(shop.now(), WakeRefunds { attempt: bought.attempt.reference.clone() }).await.unwrap()
    };
    assert_eq!(wake().await, [], "what was never sent has nothing to be looked up");
    claim(&shop, 1).await;
    granted(report(&shop, due.id, RefundStatus::Pending).await);
    assert_eq!(claim(&shop, 10).await, []);
    assert_eq!(wake().await, [due.id]);
    assert_eq!(claim(&shop, 10).await.iter().map(|refund| refund.id).collect::<Vec<_>>(), [due.id]);
    assert_eq!(shop.storage.apply_one(shop.now(), WakeRefunds { attempt: shop.reference() }).await.unwrap(), []);
}

/// Also refunds that the rules decided.
pub async fn every_refund_is_sent(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let late = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&late).await;
    shop.wait(HOLD_FOR);
    shop.expire().await;
    shop.hold(&event, 1).await;
    shop.pay(&attempt).await;
    let claimed = claim(&shop, 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((&claimed[0].attempt, claimed[0].amount), (&attempt.reference, attempt.amount));
}

async fn listed(shop: &Shop, bought: &Bought, refunds: &[(&str, i64, RefundStatus)]) -> Vec<Refund> {
    let refund = |(id, minor, status): &(&str, i64, RefundStatus)| ListedRefund::new(*id, ngn(*minor), *status, "seen");
    let listed = refunds.iter().map(refund).collect();
    let record = RecordListedRefunds { attempt: bought.attempt.reference.clone(), listed, seed: shop.seed() };
    shop.storage.apply_one(shop.now(), record).await.unwrap()
}

pub async fn a_refund_made_at_the_gateway_counts(storage: Arc<dyn Storage>) {
    use RefundStatus::{Failed, Pending, Processed};
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let ours = granted(shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[0]])).await);
    claim(&shop, 10).await;
    granted(report(&shop, ours.id, Processed).await);

    let found = listed(&shop, &bought, &[("x1", 30, Processed), ("x2", 20, Pending), ("x3", 10, Failed)]).await;
    let found: Vec<_> = found.iter().map(|refund| (refund.amount, refund.status, refund.reason)).collect();
    let elsewhere = RefundReason::Elsewhere;
    assert_eq!(found, [(ngn(30), Processed, elsewhere), (ngn(20), Pending, elsewhere)]);
    assert_eq!(
        listed(&shop, &bought, &[("x1", 30, Processed), ("x2", 20, Processed)]).await,
        [],
        "each is recorded once"
    );
    let attempt = shop.attempt_now(&bought.attempt).await;
    assert_eq!((attempt.status, attempt.attention), (AttemptStatus::Fulfilled, vec![Attention::RefundedElsewhere]));
    assert_eq!(shop.ticket_now(&bought.tickets[1]).await.status, TicketStatus::Active, "a person decides");

    let rest = granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
    assert_eq!(rest.amount, ngn(PRICE - 50), "what is left, and not more");
    let sum: i64 = shop.payment(&bought.order).await.refunds.iter().map(|refund| refund.amount.minor()).sum();
    assert_eq!(sum, 2 * PRICE);
}

pub async fn a_refund_that_was_not_sent_makes_room_for_one_made_at_the_gateway(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let first = granted(shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[0]])).await);
    let second = granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
    listed(&shop, &bought, &[("x1", PRICE + 10, RefundStatus::Processed)]).await;
    let now = async |refund: &Refund| shop.refund_now(&bought.order, &refund.key).await;
    assert_eq!((now(&second).await.amount, now(&second).await.status), (ngn(0), RefundStatus::Processed));
    assert_eq!((now(&first).await.amount, now(&first).await.status), (ngn(PRICE - 10), RefundStatus::Due));
    let failed = shop.buy(&event, 1).await;
    let found = listed(&shop, &failed, &[("x2", 40, RefundStatus::Pending)]).await.remove(0);
    granted(report(&shop, found.id, RefundStatus::Failed).await);
    let over = shop.refund_now(&failed.order, &found.key).await;
    assert_eq!((over.amount, over.status, over.next_at), (ngn(0), RefundStatus::Processed, None), "no money went");
    assert_eq!(granted(shop.refund(&shop.refund_of(&failed.order, &[])).await).amount, ngn(PRICE));
}

pub async fn the_place_of_a_used_ticket_is_not_sold_again(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(2).create().await;
    let bought = shop.buy(&event, 2).await;
    granted(shop.scan(&shop.scan_of(&bought.tickets[0], "in")).await);
    let refund = granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
    assert_eq!((refund.tickets.len(), shop.stock(&event).await), (2, (0, 1)), "the guest is inside");
    assert!(shop.ticket_now(&bought.tickets[0]).await.keeps_place);
    let request = shop.hold_request(&event, 2);
    assert!(matches!(shop.try_hold(&request).await, Err(Refusal::SoldOut { available: 1, .. })));
    granted(shop.try_hold(&shop.hold_request(&event, 1)).await);
}
