use super::shop::{Shop, ngn};
use super::till::{LEASE, paid};
use crate::domain::payment::{Mode, Observation};
use crate::storage::StorageExt as _;
use crate::storage::{Gauges, Storage};
use jiff::SignedDuration;
use std::sync::Arc;

/// The gauges that every storage must agree on. Connections differ.
async fn gauges(shop: &Shop) -> Gauges {
    let gauges = shop.storage.gauges().await.unwrap();
    Gauges { connections: Default::default(), ..gauges }
}

pub async fn an_open_storage_is_ready(storage: Arc<dyn Storage>) {
    storage.ready().await.unwrap();
    let connections = storage.gauges().await.unwrap().connections;
    assert!(connections.busy <= connections.open && connections.open <= connections.limit, "{connections:?}");
}

pub async fn the_version_changes_with_every_commit(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let Some(before) = shop.storage.version() else { return };
    let event = shop.event().create().await;
    let made = shop.storage.version();
    assert_ne!(made, Some(before));
    shop.event_now(&event).await;
    assert_eq!(shop.storage.version(), made, "reading changes nothing");
    shop.hold(&event, 1).await;
    assert_ne!(shop.storage.version(), made);
}

pub async fn open_work_is_counted_and_finished_work_is_not(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    assert_eq!(gauges(&shop).await, Gauges::default());
    let event = shop.event().capacity(10).create().await;
    let held = shop.hold(&event, 2).await;
    let of_hold = gauges(&shop).await;
    assert_eq!((of_hold.holds_open, of_hold.mails_waiting, of_hold.reviews_open), (1, 0, 0));
    assert!(of_hold.next_due.is_some_and(|due| due > shop.now()), "nothing is overdue");

    let bought = shop.settle_order(&held).await;
    let of_sale = gauges(&shop).await;
    assert_eq!((of_sale.holds_open, of_sale.mails_waiting, of_sale.refunds_open), (0, 1, 0));
    assert_eq!((of_sale.oldest_mail, of_sale.next_due), (Some(shop.now()), Some(shop.now())));
    shop.wait(SignedDuration::from_mins(1));
    assert_eq!(gauges(&shop).await, of_sale, "time alone changes nothing");
    shop.claim_mails(10).await;
    let of_mail = gauges(&shop).await;
    assert_eq!(of_mail.mails_waiting, 1, "a mail that somebody tries to send is still owed");
    assert_eq!(of_mail.next_due, Some(shop.now() + LEASE));

    assert!(shop.refund(&shop.refund_of(&bought.order, &[])).await.is_ok());
    assert_eq!(gauges(&shop).await.refunds_open, 1);

    let attempt = shop.attempt(&shop.hold(&event, 1).await).await;
    shop.observe(&attempt, Observation::Success(paid(ngn(1), Mode::Test))).await;
    assert_eq!(gauges(&shop).await.reviews_open, 1);
}
