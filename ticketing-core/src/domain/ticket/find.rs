use super::{BY_CODE, Ticket, TicketFilter, TicketKey};
use crate::domain::command::Query;
use crate::domain::id::TicketId;
use crate::domain::list::{Condition, List, Sort, is_principal};
use crate::domain::load::LoadKeys;
use crate::domain::order;
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::row::Field as _;
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
        let guest = holder.and_then(Principal::guest);
        let mut all: Vec<Condition> = holder.filter(|_| guest.is_none()).map(whose).into_iter().collect();
        // The tickets of a guest are those of the order.
        for reference in guest.into_iter().chain(&self.filter.order) {
            load.find(order::BY_REFERENCE, reference);
            let Some(order) = rows.orders.loaded(order::BY_REFERENCE, reference).next() else { return };
            all.push(Condition::Is("order_id", order.id.value()));
        }
        load.list(List::of::<Ticket>(LIST, all).by("id", Sort::Descending).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Ticket> {
        let page = rows.listed::<TicketId>(LIST);
        let items = page.items.iter().filter_map(|id| rows.tickets.get(id)).cloned().collect();
        let total = if self.page.count { Some(page.total.unwrap_or(0)) } else { None };
        Page { items, more: page.more, total }
    }
}
