//! What follows from a transfer: mails, the door, the money, and who sees what.

use super::super::shop::{PRICE, Shop, email, granted, ngn};
use crate::domain::event::ReturnPolicy;
use crate::domain::outbox::MailKind;
use crate::domain::page::PageRequest;
use crate::domain::payment::Observation;
use crate::domain::principal::Principal;
use crate::domain::refund::RefundStatus;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Ticket, TicketFilter, TicketStatus};
use crate::domain::transfer::TransferStatus;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

impl Shop {
    /// The tickets that somebody sees, with their status.
    async fn seen_by(&self, who: &Principal) -> Vec<(i64, TicketStatus)> {
        let filter = TicketFilter::default().with_holder(who.clone());
        let page = PageRequest::default().with_count(true);
        let found = self.storage.tickets(&filter, page).await.unwrap();
        assert_eq!(found.total, Some(found.items.len() as u64));
        found.items.iter().map(|ticket| (ticket.id.0, ticket.status)).collect()
    }
}

pub async fn everybody_is_told_of_a_transfer(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let replaced = shop.offer(&bought.tickets[0], "eve@example.com").await;
    let taken = shop.transferred(&bought.tickets[0], "bob@example.com").await;
    let back = shop.offer(&taken.ticket, "carol@example.com").await;
    granted(shop.take_back(&taken.ticket, &taken.ticket.holder).await);
    let of = |kind, to: &str| (kind, to.to_owned());
    assert_eq!(
        shop.mails_to(&bought.order).await,
        [
            of(MailKind::Tickets, "ada@example.com"),
            of(MailKind::TransferOffered(replaced.id), "eve@example.com"),
            of(MailKind::TransferOffered(taken.transfer.id), "bob@example.com"),
            of(MailKind::Ticket { ticket: taken.ticket.id, time: 1 }, "bob@example.com"),
            of(MailKind::TransferTaken(taken.transfer.id), "ada@example.com"),
            of(MailKind::TransferOffered(back.id), "carol@example.com"),
        ]
    );
    assert_eq!(back.from, Some(email("bob@example.com")), "who has it now is told when it is taken");
    let audit = shop.payment(&bought.order).await.audit;
    let lines: Vec<_> = audit.iter().map(|line| (line.action.as_str(), line.item.clone())).collect();
    let (old, new) = (format!("ticket {}", bought.tickets[0].id), format!("ticket {}", taken.ticket.id));
    let offered = ("transfer.offered", Some(old.clone()));
    let last = [
        offered.clone(),
        offered,
        ("ticket.transferred", Some(old)),
        ("transfer.offered", Some(new.clone())),
        ("transfer.withdrawn", Some(new)),
    ];
    assert!(lines.ends_with(&last), "{lines:?}");
    assert!(!format!("{audit:?}").contains("@example.com"), "the log keeps no address");
}

pub async fn the_old_code_opens_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let old = shop.buy(&event, 1).await.tickets.remove(0);
    let new = shop.transferred(&old, "bob@example.com").await.ticket;
    assert_eq!(shop.scan(&shop.scan_of(&old, "old")).await, Err(Refusal::TicketTransferred));
    granted(shop.scan(&shop.scan_of(&new, "new")).await);
    assert_eq!(shop.scan(&shop.scan_of(&old, "old again")).await, Err(Refusal::TicketTransferred));
}

pub async fn the_money_of_a_transferred_ticket_stays_with_its_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let [old, other] = &bought.tickets[..] else { panic!("two tickets") };
    let new = shop.transferred(old, "bob@example.com").await.ticket;
    let void = Refusal::TicketNotValid { ticket_id: old.id, ticket_status: TicketStatus::Transferred };
    assert_eq!(shop.refund(&shop.refund_of(&bought.order, &[old])).await, Err(void));
    let refund = granted(shop.refund(&shop.refund_of(&bought.order, &[&new])).await);
    assert_eq!((refund.amount, refund.status), (ngn(PRICE), RefundStatus::Due));
    assert_eq!((shop.ticket_now(&new).await.status, shop.stock(&event).await), (TicketStatus::Refunded, (0, 1)));

    // A charge that is taken back takes every ticket with it. Who holds it makes no difference.
    let second = shop.transferred(other, "carol@example.com").await.ticket;
    shop.observe(&bought.attempt, Observation::Reversed).await;
    assert_eq!(shop.ticket_now(&second).await.status, TicketStatus::Cancelled);
    assert_eq!(shop.ticket_now(other).await.status, TicketStatus::Transferred, "what it was before");
    assert_eq!(shop.stock(&event).await, (0, 0));
    assert_eq!(shop.scan(&shop.scan_of(&second, "in")).await, Err(Refusal::TicketCancelled));
}

pub async fn a_cancelled_event_voids_tickets_that_were_transferred(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let new = shop.transferred(&bought.tickets[0], "bob@example.com").await.ticket;
    shop.cancel_event(&event).await;
    shop.undo(10).await;
    assert!(!shop.ticket_now(&new).await.status.is_valid());
    let refunds = shop.payment(&bought.order).await.refunds;
    assert_eq!(refunds.iter().map(|refund| refund.amount).collect::<Vec<_>>(), [ngn(2 * PRICE)]);
}

pub async fn who_gave_a_ticket_away_is_not_sent_it_again(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    shop.transferred(&bought.tickets[0], "bob@example.com").await;
    granted(shop.resend(&shop.resend_of(&bought.order)).await);
    shop.transferred(&bought.tickets[1], "bob@example.com").await;
    assert_eq!(shop.resend(&shop.resend_of(&bought.order)).await, Err(Refusal::NoValidTickets));
}

pub async fn a_ticket_that_was_transferred_is_not_the_buyers_to_return(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let until = shop.now() + SignedDuration::from_hours(48);
    let event = shop.event().with(|new| new.terms.returns = ReturnPolicy::new(until, 0)).create().await;
    let bought = shop.buy(&event, 2).await;
    let new = shop.transferred(&bought.tickets[0], "bob@example.com").await.ticket;
    let one = |ticket: &Ticket| shop.return_of(&bought.order, Some(vec![ticket.id]));
    assert_eq!(shop.give_back(&one(&new)).await, Err(Refusal::TicketTransferred));
    let old = &bought.tickets[0];
    let void = Refusal::TicketNotValid { ticket_id: old.id, ticket_status: TicketStatus::Transferred };
    assert_eq!(shop.give_back(&one(old)).await, Err(void));
    let rest = granted(shop.give_back(&shop.return_of(&bought.order, None)).await);
    assert_eq!((rest.tickets, rest.amount), (vec![bought.tickets[1].id], ngn(PRICE)));
    assert_eq!(shop.ticket_now(&new).await.status, TicketStatus::Active);
    let none = shop.give_back(&shop.return_of(&bought.order, None)).await;
    assert_eq!(none, Err(Refusal::NothingToRefund));
}

pub async fn an_erased_buyer_leaves_no_address_in_transfers(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let taken = shop.transferred(&bought.tickets[0], "bob@example.com").await;
    let open = shop.offer(&bought.tickets[1], "carol@example.com").await;
    shop.wait(SignedDuration::from_hours(24 * 60));
    assert!(shop.erase_buyer(&bought.order).await);
    let mut all = shop.transfers(&bought.tickets[0]).await;
    all.extend(shop.transfers(&bought.tickets[1]).await);
    assert!(all.iter().all(|transfer| transfer.to.is_erased()), "{all:?}");
    assert!(all.iter().all(|transfer| transfer.from.as_ref().is_none_or(|from| from.is_erased())), "{all:?}");
    let statuses: Vec<_> = all.iter().map(|transfer| transfer.status).collect();
    assert_eq!(statuses, [TransferStatus::Taken, TransferStatus::Withdrawn]);
    assert_eq!(shop.try_take(&open).await, Err(Refusal::TransferUnknown));
    assert!(shop.mails(&bought.order).await.iter().all(|mail| mail.to.is_erased()));
    assert_eq!(shop.ticket_now(&taken.ticket).await, taken.ticket, "the ticket stays valid");
    assert_eq!(shop.try_take(&taken.transfer).await.map(|again| again.ticket), Ok(taken.ticket));
}

pub async fn guests_see_the_tickets_that_they_hold(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.guest(&event, 2, Some("ada@example.com")).await;
    let bought = shop.settle_order(&order).await;
    let [kept, old] = &bought.tickets[..] else { panic!("two tickets") };
    let taken = shop.transferred(old, "bob@example.com").await;
    let guest = Principal::Guest(order.reference.clone());
    let own = [(old.id.0, TicketStatus::Transferred), (kept.id.0, TicketStatus::Active)];
    assert_eq!(shop.seen_by(&guest).await, own);
    let taker = Principal::Guest(taken.transfer.reference.clone());
    assert_eq!(shop.seen_by(&taker).await, [(taken.ticket.id.0, TicketStatus::Active)]);
    // And on: who gave it away sees that it is gone.
    let next = shop.transferred(&taken.ticket, "carol@example.com").await;
    assert_eq!(shop.seen_by(&taker).await, [(taken.ticket.id.0, TicketStatus::Transferred)]);
    let last = Principal::Guest(next.transfer.reference);
    assert_eq!(shop.seen_by(&last).await, [(next.ticket.id.0, TicketStatus::Active)]);
    assert_eq!(shop.seen_by(&guest).await, own);
}
