//! Swaps that are refused: they change nothing.

use super::super::notices::wants;
use super::super::shop::{Shop, external, granted, ngn};
use crate::domain::event::{Event, EventWants, TicketTypeWants};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::{SwapTicket, Ticket, TicketKey, TicketStatus};
use crate::storage::Storage;
use jiff::SignedDuration;
use std::sync::Arc;

impl Shop {
    /// Why a swap is refused.
    async fn no_swap(&self, event: &Event, ticket: &Ticket, to: usize) -> Refusal {
        self.try_swap(&self.swap_of(event, ticket, to)).await.expect_err("a swap that is refused")
    }
}

pub async fn a_dearer_type_is_refused_with_the_difference(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let dearer = Refusal::PriceHigher { difference: ngn(200) };
    assert_eq!(shop.no_swap(&event, &bought.tickets[0], 3).await, dearer);
    // What counts is what was paid, which is less after a swap.
    let swapped = shop.swapped(&event, &bought.tickets[0], 1).await;
    assert_eq!(shop.no_swap(&event, &swapped.ticket, 0).await, dearer);
    assert_eq!(shop.places(&event).await, (vec![0, 1, 0, 0], 1));
}

pub async fn a_type_that_is_none_of_the_others_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event_of_types().await, shop.event_of_types().await);
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let ticket = &bought.tickets[0];
    let kept = [0, 1, 3].map(|at| TicketTypeWants::existing(event.ticket_types[at].id));
    shop.change(&event, EventWants { ticket_types: Some(kept.to_vec()), ..wants() }).await;
    for (what, event, to) in [("its own", &event, 0), ("removed", &event, 2), ("another event's", &other, 1)] {
        let unknown = Refusal::TicketTypeUnknown { ticket_type_id: event.ticket_types[to].id };
        assert_eq!(shop.no_swap(event, ticket, to).await, unknown, "{what}");
    }
    assert_eq!(shop.ticket_now(ticket).await, *ticket);
}

pub async fn a_ticket_that_is_not_valid_is_not_swapped(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 4)]).await;
    let [used, refunded, given, left] = &bought.tickets[..] else { panic!("four tickets") };
    granted(shop.scan(&shop.scan_of(used, "in")).await);
    granted(shop.refund(&shop.refund_of(&bought.order, &[refunded])).await);
    shop.transferred(given, "bob@example.com").await;
    let is_used = Refusal::TicketNotValid { ticket_id: used.id, ticket_status: TicketStatus::Used };
    assert_eq!(shop.no_swap(&event, used, 1).await, is_used);
    assert_eq!(shop.no_swap(&event, refunded, 1).await, Refusal::TicketRefunded);
    assert_eq!(shop.no_swap(&event, given, 1).await, Refusal::TicketTransferred);
    shop.cancel_event(&event).await;
    assert_eq!(shop.no_swap(&event, left, 1).await, Refusal::EventCancelled);
    assert_eq!(shop.places(&event).await, (vec![3, 0, 0, 0], 3));

    let types = [("A", 500, None), ("B", 300, None)];
    let over = shop.event().types(&types).ending_in(SignedDuration::from_hours(1000)).create().await;
    let bought = shop.bought_of(&over, &[(0, 1)]).await;
    shop.wait(SignedDuration::from_hours(1000));
    assert!(matches!(shop.no_swap(&over, &bought.tickets[0], 1).await, Refusal::EventOver { .. }));
}

pub async fn tickets_of_foreign_events_are_not_swapped(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let swap = shop.swap_of(&event, &bought.tickets[0], 1);
    let foreign = SwapTicket { scope: Scope::own(&external("another")), ..swap.clone() };
    assert_eq!(shop.try_swap(&foreign).await, Err(Refusal::TicketUnknown));
    let unknown = SwapTicket { ticket: TicketKey::Id(999.into()), ..swap.clone() };
    assert_eq!(shop.try_swap(&unknown).await, Err(Refusal::TicketUnknown));
    // Nor is one found that was swapped by somebody who may.
    granted(shop.try_swap(&swap).await);
    assert_eq!(shop.try_swap(&foreign).await, Err(Refusal::TicketUnknown));
}
