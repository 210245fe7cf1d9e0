//! Transfers: the holder of a ticket offers it to somebody else, who takes it.
//!
//! An offer changes nothing about the ticket. Taking it makes the ticket void and issues another one, with another code, to the new holder,
//! in one transaction. The places and the money stay where they are: the buyer of the order remains its buyer.
//!
//! The row holds no secret. What the recipient needs to take the ticket is derived from the transfer's reference and a key that is in no
//! database (`token/guest.rs`), as for the orders of guests.

use super::code::Reference;
use super::event::{Event, EventStatus, TransferRule};
use super::id::{OrderId, TicketId, TransferId};
use super::order::Order;
use super::outbox::MailKind;
use super::principal::{EmailAddress, Principal};
use super::refusal::Refusal;
use super::table::{Lock, table};
use super::ticket::Ticket;
use super::wire_names::wire_names;
use super::working_set::{Noun, WorkingSet};
use jiff::{SignedDuration, Timestamp};

mod find;
mod offer;
mod take;
mod withdraw;

pub use find::{FindTransfer, FoundTransfer, ListTransfers};
pub use offer::OfferTransfer;
pub use take::{TakeTransfer, TakenTransfer};
pub use withdraw::WithdrawTransfer;

/// How long an offer can be taken.
pub const TRANSFER_LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How often a ticket is offered within [`TRANSFERS_WITHIN`].
pub const MAX_TRANSFERS: usize = 5;
/// The time in which offers are counted.
pub const TRANSFERS_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// An offer of a ticket to somebody else.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Transfer {
    /// The transfer's id.
    pub id: TransferId,
    /// Its reference, which the recipient's key is derived from. It is also the [guest](Principal::Guest) that somebody without an account is
    /// as the holder.
    pub reference: Reference,
    /// The ticket that is offered.
    pub ticket_id: TicketId,
    /// The order that the ticket was bought with.
    pub order_id: OrderId,
    /// The address of who offers it, which is told when it is taken.
    pub from: Option<EmailAddress>,
    /// The address that it is offered to.
    pub to: EmailAddress,
    /// The status.
    pub status: TransferStatus,
    /// The ticket that the recipient has got.
    pub new_ticket_id: Option<TicketId>,
    /// Until when it can be taken.
    pub expires_at: Timestamp,
    /// When it was offered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

table! {
    Transfer in "transfers", lock Lock::With(Noun::Order, "order_id");
    numbered id: TransferId, reference, ticket_id, order_id, from [from_email], to [to_email], status, new_ticket_id, expires_at, created_at,
        updated_at;
    index BY_REFERENCE(reference) unique;
    index BY_ORDER(order_id);
    index BY_NEW_TICKET(new_ticket_id) unique;
}

/// The status of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransferStatus {
    /// It can be taken, unless it has expired or the ticket is not valid any more. A ticket has at most one such transfer.
    Offered,
    /// It was taken.
    Taken,
    /// The holder took it back, or offered the ticket to somebody else.
    Withdrawn,
}

wire_names!(TransferStatus { Offered => "offered", Taken => "taken", Withdrawn => "withdrawn" });

impl Transfer {
    /// Whether it can be taken, as far as the transfer itself says.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status == TransferStatus::Offered && now < self.expires_at
    }

    /// Whether nobody can be told of it: its addresses were erased.
    pub(crate) fn is_erased(&self) -> bool {
        self.to.is_erased()
    }
}

impl WorkingSet {
    /// The transfers of an order's tickets, by id.
    pub fn transfers_of(&self, order: OrderId) -> impl Iterator<Item = &Transfer> {
        self.transfers.all(BY_ORDER, &order)
    }

    /// The transfer with this reference.
    pub fn transfer_by_reference(&self, reference: &Reference) -> Option<&Transfer> {
        self.transfers.find(BY_REFERENCE, reference)
    }

    /// Erases the addresses of the transfers of an order, and withdraws those that are open. Needs them, to be changed.
    pub(crate) fn empty_transfers_of(&mut self, now: Timestamp, order: OrderId) {
        let known: Vec<TransferId> =
            self.transfers_of(order).filter(|transfer| !transfer.is_erased()).map(|transfer| transfer.id).collect();
        for id in &known {
            self.transfers.update(id, |transfer| {
                transfer.from = transfer.from.as_ref().map(|_| EmailAddress::erased());
                transfer.to = EmailAddress::erased();
                if transfer.status == TransferStatus::Offered {
                    transfer.status = TransferStatus::Withdrawn;
                }
                transfer.updated_at = now;
            });
        }
    }

    /// The address of the holder of a ticket: what is known of the attendee, or the buyer's, if the buyer holds it. Needs the attendees of the
    /// order.
    pub(crate) fn holder_address(&self, order: &Order, ticket: &Ticket) -> Option<EmailAddress> {
        let own = self.attendees_of(order.id).find(|attendee| attendee.ticket_id == ticket.id);
        let own = own.and_then(|attendee| attendee.email.clone());
        own.or_else(|| order.buyer.email.clone().filter(|_| order.is_holder_of(ticket))).filter(|to| !to.is_erased())
    }

    /// Owes a mail with one ticket to its holder, if the holder has an address. Needs the attendees and the mails of the order.
    pub(crate) fn mail_holder(&mut self, now: Timestamp, order: &Order, ticket: &Ticket) {
        if let Some(to) = self.holder_address(order, ticket) {
            self.mail_ticket(now, ticket, to);
        }
    }

    /// Owes a mail with one ticket to an address. Needs the mails of the order.
    pub(crate) fn mail_ticket(&mut self, now: Timestamp, ticket: &Ticket, to: EmailAddress) {
        let of_ticket = |kind: MailKind| matches!(kind, MailKind::Ticket { ticket: id, .. } if id == ticket.id);
        let before = self.mails_of(ticket.order_id).filter(|mail| of_ticket(mail.kind)).count();
        let time = u32::try_from(before + 1).unwrap_or(u32::MAX);
        self.owe_mail(now, ticket.order_id, MailKind::Ticket { ticket: ticket.id, time }, to);
    }
}

/// Whether a ticket can be offered and taken: it is valid and unused, and the event allows it at this time. Needs the tickets and the
/// transfers of the order.
fn may_be_transferred(rows: &WorkingSet, event: &Event, ticket: &Ticket, now: Timestamp) -> Result<(), Refusal> {
    ticket.must_be_unused()?;
    if event.status == EventStatus::Cancelled {
        // Its orders are being undone.
        return Err(Refusal::TicketCancelled);
    }
    let policy = &event.terms.transfers;
    let is_allowed = match policy.rule {
        TransferRule::Free => true,
        TransferRule::Once => !was_transferred(rows, ticket),
        TransferRule::Never => false,
    };
    let is_over = now >= transfers_end_at(event);
    if is_allowed && !is_over { Ok(()) } else { Err(Refusal::TransferClosed) }
}

/// Until when tickets of an event can be transferred: what its terms say, or its start.
fn transfers_end_at(event: &Event) -> Timestamp {
    event.terms.transfers.until.map_or(event.starts_at, |until| until.min(event.sales_end_at()))
}

/// Whether a ticket, or one that it came in place of, was got by a transfer.
fn was_transferred(rows: &WorkingSet, ticket: &Ticket) -> bool {
    let before = |ticket: &&Ticket| {
        let replaced = ticket.replaces?;
        rows.tickets_of(ticket.order_id).find(|other| other.id == replaced)
    };
    std::iter::successors(Some(ticket), before)
        .any(|ticket| rows.transfers_of(ticket.order_id).any(|transfer| transfer.new_ticket_id == Some(ticket.id)))
}

/// Who holds a ticket may offer it.
fn is_holder(actor: &Principal, order: &Order, ticket: &Ticket) -> bool {
    ticket.holder == *actor || (order.is_holder_of(ticket) && super::access::is_theirs(actor, order))
}
