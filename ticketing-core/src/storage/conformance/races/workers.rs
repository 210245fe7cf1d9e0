//! Concurrent workers, retries and readers, and calls that are dropped half-way.

use super::super::shop::{Shop, granted, newcomer, only};
use super::super::till::LEASE;
use super::at_once;
use crate::domain::code::Reference;
use crate::domain::event::EventFilter;
use crate::domain::order::{OrderFilter, OrderStatus};
use crate::domain::page::PageRequest;
use crate::domain::payment::ClaimPolls;
use crate::domain::refund::ClaimRefunds;
use crate::domain::refusal::Refusal;
use crate::domain::request::{BeginRequest, Begun};
use crate::domain::webhook::ClaimWebhooks;
use crate::domain::webhook::{NewWebhook, WebhookAction};
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

pub async fn eight_workers_never_take_the_same_mail(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..40 {
        shop.buy(&event, 1).await;
    }
    let taken = at_once(8, |_| {
        let shop = Arc::clone(&shop);
        async move {
            let mut mine = Vec::new();
            for _ in 0..10 {
                mine.extend(shop.claim_mails(3).await.iter().map(|mail| mail.id));
            }
            mine
        }
    });
    let mut taken: Vec<_> = taken.await.concat();
    // Workers that claim at the same time may leave some items to the next pass.
    taken.extend(shop.claim_mails(100).await.iter().map(|mail| mail.id));
    assert_eq!(taken.len(), 40);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 40, "no mail twice, none left out");
}

pub async fn eight_workers_never_take_the_same_refund_poll_or_webhook(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for index in 0..16 {
        let bought = shop.buy(&event, 1).await;
        granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
        shop.attempt(&shop.hold(&event, 1).await).await;
        shop.storage.apply(shop.now(), &[webhook(&format!("{index}"))]).await.unwrap();
    }
    shop.wait(SignedDuration::from_mins(5));
    let taken = at_once(9, |index| {
        let shop = Arc::clone(&shop);
        // The last one claims after the others are done, and gets the rest.
        let limit = if index == 8 { 100 } else { 2 };
        async move {
            if index == 8 {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            let mut mine: Vec<String> = Vec::new();
            for _ in 0..4 {
                let refunds = shop.storage.apply_one(shop.now(), ClaimRefunds { lease: LEASE, limit }).await.unwrap();
                mine.extend(refunds.iter().map(|refund| format!("refund {}", refund.id)));
                let polls = shop.storage.apply_one(shop.now(), ClaimPolls { limit }).await.unwrap();
                mine.extend(polls.iter().map(|attempt| attempt.reference.to_string()));
                let webhooks = shop.storage.apply_one(shop.now(), ClaimWebhooks { lease: LEASE, limit }).await.unwrap();
                mine.extend(webhooks.iter().map(|webhook| format!("webhook {}", webhook.id)));
            }
            mine
        }
    });
    let taken = taken.await.concat();
    assert_eq!((taken.len(), taken.iter().collect::<BTreeSet<_>>().len()), (48, 48));
}

fn webhook(key: &str) -> NewWebhook {
    NewWebhook {
        gateway: "paystack".to_owned(),
        dedupe_key: key.to_owned(),
        kind: "charge.success".to_owned(),
        action: WebhookAction::Settle,
        reference: None,
        captured: None,
        dispute: None,
        body: key.as_bytes().to_vec(),
    }
}

pub async fn creating_with_one_key_eight_times_at_once_creates_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let now = shop.now();
    for round in 0..5 {
        let accounts = at_once(8, |_| {
            let (shop, new) = (Arc::clone(&shop), newcomer(&format!("{round}@example.com"), None));
            async move { only(shop.storage.apply(now, &[new]).await) }
        });
        let accounts = accounts.await;
        assert_eq!(accounts.iter().filter(|account| account.is_ok()).count(), 1);
        assert_eq!(accounts.iter().filter(|account| **account == Err(Refusal::EmailTaken)).count(), 7);

        let key: Reference = shop.reference();
        let events = at_once(8, |_| {
            let (shop, key) = (Arc::clone(&shop), key.clone());
            async move { shop.event().with(|new| new.key = Some(key)).create().await }
        });
        let events = events.await;
        assert!(events.iter().all(|event| *event == events[0]));

        let deliveries = at_once(8, |_| {
            let (shop, new) = (Arc::clone(&shop), webhook(&format!("{round}")));
            async move { shop.storage.apply(now, &[new]).await.unwrap().remove(0) }
        });
        let deliveries = deliveries.await;
        assert_eq!(deliveries.iter().filter(|(_, first)| *first).count(), 1);
        assert!(deliveries.iter().all(|(stored, _)| *stored == deliveries[0].0));

        let begun = at_once(8, |_| {
            let begin = BeginRequest::new(format!("{round}"), "x", LEASE);
            let shop = Arc::clone(&shop);
            async move { shop.storage.apply_one(now, begin.clone()).await.unwrap() }
        });
        assert_eq!(begun.await.iter().filter(|begun| matches!(begun, Begun::Work { .. })).count(), 1);
    }
    let all = shop.storage.events(&EventFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(all.items.len(), 5);
}

pub async fn readers_never_see_half_a_write(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 200, None)]).create().await;
    let mut orders = Vec::new();
    for _ in 0..24 {
        orders.push(granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1), (1, 2)])).await));
    }
    let references: Vec<Reference> = orders.iter().map(|order| order.reference.clone()).collect();
    // The order that is being paid.
    let turn = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (shop, references) = (Arc::clone(&shop), references.clone());
            let (turn, event_id) = (Arc::clone(&turn), event.id);
            tokio::spawn(async move {
                while let Some(reference) = references.get(turn.load(Ordering::SeqCst)) {
                    // A storage in memory never waits, and would block its thread.
                    tokio::task::yield_now().await;
                    let payment = shop.storage.payment(reference).await.unwrap().unwrap();
                    let tickets = if payment.order.status == OrderStatus::Paid { 3 } else { 0 };
                    assert_eq!(payment.tickets.len(), tickets, "paid and ticketed are one");
                    let stock = shop.storage.event(event_id).await.unwrap().unwrap();
                    let of_types = stock.ticket_types.iter().map(|of| (of.stock.held, of.stock.sold));
                    let of_types = of_types.fold((0, 0), |all, of| (all.0 + of.0, all.1 + of.1));
                    assert_eq!((stock.stock.held, stock.stock.sold), of_types, "counters move together");
                    let page = PageRequest { count: true, ..PageRequest::default() };
                    let tickets = shop.storage.tickets(&Default::default(), page).await.unwrap();
                    assert_eq!(
                        tickets.total,
                        Some(tickets.items.len() as u64),
                        "a page and its count are of one moment"
                    );
                    assert_eq!(shop.storage.check().await.unwrap(), Vec::<String>::new());
                }
            })
        })
        .collect();
    for order in &orders {
        // Some readers start before the write, and go on after it.
        tokio::time::sleep(Duration::from_millis(2)).await;
        shop.settle_order(order).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        turn.fetch_add(1, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

pub async fn a_dropped_call_is_done_or_not_done(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..40 {
        let event = shop.event().create().await;
        let requests = [shop.hold_request(&event, 1), shop.hold_request(&event, 1)];
        let call = {
            let (shop, requests) = (Arc::clone(&shop), requests.clone());
            tokio::spawn(async move { shop.storage.apply(shop.now(), &requests).await.map(drop) })
        };
        if round % 4 > 0 {
            tokio::time::sleep(Duration::from_micros(round * 50)).await;
        }
        call.abort();
        drop(call.await);
        // It may still be running, but every read sees all of it or nothing.
        let filter = OrderFilter { event_id: Some(event.id), ..OrderFilter::default() };
        for _ in 0..4 {
            let held = shop.storage.orders(&filter, PageRequest::default()).await.unwrap().items.len();
            assert!(held == 0 || held == 2, "{held} of two orders");
        }
        // A repeat runs after it, and finds its result.
        let outcomes = shop.storage.apply(shop.now(), &requests).await.unwrap();
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(shop.stock(&event).await, (2, 0));
    }
}

pub async fn a_dropped_read_leaves_nothing_behind(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let filter = OrderFilter { event_id: Some(event.id), ..OrderFilter::default() };
    for round in 0..60_u32 {
        {
            let mut read = pin!(shop.storage.orders(&filter, PageRequest::default()));
            for _ in 0..=round % 4 {
                let is_done = poll_fn(|context| Poll::Ready(read.as_mut().poll(context).is_ready())).await;
                if is_done {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // The next caller can write, and sees what was written.
        shop.storage.forget_tokens(shop.now(), 10).await.unwrap();
        let made = shop.hold(&event, 1).await;
        for _ in 0..4 {
            let seen = shop.storage.orders(&filter, PageRequest::default()).await.unwrap().items;
            assert_eq!(seen.first(), Some(&made), "the newest comes first");
        }
    }
}
