//! Notices of changed dates and places, and tickets that are returned because of them.

use super::races::at_once;
use super::shop::{Shop, granted};
use super::till::Bought;
use crate::domain::command::Query;
use crate::domain::event::{EditEvent, Event, EventWants};
use crate::domain::id::EventId;
use crate::domain::load::LoadKeys;
use crate::domain::notice::{self, ExpandNotices, NOTICE_DELAY, Notice, NoticeStatus, SEEN_BEFORE};
use crate::domain::order::Order;
use crate::domain::outbox::MailKind;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

/// The notices of an event.
#[derive(Clone, Debug)]
struct EventNotices(EventId);

impl Query for EventNotices {
    type Found = Vec<Notice>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.look_up(notice::BY_EVENT, &self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Notice> {
        let mut all: Vec<Notice> = rows.notices_of(self.0).cloned().collect();
        all.sort_by_key(|notice| notice.version);
        all
    }
}

pub(super) const MINUTE: SignedDuration = SignedDuration::from_mins(1);
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Shop {
    pub(super) async fn change(&self, event: &Event, wants: EventWants) -> Event {
        let edit = EditEvent { id: event.id, actor: self.organizer.clone(), seen: None, wants };
        granted(self.storage.apply_one(self.now(), edit).await.unwrap())
    }

    pub(super) async fn notices(&self, event: &Event) -> Vec<Notice> {
        self.storage.find(EventNotices(event.id)).await.unwrap()
    }

    async fn expand(&self, limit: u32) -> Vec<Notice> {
        self.storage.apply_one(self.now(), ExpandNotices { limit }).await.unwrap()
    }

    /// Upkeep, until there is nothing left to do.
    pub(super) async fn expand_all(&self, limit: u32) {
        for _ in 0..100 {
            if self.expand(limit).await.is_empty() {
                return;
            }
        }
        panic!("notices never end");
    }

    /// The versions that the buyer was told of.
    pub(super) async fn told(&self, order: &Order) -> Vec<i64> {
        let kinds = self.mail_kinds(order).await.into_iter();
        kinds.filter_map(|kind| if let MailKind::EventChanged(version) = kind { Some(version) } else { None }).collect()
    }

    pub(super) async fn buy_many(&self, event: &Event, count: usize) -> Vec<Bought> {
        let mut all = vec![];
        for _ in 0..count {
            all.push(self.buy(event, 1).await);
        }
        self.wait(MINUTE);
        all
    }
}

pub(super) fn wants() -> EventWants {
    EventWants::default()
}

pub(super) fn elsewhere(place: &str) -> EventWants {
    wants().with_location(place.to_owned())
}

pub async fn each_paid_order_gets_one_mail_per_change(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let bought = shop.buy_many(&event, 3).await;
    let (untouched, held) = (shop.buy(&other, 1).await, shop.hold(&event, 1).await);
    let returned = shop.buy(&event, 1).await;
    granted(shop.refund(&shop.refund_of(&returned.order, &[])).await);
    let later = event.starts_at + SignedDuration::from_hours(2);
    let edited = shop.change(&event, wants().with_starts_at(later).with_address(Some("2 Broad St".to_owned()))).await;
    assert_eq!(shop.expand(10).await, [], "it is not due yet");
    let notice = shop.notices(&event).await.remove(0);
    assert_eq!((notice.version, &notice.before, notice.status), (2, &(&event).into(), NoticeStatus::Waiting));
    assert_eq!((notice.due_at, notice.changed_at), (shop.now() + NOTICE_DELAY, shop.now()));
    shop.wait(NOTICE_DELAY);
    // However often, and in slices of one.
    for _ in 0..8 {
        shop.expand(1).await;
    }
    for bought in &bought {
        assert_eq!(shop.told(&bought.order).await, [2]);
    }
    for order in [&untouched.order, &held, &returned.order] {
        assert_eq!(shop.told(order).await, [0; 0]);
    }
    let mail = shop.mails(&bought[0].order).await.pop().unwrap();
    assert_eq!((Some(mail.to), mail.due_at), (bought[0].order.buyer.email.clone(), shop.now()));
    assert_eq!(shop.notices(&event).await[0].status, NoticeStatus::Sent);
    // A repeated edit is no change; another one has its own notice.
    shop.change(&event, wants().with_starts_at(later)).await;
    assert_eq!(shop.notices(&event).await.len(), 1);
    shop.change(&edited, elsewhere("Another hall")).await;
    shop.wait(NOTICE_DELAY);
    shop.expand_all(2).await;
    assert_eq!(shop.told(&bought[1].order).await, [2, 3]);
}

pub async fn a_change_that_is_neither_date_nor_place_is_no_notice(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.buy(&event, 1).await;
    let zone: crate::domain::time_zone::TimeZoneName = "Africa/Lagos".parse().unwrap();
    shop.change(&event, wants().with_title("New".to_owned()).with_time_zone(zone).with_capacity(Some(50))).await;
    assert_eq!(shop.notices(&event).await, []);
    let draft = shop.event().with(|new| new.is_draft = true).create().await;
    shop.change(&draft, elsewhere("Another hall")).await;
    assert_eq!(shop.notices(&draft).await, [], "nobody has seen it");
    shop.wait(DAY * 40);
    shop.change(&event, wants().with_address(Some("2 Broad St".to_owned()))).await;
    assert_eq!(shop.notices(&event).await, [], "it is over");
}

pub async fn a_further_change_before_it_is_due_replaces_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy_many(&event, 2).await;
    for place in ["A", "B", "C"] {
        shop.change(&event, elsewhere(place)).await;
        shop.wait(MINUTE * 9);
        shop.expand_all(1).await;
    }
    assert_eq!(shop.told(&bought[0].order).await, [0; 0]);
    shop.wait(MINUTE);
    shop.expand_all(1).await;
    for bought in &bought {
        assert_eq!(shop.told(&bought.order).await, [4], "three corrections, one mail");
    }
    let notices = shop.notices(&event).await;
    assert_eq!(
        notices.iter().map(|notice| notice.status).collect::<Vec<_>>(),
        [NoticeStatus::Replaced, NoticeStatus::Replaced, NoticeStatus::Sent]
    );
    assert_eq!((&notices[2].before, notices[2].first_at), (&(&event).into(), notices[0].changed_at));
}

pub async fn a_change_that_is_undone_is_told_to_those_who_ordered_in_between(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let before = shop.buy_many(&event, 1).await.remove(0);
    shop.change(&event, elsewhere("A wrong hall")).await;
    shop.wait(MINUTE);
    let between = shop.buy_many(&event, 1).await.remove(0);
    shop.change(&event, elsewhere(&event.location)).await;
    shop.wait(NOTICE_DELAY);
    shop.expand_all(1).await;
    assert_eq!((shop.told(&before.order).await, shop.told(&between.order).await), (vec![], vec![3]));
    let refused = shop.give_back(&shop.return_of(&before.order, None)).await;
    assert_eq!(refused, Err(Refusal::ReturnNotOpen { until: None }));
    granted(shop.give_back(&shop.return_of(&between.order, None)).await);
}

pub async fn a_notice_that_has_begun_to_go_out_is_finished(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy_many(&event, 3).await;
    shop.change(&event, elsewhere("A")).await;
    shop.wait(NOTICE_DELAY);
    assert_eq!(shop.expand(1).await[0].last_order_id, Some(bought[0].order.id));
    shop.change(&event, elsewhere("B")).await;
    shop.expand_all(1).await;
    assert_eq!(shop.told(&bought[2].order).await, [2]);
    assert_eq!(shop.notices(&event).await[1].before.location, "A");
    shop.wait(NOTICE_DELAY);
    shop.expand_all(1).await;
    for bought in &bought {
        assert_eq!(shop.told(&bought.order).await, [2, 3]);
    }
}

pub async fn an_order_that_was_made_after_the_change_gets_none(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let held = shop.hold(&event, 1).await;
    shop.wait(MINUTE);
    shop.change(&event, elsewhere("A")).await;
    shop.wait(SEEN_BEFORE);
    let just_in_time = shop.buy(&event, 1).await;
    shop.wait(SignedDuration::from_micros(1));
    let late = shop.buy(&event, 1).await;
    let paid = shop.settle_order(&held).await;
    shop.wait(NOTICE_DELAY);
    shop.expand_all(5).await;
    // Who ordered before the change is told of it, even if the money came later.
    assert_eq!((shop.told(&late.order).await, shop.told(&paid.order).await), (vec![], vec![2]));
    assert_eq!(shop.told(&just_in_time.order).await, [2], "the old place was on the screen");
    let refused = shop.give_back(&shop.return_of(&late.order, None)).await;
    assert_eq!(refused, Err(Refusal::ReturnNotOpen { until: None }));
}

pub async fn a_cancelled_event_sends_none(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy_many(&event, 1).await.remove(0);
    shop.change(&event, elsewhere("A")).await;
    shop.cancel_event(&event).await;
    shop.wait(NOTICE_DELAY);
    shop.expand_all(5).await;
    assert_eq!(shop.told(&bought.order).await, [0; 0]);
    assert_eq!(shop.notices(&event).await[0].status, NoticeStatus::Dropped);
}

pub async fn a_worker_that_dies_is_followed_by_the_next(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let (bought, others) = (shop.buy_many(&event, 3).await, shop.buy_many(&other, 2).await);
    for event in [&event, &other] {
        shop.change(event, elsewhere("A")).await;
    }
    shop.wait(NOTICE_DELAY);
    for (run, orders) in [1, 2, 3].into_iter().zip([&bought[..1], &bought[..2], &bought[..]]) {
        shop.expand(1).await;
        for (at, bought) in bought.iter().enumerate() {
            assert_eq!(shop.told(&bought.order).await.len(), usize::from(at < orders.len()), "run {run}, order {at}");
        }
    }
    shop.expand_all(1).await;
    for bought in bought.iter().chain(&others) {
        assert_eq!(shop.told(&bought.order).await, [2]);
    }
}

pub async fn eight_workers_enqueue_each_mail_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy_many(&event, 12).await;
    shop.change(&event, elsewhere("A")).await;
    shop.wait(NOTICE_DELAY);
    at_once(8, |_| {
        let shop = Arc::clone(&shop);
        async move {
            for _ in 0..3 {
                shop.expand(1).await;
            }
        }
    })
    .await;
    shop.expand_all(2).await;
    for bought in &bought {
        assert_eq!(shop.told(&bought.order).await, [2]);
    }
}
