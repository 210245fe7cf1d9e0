//! Bugs of edits, and of the mails about them.

use super::{Bug, BuggyStorage, Result, change_events};
use jiff::Timestamp;
use ticketing_core::domain::event::{EditEvent, Event};
use ticketing_core::domain::id::MailId;
use ticketing_core::domain::notice::{ExpandNotices, Notice};
use ticketing_core::domain::order::{Order, OrderStatus};
use ticketing_core::domain::outbox::{MailKind, OutboxMail};
use ticketing_core::storage::{Outcome, StorageError, StorageExt as _};

impl BuggyStorage {
    pub(super) async fn edit_event(&self, now: Timestamp, edit: &EditEvent) -> Result<Outcome<Event>> {
        let (memory, mut edit) = (&self.world.memory, edit.clone());
        let seen = edit.seen;
        let before = memory.look(|rows| rows.events.get(&edit.id).cloned());
        if self.is(Bug::EditVersionIgnored) {
            edit.seen = None;
        }
        if let (true, Some(before)) = (self.is(Bug::CapacityClamped), &before) {
            let taken = before.stock.held + before.stock.sold;
            edit.wants.capacity = edit.wants.capacity.map(|wanted| wanted.map(|wanted| wanted.max(taken)));
        }
        let outcome = memory.apply_one(now, edit).await?;
        if let (Ok(after), Some(before)) = (&outcome, &before) {
            crate::edits::edited(&self.world, before, after, seen);
        }
        if let (Ok(after), Some(before)) = (&outcome, &before) {
            memory.tamper(|rows| match self.world.bug {
                Some(Bug::EditVersionNotCounted) => change_events(rows, |event| {
                    if event.id == after.id {
                        event.version = before.version;
                    }
                }),
                Some(Bug::OrdersRepricedByEdit) => {
                    let orders: Vec<Order> = rows.orders.iter().map(|(_, order)| order.clone()).collect();
                    for mut order in orders.into_iter().filter(|order| matches!(order.status, OrderStatus::Held { .. }))
                    {
                        for line in &mut order.lines {
                            line.unit_price =
                                after.ticket_type(line.ticket_type_id).map_or(line.unit_price, |of| of.price);
                        }
                        rows.orders.load_record(order);
                    }
                }
                Some(Bug::NoticeForgotten) => {
                    let made = rows.notices_of(after.id).find(|notice| notice.version == after.version);
                    if let Some(id) = made.map(|notice| notice.id).filter(|_| after.version != before.version) {
                        rows.notices.remove(&id);
                    }
                }
                _ => {}
            });
        }
        Ok(outcome)
    }

    pub(super) async fn expand_notices(&self, now: Timestamp, expand: &ExpandNotices) -> Result<Vec<Notice>> {
        let memory = &self.world.memory;
        let is_new = |mail: &OutboxMail| matches!(mail.kind, MailKind::EventChanged(_));
        let known: Vec<MailId> = memory.look(|rows| rows.mails.iter().map(|(id, _)| *id).collect());
        let expanded = memory.apply_one(now, *expand).await?;
        if self.is(Bug::NoticeCursorMovedFirst) {
            // The cursor is committed, and the mails of the slice are not yet.
            let mails: Vec<OutboxMail> = memory.tamper(|rows| {
                let all = rows.mails.iter().map(|(_, mail)| mail.clone());
                let new: Vec<_> = all.filter(|mail| is_new(mail) && !known.contains(&mail.id)).collect();
                new.iter().for_each(|mail| drop(rows.mails.remove(&mail.id)));
                new
            });
            // A slice is written so seldom that it would crash here in one of many thousand histories.
            if !mails.is_empty() && self.world.below(4) == 0 {
                self.between_steps().await;
                return Err(StorageError::Unavailable("the connection was lost between two steps".into()));
            }
            memory.tamper(|rows| mails.into_iter().for_each(|mail| rows.mails.load_record(mail)));
        }
        Ok(expanded)
    }
}
