//! Swapping a ticket for one of another type.

mod refused;

pub use refused::*;

use super::attendees::named;
use super::codes::half;
use super::races::at_once;
use super::shop::{Shop, email, granted, ngn};
use super::till::Bought;
use crate::domain::attendee::AttendeeWants;
use crate::domain::event::{Event, TransferPolicy, TransferRule, Visibility};
use crate::domain::outbox::MailKind;
use crate::domain::payment::Observation;
use crate::domain::refund::{RefundMoney, RefundReason, RefundRequest, RefundStatus};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::{PriceDifference, SwapTicket, Swapped, Ticket, TicketKey, TicketStatus};
use crate::storage::{Outcome, Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

impl Shop {
    /// An event with a cheap type, one for 500 that may sell out, another one for 500, and a dear one.
    pub(super) async fn event_of_types(&self) -> Event {
        let types = [("A", 500, None), ("B", 300, Some(1)), ("C", 500, None), ("D", 700, None)];
        self.event().capacity(4).types(&types).create().await
    }

    pub(super) fn swap_of(&self, event: &Event, ticket: &Ticket, to: usize) -> SwapTicket {
        SwapTicket {
            ticket: TicketKey::Id(ticket.id),
            to: event.ticket_types[to].id,
            difference: PriceDifference::Refund,
            actor: self.organizer.clone(),
            scope: Scope::own(&self.organizer),
            seed: self.seed(),
        }
    }

    pub(super) async fn try_swap(&self, swap: &SwapTicket) -> Outcome<Swapped> {
        self.storage.apply_one(self.now(), swap.clone()).await.unwrap()
    }

    pub(super) async fn swapped(&self, event: &Event, ticket: &Ticket, to: usize) -> Swapped {
        granted(self.try_swap(&self.swap_of(event, ticket, to)).await)
    }

    /// How many places of each type are sold, and of the event.
    pub(super) async fn places(&self, event: &Event) -> (Vec<i64>, i64) {
        let event = self.event_now(event).await;
        (event.ticket_types.iter().map(|of| of.stock.sold).collect(), event.stock.sold)
    }

    pub(super) async fn bought_of(&self, event: &Event, lines: &[(usize, u32)]) -> Bought {
        let order = granted(self.try_hold(&self.wish_of(event, lines)).await);
        self.settle_order(&order).await
    }

    async fn paid_back(&self, bought: &Bought) -> i64 {
        self.payment(&bought.order).await.refunds.iter().map(|refund| refund.amount.minor()).sum()
    }
}

pub async fn a_cheaper_type_returns_the_difference(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 2)]).await;
    let old = &bought.tickets[0];
    shop.wait(SignedDuration::from_mins(1));
    let swap = SwapTicket { ticket: TicketKey::Code(old.code.clone()), ..shop.swap_of(&event, old, 1) };
    let swapped = granted(shop.try_swap(&swap).await);
    let refund = swapped.refund.unwrap();
    assert_eq!((refund.amount, refund.reason, refund.status), (ngn(200), RefundReason::Swapped, RefundStatus::Due));
    assert_eq!((&refund.tickets, &refund.attempt), (&vec![old.id], &bought.attempt.reference));
    let new = &swapped.ticket;
    assert_eq!((new.ticket_type_id, new.price, new.replaces), (event.ticket_types[1].id, ngn(300), Some(old.id)));
    assert_eq!((new.status, new.line, new.issued_at), (TicketStatus::Active, old.line, shop.now()));
    assert_eq!((&new.holder, new.code == old.code, swapped.first), (&old.holder, false, true));
    assert_eq!(shop.ticket_now(old).await.status, TicketStatus::Transferred);
    assert_eq!(shop.places(&event).await, (vec![1, 1, 0, 0], 2));
    assert_eq!(shop.scan(&shop.scan_of(old, "old")).await, Err(Refusal::TicketTransferred));
    granted(shop.scan(&shop.scan_of(new, "new")).await);
    assert_eq!(shop.order_now(&bought.order).await, bought.order, "what was ordered stays what it was");
}

pub async fn the_difference_may_be_kept(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let swap = shop.swap_of(&event, &bought.tickets[0], 1);
    let swapped = granted(shop.try_swap(&SwapTicket { difference: PriceDifference::Keep, ..swap }).await);
    assert_eq!((swapped.ticket.price, swapped.refund), (ngn(500), None));
    // So a refund returns what was paid.
    let refund = granted(shop.refund(&shop.refund_of(&bought.order, &[&swapped.ticket])).await);
    assert_eq!(refund.amount, ngn(500));
    assert_eq!(shop.places(&event).await, (vec![0; 4], 0));
}

pub async fn a_type_of_the_same_price_moves_no_money(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let swapped = shop.swapped(&event, &bought.tickets[0], 2).await;
    assert_eq!((swapped.ticket.price, swapped.refund), (ngn(500), None));
    assert_eq!(shop.payment(&bought.order).await.refunds, []);
    // And back: it is another ticket again.
    let back = shop.swapped(&event, &swapped.ticket, 0).await;
    assert_eq!((back.ticket.replaces, back.first), (Some(swapped.ticket.id), true));
    assert_eq!(shop.places(&event).await, (vec![1, 0, 0, 0], 1));
}

pub async fn a_type_that_is_not_on_sale_takes_swapped_tickets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let types = [("A", 500, None), ("Secret", 500, None), ("Paused", 500, None)];
    let event = shop.event().types(&types).with(|new| {
        new.ticket_types[1].visibility = Visibility::Secret;
        new.ticket_types[2].rules.paused = true;
    });
    let event = event.create().await;
    let bought = shop.bought_of(&event, &[(0, 2)]).await;
    shop.swapped(&event, &bought.tickets[0], 1).await;
    shop.swapped(&event, &bought.tickets[1], 2).await;
    assert_eq!(shop.places(&event).await, (vec![0, 1, 1], 2));
}

pub async fn a_swap_is_possible_if_the_event_is_full(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 4)]).await;
    let swapped = shop.swapped(&event, &bought.tickets[0], 1).await;
    assert_eq!(shop.places(&event).await, (vec![3, 1, 0, 0], 4));
    let none = Refusal::SoldOut { ticket_type_id: event.ticket_types[1].id, available: 0 };
    assert_eq!(shop.try_swap(&shop.swap_of(&event, &bought.tickets[1], 1)).await, Err(none));
    assert_eq!(shop.ticket_now(&bought.tickets[1]).await, bought.tickets[1]);
    // The place that it leaves is for others.
    granted(shop.refund(&shop.refund_of(&bought.order, &[&swapped.ticket])).await);
    shop.swapped(&event, &bought.tickets[1], 1).await;
}

pub async fn uses_of_a_promo_code_stay_as_they_are(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let code = shop.code(&event, half("half").with_max_uses(2)).await;
    let order = granted(shop.try_hold(&shop.with_code(&event, &[(3, 2)], "half")).await);
    let bought = shop.settle_order(&order).await;
    assert_eq!((bought.tickets[0].price, shop.uses(&code).await), (ngn(350), (0, 2)));
    // It counts as what was paid for it: half the price of its type.
    let swapped = shop.swapped(&event, &bought.tickets[0], 1).await;
    assert_eq!((swapped.refund.map(|refund| refund.amount), shop.uses(&code).await), (Some(ngn(50)), (0, 2)));
    granted(shop.refund(&shop.refund_of(&bought.order, &[&swapped.ticket])).await);
    assert_eq!(shop.uses(&code).await, (0, 1));
}

pub async fn a_repeated_swap_finds_the_same_ticket(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let old = &bought.tickets[0];
    let swapped = shop.swapped(&event, old, 1).await;
    let mails = shop.mails(&bought.order).await;
    shop.wait(SignedDuration::from_mins(1));
    let again = shop.swapped(&event, old, 1).await;
    assert_eq!(again, Swapped { first: false, ..swapped.clone() });
    assert_eq!((shop.places(&event).await, shop.paid_back(&bought).await), ((vec![0, 1, 0, 0], 1), 200));
    assert_eq!(shop.mails(&bought.order).await, mails);
    let other = shop.try_swap(&shop.swap_of(&event, old, 2)).await;
    assert_eq!(other, Err(Refusal::TicketTransferred));
    // One whose holder has transferred it is no outcome of a swap.
    let given = shop.transferred(&swapped.ticket, "bob@example.com").await;
    let by_transfer = shop.try_swap(&shop.swap_of(&event, &swapped.ticket, 1)).await;
    assert_eq!(by_transfer, Err(Refusal::TicketTransferred));
    assert_eq!(given.ticket.ticket_type_id, event.ticket_types[1].id);
}

pub async fn a_swap_is_told_to_the_holder(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 2)]).await;
    let [of_buyer, of_another] = &bought.tickets[..] else { panic!("two tickets") };
    shop.comes(of_buyer, "Ada").await;
    let given = shop.transferred(of_another, "bob@example.com").await.ticket;
    let first = shop.swapped(&event, of_buyer, 2).await.ticket;
    let second = shop.swapped(&event, &given, 2).await.ticket;
    let told: Vec<_> = shop.mails_to(&bought.order).await.into_iter().rev().take(2).collect();
    let of = |ticket: &Ticket, to: &str| (MailKind::Ticket { ticket: ticket.id, time: 1 }, to.to_owned());
    assert_eq!(told, [of(&second, "bob@example.com"), of(&first, "ada@example.com")]);
    assert_eq!(second.holder, given.holder);
    // What is known about who comes stays with the new ticket, and can be edited there.
    let entries = shop.listed(&event, Default::default(), 100).await;
    let known = |ticket: &Ticket| entries.iter().find(|entry| entry.ticket_id == ticket.id).unwrap().clone();
    assert_eq!((known(&first).name.as_deref(), known(&second).email), (Some("Ada"), Some(email("bob@example.com"))));
    let wants: AttendeeWants = named("Ada Obi");
    granted(shop.edit_attendee(&shop.edit_of(&first, wants)).await);
    let audit = shop.payment(&bought.order).await.audit;
    let line = audit.iter().find(|line| line.action == "ticket.swapped").unwrap();
    let types = (event.ticket_types[0].id.to_string(), event.ticket_types[2].id.to_string());
    assert_eq!((&line.before, &line.after), (&Some(types.0), &Some(types.1)));
    assert_eq!(line.item, Some(format!("ticket {}", of_buyer.id)));
}

pub async fn a_swap_does_not_make_a_ticket_new_to_its_holder(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let once = |new: &mut crate::domain::event::NewEvent| {
        new.terms.transfers = TransferPolicy::new(TransferRule::Once, None);
    };
    let event = shop.event().types(&[("A", 500, None), ("B", 500, None)]).with(once).create().await;
    let bought = shop.buy(&event, 2).await;
    let given = shop.transferred(&bought.tickets[0], "bob@example.com").await.ticket;
    let swapped = shop.swapped(&event, &given, 1).await.ticket;
    let again = shop.try_offer(&shop.offer_of(&swapped, "carol@example.com")).await;
    assert_eq!(again, Err(Refusal::TransferClosed), "it was got by a transfer");
    // One that was swapped alone may be transferred, and an offer of the ticket before is void.
    let offered = shop.offer(&bought.tickets[1], "bob@example.com").await;
    let swapped = shop.swapped(&event, &bought.tickets[1], 1).await.ticket;
    assert_eq!(shop.try_take(&offered).await, Err(Refusal::TicketTransferred));
    shop.transferred(&swapped, "bob@example.com").await;
}

pub async fn refunds_after_a_swap_never_exceed_what_came(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 2)]).await;
    let swapped = shop.swapped(&event, &bought.tickets[0], 1).await;
    let exactly = |minor| RefundRequest {
        money: RefundMoney::Exactly(ngn(minor)),
        tickets: Some(vec![]),
        ..shop.refund_of(&bought.order, &[])
    };
    let left = Refusal::RefundExceedsPaid { refundable: ngn(800) };
    assert_eq!(shop.refund(&exactly(801)).await, Err(left));
    let rest = granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
    assert_eq!((rest.amount, rest.tickets.len()), (ngn(800), 2));
    assert_eq!(shop.paid_back(&bought).await, 1000);
    assert_eq!(shop.ticket_now(&swapped.ticket).await.status, TicketStatus::Refunded);

    // A difference that is not there any more is not returned, and nothing is swapped.
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let goodwill = RefundRequest { order: bought.order.reference.clone(), key: shop.reference(), ..exactly(400) };
    granted(shop.refund(&goodwill).await);
    let refused = shop.try_swap(&shop.swap_of(&event, &bought.tickets[0], 1)).await;
    assert_eq!(refused, Err(Refusal::RefundExceedsPaid { refundable: ngn(100) }));
    assert_eq!(shop.places(&event).await, (vec![1, 0, 0, 0], 1));
}

pub async fn a_reversed_charge_voids_a_swapped_ticket(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event_of_types().await;
    let bought = shop.bought_of(&event, &[(0, 1)]).await;
    let swapped = shop.swapped(&event, &bought.tickets[0], 2).await;
    shop.observe(&bought.attempt, Observation::Reversed).await;
    assert_eq!(shop.ticket_now(&swapped.ticket).await.status, TicketStatus::Cancelled);
    assert_eq!(shop.places(&event).await, (vec![0; 4], 0));
}

pub async fn a_ticket_swapped_eight_times_at_once_is_swapped_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..4 {
        let event = shop.event_of_types().await;
        let bought = shop.bought_of(&event, &[(0, 1)]).await;
        let outcomes = at_once(8, |number| {
            let swap = shop.swap_of(&event, &bought.tickets[0], 1 + number % 2);
            let shop = Arc::clone(&shop);
            async move { shop.try_swap(&swap).await }
        });
        let outcomes = outcomes.await;
        let swapped: Vec<_> = outcomes.iter().flatten().collect();
        assert_eq!(swapped.iter().filter(|swapped| swapped.first).count(), 1);
        assert!(swapped.iter().all(|other| other.ticket == swapped[0].ticket));
        assert_eq!(swapped.len(), 4, "those who wanted another type are refused");
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == Err(Refusal::TicketTransferred)));
        let (of_types, all) = shop.places(&event).await;
        assert_eq!((of_types.iter().sum::<i64>(), all), (1, 1));
        let back = if of_types[1] == 1 { 200 } else { 0 };
        assert_eq!(shop.paid_back(&bought).await, back);
    }
}

pub async fn the_last_place_of_a_type_goes_to_one_swap(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..4 {
        let event = shop.event_of_types().await;
        let bought = [shop.bought_of(&event, &[(0, 1)]).await, shop.bought_of(&event, &[(0, 1)]).await];
        let outcomes = at_once(3, |number| {
            let swap = shop.swap_of(&event, &bought[number % 2].tickets[0], 1);
            let hold = shop.wish_of(&event, &[(1, 1)]);
            let shop = Arc::clone(&shop);
            async move {
                match number {
                    2 => shop.try_hold(&hold).await.is_ok(),
                    _ => shop.try_swap(&swap).await.is_ok(),
                }
            }
        });
        assert_eq!(outcomes.await.into_iter().filter(|won| *won).count(), 1);
    }
}
