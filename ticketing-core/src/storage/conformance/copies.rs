//! Copies of events, and series.

use super::races::at_once;
use super::shop::{Shop, granted, ngn};
use crate::domain::code::Reference;
use crate::domain::event::{
    CopyEvent, EditEvent, Event, EventFilter, EventStatus, EventWants, NewTicketType, SalesRules, TicketTypeWants,
    Window,
};
use crate::domain::id::EventId;
use crate::domain::page::PageRequest;
use crate::domain::promo_code::{Discount, ListPromoCodes, PromoCodeSettings, PromoCodeText, PutPromoCode};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::time_zone::TimeZoneName;
use crate::storage::{Storage, StorageExt as _};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

impl Shop {
    async fn try_copy(&self, event: &Event, key: &Reference, starts_at: Timestamp) -> Result<Event, Refusal> {
        let copy = CopyEvent {
            id: event.id,
            actor: event.organizer.clone(),
            key: key.clone(),
            starts_at,
            status: EventStatus::Active,
        };
        self.storage.apply_one(self.now(), copy).await.unwrap()
    }

    async fn copy(&self, event: &Event, starts_at: Timestamp) -> Event {
        granted(self.try_copy(event, &self.reference(), starts_at).await)
    }
}

pub async fn a_copy_has_everything_but_what_was_sold(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let rules = SalesRules::default().with_max_per_order(4);
    let vip = NewTicketType::new("VIP", ngn(900)).with_capacity(5).with_rules(rules);
    let maker = shop.event().capacity(50).with(|new| {
        new.rules = rules;
        new.description = Some("Long".to_owned());
        new.address = Some("1 Street".to_owned());
        new.image_url = Some("https://example.com/a.png".to_owned());
        new.ticket_types.extend([vip, NewTicketType::new("Gone", ngn(1))]);
    });
    let event = maker.create().await;
    let left = event.ticket_types.iter().take(2).map(|of| TicketTypeWants::existing(of.id)).collect::<Vec<_>>();
    let wants = EventWants::default().with_ticket_types(left);
    let edit = EditEvent { id: event.id, actor: shop.organizer.clone(), seen: None, wants };
    granted(shop.storage.apply_one(shop.now(), edit).await.unwrap());
    shop.buy(&event, 2).await;
    let later = event.starts_at + SignedDuration::from_hours(24 * 7);
    let copy = shop.copy(&event, later).await;
    assert_eq!(shop.event_now(&copy).await, copy);
    let original = shop.event_now(&event).await;
    assert_eq!((copy.series_id, original.series_id), (Some(event.id), Some(event.id)));
    assert_eq!((copy.starts_at, copy.version, copy.status), (later, 1, EventStatus::Active));
    let texts = |of: &Event| {
        (of.title.clone(), of.description.clone(), of.location.clone(), of.address.clone(), of.image_url.clone())
    };
    assert_eq!(texts(&copy), texts(&original));
    assert_eq!((copy.rules, copy.currency, &copy.organizer), (original.rules, original.currency, &original.organizer));
    assert_eq!((copy.stock.capacity, copy.stock.held, copy.stock.sold), (Some(50), 0, 0));
    let types: Vec<_> = copy
        .ticket_types
        .iter()
        .map(|of| (of.name.as_str(), of.price, of.stock.capacity, of.stock.sold, of.rules))
        .collect();
    let general = original.ticket_types[0].price;
    let names = [("General admission", general, None, 0, SalesRules::default()), ("VIP", ngn(900), Some(5), 0, rules)];
    assert_eq!(types, names, "what was removed is left out");
    assert!(copy.ticket_types.iter().all(|of| of.event_id == copy.id && event.ticket_type(of.id).is_none()));
    // They share nothing.
    shop.buy(&copy, 1).await;
    assert_eq!((shop.stock(&event).await, shop.stock(&copy).await), ((0, 2), (0, 1)));
    shop.cancel_event(&copy).await;
    assert_eq!(shop.event_now(&event).await.status, EventStatus::Active);
    // A copy of a copy is a date of the same series.
    let third = shop.copy(&copy, later + SignedDuration::from_hours(24)).await;
    assert_eq!((third.series_id, third.stock.sold), (Some(event.id), 0));
    let series = EventFilter::default().with_series(event.id).with_cancelled(true);
    let listed = shop.storage.events(&series, PageRequest::default()).await.unwrap().items;
    assert_eq!(listed.iter().map(|of| of.id).collect::<Vec<_>>(), [event.id, copy.id, third.id]);
}

pub async fn a_copy_has_its_own_promo_codes(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 200, None)]).create().await;
    let put = async |settings: PromoCodeSettings| {
        let put = PutPromoCode { event_id: event.id, actor: shop.organizer.clone(), settings };
        granted(shop.storage.apply_one(shop.now(), put).await.unwrap())
    };
    let settings = |text: &str| PromoCodeSettings::new(text.parse().unwrap()).with_discount(Discount::Percent(5000));
    let used = settings("USED").with_max_uses(2).with_ticket_types(vec![event.ticket_types[1].id]);
    put(used.clone()).await;
    put(settings("GONE").with_ticket_types(vec![event.ticket_types[0].id])).await;
    let text = "used".parse::<PromoCodeText>().unwrap();
    shop.settle_order(&granted(shop.try_hold(&shop.wish_of(&event, &[(1, 2)]).with_promo_code(text.clone())).await))
        .await;
    let left = vec![TicketTypeWants::existing(event.ticket_types[1].id)];
    let wants = EventWants::default().with_ticket_types(left);
    let edit = EditEvent { id: event.id, actor: shop.organizer.clone(), seen: None, wants };
    granted(shop.storage.apply_one(shop.now(), edit).await.unwrap());
    let copy = shop.copy(&event, event.starts_at + SignedDuration::from_hours(24)).await;
    let list = ListPromoCodes { scope: Scope::all(), event_id: copy.id, page: PageRequest::default() };
    let codes = shop.storage.find(list).await.unwrap().items;
    assert_eq!(codes.len(), 1, "a code for a type that is removed is left out");
    assert_eq!((codes[0].uses.held, codes[0].uses.sold, codes[0].version), (0, 0, 1));
    assert_eq!(codes[0].settings(), used.with_ticket_types(vec![copy.ticket_types[0].id]));
    let order = granted(shop.try_hold(&shop.wish_of(&copy, &[(0, 2)]).with_promo_code(text)).await);
    assert_eq!(order.total, ngn(200));
}

pub async fn times_of_a_copy_keep_their_distance_in_wall_time(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    // On Saturday at 20:00 in Berlin, in winter; sales from Monday at 9:00 until one hour before.
    let event = shop.event().with(|new| {
        new.time_zone = "Europe/Berlin".parse::<TimeZoneName>().unwrap();
        new.starts_at = at("2032-03-27T19:00:00Z");
        new.ends_at = Some(at("2032-03-27T22:30:00Z"));
        new.rules =
            SalesRules::default().with_sales(Window::new(at("2032-03-22T08:00:00Z"), at("2032-03-27T18:00:00Z")));
        new.ticket_types[0].rules = SalesRules::default().with_sales(Window::new(None, at("2032-03-27T02:30:00Z")));
    });
    let event = event.create().await;
    // A week later it is summer.
    let copy = shop.copy(&event, at("2032-04-03T18:00:00Z")).await;
    assert_eq!(copy.ends_at, Some(at("2032-04-03T21:30:00Z")));
    assert_eq!(copy.rules.sales, Window::new(at("2032-03-29T07:00:00Z"), at("2032-04-03T17:00:00Z")));
    assert_eq!(copy.ticket_types[0].rules.sales, Window::new(None, at("2032-04-03T01:30:00Z")));
    // On the day of the change, 3:30 in the morning is there once, and 2:30 would not be.
    let early = shop.copy(&event, at("2032-03-28T18:00:00Z")).await;
    assert_eq!(early.ticket_types[0].rules.sales.until, Some(at("2032-03-28T01:30:00Z")));
}

pub async fn a_repeated_copy_is_the_same_event(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (key, later) = (shop.reference(), event.starts_at + SignedDuration::from_hours(24));
    let outcomes = at_once(8, |_| {
        let (shop, event, key) = (Arc::clone(&shop), event.clone(), key.clone());
        async move { shop.try_copy(&event, &key, later).await }
    });
    let outcomes: Vec<Event> = outcomes.await.into_iter().map(granted).collect();
    assert!(outcomes.iter().all(|copy| *copy == outcomes[0]));
    assert_eq!(shop.storage.events(&EventFilter::default(), PageRequest::default()).await.unwrap().items.len(), 2);
    let other = shop.event().create().await;
    assert_eq!(shop.try_copy(&other, &key, later).await, Err(Refusal::KeyReused));
    let past = shop.try_copy(&event, &shop.reference(), shop.now() - SignedDuration::from_secs(1)).await;
    assert_eq!(past, Err(Refusal::EventPast));
    let event_id = EventId(other.id.0 + 1);
    let unknown = Event { id: event_id, ..event };
    assert_eq!(shop.try_copy(&unknown, &shop.reference(), later).await, Err(Refusal::EventUnknown { event_id }));
}
