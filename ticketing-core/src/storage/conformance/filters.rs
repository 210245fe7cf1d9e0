use super::shop::{Shop, buyer, external, granted, only};
use crate::domain::category::NewCategory;
use crate::domain::event::{Event, EventFilter, EventSort};
use crate::domain::order::OrderFilter;
use crate::domain::page::PageRequest;
use crate::domain::principal::Principal;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;

async fn titles(shop: &Shop, filter: &EventFilter) -> Vec<String> {
    let found = shop.storage.events(filter, PageRequest { count: true, ..PageRequest::default() }).await.unwrap();
    assert_eq!(found.total, Some(found.items.len() as u64));
    let ids = shop.storage.event_ids(filter, PageRequest { count: true, ..PageRequest::default() }).await.unwrap();
    assert_eq!(ids, found.clone().map(|event| event.id));
    found.items.into_iter().map(|event| event.title).collect()
}

fn text(text: &str) -> EventFilter {
    EventFilter { text: Some(text.to_owned()), ..EventFilter::default() }
}

pub async fn events_are_found_by_text_in_any_case_and_any_script(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    shop.event().title("Ọ̀ṣun ÉTÉ").create().await;
    shop.event().title("Straße").with(|new| new.description = Some("ΑΘΗΝΑ und Köln".to_owned())).create().await;
    shop.event().title("Ночь").with(|new| new.location = "Łódź Hall".to_owned()).create().await;
    for (wanted, found) in [
        ("été", vec!["Ọ̀ṣun ÉTÉ"]),
        ("ọ̀ṢUN", vec!["Ọ̀ṣun ÉTÉ"]),
        ("αθηνα", vec!["Straße"]),
        ("KÖLN", vec!["Straße"]),
        ("НОЧЬ", vec!["Ночь"]),
        ("łÓDŹ", vec!["Ночь"]),
        ("freedom", vec!["Ọ̀ṣun ÉTÉ", "Straße"]),
        ("ete", vec![]),
        ("", vec!["Ọ̀ṣun ÉTÉ", "Straße", "Ночь"]),
    ] {
        assert_eq!(titles(&shop, &text(wanted)).await, found, "{wanted:?}");
    }
}

pub async fn text_and_categories_are_found_in_any_spelling(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let new = NewCategory { name: "Thé\u{302}âtre".to_owned(), description: None };
    let category = only(shop.storage.apply(shop.now(), &[new]).await).unwrap();
    let of_category = |new: &mut crate::domain::event::NewEvent| new.category_id = Some(category.id);
    shop.event().title("Cafe\u{301} Nero").with(of_category).create().await;
    shop.event().title("Café Noir").create().await;
    shop.event().title("한글").create().await;
    for wanted in ["CAFÉ N", "cafe\u{301} n"] {
        assert_eq!(titles(&shop, &text(wanted)).await, ["Cafe\u{301} Nero", "Café Noir"], "{wanted:?}");
    }
    assert_eq!(titles(&shop, &text("\u{1112}\u{1161}\u{11ab}")).await, ["한글"]);
    assert_eq!(titles(&shop, &text("cafe n")).await, Vec::<String>::new());
    for name in ["Thé\u{302}âtre", "THE\u{301}\u{302}A\u{302}TRE"] {
        let of_category = EventFilter { category: Some(name.to_owned()), ..EventFilter::default() };
        assert_eq!(titles(&shop, &of_category).await, ["Cafe\u{301} Nero"], "{name:?}");
        let again = only(shop.storage.apply(shop.now(), &[NewCategory::new(name)]).await);
        assert_eq!(again, Err(crate::domain::refusal::Refusal::CategoryTaken), "{name:?}");
    }
}

pub async fn search_text_has_no_wildcards(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for title in ["100% live", "100 live", "a_b", "axb", "it's \"on\"", "back\\slash", "[a-z]*?"] {
        shop.event().title(title).create().await;
    }
    for (wanted, found) in [
        ("0%", vec!["100% live"]),
        ("%", vec!["100% live"]),
        ("_", vec!["a_b"]),
        ("a_b", vec!["a_b"]),
        ("'", vec!["it's \"on\""]),
        ("\"", vec!["it's \"on\""]),
        ("' or 1=1 --", vec![]),
        ("\\", vec!["back\\slash"]),
        ("[a-z]", vec!["[a-z]*?"]),
        ("*", vec!["[a-z]*?"]),
        // A match never spans two fields.
        ("livefreedom", vec![]),
    ] {
        assert_eq!(titles(&shop, &text(wanted)).await, found, "{wanted:?}");
    }
}

pub async fn events_are_filtered_by_category_time_and_organiser(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let new = |name: &str| NewCategory { name: name.to_owned(), description: None };
    let music = only(shop.storage.apply(shop.now(), &[new("Élan")]).await).unwrap();
    let start = shop.now() + SignedDuration::from_hours(1000);
    let micros = SignedDuration::from_micros;
    let account = Principal::Account(shop.register("ada@example.com").await.id);
    shop.event().title("A").with(|new| new.starts_at = start).create().await;
    shop.event()
        .title("B")
        .with(|new| (new.starts_at, new.category_id) = (start + micros(1), Some(music.id)))
        .create()
        .await;
    shop.event().title("C").with(|new| new.starts_at = start + micros(2)).organizer(&account).create().await;
    let gone = shop.event().title("D").with(|new| new.starts_at = start).create().await;
    shop.cancel_event(&gone).await;

    let all = EventFilter::default();
    let with_cancelled = EventFilter { with_cancelled: true, ..all.clone() };
    for (filter, found) in [
        (all.clone(), vec!["A", "B", "C"]),
        (with_cancelled.clone(), vec!["A", "B", "C", "D"]),
        (EventFilter { from: Some(start + micros(1)), ..all.clone() }, vec!["B", "C"]),
        (EventFilter { to: Some(start + micros(1)), ..all.clone() }, vec!["A"]),
        (EventFilter { from: Some(start), to: Some(start), ..all.clone() }, vec![]),
        (EventFilter { category: Some("éLAN".to_owned()), ..all.clone() }, vec!["B"]),
        (EventFilter { category: Some("El".to_owned()), ..all.clone() }, vec![]),
        (EventFilter { organizer: Some(account.clone()), ..all.clone() }, vec!["C"]),
        (EventFilter { organizer: Some(shop.organizer.clone()), ..with_cancelled.clone() }, vec!["A", "B", "D"]),
        (EventFilter { organizer: Some(external("1")), ..all.clone() }, vec![]),
        (EventFilter { text: Some("a".to_owned()), from: Some(start + micros(2)), ..all.clone() }, vec!["C"]),
    ] {
        assert_eq!(titles(&shop, &filter).await, found, "{filter:?}");
    }
}

pub async fn events_are_sorted_with_ties_by_id(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let hours = SignedDuration::from_hours;
    for (title, starts_in) in [("b", 3), ("É", 1), ("a", 3), ("Z", 2), ("b", 1)] {
        shop.event().title(title).with(|new| new.starts_at = shop.now() + hours(starts_in)).create().await;
    }
    let sorted = async |sort| {
        let filter = EventFilter { sort, ..EventFilter::default() };
        let found = shop.storage.events(&filter, PageRequest::default()).await.unwrap();
        let first = found.items.iter().map(|event: &Event| event.id.0).min().unwrap();
        found.items.iter().map(|event| event.id.0 - first).collect::<Vec<_>>()
    };
    assert_eq!(sorted(EventSort::Id).await, [0, 1, 2, 3, 4]);
    assert_eq!(sorted(EventSort::Date).await, [1, 4, 3, 0, 2]);
    assert_eq!(sorted(EventSort::DateDescending).await, [0, 2, 3, 1, 4]);
    assert_eq!(sorted(EventSort::Title).await, [3, 2, 0, 4, 1], "in code-point order");
}

pub async fn orders_are_listed_by_buyer_and_event_the_newest_first(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let events = [shop.event().create().await, shop.event().create().await];
    let mut made = Vec::new();
    for (event, name) in [(0, "ada"), (1, "ada"), (0, "bob"), (0, "ada")] {
        let mut request = shop.hold_request(&events[event], 1);
        request.buyer = buyer(name);
        made.push(granted(shop.try_hold(&request).await));
    }
    let list = async |buyer: Option<&str>, event: Option<usize>| {
        let filter = OrderFilter { buyer: buyer.map(external), event_id: event.map(|event| events[event].id) };
        shop.storage.orders(&filter, PageRequest::default()).await.unwrap().items
    };
    let these = |indexes: &[usize]| indexes.iter().map(|index| made[*index].clone()).collect::<Vec<_>>();
    assert_eq!(list(None, None).await, these(&[3, 2, 1, 0]));
    assert_eq!(list(Some("ada"), None).await, these(&[3, 1, 0]));
    assert_eq!(list(None, Some(0)).await, these(&[3, 2, 0]));
    assert_eq!(list(Some("ada"), Some(0)).await, these(&[3, 0]));
    assert_eq!(list(Some("nobody"), None).await, []);
}
