use super::{BY_CODE, BY_ORDER, Ticket, TicketFilter, TicketKey};
use crate::domain::code::Reference;
use crate::domain::command::Query;
use crate::domain::id::TicketId;
use crate::domain::list::{Condition, List, Sort, is_principal};
use crate::domain::load::LoadKeys;
use crate::domain::order::{self, Order};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::row::Field as _;
use crate::domain::transfer;
use crate::domain::working_set::WorkingSet;

/// Finds a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindTicket(pub TicketKey);

impl Query for FindTicket {
    type Found = Option<Ticket>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        match &self.0 {
            TicketKey::Id(id) => load.look::<Ticket>(id),
            TicketKey::Code(code) => load.find(BY_CODE, code),
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<Ticket> {
        match &self.0 {
            TicketKey::Id(id) => rows.tickets.get(id),
            TicketKey::Code(code) => rows.ticket_by_code(code),
        }
        .cloned()
    }
}

/// Lists tickets, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListTickets {
    /// The filter.
    pub filter: TicketFilter,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "tickets";

impl Query for ListTickets {
    type Found = Page<Ticket>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let whose = |who| is_principal("holder_account", "holder_external", who);
        let holder = self.filter.holder.as_ref();
        if let Some(guest) = holder.and_then(Principal::guest) {
            return guest_needs(guest, rows, load);
        }
        let mut all: Vec<Condition> = holder.map(whose).into_iter().collect();
        if let Some(reference) = &self.filter.order {
            load.find(order::BY_REFERENCE, reference);
            let Some(order) = rows.orders.loaded(order::BY_REFERENCE, reference).next() else { return };
            all.push(Condition::Is("order_id", order.id.value()));
        }
        load.list(List::of::<Ticket>(LIST, all).by("id", Sort::Descending).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Ticket> {
        if let Some(guest) = self.filter.holder.as_ref().and_then(Principal::guest) {
            return self.of_guest(guest, rows);
        }
        let page = rows.listed::<TicketId>(LIST);
        let items = page.items.iter().filter_map(|id| rows.tickets.get(id)).cloned().collect();
        let total = if self.page.count { Some(page.total.unwrap_or(0)) } else { None };
        Page { items, more: page.more, total }
    }
}

/// The rows that the tickets of a guest are found by.
fn guest_needs(guest: &Reference, rows: &WorkingSet, load: &mut LoadKeys) {
    load.find(order::BY_REFERENCE, guest);
    load.find(transfer::BY_REFERENCE, guest);
    let own = rows.orders.loaded(order::BY_REFERENCE, guest).map(|order| order.id);
    let taken = rows.transfers.loaded(transfer::BY_REFERENCE, guest).map(|transfer| transfer.order_id);
    own.chain(taken).for_each(|order| load.find(BY_ORDER, &order));
}

impl ListTickets {
    /// The tickets of the guest's order that the guest holds, or those that were transferred to the guest. There are few.
    fn of_guest(&self, guest: &Reference, rows: &WorkingSet) -> Page<Ticket> {
        let order = rows.order_by_reference(guest);
        let is_wanted = |order: &Order| self.filter.order.as_ref().is_none_or(|wanted| *wanted == order.reference);
        let own = order.filter(|order| is_wanted(order)).into_iter();
        let own = own.flat_map(|order| rows.tickets_of(order.id).filter(|ticket| order.is_holder_of(ticket)));
        let transfer = rows.transfer_by_reference(guest).filter(|_| self.filter.order.is_none());
        let taken = transfer.into_iter().flat_map(|transfer| rows.tickets_of(transfer.order_id));
        let taken = taken.filter(|ticket| ticket.holder.guest() == Some(guest));
        let mut all: Vec<Ticket> = own.chain(taken).cloned().collect();
        all.sort_unstable_by_key(|ticket| std::cmp::Reverse(ticket.id));
        let total = self.page.count.then_some(all.len() as u64);
        let skip = usize::try_from(self.page.skip).unwrap_or(usize::MAX);
        let mut items: Vec<Ticket> = all.into_iter().skip(skip).collect();
        let more = items.len() > self.page.limit as usize;
        items.truncate(self.page.limit as usize);
        Page { items, more, total }
    }
}
