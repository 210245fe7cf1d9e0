//! Who may transfer a ticket, which one, how often and until when.

use super::super::notices::{DAY, wants};
use super::super::races::at_once;
use super::super::shop::{Shop, external, granted};
use super::MINUTE;
use crate::domain::event::{EventTerms, EventTermsWants, TransferPolicy, TransferRule};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::TicketStatus;
use crate::domain::transfer::{
    MAX_TRANSFERS, OfferTransfer, TRANSFER_LASTS, TRANSFERS_WITHIN, Transfer, TransferStatus, WithdrawTransfer,
};
use crate::storage::{Storage, StorageExt as _};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const MICRO: SignedDuration = SignedDuration::from_micros(1);

fn terms(rule: TransferRule, until: Option<Timestamp>) -> EventTerms {
    EventTerms { transfers: TransferPolicy::new(rule, until), ..EventTerms::default() }
}

pub async fn only_the_holder_offers_a_ticket(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let (ticket, buyer) = (&bought.tickets[0], &bought.order.buyer.who);
    for who in [external("eve"), shop.organizer.clone(), Principal::Guest(bought.order.reference.clone())] {
        // The key of a guest's order stands for the buyer, who is somebody else here only by name.
        let is_buyers = who.guest().is_some();
        let offer = OfferTransfer { actor: who.clone(), ..shop.offer_of(ticket, "bob@example.com") };
        assert_eq!(shop.try_offer(&offer).await.is_ok(), is_buyers, "{who:?}");
        let back = shop.take_back(ticket, &who).await;
        assert_eq!(back, if is_buyers { Ok(true) } else { Err(Refusal::TicketUnknown) }, "{who:?}");
    }
    let unknown = OfferTransfer { ticket_id: 999.into(), ..shop.offer_of(ticket, "bob@example.com") };
    assert_eq!(shop.try_offer(&unknown).await, Err(Refusal::TicketUnknown));
    let withdraw = WithdrawTransfer { ticket_id: 999.into(), actor: buyer.clone() };
    assert_eq!(shop.storage.apply_one(shop.now(), withdraw).await.unwrap(), Err(Refusal::TicketUnknown));

    // What the buyer has given away is not the buyer's any more.
    let new = shop.transferred(ticket, "bob@example.com").await.ticket;
    for who in [buyer.clone(), Principal::Guest(bought.order.reference.clone())] {
        let offer = OfferTransfer { actor: who.clone(), ..shop.offer_of(&new, "carol@example.com") };
        assert_eq!(shop.try_offer(&offer).await, Err(Refusal::TicketUnknown), "{who:?}");
        assert_eq!(shop.take_back(&new, &who).await, Err(Refusal::TicketUnknown), "{who:?}");
    }
    let old = shop.try_offer(&shop.offer_of(ticket, "carol@example.com")).await;
    assert_eq!(old, Err(Refusal::TicketTransferred));
    shop.offer(&new, "carol@example.com").await;
}

pub async fn an_offer_ends_after_a_week_and_when_the_event_starts(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let offered = shop.offer(&ticket, "bob@example.com").await;
    assert_eq!(offered.expires_at, shop.now() + TRANSFER_LASTS);
    shop.wait(TRANSFER_LASTS - MICRO);
    assert_eq!(shop.offer(&ticket, "bob@example.com").await, offered, "it can still be taken");
    shop.wait(MICRO);
    assert_eq!(shop.try_take(&offered).await, Err(Refusal::TransferUnknown));
    // The one that has expired is not in the way of the next.
    let next = shop.offer(&ticket, "bob@example.com").await;
    assert_ne!(next.id, offered.id);
    shop.wait(event.starts_at.duration_since(shop.now()) - MINUTE);
    let last = shop.offer(&ticket, "carol@example.com").await;
    assert_eq!(last.expires_at, event.starts_at);
    shop.wait(MINUTE);
    assert_eq!(shop.try_take(&last).await, Err(Refusal::TransferUnknown));
    let late = shop.try_offer(&shop.offer_of(&ticket, "carol@example.com")).await;
    assert_eq!(late, Err(Refusal::TransferClosed));
}

pub async fn a_ticket_that_is_not_valid_is_neither_offered_nor_taken(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 3).await;
    let mut offered: Vec<Transfer> = vec![];
    for ticket in &bought.tickets {
        offered.push(shop.offer(ticket, "bob@example.com").await);
    }
    let [used, refunded, cancelled] = &bought.tickets[..] else { panic!("three tickets") };
    granted(shop.scan(&shop.scan_of(used, "in")).await);
    granted(shop.refund(&shop.refund_of(&bought.order, &[refunded])).await);
    shop.cancel_event(&event).await;
    let is_used = Refusal::TicketNotValid { ticket_id: used.id, ticket_status: TicketStatus::Used };
    let refusals = [is_used, Refusal::TicketRefunded, Refusal::TicketCancelled];
    for (at, ticket) in [used, refunded, cancelled].into_iter().enumerate() {
        assert_eq!(shop.try_take(&offered[at]).await.unwrap_err(), refusals[at]);
        assert_eq!(shop.try_offer(&shop.offer_of(ticket, "carol@example.com")).await.unwrap_err(), refusals[at]);
    }
    // Before the orders of a cancelled event are undone, and after it.
    shop.undo(10).await;
    assert_eq!(shop.try_take(&offered[2]).await, Err(Refusal::TicketRefunded));
    let moved = shop.transfers(cancelled).await.remove(0);
    assert_eq!(moved.status, TransferStatus::Offered, "the ticket says why it cannot be taken");
}

pub async fn the_event_says_how_often_tickets_are_transferred(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let once = shop.event().with(|new| new.terms = terms(TransferRule::Once, None)).create().await;
    let ticket = shop.buy(&once, 1).await.tickets.remove(0);
    let taken = shop.transferred(&ticket, "bob@example.com").await.ticket;
    let again = shop.offer_of(&taken, "carol@example.com");
    assert_eq!(shop.try_offer(&again).await, Err(Refusal::TransferClosed));

    let never = shop.event().with(|new| new.terms = terms(TransferRule::Never, None)).create().await;
    let ticket = shop.buy(&never, 1).await.tickets.remove(0);
    assert_eq!(shop.try_offer(&shop.offer_of(&ticket, "bob@example.com")).await, Err(Refusal::TransferClosed));

    // What the terms say when it is taken counts as well.
    let event = shop.event().create().await;
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let offered = shop.offer(&ticket, "bob@example.com").await;
    let set = |rule| EventTermsWants::default().with_transfers(TransferPolicy::new(rule, None));
    let mut edit = wants();
    edit.terms = set(TransferRule::Never);
    shop.change(&event, edit.clone()).await;
    assert_eq!(shop.try_take(&offered).await, Err(Refusal::TransferClosed));
    edit.terms = set(TransferRule::Free);
    shop.change(&event, edit).await;
    granted(shop.try_take(&offered).await);
}

pub async fn the_event_says_until_when_tickets_are_transferred(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let until = shop.now() + DAY * 2;
    let event = shop.event().with(|new| new.terms = terms(TransferRule::Free, Some(until))).create().await;
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let offered = shop.offer(&ticket, "bob@example.com").await;
    assert_eq!(offered.expires_at, until);
    shop.wait(DAY * 2);
    assert_eq!(shop.try_take(&offered).await, Err(Refusal::TransferUnknown));
    let late = shop.try_offer(&shop.offer_of(&ticket, "bob@example.com")).await;
    assert_eq!(late, Err(Refusal::TransferClosed));
    // An open offer is withdrawn whether or not it can be taken.
    assert_eq!(shop.take_back(&ticket, &ticket.holder).await, Ok(true));
}

pub async fn a_ticket_is_offered_a_few_times_a_day(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let (ticket, first) = (&bought.tickets[0], shop.now());
    for number in 0..MAX_TRANSFERS {
        shop.offer(ticket, &format!("bob{number}@example.com")).await;
        shop.wait(MINUTE);
    }
    let again_at = first + TRANSFERS_WITHIN;
    let offer = shop.offer_of(ticket, "carol@example.com");
    assert_eq!(shop.try_offer(&offer).await, Err(Refusal::TooManyTransfers { again_at }));
    shop.offer(ticket, &format!("bob{}@example.com", MAX_TRANSFERS - 1)).await;
    let open = shop.transfers(ticket).await.pop();
    assert_eq!(open.map(|open| open.status), Some(TransferStatus::Offered), "what is refused withdraws nothing");
    shop.offer(&bought.tickets[1], "carol@example.com").await;
    shop.wait(again_at.duration_since(shop.now()));
    granted(shop.try_offer(&offer).await);
}

pub async fn offers_made_at_once_stay_within_the_limit(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let outcomes = at_once(8, |number| {
        let (shop, ticket) = (Arc::clone(&shop), ticket.clone());
        async move { shop.try_offer(&shop.offer_of(&ticket, &format!("bob{number}@example.com"))).await }
    });
    let made = outcomes.await.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(made, MAX_TRANSFERS);
    let all = shop.transfers(&ticket).await;
    let open = all.iter().filter(|transfer| transfer.status == TransferStatus::Offered).count();
    assert_eq!((all.len(), open), (MAX_TRANSFERS, 1));
}
