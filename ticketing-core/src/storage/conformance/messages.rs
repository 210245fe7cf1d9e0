//! Messages to the attendees of an event.

mod limits;

pub use limits::*;

use super::attendees::named;
use super::races::at_once;
use super::shop::{Shop, email, external, granted};
use crate::domain::attendee::AttendeeWants;
use crate::domain::audit::{AuditLine, ListAuditOfEvent};
use crate::domain::event::Event;
use crate::domain::message::{
    Audience, ExpandMessages, FindMessage, ListMessages, ListRecipients, Message, MessageStatus, Presence, SendMessage,
    StopMessage,
};
use crate::domain::order::Order;
use crate::domain::outbox::MailKind;
use crate::domain::page::{CursorRequest, PageRequest};
use crate::domain::principal::Buyer;
use crate::domain::scope::Scope;
use crate::domain::ticket::Ticket;
use crate::storage::{Outcome, Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Shop {
    fn message_of(&self, event: &Event) -> SendMessage {
        SendMessage {
            key: self.reference(),
            event_id: event.id,
            subject: "Doors open at six".to_owned(),
            text: "Come early.\nBring the ticket.".to_owned(),
            audience: Audience::default(),
            actor: self.organizer.clone(),
            scope: Scope::own(&self.organizer),
        }
    }

    async fn try_send(&self, send: &SendMessage) -> Outcome<Message> {
        self.storage.apply_one(self.now(), send.clone()).await.unwrap()
    }

    async fn send_to(&self, event: &Event, audience: Audience) -> Message {
        granted(self.try_send(&SendMessage { audience, ..self.message_of(event) }).await)
    }

    async fn stop(&self, message: &Message, scope: Scope) -> Outcome<Message> {
        let (id, event_id, actor) = (message.id, message.event_id, self.organizer.clone());
        self.storage.apply_one(self.now(), StopMessage { id, event_id, actor, scope }).await.unwrap()
    }

    async fn go_on(&self, limit: u32) -> Vec<Message> {
        self.storage.apply_one(self.now(), ExpandMessages { limit }).await.unwrap()
    }

    /// Upkeep, until there is nothing left to do.
    async fn send_all(&self, limit: u32) {
        for _ in 0..100 {
            if self.go_on(limit).await.is_empty() {
                return;
            }
        }
        panic!("messages never end");
    }

    async fn message_now(&self, message: &Message) -> Message {
        self.storage.find(FindMessage(message.id)).await.unwrap().unwrap()
    }

    /// Who has a mail of a message, by order.
    async fn reached(&self, message: &Message, orders: &[&Order]) -> Vec<String> {
        let mut all = vec![];
        for order in orders {
            let mails = self.mails(order).await.into_iter();
            let of = |kind: MailKind| matches!(kind, MailKind::Message { message: id, .. } if id == message.id);
            all.extend(mails.filter(|mail| of(mail.kind)).map(|mail| mail.to.to_string()));
        }
        all
    }

    /// Whom a message would go to, in pages of one order.
    async fn recipients(&self, event: &Event, audience: Audience) -> Vec<String> {
        let mut page = CursorRequest::default().with_limit(1);
        let mut all = vec![];
        loop {
            let list = ListRecipients { event_id: event.id, audience, page };
            let found = self.storage.find(list).await.unwrap();
            all.extend(found.items.iter().map(ToString::to_string));
            let Some(next) = found.next else { return all };
            page = page.with_after(next);
        }
    }

    async fn mailed_to(&self, ticket: &Ticket, address: &str) {
        let wants = AttendeeWants::default().with_email(Some(email(address)));
        granted(self.edit_attendee(&self.edit_of(ticket, wants)).await);
    }

    async fn audit_of(&self, event: &Event) -> Vec<AuditLine> {
        let list = ListAuditOfEvent { scope: Scope::all(), event_id: event.id, page: PageRequest::default() };
        self.storage.find(list).await.unwrap().items
    }
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort_unstable();
    all
}

pub async fn each_address_gets_a_message_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let first = shop.bought_by(&event, 2, "ada@example.com").await;
    let mut hold = shop.hold_request(&event, 1);
    hold.buyer = Buyer { who: external("ada"), email: Some(email("ADA@example.com")) };
    let same = shop.settle_order(&granted(shop.try_hold(&hold).await)).await;
    let bob = shop.bought_by(&event, 1, "bob@example.com").await;
    let foreign = shop.bought_by(&other, 1, "carol@example.com").await;
    let (held, returned) = (shop.hold(&event, 1).await, shop.bought_by(&event, 1, "dan@example.com").await);
    granted(shop.refund(&shop.refund_of(&returned.order, &[])).await);
    let orders = [&first.order, &same.order, &bob.order, &foreign.order, &held, &returned.order];
    let expected = ["ada@example.com", "ADA@example.com", "bob@example.com"];
    assert_eq!(shop.recipients(&event, Audience::default()).await, expected, "once for each order");

    let sent = shop.send_to(&event, Audience::default()).await;
    assert_eq!((sent.status, sent.mails, sent.last_order_id), (MessageStatus::Sending, 0, None));
    assert_eq!(shop.message_now(&sent).await, sent);
    assert_eq!(shop.reached(&sent, &orders).await, Vec::<String>::new(), "upkeep does it");
    shop.wait(MINUTE);
    // In one go, and then order by order.
    for limit in [10, 1] {
        let sent = shop.send_to(&event, Audience::default()).await;
        shop.send_all(limit).await;
        assert_eq!(shop.reached(&sent, &orders).await, ["ada@example.com", "bob@example.com"], "in slices of {limit}");
        let done = shop.message_now(&sent).await;
        assert_eq!((done.status, done.mails, done.updated_at), (MessageStatus::Sent, 2, shop.now()));
    }
    assert_eq!(shop.reached(&sent, &orders).await, ["ada@example.com", "bob@example.com"]);
    let newest: Vec<_> = shop.storage.find(ListMessages(event.id)).await.unwrap().iter().map(|of| of.id.0).collect();
    assert_eq!(newest, [3, 2, 1]);
}

pub async fn attendees_with_an_address_of_their_own_get_their_mail(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let first = shop.bought_by(&event, 3, "ada@example.com").await;
    shop.mailed_to(&first.tickets[0], "bob@example.com").await;
    shop.mailed_to(&first.tickets[1], "Bob@Example.com").await;
    let second = shop.bought_by(&event, 1, "dan@example.com").await;
    shop.mailed_to(&second.tickets[0], "eve@example.com").await;
    // The taker of a ticket holds it, not the buyer.
    let third = shop.bought_by(&event, 1, "fay@example.com").await;
    shop.transferred(&third.tickets[0], "gil@example.com").await;
    let orders = [&first.order, &second.order, &third.order];
    let sent = shop.send_to(&event, Audience::default()).await;
    shop.send_all(1).await;
    let reached = shop.reached(&sent, &orders).await;
    assert_eq!(
        sorted(reached.iter().map(|to| to.to_lowercase()).collect()),
        ["ada@example.com", "bob@example.com", "eve@example.com", "gil@example.com"]
    );
    assert_eq!(sorted(shop.recipients(&event, Audience::default()).await), sorted(reached));
    let kinds: Vec<_> = shop.mail_kinds(&first.order).await.into_iter().rev().take(2).collect();
    let of = |number| MailKind::Message { message: sent.id, number };
    assert_eq!(kinds, [of(2), of(1)]);
    // Without an address of their own, the buyer gets it for them.
    let none = AttendeeWants { email: Some(None), ..named("Bob") };
    granted(shop.edit_attendee(&shop.edit_of(&second.tickets[0], none)).await);
    assert!(shop.recipients(&event, Audience::default()).await.contains(&"dan@example.com".to_owned()));
}

pub async fn the_audience_is_a_type_and_who_is_in(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 250, None)]).create().await;
    let both = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1), (1, 1)])).await);
    let both = shop.settle_order(&both).await;
    shop.mailed_to(&both.tickets[1], "bob@example.com").await;
    let of_a = shop.bought_by(&event, 1, "carol@example.com").await;
    granted(shop.scan(&shop.scan_of(&both.tickets[1], "in")).await);
    let types = [event.ticket_types[0].id, event.ticket_types[1].id];
    let all = Audience::default;
    for (audience, expected) in [
        (all().with_ticket_type_id(types[0]), &["ada@example.com", "carol@example.com"][..]),
        (all().with_ticket_type_id(types[1]), &["bob@example.com"]),
        (all().with_who(Presence::In), &["bob@example.com"]),
        (all().with_who(Presence::NotIn), &["ada@example.com", "carol@example.com"]),
        (all().with_who(Presence::In).with_ticket_type_id(types[0]), &[]),
    ] {
        let send = SendMessage { audience, ..shop.message_of(&event) };
        let sent = granted(shop.try_send(&send).await);
        assert_eq!((sent.audience, shop.recipients(&event, audience).await), (audience, strings(expected)));
        shop.send_all(1).await;
        assert_eq!(shop.reached(&sent, &[&both.order, &of_a.order]).await, strings(expected), "{audience:?}");
        assert_eq!(shop.message_now(&sent).await.mails, i64::try_from(expected.len()).unwrap());
        shop.wait(SignedDuration::from_hours(12));
    }
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

pub async fn a_message_goes_on_where_it_stopped(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let mut orders = vec![];
    for name in ["ada", "bob", "carol"] {
        orders.push(shop.bought_by(&event, 1, &format!("{name}@example.com")).await.order);
    }
    let sent = shop.send_to(&event, Audience::default()).await;
    let orders: Vec<&Order> = orders.iter().collect();
    for (done, order) in orders.iter().enumerate() {
        let worked_on = shop.go_on(1).await;
        assert_eq!((worked_on.len(), worked_on[0].last_order_id), (1, Some(order.id)));
        assert_eq!(shop.reached(&sent, &orders).await.len(), done + 1);
        let is_sent = worked_on[0].status == MessageStatus::Sent;
        assert_eq!(is_sent, done == 2);
    }
    assert_eq!(shop.go_on(1).await, []);
    assert_eq!(shop.message_now(&sent).await.mails, 3);
}

pub async fn a_message_is_stopped(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let first = shop.bought_by(&event, 1, "ada@example.com").await;
    let second = shop.bought_by(&event, 1, "bob@example.com").await;
    let sent = shop.send_to(&event, Audience::default()).await;
    shop.go_on(1).await;
    shop.wait(MINUTE);
    let stopped = granted(shop.stop(&sent, Scope::all()).await);
    assert_eq!((stopped.status, stopped.updated_at), (MessageStatus::Stopped, shop.now()));
    shop.wait(MINUTE);
    assert_eq!(shop.stop(&sent, Scope::all()).await, Ok(stopped), "a repeat changes nothing");
    shop.send_all(1).await;
    assert_eq!(shop.reached(&sent, &[&first.order, &second.order]).await, ["ada@example.com"]);
    // Who has a mail by then gets it.
    assert!(shop.claim_mails(10).await.iter().any(|mail| mail.kind.message() == Some(sent.id)));
    let next = shop.send_to(&event, Audience::default()).await;
    shop.send_all(5).await;
    let done = shop.message_now(&next).await;
    assert_eq!(shop.stop(&next, Scope::all()).await, Ok(done), "everybody has a mail");
    let actions: Vec<_> = shop.audit_of(&event).await.into_iter().map(|line| (line.action, line.item)).collect();
    for action in ["message.sent", "message.stopped"] {
        assert!(actions.contains(&(action.to_owned(), Some(format!("message {}", sent.id)))), "{actions:?}");
    }
    assert_eq!(actions.iter().filter(|(action, _)| action == "message.stopped").count(), 1);
}

pub async fn who_was_erased_gets_no_message(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (ada, bob) =
        (shop.bought_by(&event, 1, "ada@example.com").await, shop.bought_by(&event, 1, "bob@example.com").await);
    assert!(shop.erase_buyer(&ada.order).await);
    let sent = shop.send_to(&event, Audience::default()).await;
    shop.send_all(1).await;
    assert_eq!(shop.reached(&sent, &[&ada.order, &bob.order]).await, ["bob@example.com"]);
    assert_eq!(shop.recipients(&event, Audience::default()).await, ["bob@example.com"]);
    // A mail whose recipient was erased stands in nobody's way.
    assert!(shop.erase_buyer(&bob.order).await);
    assert!(shop.mails(&bob.order).await.iter().all(|mail| mail.to.is_erased()));
}

pub async fn who_pays_while_a_message_is_sent_gets_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let first = shop.bought_by(&event, 1, "ada@example.com").await;
    let mut hold = shop.hold_request(&event, 1);
    hold.buyer = Buyer { who: external("bob"), email: Some(email("bob@example.com")) };
    let held = granted(shop.try_hold(&hold).await);
    let last = shop.bought_by(&event, 1, "carol@example.com").await;
    let sent = shop.send_to(&event, Audience::default()).await;
    shop.go_on(1).await;
    shop.settle_order(&held).await;
    let new = shop.bought_by(&event, 1, "dan@example.com").await;
    shop.send_all(1).await;
    let reached = shop.reached(&sent, &[&first.order, &held, &last.order, &new.order]).await;
    assert_eq!(reached, ["ada@example.com", "bob@example.com", "carol@example.com", "dan@example.com"]);
}

pub async fn eight_workers_send_a_message_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let mut orders = vec![];
    for number in 0..12 {
        // Some have bought twice.
        orders.push(shop.bought_by(&event, 1, &format!("buyer{}@example.com", number % 8)).await.order);
    }
    let sent = shop.send_to(&event, Audience::default()).await;
    let other = shop.send_to(&event, Audience::default()).await;
    at_once(8, |_| {
        let shop = Arc::clone(&shop);
        async move {
            for _ in 0..3 {
                shop.go_on(1).await;
            }
        }
    })
    .await;
    shop.send_all(2).await;
    let orders: Vec<&Order> = orders.iter().collect();
    for message in [&sent, &other] {
        let expected: Vec<_> = (0..8).map(|number| format!("buyer{number}@example.com")).collect();
        assert_eq!(sorted(shop.reached(message, &orders).await), expected);
        assert_eq!(shop.message_now(message).await.mails, 8);
    }
}
