//! Returns that the terms of an event allow.

use super::super::notices::{DAY, elsewhere};
use super::super::races::at_once;
use super::super::shop::{Shop, external, granted, ngn};
use crate::domain::event::{Event, ReturnPolicy};
use crate::domain::id::TicketId;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::refund::{QuoteReturn, RefundReason, RefundStatus, ReturnQuote, ReturnTickets};
use crate::domain::refusal::Refusal;
use crate::storage::{Storage, StorageExt as _};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

impl Shop {
    /// An event with two types whose tickets can be returned for two days.
    async fn returnable(&self, keep_percent: u32) -> (Event, Timestamp) {
        let until = self.now() + DAY * 2;
        let terms = ReturnPolicy::new(until, keep_percent);
        let event = self.event().types(&[("A", 333, None), ("B", 150, None)]);
        (event.with(|new| new.terms.returns = terms).create().await, until)
    }

    async fn quoted(&self, order: &Order) -> ReturnQuote {
        let quote = QuoteReturn { order: order.reference.clone(), now: self.now() };
        self.storage.find(quote).await.unwrap().unwrap()
    }

    /// How much would be refunded for each ticket of the order.
    async fn worth(&self, order: &Order) -> Vec<(TicketId, Money)> {
        self.quoted(order).await.tickets
    }
}

pub async fn tickets_are_returned_as_the_event_allows(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, until) = shop.returnable(0).await;
    let bought = shop.bought_of(&event, &[(0, 1), (1, 1)]).await;
    let quote = shop.quoted(&bought.order).await;
    assert_eq!((quote.order.id, quote.returns.until), (bought.order.id, Some(until)));
    assert_eq!((quote.returns.reason, quote.returns.keep_percent), (Some(RefundReason::Returned), 0));
    let one = shop.return_of(&bought.order, Some(vec![bought.tickets[0].id]));
    let refund = granted(shop.give_back(&one).await);
    assert_eq!((refund.amount, refund.reason, refund.status), (ngn(333), RefundReason::Returned, RefundStatus::Due));
    assert_eq!(shop.stock(&event).await, (0, 1));
    // A microsecond before the end, and then.
    shop.wait(DAY * 2 - SignedDuration::from_micros(1));
    let late = shop.bought_of(&event, &[(0, 1)]).await;
    granted(shop.give_back(&shop.return_of(&bought.order, None)).await);
    shop.wait(SignedDuration::from_micros(1));
    let refused = shop.give_back(&shop.return_of(&late.order, None)).await;
    assert_eq!(refused, Err(Refusal::ReturnNotOpen { until: Some(until) }));
    let quote = shop.quoted(&late.order).await;
    assert_eq!((quote.returns.until, quote.returns.reason, quote.tickets), (Some(until), None, vec![]));
    assert_eq!(shop.give_back(&one).await.map(|refund| refund.id), Ok(refund.id), "a repeat finds the same refund");
}

pub async fn what_is_kept_is_rounded_down(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    // A third of 333 is 109.89, of which 109 are kept; of 150 it is 49.5.
    for (keep, a, b) in [(0, 333, 150), (1, 330, 149), (33, 224, 101), (50, 167, 75), (99, 4, 2), (100, 0, 0)] {
        let (event, _) = shop.returnable(keep).await;
        let bought = shop.bought_of(&event, &[(0, 2), (1, 1)]).await;
        let worth = shop.worth(&bought.order).await;
        let of: Vec<Money> = worth.iter().map(|(_, back)| *back).collect();
        assert_eq!(of, [ngn(a), ngn(a), ngn(b)], "{keep}% are kept");
        let one = granted(shop.give_back(&shop.return_of(&bought.order, Some(vec![worth[0].0]))).await);
        assert_eq!(one.amount, ngn(a), "what comes is what was quoted");
        let rest = granted(shop.give_back(&shop.return_of(&bought.order, None)).await);
        assert_eq!((rest.amount, rest.tickets.len()), (ngn(a + b), 2));
        assert_eq!(rest.status, if keep == 100 { RefundStatus::Processed } else { RefundStatus::Due });
        assert_eq!(shop.worth(&bought.order).await, []);
        let none = shop.give_back(&shop.return_of(&bought.order, None)).await;
        assert_eq!(none, Err(Refusal::NothingToRefund));
    }
}

pub async fn a_change_of_the_event_returns_the_whole_price(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, until) = shop.returnable(50).await;
    let bought = shop.bought_of(&event, &[(0, 3)]).await;
    let part = granted(shop.give_back(&shop.return_of(&bought.order, Some(vec![bought.tickets[0].id]))).await);
    assert_eq!(part.amount, ngn(167));
    shop.wait(SignedDuration::from_mins(1));
    // For one day the event has changed; the terms go on after that.
    let changed = shop.now() + DAY;
    shop.change(&event, elsewhere("Another hall").with_refund_until(Some(changed))).await;
    let quote = shop.quoted(&bought.order).await;
    let returns = quote.returns;
    assert_eq!(
        (returns.reason, returns.until, returns.keep_percent),
        (Some(RefundReason::EventChanged), Some(changed), 0)
    );
    let whole = granted(shop.give_back(&shop.return_of(&bought.order, Some(vec![bought.tickets[1].id]))).await);
    assert_eq!((whole.amount, whole.reason), (ngn(333), RefundReason::EventChanged));
    // Who ordered after the change gets what the terms say.
    shop.wait(SignedDuration::from_hours(12));
    let new = shop.bought_of(&event, &[(0, 1)]).await;
    assert_eq!(shop.worth(&new.order).await, [(new.tickets[0].id, ngn(167))]);
    shop.wait(SignedDuration::from_hours(12));
    let returns = shop.quoted(&bought.order).await.returns;
    assert_eq!((returns.reason, returns.until, returns.keep_percent), (Some(RefundReason::Returned), Some(until), 50));
    let last = granted(shop.give_back(&shop.return_of(&bought.order, None)).await);
    assert_eq!((last.amount, last.reason), (ngn(167), RefundReason::Returned));
}

pub async fn what_is_not_the_buyers_is_neither_quoted_nor_returned(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, _) = shop.returnable(10).await;
    let bought = shop.bought_of(&event, &[(1, 4)]).await;
    let [used, given, refunded, left] = &bought.tickets[..] else { panic!("four tickets") };
    granted(shop.scan(&shop.scan_of(used, "in")).await);
    let given = shop.transferred(given, "bob@example.com").await.ticket;
    granted(shop.refund(&shop.refund_of(&bought.order, &[refunded])).await);
    assert_eq!(shop.worth(&bought.order).await, [(left.id, ngn(135))]);
    let of = |ids: &[TicketId]| shop.return_of(&bought.order, Some(ids.to_vec()));
    assert_eq!(shop.give_back(&of(&[left.id, given.id])).await, Err(Refusal::TicketTransferred));
    let by_taker = ReturnTickets { buyer: given.holder.clone(), ..of(&[given.id]) };
    assert_eq!(shop.give_back(&by_taker).await, Err(Refusal::OrderUnknown), "the money is the buyer's");
    let by_another = ReturnTickets { buyer: external("eve"), ..of(&[left.id]) };
    assert_eq!(shop.give_back(&by_another).await, Err(Refusal::OrderUnknown));
    let refund = granted(shop.give_back(&shop.return_of(&bought.order, None)).await);
    assert_eq!((refund.amount, refund.tickets), (ngn(135), vec![left.id]));
}

pub async fn a_swapped_ticket_is_returned_for_what_it_counts(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, _) = shop.returnable(50).await;
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let swapped = shop.swapped(&event, &bought.tickets[0], 1).await;
    assert_eq!(swapped.refund.map(|refund| refund.amount), Some(ngn(183)));
    assert_eq!(shop.worth(&bought.order).await, [(swapped.ticket.id, ngn(75))]);
    let refund = granted(shop.give_back(&shop.return_of(&bought.order, None)).await);
    assert_eq!(refund.amount, ngn(75));
}

pub async fn a_ticket_returned_eight_times_at_once_is_paid_back_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, _) = shop.returnable(50).await;
    for _ in 0..4 {
        let bought = shop.bought_of(&event, &[(0, 1)]).await;
        let outcomes = at_once(8, |_| {
            let (shop, request) = (Arc::clone(&shop), shop.return_of(&bought.order, None));
            async move { shop.give_back(&request).await }
        });
        let outcomes = outcomes.await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(shop.payment(&bought.order).await.refunds.len(), 1);
    }
}
