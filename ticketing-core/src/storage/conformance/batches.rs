//! Batches: one outcome per item, in order. Each item sees the earlier ones. A refused item does not stop the others.

use super::shop::put_events;
use super::shop::{HOLD_FOR, PRICE, Shop, buyer, granted, newcomer};
use super::till::exactly;
use crate::domain::account::NewAccount;
use crate::domain::category::NewCategory;
use crate::domain::check_in::Scan;
use crate::domain::event::NewEvent;
use crate::domain::id::MailId;
use crate::domain::order::ExpireHolds;
use crate::domain::order::Release;
use crate::domain::order::{BuyerLimits, Hold};
use crate::domain::outbox::ClaimMails;
use crate::domain::outbox::{MailReport, MailResult};
use crate::domain::payment::CheckoutReport;
use crate::domain::payment::ClaimPolls;
use crate::domain::payment::OpenAttempt;
use crate::domain::payment::Resolve;
use crate::domain::payment::Settle;
use crate::domain::payment::{Observation, Settlement};
use crate::domain::refund::ClaimRefunds;
use crate::domain::refund::RefundReport;
use crate::domain::refund::RefundRequest;
use crate::domain::refund::UndoCancelledEvents;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::TicketStatus;
use crate::domain::webhook::ClaimWebhooks;
use crate::domain::webhook::WebhookReport;
use crate::domain::webhook::{NewWebhook, WebhookAction};
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use std::sync::Arc;

pub async fn an_empty_batch_does_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let now = shop.now();
    assert!(shop.storage.apply::<NewAccount>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply::<NewCategory>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply(now, &put_events(&shop.organizer, &[])).await.unwrap().is_empty());
    assert!(shop.storage.apply::<Hold>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply::<Release>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply_one(now, ExpireHolds { limit: 10 }).await.unwrap().is_empty());
    assert!(shop.storage.apply::<OpenAttempt>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply::<CheckoutReport>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply::<Settle>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply_one(now, ClaimPolls { limit: 10 }).await.unwrap().is_empty());
    assert!(shop.storage.apply::<Resolve>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply::<RefundRequest>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply_one(now, ClaimRefunds { lease: HOLD_FOR, limit: 10 }).await.unwrap().is_empty());
    assert!(shop.storage.apply::<RefundReport>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply_one(now, UndoCancelledEvents { seeds: vec![] }).await.unwrap().is_empty());
    assert!(shop.storage.apply::<Scan>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply_one(now, ClaimMails { lease: HOLD_FOR, limit: 10 }).await.unwrap().is_empty());
    assert!(shop.storage.apply::<MailReport>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply::<NewWebhook>(now, &[]).await.unwrap().is_empty());
    assert!(shop.storage.apply_one(now, ClaimWebhooks { lease: HOLD_FOR, limit: 10 }).await.unwrap().is_empty());
    assert!(shop.storage.apply::<WebhookReport>(now, &[]).await.unwrap().is_empty());
}

pub async fn later_accounts_see_earlier_ones(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let new = [
        newcomer("ada@example.com", Some("ada")),
        newcomer("ADA@example.com", None),
        newcomer("bob@example.com", Some("ADA")),
        newcomer("bob@example.com", Some("bob")),
    ];
    let outcomes = shop.storage.apply(shop.now(), &new).await.unwrap();
    assert!(outcomes[1] == Err(Refusal::EmailTaken));
    assert!(outcomes[2] == Err(Refusal::UsernameTaken));
    assert!(outcomes[3].as_ref().is_ok_and(|bob| bob.email == new[3].email), "what was refused has taken nothing");
    assert_ne!(granted(outcomes[0].clone()).id, granted(outcomes[3].clone()).id);
}

pub async fn later_events_see_earlier_ones(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let starts_at = shop.now() + HOLD_FOR;
    let key = shop.reference();
    let new = |title: &str, key| NewEvent {
        key,
        ..NewEvent::general_admission(title, starts_at, "Here", super::shop::ngn(PRICE), None)
    };
    let new = [new("A", Some(key.clone())), new("B", None), new("A", Some(key.clone())), new("C", Some(key))];
    let outcomes = shop.storage.apply(shop.now(), &put_events(&shop.organizer, &new)).await.unwrap();
    let (first, second) = (granted(outcomes[0].clone()), granted(outcomes[1].clone()));
    assert_eq!((first.title.as_str(), second.title.as_str()), ("A", "B"));
    assert_eq!(outcomes[2], Ok(first.clone()));
    assert_eq!(outcomes[3], Err(Refusal::KeyReused));
    assert_eq!(shop.event_now(&first).await, first);
    assert_eq!(shop.event_now(&second).await, second);
}

pub async fn later_holds_see_the_places_that_earlier_ones_took(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(5).create().await;
    let requests = [2, 4, 2, 1, 1].map(|quantity| shop.hold_request(&event, quantity));
    let requests: Vec<_> = requests.iter().chain([&requests[0], &requests[1]]).cloned().collect();
    let outcomes = shop.storage.apply(shop.now(), &requests).await.unwrap();
    let ticket_type_id = event.ticket_types[0].id;
    let sold_out = |available| Err(Refusal::SoldOut { ticket_type_id, available });
    assert_eq!(outcomes.len(), 7);
    assert_eq!(outcomes[1], sold_out(3), "refused in the middle");
    assert_eq!(outcomes[4], sold_out(0));
    assert_eq!(outcomes[5], outcomes[0], "a repeat within the batch finds the same order");
    assert_eq!(outcomes[6], sold_out(0));
    for (index, quantity) in [(0, 2), (2, 2), (3, 1)] {
        let order = granted(outcomes[index].clone());
        assert_eq!((order.quantity(), &order.reference), (quantity, &requests[index].reference));
        assert_eq!(shop.order_now(&order).await, order);
    }
    assert_eq!(shop.stock(&event).await, (5, 0));
}

pub async fn later_holds_see_the_open_holds_of_their_buyer(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().price(0).unlimited().create().await, shop.event().create().await);
    let limits = BuyerLimits::default().with_open_holds(2).with_free_tickets(5);
    let mut requests = [1, 5, 2, 1, 1].map(|quantity| shop.hold_request(&event, quantity).with_limits(limits)).to_vec();
    requests.push(shop.hold_request(&other, 1).with_limits(limits));
    requests.push(Hold { buyer: buyer("bob"), ..shop.hold_request(&event, 1).with_limits(limits) });
    requests.push(requests[0].clone());
    let outcomes = shop.storage.apply(shop.now(), &requests).await.unwrap();
    let taken: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, false, true, false, false, true, true, true]);
    assert_eq!(outcomes[1], Err(Refusal::BuyerLimit { left: 4 }));
    assert_eq!(outcomes[3], Err(Refusal::TooManyHolds { limit: 2 }));
    assert_eq!(outcomes[7], outcomes[0], "a repeat within the batch finds the same order");
    assert_eq!(shop.stock(&event).await, (4, 0));
}

pub async fn a_batch_may_be_about_many_events(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let mut requests = Vec::new();
    for capacity in [1, 2, 3] {
        let event = shop.event().capacity(capacity).create().await;
        requests.extend([shop.hold_request(&event, 2), shop.hold_request(&event, 1)]);
    }
    let outcomes = shop.storage.apply(shop.now(), &requests).await.unwrap();
    let taken: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [false, true, true, false, true, true]);
    let releases: Vec<Release> = outcomes
        .iter()
        .flatten()
        .map(|order| Release { reference: order.reference.clone(), actor: shop.organizer.clone() })
        .collect();
    assert!(shop.storage.apply(shop.now(), &releases).await.unwrap().iter().all(Result::is_ok));
}

pub async fn later_settlements_see_earlier_ones(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let late = shop.hold(&event, 1).await;
    let late_attempt = shop.attempt(&late).await;
    shop.let_expire(&late).await;
    let order = shop.hold(&event, 1).await;
    let (first, second) = (shop.attempt(&order).await, shop.attempt(&order).await);
    let pay = |attempt| shop.report_of(attempt, Observation::Success(exactly(attempt)));
    let mut unknown = pay(&first);
    unknown.reference = shop.reference();
    let reports = [
        shop.report_of(&first, Observation::Failed),
        pay(&first),
        unknown,
        pay(&first),
        pay(&second),
        pay(&late_attempt),
    ];
    let outcomes = shop.storage.apply(shop.now(), &reports).await.unwrap();
    assert!(matches!(&outcomes[0], Ok(Settlement::Failed { .. })));
    let Ok(Settlement::Fulfilled { tickets, first: true, .. }) = &outcomes[1] else { panic!("{:?}", outcomes[1]) };
    assert_eq!(outcomes[2], Err(Refusal::AttemptUnknown));
    assert!(matches!(&outcomes[3], Ok(Settlement::Fulfilled { tickets: same, first: false, .. }) if same == tickets));
    assert!(matches!(&outcomes[4], Ok(Settlement::RefundDue { .. })), "paid twice");
    assert!(matches!(&outcomes[5], Ok(Settlement::RefundDue { .. })), "sold out");
    assert_eq!(shop.payment(&order).await.tickets, *tickets);
    assert_eq!(shop.stock(&event).await, (0, 1));
}

pub async fn later_refunds_and_scans_see_earlier_ones(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 3).await;
    let [a, b, c] = [0, 1, 2].map(|index| &bought.tickets[index]);
    let scans = [shop.scan_of(a, "1"), shop.scan_of(a, "1"), shop.scan_of(a, "2"), shop.scan_of(b, "2")];
    let outcomes = shop.storage.apply(shop.now(), &scans).await.unwrap();
    assert!(outcomes[0].is_ok() && outcomes[1] == outcomes[0]);
    assert!(matches!(outcomes[2], Err(Refusal::TicketUsed { .. })));
    assert_eq!(outcomes[3].as_ref().map(|entry| entry.ticket_id), Ok(b.id));

    let one = shop.refund_of(&bought.order, &[c]);
    let requests = [one.clone(), one, shop.refund_of(&bought.order, &[c]), shop.refund_of(&bought.order, &[])];
    let outcomes = shop.storage.apply(shop.now(), &requests).await.unwrap();
    assert!(outcomes[0].is_ok() && outcomes[1] == outcomes[0]);
    let gone = Refusal::TicketNotValid { ticket_id: c.id, ticket_status: TicketStatus::Refunded };
    assert_eq!(outcomes[2], Err(gone));
    assert_eq!(outcomes[3].as_ref().map(|rest| &rest.tickets), Ok(&vec![a.id, b.id]));
    assert_eq!(shop.payment(&bought.order).await.refunds.len(), 2);
    assert_eq!(shop.stock(&event).await, (0, 2), "two went in");
}

pub async fn later_reports_see_earlier_ones(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.buy(&event, 1).await;
    let mail = shop.claim_mails(1).await.remove(0);
    let report = |id, result| MailReport { id, tries: 1, result };
    let reports = [
        report(mail.id, MailResult::Retry("once".to_owned())),
        report(MailId(mail.id.0 + 1), MailResult::Sent),
        report(mail.id, MailResult::Sent),
        report(mail.id, MailResult::Refused("no".to_owned())),
    ];
    let outcomes = shop.storage.apply(shop.now(), &reports).await.unwrap();
    let names: Vec<_> = outcomes.iter().map(|mail| mail.as_ref().map(|mail| mail.status.name())).collect();
    assert_eq!(names, [Some("waiting"), None, Some("sent"), Some("sent")]);

    let new = |key: &str| NewWebhook {
        gateway: "paystack".to_owned(),
        dedupe_key: key.to_owned(),
        kind: "charge.success".to_owned(),
        action: WebhookAction::Settle,
        reference: None,
        captured: None,
        dispute: None,
        body: vec![],
    };
    let received = shop.storage.apply(shop.now(), &[new("a"), new("b"), new("a")]).await.unwrap();
    assert_eq!(received.iter().map(|(_, first)| *first).collect::<Vec<_>>(), [true, true, false]);
    assert!(received[0].0 == received[2].0);
}
