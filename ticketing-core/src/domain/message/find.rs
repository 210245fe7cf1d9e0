use super::{Audience, BY_EVENT, Message};
use crate::domain::attendee;
use crate::domain::command::Query;
use crate::domain::id::{EventId, MessageId, OrderId};
use crate::domain::list::{Condition, List};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::page::{Cursor, CursorPage, CursorRequest};
use crate::domain::principal::EmailAddress;
use crate::domain::row::Field as _;
use crate::domain::table::Record as _;
use crate::domain::ticket::{self, Ticket};
use crate::domain::working_set::WorkingSet;
use std::collections::BTreeMap;

/// Finds a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindMessage(pub MessageId);

impl Query for FindMessage {
    type Found = Option<Message>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Message>(&self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Option<Message> {
        rows.messages.get(&self.0).cloned()
    }
}

/// Lists the messages to the attendees of an event, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListMessages(pub EventId);

impl Query for ListMessages {
    type Found = Vec<Message>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(BY_EVENT, &self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Message> {
        let mut all: Vec<Message> = rows.messages.all(BY_EVENT, &self.0).cloned().collect();
        all.sort_unstable_by_key(|message| std::cmp::Reverse(message.id));
        all
    }
}

/// Lists the addresses that a message would go to, with those of the oldest order first. One that has tickets of several orders is listed
/// once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRecipients {
    /// The event.
    pub event_id: EventId,
    /// Which of its attendees.
    pub audience: Audience,
    /// The page, in orders. An order may have several addresses or none.
    pub page: CursorRequest,
}

const LIST: &str = "orders of recipients";

/// The orders of an event with a ticket of an audience, after one of them.
pub(super) fn orders_of(event_id: EventId, audience: Audience, after: i64) -> Vec<Condition> {
    let mut ticket = vec![Condition::Named("status", &["active", "used"])];
    ticket.extend(audience.ticket_type_id.map(|id| Condition::Is("ticket_type_id", id.value())));
    vec![
        Condition::Is("event_id", event_id.value()),
        Condition::AtLeast("id", after.saturating_add(1)),
        Condition::Named("status", &["paid"]),
        Condition::Child(Ticket::NOUN, "order_id", ticket),
    ]
}

/// The rows that [`addresses`] reads.
pub(super) fn address_needs(load: &mut LoadKeys, order: OrderId) {
    load.look_up(ticket::BY_ORDER, &order);
    load.look_up(attendee::BY_ORDER, &order);
}

/// The addresses of an order that belong to an audience, each once. The holder of a ticket has its own address, or the buyer's.
pub(super) fn addresses(rows: &WorkingSet, order: &Order, audience: Audience) -> Vec<EmailAddress> {
    let tickets = rows.tickets_of(order.id).filter(|ticket| audience.has(ticket));
    let found = tickets.filter_map(|ticket| rows.holder_address(order, ticket));
    let by_key: BTreeMap<String, EmailAddress> = found.map(|address| (address.key(), address)).collect();
    by_key.into_values().collect()
}

impl Query for ListRecipients {
    type Found = CursorPage<EmailAddress>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let after = self.page.after.map_or(0, |after| after.first);
        load.list(List::of::<Order>(LIST, orders_of(self.event_id, self.audience, after)).at_most(self.page.limit));
        rows.listed::<OrderId>(LIST).items.into_iter().for_each(|order| address_needs(load, order));
    }

    fn find(&self, rows: &WorkingSet) -> CursorPage<EmailAddress> {
        let listed = rows.listed::<OrderId>(LIST);
        let orders = listed.items.iter().filter_map(|id| rows.orders.get(id));
        let items = orders.flat_map(|order| addresses(rows, order, self.audience)).collect();
        let last = listed.items.last().map(|id| Cursor::new(*id, crate::domain::id::TicketId(0)));
        CursorPage { items, next: last.filter(|_| listed.more) }
    }
}
