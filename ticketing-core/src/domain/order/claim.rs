//! An account takes over the orders that its owner made as a guest.

use super::{BY_GUEST_ADDRESS, Order, OrderStatus};
use crate::domain::account::Account;
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::id::{AccountId, OrderId, TicketId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::{EmailAddress, Principal};
use crate::domain::refusal::Refusal;
use crate::domain::ticket;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// The key in the index of guests' orders. Those that came to nothing are not in it.
pub(super) fn guest_address(order: &Order) -> Option<String> {
    let is_open = matches!(order.status, OrderStatus::Held { .. } | OrderStatus::Paid);
    order.buyer.who.guest().filter(|_| is_open).and(order.buyer.email.as_ref()).map(EmailAddress::key)
}

/// Makes an account the buyer of all orders that guests made with its address and that are held or paid, and the holder of their tickets.
/// Codes and keys of orders stay as they are. Returns the orders. A repeat finds none, except those that were made since.
///
/// Refused with `email_unverified` unless the account's address is verified and the given one: anybody can register with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimOrders {
    /// The account.
    pub account: AccountId,
    /// Its address, as it was found.
    pub address: EmailAddress,
}

impl ClaimOrders {
    /// Creates one from all its fields.
    pub fn new(account: AccountId, address: EmailAddress) -> Self {
        Self { account, address }
    }

    fn orders<'r>(&self, rows: &'r WorkingSet) -> impl Iterator<Item = &'r Order> {
        let keys = self.address.keys();
        keys.into_iter().flat_map(|key| rows.orders.loaded(BY_GUEST_ADDRESS, &key).collect::<Vec<_>>())
    }
}

impl Command for ClaimOrders {
    type Outcome = Result<Vec<Order>, Refusal>;
    const NAME: &'static str = "claim_orders";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        // Not locked: it is enough that the address was the account's at some moment of the claim.
        load.look::<Account>(&self.account);
        self.address.keys().iter().for_each(|key| load.find(BY_GUEST_ADDRESS, key));
        self.orders(rows).for_each(|order| load.find(ticket::BY_ORDER, &order.id));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Vec<Order>, Refusal> {
        let is_proved =
            |account: &&Account| account.is_active && account.is_verified && account.email.key() == self.address.key();
        rows.accounts.get(&self.account).filter(is_proved).ok_or(Refusal::EmailUnverified)?;
        let orders: Vec<Order> = self.orders(rows).cloned().collect();
        let who = Principal::Account(self.account);
        Ok(orders.into_iter().map(|order| take_over(rows, now, order, &who)).collect())
    }
}

fn take_over(rows: &mut WorkingSet, now: Timestamp, order: Order, who: &Principal) -> Order {
    let id: OrderId = order.id;
    let theirs = rows.tickets_of(id).filter(|ticket| order.is_holder_of(ticket));
    let tickets: Vec<TicketId> = theirs.map(|ticket| ticket.id).collect();
    tickets.iter().for_each(|ticket| rows.tickets.update(ticket, |row| row.holder = who.clone()));
    rows.orders.update(&id, |row| row.buyer.who = who.clone());
    let change = Change { item: Some(order.reference.as_str()), ..Change::default() };
    rows.record_audit(now, id, Actor::Person(who.clone()), "order.claimed", "", change);
    rows.orders.get(&id).cloned().unwrap_or(order)
}
