use super::Ticketing;
use super::events::check_page;
use crate::domain::access::is_theirs;
use crate::domain::code::TicketCode;
use crate::domain::id::TicketId;
use crate::domain::order::{Order, OrderKey};
use crate::domain::outbox::{MailKind, MailStatus};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::ticket::{Ticket, TicketFilter, TicketKey};
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

impl Ticketing {
    /// The ticket with this code. Anyone who knows the code holds the ticket, so there is no other check.
    pub async fn ticket_by_code(&self, code: &TicketCode) -> Result<Ticket> {
        self.inner.storage.ticket(&TicketKey::Code(code.clone())).await?.ok_or(Error::NotFound("Ticket"))
    }

    /// A ticket of `actor`'s.
    pub async fn ticket(&self, actor: &Principal, id: TicketId) -> Result<Ticket> {
        let missing = || Error::NotFound("Ticket");
        let ticket = self.inner.storage.ticket(&TicketKey::Id(id)).await?.ok_or_else(missing)?;
        // A guest has the tickets of the order, also those of one that an account has claimed, but for those that were transferred.
        let theirs = ticket.holder == *actor || actor.guest().is_some() && self.is_of_order(actor, &ticket).await?;
        if theirs { Ok(ticket) } else { Err(missing()) }
    }

    async fn is_of_order(&self, guest: &Principal, ticket: &Ticket) -> Result<bool> {
        let order = self.inner.storage.order(&OrderKey::Id(ticket.order_id)).await?;
        Ok(order.is_some_and(|order| is_theirs(guest, &order) && order.is_holder_of(ticket)))
    }

    /// `actor`'s tickets, the newest first.
    pub async fn tickets(&self, actor: &Principal, page: PageRequest) -> Result<Page<Ticket>> {
        check_page(page)?;
        let filter = TicketFilter { holder: Some(actor.clone()), order: None };
        Ok(self.inner.storage.tickets(&filter, page).await?)
    }

    /// Whether the mail server has accepted the mail with this order's tickets. Upkeep sends it some time after the payment, so
    /// right after paying this is usually false.
    pub async fn tickets_mailed(&self, order: &Order) -> Result<bool> {
        let mails = self.inner.storage.mails(&OrderKey::Id(order.id)).await?;
        Ok(mails.iter().any(|mail| mail.kind == MailKind::Tickets && mail.status == MailStatus::Sent))
    }
}
