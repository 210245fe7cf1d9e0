//! Tickets that are returned: because the date or the place of their event changed, or as its terms allow.

mod by_policy;

pub use by_policy::*;

use super::notices::{DAY, MINUTE, elsewhere, wants};
use super::shop::{PRICE, Shop, buyer, external, granted, ngn};
use crate::domain::event::EventWants;
use crate::domain::id::TicketId;
use crate::domain::notice::{NOTICE_DELAY, RETURNS_FOR};
use crate::domain::order::Order;
use crate::domain::refund::{Refund, RefundReason, ReturnTickets};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::TicketStatus;
use crate::storage::{Outcome, Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

impl Shop {
    pub(super) fn return_of(&self, order: &Order, tickets: Option<Vec<TicketId>>) -> ReturnTickets {
        let (key, order, buyer) = (self.reference(), order.reference.clone(), order.buyer.who.clone());
        ReturnTickets { key, order, tickets, buyer }
    }

    pub(super) async fn give_back(&self, request: &ReturnTickets) -> Outcome<Refund> {
        self.storage.apply_one(self.now(), request.clone()).await.unwrap()
    }
}

pub async fn returns_are_open_by_default_where_much_has_changed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let until = shop.now() + RETURNS_FOR;
    let (later, much_later) = (DAY, DAY + SignedDuration::from_secs(1));
    for (what, change, expected) in [
        ("a day later", (|event, later, _| wants().with_starts_at(event + later)) as fn(_, _, _) -> _, None),
        ("more than a day later", |event, _, later| wants().with_starts_at(event + later), Some(until)),
        ("more than a day earlier", |event, _, later| wants().with_starts_at(event - later), Some(until)),
        ("another end", |event, _, later| wants().with_ends_at(Some(event + later)), None),
        ("another place", |_, _, _| elsewhere("A"), Some(until)),
        ("an address", |_, _, _| wants().with_address(Some("2 Broad St".to_owned())), None),
    ] {
        let event = shop.event().create().await;
        let change: fn(jiff::Timestamp, SignedDuration, SignedDuration) -> EventWants = change;
        shop.change(&event, change(event.starts_at, later, much_later)).await;
        assert_eq!(shop.notices(&event).await[0].refund_until, expected, "{what}");
    }
    // It is for those who do not come.
    let soon = shop.event().with(|new| new.starts_at = shop.now() + DAY).create().await;
    shop.change(&soon, elsewhere("A")).await;
    assert_eq!(shop.notices(&soon).await[0].refund_until, Some(soon.starts_at));
    shop.wait(DAY + MINUTE);
    shop.change(&soon, elsewhere("B")).await;
    assert_eq!(shop.notices(&soon).await[1].refund_until, None, "it has begun");
}

pub async fn a_wish_about_returns_overrides_the_default(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let until = shop.now() + DAY * 9;
    shop.change(&event, elsewhere("A").with_refund_until(Some(until))).await;
    // A correction keeps what was given.
    shop.change(&event, elsewhere("B")).await;
    shop.change(&event, elsewhere("C").with_refund_until(Some(None))).await;
    let given: Vec<_> = shop.notices(&event).await.iter().map(|notice| notice.refund_until).collect();
    assert_eq!(given, [Some(until), Some(until), None]);
}

pub async fn unused_tickets_are_returned_until_a_date(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (bought, late) = (shop.buy(&event, 3).await, shop.buy(&event, 1).await);
    let closed = shop.give_back(&shop.return_of(&bought.order, None)).await;
    assert_eq!(closed, Err(Refusal::ReturnNotOpen { until: None }), "nothing has changed");
    granted(shop.scan(&shop.scan_of(&bought.tickets[0], "early")).await);
    shop.wait(MINUTE);
    let until = shop.now() + DAY * 2;
    shop.change(&event, elsewhere("A").with_refund_until(Some(until))).await;
    // A ticket that was used has done what it was bought for.
    let used = bought.tickets[0].id;
    let refused = shop.give_back(&shop.return_of(&bought.order, Some(vec![bought.tickets[1].id, used]))).await;
    assert_eq!(refused, Err(Refusal::TicketNotValid { ticket_id: used, ticket_status: TicketStatus::Used }));
    let one = granted(shop.give_back(&shop.return_of(&bought.order, Some(vec![bought.tickets[1].id]))).await);
    assert_eq!(
        (one.amount, one.reason, one.tickets),
        (ngn(PRICE), RefundReason::EventChanged, vec![bought.tickets[1].id])
    );
    let rest = granted(shop.give_back(&shop.return_of(&bought.order, None)).await);
    assert_eq!((rest.tickets, shop.stock(&event).await), (vec![bought.tickets[2].id], (0, 2)));
    let none = shop.give_back(&shop.return_of(&bought.order, None)).await;
    assert_eq!(none, Err(Refusal::NothingToRefund));
    let foreign = shop.give_back(&shop.return_of(&late.order, Some(vec![used]))).await;
    assert_eq!(foreign, Err(Refusal::TicketNotInOrder { ticket_id: used }));
    // A later change that opens nothing closes nothing.
    shop.wait(NOTICE_DELAY);
    shop.change(&event, wants().with_ends_at(Some(event.starts_at + DAY))).await;
    let request = shop.return_of(&late.order, None);
    shop.wait(DAY * 2 - NOTICE_DELAY);
    assert_eq!(shop.give_back(&request).await, Err(Refusal::ReturnNotOpen { until: Some(until) }));
    assert_eq!(shop.ticket_now(&late.tickets[0]).await.status, TicketStatus::Active);
}

pub async fn a_return_is_repeated_and_refused_to_others(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (bought, other) = (shop.buy(&event, 2).await, shop.buy(&event, 1).await);
    shop.change(&event, elsewhere("A")).await;
    let mut request = shop.return_of(&bought.order, None);
    for who in [shop.organizer.clone(), external("eve"), buyer("bola").who] {
        let by_another = ReturnTickets { buyer: who, ..request.clone() };
        assert_eq!(shop.give_back(&by_another).await, Err(Refusal::OrderUnknown));
    }
    let refund = granted(shop.give_back(&request).await);
    shop.wait(DAY * 10);
    // The answer to the first call may have been lost, and by now the time is over.
    assert_eq!(granted(shop.give_back(&request).await).id, refund.id);
    assert_eq!(shop.payment(&bought.order).await.refunds.len(), 1);
    request.order = other.order.reference;
    assert_eq!(shop.give_back(&request).await, Err(Refusal::KeyReused));
}
