//! Transfers of tickets to somebody else.

mod afterwards;
mod rules;

pub use afterwards::*;
pub use rules::*;

use super::races::at_once;
use super::shop::{PRICE, Shop, email, external, granted};
use crate::domain::code::Reference;
use crate::domain::event::Event;
use crate::domain::order::Order;
use crate::domain::outbox::MailKind;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Ticket, TicketKey, TicketStatus};
use crate::domain::transfer::{
    FindTransfer, FoundTransfer, ListTransfers, OfferTransfer, TakeTransfer, TakenTransfer, Transfer, TransferStatus,
    WithdrawTransfer,
};
use crate::storage::{Outcome, Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Shop {
    pub(super) fn offer_of(&self, ticket: &Ticket, to: &str) -> OfferTransfer {
        let (actor, reference) = (ticket.holder.clone(), self.reference());
        OfferTransfer { ticket_id: ticket.id, actor, to: email(to), reference }
    }

    pub(super) async fn try_offer(&self, offer: &OfferTransfer) -> Outcome<Transfer> {
        self.storage.apply_one(self.now(), offer.clone()).await.unwrap()
    }

    /// The holder offers a ticket.
    pub(super) async fn offer(&self, ticket: &Ticket, to: &str) -> Transfer {
        granted(self.try_offer(&self.offer_of(ticket, to)).await)
    }

    pub(super) fn take_of(&self, transfer: &Transfer) -> TakeTransfer {
        TakeTransfer { reference: transfer.reference.clone(), holder: None, name: None, seed: self.seed() }
    }

    /// Somebody without an account takes a ticket.
    pub(super) async fn try_take(&self, transfer: &Transfer) -> Outcome<TakenTransfer> {
        self.take_as(&self.take_of(transfer)).await
    }

    pub(super) async fn take_as(&self, take: &TakeTransfer) -> Outcome<TakenTransfer> {
        self.storage.apply_one(self.now(), take.clone()).await.unwrap()
    }

    /// A ticket is offered and taken by somebody without an account.
    pub(super) async fn transferred(&self, ticket: &Ticket, to: &str) -> TakenTransfer {
        let offered = self.offer(ticket, to).await;
        granted(self.try_take(&offered).await)
    }

    pub(super) async fn take_back(&self, ticket: &Ticket, actor: &Principal) -> Outcome<bool> {
        let withdraw = WithdrawTransfer { ticket_id: ticket.id, actor: actor.clone() };
        self.storage.apply_one(self.now(), withdraw).await.unwrap()
    }

    async fn transfers(&self, ticket: &Ticket) -> Vec<Transfer> {
        self.storage.find(ListTransfers(ticket.id)).await.unwrap()
    }

    async fn found_transfer(&self, reference: &Reference) -> Option<FoundTransfer> {
        self.storage.find(FindTransfer(reference.clone())).await.unwrap()
    }

    /// The mails of an order, with whom they are for.
    pub(super) async fn mails_to(&self, order: &Order) -> Vec<(MailKind, String)> {
        self.mails(order).await.into_iter().map(|mail| (mail.kind, mail.to.to_string())).collect()
    }

    async fn sold(&self, event: &Event) -> i64 {
        self.stock(event).await.1
    }
}

pub async fn an_offer_changes_nothing_about_the_ticket(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let ticket = &bought.tickets[0];
    shop.wait(MINUTE);
    let offer = shop.offer_of(ticket, "Bob@example.com");
    let offered = granted(shop.try_offer(&offer).await);
    assert_eq!(
        (offered.ticket_id, offered.order_id, &offered.reference),
        (ticket.id, ticket.order_id, &offer.reference)
    );
    assert_eq!((&offered.from, &offered.to), (&bought.order.buyer.email, &offer.to));
    assert_eq!((offered.status, offered.new_ticket_id), (TransferStatus::Offered, None));
    assert_eq!((offered.created_at, offered.updated_at), (shop.now(), shop.now()));
    assert_eq!(shop.transfers(ticket).await, std::slice::from_ref(&offered));
    assert_eq!(shop.ticket_now(ticket).await, *ticket);
    assert_eq!(shop.sold(&event).await, 1);
    granted(shop.scan(&shop.scan_of(ticket, "in")).await);
}

pub async fn taking_makes_the_old_ticket_void_and_issues_another_one(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 250, None)]).create().await;
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1), (1, 2)])).await);
    let bought = shop.settle_order(&order).await;
    let old = &bought.tickets[1];
    let offered = shop.offer(old, "bob@example.com").await;
    shop.wait(MINUTE);
    let take = shop.take_of(&offered);
    let taken = granted(shop.take_as(&TakeTransfer { name: Some("Bob".to_owned()), ..take }).await);
    let new = &taken.ticket;
    let void = shop.ticket_now(old).await;
    assert_eq!((void.status, void.updated_at, &void.code), (TicketStatus::Transferred, shop.now(), &old.code));
    assert_ne!(new.code, old.code);
    assert_eq!((new.order_id, new.line, new.event_id), (old.order_id, old.line, old.event_id));
    assert_eq!((new.ticket_type_id, new.price, new.replaces), (old.ticket_type_id, old.price, Some(old.id)));
    assert_eq!((new.ordinal, new.issued_at, new.status), (2, shop.now(), TicketStatus::Active));
    assert_eq!(new.holder, Principal::Guest(offered.reference.clone()), "somebody without an account");
    assert_eq!((taken.first, taken.transfer.status), (true, TransferStatus::Taken));
    assert_eq!((taken.transfer.new_ticket_id, taken.transfer.updated_at), (Some(new.id), shop.now()));
    assert_eq!(shop.storage.ticket(&TicketKey::Code(new.code.clone())).await.unwrap().as_ref(), Some(new));
    assert_eq!(shop.transfers(old).await, std::slice::from_ref(&taken.transfer));

    // Somebody with an account, or known to the application, holds it as that.
    let offered = shop.offer(&bought.tickets[0], "carol@example.com").await;
    let take = TakeTransfer { holder: Some(external("carol")), ..shop.take_of(&offered) };
    assert_eq!(granted(shop.take_as(&take).await).ticket.holder, external("carol"));
    let names: Vec<_> = shop.listed(&event, Default::default(), 100).await;
    let of_new = names.iter().find(|entry| entry.ticket_id == new.id).unwrap();
    assert_eq!((of_new.name.as_deref(), &of_new.email), (Some("Bob"), &Some(email("bob@example.com"))));
    assert_eq!(shop.order_now(&bought.order).await, bought.order, "the buyer stays the buyer");
    assert_eq!(shop.sold(&event).await, 3);
}

pub async fn a_ticket_of_a_sold_out_event_is_transferred(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let bought = shop.buy(&event, 1).await;
    let taken = shop.transferred(&bought.tickets[0], "bob@example.com").await;
    assert_eq!(shop.stock(&event).await, (0, 1));
    // And on to the next.
    let next = shop.transferred(&taken.ticket, "carol@example.com").await;
    assert_eq!((next.ticket.replaces, shop.stock(&event).await), (Some(taken.ticket.id), (0, 1)));
    let sold_out = Refusal::SoldOut { ticket_type_id: event.ticket_types[0].id, available: 0 };
    assert_eq!(shop.try_hold(&shop.hold_request(&event, 1)).await, Err(sold_out));
}

pub async fn a_repeat_finds_what_the_first_call_made(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let ticket = &bought.tickets[0];
    let offered = shop.offer(ticket, "bob@example.com").await;
    shop.wait(MINUTE);
    assert_eq!(shop.offer(ticket, "BOB@example.com").await, offered, "an address has many spellings");
    assert_eq!(shop.mail_kinds(&bought.order).await, [MailKind::Tickets, MailKind::TransferOffered(offered.id)]);
    let taken = granted(shop.try_take(&offered).await);
    let mails = shop.mails(&bought.order).await;
    // Also once nothing can be offered any more.
    shop.wait(SignedDuration::from_hours(24 * 40));
    let again = granted(shop.take_as(&TakeTransfer { holder: Some(external("eve")), ..shop.take_of(&offered) }).await);
    assert_eq!((&again.ticket, &again.transfer, again.first), (&taken.ticket, &taken.transfer, false));
    assert_eq!(shop.mails(&bought.order).await, mails);
    assert_eq!(shop.payment(&bought.order).await.tickets.len(), 2);
}

pub async fn an_offer_to_another_address_replaces_the_open_one(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let first = shop.offer(&bought.tickets[0], "bob@example.com").await;
    let second = shop.offer(&bought.tickets[0], "carol@example.com").await;
    let statuses: Vec<_> = shop.transfers(&bought.tickets[0]).await.iter().map(|transfer| transfer.status).collect();
    assert_eq!(statuses, [TransferStatus::Withdrawn, TransferStatus::Offered]);
    assert_eq!(shop.try_take(&first).await, Err(Refusal::TransferUnknown));
    let unknown = Transfer { reference: shop.reference(), ..first };
    assert_eq!(shop.try_take(&unknown).await, Err(Refusal::TransferUnknown));
    granted(shop.try_take(&second).await);
}

pub async fn an_offer_is_taken_back(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let (ticket, holder) = (&bought.tickets[0], &bought.order.buyer.who);
    assert_eq!(shop.take_back(ticket, holder).await, Ok(false), "nothing was offered");
    let offered = shop.offer(ticket, "bob@example.com").await;
    shop.wait(MINUTE);
    assert_eq!(shop.take_back(ticket, holder).await, Ok(true));
    let withdrawn = shop.transfers(ticket).await.remove(0);
    assert_eq!((withdrawn.status, withdrawn.updated_at), (TransferStatus::Withdrawn, shop.now()));
    shop.wait(MINUTE);
    assert_eq!(shop.take_back(ticket, holder).await, Ok(false), "a repeat changes nothing");
    assert_eq!(shop.transfers(ticket).await, [withdrawn]);
    assert_eq!(shop.try_take(&offered).await, Err(Refusal::TransferUnknown));
    let again = shop.offer(ticket, "bob@example.com").await;
    assert_ne!(again.id, offered.id);
    granted(shop.try_take(&again).await);
    assert_eq!(shop.take_back(ticket, holder).await, Err(Refusal::TicketTransferred));
}

pub async fn a_transfer_is_found_with_what_it_is_about(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let offered = shop.offer(&bought.tickets[0], "bob@example.com").await;
    let found = shop.found_transfer(&offered.reference).await.unwrap();
    assert_eq!((&found.transfer, &found.ticket, &found.new_ticket), (&offered, &bought.tickets[0], &None));
    assert_eq!(found.event.id, event.id);
    let taken = granted(shop.try_take(&offered).await);
    let found = shop.found_transfer(&offered.reference).await.unwrap();
    assert_eq!((found.transfer, found.new_ticket), (taken.transfer, Some(taken.ticket)));
    assert_eq!(found.ticket.status, TicketStatus::Transferred);
    assert_eq!(shop.found_transfer(&bought.order.reference).await, None, "an order is no transfer");
}

pub async fn a_ticket_taken_eight_times_at_once_is_one_ticket(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..4 {
        let bought = shop.buy(&event, 1).await;
        let offered = shop.offer(&bought.tickets[0], "bob@example.com").await;
        let outcomes = at_once(8, |_| {
            let (shop, offered) = (Arc::clone(&shop), offered.clone());
            async move { granted(shop.try_take(&offered).await) }
        });
        let outcomes = outcomes.await;
        assert_eq!(outcomes.iter().filter(|taken| taken.first).count(), 1);
        assert!(outcomes.iter().all(|taken| taken.ticket == outcomes[0].ticket));
        assert_eq!(shop.payment(&bought.order).await.tickets.len(), 2);
        assert_eq!(shop.mails(&bought.order).await.len(), 4);
    }
}

pub async fn of_taking_and_scanning_at_once_one_wins(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for round in 0..8 {
        let bought = shop.buy(&event, 1).await;
        let ticket = &bought.tickets[0];
        let offered = shop.offer(ticket, "bob@example.com").await;
        let outcomes = at_once(2, |index| {
            let (shop, offered, ticket) = (Arc::clone(&shop), offered.clone(), ticket.clone());
            async move {
                match index {
                    0 => shop.try_take(&offered).await.map(drop),
                    _ => shop.scan(&shop.scan_of(&ticket, &format!("in {round}"))).await.map(drop),
                }
            }
        });
        let used = Refusal::TicketNotValid { ticket_id: ticket.id, ticket_status: TicketStatus::Used };
        match outcomes.await.as_slice() {
            [Ok(()), Err(refusal)] => assert_eq!(*refusal, Refusal::TicketTransferred),
            [Err(refusal), Ok(())] => assert_eq!(*refusal, used),
            other => panic!("one of them: {other:?}"),
        }
    }
    assert_eq!(shop.sold(&event).await, 8);
}

pub async fn of_taking_and_refunding_at_once_one_wins(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..8 {
        let before = shop.sold(&event).await;
        let bought = shop.buy(&event, 1).await;
        let ticket = &bought.tickets[0];
        let offered = shop.offer(ticket, "bob@example.com").await;
        let outcomes = at_once(2, |index| {
            let (shop, offered) = (Arc::clone(&shop), offered.clone());
            let (order, ticket) = (bought.order.clone(), ticket.clone());
            async move {
                match index {
                    0 => shop.try_take(&offered).await.map(drop),
                    _ => shop.refund(&shop.refund_of(&order, &[&ticket])).await.map(drop),
                }
            }
        });
        let void = Refusal::TicketNotValid { ticket_id: ticket.id, ticket_status: TicketStatus::Transferred };
        let after = shop.sold(&event);
        match outcomes.await.as_slice() {
            [Ok(()), Err(refusal)] => assert_eq!((refusal, after.await - before), (&void, 1)),
            [Err(refusal), Ok(())] => assert_eq!((refusal, after.await - before), (&Refusal::TicketRefunded, 0)),
            other => panic!("one of them: {other:?}"),
        }
        let back: i64 = shop.payment(&bought.order).await.refunds.iter().map(|refund| refund.amount.minor()).sum();
        assert!(back <= PRICE);
    }
}
