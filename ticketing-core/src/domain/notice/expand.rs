//! Enqueuing the mails of notices that are due.

use super::{BY_EVENT, Notice, NoticeStatus, SEEN_BEFORE};
use crate::domain::command::Command;
use crate::domain::event::{Event, EventStatus};
use crate::domain::id::{NoticeId, OrderId};
use crate::domain::list::{Condition, List, ListName, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::outbox::{self, MailKind};
use crate::domain::page::Page;
use crate::domain::row::Field as _;
use crate::domain::table::Record as _;
use crate::domain::ticket::Ticket;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Goes on with notices that are due, the most overdue first: enqueues a mail for each paid order that was made before the change and
/// has a valid ticket. The last order is remembered in the same transaction, so that the next call goes on after it. Returns the
/// notices that it worked on; none once all are done.
///
/// An order that is paid later needs no notice: the mail with its tickets has the new date and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpandNotices {
    /// The maximum number of orders of each notice.
    pub limit: u32,
}

/// How many notices go on at once. More would hold many rows for long.
const AT_ONCE: u32 = 4;
/// The orders of a notice that get their mail next.
const ORDERS: &str = "orders of a notice";

impl Command for ExpandNotices {
    type Outcome = Vec<Notice>;
    const NAME: &'static str = "expand_notices";
    const CLAIMS: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let waiting = Condition::Named("status", &["waiting"]);
        let due = vec![waiting, Condition::AtMost("due_at", load.now().as_microsecond())];
        load.claim(List::of::<Notice>(Self::NAME, due).by("due_at", Sort::Ascending).at_most(AT_ONCE));
        for id in rows.claimed::<NoticeId>(Self::NAME) {
            load.row::<Notice>(&id);
            let Some(notice) = rows.notices.loaded_row(&id) else { continue };
            load.look::<Event>(&notice.event_id);
            load.look_up(BY_EVENT, &notice.event_id);
            load.list(self.next_orders(notice));
            for order in rows.listed::<OrderId>(ListName::about(ORDERS, id.0)).items {
                load.look_up(outbox::BY_ORDER, &order);
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<Notice> {
        rows.claimed(Self::NAME).into_iter().filter_map(|id| expand(rows, now, id)).collect()
    }
}

impl ExpandNotices {
    /// The orders are read without a lock: one that is refunded at this moment gets its mail or not.
    fn next_orders(self, notice: &Notice) -> List {
        let valid = vec![Condition::Named("status", &["active", "used"])];
        let mut all = vec![
            Condition::Is("event_id", notice.event_id.value()),
            Condition::AtLeast("id", notice.last_order_id.map_or(0, |id| id.0.saturating_add(1))),
            Condition::Named("status", &["paid"]),
            Condition::AtMost("created_at", (notice.changed_at + SEEN_BEFORE).as_microsecond()),
            Condition::Child(Ticket::NOUN, "order_id", valid),
        ];
        if notice.is_undone {
            all.push(Condition::AtLeast("created_at", notice.first_at.as_microsecond()));
        }
        List::of::<Order>(ListName::about(ORDERS, notice.id.0), all).at_most(self.limit.max(1))
    }
}

fn expand(rows: &mut WorkingSet, now: Timestamp, id: NoticeId) -> Option<Notice> {
    let notice = rows.notices.get(&id)?.clone();
    if notice.status != NoticeStatus::Waiting || notice.due_at > now {
        return None;
    }
    let orders: Page<OrderId> = rows.listed(ListName::about(ORDERS, id.0));
    let is_cancelled = rows.events.get(&notice.event_id).is_none_or(|event| event.status == EventStatus::Cancelled);
    let (status, last) = if is_cancelled {
        (NoticeStatus::Dropped, None)
    } else if rows.is_replaced(&notice) {
        (NoticeStatus::Replaced, None)
    } else {
        for order in &orders.items {
            if let Some(order) = rows.orders.get(order).cloned() {
                rows.mail_buyer(now, &order, MailKind::EventChanged(notice.version));
            }
        }
        let status = if orders.more { NoticeStatus::Waiting } else { NoticeStatus::Sent };
        (status, orders.items.last().copied())
    };
    rows.notices.update(&id, |notice| {
        notice.status = status;
        notice.last_order_id = last.or(notice.last_order_id);
        notice.updated_at = now;
    });
    rows.notices.get(&id).cloned()
}
