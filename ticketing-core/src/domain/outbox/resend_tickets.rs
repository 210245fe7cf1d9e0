//! Sending the tickets of an order again.

use super::{BY_ORDER, MailKind, OutboxMail};
use crate::domain::access::may_reach;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::limit::next_allowed;
use crate::domain::load::LoadKeys;
use crate::domain::order::{self, Order};
use crate::domain::principal::{EmailAddress, Principal};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket;
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// How often the tickets of an order are sent again within [`RESENDS_WITHIN`].
pub const MAX_RESENDS: usize = 5;
/// The time in which resends are counted.
pub const RESENDS_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Sends the valid tickets of an order again, in a new mail: to its buyer, or to another address if the organiser wants that. Tickets that
/// were transferred are left out. It is a line of the audit log, without the address. Every repeat is another mail, so there is a limit.
///
/// The buyer may do it, to the buyer's own address only; and the organiser. For others there is no such order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResendTickets {
    /// The order's reference.
    pub order: Reference,
    /// Who requests it.
    pub actor: Principal,
    /// The events for which this person may do so. `None`: the person is the buyer.
    pub scope: Option<Scope>,
    /// Where to. `None`: to the buyer.
    pub to: Option<EmailAddress>,
}

impl Command for ResendTickets {
    type Outcome = Result<OutboxMail, Refusal>;
    const NAME: &'static str = "resend_tickets";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(order::BY_REFERENCE, &self.order);
        for order in rows.orders.loaded(order::BY_REFERENCE, &self.order) {
            load.find(ticket::BY_ORDER, &order.id);
            load.find(BY_ORDER, &order.id);
            load.look::<Event>(&order.event_id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<OutboxMail, Refusal> {
        let order: Order = rows.order_by_reference(&self.order).cloned().ok_or(Refusal::OrderUnknown)?;
        if !may_reach(rows, &self.actor, self.scope.as_ref(), &order) {
            return Err(Refusal::OrderUnknown);
        }
        if !rows.tickets_of(order.id).any(|ticket| ticket.status.is_valid() && order.is_holder_of(ticket)) {
            return Err(Refusal::NoValidTickets);
        }
        let other = self.to.clone().filter(|_| self.scope.is_some());
        let to = other.or_else(|| order.buyer.email.clone()).filter(|to| !to.is_erased());
        let to = to.ok_or(Refusal::BuyerUnnamed)?;
        if let Some(again_at) = next_resend(rows, &order, now) {
            return Err(Refusal::TooManyResends { again_at });
        }
        let again = |mail: &&OutboxMail| matches!(mail.kind, MailKind::TicketsAgain(_));
        let number = u32::try_from(rows.mails_of(order.id).filter(again).count() + 1).unwrap_or(u32::MAX);
        let kind = MailKind::TicketsAgain(number);
        rows.owe_mail(now, order.id, kind, to);
        let sent = rows.mails_of(order.id).find(|mail| mail.kind == kind).cloned().ok_or(Refusal::OrderUnknown)?;
        let item = format!("mail {}", sent.id);
        let reason = if self.to.is_some() { "to another address" } else { "to the buyer" };
        let change = Change { item: Some(&item), ..Change::default() };
        rows.record_audit(now, order.id, Actor::Person(self.actor.clone()), "tickets.resent", reason, change);
        Ok(sent)
    }
}

/// When tickets of the order may next be mailed because somebody asks for it, if that is not now. The mail with a ticket that was just issued
/// to an attendee with an address of their own does not count. Needs the mails of the order.
pub(crate) fn next_resend(rows: &WorkingSet, order: &Order, now: Timestamp) -> Option<Timestamp> {
    let counts = |mail: &&OutboxMail| match mail.kind {
        MailKind::TicketsAgain(_) => true,
        MailKind::Ticket { .. } => mail.created_at > order.updated_at,
        _ => false,
    };
    let sent = rows.mails_of(order.id).filter(counts).map(|mail| mail.created_at);
    next_allowed(sent, MAX_RESENDS, RESENDS_WITHIN, now)
}
