//! What is known about orders, and the questions of events.

mod questions;

pub use questions::*;

use super::races::at_once;
use super::shop::{HOLD_FOR, Shop, email, external, granted};
use crate::domain::attendee::NewAttendee;
use crate::domain::event::{Answers, Event};
use crate::domain::order::Order;
use crate::domain::order_details::{EditOrderDetails, FindOrderDetails, OrderDetails, OrderDetailsWants};
use crate::domain::outbox::MailKind;
use crate::domain::payment::Settlement;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::{Outcome, Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

impl Shop {
    /// What the buyer says.
    pub(super) fn details_of(&self, order: &Order, wants: OrderDetailsWants) -> EditOrderDetails {
        let (actor, order) = (order.buyer.who.clone(), order.reference.clone());
        EditOrderDetails { order, actor, scope: None, seen: None, wants }
    }

    /// What the organiser says.
    fn details_by_staff(&self, order: &Order, wants: OrderDetailsWants) -> EditOrderDetails {
        let (actor, scope) = (self.organizer.clone(), Some(Scope::own(&self.organizer)));
        EditOrderDetails { actor, scope, ..self.details_of(order, wants) }
    }

    pub(super) async fn try_details(&self, edit: &EditOrderDetails) -> Outcome<OrderDetails> {
        self.storage.apply_one(self.now(), edit.clone()).await.unwrap()
    }

    pub(super) async fn says(&self, order: &Order, wants: OrderDetailsWants) -> OrderDetails {
        granted(self.try_details(&self.details_of(order, wants)).await)
    }

    async fn details(&self, order: &Order) -> Option<OrderDetails> {
        let found = self.storage.find(FindOrderDetails(order.reference.clone())).await.unwrap();
        let (order, details) = found.unwrap();
        let has_details = details.as_ref().is_some_and(|details| !details.is_empty());
        assert_eq!(order.has_details, has_details, "an order says whether something is known");
        details
    }

    /// The name, the address and the answers of each attendee of an event, by ticket.
    async fn who_comes(&self, event: &Event) -> Vec<(Option<String>, Option<String>, Answers)> {
        let mut entries = self.listed(event, Default::default(), 100).await;
        entries.sort_by_key(|entry| entry.ticket_id);
        let known = entries.into_iter();
        known.map(|entry| (entry.name, entry.email.map(|email| email.to_string()), entry.answers)).collect()
    }
}

pub(super) fn answers(all: &[(&str, &str)]) -> Answers {
    Answers(all.iter().map(|(key, answer)| ((*key).to_owned(), (*answer).to_owned())).collect())
}

pub(super) fn answered(all: &[(&str, &str)]) -> OrderDetailsWants {
    OrderDetailsWants::default().with_answers(answers(all))
}

fn coming(names: &[&str]) -> OrderDetailsWants {
    let all: Vec<_> = names.iter().map(|name| NewAttendee::default().with_name((*name).to_owned())).collect();
    OrderDetailsWants::default().with_attendees(all)
}

fn note(text: &str) -> OrderDetailsWants {
    OrderDetailsWants::default().with_note(Some(text.to_owned()))
}

pub async fn nothing_is_known_of_an_order_until_somebody_says_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 2).await;
    assert_eq!((order.has_details, shop.details(&order).await), (false, None));
    shop.wait(SignedDuration::from_mins(1));
    let wants = answered(&[("song", "Lady"), ("table", "yes")]).with_attendees(coming(&["Ada", "Bob"]).attendees);
    let said = shop.says(&order, wants).await;
    assert_eq!((said.order_id, said.version, said.updated_at), (order.id, 1, shop.now()));
    assert_eq!((said.answers.get("song"), said.attendees.len(), &said.note), (Some("Lady"), 2, &None));
    assert_eq!(shop.details(&order).await, Some(said));
    // An empty answer takes one away, and others stay.
    let said = shop.says(&order, answered(&[("table", ""), ("diet", "none")])).await;
    assert_eq!((said.answers, said.version), (answers(&[("diet", "none"), ("song", "Lady")]), 2));
    let emptied = answered(&[("song", ""), ("diet", "")]).with_attendees(vec![]);
    let emptied = shop.says(&order, emptied).await;
    assert!(emptied.is_empty());
    assert_eq!(shop.details(&order).await, Some(emptied));
}

pub async fn the_buyer_says_all_but_the_note(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let noted = granted(shop.try_details(&shop.details_by_staff(&order, note("vip"))).await);
    assert_eq!(noted.note.as_deref(), Some("vip"));
    let said = shop.says(&order, answered(&[("song", "Lady")]).with_note(Some("mine".to_owned()))).await;
    assert_eq!((said.note.as_deref(), said.version), (Some("vip"), 2));
    assert_eq!(shop.says(&order, note("mine")).await, said, "so this is no change");
    let emptied = OrderDetailsWants::default().with_note(Some(None));
    let emptied = granted(shop.try_details(&shop.details_by_staff(&order, emptied)).await);
    assert_eq!((emptied.note, emptied.answers), (None, said.answers));
}

pub async fn orders_of_others_are_unknown_to_those_who_say_something(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let wants = answered(&[("song", "Lady")]);
    let foreign = Scope::own(&external("another"));
    for (actor, scope) in
        [(external("eve"), None), (shop.organizer.clone(), None), (external("another"), Some(foreign))]
    {
        let edit = EditOrderDetails { actor, scope, ..shop.details_of(&order, wants.clone()) };
        assert_eq!(shop.try_details(&edit).await, Err(Refusal::OrderUnknown), "{edit:?}");
    }
    let unknown = EditOrderDetails { order: shop.reference(), ..shop.details_of(&order, wants) };
    assert_eq!(shop.try_details(&unknown).await, Err(Refusal::OrderUnknown));
    assert_eq!(shop.details(&order).await, None);
}

pub async fn what_is_said_already_is_no_edit_and_an_old_version_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let seen =
        |seen, song| EditOrderDetails { seen: Some(seen), ..shop.details_of(&order, answered(&[("song", song)])) };
    assert_eq!(shop.try_details(&seen(1, "Lady")).await, Err(Refusal::Stale { current: 0 }));
    let said = granted(shop.try_details(&seen(0, "Lady")).await);
    shop.wait(SignedDuration::from_mins(1));
    assert_eq!(shop.try_details(&seen(0, "Lady")).await, Ok(said), "its answer may have been lost");
    assert_eq!(shop.try_details(&seen(0, "Zombie")).await, Err(Refusal::Stale { current: 1 }));
    assert_eq!(granted(shop.try_details(&seen(1, "Zombie")).await).version, 2);
    let lines = shop.payment(&order).await.audit;
    let edits: Vec<_> = lines.iter().filter(|line| line.action == "order.details_edited").collect();
    let versions: Vec<_> = edits.iter().map(|line| (line.before.as_deref(), line.after.as_deref())).collect();
    assert_eq!(versions, [(Some("0"), Some("1")), (Some("1"), Some("2"))]);
    assert!(!format!("{lines:?}").contains("Lady"), "the log keeps no data");
}

pub async fn of_two_edits_of_one_version_of_an_order_one_wins(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let outcomes = at_once(8, |number| {
        let edit = shop.details_of(&order, answered(&[("song", &format!("number {number}"))]));
        let (shop, edit) = (Arc::clone(&shop), EditOrderDetails { seen: Some(0), ..edit });
        async move { shop.try_details(&edit).await }
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 7));
    assert!(lost.iter().all(|outcome| *outcome == Err(Refusal::Stale { current: 1 })));
}

pub async fn who_comes_is_said_until_the_order_is_paid(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let late =
        [shop.details_of(&bought.order, coming(&["Ada"])), shop.details_by_staff(&bought.order, coming(&["Ada"]))];
    for edit in late {
        assert_eq!(shop.try_details(&edit).await, Err(Refusal::OrderPaid));
    }
    assert_eq!(shop.says(&bought.order, answered(&[("song", "Lady")])).await.version, 1, "answers may follow");

    let (expired, released) = (shop.hold(&event, 1).await, shop.hold(&event, 1).await);
    granted(shop.release(&released).await);
    shop.wait(HOLD_FOR);
    shop.expire().await;
    for (order, refusal) in [(&expired, Refusal::HoldExpired), (&released, Refusal::OrderCancelled)] {
        let refused = shop.try_details(&shop.details_of(order, answered(&[("song", "Lady")]))).await;
        assert_eq!(refused, Err(refusal.clone()));
        let refused = shop.try_details(&shop.details_by_staff(order, coming(&["Ada"]))).await;
        assert_eq!(refused, Err(refusal));
        granted(shop.try_details(&shop.details_by_staff(order, note("called us"))).await);
        assert!(shop.order_now(order).await.has_details);
    }
}

pub async fn those_who_come_are_attendees_once_the_order_is_paid(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 250, None)]).create().await;
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 2), (1, 1)])).await);
    let bob = NewAttendee::default()
        .with_name("Bob".to_owned())
        .with_email(email("bob@example.com"))
        .with_answers(answers(&[("diet", "none")]));
    let buyers = NewAttendee::default().with_email(email("ADA@example.com"));
    let all = vec![bob.clone(), NewAttendee::default(), buyers];
    shop.says(&order, OrderDetailsWants::default().with_attendees(all)).await;
    let bought = shop.settle_order(&order).await;
    assert_eq!(
        shop.who_comes(&event).await,
        [
            (bob.name, Some("bob@example.com".to_owned()), bob.answers),
            (None, None, Answers::default()),
            (None, Some("ADA@example.com".to_owned()), Answers::default()),
        ]
    );
    // Who has another address than the buyer is told, and once.
    let told = [
        (MailKind::Tickets, "ada@example.com".to_owned()),
        (MailKind::Ticket { ticket: bought.tickets[0].id, time: 1 }, "bob@example.com".to_owned()),
    ];
    assert_eq!(shop.mails_to(&bought.order).await, told);
    shop.pay(&bought.attempt).await;
    assert_eq!(shop.mails_to(&bought.order).await, told);
    assert!(shop.order_now(&bought.order).await.has_details);
}

pub async fn a_late_payment_finds_who_comes(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    shop.says(&order, coming(&["Ada"])).await;
    let attempt = shop.attempt(&order).await;
    shop.let_expire(&order).await;
    let settled = shop.pay(&attempt).await;
    assert!(matches!(settled, Settlement::Fulfilled { first: true, .. }), "{settled:?}");
    assert_eq!(shop.who_comes(&event).await, [(Some("Ada".to_owned()), None, Answers::default())]);
}

pub async fn of_saying_who_comes_and_paying_at_once_nothing_is_lost(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..8 {
        let event = shop.event().create().await;
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        let said = at_once(2, |index| {
            let edit = shop.details_of(&order, coming(&["Ada"]));
            let (shop, attempt) = (Arc::clone(&shop), attempt.clone());
            async move {
                match index {
                    0 => Some(shop.try_details(&edit).await),
                    _ => {
                        shop.pay(&attempt).await;
                        None
                    }
                }
            }
        });
        let said = said.await.remove(0).unwrap();
        let name = shop.who_comes(&event).await.remove(0).0;
        match said {
            Ok(_) => assert_eq!(name.as_deref(), Some("Ada")),
            Err(refusal) => assert_eq!((refusal, name), (Refusal::OrderPaid, None)),
        }
    }
}

pub async fn erasing_a_buyer_empties_what_is_known_of_the_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    shop.says(&order, answered(&[("song", "Lady")]).with_attendees(coming(&["Ada"]).attendees)).await;
    granted(shop.try_details(&shop.details_by_staff(&order, note("vip"))).await);
    let bought = shop.settle_order(&order).await;
    shop.wait(SignedDuration::from_hours(24 * 60));
    assert!(shop.erase_buyer(&bought.order).await);
    let emptied = shop.details(&bought.order).await.unwrap();
    assert!(emptied.is_empty(), "{emptied:?}");
    assert_eq!((emptied.version, emptied.updated_at), (3, shop.now()));
    assert!(!shop.order_now(&bought.order).await.has_details);
    assert_eq!(shop.who_comes(&event).await, [(None, None, Answers::default())]);
    assert!(!shop.erase_buyer(&bought.order).await, "once");
    assert_eq!(shop.details(&bought.order).await, Some(emptied));
}
