use super::{Attendee, BY_ORDER};
use crate::domain::command::Query;
use crate::domain::id::{AccountId, TicketId};
use crate::domain::list::{Condition, List};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::page::{Page, PageRequest};
use crate::domain::row::Field as _;
use crate::domain::table::Record as _;
use crate::domain::ticket::Ticket;
use crate::domain::working_set::WorkingSet;

/// Finds a ticket with its order and what is known about who comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindAttendee(pub TicketId);

impl Query for FindAttendee {
    type Found = Option<(Ticket, Order, Option<Attendee>)>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Ticket>(&self.0);
        if let Some(ticket) = rows.tickets.loaded_row(&self.0) {
            let order = ticket.order_id;
            load.look::<Order>(&order);
            load.find(BY_ORDER, &order);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        let ticket = rows.tickets.get(&self.0)?;
        let order = rows.orders.get(&ticket.order_id)?;
        let attendee = rows.attendees_of(order.id).find(|attendee| attendee.ticket_id == self.0);
        Some((ticket.clone(), order.clone(), attendee.cloned()))
    }
}

/// Lists what is known about the attendees of an account's orders, by ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListAttendeesOfAccount {
    /// The account.
    pub id: AccountId,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "attendees of an account";

impl Query for ListAttendeesOfAccount {
    type Found = Page<Attendee>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let own = vec![Condition::Is("buyer_account", self.id.value())];
        let of_own_orders = Condition::ParentFirst("order_id", Order::NOUN, own);
        load.list(List::of::<Attendee>(LIST, vec![of_own_orders]).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Attendee> {
        let page = rows.listed::<TicketId>(LIST);
        let items = page.items.iter().filter_map(|id| rows.attendees.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
