//! Who may do what. The one place that decides it: the facade and the rules ask here.

use super::account::Role;
use super::event::Event;
use super::order::Order;
use super::principal::Principal;
use super::ticket::Ticket;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// Under which identity.
    pub principal: &'a Principal,
    /// The role of the account, if it is an active one and was looked up.
    pub role: Option<Role>,
}

impl<'a> Caller<'a> {
    /// A caller whose role is not known: for what belongs to the caller.
    pub fn of(principal: &'a Principal) -> Self {
        Self { principal, role: None }
    }

    /// Whether the caller runs the installation.
    pub fn is_admin(&self) -> bool {
        self.role == Some(Role::Admin)
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// See an order or a ticket, pay or cancel an order.
    Use,
    /// Change an event, refund its payments, decide its reviews, send its mails again.
    Manage,
    /// Admit the holders of an event's tickets.
    CheckIn,
}

/// What it is to be done to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Resource<'a> {
    /// An event, with everything that was sold for it.
    Event(&'a Event),
    /// An order, known by its buyer.
    Bought(&'a Principal),
    /// A ticket.
    Ticket(&'a Ticket),
}

impl<'a> From<&'a Event> for Resource<'a> {
    fn from(event: &'a Event) -> Self {
        Self::Event(event)
    }
}

impl<'a> From<&'a Order> for Resource<'a> {
    fn from(order: &'a Order) -> Self {
        Self::Bought(&order.buyer.who)
    }
}

impl<'a> From<&'a Ticket> for Resource<'a> {
    fn from(ticket: &'a Ticket) -> Self {
        Self::Ticket(ticket)
    }
}

/// Whether the caller may do this.
pub fn may<'a>(caller: Caller<'_>, permission: Permission, on: impl Into<Resource<'a>>) -> bool {
    let is_caller = |who: &Principal| who == caller.principal;
    match (permission, on.into()) {
        (Permission::Use, Resource::Bought(buyer)) => is_caller(buyer),
        (Permission::Use, Resource::Ticket(ticket)) => is_caller(&ticket.holder),
        (Permission::Manage, Resource::Event(event)) => is_caller(&event.organizer) || caller.is_admin(),
        (Permission::CheckIn, Resource::Event(event)) => is_caller(&event.organizer),
        (Permission::Use, Resource::Event(_))
        | (Permission::Manage | Permission::CheckIn, Resource::Bought(_) | Resource::Ticket(_)) => false,
    }
}
