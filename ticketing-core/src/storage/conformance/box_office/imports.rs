//! Many orders at once, and orders of which nobody is told.

use super::super::races::at_once;
use super::super::shop::{Shop, email, external, granted};
use super::cash;
use crate::domain::attendee::NewAttendee;
use crate::domain::event::Event;
use crate::domain::order::{IssueLine, IssueOrder, IssueOrders, IssuePayment, Issued, OrderFilter, OrderStatus};
use crate::domain::outbox::MailKind;
use crate::domain::page::PageRequest;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::{Storage, StorageExt as _};
use std::sync::Arc;

impl Shop {
    fn many_of(&self, event: &Event, quantities: &[u32]) -> Vec<IssueOrder> {
        quantities.iter().map(|quantity| self.issue_of(event, *quantity, IssuePayment::Free)).collect()
    }

    async fn issue_many(&self, orders: &[IssueOrder], is_dry: bool) -> Result<Vec<Issued>, Vec<(usize, Refusal)>> {
        let issue = IssueOrders { orders: orders.to_vec(), is_dry };
        self.storage.apply_one(self.now(), issue).await.unwrap()
    }

    /// Everything that an import may write, in a form that shows whether it did.
    async fn written(&self, event: &Event) -> (u64, (i64, i64)) {
        let filter = OrderFilter { event_id: Some(event.id), ..OrderFilter::default() };
        let orders = self.storage.orders(&filter, PageRequest::default().with_count(true)).await.unwrap();
        (orders.total.unwrap(), self.stock(event).await)
    }
}

pub async fn many_orders_are_issued_at_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(10).create().await;
    let mut orders = shop.many_of(&event, &[2, 1, 3]);
    orders[1].payment = cash();
    let issued = granted(shop.issue_many(&orders, false).await);
    let known: Vec<_> = issued.iter().map(|of| (of.tickets.len(), of.order.status, of.first)).collect();
    assert_eq!(known, [2, 1, 3].map(|tickets| (tickets, OrderStatus::Paid, true)));
    assert!(issued.iter().zip(&orders).all(|(of, wanted)| of.order.reference == wanted.reference));
    for of in &issued {
        assert_eq!(shop.order_now(&of.order).await, of.order);
        assert_eq!(shop.mail_kinds(&of.order).await, [MailKind::Tickets]);
    }
    assert_eq!(shop.written(&event).await, (3, (0, 6)));
    granted(shop.scan(&shop.scan_of(&issued[2].tickets[2], "in")).await);
}

pub async fn many_orders_are_issued_all_or_none(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().capacity(10).create().await, shop.event().create().await);
    let mut orders = shop.many_of(&event, &[1, 1, 1, 1, 1]);
    // Wrong rows in the middle, each for a reason of its own.
    let foreign = other.ticket_types[0].id;
    orders[1].lines[0].ticket_type_id = Some(foreign);
    orders[2].scope = Scope::own(&external("another"));
    let used = granted(shop.issue(&shop.issue_of(&other, 1, IssuePayment::Free)).await);
    orders[3].reference = used.order.reference.clone();
    let wrong = vec![
        (1, Refusal::TicketTypeUnknown { ticket_type_id: foreign }),
        (2, Refusal::EventUnknown { event_id: event.id }),
        (3, Refusal::KeyReused),
    ];
    for is_dry in [true, false] {
        assert_eq!(shop.issue_many(&orders, is_dry).await, Err(wrong.clone()));
        assert_eq!(shop.written(&event).await, (0, (0, 0)));
    }
    let right = [orders[0].clone(), orders[4].clone()];
    assert_eq!(granted(shop.issue_many(&right, false).await).len(), 2, "what was refused has used up nothing");

    shop.cancel_event(&event).await;
    let late = shop.many_of(&event, &[1, 1]);
    let cancelled = vec![(0, Refusal::EventCancelled), (1, Refusal::EventCancelled)];
    assert_eq!(shop.issue_many(&late, false).await, Err(cancelled));
}

pub async fn places_are_counted_over_all_orders_of_an_import(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(6).types(&[("A", 100, None), ("B", 250, Some(2))]).create().await;
    let (a, b) = (event.ticket_types[0].id, event.ticket_types[1].id);
    let of_b = |quantity| IssueOrder {
        lines: vec![IssueLine::new(b, quantity)],
        ..shop.issue_of(&event, 1, IssuePayment::Free)
    };
    let sold_out = |ticket_type_id, available| Refusal::SoldOut { ticket_type_id, available };
    let orders = [of_b(1), of_b(1), of_b(1)];
    assert_eq!(shop.issue_many(&orders, true).await, Err(vec![(2, sold_out(b, 2))]));
    // One that has no place takes none from those after it.
    let mut orders = shop.many_of(&event, &[4, 3, 2]);
    assert_eq!(shop.issue_many(&orders, false).await, Err(vec![(1, sold_out(a, 6))]));
    orders.remove(1);
    granted(shop.issue_many(&orders, false).await);
    assert_eq!(shop.written(&event).await, (2, (0, 6)));
    assert_eq!(shop.issue_many(&[of_b(1)], false).await, Err(vec![(0, sold_out(b, 0))]));
}

pub async fn a_dry_run_writes_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(3).create().await;
    let orders = shop.many_of(&event, &[2, 1]);
    assert_eq!(shop.issue_many(&orders, true).await, Ok(vec![]));
    assert_eq!(shop.written(&event).await, (0, (0, 0)));
    granted(shop.issue_many(&orders, false).await);
    // What is there already would be found again.
    assert_eq!(shop.issue_many(&orders, true).await, Ok(vec![]));
}

pub async fn a_repeated_import_finds_the_same_orders(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(4).create().await;
    let mut orders = shop.many_of(&event, &[2, 1]);
    let first = granted(shop.issue_many(&orders, false).await);
    // Its answer was lost, and one more row was added. There is one place left.
    orders.extend(shop.many_of(&event, &[1]));
    let again = granted(shop.issue_many(&orders, false).await);
    assert_eq!(again.iter().map(|of| of.first).collect::<Vec<_>>(), [false, false, true]);
    for (known, found) in first.iter().zip(&again) {
        assert_eq!((&found.order, &found.tickets), (&known.order, &known.tickets));
    }
    assert_eq!(shop.written(&event).await, (3, (0, 4)));
    orders[0].lines[0].quantity = 1;
    assert_eq!(shop.issue_many(&orders, false).await, Err(vec![(0, Refusal::KeyReused)]));
}

pub async fn nobody_is_told_of_orders_that_are_not_mailed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bob = NewAttendee::default().with_name("Bob".to_owned()).with_email(email("bob@example.com"));
    let line = IssueLine::new(event.ticket_types[0].id, 2).with_attendees(vec![bob]);
    let of =
        |is_mailed, payment| IssueOrder { lines: vec![line.clone()], is_mailed, ..shop.issue_of(&event, 2, payment) };
    let mut orders = vec![of(false, IssuePayment::Free), of(false, cash()), of(true, IssuePayment::Free)];
    let silent = granted(shop.issue(&orders[0]).await);
    let issued = granted(shop.issue_many(&orders.split_off(1), false).await);
    for of in [&silent, &issued[0]] {
        assert_eq!(shop.mails(&of.order).await, []);
        assert_eq!(of.order.buyer.email, Some(email("school@example.com")), "the address is kept");
        assert_eq!(shop.order_now(&of.order).await, of.order);
    }
    let told = [
        (MailKind::Tickets, "school@example.com".to_owned()),
        (MailKind::Ticket { ticket: issued[1].tickets[0].id, time: 1 }, "bob@example.com".to_owned()),
    ];
    assert_eq!(shop.mails_to(&issued[1].order).await, told);
    // Who asks for them gets them.
    let again = granted(shop.resend(&shop.resend_of(&silent.order)).await);
    assert_eq!(again.to.as_str(), "school@example.com");
    assert_eq!(shop.issue(&of(false, IssuePayment::Free)).await.map(|of| of.first), Ok(true));
}

pub async fn two_imports_at_once_never_oversell(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..4 {
        let event = shop.event().capacity(5).create().await;
        let outcomes = at_once(4, |_| {
            let (shop, orders) = (Arc::clone(&shop), shop.many_of(&event, &[1, 1, 1]));
            async move { shop.issue_many(&orders, false).await }
        });
        assert_eq!(outcomes.await.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(shop.written(&event).await, (3, (0, 3)));
    }
}
