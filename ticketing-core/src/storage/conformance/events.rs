use super::shop::{Shop, external, granted, only};
use crate::domain::category::NewCategory;
use crate::domain::event::CancelEvent;
use crate::domain::event::{EditEvent, EventStatus, EventWants};
use crate::domain::id::{CategoryId, EventId};
use crate::domain::page::PageRequest;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;

fn category(name: &str) -> NewCategory {
    NewCategory { name: name.to_owned(), description: Some("What it is".to_owned()) }
}

pub async fn an_event_reads_back_as_it_was_made(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let music = only(shop.storage.apply(shop.now(), &[category("Music")]).await).unwrap();
    let mut wanted = None;
    let made = shop
        .event()
        .types(&[("Regular", 199_999, Some(3)), ("Ünïversity \"VIP\"", 0, None)])
        .with(|new| {
            new.key = Some(shop.reference());
            new.title = "L'Été 100% 'Ọ̀ṣun' 😀".to_owned();
            new.description = Some("Line one\nline two".to_owned());
            new.starts_at += SignedDuration::from_micros(1);
            new.ends_at = Some(new.starts_at + SignedDuration::from_micros(3));
            new.address = Some("1 Broad St".to_owned());
            new.image_url = Some("https://example.com/a.png?b=c&d='".to_owned());
            new.category_id = Some(music.id);
            wanted = Some(new.clone());
        })
        .create()
        .await;
    let wanted = wanted.unwrap();
    assert_eq!((&made.key, &made.title, &made.description), (&wanted.key, &wanted.title, &wanted.description));
    assert_eq!((made.starts_at, made.ends_at), (wanted.starts_at, wanted.ends_at));
    assert_eq!((&made.location, &made.address), (&wanted.location, &wanted.address));
    assert_eq!((&made.image_url, &made.category), (&wanted.image_url, &Some(music)));
    assert_eq!((made.currency, made.stock.capacity), (wanted.currency, wanted.capacity));
    assert_eq!((made.status, &made.organizer), (EventStatus::Active, &shop.organizer));
    assert_eq!((made.created_at, made.updated_at), (shop.now(), shop.now()));
    for (made_type, wanted) in made.ticket_types.iter().zip(&wanted.ticket_types) {
        assert_eq!((&made_type.name, made_type.price), (&wanted.name, wanted.price));
        assert_eq!((made_type.stock.capacity, made_type.event_id), (wanted.capacity, made.id));
    }
    assert_eq!(made.ticket_types.len(), 2);
    assert_eq!(shop.event_now(&made).await, made);

    let least = shop.event().unlimited().create().await;
    assert_eq!(shop.event_now(&least).await, least);
    assert_eq!(shop.storage.event(EventId(least.id.0 + 1)).await.unwrap(), None);
}

pub async fn creating_an_event_again_with_its_key_finds_the_same_event(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let key = shop.reference();
    let under_key = || shop.event().with(|new| new.key = Some(key.clone()));
    let made = under_key().create().await;
    shop.wait(SignedDuration::from_secs(1));
    assert_eq!(under_key().create().await, made);
    assert_eq!(under_key().title("Something else").try_create().await, Err(Refusal::KeyReused));
    assert_eq!(under_key().organizer(&external("other")).try_create().await, Err(Refusal::KeyReused));
    // Without a key, a repeat creates another event.
    assert_ne!(shop.event().create().await.id, shop.event().create().await.id);
}

pub async fn an_event_of_an_unknown_category_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let made = only(shop.storage.apply(shop.now(), &[category("Music")]).await).unwrap();
    let unknown = CategoryId(made.id.0 + 1);
    let refused = shop.event().with(|new| new.category_id = Some(unknown)).try_create().await;
    assert_eq!(refused, Err(Refusal::CategoryUnknown));
    assert!(shop.event().with(|new| new.category_id = Some(made.id)).try_create().await.is_ok());
}

pub async fn an_event_in_the_past_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (now, day, moment) = (shop.now(), SignedDuration::from_hours(24), SignedDuration::from_micros(1));
    let starting = |at| shop.event().with(move |new| new.starts_at = at);
    assert_eq!(starting(now - moment).try_create().await, Err(Refusal::EventPast));
    assert_eq!(starting(now).create().await.starts_at, now);
    // Without an offset, it may not have begun where it is.
    let local = |at| starting(at).with(|new| new.start_is_local = true);
    assert_eq!(local(now - day - moment).try_create().await, Err(Refusal::EventPast));
    let begun = local(now - day).create().await;
    assert_eq!(begun.starts_at, now - day);
    let ending = |at| local(now - day).with(move |new| new.ends_at = Some(at));
    assert_eq!(ending(now - moment).try_create().await, Err(Refusal::EventPast));
    assert_eq!(ending(now).create().await.ends_at, Some(now));
    assert!(ending(now - moment).with(|new| new.end_is_local = true).try_create().await.is_ok());
    // What exists is found again after it has begun.
    let key = shop.reference();
    let under_key = || starting(now).with(|new| new.key = Some(key.clone()));
    let made = under_key().create().await;
    shop.wait(moment);
    assert_eq!(under_key().create().await, made);
}

pub async fn category_names_ignore_case_and_are_listed_in_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let names = ["Theatre", "Élan", "music", "Music", "Zoo", "THEATRE", "élan", "100%_x"];
    let outcomes = shop.storage.apply(shop.now(), &names.map(category)).await.unwrap();
    let refused: Vec<bool> = outcomes.iter().map(|outcome| *outcome == Err(Refusal::CategoryTaken)).collect();
    assert_eq!(refused, [false, false, false, true, false, true, true, false]);
    let listed = shop.storage.categories(PageRequest::default()).await.unwrap().items;
    let names: Vec<&str> = listed.iter().map(|category| category.name.as_str()).collect();
    assert_eq!(names, ["100%_x", "Theatre", "Zoo", "music", "Élan"], "in code-point order");
    assert!(listed.iter().all(|category| category.description.as_deref() == Some("What it is")));
}

pub async fn accounts_and_identities_of_applications_organise_and_buy(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let account = Principal::Account(shop.register("ada@example.com").await.id);
    // An application's id never names one of our accounts.
    let namesake = Principal::External(account.account().unwrap().to_string());
    let odd = external("auth0|ünï 'x' %_\\ 😀");
    for organizer in [&account, &namesake, &odd] {
        let event = shop.event().organizer(organizer).create().await;
        assert_eq!(shop.event_now(&event).await.organizer, *organizer);
        for who in [&account, &namesake, &odd] {
            let mut request = shop.hold_request(&event, 1);
            request.buyer.who = who.clone();
            let order = granted(shop.try_hold(&request).await);
            assert_eq!(shop.order_now(&order).await.buyer, request.buyer);
            let bought = shop.settle_order(&order).await;
            assert_eq!(shop.ticket_now(&bought.tickets[0]).await.holder, *who);
            let mut scan = shop.scan_of(&bought.tickets[0], &format!("{organizer} {who}"));
            scan.by = organizer.clone();
            assert_eq!(granted(shop.scan(&scan).await).by, *organizer);
            let stored = shop.storage.check_in_of(bought.tickets[0].id).await.unwrap().unwrap();
            assert_eq!(stored.by, *organizer);
        }
    }
}

pub async fn a_cancelled_event_sells_nothing_and_stays_cancelled(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.wait(SignedDuration::from_micros(1));
    let cancelled = shop.cancel_event(&event).await;
    assert_eq!((cancelled.status, cancelled.updated_at), (EventStatus::Cancelled, shop.now()));
    shop.wait(SignedDuration::from_micros(1));
    assert_eq!(shop.cancel_event(&event).await, cancelled, "nothing more happens on repeat");
    assert_eq!(shop.event_now(&event).await, cancelled);
    assert_eq!(shop.try_hold(&shop.hold_request(&event, 1)).await, Err(Refusal::EventCancelled));

    let event_id = EventId(event.id.0 + 1);
    let unknown = shop.storage.apply_one(shop.now(), CancelEvent { id: event_id }).await.unwrap();
    assert_eq!(unknown, Err(Refusal::EventUnknown { event_id }));
}

pub async fn times_are_as_precise_as_they_are_stored(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let nanosecond = SignedDuration::from_nanos(1);
    let event =
        shop.event().with(|new| new.starts_at += nanosecond).ending_in(SignedDuration::from_hours(99)).create().await;
    assert_eq!(shop.event_now(&event).await, event, "an answer is what a later read finds");
    let wants = EventWants::default().with_starts_at(event.starts_at + nanosecond);
    let edit = EditEvent { id: event.id, actor: shop.organizer.clone(), seen: None, wants };
    let edited = granted(shop.storage.apply_one(shop.now(), edit).await.unwrap());
    assert_eq!(edited.version, 1, "less than is stored is no change");
}
