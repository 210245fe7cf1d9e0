//! Enqueuing the mails of messages.

use super::find::{address_needs, addresses, orders_of};
use super::{Message, MessageStatus};
use crate::domain::attendee;
use crate::domain::command::Command;
use crate::domain::id::{MessageId, OrderId};
use crate::domain::list::{Condition, List, ListName, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::outbox::{self, MailKind, message_key};
use crate::domain::page::Page;
use crate::domain::principal::EmailAddress;
use crate::domain::ticket::{self, Ticket};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Goes on with messages, the oldest first: enqueues a mail for everybody in the audience who has none yet. The last order is remembered in
/// the same transaction, so that the next call goes on after it. Returns the messages that it worked on; none once all are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpandMessages {
    /// The maximum number of orders of each message.
    pub limit: u32,
}

/// How many messages go on at once. More would hold many rows for long.
const AT_ONCE: u32 = 4;
/// The orders whose attendees get their mails next.
const ORDERS: &str = "orders of a message";

impl Command for ExpandMessages {
    type Outcome = Vec<Message>;
    const NAME: &'static str = "expand_messages";
    const CLAIMS: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let sending = vec![Condition::Named("status", &["sending"])];
        load.claim(List::of::<Message>(Self::NAME, sending).by("id", Sort::Ascending).at_most(AT_ONCE));
        for id in rows.claimed::<MessageId>(Self::NAME) {
            load.row::<Message>(&id);
            let Some(message) = rows.messages.loaded_row(&id) else { continue };
            load.list(self.next_orders(message));
            for order in rows.listed::<OrderId>(ListName::about(ORDERS, id.0)).items {
                load.look_up(outbox::BY_ORDER, &order);
                address_needs(load, order);
                let Some(order) = rows.orders.loaded_row(&order) else { continue };
                for to in addresses_loaded(rows, order, message) {
                    load.look_up(outbox::BY_MESSAGE, &message_key(id, &to));
                }
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<Message> {
        rows.claimed(Self::NAME).into_iter().filter_map(|id| expand(rows, now, id)).collect()
    }
}

impl ExpandMessages {
    /// The orders are read without a lock: one that is refunded at this moment gets its mail or not.
    fn next_orders(self, message: &Message) -> List {
        let after = message.last_order_id.map_or(0, |id| id.0);
        let all = orders_of(message.event_id, message.audience, after);
        List::of::<Order>(ListName::about(ORDERS, message.id.0), all).at_most(self.limit.max(1))
    }
}

/// The addresses of an order, or a few more, while its rows are being loaded: which mails to look for.
fn addresses_loaded(rows: &WorkingSet, order: &Order, message: &Message) -> Vec<EmailAddress> {
    let tickets = rows.tickets.loaded(ticket::BY_ORDER, &order.id).filter(|ticket| message.audience.has(ticket));
    let own = |ticket: &Ticket| {
        let known = rows.attendees.loaded(attendee::BY_ORDER, &order.id).find(|known| known.ticket_id == ticket.id);
        known.and_then(|attendee| attendee.email.clone())
    };
    let of_tickets = tickets.filter_map(own);
    of_tickets.chain(order.buyer.email.clone()).filter(|to| !to.is_erased()).collect()
}

fn expand(rows: &mut WorkingSet, now: Timestamp, id: MessageId) -> Option<Message> {
    let message = rows.messages.get(&id)?.clone();
    if message.status != MessageStatus::Sending {
        return None;
    }
    let orders: Page<OrderId> = rows.listed(ListName::about(ORDERS, id.0));
    let mut mails = 0;
    for order in orders.items.iter().filter_map(|order| rows.orders.get(order).cloned()).collect::<Vec<_>>() {
        let of_message = |kind: MailKind| kind.message() == Some(id);
        let before = rows.mails_of(order.id).filter(|mail| of_message(mail.kind)).count();
        let mut number = u32::try_from(before).unwrap_or(u32::MAX);
        for to in addresses(rows, &order, message.audience) {
            if rows.mails.find(outbox::BY_MESSAGE, &message_key(id, &to)).is_none() {
                number = number.saturating_add(1);
                rows.owe_mail(now, order.id, MailKind::Message { message: id, number }, to);
                mails += 1;
            }
        }
    }
    rows.messages.update(&id, |row| {
        row.mails += mails;
        row.status = if orders.more { MessageStatus::Sending } else { MessageStatus::Sent };
        row.last_order_id = orders.items.last().copied().or(row.last_order_id);
        row.updated_at = now;
    });
    rows.messages.get(&id).cloned()
}
