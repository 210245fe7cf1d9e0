use super::OrderDetails;
use crate::domain::code::Reference;
use crate::domain::command::Query;
use crate::domain::id::{AccountId, OrderId};
use crate::domain::list::{Condition, List};
use crate::domain::load::LoadKeys;
use crate::domain::order::{self, Order};
use crate::domain::page::{Page, PageRequest};
use crate::domain::row::Field as _;
use crate::domain::table::Record as _;
use crate::domain::working_set::WorkingSet;

/// Finds an order with what is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindOrderDetails(pub Reference);

impl Query for FindOrderDetails {
    type Found = Option<(Order, Option<OrderDetails>)>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(order::BY_REFERENCE, &self.0);
        for order in rows.orders.loaded(order::BY_REFERENCE, &self.0) {
            load.look::<OrderDetails>(&order.id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        let order = rows.order_by_reference(&self.0)?;
        Some((order.clone(), rows.order_details.get(&order.id).cloned()))
    }
}

/// Lists what is known about an account's orders, by order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListDetailsOfAccount {
    /// The account.
    pub id: AccountId,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "details of an account's orders";

impl Query for ListDetailsOfAccount {
    type Found = Page<OrderDetails>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let own = vec![Condition::Is("buyer_account", self.id.value())];
        let of_own_orders = Condition::ParentFirst("order_id", Order::NOUN, own);
        load.list(List::of::<OrderDetails>(LIST, vec![of_own_orders]).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<OrderDetails> {
        let page = rows.listed::<OrderId>(LIST);
        let items = page.items.iter().filter_map(|id| rows.order_details.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
