use super::shop::{Shop, granted, ngn, only};
use super::till::Bought;
use crate::domain::event::Event;
use crate::domain::outbox::MailKind;
use crate::domain::page::PageRequest;
use crate::domain::payment::{Attempt, AttemptStatus, Attention, DisputeNews, DisputeStage, RecordDispute};
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::refund::RefundReason;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::{Ticket, TicketStatus};
use crate::storage::StorageExt as _;
use crate::storage::{Outcome, Storage};
use std::sync::Arc;

async fn report(shop: &Shop, bought: &Bought, id: &str, stage: DisputeStage, minor: Option<i64>) -> Attempt {
    let news = DisputeNews::new(id, stage).with_amount(minor.map(ngn));
    let record = RecordDispute { reference: bought.attempt.reference.clone(), news, seed: shop.seed() };
    granted(only(shop.storage.apply(shop.now(), &[record]).await))
}

async fn decide(shop: &Shop, bought: &Bought, verdict: Verdict, tickets: &[&Ticket]) -> Outcome<Attempt> {
    let request = Resolve {
        reference: bought.attempt.reference.clone(),
        verdict,
        tickets: tickets.iter().map(|ticket| ticket.id).collect(),
        note: "asked the bank".to_owned(),
        actor: shop.organizer.clone(),
        scope: Scope::all(),
        seed: shop.seed(),
    };
    only(shop.storage.apply(shop.now(), &[request]).await)
}

async fn tickets(shop: &Shop, bought: &Bought) -> Vec<Ticket> {
    shop.payment(&bought.order).await.tickets
}

async fn statuses(shop: &Shop, bought: &Bought) -> Vec<TicketStatus> {
    tickets(shop, bought).await.iter().map(|ticket| ticket.status).collect()
}

async fn is_listed(shop: &Shop, bought: &Bought) -> bool {
    let found = shop.storage.reviews(&Scope::all(), PageRequest::default()).await.unwrap();
    found.items.iter().any(|attempt| attempt.reference == bought.attempt.reference)
}

async fn left(shop: &Shop, event: &Event) -> i64 {
    let event = shop.event_now(event).await;
    event.available(&event.ticket_types[0]).unwrap()
}

pub async fn a_dispute_voids_the_tickets_and_one_that_is_won_restores_them(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(3).create().await;
    let bought = shop.buy(&event, 3).await;
    granted(shop.scan(&shop.scan_of(&bought.tickets[0], "in")).await);
    let disputed = report(&shop, &bought, "d1", DisputeStage::Open, None).await;
    assert_eq!((disputed.status, disputed.disputes[0].voided.len()), (AttemptStatus::Disputed, 3));
    assert_eq!(statuses(&shop, &bought).await, [TicketStatus::Cancelled; 3]);
    assert_eq!(left(&shop, &event).await, 2, "who is inside still takes a place");

    let won = report(&shop, &bought, "d1", DisputeStage::Won, None).await;
    assert_eq!((won.status, won.attention.as_slice()), (AttemptStatus::Fulfilled, &[][..]));
    let now = tickets(&shop, &bought).await;
    let statuses: Vec<_> = now.iter().map(|ticket| ticket.status).collect();
    assert_eq!(statuses, [TicketStatus::Used, TicketStatus::Active, TicketStatus::Active]);
    assert_eq!(now[0].code, bought.tickets[0].code);
    for (before, after) in bought.tickets.iter().zip(&now).skip(1) {
        assert_ne!(before.code, after.code, "the code that was void stays void");
        assert_eq!(shop.scan(&shop.scan_of(before, "old code")).await, Err(Refusal::TicketUnknown));
    }
    granted(shop.scan(&shop.scan_of(&now[1], "new code")).await);
    assert_eq!((left(&shop, &event).await, shop.stock(&event).await), (0, (0, 3)));
    assert_eq!(shop.mail_kinds(&bought.order).await, [MailKind::Tickets, MailKind::TicketsRestored(1)]);
    assert!(!is_listed(&shop, &bought).await);
    granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
}

pub async fn tickets_that_are_restored_are_mailed_to_their_holders(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let given = shop.transferred(&bought.tickets[0], "bob@example.com").await.ticket;
    report(&shop, &bought, "d1", DisputeStage::Open, None).await;
    assert_eq!(shop.ticket_now(&given).await.status, TicketStatus::Cancelled);
    report(&shop, &bought, "d1", DisputeStage::Won, None).await;
    let restored = shop.ticket_now(&given).await;
    assert_eq!((restored.status, restored.holder == given.holder), (TicketStatus::Active, true));
    assert_ne!(restored.code, given.code);
    let mails = shop.mails_to(&bought.order).await;
    let last = [
        (MailKind::TicketsRestored(1), "ada@example.com".to_owned()),
        (MailKind::Ticket { ticket: given.id, time: 2 }, "bob@example.com".to_owned()),
    ];
    assert!(mails.ends_with(&last), "{mails:?}");
}

pub async fn a_dispute_that_is_lost_leaves_them_void(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    report(&shop, &bought, "d1", DisputeStage::Open, None).await;
    assert!(is_listed(&shop, &bought).await, "while it is open");
    let lost = report(&shop, &bought, "d1", DisputeStage::Lost, None).await;
    assert_eq!(lost.status, AttemptStatus::Reversed);
    assert_eq!(statuses(&shop, &bought).await, [TicketStatus::Cancelled; 2]);
    assert_eq!(shop.stock(&event).await, (0, 0));
    assert_eq!(shop.refund(&shop.refund_of(&bought.order, &[])).await, Err(Refusal::NothingToRefund));
}

pub async fn a_dispute_over_a_part_voids_what_a_person_says(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for verdict in [Verdict::Accept, Verdict::Void] {
        let bought = shop.buy(&event, 2).await;
        let disputed = report(&shop, &bought, "d1", DisputeStage::Open, Some(1)).await;
        assert_eq!(disputed.status, AttemptStatus::Fulfilled);
        assert_eq!(disputed.attention, [Attention::PartialDispute]);
        assert_eq!(statuses(&shop, &bought).await, [TicketStatus::Active; 2]);
        assert!(is_listed(&shop, &bought).await);

        let void = [&bought.tickets[1]];
        let chosen = if verdict == Verdict::Void { &void[..] } else { &[] };
        assert_eq!(granted(decide(&shop, &bought, verdict, chosen).await).attention, []);
        assert_eq!(decide(&shop, &bought, verdict, chosen).await, Err(Refusal::NotInReview), "decided once");
        assert!(!is_listed(&shop, &bought).await);
        let after = if verdict == Verdict::Void { TicketStatus::Cancelled } else { TicketStatus::Active };
        assert_eq!(statuses(&shop, &bought).await, [TicketStatus::Active, after]);
        assert_eq!(shop.payment(&bought.order).await.refunds, [], "no money is sent");
        report(&shop, &bought, "d1", DisputeStage::Won, Some(1)).await;
        assert_eq!(statuses(&shop, &bought).await, [TicketStatus::Active; 2], "won: both are valid");
    }
    assert_eq!(shop.stock(&event).await, (0, 4));
}

pub async fn a_dispute_that_is_won_without_places_waits_for_a_person(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(2).create().await;
    for verdict in [Verdict::Accept, Verdict::Refund] {
        let bought = shop.buy(&event, 2).await;
        report(&shop, &bought, "d1", DisputeStage::Open, None).await;
        let other = shop.buy(&event, 1).await;
        let won = report(&shop, &bought, "d1", DisputeStage::Won, None).await;
        assert_eq!((won.status, won.attention.as_slice()), (AttemptStatus::Disputed, &[Attention::DisputeWon][..]));
        assert_eq!(shop.stock(&event).await, (0, 1), "never more than there are");
        assert!(is_listed(&shop, &bought).await);
        let ticket_type_id = event.ticket_types[0].id;
        let sold_out = Err(Refusal::SoldOut { ticket_type_id, available: 1 });
        assert_eq!(decide(&shop, &bought, Verdict::Accept, &[]).await, sold_out);

        granted(shop.refund(&shop.refund_of(&other.order, &[])).await);
        let decided = granted(decide(&shop, &bought, verdict, &[]).await);
        let refunds = shop.payment(&bought.order).await.refunds;
        match verdict {
            Verdict::Accept => {
                assert_eq!((decided.status, refunds.len()), (AttemptStatus::Fulfilled, 0));
                assert_eq!(
                    (statuses(&shop, &bought).await, left(&shop, &event).await),
                    (vec![TicketStatus::Active; 2], 0)
                );
                granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
            }
            _ => {
                assert_eq!((decided.status, refunds.len()), (AttemptStatus::Reversed, 1));
                assert_eq!((refunds[0].amount, refunds[0].reason), (bought.order.total, RefundReason::Review));
                assert_eq!(left(&shop, &event).await, 2);
            }
        }
        assert_eq!(decide(&shop, &bought, verdict, &[]).await, Err(Refusal::NotInReview), "decided once");
    }
}

pub async fn a_dispute_that_is_won_for_a_cancelled_event_returns_the_money(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    report(&shop, &bought, "d1", DisputeStage::Open, None).await;
    shop.cancel_event(&event).await;
    assert_eq!(shop.undo(10).await, [], "the bank has the money");
    let won = report(&shop, &bought, "d1", DisputeStage::Won, None).await;
    let refunds = shop.payment(&bought.order).await.refunds;
    assert_eq!((won.status, refunds.len()), (AttemptStatus::Reversed, 1));
    assert_eq!((refunds[0].amount, refunds[0].reason), (bought.order.total, RefundReason::EventCancelled));
    assert_eq!(statuses(&shop, &bought).await, [TicketStatus::Cancelled; 2]);
}

pub async fn reports_about_a_dispute_may_be_late_and_repeated(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    report(&shop, &bought, "d1", DisputeStage::Won, None).await;
    let late = report(&shop, &bought, "d1", DisputeStage::Open, None).await;
    assert_eq!(late.status, AttemptStatus::Fulfilled, "what was decided stays decided");
    assert_eq!(report(&shop, &bought, "d1", DisputeStage::Lost, None).await, late);

    report(&shop, &bought, "d2", DisputeStage::Open, None).await;
    let two = report(&shop, &bought, "d3", DisputeStage::Open, None).await;
    assert_eq!(report(&shop, &bought, "d3", DisputeStage::Open, None).await, two, "a reminder changes nothing");
    let one_won = report(&shop, &bought, "d2", DisputeStage::Won, None).await;
    assert_eq!(one_won.status, AttemptStatus::Disputed, "the other still withholds the money");
    assert_eq!(report(&shop, &bought, "d3", DisputeStage::Won, None).await.status, AttemptStatus::Fulfilled);
    assert_eq!(statuses(&shop, &bought).await, [TicketStatus::Active]);
    assert_eq!(shop.stock(&event).await, (0, 1));
}
