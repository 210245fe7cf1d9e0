use super::shop::Shop;
use crate::domain::category::{Category, NewCategory};
use crate::domain::event::EventFilter;
use crate::domain::id::EventId;
use crate::domain::order::OrderFilter;
use crate::domain::page::{Page, PageRequest};
use crate::domain::ticket::TicketFilter;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use std::fmt::Debug;
use std::sync::Arc;

/// For a list of five: the requested offset and page size, the items that are returned, and whether there are more.
const PAGES: [(u64, u32, &[usize], bool); 10] = [
    (0, 10, &[0, 1, 2, 3, 4], false),
    (0, 5, &[0, 1, 2, 3, 4], false),
    (0, 4, &[0, 1, 2, 3], true),
    (1, 2, &[1, 2], true),
    (3, 2, &[3, 4], false),
    (4, 2, &[4], false),
    (5, 2, &[], false),
    (9, 2, &[], false),
    (0, 0, &[], true),
    (u64::MAX, 1, &[], false),
];

async fn is_paged<T: Clone + PartialEq + Debug>(all: &[T], list: impl AsyncFn(PageRequest) -> Page<T>) {
    assert_eq!(all.len(), 5);
    for (skip, limit, items, more) in PAGES {
        for count in [false, true] {
            let wanted = PageRequest { skip, limit, count };
            let items = items.iter().map(|index| all[*index].clone()).collect();
            let total = count.then_some(5);
            assert_eq!(list(wanted).await, Page { items, more, total }, "{wanted:?}");
        }
    }
}

pub async fn events_come_in_pages(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(shop.event().create().await);
    }
    shop.event().title("Elsewhere").create().await;
    let filter = EventFilter { text: Some("afrobeat".to_owned()), ..EventFilter::default() };
    is_paged(&all, async |page| {
        let found = shop.storage.events(&filter, page).await.unwrap();
        // Their ids come in the same pages.
        let ids = shop.storage.event_ids(&filter, page).await.unwrap();
        assert_eq!(ids, found.clone().map(|event| event.id));
        assert_eq!(shop.storage.events_of(&ids.items).await.unwrap(), found.items);
        found
    })
    .await;
    let ids = [all[3].id, EventId(i64::MAX), all[0].id];
    assert_eq!(shop.storage.events_of(&ids).await.unwrap(), [all[3].clone(), all[0].clone()]);
}

pub async fn categories_come_in_pages(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let names = ["e", "B", "d", "É", "a"];
    let made = shop.storage.apply(shop.now(), &names.map(NewCategory::new)).await.unwrap();
    let mut all: Vec<Category> = made.into_iter().map(Result::unwrap).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    is_paged(&all, async |page| shop.storage.categories(page).await.unwrap()).await;
}

pub async fn orders_come_in_pages(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(shop.hold(&event, 1).await);
        shop.hold(&other, 1).await;
    }
    all.reverse();
    let filter = OrderFilter { event_id: Some(event.id), ..OrderFilter::default() };
    is_paged(&all, async |page| shop.storage.orders(&filter, page).await.unwrap()).await;
}

pub async fn tickets_come_in_pages(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 5).await;
    shop.buy(&event, 1).await;
    let mut all = bought.tickets;
    all.reverse();
    let filter = TicketFilter { order: Some(bought.order.reference), ..TicketFilter::default() };
    is_paged(&all, async |page| shop.storage.tickets(&filter, page).await.unwrap()).await;
}
