//! Many at once, on threads of their own. Each race is run several times, since the first to start often wins.

use super::shop::{HOLD_FOR, Shop, external, granted, newcomer, only};
use super::till::{LEASE, exactly};
use crate::domain::code::Reference;
use crate::domain::event::EventFilter;
use crate::domain::order::{OrderFilter, OrderKey, OrderStatus};
use crate::domain::outbox::MailKind;
use crate::domain::page::PageRequest;
use crate::domain::payment::{Observation, Settlement};
use crate::domain::refund::RefundReason;
use crate::domain::refusal::Refusal;
use crate::domain::request::{BeginRequest, Begun};
use crate::domain::rules::{Resolve, Verdict};
use crate::domain::ticket::TicketStatus;
use crate::domain::webhook::{NewWebhook, WebhookAction};
use crate::storage::Storage;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Barrier;

/// Starts `calls` calls together and gives what each came to.
async fn at_once<T, F>(calls: usize, call: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(calls));
    let spawn = |index| {
        let (start, call) = (Arc::clone(&start), call(index));
        tokio::spawn(async move {
            start.wait().await;
            call.await
        })
    };
    let tasks: Vec<_> = (0..calls).map(spawn).collect();
    let mut came = Vec::with_capacity(calls);
    for task in tasks {
        came.push(task.await.unwrap());
    }
    came
}

pub async fn the_last_place_goes_to_one_buyer(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..10 {
        let event = shop.event().capacity(1).create().await;
        let outcomes = at_once(16, |_| {
            let (shop, wish) = (Arc::clone(&shop), shop.wish(&event, 1));
            async move { shop.try_hold(&wish).await }
        });
        let outcomes = outcomes.await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let sold_out = Refusal::SoldOut { ticket_type_id: event.ticket_types[0].id, available: 0 };
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().err().is_none_or(|refusal| *refusal == sold_out)));
        assert_eq!(shop.stock(&event).await, (1, 0));
    }
}

pub async fn sixty_four_buyers_get_ten_places_of_two_types(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(10).types(&[("A", 100, Some(7)), ("B", 200, None)]).create().await;
    let outcomes = at_once(64, |buyer| {
        // Half of either type, half of each for two.
        let wish = shop.wish_of(&event, &[(buyer % 2, 1 + u32::from(buyer % 4 > 1))]);
        let shop = Arc::clone(&shop);
        async move { shop.try_hold(&wish).await }
    });
    let held: Vec<_> = outcomes.await.into_iter().flatten().collect();
    let count = |index: usize| {
        let lines = held.iter().flat_map(|order| &order.lines);
        let of_type = lines.filter(|line| line.ticket_type_id == event.ticket_types[index].id);
        of_type.map(|line| i64::from(line.quantity)).sum::<i64>()
    };
    let now = shop.event_now(&event).await;
    assert_eq!(now.stock.held, 10, "all places, and no more");
    assert_eq!(now.ticket_types.iter().map(|of| of.stock.held).collect::<Vec<_>>(), [count(0), count(1)]);
    assert!(count(0) <= 7 && count(0) + count(1) == 10);
}

pub async fn one_hold_asked_for_eight_times_is_one_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..5 {
        let wish = shop.wish(&event, 2);
        let outcomes = at_once(8, |_| {
            let (shop, wish) = (Arc::clone(&shop), wish.clone());
            async move { shop.try_hold(&wish).await }
        });
        let outcomes = outcomes.await;
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() && *outcome == outcomes[0]));
    }
    assert_eq!(shop.stock(&event).await, (10, 0));
}

pub async fn one_success_told_eight_times_issues_the_tickets_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 1..=5 {
        let order = shop.hold(&event, 2).await;
        let attempt = shop.attempt(&order).await;
        let settled = at_once(8, |_| {
            let (shop, attempt) = (Arc::clone(&shop), attempt.clone());
            async move { shop.pay(&attempt).await }
        });
        let mut sets = BTreeSet::new();
        let mut firsts = 0;
        for settlement in settled.await {
            let Settlement::Fulfilled { tickets, first, .. } = settlement else { panic!("{settlement:?}") };
            sets.insert(tickets.iter().map(|ticket| ticket.code.clone()).collect::<Vec<_>>());
            firsts += u32::from(first);
        }
        assert_eq!((sets.len(), firsts), (1, 1), "everybody sees the same tickets, one call has issued them");
        assert_eq!(shop.payment(&order).await.tickets.len(), 2);
        assert_eq!(shop.mails(&order).await.len(), 1);
        assert_eq!(shop.stock(&event).await, (0, 2 * round));
    }
}

pub async fn two_attempts_that_succeed_at_once_buy_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..10 {
        let order = shop.hold(&event, 1).await;
        let attempts = [shop.attempt(&order).await, shop.attempt(&order).await];
        let settled = at_once(2, |index| {
            let (shop, attempt) = (Arc::clone(&shop), attempts[index].clone());
            async move { shop.pay(&attempt).await }
        });
        let settled = settled.await;
        let bought = |one: &&Settlement| matches!(one, Settlement::Fulfilled { first: true, .. });
        let back = |one: &&Settlement| matches!(one, Settlement::RefundDue { refund, .. } if refund.reason == RefundReason::Duplicate);
        assert_eq!((settled.iter().filter(bought).count(), settled.iter().filter(back).count()), (1, 1));
        let payment = shop.payment(&order).await;
        assert_eq!((payment.tickets.len(), payment.refunds.len()), (1, 1));
    }
}

pub async fn a_ticket_scanned_sixteen_times_at_once_lets_one_in(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 0..5 {
        let bought = shop.buy(&event, 1).await;
        let entries = at_once(16, |scanner| {
            let scan = shop.scan_of(&bought.tickets[0], &format!("{round}-{scanner}"));
            let shop = Arc::clone(&shop);
            async move { shop.scan(&scan).await }
        });
        let entries = entries.await;
        let used = |entry: &&Result<_, Refusal>| matches!(entry, Err(Refusal::TicketUsed { .. }));
        assert_eq!(entries.iter().filter(|entry| entry.is_ok()).count(), 1);
        assert_eq!(entries.iter().filter(used).count(), 15);
        let winner = entries.into_iter().flatten().next();
        assert_eq!(shop.storage.check_in_of(bought.tickets[0].id).await.unwrap(), winner);
    }
}

pub async fn one_scan_told_eight_times_gets_one_answer(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 0..5 {
        let bought = shop.buy(&event, 1).await;
        let scan = shop.scan_of(&bought.tickets[0], &format!("{round}"));
        let entries = at_once(8, |_| {
            let (shop, scan) = (Arc::clone(&shop), scan.clone());
            async move { shop.scan(&scan).await }
        });
        let entries = entries.await;
        assert!(entries.iter().all(|entry| entry.is_ok() && *entry == entries[0]));
    }
}

pub async fn money_at_the_deadline_becomes_tickets_or_goes_back(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..16 {
        let event = shop.event().capacity(1).create().await;
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        shop.wait(HOLD_FOR);
        let rival = shop.wish(&event, 1);
        at_once(4, |index| {
            let (shop, attempt, rival) = (Arc::clone(&shop), attempt.clone(), rival.clone());
            async move {
                match index {
                    0 | 1 => drop(shop.expire().await),
                    2 => drop(shop.pay(&attempt).await),
                    _ => drop(shop.try_hold(&rival).await),
                }
            }
        })
        .await;
        let payment = shop.payment(&order).await;
        let rival_held = shop.storage.order(&OrderKey::Reference(rival.reference)).await.unwrap().is_some();
        match payment.order.status {
            OrderStatus::Paid => assert_eq!((payment.tickets.len(), payment.refunds.len(), rival_held), (1, 0, false)),
            OrderStatus::Expired => {
                assert_eq!((payment.tickets.len(), payment.refunds.len(), rival_held), (0, 1, true));
            }
            other => panic!("paid or expired: {other:?}"),
        }
        let (held, sold) = shop.stock(&event).await;
        assert_eq!(held + sold, 1);
    }
}

pub async fn giving_up_while_money_comes_loses_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 1..=10 {
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        at_once(2, |index| {
            let (shop, order, attempt) = (Arc::clone(&shop), order.clone(), attempt.clone());
            async move {
                match index {
                    0 => drop(shop.release(&order).await),
                    _ => drop(shop.pay(&attempt).await),
                }
            }
        })
        .await;
        assert_eq!(shop.order_now(&order).await.status, OrderStatus::Paid, "there were places again");
        assert_eq!(shop.stock(&event).await, (0, round));
    }
}

pub async fn one_refund_asked_for_eight_times_is_one_refund(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let wish = shop.refund_of(&bought.order, &[&bought.tickets[0]]);
    let same = at_once(8, |_| {
        let (shop, wish) = (Arc::clone(&shop), wish.clone());
        async move { shop.refund(&wish).await }
    });
    let same = same.await;
    assert!(same.iter().all(|refund| refund.is_ok() && *refund == same[0]));

    // Under keys of their own, all want the ticket that is left.
    let others = at_once(8, |_| {
        let (shop, wish) = (Arc::clone(&shop), shop.refund_of(&bought.order, &[]));
        async move { shop.refund(&wish).await }
    });
    let others = others.await;
    assert_eq!(others.iter().filter(|refund| refund.is_ok()).count(), 1);
    assert_eq!(others.iter().filter(|refund| **refund == Err(Refusal::NothingToRefund)).count(), 7);
    let payment = shop.payment(&bought.order).await;
    let back: i64 = payment.refunds.iter().map(|refund| refund.amount.minor()).sum();
    assert_eq!((payment.refunds.len(), back), (2, bought.order.total.minor()));
    assert_eq!(shop.stock(&event).await, (0, 0));
}

pub async fn a_ticket_is_refunded_or_used(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 0..10 {
        let bought = shop.buy(&event, 1).await;
        let wish = shop.refund_of(&bought.order, &[]);
        let scan = shop.scan_of(&bought.tickets[0], &format!("{round}"));
        let done = at_once(2, |index| {
            let (shop, wish, scan) = (Arc::clone(&shop), wish.clone(), scan.clone());
            async move {
                match index {
                    0 => shop.refund(&wish).await.map(drop),
                    _ => shop.scan(&scan).await.map(drop),
                }
            }
        });
        let done = done.await;
        assert_eq!(done[0], Ok(()), "a used ticket may be refunded too");
        assert!(done[1] == Ok(()) || done[1] == Err(Refusal::TicketRefunded));
        assert_eq!(shop.ticket_now(&bought.tickets[0]).await.status, TicketStatus::Refunded);
    }
    assert_eq!(shop.stock(&event).await, (0, 0));
}

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
    // Workers that always come at the same time may leave some to the next pass.
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
        shop.storage.receive_webhooks(shop.now(), &[webhook(&format!("{index}"))]).await.unwrap();
    }
    shop.wait(SignedDuration::from_mins(5));
    let taken = at_once(9, |index| {
        let shop = Arc::clone(&shop);
        // The last one comes when the others are gone, and takes what they left.
        let limit = if index == 8 { 100 } else { 2 };
        async move {
            if index == 8 {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            let mut mine: Vec<String> = Vec::new();
            for _ in 0..4 {
                let refunds = shop.storage.claim_refunds(shop.now(), LEASE, limit).await.unwrap();
                mine.extend(refunds.iter().map(|refund| format!("refund {}", refund.id)));
                let polls = shop.storage.claim_polls(shop.now(), limit).await.unwrap();
                mine.extend(polls.iter().map(|attempt| attempt.reference.to_string()));
                let webhooks = shop.storage.claim_webhooks(shop.now(), LEASE, limit).await.unwrap();
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
        body: key.as_bytes().to_vec(),
    }
}

pub async fn what_is_made_under_one_key_eight_times_at_once_is_made_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let now = shop.now();
    for round in 0..5 {
        let accounts = at_once(8, |_| {
            let (shop, new) = (Arc::clone(&shop), newcomer(&format!("{round}@example.com"), None));
            async move { only(shop.storage.register(now, &[new]).await) }
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
            async move { shop.storage.receive_webhooks(now, &[new]).await.unwrap().remove(0) }
        });
        let deliveries = deliveries.await;
        assert_eq!(deliveries.iter().filter(|(_, first)| *first).count(), 1);
        assert!(deliveries.iter().all(|(stored, _)| *stored == deliveries[0].0));

        let begun = at_once(8, |_| {
            let begin = BeginRequest { scope: format!("{round}"), content: "x".to_owned(), lease: LEASE };
            let shop = Arc::clone(&shop);
            async move { shop.storage.begin_request(now, &begin).await.unwrap() }
        });
        assert_eq!(begun.await.iter().filter(|begun| matches!(begun, Begun::Work { .. })).count(), 1);
    }
    let all = shop.storage.events(&EventFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(all.items.len(), 5);
}

pub async fn a_review_is_decided_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..5 {
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        let mut little = exactly(&attempt);
        little.amount = super::shop::ngn(1);
        shop.observe(&attempt, Observation::Success(little)).await;
        let decided = at_once(8, |index| {
            let wish = Resolve {
                reference: attempt.reference.clone(),
                verdict: if index % 2 == 0 { Verdict::Accept } else { Verdict::Refund },
                note: "decided".to_owned(),
                actor: external("admin"),
                seed: shop.seed(),
            };
            let shop = Arc::clone(&shop);
            async move { only(shop.storage.resolve_reviews(shop.now(), &[wish]).await) }
        });
        let decided = decided.await;
        assert_eq!(decided.iter().filter(|one| one.is_ok()).count(), 1);
        let payment = shop.payment(&order).await;
        assert_eq!(payment.tickets.len() + payment.refunds.len(), 1);
    }
}

pub async fn calling_off_while_everybody_buys_leaves_nobody_behind(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let orders = at_once(12, |index| {
        let (shop, event) = (Arc::clone(&shop), event.clone());
        async move {
            if index == 6 {
                shop.cancel_event(&event).await;
            }
            let order = shop.try_hold(&shop.wish(&event, 1)).await.ok()?;
            let attempt = shop.try_attempt(&shop.attempt_of(&order)).await.ok().map(|(_, attempt)| attempt);
            if let Some(attempt) = &attempt {
                shop.pay(attempt).await;
            }
            Some((order, attempt.is_some()))
        }
    });
    let orders: Vec<_> = orders.await.into_iter().flatten().collect();
    at_once(4, |_| {
        let shop = Arc::clone(&shop);
        async move { shop.undo(20).await }
    })
    .await;
    shop.undo(20).await;
    for (order, paid) in orders {
        let payment = shop.payment(&order).await;
        let back: i64 = payment.refunds.iter().map(|refund| refund.amount.minor()).sum();
        assert_eq!(back, if paid { order.total.minor() } else { 0 });
        let told = shop.mail_kinds(&order).await;
        let informed = told.iter().any(|kind| matches!(kind, MailKind::Refund(_) | MailKind::EventCancelled));
        assert!(informed, "{told:?}");
    }
    assert_eq!(shop.stock(&event).await, (0, 0));
}

pub async fn who_reads_while_others_write_never_sees_a_half(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 200, None)]).create().await;
    let mut orders = Vec::new();
    for _ in 0..24 {
        orders.push(granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1), (1, 2)])).await));
    }
    let references: Vec<Reference> = orders.iter().map(|order| order.reference.clone()).collect();
    // Which order is being paid.
    let turn = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (shop, references) = (Arc::clone(&shop), references.clone());
            let (turn, event_id) = (Arc::clone(&turn), event.id);
            tokio::spawn(async move {
                while let Some(reference) = references.get(turn.load(Ordering::SeqCst)) {
                    // A storage in memory never waits, and would keep its thread from everybody else.
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
        // Some begin to read before, and go on after.
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
        let wishes = [shop.wish(&event, 1), shop.wish(&event, 1)];
        let call = {
            let (shop, wishes) = (Arc::clone(&shop), wishes.clone());
            tokio::spawn(async move { shop.storage.hold(shop.now(), &wishes).await.map(drop) })
        };
        if round % 4 > 0 {
            tokio::time::sleep(Duration::from_micros(round * 50)).await;
        }
        call.abort();
        drop(call.await);
        // It may still be under way, but whenever one looks, all of it is there or nothing.
        let filter = OrderFilter { event_id: Some(event.id), ..OrderFilter::default() };
        for _ in 0..4 {
            let held = shop.storage.orders(&filter, PageRequest::default()).await.unwrap().items.len();
            assert!(held == 0 || held == 2, "{held} of two orders");
        }
        // A repeat comes after it, and finds what it did.
        let outcomes = shop.storage.hold(shop.now(), &wishes).await.unwrap();
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(shop.stock(&event).await, (2, 0));
    }
}
