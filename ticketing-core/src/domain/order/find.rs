use super::{BY_REFERENCE, Order, OrderFilter, OrderKey};
use crate::domain::command::Query;
use crate::domain::id::OrderId;
use crate::domain::list::{Condition, List, Sort, is_principal};
use crate::domain::load::LoadKeys;
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::row::Field as _;
use crate::domain::ticket::{self, Ticket};
use crate::domain::working_set::WorkingSet;

/// Finds an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindOrder(pub OrderKey);

impl Query for FindOrder {
    type Found = Option<Order>;
    // The lines of an order never change, and are written together with it.
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        match &self.0 {
            OrderKey::Id(id) => load.look::<Order>(id),
            OrderKey::Reference(reference) => load.find(BY_REFERENCE, reference),
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<Order> {
        match &self.0 {
            OrderKey::Id(id) => rows.orders.get(id),
            OrderKey::Reference(reference) => rows.order_by_reference(reference),
        }
        .cloned()
    }
}

/// Finds an order with its tickets, by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindPurchase(pub OrderId);

impl Query for FindPurchase {
    type Found = Option<(Order, Vec<Ticket>)>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Order>(&self.0);
        load.find(ticket::BY_ORDER, &self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        Some((rows.orders.get(&self.0)?.clone(), rows.tickets_of(self.0).cloned().collect()))
    }
}

/// Lists orders, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOrders {
    /// The filter.
    pub filter: OrderFilter,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "orders";

impl Query for ListOrders {
    type Found = Page<Order>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let whose = |who: &Principal| match who.guest() {
            Some(order) => Condition::Is("reference", order.value()),
            None => is_principal("buyer_account", "buyer_external", who),
        };
        let mut all: Vec<Condition> = self.filter.buyer.as_ref().map(whose).into_iter().collect();
        all.extend(self.filter.event_id.map(|id| Condition::Is("event_id", id.value())));
        load.list(List::of::<Order>(LIST, all).by("id", Sort::Descending).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Order> {
        let page = rows.listed::<OrderId>(LIST);
        let items = page.items.iter().filter_map(|id| rows.orders.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
