//! Disputes, from the webhook to tickets, money and the list for people.

use crate::money::shop::{Shop, ngn, organizer};
use ticketing_core::domain::outbox::MailKind;
use ticketing_core::domain::page::PageRequest;
use ticketing_core::domain::payment::{AttemptStatus, Attention, Observation, Verdict};
use ticketing_core::domain::refund::RefundStatus;
use ticketing_core::domain::webhook::WebhookStatus;
use ticketing_core::{Decision, Started};

on_every_storage!(
    a_dispute_that_is_won_gives_the_tickets_back,
    a_dispute_that_is_won_is_believed_only_if_the_gateway_has_the_money,
    a_dispute_that_is_won_without_places_is_decided_by_a_person,
    a_dispute_over_a_part_voids_nothing_by_itself,
    a_reminder_after_the_end_changes_nothing,
);

async fn told(shop: &Shop, started: &Started, kind: &str, more: &str) {
    shop.webhook(format!("charge.dispute.{kind} {}{more}", started.attempt.reference)).await;
    shop.upkeep().await;
}

async fn attention(shop: &Shop, started: &Started) -> Vec<Attention> {
    let found = shop.engine.reviews(&organizer(), PageRequest::default()).await.unwrap();
    let found = found.items.into_iter().find(|attempt| attempt.reference == started.attempt.reference);
    found.map_or(vec![], |attempt| attempt.attention)
}

async fn decide(shop: &Shop, started: &Started, decision: Decision) -> ticketing_core::Result<AttemptStatus> {
    let decided = shop.engine.resolve_review(&organizer(), &started.attempt.reference, decision).await;
    shop.upkeep().await;
    Ok(decided?.status)
}

async fn a_dispute_that_is_won_gives_the_tickets_back(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 2).await;
    let before = shop.story(&started).await.tickets;
    told(shop, &started, "create", "").await;
    assert_eq!((shop.tickets(&started).await, shop.stock(&event).await), ((0, 2), (0, 0)));
    told(shop, &started, "resolve", "").await;
    assert_eq!(shop.stands(&started).await, ("paid", AttemptStatus::Fulfilled));
    assert_eq!((shop.tickets(&started).await, shop.stock(&event).await), ((2, 2), (0, 2)));
    let after = shop.story(&started).await.tickets;
    assert!(before.iter().zip(&after).all(|(before, after)| before.code != after.code));
    assert_eq!(shop.mails(&started).await, [MailKind::Tickets, MailKind::TicketsRestored(1)]);
    assert_eq!(attention(shop, &started).await, []);
    assert!(shop.gateway.refunds().is_empty());
}

async fn a_dispute_that_is_won_is_believed_only_if_the_gateway_has_the_money(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 1).await;
    told(shop, &started, "create", "").await;
    shop.gateway.say(&started.attempt.reference, Observation::Disputed);
    told(shop, &started, "resolve", "").await;
    assert_eq!(shop.stands(&started).await.1, AttemptStatus::Disputed);
    let told = shop.story(&started).await.webhooks.remove(1);
    assert_eq!((told.status, told.next_at.is_some()), (WebhookStatus::Waiting, true));
    shop.live_through(150).await;
    assert_eq!(shop.story(&started).await.webhooks[1].status, WebhookStatus::Contradicted);
    assert_eq!(attention(shop, &started).await, [Attention::Contradicted]);
    assert_eq!((shop.tickets(&started).await, shop.stock(&event).await), ((0, 1), (0, 0)));
}

async fn a_dispute_that_is_won_without_places_is_decided_by_a_person(shop: &mut Shop) {
    let event = shop.event(5000, 2).await;
    let started = shop.sell(&event, "ada", 2).await;
    told(shop, &started, "create", "").await;
    let other = shop.sell(&event, "bob", 1).await;
    told(shop, &started, "resolve", "").await;
    assert_eq!(attention(shop, &started).await, [Attention::DisputeWon]);
    let accept = || Decision::new(Verdict::Accept, "the bank agrees");
    assert_eq!(decide(shop, &started, accept()).await.unwrap_err().code(), "sold_out");
    assert_eq!(
        decide(shop, &started, Decision::new(Verdict::Refund, "no places")).await.unwrap(),
        AttemptStatus::Reversed
    );
    let refund = shop.refund(&started).await;
    assert_eq!((refund.amount, refund.status), (ngn(10_000), RefundStatus::Processed));
    assert_eq!((shop.tickets(&other).await, shop.stock(&event).await), ((1, 1), (0, 1)));
    assert_eq!(decide(shop, &started, accept()).await.unwrap_err().code(), "not_in_review");
}

async fn a_dispute_over_a_part_voids_nothing_by_itself(shop: &mut Shop) {
    let event = shop.event(500_000, 10).await;
    let started = shop.sell(&event, "ada", 2).await;
    told(shop, &started, "create", " 7 100").await;
    assert_eq!(shop.stands(&started).await, ("paid", AttemptStatus::Fulfilled));
    assert_eq!(
        (shop.tickets(&started).await, attention(shop, &started).await),
        ((2, 2), vec![Attention::PartialDispute])
    );
    let tickets = shop.story(&started).await.tickets;
    for (decision, field) in [
        (Decision::new(Verdict::Void, "one seat"), "tickets"),
        (Decision::new(Verdict::Void, "one seat").with_tickets(vec![tickets[0].id, tickets[0].id]), "tickets"),
        (Decision::new(Verdict::Accept, "all stay").with_tickets(vec![tickets[0].id]), "tickets"),
        (Decision::new(Verdict::Accept, ""), "note"),
    ] {
        let refused = decide(shop, &started, decision).await.unwrap_err();
        assert!(matches!(&refused, ticketing_core::Error::Invalid(wrong) if wrong[0].field == field), "{refused:?}");
    }
    let void = Decision::new(Verdict::Void, "one seat").with_tickets(vec![tickets[0].id]);
    assert_eq!(decide(shop, &started, void).await.unwrap(), AttemptStatus::Fulfilled);
    assert_eq!((shop.tickets(&started).await, shop.stock(&event).await), ((1, 2), (0, 1)));
    assert!(shop.gateway.refunds().is_empty(), "the bank sends the money");
    told(shop, &started, "lost", " 7 100").await;
    assert_eq!((shop.tickets(&started).await, attention(shop, &started).await), ((1, 2), vec![]));
}

async fn a_reminder_after_the_end_changes_nothing(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.sell(&event, "ada", 1).await;
    for (kind, valid) in [("create", 0), ("remind", 0), ("resolve", 1), ("remind", 1)] {
        told(shop, &started, kind, "").await;
        assert_eq!(shop.tickets(&started).await, (valid, 1), "{kind}");
    }
    told(shop, &started, "create", " another").await;
    assert_eq!(shop.tickets(&started).await, (0, 1), "another dispute is news");
}
