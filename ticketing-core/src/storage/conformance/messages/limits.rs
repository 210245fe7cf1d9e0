//! Who may write to the attendees of an event, and how often.

use super::super::races::at_once;
use super::super::shop::{Shop, external, granted};
use super::{Audience, MINUTE, Message, SendMessage};
use crate::domain::message::{ListMessages, MAX_MESSAGES, MESSAGES_WITHIN, MessageStatus};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::{Storage, StorageExt as _};
use std::sync::Arc;

pub async fn a_repeated_message_is_the_same_one(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let send = shop.message_of(&event);
    let sent = granted(shop.try_send(&send).await);
    shop.send_all(1).await;
    shop.wait(MINUTE);
    let again = granted(shop.try_send(&send).await);
    assert_eq!((again.id, again.status, again.created_at), (sent.id, MessageStatus::Sent, sent.created_at));
    let of_type = Audience::default().with_ticket_type_id(event.ticket_types[0].id);
    for different in [
        SendMessage { subject: "Another".to_owned(), ..send.clone() },
        SendMessage { text: "Another".to_owned(), ..send.clone() },
        SendMessage { audience: of_type, ..send.clone() },
        SendMessage { event_id: other.id, ..send.clone() },
    ] {
        assert_eq!(shop.try_send(&different).await, Err(Refusal::KeyReused), "{different:?}");
    }
    assert_eq!(shop.storage.find(ListMessages(event.id)).await.unwrap().len(), 1);
    // Also once no other one may be sent.
    for _ in 1..MAX_MESSAGES {
        shop.send_to(&event, Audience::default()).await;
    }
    assert_eq!(granted(shop.try_send(&send).await).id, sent.id);
}

pub async fn an_event_has_three_messages_a_day(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let first = shop.now();
    for _ in 0..MAX_MESSAGES {
        let sent = shop.send_to(&event, Audience::default()).await;
        // One that was stopped counts as well: some have a mail.
        granted(shop.stop(&sent, Scope::all()).await);
        shop.wait(MINUTE);
    }
    let send = shop.message_of(&event);
    let again_at = first + MESSAGES_WITHIN;
    assert_eq!(shop.try_send(&send).await, Err(Refusal::TooManyMessages { again_at }));
    shop.send_to(&other, Audience::default()).await;
    shop.wait(again_at.duration_since(shop.now()));
    granted(shop.try_send(&send).await);
}

pub async fn drafts_and_foreign_events_send_no_message(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let draft = shop.event().with(|new| new.is_draft = true).create().await;
    assert_eq!(shop.try_send(&shop.message_of(&draft)).await, Err(Refusal::EventDraft));
    let foreign = Scope::own(&external("another"));
    let refused = shop.try_send(&SendMessage { scope: foreign.clone(), ..shop.message_of(&event) }).await;
    assert_eq!(refused, Err(Refusal::EventUnknown { event_id: event.id }));
    let nobody = SendMessage { event_id: 999.into(), ..shop.message_of(&event) };
    assert_eq!(shop.try_send(&nobody).await, Err(Refusal::EventUnknown { event_id: 999.into() }));
    let ticket_type_id = other.ticket_types[0].id;
    let of_other = Audience::default().with_ticket_type_id(ticket_type_id);
    let refused = shop.try_send(&SendMessage { audience: of_other, ..shop.message_of(&event) }).await;
    assert_eq!(refused, Err(Refusal::TicketTypeUnknown { ticket_type_id }));

    let sent = shop.send_to(&event, Audience::default()).await;
    assert_eq!(shop.stop(&sent, foreign).await, Err(Refusal::MessageUnknown));
    let elsewhere = Message { event_id: other.id, ..sent.clone() };
    assert_eq!(shop.stop(&elsewhere, Scope::all()).await, Err(Refusal::MessageUnknown));
    let unknown = Message { id: 999.into(), ..sent.clone() };
    assert_eq!(shop.stop(&unknown, Scope::all()).await, Err(Refusal::MessageUnknown));
    // Those of a cancelled event may well have to be told something.
    shop.cancel_event(&event).await;
    shop.send_to(&event, Audience::default()).await;
}

pub async fn messages_sent_at_once_stay_within_the_limit(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let repeated = shop.message_of(&event);
    let outcomes = at_once(8, |number| {
        // Half of them are repeats of one.
        let send = if number % 2 == 0 { repeated.clone() } else { shop.message_of(&event) };
        let shop = Arc::clone(&shop);
        async move { (number % 2 == 0, shop.try_send(&send).await) }
    });
    let outcomes = outcomes.await;
    let all = shop.storage.find(ListMessages(event.id)).await.unwrap();
    assert_eq!(all.len(), MAX_MESSAGES);
    let repeats: Vec<_> = outcomes.iter().filter(|(is_repeat, _)| *is_repeat).collect();
    let first = repeats[0].1.as_ref().map(|sent| sent.id).map_err(Clone::clone);
    assert!(repeats.iter().all(|(_, sent)| sent.as_ref().map(|sent| sent.id).map_err(Clone::clone) == first));
}
